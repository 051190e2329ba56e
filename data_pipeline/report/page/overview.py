"""The first sections: the numbers that matter, the funnel, lengths, and what the corpus is made of."""

from __future__ import annotations

from data_pipeline.report.page.charts import Bar, Bin, Tick, bars, columns
from data_pipeline.report.page.elements import Markup, both, join, number, percent, tag
from data_pipeline.report.page.labels import label
from data_pipeline.report.page.parts import KEPT_KEY, Numbers, beside, counted, kept_of, quiet, section, share, titled

_LONGEST_SHOWN = 120            # seconds of the histogram; longer ones share its last column
_TOP_ROWS = 15
_HOUR_MS = 3_600_000


def cards(numbers: Numbers) -> Markup:
    """The few numbers that come first."""
    videos, pairs = numbers["videos"], numbers["pairs"]
    seconds, totals = videos["seconds"], videos["totals"]
    hours, each = seconds.get("hours", 0.0), pairs["candidates"] / (videos["measured"] or 1)
    spoken = percent(totals["speech_ms"], hours * _HOUR_MS) if totals.get("heard") else "–"
    shown = (
        (number(videos["measured"]), both("视频", "videos"), both(f"{hours:,.1f} 小时", f"{hours:,.1f} hours")),
        (number(pairs["candidates"]), both("候选图文对", "candidate pairs"),
         both(f"每个视频 {each:.2f}", f"{each:.2f} a video")),
        (number(pairs["kept"]), both("保留", "kept"), percent(pairs["kept"], pairs["candidates"])),
        (f"{seconds.get('mean', 0):,.1f} s", both("平均时长", "mean length"),
         f"{seconds.get('min', 0):,.1f} – {seconds.get('max', 0):,.1f} s"),
        (number(pairs["characters_mean"], 1), both("平均字数", "characters"), both("保留的文本", "of a kept text")),
        (spoken, both("有人声", "speech"), both("占时长", "of the time")),
        (number(videos["failed"]), both("失败", "failed"), percent(videos["failed"], videos["rows"])),
    )  # fmt: skip
    return tag("div", *(
        tag("div", tag("b", value), tag("span", name), tag("small", note), class_="card") for value, name, note in shown
    ), class_="cards")  # fmt: skip


def funnel(numbers: Numbers) -> Markup:
    """From what was asked for to what is kept, and for what reason the rest is not."""
    videos, pairs = numbers["videos"], numbers["pairs"]
    registered = numbers["sources"] or videos["rows"]
    asked = registered + numbers["refused"]["rows"]
    steps = (
        (both("读入的行", "rows that came in"), asked), (both("登记的文件", "files asked for"), registered),
        (both("已处理", "processed"), videos["rows"]),
        (both("可读并已测量", "measured"), videos["measured"]),
        (both("有候选文本", "with a candidate"), pairs["videos_with_candidates"]),
        (both("有保留的文本", "with a kept pair"), pairs["videos_kept"]),
    )  # fmt: skip
    files = bars([Bar(name, count, share(count, asked), part=count) for name, count in steps])
    return section(
        "funnel", both("漏斗", "Funnel"),
        beside(
            titled(both("文件", "Files"), files),
            titled(
                join((both("按文本来源", "By kind of text"), KEPT_KEY)),
                kept_of(pairs["kinds"], all_of="candidates", most=_TOP_ROWS),
            ),
        ),
        titled(both("图文对，按第一个适用的淘汰原因", "Pairs, by the first reason that applied"), _outcomes(pairs)),
        lead=both(
            "进来的每一行都有去处：保留、淘汰（写明原因）、失败或拒收（见 refused.jsonl）。",
            "Every row that came in is kept, rejected for a reason, failed, or refused (refused.jsonl).",
        ),
    )  # fmt: skip


def durations(numbers: Numbers) -> Markup:
    """Lengths of videos and of kept clips by whole seconds."""
    videos, clips = numbers["videos"]["seconds"], numbers["pairs"]["seconds"]
    charts = _lengths(both("视频", "Videos"), videos), _lengths(both("保留的片段", "Kept clips"), clips)
    return section("durations", both("时长", "Durations"), beside(*charts))


def balance(numbers: Numbers) -> Markup:
    """Categories, licences, languages and splits, before and after."""
    videos, pairs = numbers["videos"], numbers["pairs"]
    splits = [
        Bar(label(name), entry["pairs"], f"{entry['pairs']:,} · {entry['videos']:,}")
        for name, entry in pairs["splits"].items()
    ]
    return section(
        "balance", both("均衡", "Balance"),
        beside(
            titled(
                join((both("类别（视频）", "Categories (videos)"), KEPT_KEY)),
                kept_of(videos["category"], all_of="videos", most=_TOP_ROWS),
            ),
            titled(
                join((both("许可（视频）", "Licences (videos)"), KEPT_KEY)),
                kept_of(videos["license"], all_of="videos", most=_TOP_ROWS),
            ),
            titled(both("划分（图文对 · 视频）", "Splits (pairs · videos)"), bars(splits)),
            titled(both("语言", "Languages"), counted(pairs["languages"])),
        ),
        lead=both(
            f"上传者 {videos['uploaders']:,} 位，只以加盐散列区分。",
            f"{videos['uploaders']:,} uploaders, told apart by salted hashes only.",
        ),
    )  # fmt: skip


def _outcomes(pairs: Numbers) -> Markup:
    total = pairs["candidates"]
    rows = [Bar(both("候选图文对", "candidate pairs"), total, number(total))]
    rows += [Bar(join(("− ", label(name))), count, share(count, total)) for name, count in pairs["reasons"].items()]
    if pairs["undecided"]:
        rows.append(Bar(label("undecided"), pairs["undecided"], share(pairs["undecided"], total)))
    rows.append(Bar(label("kept"), pairs["kept"], share(pairs["kept"], total), part=pairs["kept"]))
    return bars(rows)


def _lengths(title: Markup, found: Numbers) -> Markup:
    if not found["count"]:
        return titled(title, quiet("–"))
    counts = {int(second): count for second, count in found["bins"].items()}
    last = min(max(counts), _LONGEST_SHOWN)
    shown = [(f"{second} s", counts.get(second, 0)) for second in range(last)]
    shown.append((f"≥ {last} s", sum(count for second, count in counts.items() if second >= last)))
    bins = [Bin(f"{name}:  {count:,}", (("kept", count),)) for name, count in shown]
    step = next((step for step in (1, 2, 5, 10, 20) if step * 8 >= len(bins)), 20)
    ticks = [Tick((second + 0.5) / len(bins), f"{second}") for second in range(0, len(bins), step)]
    facts = f"{found['min']:,.1f} / {found['mean']:,.1f} / {found['max']:,.1f} s · n = {found['count']:,}"
    told = quiet(join((both("最短 / 平均 / 最长：", "least / mean / greatest: "), facts)))
    return titled(title, columns(bins, ticks=ticks, label="seconds"), told)
