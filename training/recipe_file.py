"""Recipes from YAML files: overrides, near-name hints, one sentence for what is wrong, and what two of them differ in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from retrieval.errors import InputError
from retrieval.settings import Override, read_yaml, settings_of
from training.recipe import Recipe

# What changes no number of a run may be changed between a stop and a resume.
_FREE = ("data.workers", "data.keep_mb", "checkpoint.every", "checkpoint.keep", "log.every")


def packaged_recipe(name: str) -> Path:
    """The file of a recipe that comes with Wenshi, such as `miniature`. Raises InputError with the known names."""
    folder = Path(__file__).parent / "recipes"
    known = sorted(path.stem for path in folder.glob("*.yaml"))
    if name not in known:
        raise InputError(f"There is no recipe {name!r}: give the path of a YAML file, or one of {', '.join(known)}.")
    return folder / f"{name}.yaml"


def read_recipe(path: Path, *, overrides: Iterable[Override] = ()) -> Recipe:
    """The recipe in a YAML file with overrides on top: `a.b=value`, the value read as YAML, or (`a.b`, value).

    path: a bare name means the recipe of that name that comes with Wenshi, unless there is such a file. Raises InputError:
    a file that cannot be read, an unknown setting (with the nearest known name), an unfit value.
    """
    if not path.suffix and path.name == str(path) and not path.is_file():
        path = packaged_recipe(path.name)
    return recipe_of(read_yaml(path, what="recipe"), overrides=overrides, source=path.name)


def recipe_of(content: Any, *, overrides: Iterable[Override] = (), source: str = "recipe") -> Recipe:
    """The recipe in plain values; `source` is what an error calls them. Raises InputError."""
    if not isinstance(content, dict):
        raise InputError(f"{source} is no recipe: it must be a mapping of settings, such as `model:` and `data:`.")
    return settings_of(Recipe, content, overrides=overrides, source=source)


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
