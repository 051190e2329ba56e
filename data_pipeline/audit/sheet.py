"""The audit sheet as a table: what a person fills in, by the page or in a spreadsheet."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data_pipeline.audit.precision import Answer
from data_pipeline.audit.sampling import Drawn
from data_pipeline.corpus.files import whole_file
from data_pipeline.tables import BrokenLine, read_table
from retrieval.errors import InputError

COLUMNS = ("pair_id", "verdict", "score", "score_name", "kept", "kind", "stratum", "stratum_rows", "start_ms", "end_ms", "text")
_VERDICTS = {
    "y": True, "yes": True, "是": True, "1": True, "n": False, "no": False, "否": False, "0": False, "?": None, "？": None
}  # fmt: skip
_FORMULA_STARTS = ("=", "+", "-", "@", "\t")


def write_sheet(path: Path, drawn: Sequence[Drawn]) -> None:
    """Write the sheet as UTF-8 with a mark, as spreadsheets want it. Raises CorpusError (write)."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for one in drawn:
        row = row_of(one)
        writer.writerow({**row, "text": _no_formula(row["text"])}.values())
    with whole_file(path) as file:
        file.write(text.getvalue().encode("utf-8-sig"))


def row_of(one: Drawn) -> dict[str, Any]:
    """The cells of a pair, its verdict empty."""
    row = one.candidate
    return dict(zip(COLUMNS, (
        row.pair_id, "", f"{one.score:.6f}", one.score_name, "y" if one.kept else "n", row.kind, one.stratum, one.stratum_rows,
        row.start_ms, row.end_ms, row.text,
    ), strict=True))  # fmt: skip


def read_sheet(path: Path) -> list[Answer]:
    """The answers of a sheet; rows without a verdict are passed over. Raises InputError, naming the line that is wrong."""
    answers, seen = [], set()
    for entry in read_table(path, needed_column=COLUMNS[0]):
        if isinstance(entry, BrokenLine):
            raise InputError(f"{path} line {entry.line} {entry.reason}; correct that line.")
        values = {name: str(value).strip() for name, value in entry.values.items()}
        answer = _answer(values, where=f"{path} line {entry.line}")
        if answer is None:
            continue
        if values[COLUMNS[0]] in seen:
            raise InputError(f"{path} line {entry.line} judges {values[COLUMNS[0]]} again: keep one of the lines.")
        seen.add(values[COLUMNS[0]])
        answers.append(answer)
    return answers


def _answer(values: dict[str, str], *, where: str) -> Answer | None:
    missing = [name for name in ("verdict", "score", "kept", "stratum", "stratum_rows") if name not in values]
    if missing:
        raise InputError(f"{where} has no {', '.join(missing)}: give a sheet that `wenshi corpus audit` wrote.")
    verdict = values["verdict"].lower()
    if not verdict:
        return None
    if verdict not in _VERDICTS:
        raise InputError(f"{where}: the verdict {values['verdict']!r} is none of y, n and ?.")
    try:
        score, stratum, rows = float(values["score"]), int(values["stratum"]), int(values["stratum_rows"])
    except ValueError:
        score, stratum, rows = math.nan, 0, 0
    if not math.isfinite(score) or rows < 1:
        raise InputError(f"{where}: its score or stratum is no number any more; take the sheet as it was written.")
    return Answer(
        score=score, score_name=values.get("score_name") or None, kept=values["kept"] == "y", stratum=stratum,
        stratum_rows=rows, fits=_VERDICTS[verdict],
    )


def _no_formula(text: str) -> str:
    """A text that a spreadsheet would take for a formula gets a mark in front."""
    return "'" + text if text.startswith(_FORMULA_STARTS) else text
