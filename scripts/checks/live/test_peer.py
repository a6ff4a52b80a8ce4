"""Tardis' own client, unmodified, gets rows from the stand-in exchanges: their messages are what it takes for the venues'.

It is npm's tardis-dev 13.35.3. Kraken is not among these: this version speaks Kraken's first protocol. Of Binance only what needs no
REST is asked for, since the client's REST address is fixed."""

import pytest

MOVES = ["trade", "book_change", "book_ticker"]
CASES = [
    ("binance", "/stream?timeUnit=microsecond", ["btcusdt", "ethusdt"], ["trade", "book_ticker"]),
    ("binance-futures", "/stream", ["btcusdt"], ["trade", "book_ticker", "derivative_ticker"]),
    ("binance-delivery", "/stream", ["btcusd_perp"], ["trade", "book_ticker"]),
    ("deribit", "/ws/api/v2", ["BTC-PERPETUAL"], [*MOVES, "derivative_ticker"]),
    ("bybit", "/v5/public/linear", ["BTCUSDT"], [*MOVES, "derivative_ticker"]),
    ("bybit-spot", "/v5/public/spot", ["BTCUSDT"], MOVES),
    ("okex", "", ["BTC-USDT"], MOVES),
    ("okex-swap", "", ["BTC-USDT-SWAP"], [*MOVES, "derivative_ticker"]),
    ("upbit", "/websocket/v1", ["KRW-BTC"], ["trade", "book_change"]),
    ("coinbase", "", ["BTC-USD"], MOVES),
    ("bitmex", "/realtime", ["XBTUSD"], [*MOVES, "derivative_ticker"]),
    ("hyperliquid", "/ws", ["BTC"], ["trade", "book_change", "derivative_ticker"]),
]


@pytest.mark.parametrize("venue,path,symbols,types", CASES, ids=[case[0] for case in CASES])
def test_peer_gets_rows(exchange, peer, venue, path, symbols, types):
    played = exchange(venue, "--speed", 4)
    messages = peer(played.ws[venue] + path, venue, symbols, types, 5)
    for kind in types:
        of_kind = [message for message in messages if message["type"] == kind]
        assert len(of_kind) == 5, (kind, [message["type"] for message in messages])
        for message in of_kind:
            assert message["exchange"] == venue
            assert message["symbol"].lower() in [symbol.lower() for symbol in symbols]
    for trade in (message for message in messages if message["type"] == "trade"):
        assert trade["price"] > 0 and trade["amount"] > 0 and trade["side"] in ("buy", "sell"), trade
    for book in (message for message in messages if message["type"] == "book_change"):
        assert book["bids"] or book["asks"], book
    assert played.breaches() == []
