"""A server over a lake of two days, what its replays say, and what the rows of the lake must become, told by pyarrow alone."""

import contextlib
import datetime
import json
import pathlib
import socket
import subprocess
import threading
import urllib.parse

import pyarrow.parquet as pq

import stage

DAYS = ("2024-03-01", "2024-03-02")
TYPES = ("trades", "incremental_book_L2", "book_snapshot_5", "derivative_ticker", "liquidations", "options_chain", "book_ticker")
# Member of a message and column of the lake, in tardis-machine's order.
TRADE = [("id", "id"), ("price", "price"), ("amount", "amount"), ("side", "side")]
MEMBERS = {
    "trade": ("trades", TRADE),
    "liquidation": ("liquidations", TRADE),
    "derivative_ticker": ("derivative_ticker", [
        ("lastPrice", "last_price"), ("openInterest", "open_interest"), ("fundingRate", "funding_rate"),
        ("fundingTimestamp", "funding_timestamp"), ("predictedFundingRate", "predicted_funding_rate"),
        ("indexPrice", "index_price"), ("markPrice", "mark_price")]),
    "book_ticker": ("book_ticker", [
        ("askAmount", "ask_amount"), ("askPrice", "ask_price"), ("bidPrice", "bid_price"), ("bidAmount", "bid_amount")]),
    "option_summary": ("options_chain", [
        ("optionType", "type"), ("strikePrice", "strike_price"), ("expirationDate", "expiration"), ("bestBidPrice", "bid_price"),
        ("bestBidAmount", "bid_amount"), ("bestBidIV", "bid_iv"), ("bestAskPrice", "ask_price"), ("bestAskAmount", "ask_amount"),
        ("bestAskIV", "ask_iv"), ("lastPrice", "last_price"), ("openInterest", "open_interest"), ("markPrice", "mark_price"),
        ("markIV", "mark_iv"), ("delta", "delta"), ("gamma", "gamma"), ("vega", "vega"), ("theta", "theta"), ("rho", "rho"),
        ("underlyingPrice", "underlying_price"), ("underlyingIndex", "underlying_index")]),
}


def free_ports():
    """A port that is free with the one beside it."""
    while True:
        with contextlib.ExitStack() as stack:
            first = stack.enter_context(socket.socket())
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            try:
                stack.enter_context(socket.socket()).bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port


@contextlib.contextmanager
def serving(lake, *words):
    """A server over a lake; gives its port. It ends with the block."""
    port = free_ports()
    command = [stage.PROGRAM, "serve", "--lake", str(lake), "--listen", f"127.0.0.1:{port}", *words]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=stage.environment())
    try:
        said = []
        for line in server.stderr:
            said.append(line)
            if "serving the lake" in line:
                break
        assert said and "serving the lake" in said[-1], "".join(said)
        threading.Thread(target=server.stderr.read, daemon=True).start()
        yield port
    finally:
        server.terminate()
        server.wait(timeout=30)


def options(exchange="binance", symbols=("btcusdt",), start=DAYS[0], end=DAYS[1], types=("trade",), **more):
    """One object of the parameter `options`."""
    found = {"exchange": exchange, "from": start, "to": end, "dataTypes": list(types), **more}
    return found if symbols is None else {**found, "symbols": list(symbols)}


def address(port, asked, scheme="http"):
    """Where a replay is."""
    path = "replay-normalized" if scheme == "http" else "ws-replay-normalized"
    text = asked if isinstance(asked, str) else json.dumps(asked)
    return f"{scheme}://127.0.0.1:{port}/{path}?options={urllib.parse.quote(text)}"


def over_http(port, asked):
    """Status, messages, and whether the answer ended as an answer does."""
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    where = urllib.parse.urlsplit(address(port, asked))
    connection.request("GET", f"{where.path}?{where.query}")
    answer = connection.getresponse()
    try:
        body, is_whole = answer.read(), True
    except http.client.IncompleteRead as broken:
        body, is_whole = broken.partial, False
    connection.close()
    return answer.status, [json.loads(line) for line in body.splitlines()], is_whole


def messages(port, asked):
    """The messages of a replay that must be whole."""
    status, found, is_whole = over_http(port, asked)
    assert status == 200 and is_whole, (status, found[-1:])
    assert not any(message["type"] == "error" for message in found), found[-1]
    return found


def over_ws(port, asked, **more):
    """Messages, close code and reason of a replay over a WebSocket."""
    from websockets.exceptions import ConnectionClosed
    from websockets.sync.client import connect

    found = []
    with connect(address(port, asked, "ws"), max_size=None, **more) as client:
        with contextlib.suppress(ConnectionClosed):
            while True:
                found.append(json.loads(client.recv()))
    return found, client.close_code, client.close_reason


def iso(us, digits=None):
    """A time in ISO form: six digits, or three where they say it all."""
    moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=us)
    short = digits is None and us % 1000 == 0
    return moment.isoformat(timespec="milliseconds" if short else "microseconds") + "Z"


def table_of(lake, data_type, key, day):
    """The rows of a partition, times as microseconds."""
    rows = pq.read_table(stage.partition(lake, data_type, key, day)).to_pydict()
    us = lambda moment: None if moment is None else round((moment.replace(tzinfo=None) - datetime.datetime(1970, 1, 1)) / datetime.timedelta(microseconds=1))
    return {name: [us(v) if isinstance(v, datetime.datetime) else v for v in values] for name, values in rows.items()}


def times(rows, at):
    """Both times of a row, as members. Where the exchange gave none, its time is written as the arrival is."""
    exchange, arrival = rows["timestamp"][at], rows["local_timestamp"][at]
    return {"timestamp": iso(exchange, 6 if exchange == arrival else None), "localTimestamp": iso(arrival, 6)}


def expected(lake, kind, key, symbol, exchange, day=DAYS[0]):
    """The messages that a partition must become."""
    data_type, members = MEMBERS[kind]
    rows = table_of(lake, data_type, key, day)
    found = []
    for at in range(len(rows["timestamp"])):
        message = {"type": kind, "symbol": symbol, "exchange": exchange}
        for name, column in members:
            value = rows[column][at]
            if value is not None:
                is_time = column in ("funding_timestamp", "expiration")
                message[name] = iso(value) if is_time else value
        found.append({**message, **times(rows, at)})
    return found


def expected_changes(lake, key, symbol, exchange, day=DAYS[0]):
    """The changes of a book that a partition must become."""
    rows = table_of(lake, "incremental_book_L2", key, day)
    found, last = [], None
    for at in range(len(rows["timestamp"])):
        border = rows["timestamp"][at], rows["local_timestamp"][at], rows["is_snapshot"][at]
        if border != last:
            found.append({"type": "book_change", "symbol": symbol, "exchange": exchange, "isSnapshot": border[2], "bids": [],
                          "asks": [], **times(rows, at)})
            last = border
        found[-1][rows["side"][at] + "s"].append({"price": rows["price"][at], "amount": rows["amount"][at]})
    return found


def path_of(lake, data_type, key, day):
    """The file of a partition."""
    return pathlib.Path(stage.partition(lake, data_type, key, day))


def symbols(lake, exchange, day=DAYS[0]):
    """The symbol of messages of each key of an exchange."""
    path = pathlib.Path(lake) / f"instrument_availability/by_date/day-{day}/instruments.parquet"
    rows = pq.read_table(path, columns=["instrument_key", "tardis_exchange", "exchange_raw_symbol"]).to_pylist()
    return {row["instrument_key"]: row["exchange_raw_symbol"].upper() for row in rows if row["tardis_exchange"] == exchange}
