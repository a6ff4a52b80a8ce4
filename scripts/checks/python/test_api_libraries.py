"""What each library gets: which columns stay where they are in memory, streams that are read again, and a bucket."""

import ctypes
import os
import urllib.parse
import warnings

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import mtdh
from demo_lake import DAY, DAY_BEFORE, KEY, SPOT
from stage import ask, partition
from damage import flip

NUMBERS = ["timestamp", "local_timestamp", "price", "amount"]
TEXTS = ["instrument_key", "id", "side"]


def addresses(table, column):
    """Where the values of a column's chunks begin."""
    return [chunk.buffers()[1].address + chunk.offset * chunk.type.bit_width // 8 for chunk in table[column].chunks]


def of_polars(series):
    """Where the values of a polars Series' chunks begin."""
    return [at(chunk.to_physical().to_numpy(allow_copy=False)) for chunk in series.get_chunks()]


def at(array):
    return array.__array_interface__["data"][0]


# --- without a copy


@pytest.fixture(scope="module")
def held(demo):
    """Rows in memory; every library gets these."""
    return demo.trades(KEY, DAY).table()


@pytest.mark.parametrize("column", NUMBERS)
def test_numbers_and_times_stay_where_they_are(held, column):
    arrow = held.arrow()
    (place,) = addresses(arrow, column)
    assert addresses(held.arrow(), column) == [place], "handed over twice, and not copied"
    assert at(held.numpy()[column]) == place
    assert of_polars(held.polars()[column]) == [place]


@pytest.mark.parametrize("column", ["price", "amount"])
def test_pandas_keeps_one_column_in_place(held, column):
    """pandas puts columns of one type together, which copies; a column alone stays."""
    (place,) = addresses(held.arrow(), column)
    alone = held.arrow().select([column]).to_pandas(split_blocks=True)
    assert at(alone[column].to_numpy()) == place
    assert at(held.pandas()[column].to_numpy()) != place


def test_strings_and_categories_are_what_the_docs_say(held):
    """pyarrow copies nothing; polars makes its own strings and categories; NumPy gets objects."""
    first, second = held.arrow(), held.arrow()
    for column in TEXTS:
        one, other = (table[column].chunk(0) for table in (first, second))
        one, other = (array.indices if pa.types.is_dictionary(array.type) else array for array in (one, other))
        assert [b.address for b in one.buffers()[1:]] == [b.address for b in other.buffers()[1:]], column
    assert held.polars().schema["side"] == pl.Categorical and held.polars().schema["id"] == pl.String
    assert {str(held.numpy()[column].dtype) for column in TEXTS} == {"object"}
    assert str(held.pandas()["side"].dtype) == "category"


def test_texts_of_a_polars_frame_stay_where_they_are(demo):
    native = demo.trades(KEY, DAY)._choose().collect(True)
    newest = pl.CompatLevel.newest()
    one, other = (pl.DataFrame(native)["id"].to_arrow(compat_level=newest) for _ in range(2))
    assert [buffer.address for buffer in one.buffers()[1:]] == [buffer.address for buffer in other.buffers()[1:]]


def test_chunks_of_several_objects(demo):
    """Each object has a chunk of its own in pyarrow and polars; NumPy joins them."""
    table = demo.trades(KEY, DAY_BEFORE, DAY).table()
    places = addresses(table.arrow(), "price")
    assert len(places) >= 2 and of_polars(table.polars()["price"]) == places
    assert np.array_equal(table.numpy()["price"], table.arrow()["price"].to_numpy())


def test_arrays_are_read_only_and_outlive_their_table(demo):
    price = demo.trades(KEY, DAY).numpy()["price"]
    total = price.sum()
    with pytest.raises(ValueError, match="read-only"):
        price[0] = 0.0
    ballast = [demo.trades(KEY, DAY).polars() for _ in range(3)]
    assert price.sum() == total and ballast
    assert ctypes.c_double.from_address(at(price)).value == price[0]


# --- again and again


@pytest.mark.parametrize("read", [
    lambda rows: duckdb.sql("select count(*), sum(price) from rows").fetchall(),
    lambda rows: duckdb.sql("select a.n, b.n from (select count(*) n from rows) a, (select count(*) n from rows) b").fetchall(),
    lambda rows: pl.DataFrame(rows).height, lambda rows: pa.table(rows).num_rows, lambda rows: pd.DataFrame.from_arrow(rows).shape,
    lambda rows: pa.RecordBatchReader.from_stream(rows).read_all().num_rows, lambda rows: [len(batch) for batch in rows],
    lambda rows: rows.lazy().collect().height, lambda rows: rows.reader().read_all().num_rows,
], ids=["duckdb", "duckdb, two in one", "polars", "pyarrow", "pandas", "from_stream", "iteration", "lazy", "reader"])
def test_a_request_can_be_read_again(demo, read):
    rows = demo.trades(KEY, DAY)
    assert read(rows) == read(rows)


def test_relations_and_frames_can_be_asked_again(demo):
    relation, frame = demo.trades(KEY, DAY).duckdb(), demo.trades(KEY, DAY).lazy()
    assert relation.fetchall() == relation.fetchall()
    assert frame.collect().equals(frame.collect())
    assert pa.schema(demo.trades(KEY, DAY)).names == demo.trades(KEY, DAY).columns


def test_a_stream_that_is_left_early_stops(demo):
    for _ in range(20):
        reader = demo.trades(KEY, DAY).reader()
        reader.read_next_batch()
        del reader
    assert demo.trades(KEY, DAY).count() == 6369


def test_a_lazy_frame_chooses_before_it_reads(demo):
    rows = demo.trades(KEY, f"{DAY}T12", f"{DAY}T13")
    plan = rows.lazy().select("price").explain()
    assert KEY in plan and "*/7" not in plan, plan
    assert rows.lazy().filter(pl.col("side") == "buy").collect().equals(rows.polars().filter(pl.col("side") == "buy"))


# --- a bucket


@pytest.fixture(scope="module")
def in_bucket(store, demo_folder):
    """The lake in a bucket of the stand-in for Google Cloud Storage: a copy of the folder's objects."""
    address = f"{store['STORAGE_EMULATOR_HOST']}/upload/storage/v1/b/{store['GCS_BUCKET']}/o?uploadType=media&name="
    for path in demo_folder.rglob("*.parquet"):
        name = f"python/{path.relative_to(demo_folder)}"
        if DAY in name and (KEY in name or SPOT in name) or "instruments" in name:
            ask("POST", address + urllib.parse.quote(name, safe=""), path.read_bytes())
    before = os.environ.get("STORAGE_EMULATOR_HOST")
    os.environ["STORAGE_EMULATOR_HOST"] = store["STORAGE_EMULATOR_HOST"]
    yield mtdh.Lake(f"gs://{store['GCS_BUCKET']}/python")
    if before is None:
        del os.environ["STORAGE_EMULATOR_HOST"]
    else:
        os.environ["STORAGE_EMULATOR_HOST"] = before


def test_a_bucket_gives_what_a_folder_gives(in_bucket, demo):
    for arguments in (dict(), dict(columns=["price", "side"]), dict(limit=100), dict(clock="exchange")):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", mtdh.MissingDataWarning)
            there = in_bucket.trades([KEY, SPOT], f"{DAY}T10", f"{DAY}T12", **arguments)
            right = demo.trades([KEY, SPOT], f"{DAY}T10", f"{DAY}T12", **arguments).polars()
            assert there.polars().equals(right) and there.count() == right.height
            assert there.lazy().collect().equals(right) and pl.DataFrame(there.reader()).equals(right)
            # DuckDB asks for each query anew.
            relation = there.duckdb()
            assert relation.aggregate("count(*)").fetchall() == relation.aggregate("count(*)").fetchall() == [(right.height,)]


def test_the_paths_of_a_bucket_are_addresses(in_bucket):
    (path,) = in_bucket.trades(KEY, DAY).paths()
    assert path.startswith("gs://") and path.endswith(f"python/raw_tick_data/by_date/day-{DAY}/data_type-trades/{KEY}.parquet")


# What a query makes of a lazy frame over a bucket; polars hands columns, predicate and number of rows to mtdh.
QUERIES = [
    ("columns", lambda frame: frame.select("price", "amount")),
    ("other order", lambda frame: frame.select("amount", "price")),
    ("a predicate", lambda frame: frame.filter(pl.col("price") > 62_000)),
    ("a predicate on another column", lambda frame: frame.filter(pl.col("side") == "buy").select("price")),
    ("a predicate on the key", lambda frame: frame.filter(pl.col("instrument_key") == KEY).select("id")),
    ("the first rows", lambda frame: frame.head(7)),
    ("the first of some", lambda frame: frame.filter(pl.col("side") == "sell").head(7)),
    ("a sum", lambda frame: frame.group_by("instrument_key").agg(pl.col("amount").sum()).sort("instrument_key")),
    ("a number", lambda frame: frame.select(pl.len())),
    ("a time", lambda frame: frame.filter(pl.col("local_timestamp") >= pl.datetime(2024, 3, 1, 11, time_zone="UTC"))),
    ("nothing", lambda frame: frame.filter(pl.col("price") < 0)),
]


@pytest.mark.parametrize("query", [case[1] for case in QUERIES], ids=[case[0] for case in QUERIES])
def test_lazily_over_a_bucket(in_bucket, demo, query):
    there, here = (lake.trades([KEY, SPOT], f"{DAY}T10", f"{DAY}T12").lazy() for lake in (in_bucket, demo))
    one, other = query(there).collect(), query(here).collect()
    assert one.equals(other) and one.schema == other.schema


def test_tables_of_a_bucket(in_bucket, demo):
    assert in_bucket.days() == [DAY]
    assert in_bucket.instruments(DAY, instruments=KEY).arrow().equals(demo.instruments(DAY, instruments=KEY).arrow())
    assert in_bucket.sql("select count(*) from trades", DAY, instruments=KEY).fetchall() == [(6369,)]
    assert in_bucket.trades(KEY, DAY, verify=True).polars().height == 6369


def test_a_damaged_object_of_a_bucket(store, in_bucket, own):
    """mtdh reads for all of them: who reads, raises."""
    path = partition(own, "trades", KEY)
    flip(path)
    name = urllib.parse.quote(f"damaged/{path.relative_to(own)}", safe="")
    ask("POST", f"{store['STORAGE_EMULATOR_HOST']}/upload/storage/v1/b/{store['GCS_BUCKET']}/o?uploadType=media&name={name}", path.read_bytes())
    lake = mtdh.Lake(f"gs://{store['GCS_BUCKET']}/damaged")
    with pytest.raises(mtdh.DamagedObject, match="CRC"):
        lake.trades(KEY, DAY).polars()
    with pytest.raises((mtdh.DamagedObject, pl.exceptions.PolarsError), match="CRC"):
        lake.trades(KEY, DAY).lazy().collect()
    with pytest.raises(duckdb.Error, match="CRC"):
        lake.trades(KEY, DAY).duckdb().fetchall()
