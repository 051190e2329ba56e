"""Scenes to video files, one or many, always the same files from the same scenes."""

from __future__ import annotations

import hashlib
import json
import logging
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import av
from PIL import Image

from data_pipeline.fonts import FONT_VARIABLE, find_cjk_font
from data_pipeline.miniature.drafts import draft_of, sweep_drafts
from data_pipeline.miniature.encode import write_clip
from data_pipeline.miniature.lettering import draw_caption, drawable_part
from data_pipeline.miniature.picture import check_scene, draw_shot
from data_pipeline.miniature.scenes import SCENES
from data_pipeline.miniature.spec import Line, SceneSpec, Shot
from data_pipeline.miniature.subtitles import srt
from retrieval.errors import InputError, VideoError
from retrieval.video.container import open_media

MANIFEST = "manifest.jsonl"
# Sources of this package that a picture or a file follows from; scenes, captions and queries are not among them.
DRAWING_SOURCES = (
    "backgrounds.py", "colours.py", "encode.py", "lettering.py", "motions.py", "pen.py", "picture.py",
    "places_built.py", "places_open.py", "relations.py", "render.py", "spec.py", "sprites.py", "subtitles.py",
    "things",
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class RenderedClip:
    """A scene on disk. `drawn_text` is what of its on-screen text is really in the picture."""

    path: Path
    spec: SceneSpec
    drawn_text: tuple[Line, ...]
    sidecar: Path | None = None
    rendered: bool = True           # False: the file was there already

    @property
    def text_left_out(self) -> bool:
        """True when some on-screen text could not be drawn because the machine has no Chinese font."""
        return self.drawn_text != self.spec.on_screen


@dataclass(frozen=True, kw_only=True)
class _Look:
    """What a clip depends on besides its scene."""

    width: int
    height: int
    frames_per_second: int
    font: Path | None


def render(
    spec: SceneSpec, directory: Path, *, width: int = 320, height: int = 180, frames_per_second: int = 12
) -> RenderedClip:
    """Draw one scene into `directory`, or find it there already.

    The file appears under its name only when it is complete. Without a Chinese font only the Latin part of on-screen
    text is drawn, see RenderedClip. Raises InputError: an unknown thing, colour, size, motion or background, a picture
    size that is odd or tiny, a directory that cannot be written.
    """
    look = _checked_look(width, height, frames_per_second, find_cjk_font())
    check_scene(spec)
    _make_directory(directory)
    return _note_left_out([_render(spec, directory, look)])[0]


def render_all(
    directory: Path, *, specs: Sequence[SceneSpec] = SCENES, workers: int = 2, width: int = 320, height: int = 180,
    frames_per_second: int = 12, progress: Callable[[int, int], None] | None = None,
) -> list[RenderedClip]:
    """Draw scenes into `directory` in several processes, and write a manifest that `wenshi add --manifest` reads.

    Returns the clips in the order of `specs`; what is there already, drawn from the same data, is kept. `progress` is
    called with the number of finished clips and of all. Raises InputError as `render` does, before anything is drawn.
    Processes are spawned: a script that calls this needs the usual `if __name__ == "__main__":`.
    """
    look = _checked_look(width, height, frames_per_second, find_cjk_font())
    _check_names(specs)
    for spec in specs:
        check_scene(spec)
    _make_directory(directory)
    sweep_drafts(directory)
    tell = progress or (lambda done, total: None)
    if min(workers, len(specs)) <= 1:
        clips = _one_by_one(specs, directory, look, tell)
    else:
        clips = _in_processes(specs, directory, look, workers, tell)
    _write_whole(directory / MANIFEST, "".join(_manifest_row(spec) for spec in specs))
    return _note_left_out(clips)


def draw_frame(spec: SceneSpec, time_ms: float, *, width: int, height: int) -> Image.Image:
    """Draw what a rendered clip of a scene shows at a time, before compression, as an RGB picture of width x height.

    time_ms: from 0 to the clip's end. Raises InputError: as `render` does, and for a time outside the clip.
    """
    if not 0 <= time_ms <= spec.duration_ms:
        raise InputError(f"The scene {spec.name} has no picture at {time_ms:g} ms: use 0 to {spec.duration_ms}.")
    check_scene(spec)
    font = _usual_font(os.environ.get(FONT_VARIABLE)) if spec.on_screen else None
    drawn = _drawn_text(spec, font)
    return _picture_at(spec, time_ms, width=width, height=height, drawn=drawn, font=font)


def content_hash(spec: SceneSpec, *, width: int, height: int, frames_per_second: int, font: Path | None) -> str:
    """Hex digest of all that a clip follows from: the scene, the picture's shape, the font, and the drawing code."""
    facts = [asdict(spec), width, height, frames_per_second, font.name if font else None, drawing_code()]
    return hashlib.sha256(json.dumps(facts, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


def _one_by_one(
    specs: Sequence[SceneSpec], directory: Path, look: _Look, tell: Callable[[int, int], None]
) -> list[RenderedClip]:
    clips = []
    for done, spec in enumerate(specs, start=1):
        clips.append(_render(spec, directory, look))
        tell(done, len(specs))
    return clips


def _in_processes(
    specs: Sequence[SceneSpec], directory: Path, look: _Look, workers: int, tell: Callable[[int, int], None]
) -> list[RenderedClip]:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(specs)), mp_context=context) as pool:
        jobs = [pool.submit(_render, spec, directory, look) for spec in specs]
        try:
            for done, job in enumerate(as_completed(jobs), start=1):
                job.result()
                tell(done, len(specs))
        except BrokenProcessPool as error:
            raise InputError(
                "A process that draws clips ended early: free some memory, render with workers=1, and call render_all"
                ' from under `if __name__ == "__main__":`.'
            ) from error
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return [job.result() for job in jobs]


def _render(spec: SceneSpec, directory: Path, look: _Look) -> RenderedClip:
    path = directory / spec.file_name
    sidecar = path.with_suffix(".srt") if spec.sidecar and spec.spoken else None
    drawn = _drawn_text(spec, look.font)
    digest = content_hash(spec, **vars(look))
    there = _is_rendered(path, digest)
    try:
        if sidecar:
            _write_whole(sidecar, srt(spec.spoken))
        if not there:
            _write_video(spec, path, look, drawn, digest)
    except (OSError, av.FFmpegError) as error:
        raise InputError(
            f"The clip {path} cannot be written ({error}): choose a directory with room that you may write to."
        ) from error
    return RenderedClip(path=path, spec=spec, drawn_text=drawn, sidecar=sidecar, rendered=not there)


def _write_video(spec: SceneSpec, path: Path, look: _Look, drawn: tuple[Line, ...], digest: str) -> None:
    unfinished = draft_of(path)
    try:
        write_clip(
            unfinished, _pictures(spec, look, drawn), container=spec.container, width=look.width, height=look.height,
            frames_per_second=look.frames_per_second, subtitles=() if spec.sidecar else spec.spoken, comment=digest,
        )
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _pictures(spec: SceneSpec, look: _Look, drawn: tuple[Line, ...]) -> Iterator[Image.Image]:
    for index in range(round(spec.duration_ms * look.frames_per_second / 1000)):
        time_ms = index * 1000 / look.frames_per_second
        yield _picture_at(spec, time_ms, width=look.width, height=look.height, drawn=drawn, font=look.font)


def _picture_at(
    spec: SceneSpec, time_ms: float, *, width: int, height: int, drawn: tuple[Line, ...], font: Path | None
) -> Image.Image:
    shot, begin_ms = _shot_at(spec, time_ms)
    picture = draw_shot(shot, seconds=(time_ms - begin_ms) / 1000, width=width, height=height)
    for start_ms, end_ms, text in drawn:
        if start_ms <= time_ms < end_ms:
            draw_caption(picture, text, font=font)
    return picture


@lru_cache(maxsize=4)
def _usual_font(named: str | None) -> Path | None:
    """The search for a font asks another program, too slow for every picture; `named` is the variable it follows."""
    return find_cjk_font()


def _shot_at(spec: SceneSpec, time_ms: float) -> tuple[Shot, int]:
    """The shot that is seen at a time, and when it began."""
    begins = (0, *spec.cuts_ms)
    number = max(k for k, begin in enumerate(begins) if begin <= time_ms + 1e-6)
    return spec.shots[number], begins[number]


def _drawn_text(spec: SceneSpec, font: Path | None) -> tuple[Line, ...]:
    parts = ((start, end, drawable_part(text, font=font)) for start, end, text in spec.on_screen)
    return tuple(line for line in parts if line[2])


def _is_rendered(path: Path, digest: str) -> bool:
    """A finished clip carries the hash of what it was drawn from; anything unreadable is drawn again."""
    if not path.is_file():
        return False
    try:
        with open_media(path) as clip:
            return digest in clip.metadata.values()
    except VideoError:
        return False


@lru_cache(maxsize=1)
def drawing_code() -> str:
    """Hash of the sources that draw, so that a change of the drawing is never hidden by clips drawn before it."""
    here = Path(__file__).parent
    chosen = [here / name for name in DRAWING_SOURCES]
    sources = [file for path in chosen for file in (sorted(path.rglob("*.py")) if path.is_dir() else [path])]
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()


def _manifest_row(spec: SceneSpec) -> str:
    row = {"file": spec.file_name, "title": spec.title, "tags": list(spec.tags), "caption": spec.caption}
    if spec.date:
        row["date"] = spec.date
    return json.dumps(row, ensure_ascii=False) + "\n"


def _write_whole(path: Path, text: str) -> None:
    """Write a text file so that it is either the old one or the complete new one; left alone when it says the same."""
    if path.is_file() and path.read_bytes() == text.encode():
        return
    unfinished = draft_of(path)
    unfinished.write_text(text, encoding="utf-8", newline="\n")
    unfinished.replace(path)


def _make_directory(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"The directory {directory} cannot be made ({error.strerror}): choose another one for the clips."
        ) from error


def _checked_look(width: int, height: int, frames_per_second: int, font: Path | None) -> _Look:
    if width % 2 or height % 2 or min(width, height) < 64:
        raise InputError(f"A picture of {width} x {height} cannot be encoded: give two even numbers of at least 64.")
    if not 1 <= frames_per_second <= 120:
        raise InputError(f"{frames_per_second} frames a second cannot be drawn: give a number from 1 to 120.")
    return _Look(width=width, height=height, frames_per_second=frames_per_second, font=font)


def _check_names(specs: Sequence[SceneSpec]) -> None:
    stems = [spec.name for spec in specs]
    twice = sorted({stem for stem in stems if stems.count(stem) > 1})
    if twice:
        raise InputError(f"Two scenes are named {twice[0]!r}: give every scene its own name, it is the file's name.")


def _note_left_out(clips: list[RenderedClip]) -> list[RenderedClip]:
    if any(clip.text_left_out for clip in clips):
        _log.info(
            "No Chinese font was found, so on-screen text was drawn in Latin letters only: install one"
            " (Debian: fonts-wqy-microhei) or name a font file in WENSHI_FONT."
        )
    return clips
