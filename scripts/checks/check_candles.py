"""Candles of random days equal a slow oracle that adds with Python's decimal, in every column and timeframe.

The days have ties, disorder of the exchange's clock, empty stretches, numbers of many sizes, and rows on the wrong side
of midnight. They go two ways: Parquet files with --input, and vendor files of three days into a lake."""

import collections
import csv
import datetime
import decimal
import fractions
import pathlib
import random
import tempfile

import pyarrow
import pyarrow.parquet

from stage import done, footer, mtdh

DAY_US = 86_400_000_000
MIDNIGHT = 1_709_251_200_000_000  # 2024-03-01
FRAMES = {"15s": 15_000_000, "1m": 60_000_000, "90s": 90_000_000, "5m": 300_000_000, "15m": 900_000_000,
          "1h": 3_600_000_000, "4h": 14_400_000_000, "24h": DAY_US}
KEY = "DERIBIT:PERP:BTC-USD"
decimal.getcontext().prec = 400

Trade = collections.namedtuple("Trade", "timestamp local_timestamp side price amount")


def exact(value):
    """The vendor's decimal of a stored float: the shortest that reads back as it."""
    return fractions.Fraction(decimal.Decimal(repr(value)))


def total(values):
    return sum((decimal.Decimal(repr(value)) for value in values), decimal.Decimal(0))


def near(fraction):
    """The float nearest to an exact number."""
    return float(fractions.Fraction(fraction))


def median_ms(delays):
    delays = sorted(delays)
    return near(fractions.Fraction(delays[(len(delays) - 1) // 2] + delays[len(delays) // 2], 2000))


def last(rows, column):
    """The last value by time of a column that has one."""
    found = None
    for row in rows:
        if row[column] is not None and (found is None or row["timestamp"] >= found["timestamp"]):
            found = row
    return found and found[column]


def of_book(row):
    if row is None:
        return dict.fromkeys("book_timestamp bid_price bid_amount ask_price ask_amount mid_price spread spread_bps "
                             "bid_depth ask_depth imbalance".split())
    bid, ask = row["bid_price_1"], row["ask_price_1"]
    amounts = {side: [row[f"{side}_amount_{i}"] for i in range(1, 6) if row[f"{side}_amount_{i}"] is not None]
               for side in ("bid", "ask")}
    bids, asks = total(amounts["bid"]), total(amounts["ask"])
    both = None not in (bid, ask)
    return {
        "book_timestamp": row["timestamp"], "bid_price": bid, "bid_amount": row["bid_amount_1"], "ask_price": ask,
        "ask_amount": row["ask_amount_1"], "mid_price": near((exact(bid) + exact(ask)) / 2) if both else None,
        "spread": near(exact(ask) - exact(bid)) if both else None,
        "spread_bps": near((exact(ask) - exact(bid)) / ((exact(ask) + exact(bid)) / 2) * 10_000) if both else None,
        "bid_depth": near(bids), "ask_depth": near(asks),
        "imbalance": near(fractions.Fraction(bids - asks) / fractions.Fraction(bids + asks)) if bids + asks else None,
    }


def candle(start, length, trades, close_before, is_final):
    """The columns that trades make. `trades` are in the order of their arrival; without any it is flat."""
    if not trades:
        row = dict.fromkeys("vwap first_trade last_trade last_arrival delay_min delay_median delay_mean delay_max".split())
        row |= dict.fromkeys("open high low close".split(), close_before)
        row |= dict.fromkeys("volume quote_volume trade_count buy_volume sell_volume buy_count sell_count".split(), 0)
        return row | {"timestamp": start, "is_final": is_final}
    by_time = sorted(trades, key=lambda trade: trade.timestamp)  # a stable sort: ties stay in the order of arrival
    volume = total(t.amount for t in trades)
    quote = sum((decimal.Decimal(repr(t.price)) * decimal.Decimal(repr(t.amount)) for t in trades), decimal.Decimal(0))
    sides = {side: [t for t in trades if t.side == side] for side in ("buy", "sell")}
    delays = [t.local_timestamp - t.timestamp for t in trades]
    return {
        "timestamp": start, "open": by_time[0].price, "high": max(t.price for t in trades),
        "low": min(t.price for t in trades), "close": by_time[-1].price, "volume": near(volume),
        "quote_volume": near(quote), "trade_count": len(trades),
        "vwap": near(fractions.Fraction(quote) / fractions.Fraction(volume)) if volume else None,
        "buy_volume": near(total(t.amount for t in sides["buy"])), "buy_count": len(sides["buy"]),
        "sell_volume": near(total(t.amount for t in sides["sell"])), "sell_count": len(sides["sell"]),
        "first_trade": by_time[0].timestamp, "last_trade": by_time[-1].timestamp,
        "last_arrival": max(t.local_timestamp for t in trades), "delay_min": min(delays) / 1000,
        "delay_median": median_ms(delays), "delay_max": max(delays) / 1000,
        "delay_mean": near(fractions.Fraction(sum(delays), len(delays) * 1000)), "is_final": is_final,
    }


def oracle(trades, length, fill, complete, day=None, liquidations=None, tickers=None, books=None):
    """All candles of a timeframe, interval by interval."""
    times = [t.timestamp for t in trades]
    first = day if day is not None else (min(times) // length * length if times else 0)
    end = day + DAY_US if day is not None else (max(times) // length * length + length if times else 0)
    within = lambda rows, start: [r for r in rows or [] if start <= r["timestamp"] < start + length]
    rows, close, interest, book = [], None, None, None
    parts = collections.defaultdict(list)
    for trade in trades:
        parts[trade.timestamp // length * length].append(trade)
    for start in range(first, end, length):
        if start % DAY_US == 0:
            close, interest, book = None, None, None
        now = within(books, start)
        for row in now:
            if book is None or row["timestamp"] >= book["timestamp"]:
                book = row
        ticked = within(tickers, start)
        tick = {name: last(ticked, name) for name in ("funding_rate", "predicted_funding_rate", "open_interest",
                                                      "mark_price", "index_price")}
        oi = tick["open_interest"]
        change = near(exact(oi) - exact(interest)) if None not in (oi, interest) else None
        interest = interest if oi is None else oi
        if parts[start] or (fill == "flat" and close is not None):
            is_final = complete[0] <= start and start + length <= complete[1]
            row = candle(start, length, parts[start], close, is_final)
            forced = within(liquidations, start)
            by_side = lambda side: near(total(r["amount"] for r in forced if r["side"] == side))
            known = liquidations is not None
            row |= tick | of_book(book) | {
                "open_interest_change": change,
                "liquidation_buy_volume": by_side("buy") if known else None,
                "liquidation_sell_volume": by_side("sell") if known else None,
                "liquidation_count": len(forced) if known else None,
            }
            rows.append(row)
            close = row["close"]
    return rows


def compare(path, expected, frame, where):
    table = pyarrow.parquet.read_table(path)
    assert set(table.column("timeframe").to_pylist()) <= {frame}, where
    assert set(table.column("instrument_key").to_pylist()) <= {KEY}, where
    assert table.num_rows == len(expected), (where, table.num_rows, len(expected))
    names = [name for name in table.schema.names if name not in ("instrument_key", "timeframe")]
    for name in names:
        column = table.column(name)
        if "timestamp" in str(column.type):
            column = column.cast("int64")
        for found, row in zip(column.to_pylist(), expected):
            assert found == row[name] and type(found) in (type(None), bool, int, float), (
                where, name, row["timestamp"], found, row[name])
    assert not expected or set(names) == set(expected[0]), set(names) ^ set(expected[0])
    return table.num_rows * len(names)


def number(rng, size):
    digits = rng.choice([0, 1, 2, 3, 5, 8]) if rng.random() < 0.3 else size
    value = float(f"{rng.uniform(0.1, 1) * 10 ** rng.choice([0, 1, 3, 5]):.{digits}f}")
    return value if rng.random() < 0.98 else rng.choice([0.0, 1e-12, 6.37e-8, 123456789012.0, 0.1 + 0.2, 98765432.12345678])


def moments(rng, count, start, end):
    """Arrivals with empty stretches, many at one moment, and exchange times with ties, disorder and rare outliers."""
    centres = [rng.randrange(start, end) for _ in range(8)]
    edges = [start + rng.randrange(5_000_000), end - 1 - rng.randrange(5_000_000)]
    arrivals = []
    for _ in range(count):
        centre = rng.choice(centres if rng.random() < 0.8 else edges)
        arrivals.append(min(end - 1, max(start, centre + round(rng.gauss(0, 40_000_000)) // 1000 * 1000)))
    for arrival in sorted(arrivals):
        delay = rng.choice([0, 1000, 5000, rng.randrange(300_000), rng.randrange(3_000_000), -rng.randrange(1_500_000)])
        if rng.random() < 0.005:
            delay = rng.randrange(-50_000_000, 7_200_000_000)
        yield arrival - delay, arrival


def random_trades(rng, count, start, end):
    price = rng.choice([0.00000123, 0.5, 61000.1])
    for timestamp, arrival in moments(rng, count, start, end):
        cost = float(f"{price * rng.uniform(0.9, 1.1):.{rng.choice([1, 2, 8, 10])}f}") or price
        side = rng.choices(["buy", "sell", "unknown"], [5, 5, 1])[0]
        yield Trade(timestamp, arrival, side, cost, number(rng, 3))


def check_files(rng, folder):
    """--input: any days, no lake."""
    trades = list(random_trades(rng, rng.choice([1, 40, 3000]), MIDNIGHT, MIDNIGHT + rng.choice([1, 3]) * DAY_US // 2))
    columns = {name: [getattr(t, name) for t in trades] for name in Trade._fields}
    table = pyarrow.table({
        "instrument_key": pyarrow.array([KEY] * len(trades)).dictionary_encode(),
        "timestamp": pyarrow.array(columns["timestamp"], pyarrow.timestamp("us", "UTC")),
        "local_timestamp": pyarrow.array(columns["local_timestamp"], pyarrow.int64()),
        "side": columns["side"], "price": columns["price"], "amount": columns["amount"],
    })
    # Two files of several row groups: what belongs together is read apart.
    cut = rng.randrange(len(trades) + 1)
    inputs = [folder / "first.parquet", folder / f"{KEY}.parquet"]
    pyarrow.parquet.write_table(table.slice(0, cut), inputs[0], row_group_size=rng.choice([7, 500]))
    pyarrow.parquet.write_table(table.slice(cut), inputs[1], row_group_size=rng.choice([7, 500]))
    fill = rng.choice(["none", "flat"])
    mtdh("candles", "--input", *inputs, "--output", folder / "out", "--timeframes", ",".join(FRAMES), "--fill", fill)
    times = [t.timestamp for t in trades]
    cells = 0
    for frame, length in FRAMES.items():
        expected = oracle(trades, length, fill, (min(times) + 1, max(times)))
        cells += compare(folder / f"out/{frame}.parquet", expected, frame, (frame, fill))
    return cells


COLUMNS = {
    "trades": "timestamp,local_timestamp,id,side,price,amount",
    "liquidations": "timestamp,local_timestamp,id,side,price,amount",
    "derivative_ticker": "timestamp,local_timestamp,funding_timestamp,funding_rate,predicted_funding_rate,"
                         "open_interest,last_price,index_price,mark_price",
    "book_snapshot_5": "timestamp,local_timestamp," + ",".join(
        f"{side}s[{i}].{what}" for i in range(5) for side in ("ask", "bid") for what in ("price", "amount")),
}


def stored(name):
    if "[" not in name:
        return name
    side, rest = name.split("s[")
    level, what = rest.split("].")
    return f"{side}_{what}_{int(level) + 1}"


def random_rows(rng, data_type, start):
    """A day's file of a data type, as the vendor cuts it: by arrival."""
    end = start + DAY_US
    if data_type in ("trades", "liquidations"):
        trades = random_trades(rng, 1500 if data_type == "trades" else 60, start, end)
        return [t._asdict() | {"id": None} for t in trades]
    rows = []
    for timestamp, arrival in moments(rng, 300, start, end):
        row = {stored(name): None for name in COLUMNS[data_type].split(",")}
        if data_type == "book_snapshot_5":
            top = rng.uniform(50, 60)
            for side, sign in (("ask", 1), ("bid", -1)):
                for level in range(1, rng.choice([0, 1, 3, 5, 5, 5, 5]) + 1):
                    row[f"{side}_price_{level}"] = round(top + sign * level / 10, 2)
                    row[f"{side}_amount_{level}"] = number(rng, 3)
        else:
            for name in ("funding_rate", "predicted_funding_rate", "open_interest", "mark_price", "index_price"):
                row[name] = number(rng, 4) if rng.random() < 0.5 else None
        rows.append(row | {"timestamp": timestamp, "local_timestamp": arrival})
    return rows


def text(value):
    return "" if value is None else str(value)


def check_lake(rng, folder):
    """Vendor files of three days into a lake; then the candles of the middle day."""
    source, lake = folder / "source", folder / "lake"
    source.mkdir()
    types = ["trades", *(t for t in list(COLUMNS)[1:] if rng.random() < 0.8)]
    lacking = rng.choice([None, None, -1, 1])
    rows = {data_type: [] for data_type in types}
    days = {}
    for shift in (-1, 0, 1):
        start = MIDNIGHT + shift * DAY_US
        days[shift] = str(datetime.datetime.fromtimestamp(start / 1e6, datetime.timezone.utc).date())
        if shift == lacking:
            continue
        for data_type in types:
            found = random_rows(rng, data_type, start)
            rows[data_type] += [r for r in found if MIDNIGHT <= r["timestamp"] < MIDNIGHT + DAY_US]
            with (source / f"deribit_{data_type}_{days[shift]}_BTC-PERPETUAL.csv").open("w", newline="") as out:
                writer = csv.writer(out, lineterminator="\n")
                names = COLUMNS[data_type].split(",")
                writer.writerow(["exchange", "symbol", *names])
                writer.writerows(["deribit", "BTC-PERPETUAL", *(text(r[stored(n)]) for n in names)] for r in found)
        mtdh("download", "--source", source, "--lake", lake, "--venues", "DERIBIT", "--start-date", days[shift],
             "--data-types", *types)
    fill = rng.choice(["none", "flat"])
    words = ["candles", "--lake", lake, "--start-date", days[0], "--timeframes", *FRAMES, "--fill", fill]
    mtdh(*words)
    trades = [Trade(**{name: r[name] for name in Trade._fields}) for r in rows["trades"]]
    complete = (MIDNIGHT + (lacking == -1), MIDNIGHT + DAY_US - (lacking == 1))
    cells = 0
    for frame, length in FRAMES.items():
        path = lake / f"processed_candles/by_date/day-{days[0]}/timeframe-{frame}/{KEY}.parquet"
        expected = oracle(trades, length, fill, complete, MIDNIGHT, rows.get("liquidations"),
                          rows.get("derivative_ticker"), rows.get("book_snapshot_5"))
        cells += compare(path, expected, frame, (frame, fill, lacking, types))
        facts = footer(path)
        assert facts["mtdh.rows"] == str(len(expected)) and f"trades {days[0]} stored sha256=" in facts["mtdh.inputs"]
    assert '"objects": 0' in mtdh(*words, "--format", "json"), "nothing is made twice"
    return cells


def main():
    checks = cells = 0
    for seed in range(12):
        for check in (check_files, check_lake):
            with tempfile.TemporaryDirectory() as folder:
                rng = random.Random(f"{check.__name__} {seed}")
                cells += check(rng, pathlib.Path(folder))
                checks += 1
    print(f"{cells} cells are equal")
    done(checks)


if __name__ == "__main__":
    main()
