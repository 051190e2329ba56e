"""A folder of real clips through every stage that has an engine here, and whether a build keeps what it promises.

    python -m benchmarks.real_clips CLIPS [--work DIR] [--workers 1] [--set speech.engine=... speech.model=...]

CLIPS holds video files, in full depth; the rows of a `manifest.jsonl` in it (`file`, a title, a licence) describe them. Builds
are those of `wenshi corpus build`: on-screen text by rapidocr, voice, relevance by the demo's model. No weights of a
speech engine come along: a Whisper of random weights that says one sentence whatever it hears takes that place, and of four
clips one gets a subtitle track inside and one a file beside it with words of the manifest (`query_zh_1`, else the title).
Told are the account of rows by reason, what each stage cost and the memory. Then: a build that has only the cache, a build
that gets Ctrl-C half-way and goes on, and another threshold; every export is read back; the report is opened, in Chromium
where that is installed. Exits with 1 where a promise is broken. --work: a folder to keep it all in, new or empty. Other
engines: as `--set` of a build.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import av

from benchmarks.corpus_memory import Peak, proportional
from benchmarks.corpus_throughput import tell_stages
from benchmarks.targets import judged
from data_pipeline import miniature
from data_pipeline.building.build import account
from data_pipeline.building.commits import MEASURED, read_commits
from data_pipeline.building.measured_tables import read_measured
from data_pipeline.building.plan import all_sources, shard_names
from data_pipeline.building.settings import saved_settings
from data_pipeline.corpus.measured import (
    AudioSpanRow,
    CandidateRow,
    KeyframeRow,
    MeasuredVideo,
    ScreenTextRow,
    SpeechRow,
    StageRow,
)
from data_pipeline.corpus.rows import ClipRow, PairRow
from data_pipeline.corpus.shard_reader import ShardDataset, decode
from data_pipeline.corpus.tables import CLIPS, PAIRS, read_table
from data_pipeline.export.exporting import FORMS, ExportSettings, export_corpus
from data_pipeline.export.lines import LINES
from data_pipeline.sources import read_sources
from data_pipeline.sources.files import find_videos
from tests.serving.web.browser import Browser, find_chromium
from tests.speech_models import build_transformers_whisper
from tests.videos import write_subtitles

Held = Counter[tuple[str, int, int, str]]       # pairs as (id of the video, start ms, end ms, text)

_STAGES = ("examine", "look", "listen", "subtitles", "cover", "pair", "score")
_MANIFEST = "manifest.jsonl"
_MODEL = Path(miniature.__file__).parent / "model"
_KEEP_SHARE = 0.5
_INTERRUPTED = 130
_ELSEWHERE = re.compile(r"""(?:src|href)\s*=\s*["']?(?!data:|#)[^"'\s>]+|url\(\s*["']?(?!data:)[^)]+""")
_BROKEN_PICTURES = """Promise.all([...document.images].map(
    (one) => { one.loading = "eager"; return one.decode().then(() => 0, () => 1); }
)).then((broken) => broken.reduce((sum, one) => sum + one, 0))"""
_FETCHED = 'performance.getEntriesByType("resource").filter((one) => !one.name.startsWith("data:")).length'
_TOO_WIDE = "document.documentElement.scrollWidth > innerWidth ? 1 : 0"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, metavar="CLIPS")
    parser.add_argument("--work", type=Path, metavar="DIR")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--set", dest="overrides", nargs="*", default=[], metavar="A.B=VALUE", help="settings of the build")
    options = parser.parse_args()
    if not options.clips.is_dir():
        parser.error(f"there is no folder {options.clips}")
    if options.work is not None and options.work.exists() and (not options.work.is_dir() or any(options.work.iterdir())):
        parser.error(f"{options.work} is not empty: name a new or an empty folder")
    with tempfile.TemporaryDirectory() as scratch:
        broken = run(options.clips, (options.work or Path(scratch)).absolute(), options.overrides, workers=options.workers)
    return 0 if judged(broken, dict.fromkeys(broken, ("<=", 0.0))) else 1


def run(folder: Path, work: Path, overrides: Sequence[str] = (), *, workers: int = 1) -> dict[str, float]:
    """How often each promise was broken. overrides: settings of the build, on top of the benchmark's own."""
    clips, corpus = prepared(folder, work / "clips"), work / "corpus"
    settings = [f"relevance.model={_MODEL}", *overrides]
    if not any(one.startswith("speech.engine=") for one in overrides):
        settings += ["speech.engine=transformers", f"speech.model={build_transformers_whisper(work / 'whisper')}"]
    asked = [
        *(path for path in (clips, clips / _MANIFEST) if path.exists()), "--i-have-rights", "--no-frames", "--workers", workers,
        *(part for one in settings for part in ("--set", one)),
    ]  # fmt: skip
    began, load = time.monotonic(), os.getloadavg()[0]
    with Peak(proportional) as peak:
        said = wenshi("build", *asked, "--out", corpus)
    print(f"built in {time.monotonic() - began:.0f} s, load {load:.1f} before; at most {peak.most_workers >> 20} MiB in all "
          f"processes, models included (PSS)")
    broken: dict[str, float] = {"rows without an account": unaccounted(corpus, said, find_videos([clips]).videos)}
    costs = list(read_measured(corpus, StageRow))
    tell_stages(costs, max(said["measured"], 1))
    _tell_found(corpus)
    broken["stages left out"] = left_out(corpus, costs)
    broken["stages run again"], broken["other manifests from the cache"] = built_from_cache(corpus, work / "cached", asked)
    broken["faults of a build after Ctrl-C"] = stopped_and_finished(work / "stopped", asked, said["manifest_sha256"])
    broken["rows that exports lack or add"] = exported(corpus, work / "exports")
    broken["faults of the report"] = page_faults(Path(said["report"]), work / "browser")
    broken["models in a filter"] = filtered(corpus, costs)
    return broken


def prepared(folder: Path, place: Path) -> Path:
    """The clips in a folder of their own: links, but for one in four, in which a subtitle track is; and the manifest."""
    rows = {row["file"]: row for row in _manifest(folder / _MANIFEST)}
    for number, file in enumerate(find_videos([folder]).videos):
        name = file.relative_to(folder.absolute()).as_posix()
        link, row = place / name, rows.get(name, {})
        link.parent.mkdir(parents=True, exist_ok=True)
        words = row.get("query_zh_1") or row.get("title_zh") or row.get("title")
        if words and number % 4 == 0 and _with_track(file, words, link.with_suffix(".mkv")):
            row["file"] = link.with_suffix(".mkv").relative_to(place).as_posix()
            continue
        link.symlink_to(file)
        if words and number % 4 == 2:
            write_subtitles(link.with_suffix(".srt"), _said(words))
    if rows:
        lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows.values())
        (place / _MANIFEST).write_text("".join(lines), encoding="utf-8")
    return place


def _manifest(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def _said(words: str) -> list[tuple[int, int, str]]:
    return [(200, 2_200, words)]


def _with_track(file: Path, words: str, target: Path) -> bool:
    """Write a clip anew as Matroska with a subtitle track beside its own; whether that can be done and the name is free."""
    if file.suffix != ".mkv" and file.with_suffix(".mkv").exists():
        return False
    lines = write_subtitles(target.with_name(f"{target.stem}.track.srt"), _said(words))
    try:
        with av.open(str(file)) as clip, av.open(str(lines)) as track, av.open(str(target), "w") as container:
            own = [*clip.streams.video[:1], *clip.streams.audio[:1]]
            copies = {stream.index: container.add_stream_from_template(stream) for stream in own}
            added = container.add_stream_from_template(track.streams.subtitles[0])
            for packet in track.demux():
                if packet.dts is not None:
                    packet.stream = added
                    container.mux(packet)
            for packet in clip.demux(own):
                if packet.dts is not None:
                    packet.stream = copies[packet.stream.index]
                    container.mux(packet)
    except av.FFmpegError:      # not every codec of an old container has a place in a new one
        target.unlink(missing_ok=True)
        return False
    finally:
        lines.unlink()
    return True


def wenshi(*arguments: object) -> dict[str, Any]:
    """What a command of `wenshi corpus` says. Raises RuntimeError with its errors when it fails."""
    process = started(*arguments)
    said, errors = process.communicate()
    if process.returncode:
        raise RuntimeError(f"wenshi corpus {arguments[0]} ended with {process.returncode}: {errors[-2000:]}")
    return dict(json.loads(said))


def started(*arguments: object) -> subprocess.Popen[str]:
    """A command of `wenshi corpus` in a group of processes of its own, as a terminal gives it."""
    command = [sys.executable, "-m", "serving.cli.main", "corpus", *map(str, arguments), "--json"]
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)    # else ignored where a shell runs this beside itself
    try:
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
    finally:
        signal.signal(signal.SIGINT, usual)


def unaccounted(corpus: Path, said: Mapping[str, Any], files: Iterable[Path]) -> int:
    """Print where all rows went, by reason; how many files and candidates are in no such place, or in two."""
    decided = json.loads((corpus / "accounts.json").read_text(encoding="utf-8"))
    named, rows = Counter(map(str, files)), Counter(source.uri for source in all_sources(corpus))
    lost = ((named - rows) + (rows - named)).total()
    for what, number in (("sources", named.total()), ("candidates", said["candidates"])):
        count = decided[what]
        places = {"kept": count["kept"], **count["filtered"], **count["failed"]}
        lost += abs(number - sum(places.values()))
        print(f"{number} {what}: {', '.join(f'{number} {place}' for place, number in places.items() if number)}")
    print(f"{said['rejected']} rows of tables refused; {said['pairs']} pairs; manifest {said['manifest_sha256'][:12]}")
    return lost + abs(decided["candidates"]["kept"] - said["pairs"])


def left_out(corpus: Path, costs: Iterable[StageRow]) -> int:
    """How many stages that have an engine a measured video did not go through once. Where no text is known, none is scored."""
    settings, seen = saved_settings(corpus), Counter((row.video_id, row.stage) for row in costs)
    without = {"cover": settings.screen_text.engine is None, "score": settings.relevance.model is None}
    stages = [stage for stage in _STAGES if not without.get(stage)]
    with_text = {row.video_id for row in read_measured(corpus, CandidateRow)}
    videos = [row.video_id for row in read_measured(corpus, MeasuredVideo) if row.status == "measured"]
    wanted = ((video or "", stage) for video in videos for stage in stages if stage != "score" or video in with_text)
    return sum(seen[one] != 1 for one in wanted)


def _tell_found(corpus: Path) -> None:
    frames = Counter(row.dropped or "kept" for row in read_measured(corpus, KeyframeRow))
    roles = Counter(row.role for row in read_measured(corpus, ScreenTextRow))
    heard = Counter(row.label for row in read_measured(corpus, AudioSpanRow))
    flags = Counter(flag for row in read_measured(corpus, SpeechRow) for flag in row.flags or ("good",))
    kinds = Counter(row.kind for row in read_measured(corpus, CandidateRow))
    for what, counts in (
        ("keyframes", frames), ("lines on the screen", roles), ("spans heard", heard), ("segments of speech, flags", flags),
        ("candidates", kinds),
    ):  # fmt: skip
        print(f"{what}: {', '.join(f'{count} {name}' for name, count in counts.most_common()) or 'none'}")


def built_from_cache(corpus: Path, copy: Path, asked: Sequence[object]) -> tuple[int, int]:
    """(stages that ran, manifests that differ) when the same is built again from nothing but the cache."""
    shutil.copytree(corpus, copy, ignore=shutil.ignore_patterns(MEASURED))
    manifest = wenshi("build", *asked, "--out", copy)["manifest_sha256"]
    rows = list(read_measured(copy, StageRow))
    ran = sum(not row.cached for row in rows)
    print(f"from the cache alone: {len(rows)} results of stages, {ran} of which had to run; manifest {manifest[:12]}")
    return ran, int(manifest != account(corpus).manifest_sha256)


def stopped_and_finished(corpus: Path, asked: Sequence[object], manifest: str) -> int:
    """Press Ctrl-C when half of the shards are committed, then build to the end: what was not as it should be."""
    process = started("build", *asked, "--out", corpus)
    while process.poll() is None and not _is_half_done(corpus):
        time.sleep(0.02)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate()
    committed, shards = len(read_commits(corpus)), len(shard_names(corpus))
    finished = str(wenshi("build", *asked, "--out", corpus)["manifest_sha256"])
    faults = {
        f"its exit status was {process.returncode}, not {_INTERRUPTED}": process.returncode != _INTERRUPTED,
        f"it was not stopped half-way, but with {committed} of {shards} shards": not 0 < committed < shards,
        "it ended with a traceback": "Traceback" in errors,
        f"its manifest is {finished[:12]}, not {manifest[:12]}": finished != manifest,
    }
    print(f"Ctrl-C with {committed} of {shards} shards committed, then to the end: manifest {finished[:12]}")
    for fault in (found := [sentence for sentence, holds in faults.items() if holds]):
        print(f"  {fault}")
    return len(found)


def _is_half_done(corpus: Path) -> bool:
    return (corpus / MEASURED).exists() and 2 * len(read_commits(corpus)) >= max(len(shard_names(corpus)), 1)


def exported(corpus: Path, place: Path) -> int:
    """Export in every form and read it back; how many pairs are missing or too many, in all of them."""
    place.mkdir()
    truth, wrong = pairs_of_tables(corpus), 0
    for form in FORMS:
        export_corpus(corpus, place / form, ExportSettings(form=form, placing="link"))
        found = READERS[form](place / form)
        differ = ((truth - found) + (found - truth)).total()
        print(f"export {form}: {found.total()} of {truth.total()} pairs read back, {differ} missing or too many")
        wrong += differ
    return wrong


def pairs_of_tables(directory: Path) -> Held:
    """Of a corpus, and of an export as parquet."""
    clips = {clip.clip_id: clip for clip in read_table(directory / CLIPS, ClipRow)}
    pairs = ((clips[pair.clip_id], pair.text) for pair in read_table(directory / PAIRS, PairRow))
    return Counter((clip.video_id, clip.start_ms, clip.end_ms, text) for clip, text in pairs)


def pairs_of_lines(directory: Path) -> Held:
    lines = map(json.loads, (directory / LINES).read_text(encoding="utf-8").splitlines())
    return Counter((line["video_id"], line["start_ms"], line["end_ms"], line["text"]) for line in lines)


def pairs_of_shards(directory: Path) -> Held:
    """Pairs of the samples of which every picture can be decoded."""
    return Counter(_pairs_of_samples(ShardDataset(directory)))


def _pairs_of_samples(samples: ShardDataset) -> Iterator[tuple[str, int, int, str]]:
    for number in range(len(samples)):
        sample = samples[number]
        if len(decode(sample)):
            yield from ((sample.video, sample.start_ms, sample.end_ms, text["text"]) for text in sample.texts)


def pairs_of_layout(directory: Path) -> Held:
    """Pairs as `wenshi corpus build` would read the CNVid layout, which names a video by its id."""
    return Counter(
        (Path(row.uri).stem, start_ms, end_ms, text)
        for row in read_sources([directory], i_have_rights=True).rows
        for text, start_ms, end_ms in zip(row.captions, row.caption_starts_ms, row.caption_ends_ms, strict=True)
    )


READERS: dict[str, Callable[[Path], Held]] = {
    "jsonl": pairs_of_lines, "cnvid": pairs_of_layout, "webdataset": pairs_of_shards, "parquet": pairs_of_tables
}


def page_faults(page: Path, profile: Path) -> int:
    """What is wrong with the report: addresses outside the file, and in Chromium errors, broken pictures, what is fetched."""
    text = page.read_text(encoding="utf-8")
    outside = _ELSEWHERE.findall(text)
    pictures = text.count("data:image/jpeg")
    print(f"report: {len(text) >> 10} Ki characters, {pictures} pictures, {len(outside)} addresses outside it")
    program = find_chromium()
    if program is None:
        print("  it was not opened: Chromium is not installed")
        return len(outside)
    browser = Browser(program, profile)
    try:
        opened = browser.open()
        opened.go(page.absolute().as_uri(), until="h1")
        faults = [int(opened.run(script)) for script in (_BROKEN_PICTURES, _FETCHED, _TOO_WIDE)]
        print(f"  in Chromium: {faults[0]} broken pictures, {faults[1]} things fetched, {faults[2]} wider than the window, "
              f"{len(browser.said)} errors")
        return len(outside) + sum(faults) + len(browser.said)
    finally:
        browser.close()


def filtered(corpus: Path, costs: Sequence[StageRow]) -> int:
    """Decide again at another threshold: how many libraries of models it loads, and results of stages it changes."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        pairs, loaded = pool.apply(_filter, (corpus,))
    changed = sum((Counter(read_measured(corpus, StageRow)) - Counter(costs)).values())
    print(f"the best {_KEEP_SHARE:.0%} by stored scores: {pairs} pairs; libraries of models loaded: "
          f"{', '.join(loaded) or 'none'}; {changed} results of stages are others")
    return len(loaded) + changed


def _filter(corpus: Path) -> tuple[int, list[str]]:
    """Runs in a process that has loaded none."""
    from serving.cli.main import app

    before = {*sys.modules}
    with contextlib.redirect_stdout(io.StringIO()) as said, contextlib.redirect_stderr(io.StringIO()):
        app(["corpus", "filter", str(corpus), "--set", f"keep_share={_KEEP_SHARE}", "--json"], standalone_mode=False)
    loaded = {"torch", "transformers", "onnxruntime", "rapidocr"} & (sys.modules.keys() - before)
    return int(json.loads(said.getvalue())["pairs"]), sorted(loaded)


if __name__ == "__main__":
    sys.exit(main())
