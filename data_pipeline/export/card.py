"""A dataset card: what an export holds, where it comes from, how it was filtered, and by which number it is known again."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from data_pipeline.export.chosen import Held
from data_pipeline.sources.licences import licence

CARD = "README.md"
_MS_PER_HOUR = 3_600_000
_NOT_STATED = "not stated"


def content_sha256(held: Iterable[Held]) -> str:
    """One number for all pairs with their spans and scores, in order."""
    digest = hashlib.sha256()
    for one in held:
        digest.update(json.dumps(asdict(one), sort_keys=True).encode())
    return digest.hexdigest()


def dataset_card(
    held: Sequence[Held], *, name: str, form: str, license_filter: str | None, split: str | None,
    settings: Mapping[str, Any],
) -> str:
    """The card in Markdown, with a head that dataset hubs read."""
    hours = sum(one.duration_ms for one in held) / _MS_PER_HOUR
    parts = [
        _head(held), f"# {name}", "",
        f"{len(held):,} videos ({hours:,.1f} hours), {sum(one.clips for one in held):,} clips, "
        f"{sum(one.pairs for one in held):,} video–text pairs, as {form}.", "",
        f"- content: sha256 `{content_sha256(held)}`",
        f"- licence filter: {license_filter or 'none'}",
        f"- split: {split or 'all'}", "",
        "## Splits", "", *_table(("split", "videos", "pairs"), _by(held, lambda one: one.split)), "",
        "## Texts", "", *_table(("kind", "pairs"), sorted(_kinds(held).items())), "",
        "## Licences", "", *_table(("licence", "videos", "pairs", "commercial use", "changes"), _licences(held)), "",
        "Licences are as the sources state them, a row a video. Where none is known, whoever built the corpus has declared to "
        "have the rights.", "",
        "## How it was made", "", "```json", json.dumps(settings, ensure_ascii=False, indent=1), "```", "",
        "A video can be taken out later; its owner may ask for that with its id or address.", "",
    ]
    return "\n".join(parts)


def _head(held: Sequence[Held]) -> str:
    codes = sorted({one.license_code or "unknown" for one in held})
    lines = [f"- {json.dumps(code.lower(), ensure_ascii=False)}" for code in codes]
    return "\n".join(["---", "language:", "- zh", "task_categories:", "- text-to-video", "license:", *lines, "---", ""])


def _by(held: Sequence[Held], name: Any) -> list[tuple[str, int, int]]:
    videos, pairs = Counter(map(name, held)), Counter[str]()
    for one in held:
        pairs[name(one)] += one.pairs
    return [(value, videos[value], pairs[value]) for value in sorted(videos)]


def _kinds(held: Sequence[Held]) -> Counter[str]:
    return sum((Counter(one.kinds) for one in held), Counter())


def _licences(held: Sequence[Held]) -> list[tuple[str, int, int, str, str]]:
    return [(*row, *_allowed(row[0])) for row in _by(held, lambda one: one.license_code or _NOT_STATED)]


def _allowed(code: str) -> tuple[str, str]:
    known = licence(code)
    if known is None:
        return "unknown", "unknown"
    return "yes" if known.commercial else "no", "yes" if known.derivatives else "no"


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    def line(cells: Iterable[object]) -> str:
        shown = (f"{cell:,}" if isinstance(cell, int) else str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells)
        return f"| {' | '.join(shown)} |"

    return [line(head), line("---" for _ in head), *map(line, rows)]
