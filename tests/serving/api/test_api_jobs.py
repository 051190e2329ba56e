"""Adding in the background: acknowledged jobs are done whatever happens, and one bad file costs itself alone."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest

from retrieval.library import Library
from retrieval.library.backends import Named, stored
from serving.api.jobs import alerts
from serving.api.jobs.store import HandedOn, JobStore
from serving.api.jobs.watching import Watcher
from serving.api.jobs.webhooks import post
from serving.ingest.adder import Adder
from serving.ingest.run import AddOptions, NoDisplay, add_to_library, add_videos
from serving.ingest.sync import sync_library
from tests.retrieval.library.vector_backends import PlainStore
from tests.serving.api.running import running
from tests.videos import write_video

TEXT_ONLY = AddOptions(model="none", on_screen_text=False)


@pytest.fixture
def empty(tmp_path) -> Path:
    Library.open(tmp_path / "library", write=True, create=True).close()
    return tmp_path / "library"


def ended(client, job: str) -> dict:
    for _ in range(600):
        state = client.get(f"/api/v1/jobs/{job}").json()
        if state["state"] in ("done", "failed", "stopped"):
            return state
        time.sleep(0.1)
    raise AssertionError(f"the job did not end: {state}")


def wait_until(holds: Callable[[], object]) -> None:
    """For ten seconds at most: what has to hold is asserted by the caller."""
    deadline = time.monotonic() + 10
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.05)


def names(client) -> set[str]:
    return {video["name"] for video in client.get("/api/v1/videos").json()["videos"]}


def test_a_folder_is_added_and_searchable_one_bad_file_is_named_and_saved_queries_fire(empty, serve, tmp_path):
    folder = tmp_path / "videos"
    folder.mkdir()
    write_video(folder / "good.mp4", seed=1, title="放风筝的下午")
    write_video(folder / "other.mp4", seed=2, title="城市夜景")
    (folder / "bad.mp4").write_bytes(b"\0" * 4000)
    told: list[dict] = []
    with listening(told) as port:
        client = serve(empty, model="none", webhook_networks=("127.0.0.0/8",))
        hook = f"http://127.0.0.1:{port}/hook"
        saved = client.post("/api/v1/saved-queries", json={"q": "风筝", "webhook": hook})
        assert saved.status_code == 201
        started = client.post("/api/v1/videos", json={"paths": [str(folder)]})
        assert started.status_code == 202
        job = ended(client, started.json()["job"])
        assert (job["state"], job["done"], job["total"], len(job["failed"])) == ("done", 3, 3, 1)
        assert "bad.mp4" in job["failed"][0]["path"]
        assert names(client) == {"good.mp4", "other.mp4"}
        assert client.get("/api/v1/search", params={"q": "风筝"}).json()["hits"][0]["name"] == "good.mp4"
        for _ in range(50):
            if told:
                break
            time.sleep(0.1)
    (event,) = told
    assert (event["saved_query"], event["hit"]["name"]) == (saved.json()["id"], "good.mp4")
    assert [json.loads(line) for line in (empty / "saved-queries.jsonl").read_text().splitlines()] == [event]
    assert client.get("/api/v1/saved-queries").json()["saved_queries"] == [saved.json()]
    assert client.delete(f"/api/v1/saved-queries/{saved.json()['id']}").status_code == 204

    video = client.get("/api/v1/search", params={"q": "风筝"}).json()["hits"][0]["video"]
    assert client.delete(f"/api/v1/videos/{video}").json() == {"videos": [video], "paths": 1}
    assert client.get("/api/v1/search", params={"q": "风筝"}).json()["hits"] == []
    assert (folder / "good.mp4").exists()


def test_an_upload_becomes_a_video_under_its_name_and_goes_with_it(empty, serve, tmp_path):
    client = serve(empty, model="none", upload_seconds=5)
    video = write_video(tmp_path / "x.mp4", seed=3)

    def upload(name: str, content: bytes):
        return client.post("/api/v1/videos", files={"file": (name, content, "video/mp4")})

    assert upload("empty.mp4", b"").status_code == 422
    refused = upload("list.mp4", b"#EXTM3U\nfile:///etc/passwd\n")
    assert (refused.status_code, refused.json()["error"]["kind"]) == (422, "not_a_video")
    assert str(empty) not in refused.text
    assert upload("long.mp4", write_video(tmp_path / "long.mp4", seconds=7).read_bytes()).status_code == 400
    assert list((empty / "uploads").iterdir()) == []

    job = ended(client, upload("../../小猫打滚.mp4", video.read_bytes()).json()["job"])
    assert (job["state"], job["failed"]) == ("done", [])
    assert names(client) == {"小猫打滚.mp4"}
    (kept,) = (empty / "uploads").glob("*/*")
    assert kept.name == "小猫打滚.mp4"
    video_id = client.get("/api/v1/videos").json()["videos"][0]["video"]
    client.delete(f"/api/v1/videos/{video_id}")
    assert not kept.exists()


def test_an_upload_that_a_kill_left_without_a_job_goes_at_a_start_once_it_is_old(empty, serve, tmp_path, monkeypatch):
    content = write_video(tmp_path / "x.mp4", seed=3).read_bytes()
    first = serve(empty, model="none")
    assert ended(first, first.post("/api/v1/videos", files={"file": ("kept.mp4", content)}).json()["job"])["state"] == "done"
    with monkeypatch.context() as killed:
        killed.setattr("serving.api.service.JobStore.put", lambda *_: 1 / 0)
        assert first.post("/api/v1/videos", files={"file": ("left.mp4", content)}).status_code == 500
    (empty / "uploads" / "older").mkdir()       # of a library that was restored, or made anew
    (empty / "uploads" / "older" / "x.mp4").write_bytes(content)
    stop(first)

    def left() -> set[str]:
        return {path.parent.name if path.name == "x.mp4" else path.name for path in (empty / "uploads").glob("*/*")}

    stop(serve(empty, model="none"))
    assert left() == {"kept.mp4", "left.mp4", "older"}
    monkeypatch.setattr("serving.api.jobs.uploads._ABANDONED_SECONDS", 0.0)
    waiting = serve(empty, model="none", jobs=False)
    assert waiting.post("/api/v1/videos", files={"file": ("asked.mp4", content)}).status_code == 202
    stop(waiting)
    again = serve(empty, model="none")
    wait_until(lambda: "left.mp4" not in left())
    ended(again, again.get("/api/v1/jobs").json()["jobs"][0]["job"])
    assert left() == {"kept.mp4", "older", "asked.mp4"}


def test_an_upload_outlives_the_end_of_a_service_that_was_adding_it(empty, serve, tmp_path):
    first = serve(empty, model="none")
    content = write_video(tmp_path / "x.mp4", seconds=20, seed=3).read_bytes()
    job = first.post("/api/v1/videos", files={"file": ("x.mp4", content)}).json()["job"]
    while first.get(f"/api/v1/jobs/{job}").json()["state"] == "waiting":
        time.sleep(0.02)
    stop(first)
    again = serve(empty, model="none")
    state = ended(again, job)
    assert (state["state"], state["failed"], names(again)) == ("done", [], {"x.mp4"})


def test_an_upload_goes_when_its_waiting_job_is_stopped(empty, serve, tmp_path):
    client = serve(empty, jobs=False)
    content = write_video(tmp_path / "x.mp4", seed=3).read_bytes()
    job = client.post("/api/v1/videos", files={"file": ("x.mp4", content)}).json()["job"]
    assert len(list((empty / "uploads").iterdir())) == 1
    assert client.post(f"/api/v1/jobs/{job}/cancel").json()["state"] == "stopped"
    assert list((empty / "uploads").iterdir()) == []


def test_hits_of_saved_queries_outlive_kills_before_they_are_written_and_before_they_are_sent(empty, serve, tmp_path):
    client = serve(empty, model="none", webhook_networks=("127.0.0.0/8",))
    told: list[dict] = []
    with listening(told) as port:
        pass        # the receiver is down
    hook = f"http://127.0.0.1:{port}/hook"
    assert client.post("/api/v1/saved-queries", json={"q": "风筝", "webhook": hook}).status_code == 201
    stop(client)
    write_video(tmp_path / "kite.mp4", seed=1, title="放风筝的下午")
    add_videos(empty, [tmp_path / "kite.mp4"], TEXT_ONLY)    # nobody is there to ask
    (empty / "saved-queries.jsonl").write_bytes(b'{"half a li')

    client = serve(empty, model="none", webhook_networks=("127.0.0.0/8",))
    wait_until(lambda: (empty / "saved-queries.jsonl").read_bytes().count(b"\n") > 1)
    lines = (empty / "saved-queries.jsonl").read_text().splitlines()
    assert lines[0] == '{"half a li'
    (event,) = map(json.loads, lines[1:])
    time.sleep(0.3)     # the call was tried
    stop(client)
    with listening(told, port=port):
        serve(empty, model="none", webhook_networks=("127.0.0.0/8",))
        wait_until(lambda: told)
        time.sleep(0.5)
    assert told == [event]
    assert len((empty / "saved-queries.jsonl").read_text().splitlines()) == 2


def test_a_saved_query_that_is_deleted_calls_nobody_any_more(empty, serve):
    client = serve(empty, model="none", jobs=False)
    hook = "https://example.org/hook"
    store = JobStore(empty)
    ended, kept = (store.save_query(q, hook) for q in ("风筝", "小猫"))
    calls = [(hook, {"saved_query": saved.id, "n": n}) for n, saved in enumerate([ended, kept, ended])]
    store.hand_on(HandedOn("a library", 1), calls)
    tried = store.next_call()
    assert tried.event == calls[0][1]
    assert client.delete(f"/api/v1/saved-queries/{ended.id}").status_code == 204
    store.call_again(tried, seconds=0)                          # it was on its way, in vain
    store.hand_on(HandedOn("a library", 2), calls)              # videos were being asked about meanwhile
    store.close()
    later = JobStore(empty)
    waiting = []
    while (call := later.next_call()) is not None:
        waiting.append(call.event)
        later.call_ended(call)
    later.close()
    assert waiting == [calls[1][1], calls[1][1]]


@pytest.mark.parametrize("moved", [False, True])
def test_nothing_is_promised_where_the_library_was_replaced_under_a_service(empty, serve, tmp_path, moved):
    shutil.copytree(empty, tmp_path / "copy")
    client = serve(empty, model="none", jobs=False)
    query = {"q": "风筝"}
    assert client.post("/api/v1/saved-queries", json=query).status_code == 201
    if moved:
        empty.rename(tmp_path / "away")
    else:
        shutil.rmtree(empty)
    shutil.copytree(tmp_path / "copy", empty)
    refused = client.post("/api/v1/saved-queries", json=query)
    assert refused.status_code == 503
    assert "start the service again" in refused.json()["error"]["message"]
    assert client.get("/api/v1/search", params=query).status_code == 200
    assert not (empty / "jobs.sqlite").exists()
    again = serve(empty, model="none", jobs=False)
    assert again.post("/api/v1/saved-queries", json=query).status_code == 201


def test_a_hit_that_is_handed_on_twice_carries_the_same_id(empty, serve, tmp_path):
    client = serve(empty, model="none", jobs=False)
    client.post("/api/v1/saved-queries", json={"q": "风筝"})
    write_video(tmp_path / "kite.mp4", seed=1, title="放风筝的下午")
    add_videos(empty, [tmp_path / "kite.mp4"], TEXT_ONLY)
    with Library.open(empty) as library:
        start = HandedOn(library.edition()[0], 0)
    for _ in range(2):
        store = JobStore(empty)
        store.hand_on(start)        # as if the kill came before this was noted
        store.close()
        again = serve(empty, model="none")
        time.sleep(0.5)
        stop(again)
    first, second = (json.loads(line) for line in (empty / "saved-queries.jsonl").read_text().splitlines())
    assert first["id"] == second["id"]
    assert len(first["id"]) == 32


def test_saved_queries_are_asked_of_new_videos_once_the_store_of_the_vectors_is_back(copied, serve, monkeypatch):
    store = PlainStore()
    monkeypatch.setattr("serving.vectors.open_store", lambda address: Named(store, "films"))
    monkeypatch.setattr(alerts, "_REST_SECONDS", 0.1)
    monkeypatch.setattr(stored, "_DOWN_SECONDS", 0.0)
    client = serve(copied, jobs=False)
    client.post("/api/v1/saved-queries", json={"q": "放风筝"})
    with Library.open(copied) as library:
        start = HandedOn(library.edition()[0], 0)
    jobs = JobStore(copied)
    jobs.hand_on(start)
    store.failing = True
    serve(copied, vectors="qdrant:http://elsewhere:6333")
    wait_until(lambda: len(store.calls) > 4)        # asked again and again
    assert len(store.calls) > 4
    assert jobs.handed_on() == start
    assert not (copied / "saved-queries.jsonl").exists()
    store.failing = False
    wait_until(lambda: jobs.handed_on() != start)
    jobs.close()
    lines = [json.loads(line) for line in (copied / "saved-queries.jsonl").read_text().splitlines()]
    assert "公园.mp4" in {line["hit"]["name"] for line in lines}


def test_an_upload_stays_also_where_the_library_is_named_with_two_dots(empty, serve, tmp_path):
    (tmp_path / "beside").mkdir()
    client = serve(tmp_path / "beside" / ".." / "library", model="none")
    content = write_video(tmp_path / "x.mp4", seed=3).read_bytes()
    job = client.post("/api/v1/videos", files={"file": ("x.mp4", content, "video/mp4")}).json()["job"]
    assert (ended(client, job)["state"], names(client)) == ("done", {"x.mp4"})
    video_id = client.get("/api/v1/videos").json()["videos"][0]["video"]
    assert client.get(f"/media/{video_id}/file").content == content
    client.delete(f"/api/v1/videos/{video_id}")
    assert list((empty / "uploads").iterdir()) == []


def test_a_webhook_may_have_chinese_in_its_address():
    told: list[dict] = []
    with listening(told) as port:
        assert post(f"http://127.0.0.1:{port}/钩子?名=风筝&a=%20", {"q": "风筝"}, networks=["127.0.0.0/8"]) == 204
    assert told == [{"q": "风筝"}]


def test_while_another_process_writes_jobs_wait_and_a_removal_says_who_writes(copied, serve, ids, tmp_path):
    video = write_video(tmp_path / "new.mp4", seed=9)
    client = serve(copied, model="none")
    with Library.open(copied, write=True):
        refused = client.delete(f"/api/v1/videos/{ids['city.mp4']}")
        assert refused.status_code == 503
        assert "is being written by process" in refused.json()["error"]["message"]
        job = client.post("/api/v1/videos", json={"paths": [str(video)]}).json()["job"]
        time.sleep(0.5)
        state = client.get(f"/api/v1/jobs/{job}").json()
        assert state["state"] in ("waiting", "running")
    assert ended(client, job)["state"] == "done"
    with Library.open(copied, write=True):        # an idle service holds nothing
        pass


def test_a_job_can_be_stopped_while_it_waits(copied, serve):
    client = serve(copied, jobs=False)
    job = client.post("/api/v1/videos", json={"paths": [str(copied)]}).json()["job"]
    assert client.post(f"/api/v1/jobs/{job}/cancel").json()["state"] == "stopped"
    assert client.get("/api/v1/jobs").json()["jobs"][0]["job"] == job
    assert client.post("/api/v1/jobs/none/cancel").status_code == 404


@pytest.mark.parametrize("body", [{"paths": []}, {"paths": ["relative.mp4"]}, {"paths": ["/no/such"]}, {"path": "/"}, [], "x"])
def test_a_job_that_cannot_be_done_is_refused_before_it_waits(client, body):
    assert client.post("/api/v1/videos", json=body).status_code in (400, 422)
    assert client.get("/api/v1/jobs").json()["jobs"] == []


def test_a_path_that_is_gone_when_its_job_begins_is_named_and_the_others_are_added(empty, serve, folder):
    videos = [write_video(folder / f"{name}.mp4", seed=seed) for seed, name in enumerate("abc")]
    waiting = serve(empty, model="none", jobs=False)
    asked = [waiting.post("/api/v1/videos", json={"paths": paths}) for paths in (list(map(str, videos)), [str(videos[1])])]
    videos[1].unlink()
    client = serve(empty, model="none")
    job, hopeless = (ended(client, started.json()["job"]) for started in asked)
    assert (job["state"], job["done"], job["total"]) == ("done", 3, 3)
    assert job["failed"] == [{"path": str(videos[1]), "message": f"There is no file or folder {videos[1]}."}]
    assert names(client) == {"a.mp4", "c.mp4"}
    assert (hopeless["state"], hopeless["message"]) == ("failed", f"There is no file or folder {videos[1]}.")


def test_a_running_job_waits_again_after_a_kill(empty):
    store = JobStore(empty)
    job = store.put("add", {"paths": ["/a"]})
    assert store.claim().id == job
    assert store.claim() is None
    later = JobStore(empty)
    later.take_up()
    assert later.claim().id == job


def test_a_killed_service_goes_on_with_its_job(empty, tmp_path):
    folder = tmp_path / "videos"
    folder.mkdir()
    for number in range(4):
        write_video(folder / f"{number}.mp4", seconds=4, seed=number)
    with running(empty) as (process, address):
        job = httpx.post(f"{address}api/v1/videos", json={"paths": [str(folder)]}).json()["job"]
        while httpx.get(f"{address}api/v1/jobs/{job}").json()["state"] == "waiting":
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.wait()
    with running(empty) as (process, address), httpx.Client(base_url=address) as client:
        assert ended(client, job)["state"] == "done"
        assert len(names(client)) == 4
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    with Library.open(empty) as library:
        assert library.check() == []


class watching:
    """A watcher of one folder, whose jobs are done here."""

    def __init__(self, library: Path, folder: Path) -> None:
        self.library, self.folder = library, folder

    def __enter__(self) -> watching:
        self.store, self.reading = JobStore(self.library), Library.open(self.library)
        self.watcher = Watcher([self.folder], self.reading, self.store, wake=lambda: None)
        return self

    def __exit__(self, *_) -> None:
        self.store.close()
        self.reading.close()

    def look(self) -> list[tuple[str, list[str]]]:
        """One look, and the jobs that it asked for, done: kind and names of each."""
        self.watcher.look()
        found = []
        while (job := self.store.claim()) is not None:
            found.append((job.kind, [Path(path).name for path in job.work["paths"]]))
            with Library.open(self.library, write=True) as writing:
                do = sync_library if job.kind == "sync" else add_to_library
                do(writing, list(map(Path, job.work["paths"])), TEXT_ONLY, progress=NoDisplay(), stopping=lambda: False)
            self.store.end(job.id, "done")
        return found

    def names(self) -> list[str]:
        return [Path(row.path).name for row in self.reading.locations()]


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "videos").mkdir()
    return tmp_path / "videos"


def test_a_watched_folder_is_followed_once_files_have_stopped_growing(empty, folder):
    with watching(empty, folder) as watched:
        assert watched.look() == []
        write_video(folder / "a.mp4", seed=1)
        assert watched.look() == []
        (folder / "a.mp4").write_bytes((folder / "a.mp4").read_bytes() + b"\0")      # it grows
        assert watched.look() == []
        assert watched.look() == [("add", ["a.mp4"])]
        assert watched.look() == watched.look() == []
        write_video(folder / "b.mp4", seed=2)
        (folder / "a.mp4").unlink()
        assert watched.look() == [("sync", ["videos"])]
        assert watched.names() == ["b.mp4"]


def test_a_watched_file_that_goes_while_another_is_taken_up_is_forgotten(empty, folder):
    for seed, name in enumerate(["a", "kept"]):
        write_video(folder / f"{name}.mp4", seed=seed)
    with watching(empty, folder) as watched:
        watched.look(), watched.look()
        assert watched.names() == ["a.mp4", "kept.mp4"]
        write_video(folder / "b.mp4", seed=7)
        watched.look()
        (folder / "a.mp4").unlink()
        assert watched.look() == [("add", ["b.mp4"]), ("sync", ["videos"])]
        assert watched.names() == ["b.mp4", "kept.mp4"]
        assert watched.look() == watched.look() == []


def test_watched_files_that_went_while_nobody_watched_are_forgotten_once_their_folder_is_within_reach(empty, folder):
    (folder / "disk").mkdir()
    (folder / "folder that begins alike").mkdir()
    for seed, name in enumerate(["gone", "kept", "disk/away", "folder that begins alike/other"]):
        write_video(folder / f"{name}.mp4", seed=seed)
    add_videos(empty, [folder], TEXT_ONLY)
    (folder / "gone.mp4").unlink()
    with watching(empty, folder / "." / "disk" / "..") as watched:
        assert watched.look() == [("sync", ["videos"])]
        assert watched.names() == ["away.mp4", "other.mp4", "kept.mp4"]
        (folder / "disk" / "away.mp4").unlink()
        assert watched.look() == watched.look() == []       # the disk may have been taken away
        (folder / "disk" / "readme.txt").touch()
        assert watched.look() == [("sync", ["videos"])]
        assert watched.names() == ["other.mp4", "kept.mp4"]


def test_a_watched_file_whose_video_was_deleted_over_http_stays_out_until_it_changes(empty, serve, folder):
    for seed, name in enumerate(["deleted", "gone", "kept"]):
        write_video(folder / f"{name}.mp4", seed=seed)
    add_videos(empty, [folder], TEXT_ONLY)
    client = serve(empty, model="none")
    video_id = next(video["video"] for video in client.get("/api/v1/videos").json()["videos"] if video["name"] == "deleted.mp4")
    assert client.delete(f"/api/v1/videos/{video_id}").status_code == 200
    stop(client)
    (folder / "gone.mp4").unlink()
    again = serve(empty, model="none", watch=(folder,))
    wait_until(lambda: names(again) == {"kept.mp4"})
    job = again.get("/api/v1/jobs").json()["jobs"][0]
    assert (job["kind"], ended(again, job["job"])["state"], names(again)) == ("sync", "done", {"kept.mp4"})
    stop(again)
    with watching(empty, folder) as watched:
        assert watched.look() == watched.look() == []
        os.utime(folder / "deleted.mp4", (1, 1))
        assert [watched.look(), watched.look()] == [[], [("add", ["deleted.mp4"])]]
        assert watched.look() == []
        assert watched.store.dismissed() == {}


def test_a_dismissed_file_that_became_something_else_is_tried_once(empty, serve, folder):
    path = write_video(folder / "a.mp4", seed=1)
    add_videos(empty, [path], TEXT_ONLY)
    client = serve(empty, model="none", jobs=False)
    client.delete(f"/api/v1/videos/{client.get('/api/v1/videos').json()['videos'][0]['video']}")
    path.write_bytes(b"\0" * 4000)
    with watching(empty, folder) as watched:
        assert [watched.look() for _ in range(4)] == [[], [("add", ["a.mp4"])], [], []]


def test_a_watched_file_that_was_touched_while_it_was_read_is_read_again(empty, folder, monkeypatch):
    path = write_video(folder / "a.mp4", seed=1)
    identified = Adder._identified
    with watching(empty, folder) as watched, monkeypatch.context() as meanwhile:
        meanwhile.setattr(Adder, "_identified", lambda *arguments: (os.utime(path, (1, 1)), identified(*arguments)))
        assert watched.look() == []
        assert watched.look() == [("add", ["a.mp4"])]
        assert watched.names() == []
        meanwhile.undo()
        assert [watched.look(), watched.look()] == [[], [("add", ["a.mp4"])]]
        assert watched.names() == ["a.mp4"]


def test_a_watched_file_that_is_no_video_is_tried_once(empty, folder):
    (folder / "bad.mp4").write_bytes(b"\0" * 4000)
    with watching(empty, folder) as watched:
        assert [watched.look() for _ in range(4)] == [[], [("add", ["bad.mp4"])], [], []]


def test_sync_follows_files_that_were_moved_edited_deleted_or_are_new_in_one_walk(empty, tmp_path, monkeypatch):
    folder = tmp_path / "videos"
    (folder / "sub").mkdir(parents=True)
    (folder / "away").mkdir()
    for number, name in enumerate(["moved", "edited", "deleted", "kept"]):
        write_video(folder / f"{name}.mp4", seed=number)
    write_video(folder / "away" / "unplugged.mp4", seed=8)

    def sync():
        with Library.open(empty, write=True) as library:
            report = sync_library(library, [folder], TEXT_ONLY, progress=NoDisplay(), stopping=lambda: False)
            return report, {Path(row.path).name: row.video_id for row in library.locations()}

    _, before = sync()
    walks = []
    walk = os.walk
    monkeypatch.setattr("data_pipeline.sources.files.os.walk", lambda *a, **k: walks.append(a) or walk(*a, **k))
    (folder / "moved.mp4").rename(folder / "sub" / "renamed.mp4")
    write_video(folder / "edited.mp4", seed=77)
    (folder / "deleted.mp4").unlink()
    (folder / "away" / "unplugged.mp4").unlink()
    write_video(folder / "new.mp4", seed=78)
    report, after = sync()
    assert after.keys() == {"renamed.mp4", "edited.mp4", "kept.mp4", "new.mp4", "unplugged.mp4"}
    assert after["renamed.mp4"] == before["moved.mp4"]
    assert after["edited.mp4"] != before["edited.mp4"]
    assert [Path(path).name for path in report.removed] == ["deleted.mp4", "moved.mp4"]
    assert any("is a disk missing?" in notice for notice in report.notices)
    assert len(walks) == 1


@pytest.mark.parametrize("named", [True, False])
def test_sync_forgets_failures_of_files_that_are_gone_from_a_folder_within_reach(empty, folder, named):
    write_video(folder / "kept.mp4", seed=1)
    (folder / "disk").mkdir()
    bad = [folder / "bad.mp4", folder / "still bad.mp4", folder / "disk" / "away.mp4"]
    for path in bad:
        path.write_bytes(b"\0" * 4000)
    add_videos(empty, [folder], TEXT_ONLY)
    bad[0].unlink()
    bad[2].unlink()
    with Library.open(empty, write=True) as library:
        report = sync_library(library, [folder] * named, TEXT_ONLY, progress=NoDisplay(), stopping=lambda: False)
        assert [row.path for row in library.failures()] == [str(bad[2]), str(bad[1])]
        assert report.removed == []


def stop(client) -> None:
    """End a service in good order."""
    client.__exit__(None, None, None)


class listening:
    """A server that takes JSON and remembers it."""

    def __init__(self, told: list[dict], port: int = 0) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = HTTPServer(("127.0.0.1", port), Handler)

    def __enter__(self) -> int:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self.server.server_address[1]

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
