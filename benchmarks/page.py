"""How fast the page is: its first paint, and the time from a search to its cards with many results.

    python -m benchmarks.page --results 1000 --rounds 7

Needs Chromium. The service answers with made-up hits at once, so what is measured is the page: parsing the answer, building the
first cards, laying them out and painting them. Times in ms, medians and the slowest; each round is a new page without a
cache.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from tests.serving.web.browser import Browser, Page, find_chromium
from tests.serving.web.fake_api import Fake, served

_FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
# From the press of Enter to the frame after the first card stands in the document, and how much of it the answer took.
_SEARCH = """new Promise((resolve) => {
    const began = performance.now();
    new MutationObserver((_, watcher) => {
        if (!document.querySelector(".card:not(.bare) .badges")) return;
        watcher.disconnect();
        requestAnimationFrame(() => requestAnimationFrame(() => {
            const answer = performance.getEntriesByType("resource").filter((one) => one.name.includes("/api/v1/search")).at(-1);
            resolve([performance.now() - began, answer.responseEnd - answer.startTime]);
        }));
    }).observe(document.querySelector("#grid"), { childList: true });
    document.querySelector("#q").value = "一千";
    document.querySelector("#box").requestSubmit();
})"""
# The slowest frame while the whole list is scrolled through, and how many cards were built in the end.
_SCROLL = """(async () => {
    let slowest = 0;
    for (let still = 0, before = 0; still < 20;) {
        const began = performance.now();
        scrollTo(0, document.body.scrollHeight);
        await new Promise(requestAnimationFrame);
        slowest = Math.max(slowest, performance.now() - began);
        const built = document.querySelectorAll(".card").length;
        still = built === before ? still + 1 : 0;
        before = built;
    }
    return [slowest, document.querySelectorAll(".card").length];
})()"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    program = find_chromium()
    if program is None:
        sys.exit("Chromium is not installed: apt-get install chromium")
    with tempfile.TemporaryDirectory(prefix="wenshi-page-") as profile, served(Fake().app()) as address:
        browser = Browser(program, Path(profile))
        rounds = [_round(browser.open(), address, given.results) for _ in range(given.rounds)]
        browser.close()
    print(f"{given.results} results, {given.rounds} rounds, ms: median (slowest)")
    names = (
        "first paint", "search to cards", "of it waiting for the answer", "slowest frame while scrolling", "cards in the end"
    )  # fmt: skip
    for name, times in zip(names, zip(*rounds, strict=True), strict=True):
        print(f"{name:30} {statistics.median(times):8.0f} ({max(times):.0f})")


def _round(page: Page, address: str, results: int) -> tuple[float, ...]:
    page.go(f"{address}/?k={results}", until=".card")
    page.wait(f"{_FIRST_PAINT} > 0")
    first_paint = page.run(_FIRST_PAINT)
    page.run("new Promise((resolve) => setTimeout(resolve, 300))")
    search, answer = page.run(_SEARCH)
    slowest, built = page.run(_SCROLL)
    page.close()
    return first_paint, search, answer, slowest, built


if __name__ == "__main__":
    main()
