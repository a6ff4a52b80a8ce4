"""What is planted in lakes so that the checker and the recount find it: files with other rows, or other facts in their footers."""

import zlib

import blake3
import pyarrow as pa
import pyarrow.parquet as pq

from stage import DAY, footer, partition

KEY = "DERIBIT:PERP:BTC-USD"
SEALS = {b"mtdh.data_blake3": 64, b"mtdh.tail_crc32": 8}


class Places:
    """Where things are in a lake."""

    def __init__(self, lake):
        self.lake, self.trades, self.quiet = lake, partition(lake, "trades", KEY), partition(lake, "liquidations", KEY)
        self.report = lake / f"available_tick_data/by_date/day-{DAY}/available_data.parquet"
        self.missing = lake / f"missing_data_reports/by_date/day-{DAY}/missing_data.parquet"
        self.instruments = lake / f"instrument_availability/by_date/day-{DAY}/instruments.parquet"
        self.aggregate = lake / "instrument_availability/aggregate/instruments_20240229_20240301.parquet"
        self.candles = lake / f"processed_candles/by_date/day-{DAY}/timeframe-1h/{KEY}.parquet"
        self.quarantine = lake / f"quarantine/by_date/day-{DAY}/data_type-quotes/{KEY}.jsonl"


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


def other(column, value, row=0):
    """A row with another value; `value` may be a function of the one that is there."""
    def changed(table):
        values = table[column].to_pylist()
        values[row] = value(values[row]) if callable(value) else value
        field = table.schema.field(column)
        return table.set_column(table.schema.get_field_index(column), column, pa.array(values, field.type))

    return changed


def more(column, by, row=0):
    """A row whose number is so much more; nothing in the object tells."""
    return other(column, lambda value: value + by, row)


def flip(path, at):
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def new(path, content=b"half an obj"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
