"""A page that shows one run: figures with intervals, where it goes wrong, and the worst queries with pictures."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Sequence
from html import escape
from pathlib import Path

import numpy as np

from retrieval.evaluation.breakdown import Group
from retrieval.evaluation.run import ResultRow, Run

Thumbnail = Callable[[str], bytes | None]
WORST = 24
_TITLES = {
    "recall_at_1": "R@1", "recall_at_5": "R@5", "recall_at_10": "R@10", "r_sum": "R@sum", "median_rank": "MdR",
    "mean_rank": "MnR", "mean_reciprocal_rank": "MRR", "ndcg_at_10": "nDCG@10", "precision_at_10": "P@10",
    "mean_average_precision": "MAP", "positive_negative_ratio": "PNR",
}  # fmt: skip
_DIRECTIONS = {
    "text_to_video": "text → video", "video_to_text": "video → text", "video_to_grouped_text": "video → texts of a video",
}  # fmt: skip
_SCORES = {"pooled": "pooled", "reranked": "re-ranked"}
_STYLE = """
body { font: 15px/1.5 system-ui, "Noto Sans CJK SC", "WenQuanYi Micro Hei", sans-serif; margin: 2rem auto; max-width: 75rem;
       padding: 0 1rem; color: #1c2126; background: #fff; }
h1 { font-size: 1.5rem; margin-bottom: 0; } h2 { font-size: 1.15rem; margin-top: 2.2rem; } h3 { font-size: 1rem; }
table { border-collapse: collapse; } .wide { overflow-x: auto; }
th, td { padding: .3rem .7rem; text-align: right; border-bottom: 1px solid #dde1e5; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; } th { font-weight: 600; color: #4a545e; }
small, .quiet { color: #68727c; } td small { display: block; font-size: .78rem; }
td small.note { white-space: normal; max-width: 22rem; }
.notice { border-left: 4px solid #c27a00; background: #fdf5e6; padding: .5rem .9rem; margin: .6rem 0; }
.columns { display: flex; flex-wrap: wrap; gap: 0 2.5rem; align-items: flex-start; }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1.2rem; } .facts dt { color: #68727c; }
.facts dd { margin: 0; overflow-wrap: anywhere; }
.query { border-top: 1px solid #dde1e5; padding: .8rem 0; } .query p { margin: 0 0 .4rem; }
.strip { display: flex; flex-wrap: wrap; gap: .5rem; } figure { margin: 0; width: 8.6rem; }
figure img, figure .none { display: block; width: 8.6rem;
       height: 4.9rem; object-fit: cover; border-radius: 4px; background: #e9ecef; }
figure .none { display: flex; align-items: center; justify-content: center; color: #68727c; font-size: .8rem; }
figcaption { font-size: .75rem; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.wanted img, .wanted .none { outline: 3px solid #2b8a4b; } .gap { width: 1px; background: #c5cbd1; margin: 0 .4rem; }
"""


def write_report(run: Run, directory: Path, *, thumbnail: Thumbnail | None = None, worst: int = WORST) -> Path:
    """Write `report.html` into a folder, which is made, and return its path; the page needs no other file.

    thumbnail: video id -> JPEG bytes, or None where there is no picture. worst: how many of the worst queries to show.
    """
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "report.html"
    path.write_text(render_report(run, thumbnail=thumbnail, worst=worst), encoding="utf-8", errors="backslashreplace")
    return path


def render_report(run: Run, *, thumbnail: Thumbnail | None = None, worst: int = WORST) -> str:
    """The page as HTML."""
    plain = [row for row in run.rows if row.post_processing is None]
    changed = [row for row in run.rows if row.post_processing is not None]
    parts = [
        f"<h1>{escape(run.facts.model)}</h1>",
        f'<p class="quiet">{escape(run.protocol)}: {len(run.queries):,} queries, {run.videos:,} videos, {escape(run.date)}</p>',
        *(f'<p class="notice">{escape(notice)}</p>' for notice in run.notices),
        "<h2>Results</h2>",
        _figures(plain),
        *_sums(run),
        "<h2>Post-processed, not comparable with the plain scores above</h2>" + _figures(changed) if changed else "",
        _graded(plain),
        _breakdown(run),
        _worst(run, thumbnail, worst),
        "<h2>What was measured</h2>",
        _facts(run),
    ]
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(run.facts.model)}</title>'
    return f'<!doctype html><html lang="en"><head>{head}<style>{_STYLE}</style></head><body>{"".join(parts)}</body></html>\n'


def _sums(run: Run) -> Iterable[str]:
    for score, metrics in run.both_ways().items():
        low, high = metrics.r_sum_interval
        yield (
            f"<p>R@sum both ways, {_SCORES[score]}: <b>{metrics.r_sum:.1f}</b> of 600 <small>{low:.1f} – {high:.1f}</small></p>"
        )


def _name(row: ResultRow) -> str:
    processed = f" + {row.post_processing.replace('_', ' ')}" if row.post_processing else ""
    note = f"<small class=note>{escape(row.note)}</small>" if row.note else ""
    return f"{_SCORES[row.score]}{processed}, {_DIRECTIONS[row.direction]}{note}"


def _figures(rows: Sequence[ResultRow]) -> str:
    names = list(rows[0].metrics.figures())
    body = [
        [_name(row), *(_figure(value, row.metrics.intervals[name]) for name, value in row.metrics.figures().items())]
        for row in rows
    ]
    return _table(["", *(_TITLES[name] for name in names)], body) + (
        "<p><small>Below each figure its 95 % bootstrap interval over queries. R@k in percent, with the expected value "
        "where scores are tied.</small></p>"
    )


def _graded(rows: Sequence[ResultRow]) -> str:
    graded = [(row, row.graded) for row in rows if row.graded is not None]
    if not graded:
        return ""
    heads = [_TITLES.get(name, name.replace("_at_", "@").replace("_", " ")) for name in graded[0][1].figures()]
    body = [
        [_name(row), *(_figure(value, one.intervals.get(name)) for name, value in one.figures().items())]
        for row, one in graded
    ]
    return "<h2>Graded and many relevant videos</h2>" + _table(["", *heads], body)


def _figure(value: float | None, interval: tuple[float, float] | None) -> str:
    if value is None:
        return "–"
    if interval is None:
        return f"{value:.2f}"
    digits = 3 if max(abs(value), *map(abs, interval)) <= 1 else 1
    return f"{value:.{digits}f}<small>{interval[0]:.{digits}f} – {interval[1]:.{digits}f}</small>"


def _breakdown(run: Run) -> str:
    groups = run.breakdown
    if groups is None:
        return ""
    frequent = [
        f"<div><h3>By {part}</h3>{_groups(found)}</div>" for part, found in groups.by_word.items() if found
    ]  # fmt: skip
    return (
        f"<h2>Which queries go wrong: {_SCORES[run.final.score]}, text → video</h2><div class=columns>"
        f"<div><h3>By length</h3>{_groups(groups.by_length)}</div>"
        f"<div><h3>By what the text has</h3>{_groups(groups.by_part)}</div>"
        f"</div><div class=columns>{''.join(frequent)}</div>"
        "<p><small>Words in at least 5 queries, most frequent first. Chinese is tagged by jieba, other languages by a rough "
        "rule of words and endings.</small></p>"
    )


def _groups(groups: Sequence[Group]) -> str:
    rows = [
        [
            escape(one.name),
            f"{one.queries:,}",
            f"{one.recall_at_1:.1f}",
            f"{one.recall_at_10:.1f}",
            f"{one.mean_rank:.1f}",
        ]
        for one in groups
    ]
    return _table(["", "queries", "R@1", "R@10", "MnR"], rows)


def _worst(run: Run, thumbnail: Thumbnail | None, count: int) -> str:
    ranks = run.final.metrics.ranks.expected_rank()
    order = [int(query) for query in np.argsort(-ranks, kind="stable")[:count] if ranks[query] > 1]
    if not order:
        return ""
    shown = "".join(_query(run, query, float(ranks[query]), thumbnail) for query in order)
    return (
        f"<h2>The {len(order)} worst queries: {_SCORES[run.final.score]}, text → video</h2>"
        f"<p><small>First the videos that answer, outlined; then what came first.</small></p>{shown}"
    )


def _query(run: Run, number: int, rank: float, thumbnail: Thumbnail | None) -> str:
    query = run.queries[number]
    wanted = "".join(_picture(video, thumbnail, wanted=True) for video in query.relevant[:3])
    more = f"<small>and {len(query.relevant) - 3} more</small>" if len(query.relevant) > 3 else ""
    answers = "".join(_picture(video, thumbnail, wanted=video in query.relevant) for video in query.top)
    text = escape(query.text) or f"query {escape(query.id)}"
    return (
        f'<div class="query"><p><b>{text}</b> <span class="quiet">rank {rank:,.10g} of {run.videos:,}</span></p>'
        f'<div class="strip">{wanted}{more}<span class="gap"></span>{answers}</div></div>'
    )


def _picture(video: str, thumbnail: Thumbnail | None, *, wanted: bool) -> str:
    data = thumbnail(video) if thumbnail is not None else None
    name = escape(video, quote=True)
    picture = (
        f'<img alt="{name}" src="data:image/jpeg;base64,{base64.b64encode(data).decode()}">'
        if data
        else '<div class="none">no picture</div>'
    )
    return (
        f'<figure{" class=wanted" if wanted else ""}>{picture}<figcaption title="{name}">{name}</figcaption></figure>'
    )


def _facts(run: Run) -> str:
    facts = {
        "protocol": run.protocol, "split hash": run.split_hash, "model": run.facts.model,
        "model revision": run.facts.model_revision, "frames a video": run.facts.frames, "decoder": run.facts.decoder,
        "seed": run.facts.seed, "videos without a text": run.videos_without_text, **run.facts.extra,
    }  # fmt: skip
    known = ((name, value) for name, value in facts.items() if value is not None)
    return (
        f"<dl class=facts>{''.join(f'<dt>{escape(str(name))}<dd>{escape(str(value))}' for name, value in known)}</dl>"
    )


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{one}" for one in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}' for cell in row)}" for row in rows)
    return f'<div class="wide"><table><tr>{head}{body}</table></div>'
