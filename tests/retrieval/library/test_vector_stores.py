"""A store that fails, lags behind or is named wrongly; and what the clients of Qdrant and Milvus make of a bad line."""

from __future__ import annotations

import json
import sys
import threading
import time
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from retrieval.errors import BackendError
from retrieval.library import Library, VideoFilter
from retrieval.library.backends import open_store, payloads, pushing, retrying, stored
from retrieval.notices import in_chinese
from tests.retrieval.library.library_samples import DIMENSION, clips, location, put, unit, video_id
from tests.retrieval.library.vector_backends import PlainStore


@pytest.fixture
def store(library) -> PlainStore:
    """A store that the library searches in."""
    store = PlainStore()
    library.search_vectors_in(store, name="films")
    return store


def names(library, vector, **wanted) -> set[str]:
    where = VideoFilter(**wanted) if wanted else None
    return {hit.video_id for hit in library.search_clips(vector, limit=20, where=where)}


def put_two_and_move_one(library, store) -> None:
    """From /old to /new, after the copy was made."""
    put(library, "a", "/old/a.mp4")
    put(library, "b", "/old/b.mp4")
    library.push_vectors(store, name="films")
    library.put_location(video_id("a"), location("/new/a.mp4"), location_evidence=[])
    library.remove("/old/a.mp4")


def remove_the_nearest(library):
    """The videos of the 20 nearest clips to a vector, which is returned."""
    vector = clips(seed=int(video_id(0)[:6], 16))[0].vector
    nearest = [hit.video_id for hit in library.search_clips(vector, limit=30)]
    for name in dict.fromkeys(nearest[:20]):
        library.remove(name)
    return vector


def test_a_store_that_does_not_answer_is_an_error_that_names_it_and_is_left_alone_for_a_while(library, store, monkeypatch):
    put(library, "a")
    library.push_vectors(store, name="films")
    library.search_clips(unit(DIMENSION), limit=1)
    store.failing = True
    with pytest.raises(BackendError, match="a plain store cannot be reached"):
        library.search_clips(unit(DIMENSION), limit=1)
    asked = len(store.calls)
    store.failing = False
    with pytest.raises(BackendError, match="a plain store cannot be reached"):
        library.search_clips(unit(DIMENSION), limit=1)
    assert len(store.calls) == asked
    monkeypatch.setattr(stored, "monotonic", lambda: 1e9)
    assert library.search_clips(unit(DIMENSION), limit=1)


def test_searches_that_wait_while_a_store_does_not_answer_are_refused_together(library, store):
    put(library, "a")
    entered, silent = threading.Event(), threading.Event()

    def spaces() -> list[str]:
        store.calls.append("spaces")
        entered.set()
        silent.wait(10)
        raise BackendError("a plain store cannot be reached.")

    store.spaces = spaces
    refused = []

    def search() -> None:
        with pytest.raises(BackendError, match="cannot be reached"):
            library.search_clips(unit(DIMENSION), limit=1)
        refused.append(True)

    threads = [threading.Thread(target=search) for _ in range(4)]
    for thread in threads:
        thread.start()
    entered.wait(10)
    time.sleep(0.3)         # the others have come as far as they can
    silent.set()
    for thread in threads:
        thread.join(30)
    assert len(refused) == 4
    assert store.calls == ["spaces"]


def test_a_copy_that_was_never_made_is_no_error_while_the_library_is_small(library, store, monkeypatch):
    put(library, "a")
    assert names(library, unit(DIMENSION)) == {video_id("a")}
    assert library.vectors_notice() is None
    monkeypatch.setattr(stored, "MOST_FRESH", 1)
    put(library, "b")
    assert names(library, unit(DIMENSION)) == set()
    assert library.vectors_notice() == "4 vectors are not in a plain store yet: run `wenshi library push`."
    assert in_chinese(library.vectors_notice()) == "有 4 个向量还没有送到 a plain store：请运行 `wenshi library push`。"


def test_a_few_videos_are_searched_also_where_too_many_rows_are_not_in_the_store_yet(library, store, monkeypatch):
    """So that a saved query, which is asked of new videos alone, passes over none."""
    monkeypatch.setattr(stored, "MOST_FRESH", 1)
    monkeypatch.setattr(stored, "_AT_ONCE", 2)
    put(library, "a")
    library.push_vectors(store, name="films")
    for name in "bcd":
        put(library, name)
    assert names(library, unit(DIMENSION)) == {video_id("a")}
    wanted = frozenset(map(video_id, "abc"))
    assert names(library, unit(DIMENSION), videos=wanted) == wanted
    found = nearest_clips(library, wanted)
    library.push_vectors(store, name="films")
    monkeypatch.setattr(stored, "monotonic", lambda: 1e9)
    assert nearest_clips(library, wanted) == found


def nearest_clips(library, videos) -> list[int]:
    return [hit.clip_id for hit in library.search_clips(unit(DIMENSION), limit=20, where=VideoFilter(videos=videos))]


def test_a_push_by_another_process_is_noticed_after_a_while(library, store, monkeypatch):
    monkeypatch.setattr(stored, "MOST_FRESH", 1)
    put(library, "a")
    assert names(library, unit(DIMENSION)) == set()
    library.push_vectors(store, name="films")
    monkeypatch.setattr(stored, "monotonic", lambda: 1e9)
    assert names(library, unit(DIMENSION)) == {video_id("a")}
    assert library.vectors_notice() is None


def test_a_video_that_the_library_no_longer_has_is_not_found_whatever_the_store_says(library, store):
    for name in "ab":
        put(library, name)
    library.push_vectors(store, name="films")
    rows = {space: dict(held) for space, held in store.rows.items()}
    library.remove(video_id("b"))
    library.push_vectors(store, name="films")
    store.rows = rows                   # such as a store that was put back from a backup
    assert names(library, unit(DIMENSION)) == {video_id("a")}


def test_removed_videos_do_not_crowd_out_those_that_are_there(library, store):
    for number in range(40):
        put(library, number)
    library.push_vectors(store, name="films")
    vector = remove_the_nearest(library)
    assert len(library.search_clips(vector, limit=20)) == 20


def test_rows_that_came_and_went_before_a_push_do_not_crowd_out_those_that_are_there(library, store):
    """Also where a segment was built in between, with which the library forgets what was deleted."""
    for number in range(40):
        put(library, number)
    vector = remove_the_nearest(library)
    library.compact()
    assert len(library.search_clips(vector, limit=20)) == 20


def test_a_filter_is_about_what_the_library_holds_now(library, store):
    """A video moved since the copy was made is found at its new path, and not at its old one."""
    put_two_and_move_one(library, store)
    assert names(library, unit(DIMENSION), paths=("/new",)) == {video_id("a")}
    assert names(library, unit(DIMENSION), paths=("/old",)) == {video_id("b")}


def test_a_video_that_moved_away_is_not_found_at_its_old_path_though_the_copy_says_so(library, store, monkeypatch):
    monkeypatch.setattr(payloads, "FEW_VIDEOS", 0)
    put_two_and_move_one(library, store)
    assert names(library, unit(DIMENSION), paths=("/old",)) == {video_id("b")}


def test_a_video_at_more_places_than_a_store_takes_is_found_at_each(library, store, monkeypatch):
    monkeypatch.setattr(payloads, "FEW_VIDEOS", 0)
    monkeypatch.setattr(payloads, "MOST_KEYS", 3)
    put(library, "a", "/one/two/three/a.mp4")
    put(library, "b", "/b.mp4")
    library.push_vectors(store, name="films")
    for path in ("/one", "/one/two", "/one/two/three", "/one/two/three/a.mp4"):
        assert names(library, unit(DIMENSION), paths=(path,)) == {video_id("a")}
    assert names(library, unit(DIMENSION), paths=("/two",)) == set()


@pytest.fixture
def at_home_in(monkeypatch):
    """Move this process to another time zone."""

    def move(zone: str) -> None:
        monkeypatch.setenv("TZ", zone)
        time.tzset()

    yield move
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("hour", [0, 6, 12, 18, 23])
@pytest.mark.parametrize(("pushed_in", "searched_in"), [("Etc/GMT-14", "Etc/GMT+12"), ("Etc/GMT+12", "Etc/GMT-14")])
def test_the_day_of_a_file_is_that_of_who_searches_wherever_the_copy_was_pushed_from(
    library, store, monkeypatch, at_home_in, pushed_in, searched_in, hour
):
    monkeypatch.setattr(payloads, "FEW_VIDEOS", 0)
    changed = datetime(2024, 5, 5, hour, 30, tzinfo=timezone.utc)
    put(library, "a")
    library.put_location(
        video_id("a"), location("/videos/a.mp4", modified_ns=int(changed.timestamp()) * 10**9), location_evidence=[]
    )
    at_home_in(pushed_in)
    library.push_vectors(store, name="films")
    at_home_in(searched_in)
    day = datetime.fromtimestamp(changed.timestamp()).date()
    one = timedelta(days=1)
    assert names(library, unit(DIMENSION), since=day, until=day) == {video_id("a")}
    assert names(library, unit(DIMENSION), since=day + one) == names(library, unit(DIMENSION), until=day - one) == set()
    (pushed,) = library.push_vectors(store, name="films")
    assert pushed.written == 0


def test_a_push_deletes_exactly_what_is_gone_however_many_requests_that_takes(library, store, monkeypatch):
    monkeypatch.setattr(pushing, "BATCH", 3)
    for number in range(10):
        put(library, number)
    library.push_vectors(store, name="films")
    before = {number for held in store.rows.values() for number in held}
    kept = {clip.id for number in (0, 7, 9) for clip in library.clips(video_id(number))}
    for number in (1, 2, 3, 4, 5, 6, 8):
        library.remove(video_id(number))
    (pushed,) = library.push_vectors(store, name="films")
    assert (pushed.rows, pushed.held, pushed.written, pushed.deleted) == (len(kept), len(kept), 0, len(before) - len(kept))
    assert names(library, unit(DIMENSION)) == {video_id(number) for number in (0, 7, 9)}


def test_two_libraries_lie_in_one_store(tmp_path):
    store = PlainStore()
    for name in "ab":
        with Library.open(tmp_path / name, write=True, create=True) as library:
            put(library, name)
            library.push_vectors(store)
    assert len(store.rows) == 2
    for name in "ab":
        with Library.open(tmp_path / name) as library:
            library.search_vectors_in(store)
            assert names(library, unit(DIMENSION)) == {video_id(name)}


@pytest.mark.parametrize("address", ["", "qdrant", "qdrant:", "faiss:/x", "http://localhost:6333", "qdrant:db.local:6333"])
def test_an_address_that_names_no_store_is_told_how_one_is_written(address):
    with pytest.raises(BackendError, match=r"names no vector store: write qdrant:"):
        open_store(address, create=True)


@pytest.mark.parametrize("name", ["", "a/b", "x" * 65, "电影"])
def test_a_copy_has_a_name_that_every_store_takes(library, name):
    with pytest.raises(BackendError, match="1 to 64 letters and digits"):
        library.push_vectors(PlainStore(), name=name)


@pytest.mark.parametrize("address", ["qdrant:{}/films#a/b", "milvus:{}/films.db#电影"])
def test_no_store_is_made_for_a_copy_whose_name_none_would_take(address, tmp_path):
    with pytest.raises(BackendError, match="1 to 64 letters and digits"):
        open_store(address.format(tmp_path), create=True)
    assert list(tmp_path.iterdir()) == []


def test_a_hiccup_is_tried_again_and_anything_else_is_not(monkeypatch):
    monkeypatch.setattr(retrying, "sleep", lambda seconds: None)
    calls = []

    def failing(error: Exception, times: int):
        def call() -> int:
            calls.append(error)
            if len(calls) <= times:
                raise error
            return 7
        calls.clear()
        return lambda: retrying.retried(
            call, name="it", transient=lambda error: isinstance(error, OSError), pauses=(1, 1)
        )

    assert failing(OSError("no line"), 2)() == 7
    with pytest.raises(BackendError, match=r"^it cannot be reached \(no line\): is it running, and is the address right\?$"):
        failing(OSError("no line"), 3)()
    with pytest.raises(BackendError, match=r"^it refused: no such thing\.$"):
        failing(ValueError("no such thing.\nTraceback"), 1)()
    assert len(calls) == 1


@pytest.fixture
def flaky():
    """A server that says it is busy once, then counts 3 points; its address and what it was asked."""
    asked: list[tuple[str, str | None]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            asked.append((self.path, self.headers["api-key"]))
            body = json.dumps({"status": "ok", "time": 0, "result": {"count": 3}}).encode()
            self.send_response(503 if len(asked) == 1 else 200)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


def test_a_busy_qdrant_is_asked_again_with_the_key(flaky, monkeypatch):
    pytest.importorskip("qdrant_client")
    monkeypatch.setenv("WENSHI_VECTORS_KEY", "secret")
    address, asked = flaky
    store, name = open_store(f"qdrant:{address}#films")
    assert name == "films"
    assert store.count("here") == 3
    assert asked == [("/collections/here/points/count", "secret")] * 2
    store.close()


@pytest.mark.parametrize(("kind", "client"), [("qdrant", "qdrant_client"), ("milvus", "pymilvus")])
def test_a_server_that_is_not_there_is_one_sentence(kind, client):
    pytest.importorskip(client)
    store, _ = open_store(f"{kind}:http://127.0.0.1:9")
    with pytest.raises(BackendError, match=r"at http://127.0.0.1:9 cannot be reached \(.*\): is it running") as told:
        store.spaces()
    assert "\n" not in str(told.value)
    assert "Exception" not in str(told.value)
    store.close()


def test_a_folder_in_use_is_one_sentence(tmp_path):
    pytest.importorskip("qdrant_client")
    store, _ = open_store(f"qdrant:{tmp_path}/q", create=True)
    with pytest.raises(BackendError, match="in use by another process"):
        open_store(f"qdrant:{tmp_path}/q", create=True)
    store.close()


def test_a_milvus_file_of_another_name_is_one_sentence(tmp_path):
    pytest.importorskip("milvus_lite")
    with pytest.raises(BackendError, match=r"a Milvus Lite file ends in \.db"):
        open_store(f"milvus:{tmp_path}/vectors", create=True)


@pytest.mark.parametrize(("kind", "client"), [("qdrant", "qdrant_client"), ("milvus", "pymilvus")])
def test_a_missing_client_is_named_with_its_extra(kind, client, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, client, None)
    with pytest.raises(BackendError, match=rf"needs the extra `wenshi\[{kind}\]`"):
        open_store(f"{kind}:{tmp_path}/x", create=True)


@pytest.mark.parametrize("address", ["qdrant:{}/films", "milvus:{}/films.db"])
def test_a_search_makes_no_store_of_a_name_that_was_mistyped(address, tmp_path):
    with pytest.raises(BackendError, match="library push"):
        open_store(address.format(tmp_path))
    assert list(tmp_path.iterdir()) == []
