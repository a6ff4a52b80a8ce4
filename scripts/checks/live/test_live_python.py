"""`mtdh.live` against servers that break off, refuse and forget: rows come each once, and what is lost is told."""

import asyncio
import json

import pytest

mtdh = pytest.importorskip("mtdh")

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def chunk(text):
    data = text.encode()
    return b"%x\r\n%s\r\n" % (len(data), data)


def event(name, lines, id_=None):
    of_id = f"id: {id_}\n" if id_ else ""
    return f"event: {name}\n{of_id}" + "".join(f"data: {json.dumps(line)}\n" for line in lines) + "\n"


def trade(number):
    return event("rows", [{"event": "row", "data_type": "trades", "id": str(number)}], f"1:{number}")


class Server:
    """Answers each connection by the next function of a list, and keeps the requests."""

    def __init__(self, *answers):
        self.answers, self.requests, self.open = list(answers), [], 0

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.answer, "127.0.0.1", 0)
        self.address = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_):
        self.server.close()

    async def answer(self, reader, writer):
        self.open += 1
        try:
            self.requests.append((await reader.readuntil(b"\r\n\r\n")).decode())
            await (self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])(writer)
            await writer.drain()
        except ConnectionError:
            pass
        finally:
            self.open -= 1
            writer.close()


def sends(*pieces, wait=0.0, ends=False):
    async def answer(writer):
        writer.write(HEAD)
        for piece in pieces:
            writer.write(piece if isinstance(piece, bytes) else chunk(piece))
        if ends:
            writer.write(b"0\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(wait)
    return answer


def refuses(status, detail="no", hint=None):
    async def answer(writer):
        body = json.dumps({"detail": detail, "hint": hint}).encode()
        writer.write(b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n\r\n%s" % (status, len(body), body))
    return answer


async def taken(server, many, **words):
    rows = []
    async with mtdh.live(server.address, **words) as live:
        async for row in live:
            rows.append(row)
            if len(rows) == many:
                break
    return rows, live


@pytest.fixture(autouse=True)
def quickly(monkeypatch):
    monkeypatch.setattr("mtdh._live._WAITS", (0.01, 0.05))


def run(work):
    return asyncio.run(asyncio.wait_for(work, 30))


def test_a_break_anywhere_loses_and_doubles_nothing():
    text = "".join(trade(number) for number in range(4))
    whole = "retry: 1000\n" + event("begin", [{"event": "begin", "from": "now"}]) + text

    async def all_breaks():
        for cut in range(0, len(whole), 7):
            # What was whole before the cut has been taken; the rest comes behind the position that the client gives.
            done = whole[:cut].count("\n\n") - 1
            rest = "".join(trade(number) for number in range(max(0, done), 4))
            async with Server(sends(whole[:cut]), sends(rest, wait=5)) as server:
                rows, live = await taken(server, 4)
                assert [row["id"] for row in rows] == ["0", "1", "2", "3"], cut
                assert live.breaks == 1 and live.after == "1:3"
                given = f"Last-Event-ID: 1:{done - 1}\r\n" in server.requests[1]
                assert given == (done > 0), (cut, server.requests[1])

    run(all_breaks())


def test_rows_of_one_message_stay_together_and_the_position_is_behind_the_last():
    rows = [{"event": "row", "id": str(number)} for number in range(3)]

    async def stops_within():
        async with Server(sends(event("rows", rows, "1:9"), wait=5)) as server:
            _, live = await taken(server, 2)
            assert live.after is None
            found, live = await taken(server, 3, after="1:8")
            assert live.after == "1:9" and [row["id"] for row in found] == ["0", "1", "2"]
            assert "Last-Event-ID: 1:8" in server.requests[1]

    run(stops_within())


def test_what_is_lost_is_a_row():
    async def lagged():
        async with Server(sends(event("lagged", [{"event": "lagged", "reason": "forgotten", "missed": 5}]), wait=5)) as server:
            rows, _ = await taken(server, 1)
            assert rows == [{"event": "lagged", "reason": "forgotten", "missed": 5}]

    run(lagged())


@pytest.mark.parametrize(("status", "kind"), [
    (400, "BadRequest"), (401, "Refused"), (403, "Refused"), (404, "NotFound")])
def test_a_refusal_is_raised_at_once(status, kind):
    async def refused():
        async with Server(refuses(status, "what is wrong", "what to do")) as server:
            with pytest.raises(getattr(mtdh, kind), match="what is wrong\nhint: what to do"):
                await taken(server, 1)
            assert len(server.requests) == 1

    run(refused())


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_that_fails_is_tried_again(status):
    async def later():
        async with Server(refuses(status), refuses(status), sends(trade(0), wait=5)) as server:
            rows, live = await taken(server, 1)
            assert rows[0]["id"] == "0" and live.breaks == 2

    run(later())


def test_without_reconnecting_a_break_is_raised():
    async def once():
        async with Server(sends(trade(0), ends=True)) as server:
            live, rows = mtdh.live(server.address, reconnect=False), []
            with pytest.raises(mtdh.LiveAway):
                async for row in live:
                    rows.append(row)
            assert len(rows) == 1
        with pytest.raises(mtdh.LiveAway):
            await anext(mtdh.live(server.address, reconnect=False))

    run(once())


def test_cancelling_and_leaving_the_loop_close_the_connection():
    async def ends():
        async with Server(sends(trade(0), wait=60)) as server:
            task = asyncio.create_task(taken(server, 99))
            while server.open == 0:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            _, live = await taken(server, 1)
            with pytest.raises(StopAsyncIteration):
                await anext(live)

    run(ends())


def test_a_request_names_what_is_wanted_and_the_token():
    async def asked():
        async with Server(sends(trade(0), wait=5)) as server:
            await taken(server, 1, exchange="binance", symbol=["BTCUSDT", "A&B"], data_type="trades", conflate=True, token="secret")
            first = server.requests[0].split("\r\n")
            assert first[0] == "GET /live/events?exchange=binance&symbol=BTCUSDT%2CA%26B&type=trades&conflate=true HTTP/1.1"
            assert "Authorization: Bearer secret" in first

    run(asked())
    for address in ("ftp://x", "127.0.0.1:8087", "http://"):
        with pytest.raises(mtdh.BadRequest, match="is no address"):
            mtdh.live(address)
