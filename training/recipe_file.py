"""Recipes from YAML files: overrides, near-name hints, one sentence for what is wrong, and what two of them differ in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import ValidationError

from retrieval.errors import InputError
from training.recipe import Recipe, Section

# What changes no number of a run may be changed between a stop and a resume.
_FREE = ("data.workers", "checkpoint.every", "checkpoint.keep", "log.every")


def packaged_recipe(name: str) -> Path:
    """The file of a recipe that comes with Wenshi, such as `miniature`. Raises InputError with the known names."""
    folder = Path(__file__).parent / "recipes"
    known = sorted(path.stem for path in folder.glob("*.yaml"))
    if name not in known:
        raise InputError(f"There is no recipe {name!r}: give the path of a YAML file, or one of {', '.join(known)}.")
    return folder / f"{name}.yaml"


def read_recipe(path: Path, *, overrides: Iterable[str] = ()) -> Recipe:
    """The recipe in a YAML file with `a.b=value` overrides on top, their values read as YAML.

    path: a bare name means the recipe of that name that comes with Wenshi, unless there is such a file. Raises InputError:
    a file that cannot be read, an unknown setting (with the nearest known name), an unfit value.
    """
    if not path.suffix and path.name == str(path) and not path.exists():
        path = packaged_recipe(path.name)
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"The recipe {path} cannot be read ({error.strerror or error}): check the path.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not YAML ({_line(error)}): correct it there.") from error
    return recipe_of(content, overrides=overrides, source=path.name)


def recipe_of(content: Any, *, overrides: Iterable[str] = (), source: str = "recipe") -> Recipe:
    """The recipe in plain values; `source` is what an error calls them. Raises InputError."""
    if not isinstance(content, dict):
        raise InputError(f"{source} is no recipe: it must be a mapping of settings, such as `model:` and `data:`.")
    for override in overrides:
        content = _set(content, override)
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        raise InputError(f"{source}: {_explained(error)}") from error


def recipe_text(recipe: Recipe) -> str:
    """The full resolved recipe as YAML."""
    return yaml.safe_dump(plain(recipe), allow_unicode=True, sort_keys=False)


def plain(recipe: Recipe) -> dict[str, Any]:
    """The full resolved recipe as mappings, lists, strings and numbers."""
    return recipe.model_dump(mode="json")


def differing_settings(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Names of the settings that differ between two plain recipes and change what a run computes, such as `batch.size`."""
    a, b = dict(_flat(one)), dict(_flat(other))
    return sorted(name for name in {*a, *b} - {*_FREE} if a.get(name) != b.get(name))


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _set(content: dict[str, Any], override: str) -> dict[str, Any]:
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


def _explained(error: ValidationError) -> str:
    first = error.errors()[0]
    path = [part for part in first["loc"] if isinstance(part, str)]
    where = ".".join(path)
    if first["type"] == "extra_forbidden":
        known = _names_at(path[:-1])
        near = get_close_matches(path[-1], known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}."
        return f"{where} is not a setting; {hint}"
    if first["type"] == "missing":
        return f"{where} is missing: add it."
    reason = first["msg"].removeprefix("Value error, ").replace("Input should", "it should")
    if first["type"] == "model_type":
        reason = f"it must be a section with {', '.join(_names_at(path))}"
    shown = first["input"]
    value = f" is {shown!r}" if isinstance(shown, str | int | float | bool | None) else ""
    return f"{where}{value}: {reason}." if where else f"{reason}."


def _names_at(path: list[str]) -> list[str]:
    section: type[Section] = Recipe
    for name in path:
        section = _section_of(section.model_fields[name].annotation) or section
    return list(section.model_fields)


def _section_of(annotation: Any) -> type[Section] | None:
    """The section inside an annotation such as `Section | None` or Staged[Section]."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    inner = getattr(annotation, "__pydantic_generic_metadata__", {}).get("args") or get_args(annotation)
    return next((found for part in inner if (found := _section_of(part))), None)


def _line(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    return f"line {mark.line + 1}" if mark is not None else str(error).splitlines()[0]
