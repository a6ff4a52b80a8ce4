"""Both bridges over a real lake: a day of the simulated vendor, read back by each package."""

import csv
from decimal import Decimal

import numpy as np
import pytest

import mtdh

for package in ("hftbacktest", "nautilus_trader"):
    pytest.importorskip(package, reason=f"{package} is not installed: scripts/requirements-bridges.txt has it")
import hftbacktest as hft  # noqa: E402
from hftbacktest.data.utils import tardis  # noqa: E402
from nautilus_trader.model.data import OrderBookDelta, QuoteTick, TradeTick  # noqa: E402
from nautilus_trader.persistence.catalog import ParquetDataCatalog  # noqa: E402

DAY, KEY = "2024-03-01", "DERIBIT:PERP:BTC-USD"
TYPES = ["trades", "incremental_book_L2", "book_snapshot_5", "quotes"]


@pytest.fixture(scope="module")
def lake():
    with mtdh.demo(fill=False) as lake:
        assert lake.download(DAY, venues="DERIBIT", instruments=KEY, data_types=TYPES, progress=False).ok
        yield lake


def vendor_csv(path, rows):
    """Writes rows as the vendor's CSV."""
    columns = {name: column for name, column in rows.numpy().items() if name != "instrument_key"}
    for name, column in columns.items():
        if column.dtype.kind == "M":
            columns[name] = column.astype("int64")
        if column.dtype.kind == "b":
            columns[name] = np.where(column, "true", "false")
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["exchange", "symbol", *columns])
        writer.writerows(("deribit", "BTC-PERPETUAL", *row) for row in zip(*(column.tolist() for column in columns.values())))
    return str(path)


def test_events_are_those_of_hftbacktests_own_converter(lake, tmp_path):
    own = tardis.convert([vendor_csv(tmp_path / f"{name}.csv", lake.get(name, KEY, DAY)) for name in TYPES[:2]], buffer_size=200_000)
    made = lake.to_hftbacktest(KEY, DAY)
    # The day has a second snapshot, after a reconnection: before it ours clears all, by one event more.
    flags = made["ev"]
    clears_all = (flags & 0xFF == hft.DEPTH_CLEAR_EVENT) & (flags & (hft.BUY_EVENT | hft.SELL_EVENT) == 0)
    assert clears_all.sum() == 1
    assert np.array_equal(made[~clears_all], own)


def replay(events):
    """A backtest over events, which the caller has to keep: it reads the array where it is."""
    asset = (hft.BacktestAsset().data(events).inverse_asset(1.0).tick_size(0.5).lot_size(10.0).constant_order_latency(1, 1)
             .risk_adverse_queue_model().no_partial_fill_exchange().trading_value_fee_model(0.0, 0.0))
    return hft.HashMapMarketDepthBacktest([asset])


def rested(rows, side, now):
    """What rests on a side at a moment, by price: the last row of each level since the last whole book."""
    arrived = rows["local_timestamp"] <= now
    is_snapshot = rows["is_snapshot"][arrived]
    since = np.flatnonzero(is_snapshot & ~np.append(False, is_snapshot[:-1]))[-1]
    chosen = rows["side"][arrived][since:] == side
    levels = zip(rows["price"][arrived][since:][chosen].tolist(), rows["amount"][arrived][since:][chosen].tolist())
    return {price: amount for price, amount in dict(levels).items() if amount > 0}


def test_the_book_is_that_of_the_rows_at_each_moment(lake):
    """Every level of hftbacktest's book, every half hour by arrival, beside a book kept in a dict."""
    rows = lake.incremental_book_L2(KEY, DAY).numpy()
    events = lake.to_hftbacktest(KEY, DAY)
    backtest = replay(events)
    compared = 0
    while backtest.elapse(1_800_000_000_000) == 0:
        now, depth = np.datetime64(backtest.current_timestamp, "ns"), backtest.depth(0)
        for side, amount_at in (("bid", depth.bid_qty_at_tick), ("ask", depth.ask_qty_at_tick)):
            expected = rested(rows, side, now)
            ticks = range(round(min(expected) * 2) - 400, round(max(expected) * 2) + 400)
            assert {tick / 2: amount_at(tick) for tick in ticks if amount_at(tick) > 0} == expected, (side, now)
            compared += len(expected)
    backtest.close()
    assert compared > 2000


def test_a_book_of_snapshots_is_the_book_of_changes(lake):
    """At noon both have the same five best levels."""
    def levels(**options):
        events = lake.to_hftbacktest(KEY, DAY, f"{DAY}T12:00", **options)
        backtest = replay(events)
        backtest._goto_end()
        depth, found = backtest.depth(0), []
        for best, step, amount_at in ((depth.best_bid_tick, -1, depth.bid_qty_at_tick), (depth.best_ask_tick, 1, depth.ask_qty_at_tick)):
            side, tick = [], best
            while len(side) < 5:
                if amount_at(tick) > 0:
                    side.append((tick, amount_at(tick)))
                tick += step
            found.append(side)
        backtest.close()
        return found

    assert levels(book="book_snapshot_5") == levels(book="incremental_book_L2")


def test_nautilus_reads_back_the_lakes_rows(lake, tmp_path):
    made = lake.to_nautilus(tmp_path / "catalog", KEY, ["trades", "quotes", "incremental_book_L2"], DAY)[KEY]
    catalog = ParquetDataCatalog(str(tmp_path / "catalog"))
    name = [str(made.id)]
    rows = {data_type: lake.get(data_type, KEY, DAY).numpy() for data_type in TYPES}

    def exact(values):
        return [Decimal(repr(value)) for value in values.tolist()]

    trades = catalog.query(TradeTick, name)
    assert [tick.price.as_decimal() for tick in trades] == exact(rows["trades"]["price"])
    assert [tick.size.as_decimal() for tick in trades] == exact(rows["trades"]["amount"])
    assert [str(tick.trade_id) for tick in trades] == rows["trades"]["id"].tolist()
    assert [tick.ts_init // 1000 for tick in trades] == rows["trades"]["local_timestamp"].astype("int64").tolist()
    quotes = catalog.query(QuoteTick, name)
    assert [tick.bid_price.as_decimal() for tick in quotes] == exact(rows["quotes"]["bid_price"])
    assert [tick.ask_size.as_decimal() for tick in quotes] == exact(rows["quotes"]["ask_amount"])
    deltas = [delta for delta in catalog.query(OrderBookDelta, name) if delta.action.name != "CLEAR"]
    assert [delta.order.price.as_decimal() for delta in deltas] == exact(rows["incremental_book_L2"]["price"])
    assert [delta.order.size.as_decimal() for delta in deltas] == exact(rows["incremental_book_L2"]["amount"])
