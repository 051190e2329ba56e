"""What shuts strangers out, and what keeps one caller from taking everything. Each test fails when its rule is removed."""

from __future__ import annotations

import json
import socket
import stat
import threading
from ipaddress import ip_address

import pytest
from typer.testing import CliRunner

from retrieval.errors import InputError
from serving.api.errors import ApiError
from serving.api.jobs.uploads import safe_name
from serving.api.jobs.webhooks import allowed_address, check_address, post
from serving.api.keys import Keys
from serving.api.limits import Gate, RateLimit
from serving.api.running import refuse_unsafe
from serving.api.running import serve as run_service
from serving.api.settings import ServeSettings
from serving.cli.main import app

ADMIN_ROUTES = [
    ("POST", "/api/v1/videos"), ("DELETE", f"/api/v1/videos/{'0' * 64}"), ("POST", "/api/v1/jobs/x/cancel"),
    ("POST", "/api/v1/saved-queries"), ("DELETE", "/api/v1/saved-queries/x"),
]  # fmt: skip
READ_ROUTES = ["/api/v1/search?q=x", "/api/v1/videos", "/api/v1/library", "/metrics", f"/media/{'0' * 64}/file", "/api/v1/jobs"]


def test_the_keys_of_a_library_under_the_home_folder_count(copied, monkeypatch):
    monkeypatch.setenv("HOME", str(copied.parent))
    settings = ServeSettings(library="~/library", host="0.0.0.0")
    with pytest.raises(InputError, match="without a key"):
        refuse_unsafe(settings)
    Keys(copied).add("read")
    refuse_unsafe(settings)


def test_without_a_key_a_service_that_others_could_reach_does_not_start(copied):
    settings = ServeSettings(library=copied, host="0.0.0.0")
    with pytest.raises(InputError, match="wenshi key add"):
        refuse_unsafe(settings)
    Keys(copied).add("read")
    refuse_unsafe(settings)


def test_with_a_key_set_every_route_but_the_page_and_health_wants_one(copied, serve):
    _, read = Keys(copied).add("read")
    _, admin = Keys(copied).add("admin")
    client = serve(copied, jobs=False)
    for address in READ_ROUTES:
        assert client.get(address).status_code == 401, address
        assert client.get(address, headers={"X-Api-Key": "wenshi_00000000_no"}).status_code == 401
        assert client.get(address, headers={"Authorization": f"Bearer {read}"}).status_code in (200, 404), address
    for method, address in ADMIN_ROUTES:
        assert client.request(method, address).status_code == 401
        assert client.request(method, address, headers={"X-Api-Key": read}).status_code == 403, address
        assert client.request(method, address, headers={"X-Api-Key": admin}).status_code not in (401, 403), address
    for address in ("/", "/healthz", "/readyz", "/openapi.json", "/docs"):
        assert client.get(address).status_code == 200


def test_a_key_taken_back_is_refused_at_once_and_nobody_becomes_admin_by_that(copied, serve):
    keys = Keys(copied)
    key, shown = keys.add("admin")
    other, _ = keys.add("read")
    client = serve(copied, jobs=False)
    assert client.get("/api/v1/library", headers={"X-Api-Key": shown}).status_code == 200
    keys.remove(key.id)
    assert client.get("/api/v1/library", headers={"X-Api-Key": shown}).status_code == 401
    assert client.get("/api/v1/library").status_code == 401
    assert keys.all() == [other]


def test_a_running_service_whose_keys_are_gone_opens_to_nobody(copied, serve):
    Keys(copied).add("admin")
    client = serve(copied, jobs=False, allowed_hosts=("wenshi.example",))
    for _ in range(2):
        assert client.get("/api/v1/library", headers={"Host": "wenshi.example"}).status_code == 401
        (copied / "keys.json").unlink(missing_ok=True)


def test_keys_that_go_before_the_first_request_open_nothing_either(copied, serve):
    Keys(copied).add("admin")
    client = serve(copied, jobs=False)
    (copied / "keys.json").unlink()
    assert client.get("/api/v1/library").status_code == 401


@pytest.mark.parametrize("where", [{"allowed_hosts": ("wenshi.example",)}, {"host": "0.0.0.0"}])
def test_the_last_admin_key_cannot_be_taken_back_while_others_can_reach_the_service(copied, where):
    keys = Keys(copied)
    first, _ = keys.add("admin")
    reader, _ = keys.add("read")
    settings = ServeSettings(library=copied, port=0, model="none", jobs=False, **where)
    outcomes: list[str] = []

    def remove_keys(_: str) -> None:
        try:
            keys.remove(first.id)
        except InputError as error:
            outcomes.append(str(error))
        second, _ = keys.add("admin")
        keys.remove(first.id)
        keys.remove(reader.id)
        with pytest.raises(InputError, match="last admin key"):
            keys.remove(second.id)
        raise InputError("enough")

    with pytest.raises(InputError, match="enough"):
        run_service(settings, ready=remove_keys, note=lambda sentence: None)
    assert "last admin key" in outcomes[0]
    (last,) = keys.all()
    keys.remove(last.id)        # nobody is reached any more


def test_a_service_that_a_proxy_may_call_says_when_everybody_is_its_administrator(copied):
    notes: list[str] = []

    def stop(_: str) -> None:
        raise InputError("enough")

    def run(**settings) -> None:
        notes.clear()
        with pytest.raises(InputError, match="enough"):
            run_service(ServeSettings(library=copied, port=0, jobs=False, **settings), ready=stop, note=notes.append)

    run(allowed_hosts=("wenshi.example",))
    assert any("as wenshi.example is its administrator" in note for note in notes)
    run()
    assert not any("administrator" in note for note in notes)
    Keys(copied).add("admin")
    run(allowed_hosts=("wenshi.example",))
    assert not any("administrator" in note for note in notes)


def test_keys_are_kept_as_hashes_in_a_file_of_their_owner_alone(tmp_path):
    key, shown = Keys(tmp_path).add("admin", "ops")
    text = (tmp_path / "keys.json").read_text()
    assert shown.rsplit("_", 1)[-1] not in text
    assert key.digest in text
    assert stat.S_IMODE((tmp_path / "keys.json").stat().st_mode) == 0o600
    assert Keys(tmp_path).check(shown) == key
    assert Keys(tmp_path).check(shown + "x") is None
    assert Keys(tmp_path).check(shown.replace("wenshi_", "")) is None
    assert Keys(tmp_path).check(f"wenshi_{key.id}_") is None


def test_keys_that_several_add_and_remove_at_once_are_neither_lost_nor_kept(tmp_path):
    start = threading.Barrier(4)
    expected: set[str] = set()

    def change() -> None:
        keys = Keys(tmp_path)
        start.wait()
        for _ in range(5):
            kept, removed = keys.add("read")[0].id, keys.add("read")[0].id
            keys.remove(removed)
            expected.add(kept)

    threads = [threading.Thread(target=change) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(expected) == 20
    assert {key.id for key in Keys(tmp_path).all()} == expected


def test_a_damaged_file_of_keys_lets_nobody_in(copied, serve):
    Keys(copied).add("read")
    client = serve(copied, jobs=False)
    (copied / "keys.json").write_text("{")
    assert client.get("/api/v1/library").status_code == 503


def test_the_key_command_prints_a_key_once_and_lists_none(copied):
    runner = CliRunner()
    shown = runner.invoke(app, ["key", "add", "--role", "admin", "--name", "ops", "-l", str(copied)]).stdout.strip()
    key = Keys(copied).check(shown)
    assert key is not None
    assert (key.role, key.name) == ("admin", "ops")
    listed = runner.invoke(app, ["key", "list", "-l", str(copied), "--json"]).stdout
    assert [row["id"] for row in json.loads(listed)] == [key.id]
    assert shown.rsplit("_", 1)[-1] not in listed
    assert runner.invoke(app, ["key", "remove", key.id, "-l", str(copied)]).exit_code == 0
    assert Keys(copied).all() == []


def test_a_page_can_log_in_with_a_cookie_that_scripts_and_other_sites_do_not_get(copied, serve):
    client = serve(copied, jobs=False)
    assert client.get("/api/v1/library").json()["keys"] is False
    _, shown = Keys(copied).add("read")
    assert client.post("/api/v1/session", json={"key": "wrong"}).status_code == 401
    answer = client.post("/api/v1/session", json={"key": shown})
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert "SameSite=strict" in answer.headers["set-cookie"]
    state = client.get("/api/v1/library").json()
    assert (state["role"], state["keys"]) == ("read", True)


def test_a_browser_whose_key_was_taken_back_still_gets_the_page_and_can_log_in_again_and_out(copied, serve):
    keys = Keys(copied)
    first, shown_first = keys.add("admin")
    _, shown_second = keys.add("admin")
    client = serve(copied, jobs=False)
    client.post("/api/v1/session", json={"key": shown_first})
    keys.remove(first.id)
    for address in ("/", "/web/index.html", "/docs"):
        assert client.get(address).status_code == 200, address
    assert client.delete("/api/v1/session").status_code == 200
    client.cookies.set("wenshi_key", shown_first, domain="127.0.0.1")
    assert client.post("/api/v1/session", json={"key": shown_second}).json() == {"role": "admin"}
    assert client.get("/api/v1/library").json()["role"] == "admin"


def test_a_cookie_whose_key_is_wrong_is_deleted_and_a_wrong_key_in_a_header_deletes_none(copied, serve):
    keys = Keys(copied)
    first, shown_first = keys.add("read")
    _, shown_second = keys.add("read")
    client = serve(copied, jobs=False)
    client.post("/api/v1/session", json={"key": shown_second})
    refused = client.get("/api/v1/library", headers={"X-Api-Key": "wenshi_00000000_no"})
    assert (refused.status_code, "set-cookie" in refused.headers) == (401, False)
    assert client.get("/api/v1/library").status_code == 200

    client.cookies.clear()
    client.post("/api/v1/session", json={"key": shown_first})
    keys.remove(first.id)
    refused = client.get("/api/v1/library")
    assert (refused.status_code, refused.json()["error"]["kind"]) == (401, "wrong_key")
    assert "wenshi_key" not in client.cookies
    assert client.get("/api/v1/library").json()["error"]["kind"] == "key_needed"


def test_wrong_keys_at_an_open_address_are_slowed_down_too(copied, serve):
    Keys(copied).add("read")
    client = serve(copied, jobs=False, requests_a_second=0.1, burst=5)
    statuses = [client.get("/docs", headers={"X-Api-Key": f"wenshi_x_{n}"}).status_code for n in range(7)]
    assert statuses == [200] * 5 + [429] * 2


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "10.0.0.1"])
def test_a_page_elsewhere_cannot_come_in_under_its_own_name(client, host):
    assert client.get("/api/v1/library", headers={"Host": host}).status_code == 421


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1", "[::1]:8000"])
def test_this_machine_may_be_called_by_any_of_its_names(client, host):
    assert client.get("/api/v1/library", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}]
)
def test_a_page_of_another_site_cannot_change_anything(client, headers):
    answer = client.post("/api/v1/jobs/x/cancel", headers=headers)
    assert (answer.status_code, answer.json()["error"]["kind"]) == (403, "foreign_page")
    own = client.post("/api/v1/jobs/x/cancel", headers={"Origin": "http://127.0.0.1:8000"})
    assert own.status_code == 404


def test_who_asks_too_often_has_to_wait_and_others_need_not(copied, serve):
    client = serve(copied, jobs=False, requests_a_second=0.5, burst=3)
    answers = [client.get("/api/v1/library") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert int(answers[-1].headers["Retry-After"]) >= 1
    assert client.get("/healthz").status_code == 200


def test_guessing_keys_is_slowed_down(copied, serve):
    Keys(copied).add("read")
    client = serve(copied, jobs=False, requests_a_second=0.1, burst=5)
    statuses = [client.get("/api/v1/library", headers={"X-Api-Key": f"wenshi_x_{n}"}).status_code for n in range(8)]
    assert statuses[0] == 401
    assert statuses[-1] == 429


def test_a_bucket_fills_again_and_holds_no_more_than_its_burst():
    now = [0.0]
    limit = RateLimit(rate=2.0, burst=3, clock=lambda: now[0])
    assert [limit.take("a") for _ in range(4)] == [0, 0, 0, 0.5]
    now[0] = 0.5
    assert limit.take("a") == 0
    now[0] = 100.0
    assert [limit.take("a") > 0 for _ in range(4)] == [False, False, False, True]
    assert limit.take("b") == 0


def test_who_finds_no_place_is_sent_away_at_once():
    gate = Gate(at_once=1, waiting=0, seconds=5)
    with gate.entered(), pytest.raises(ApiError) as error, gate.entered():
        pass
    assert error.value.status == 429
    assert error.value.headers["Retry-After"]
    with gate.entered():
        pass


def test_who_waits_gets_the_next_place():
    gate = Gate(at_once=1, waiting=1, seconds=5)
    entered = threading.Event()

    def enter() -> None:
        with gate.entered():
            entered.set()

    with gate.entered():
        thread = threading.Thread(target=enter)
        thread.start()
        assert not entered.wait(0.1)
    thread.join(5)
    assert entered.is_set()


def test_a_body_that_is_too_long_is_refused_whether_it_says_so_or_not(client):
    long = b"x" * ((1 << 20) + 1)
    assert client.post("/api/v1/search", content=long).status_code == 413

    def chunks():
        for _ in range(17):
            yield b"x" * (1 << 16)

    answer = client.post("/api/v1/search", content=chunks(), headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["kind"]) == (413, "too_large")


def test_every_answer_carries_headers_against_misuse(client):
    for address in ("/", "/api/v1/library", "/nowhere", "/api/v1/search"):
        headers = client.get(address).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "script-src 'self'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert len(headers["X-Request-Id"]) == 16


def test_an_error_that_nobody_foresaw_is_told_without_its_traceback(copied, serve, monkeypatch, caplog):
    client = serve(copied, jobs=False)
    monkeypatch.setattr("serving.api.routes.search.search_answer", lambda *a, **k: {}["secret"])
    answer = client.get("/api/v1/search", params={"q": "猫"})
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert answer.json()["error"]["request_id"] == answer.headers["X-Request-Id"]
    assert "secret" in caplog.text


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/x", "http://localhost:8000/", "http://10.0.0.5/", "http://169.254.169.254/latest", "http://[::1]/",
        "http://0.0.0.0/", "http://192.168.1.1/", "http://[::ffff:127.0.0.1]/", "http://2130706433/", "http://224.0.0.1/",
        "http://[::ffff:10.0.0.5]/", "http://[64:ff9b::10.0.0.5]/", "http://[64:ff9b::7f00:1]/", "http://[2002:0a00:0005::1]/",
        "http://[2002:7f00:1::]/", "http://[2001:0:0a00:5::f5ff:fffa]/", "http://[2001:0:808:808::f5ff:fffa]/", "http://[::a00:5]/",
        "http://[64:ff9b:1::10.0.0.5]/", "http://[64:ff9b:1:a00:0:500::]/", "http://[64:ff9b:1:a00:0:500:808:808]/",
        "http://100.64.0.1/", "file:///etc/passwd", "gopher://x/", "http://user:pass@example.org/", "http:///x", "x",
        "http://example.org:99999/", "http://exa mple.org/", "http://example.org/\r\nX: y",
    ],
)  # fmt: skip
def test_a_webhook_cannot_reach_into_this_network(url):
    def reach() -> None:
        parts = check_address(url)
        allowed_address(parts.hostname or "", parts.port or 80, networks=())

    with pytest.raises(InputError):
        reach()


@pytest.mark.parametrize("address", ["8.8.8.8", "::ffff:8.8.8.8", "2606:4700::1111", "64:ff9b::8.8.8.8"])
def test_a_webhook_may_reach_a_public_address(address):
    assert ip_address(allowed_address(address, 80, networks=())) == ip_address(address)


def test_a_webhook_whose_host_is_not_known_for_now_is_no_forbidden_one(monkeypatch):
    def unknown(*_, **__):
        raise socket.gaierror("try again")

    monkeypatch.setattr("serving.api.jobs.webhooks.socket.getaddrinfo", unknown)
    with pytest.raises(OSError, match="does not answer"):
        post("http://hooks.example/", {}, networks=())


def test_a_webhook_may_reach_a_private_network_that_was_named():
    assert allowed_address("127.0.0.1", 80, networks=["127.0.0.0/8"]) == "127.0.0.1"


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/passwd", "passwd"), ("..\\..\\boot.ini", "boot.ini"), (".hidden.mp4", "hidden.mp4"), ("", "video"),
        ("a\0b\n.mp4", "a_b_.mp4"), ("/", "video"), ("..", "video"), ("小猫 <b>.mp4", "小猫 _b_.mp4"),
    ],
)  # fmt: skip
def test_an_upload_cannot_choose_where_it_goes(name, kept):
    assert safe_name(name) == kept
    assert len(safe_name("猫" * 300 + ".mp4").encode()) <= 180
    assert safe_name("猫" * 300 + ".mp4").endswith(".mp4")
