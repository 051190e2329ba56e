"""HTML that cannot be broken by what it shows: every text is escaped unless it is markup made here."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

_EMPTY = frozenset({"img", "input", "meta"})


class Markup(str):
    """HTML that was made by these functions, never what a person wrote."""

    __slots__ = ()


def tag(name: str, /, *children: str, **attributes: object) -> Markup:
    """An element. Children that are no Markup are escaped, attribute values always; `class_` is class, `_` is `-`.

    An attribute that is None is left out, one that is True has no value.
    """
    written = "".join(_attribute(key, value) for key, value in attributes.items() if value is not None)
    if name in _EMPTY:
        return Markup(f"<{name}{written}>")
    return Markup(f"<{name}{written}>{join(children)}</{name}>")


def join(children: Iterable[str]) -> Markup:
    """Several pieces after one another, escaped as `tag` does."""
    return Markup("".join(child if isinstance(child, Markup) else escape(_printable(child)) for child in children))


def both(chinese: str, english: str) -> Markup:
    """A label in both languages; the page shows one of them."""
    return join((tag("span", chinese, class_="zh", lang="zh"), tag("span", english, class_="en", lang="en")))


def number(value: float, digits: int = 0) -> str:
    """1,234.5"""
    return f"{value:,.{digits}f}"


def percent(part: float, whole: float) -> str:
    """A share, `–` of nothing."""
    return f"{100 * part / whole:.1f} %" if whole else "–"


def _attribute(name: str, value: object) -> str:
    name = name.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(_printable(str(value)))}"'


def _printable(text: str) -> str:
    """Lone halves of characters, as file names may hold them, cannot be written as UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()
