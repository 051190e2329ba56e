"""The layout in which CNVid-3.5M was published: `caption.json` with the texts, a CSV with names and addresses, and videos.

caption.json is {video name: {"text": [...], "start": [...], "end": [...]}}, times in seconds. The first two columns of the CSV
are the video's name and its address. A video is the file in the folder whose name, without suffix, is that in the lists.
Source: the CNVid-3.5M repository (CVPR 2023).
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from data_pipeline.corpus.files import whole_file
from data_pipeline.corpus.measured import SourceRow
from data_pipeline.sources.files import find_videos, plain_path
from data_pipeline.sources.rows import Found, source_id, stored_names
from data_pipeline.sources.tables import Captions, read_captions
from retrieval.errors import InputError

CAPTIONS, LISTED = "caption.json", "videos.csv"
_PARTS = ("text", "start", "end")


def read_cnvid(folder: Path, *, more_files: Sequence[Path] = ()) -> Found:
    """A row for every listed video whose file is below `folder` or among `more_files`; its texts are recognised speech.

    Raises InputError when `caption.json` or the CSV cannot be read as a whole.
    """
    found = Found()
    captions, listed = _captions(folder / CAPTIONS), _listed(folder, found)
    looked = find_videos([folder])
    files = _by_name(stored_names(dict.fromkeys([*looked.videos, *more_files]), found))
    names = dict.fromkeys([*captions, *listed])
    for name in names:
        where = f"{folder / CAPTIONS if name in captions else listed[name]} {name!r}"
        if len(files.get(name, ())) == 1:
            texts = _entry(captions[name]) if name in captions else Captions()
            _add(found, where, files[name][0], texts)
        elif name in files:
            found.reject(where, f"it could be {len(files[name])} files, such as {files[name][0]}: keep one of them.")
        else:
            found.reject(where, f"no video file of that name is below {folder}: fetch it first.")
    own = {plain_path(video) for video in looked.videos}
    for name, paths in files.items():
        for path in paths if name not in names else ():
            if path in own:
                found.reject(str(path), f"it is neither in {CAPTIONS} nor in the CSV: give it an entry, or take it away.")
    return found


def write_cnvid(
    folder: Path, videos: Iterable[tuple[str, str, Sequence[tuple[str, int, int]]]],
) -> None:
    """Write the two lists from (name, address, [(text, start_ms, end_ms), ...]), a video each. Raises CorpusError (write)."""
    with whole_file(folder / CAPTIONS) as captions, whole_file(folder / LISTED) as listed:
        listed.write(b"video_name,url\n")
        before = "{"
        for name, address, texts in videos:
            entry = {
                "text": [text for text, _, _ in texts], "start": [start / 1000 for _, start, _ in texts],
                "end": [end / 1000 for _, _, end in texts],
            }  # fmt: skip
            captions.write(f"{before}\n{_json(name)}: {_json(entry)}".encode())
            listed.write(_csv_line(name, address))
            before = ","
        captions.write(b"{}\n" if before == "{" else b"\n}\n")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _csv_line(*cells: str) -> bytes:
    quoted = ('"' + cell.replace('"', '""') + '"' if set(cell) & set(',"\n\r') else cell for cell in cells)
    return (",".join(quoted) + "\n").encode()


def _captions(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read ({error}): it must be JSON in UTF-8.") from error
    if not isinstance(data, dict):
        raise InputError(f"{path} is not an object of video names with text, start and end.")
    return data


def _listed(folder: Path, found: Found) -> dict[str, Path]:
    """Names in the CSVs beside caption.json, each with its table."""
    names: dict[str, Path] = {}
    for table in sorted(folder.glob("*.csv")):
        try:
            with table.open(encoding="utf-8-sig", newline="") as file:
                rows = list(csv.reader(file))
        except (OSError, ValueError, csv.Error) as error:
            raise InputError(f"{table} cannot be read ({error}): it must be CSV in UTF-8.") from error
        for line, row in enumerate(rows[1:], start=2):
            name = _stem(row[0].strip()) if row else ""
            if name in names:
                found.reject(f"{table} row {line}", f"it lists {name!r} again: one row a video.")
            elif name:
                names[name] = table
            elif any(cell.strip() for cell in row):
                found.reject(f"{table} row {line}", "it names no video in its first column.")
    return names


def _by_name(paths: Iterable[Path]) -> dict[str, list[Path]]:
    files: dict[str, list[Path]] = {}
    for path in paths:
        files.setdefault(path.stem, []).append(path)
    return files


def _stem(name: str) -> str:
    return Path(name).stem if Path(name).suffix.lower() in (".mp4", ".webm", ".mkv") else name


def _entry(entry: Any) -> Captions:
    if not isinstance(entry, dict) or not all(isinstance(entry.get(part), list) for part in _PARTS):
        return Captions(problems=("its texts are left out: text, start and end must be three lists.",))
    lengths = [len(entry[part]) for part in _PARTS]
    if len(set(lengths)) > 1:
        said = " and ".join(map(str, lengths))
        return Captions(problems=(f"its texts are left out: text, start and end have {said} entries, but must have as many.",))
    triples = zip(*(entry[part] for part in _PARTS), strict=True)
    return read_captions([dict(zip(_PARTS, triple, strict=True)) for triple in triples])


def _add(found: Found, where: str, file: Path, captions: Captions) -> None:
    uri = str(plain_path(file))
    row = SourceRow(
        source_id=source_id(uri), uri=uri, captions=captions.texts, caption_starts_ms=captions.starts_ms,
        caption_ends_ms=captions.ends_ms, caption_kind="asr", origin="cnvid",
    )
    found.rows.append((where, row))
    found.notice(where, captions.problems)
