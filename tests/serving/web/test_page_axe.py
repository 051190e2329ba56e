"""The page under the rules of axe-core, in every state, in light and dark, on a desk and on a phone."""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from pathlib import Path

import pytest

from tests.serving.web.states import states

_RUN = """(async () => {
    const found = await axe.run(document, { resultTypes: ["violations"] });
    const places = (rule) => rule.nodes.slice(0, 5).map((node) => node.target.join(" "));
    return found.violations.map((rule) => `${rule.impact} ${rule.id}: ${rule.help} (${places(rule).join(", ")})`);
})()"""


@lru_cache(maxsize=1)
def axe() -> str:
    """The script; it comes in a package of its own, of which nothing else is used."""
    package = importlib.util.find_spec("axe_playwright_python")
    if package is None or package.origin is None:
        pytest.skip("axe-core is not installed (`make test-page` does so)")
    return (Path(package.origin).parent / "axe.min.js").read_text(encoding="utf-8")


def violations(page) -> list[str]:
    page.run(axe() + "; 0")
    return list(page.run(_RUN))


@pytest.fixture(params=[(1280, 800), (390, 844)], ids=["desk", "phone"])
def screen(request, page):
    width, height = request.param
    page.size(width, height, phone=width < 500)
    return page


def test_axe_finds_nothing_in_any_state_and_theme(screen, address):
    found = {}
    for name, (where, until) in states(address).items():
        screen.go(where, until=until)
        screen.run(axe() + "; 0")
        for theme in ("light", "dark"):
            screen.media(prefers_color_scheme=theme, prefers_reduced_motion="reduce")
            found[name, theme] = screen.run(_RUN)
    assert {name: rules for name, rules in found.items() if rules} == {}


@pytest.mark.parametrize("opener", ["#help", "#add", "#filter"])
def test_axe_finds_nothing_in_what_opens(page, address, opener):
    page.go(f"{address}/?q=猫", until=".card .badges")
    page.click(opener)
    assert violations(page) == []


def test_axe_finds_what_is_wrong(page, address):
    page.go(address, until=".card")
    page.run("document.body.insertAdjacentHTML('beforeend', '<img src=\"/favicon.ico\"><button></button>')")
    assert any(rule.startswith("critical image-alt") for rule in violations(page))
    assert any(rule.startswith("critical button-name") for rule in violations(page))
