"""One Chromium for all tests of the page; they are left out, and say so, unless `make test-page` asks for them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving.web.browser import Browser, Page, find_chromium
from tests.serving.web.fake_api import Fake, served


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    program = find_chromium()
    if "WENSHI_TEST_PAGE" not in os.environ:
        pytest.skip("The page is tested by `make test-page`: a browser beside other tests takes all of two cores")
    if program is None:
        pytest.skip("Chromium is not installed: the page is not tested (apt-get install chromium)")
    started = Browser(program, tmp_path_factory.mktemp("chromium"))
    yield started
    started.close()


@pytest.fixture(scope="session")
def fake_and_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Fake, str]]:
    from tests.videos import write_video

    fake = Fake()
    path: Path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    write_video(path, seconds=4, shots=2, seed=1)
    with served(fake.app()) as address:
        fake.clip = path
        yield fake, address


@pytest.fixture
def fake(fake_and_address: tuple[Fake, str]) -> Fake:
    one, _ = fake_and_address
    one.asked.clear()
    one.videos, one.role, one.jobs, one.key = 3, "admin", [], None
    return one


@pytest.fixture
def address(fake_and_address: tuple[Fake, str]) -> str:
    return fake_and_address[1]


@pytest.fixture
def page(browser: Browser, fake: Fake) -> Iterator[Page]:
    """A new page; no script may have failed and no rule of the content policy been broken on it."""
    browser.said.clear()
    opened = browser.open()
    yield opened
    opened.close()
    assert browser.said == []
