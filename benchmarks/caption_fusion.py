"""What weighing ranks by worth gains over ranks alone, when channels hold noise.

    python -m benchmarks.caption_fusion CAPTIONS.jsonl      # rows {"caption": [at least four sentences about one picture]}

Every row becomes a video. A quarter have noisy lines (pieces of other rows' sentences as speech and on-screen text) beside
their title, a quarter a true subtitle beside it, a quarter a title that says nothing but true speech and on-screen text, and
a quarter a title alone. 300 rows are then asked for with their second sentence, which is stored nowhere.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from retrieval.library import Library
from retrieval.records import Evidence, EvidenceKind, Location, Video
from retrieval.search.channels import Recall, text_recall
from retrieval.search.fusion import fuse
from retrieval.search.query import Query

QUERIES = 300
GROUPS = ("title, noisy lines", "title, true subtitle", "empty title, true lines", "title alone")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("captions", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    lines = arguments.captions.read_text(encoding="utf-8").splitlines()
    rows = [captions for line in lines if len(captions := json.loads(line)["caption"]) >= 4]
    chance = random.Random(arguments.seed)
    asked = chance.sample(range(len(rows)), min(QUERIES, len(rows)))
    with tempfile.TemporaryDirectory() as scratch:
        with Library.open(Path(scratch) / "library", write=True, create=True) as library:
            for number, captions in enumerate(rows):
                put(library, number, captions, noise=chance.sample(rows, 6))
        with Library.open(Path(scratch) / "library") as library:
            recalls = {n: text_recall(library, Query.parse(rows[n][1]), rows=200, videos=20) for n in asked}
    print(f"{len(rows)} videos, {len(asked)} queries, {arguments.captions.name}, seed {arguments.seed}")
    report(
        "ranks alone", {n: {kind: _worth_one(recall) for kind, recall in found.items()} for n, found in recalls.items()}
    )
    report("ranks by worth", recalls)
    return 0


def put(library: Library, number: int, captions: Sequence[str], *, noise: Sequence[Sequence[str]]) -> None:
    group = number % len(GROUPS)
    title = f"随手拍的视频{number}" if group == 2 else captions[0]
    evidence: list[Evidence] = []
    if group == 0:
        evidence = [_line("ocr" if i % 2 else "subtitle", other[0][:12], i * 1000) for i, other in enumerate(noise)]
    elif group in (1, 2):
        evidence = [_line("subtitle", captions[2], 0)] + ([_line("ocr", captions[3], 1000)] if group == 2 else [])
    video = Video(
        id=_id(number), size_bytes=1, duration_ms=9000, width=16, height=16, frames_per_second=25.0,
        container="mp4", codec="h264", has_audio=False,
    )  # fmt: skip
    name = Evidence(kind="title", text=title, start_ms=0, end_ms=9000, source="manifest")
    location = Location(path=f"/videos/{number}.mp4", size_bytes=1, modified_ns=1)
    library.put(video, location, evidence=evidence, location_evidence=[name], clips=[], generation=None, examined={})


def report(name: str, recalls: Mapping[int, Mapping[str, Recall]]) -> None:
    first = dict.fromkeys(recalls, 0)
    five = 0
    for number, found in recalls.items():
        order = [video.video_id for video in fuse({kind: recall.matches for kind, recall in found.items()})]
        first[number] = order[:1] == [_id(number)]
        five += _id(number) in order[:5]
    print(f"{name}: R@1 {100 * sum(first.values()) / len(first):.1f} %, R@5 {100 * five / len(first):.1f} %")
    for group, label in enumerate(GROUPS):
        hits = [hit for number, hit in first.items() if number % len(GROUPS) == group]
        print(f"    {label}: R@1 {100 * sum(hits) / max(len(hits), 1):.1f} % of {len(hits)}")


def _worth_one(recall: Recall) -> Recall:
    return Recall(tuple(match._replace(worth=1.0) for match in recall.matches), recall.seen)


def _line(kind: EvidenceKind, text: str, start_ms: int) -> Evidence:
    return Evidence(kind=kind, text=text, start_ms=start_ms, end_ms=start_ms + 900, source="benchmark")


def _id(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


if __name__ == "__main__":
    raise SystemExit(main())
