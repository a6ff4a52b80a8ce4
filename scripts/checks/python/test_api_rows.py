"""What a request for rows gives: which rows, in which order, of which columns, and what is missing."""

import datetime
import itertools
import warnings

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pytest

import mtdh
from demo_lake import DAY, DAY_BEFORE, KEY, OPTIONS, SPOT
from mtdh._selection import DATA_TYPES
from stage import footer, partition

ETH = "DERIBIT:PERP:ETH-USD"
NOON, ONE = f"{DAY}T12:00", f"{DAY}T13:00"


def stored(folder, data_type, *places):
    """The rows of objects as polars reads them; a place is a key, or a day and a key."""
    read = [pl.read_parquet(partition(folder, data_type, place[-1], *place[:-1])) for place in places]
    return pl.concat(read)


def no_warning(call):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return call()


def test_a_day_of_a_key_is_the_object(demo, demo_folder):
    for data_type in ("trades", "quotes", "incremental_book_L2", "book_snapshot_5", "book_snapshot_25", "derivative_ticker", "liquidations"):
        rows = no_warning(lambda: getattr(demo, data_type)(KEY, DAY))
        path = partition(demo_folder, data_type, KEY)
        assert rows.paths() == [str(path)] and rows.missing == []
        assert rows.polars().equals(pl.read_parquet(path)), data_type
        assert rows.count() == len(rows.table()) == int(footer(path)["mtdh.rows_out"]), data_type
        assert rows.columns == pl.read_parquet_schema(path).names() and rows.columns[0] == "instrument_key"
    assert demo.options_chain(OPTIONS, DAY).count() > 0


def test_every_data_type_has_its_method():
    assert set(DATA_TYPES) == {name for name in DATA_TYPES if callable(getattr(mtdh.Lake, name, None))}
    with pytest.raises(mtdh.BadRequest) as told:
        mtdh.Lake("/nowhere").get("no_such", KEY, DAY)
    assert set(str(told.value).split("there are: ")[1].split(", ")) == set(DATA_TYPES)


# Which keys a request means, by the keys of a day.
MEANT = [
    ("one", KEY, [KEY]),
    ("in any case", KEY.lower(), [KEY]),
    ("two, ordered by key", [KEY, SPOT], [SPOT, KEY]),
    ("twice the same", [KEY, KEY], [KEY]),
    ("a pattern", "DERIBIT:PERP:BTC-*", lambda key: key.startswith("DERIBIT:PERP:BTC-")),
    ("one sign", "DERIBIT:PERP:?TC-USD", [KEY]),
    ("a key and a pattern of it", [KEY, "DERIBIT:PERP:BTC-US?"], [KEY]),
    ("of two venues", [SPOT, "*:PERP:ETH-USD"], [SPOT, ETH]),
]


@pytest.mark.parametrize("instruments, expected", [case[1:] for case in MEANT], ids=[case[0] for case in MEANT])
def test_keys_and_patterns(demo, demo_folder, instruments, expected):
    if callable(expected):
        every = partition(demo_folder, "trades", "*").parent.iterdir()
        expected = sorted(path.stem for path in every if expected(path.stem))
    rows = no_warning(lambda: demo.trades(instruments, DAY).polars())
    right = stored(demo_folder, "trades", *((key,) for key in expected))
    assert rows.equals(right.filter(pl.len() > 0)), rows["instrument_key"].unique()


def test_rows_come_by_day_then_key_then_as_they_are_stored(demo, demo_folder):
    with pytest.warns(mtdh.MissingDataWarning, match="lacks trades of DERIBIT:PERP:ETH-USD on 2024-02-29"):
        rows = demo.trades([ETH, KEY], DAY_BEFORE, DAY).polars()
    assert rows.equals(stored(demo_folder, "trades", (DAY_BEFORE, KEY), (DAY, KEY), (DAY, ETH)))


# What the request means for each clock: the first and last row of a range.
@pytest.mark.parametrize("start, end", [(NOON, ONE), (f"{DAY_BEFORE}T23:00", f"{DAY}T01:00"), (DAY, None), (f"{DAY}T12:34:56.789", NOON[:-5] + "12:34:56.790")])
@pytest.mark.parametrize("clock", ["arrival", "exchange"])
def test_the_clock_chooses_and_sorts(demo, demo_folder, clock, start, end):
    first, excluded = mtdh._times.time_range(start, end)
    column = {"arrival": "local_timestamp", "exchange": "timestamp"}[clock]
    every = stored(demo_folder, "trades", (DAY_BEFORE, KEY), (DAY, KEY))
    us = pl.col(column).dt.epoch("us")
    right = every.filter((us >= first) & (us < excluded))
    if clock == "exchange":
        right = right.sort("timestamp", maintain_order=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mtdh.MissingDataWarning)
        rows = demo.trades(KEY, start, end, clock=clock)
        assert rows.polars().equals(right)
        assert rows.lazy().collect().equals(right)
        assert rows.count() == right.height == rows.duckdb().aggregate("count(*)").fetchall()[0][0]


def test_by_the_exchanges_clock_several_keys_are_sorted_as_elsewhere(demo):
    rows = demo.trades([SPOT, KEY, ETH], NOON, ONE, clock="exchange")
    one = rows.polars()
    assert one.equals(rows.lazy().collect())
    assert one["instrument_key"].cast(pl.String).unique(maintain_order=True).to_list() == [SPOT, KEY, ETH]
    for (_,), part in one.group_by("instrument_key"):
        assert part["timestamp"].is_sorted()


COLUMNS = [["price"], ["amount", "price"], ["local_timestamp"], ["side", "instrument_key"], ["id", "timestamp"]]


@pytest.mark.parametrize("columns", COLUMNS, ids=",".join)
def test_columns_come_in_the_order_asked_for(demo, columns):
    rows = demo.trades(KEY, NOON, ONE, columns=columns)
    right = demo.trades(KEY, NOON, ONE).polars().select(columns)
    assert rows.columns == columns
    for name, frame in frames(rows).items():
        assert frame.columns == columns and frame.equals(right), name


def frames(rows):
    """The rows by every route, as polars DataFrames."""
    return {
        "polars": rows.polars(), "table": rows.table().polars(), "arrow": pl.DataFrame(rows.arrow()), "reader": pl.DataFrame(rows.reader()),
        "stream": pl.DataFrame(rows), "iteration": pl.concat([batch.polars() for batch in rows]), "lazy": rows.lazy().collect(),
        "pyarrow": pl.DataFrame(pa.table(rows)), "dataset": pl.DataFrame(pa.dataset.InMemoryDataset(pa.RecordBatchReader.from_stream(rows)).to_table()),
    }


def test_every_route_gives_the_same_rows(demo):
    rows = demo.trades([KEY, SPOT], DAY)
    right = rows.polars()
    texts = right.with_columns(pl.col(pl.Categorical).cast(pl.String))
    for name, frame in frames(rows).items():
        assert frame.with_columns(pl.col(pl.Categorical).cast(pl.String)).equals(texts), name
    pandas = rows.pandas()
    assert pandas["price"].tolist() == right["price"].to_list() and pandas["id"].tolist() == right["id"].to_list()
    assert pandas["side"].astype(str).tolist() == right["side"].to_list()
    numpy = rows.numpy()
    assert list(numpy) == right.columns
    for name, array in numpy.items():
        assert array.tolist() == right[name].to_numpy().tolist(), name
    named = rows.duckdb().order("instrument_key, local_timestamp").fetchall()
    assert sorted(row[3] for row in named) == sorted(right["id"].to_list())


@pytest.mark.parametrize("limit", [0, 1, 250, 10**9])
def test_a_limit(demo, limit):
    rows = demo.trades([KEY, ETH], NOON, ONE, limit=limit)
    right = demo.trades([KEY, ETH], NOON, ONE).polars().head(limit)
    assert rows.count() == right.height == rows.duckdb().aggregate("count(*)").fetchall()[0][0]
    assert rows.polars().equals(right) and rows.lazy().collect().equals(right)
    assert sum(len(batch) for batch in rows) == right.height


def test_a_limit_of_rows_is_no_negative_number(demo):
    with pytest.raises(mtdh.BadRequest, match="limit is -1"):
        demo.trades(KEY, DAY, limit=-1)


# What is missing: instruments, first and last day, and what `missing` lists as (key, day).
MISSING = [
    ("nothing", KEY, DAY_BEFORE, DAY, []),
    ("a day after", KEY, DAY, "2024-03-02", [(KEY, "2024-03-02")]),
    ("days between", KEY, DAY, "2024-03-04", [(KEY, f"2024-03-0{day}") for day in (2, 3, 4)]),
    ("a day of one of two keys", [KEY, ETH], DAY_BEFORE, DAY, [(ETH, DAY_BEFORE)]),
    ("a part of a day after", KEY, DAY, "2024-03-02T00:00:00.000001", [(KEY, "2024-03-02")]),
    ("a day that the end only touches", KEY, DAY, "2024-03-02T00:00", []),
    ("a pattern on a day without a table", "DERIBIT:PERP:BTC-US?", DAY, "2024-03-02", [("DERIBIT:PERP:BTC-US?", "2024-03-02")]),
    ("a key that the pattern means", "DERIBIT:PERP:[KE]*", DAY, DAY, None),
]


@pytest.mark.parametrize("instruments, start, end, expected", [case[1:] for case in MISSING], ids=[case[0] for case in MISSING])
def test_what_is_missing_is_named(demo, instruments, start, end, expected):
    rows = demo.trades(instruments, start, end)
    if expected is None:
        with pytest.raises(mtdh.Error):
            rows.polars()
        return
    assert rows.missing == [(key, "trades", day) for key, day in expected]
    if not expected:
        no_warning(rows.count)
        assert no_warning(rows.strict().count) == rows.count()
        return
    for read in (rows.count, rows.polars, rows.arrow, rows.paths, lambda: rows.lazy().collect(), lambda: list(rows), rows.duckdb):
        with pytest.warns(mtdh.MissingDataWarning) as told:
            read()
        assert all(f"trades of {key} on {day}" in str(told[0].message) for key, day in expected[:5])
        assert told[0].filename == __file__, "the warning points at the caller"
    with pytest.raises(mtdh.MissingData) as refused:
        rows.strict().polars()
    assert refused.value.missing == rows.missing and "lake.download(" in refused.value.hint


def test_a_range_of_which_nothing_is_there(demo):
    with pytest.raises(mtdh.MissingData, match="lacks trades of DERIBIT:PERP:BTC-USD on 2024-04-01") as told:
        demo.trades(KEY, "2024-04").polars()
    assert len(told.value.missing) == 30 and "and 25 more" in str(told.value)


def test_what_a_table_does_not_expect_is_not_missing(demo):
    with pytest.raises(mtdh.MissingData, match="expect none"):
        demo.options_chain(KEY, DAY).polars()


def test_a_missing_candle_names_the_call_that_makes_it(demo):
    with pytest.raises(mtdh.MissingData) as told:
        demo.candles(ETH, "1m", DAY).polars()
    assert told.value.hint == f'lake.make_candles("{DAY}", ["1m"], instruments=["{ETH}"])'


def test_candles(demo, demo_folder):
    minutes = demo.candles(KEY, "1m", NOON, ONE).polars()
    assert 0 < minutes.height <= 60
    trades = demo.trades(KEY, NOON, ONE, clock="exchange").polars()
    right = trades.group_by(pl.col("timestamp").dt.truncate("1m"), maintain_order=True).agg(pl.col("price").first().alias("open"), pl.col("amount").sum().alias("volume"))
    assert minutes["timestamp"].to_list() == right["timestamp"].to_list()
    assert minutes["open"].to_list() == right["open"].to_list()
    path = next(demo_folder.rglob("timeframe-1h/*.parquet"))
    hours = demo.candles(KEY, "1h", DAY)
    assert hours.polars().equals(pl.read_parquet(path)) and hours.paths() == [str(path)]
    assert hours.lazy().collect().equals(hours.polars())


def test_book_snapshots_as_matrices(demo):
    rows = demo.book_snapshot_25(KEY, NOON, ONE)
    arrays, frame = rows.numpy(), rows.polars()
    for side, what in itertools.product(("ask", "bid"), ("price", "amount")):
        matrix = arrays[f"{side}_{what}"]
        assert matrix.shape == (frame.height, 25) and matrix.dtype == np.float64
        # The names of the columns are the vendor's, from 1 or as mtdh stores them.
        names = sorted((n for n in frame.columns if n.startswith(f"{side}_{what}_")), key=lambda n: int(n.rsplit("_", 1)[1]))
        assert np.array_equal(matrix, frame.select(names).fill_null(np.nan).to_numpy(), equal_nan=True)
    best = demo.book_snapshot_25(KEY, NOON, ONE, columns=["local_timestamp", "ask_price_1"]).numpy()
    assert best["ask_price"].shape == (frame.height, 1) and "bid_price" not in best


def test_numpys_types(demo):
    arrays = demo.derivative_ticker(KEY, DAY).numpy()
    assert {str(arrays[name].dtype) for name in ("timestamp", "local_timestamp", "funding_timestamp")} == {"datetime64[us]"}
    assert arrays["mark_price"].dtype == np.float64 and arrays["instrument_key"].dtype == object
    assert demo.incremental_book_L2(KEY, NOON, ONE).numpy()["is_snapshot"].dtype == np.bool_


def test_grades(own):
    lake = mtdh.Lake(own)
    rows = lake.trades(KEY, DAY, min_grade="bad")
    with pytest.raises(mtdh.GradeTooLow, match="not checked") as told:
        rows.polars()
    assert told.value.below == [(KEY, DAY, None)] and "lake.check" in told.value.hint
    report = lake.check(DAY, instruments=KEY)
    grade = lake.coverage(DAY, instruments=KEY, data_types="trades").polars()["grade"].item()
    assert report and grade in ("good", "degraded", "bad")
    order = ["good", "degraded", "bad"]
    for wanted in order:
        rows = lake.trades(KEY, DAY, min_grade=wanted)
        if order.index(grade) <= order.index(wanted):
            assert rows.count() == 6369
        else:
            with pytest.raises(mtdh.GradeTooLow, match=grade):
                rows.count()
    with pytest.raises(mtdh.BadRequest, match="no grade `best`; there are good, degraded, bad"):
        lake.trades(KEY, DAY, min_grade="best")


def test_a_timedelta_is_no_time(demo):
    with pytest.raises(TypeError, match="not datetime.timedelta"):
        demo.trades(KEY, datetime.timedelta(days=1))
