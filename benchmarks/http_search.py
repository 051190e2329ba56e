"""Searches over HTTP in a large library, beside a plain loop of bare FAISS and the same text tower.

    python -m benchmarks.http_search --library DIR [--clips 1000000] [--queries 300] [--clients 16] [--workers 1] [--no-tower]

The library is one of benchmarks/library_search.py; it is only read. `wenshi serve` answers in a process of its own. Its
encoder runs a text tower of 4 layers x 312 in int8 with random weights, so that reading a query costs what it does, and
answers with the made vectors of that benchmark (--no-tower: made vectors alone, which cost nothing). The peer runs the
same tower and asks the library's own FAISS index (inverted lists, 8-bit refine, the same setting) for 100 clips on one
thread: no words, no frames, no moments, no HTTP. A plain exact search stands beside both: the same tower and the inner
product with every clip vector, on one thread, over a float32 copy in a mapped temporary file (2 GB for a million clips
of 512 numbers). In turns of 20 questions with one client, so that all see the same load and each finds the memory as it
left it: one exact search reads more than the caches hold. Each is first as often as the others; then all clients at once.
The client is Python's own `http.client`, whose time counts. Targets, on an idle machine: p50 <= 10 ms, p99 <= 30 ms,
p50 <= 2 times the peer; exit status 1 when one is missed.
"""

from __future__ import annotations

import argparse
import http.client
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
from numpy.typing import NDArray

from benchmarks.library_search import DIMENSION, MadeEncoder, queries
from benchmarks.served import Server, loads, percentiles
from benchmarks.targets import judged
from retrieval.encoders import TextVectors
from retrieval.library import Library
from serving.threads import ONE_THREAD

_TOWER_ENV = "WENSHI_BENCHMARK_TOWER"
_TOKENS, _DEEP, _WARM, _VIDEOS_AT_ONCE = 16, 100, 20, 1000
_TURN = 20                          # questions in a row to one of those that are compared
TARGETS = {"p50 ms": ("<=", 10.0), "p99 ms": ("<=", 30.0), "times the peer": ("<=", 2.0)}


class TimedEncoder(MadeEncoder):
    """Made vectors, after a real tower has read as many tokens as a query has; its answer is thrown away."""

    def __init__(self, tower: Path | None) -> None:
        super().__init__()
        self._session: Any = None
        if tower is not None:
            from retrieval.encoders.onnx.encoder import session

            self._session = session(tower, threads=1)
        ids = np.arange(1000, 1000 + _TOKENS, dtype=np.int64)[None]
        self._inputs = {"ids": ids, "attended": np.ones_like(ids)}

    def encode_texts(self, texts: Sequence[str]) -> TextVectors:
        for _ in texts if self._session is not None else ():
            self._session.run(None, self._inputs)
        return super().encode_texts(texts)


def serve() -> None:
    """`wenshi serve` whose encoder is a TimedEncoder."""
    from serving.cli.main import main as wenshi

    use_timed_encoder()
    wenshi()


def use_timed_encoder() -> None:
    """In the process that answers."""
    import os

    from serving.api import models

    tower = os.environ.get(_TOWER_ENV)
    encoder = TimedEncoder(Path(tower) if tower else None)
    setattr(models, "text_encoder_for", lambda library, asked: (encoder, None))      # noqa: B010


def only_read(library: Path, beside: Path) -> Path:
    """A folder that shows a library: what a service writes beside it lies in that folder."""
    beside.mkdir()
    for path in library.iterdir():
        if path.name.startswith(("library.sqlite", "frames", "segments")):
            (beside / path.name).symlink_to(path)
    return beside


def write_tower(path: Path) -> Path:
    from benchmarks.text_encoder import small_tower
    from retrieval.encoders.onnx.exporting import quantise, write_graph

    write_graph(small_tower(words=True), path, context_length=None, words=True)
    quantise(path)
    return path


def bare(library: Path, encoder: TimedEncoder) -> Callable[[str], object]:
    """The peer: the text tower and FAISS."""
    import faiss

    from retrieval.library.vector_kinds import CLIPS

    faiss.omp_set_num_threads(1)
    opened = Library.open(library)
    opened.search_clips(np.eye(1, DIMENSION, dtype=np.float32)[0], limit=_DEEP)
    segment = opened._embedded.index(CLIPS)._state.segment     # type: ignore[union-attr]
    if segment is None:
        raise SystemExit(f"{library} has no index over its clips: run `wenshi library compact`")
    return lambda text: segment.search(encoder.encode_texts([text]).pooled[0], limit=_DEEP)


def exact(library: Path, encoder: TimedEncoder, copy: Path) -> Callable[[str], object]:
    """The text tower and every clip vector; prints what the copy takes."""
    import faiss

    faiss.omp_set_num_threads(1)
    vectors = copied_vectors(library, copy)
    print(f"exact search over {len(vectors):,} clips: {vectors.nbytes / 1e6:.0f} MB of float32, mapped from a file")
    return lambda text: faiss.knn(encoder.encode_texts([text]).pooled, vectors, _DEEP, metric=faiss.METRIC_INNER_PRODUCT)


def copied_vectors(library: Path, copy: Path) -> NDArray[np.float32]:
    """The vectors [n, D] of all clips, written to `copy` a batch at a time and mapped from there."""
    with Library.open(library) as opened, copy.open("wb") as file:
        generation, ids = opened.generation(), opened.video_ids()
        assert generation is not None
        for start in range(0, len(ids), _VIDEOS_AT_ONCE):
            _, vectors = opened.clip_rows(generation, ids[start : start + _VIDEOS_AT_ONCE])
            file.write(vectors.tobytes())
    mapped: NDArray[np.float32] = np.memmap(copy, np.float32, mode="r").reshape(-1, generation.dimension)
    return mapped


def timed(work: Callable[[str], object], text: str) -> float:
    began = time.perf_counter()
    work(text)
    return 1000 * (time.perf_counter() - began)


def searching(address: str) -> Callable[[str], object]:
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=120)

    def ask(text: str, *, again: bool = True) -> tuple[http.client.HTTPResponse, bytes]:
        try:
            connection.request("GET", f"/api/v1/search?{urlencode({'q': text})}")
            answer = connection.getresponse()
            return answer, answer.read()
        except ConnectionError:     # closed by the service, where the turns of the others took longer than it waits
            if not again:
                raise
            connection.close()
            return ask(text, again=False)

    def search(text: str) -> None:
        answer, body = ask(text)
        while answer.status == 429:
            time.sleep(float(answer.headers.get("Retry-After", "1")))       # the wait counts
            answer, body = ask(text)
        if answer.status not in (200, 400):        # 400: a query of nothing that is read
            raise SystemExit(f"{answer.status}: {body[:300]!r}")

    return search


def one_client(
    server: Server, peer: Callable[[str], object], plain: Callable[[str], object], asked: Sequence[str]
) -> bool:
    """Times in turns: all see the same load. CPU times tell them apart where others use the machine too. Whether all targets
    are met."""
    arms = {"one client over HTTP": searching(server.address), "bare FAISS + text tower": peer, "exact + text tower": plain}
    for text in asked[:_WARM]:
        for work in arms.values():
            work(text)
    names, before = list(arms), server.cpu_seconds()
    times: dict[str, list[float]] = {name: [] for name in names}
    cpu = dict.fromkeys(names, 0.0)
    rest = iter(asked[_WARM:])
    for number, turn in enumerate(iter(lambda: list(islice(rest, _TURN)), [])):
        for name in rotated(names, number):
            began = time.process_time()
            times[name] += [timed(arms[name], text) for text in turn]
            cpu[name] += time.process_time() - began
    over_http, *others = names
    cpu[over_http] = server.cpu_seconds() - before
    for name in names:
        each, where = 1000 * cpu[name] / len(times[name]), " in the service" if name == over_http else ""
        print(f"{name:26} {percentiles(times[name])}  {each:.1f} ms of CPU{where}")
    ratio = {name: float(np.median(times[over_http]) / np.median(times[name])) for name in others}
    for name in others:
        print(f"p50 over HTTP is {ratio[name]:.2g} times that of {name} ({cpu[over_http] / cpu[name]:.2g} in mean CPU)")
    p50, p99 = map(float, np.percentile(times[over_http], [50, 99]))
    return judged({"p50 ms": p50, "p99 ms": p99, "times the peer": ratio[others[0]]}, TARGETS)


def rotated(names: Sequence[str], turn: int) -> Sequence[str]:
    """Each is first as often as the others."""
    first = turn % len(names)
    return [*names[first:], *names[:first]]


def many_clients(server: Server, asked: Sequence[str], clients: int) -> None:
    parts = [list(islice(asked, number, None, clients)) for number in range(clients)]

    def ask(part: Sequence[str]) -> list[float]:
        search = searching(server.address)
        return [timed(search, text) for text in part]

    before, began = server.cpu_seconds(), time.perf_counter()
    with ThreadPoolExecutor(clients) as threads:
        times = [one for part in threads.map(ask, parts) for one in part]
    seconds = time.perf_counter() - began
    spent = server.cpu_seconds() - before
    print(
        f"{clients} clients                 {percentiles(times)}  {len(times) / seconds:.1f} searches/s, "
        f"{1000 * spent / len(times):.1f} ms of CPU each: {len(times) / spent:.0f} a second and core"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--library", type=Path, required=True)
    parser.add_argument("--clips", type=int, default=1_000_000)
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--workers", type=int, default=1, help="processes of the service")
    parser.add_argument("--no-tower", action="store_true")
    options = parser.parse_args()
    asked = queries(options.clips, options.queries + _WARM)
    with tempfile.TemporaryDirectory() as folder:
        tower = None if options.no_tower else write_tower(Path(folder) / "tower.onnx")
        shown = only_read(options.library.absolute(), Path(folder) / "library")
        server = Server(
            shown, "--no-jobs", log=Path(folder) / "log", module="benchmarks.http_search", workers=options.workers,
            environment={**ONE_THREAD, _TOWER_ENV: str(tower or "")},      # `wenshi serve` says so before NumPy is imported
        )  # fmt: skip
        print(f"ready in {server.start():.1f} s, {loads()}", flush=True)
        try:
            plain = exact(shown, TimedEncoder(tower), Path(folder) / "vectors")
            met = one_client(server, bare(shown, TimedEncoder(tower)), plain, asked)
            many_clients(server, asked[_WARM:], options.clients)
            print(f"resident memory of the service {server.resident_bytes() / 1e6:.0f} MB, {loads()}")
        finally:
            server.stop()
    return 0 if met else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve()
    sys.exit(main())
elif __name__ == "__mp_main__":         # a worker of the service
    use_timed_encoder()
