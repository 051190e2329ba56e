"""What a corpus is built with: every setting, its meaning and its default; kept in `corpus.json`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import Field

from data_pipeline.corpus.about import CORPUS, read_about
from data_pipeline.corpus.errors import CorpusError
from data_pipeline.corpus.files import write_json
from data_pipeline.pairs.settings import PairSettings
from data_pipeline.selection.settings import SelectionSettings
from retrieval.errors import InputError
from retrieval.settings import Section, read_yaml, settings_of

_SETTINGS = "settings"


class Limits(Section):
    """What a video may cost before it is given up: seconds without a sign of progress, seconds in all, and memory above
    what a worker holds once its models are loaded."""

    stall_seconds: float = Field(default=180.0, gt=0)
    total_seconds: float = Field(default=7200.0, gt=0)
    memory_gib: float = Field(default=2.0, gt=0)

    @property
    def memory_bytes(self) -> int:
        return int(self.memory_gib * 2**30)


class Look(Section):
    """How often a long shot gets another keyframe, and the longest side of the small pictures that are kept."""

    keyframe_every_ms: int = Field(default=4_000, ge=100)
    picture_side: int = Field(default=288, ge=16)


class ScreenText(Section):
    """Who reads on-screen text; engine: None = nobody. models: a folder, where the engine wants one."""

    engine: str | None = "rapidocr"
    models: str | None = None


class Speech(Section):
    """Who writes down speech; engine: None = nobody. voice: whether voice is looked for; tagger: a folder of an audio
    tagger, None = music and singing are not told apart from speech."""

    engine: str | None = None
    model: str | None = None
    language: str = "zh"
    voice: bool = True
    tagger: str | None = None


class Relevance(Section):
    """Which model says how well a text fits the pictures; None = none, and no pair has a score."""

    model: str | None = None


class BuildSettings(Section):
    """Settings of one build. videos_per_shard: of new shards; None = 200, fewer for a small corpus. threads: of each worker.

    No stage depends on `selection`: it is applied to what the stages gave.
    """

    look: Look = Look()
    screen_text: ScreenText = ScreenText()
    speech: Speech = Speech()
    relevance: Relevance = Relevance()
    pairs: PairSettings = PairSettings()
    selection: SelectionSettings = SelectionSettings()
    limits: Limits = Limits()
    videos_per_shard: int | None = Field(default=None, ge=1, le=100_000)
    threads: int = Field(default=1, ge=1)


def read_settings(file: Path | None, *, overrides: Iterable[str] = ()) -> BuildSettings:
    """The settings in a YAML file (None = the defaults) with `a.b=value` overrides on top. Raises InputError."""
    content = {} if file is None else read_yaml(file, what="settings file") or {}
    source = "the settings" if file is None else file.name
    if not isinstance(content, dict):
        raise InputError(f"{source} holds no settings: it must be a mapping, such as `speech:` and `relevance:`.")
    return settings_of(BuildSettings, content, overrides=overrides, source=source)


def overridden(settings: BuildSettings, overrides: Iterable[str]) -> BuildSettings:
    """Settings with `a.b=value` overrides on top. Raises InputError."""
    return settings_of(BuildSettings, settings.model_dump(mode="json"), overrides=overrides, source="the settings")


def with_selection(saved: BuildSettings, asked: BuildSettings) -> BuildSettings:
    """The saved settings with the selection that is asked for, where one is.

    Raises InputError when `asked` says anything else that is not as saved: that would have to be measured.
    """
    if others := list(_others(saved, asked)):
        raise InputError(
            f"{', '.join(others)} cannot be changed by a filter, for it measures nothing: give wenshi corpus build that setting; "
            f"a filter may change selection.* ({', '.join(SelectionSettings.model_fields)})."
        )
    return saved.model_copy(update={"selection": asked.selection}) if "selection" in asked.model_fields_set else saved


def _others(saved: Section, asked: Section, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Names of settings outside the selection that are said, and are not as saved."""
    for name in sorted(asked.model_fields_set - {"selection"}):
        before, now = getattr(saved, name), getattr(asked, name)
        if isinstance(now, Section):
            yield from _others(before, now, (*path, name))
        elif before != now:
            yield ".".join((*path, name))


def save_settings(directory: Path, settings: BuildSettings) -> None:
    """Keep the settings in a corpus, beside what else stands there. Raises CorpusError (write, unreadable)."""
    about = read_about(directory)
    if about.get(_SETTINGS) != (values := settings.model_dump(mode="json")):
        write_json(directory / CORPUS, {**about, _SETTINGS: values})


def saved_settings(directory: Path) -> BuildSettings:
    """The settings that a corpus was last built with. Raises CorpusError (unreadable), InputError for unknown ones."""
    about = read_about(directory)
    if _SETTINGS not in about:
        raise CorpusError("unreadable", f"There is no corpus in {directory}: build one there first.")
    return settings_of(BuildSettings, about[_SETTINGS], source=str(directory / CORPUS))
