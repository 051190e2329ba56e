"""What the demo measures, and the model that comes with it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from data_pipeline.miniature.render import draw_frame
from data_pipeline.miniature.truth import satisfies
from retrieval.encoders import TextVectors, load_encoder
from retrieval.errors import LibraryError
from retrieval.library import Library
from retrieval.model import InteractionSettings
from retrieval.records import Clip, Generation, Location, Video
from serving.cli import demo
from serving.cli.main import app
from serving.demo.measuring import library_scores
from serving.demo.unseen import MODEL, short_queries, unseen_scenes
from serving.ingest.report import AddReport

GENERATION = Generation(encoder="table", revision="1", preprocessing="none", dimension=4)


class OneWord:
    """Every text is one word along the first axis."""

    generation, dimension, context_length, interaction = GENERATION, 4, 8, InteractionSettings()

    def encode_texts(self, texts):
        vector = np.tile(np.eye(4, dtype=np.float32)[0], (len(texts), 1))
        return TextVectors(
            pooled=vector, words=vector[:, None], mask=np.ones((len(texts), 1), bool), pieces=[["x"]] * len(texts),
            unread=[0] * len(texts), windows=[1] * len(texts),
        )  # fmt: skip


def put(library: Library, name: str, *clips: tuple[float, list[float]]) -> str:
    """A video with a clip for each (cosine of its vector, cosines of its frames) with the first axis."""

    def along(cosine: float) -> list[float]:
        return [cosine, float(np.sqrt(1 - cosine**2)), 0.0, 0.0]

    video_id = hashlib.sha256(name.encode()).hexdigest()
    video = Video(
        id=video_id, size_bytes=1, duration_ms=1000 * max(len(clips), 1), width=16, height=16, frames_per_second=25.0,
        container="mp4", codec="h264", has_audio=False,
    )  # fmt: skip
    stored = [
        Clip(
            start_ms=1000 * i, end_ms=1000 * (i + 1), keyframe_ms=1000 * i,
            frame_times_ms=tuple(1000 * i + 10 * k for k in range(len(frames))),
            vector=np.array(along(pooled), np.float32), frame_vectors=np.array([along(c) for c in frames], np.float32),
        )
        for i, (pooled, frames) in enumerate(clips)
    ]  # fmt: skip
    library.put(
        video, Location(path=f"/v/{name}.mp4", size_bytes=1, modified_ns=1), evidence=[], location_evidence=[], clips=stored,
        generation=GENERATION if clips else None, examined={},
    )  # fmt: skip
    return video_id


def test_a_video_scores_as_its_best_clip_does(tmp_path):
    with Library.open(tmp_path / "library", write=True, create=True) as library:
        two = put(library, "two", (0.2, [0.2, 0.6]), (0.8, [0.5]))
        one = put(library, "one", (0.6, [0.0, 0.6, 0.6]))
        scores = library_scores(library, [one, two], ["a", "b"], encoder=OneWord())
    np.testing.assert_allclose(scores.pooled, [[0.6, 0.8]] * 2, atol=1e-3)
    # one word: half the best frame, half the mean over frames; then the mean with the pooled score
    of_one = (0.6 + (0.6 + 0.4) / 2) / 2
    of_two = max((0.2 + (0.6 + 0.4) / 2) / 2, (0.8 + (0.5 + 0.5) / 2) / 2)
    np.testing.assert_allclose(scores.reranked, [[of_one, of_two]] * 2, atol=1e-3)


def test_a_video_without_vectors_is_not_passed_over(tmp_path):
    with Library.open(tmp_path / "library", write=True, create=True) as library:
        seen, blind = put(library, "seen", (0.5, [0.5])), put(library, "blind")
        with pytest.raises(LibraryError, match="no vectors"):
            library_scores(library, [seen, blind], ["a"], encoder=OneWord())


def test_short_queries_have_answers_and_they_are_true():
    scenes = unseen_scenes(60)
    asked = short_queries(scenes)
    assert asked
    for query in asked:
        assert len(query.relevant) >= 3
        assert query.relevant == {i for i, scene in enumerate(scenes) if satisfies(scene, query.condition)}


def test_the_shipped_model_is_small_and_finds_unseen_scenes_by_their_description():
    assert sum(path.stat().st_size for path in Path(MODEL).iterdir()) < 10_000_000
    encoder = load_encoder(str(MODEL), device="cpu")
    scenes = [scene for scene in unseen_scenes(120) if not scene.on_screen]
    side = encoder.geometry.height
    times = [(2 * i + 1) / 8 for i in range(4)]
    pictures = np.stack([
        np.stack([
            np.asarray(draw_frame(scene, share * scene.duration_ms, width=224, height=126).resize((side, side)))
            for share in times
        ])
        for scene in scenes
    ])  # fmt: skip
    videos = encoder.encode_clips(pictures, frame_mask=np.ones(pictures.shape[:2], bool)).pooled
    texts = encoder.encode_texts([scene.caption for scene in scenes])
    assert all(unread == 0 for unread in texts.unread)
    similarity = texts.pooled @ videos.T
    first = (similarity.argmax(axis=1) == np.arange(len(scenes))).mean()
    assert first > 0.6  # measured on a thousand by benchmarks/demo_model.py; chance is under 0.01


def test_a_demo_that_is_interrupted_says_so_and_searches_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "_render_and_add", lambda *_: AddReport(files=1, interrupted=True))
    result = CliRunner().invoke(app, ["demo", "--directory", str(tmp_path / "demo")])
    assert (result.exit_code, result.output) == (130, "")
