"""Small corpora of measured tables, as a build commits them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from data_pipeline.building.commits import MEASURED, Commit, append_commit
from data_pipeline.building.measured_tables import TABLES, write_tables
from data_pipeline.building.plan import add_sources
from data_pipeline.corpus.files import write_json
from data_pipeline.corpus.measured import CandidateRow, MeasuredVideo, SourceRow, SpeechRow
from data_pipeline.sources.rows import source_id
from data_pipeline.sources.uploaders import corpus_salt, uploader_hash
from tests.data_pipeline.export.finished_corpus import LICENCES, title_of, video_id_of

SHARD = "shard-000000"


def candidate(video_id: str, number: int, **more) -> CandidateRow:
    values = {
        "pair_id": f"{video_id[:16]}_{number:06d}", "video_id": video_id, "source_id": "s", "shard": SHARD, "kind": "title",
        "start_ms": 0, "end_ms": 1000, "text": "文", "language": "zh", "characters": 1,
    }  # fmt: skip
    return CandidateRow(**{**values, **more})


def write_measured(
    corpus: Path, *, paths: Sequence[Path] = (), candidates: Sequence[CandidateRow] | None = None, per_shard: int = 2
) -> Path:
    """Shards of videos with a title, a line of speech and two candidates each; or one shard of given candidates."""
    (corpus / MEASURED).mkdir(parents=True, exist_ok=True)
    if candidates is not None:
        _commit(corpus, SHARD, {name: candidates if name == "candidates" else [] for name in TABLES})
        return corpus
    write_json(corpus / "corpus.json", {"settings": {}})
    salt = corpus_salt(corpus)
    sources = [_source(path, number) for number, path in enumerate(paths)]
    add_sources(corpus, sources, videos_per_shard=per_shard)
    for place in range(0, len(paths), per_shard):
        shard = f"shard-{place // per_shard:06d}"
        numbers = range(place, min(place + per_shard, len(paths)))
        _commit(corpus, shard, _tables(shard, {number: (sources[number], paths[number]) for number in numbers}, salt))
    return corpus


def _source(path: Path, number: int) -> SourceRow:
    uri = str(path)
    return SourceRow(source_id=source_id(uri), uri=uri, title=title_of(number), uploader=f"作者{number % 3}")


def _tables(shard: str, videos: dict[int, tuple[SourceRow, Path]], salt: str) -> dict[str, list]:
    tables: dict[str, list] = {name: [] for name in TABLES}
    for number, (source, path) in videos.items():
        video_id, of = video_id_of(path), {"shard": shard, "source_id": source.source_id}
        tables["videos"].append(MeasuredVideo(
            source_id=source.source_id, shard=shard, status="measured", video_id=video_id, path=str(path), width=96, height=64,
            duration_ms=1000, title=source.title, license_code=LICENCES[number % 4],
            uploader_hash=uploader_hash(source.uploader or "", salt=salt),
        ))  # fmt: skip
        tables["speech"].append(SpeechRow(
            video_id=video_id, segment=0, start_ms=0, end_ms=500, text=f"台词{number}", language="zh", average_logprob=None,
            no_speech=None, compression=None, voice_share=None, music_share=None, singing_share=None, flags=(), engine="e",
            model_digest="",
        ))  # fmt: skip
        tables["candidates"] += [
            candidate(video_id, 0, text=title_of(number), **of, relevance_top3=0.2 + number / 100),
            candidate(video_id, 1, text=f"台词{number}", **of, end_ms=500, relevance_top3=0.1),
        ]
    return tables


def _commit(corpus: Path, shard: str, tables: dict[str, Sequence]) -> None:
    (corpus / MEASURED / shard).mkdir()
    append_commit(corpus, Commit(
        shard=shard, version=1, directory=shard, stages_key="k", rows=len(tables["videos"]), measured=len(tables["videos"]),
        failed=0, candidates=len(tables["candidates"]), rows_sha256=write_tables(corpus / MEASURED / shard, tables),
    ))  # fmt: skip
