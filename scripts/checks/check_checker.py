"""The checker of the checks of faults, checked itself: it is silent about a sound lake, and finds what is planted in one."""

import json
import pathlib
import shutil
import tempfile
import urllib.request

import pyarrow as pa
import pyarrow.parquet as pq

from checker import Bucket, Folder, findings
from stage import DAY, done, mtdh, partition, sim
from truth import truth

TYPES = ["PERP", "OPTION"]
DATA_TYPES = ["trades", "liquidations", "options_chain"]
WORDS = ["--start-date", DAY, "--venues", "DERIBIT", "--instrument-types", *TYPES, "--data-types", *DATA_TYPES]
KEY = "DERIBIT:PERP:BTC-USD"


def rewrite(path, change, **facts):
    """An object with other rows, and a footer that fits them: only the truth can tell."""
    table, metadata = pq.read_table(path), dict(pq.read_metadata(path).metadata)
    table = change(table)
    rows = str(table.num_rows).encode()
    metadata.update({b"mtdh.rows_in": rows, b"mtdh.rows_out": rows})
    metadata.update({f"mtdh.{name}".encode(): value.encode() for name, value in facts.items()})
    pq.write_table(table.replace_schema_metadata(metadata), path)


def other_price(table):
    prices = table["price"].to_pylist()
    prices[2] += 0.5
    return table.set_column(table.schema.get_field_index("price"), "price", pa.array(prices))


def plants(lake):
    """What is planted, and a word of what must be found."""
    trades = partition(lake, "trades", KEY)
    table = pathlib.Path(lake) / f"instrument_availability/by_date/day-{DAY}/instruments.parquet"
    first = lambda t, n: pa.concat_tables([t.slice(0, n), t.slice(n + 1)])
    twice = lambda t: pa.concat_tables([t.slice(0, 3), t.slice(2)])
    swapped = lambda t: pa.concat_tables([t.slice(1, 1), t.slice(0, 1), t.slice(2)])
    yield "1 rows are lost", lambda: rewrite(trades, lambda t: first(t, 4))
    yield "1 rows are doubled", lambda: rewrite(trades, twice)
    yield "row 3 is changed", lambda: rewrite(trades, other_price)
    yield "row 1 is changed or moved", lambda: rewrite(trades, swapped)
    yield "a false empty", lambda: rewrite(trades, lambda t: t.slice(0, 0), status="empty")
    yield "a false absent", lambda: rewrite(trades, lambda t: t.slice(0, 0), status="absent")
    yield "rows are not conserved", lambda: rewrite(trades, lambda t: t, rows_rejected="1")
    yield "is another partition", lambda: rewrite(trades, lambda t: t, data_type="quotes")
    yield "no Parquet file", lambda: trades.write_bytes(trades.read_bytes()[:-5])
    yield "a false complete", trades.unlink
    yield "a leftover: _tmp/mtdh-x/part", lambda: leave(pathlib.Path(lake) / "_tmp/mtdh-x/part")
    yield "a leftover: raw_tick_data", lambda: leave(partition(lake, "trades", "DERIBIT:PERP:NO-USD"))
    yield "the instrument table lacks", lambda: rewrite(table, lambda t: first(t, 4))
    yield "the instrument table has", lambda: rewrite(table, twice)
    report = pathlib.Path(lake) / f"missing_data_reports/by_date/day-{DAY}/missing_data.parquet"
    yield "the report of what is missing", lambda: rewrite(report, lambda t: pa.table(
        {f.name: pa.array([{"date": DAY, "instrument_key": KEY, "data_type": "trades"}.get(f.name, "x")], f.type)
         for f in t.schema}))


def leave(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"half an obj")


def main():
    checks = 0
    with sim("--small") as vendor, tempfile.TemporaryDirectory() as folder:
        expected = truth(vendor, DAY, ["deribit"], TYPES, DATA_TYPES)
        kinds = [one.status for one in expected.partitions.values()]
        assert kinds.count("stored") > 20 and kinds.count("empty") > 5, kinds
        sound = f"{folder}/sound"
        mtdh("full-pipeline", *WORDS, "--lake", sound, env=vendor)
        verdict = 0, json.loads(mtdh("validate", *WORDS, "--lake", sound, "--format", "json", env=vendor))
        assert findings(expected, Folder(sound), 0, verdict) == [], findings(expected, Folder(sound), 0, verdict)
        for number in range(len(list(plants(sound)))):
            lake = f"{folder}/planted"
            shutil.copytree(sound, lake)
            word, plant = list(plants(lake))[number]
            plant()
            found = findings(expected, Folder(lake), 0, verdict)
            assert any(word in text for text in found), (word, found)
            shutil.rmtree(lake)
            checks += 1
        mtdh("full-pipeline", *WORDS, env=vendor)
        bucket = Bucket(vendor, vendor["GCS_BUCKET"])
        assert findings(expected, bucket, 0, verdict) == []
        begin = urllib.request.Request(f"{bucket.address}/raw_tick_data/x?uploads", method="POST", data=b"")
        urllib.request.urlopen(begin).close()
        assert findings(expected, bucket, 0, verdict) == ["a leftover: an unfinished upload"]
        checks += 3
    done(checks)


if __name__ == "__main__":
    main()
