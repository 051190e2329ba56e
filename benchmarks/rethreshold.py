"""Seconds and memory of deciding again on a million candidates whose scores are stored: no model, no video is touched.

    python -m benchmarks.rethreshold --candidates 1000000      # writes about 150 MB to a scratch directory, one core

The first selection looks for near-duplicates too, which are kept; the second and third have another share and only decide.
Each runs in a process of its own. Then datasketch, where it is installed, is timed on a part of the same texts.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from data_pipeline.building.commits import MEASURED, Commit, append_commit
from data_pipeline.building.measured_tables import table_path
from data_pipeline.corpus.measured import CandidateRow, MeasuredVideo, SpeechRow
from data_pipeline.corpus.tables import require_pyarrow, write_columns, write_table
from data_pipeline.selection.settings import SCORES, SelectionSettings

PER_VIDEO, PER_SHARD = 4, 1000      # candidates of a video, videos of a shard
SHARES = (0.78, 0.67, 0.56)
_REPEATED = 0.1                     # of the texts are copies of another, half of them with a changed character
_SHARED = ("video_id", "start_ms", "end_ms", "text", "language", "flags")       # by a segment and its candidate
_COMMON = [chr(code) for code in range(0x4E00, 0x4E00 + 3000)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidates", type=int, default=1_000_000)
    parser.add_argument("--sketched", type=int, default=2_000, help="texts that datasketch is timed on; 0 for none")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        texts = write_shards(Path(scratch), candidates=arguments.candidates, seed=arguments.seed)
        print(f"{len(texts):,} candidates of {len(texts) // PER_VIDEO:,} videos, seed {arguments.seed}")
        for what, share in zip(("first", "again", "again"), SHARES, strict=True):
            process = multiprocessing.get_context("spawn").Process(target=measure, args=(Path(scratch), what, share))
            process.start()
            process.join()
            if process.exitcode:
                return 1
        compare(texts[: arguments.sketched])
    return 0


def write_shards(directory: Path, *, candidates: int, seed: int) -> list[str]:
    """Committed shards of candidates with texts, scores, duplicates and flags as they may be; gives back the texts."""
    chance, texts = random.Random(seed), list[str]()
    (directory / MEASURED).mkdir()
    videos = candidates // PER_VIDEO
    for number, start in enumerate(range(0, videos, PER_SHARD)):
        names = [f"{video:016x}" * 4 for video in range(start, min(start + PER_SHARD, videos))]
        shard = f"shard-{number:06d}"
        new = [_text(texts, chance) for _ in range(len(names) * PER_VIDEO)]
        _write_shard(directory / MEASURED / shard, shard, names, new, np.random.default_rng([seed, number]))
        append_commit(directory, Commit(
            shard=shard, version=1, directory=shard, stages_key="drawn", rows=len(names), measured=len(names), failed=0,
            candidates=len(new),
        ))  # fmt: skip
        texts += new
    return texts


def _text(earlier: list[str], chance: random.Random) -> str:
    if not earlier or chance.random() >= _REPEATED:
        return "".join(chance.choices(_COMMON, k=chance.randint(5, 60)))
    letters = list(chance.choice(earlier))
    if chance.random() < 0.5:
        letters[chance.randrange(len(letters))] = chance.choice(_COMMON)
    return "".join(letters)


def _write_shard(path: Path, shard: str, names: list[str], texts: list[str], chance: np.random.Generator) -> None:
    pa, _ = require_pyarrow()
    path.mkdir()
    hashes = chance.integers(-(2**63), 2**63, (len(names), 6))
    write_table(table_path(path, MeasuredVideo), (
        MeasuredVideo(
            source_id=name[32:], shard=shard, status="measured", video_id=name, path=f"/videos/{name}.mp4", file_bytes=1,
            container="mp4", video_codec="h264", width=640, height=360, rotation=0, duration_ms=36_000, frames_per_second=25.0,
            has_audio=True, uploader_hash=f"{chance.integers(50_000):x}", category=f"c{chance.integers(40)}",
            keyframe_hashes=tuple(own),
        )
        for name, own in zip(names, hashes.tolist(), strict=True)
    ), MeasuredVideo)  # fmt: skip
    count = len(texts)
    owners = [name for name in names for _ in range(PER_VIDEO)]
    starts = np.tile(np.arange(PER_VIDEO) * 9000, len(names))
    scores = {name: chance.normal(0.25, 0.05, count).astype(np.float32) for name in SCORES}
    columns: dict[str, Any] = {
        "pair_id": [f"{owner[:16]}_{owner[:8]}_{place % PER_VIDEO:04d}" for place, owner in enumerate(owners)],
        "video_id": owners, "source_id": [owner[32:] for owner in owners], "shard": [shard] * count, "kind": ["asr"] * count,
        "start_ms": starts, "end_ms": starts + 9000, "text": texts, "language": ["zh"] * count,
        "characters": [len(text) for text in texts],
        "title_part": [""] * count, "speech_part": texts, "screen_part": [""] * count, "source": ["drawn"] * count,
        "flags": [["lyrics"] if drawn < 0.05 else [] for drawn in chance.random(count)],
        "keyframes": [4] * count, **scores, "relevance_model": ["drawn"] * count,
    }  # fmt: skip
    write_columns(table_path(path, CandidateRow), pa.table(columns), CandidateRow)
    zeros = [0.0] * count
    speech = {
        "segment": np.tile(np.arange(PER_VIDEO), len(names)), "average_logprob": zeros, "no_speech": zeros, "compression": zeros,
        "voice_share": zeros, "music_share": zeros, "singing_share": zeros, "engine": columns["source"],
        "model_digest": columns["source"], **{name: columns[name] for name in _SHARED},
    }
    write_columns(table_path(path, SpeechRow), pa.table(speech), SpeechRow)


def measure(directory: Path, what: str, share: float) -> None:
    from data_pipeline.selection.select import write_selection

    wall, cpu = time.perf_counter(), time.process_time()
    account = write_selection(directory, SelectionSettings(keep_share=share))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    loaded = sorted({"torch", "transformers", "onnxruntime"} & sys.modules.keys())
    print(
        f"{what}, share {share:.2f}: {wall:5.1f} s ({cpu:.1f} s of CPU), peak {_peak_bytes() / 1e9:.2f} GB, "
        f"{account.candidates.kept:,} kept, {dict(account.candidates.filtered)}, model libraries loaded: {loaded or 'none'}"
    )


def compare(texts: list[str]) -> None:
    """CPU seconds for near-duplicates of the same texts, with ours and with datasketch."""
    try:
        from datasketch import MinHash, MinHashLSH
    except ImportError:
        print("datasketch is not installed: it was not timed")
        return
    from data_pipeline.selection.near_texts import letters_of, near_text_clusters

    if not texts:
        return
    pa, _ = require_pyarrow()
    began = time.process_time()
    near_text_clusters(letters_of(pa.array(texts)), likeness=0.8)
    ours, began = time.process_time() - began, time.process_time()
    index = MinHashLSH(threshold=0.8, num_perm=64)
    for number, text in enumerate(texts):
        minhash = MinHash(num_perm=64)
        minhash.update_batch([text[i : i + n].encode() for n in (2, 3) for i in range(len(text) - n + 1)])
        index.query(minhash)
        index.insert(number, minhash)
    theirs = time.process_time() - began
    print(f"{len(texts):,} texts: ours {ours:.2f} s verified, datasketch {theirs:.2f} s not verified, {theirs / ours:.1f} times")


def _peak_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    raise SystemExit(main())
