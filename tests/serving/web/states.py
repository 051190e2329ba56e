"""What the page can look like."""

from __future__ import annotations

from tests.serving.web.fake_api import video_id


def states(address: str) -> dict[str, tuple[str, str]]:
    """Name -> the address that leads to a state of the page, and a selector of what is there then."""
    return {
        "results": (f"{address}/?q=猫&channel=visual", ".card .badges"),
        "unanswered": (f"{address}/?q=不相干", "#unanswered:not(:empty)"),
        "nothing": (f"{address}/?q=没有", ".message"),
        "failure": (f"{address}/?q=出错", ".message"),
        "video": (f"{address}/?q=猫&v={video_id(1)}&t=2000", "#watch .transcript li"),
        "home": (address, ".card"),     # after the others, so that recent searches are listed
    }
