"""One export from tables to a directory, known to its corpus so that a removal reaches it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from data_pipeline.corpus.about import read_about
from data_pipeline.corpus.errors import CorpusError
from data_pipeline.corpus.files import LOCK, disk_errors, empty, only_writer, whole_file, write_json
from data_pipeline.corpus.line_log import append_line, read_lines
from data_pipeline.corpus.renewing import unfinished_directory
from data_pipeline.corpus.shard_list import RowFailure
from data_pipeline.corpus.shard_removal import remove_videos
from data_pipeline.corpus.video_clips import VideoClip
from data_pipeline.export.card import CARD, content_sha256, dataset_card
from data_pipeline.export.chosen import Chosen, Held, choose
from data_pipeline.export.cnvid import Placing, forget_entries, write_layout
from data_pipeline.export.frames import FrameOptions, clips_of, write_frames
from data_pipeline.export.lines import forget_lines, write_lines
from data_pipeline.export.parquet import forget_rows, write_tables
from data_pipeline.selection.removed import read_removed
from retrieval.disk import replace_directory, settle_directory
from retrieval.errors import InputError

Form = Literal["jsonl", "cnvid", "webdataset", "parquet"]
FORMS: tuple[Form, ...] = ("jsonl", "cnvid", "webdataset", "parquet")
EXPORTS, ABOUT, HELD = "exports.jsonl", "export.json", "held.jsonl"
_BEFORE_ABOUT = frozenset({LOCK, HELD, f".{HELD}.part", f".{ABOUT}.part"})
_FORGET: dict[str, Callable[[Path, Collection[str]], None]] = {
    "jsonl": forget_lines, "cnvid": forget_entries, "parquet": forget_rows
}


@dataclass(frozen=True, kw_only=True)
class ExportSettings:
    """What an export is made of. license_filter, split: None = all. placing: of video files, in the CNVid layout."""

    form: Form
    license_filter: str | None = None
    split: str | None = None
    frames: FrameOptions = field(default_factory=FrameOptions)
    placing: Placing = "none"


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What an export holds now; failures: clips whose frames could not be made."""

    directory: Path
    videos: int
    clips: int
    pairs: int
    sha256: str
    failures: tuple[RowFailure, ...] = ()


def export_corpus(
    corpus: Path, directory: Path, settings: ExportSettings, *, workers: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Exported:
    """Write the finished pairs of a corpus into `directory`, with a card; an earlier export there is replaced.

    The corpus knows of the export before anything of it is on the disk, and what is removed from the corpus meanwhile goes
    from the export before this returns. Raises InputError when `directory` holds something else, or nothing passes the
    filters; CorpusError (busy, write, unreadable).
    """
    directory = directory.absolute()
    held, failures = _export(corpus, directory, settings, workers, progress)
    if gone := {one.video_id for one in held} & read_removed(corpus).videos:
        remove_from_export(directory, gone, corpus=corpus)
        held = read_held(directory)
    return _exported(directory, held, failures=failures)


def _export(
    corpus: Path, directory: Path, settings: ExportSettings, workers: int, progress: Callable[[int, int], None]
) -> tuple[list[Held], tuple[RowFailure, ...]]:
    chosen = choose(corpus, license_filter=settings.license_filter, split=settings.split)
    _check_place(directory, settings)
    append_line(corpus / EXPORTS, {"directory": str(directory)})
    held, unfinished = chosen.held(), unfinished_directory(directory)
    if settings.form == "webdataset":
        _empty_unless_frames(unfinished)
        shards = write_frames(
            chosen, directory, options=settings.frames, workers=workers, progress=progress,
            prepare=lambda place: _describe(place, held, settings, corpus=corpus, name=directory.name),
        )
        return held, shards.failures
    with only_writer(unfinished):
        empty(unfinished)      # an ended run may have left what these filters do not let through
        _describe(unfinished, held, settings, corpus=corpus, name=directory.name)
        _write(chosen, unfinished, settings)
        replace_directory(unfinished, directory)
    return held, ()


def exports_of(corpus: Path) -> list[Path]:
    """The directories of all exports that were ever begun from a corpus, each once. Raises CorpusError (unreadable)."""
    return list(dict.fromkeys(Path(line["directory"]) for line in read_lines(corpus / EXPORTS)))


def outdated_exports(corpus: Path) -> list[Path]:
    """The exports that are where they were written and hold other pairs than the corpus would give them now.

    Raises CorpusError (unreadable).
    """
    there = [directory for directory in exports_of(corpus) if (directory / ABOUT).exists()]
    return [directory for directory in there if read_held(directory) != _would_hold(corpus, read_settings(directory))]


def _would_hold(corpus: Path, settings: ExportSettings) -> list[Held]:
    try:
        return choose(corpus, license_filter=settings.license_filter, split=settings.split).held()
    except InputError:          # nothing passes the filters any more
        return []


def reach_export(directory: Path) -> bool:
    """Clear away what an ended run left beside an export, and tell whether there is one.

    Nothing is written where there is neither: a disk that is not mounted may not take it.
    Raises CorpusError: write; busy while it is being written.
    """
    with disk_errors(directory):
        if not directory.is_dir() and not unfinished_directory(directory).is_dir():
            return False
        with _no_export_into(directory):
            settle_directory(directory)
        return _holds_something(directory)


def remove_from_export(directory: Path, video_ids: Collection[str], *, corpus: Path) -> bool:
    """Take videos out of an export and write its card again; whether it held any.

    The corpus itself need not be without them yet. Raises CorpusError: busy, write, unreadable.
    """
    with _no_export_into(directory):
        settings, held = read_settings(directory), read_held(directory)
        left = [one for one in held if one.video_id not in video_ids]
        if settings.form == "webdataset":
            remove_videos(directory, video_ids, remaining=_remaining(corpus, settings, without=video_ids))
        else:
            with only_writer(directory):
                _FORGET[settings.form](directory, video_ids)
        _describe(directory, left, settings, corpus=corpus, name=directory.name)
    return len(left) < len(held)


@contextmanager
def _no_export_into(directory: Path) -> Iterator[None]:
    """Keep the runs out that would put another export in the place of this one; what they left goes with the block.

    Raises CorpusError: write; busy while there is one.
    """
    unfinished = unfinished_directory(directory)
    with only_writer(unfinished):
        try:
            yield
        finally:
            with disk_errors(unfinished):
                shutil.rmtree(unfinished)


def _holds_something(directory: Path) -> bool:
    """Whether more is there than an export of frames writes before it says that it is one."""
    return directory.is_dir() and any(path.name not in _BEFORE_ABOUT for path in directory.iterdir())


def read_settings(directory: Path) -> ExportSettings:
    """How an export was made. Raises CorpusError (unreadable) when there is none."""
    try:
        data = json.loads((directory / ABOUT).read_text(encoding="utf-8"))["settings"]
        return ExportSettings(**{**data, "frames": FrameOptions(**data["frames"])})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorpusError("unreadable", f"{directory} holds no export that can be read ({error}).") from error


def read_held(directory: Path) -> list[Held]:
    """What an export holds, video by video. Raises CorpusError (unreadable)."""
    return [Held(**line) for line in read_lines(directory / HELD)]


def _remaining(corpus: Path, settings: ExportSettings, *, without: Collection[str]) -> Iterable[VideoClip]:
    try:
        chosen = choose(corpus, license_filter=settings.license_filter, split=settings.split)
    except InputError:          # the last video was taken out
        return ()
    return (clip for clip in clips_of(chosen, settings.frames) if clip.video not in without)


def _check_place(directory: Path, settings: ExportSettings) -> None:
    about = directory / ABOUT
    if not directory.parent.is_dir():
        raise InputError(f"There is no folder {directory.parent} to export into: make it first.")
    if about.exists():
        form = read_settings(directory).form
        if form != settings.form:
            raise InputError(f"{directory} holds an export as {form}: choose another directory for one as {settings.form}.")
    elif directory.exists() and (not directory.is_dir() or _holds_something(directory)):
        raise InputError(f"{directory} is there already and is no export: choose another directory.")


def _empty_unless_frames(unfinished: Path) -> None:
    """Frames go on with what an ended run of theirs left; what one in another form left is none of their files."""
    if not unfinished.exists():
        return
    with only_writer(unfinished):
        try:
            form = read_settings(unfinished).form
        except CorpusError:     # it was ended before it said, or while it was emptied
            form = None
        if form != "webdataset":
            empty(unfinished)


def _write(chosen: Chosen, directory: Path, settings: ExportSettings) -> None:
    if settings.form == "jsonl":
        write_lines(chosen, directory)
    elif settings.form == "cnvid":
        write_layout(chosen, directory, placing=settings.placing)
    else:
        write_tables(chosen, directory)


def _describe(directory: Path, held: list[Held], settings: ExportSettings, *, corpus: Path, name: str) -> None:
    """Write what the export holds, how it was made, and its card."""
    with whole_file(directory / HELD) as file:
        for one in held:
            file.write((json.dumps(asdict(one), ensure_ascii=False, sort_keys=True) + "\n").encode())
    write_json(directory / ABOUT, {"settings": asdict(settings), "videos": len(held), "sha256": content_sha256(held)})
    with whole_file(directory / CARD) as file:
        file.write(_card(held, settings, corpus=corpus, name=name).encode())


def _exported(directory: Path, held: list[Held], *, failures: tuple[RowFailure, ...] = ()) -> Exported:
    return Exported(
        directory=directory, videos=len(held), clips=sum(one.clips for one in held), pairs=sum(one.pairs for one in held),
        sha256=content_sha256(held), failures=failures,
    )


def _card(held: list[Held], settings: ExportSettings, *, corpus: Path, name: str) -> str:
    about = read_about(corpus)
    return dataset_card(
        held, name=name, form=settings.form, license_filter=settings.license_filter, split=settings.split,
        settings={key: value for key, value in about.items() if key != "salt"},
    )


def corpus_card(corpus: Path) -> str:
    """The card of a whole corpus. Raises CorpusError (unreadable), InputError when it holds nothing."""
    return _card(choose(corpus).held(), ExportSettings(form="parquet"), corpus=corpus, name=corpus.absolute().name)
