"""`mtdh serve`: replays as tardis-machine gives them, against the rows of the lake, and with the programs that are written for it."""

import json
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

import stage
from replaying import (DAYS, MEMBERS, TYPES, address, expected, expected_changes, messages, options, over_http, over_ws, path_of,
                       serving, symbols, table_of)

SPOT = ("BINANCE:SPOT_PAIR:BTC-USDT", "BTCUSDT", "binance")
PERP = ("BINANCE-FUTURES:PERP:BTC-USDT", "BTCUSDT", "binance-futures")
DERIBIT = ("DERIBIT:PERP:BTC-USD", "BTC-PERPETUAL", "deribit")
FINISHED = (1000, "WS replay-normalized finished")


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    """Two days of three venues with every data type that messages are made of."""
    folder = tmp_path_factory.mktemp("replay") / "lake"
    with stage.sim("--small") as variables:
        stage.mtdh("full-pipeline", "--lake", folder, "--start-date", DAYS[0], "--end-date", DAYS[1], "--venues",
                   "BINANCE,BINANCE-FUTURES,DERIBIT", "--data-types", ",".join(TYPES), env=stage.vendor_only(variables))
    return folder


@pytest.fixture(scope="module")
def port(lake):
    with serving(lake) as port:
        yield port


@pytest.fixture
def other(lake, tmp_path):
    """A copy of the lake, to harm."""
    shutil.copytree(lake, tmp_path / "lake")
    return tmp_path / "lake"


# --- messages are the rows


@pytest.mark.parametrize(("kind", "instrument"), [
    ("trade", SPOT), ("trade", PERP), ("derivative_ticker", PERP), ("liquidation", PERP), ("book_ticker", SPOT)])
def test_each_row_is_a_message(port, lake, kind, instrument, figures):
    key, symbol, exchange = instrument
    found = messages(port, options(exchange, [symbol], types=[kind]))
    rows = expected(lake, kind, key, symbol, exchange)
    assert rows or kind == "liquidation"
    assert found == rows
    # The order of members is part of what clients may look at.
    assert [list(message) for message in found] == [list(message) for message in rows]
    figures(messages=len(found))


def test_every_option_of_a_venue_is_in_order_of_arrival(port, lake, figures):
    found = messages(port, options("deribit", None, types=["option_summary"]))
    arrivals = [message["localTimestamp"] for message in found]
    assert arrivals == sorted(arrivals)
    of_symbol = {symbol: [message for message in found if message["symbol"] == symbol] for symbol in {m["symbol"] for m in found}}
    rows = {symbol: expected(lake, "option_summary", key, symbol, "deribit")
            for key, symbol in symbols(lake, "deribit").items() if path_of(lake, "options_chain", key, DAYS[0]).exists()}
    assert of_symbol == {symbol: own for symbol, own in rows.items() if own} and len(of_symbol) > 5
    figures(messages=len(found))


@pytest.mark.parametrize("instrument", [SPOT, DERIBIT])
def test_rows_of_one_message_are_one_book_change(port, lake, instrument):
    key, symbol, exchange = instrument
    found = messages(port, options(exchange, [symbol], types=["book_change"]))
    assert found == expected_changes(lake, key, symbol, exchange) and found[0]["isSnapshot"]


def test_several_options_are_merged_by_arrival_with_ties_in_their_order(port, lake):
    asked = [options("deribit", ["BTC-PERPETUAL"], types=["trade", "book_ticker"]), options(types=["trade"])]
    found = messages(port, asked)
    every = (expected(lake, "trade", *DERIBIT) + expected(lake, "book_ticker", *DERIBIT) + expected(lake, "trade", *SPOT))
    assert found == sorted(every, key=lambda message: message["localTimestamp"])


def test_two_days_follow_each_other(port, lake):
    found = messages(port, options(end="2024-03-03"))
    assert found == expected(lake, "trade", *SPOT) + expected(lake, "trade", *SPOT, DAYS[1])


# --- what is computed


def levels(message):
    return [[(level.get("price"), level.get("amount")) for level in message[side]] for side in ("asks", "bids")]


def test_computed_snapshots_are_those_that_the_vendor_made(port, lake):
    found = messages(port, options("deribit", ["BTC-PERPETUAL"], types=["book_snapshot_5_0ms"]))
    rows = table_of(lake, "book_snapshot_5", DERIBIT[0], DAYS[0])
    stored = [[[(rows[f"{side}_price_{n}"][at], rows[f"{side}_amount_{n}"][at]) for n in range(1, 6)] for side in ("ask", "bid")]
              for at in range(len(rows["timestamp"]))]
    assert [levels(message) for message in found] == stored and len(stored) > 50
    assert all(message["name"] == "book_snapshot_5_0ms" and message["depth"] == 5 and message["interval"] == 0 for message in found)


@pytest.mark.parametrize(("word", "is_same"), [("book_snapshot_5_0ms", True), ("quote", True), ("book_snapshot_5_1m", False)])
def test_without_changes_snapshots_come_from_the_stored_ones(port, other, word, is_same):
    asked = options("deribit", ["BTC-PERPETUAL"], types=[word])
    computed = messages(port, asked)
    shutil.rmtree(other / f"raw_tick_data/by_date/day-{DAYS[0]}/data_type-incremental_book_L2")
    with serving(other) as without:
        found = messages(without, asked)
    if is_same:
        assert found == computed
    else:
        # The same states, but told when the next change of a level shows that they are over.
        apart = lambda message: {name: value for name, value in message.items() if name != "localTimestamp"}
        assert [apart(message) for message in found] == [apart(message) for message in computed][:len(found)] and found


def test_bars_are_the_trades(port, lake):
    found = messages(port, options(types=["trade_bar_10ticks"]))
    trades = expected(lake, "trade", *SPOT)
    assert len(found) == len(trades) // 10 > 0
    for at, bar in enumerate(found):
        own = trades[at * 10:at * 10 + 10]
        # A trade that is older than one before it, by the exchange's clock, closes nothing.
        close = max(enumerate(own), key=lambda one: (one[1]["timestamp"], one[0]))[1]
        assert (bar["open"], bar["close"], bar["trades"]) == (own[0]["price"], close["price"], 10)
        assert (bar["high"], bar["low"]) == (max(t["price"] for t in own), min(t["price"] for t in own))
        assert bar["volume"] == pytest.approx(sum(t["amount"] for t in own))
        assert bar["localTimestamp"] == own[-1]["localTimestamp"]


# --- dates, refusals


@pytest.mark.parametrize(("start", "end", "first", "last"), [
    ("2024-03-01", "2024-03-02", "2024-03-01T00:00", "2024-03-02T00:00"),
    ("2024-03-01", "2024-03-01", None, None),
    ("2024-03-01T06:00:59Z", "2024-03-01 18:30:59.999", "2024-03-01T06:00", "2024-03-01T18:30"),
    ("2024-03-01T12", "2024-03-02T13:00+01:00", "2024-03-01T12:00", "2024-03-02T12:00"),
    ("2024-03", "2024-03-02", "2024-03-01T00:00", "2024-03-02T00:00")])
def test_to_is_excluded_and_both_are_cut_to_the_minute(port, lake, start, end, first, last):
    found = messages(port, options(start=start, end=end))
    every = expected(lake, "trade", *SPOT) + expected(lake, "trade", *SPOT, DAYS[1])
    assert found == [message for message in every if first and first <= message["localTimestamp"] < last]


@pytest.mark.parametrize(("asked", "status", "words"), [
    ("{", 400, "options is no JSON"),
    (options(withDisconnectMessages=True), 400, "withDisconnectMessages"),
    (options(types=["trades"]), 400, 'do you mean "trade"?'),
    (options(types=["liquidation"]), 400, "no liquidations of binance"),
    (options(start="2024-03-02", end="2024-03-01"), 400, "lies before"),
    (options(symbols=["BTCUSD"]), 404, "BTCUSD"),
    (options(exchange="bitmex"), 404, "bitmex"),
    (options(start="2024-02-01", end="2024-02-02"), 404, "2024-02-01"),
    (options(end="2024-03-04"), 404, "2024-03-03")])
def test_what_cannot_be_answered_is_refused_by_name(port, asked, status, words):
    found, lines, _ = over_http(port, asked)
    assert found == status and words in lines[-1]["message"] and lines[-1]["message"] == lines[-1]["detail"]
    told, code, reason = over_ws(port, asked)
    assert (told, code) == ([], 1011) and reason.startswith("Error: ") and len(reason.encode()) <= 123


# --- a lake that lacks something


def test_a_missing_day_is_no_end(other):
    path_of(other, "trades", SPOT[0], DAYS[1]).unlink()
    asked = [options(end="2024-03-03"), options("deribit", ["BTC-PERPETUAL"], end="2024-03-03")]
    with serving(other) as port:
        status, lines, _ = over_http(port, asked)
        assert status == 404 and all(word in lines[-1]["message"] for word in ("trades", "BTCUSDT", DAYS[1]))
        _, code, reason = over_ws(port, asked)
        assert code == 1011 and "BTCUSDT" in reason and DAYS[1] in reason


def test_a_damaged_day_ends_in_an_error_that_names_it(other, lake):
    path = path_of(other, "trades", SPOT[0], DAYS[1])
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 0x10
    path.write_bytes(content)
    with serving(other) as port:
        asked = options(end="2024-03-03")
        status, lines, is_whole = over_http(port, asked)
        assert (status, is_whole) == (200, False)
        assert lines[-1]["type"] == "error" and "trades" in lines[-1]["message"] and DAYS[1] in lines[-1]["message"]
        assert str(other) not in json.dumps(lines[-1])
        first = expected(lake, "trade", *SPOT)
        assert lines[:len(first)] == first
        found, code, reason = over_ws(port, asked)
        assert code == 1011 and DAYS[1] in reason and found[:len(first)] == first


# --- WebSockets, and the programs that are written for tardis-machine


def test_both_ports_send_what_http_sends(port):
    asked = [options(types=["trade", "quote_1m"]), options("deribit", ["BTC-PERPETUAL"], types=["trade_bar_1m"])]
    over = messages(port, asked)
    for at in (port, port + 1):
        assert over_ws(at, asked) == (over, *FINISHED)


@pytest.mark.parametrize(("beside", "origin", "status"), [
    (0, "http://127.0.0.1:{port}", 101), (0, "https://evil.example", 403), (1, "https://evil.example", 403), (0, "null", 403),
    (1, None, 101)])
def test_a_page_of_another_origin_opens_no_socket(port, beside, origin, status):
    from websockets.exceptions import InvalidStatus

    at = port + beside
    try:
        over_ws(at, options(), origin=origin and origin.format(port=at))
        found = 101
    except InvalidStatus as refused:
        found = refused.response.status_code
    assert found == status


def test_the_port_beside_takes_nothing_else(port):
    for path in ("/ws-replay-normalized", "/replay-normalized", "/"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"http://127.0.0.1:{port + 1}{path}")
        assert refused.value.code == 426


def test_the_line_of_the_page_is_answered(port):
    page = (stage.ROOT / "docs/reference/replay.md").read_text()
    line = next(line for line in page.splitlines() if line.startswith("curl "))
    said = stage.run(["sh", "-c", line.replace("8087", str(port))]).stdout
    assert {json.loads(message)["type"] for message in said.splitlines()} == {"trade", "book_snapshot"}


NODE = """
const options = [{exchange: 'binance', symbols: ['btcusdt'], from: '2024-03-01', to: '2024-03-02', dataTypes: ['trade', 'book_change']}]
const query = encodeURIComponent(JSON.stringify(options))
const response = await fetch(`http://127.0.0.1:${PORT}/replay-normalized?options=${query}`)
const readline = await import('node:readline')
const { Readable } = await import('node:stream')
let lines = 0
for await (const line of readline.createInterface({input: Readable.fromWeb(response.body)})) {
  if (JSON.parse(line).localTimestamp.length !== 27) throw new Error(line)
  lines += 1
}
const frames = await new Promise((resolve, reject) => {
  let count = 0
  const ws = new WebSocket(`ws://127.0.0.1:${PORT + 1}/ws-replay-normalized?options=${query}`)
  ws.onmessage = (message) => { JSON.parse(message.data); count += 1 }
  ws.onerror = reject
  ws.onclose = (event) => event.code === 1000 ? resolve(count) : reject(new Error(event.reason))
})
console.log(JSON.stringify({lines, frames}))
"""


@pytest.mark.needs("node", "https://nodejs.org")
def test_node(port, lake):
    text = NODE.replace("${PORT + 1}", str(port + 1)).replace("${PORT}", str(port))
    said = stage.run(["node", "--experimental-websocket", "--input-type=module", "-e", text]).stdout
    count = len(expected(lake, "trade", *SPOT)) + len(expected_changes(lake, *SPOT))
    assert json.loads(said) == {"lines": count, "frames": count}


NAUTILUS = '''
import asyncio, json, sys
from nautilus_trader.core.nautilus_pyo3 import InstrumentId, TardisInstrumentMiniInfo, TardisMachineClient
from nautilus_trader.core import nautilus_pyo3

async def main(port):
    info = TardisInstrumentMiniInfo(InstrumentId.from_str("BTCUSDT.BINANCE"), "BTCUSDT", "binance", 2, 6)
    asked = [{"exchange": "binance", "symbols": ["btcusdt"], "from": "2024-03-01", "to": "2024-03-02",
              "dataTypes": ["trade", "quote", "book_change", "trade_bar_1m"], "withDisconnectMessages": False}]
    options = nautilus_pyo3.tardis.ReplayNormalizedRequestOptions.from_json_array(json.dumps(asked).encode())
    client, seen = TardisMachineClient(f"ws://127.0.0.1:{port}"), []
    await client.replay([info], options, seen.append)
    trades = []
    for capsule in seen:
        kind = type(capsule).__name__
        if kind == "PyCapsule":
            from nautilus_trader.model.data import capsule_to_data
            capsule = capsule_to_data(capsule)
            kind = type(capsule).__name__
        if kind == "TradeTick":
            trades.append([str(capsule.price), str(capsule.size), str(capsule.trade_id), capsule.ts_event, capsule.ts_init])
        else:
            trades.append(kind)
    print(json.dumps(trades))

asyncio.run(main(int(sys.argv[1])))
'''


def test_nautilus(port, lake):
    # It needs other versions of packages than the tests do, so that its Python may be another one.
    python = os.environ.get("MTDH_BRIDGES_PYTHON", sys.executable)
    if subprocess.run([python, "-c", "import nautilus_trader"], capture_output=True).returncode:
        pytest.skip("nautilus_trader is not installed: MTDH_BRIDGES_PYTHON names a Python that has scripts/requirements-bridges.txt")
    for at in (port, port + 1):
        said = json.loads(stage.run([python, "-c", NAUTILUS, at]).stdout)
        trades = [one for one in said if isinstance(one, list)]
        rows = table_of(lake, "trades", SPOT[0], DAYS[0])
        assert [one[3] // 1000 for one in trades] == rows["timestamp"] and [one[4] // 1000 for one in trades] == rows["local_timestamp"]
        assert [float(one[0]) for one in trades] == pytest.approx(rows["price"], abs=0.005)
        assert [one[2] for one in trades] == rows["id"]
        assert {one for one in said if isinstance(one, str)} >= {"OrderBookDeltas", "QuoteTick"}


# --- the same programs, over a lake that lacks the second day or has it damaged


@pytest.fixture(params=["missing", "damaged"])
def lacking(request, other):
    """What is wrong with the second day's trades, and a server over that lake."""
    path = path_of(other, "trades", SPOT[0], DAYS[1])
    if request.param == "missing":
        path.unlink()
    else:
        content = bytearray(path.read_bytes())
        content[len(content) // 3] ^= 0x10
        path.write_bytes(content)
    with serving(other) as port:
        yield request.param, port


NODE_LACKING = """
const options = [{exchange: 'binance', symbols: ['btcusdt'], from: '2024-03-01', to: '2024-03-03', dataTypes: ['trade']}]
const query = encodeURIComponent(JSON.stringify(options))
const response = await fetch(`http://127.0.0.1:${PORT}/replay-normalized?options=${query}`)
const readline = await import('node:readline')
const { Readable } = await import('node:stream')
const found = {status: response.status, lines: 0, last: null, isBroken: false}
try {
  for await (const line of readline.createInterface({input: Readable.fromWeb(response.body)})) {
    found.last = JSON.parse(line)
    found.lines += 1
  }
} catch (error) { found.isBroken = true }
found.closed = await new Promise(resolve => {
  let count = 0
  const ws = new WebSocket(`ws://127.0.0.1:${PORT + 1}/ws-replay-normalized?options=${query}`)
  ws.onmessage = () => { count += 1 }
  ws.onclose = event => resolve([count, event.code, event.reason])
})
console.log(JSON.stringify(found))
"""


@pytest.mark.needs("node", "https://nodejs.org")
def test_node_is_told_what_is_lacking(lacking, lake):
    kind, port = lacking
    text = NODE_LACKING.replace("${PORT + 1}", str(port + 1)).replace("${PORT}", str(port))
    # Readline passes the error of its input on as one that nobody takes: then Node itself ends with it, which is no normal end either.
    said = stage.run(["node", "--experimental-websocket", "--input-type=module", "-e", text], expect=(0, 1))
    if said.returncode:
        assert kind == "damaged" and "terminated" in said.stderr
        return
    found, first = json.loads(said.stdout), len(expected(lake, "trade", *SPOT))
    count, code, reason = found["closed"]
    assert code == 1011 and "trades" in reason and DAYS[1] in reason and count >= (first if kind == "damaged" else 0)
    assert "trades" in found["last"]["message"] and DAYS[1] in found["last"]["message"]
    if kind == "missing":
        assert found["status"] == 404
    else:
        assert found["last"]["type"] == "error" and found["isBroken"] and found["lines"] > first


NAUTILUS_LACKING = NAUTILUS.replace('"to": "2024-03-02"', '"to": "2024-03-03"').replace('["trade", "quote", "book_change", "trade_bar_1m"]', '["trade"]')


def test_nautilus_is_given_nothing_that_is_wrong(lacking, lake):
    """It takes close 1011 for the end, whatever sends it; what it was given until then are rows of the first day and whole."""
    python = os.environ.get("MTDH_BRIDGES_PYTHON", sys.executable)
    if subprocess.run([python, "-c", "import nautilus_trader"], capture_output=True).returncode:
        pytest.skip("nautilus_trader is not installed: MTDH_BRIDGES_PYTHON names a Python that has scripts/requirements-bridges.txt")
    kind, port = lacking
    trades = [one for one in json.loads(stage.run([python, "-c", NAUTILUS_LACKING, port]).stdout) if isinstance(one, list)]
    rows = table_of(lake, "trades", SPOT[0], DAYS[0])
    first = len(rows["local_timestamp"])
    assert [one[4] // 1000 for one in trades][:first] == (rows["local_timestamp"] if kind == "damaged" else [])
