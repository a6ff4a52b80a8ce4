"""Readers of Hive's layout and of Delta tables find in an export what the lake has: rows and sums by day, venue and key."""

import json

import duckdb
import pandas
import polars
import pyarrow.dataset
import pytest

from stage import DAY, mtdh

pytestmark = pytest.mark.xdist_group("readers")

TYPES = ["trades", "quotes"]
KEYS = ["DERIBIT:PERP:BTC-USD", "DERIBIT:PERP:ETH-USD", "DERIBIT:SPOT_PAIR:BTC-USDC", "BINANCE:SPOT_PAIR:BTC-USDT"]
TABLES = [*TYPES, "candles_1h", "instruments"]
# A column that has a number in every row; its sum is exact.
SUMMED = "epoch_us(local_timestamp) % 1000003"


@pytest.fixture(scope="module")
def filled(vendor, tmp_path_factory):
    lake = tmp_path_factory.mktemp("hive") / "lake"
    mtdh("download", "--start-date", DAY, "--instruments", *KEYS, "--data-types", *TYPES, "--lake", lake, env=vendor)
    mtdh("candles", "--start-date", DAY, "--instruments", *KEYS, "--data-types", "trades", "--timeframes", "1h", "--lake", lake)
    return lake


@pytest.fixture(scope="module", params=["objects", "compacted"])
def exported(filled, tmp_path_factory, request):
    out = tmp_path_factory.mktemp(request.param) / "out"
    flags = ["--compact"] if request.param == "compacted" else []
    report = export(filled, out, *flags)
    files = list(out.glob("trades/**/*.parquet"))
    assert report["tables"]["trades"]["files"] == len(files) > 0
    links = [path.stat().st_nlink for path in files]
    assert all(count == (2 if request.param == "objects" else 1) for count in links)
    return out


def export(lake, out, *flags):
    return json.loads(mtdh("export", "delta", "--out", out, "--lake", lake, "--format", "json", *flags))


def of_lake(lake, data_type):
    path = f"{lake}/raw_tick_data/by_date/day-{DAY}/data_type-{data_type}/*.parquet"
    return duckdb.sql(f"""select '{DAY}' as date, split_part(instrument_key, ':', 1) as venue, instrument_key, count(*),
        sum({SUMMED})::bigint from read_parquet('{path}') group by all order by all""").fetchall()


@pytest.mark.parametrize("data_type", TYPES)
def test_rows_and_sums_are_the_lakes(filled, exported, data_type):
    expected = of_lake(filled, data_type)
    assert expected
    pattern = f"{exported}/{data_type}/**/*.parquet"
    found = duckdb.sql(f"""select date::varchar, venue, instrument_key, count(*), sum({SUMMED})::bigint
        from read_parquet('{pattern}', hive_partitioning = true) group by all order by all""").fetchall()
    assert found == expected
    frame = polars.scan_parquet(pattern, hive_partitioning=True).group_by(
        polars.col("date").cast(polars.String), "venue", polars.col("instrument_key").cast(polars.String)).agg(
        n=polars.len(), s=(polars.col("local_timestamp").dt.epoch("us") % 1000003).sum()).sort(
        "date", "venue", "instrument_key").collect()
    assert frame.rows() == expected
    by_key = [(key, rows) for _, _, key, rows, _ in expected]
    table = pyarrow.dataset.dataset(f"{exported}/{data_type}", partitioning="hive")
    counts = table.to_table(columns=["instrument_key", "venue", "date"]).to_pandas().groupby("instrument_key", observed=True).size()
    assert sorted((key, int(n)) for key, n in counts.items()) == sorted(by_key)
    read = pandas.read_parquet(f"{exported}/{data_type}", columns=["instrument_key", "venue"])
    assert len(read) == sum(rows for _, rows in by_key)
    assert set(read["venue"]) == {venue for _, venue, *_ in expected}


def test_folders_are_no_columns_of_files(exported):
    for path in exported.glob("*/**/*.parquet"):
        folders = {part.split("=")[0] for part in path.relative_to(exported).parts if "=" in part}
        assert folders and not folders & set(pyarrow.parquet.read_schema(path).names), path


def test_compacted_files_are_sorted(exported):
    for path in exported.glob("*/**/rows.parquet"):
        keys = polars.read_parquet(path, columns=["instrument_key"])["instrument_key"].cast(polars.String)
        assert keys.is_sorted(), path


@pytest.mark.parametrize("table", TABLES)
def test_delta(filled, exported, table):
    deltalake = pytest.importorskip("deltalake")
    rows = duckdb.sql(f"select count(*) from read_parquet('{exported}/{table}/**/*.parquet')").fetchall()[0][0]
    assert rows
    assert polars.scan_delta(f"{exported}/{table}").select(polars.len()).collect().item() == rows
    assert deltalake.DeltaTable(f"{exported}/{table}").to_pyarrow_dataset().count_rows() == rows
    assert export(filled, exported, *["--compact"] * any(exported.glob("**/rows.parquet")))["tables"][table]["delta_version"] == 0


def test_a_bucket_has_copies_and_the_second_run_none(filled, store):
    """From a folder into a bucket: the objects' bytes, and links where there can be none are copies."""
    out = f"gs://{store['GCS_BUCKET']}/exports/hive"
    for copied in (True, False):
        report = json.loads(mtdh("export", "delta", "--out", out, "--lake", filled, "--format", "json", env=store))
        table = report["tables"]["trades"]
        assert table["copied"] == (table["files"] if copied else 0) and table["linked"] == 0 < table["files"]
        assert table["delta_version"] == 0
