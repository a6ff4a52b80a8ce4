"""Outputs of `get` of several instruments, in every form, by the readers that people use: the same rows as the lake's objects."""

import gzip
import json
import shutil
import subprocess

import pyarrow
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest

from stage import DAY, mtdh, partition

pytestmark = pytest.mark.xdist_group("readers")

KEYS = ["DERIBIT:PERP:BTC-USD", "DERIBIT:PERP:ETH-USD", "BINANCE:SPOT_PAIR:BTC-USDT"]
ENDINGS = ["csv", "csv.gz", "csv.zst", "jsonl", "jsonl.gz", "jsonl.zst", "parquet", "arrow"]
# A reader for each ending that it reads; what it gives is turned into a frame of pandas.
CLIENTS = {
    "pandas": {"csv": "csv", "csv.gz": "csv", "csv.zst": "csv", "jsonl": "json", "jsonl.gz": "json", "jsonl.zst": "json",
               "parquet": "parquet"},
    "polars": {"csv": "csv", "csv.gz": "csv", "csv.zst": "csv", "jsonl": "json", "parquet": "parquet", "arrow": "arrow"},
    "duckdb": {"csv": "csv", "csv.gz": "csv", "csv.zst": "csv", "jsonl": "json", "jsonl.gz": "json", "jsonl.zst": "json",
               "parquet": "parquet"},
    "pyarrow": {"csv": "csv", "csv.gz": "csv", "jsonl": "json", "parquet": "parquet", "arrow": "arrow"},
}


@pytest.fixture(scope="module")
def outputs(vendor, tmp_path_factory):
    """A lake, and a folder with the slice in every form."""
    folder = tmp_path_factory.mktemp("get")
    lake = folder / "lake"
    mtdh("download", "--start-date", DAY, "--instruments", *KEYS, "--data-types", "trades", "--lake", lake, env=vendor)
    for ending in ENDINGS:
        mtdh("get", *KEYS, "--data-types", "trades", "--start", DAY, "--strict", "--lake", lake, "-o", folder / f"out.{ending}", env=vendor)
    return lake, folder


def expected(lake):
    """The rows of the lake's objects in order of arrival; those of one time in order of keys."""
    tables = [pq.read_table(partition(lake, "trades", key)).to_pandas() for key in sorted(KEYS)]
    import pandas

    rows = pandas.concat([table.astype({"instrument_key": str, "side": str}) for table in tables])
    return rows.sort_values("local_timestamp", kind="stable").reset_index(drop=True)


def read(client, kind, path):
    """A file as a frame of pandas."""
    import duckdb
    import pandas
    import polars
    import pyarrow.csv
    import pyarrow.json

    match client, kind:
        case "pandas", "csv":
            return pandas.read_csv(path, dtype={"id": str}, float_precision="round_trip")
        case "pandas", "json":
            return pandas.read_json(path, lines=True, dtype={"id": str}, precise_float=True)
        case "pandas", "parquet":
            return pandas.read_parquet(path)
        case "polars", "csv":
            return polars.read_csv(path, schema_overrides={"id": polars.String}).to_pandas()
        case "polars", "json":
            return polars.read_ndjson(path).to_pandas()
        case "polars", "parquet":
            return polars.read_parquet(path).to_pandas()
        case "polars", "arrow":
            return polars.read_ipc_stream(path).to_pandas()
        case "duckdb", "csv":
            return duckdb.sql(f"select * from read_csv('{path}', types={{'id': 'VARCHAR'}})").df()
        case "duckdb", "json":
            return duckdb.sql(f"select * from read_json('{path}', format='newline_delimited')").df()
        case "duckdb", "parquet":
            return duckdb.sql(f"select * from read_parquet('{path}')").df()
        case "pyarrow", "csv":
            options = pyarrow.csv.ConvertOptions(column_types={"id": pyarrow.string()})
            return pyarrow.csv.read_csv(path, convert_options=options).to_pandas()
        case "pyarrow", "json":
            return pyarrow.json.read_json(path).to_pandas()
        case "pyarrow", "parquet":
            return pq.ParquetFile(path, page_checksum_verification=True).read().to_pandas()
        case "pyarrow", "arrow":
            return pyarrow.ipc.open_stream(path).read_all().to_pandas()


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_reads_the_same_rows(outputs, client):
    import pandas

    lake, folder = outputs
    right = expected(lake)
    assert right["instrument_key"].nunique() == len(KEYS) and len(right) > 1000
    for ending, kind in CLIENTS[client].items():
        rows = read(client, kind, folder / f"out.{ending}")
        assert list(rows.columns) == list(right.columns), ending
        for time in ("timestamp", "local_timestamp"):
            rows[time] = pandas.to_datetime(rows[time], utc=True).astype("datetime64[us, UTC]")
        rows = rows.astype({"instrument_key": str, "side": str, "id": str})
        pandas.testing.assert_frame_equal(rows, right.astype({"id": str}), check_dtype=False, check_exact=True, obj=f"{client} {ending}")


def test_programs_unpack_it(outputs):
    _, folder = outputs
    for kind in ("csv", "jsonl"):
        plain = (folder / f"out.{kind}").read_bytes()
        assert gzip.decompress((folder / f"out.{kind}.gz").read_bytes()) == plain
        for program, ending in (("gzip", "gz"), ("zstd", "zst")):
            if shutil.which(program) is None:
                print(f"no {program} on this machine")
                continue
            packed = (folder / f"out.{kind}.{ending}").read_bytes()
            assert subprocess.run([program, "-dc"], input=packed, capture_output=True, check=True).stdout == plain


def test_it_says_what_it_is_made_of(outputs):
    lake, folder = outputs
    in_footer = json.loads(pq.read_metadata(folder / "out.parquet").metadata[b"mtdh.get"])
    in_schema = json.loads(pyarrow.ipc.open_stream(folder / "out.arrow").schema.metadata[b"mtdh.get"])
    assert in_footer == in_schema
    assert in_footer["program"].startswith("mtdh ") and in_footer["instruments"] == KEYS
    assert (in_footer["table"], in_footer["clock"], in_footer["missing"]) == ("trades", "arrival", [])
    paths = [str(partition(lake, "trades", key).relative_to(lake)) for key in sorted(KEYS)]
    assert [one["path"] for one in in_footer["objects"]] == paths
    for one in in_footer["objects"]:
        metadata = pq.read_metadata(lake / one["path"])
        assert one["rows"] == metadata.num_rows and len(one["data_digest"]) == 64
        assert any(one["data_digest"].encode() in value for value in metadata.metadata.values())
