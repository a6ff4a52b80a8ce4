"""Other people's programs read the lake through the server, and see what they see in the files."""

import io
import json
import pathlib
import urllib.error
import urllib.request

import pandas
import polars
import pyarrow
import pyarrow.fs
import pyarrow.parquet
import pytest

from stage import DAY, partition

pytestmark = pytest.mark.xdist_group("serve")

KEY = "DERIBIT:PERP:BTC-USD"


def get(url, **headers):
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
        return answer.read()


def document(url):
    return json.loads(get(url))


def stored(lake, data_type="trades"):
    return pyarrow.parquet.read_table(partition(lake, data_type, KEY))


@pytest.mark.parametrize("data_type", ["trades", "book_snapshot_5", "incremental_book_L2", "derivative_ticker"])
def test_an_arrow_stream_is_the_file(lake, address, data_type):
    bytes_ = get(f"{address}/v1/slices/{data_type}/{KEY}?start={DAY}&format=arrow")
    table = pyarrow.ipc.open_stream(bytes_).read_all()
    expected = stored(lake, data_type)
    assert table.num_rows == expected.num_rows > 0
    plain = lambda table: [column.cast(pyarrow.string()) if pyarrow.types.is_dictionary(column.type) else column
                           for column in table.columns]
    assert table.schema.names == expected.schema.names
    for name, ours, theirs in zip(expected.schema.names, plain(table), plain(expected)):
        assert ours.combine_chunks().equals(theirs.combine_chunks()), name


def test_text_and_parquet_have_the_same_rows(lake, address):
    expected = stored(lake).to_pandas()
    of = lambda form: get(f"{address}/v1/slices/trades/{KEY}?start={DAY}&format={form}")
    csv = pandas.read_csv(io.BytesIO(of("csv")), parse_dates=["timestamp", "local_timestamp"])
    lines = pandas.read_json(io.BytesIO(of("ndjson")), lines=True, dtype={"id": str})
    parquet = pandas.read_parquet(io.BytesIO(of("parquet")))
    for frame in (csv, lines, parquet):
        assert len(frame) == len(expected)
        for column in ("price", "amount"):
            assert (frame[column].to_numpy() == expected[column].to_numpy()).all(), column
    assert (csv["timestamp"].astype("int64") == expected["timestamp"].astype("int64")).all()


def test_polars_and_pandas_read_files_over_http(lake, address):
    paths = get(f"{address}/v1/paths/trades/{KEY}?start={DAY}&form=lines").decode().split()
    expected = stored(lake)
    assert polars.read_parquet(paths).height == expected.num_rows
    lazy = polars.scan_parquet(paths).select(polars.col("amount").sum()).collect()
    assert lazy.item() == pytest.approx(expected["amount"].to_pandas().sum(), rel=1e-9)
    assert len(pandas.read_parquet(paths[0])) == expected.num_rows


def test_pyarrow_reads_ranges_over_http(lake, address):
    class Remote(io.RawIOBase):
        """A file that is asked for by ranges."""

        def __init__(self, url):
            self.url, self.place = url, 0
            with urllib.request.urlopen(urllib.request.Request(url, method="HEAD")) as head:
                self.size = int(head.headers["content-length"])

        def readable(self):
            return True

        def seekable(self):
            return True

        def tell(self):
            return self.place

        def seek(self, offset, whence=0):
            self.place = offset + (0, self.place, self.size)[whence]
            return self.place

        def readinto(self, buffer):
            end = min(self.place + len(buffer), self.size)
            if end <= self.place:
                return 0
            part = get(self.url, Range=f"bytes={self.place}-{end - 1}")
            buffer[:len(part)] = part
            self.place += len(part)
            return len(part)

    url = document(f"{address}/v1/paths/trades/{KEY}?start={DAY}")["paths"][0]["url"]
    table = pyarrow.parquet.read_table(Remote(url), columns=["price"])
    assert table["price"].equals(stored(lake)["price"])


def test_counts_are_those_of_the_files(lake, address):
    lines = document(f"{address}/v1/partitions?start={DAY}&status=stored&limit=100000")["partitions"]
    files = list(pathlib.Path(lake).glob("raw_tick_data/by_date/*/*/*.parquet"))
    rows = {(path.parent.name.removeprefix("data_type-"), path.stem): pyarrow.parquet.read_metadata(path).num_rows for path in files}
    assert {(line["type"], line["key"]): line["rows"] for line in lines} == {of: count for of, count in rows.items() if count}
    coverage = document(f"{address}/v1/coverage?start={DAY}&by=type")
    for group in coverage["groups"]:
        assert group["rows"] == sum(count for (data_type, _), count in rows.items() if data_type == group["type"]), group
    assert sum(path.stat().st_size for path in files) == coverage["total"]["bytes"]


def test_what_is_published_later_is_seen(vendor, tmp_path):
    """A day that comes while the server runs."""
    import shutil
    import time

    import served
    from stage import mtdh

    lake = tmp_path / "lake"
    words = ["--venues", "DERIBIT", "--instruments", KEY, "--data-types", "trades", "--lake", lake]
    mtdh("download", "--start-date", DAY, *words, env=vendor)
    with served.server(lake) as address:
        assert document(f"{address}/v1/coverage")["total"]["stored"] == 1
        mtdh("download", "--start-date", "2024-03-02", *words, env=vendor)
        assert document(f"{address}/v1/days")["days"] == [DAY, "2024-03-02"]
        rows = pyarrow.parquet.read_table(partition(lake, "trades", KEY, "2024-03-02")).num_rows
        assert document(f"{address}/v1/slices/trades/{KEY}/count?start=2024-03-02")["rows"] == rows
        start = time.monotonic()
        while document(f"{address}/v1/coverage")["total"]["stored"] != 2:
            assert time.monotonic() - start < 60
            time.sleep(1)
    shutil.rmtree(lake)


def test_a_token_is_wanted_and_never_shown(lake, tmp_path):
    import served
    import stage

    token = "0123456789abcdef" * 2
    file = tmp_path / "token"
    file.write_text(token + "\n")
    for words, env in ((("--token-file", file), {}), ((), {"MTDH_TOKEN": token})):
        with served.server(lake, *words, env=env) as address:
            with pytest.raises(urllib.error.HTTPError) as refused:
                get(f"{address}/v1/days")
            assert refused.value.code == 401 and token not in refused.value.read().decode()
            assert json.loads(get(f"{address}/v1/days", Authorization=f"Bearer {token}"))["days"] == [DAY]
    said = stage.run_mtdh("serve", "--lake", lake, "--listen", "0.0.0.0:0", expect=2)
    assert "no token" in said.stderr
    short = stage.run_mtdh("serve", "--lake", lake, env={"MTDH_TOKEN": "short-secret"}, expect=2)
    assert "32" in short.stderr and "short-secret" not in short.stderr
