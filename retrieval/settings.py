"""Settings that people write: sections without unknown names, `a.b=value` on top, one sentence for what is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, RootModel, ValidationError

from retrieval.errors import InputError


class Section(BaseModel):
    """A part of the settings: frozen, and an unknown name is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


Settings = TypeVar("Settings", bound=BaseModel)
Override = str | tuple[str, Any]        # a pair is for programs: what a person named, such as a path, is no YAML


def read_yaml(path: Path, *, what: str) -> Any:
    """What a YAML file says; `what` names it in an error, such as "recipe". Raises InputError."""
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"The {what} {path} cannot be read ({error.strerror or error}): check the path.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not YAML ({_line(error)}): correct it there.") from error


def settings_of(
    kind: type[Settings], content: Mapping[str, Any], *, overrides: Iterable[Override] = (), source: str
) -> Settings:
    """Settings of a kind from plain values, with overrides on top: `a.b=value`, the value read as YAML, or (`a.b`, value).

    source: what an error calls the values. Raises InputError: an unknown name (with the nearest known one), an unfit value.
    """
    values = dict(content)
    for override in overrides:
        values = _set(values, override)
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise InputError(f"{source}: {_explained(error, kind)}") from error


def _set(content: dict[str, Any], override: Override) -> dict[str, Any]:
    if not isinstance(override, str):
        return _replaced(content, override[0].split("."), override[1], override[0])
    path, sign, text = override.partition("=")
    names = path.strip().split(".")
    if not sign or not all(names):
        raise InputError(f"--set {override} cannot be used: write it as section.setting=value.")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError(f"--set {override} cannot be used: its value is not YAML ({_line(error)}).") from error
    return _replaced(content, names, value, override)


def _replaced(content: Any, names: list[str], value: Any, override: str) -> dict[str, Any]:
    if content is None:
        content = {}
    if not isinstance(content, dict):
        raise InputError(f"--set {override} cannot be used: what stands before {names[0]} is a value, not a section.")
    rest = names[1:]
    return {**content, names[0]: _replaced(content.get(names[0]), rest, value, override) if rest else value}


def _explained(error: ValidationError, kind: type[BaseModel]) -> str:
    first = error.errors()[0]
    path = [part for part in first["loc"] if isinstance(part, str)]
    where = ".".join(path)
    if first["type"] == "extra_forbidden":
        known = _names_at(path[:-1], kind)
        near = get_close_matches(path[-1], known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}."
        return f"{where} is not a setting; {hint}"
    if first["type"] == "missing":
        return f"{where} is missing: add it."
    reason = first["msg"].removeprefix("Value error, ").replace("Input should", "it should")
    if first["type"] == "model_type":
        reason = f"it must be a section with {', '.join(_names_at(path, kind))}"
    shown = first["input"]
    value = f" is {shown!r}" if isinstance(shown, str | int | float | bool | None) else ""
    return f"{where}{value}: {reason}." if where else f"{reason}."


def _names_at(path: list[str], section: type[BaseModel]) -> list[str]:
    for name in path:
        section = _section_of(section.model_fields[name].annotation) or section
    return list(section.model_fields)


def _section_of(annotation: Any) -> type[BaseModel] | None:
    """The section inside an annotation such as `Section | None` or Staged[Section]."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel) and not issubclass(annotation, RootModel):
        return annotation
    inner = getattr(annotation, "__pydantic_generic_metadata__", {}).get("args") or get_args(annotation)
    return next((found for part in inner if (found := _section_of(part))), None)


def _line(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    return f"line {mark.line + 1}" if mark is not None else str(error).splitlines()[0]
