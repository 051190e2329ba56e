"""Frames of a span are those on screen at the midpoints of its equal parts, with their own times."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from data_pipeline.corpus.errors import CorpusError
from data_pipeline.corpus.samples import PictureFormat
from data_pipeline.corpus.shard_reader import ShardDataset, decode
from data_pipeline.corpus.shards import write_shards
from data_pipeline.corpus.video_clips import VideoClip, frames_of_video
from retrieval.errors import VideoError
from tests.data_pipeline.corpus.drawn_samples import caption
from tests.videos import write_video

TIMES_MS = (0, 100, 150, 700, 750, 800, 1600, 1650)       # of pictures with the greys 20, 40, 60, ...


@pytest.fixture
def uneven(tmp_path: Path) -> Path:
    """A video whose pictures come at uneven times: a frame number times a rate misses most of them."""
    path = tmp_path / "uneven.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=20, options={"crf": "5", "preset": "ultrafast"})
        stream.width = stream.height = 32
        stream.pix_fmt, stream.codec_context.time_base = "yuv420p", Fraction(1, 1000)
        for number, time_ms in enumerate(TIMES_MS):
            frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 20 * (number + 1), np.uint8), "rgb24")
            frame.pts, frame.time_base = time_ms, stream.codec_context.time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def test_frames_are_found_by_their_times(uneven: Path) -> None:
    found = frames_of_video(uneven, count=4, height=16, width=24, start_ms=0, end_ms=1600)
    on_screen = [max(time for time in TIMES_MS if time <= middle) for middle in (200, 600, 1000, 1400)]
    assert list(found.times_ms) == on_screen == [150, 150, 800, 800]
    assert found.pictures.shape == (4, 16, 24, 3)
    greys = [20 * (TIMES_MS.index(time) + 1) for time in on_screen]
    assert np.abs(found.pictures.mean(axis=(1, 2, 3)) - greys).max() < 3


def test_a_part_of_a_video_has_its_own_midpoints(uneven: Path) -> None:
    found = frames_of_video(uneven, count=2, height=16, width=16, start_ms=100, end_ms=800)
    assert (found.start_ms, found.end_ms, found.times_ms) == (100, 800, (150, 150))
    assert frames_of_video(uneven, count=1, height=16, width=16, start_ms=700, end_ms=760).times_ms == (700,)


def test_a_span_ends_with_the_video_and_must_begin_in_it(uneven: Path) -> None:
    whole = frames_of_video(uneven, count=1, height=16, width=16)
    assert (whole.start_ms, whole.end_ms) == (0, 1700)
    assert frames_of_video(uneven, count=1, height=16, width=16, start_ms=1000, end_ms=9000).end_ms == 1700
    for start_ms, end_ms in ((1700, 1800), (500, 500), (-5, 100)):
        with pytest.raises(CorpusError, match="is not within") as outside:
            frames_of_video(uneven, count=1, height=16, width=16, start_ms=start_ms, end_ms=end_ms)
        assert outside.value.kind == "span"


def test_an_unreadable_video_is_counted_by_name_and_never_black(tmp_path: Path) -> None:
    good = write_video(tmp_path / "good.mp4")
    bad = tmp_path / "坏.mp4"
    bad.write_bytes(good.read_bytes()[:200])
    clips = [
        VideoClip(id=path.stem, path=str(path), video=path.stem, texts=(caption(path.stem),), split="train", count=3)
        for path in (good, bad, tmp_path / "gone.mp4")
    ]
    done = write_shards(clips, tmp_path / "shards", form=PictureFormat(height=32, width=32))
    assert (done.rows, done.samples) == (3, 1)
    assert [(failure.id, failure.kind) for failure in done.failures] == [("坏", "corrupt"), ("gone", "missing")]
    assert all(path in failure.message for path, failure in zip([str(bad), "gone.mp4"], done.failures, strict=True))

    dataset = ShardDataset(tmp_path / "shards")
    sample = dataset[0]
    assert (len(dataset), sample.times_ms, sample.duration_ms) == (1, (100, 500, 800), 1000)
    direct = frames_of_video(good, count=3, height=32, width=32).pictures
    assert np.abs(decode(sample).astype(int) - direct).mean() < 3
    with pytest.raises(VideoError):
        frames_of_video(bad, count=3, height=32, width=32)
