"""What a program can ask a service, one method for each."""

from __future__ import annotations

import time
import urllib.parse
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal

from serving.client import answers
from serving.client.answers import Activated, Answer, Generation, GenerationState, Job, Moment, SavedQuery
from serving.client.connection import Connection, file_body, json_body, written_file

# An older service folds no copies, and refuses a word that it does not know.
_FOLDED: dict[bool, dict[str, str]] = {True: {}, False: {"collapse": "false"}}


class Client:
    """Asks one service; every call raises ServiceError. Unknown fields of newer services are left out.

    busy_seconds: how long a call waits and asks again while the service says that too much is asked.
    """

    def __init__(self, address: str, *, key: str | None = None, seconds: float = 60.0, busy_seconds: float = 30.0) -> None:
        self._service = Connection(address, key=key, seconds=seconds, busy_seconds=busy_seconds)

    # --- searching

    def search(self, text: str, *, k: int = 20, **filters: Any) -> Answer:
        """The `k` best videos. filters: channel, path, tag, longer, shorter, since, until, video, hidden, collapse,
        moments, diversity, rank_ms, recall.
        """
        return answers.answer(self._post("/search", {"q": text, "k": k, **filters}))

    def search_many(self, texts: Sequence[str], *, k: int = 20, **filters: Any) -> list[Answer]:
        """An answer for each of at most 32 texts, in one request; filters as of `search`."""
        found = self._post("/search", {"queries": list(texts), "k": k, **filters})
        return list(map(answers.answer, found["answers"]))

    def search_by_file(self, path: str | Path, *, k: int = 20, collapse: bool = True) -> Answer:
        """Videos that look like a picture or a clip of this machine's disk. InputError when it cannot be read.

        collapse: copies of a video stand in `copies` of the best of them; False = each is a hit.
        """
        body = file_body(Path(path), {"k": str(k), **_FOLDED[collapse]})
        return answers.answer(self._service.json("POST", "/search/by-example", body))

    def similar(self, video: str, *, k: int = 20, collapse: bool = True) -> Answer:
        """Videos that look like one of the library; collapse: as of `search_by_file`."""
        return answers.answer(self._get(f"/videos/{video}/similar?{urllib.parse.urlencode({'k': k, **_FOLDED[collapse]})}"))

    def moments(self, video: str, text: str) -> list[Moment]:
        """Every span of a video that answers, by time."""
        return list(map(answers.moment, self._get(f"/videos/{video}/moments?q={urllib.parse.quote(text)}")["moments"]))

    # --- the library

    def library(self) -> dict[str, Any]:
        """What the library holds."""
        return self._get("/library")

    def videos(self, *, order: str = "newest") -> Iterator[dict[str, Any]]:
        """Every video of the library, by when it was added; what is removed meanwhile hides none of the others."""
        after = ""
        while True:
            page = self._get(f"/videos?limit=200&order={order}{after}")
            yield from page["videos"]
            if page["next"] is None:
                return
            after = f"&after={page['next']}"

    def transcript(self, video: str) -> list[dict[str, Any]]:
        """What is said and shown as text, by time."""
        lines: list[dict[str, Any]] = self._get(f"/videos/{video}/transcript")["lines"]
        return lines

    def add(self, paths: Sequence[str]) -> Job:
        """Add files or folders of the service's disk, in the background."""
        return self.job(self._post("/videos", {"paths": list(paths)})["job"])

    def remove(self, video: str) -> None:
        """Forget a video; its file stays, unless it was uploaded."""
        self._service.json("DELETE", f"/videos/{video}")

    # --- jobs

    def job(self, job: str) -> Job:
        return answers.row(Job, self._get(f"/jobs/{job}"))

    def wait(self, job: Job, *, every_seconds: float = 0.5) -> Job:
        """The job when it has ended."""
        while not job.ended:
            time.sleep(every_seconds)
            job = self.job(job.job)
        return job

    def cancel(self, job: str) -> Job:
        """Stop a job; what it has added stays."""
        return answers.row(Job, self._service.json("POST", f"/jobs/{job}/cancel"))

    # --- vectors

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Unit vectors of texts in the space of the library's clips."""
        vectors: list[list[float]] = self._post("/embed", {"texts": list(texts)})["vectors"]
        return vectors

    def export_vectors(
        self, path: str | Path, *, of: Literal["clips", "texts"] = "clips", format: Literal["npy", "npz", "parquet"] = "npz"
    ) -> None:
        """Write the vectors of all clips or texts into a file, which is there when it is whole. npy has no ids.

        InputError when it cannot be written.
        """
        whole = Path(path)
        part = whole.with_name(f".{whole.name}.part")
        with written_file(whole):
            try:
                with part.open("wb") as file:
                    self._service.copy(f"/export/vectors?of={of}&format={format}", file)
                part.replace(whole)
            finally:
                part.unlink(missing_ok=True)

    def generations(self) -> list[GenerationState]:
        """Every generation of vectors that the library holds."""
        return [answers.row(GenerationState, one) for one in self._get("/generations")["generations"]]

    def activate(self, generation: Generation, *, model: str | None = None, partial: bool = False) -> Activated:
        """Search another generation from now on.

        model: where its model is loaded from, None = as before. partial: also while some rows have no such vector.
        """
        name = {field.name: getattr(generation, field.name) for field in fields(Generation)}
        return answers.activated(self._post("/generations/activate", {"generation": name, "model": model, "partial": partial}))

    # --- saved queries

    def saved_queries(self) -> list[SavedQuery]:
        return [answers.row(SavedQuery, one) for one in self._get("/saved-queries")["saved_queries"]]

    def save_query(self, text: str, *, webhook: str | None = None) -> SavedQuery:
        """Ask a query of every video that is added from now on. webhook: an address that is told of what answers."""
        return answers.row(SavedQuery, self._post("/saved-queries", {"q": text, "webhook": webhook}))

    def forget_query(self, query: str) -> None:
        """Ask a saved query no more; `query` is its id."""
        self._service.json("DELETE", f"/saved-queries/{query}")

    def _get(self, path: str) -> dict[str, Any]:
        return self._service.json("GET", path)

    def _post(self, path: str, content: dict[str, Any]) -> dict[str, Any]:
        return self._service.json("POST", path, json_body(content))
