"""Texts to vectors by ONNX Runtime and tokenizers alone: nothing here imports torch or transformers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from retrieval.encoders.learned_tokens import load_learned
from retrieval.encoders.onnx.folder import GRAPH_NAME, TOKENIZER_NAME, Manifest, read_manifest
from retrieval.encoders.protocols import TextVectors
from retrieval.encoders.text_reading import TextReader
from retrieval.encoders.tokenizing import FramedTokens, Tokens, unknown_pieces
from retrieval.encoders.vectors import with_directions
from retrieval.errors import ModelError
from retrieval.model.word_table import WORDS_NAME, load_words

_AT_ONCE = 32       # texts

_T = TypeVar("_T")


class OnnxTextEncoder:
    """A TextEncoder of a folder that `export_text_encoder` wrote, for the clip vectors of the model it was made from.

    Where the manifest says so, texts come without the vectors of their words (L = 0). threads: of one text; a server
    answers many at once. Raises ModelError when ONNX Runtime is not installed or a file is missing or damaged.
    """

    def __init__(self, directory: Path, *, threads: int = 1) -> None:
        manifest = read_manifest(directory)
        self.generation = manifest.generation
        self.dimension = manifest.generation.dimension
        self.context_length = manifest.context_length
        self.interaction = manifest.interaction
        significant = manifest.words and manifest.interaction.text_weights == "significant"
        self._texts = TextReader(
            FastTokens(directory / TOKENIZER_NAME, manifest), _Graph(directory / GRAPH_NAME, manifest, threads=threads),
            dimension=self.dimension, pads_to_context=manifest.pads_to_context,
            significant_words=load_words(directory / WORDS_NAME) if significant else None,
        )  # fmt: skip

    def encode_texts(self, texts: Sequence[str], *, max_windows: int | None = None) -> TextVectors:
        """Texts to vectors; see `TextReader.read`. Raises InputError for an empty text, ModelError when the model fails."""
        return self._texts.read(texts, max_windows=max_windows)


class FastTokens(FramedTokens):
    """Texts as the tokens of a tokenizer.json, none of them cut."""

    def __init__(self, path: Path, manifest: Manifest) -> None:
        super().__init__(
            context_length=manifest.context_length, prefix=manifest.prefix, suffix=manifest.suffix, pad_id=manifest.pad_id,
            pads_left=manifest.pads_left, lower_case=manifest.lower_case,
        )  # fmt: skip
        from tokenizers import Tokenizer

        try:
            self._tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:      # tokenizers raises a plain Exception for everything
            raise ModelError(f"The tokenizer {path} cannot be read: export the text encoder again.") from error
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        # The name of a special token that someone typed is text: read as a token it would end the text where it stands.
        self._tokenizer.encode_special_tokens = True
        unknown = getattr(self._tokenizer.model, "unk_token", None)     # byte-level vocabularies have none
        self._unknown_id = None if unknown is None else self._tokenizer.token_to_id(unknown)
        self._learned = load_learned(path.parent) or None       # of an untrained model nothing is to be told

    def _tokens(self, text: str) -> Tokens:
        encoded = self._tokenizer.encode(text, add_special_tokens=False)
        pieces = [text[start:stop].strip() for start, stop in encoded.offsets]
        unknown = unknown_pieces(encoded.ids, pieces, unknown_id=self._unknown_id, learned=self._learned)
        return Tokens(ids=encoded.ids, pieces=pieces, text=text, spans=encoded.offsets, unknown=unknown)


class _Graph:
    """A `text_reading.TextTower`."""

    def __init__(self, path: Path, manifest: Manifest, *, threads: int) -> None:
        self._name = f"{manifest.generation.encoder} ({manifest.precision})"
        self._dimension = manifest.generation.dimension
        self._words = manifest.words
        self._session = session(path, threads=threads)

    def in_batches(self, count: int, run: Callable[[slice], _T]) -> list[_T]:
        return [run(slice(start, min(start + _AT_ONCE, count))) for start in range(0, count, _AT_ONCE)]

    def run(
        self, ids: NDArray[np.int64], attended: NDArray[np.int64] | None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        inputs = {"ids": ids} if attended is None else {"ids": ids, "attended": attended}
        try:
            found = self._session.run(None, inputs)
        except Exception as error:      # ONNX Runtime's own, a dozen classes
            raise ModelError(f"The text encoder {self._name} failed ({type(error).__name__}): export it again.") from error
        pooled = with_directions(found[0], name=self._name)
        if not self._words:
            return pooled, np.zeros((len(ids), 0, self._dimension), dtype=np.float32)
        return pooled, with_directions(found[1], name=self._name)


def session(path: Path, *, threads: int) -> Any:
    """An InferenceSession on the CPU whose threads sleep while they wait. Raises ModelError when it cannot be made."""
    try:
        import onnxruntime
    except ImportError as error:
        raise ModelError("An exported text encoder needs an extra: install wenshi[onnx].") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # A thread that spins while it waits takes a core from the others.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        # Apart, adding and normalising take a third of the time that the fused operation takes on few tokens.
        return onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"], disabled_optimizers=["SkipLayerNormFusion"]
        )
    except Exception as error:          # ONNX Runtime's own, a dozen classes
        raise ModelError(f"{path} is missing or damaged ({type(error).__name__}): export the text encoder again.") from error
