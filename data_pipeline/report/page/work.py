"""The last sections: what it cost, what failed, and what it was made with."""

from __future__ import annotations

import json

from data_pipeline.report.page.elements import Markup, both, number, percent, tag
from data_pipeline.report.page.labels import label
from data_pipeline.report.page.parts import Numbers, quiet, section, table, titled


def stages(numbers: Numbers) -> Markup:
    """What each stage cost."""
    total = sum(stage["cpu_ms"] for stage in numbers["stages"])
    heads = (
        both("阶段", "stage"), both("视频", "videos"), both("取自缓存", "cached"), both("CPU 时间", "CPU time"),
        both("占比", "share"), both("每个视频", "a video"), both("挂钟时间", "wall time"), both("版本", "version"),
    )  # fmt: skip
    rows = [_stage(stage, total) for stage in numbers["stages"]]
    return section(
        "stages", both("各阶段用时", "Time per stage"), table(heads, rows),
        lead=both("只计真正运行的；取自缓存的不耗时。", "Of what really ran; what the cache gave took no time."),
    )  # fmt: skip


def failures(numbers: Numbers) -> Markup:
    """Files that failed, by stage and kind, with a few of their sentences, and rows that were refused before."""
    refused = _refused(numbers["refused"])
    title = both("失败", "Failures")
    rows = [
        (
            label(one["stage"]), one["kind"], number(one["count"]), number(one["retryable"]),
            tag("ul", *(tag("li", text) for text in one["examples"])),
        )
        for one in numbers["videos"]["failures"]
    ]  # fmt: skip
    if not rows:
        return section("failures", title, quiet(both("没有文件失败。", "No file failed.")), *refused)
    heads = (
        both("阶段", "stage"), both("种类", "kind"), both("文件", "files"), both("可重试", "retryable"),
        both("例子", "examples"),
    )  # fmt: skip
    return section("failures", title, table(heads, rows), *refused)


def _refused(numbers: Numbers) -> tuple[Markup, ...]:
    if not numbers["rows"]:
        return ()
    count, examples = numbers["rows"], numbers["examples"]
    rows = [(one["place"], one["reason"]) for one in examples]
    name = both(f"拒收的行（{count:,} 行，列出 {len(rows)} 行）", f"Refused rows ({count:,}, of which {len(rows)} are shown)")
    return (titled(name, table((both("位置", "place"), both("原因", "reason")), rows)),)


def origin(numbers: Numbers) -> Markup:
    """Settings and digests."""
    digests = [(name, tag("code", digest)) for name, digest in numbers["sha256"].items()]
    settings = json.dumps(numbers["settings"], ensure_ascii=False, indent=2, sort_keys=True)
    tables = (
        table((both("表", "table"), Markup("sha256")), digests) if digests
        else quiet(both("还没有最终的表。", "There are no final tables yet."))
    )  # fmt: skip
    shown = tag("details", tag("summary", both("设置", "Settings")), tag("pre", settings))
    return section("origin", both("设置与校验", "Settings and digests"), tables, shown)


def _stage(stage: Numbers, total: int) -> tuple[str, ...]:
    ran = stage["videos"] - stage["cached"]
    return (
        label(stage["stage"]), number(stage["videos"]), percent(stage["cached"], stage["videos"]),
        f"{stage['cpu_ms'] / 1000:,.1f} s", percent(stage["cpu_ms"], total),
        f"{stage['cpu_ms'] / ran / 1000:,.3f} s" if ran else "–", f"{stage['wall_ms'] / 1000:,.1f} s",
        ", ".join(stage["versions"]),
    )  # fmt: skip
