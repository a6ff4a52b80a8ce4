"""Candles of random days equal a slow oracle that adds with Python's decimal, in every column and timeframe.

The days have ties, disorder of the exchange's clock, empty stretches, numbers of many sizes, and rows on the wrong side
of midnight. They go two ways: Parquet files with --input, and vendor files of three days into a lake."""

import csv
import datetime
import random

import pyarrow
import pyarrow.parquet
import pytest

from candle_oracle import DAY_US, FRAMES, KEY, MIDNIGHT, Trade, oracle
from stage import footer, mtdh


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
    price, sent = rng.choice([0.00000123, 0.5, 61000.1]), []
    for timestamp, arrival in moments(rng, count, start, end):
        cost = float(f"{price * rng.uniform(0.9, 1.1):.{rng.choice([1, 2, 8, 10])}f}") or price
        side = rng.choices(["buy", "sell", "unknown"], [5, 5, 1])[0]
        trade = Trade(timestamp, arrival, side, cost, number(rng, 3), rng.choice([None, f"t-{rng.randrange(10**9)}"]))
        # After a reconnection the last trades come again, and sometimes an id with another content.
        if sent and rng.random() < 0.05:
            trade = rng.choice(sent[-20:])._replace(local_timestamp=arrival)
            trade = trade if rng.random() < 0.8 else trade._replace(amount=number(rng, 3))
        sent.append(trade)
        yield trade


@pytest.mark.parametrize("seed", range(12))
def test_files(tmp_path, figures, seed):
    """--input: any days, no lake."""
    rng, folder = random.Random(f"check_files {seed}"), tmp_path
    trades = list(random_trades(rng, rng.choice([1, 40, 3000]), MIDNIGHT, MIDNIGHT + rng.choice([1, 3]) * DAY_US // 2))
    columns = {name: [getattr(t, name) for t in trades] for name in Trade._fields}
    table = pyarrow.table({
        "instrument_key": pyarrow.array([KEY] * len(trades)).dictionary_encode(),
        "timestamp": pyarrow.array(columns["timestamp"], pyarrow.timestamp("us", "UTC")),
        "local_timestamp": pyarrow.array(columns["local_timestamp"], pyarrow.int64()),
        "id": pyarrow.array(columns["id"], pyarrow.string()), "side": columns["side"], "price": columns["price"],
        "amount": columns["amount"],
    })
    # Two files of several row groups: what belongs together is read apart.
    cut = rng.randrange(len(trades) + 1)
    inputs = [folder / "first.parquet", folder / f"{KEY}.parquet"]
    pyarrow.parquet.write_table(table.slice(0, cut), inputs[0], row_group_size=rng.choice([7, 500]))
    pyarrow.parquet.write_table(table.slice(cut), inputs[1], row_group_size=rng.choice([7, 500]))
    fill = rng.choice(["none", "flat"])
    mtdh("candles", "--input", *inputs, "--output", folder / "out", "--timeframes", ",".join(FRAMES), "--fill", fill,
         "--time-unit", "us")
    times = [t.timestamp for t in trades]
    cells = 0
    for frame, length in FRAMES.items():
        expected = oracle(trades, length, fill, (min(times) + 1, max(times)))
        cells += compare(folder / f"out/{frame}.parquet", expected, frame, (frame, fill))
    figures(cells=cells)


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
        return [t._asdict() for t in trades]
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


@pytest.mark.parametrize("seed", range(12))
def test_a_lake(tmp_path, figures, seed):
    """Vendor files of three days into a lake; then the candles of the middle day."""
    rng, source, lake = random.Random(f"check_lake {seed}"), tmp_path / "source", tmp_path / "lake"
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
    source = {"liquidations": "liquidations", "ticker": "derivative_ticker", "book": "book_snapshot_5"}
    finals = {f"is_{name}_final": complete if source[name] in types else None for name in source}
    cells = 0
    for frame, length in FRAMES.items():
        path = lake / f"processed_candles/by_date/day-{days[0]}/timeframe-{frame}/{KEY}.parquet"
        expected = oracle(trades, length, fill, complete, MIDNIGHT, rows.get("liquidations"),
                          rows.get("derivative_ticker"), rows.get("book_snapshot_5"), finals=finals)
        cells += compare(path, expected, frame, (frame, fill, lacking, types))
        facts = footer(path)
        assert facts["mtdh.rows"] == str(len(expected)) and f"trades {days[0]} stored sha256=" in facts["mtdh.inputs"]
    assert '"objects": 0' in mtdh(*words, "--format", "json"), "nothing is made twice"
    figures(cells=cells)
