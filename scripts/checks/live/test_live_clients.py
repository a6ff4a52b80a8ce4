"""`mtdh live serve` beside a stand-in exchange: clients that know tardis-machine, server-sent events, Python, and what the lake has."""

import asyncio
import json
import os
import subprocess
import sys
import urllib.parse
import urllib.request

import pytest

import stage
import stand_in
from recording import served, stand_in as played, status

websockets = pytest.importorskip("websockets")

TRADE = ["type", "symbol", "exchange", "id", "price", "amount", "side", "timestamp", "localTimestamp"]


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    return tmp_path_factory.mktemp("live") / "lake"


@pytest.fixture(scope="module")
def port(lake):
    """A server that has recorded something of each symbol."""
    lake.mkdir()
    with played() as addresses, served(lake, addresses, "--parts", "5s") as port:
        def has_rows():
            venues = status(port)["venues"]
            streams = venues[0]["streams"] if venues else []
            return len({one["symbol"] for one in streams if one["data_type"] == "trades" and one["rows"] > 3}) == 2

        stage.wait_until(has_rows, lambda: status(port))
        yield port


def options(*types, **more):
    return {"exchange": "binance", "symbols": ["btcusdt"], "dataTypes": list(types), **more}


async def frames(port, asked, many):
    text = urllib.parse.quote(json.dumps(asked))
    found = []
    async with websockets.connect(f"ws://127.0.0.1:{port}/ws-stream-normalized?options={text}") as socket:
        while len(found) < many:
            found.append(json.loads(await asyncio.wait_for(socket.recv(), 60)))
    return found


@pytest.mark.parametrize("beside", [0, 1])
def test_messages_are_those_of_tardis_machine(port, beside):
    asked = options("trade", "book_change", "book_snapshot_5_0ms", "trade_bar_2ticks")
    found = asyncio.run(frames(port + beside, asked, 60))
    kinds = {message["type"] for message in found}
    assert kinds >= {"trade", "book_change", "book_snapshot"}, kinds
    assert all(message["symbol"] == "BTCUSDT" and message["exchange"] == "binance" for message in found)
    # The first of a book is its snapshot, whoever comes when.
    changes = [message for message in found if message["type"] == "book_change"]
    assert [change["isSnapshot"] for change in changes][:2] == [True, False]
    assert all(list(message) == TRADE for message in found if message["type"] == "trade")
    arrivals = [message["localTimestamp"] for message in found]
    assert arrivals == sorted(arrivals)
    snapshots = [message for message in found if message["type"] == "book_snapshot"]
    for message in snapshots:
        assert len(message["bids"]) == len(message["asks"]) == 5
        assert message["bids"][0]["price"] < message["asks"][0]["price"]


def test_all_clients_are_given_the_same(port):
    async def several():
        asked = options("trade", symbols=[])
        return await asyncio.gather(*(frames(port + 1, asked, 40) for _ in range(5)))

    of_each = [[(message["symbol"], message["id"]) for message in found] for found in asyncio.run(several())]
    common = set.intersection(*map(set, of_each))
    assert len(common) > 20
    inner = [[one for one in ids if one in common] for ids in of_each]
    assert all(ids == inner[0] for ids in inner)


def test_events_go_on_after_each_break(port):
    """Each trade of a symbol has the next id: one that is lost or doubled shows."""
    ids, last = [], None
    for _ in range(12):
        request = urllib.request.Request(f"http://127.0.0.1:{port}/live/events?symbol=BTCUSDT&type=trades",
                                         headers={"Last-Event-ID": last} if last else {})
        wanted = len(ids) + 5
        with urllib.request.urlopen(request, timeout=60) as answer:
            fields = {}
            for line in answer:
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if name:
                    fields.setdefault(name, []).append(value)
                    continue
                rows = [json.loads(text) for text in fields.get("data", [])]
                assert all(row["event"] != "lagged" for row in rows)
                ids += [int(row["id"]) for row in rows if row["event"] == "row"]
                last = fields.get("id", [last])[0]
                fields = {}
                if len(ids) >= wanted:
                    break
    assert ids == list(range(ids[0], ids[0] + len(ids)))


def test_candles_come_as_their_intervals_end(port):
    request = urllib.request.Request(f"http://127.0.0.1:{port}/live/events?symbol=BTCUSDT&type=candles&timeframe=15s")
    with urllib.request.urlopen(request, timeout=60) as answer:
        rows = (json.loads(line[6:]) for line in answer if line.startswith(b"data: "))
        candle = next(row for row in rows if row["event"] == "candle")
    assert candle["timeframe"] == "15s" and candle["low"] <= candle["open"] <= candle["high"] and candle["stage"] in ("provisional", "final")


def test_rows_in_python(port):
    mtdh = pytest.importorskip("mtdh")

    async def taken():
        rows = []
        async with mtdh.live(f"http://127.0.0.1:{port}", symbol="BTCUSDT", data_type=["trades", "book_ticker"]) as live:
            async for row in live:
                rows.append(row)
                if len(rows) == 20:
                    return rows, live.after

    rows, after = asyncio.run(asyncio.wait_for(taken(), 60))
    assert after and {row["data_type"] for row in rows} <= {"trades", "book_ticker"}
    assert all(row["instrument_key"].startswith("BINANCE:") for row in rows)


NAUTILUS = '''
import asyncio, json, sys
from nautilus_trader.core import nautilus_pyo3
from nautilus_trader.core.nautilus_pyo3 import InstrumentId, TardisInstrumentMiniInfo, TardisMachineClient
from nautilus_trader.model.data import capsule_to_data

async def main(port):
    info = TardisInstrumentMiniInfo(InstrumentId.from_str("BTCUSDT.BINANCE"), "BTCUSDT", "binance", 2, 6)
    asked = [{"exchange": "binance", "symbols": ["btcusdt"], "dataTypes": ["trade", "quote", "book_change"],
              "withDisconnectMessages": False, "timeoutIntervalMs": None}]
    asked[0].pop("timeoutIntervalMs")
    options = nautilus_pyo3.tardis.StreamNormalizedRequestOptions.from_json_array(json.dumps(asked).encode())
    client, seen, done = TardisMachineClient(f"ws://127.0.0.1:{port}"), [], asyncio.Event()
    loop = asyncio.get_running_loop()

    def take(capsule):
        data = capsule_to_data(capsule) if type(capsule).__name__ == "PyCapsule" else capsule
        if type(data).__name__ == "TradeTick":
            values = [str(data.trade_id), str(data.price), str(data.size), data.aggressor_side.name, data.ts_event]
        elif type(data).__name__ == "QuoteTick":
            values = [str(data.bid_price), str(data.bid_size), str(data.ask_price), str(data.ask_size), data.ts_event]
        else:
            values = []
        seen.append([type(data).__name__, values])
        if len([one for one in seen if one[0] == "TradeTick"]) >= 10:
            loop.call_soon_threadsafe(done.set)

    async def stream():
        await client.stream([info], options, take)

    task = asyncio.ensure_future(stream())
    await asyncio.wait({task, asyncio.ensure_future(done.wait())}, timeout=90, return_when=asyncio.FIRST_COMPLETED)
    print(json.dumps(seen))
    sys.stdout.flush()
    import os
    os._exit(0)

asyncio.run(main(int(sys.argv[1])))
'''


@pytest.mark.parametrize("beside", [0, 1])
def test_nautilus_streams(lake, port, beside):
    # It needs other versions of packages than the tests do, so that its Python may be another one.
    python = os.environ.get("MTDH_BRIDGES_PYTHON", sys.executable)
    if subprocess.run([python, "-c", "import nautilus_trader"], capture_output=True).returncode:
        pytest.skip("nautilus_trader is not installed: MTDH_BRIDGES_PYTHON names a Python that has scripts/requirements-bridges.txt")
    seen = json.loads(stage.run([python, "-c", NAUTILUS, port + beside], timeout=150).stdout)
    assert {kind for kind, _ in seen} >= {"TradeTick", "OrderBookDeltas", "QuoteTick"}
    trades = [values for kind, values in seen if kind == "TradeTick"]
    ids = [int(values[0]) for values in trades]
    assert len(ids) >= 10 and ids == list(range(ids[0], ids[0] + len(ids)))
    # The same trades in the lake, once they are written.
    of_lake = lambda: {row["id"]: row for row in stand_in.rows(lake, "trades") if row["instrument_key"].endswith("BTC-USDT")}
    stage.wait_until(lambda: str(ids[-1]) in of_lake(), "the lake lacks trades", seconds=30, pause=1)
    rows = of_lake()
    for number, price, size, side, at in trades:
        row = rows[number]
        assert (float(price), float(size), side) == (row["price"], row["amount"], {"buy": "BUYER", "sell": "SELLER"}[row["side"]])
        # This client keeps milliseconds of tardis-machine's texts, or all that they have.
        micros = round(row["timestamp"].timestamp() * 1_000_000)
        assert at // 1_000 in (micros, micros // 1_000 * 1_000), (at, row)


NODE = """
const options = {exchange: 'binance', symbols: ['btcusdt'], dataTypes: ['trade', 'quote']}
const ws = new WebSocket(`ws://127.0.0.1:PORT/ws-stream-normalized?options=${encodeURIComponent(JSON.stringify(options))}`)
const kinds = new Set()
let count = 0
ws.onmessage = ({data}) => {
  kinds.add(JSON.parse(data).type)
  count += 1
  if (count === 30) { ws.close(1000); console.log(JSON.stringify([...kinds].sort())) }
}
ws.onclose = () => process.exit(0)
"""


@pytest.mark.needs("node", "https://nodejs.org")
def test_node_streams(port):
    text = NODE.replace("PORT", str(port + 1))
    said = stage.run(["node", "--experimental-websocket", "--input-type=module", "-e", text], timeout=90).stdout
    assert json.loads(said) == ["book_snapshot", "trade"]


def test_a_page_of_another_origin_opens_nothing(port):
    async def refused(at, **words):
        with pytest.raises(websockets.InvalidStatus) as raised:
            async with websockets.connect(f"ws://127.0.0.1:{at}/live/stream", **words):
                pass
        return raised.value.response.status_code

    for at in (port, port + 1):
        assert asyncio.run(refused(at, origin="https://evil.example")) == 403
