"""Iceberg tables over a lake's files, by programs of others: pyiceberg, polars and DuckDB count the same rows, sums and keys per day
as the files have, after each kind of change; fastavro reads each manifest. DuckDB's extension comes from PyPI, for an older version
than the tests' own DuckDB: an environment of its own, as test_serve_duckdb.py says."""

import gzip
import json
import os
import pathlib
import shutil
import subprocess
import time
import warnings

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from stage import DAY, PROGRAM, ROOT, environment, partition, run_mtdh, vendor_only

pytest.importorskip("pyiceberg", reason="pyiceberg is not installed (scripts/requirements.txt)")
pytest.importorskip("fastavro", reason="fastavro is not installed (scripts/requirements.txt)")

import fastavro
from pyiceberg.table import StaticTable

pytestmark = pytest.mark.xdist_group("iceberg")

NEXT_DAY, THIRD_DAY = "2024-03-02", "2024-03-03"
IS_LONG = "MTDH_LONG" in os.environ
DUCKDB = pathlib.Path(os.environ.get("HTTPFS_PYTHON", ROOT / ".venv-httpfs/bin/python"))
QUERY = """
import json, pathlib, sys, duckdb, duckdb_ext
connection = duckdb.connect()
for name in ("avro", "iceberg"):  # avro first: iceberg would look for it on the network
    connection.execute(f"load '{next(pathlib.Path(duckdb_ext.__path__[0]).rglob(name + '.duckdb_extension'))}'")
print(json.dumps(connection.execute(f'''
    select strftime(local_timestamp at time zone 'UTC', '%Y-%m-%d') as day, instrument_key, count(*), sum(amount)
    from iceberg_scan('{sys.argv[1]}') group by all''').fetchall()))
"""


class Lake:
    """A lake of vendor files that the test writes."""

    def __init__(self, folder):
        self.folder, self.files, self.lake = folder, folder / "files", folder / "lake of mine"

    def trades(self, symbol, rows, day=DAY, factor=1):
        name = self.files / f"deribit/trades/{day.replace('-', '/')}/{symbol}.csv.gz"
        name.parent.mkdir(parents=True, exist_ok=True)
        start = int(time.mktime(time.strptime(f"{day} UTC", "%Y-%m-%d %Z")) - time.timezone) * 1_000_000
        lines = ["exchange,symbol,timestamp,local_timestamp,id,side,price,amount"]
        for row in range(rows):
            at = start + row * 60_000_000
            lines.append(f"deribit,{symbol},{at},{at + 5},{row},buy,{1000 + row},{(row + 1) * factor}")
        name.write_bytes(gzip.compress(("\n".join(lines) + "\n").encode()))

    def download(self, *words, day=DAY):
        return self.mtdh("download", "--source", self.files, "--start-date", day, "--venues", "DERIBIT",
                         "--data-types", "trades", *words)

    def mtdh(self, *words, expect=0):
        return run_mtdh(*words, "--lake", self.lake, expect=expect)

    def publish(self, *words, expect=0):
        said = self.mtdh("publish", "iceberg", "--format", "json", *words, expect=expect)
        return {table["table"]: table for table in json.loads(said.stdout)["tables"]}, said.stderr

    def metadata(self, table="trades"):
        folder = self.lake / f"iceberg/{table}/metadata"
        return folder / f"v{(folder / 'version-hint.text').read_text()}.metadata.json"

    def by_files(self):
        """Rows and sums by day and key, as the files have them."""
        found = {}
        for path in self.lake.glob("raw_tick_data/by_date/day-*/data_type-trades/*.parquet"):
            table = pq.read_table(path, columns=["amount"])
            if table.num_rows:
                day = path.parts[-3].removeprefix("day-")
                found[day, path.name.removesuffix(".parquet")] = table.num_rows, round(pc.sum(table["amount"]).as_py(), 6)
        return found

    def objects(self):
        return {path: path.stat().st_mtime_ns for path in (self.lake / "iceberg").rglob("*") if path.is_file()}


def by_arrow(table):
    days = pc.strftime(table["local_timestamp"], "%Y-%m-%d")
    keys = table["instrument_key"].cast("string")  # a dictionary a file, which pyarrow does not join
    table = table.select(["amount"]).append_column("instrument_key", keys).append_column("day", days)
    table = table.group_by(["day", "instrument_key"])
    sums = table.aggregate([("amount", "count"), ("amount", "sum")]).to_pylist()
    return {(row["day"], row["instrument_key"]): (row["amount_count"], round(row["amount_sum"], 6)) for row in sums}


def by_pyiceberg(metadata):
    return by_arrow(StaticTable.from_metadata(str(metadata)).scan().to_arrow())


def by_polars(metadata):
    import polars

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return by_arrow(polars.scan_iceberg(str(metadata)).collect().to_arrow())


def by_duckdb(metadata):
    ended = subprocess.run([DUCKDB, "-c", QUERY, str(metadata)], capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    return {(day, key): (rows, round(amount, 6)) for day, key, rows, amount in json.loads(ended.stdout)}


def has_duckdb():
    code = "import duckdb_ext, pathlib; assert list(pathlib.Path(duckdb_ext.__path__[0]).rglob('iceberg.duckdb_extension'))"
    return DUCKDB.exists() and subprocess.run([DUCKDB, "-c", code], capture_output=True).returncode == 0


READERS = {"pyiceberg": by_pyiceberg, "polars": by_polars}


def assert_same(lake, readers=READERS):
    expected = lake.by_files()
    for name, reader in readers.items():
        assert reader(lake.metadata()) == expected, name
    return expected


@pytest.fixture
def lake(tmp_path):
    """Two instruments of a day, one of them with rows on the next, and one without rows."""
    lake = Lake(tmp_path)
    lake.trades("BTC-PERPETUAL", 50)
    lake.trades("ETH-PERPETUAL", 30)
    lake.trades("SOL_USDC-PERPETUAL", 0)
    lake.trades("BTC-PERPETUAL", 20, NEXT_DAY)
    lake.download()
    lake.download(day=NEXT_DAY)
    return lake


def test_every_reader_has_the_rows_of_the_files(lake):
    published, _ = lake.publish()
    trades = published["trades"]
    assert list(published) == ["trades"] and trades["covers"] == "lake"
    assert (trades["files"], trades["rows"], trades["added"]) == (3, 100, 3), "the file without rows is none"
    assert trades["metadata"] == str(lake.metadata())
    assert len(assert_same(lake)) == 3


@pytest.mark.skipif(not has_duckdb(), reason=f"there is no {DUCKDB} with duckdb-ext-iceberg")
def test_duckdb_has_the_rows_of_the_files(lake):
    lake.publish()
    assert_same(lake, {"by metadata": by_duckdb, "by the hint": lambda metadata: by_duckdb(metadata.parents[1])})
    lake.trades("ETH-PERPETUAL", 31, factor=3)
    lake.download("--force")
    lake.publish()
    assert_same(lake, {"after a change": by_duckdb})


def test_only_what_changed_is_published(lake):
    lake.publish()
    before = lake.objects()
    published, said = lake.publish()
    assert published["trades"]["outcome"] == "unchanged" and "nothing was written" in said
    assert lake.objects() == before
    # The same bytes under a new name of the store, as a restored copy has: other objects, nothing to publish.
    path = partition(lake.lake, "trades", "DERIBIT:PERP:BTC-USD")
    shutil.copy(path, f"{path}.copy")
    os.replace(f"{path}.copy", path)
    assert lake.publish()[0]["trades"]["outcome"] == "unchanged"
    assert lake.objects() == before

    lake.trades("BTC-PERPETUAL", 7, THIRD_DAY)
    said = lake.download(day=THIRD_DAY)
    assert "mtdh publish iceberg" in said.stderr, "a download says that the tables are stale"
    trades = lake.publish()[0]["trades"]
    assert (trades["version"], trades["added"], trades["replaced"], trades["removed"]) == (2, 1, 0, 0)
    written = [path.name for path in set(lake.objects()) - set(before)]
    assert [name for name in written if THIRD_DAY in name]
    assert not [name for name in written if DAY in name or NEXT_DAY in name], "manifests of other days stay"
    assert_same(lake)
    document = json.loads(lake.metadata().read_text())
    assert len(document["snapshots"]) == 2, "all objects of the older snapshot are there"
    old = StaticTable.from_metadata(str(lake.metadata())).scan(snapshot_id=document["snapshots"][0]["snapshot-id"])
    assert old.to_arrow().num_rows == 100

    lake.trades("ETH-PERPETUAL", 31, factor=3)
    lake.download("--force")
    trades = lake.publish()[0]["trades"]
    assert (trades["version"], trades["added"], trades["replaced"], trades["removed"]) == (3, 0, 1, 0)
    assert_same(lake)
    assert len(json.loads(lake.metadata().read_text())["snapshots"]) == 1, "older snapshots name an object that was replaced"


def test_rm_publishes_again(lake):
    lake.publish()
    said = lake.mtdh("rm", "--start-date", DAY, "--instruments", "DERIBIT:PERP:ETH-USD", "--yes")
    assert "Iceberg table trades: version 2" in said.stderr
    assert len(assert_same(lake)) == 2
    lake.mtdh("rm", "--start-date", DAY, "--end-date", NEXT_DAY, "--venues", "DERIBIT", "--yes")
    assert assert_same(lake) == {}


def test_a_table_has_what_was_ever_selected(lake):
    key, other = "DERIBIT:PERP:BTC-USD", "DERIBIT:PERP:ETH-USD"
    trades = lake.publish("--instruments", key, "--start-date", DAY)[0]["trades"]
    assert trades["covers"] == "selection" and set(by_pyiceberg(lake.metadata())) == {(DAY, key)}
    # What is refreshed takes nothing that was not selected.
    lake.trades("BTC-PERPETUAL", 51, factor=2)
    lake.download("--force")
    lake.mtdh("rm", "--start-date", DAY, "--instruments", "DERIBIT:PERP:SOL-USDC", "--yes")
    expected = lake.by_files()
    assert by_pyiceberg(lake.metadata()) == {(DAY, key): expected[DAY, key]}
    lake.publish("--instruments", other)
    assert set(by_pyiceberg(lake.metadata())) == {(DAY, key), (DAY, other)}
    assert lake.publish()[0]["trades"]["covers"] == "lake"
    assert_same(lake)


def test_a_moved_lake_is_published_anew(lake):
    lake.publish()
    moved = lake.folder / "elsewhere"
    lake.lake.rename(moved)
    before, lake.lake = lake.lake, moved
    published, said = lake.publish()
    assert published["trades"]["moved_from"] == f"{before}/iceberg/trades" and "lay elsewhere" in said
    assert_same(lake)
    assert lake.publish()[0]["trades"]["outcome"] == "unchanged"


def test_readers_open_few_files(lake):
    lake.publish()
    table = StaticTable.from_metadata(str(lake.metadata()))
    for where, files in [
        (f"local_timestamp >= '{NEXT_DAY}T00:00:00+00:00'", 1),
        (f"local_timestamp < '{DAY}T00:00:00+00:00'", 0),
        ("instrument_key = 'DERIBIT:PERP:ETH-USD'", 1),
        ("instrument_key LIKE 'DERIBIT:%'", 3),
        ("instrument_key LIKE 'BINANCE:%'", 0),
        ("price > 1040", 1),
        ("amount > 50", 0),
    ]:
        assert len(list(table.scan(row_filter=where).plan_files())) == files, where


def test_another_avro_reader_reads_manifests(lake):
    lake.publish()
    lists = list(lake.metadata().parent.glob("v1-*-list.avro"))
    manifests = list(fastavro.reader(lists[0].open("rb")))
    assert len(lists) == 1 and [manifest["added_files_count"] for manifest in manifests] == [2, 1]
    names = ["instrument_key", "timestamp", "local_timestamp", "id", "side", "price", "amount"]
    for manifest in manifests:
        path = pathlib.Path(manifest["manifest_path"])
        assert path.stat().st_size == manifest["manifest_length"]
        for entry in fastavro.reader(path.open("rb")):
            file = entry["data_file"]
            metadata = pq.read_metadata(file["file_path"])
            assert file["record_count"] == metadata.num_rows
            assert file["file_size_in_bytes"] == os.path.getsize(file["file_path"])
            assert f"day-{file['partition']['local_timestamp_day']}/" in file["file_path"]
            pairs = {kind: {pair["key"]: pair["value"] for pair in file[kind]}
                     for kind in ("null_value_counts", "value_counts", "lower_bounds", "upper_bounds")}
            table = pq.read_table(file["file_path"])
            for number, name in enumerate(names, start=1):
                assert pairs["null_value_counts"][number] == table[name].null_count
                assert pairs["value_counts"][number] == len(table)
                values = table[name].cast("string") if name in ("instrument_key", "side") else table[name]
                for kind, value in zip(("lower_bounds", "upper_bounds"), pc.min_max(values).as_py().values()):
                    assert pairs[kind][number] == in_bytes(value), (name, kind)


def in_bytes(value):
    import struct

    if isinstance(value, str):
        return value.encode()
    if isinstance(value, float):
        return struct.pack("<d", value)
    return struct.pack("<q", round(value.timestamp() * 1_000_000))


def test_a_publish_that_was_killed_leaves_the_old_table(lake, figures):
    lake.publish()
    started = time.monotonic()
    lake.trades("BTC-PERPETUAL", 60, factor=2)
    lake.download("--force")
    lake.publish()
    span, killed, trials = time.monotonic() - started, 0, 40 if IS_LONG else 6
    for trial in range(trials):
        before = by_pyiceberg(lake.metadata())
        lake.trades("BTC-PERPETUAL", 61 + trial, factor=trial + 3)
        lake.download("--force")
        command = [PROGRAM, "publish", "iceberg", "--lake", lake.lake]
        process = subprocess.Popen(list(map(str, command)), env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(span / 3 * trial / trials)
        process.kill()
        killed += process.wait() != 0
        now = json.loads(lake.metadata().read_text())
        files = StaticTable.from_metadata(str(lake.metadata())).scan().plan_files()
        assert {task.file.file_path for task in files} and now["current-snapshot-id"]
        assert len(before) == len({task.file.file_path for task in files})
        lake.publish()
        assert_same(lake, {"pyiceberg": by_pyiceberg})
    figures(publishes_killed=killed)
    document = json.loads(lake.metadata().read_text())
    assert document["metadata-log"], "the version before is named"
    versions = list(lake.metadata().parent.glob("v*.metadata.json"))
    assert len(versions) <= 6, "older versions go"
    lists = {snapshot["manifest-list"] for path in versions for snapshot in json.loads(path.read_text())["snapshots"]}
    needed = {manifest["manifest_path"] for path in lists for manifest in fastavro.reader(open(path, "rb"))} | lists
    assert set(map(str, lake.metadata().parent.glob("*.avro"))) == needed, "what killed processes left is removed"


def test_of_two_publishers_both_end_well(lake):
    lake.publish()
    for trial in range(20 if IS_LONG else 2):
        lake.trades("ETH-PERPETUAL", 40 + trial)
        lake.download("--force")
        command = list(map(str, [PROGRAM, "publish", "iceberg", "--lake", lake.lake]))
        both = [subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
        for process in both:
            said = process.communicate(timeout=120)[1].decode()
            assert process.returncode == 0, said
        assert_same(lake, {"pyiceberg": by_pyiceberg})


def test_what_cannot_be_trusted_is_in_no_table(lake):
    path = partition(lake.lake, "trades", "DERIBIT:PERP:ETH-USD")
    content = bytearray(path.read_bytes())
    content[60] ^= 1
    path.write_bytes(content)
    said = lake.mtdh("publish", "iceberg", "--verify", expect=2).stderr
    assert "DERIBIT:PERP:ETH-USD" in said and not (lake.lake / "iceberg").exists(), "nothing is published of what is not proved"
    content[-20] ^= 1
    path.write_bytes(content)
    published = lake.mtdh("publish", "iceberg", "--format", "json", expect=1)
    report = json.loads(published.stdout)
    assert "DERIBIT:PERP:ETH-USD" in report["unreadable"][0] and report["tables"][0]["files"] == 2


def test_candles_are_tables(lake):
    lake.mtdh("candles", "--start-date", DAY, "--timeframes", "1m,24h")
    published, _ = lake.publish()
    assert set(published) == {"trades", "candles_1m", "candles_24h"}
    for timeframe in ("1m", "24h"):
        files = lake.lake.glob(f"processed_candles/by_date/day-*/timeframe-{timeframe}/*.parquet")
        expected = sorted((path.stem, pq.read_metadata(path).num_rows) for path in files)
        table = StaticTable.from_metadata(str(lake.metadata(f"candles_{timeframe}"))).scan().to_arrow()
        counts = pc.value_counts(table["instrument_key"]).to_pylist()
        assert sorted((count["values"], count["counts"]) for count in counts) == [one for one in expected if one[1]]
        assert pc.sum(table["volume"]).as_py() == sum(range(1, 51)) + sum(range(1, 31))


def test_metadata_that_others_wrote_is_refused(lake):
    lake.publish()
    path = lake.metadata()
    path.write_text(path.read_text().replace("-list.avro", "-lost.avro"))
    said = lake.mtdh("publish", "iceberg", expect=2).stderr
    assert "is not what mtdh publishes" in said and "move the table's folder away" in said


@pytest.mark.parametrize("timeframe", ["7m", "x"])
def test_wrong_words_are_refused(lake, timeframe):
    assert timeframe in lake.mtdh("publish", "iceberg", "--timeframes", timeframe, expect=2).stderr
    assert "limited number" in lake.mtdh("publish", "iceberg", "--max-instruments", "3", expect=2).stderr


def test_a_bucket_of_s3_is_read_by_its_own_address(s3_server, tmp_path):
    client, env = s3_server
    lake = Lake(tmp_path)
    lake.trades("BTC-PERPETUAL", 5)
    url = "s3://lake/iceberg of mine"
    run_mtdh("download", "--source", lake.files, "--start-date", DAY, "--venues", "DERIBIT", "--data-types", "trades", "--lake", url, env=env)
    said = run_mtdh("publish", "iceberg", "--format", "json", "--lake", url, env=env).stdout
    metadata = json.loads(said)["tables"][0]["metadata"]
    assert metadata == f"{url}/iceberg/trades/metadata/v1.metadata.json"
    address = next(value for name, value in env.items() if name.startswith("AWS_ENDPOINT"))
    settings = {"s3.endpoint": address, "s3.access-key-id": "x", "s3.secret-access-key": "y", "s3.region": "us-east-1"}
    table = StaticTable.from_metadata(metadata, settings)
    assert by_arrow(table.scan().to_arrow()) == {(DAY, "DERIBIT:PERP:BTC-USD"): (5, 15.0)}
    again = run_mtdh("publish", "iceberg", "--format", "json", "--lake", url, env=env).stdout
    assert json.loads(again)["tables"][0]["outcome"] == "unchanged"


def test_sync_publishes_again(sim, tmp_path):
    vendor = vendor_only(sim("--small"))
    lake, key = Lake(tmp_path), "DERIBIT:PERP:BTC-USD"
    run = lambda *words: run_mtdh(*words, "--lake", lake.lake, env=vendor)
    run("want", "add", "one", "--start-date", DAY, "--end-date", DAY, "--instruments", key, "--data-types", "trades")
    said = run("sync").stderr
    assert "Iceberg" not in said and not (lake.lake / "iceberg").exists(), "nobody asked for tables"
    lake.publish()
    run("want", "add", "two", "--start-date", DAY, "--end-date", DAY, "--instruments", "DERIBIT:PERP:BTC-USDC", "--data-types", "trades")
    assert "Iceberg table trades: version 2, 2 files" in run("sync").stderr
    assert len(assert_same(lake)) == 2
    assert "Iceberg" not in run("sync").stderr, "nothing changed"
