"""A few processes that hold the models for many workers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from queue import Empty, LifoQueue

from data_pipeline.building.asked_models import ModelFacts, answer, facts_of
from data_pipeline.building.isolated import IsolatedProcess, Ready, Stopped, Stopping, serving
from data_pipeline.building.models import ModelsLoader
from data_pipeline.building.settings import BuildSettings
from data_pipeline.isolation.processes import Child
from retrieval.errors import ModelError

_LOOK_SECONDS = 0.25


class ModelPool:
    """count: of processes; each answers one question at a time, and starts when the others that are there have no time."""

    def __init__(
        self, load_models: ModelsLoader, settings: BuildSettings, *, count: int, stopped: Stopping = lambda: False
    ) -> None:
        self._stopped = stopped
        self._first = threading.Lock()
        self._facts: ModelFacts | None = None
        self._processes = [
            IsolatedProcess(
                lambda: Child(_run_models, load_models, settings, name="wenshi-models"), purpose="holds the models",
                memory_bytes=settings.limits.memory_bytes, stopped=stopped,
            ) for _ in range(count)
        ]  # fmt: skip
        self._free: LifoQueue[IsolatedProcess] = LifoQueue()        # those that are started come first
        for process in self._processes:
            self._free.put(process)

    @property
    def facts(self) -> ModelFacts:
        """Of the models, for which a first process is started. Raises WenshiError when they cannot be loaded."""
        with self._first:
            if self._facts is None:
                with self._taken() as process:
                    self._facts = process.facts
            return self._facts

    @contextmanager
    def free_process(self) -> Iterator[IsolatedProcess]:
        """One that has loaded its models and is asked by nobody else, as soon as there is one.

        Raises Stopped, and ModelError when the models are not those that the first process loaded.
        """
        facts = self.facts
        with self._taken() as process:
            if process.facts != facts:
                raise ModelError("A model changed while the build ran: start the build again.")
            yield process

    def close(self) -> None:
        """End the processes; nobody may be asking them."""
        for process in self._processes:
            process.close()

    @contextmanager
    def _taken(self) -> Iterator[IsolatedProcess]:
        while True:
            try:
                process = self._free.get(timeout=_LOOK_SECONDS)
                break
            except Empty:
                if self._stopped():
                    raise Stopped from None
        try:
            yield process
        finally:
            self._free.put(process)


def _run_models(connection: Connection, load_models: ModelsLoader, settings: BuildSettings) -> None:
    """Load the models, then answer questions until the parent hangs up."""
    with serving(connection):
        models = load_models(settings)
        connection.send(Ready(facts_of(models)))
        while True:
            connection.send(answer(models, connection.recv()))
