"""Rendered clips are real files that hold exactly what their scene says."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pysubs2
import pytest
from PIL import Image

from data_pipeline.fonts import find_cjk_font
from data_pipeline.manifest import read_manifest
from data_pipeline.miniature import render as rendering
from data_pipeline.miniature.lettering import drawable_part
from data_pipeline.miniature.render import DRAWING_SOURCES, MANIFEST, content_hash, draw_frame, render, render_all
from data_pipeline.miniature.scenes import SCENES, SceneSpec, Shot
from data_pipeline.miniature.spec import Container, Line, actor
from retrieval.errors import InputError

LINES: tuple[Line, ...] = ((200, 900, "第一句，有逗号"), (1100, 1900, "第二句 {with} Latin 123"))
PLAIN = SceneSpec(
    name="plain", background="meadow", actors=(actor("medium red cat", motion="left_to_right"),), seconds=2.0,
    title="标题", caption="一只红色的猫从左走到右", tags=("猫", "测试"), date="2024-01-02",
)
CUT = dataclasses.replace(
    PLAIN, name="cut", seconds=1.0, parts=(Shot(background="night", actors=PLAIN.actors, seconds=1.5),)
)
needs_font = pytest.mark.skipif(find_cjk_font() is None, reason="no Chinese font on this machine")


def frames(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as clip:
        return [frame.to_ndarray(format="rgb24").astype(np.int16) for frame in clip.decode(video=0)]


def subtitle_lines(path: Path) -> list[Line]:
    """The lines of the text stream, as a player reads them: mov_text samples start with their length."""
    lines = []
    with av.open(str(path)) as clip:
        stream = clip.streams.subtitles[0]
        for packet in clip.demux(stream):
            data = bytes(packet)
            text = (data[2:] if stream.codec_context.name == "mov_text" else data).decode()
            if text:
                lines.append((int(packet.pts), int(packet.pts + packet.duration), text))
    return lines


@pytest.mark.parametrize("container", ["mp4", "mkv", "webm"])
def test_a_clip_has_the_frames_the_length_and_the_lines_of_its_scene(tmp_path: Path, container: Container) -> None:
    spec = dataclasses.replace(PLAIN, container=container, spoken=LINES)
    clip = render(spec, tmp_path)
    assert clip.path == tmp_path / f"plain.{container}"
    with av.open(str(clip.path)) as video:
        stream = video.streams.video[0]
        assert (stream.width, stream.height) == (320, 180)
        times = [frame.time for frame in video.decode(video=0)]
    assert np.allclose(times, np.arange(24) / 12, atol=0.001)
    assert subtitle_lines(clip.path) == list(LINES)


def test_the_subtitle_stream_says_that_it_is_chinese(tmp_path: Path) -> None:
    clip = render(dataclasses.replace(PLAIN, spoken=LINES), tmp_path)
    with av.open(str(clip.path)) as video:
        assert video.streams.subtitles[0].language in ("chi", "zho")


def test_a_sidecar_track_is_beside_the_clip_and_not_inside(tmp_path: Path) -> None:
    clip = render(dataclasses.replace(PLAIN, spoken=LINES, sidecar=True), tmp_path)
    assert clip.sidecar == tmp_path / "plain.srt"
    with av.open(str(clip.path)) as video:
        assert not video.streams.subtitles
    read = [(line.start, line.end) for line in pysubs2.load(str(clip.sidecar), encoding="utf-8")]
    assert read == [(start, end) for start, end, _ in LINES]
    assert all(text in clip.sidecar.read_text(encoding="utf-8") for *_, text in LINES)


def test_the_same_scene_gives_the_same_bytes(tmp_path: Path) -> None:
    for container in ("mp4", "mkv", "webm"):
        spec = dataclasses.replace(CUT, container=container, spoken=LINES)
        assert len({render(spec, tmp_path / str(k)).path.read_bytes() for k in range(4)}) == 1


def test_the_cut_is_where_the_scene_says(tmp_path: Path) -> None:
    pictures = frames(render(CUT, tmp_path).path)
    changes = [np.abs(b - a).mean() for a, b in pairwise(pictures)]
    cut = int(np.argmax(changes)) + 1
    assert cut == CUT.cuts_ms[0] * 12 // 1000
    assert max(changes) > 5 * sorted(changes)[-2]
    assert len(pictures) == 30


def test_each_clip_has_keyframes_to_seek_to(tmp_path: Path) -> None:
    clip = render(dataclasses.replace(PLAIN, seconds=5.0), tmp_path)
    with av.open(str(clip.path)) as video:
        keys = [float(packet.pts * packet.time_base) for packet in video.demux(video=0) if packet.is_keyframe]
    assert max(np.diff([*keys, 5.0])) <= 2.01


@needs_font
def test_on_screen_text_is_seen_in_its_span_and_only_there(tmp_path: Path) -> None:
    with_text = dataclasses.replace(PLAIN, on_screen=((500, 1500, "人民广场 1080p"),))
    clip = render(with_text, tmp_path / "with")
    pairs = zip(frames(clip.path), frames(render(PLAIN, tmp_path / "without").path), strict=True)
    shown = [bool((np.abs(a - b)[:40].max(axis=2) > 60).sum() > 300) for a, b in pairs]
    assert shown == [500 <= index * 1000 / 12 < 1500 for index in range(24)]
    assert clip.drawn_text == with_text.on_screen
    assert not clip.text_left_out


def test_without_a_chinese_font_latin_is_drawn_and_the_rest_is_reported_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(rendering, "find_cjk_font", lambda: None)
    mixed = dataclasses.replace(PLAIN, name="mixed", on_screen=((0, 2000, "iPhone15拍摄"),), spoken=LINES)
    chinese = dataclasses.replace(PLAIN, name="chinese", on_screen=((0, 2000, "人民广场"),))
    with caplog.at_level(logging.INFO):
        clips = render_all(tmp_path, specs=(PLAIN, mixed, chinese), workers=1)
    assert [clip.text_left_out for clip in clips] == [False, True, True]
    assert clips[1].drawn_text == ((0, 2000, "iPhone15"),)
    assert clips[2].drawn_text == ()
    assert len(caplog.records) == 1
    assert "WENSHI_FONT" in caplog.text
    difference = np.abs(frames(clips[1].path)[3] - frames(clips[0].path)[3])[:40]
    assert (difference.max(axis=2) > 60).sum() > 300
    assert subtitle_lines(clips[1].path) == list(LINES)


def test_only_latin_is_drawable_without_a_font() -> None:
    assert drawable_part("B站UP主 小满 café", font=None) == "B UP café"
    assert drawable_part("人民广场", font=None) == ""
    assert drawable_part("人民广场", font=Path("some.ttc")) == "人民广场"


@needs_font
def test_text_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    spec = dataclasses.replace(PLAIN, on_screen=((0, 1000, "这是一行长得怎么也放不进画面里去的文字" * 2),))
    with pytest.raises(InputError, match="too long"):
        render(spec, tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_is_there_already_is_kept(tmp_path: Path) -> None:
    first = render(PLAIN, tmp_path)
    os.utime(first.path, ns=(1, 1))
    again = render(PLAIN, tmp_path)
    assert (first.rendered, again.rendered) == (True, False)
    assert again.path.stat().st_mtime_ns == 1


def test_a_folder_with_a_colon_in_its_name_is_no_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    spec = dataclasses.replace(PLAIN, spoken=LINES)
    assert render(spec, Path("demo:1")).rendered
    assert not render(spec, Path("demo:1")).rendered


def test_an_existing_file_is_opened_as_a_video_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = render(PLAIN, tmp_path).path
    path.write_text("ffconcat version 1.0\nfile other.mp4\n")
    opened = []
    opening = av.open
    monkeypatch.setattr(av, "open", lambda *names, **how: opened.append((names, how)) or opening(*names, **how))
    assert render(PLAIN, tmp_path).rendered
    assert "concat" not in opened[0][1]["options"]["format_whitelist"].split(",")


@pytest.mark.parametrize("container", ["mp4", "mkv", "webm"])
def test_a_changed_scene_is_drawn_again(tmp_path: Path, container: Container) -> None:
    spec = dataclasses.replace(PLAIN, container=container)
    render(spec, tmp_path)
    assert not render(spec, tmp_path).rendered
    assert render(dataclasses.replace(spec, background="snow"), tmp_path).rendered


def test_a_damaged_file_is_drawn_again(tmp_path: Path) -> None:
    path = render(PLAIN, tmp_path).path
    whole = path.read_bytes()
    path.write_bytes(whole[:500])
    assert render(PLAIN, tmp_path).rendered
    assert path.read_bytes() == whole


def test_a_lost_or_edited_sidecar_is_written_again(tmp_path: Path) -> None:
    spec = dataclasses.replace(PLAIN, spoken=LINES, sidecar=True)
    sidecar = render(spec, tmp_path).sidecar
    assert sidecar is not None
    whole = sidecar.read_bytes()
    sidecar.write_text("1\n00:00:00,000 --> 00:00:01,000\nedited\n")
    assert not render(spec, tmp_path).rendered
    assert sidecar.read_bytes() == whole


def test_the_hash_follows_all_that_the_picture_follows() -> None:
    look = {"width": 320, "height": 180, "frames_per_second": 12, "font": Path("a.ttc")}
    base = content_hash(PLAIN, **look)  # type: ignore[arg-type]
    changes = ({"width": 640}, {"height": 90}, {"frames_per_second": 6}, {"font": None}, {"font": Path("b.ttc")})
    digests = {content_hash(PLAIN, **{**look, **change}) for change in changes}  # type: ignore[arg-type]
    digests |= {content_hash(CUT, **look), base}  # type: ignore[arg-type]
    assert len(digests) == 7
    assert content_hash(dataclasses.replace(PLAIN), **look) == base  # type: ignore[arg-type]


def test_a_failure_leaves_no_half_written_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(rendering, "draw_shot", stop)
    with pytest.raises(InputError, match="No space left"):
        render(PLAIN, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="file"):
        render(PLAIN, tmp_path / "file" / "clips")
    with pytest.raises(InputError, match="file"):
        render_all(tmp_path / "file", specs=(PLAIN,))


@pytest.mark.parametrize("shape", [{"width": 321}, {"height": 32}, {"frames_per_second": 0}])
def test_a_shape_that_cannot_be_encoded_is_refused(tmp_path: Path, shape: dict[str, int]) -> None:
    with pytest.raises(InputError):
        render(PLAIN, tmp_path, **shape)


def test_other_shapes_work_too(tmp_path: Path) -> None:
    pictures = frames(render(PLAIN, tmp_path, width=480, height=270, frames_per_second=5).path)
    assert len(pictures) == 10
    assert pictures[0].shape == (270, 480, 3)


def test_many_scenes_are_drawn_by_processes_and_come_back_in_order(tmp_path: Path) -> None:
    specs = [dataclasses.replace(PLAIN, name=f"clip-{number}", seconds=0.5 + number % 3) for number in range(6)]
    calls: list[tuple[int, int]] = []
    clips = render_all(tmp_path, specs=specs, workers=2, progress=lambda done, total: calls.append((done, total)))
    assert [clip.spec for clip in clips] == specs
    assert calls == [(done, 6) for done in range(1, 7)]
    alone = render_all(tmp_path / "alone", specs=specs, workers=1)
    assert [clip.path.read_bytes() for clip in clips] == [clip.path.read_bytes() for clip in alone]
    assert {path.name for path in tmp_path.iterdir()} == {*(f"{s.name}.mp4" for s in specs), MANIFEST, "alone"}


def test_one_bad_scene_stops_before_anything_is_drawn(tmp_path: Path) -> None:
    bad = dataclasses.replace(PLAIN, name="bad", background="mars")
    with pytest.raises(InputError, match="mars"):
        render_all(tmp_path / "clips", specs=(PLAIN, bad))
    with pytest.raises(InputError, match="plain"):
        render_all(tmp_path / "clips", specs=(PLAIN, CUT, PLAIN))
    assert not (tmp_path / "clips").exists()


def test_an_error_in_a_process_reaches_the_caller_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "plain.mp4").mkdir()        # nothing can be renamed onto a directory
    with pytest.raises(InputError, match=r"plain\.mp4"):
        render_all(tmp_path, specs=(PLAIN, CUT), workers=2)
    assert not list(tmp_path.glob(".*"))


def test_the_manifest_is_read_back_for_every_clip(tmp_path: Path) -> None:
    undated = dataclasses.replace(CUT, date="", tags=())
    clips = render_all(tmp_path, specs=(PLAIN, undated), workers=1)
    matched = read_manifest(tmp_path / MANIFEST).match([clip.path for clip in clips])
    assert not matched.unmatched
    row = matched.by_path[clips[0].path]
    assert (row.title, row.tags, row.date) == ("标题", ("猫", "测试"), "2024-01-02")
    assert row.details["caption"] == PLAIN.caption
    assert (matched.by_path[clips[1].path].tags, matched.by_path[clips[1].path].date) == ((), None)
    assert "标题" in (tmp_path / MANIFEST).read_text(encoding="utf-8")
    assert json.loads((tmp_path / MANIFEST).read_text(encoding="utf-8").splitlines()[0])["file"] == "plain.mp4"


def test_the_whole_world_is_rendered_completely(tmp_path: Path) -> None:
    clips = render_all(tmp_path)
    assert [clip.spec for clip in clips] == list(SCENES)
    for clip in clips:
        with av.open(str(clip.path)) as video:
            assert video.duration is not None
            assert abs(video.duration / 1000 - clip.spec.duration_ms) <= 1000 / 12
            assert bool(video.streams.subtitles) == bool(clip.spec.spoken and not clip.spec.sidecar)
        assert (clip.sidecar is not None) == clip.spec.sidecar
    assert not any(clip.rendered for clip in render_all(tmp_path))


def test_a_frame_is_the_picture_that_the_clip_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compared before compression: what goes into the encoder, text, cut, relation and second motion included."""
    pair = (actor("medium red cat", motion="right_to_left"), actor("small blue crab", motion="right_to_left"))
    then = dataclasses.replace(actor("small cyan kite", motion="circle"), then="spin", shift=(0.05, 0.02))
    spec = dataclasses.replace(
        PLAIN, actors=pair, relation="chases", variant=3, on_screen=((500, 2600, "人民广场 1080p"),),
        parts=(Shot(background="desert", actors=(then,), seconds=1.3, variant=1),),
    )
    shown: list[Image.Image] = []

    def keep(path: Path, pictures: Iterable[Image.Image], **rest: object) -> None:
        shown.extend(pictures)
        path.write_bytes(b"")

    monkeypatch.setattr(rendering, "write_clip", keep)
    render(spec, tmp_path, width=224, height=126, frames_per_second=8)
    assert len(shown) == 26
    for index, picture in enumerate(shown):
        assert draw_frame(spec, index * 125, width=224, height=126).tobytes() == picture.tobytes()
    without = draw_frame(dataclasses.replace(spec, on_screen=()), 1000, width=224, height=126)
    assert draw_frame(spec, 1000, width=224, height=126).tobytes() != without.tobytes()


def test_a_frame_outside_the_clip_or_of_an_unknown_thing_is_refused() -> None:
    assert draw_frame(PLAIN, 2000, width=224, height=126).size == (224, 126)
    for time_ms in (-1, 2001, float("nan")):
        with pytest.raises(InputError, match="0 to 2000"):
            draw_frame(PLAIN, time_ms, width=224, height=126)
    with pytest.raises(InputError, match="mars"):
        draw_frame(dataclasses.replace(PLAIN, background="mars"), 0, width=224, height=126)


def test_the_hash_covers_every_source_that_draws() -> None:
    """What the renderer imports from its package, but for the list of scenes and what sweeps drafts."""
    package = "data_pipeline.miniature."
    code = f"import sys, data_pipeline.miniature.render; print(*(m for m in sys.modules if m.startswith({package!r})))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    parts = {name.removeprefix(package).split(".")[0] for name in loaded}
    assert parts - {"scenes", "drafts"} == {Path(source).stem for source in DRAWING_SOURCES}


def test_drafts_that_a_kill_left_are_swept_once_they_are_old(tmp_path: Path) -> None:
    names = [".plain.mp4.17.part", ".plain.mp4.17.silent", ".young.mp4.17.part", ".hidden", "part.17.part"]
    for name in names:
        (tmp_path / name).touch()
        if "young" not in name:
            os.utime(tmp_path / name, (0, 0))
    render_all(tmp_path, specs=(PLAIN,))
    assert [name for name in names if (tmp_path / name).exists()] == names[2:]
