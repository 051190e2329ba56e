"""A build on Ray gives the same corpus as one on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from data_pipeline.building.build import account, build
from data_pipeline.building.local import Work
from data_pipeline.building.ray_runner import ray_runner
from data_pipeline.building.settings import BuildSettings, Relevance
from retrieval.errors import WenshiError
from tests.data_pipeline.building.stand_ins import calls, make_stages, runner_here, sources_of
from tests.videos import write_video

ray = pytest.importorskip("ray", reason="Ray is an extra")
pytest.importorskip("pyarrow", reason="tables need pyarrow")


@pytest.fixture(autouse=True, scope="module")
def machine() -> Iterator[None]:
    """A Ray that every build of this file shares: starting one takes seconds."""
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error")
    yield
    ray.shutdown()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")     # Ray's, of the build that is given up
def test_ray_gives_the_same_corpus_and_goes_on_where_it_was(tmp_path: Path) -> None:
    files = [write_video(tmp_path / f"{number}.mp4", seconds=0.3, seed=number) for number in range(4)]
    sources = sources_of(*files, tmp_path / "missing.mp4")
    settings = BuildSettings(relevance=Relevance(model="one"), videos_per_shard=2)
    here, there = tmp_path / "here" / "corpus", tmp_path / "there" / "corpus"
    build(sources, Work(directory=here, settings=settings, make_stages=make_stages), runner_here)
    seen: list[str] = []
    work = Work(directory=there, settings=settings, make_stages=make_stages)
    build(sources, work, ray_runner(2), done=lambda video: seen.append(video.source_id))
    assert account(there) == account(here)
    assert sorted(seen) == sorted(source.source_id for source in sources)
    before = calls(there)
    assert build(sources, work, ray_runner(1)) == account(here)
    assert calls(there) == before
    bad = Work(directory=there, settings=BuildSettings(relevance=Relevance(model="missing")), make_stages=make_stages)
    with pytest.raises(WenshiError, match="There is no model in missing"):
        build(sources, bad, ray_runner(1))
