"""Shards on a Ray cluster: the same function in actors, with the corpus on a disk that all machines share."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Iterator
from dataclasses import asdict
from typing import Any

from data_pipeline.building.commits import Commit
from data_pipeline.building.local import Runner, ShardJob, Work, run_job
from data_pipeline.building.process_shard import VideoDone
from data_pipeline.building.worker import Worker
from data_pipeline.corpus.errors import CorpusError
from data_pipeline.corpus.measured import MeasuredVideo
from retrieval.errors import InputError, WenshiError


def ray_runner(workers: int, *, address: str | None = None) -> Runner:
    """A runner with so many actors, on the cluster at `address` (None = on this machine alone).

    Raises InputError when Ray is not installed.
    """
    ray = _require_ray()

    def run(jobs: Iterable[ShardJob], work: Work, done: VideoDone) -> Generator[Commit, None, None]:
        started = not ray.is_initialized()
        if started:
            local = {"num_cpus": workers, "include_dashboard": False} if address is None else {"address": address}
            ray.init(log_to_driver=False, logging_level="error", **local)
        try:
            yield from _committed(_results(ray, list(jobs), work, workers), done)
        finally:
            if started:
                ray.shutdown()

    return run


class _ShardWorker:
    """An actor: it keeps its worker process, and so its models, from shard to shard."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._worker = Worker(work.make_stages, work.settings, work.directory, load_models=work.load_models)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        return {"result": [self._result(_job(str(text))) for text in batch["job"]]}

    def _result(self, job: ShardJob) -> str:
        videos: list[dict[str, Any]] = []
        try:
            commit = run_job(job, self._work, self._worker, lambda video: videos.append(_short(video)))
        except WenshiError as error:
            return json.dumps({"error": str(error), "kind": error.kind if isinstance(error, CorpusError) else ""})
        return json.dumps({"commit": commit and asdict(commit), "videos": videos})


def _results(ray: Any, jobs: list[ShardJob], work: Work, workers: int) -> Iterator[dict[str, Any]]:
    if not jobs:
        return
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    rows = [{"job": json.dumps(asdict(job), default=sorted)} for job in jobs]
    data = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
        _ShardWorker, fn_constructor_args=(work,), batch_size=1, concurrency=min(workers, len(rows)), num_cpus=1,
    )  # fmt: skip
    for row in data.iter_rows():
        yield json.loads(row["result"])


def _committed(results: Iterator[dict[str, Any]], done: VideoDone) -> Iterator[Commit]:
    for result in results:
        if "error" in result:
            kind = result["kind"]
            raise CorpusError(kind, result["error"]) if kind else WenshiError(result["error"])
        for video in result["videos"]:
            done(MeasuredVideo(**video))
        if result["commit"] is not None:
            yield Commit(**result["commit"])


def _job(text: str) -> ShardJob:
    values = json.loads(text)
    previous, retry = values["previous"], values["retry"]
    return ShardJob(
        shard=values["shard"], previous=previous and Commit(**previous), retry=None if retry is None else frozenset(retry),
        changed=frozenset(values["changed"]),
    )  # fmt: skip


def _short(video: MeasuredVideo) -> dict[str, Any]:
    """What a progress display needs: rows stay where they are written."""
    names = ("source_id", "shard", "status", "error_kind", "path", "duration_ms")
    return {name: getattr(video, name) for name in names}


def _require_ray() -> Any:
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise InputError(
            f"A build on Ray needs the package ray, which cannot be imported ({error}); install it with: "
            "pip install 'wenshi[ray]'"
        ) from error
    return ray
