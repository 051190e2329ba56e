"""Texts as the token numbers of open_clip's tokenizers, none of them cut."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from retrieval.encoders.tokenizing import FramedTokens, Tokens, special_tokens, unknown_pieces
from retrieval.errors import ModelError

_SPECIAL = re.compile(r"<((?:start|end)_of_text)>", re.IGNORECASE)


class OwnTokens(FramedTokens):
    """open_clip's own byte-pair vocabulary."""

    def __init__(self, tokenizer: Any) -> None:
        super().__init__(
            context_length=int(tokenizer.context_length), prefix=[tokenizer.sot_token_id],
            suffix=[tokenizer.eot_token_id], pad_id=0,
        )  # fmt: skip
        self._tokenizer = tokenizer

    def _tokens(self, text: str) -> Tokens:
        # The name of a special token that someone typed is text: read as a token it would end the text where it stands.
        ids = self._tokenizer.encode(_SPECIAL.sub(r"< \1 >", text))
        return Tokens(ids=ids, pieces=self._pieces(ids))

    def _pieces(self, ids: list[int]) -> list[str]:
        """A character that is spelled in several tokens is the piece of each of them."""
        pieces: list[str] = []
        open_ids: list[int] = []
        for token in ids:
            open_ids.append(token)
            piece = self._tokenizer.decode(open_ids).strip()
            if "\N{REPLACEMENT CHARACTER}" not in piece:
                pieces += [piece] * len(open_ids)
                open_ids = []
        return pieces + [""] * len(open_ids)


class HubTokens(FramedTokens):
    """A tokenizer of transformers inside open_clip's, which cleans texts in its own way before."""

    def __init__(self, tokenizer: Any, *, directory: Path) -> None:
        inner = tokenizer.tokenizer
        if tokenizer.tokenizer_mode or not inner.is_fast:
            raise ModelError(f"The tokenizer in {directory} is of a kind of open_clip that is not supported.")
        prefix, suffix = special_tokens(inner, directory=directory)
        if tokenizer.strip_sep_token:
            prefix, suffix = ([0 if i == inner.sep_token_id else i for i in ids] for ids in (prefix, suffix))
        pad = inner.pad_token_id
        super().__init__(
            context_length=int(tokenizer.context_length), prefix=prefix, suffix=suffix,
            pad_id=int(pad) if pad is not None else 0,
        )  # fmt: skip
        self.pads_left = inner.padding_side == "left"
        self._clean, self._tokenizer = tokenizer.clean_fn, inner

    def _tokens(self, text: str) -> Tokens:
        text = self._clean(text)
        encoded = self._tokenizer(
            text, return_offsets_mapping=True, add_special_tokens=False, verbose=False, split_special_tokens=True
        )
        pieces = [text[start:stop].strip() for start, stop in encoded["offset_mapping"]]
        ids = encoded["input_ids"]
        return Tokens(
            ids=ids, pieces=pieces, unknown=unknown_pieces(ids, pieces, unknown_id=self._tokenizer.unk_token_id)
        )

