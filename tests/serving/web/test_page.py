"""The page in a real browser: what people see and do on it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.serving.web.fake_api import NASTY, bodies, video_id

HITS = "document.querySelectorAll('.card:not(.bare)').length"


def searches(fake) -> list[str]:
    return [where for method, where, _ in fake.asked if method == "GET"]


def found(page, address, query="猫", more=""):
    page.go(f"{address}/?q={query}{more}", until="#switch")
    page.wait(f"{HITS} > 0")


def test_typing_and_enter_search_and_the_address_says_what_was_asked(page, address, fake):
    page.go(address, until=".card")
    page.press("/")
    page.type("一只猫")
    page.press("Enter")
    page.wait("location.search.includes('q=')")
    page.wait(f"{HITS} === 8")
    assert page.run("new URLSearchParams(location.search).get('q')") == "一只猫"
    assert page.text("#summary").startswith("8 个视频")


def test_enter_that_ends_a_composition_does_not_search(page, address, fake):
    page.go(address, until=".card")
    page.click("#q")
    page.compose("mao")
    page.press("Enter")
    assert searches(fake) == []
    page.type("猫")             # the input method commits
    page.press("Enter")
    page.wait("location.search.includes('q=')")
    assert page.run("document.querySelector('#q').value") == "猫"


def test_texts_are_shown_as_text_with_marks_at_whole_characters(page, address):
    found(page, address)
    assert page.text(".card .open") == NASTY
    assert page.run("[...document.querySelectorAll('.card .snippet mark')].map((one) => one.textContent)") == ["猫"] * 8
    assert page.count("#grid [onerror]") == 0


def test_a_card_says_when_how_sure_and_why(page, address):
    found(page, address)
    assert page.text(".card .time") == "0:02–0:05"
    assert page.text(".card .band") == "很相符"
    badges = "[...document.querySelector('.card').querySelectorAll('.badge')]"
    assert page.run(f"{badges}.map((badge) => badge.textContent)") == ["画面", "字幕"]
    assert page.run("document.querySelector('.card img').src").endswith("t=2500&width=480")


def test_the_rail_shows_what_is_where_and_plays_there(page, address):
    found(page, address)
    page.hover(".card .rail", across=0.5)
    page.wait("document.querySelector('.frame').dataset.ready === 'yes'")
    page.hover(".card .rail", across=0.75)
    page.wait("document.querySelector('.here').textContent === '0:45'")
    page.click(".card .rail", across=0.75)
    page.wait_for("#watch")
    assert 44_000 < int(page.run("new URLSearchParams(location.search).get('t')")) < 46_000


def test_a_click_plays_the_moment_in_the_only_video_element_and_closing_goes_back(page, address):
    found(page, address)
    assert page.run("document.querySelectorAll('video[src]').length") == 0
    page.click(".card .open")
    page.wait("document.querySelector('#watch video').currentTime >= 2.4")
    page.wait("document.querySelectorAll('#watch .moments button').length === 2")
    assert page.count("video") == 1
    assert page.run("location.search").endswith(f"v={video_id(0)}&t=2500")
    assert page.count("#watch .timeline .mark") == 2
    page.press("Escape")
    page.wait("!location.search.includes('v=')")
    assert page.run("document.querySelectorAll('video[src]').length") == 0
    assert page.run("document.activeElement.dataset.video") == video_id(0)


def test_the_text_follows_the_video_and_a_line_seeks_it(page, address):
    page.go(f"{address}/?q=猫&v={video_id(1)}&t=1000", until="#watch[open]")
    page.wait("document.querySelector('#watch .transcript [aria-current]').innerText.includes('第 1 句')")
    page.click("#watch .transcript li:nth-child(4) button")
    page.wait("document.querySelector('#watch .transcript [aria-current]').innerText.includes('第 3 句')")
    assert page.run("new URLSearchParams(location.search).get('t')") == "3000"


def test_back_and_forward_walk_through_searches_and_videos(page, address):
    page.go(address, until=".card")
    page.click("#examples .chip")
    page.wait(f"document.body.dataset.mode === 'search' && {HITS} === 8")
    page.click(".card .open")
    page.wait_for("#watch")
    page.run("history.back()")
    page.wait("!document.querySelector('#watch').open")
    page.run("history.back()")
    page.wait("document.body.dataset.mode === 'home'")
    page.run("history.forward()")
    page.wait("document.body.dataset.mode === 'search'")
    page.run("history.forward()")
    page.wait("document.querySelector('#watch').open")


def test_keys_move_between_cards_open_step_and_close(page, address):
    found(page, address)
    page.press("j")
    page.press("ArrowRight")
    assert page.run("document.activeElement.dataset.video") == video_id(1)
    page.press(" ")
    page.wait("document.querySelectorAll('#watch .moments button').length === 2")
    page.press("]")
    page.wait("new URLSearchParams(location.search).get('t') === '41000'")
    page.press("n")
    page.wait(f"location.search.includes('{video_id(2)}')")
    page.press("f")
    page.wait("location.search.includes('like=')")
    page.press("?")
    assert "J  L\n后退 / 前进 10 秒" in page.text("#panel .keys")


def test_j_and_l_go_ten_seconds_back_and_on_within_the_video(page, address):
    page.media(prefers_reduced_motion="reduce")
    page.go(f"{address}/?v={video_id(1)}&t=1000", until="#watch .transcript li")
    page.wait("document.querySelector('#watch video').readyState > 0")
    # The clip of these tests is shorter than the minute that is said of it.
    page.run("Object.defineProperty(document.querySelector('#watch video'), 'currentTime', { value: 15.5, writable: true })")
    met = []
    for key in "jjlllllll":
        page.press(key)
        met.append(int(page.run("new URLSearchParams(location.search).get('t')")))
    assert met == [5500, 0, 10_000, 20_000, 30_000, 40_000, 50_000, 60_000, 60_000]


def test_no_hit_says_how_many_are_hidden_and_shows_them_when_asked(page, address):
    page.go(f"{address}/?q=没有", until=".message")
    assert "有 2 个视频沾边" in page.text(".message")
    page.click(".message .go")
    page.wait(f"{HITS} === 2")
    assert "低于阈值" in page.text(".card .badges")


@pytest.mark.parametrize(("language", "sentence", "notice"), [
    ("zh", "看起来没有符合的视频，以下是最接近的。", "没有学过。"),
    ("en", "Nothing here seems to answer; these are the nearest.", "Not learned."),
])  # fmt: skip
def test_above_the_cards_of_a_query_without_an_answer_it_is_said_so(page, address, language, sentence, notice):
    page.go(address, until=".card")
    page.run(f"localStorage.setItem('wenshi.language', '{language}')")
    found(page, address, "不相干")
    assert page.text("#unanswered") == sentence
    assert page.text("#notices") == notice
    assert page.run("document.querySelector('#unanswered').role") == "status"
    assert page.run("document.querySelector('#unanswered').getBoundingClientRect().bottom"
                    " <= document.querySelector('.card').getBoundingClientRect().top")


@pytest.mark.parametrize("query", ["猫", "不知道", "没有"])
def test_of_a_query_that_may_have_an_answer_or_has_no_card_it_is_not(page, address, query):
    found(page, address, "不相干")
    page.run(f"document.querySelector('#q').value = '{query}'; document.querySelector('#box').requestSubmit()")
    page.wait(f"document.title.startsWith('{query}') && document.querySelector('main').ariaBusy !== 'true'")
    assert page.run("document.querySelector('#unanswered').textContent") == ""


def test_an_error_says_what_and_under_which_request(page, address):
    page.go(f"{address}/?q=出错", until=".message")
    assert "资料库暂时读不了" in page.text(".message")
    assert page.text(".message code") == "feedfacefeedface"


def test_while_a_search_is_slow_places_are_kept_and_an_older_answer_never_wins(page, address):
    page.go(f"{address}/?q=慢", until="#switch")
    page.wait("document.querySelectorAll('.card.bare').length === 8 && document.querySelector('main').ariaBusy === 'true'")
    page.run("document.querySelector('#q').value = '没有'; document.querySelector('#box').requestSubmit()")
    page.wait("document.querySelector('.message')")
    page.run("new Promise((end) => setTimeout(end, 800))")
    assert page.run(HITS) == 0


def test_filters_become_chips_that_can_be_taken_away(page, address, fake):
    found(page, address)
    page.click("#filter")
    page.click("#filters .toggle")
    page.wait("location.search.includes('channel=visual')")
    page.run("document.querySelector('#q').value = '猫 标签:动物'; document.querySelector('#box').requestSubmit()")
    page.wait("document.querySelectorAll('#chips .chip:not(.plain)').length === 2")
    assert "channel=visual&tag=%E5%8A%A8%E7%89%A9" in searches(fake)[-1]
    page.click("#chips .chip")
    page.wait("document.querySelectorAll('#chips .chip:not(.plain)').length === 1")


@pytest.fixture
def red(tmp_path) -> Path:
    Image.new("RGB", (8, 8), "red").save(tmp_path / "红.png")
    return tmp_path / "红.png"


def shown_with_a_picture(page, fake, name: str) -> None:
    page.wait(f"document.body.dataset.mode === 'search' && {HITS} === 4")
    assert page.text("#example").strip() == name
    assert any(where.startswith("/api/v1/search/by-example") and b"PNG" in body for _, where, body in fake.asked)
    page.click("#example button")
    page.wait("document.body.dataset.mode === 'home'")


def test_a_picture_chosen_in_the_dialog_of_files_is_a_query(page, address, fake, red):
    page.go(address, until=".card")
    page.choose_file("#pick", red)
    shown_with_a_picture(page, fake, "红.png")


def test_a_picture_dropped_anywhere_is_a_query(page, address, fake, red):
    page.go(address, until=".card")
    page.drag("dragEnter", red)
    page.drag("dragOver", red)
    page.wait_for("#drop")
    assert fake.asked == []
    page.drag("drop", red)
    shown_with_a_picture(page, fake, "红.png")
    assert page.run("document.querySelector('#drop').hidden")


def test_what_is_no_picture_is_refused_when_it_is_dropped(page, address, fake, tmp_path):
    (tmp_path / "notes.txt").write_text("no picture")
    page.go(address, until=".card")
    for step in ("dragEnter", "dragOver", "drop"):
        page.drag(step, tmp_path / "notes.txt")
    page.wait("document.querySelector('#toast').innerText.includes('只能用图片或视频')")
    assert fake.asked == []


def test_a_pasted_picture_is_a_query_and_a_pasted_text_stays_text(page, address, fake):
    page.go(address, until=".card")
    page.copy_picture("red")
    page.click("#q")
    page.paste()
    shown_with_a_picture(page, fake, "image.png")
    page.run("navigator.clipboard.writeText('一只猫')")
    page.click("#q")
    page.paste()
    page.wait("document.querySelector('#q').value === '一只猫'")
    assert page.run("document.body.dataset.mode") == "home"


STARRED = "[...document.querySelectorAll('#starred a')].map((one) => one.textContent)"


def test_a_starred_search_is_kept_listed_under_the_box_and_can_be_removed(page, address, fake):
    page.go(address, until=".card")
    assert not page.run("document.querySelector('#starred').checkVisibility()")
    found(page, address, more="&tag=动物")
    assert page.run("document.querySelector('#star').getAttribute('aria-label')") == "收藏这次搜索"
    page.click("#star")
    assert page.run("document.querySelector('#star').getAttribute('aria-pressed')") == "true"
    found(page, address, query="狗", more=f"&v={video_id(1)}")
    page.press("Escape")
    page.click("#star")
    page.go(address, until=".card")         # as if it was opened another day
    page.wait_for("#starred")
    assert page.run(STARRED) == ["狗", "猫 · 标签：动物"]
    page.click("#language")
    page.wait("document.querySelector('#starred').innerText.includes('Starred searches')")
    assert page.run("document.querySelector('#starred button').getAttribute('aria-label')") == "Remove the star: 狗"
    page.click("#starred .pair:nth-of-type(3) a")
    page.wait(f"{HITS} === 8")
    assert "tag=%E5%8A%A8%E7%89%A9" in searches(fake)[-1]
    assert page.run("document.querySelector('#star').getAttribute('aria-pressed')") == "true"
    page.click("#star")
    page.click("#home")
    page.wait(f"{STARRED}.join() === '狗'")
    page.click("#starred button")
    page.wait("!document.querySelector('#starred').checkVisibility()")


RECENT = "[...document.querySelectorAll('#recent a')].map((one) => one.textContent)"


def test_the_last_searches_are_listed_under_the_box_once_a_text_and_can_be_removed(page, address, fake):
    page.go(address, until=".card")
    for text in ["甲", "乙", "没有", "丙", "丁", "戊", "己", "庚", "辛"]:
        page.run(f"document.querySelector('#q').value = '{text}'; document.querySelector('#box').requestSubmit()")
        page.wait("document.querySelector('main').ariaBusy !== 'true'")
    found(page, address, query="丙", more=f"&tag=动物&v={video_id(1)}")
    page.go(f"{address}/?q=出错", until=".message")
    page.go(f"{address}/?like={video_id(0)}", until=".card .badges")
    page.go(address, until=".card")
    page.wait_for("#recent")
    assert page.run(RECENT) == ["丙 · 标签：动物", "辛", "庚", "己", "戊", "丁", "没有", "乙"]
    assert page.run("document.querySelector('#recent button').getAttribute('aria-label')") == "从最近搜索中去掉：丙 · 标签：动物"
    page.click("#recent button")
    page.wait(f"{RECENT}[0] === '辛'")
    assert page.run("document.activeElement.textContent") == "辛"
    page.click("#recent .pair:nth-of-type(7) a")
    page.wait("document.querySelector('#q').value === '没有' && document.querySelector('.message')?.checkVisibility()")


def test_the_last_searches_are_neither_seen_nor_kept_while_the_service_asks_for_a_key(page, address, fake):
    found(page, address, query="私事")
    fake.key = "secret"
    page.go(f"{address}/?q=别人的", until="#panel[open]")
    page.press("Escape")
    page.click("#home")
    page.wait_for("#panel input")
    assert page.run(RECENT) == []
    page.type("secret")
    page.press("Enter")
    page.wait(f"{RECENT}.join() === '私事'")


@pytest.mark.parametrize("kept", ["{", "null", "7", '[1, "javascript:alert(1)", "/?tag=x", "//evil.example/?q=x"]'])
def test_stars_that_the_page_did_not_write_are_left_out(page, address, kept):
    page.go(address, until=".card")
    page.run(f"localStorage.setItem('wenshi.starred', {json.dumps(kept)})")
    page.run(f"localStorage.setItem('wenshi.recent', {json.dumps(kept)})")
    found(page, address)
    page.click("#home")
    page.wait("document.body.dataset.mode === 'home'")
    assert page.count("#starred a") == 0
    assert page.run(RECENT) == ["猫"]


def test_similar_ones_are_asked_for_by_the_span_of_the_hit(page, address, fake):
    found(page, address)
    page.click(".card .similar")
    page.wait(f"location.search.includes('like=') && {HITS} === 4")
    assert bodies(fake.asked, "/api/v1/search/by-example")[0] == {
        "video": video_id(0), "start_ms": 2000, "end_ms": 5000, "k": 60
    }
    page.wait("document.querySelector('#example').innerText.includes('第 0 个视频')")


FILTERS = "&channel=visual&tag=动物&tag=猫&longer=3&since=2026-01-01&hidden=1"


def test_what_the_chips_say_is_asked_beside_a_span_too(page, address, fake):
    found(page, address, "", f"{FILTERS}&like={video_id(0)}:2000-5000")
    assert page.count("#chips .chip:not(.plain)") == 5
    asked = {
        "video": video_id(0), "start_ms": 2000, "end_ms": 5000, "k": 60, "channel": ["visual"], "tag": ["动物", "猫"],
        "longer": "3", "since": "2026-01-01", "hidden": True,
    }  # fmt: skip
    assert bodies(fake.asked, "/api/v1/search/by-example") == [asked]
    page.click("#chips .chip")
    page.wait("!location.search.includes('channel=') && document.querySelector('main').ariaBusy !== 'true'")
    assert "channel" not in bodies(fake.asked, "/api/v1/search/by-example")[-1]
    copy_as_curl(page)
    assert '"tag":["动物","猫"]' in page.run("copied[0]")


def test_what_the_chips_say_is_asked_beside_a_picture_too(page, address, fake, red):
    page.go(address, until=".card")
    page.choose_file("#pick", red)
    page.wait(f"document.body.dataset.mode === 'search' && {HITS} === 4")
    page.run(f"history.replaceState(null, '', location.href + {FILTERS!r}); dispatchEvent(new PopStateEvent('popstate'))")
    page.wait("document.querySelector('main').ariaBusy !== 'true'")
    _, _, body = fake.asked[-1]
    fields = [("k", "60"), ("channel", "visual"), ("tag", "动物"), ("tag", "猫"), ("longer", "3"), ("since", "2026-01-01")]
    for name, value in [*fields, ("hidden", "true")]:
        assert f'name="{name}"\r\n\r\n{value}\r\n'.encode() in body
    assert b"PNG" in body
    copy_as_curl(page)
    assert "-F 'file=@红.png' --form-string 'k=60' --form-string 'channel=visual'" in page.run("copied[0]")


def test_the_command_names_a_picture_as_curl_reads_it(page, address, red):
    page.go(address, until=".card")
    page.choose_file("#pick", red.rename(red.with_name('一,二;"三.png')))
    page.wait(f"document.body.dataset.mode === 'search' && {HITS} === 4")
    copy_as_curl(page)
    assert page.run("copied[0]").startswith("""curl -F 'file=@"一,二;\\"三.png"' --form-string 'k=60' """)


def copy_as_curl(page) -> None:
    """`copied[0]` is the command then."""
    page.run("window.copied = []; navigator.clipboard.writeText = async (text) => { copied.push(text) }")
    page.click("#curl")
    page.wait("copied.length === 1")


def test_the_answer_can_be_seen_as_json_and_had_as_a_command(page, address):
    found(page, address, "it's")
    page.click("#as-json")
    page.wait_for("#json")
    assert json.loads(page.text("#json"))["request_id"] == "0123456789abcdef"
    copy_as_curl(page)
    assert page.run("copied[0]") == f"curl '{address}/api/v1/search?q=it%27s&k=60'"


def test_a_thousand_hits_are_built_as_they_come_near(page, address):
    found(page, address, "一千", "&k=1000")
    assert page.run(HITS) < 200
    for _ in range(3):
        before = page.run(HITS)
        page.run("scrollTo(0, document.body.scrollHeight)")
        page.wait(f"{HITS} > {before}")


def test_more_are_asked_for_at_the_end_of_the_list(page, address, fake):
    found(page, address, "一千")
    page.wait(f"(scrollTo(0, document.body.scrollHeight), {HITS} > 60)")
    assert [where.split("k=")[1] for where in searches(fake)] == ["60", "240"]


def test_more_that_failed_once_are_asked_for_again_while_the_end_is_near(page, address, fake):
    found(page, address, "断续")
    page.wait("(scrollTo(0, document.body.scrollHeight), document.querySelector('#toast').textContent.length > 0)")
    assert page.run(HITS) == 60
    page.wait(f"{HITS} > 60")
    assert [where.split("k=")[1] for where in searches(fake)] == ["60", "240", "240"]


def test_the_first_view_goes_on_to_the_oldest_video(page, address, fake):
    fake.videos = 53
    page.go(address, until=".card")
    page.wait(f"(scrollTo(0, document.body.scrollHeight), {HITS} === 53)")
    shown = page.run("[...document.querySelectorAll('.card .open')].map((one) => one.dataset.video)")
    assert shown == [video_id(number) for number in range(53)]
    assert page.text("#summary") == "最近加入"
    found(page, address)
    assert page.run(HITS) == 8


def test_an_administrator_adds_a_folder_and_sees_how_far_it_is(page, address, fake):
    fake.videos = 0
    page.go(address, until=".message")
    page.click(".message .go")
    page.type("/videos/旅行")
    running = {
        "job": "1", "kind": "add", "state": "running", "done": 3, "total": 9, "failed": [], "message": None,
        "current": {"path": "海边.mp4", "position_ms": 83_000, "duration_ms": 332_000}, "created_at": "", "finished_at": None,
    }  # fmt: skip
    fake.jobs = [running]
    page.press("Enter")
    page.wait("document.querySelector('#activity').innerText === '正在加入 3/9'")
    assert bodies(fake.asked, "/api/v1/videos") == [{"paths": ["/videos/旅行"]}]
    page.click("#activity")
    page.wait("document.querySelector('#panel .jobs').innerText.includes('海边.mp4 · 1:23，共 5:32')")
    assert page.run("document.querySelector('#panel progress').value") == 3.25
    fake.jobs = [{**running, "current": {"path": "直播.ts", "position_ms": 5000, "duration_ms": 0}}]
    page.wait("document.querySelector('#panel .jobs .path').innerText === '直播.ts'")
    assert page.run("document.querySelector('#panel progress').value") == 3
    fake.jobs, fake.videos = [{**running, "state": "done", "done": 9, "current": None}], 3
    page.wait(f"{HITS} === 3")


def test_a_reader_is_not_offered_to_add(page, address, fake):
    fake.role = "read"
    page.go(address, until=".card")
    page.wait("document.querySelector('#library').innerText !== ''")
    assert page.run("document.querySelector('#add').hidden")


def test_a_service_with_keys_asks_for_one_and_then_goes_on(page, address, fake):
    fake.key = "secret"
    page.go(f"{address}/?q=猫", until="#panel[open]")
    page.click("#panel input")
    page.type("wrong")
    page.press("Enter")
    page.wait("document.querySelector('#panel .trouble').innerText.includes('密钥不对')")
    page.run("document.querySelector('#panel input').value = ''")
    page.type("secret")
    page.press("Enter")
    page.wait(f"{HITS} === 8")


@pytest.mark.parametrize("query", ["?q=猫", f"?like={video_id(0)}"])
def test_the_command_for_a_service_with_keys_takes_the_key_from_a_variable_and_never_holds_it(page, address, fake, query):
    fake.key = "secret"
    page.go(address, until="#panel[open]")
    page.run("fetch('/api/v1/session', { method: 'POST', body: JSON.stringify({ key: 'secret' }) })")
    page.go(f"{address}/{query}", until=".card .badges")
    page.wait("document.querySelector('#library').textContent !== ''")
    copy_as_curl(page)
    command = page.run("copied[0]")
    assert command.startswith('curl -H "Authorization: Bearer $WENSHI_KEY" ')
    assert "secret" not in command
    assert "WENSHI_KEY" in page.text("#toast")


def test_a_format_that_the_browser_does_not_know_is_played_as_a_converted_part(page, address, fake):
    good, fake.clip = fake.clip, None
    try:
        page.go(f"{address}/?v={video_id(1)}&t=9000", until="#watch[open]")
        page.wait("document.querySelector('#watch video').src.includes('clip.mp4')")
    finally:
        fake.clip = good


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_text_is_there_in_both_languages(page, address, language):
    page.go(address, until=".card")
    missing = page.run(f"""import("/web/js/words.js").then((words) => {{
        words.setLanguage("{language}");
        const keys = [...document.querySelectorAll("[data-t]")].map((one) => one.dataset.t);
        return keys.filter((key) => !words.say(key));
    }})""")
    assert missing == []


def test_the_other_language_is_one_click_away_and_is_remembered(page, address):
    page.go(f"{address}/?q=猫", until="#switch")
    page.click("#language")
    page.wait("document.documentElement.lang === 'en' && document.querySelector('#summary').innerText.startsWith('8 videos')")
    page.go(address, until=".card")
    assert page.run("document.documentElement.lang") == "en"


def test_copies_stand_in_a_list_that_opens_and_each_can_be_played(page, address):
    found(page, address)
    assert page.run("[...document.querySelectorAll('.copies summary')].map((one) => one.textContent)") == ["另有 2 个相同视频"]
    assert not page.run("document.querySelector('.copies').open")
    page.click(".copies summary")
    page.wait("document.querySelector('.copies').open")
    assert page.run("[...document.querySelectorAll('.copies a')].map((one) => one.textContent)") == [NASTY, NASTY]
    page.click(".copies a")
    page.wait_for("#watch")
    assert page.run("new URLSearchParams(location.search).get('v')") == video_id(30)


def test_copies_are_shown_apart_when_that_is_asked_for_and_the_address_says_so(page, address, fake):
    found(page, address)
    page.click("#filter")
    page.run("[...document.querySelectorAll('#filters .toggle')].find((one) => one.textContent === '分开显示').click()")
    page.wait("location.search.includes('apart=1')")
    page.wait(f"{HITS} === 8")
    assert "collapse=false" in searches(fake)[-1]
    assert page.run("document.querySelector('#filter').classList.contains('set')")
    page.run("[...document.querySelectorAll('#filters button')].find((one) => one.textContent === '重置').click()")
    page.wait("!location.search.includes('apart')")
    page.wait(f"{HITS} === 8")
    assert "collapse" not in searches(fake)[-1]
    assert not page.run("document.querySelector('#filter').classList.contains('set')")
