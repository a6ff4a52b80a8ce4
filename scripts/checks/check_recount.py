"""The recount, recounted: it is silent about a sound lake, and finds each thing that is planted in one. What is planted has digests
that fit, where it does not say otherwise, so that the counts alone can tell."""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import zlib

import blake3
import pyarrow as pa
import pyarrow.parquet as pq

from recount import of_folder, recount
from stage import DAY, done, footer, mtdh, partition, sim

KEY, OTHER = "DERIBIT:PERP:BTC-USD", "DERIBIT:PERP:ETH-USD"
WORDS = ["--start-date", DAY, "--instruments", "DERIBIT:PERP:*", "--data-types", "trades", "liquidations"]
RANGE = ["--start-date", "2024-02-29", "--end-date", DAY, "--venues", "DERIBIT"]
SEALS = {b"mtdh.data_blake3": 64, b"mtdh.tail_crc32": 8}


def place(content, name):
    """Where a seal's value stands in a file: after its name and two bytes."""
    at = content.rfind(name) + len(name) + 2
    return slice(at, at + SEALS[name])


def write(path, table, facts):
    """A file of these rows and facts whose digests fit."""
    facts = {**facts, "mtdh.data_bytes": "0", "mtdh.data_blake3": "0" * 64, "mtdh.tail_crc32": "0" * 8}
    for _ in range(2):
        pq.write_table(table.replace_schema_metadata(facts), path, write_page_checksum=True)
        content = bytearray(path.read_bytes())
        # The data part ends where the footer begins: there are no page indexes.
        facts["mtdh.data_bytes"] = str(len(content) - 8 - int.from_bytes(content[-8:-4], "little"))
    length = int(facts["mtdh.data_bytes"])
    content[place(content, b"mtdh.data_blake3")] = blake3.blake3(content[:length]).hexdigest().encode()
    content[place(content, b"mtdh.tail_crc32")] = f"{zlib.crc32(content[length:]):08x}".encode()
    path.write_bytes(content)


def change(path, rows=lambda table: table, **facts):
    """A file with other rows, or other facts."""
    write(path, rows(pq.read_table(path, partitioning=None)), {**footer(path), **{f"mtdh.{n}": v for n, v in facts.items()}})


def without(number):
    return lambda table: pa.concat_tables([table.slice(0, number), table.slice(number + 1)])


def twice(table):
    return pa.concat_tables([table.slice(0, 1), table])


def other(column, value):
    """The first row with another value."""
    def changed(table):
        values = table[column].to_pylist()
        return table.set_column(table.schema.get_field_index(column), column, pa.array([value, *values[1:]], table.schema.field(column).type))

    return changed


def other_price(path):
    """One price is another; nothing in the object tells."""
    change(path, lambda table: other("price", table["price"][0].as_py() + 0.5)(table))


def flip(path, at):
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def new(path, content=b"half an obj"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def plants(lake):
    """What must be found, and what plants it."""
    trades, quiet = partition(lake, "trades", KEY), partition(lake, "liquidations", KEY)
    report = lake / f"available_tick_data/by_date/day-{DAY}/available_data.parquet"
    missing = lake / f"missing_data_reports/by_date/day-{DAY}/missing_data.parquet"
    instruments = lake / f"instrument_availability/by_date/day-{DAY}/instruments.parquet"
    aggregate = lake / "instrument_availability/aggregate/instruments_20240229_20240301.parquet"
    candles = lake / f"processed_candles/by_date/day-{DAY}/timeframe-1h/{KEY}.parquet"
    rows = int(footer(trades)["mtdh.rows_out"])
    unlike = {"date": DAY, "instrument_key": KEY, "data_type": "trades", "status": "missing", "reason": "missing"}
    yield "data_blake3 of", lambda: other_price(trades)
    yield f"{rows - 1} rows are there; its footer says {rows} in", lambda: change(trades, without(4))
    yield f"rows of {trades.relative_to(lake)} is {rows}", lambda: change(trades, without(4), rows_in=str(rows - 1), rows_out=str(rows - 1))
    yield f"{rows + 1} rows are there", lambda: change(trades, twice)
    yield "timestamp_min is", lambda: change(trades, without(0))
    yield "arrived before the row above", lambda: change(trades, arrival_regressions="3")
    yield "0 rows are in quarantine, its footer says 1", lambda: change(trades, rows_in=str(rows + 1), rows_rejected="1")
    yield "its status is empty", lambda: change(trades, status="empty")
    yield "its status is absent", lambda: change(quiet, status="absent")
    yield "another partition", lambda: change(trades, data_type="quotes")
    yield "its source is", lambda: change(trades, source="deribit/trades/2024/03/02/BTC-PERPETUAL.csv.gz")
    yield f"a row is of {OTHER}", lambda: change(trades, other("instrument_key", OTHER))
    yield "cannot be read", lambda: flip(trades, 200)
    yield "not that of mtdh.data_blake3", lambda: flip(trades, 0)
    yield "not that of mtdh.tail_crc32", lambda: flip(trades, place(trades.read_bytes(), b"mtdh.data_blake3").start)
    yield "cannot be read", lambda: trades.write_bytes(trades.read_bytes()[:-5])
    yield "an object that is not there", trades.unlink
    yield "no row in the day's report", lambda: change(report, without(0))
    yield "two rows of", lambda: change(report, twice)
    yield "status of", lambda: change(report, other("status", "absent"))
    yield "`missing` of", lambda: write(missing, pa.table({f.name: pa.array([unlike.get(f.name, "x")], f.type) for f in pq.read_schema(missing)}), footer(missing))
    yield "a key stands there twice", lambda: change(instruments, twice)
    yield "not in the order of the keys", lambda: change(instruments, lambda t: pa.concat_tables([t.slice(1), t.slice(0, 1)]))
    yield "the days' tables have", lambda: change(aggregate, without(3))
    yield "the first that differs", lambda: change(instruments, other("tick_size", 77.0))
    yield "rows are there, its footer says", lambda: change(candles, without(3))
    yield "stale: it was made of `trades", lambda: change(candles, inputs=footer(candles)["mtdh.inputs"].replace("sha256=", "sha256=0"))
    yield "stale: it was made of `trades 2024-02-29", lambda: change(candles, inputs=footer(candles)["mtdh.inputs"].replace("2024-02-29 missing", "2024-02-29 none"))
    yield "of something else", lambda: change(candles, timeframe="1m")
    yield "a leftover: _tmp/mtdh-x", lambda: new(lake / "_tmp/mtdh-x/part")
    yield "the layout has no such path: ", lambda: new(trades.with_suffix(".parquet.part"))
    yield "the object whose rows these are is not there", lambda: new(
        lake / f"quarantine/by_date/day-{DAY}/data_type-quotes/{KEY}.jsonl", b'{"line":2,"reason":"x","text":"y"}\n')


def check_plants(sound, folder):
    """Each is found; of every eighth the command says so too."""
    count = len(list(plants(sound)))
    for number in range(count):
        lake = folder / "planted"
        shutil.copytree(sound, lake)
        word, plant = list(plants(lake))[number]
        plant()
        found = recount(*of_folder(lake))
        assert any(word.removesuffix(": ") in text for text in found), (number, word, found)
        if number % 8 == 0:
            status, said = command(lake)
            assert status == 1 and found[0] in said, (status, said)
        shutil.rmtree(lake)
    return count


def command(*words):
    run = subprocess.run([sys.executable, pathlib.Path(__file__).with_name("recount.py"), *map(str, words)], capture_output=True, text=True)
    return run.returncode, run.stdout


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        sound = folder / "sound"
        with sim("--small") as vendor:
            mtdh("full-pipeline", *WORDS, "--lake", sound, env=vendor)
            mtdh("candles", *WORDS[:4], "--timeframes", "1h", "--lake", sound, env=vendor)
            mtdh("instruments", *RANGE, "--lake", sound, env=vendor)
        objects, leftovers = of_folder(sound)
        assert recount(objects, leftovers) == [], recount(objects, leftovers)[:5]
        kinds = {name.split("/")[0] for name in objects}
        assert kinds >= {"raw_tick_data", "processed_candles", "instrument_availability", "available_tick_data",
                         "missing_data_reports", "runs"}, kinds
        checks = check_plants(sound, folder)
        # What must be there, by others' count.
        expected = {str(partition("", "trades", KEY)): int(footer(partition(sound, "trades", KEY))["mtdh.rows_out"])}
        for rows, status in ((0, 0), (1, 1)):
            (folder / "expected").write_text(json.dumps({path: count + rows for path, count in expected.items()}))
            assert command("--expect", folder / "expected", sound)[0] == status
        # The vendor's files become others, and all that is told of them with them, but for the candles.
        with sim("--small", "--seed", "2") as vendor:
            mtdh("download", *WORDS, "--force", "--lake", sound, env=vendor)
            mtdh("validate", *WORDS, "--lake", sound, env=vendor)
        found = recount(*of_folder(sound))
        assert found and all("stale: it was made of" in text for text in found), found[:5]
        # Of many lakes in one folder, and of none.
        (folder / "every").mkdir()
        assert command("--every", folder / "every")[0] == 1
        shutil.copytree(sound, folder / "every/stale")
        assert command("--every", folder / "every")[0] == 1
    done(checks + 6)


if __name__ == "__main__":
    main()
