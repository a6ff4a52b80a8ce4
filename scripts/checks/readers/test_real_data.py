"""Recorded files go the whole way (a folder as source, the lake) and come back cell by cell equal to the CSV.

The CSV is read by Python's csv module, numbers are compared as decimals."""

import collections
import csv
import datetime
import os
import pathlib
import re

import pyarrow.parquet
import pytest

from checker import is_equal, stored_name
from stage import ROOT, footer

DATA = pathlib.Path(os.environ.get("MTDH_RECORDED", ROOT.parent / "shared/data"))
FILES = sorted([*DATA.glob("tardis_csv/*.csv"), *DATA.glob("derived_csv/*.csv")])
TYPES = ["SPOT_PAIR", "PERP", "FUTURE", "OPTION", "COMBO", "UNKNOWN", "PREDICTION"]
Part = collections.namedtuple("Part", "header exchange symbol day rows")


def data_type_of(path):
    """The data type that a recorded file's name tells."""
    return re.search(r"(trades|incremental_book_L2|book_snapshot_25|book_snapshot_5|quotes|book_ticker|"
                     r"derivative_ticker|liquidations|options_chain)", path.name).group(1)


def dataset_symbol(symbol):
    return symbol.replace("/", "-").replace(":", "-").upper()


def split(path):
    """A file's rows as those of one instrument and day each."""
    with path.open(newline="") as file:
        reader = csv.reader(file)
        header = next(reader)
        parts = collections.defaultdict(list)
        for row in reader:
            local = int(row[header.index("local_timestamp")])
            day = datetime.datetime.fromtimestamp(local / 1e6, datetime.timezone.utc).date()
            parts[row[0], dataset_symbol(row[1]), str(day)].append(row)
    return [Part(header, *place, rows) for place, rows in parts.items()]


def write(parts, data_type, folder):
    """Vendor files of these rows; a group's file stays as it is."""
    groups = collections.defaultdict(list)
    for part in parts:
        groups[part.exchange, "OPTIONS" if data_type == "options_chain" else part.symbol, part.day] += part.rows
    folder.mkdir()
    for (exchange, symbol, day), rows in groups.items():
        with (folder / f"{exchange}_{data_type}_{day}_{symbol}.csv").open("w", newline="") as out:
            csv.writer(out, lineterminator="\n").writerows([parts[0].header, *rows])


def assert_cells_are_equal(table, part):
    """Every cell of an object is what the file says; gives their number."""
    assert table.num_rows == len(part.rows)
    columns = [(index, column) for index, column in enumerate(part.header) if column not in ("exchange", "symbol")]
    for index, column in columns:
        stored = table[stored_name(column)]
        if "timestamp" in str(stored.type):
            stored = stored.cast("int64")
        for row, value in zip(part.rows, stored.to_pylist()):
            assert is_equal(value, row[index]), (part[1:4], column, value, row[index])
    return len(columns) * len(part.rows)


@pytest.mark.parametrize("path", FILES or [None], ids=[path.name for path in FILES] or ["none"])
def test_a_recorded_file(tmp_path, mtdh, figures, path):
    if path is None:
        if not DATA.is_dir():
            pytest.skip("recorded data is not there")
        return
    source, lake, data_type, parts = tmp_path / "source", tmp_path / "lake", data_type_of(path), split(path)
    write(parts, data_type, source)
    for exchange, day in {(part.exchange, part.day) for part in parts}:
        mtdh("download", "--source", source, "--lake", lake, "--venues", exchange, "--start-date", day,
             "--data-types", data_type, "--instrument-types", *TYPES)
    stored = {}
    for out in lake.glob("raw_tick_data/by_date/*/*/*.parquet"):
        facts = footer(out)
        stored[facts["mtdh.source_exchange"], dataset_symbol(facts["mtdh.source_symbol"]), facts["mtdh.day"]] = out
    cells = 0
    for part in parts:
        out = stored.pop(part[1:4], None)
        assert out is not None, ("not in the lake", part[1:4])
        assert footer(out)["mtdh.source_symbol"] == part.rows[0][1]
        cells += assert_cells_are_equal(pyarrow.parquet.read_table(out), part)
    assert not stored, ("nobody asked for", stored)
    figures(files=1, partitions=len(parts), cells=cells)
