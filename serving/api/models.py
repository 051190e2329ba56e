"""The models of a running service: loaded once, and again only when the library's vectors come from another."""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from dataclasses import dataclass

from retrieval.encoders import ClipEncoder, SentenceModel, TextEncoder, load_clip_encoder
from retrieval.errors import LibraryError, ModelError, WenshiError
from retrieval.library import Library
from retrieval.records import Generation
from retrieval.search import SearchEngine
from retrieval.search.channels import MEANING, VISUAL
from retrieval.search.readings import homophones
from serving.memory import settle
from serving.models import NO_MODEL, channel_off, remembered_model, sentence_model_for, text_encoder_for

log = logging.getLogger("wenshi.serve")


@dataclass(frozen=True)
class _Loaded:
    generations: tuple[Generation | None, Generation | None]
    engine: SearchEngine
    encoder: TextEncoder | None
    sentences: SentenceModel | None
    notices: tuple[str, ...]


class Engines:
    """The one engine of the process, made anew when a generation is swapped. Thread-safe.

    model, sentences: asked for by name; None = the library's own. text_encoder: reads queries in place of `model`.
    """

    def __init__(
        self, library: Library, *, model: str | None, sentences: str | None, text_encoder: str | None
    ) -> None:
        self._library = library
        self._model, self._sentences, self._text_encoder = model, sentences, text_encoder
        self._lock = threading.Lock()
        self._loading = threading.Lock()
        self._clips: ClipEncoder | None = None      # only where the encoder of texts cannot see
        self._loaded = self._load()
        # Only a query that needs the readings of characters waits for them, if it comes within the first second.
        threading.Thread(target=homophones, args=("狗",), name="wenshi-readings", daemon=True).start()

    def current(self) -> _Loaded:
        """What answers now. While the models of a new generation are loaded, in a thread of their own, the old engine goes on
        with the vectors that it was loaded for; a store that holds copies has none but the new, and it answers by words."""
        loaded = self._loaded
        if loaded.generations != self._generations() and self._loading.acquire(blocking=False):
            try:
                threading.Thread(target=self._load_beside, name="wenshi-models", daemon=True).start()
            except BaseException:
                self._loading.release()
                raise
        return loaded

    def renewed(self) -> _Loaded:
        """What answers with the vectors that are searched now, loaded before this returns."""
        with self._loading:
            if self._loaded.generations != self._generations():
                self._loaded = self._load()
            return self._loaded

    def clip_encoder(self) -> ClipEncoder | None:
        """What turns pictures into vectors of the library's space, loaded when first asked for; None without a model.

        Raises ModelError when it cannot be loaded.
        """
        loaded = self.renewed()
        if isinstance(loaded.encoder, ClipEncoder):
            return loaded.encoder
        name = self._model or remembered_model(self._library)
        if name in (None, NO_MODEL) or loaded.generations[0] is None:
            return None
        with self._lock:
            if self._clips is None or not self._clips.generation.same_vectors(loaded.generations[0]):
                self._clips = load_clip_encoder(name)
        return self._clips if self._clips.generation.same_vectors(loaded.generations[0]) else None

    def _load_beside(self) -> None:
        try:
            self._loaded = self._load()
            settle()
        except WenshiError as error:        # such as a library that cannot be read: the next request tries again
            log.warning("the models of another generation cannot be loaded: %s", error)
        finally:
            self._loading.release()

    def _generations(self) -> tuple[Generation | None, Generation | None]:
        return self._library.generation(), self._library.text_generation()

    def _load(self) -> _Loaded:
        generations, notices = self._generations(), []
        encoder: TextEncoder | None = None
        sentences: SentenceModel | None = None
        try:
            encoder, notice = text_encoder_for(self._library, self._text_encoder or self._model)
            notices.append(notice)
        except ModelError as error:
            notices.append(channel_off(VISUAL, error))
        try:
            sentences, notice = sentence_model_for(self._library, self._sentences)
            notices.append(notice)
        except ModelError as error:
            notices.append(channel_off(MEANING, error))
        engine = SearchEngine(
            self._library, encoder=encoder, sentences=sentences, generations=tuple(filter(None, generations))
        )  # fmt: skip
        with suppress(LibraryError):        # who searches is told
            engine.search("小狗 dog", count=1)      # reads dictionaries and index, so that nobody's first search waits for it
        return _Loaded(generations, engine, encoder, sentences, tuple(filter(None, notices)))
