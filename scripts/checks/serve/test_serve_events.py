"""The events of a run, as they come: each state once, an end, and no turn is held by those who wait for them."""

import http.client
import json
import shutil
import threading
import urllib.error
import urllib.parse
import urllib.request

import pytest

import raw
import served
from stage import DAY, comes_about

pytestmark = pytest.mark.xdist_group("serve-hostile")

WATCHERS = 80  # more than requests that are worked on at once
TOKEN = "0123456789abcdef" * 2


@pytest.fixture
def running(lake, tmp_path):
    """A copy of the lake whose run is still going on: the lake, the run's name, and what says how it goes."""
    shutil.copytree(lake, tmp_path / "lake")
    [summary] = sorted((tmp_path / "lake/runs").glob("*/shard-0-of-1.json"))[:1]
    return tmp_path / "lake", summary.parent.name, Summary(summary)


class Summary:
    """What a shard writes of itself."""

    def __init__(self, path):
        self.path, self.document = path, json.loads(path.read_text())
        self.say(state="running", files_done=1)

    def say(self, **members):
        staged = self.path.with_suffix(".new")
        staged.write_text(json.dumps({**self.document, **members}))
        staged.rename(self.path)


class Events:
    """The events of a stream, read in the background."""

    def __init__(self, address, run, **headers):
        where = urllib.parse.urlsplit(address)
        self.connection = http.client.HTTPConnection(where.hostname, where.port, timeout=60)
        self.connection.request("GET", f"/v1/runs/{run}/events", headers=headers)
        self.answer = self.connection.getresponse()
        self.events, self.is_whole = [], None
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        name = data = None
        try:
            for line in self.answer:
                field, _, value = line.decode().rstrip("\n").partition(": ")
                if field == "event":
                    name = value
                elif field == "data":
                    data = value
                elif field == "" and name:
                    self.events.append((name, json.loads(data)))
                    name = data = None
            self.is_whole = True
        except (http.client.HTTPException, OSError):
            self.is_whole = False

    def states(self):
        return [document["summaries"][0]["files_done"] for name, document in self.events if name == "state"]


def test_each_state_comes_once_and_then_an_end(running):
    lake, run, summary = running
    with served.server(lake) as address:
        events = Events(address, run)
        assert events.answer.headers["content-type"].startswith("text/event-stream") and "no-store" in events.answer.headers["cache-control"]
        assert comes_about(lambda: events.states() == [1], 60)
        summary.say(state="running", files_done=2)
        assert comes_about(lambda: events.states() == [1, 2], 60), events.events
        summary.say(state="done", files_done=3)
        events.thread.join(60)
        assert events.is_whole and events.states() == [1, 2, 3] and events.events[-1] == ("end", {})
        # Nothing of this machine is in them.
        assert str(lake) not in json.dumps(events.events)


def test_many_who_wait_for_events_keep_nobody_from_rows(running, tell):
    lake, run, summary = running
    with served.server(lake) as address:
        watchers = [Events(address, run) for _ in range(WATCHERS)]
        assert comes_about(lambda: all(watcher.states() == [1] for watcher in watchers), 90)
        answered = 0
        for _ in range(20):
            with urllib.request.urlopen(f"{address}/v1/slices/trades/DERIBIT:PERP:BTC-USD?start={DAY}&format=csv", timeout=60) as answer:
                answered += answer.status == 200
        assert answered == 20
        summary.say(state="done", files_done=3)
        for watcher in watchers:
            watcher.thread.join(90)
        assert all(watcher.is_whole and watcher.states() == [1, 3] for watcher in watchers)
    tell(f"{WATCHERS} streams of events, {answered} of 20 other requests answered at once")


def test_events_end_with_the_server_and_with_their_client(running):
    lake, run, _ = running
    with served.server(lake) as address:
        with raw.connect(address) as gone:
            gone.sendall(raw.get(f"/v1/runs/{run}/events"))
            assert raw.status(gone.recv(1000)) == 200
        kept = Events(address, run)
        assert comes_about(lambda: kept.states() == [1], 60)
    # It was told to end by SIGTERM, and did.
    kept.thread.join(60)
    assert not kept.thread.is_alive()


def test_events_are_refused_as_anything_else_is(running):
    lake, run, _ = running
    with served.server(lake, env={"MTDH_TOKEN": TOKEN}) as address:
        for name, headers, status in [(run, {}, 401), (run, {"Authorization": f"Bearer {TOKEN}x"}, 401),
                                      ("none", {"Authorization": f"Bearer {TOKEN}"}, 404), ("..", {"Authorization": f"Bearer {TOKEN}"}, 404),
                                      (run + "?x=1", {"Authorization": f"Bearer {TOKEN}"}, 400), (run, {"Host": "evil.example"}, 403)]:
            path = f"/v1/runs/{name}/events" if "?" not in name else f"/v1/runs/{run}/events?x=1"
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(urllib.request.Request(address + path, headers=headers), timeout=60)
            assert refused.value.code in (status, 400 if name == ".." else status), (name, refused.value.code)
            assert json.loads(refused.value.read())["status"] == refused.value.code
