"""How texts of a video become candidates."""

from __future__ import annotations

from pydantic import Field

from retrieval.settings import Section


class PairSettings(Section):
    """min_characters, min_ms: what a span of speech or subtitles is grown to.

    screen_roles: which on-screen text is joined to the text of its span, at most `screen_characters` of it, and for which
    kinds of candidates (`screen_kinds`). cover_characters: the most that is taken of a cover's text; 0 = nothing. short: a
    text with fewer letters and digits is flagged so.
    """

    min_characters: int = Field(default=5, ge=0)
    min_ms: int = Field(default=5000, ge=0)
    screen_roles: tuple[str, ...] = ("subtitle", "title_card")
    screen_kinds: tuple[str, ...] = ("title", "asr", "subtitle")
    screen_characters: int = Field(default=60, ge=0)
    cover_characters: int = Field(default=60, ge=0)
    short: int = Field(default=2, ge=0)
