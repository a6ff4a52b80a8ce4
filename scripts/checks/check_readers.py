"""pandas, polars, DuckDB and pyarrow open the lake by path and by glob, and see the same rows and types."""

import pathlib
import tempfile

import duckdb
import pandas
import polars
import pyarrow.dataset
import pyarrow.parquet

from stage import DAY, done, mtdh, partition, sim

KEYS = ["DERIBIT:PERP:BTC-USD", "DERIBIT:PERP:ETH-USD", "BINANCE:SPOT_PAIR:BTC-USDT"]
TYPES = ["trades", "incremental_book_L2", "book_snapshot_5", "book_snapshot_25", "quotes", "book_ticker",
         "derivative_ticker", "liquidations", "options_chain"]


def check_path(path):
    """One object by its path, with each reader."""
    arrow = pyarrow.parquet.read_table(path)
    frame = pandas.read_parquet(path)
    assert list(frame.columns) == arrow.schema.names and len(frame) == arrow.num_rows
    assert str(frame["timestamp"].dtype) == "datetime64[us, UTC]"
    lazy = polars.read_parquet(path)
    assert lazy.columns == arrow.schema.names and lazy.height == arrow.num_rows
    assert lazy.schema["local_timestamp"] == polars.Datetime("us", "UTC")
    relation = duckdb.sql(f"select * from read_parquet('{path}')")
    assert relation.columns == arrow.schema.names and len(relation) == arrow.num_rows
    assert relation.types[1] == "TIMESTAMP WITH TIME ZONE"
    for name, kind in zip(arrow.schema.names, arrow.schema.types):
        if str(kind) == "double":
            sums = (frame[name].sum(), lazy[name].sum(), duckdb.sql(f"select sum({name}) from read_parquet('{path}')").fetchall()[0][0])
            nulls = (int(frame[name].isna().sum()), lazy[name].null_count(), arrow[name].null_count)
            assert len(set(nulls)) == 1, (path, name, nulls)
            assert all(abs((s or 0) - sums[0]) <= 1e-9 * max(1, abs(sums[0])) for s in sums), (path, name, sums)


def main():
    checks = 0
    with sim() as vendor, tempfile.TemporaryDirectory() as lake:
        mtdh("download", "--start-date", DAY, "--instruments", *KEYS, "DERIBIT:OPTION:BTC-USD-240329-6*",
             "--data-types", *TYPES, "--lake", lake, env=vendor)
        objects = sorted(pathlib.Path(lake).glob("raw_tick_data/by_date/*/*/*.parquet"))
        types = {path.parent.name.removeprefix("data_type-") for path in objects}
        assert types == set(TYPES), types
        for path in objects:
            check_path(path)
            checks += 1
        for data_type in TYPES:
            # Zero-row objects and full ones together: one schema, no reader stumbles.
            pattern = f"{lake}/raw_tick_data/by_date/*/data_type-{data_type}/*.parquet"
            rows = polars.scan_parquet(pattern).select(polars.len()).collect().item()
            assert rows == duckdb.sql(f"select count(*) from read_parquet('{pattern}')").fetchall()[0][0]
            folder = pathlib.Path(lake) / f"raw_tick_data/by_date/day-{DAY}/data_type-{data_type}"
            assert rows == pyarrow.dataset.dataset(folder).count_rows() == len(pandas.read_parquet(folder))
            keys = set(polars.scan_parquet(pattern).select("instrument_key").unique().collect()["instrument_key"].cast(polars.String))
            assert rows == 0 or (keys and all(":" in key for key in keys))
            checks += 1
        checks += check_pruning(lake, vendor)
    done(checks)


def check_pruning(lake, vendor):
    """Row groups tell their range of time, so that a reader skips those it does not need."""
    from stage import PROGRAM  # noqa: F401  the program under test made the file

    path = partition(lake, "incremental_book_L2", KEYS[2])
    metadata = pyarrow.parquet.read_metadata(path)
    column = metadata.schema.names.index("local_timestamp")
    bounds = [metadata.row_group(i).column(column).statistics for i in range(metadata.num_row_groups)]
    assert all(b.has_min_max and b.min <= b.max for b in bounds)
    assert all(a.max <= b.min for a, b in zip(bounds, bounds[1:]))
    minute = "local_timestamp >= '2024-03-01 12:00:00+00' and local_timestamp < '2024-03-01 12:01:00+00'"
    theirs = duckdb.sql(f"select count(*) from read_parquet('{path}') where {minute}").fetchall()[0][0]
    ours = mtdh("get", KEYS[2], "--data-type", "incremental_book_L2", "--start", "2024-03-01T12:00",
                "--end", "2024-03-01T12:01", "--lake", lake, env=vendor)
    assert len(ours.splitlines()) - 1 == theirs > 0
    return 2


if __name__ == "__main__":
    main()
