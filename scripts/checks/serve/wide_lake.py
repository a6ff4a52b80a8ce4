"""A lake of many small partitions, with gaps, long names, bad rows and bad bytes, as a year of a venue leaves it.

    python scripts/checks/serve/wide_lake.py FOLDER [PARTITIONS]

Objects are made as version 0.1.0 made them, without checksums, since only the program itself makes those.
"""

import datetime
import pathlib
import sys

import pyarrow
import pyarrow.parquet

DAYS = 365
FIRST = datetime.date(2023, 3, 2)
# Days of which there is nothing.
GAPS = {100, 101, 102, 250}
WORD = pyarrow.dictionary(pyarrow.int32(), pyarrow.string())
TIME = pyarrow.timestamp("us", tz="UTC")


def keys(count):
    """Keys of several venues and types; every tenth is as long as names get."""
    kinds = ["DERIBIT:PERP:A{}-USD", "DERIBIT:OPTION:BTC-USD-241227-{}000-CALL", "BINANCE:SPOT_PAIR:B{}-USDT",
             "OKX-SWAP:PERP:C{}-USDT", "BYBIT:PERP:D{}-USDT"]
    long = "BINANCE:SPOT_PAIR:" + "L" * 60 + "{}-USDT"
    return [(long if place % 10 == 9 else kinds[place % len(kinds)]).format(place + 1) for place in range(count)]


def rows(key, day, is_bad):
    """Two trades, and the pairs of their footer; bad ones, so that a check has something to find, have a price below zero."""
    start = int(datetime.datetime.combine(day, datetime.time(), datetime.UTC).timestamp()) * 1_000_000
    times = [start + 1_000_000, start + 2_000_000]
    schema = pyarrow.schema([
        pyarrow.field("instrument_key", WORD, False), pyarrow.field("timestamp", TIME, False),
        pyarrow.field("local_timestamp", TIME, False), pyarrow.field("id", pyarrow.string(), True),
        pyarrow.field("side", WORD, False), pyarrow.field("price", pyarrow.float64(), False),
        pyarrow.field("amount", pyarrow.float64(), False)])
    pairs = {
        "mtdh.arrival_regressions": "0", "mtdh.data_type": "trades", "mtdh.day": str(day), "mtdh.inexact_numbers": "0",
        "mtdh.instrument_key": key, "mtdh.rows_in": "2", "mtdh.rows_out": "2", "mtdh.rows_rejected": "0",
        "mtdh.schema_version": "1", "mtdh.status": "stored", "mtdh.source": f"x/trades/{day:%Y/%m/%d}/X.csv.gz",
        "mtdh.source_exchange": "x", "mtdh.source_symbol": "X", "mtdh.source_bytes": "100", "mtdh.source_sha256": "ab" * 32,
        "mtdh.timestamp_min": str(times[0]), "mtdh.timestamp_max": str(times[1]),
        "mtdh.local_timestamp_min": str(times[0]), "mtdh.local_timestamp_max": str(times[1])}
    columns = [pyarrow.array([key, key]).dictionary_encode(), pyarrow.array(times, TIME), pyarrow.array(times, TIME),
               pyarrow.array(["1", None]), pyarrow.array(["buy", "sell"]).dictionary_encode(),
               pyarrow.array([-1.5 if is_bad else 1.5, 2.5]), pyarrow.array([1.0, 2.0])]
    return pyarrow.Table.from_arrays(columns, schema=schema), pairs


def write(path, table, pairs):
    """The pairs are the footer's own: those of a schema are not written without the schema of Arrow."""
    options = {"store_schema": False, "compression": "none", "write_statistics": False}
    with pyarrow.parquet.ParquetWriter(path, table.schema, **options) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata(pairs)


def make(folder, partitions, days=DAYS):
    """Makes it; gives how many partitions it has."""
    days = [number for number in range(days) if number not in GAPS]
    names = keys(partitions // len(days) + 1)
    made = 0
    for number in days:
        day = FIRST + datetime.timedelta(days=number)
        below = pathlib.Path(folder) / f"raw_tick_data/by_date/day-{day}/data_type-trades"
        below.mkdir(parents=True)
        for place, key in enumerate(names):
            path = below / f"{key}.parquet"
            if (number * 31 + place) % 997 == 0:
                path.write_bytes(b"PAR1 these are no rows PAR1")
            else:
                write(path, *rows(key, day, place % 13 == 5))
            made += 1
    return made


if __name__ == "__main__":
    print(make(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 100_000), "partitions")
