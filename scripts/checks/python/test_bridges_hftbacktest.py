"""`to_hftbacktest`: the rules of a book, the same array as hftbacktest's own converter, and a backtest reckoned by hand."""

import numpy as np
import pytest

import mtdh
from given import BOOK, KEY, T0, TRADES, Lake, book_rows, second, trade_rows

hft = pytest.importorskip("hftbacktest", reason="hftbacktest is not installed: scripts/requirements-bridges.txt has it")
from hftbacktest.data import validate_event_order  # noqa: E402
from hftbacktest.data.utils import tardis  # noqa: E402

from mtdh.bridges import BridgeWarning  # noqa: E402
from mtdh.bridges.hftbacktest import to_hftbacktest  # noqa: E402

DAY = "2024-03-01"
KINDS = {hft.DEPTH_EVENT: "u", hft.TRADE_EVENT: "t", hft.DEPTH_CLEAR_EVENT: "c", hft.DEPTH_SNAPSHOT_EVENT: "s"}


def told(events):
    """Events as text: second, kind, side, price, amount."""
    lines = []
    for event in events:
        flags = int(event["ev"])
        side = "B" if flags & hft.BUY_EVENT else "A" if flags & hft.SELL_EVENT else "-"
        at = (int(event["exch_ts"]) // 1000 - T0) / 1_000_000
        amount = "" if KINDS[flags & 0xFF] == "c" else f" {event['qty']:g}"
        lines.append(f"{at:g} {KINDS[flags & 0xFF]}{side} {event['px']:g}{amount}")
    return lines


# What the rules of a book make of rows: what is tested, the rows, the events.
RULES = [
    ("a snapshot clears as far as it reaches, bids first",
     [(1, "s", "ask", 101, 3), (1, "s", "bid", 100, 5), (1, "s", "bid", 99, 5), (2, "u", "bid", 98, 1)],
     ["1 cB 99", "1 sB 100 5", "1 sB 99 5", "1 cA 101", "1 sA 101 3", "2 uB 98 1"]),
    ("no level outlives a snapshot: all is cleared first",
     [(1, "s", "ask", 101, 3), (1, "s", "bid", 100, 5), (2, "u", "bid", 90, 1), (2, "u", "ask", 120, 1),
      (3, "s", "ask", 102, 3), (3, "s", "bid", 99, 5)],
     ["1 cB 100", "1 sB 100 5", "1 cA 101", "1 sA 101 3", "2 uB 90 1", "2 uA 120 1", "3 c- 0", "3 cB 99", "3 sB 99 5", "3 cA 102", "3 sA 102 3"]),
    ("updates before the first snapshot are left out",
     [(1, "u", "bid", 98, 1), (2, "s", "bid", 100, 5), (2, "s", "ask", 101, 3)],
     ["2 cB 100", "2 sB 100 5", "2 cA 101", "2 sA 101 3"]),
    ("a snapshot without one side clears that side too",
     [(1, "s", "bid", 100, 5), (1, "s", "ask", 101, 3), (2, "u", "bid", 99, 1), (3, "s", "bid", 99.5, 2)],
     ["1 cB 100", "1 sB 100 5", "1 cA 101", "1 sA 101 3", "2 uB 99 1", "3 c- 0", "3 cB 99.5", "3 sB 99.5 2"]),
    ("a venue that sends only snapshots: each is a book",
     [(1, "s", "bid", 100, 5), (1, "s", "ask", 101, 3), (2, "s", "bid", 99, 5), (2, "s", "ask", 103, 3)],
     ["1 cB 100", "1 sB 100 5", "1 cA 101", "1 sA 101 3", "2 c- 0", "2 cB 99", "2 sB 99 5", "2 cA 103", "2 sA 103 3"]),
    ("a level of a snapshot with amount 0 is none",
     [(1, "s", "bid", 100, 5), (1, "s", "bid", 99, 0), (1, "s", "ask", 101, 3)],
     ["1 cB 100", "1 sB 100 5", "1 cA 101", "1 sA 101 3"]),
]


@pytest.mark.parametrize("rows,events", [case[1:] for case in RULES], ids=[case[0] for case in RULES])
def test_rules_of_a_book(rows, events):
    lake = Lake({"trades": trade_rows((0.5, "buy", 101, 1)), "incremental_book_L2": book_rows(*rows)})
    made = to_hftbacktest(lake, KEY, DAY)
    validate_event_order(made)
    assert told(made) == ["0.5 tB 101 1", *events]


def test_trades_come_before_the_book_of_the_same_time():
    made = to_hftbacktest(Lake({"trades": TRADES, "incremental_book_L2": BOOK}), KEY, DAY)
    assert told(made)[6:10] == ["4 tA 100 2", "5 tA 99 4", "5 uB 100 0", "9 uB 98 1"]


def test_a_trade_of_unknown_side_has_no_side():
    lake = Lake({"trades": trade_rows((2, "unknown", 100, 1)), "incremental_book_L2": BOOK})
    assert "2 t- 100 1" in told(to_hftbacktest(lake, KEY, DAY))


def own_converter(folder, trades, book):
    """What hftbacktest itself makes of the vendor's files of the same rows."""
    paths = folder / "trades.csv", folder / "incremental_book_L2.csv"
    for path, text in zip(paths, (trades, book)):
        path.write_text(text)
    return tardis.convert([str(path) for path in paths], buffer_size=100_000)


def test_equal_to_its_own_converter(tmp_path):
    book = BOOK + f"x,y,{second(11.5, 800)},false,bid,96,1\nx,y,{second(11.4, 950)},false,bid,95,1\n"
    lake = Lake({"trades": TRADES, "incremental_book_L2": book})
    made = to_hftbacktest(lake, KEY, DAY)
    assert np.array_equal(made, own_converter(tmp_path, TRADES, book))


def test_arrivals_before_the_exchange_are_moved_and_told(tmp_path):
    trades = TRADES + f"x,y,{second(14, -2_500)},9,buy,101,1\n"
    lake = Lake({"trades": trades, "incremental_book_L2": BOOK})
    with pytest.warns(BridgeWarning, match="2.5 ms"):
        made = to_hftbacktest(lake, KEY, DAY)
    assert np.array_equal(made, own_converter(tmp_path, trades, BOOK))
    assert (made["local_ts"] - made["exch_ts"]).min() == 0


def test_a_start_within_the_day_begins_with_the_book_of_that_moment():
    lake = Lake({"trades": TRADES, "incremental_book_L2": BOOK})
    made = to_hftbacktest(lake, KEY, f"{DAY}T00:00:10", f"{DAY}T00:00:14")
    assert told(made) == ["9 cB 98", "9 sB 99 5", "9 sB 98 1", "9 cA 102", "9 sA 101 3", "9 sA 102 4", "12 uA 101 7", "13 tB 101 1"]


def test_snapshots_of_five_levels_where_updates_lack():
    columns = [f"{side}_{what}_{level}" for level in range(1, 6) for side in ("ask", "bid") for what in ("price", "amount")]
    rows = [[101, 3, 100, 5, 102, 4] + [""] * 14, [101, 2, "", ""] + [""] * 16]
    text = "\n".join([f"timestamp,local_timestamp,{','.join(columns)}",
                      *(f"{second(at)},{','.join(map(str, row))}" for at, row in zip((1, 2), rows))])
    lake = Lake({"trades": TRADES, "book_snapshot_5": text})
    with pytest.warns(BridgeWarning, match="book_snapshot_5, which ends after 5 levels"):
        made = to_hftbacktest(lake, KEY, DAY)
    assert told(made)[:7] == ["1 cB 100", "1 sB 100 5", "1 cA 102", "1 sA 101 3", "1 sA 102 4", "2 c- 0", "2 cA 101"]
    assert told(made)[7] == "2 sA 101 2"


# What is refused: the tables of the lake, the arguments, the error, its words.
REFUSED = [
    ("no book", {"trades": TRADES}, {}, mtdh.MissingData, "incremental_book_L2: 2024-03-01; book_snapshot_25"),
    ("no trades", {"incremental_book_L2": BOOK}, {}, mtdh.MissingData, "no trades of EXAMPLE"),
    ("no snapshot", {"trades": TRADES, "incremental_book_L2": book_rows((1, "u", "bid", 98, 1))}, {}, mtdh.MissingData, "no whole book"),
    ("a pattern", {}, {"key": "EXAMPLE:PERP:*"}, mtdh.BadRequest, "one instrument key"),
    ("another table", {}, {"book": "quotes"}, mtdh.BadRequest, "no table of the book"),
    ("another file", {"trades": TRADES, "incremental_book_L2": BOOK}, {"path": "a.npy"}, mtdh.BadRequest, "npz"),
]


@pytest.mark.parametrize("tables,arguments,error,words", [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_refused(tables, arguments, error, words):
    arguments = {"key": KEY, "start": DAY, **arguments}
    with pytest.raises(error, match=words):
        to_hftbacktest(Lake(tables), **arguments)


def test_a_file_is_the_same_array(tmp_path):
    path = tmp_path / "events.npz"
    made = to_hftbacktest(Lake({"trades": TRADES, "incremental_book_L2": BOOK}), KEY, DAY, path=path)
    assert np.array_equal(np.load(path)["data"], made)
    assert [entry.name for entry in tmp_path.iterdir()] == ["events.npz"]


def test_a_backtest_fills_as_reckoned_by_hand(tmp_path):
    """Two orders a second after the book is there; latency 1 ms each way, fees -0.01 % for makers and 0.05 % for takers.

    - buy 2 at 101: the ask is 3 at 101, so that it fills at once as taker: 2 * 101 = 202;
    - buy 1 at 100 behind 5: the trade of 2 at 100 leaves 3 before it; the trade at 99 goes through the price: it fills as maker: 100.
    """
    path = tmp_path / "events.npz"
    to_hftbacktest(Lake({"trades": TRADES, "incremental_book_L2": BOOK}), KEY, DAY, path=path)
    asset = (hft.BacktestAsset().data(str(path)).linear_asset(1.0).constant_order_latency(1_000_000, 1_000_000)
             .risk_adverse_queue_model().no_partial_fill_exchange().trading_value_fee_model(-0.0001, 0.0005)
             .tick_size(0.5).lot_size(1.0))
    backtest = hft.HashMapMarketDepthBacktest([asset])
    try:
        backtest.elapse(1_500_000_000)
        assert (backtest.depth(0).best_bid, backtest.depth(0).best_ask) == (100, 101)
        backtest.submit_buy_order(0, 1, 101.0, 2.0, hft.GTC, hft.LIMIT, True)
        backtest.submit_buy_order(0, 2, 100.0, 1.0, hft.GTX, hft.LIMIT, True)
        assert backtest.position(0) == 2
        positions = []
        while backtest.elapse(1_000_000_000) == 0:
            positions.append(float(backtest.position(0)))
        state = backtest.state_values(0)
        first, second_order = backtest.orders(0).get(1), backtest.orders(0).get(2)
        assert (first.exec_price, second_order.exec_price) == (101, 100)
        assert second_order.exch_timestamp == (T0 + 5_000_000) * 1000
        assert positions == sorted(positions) and positions[0] == 2 and positions[-1] == 3
        assert state.position == 2 + 1
        assert state.balance == -(2 * 101 + 1 * 100)
        assert state.fee == pytest.approx(202 * 0.0005 - 100 * 0.0001, abs=1e-12)
        assert (state.num_trades, state.trading_volume, state.trading_value) == (2, 3, 302)
    finally:
        backtest.close()
