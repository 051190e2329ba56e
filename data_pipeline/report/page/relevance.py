"""The section of scores: how they are spread, where the threshold lies, and what other shares would keep."""

from __future__ import annotations

from data_pipeline.report.page.charts import Bin, Tick, columns
from data_pipeline.report.page.elements import Markup, both, join, number, tag
from data_pipeline.report.page.labels import label
from data_pipeline.report.page.parts import Numbers, beside, quiet, section, table, titled

_ORDER = ("relevance_top3", "masked_top3", "relevance_mean", "masked_mean", "relevance_max", "masked_max")
_CLASSES = (
    ("kept", label("kept")), ("low", label("relevance")), ("other", both("因其他原因淘汰", "rejected for another reason")),
)  # fmt: skip


def scores(numbers: Numbers) -> Markup:
    """Every score that was computed; the usual ones are seen at once."""
    found, selection = numbers["pairs"]["scores"], numbers["selection"]
    title = both("相关性", "Relevance")
    charts = [_chart(name, found[name], _threshold(name, selection)) for name in _ORDER if name in found]
    if not charts:
        return section("scores", title, quiet(both("还没有打分。", "Nothing is scored yet.")))
    others = tag("summary", both("其他汇总方式", "Other aggregates"))
    more = (tag("details", others, beside(*charts[2:])),) if charts[2:] else ()
    legend = tag("p", *(tag("span", tag("i", class_=f"key {kind}"), name) for kind, name in _CLASSES), class_="legend")
    return section(
        "scores", title, legend, beside(*charts[:2]), *more, _ladder(numbers),
        lead=both(
            "文本与片段关键帧的余弦相似度。“遮字后”是盖住画面文字、文本里也不计画面文字的得分：会念字的模型不能因此得分。",
            "Cosine of a text with the keyframes of its span. Masked: with on-screen text covered in the pictures and left "
            "out of the text, so that reading aloud earns nothing.",
        ),
    )  # fmt: skip


def _threshold(name: str, selection: Numbers | None) -> float | None:
    """The threshold on this score of a pair, where there is one; one on the mean of a video lies elsewhere."""
    if selection is None or selection["settings"]["score"] != name or selection["settings"]["level"] != "pair":
        return None
    return selection["threshold"]


def _chart(name: str, found: Numbers, threshold: float | None) -> Markup:
    low, high, counts = found["low"], found["high"], found["counts"]
    size = len(counts["kept"])
    edges = [low + (high - low) * k / size for k in range(size + 1)]
    bins = []
    for k in range(size):
        layers = tuple((kind, counts[kind][k]) for kind, _ in _CLASSES)
        bins.append(Bin(f"{edges[k]:.3f} – {edges[k + 1]:.3f}:  " + " / ".join(f"{n:,}" for _, n in layers), layers))
    ticks = [Tick(place, f"{low + place * (high - low):.2f}") for place in (0, 0.25, 0.5, 0.75, 1)]
    mark = None if threshold is None else Tick((threshold - low) / (high - low), f"≥ {threshold:.3f}")
    return titled(label(name), columns(bins, ticks=ticks, mark=mark, label=name))


def _ladder(numbers: Numbers) -> Markup:
    selection = numbers["selection"]
    if selection is None or not selection["ladder"]:
        return Markup("")
    rungs = sorted([*selection["ladder"], *_own_rung(numbers["pairs"], selection)], key=lambda rung: rung["threshold"])
    kinds = sorted({kind for rung in rungs for kind in rung["kinds"]})
    rows = [
        (
            f"{100 * rung['share']:.0f} %", f"{rung['threshold']:.4f}", number(rung["pairs"]), number(rung["videos"]),
            *(number(rung["kinds"].get(kind, 0)) for kind in kinds),
        )
        for rung in rungs
    ]  # fmt: skip
    heads = (
        both("保留比例", "share kept"), both("阈值", "threshold"), both("图文对", "pairs"), both("视频", "videos"),
        *map(label, kinds),
    )  # fmt: skip
    by = label(selection["settings"]["score"])
    mean = both("（按视频平均）", " (mean of a video)") if selection["settings"]["level"] == "video" else Markup("")
    return titled(join((both("保留阶梯：", "Keep ladder by "), by, mean)), table(heads, rows))


def _own_rung(pairs: Numbers, selection: Numbers) -> list[Numbers]:
    """What is kept now, where the threshold is not that of one of the usual shares; caps on what is too frequent count, too."""
    ladder, threshold = selection["ladder"], selection["threshold"]
    if threshold is None or any(rung["threshold"] == threshold for rung in ladder):
        return []
    kept = {"pairs": pairs["kept"], "videos": pairs["videos_kept"]}
    what = "videos" if selection["settings"]["level"] == "video" else "pairs"
    kinds = {kind: entry["kept"] for kind, entry in pairs["kinds"].items() if entry["kept"]}
    return [{"share": kept[what] / ladder[0][what], "threshold": threshold, **kept, "kinds": kinds}]
