"""Benchmarks of videos with captions: every caption asks for its video."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from retrieval.errors import InputError
from retrieval.evaluation.benchmarks.benchmark import Benchmark, BenchmarkQuery, some
from retrieval.evaluation.benchmarks.files import locate_videos


def caption_benchmark(
    protocol: str,
    captions: Mapping[str, Sequence[str]],
    *,
    folder: Path,
    published: tuple[int, int] | None = None,
    notices: Sequence[str] = (),
    aliases: Mapping[str, str] | None = None,
    end_ms: int | None = None,
) -> Benchmark:
    """A benchmark of video id -> captions, in their order; videos are looked for in `folder`.

    published: how many videos and captions there should be; another number is said in a notice. end_ms: of every video,
    what comes later is not looked at. Raises InputError as `locate_videos` and `Benchmark`.
    """
    queries = tuple(
        BenchmarkQuery(id=f"{video}#{number}", text=text, relevant={video: 1.0})
        for video, texts in captions.items()
        for number, text in enumerate(texts)
    )
    found = len(captions), len(queries)
    if published not in (None, found):
        notices = (
            f"{found[0]:,} videos and {found[1]:,} captions, where {published[0]:,} and {published[1]:,} were published: "
            "not comparable with published figures.",
            *notices,
        )
    videos = locate_videos(captions, folder, aliases=aliases)
    return Benchmark(
        protocol=protocol,
        videos=tuple(replace(video, end_ms=end_ms) for video in videos),
        queries=queries,
        notices=tuple(notices),
    )


def captions_of(ids: Sequence[str], captions: Mapping[str, Sequence[str]], source: Path) -> dict[str, Sequence[str]]:
    """The captions of these videos; InputError that names and counts those that `source` has no caption for."""
    silent = [video for video in ids if not captions.get(video)]
    if silent:
        raise InputError(
            f"{source} has no caption for {len(silent):,} of {len(ids):,} videos of the split, such as {some(silent, 2)}."
        )
    return {video: captions[video] for video in ids}


def left_out_lines(path: Path, lines: Sequence[int], total: int, layout: str) -> tuple[str, ...]:
    """The notice about lines that are not of the published layout; InputError when no other line is left."""
    if not lines:
        return ()
    said = f"{len(lines):,} of {total:,} lines of {path} are not {layout}, the first is line {lines[0]}"
    if len(lines) == total:
        raise InputError(f"{said}: it is not the published file.")
    return (f"{said}: they are left out.",)
