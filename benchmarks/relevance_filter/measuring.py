"""What scores and rules keep of a corpus whose truth is known: precision, recall, order, and what leaks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data_pipeline.audit.precision import wilson
from data_pipeline.miniature.raw_collection import LABELS
from data_pipeline.selection.clusters import Clusters, clusters_of
from data_pipeline.selection.columns import Measured, read_columns_of_shards
from data_pipeline.selection.deciding import select
from data_pipeline.selection.removed import read_removed
from data_pipeline.selection.settings import SCORES, ScoreName, SelectionSettings
from data_pipeline.selection.thresholds import LADDER

PAIRED: tuple[tuple[ScoreName, ScoreName], ...] = (
    ("relevance_mean", "masked_mean"), ("relevance_max", "masked_max"), ("relevance_top3", "masked_top3"),
)  # fmt: skip
TRUE, LYRICS = "true", "lyrics"
_WRONG = ("weak", "mismatched", LYRICS, "invention")
# Neither duplicates nor rules: what a score alone does. All that remains are candidates with something to judge.
RAW = SelectionSettings(
    rejected_flags=("short",), repeated_videos=None, drop_duplicate_texts=False, drop_duplicate_videos=False,
    validation_share=0,
)  # fmt: skip
RULES = SelectionSettings(drop_duplicate_texts=False, drop_duplicate_videos=False, validation_share=0)


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """A corpus and, for each candidate, what is known of it: true, weak, mismatched, lyrics or invention."""

    directory: Path
    measured: Measured
    clusters: Clusters
    truth: NDArray[np.str_]

    def kept(self, settings: SelectionSettings) -> NDArray[np.bool_]:
        """Which candidates the corpus would keep."""
        selection = select(self.measured, settings, clusters=self.clusters, removed=read_removed(self.directory))
        return selection.places < 0


@dataclass(frozen=True, kw_only=True)
class Share:
    """A share in percent, its 95 % interval, and of how many."""

    percent: float
    low: float
    high: float
    of: int


def share_of(hits: int, trials: int) -> Share:
    """Wilson's interval; with no trial at all, 0 to 100."""
    low, high = wilson(hits / trials if trials else 0.0, trials)
    return Share(percent=round(100 * hits / max(trials, 1), 2), low=round(100 * low, 2), high=round(100 * high, 2), of=trials)


def auc(right: NDArray[np.float64], wrong: NDArray[np.float64]) -> float:
    """The chance that a right one has the higher score, in percent; equal scores count half. NaN where there are none."""
    if not len(right) or not len(wrong):
        return float("nan")
    ordered = np.sort(wrong)
    below, not_above = np.searchsorted(ordered, right, "left"), np.searchsorted(ordered, right, "right")
    return float((below + not_above).mean() / 2 / len(wrong) * 100)


def read_labelled(collection: Path, directory: Path) -> Labelled:
    """The committed part of a corpus with the labels of its collection. Raises CorpusError (unreadable)."""
    measured = read_columns_of_shards(directory)
    known: dict[tuple[str, str], str] = {}
    for line in (collection / LABELS).read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        known |= {((collection / row["file"]).name, text["kind"]): text["truth"] for text in row["texts"]}
    names = [Path(path or "").name for path in measured.rows["path"].to_pylist()]
    kinds = measured.candidates["kind"].to_pylist()
    truth = [known[names[row], kind] for row, kind in zip(measured.row_of_candidate.tolist(), kinds, strict=True)]
    return Labelled(
        directory=directory, measured=measured, clusters=clusters_of(measured, RAW), truth=np.array(truth)
    )


def filter_figures(corpus: Labelled) -> Iterator[Mapping[str, object]]:
    """A row for each score and share: precision and recall of the true pairs; first, how well the score orders."""
    judged = corpus.kept(RAW.model_copy(update={"keep_share": 1.0}))
    true = corpus.truth == TRUE
    for score in SCORES:
        values = corpus.measured.candidates[score].to_numpy(zero_copy_only=False).astype(np.float64)
        right = values[judged & true]
        yield {
            "what": "order", "score": score, "pairs": int(judged.sum()), "true": len(right),
            "auc": round(auc(right, values[judged & ~true]), 2),
            **{f"auc_{wrong}": round(auc(right, values[judged & (corpus.truth == wrong)]), 2) for wrong in _WRONG},
        }  # fmt: skip
        for share in LADDER:
            kept = corpus.kept(RAW.model_copy(update={"keep_share": share, "score": score}))
            hits = int((kept & true).sum())
            yield {
                "what": "filter", "score": score, "share": share, "kept": int(kept.sum()),
                "precision": asdict(share_of(hits, int(kept.sum()))),
                "recall": asdict(share_of(hits, int((judged & true).sum()))),
            }


def masking_figures(corpus: Labelled, *, draws: int = 1000, keep_share: float = 0.56) -> Iterator[Mapping[str, object]]:
    """A row for each kind of mean over keyframes: what covering on-screen text adds to the order, and to the precision of a
    share that is kept, in points with 95 % intervals. The same videos are drawn for both, as wholes."""
    judged = np.flatnonzero(corpus.kept(RAW.model_copy(update={"keep_share": 1.0})))
    true, video = corpus.truth[judged] == TRUE, corpus.measured.row_of_candidate[judged]
    for plain, masked in PAIRED:
        values = {
            score: corpus.measured.candidates[score].to_numpy(zero_copy_only=False).astype(np.float64)[judged]
            for score in (plain, masked)
        }
        gains = [_gains(values[plain], values[masked], true, keep_share)]
        for places in draws_of_videos(video, draws):
            gains.append(_gains(values[plain][places], values[masked][places], true[places], keep_share))
        low, high = np.nanpercentile(np.array(gains[1:]), [2.5, 97.5], axis=0)      # a draw may be of one kind only
        yield {
            "what": "masking", "score": masked, "over": plain, "pairs": len(judged), "share": keep_share,
            "auc_gain": _gain(gains[0][0], low[0], high[0]), "precision_gain": _gain(gains[0][1], low[1], high[1]),
        }  # fmt: skip


def draws_of_videos(video: NDArray[np.int64], draws: int, *, seed: int = 0) -> Iterator[NDArray[np.int64]]:
    """Places of candidates for so many draws of as many videos, with replacement; video: of each candidate [n]."""
    random = np.random.default_rng(seed)
    order = np.argsort(video, kind="stable")
    starts = np.flatnonzero(np.diff(video[order], prepend=-1))
    sizes = np.diff(starts, append=len(video))
    for _ in range(draws):
        drawn = random.integers(len(starts), size=len(starts))
        of_drawn = sizes[drawn]
        firsts = np.repeat(starts[drawn] - (np.cumsum(of_drawn) - of_drawn), of_drawn)
        yield order[firsts + np.arange(int(of_drawn.sum()))]


def _gains(
    plain: NDArray[np.float64], masked: NDArray[np.float64], true: NDArray[np.bool_], share: float
) -> tuple[float, float]:
    kept = max(1, round(share * len(true)))
    aucs, precisions = [], []
    for values in (plain, masked):
        aucs.append(auc(values[true], values[~true]))
        precisions.append(100 * float(true[np.argsort(-values, kind="stable")[:kept]].mean()))
    return aucs[1] - aucs[0], precisions[1] - precisions[0]


def _gain(points: float, low: float, high: float) -> Mapping[str, float]:
    return {"points": round(points, 2), "low": round(float(low), 2), "high": round(float(high), 2)}


def leak_figures(corpus: Labelled, *, score: ScoreName = "masked_top3") -> Iterator[Mapping[str, object]]:
    """How much of what is kept are lyrics: by no net, by the rules on sound and text, by relevance, and by both."""
    lyrics, true = corpus.truth == LYRICS, corpus.truth == TRUE
    nets: list[tuple[str, float, SelectionSettings]] = [("none", 1.0, RAW)]
    nets += [
        (f"rule {flag}", 1.0, RAW.model_copy(update={"rejected_flags": (*RAW.rejected_flags, flag)}))
        for flag in ("no_voice", "lyrics")
    ]
    nets += [("rule repeated_elsewhere", 1.0, RAW.model_copy(update={"repeated_videos": RULES.repeated_videos}))]
    nets += [("rules", 1.0, RULES)]
    nets += [
        (name, share, base.model_copy(update={"keep_share": share, "score": score}))
        for name, base in (("relevance", RAW), ("rules and relevance", RULES)) for share in LADDER[1:]
    ]
    for name, share, settings in nets:
        kept = corpus.kept(settings)
        yield {
            "what": "leak", "net": name, "share": share, "kept": int(kept.sum()), "lyrics": int((kept & lyrics).sum()),
            "leak": asdict(share_of(int((kept & lyrics).sum()), int(kept.sum()))),
            "true_kept": asdict(share_of(int((kept & true).sum()), int(true.sum()))),
        }
