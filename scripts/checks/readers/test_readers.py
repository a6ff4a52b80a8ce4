"""pandas, polars, DuckDB and pyarrow open the lake by path and by glob, and see the same rows and types."""

import pathlib

import pyarrow.dataset
import pyarrow.parquet
import pytest

from stage import DAY, mtdh, partition

# What the tests share is made once.
pytestmark = pytest.mark.xdist_group("readers")

KEYS = ["DERIBIT:PERP:BTC-USD", "DERIBIT:PERP:ETH-USD", "BINANCE:SPOT_PAIR:BTC-USDT"]
TYPES = ["trades", "incremental_book_L2", "book_snapshot_5", "book_snapshot_25", "quotes", "book_ticker",
         "derivative_ticker", "liquidations", "options_chain"]


@pytest.fixture(scope="module")
def filled(vendor, tmp_path_factory):
    """A lake with objects of all data types."""
    lake = tmp_path_factory.mktemp("readers") / "lake"
    mtdh("download", "--start-date", DAY, "--instruments", *KEYS, "DERIBIT:OPTION:BTC-USD-240329-6*",
         "--data-types", *TYPES, "--lake", lake, env=vendor)
    return lake


@pytest.mark.parametrize("data_type", TYPES)
def test_objects_by_their_paths(filled, data_type):
    paths = sorted(pathlib.Path(filled).glob(f"raw_tick_data/by_date/*/data_type-{data_type}/*.parquet"))
    assert paths
    for path in paths:
        assert_readers_agree(path)


def assert_readers_agree(path):
    """One object with each reader: names, types, rows, nulls and sums."""
    import duckdb
    import pandas
    import polars

    arrow = pyarrow.parquet.read_table(path)
    frame, lazy = pandas.read_parquet(path), polars.read_parquet(path)
    relation = duckdb.sql(f"select * from read_parquet('{path}')")
    assert list(frame.columns) == lazy.columns == relation.columns == arrow.schema.names, path
    assert len(frame) == lazy.height == len(relation) == arrow.num_rows, path
    assert str(frame["timestamp"].dtype) == "datetime64[us, UTC]", path
    assert lazy.schema["local_timestamp"] == polars.Datetime("us", "UTC"), path
    assert relation.types[1] == "TIMESTAMP WITH TIME ZONE", path
    for name, kind in zip(arrow.schema.names, arrow.schema.types):
        if str(kind) == "double":
            sums = (frame[name].sum(), lazy[name].sum(), duckdb.sql(f"select sum({name}) from read_parquet('{path}')").fetchall()[0][0])
            nulls = (int(frame[name].isna().sum()), lazy[name].null_count(), arrow[name].null_count)
            assert len(set(nulls)) == 1, (path, name, nulls)
            assert all(abs((s or 0) - sums[0]) <= 1e-9 * max(1, abs(sums[0])) for s in sums), (path, name, sums)


@pytest.mark.parametrize("data_type", TYPES)
def test_a_data_type_by_a_pattern(filled, data_type):
    """Zero-row objects and full ones together: one schema, no reader stumbles."""
    import duckdb
    import pandas
    import polars

    pattern = f"{filled}/raw_tick_data/by_date/*/data_type-{data_type}/*.parquet"
    rows = polars.scan_parquet(pattern).select(polars.len()).collect().item()
    assert rows == duckdb.sql(f"select count(*) from read_parquet('{pattern}')").fetchall()[0][0]
    folder = filled / f"raw_tick_data/by_date/day-{DAY}/data_type-{data_type}"
    assert rows == pyarrow.dataset.dataset(folder).count_rows() == len(pandas.read_parquet(folder))
    keys = set(polars.scan_parquet(pattern).select("instrument_key").unique().collect()["instrument_key"].cast(polars.String))
    assert rows == 0 or (keys and all(":" in key for key in keys))


def test_no_other_data_type_is_there(filled):
    assert {path.name for path in filled.glob("raw_tick_data/by_date/*/*")} == {f"data_type-{data_type}" for data_type in TYPES}


def test_row_groups_tell_their_times(filled, vendor):
    """So that a reader skips those it does not need."""
    import duckdb

    path = partition(filled, "incremental_book_L2", KEYS[2])
    metadata = pyarrow.parquet.read_metadata(path)
    column = metadata.schema.names.index("local_timestamp")
    bounds = [metadata.row_group(i).column(column).statistics for i in range(metadata.num_row_groups)]
    assert all(b.has_min_max and b.min <= b.max for b in bounds)
    assert all(a.max <= b.min for a, b in zip(bounds, bounds[1:]))
    minute = "local_timestamp >= '2024-03-01 12:00:00+00' and local_timestamp < '2024-03-01 12:01:00+00'"
    theirs = duckdb.sql(f"select count(*) from read_parquet('{path}') where {minute}").fetchall()[0][0]
    ours = mtdh("get", KEYS[2], "--data-type", "incremental_book_L2", "--start", "2024-03-01T12:00",
                "--end", "2024-03-01T12:01", "--lake", filled, env=vendor)
    assert len(ours.splitlines()) - 1 == theirs > 0
