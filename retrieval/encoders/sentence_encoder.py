"""Sentences as vectors by sentence-transformers: meaning for titles, speech and on-screen text."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from retrieval.encoders.fingerprint import content_revision
from retrieval.encoders.protocols import SentenceVectors
from retrieval.encoders.quiet import quiet_transformers
from retrieval.errors import InputError, ModelError
from retrieval.records import Generation
from retrieval.text import normalise, simplify

PREPROCESSING = "simplified"


class SentenceEncoder:
    """Sentences to vectors with the model in a sentence-transformers folder (one with a modules.json).

    name: what the model is called, None = as its folder. device: "auto" (CUDA where there is one), "cpu", "cuda",
    "mps". batch_size: sentences that go through the model at once. Raises ModelError when the package is not installed
    or the folder is missing, incomplete or damaged.
    """

    def __init__(
        self, directory: Path, *, name: str | None = None, device: str = "cpu", batch_size: int = 32
    ) -> None:
        revision = sentence_revision(directory)
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise ModelError("Sentence vectors need an extra: install wenshi[sentence].") from error
        from retrieval.encoders.running import usable_device

        on = str(usable_device(device))
        try:
            with quiet_transformers():
                self._model = SentenceTransformer(str(directory), device=on, local_files_only=True)
        except Exception as error:      # transformers', torch's or the file system's, whichever it is
            raise ModelError(
                f"The sentence model in {directory} cannot be loaded ({type(error).__name__}): fetch it again."
            ) from error
        self._name = name or directory.name
        self._batch_size = batch_size
        self.dimension = int(self._model.encode("a", show_progress_bar=False).shape[0])
        self.generation = Generation(
            encoder=self._name, revision=revision, preprocessing=PREPROCESSING, dimension=self.dimension
        )

    @property
    def context_length(self) -> int:
        """Tokens, special ones included, that one sentence may have; what lies behind them is not read."""
        return int(self._model.max_seq_length)

    def encode(self, sentences: Sequence[str]) -> SentenceVectors:
        """Read sentences, traditional characters as simplified ones.

        Raises InputError for a single string or an empty sentence, ModelError for vectors without a direction.
        """
        if isinstance(sentences, str):
            raise InputError("The sentence encoder takes a list of sentences, not a single string.")
        read = [simplify(normalise(sentence)) for sentence in sentences]
        if not all(read):
            raise InputError("An empty sentence has no vector: leave it out.")
        if not sentences:
            return SentenceVectors(vectors=np.zeros((0, self.dimension), dtype=np.float32), unread=[])
        raw = self._model.encode(read, batch_size=self._batch_size, show_progress_bar=False)
        vectors = np.asarray(raw, dtype=np.float32)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not np.isfinite(lengths).all() or not (lengths > 0).all():
            raise ModelError(f"The sentence model {self._name} gives vectors without a direction: it is damaged.")
        return SentenceVectors(vectors=vectors / lengths, unread=self._unread(read))

    def _unread(self, sentences: Sequence[str]) -> list[int]:
        ids = self._model.tokenizer(list(sentences), truncation=False, verbose=False)["input_ids"]
        return [max(0, len(row) - self.context_length) for row in ids]


def sentence_revision(directory: Path) -> str:
    """16 hex digits over a sentence-transformers folder: weights and tokenizer, and how tokens become one vector.

    Imports neither torch nor sentence-transformers. Raises ModelError when the folder is no such model.
    """
    if not (directory / "modules.json").is_file():
        raise ModelError(f"{directory} is not a sentence-transformers folder: it has no modules.json.")
    digest = hashlib.sha256(content_revision(directory).encode())
    settings = [*directory.glob("*.json"), *directory.glob("[0-9]*/*")]
    for path in sorted(path for path in settings if path.is_file()):
        digest.update(f"{path.relative_to(directory).as_posix()} {path.stat().st_size}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
