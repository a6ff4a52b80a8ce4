"""The same minutes of a stand-in exchange three times: npm's tardis-dev 13.35.3 (`streamNormalized` and `compute`), the stream of
`mtdh live serve`, and the rows in its lake. Where the three overlap, all members of all messages are the same text, in the same order.

What is computed of several trades, or at a pace, depends on the message with which a client begins, and the two do not begin with the
same one. Such types (`OWN`) are computed again by tardis-dev's `compute` of the trades and book changes that our stream gave: the whole
of both is the same text.

`localTimestamp` is not compared: each receives a message when it does. What cannot be compared at all stands in `CASES`, by name."""

import asyncio
import datetime
import json
import os
import subprocess
import time
import urllib.parse

import pyarrow.parquet as pq
import pytest

import stage
from recording import served, status

websockets = pytest.importorskip("websockets")

COMPUTED = ["quote", "book_snapshot_5_0ms", "book_snapshot_25_1000ms"]
BARS = ["trade_bar_1ticks", "trade_bar_1000ms"]
TABLES = {
    "trade": "trades",
    "book_change": "incremental_book_L2",
    "book_ticker": "book_ticker",
    "derivative_ticker": "derivative_ticker",
    "liquidation": "liquidations",
    "option_summary": "options_chain",
}
BOOK = ["trade", "book_change", *COMPUTED, *BARS]
# Bars by time, count and volume, of several sizes; books of several depths and paces.
OWN_BARS = ["trade_bar_3ticks", "trade_bar_10ticks", "trade_bar_100ms", "trade_bar_2500ms", "trade_bar_0.5vol", "trade_bar_40vol"]
OWN_BOOKS = ["book_snapshot_1_0ms", "book_snapshot_3_100ms", "book_snapshot_10_0ms", "book_snapshot_10_250ms", "book_snapshot_50_500ms"]
OWN = [*OWN_BARS, *OWN_BOOKS]
# The stand-in's clock runs three times as fast, so that what is computed by seconds comes three times as often.
SECONDS, SPEED = 8, 3
# Messages in which the venue states no time: theirs is that of the arrival. BitMEX states none where a level is deleted, so that
# neither has what is computed of its books.
WITHOUT_TIME = {
    "binance": {"book_ticker"},
    "hyperliquid": {"derivative_ticker"},
    "bitmex": {"book_change", "liquidation", "quote", "book_snapshot_5_0ms"},
}

# Venues whose ids are beyond 2^53: tardis-dev reads them as numbers, which changes them; ours stay what the venue wrote.
WIDE_IDS = {"upbit", "hyperliquid"}

# Venue, the path of the peer's address, symbols, types. Of Binance no books, and no ticker with the open interest: the client asks
# for both over REST, whose address is fixed. Kraken is missing: 13.35.3 speaks its first protocol only.
CASES = [
    ("binance", "/stream?timeUnit=microsecond", ["BTCUSDT", "ETHUSDT"], ["trade", "book_ticker", *BARS]),
    ("binance-futures", "/stream", ["BTCUSDT"], ["trade", "book_ticker", "liquidation", *BARS]),
    ("binance-delivery", "/stream", ["BTCUSD_PERP"], ["trade", "book_ticker", "liquidation", *BARS]),
    ("deribit", "/ws/api/v2", ["BTC-PERPETUAL", "ETH-PERPETUAL"], [*BOOK, "book_ticker", "derivative_ticker", "liquidation"]),
    ("deribit", "/ws/api/v2", "option", [*BOOK, "book_ticker", "option_summary"]),
    ("bybit", "/v5/public/linear", ["BTCUSDT"], [*BOOK, "book_ticker", "derivative_ticker", "liquidation"]),
    ("bybit-spot", "/v5/public/spot", ["BTCUSDT"], [*BOOK, "book_ticker"]),
    ("bybit-options", "/v5/public/option", "option", [*BOOK, "option_summary"]),
    ("okex", "", ["BTC-USDT"], [*BOOK, "book_ticker"]),
    ("okex-swap", "", ["BTC-USDT-SWAP"], [*BOOK, "book_ticker", "derivative_ticker", "liquidation"]),
    ("okex-futures", "", "future", [*BOOK, "book_ticker", "derivative_ticker", "liquidation"]),
    ("okex-options", "", "option", [*BOOK, "book_ticker", "option_summary"]),
    ("upbit", "/websocket/v1", ["KRW-BTC", "KRW-ETH"], BOOK),
    ("coinbase", "", ["BTC-USD"], [*BOOK, "book_ticker"]),
    ("bitmex", "/realtime", ["XBTUSD"], [*(kind for kind in BOOK if kind != "book_snapshot_25_1000ms"), "book_ticker", "derivative_ticker", "liquidation"]),
    ("hyperliquid", "/ws", ["BTC"], [*BOOK, "derivative_ticker"]),
]


async def streamed(port, asked, seconds):
    """The texts of the stream's messages in so many seconds."""
    found = []
    options = urllib.parse.quote(json.dumps(asked))
    async with websockets.connect(f"ws://127.0.0.1:{port}/ws-stream-normalized?options={options}", max_size=None) as socket:
        try:
            async with asyncio.timeout(seconds):
                while True:
                    found.append(await socket.recv())
        except TimeoutError:
            return found


def messages(texts):
    """Messages by type and symbol; numbers stay the texts that they are."""
    found = {}
    for text in texts:
        message = json.loads(text, parse_float=str, parse_int=str)
        found.setdefault((message.get("name", message["type"]), message["symbol"]), []).append(message)
    return found


def comparable(venue, told):
    """The messages without what cannot be equal."""
    left = {}
    for (kind, symbol), each in told.items():
        left[kind, symbol] = kept = [{name: value for name, value in message.items() if name != "localTimestamp"} for message in each]
        for before, message in zip(each, kept):
            if kind in WITHOUT_TIME.get(venue, ()):
                at = message.pop("timestamp")
                assert at == before["localTimestamp"] or venue == "bitmex", (before, "it has no time of the exchange")
            if venue in WIDE_IDS and kind == "trade":
                message["id"] = str(int(float(message["id"])))
    return left


def overlap(first, second):
    """The stretch of both lists from the first to the last three messages that both have in a row."""
    texts = [[json.dumps(message) for message in side] for side in (first, second)]
    many = min(3, *map(len, texts))
    rows = [[tuple(side[place:place + many]) for place in range(len(side) - many + 1)] for side in texts]
    common = set(rows[0]) & set(rows[1]) - {()}
    cut = []
    for side, starts in zip(texts, rows):
        places = [place for place, row in enumerate(starts) if row in common]
        cut.append(side[places[0]:places[-1] + many] if places else [])
    return cut


def taken(port, peer_url, venue, symbols, types, peer):
    """What the peer and the stream told within the same seconds, by type and symbol."""
    variable = "WSS_URL_" + venue.upper().replace("-", "_")
    lower = [symbol.lower() for symbol in symbols] if venue.startswith("binance") else symbols
    wanted = {"exchange": venue, "symbols": lower, "types": types, "seconds": SECONDS}
    # A second after our own connections: OKX takes three within one.
    time.sleep(1.1)
    other = subprocess.Popen(peer.command(wanted), stdout=subprocess.PIPE, text=True, env={**os.environ, variable: peer_url})
    try:
        # Of Binance's books only the peer cannot have any.
        all_types = [*dict.fromkeys([*types, "book_change", *OWN])]
        ours = asyncio.run(streamed(port, {"exchange": venue, "symbols": symbols, "dataTypes": all_types}, SECONDS))
        theirs, _ = other.communicate(timeout=SECONDS + 30)
    finally:
        other.kill()
    return ours, theirs.splitlines()


def computed_again(venue, ours, peer):
    """What tardis-dev computes of the trades and book changes of our stream is what the stream has; gives how many of each name."""
    told = [json.loads(text) for text in ours]
    sources = "".join(text + "\n" for text, message in zip(ours, told) if message["type"] in ("trade", "book_change"))
    ended = stage.run(peer.command({"exchange": venue, "types": OWN, "isGiven": True}), input=sources)
    first, second = messages(text for text, message in zip(ours, told) if message.get("name") in OWN), messages(ended.stdout.splitlines())
    counts = {}
    for (name, symbol), both in {**first, **second}.items():
        ours, theirs = first.get((name, symbol), []), second.get((name, symbol), [])
        for place, (one, other) in enumerate(zip(ours, theirs)):
            one, other = ({member: each for member, each in message.items() if member != "localTimestamp"} for message in (one, other))
            assert json.dumps(one) == json.dumps(other), f"{venue} {symbol} {name}: message {place}"
        assert len(ours) == len(theirs), f"{venue} {symbol} {name}"
        counts[name] = counts.get(name, 0) + len(ours)
    return counts


def equal(ours, theirs, what):
    """Both sides' overlap is equal; gives how many messages it has."""
    first, second = overlap(ours, theirs)
    for place, (one, other) in enumerate(zip(first, second)):
        assert one == other, f"{what}: message {place} of {len(first)} and {len(second)} that are in both\nours   {one[:900]}\ntheirs {other[:900]}"
    assert len(first) == len(second), what
    # Of rare ones each may have others, or less than three in a row that both have.
    if not first and min(len(ours), len(theirs)) > 20:
        pytest.fail(f"{what}: nothing is in both, such as\nours   {json.dumps(ours[-1])[:900]}\ntheirs {json.dumps(theirs[-1])[:900]}")
    return len(first)


@pytest.mark.parametrize("venue, path, symbols, types", CASES, ids=[f"{case[0]} {case[2] if isinstance(case[2], str) else ''}".strip() for case in CASES])
def test_tardis_dev_tells_the_same(venue, path, symbols, types, exchange, peer, tmp_path, figures, tell, request):
    if isinstance(symbols, str):
        of = request.getfixturevalue("instruments").of
        symbols = [of.get(f"{venue} {symbols}", of.get(venue))[1]]
    lake = tmp_path / "lake"
    lake.mkdir()
    tables = ",".join(dict.fromkeys(TABLES[kind] for kind in [*types, "book_change"] if kind in TABLES))
    played = exchange(venue, "--rate", 150, "--speed", SPEED, "--symbols", ",".join(symbols))
    addresses = ",".join(f"{venue}={url[venue]}" for url in (played.ws, played.rest))
    with served(lake, addresses, venue=venue, symbols=symbols, types=tables) as port:
        rows = lambda: sum(one["rows"] for told in status(port)["venues"] for one in told["streams"])
        stage.wait_until(lambda: rows() > 20, lambda: status(port))
        texts, theirs = taken(port, played.ws[venue] + path, venue, symbols, types, peer)
    ours, theirs = messages(texts), messages(theirs)
    own = computed_again(venue, texts, peer)
    # A venue's amounts may be too small, or its books too shallow, for one of these.
    assert len(own) > len(OWN) - 2, (sorted(set(OWN) - set(own)), own)
    ours = {(kind, symbol): told for (kind, symbol), told in ours.items() if kind in types}
    first, second, counts = comparable(venue, ours), comparable(venue, theirs), {}
    for kind, symbol in sorted({*ours, *theirs}):
        what = f"{venue} {symbol} {kind}"
        counts[kind] = counts.get(kind, 0) + equal(first.get((kind, symbol), []), second.get((kind, symbol), []), what)
    # Few are made of these.
    missing = set(types) - {"liquidation"} - {kind for kind, count in counts.items() if count}
    assert not missing, (missing, {each: len(told) for each, told in (*ours.items(), *theirs.items())})
    counts |= own
    tell(f"{venue}: equal to tardis-dev's: " + ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())))
    in_lake(lake, ours, figures)


TICKER = {"lastPrice": "last_price", "openInterest": "open_interest", "fundingRate": "funding_rate", "fundingTimestamp": "funding_timestamp",
          "predictedFundingRate": "predicted_funding_rate", "indexPrice": "index_price", "markPrice": "mark_price"}
OPTION = {"optionType": "type", "strikePrice": "strike_price", "expirationDate": "expiration", "bestBidPrice": "bid_price",
          "bestBidAmount": "bid_amount", "bestBidIV": "bid_iv", "bestAskPrice": "ask_price", "bestAskAmount": "ask_amount",
          "bestAskIV": "ask_iv", "lastPrice": "last_price", "openInterest": "open_interest", "markPrice": "mark_price", "markIV": "mark_iv",
          "delta": "delta", "gamma": "gamma", "vega": "vega", "theta": "theta", "rho": "rho", "underlyingPrice": "underlying_price",
          "underlyingIndex": "underlying_index"}
FILL = {name: name for name in ("id", "price", "amount", "side")}
COLUMNS = {
    "trade": FILL,
    "liquidation": FILL,
    "book_ticker": {"askAmount": "ask_amount", "askPrice": "ask_price", "bidPrice": "bid_price", "bidAmount": "bid_amount"},
    "derivative_ticker": TICKER,
    "option_summary": OPTION,
}


def value(name, text):
    """A member of a message as the lake has it."""
    if text is None:
        return None
    if name.lower().endswith(("timestamp", "date")):
        return datetime.datetime.fromisoformat(text)
    if name == "underlyingIndex":
        return text or None
    return text if name in ("id", "side", "optionType") else float(text)


def as_rows(kind, told):
    """The lake's rows of messages, as lists of values."""
    for message in told:
        at = value("timestamp", message["timestamp"])
        if kind == "book_change":
            for side, levels in (("ask", message["asks"]), ("bid", message["bids"])):
                yield from ((at, message["isSnapshot"], side, float(level["price"]), float(level["amount"])) for level in levels)
        else:
            yield (at, *(value(name, message.get(name)) for name in COLUMNS[kind]))


def in_lake(lake, ours, figures):
    """Each message of the stream is in the lake, as its rows, in the same order."""
    columns = {"book_change": ["is_snapshot", "side", "price", "amount"]} | {kind: list(names.values()) for kind, names in COLUMNS.items()}
    for (kind, symbol), told in ours.items():
        if kind not in TABLES:
            continue
        parts = sorted(lake.glob(f"live_tick_data/by_date/*/data_type-{TABLES[kind]}/**/*.parquet"))
        of_symbol = [path for path in parts if stage.footer(path)["mtdh.source_symbol"].upper() == symbol]
        rows = [row for path in of_symbol for row in pq.ParquetFile(path).read().to_pylist()]
        kept = [(row["timestamp"], *(row[name] for name in columns[kind])) for row in rows]
        # The first message of a book is the book as it was when the client came.
        wanted = list(as_rows(kind, told[1:] if kind == "book_change" else told))
        head = tuple(wanted[:5])
        first = next((place for place in range(len(kept)) if tuple(kept[place:place + len(head)]) == head), None)
        assert first is not None, f"{symbol} {kind}: the lake lacks {head}; it has {kept[-3:]}"
        for one, other in zip(kept[first:], wanted):
            assert one == other, f"{symbol} {kind}"
        assert len(kept) >= first + len(wanted)
        figures(rows_equal=len(wanted))
