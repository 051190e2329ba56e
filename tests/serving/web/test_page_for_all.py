"""The page for people who do not see it, do not use a mouse, see little contrast, want no motion or hold a phone."""

from __future__ import annotations

from tests.serving.web.fake_api import video_id
from tests.serving.web.states import states

# Every text on the screen that does not stand out from what is behind it: [text, ratio]. Text over pictures has a
# background of its own; colours are read back from a canvas, whatever way they are written in.
LOW_CONTRAST = """(() => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [1, 1];
    const pen = canvas.getContext("2d", { willReadFrequently: true });
    const rgba = (colour) => {
        pen.clearRect(0, 0, 1, 1);
        pen.fillStyle = colour;
        pen.fillRect(0, 0, 1, 1);
        const [r, g, b, a] = pen.getImageData(0, 0, 1, 1).data;
        return [r, g, b, a / 255];
    };
    const over = ([r, g, b, a], under) => [r, g, b].map((part, i) => part * a + under[i] * (1 - a));
    const behind = (one) => {
        const layers = [];
        for (let at = one; at; at = at.parentElement) {
            layers.push(rgba(getComputedStyle(at).backgroundColor));
            if (layers.at(-1)[3] === 1) break;
        }
        return layers.reverse().reduce((under, layer) => over(layer, under), [255, 255, 255]);
    };
    const luminance = (colour) => colour.map((part) => part / 255)
        .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
        .reduce((sum, part, i) => sum + part * [0.2126, 0.7152, 0.0722][i], 0);
    const root = [...document.querySelectorAll("dialog[open]")].at(-1) ?? document.body;
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    const low = [];
    while (walker.nextNode()) {
        const one = walker.currentNode.parentElement;
        const text = walker.currentNode.data.trim();
        const shown = one.checkVisibility({ opacityProperty: true, visibilityProperty: true });
        if (!text || !shown || one.closest(".unseen, [disabled], .toast, noscript")) continue;
        const ground = behind(one);
        const [a, b] = [luminance(over(rgba(getComputedStyle(one).color), ground)), luminance(ground)];
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < 4.5) low.push([text.slice(0, 20), Math.round(ratio * 100) / 100]);
    }
    return low;
})()"""

NAMED = {"button", "link", "textbox", "searchbox", "slider", "spinbutton", "dialog", "list", "checkbox", "Date", "Video", "group"}


def has_contrast(page, name) -> None:
    for theme in ("light", "dark"):
        page.media(prefers_color_scheme=theme, prefers_reduced_motion="reduce")
        assert page.run(LOW_CONTRAST) == [], (name, theme)


def test_every_text_has_contrast_in_every_state_and_theme(page, address):
    page.media(prefers_reduced_motion="reduce")
    for name, (where, until) in states(address).items():
        page.go(where, until=until)
        has_contrast(page, name)
    page.go(address, until=".card")
    for opener in ("#help", "#add"):
        page.click(opener)
        has_contrast(page, opener)
        page.press("Escape")


def test_everything_that_can_be_used_has_a_name(page, address):
    for name, (where, until) in states(address).items():
        page.go(where, until=until)
        if name == "results":
            page.click("#filter")
        nameless = [role for role, said in page.accessible() if role in NAMED and not said.strip()]
        # A list is named where there are several; a group of the form's fields by its legend or its only label.
        assert [role for role in nameless if role not in ("list", "group")] == [], name


def test_landmarks_headings_and_live_regions_are_there(page, address):
    page.go(f"{address}/?q=猫", until=".card .badges")
    said = page.accessible()
    roles = [role for role, _ in said]
    assert {"banner", "main", "search", "contentinfo", "status"} <= set(roles)
    shown = "[...document.querySelectorAll('h1, h2, h3')].filter((one) => one.checkVisibility())"
    levels = page.run(f"{shown}.map((one) => one.tagName)")
    assert levels[0] == "H1"
    assert set(levels[1:]) == {"H2"}
    assert ("link", f"{page.text('.card .open')}，从 0:02 播放；相符程度：很相符") in said
    page.go(f"{address}/?q=出错", until=".message")
    assert page.run("document.querySelector('[role=alert]').textContent").startswith("搜索没有成功")


def test_the_tab_key_walks_from_the_box_to_the_cards_and_is_not_trapped(page, address):
    page.go(f"{address}/?q=猫", until=".card .badges")
    page.run("document.activeElement.blur()")
    met = []
    for _ in range(40):
        page.press("Tab")
        met.append(page.run("document.activeElement.id || document.activeElement.className"))
    order = [met.index(name) for name in ("skip", "home", "q", "pick", "filter", "as-json", "open")]
    assert order == sorted(order)
    assert met.count("open") == 8           # every card once, and on from the last
    assert met[met.index("open") + 16] != "open"


def test_what_has_the_focus_can_be_seen(page, address):
    page.go(f"{address}/?q=猫", until=".card .badges")
    for _ in range(16):
        page.press("Tab")
        seen = page.run("""(() => {
            const one = document.activeElement, style = getComputedStyle(one);
            const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
            const around = [one.closest(".box"), one.closest(".card")?.querySelector(".poster")].filter(Boolean);
            return ring || around.some((other) => [getComputedStyle(other), getComputedStyle(other, "::after")]
                .some((its) => its.boxShadow !== "none"));
        })()""")
        assert seen, page.run("document.activeElement.outerHTML.slice(0, 100)")


def test_an_open_video_keeps_the_focus_and_gives_it_back(page, address):
    page.go(f"{address}/?q=猫", until=".card .badges")
    page.press("j")
    page.press("Enter")
    page.wait("document.querySelectorAll('#watch .moments button').length === 2")
    for _ in range(12):
        page.press("Tab")
        inside = "document.activeElement === document.body || document.querySelector('#watch').contains(document.activeElement)"
        assert page.run(inside)
    page.press("Escape")
    page.wait(f"document.activeElement?.dataset?.video === '{video_id(0)}'")


def test_the_timeline_is_a_slider_that_says_the_time_and_obeys_keys(page, address):
    page.go(f"{address}/?v={video_id(1)}&t=1000", until="#watch .transcript li")
    page.wait("document.querySelector('#watch video').readyState > 0")
    page.run("document.querySelector('#watch video').pause(); document.querySelector('.timeline').focus()")
    page.press("ArrowRight")
    page.wait("document.querySelector('.timeline').ariaValueText.startsWith('0:02，共 1:00')")
    assert page.run("Number(document.querySelector('.timeline').ariaValueNow)") >= 2000


def test_who_wants_no_motion_gets_none_and_no_video_starts(page, address):
    page.media(prefers_reduced_motion="reduce")
    page.go(f"{address}/?q=猫", until=".card .badges")
    assert page.run("document.getAnimations().length") == 0
    page.click(".card .open")
    page.wait("document.querySelector('#watch video').readyState > 0")
    assert page.run("document.querySelector('#watch video').paused")


def fits(page, name) -> None:
    for width in (768, 390, 320):
        page.size(width, 700, phone=True)
        assert page.run("document.documentElement.scrollWidth") <= width, (name, width)


def test_nothing_is_wider_than_a_small_screen_and_nothing_on_it_too_small_to_press(page, address):
    page.size(768, 700, phone=True)
    for name, (where, until) in states(address).items():
        page.go(where, until=until)
        fits(page, name)
    page.go(f"{address}/?q=猫", until=".card .badges")
    page.click("#filter")
    fits(page, "#filter")
    small = page.run("""[...document.querySelectorAll("button, a, input")]
        .filter((one) => one.checkVisibility({ contentVisibilityAuto: true }))
        .filter((one) => !one.closest(".unseen, .skip, .foot") && !one.matches(".open, .link"))
        .filter((one) => one.getBoundingClientRect().height < 24).map((one) => one.outerHTML.slice(0, 80))""")
    assert small == []
