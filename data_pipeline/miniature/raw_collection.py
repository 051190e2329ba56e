"""The miniature world as an untidy collection of files, with the truth beside it: what a filter is measured on.

    python -m data_pipeline.miniature.raw_collection DIRECTORY [--videos 2000] [--seed 0] [--dirt 0.5] [--workers 2]

Writes MP4 files with sound, an .srt transcript beside those in which somebody speaks or sings, `manifest.jsonl` as an
owner would give it, and `labels.jsonl` with the truth of each file. A second call goes on where the first was ended.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import av
import numpy as np
from PIL import Image

from data_pipeline.corpus.files import disk_errors, whole_file
from data_pipeline.corpus.processes import Processes
from data_pipeline.fonts import find_cjk_font
from data_pipeline.miniature.burnt_in import burn_in
from data_pipeline.miniature.drafts import draft_of, sweep_drafts
from data_pipeline.miniature.encode import write_clip
from data_pipeline.miniature.raw_plan import RawVideo, raw_video
from data_pipeline.miniature.render import _is_rendered, content_hash, draw_frame
from data_pipeline.miniature.sounds import RATE, sound
from data_pipeline.miniature.soundtrack import with_sound
from data_pipeline.miniature.subtitles import srt
from data_pipeline.miniature.world import generate
from data_pipeline.miniature.world.held_out import Split
from retrieval.errors import InputError

MANIFEST, LABELS, VIDEOS = "manifest.jsonl", "labels.jsonl", "videos"
_SOURCES = ("burnt_in.py", "raw_collection.py", "raw_plan.py", "sounds.py", "soundtrack.py")


@dataclass(frozen=True, kw_only=True)
class Collection:
    """What was written. drawn: how many files this call drew; the others were there."""

    manifest: Path
    labels: Path
    videos: int
    drawn: int


@dataclass(frozen=True, kw_only=True)
class _Drawing:
    """Work for one process: a file and how it is to look."""

    video: RawVideo
    folder: Path
    height: int
    frames_per_second: int
    font: Path | None

    @property
    def width(self) -> int:
        return round(self.height * 16 / 9 / 2) * 2

    @property
    def path(self) -> Path:
        return self.folder / self.video.spec.file_name

    @property
    def shows_lines(self) -> bool:
        """Whether subtitles are drawn: without a Chinese font none can be."""
        return self.video.burnt_in and self.font is not None


def write_collection(
    directory: Path, *, videos: int = 2000, seed: int = 0, split: Split = "train", dirt: float = 0.5, side: int = 128,
    frames_per_second: int = 8, workers: int = 2, progress: Callable[[int, int], None] = lambda done, total: None,
) -> Collection:
    """Draw a collection of `videos` clips of a split, `side` pixels high, a share `dirt` of them spoilt in a known way.

    The same arguments give the same files on the same machine. Without a Chinese font no subtitle is burnt in, and the
    labels say so. Raises InputError: impossible numbers, no processes; CorpusError (write).
    """
    if side % 2 or side < 64:
        raise InputError(f"A picture {side} pixels high cannot be encoded: give an even number of at least 64.")
    plans = [raw_video(clip) for clip in generate(videos, seed=seed, split=split, dirt=dirt)]
    folder, font = directory / VIDEOS, find_cjk_font()
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        sweep_drafts(folder)
    jobs = [
        _Drawing(video=plan, folder=folder, height=side, frames_per_second=frames_per_second, font=font) for plan in plans
    ]
    drawn = 0
    with Processes(workers) as processes:
        for done, fresh in enumerate(processes.map(_draw, jobs, crashed=_crashed), start=1):
            drawn += fresh
            progress(done, len(jobs))
    _write_lines(directory / MANIFEST, (_manifest_row(plan) for plan in plans))
    _write_lines(directory / LABELS, (_label(job) for job in jobs))
    return Collection(manifest=directory / MANIFEST, labels=directory / LABELS, videos=len(jobs), drawn=drawn)


def _draw(job: _Drawing) -> bool:
    """Draw a file and its transcript unless they are there; says whether it had to be drawn."""
    _write_transcript(job)
    digest = _digest(job)
    if _is_rendered(job.path, digest):
        return False
    silent, unfinished = draft_of(job.path, "silent"), draft_of(job.path)
    try:
        with disk_errors(job.path):
            write_clip(
                silent, _pictures(job), container="mp4", width=job.width, height=job.height,
                frames_per_second=job.frames_per_second,
            )  # fmt: skip
            with_sound(silent, unfinished, _samples(job.video), sample_rate=RATE, comment=digest)
            unfinished.replace(job.path)
    except av.FFmpegError as error:
        raise InputError(f"The clip {job.path} cannot be encoded ({error}): make room or choose another directory.") from error
    finally:
        silent.unlink(missing_ok=True)
        unfinished.unlink(missing_ok=True)
    return True


def _write_transcript(job: _Drawing) -> None:
    """The .srt file, and none where an earlier collection of other dirt had one."""
    path = job.path.with_suffix(".srt")
    if not job.video.cues:
        with disk_errors(path):
            path.unlink(missing_ok=True)
    elif not path.is_file() or path.read_bytes() != srt(job.video.cues).encode():
        _write_text(path, srt(job.video.cues))


def _pictures(job: _Drawing) -> Iterator[Image.Image]:
    spec = job.video.spec
    for index in range(round(spec.duration_ms * job.frames_per_second / 1000)):
        time_ms = index * 1000 / job.frames_per_second
        picture = draw_frame(spec, time_ms, width=job.width, height=job.height)
        for start_ms, end_ms, text in job.video.cues:
            if job.shows_lines and job.font is not None and start_ms <= time_ms < end_ms:
                burn_in(picture, text, font=job.font)
        yield picture


def _samples(video: RawVideo) -> np.ndarray | None:
    if video.sound is None:
        return None
    state = int.from_bytes(hashlib.sha256(video.spec.name.encode()).digest()[:8], "big")
    return sound(video.sound, milliseconds=video.spec.duration_ms, random=np.random.default_rng(state))


def _digest(job: _Drawing) -> str:
    """Of all that the file follows from."""
    look = content_hash(
        job.video.spec, width=job.width, height=job.height, frames_per_second=job.frames_per_second, font=job.font
    )
    facts = [look, job.video.cues, job.shows_lines, job.video.sound, _own_code()]
    return hashlib.sha256(json.dumps(facts, ensure_ascii=False).encode()).hexdigest()


@lru_cache(maxsize=1)
def _own_code() -> str:
    return hashlib.sha256(b"".join((Path(__file__).parent / name).read_bytes() for name in _SOURCES)).hexdigest()


def _crashed(job: _Drawing) -> bool:
    raise InputError(f"The process that draws {job.path} ended early: free some memory, then run this again.")


def _manifest_row(plan: RawVideo) -> dict[str, object]:
    return {
        "file": f"{VIDEOS}/{plan.spec.file_name}", "title": plan.title, "topics": list(plan.topics),
        "category": plan.category, "uploader": plan.uploader, "licence": plan.licence, "date": plan.spec.date,
    }  # fmt: skip


def _label(job: _Drawing) -> dict[str, object]:
    plan = job.video
    return {
        "file": f"{VIDEOS}/{plan.spec.file_name}", "clip": plan.spec.name, "dirt": plan.dirt, "true_clip": plan.true_clip,
        "duration_ms": plan.spec.duration_ms, "sound": plan.sound, "burnt_in": job.shows_lines, "bait": plan.bait,
        "texts": [asdict(text) for text in plan.texts],
    }  # fmt: skip


def _write_lines(path: Path, rows: Iterable[dict[str, object]]) -> None:
    _write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def _write_text(path: Path, text: str) -> None:
    with whole_file(path) as file:
        file.write(text.encode())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--videos", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--split", default="train")
    parser.add_argument("--dirt", type=float, default=0.5)
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    made = write_collection(**vars(options))
    print(f"{made.videos} videos, {made.drawn} of them drawn now: {made.manifest}, truth in {made.labels}")


if __name__ == "__main__":
    main()
