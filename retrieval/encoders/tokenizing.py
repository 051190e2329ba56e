"""Texts as the token numbers that a model was trained on."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retrieval.encoders.checkpoint import Checkpoint
from retrieval.encoders.learned_tokens import load_learned
from retrieval.encoders.quiet import quiet_transformers
from retrieval.errors import InputError, ModelError
from retrieval.text import normalise

# Each stands in every vocabulary that was made for Chinese.
_COMMON_CHINESE = "的一是在不了有和人这中大为上个国我以要他"


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """A text without special tokens: their numbers, and the piece of text that each stands for.

    text: as it was cut into tokens; spans: where each stands in it, [start, stop) in characters, several tokens of one
    character share its span; None where the tokenizer does not tell. unknown: the pieces that the model has no token for,
    or one that it never learned.
    """

    ids: list[int]
    pieces: list[str]
    text: str = ""
    spans: list[tuple[int, int]] | None = None
    unknown: tuple[str, ...] = ()

    def known_spans(self) -> list[tuple[int, int]]:
        """The spans. Raises ModelError where the tokenizer does not tell."""
        if self.spans is None:
            raise ModelError(
                "This model's tokenizer does not tell where its tokens stand in a text, so that significant words cannot be "
                "found: fetch the model with its tokenizer.json."
            )
        return self.spans


class FramedTokens:
    """What every tokenizer has in common: a text is read whole, and framed by the model's special tokens.

    prefix, suffix: the special tokens before and behind a text. lower_case: the model was trained on lower-cased text
    only. See `text_reading.TextTokenizer`.
    """

    def __init__(
        self, *, context_length: int, prefix: list[int], suffix: list[int], pad_id: int, pads_left: bool = False,
        lower_case: bool = False,
    ) -> None:  # fmt: skip
        self.context_length = context_length
        self.prefix, self.suffix = prefix, suffix
        self.pad_id = pad_id
        self.pads_left = pads_left
        self._lower_case = lower_case

    @property
    def capacity(self) -> int:
        """Tokens of a text that fit the context beside the special ones."""
        return self.context_length - len(self.prefix) - len(self.suffix)

    @property
    def first(self) -> int:
        """Where the first token of the text stands in what `framed` gives."""
        return len(self.prefix)

    def read(self, texts: Sequence[str]) -> list[Tokens]:
        """The tokens of each text. Raises InputError when one is no string, is empty or holds nothing readable."""
        read = []
        for number, text in enumerate(texts, 1):
            clean = clean_text(text, number=number, count=len(texts))
            clean = clean.lower() if self._lower_case else clean
            tokens = self._tokens(clean)
            if not tokens.ids:
                raise InputError(f"{numbered(number, len(texts))} has nothing that the model can read: {clean!r}.")
            read.append(tokens)
        return read

    def framed(self, ids: list[int]) -> list[int]:
        """`ids` between the model's special tokens."""
        return [*self.prefix, *ids, *self.suffix]

    def _tokens(self, text: str) -> Tokens:
        raise NotImplementedError


class Tokenizer(FramedTokens):
    """Reads texts the way a checkpoint's own tokenizer does, but never cuts one."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._tokenizer = _load(checkpoint)
        self._directory = checkpoint.directory
        self._learned = load_learned(checkpoint.directory) or None      # of an untrained model nothing is to be told
        self._known = checkpoint.config.get("text_config", {}).get("vocab_size")
        prefix, suffix = special_tokens(self._tokenizer, directory=checkpoint.directory)
        family, pad = checkpoint.family, self._tokenizer.pad_token_id
        super().__init__(
            context_length=_context_length(checkpoint, tokenizer=self._tokenizer), prefix=prefix, suffix=suffix,
            pad_id=int(pad) if pad is not None else 0, lower_case=family.lower_case,
            pads_left=family.pads_to_context and self._tokenizer.padding_side == "left",
        )  # fmt: skip
        if family.knows_chinese:
            self._check_chinese(checkpoint)

    @property
    def mask_id(self) -> int | None:
        """The token that stands for a hidden one, None = the model knows none."""
        return None if self._tokenizer.mask_token_id is None else int(self._tokenizer.mask_token_id)

    @property
    def text_ids(self) -> list[int]:
        """Every token that a text can have and the model knows, without special ones."""
        count = len(self._tokenizer)
        known = range(count if self._known is None else min(count, self._known))
        return sorted({*known} - {*self._tokenizer.all_special_ids})

    def read(self, texts: Sequence[str]) -> list[Tokens]:
        """The tokens of each text.

        Raises InputError when one is no string, is empty or holds nothing readable, and ModelError when the tokenizer
        gives a token that the model does not have: on a GPU that would end the whole process.
        """
        tokens = super().read(texts)
        for found in tokens:
            if self._known is not None and max(found.ids) >= self._known:
                raise ModelError(
                    f"The tokenizer in {self._directory} gives token {max(found.ids)} but the model has only "
                    f"{self._known}: its files are of another model."
                )
        return tokens

    def save_fast(self, path: Path) -> None:
        """Write the tokenizer as one file that the `tokenizers` package reads. Raises ModelError where it cannot."""
        if not self._tokenizer.is_fast:
            raise ModelError(f"The tokenizer in {self._directory} has no fast form: fetch its tokenizer.json.")
        self._tokenizer.backend_tokenizer.save(str(path))

    def _tokens(self, text: str) -> Tokens:
        # The name of a special token that someone typed is text: read as a token it would end the text where it stands.
        options = {"add_special_tokens": False, "verbose": False, "split_special_tokens": True}
        if not self._tokenizer.is_fast:
            ids = self._tokenizer(text, **options)["input_ids"]
            return Tokens(ids=ids, pieces=[piece.strip("▁") for piece in self._tokenizer.convert_ids_to_tokens(ids)])
        encoded = self._tokenizer(text, return_offsets_mapping=True, **options)
        spans = [(start, stop) for start, stop in encoded["offset_mapping"]]
        pieces = [text[start:stop].strip() for start, stop in spans]
        ids = encoded["input_ids"]
        unknown = unknown_pieces(ids, pieces, unknown_id=self._tokenizer.unk_token_id, learned=self._learned)
        return Tokens(ids=ids, pieces=pieces, text=text, spans=spans, unknown=unknown)

    def _check_chinese(self, checkpoint: Checkpoint) -> None:
        ids = self._tokens(_COMMON_CHINESE).ids
        unknown = sum(token == self._tokenizer.unk_token_id for token in ids)
        if not ids or unknown > len(ids) // 2:
            raise ModelError(
                f"The tokenizer in {checkpoint.directory} does not know {unknown} of {len(ids)} common Chinese "
                "characters: its vocab.txt is missing, damaged or of another model."
            )


def unknown_pieces(
    ids: Sequence[int], pieces: Sequence[str], *, unknown_id: int | None, learned: Collection[int] | None = None
) -> tuple[str, ...]:
    """The pieces of text that the vocabulary lacks, which all share one token, and those whose token was not learned.

    unknown_id: None = there is no such token; learned: None = all of them.
    """
    return tuple(
        piece for token, piece in zip(ids, pieces, strict=True)
        if token == unknown_id or (learned is not None and token not in learned)
    )


def _load(checkpoint: Checkpoint) -> Any:
    from transformers import AutoTokenizer

    try:
        with quiet_transformers():
            return AutoTokenizer.from_pretrained(str(checkpoint.directory), local_files_only=True)
    except ImportError as error:
        raise ModelError(
            f"The tokenizer in {checkpoint.directory} is a SentencePiece file: install sentencepiece to read it."
        ) from error
    except Exception as error:      # transformers raises what its file readers raise
        raise ModelError(
            f"The tokenizer in {checkpoint.directory} cannot be read ({type(error).__name__}): fetch its files again."
        ) from error


def _context_length(checkpoint: Checkpoint, *, tokenizer: Any) -> int:
    family = checkpoint.family
    positions = int(checkpoint.config.get("text_config", {}).get("max_position_embeddings", family.positions))
    return int(min(positions, family.trained_context or positions, tokenizer.model_max_length))


def clean_text(text: str, *, number: int, count: int) -> str:
    """Normalised. Raises InputError for no string and for an empty one, text `number` of `count`."""
    if not isinstance(text, str):
        raise InputError(f"{numbered(number, count)} is no string but {type(text).__name__}.")
    clean = normalise(text)
    if not clean:
        raise InputError(f"{numbered(number, count)} is empty: write what should be found.")
    return clean


def numbered(number: int, count: int) -> str:
    """How a message names text `number` of `count`."""
    return "The text" if count == 1 else f"Text {number} of {count}"


def special_tokens(tokenizer: Any, *, directory: Path) -> tuple[list[int], list[int]]:
    """What a tokenizer of transformers puts before and behind a text. Raises ModelError when it cannot be told."""
    bare = tokenizer("a", add_special_tokens=False)["input_ids"]
    full = tokenizer("a")["input_ids"]
    for start in range(len(full) - len(bare) + 1):
        if bare and full[start : start + len(bare)] == bare:
            return full[:start], full[start + len(bare) :]
    raise ModelError(f"The tokenizer in {directory} cannot read the letter a: fetch its files again.")
