"""The page over the real service and a real small library: from words to a playing video."""

from __future__ import annotations

import pytest

from serving.api.app import create_app
from serving.api.keys import Keys
from serving.api.service import Service
from serving.api.settings import ServeSettings
from serving.ingest.run import AddOptions, add_videos
from tests.serving.web.fake_api import served
from tests.videos import write_subtitles, write_video


@pytest.fixture
def real_address(tmp_path, browser):
    videos = tmp_path / "videos"
    videos.mkdir()
    write_video(videos / "小猫 <b>.mp4", seconds=4, shots=2, seed=1, title="放风筝的下午")
    write_subtitles(videos / "小猫 <b>.zh.srt", [(500, 1500, "我们去公园放风筝"), (2500, 3500, "風箏飛得好高")])
    add_videos(tmp_path / "library", [videos], AddOptions(model="none", on_screen_text=False))
    settings = ServeSettings(library=tmp_path / "library", media_cache=tmp_path / "cache", media_at_once=1, on_screen_text=False)
    with served(create_app(Service(settings))) as address:
        yield address


def test_words_lead_to_a_poster_a_strip_and_the_moment_playing(page, real_address):
    page.go(real_address, until=".card")
    page.click("#q")
    page.type("公园放风筝")
    page.press("Enter")
    page.wait("document.querySelector('.card .snippet mark').textContent.includes('公园放风筝')")
    page.wait("document.querySelector('.card img').naturalWidth > 16")
    page.hover(".card .rail")
    page.wait("document.querySelector('.frame').dataset.ready === 'yes'")
    page.click(".card .open")
    page.wait("document.querySelector('#watch video').currentTime >= 0.5")
    page.wait("document.querySelector('#watch .transcript mark')")
    clip = "fetch(document.querySelector('#watch .clip a').href)"
    assert page.run(f"{clip}.then((answer) => [answer.status, answer.headers.get('content-type')])") == [200, "video/mp4"]


def test_who_logged_in_with_a_key_that_was_taken_back_is_asked_for_another(page, real_address, tmp_path):
    keys = Keys(tmp_path / "library")
    first, shown_first = keys.add("read")
    _, shown_second = keys.add("read")

    def log_in(shown: str) -> None:
        page.wait("document.querySelector('#panel[open] input')")
        page.click("#panel input")
        page.type(shown)
        page.press("Enter")
        page.wait("document.querySelector('.card')")

    page.go(real_address, until="#panel[open]")
    log_in(shown_first)
    keys.remove(first.id)
    page.go(real_address, until="#panel[open]")
    log_in(shown_second)
