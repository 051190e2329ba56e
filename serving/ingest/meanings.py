"""Vectors of what titles, speech and on-screen text mean: made while videos are added, or later for what is there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from retrieval.encoders import SentenceModel
from retrieval.errors import InputError, LibraryError, ModelError
from retrieval.library import Library
from retrieval.records import MEANINGFUL_KINDS, Evidence, Generation, Meanings
from retrieval.text import normalise
from serving.generations import held_generations, swap
from serving.models import NO_MODEL, SENTENCES_SETTING, lasting_name, load_sentences, place_key, remembered_sentences

_BATCH = 256    # texts a transaction


@dataclass(frozen=True)
class Sentences:
    """A sentence model; `name`: where it is loaded from, `generation`: as the library calls what it makes."""

    name: str
    model: SentenceModel
    generation: Generation

    def read(self, texts: Iterable[str]) -> Meanings:
        """The vectors of texts, each once; a text of nothing that is read has none."""
        distinct = [text for text in dict.fromkeys(texts) if normalise(text)]
        vectors = self.model.encode(distinct).vectors
        return Meanings(generation=self.generation, vectors=dict(zip(distinct, vectors, strict=True)))


class EvidenceReader:
    """Reads evidence in a thread of its own, so that those who read videos are not kept waiting."""

    def __init__(self, sentences: Sentences) -> None:
        self.sentences = sentences
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sentences")

    def __enter__(self) -> EvidenceReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown(cancel_futures=True)

    def begin(self, evidence: Iterable[Evidence]) -> Future[Meanings]:
        """The vectors of what these rows say, when they are there."""
        texts = [row.text for row in evidence if row.kind in MEANINGFUL_KINDS]
        return self._thread.submit(self.sentences.read, texts)


def settle_sentences(library_path: Path, asked: str | None, notice: Callable[[str], None]) -> Sentences | None:
    """The sentence model that was asked for, else the library's own as far as it can be loaded; None = no vectors.

    Raises ModelError when one was asked for by name and is not there, or is not that of the library's vectors.
    """
    if asked == NO_MODEL:
        return None
    try:
        with Library.open(library_path) as library:
            active, place = library.text_generation(), remembered_sentences(library)
    except LibraryError:
        active, place = None, None     # none yet, or one that says what is wrong when it is opened to be written
    name = asked or place
    if name is None:
        return None
    name = lasting_name(name)
    try:
        model = load_sentences(name, active)
    except ModelError as error:
        if asked is not None:
            raise
        notice(f"What is added gets no vectors for the meaning channel: {error}")
        return None
    return Sentences(name, model, active or model.generation)


def embed_texts(library_path: Path, asked: str | None, *, progress: Callable[[int, int], None]) -> tuple[int, Generation]:
    """Give every text of a library that lacks one a vector: how many were given, and what made them.

    Ended at any moment it goes on from there. With another model than before, its vectors stand beside the old ones
    and are searched when all are there. progress: takes how many are done, and of how many.
    """
    with Library.open(library_path, write=True) as library:
        embedded = embed_in(library, asked, progress=progress, stopping=lambda: False)
    return embedded.texts, embedded.generation


@dataclass(frozen=True)
class Embedded:
    """How many texts were given vectors, and what made them; `finished`: none is left, and they are searched."""

    texts: int
    generation: Generation
    finished: bool


def embed_in(
    library: Library, asked: str | None, *, progress: Callable[[int, int], None], stopping: Callable[[], bool]
) -> Embedded:
    """The same in a library that is open for writing, until `stopping` says so."""
    name = asked or remembered_sentences(library)
    if name is None:
        raise InputError("This library has no sentence model yet: name one with --sentences.")
    name = lasting_name(name)
    model = load_sentences(name, None)
    known = {status.generation: status.texts for status in library.status().text_generations}
    generation = next((g for g in known if g.same_vectors(model.generation)), model.generation)
    sentences = Sentences(name, model, generation)
    library.set_setting(place_key(generation), name)
    done, finished = _embed(library, sentences, progress, stopping, covered=known.get(generation, 0))
    if finished:
        held = held_generations(library)
        made = next((one for one in held if one.channel == "meaning" and one.generation == generation), None)
        if made is not None and not made.active:
            swap(library, made, held, model=name)
        library.set_setting(SENTENCES_SETTING, name)
    return Embedded(done, generation, finished)


def _embed(
    library: Library, sentences: Sentences, progress: Callable[[int, int], None], stopping: Callable[[], bool],
    *, covered: int,
) -> tuple[int, bool]:  # fmt: skip
    """How many texts were read, and whether none is left."""
    counts = library.status().evidence
    total = sum(counts[kind] for kind in MEANINGFUL_KINDS) - covered
    done = last = 0
    while rows := library.texts_without_vector(sentences.generation, after=last, limit=_BATCH):
        if stopping():
            return done, False
        vectors = sentences.read(text for _, text in rows).vectors
        library.put_text_vectors(sentences.generation, {row: vectors[text] for row, text in rows if text in vectors})
        done, last = done + len(rows), rows[-1][0]
        progress(done, total)
    return done, True
