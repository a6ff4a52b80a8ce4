"""Each fault of the stand-in exchanges: what the table of gaps says of it, what people are told, and that the book of the recorded
rows is the stand-in's again afterwards. What loses nothing, drops, ends and announced ends have tests of their own in test_record.py.

Programs live in a clock of their own, so that limits of a minute take seconds."""

import asyncio
import json
import re
import urllib.parse

import pytest

import fast_clock
import recording
import stage
from stand_in import SPEED, best, exchange, played, rebuilt, rows, words_of


def fault(kind, **where):
    return {"kind": kind, **where}


BOOK, TRADES, ALL = "incremental_book_L2", "trades", None
# A slower one keeps the distance of its own limits of a few seconds; a faster one is for limits of half a minute and more.
FAST, FASTER = 8, 12

# The fault, venues, gaps that there must be and that there may be, and more about it: `said` to people, `speed`, `seconds` of the
# recording, `unread` messages, whether a book `lags` for ever because nobody can prove what it lost.
CASES = [
    ("a trade after its successor", fault("swap", data_type="trade", at=15), ["binance", "deribit"], [("sequence", TRADES)], [], {}),
    ("a change after its successor", fault("swap", data_type="book", at=15), ["binance", "deribit", "okex-swap"], [("sequence", BOOK)], [], {}),
    ("a change after its successor", fault("swap", data_type="book", at=15), ["kraken"], [("checksum", BOOK)], [], {}),
    ("half a trade", fault("truncated", data_type="trade", at=10), ["binance-futures", "deribit"], [("sequence", TRADES)], [], {"unread": 1}),
    ("half a change", fault("truncated", data_type="book", at=15), ["binance-futures", "bybit"], [("sequence", BOOK)], [], {"unread": 1}),
    ("lost where nothing proves it", fault({"drop": {"count": 3}}, data_type="book", at=15), ["bitmex", "coinbase"], [], [], {"lags": True}),
    ("lost where each message is whole", fault({"drop": {"count": 3}}, data_type="book", at=15), ["upbit", "hyperliquid"], [], [], {}),
    ("an event of no document", fault("unknown_event", at=20, every=10, times=3), ["binance", "deribit"], [], [], {}),
    # These two count it among what they cannot read.
    ("an event of no document", fault("unknown_event", at=5, every=5, times=2), ["okex-swap", "upbit"], [], [], {"unread": 2}),
    ("a number for a text", fault("number_for_text", data_type="book", at=15), ["binance", "okex-swap"], [], [], {}),
    ("a large message", fault({"huge": {"bytes": 1_000_000}}, at=20), ["binance", "deribit"], [], [], {}),
    ("a message beyond the bound", fault({"huge": {"bytes": 17_000_000}}, at=20), ["binance"], [("disconnect", ALL)], [("sequence", TRADES)],
     {"said": "too long: 17000011 > 16777216"}),
    ("an end", fault({"close": {"code": 1001}}, at=40), ["okex-swap", "bybit"], [("disconnect", ALL)], [("sequence", TRADES)], {"said": "closed with 1001"}),
    ("an end", fault({"close": {"code": 1011}}, at=40), ["kraken"], [("disconnect", ALL)], [("sequence", TRADES)], {"said": "closed with 1011"}),
    ("a half-open connection", fault("half_open", at=150), ["deribit", "binance-futures"], [("disconnect", ALL)], [("sequence", TRADES), ("silence", ALL)],
     {"speed": FASTER, "seconds": 90, "said": "nothing came for|only heartbeats came"}),
    ("heartbeats only, for a moment", fault({"heartbeats_only": {"ms": 3000}}, at=30), ["deribit"], [("sequence", BOOK)], [("sequence", TRADES)], {"seconds": 9}),
    ("heartbeats only", fault({"heartbeats_only": {"ms": 600_000}}, at=400), ["deribit", "binance", "kraken"], [("disconnect", ALL), ("silence", ALL)],
     [("sequence", TRADES)], {"speed": FASTER, "seconds": 100, "said": "only heartbeats came for"}),
    ("429 with a time", fault({"handshake": {"status": 429, "retry_after": 20}}), ["binance"], [], [], {"speed": FAST, "said": r"status 429 .*attempt in 20\.0 s"}),
    ("429 without a time", fault({"handshake": {"status": 429}}), ["bybit"], [], [], {"speed": FAST, "said": r"status 429 .*attempt in 16\.0 s"}),
    ("a ban", fault({"ban": {"seconds": 130}}), ["binance"], [], [], {"speed": FASTER, "said": r"status 418 .*attempt in 131\.0 s"}),
    ("a handshake without an answer", fault("handshake_hangs"), ["deribit"], [], [], {"speed": FAST, "said": "did not open a WebSocket within 10 s"}),
    ("a subscription that is partly accepted", fault("partial_ack"), ["deribit"], [("refused", ALL)], [], {"said": "refused: not among the accepted"}),
    ("a subscription that is not acknowledged", fault("no_ack", every=1, times=9), ["binance", "kraken", "okex-swap"], [], [], {"speed": FAST, "seconds": 24}),
    ("a symbol that is refused", fault("refuse_symbol", symbol="BTC-USDT-SWAP"), ["okex-swap"], [("refused", ALL)], [], {"said": "BTC-USDT-SWAP was refused", "lags": True}),
    ("no first snapshot", fault("no_snapshot"), ["deribit", "bybit", "kraken", "coinbase"], [("late_snapshot", BOOK)], [], {"speed": FAST, "seconds": 16}),
    # REST has it after three seconds.
    ("no first snapshot", fault("no_snapshot"), ["okex-swap"], [], [("late_snapshot", BOOK)], {"seconds": 8}),
    ("a snapshot that is too old", fault({"snapshot_older": {"updates": 8}}), ["binance", "binance-futures"], [], [], {"seconds": 8}),
    ("a snapshot ahead of the stream", fault({"snapshot_newer": {"updates": 8}}), ["binance", "binance-futures"], [], [], {"seconds": 8}),
    ("no snapshot by REST", fault({"rest": {"status": 429, "retry_after": 3}}, every=1, times=4), ["binance"], [("late_snapshot", BOOK)], [],
     {"speed": FAST, "seconds": 30}),
    ("REST fails once", fault({"rest": {"status": 500}}), ["binance"], [], [], {"seconds": 10}),
    ("ids from 1 again", fault("counter_reset", at=15), ["bybit", "bybit-spot"], [], [], {}),
    ("a sequence that begins lower", fault({"sequence_reset": {"breaks": False}}, at=15), ["okex-swap", "okex"], [], [], {}),
    ("a sequence that begins lower, and is broken", fault({"sequence_reset": {"breaks": True}}, at=15), ["okex-swap"], [("sequence", BOOK)], [], {}),
    ("a wrong checksum", fault("wrong_checksum", at=15), ["kraken"], [("checksum", BOOK)], [], {}),
    ("a clock that is ahead", fault({"clock_off": {"ms": 2000}}, at=10), ["binance", "deribit"], [], [], {}),
    ("a clock that is behind", fault({"clock_off": {"ms": -2000}}, at=10), ["binance", "deribit"], [], [], {}),
    ("a clock that runs back", fault({"clock_back": {"ms": 1000}}, at=10), ["binance", "deribit"], [], [], {}),
]

# Levels of a side in each message of venues whose messages are whole books.
DEPTHS = {"upbit": 30, "hyperliquid": 20}
# Venues that count the trades of an instrument one by one.
COUNTED = {"binance", "binance-futures", "deribit", "okex", "okex-swap", "coinbase", "kraken"}


def kind_of(planted):
    return planted["kind"] if isinstance(planted["kind"], str) else next(iter(planted["kind"]))


def pytest_generate_tests(metafunc):
    """Each fault at the first of its venues; at all of them with --all."""
    if "planted" in metafunc.fixturenames:
        most = None if metafunc.config.getoption("--all") else 1
        each = [pytest.param(planted, venue, must, may, more, id=f"{what}, {venue}")
                for what, planted, venues, must, may, more in CASES for venue in venues[:most]]
        metafunc.parametrize("planted, venue, must, may, more", each)


def test_a_fault_is_told_and_the_book_is_the_exchanges_again(planted, venue, must, may, more, tmp_path, figures):
    came = played(venue, tmp_path, [planted], more.get("seconds", 6), clock=fast_clock.Clock(more.get("speed", SPEED)))
    struck = came.struck(kind_of(planted))
    assert struck, came.truth
    assert came.status == 130 and came.summary["failures"] == [] and came.breaches == [], (came.summary, came.breaches, came.error)
    found = [(gap["kind"], gap["data_type"]) for gap in came.gaps]
    assert set(must) <= set(found) <= {*must, *may} and len(found) == len(set(found)), came.gaps
    assert re.search(more.get("said", ""), came.error), came.error
    assert came.summary["unread"] == more.get("unread", 0), came.error
    if not more.get("lags"):
        depth = DEPTHS.get(venue, 10_000)
        assert best(came.book, depth) == best(came.truth_book, depth)
    # Of a stream that was refused nothing came.
    assert ("refused", ALL) in must or came.book["bids"] and came.book["asks"] and came.ids, came.summary
    assert len(came.ids) == len(set(came.ids)), "a trade twice"
    if venue in COUNTED:
        ids = sorted(map(int, came.ids))
        lacking = sum(after - before - 1 for before, after in zip(ids, ids[1:]))
        assert lacking == sum(gap["missing"] for gap in came.gaps if gap["data_type"] == TRADES), (came.gaps, struck)
    assert rebuilt(came.lake)[0]["differ"] == []
    figures(faults=1, gaps=len(found))


def test_each_fault_of_the_stand_in_is_planted_by_a_test():
    """By the kinds of its source, and the texts of the tests."""
    source = (stage.ROOT / "crates/sim/src/sockets/fault.rs").read_text()
    body = source.split("pub enum SocketFaultKind {")[1].split("\n}\n")[0]
    kinds = [re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower() for name in re.findall(r"^    ([A-Z]\w+)[ ,{]", body, re.M)]
    folder = stage.ROOT / "scripts/checks/live"
    texts = "".join((folder / name).read_text() for name in ("test_live_faults.py", "test_record.py", "test_streams.py"))
    planted = {kind for kind in kinds if re.search(rf'(fault\(\{{?|"kind": \{{?|, \{{?|\[\{{?)"{kind}"', texts)}
    assert len(kinds) > 30 and set(kinds) - planted == set()
    document = (stage.ROOT / "docs/reference/fault-tests.md").read_text()
    assert [kind for kind in kinds if f"`{kind}`" not in document] == []


@pytest.mark.parametrize("venue", ["binance", "deribit"])
def test_a_crossed_book_is_recorded_as_it_was_sent_and_makes_no_crossed_quote(venue, tmp_path):
    came = played(venue, tmp_path, [fault("crossed_book", at=15)])
    assert came.struck("crossed_book") and came.gaps == [], came.gaps
    # The bid that was never taken back stays in the rows of changes.
    assert max(came.book["bids"]) >= min(came.book["asks"]) or set(came.book["bids"]) - set(came.truth_book["bids"])
    quotes = rows(came.lake, "quotes")
    crossed = [quote for quote in quotes if None not in (quote["bid_price"], quote["ask_price"]) and quote["bid_price"] >= quote["ask_price"]]
    assert len(quotes) > 10 and crossed == []


@pytest.mark.parametrize("venue, status", [("binance", 403), ("deribit", 451)])
def test_a_venue_that_refuses_for_good_is_given_up(venue, status, tmp_path):
    refusal = fault({"handshake": {"status": status}}, every=1, times=100)
    with exchange(venue, tmp_path / "sim", [refusal]) as playing:
        ended = stage.run_mtdh(*words_of(venue, tmp_path / "lake", "--for", "20s"), expect=1, env=playing.env)
        struck = playing.truth()
    assert len(struck) == 3 and f"status {status}, three times" in ended.stderr + ended.stdout, (ended.stderr, struck)


def test_garbage_ends_rows_and_not_the_capture(tmp_path):
    """A feed of which most messages cannot be read makes no rows any more; what comes is captured, and can be made into rows later."""
    # So late that all streams came before.
    planted = fault("truncated", at=600, every=1, times=1_000_000)
    came = played("binance-futures", tmp_path, [planted], seconds=10, words=["--rate", "800"], clock=fast_clock.Clock(2))
    assert came.summary["is_capture_only"] and came.summary["failures"] == [], came.summary
    (given_up,) = [gap for gap in came.gaps if gap["kind"] == "unread"]
    assert "only raw messages are recorded" in given_up["detail"], given_up
    assert came.summary["lines"] > came.summary["messages"] > 1500, "the capture goes on"
    made = rows(came.lake, "trades")
    assert len(made) > 20 and max(row["local_timestamp"] for row in made) <= given_up["from_local"], "what could be read has its rows"
    assert rebuilt(came.lake)[0]["differ"] == []


def test_fifty_refusals_end_a_client_as_tardis_machine_does(tmp_path):
    """Each attempt to connect is told with its number, and the fiftieth ends the client; the recorder goes on trying."""
    websockets = pytest.importorskip("websockets")
    # Not faster: a client that answers no ping for a minute of the server's is let go.
    clock = fast_clock.Clock(80)

    async def told(port):
        options = {"exchange": "binance", "symbols": ["BTCUSDT"], "dataTypes": ["trade"], "withErrorMessages": True}
        errors = []
        async with websockets.connect(f"ws://127.0.0.1:{port}/ws-stream-normalized?options={urllib.parse.quote(json.dumps(options))}") as socket:
            try:
                while True:
                    errors.append(json.loads(await asyncio.wait_for(socket.recv(), 60)))
            except websockets.ConnectionClosed as closed:
                return errors, closed.rcvd.code, closed.rcvd.reason

    refused = fault({"handshake": {"status": 502}}, every=1, times=1000)
    (tmp_path / "lake").mkdir()
    with exchange("binance", tmp_path / "sim", [refused], seconds=100_000, clock=clock) as playing:
        addresses = playing.env["MTDH_LIVE_ADDRESSES"]
        with recording.served(tmp_path / "lake", addresses, seconds=100_000, symbols=["BTCUSDT"], env=clock.env) as port:
            errors, code, reason = asyncio.run(told(port))
        refusals = playing.truth()
    assert (code, reason) == (1011, "Too many subsequent errors when connecting to  binance WS API")
    counts = [error["subSequentErrorsCount"] for error in errors]
    assert {error["type"] for error in errors} == {"error"} and counts == list(range(counts[0], 51)) and counts[0] < 10, counts
    assert all("answered with status 502" in error["details"] for error in errors)
    # Half a quarter of a second at first, then twice as long each time up to 16 s, in the mean.
    times = [line["at_us"] / 1e6 for line in refusals[:50]]
    waits = [after - before for before, after in zip(times, times[1:])]
    assert max(waits[:3]) < 12 and max(waits) < 45 and 8 < sum(waits[10:]) / len(waits[10:]) < 28, waits
