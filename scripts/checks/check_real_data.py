"""Recorded files go the whole way (a folder as source, the lake) and come back cell by cell equal to the CSV.

The CSV is read by Python's csv module, numbers are compared as decimals."""

import collections
import csv
import datetime
import decimal
import os
import pathlib
import re
import tempfile

import pyarrow.parquet

from checker import stored_name
from stage import ROOT, done, footer, mtdh, skipped

DATA = pathlib.Path(os.environ.get("MTDH_RECORDED", ROOT.parent / "shared/data"))


def data_type_of(path):
    """The data type that a recorded file's name tells."""
    return re.search(r"(trades|incremental_book_L2|book_snapshot_25|book_snapshot_5|quotes|book_ticker|"
                     r"derivative_ticker|liquidations|options_chain)", path.name).group(1)


def dataset_symbol(symbol):
    return symbol.replace("/", "-").replace(":", "-").upper()


def split(path, folder):
    """Writes a file's rows as vendor files of one instrument and day each; a group's file stays as it is."""
    with path.open(newline="") as file:
        reader = csv.reader(file)
        header = next(reader)
        parts = collections.defaultdict(list)
        for row in reader:
            exchange, symbol, local = row[0], row[1], int(row[header.index("local_timestamp")])
            day = datetime.datetime.fromtimestamp(local / 1e6, datetime.timezone.utc).date()
            parts[exchange, dataset_symbol(symbol), str(day)].append(row)
    for (exchange, symbol, day), rows in parts.items():
        yield header, exchange, symbol, day, rows


def check_cells(table, header, rows, where):
    assert table.num_rows == len(rows), (where, table.num_rows, len(rows))
    checked = 0
    for index, column in enumerate(header):
        if column in ("exchange", "symbol"):
            continue
        stored = table[stored_name(column)]
        if "timestamp" in str(stored.type):
            stored = stored.cast("int64")
        for row, value in zip(rows, stored.to_pylist()):
            text = row[index]
            if text == "":
                assert value is None, (where, column, value)
            elif isinstance(value, float):
                assert decimal.Decimal(repr(value)) == decimal.Decimal(text), (where, column, value, text)
            elif isinstance(value, bool):
                assert text == str(value).lower(), (where, column, value, text)
            else:
                assert str(value) == text, (where, column, value, text)
            checked += 1
    return checked


def main():
    if not DATA.is_dir():
        skipped("recorded data is not there")
        done(0)
        return
    files = cells = 0
    for path in sorted([*DATA.glob("tardis_csv/*.csv"), *DATA.glob("derived_csv/*.csv")]):
        data_type = data_type_of(path)
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            source, lake = folder / "source", folder / "lake"
            source.mkdir()
            parts = list(split(path, source))
            groups = collections.defaultdict(list)
            for header, exchange, symbol, day, rows in parts:
                file_symbol = "OPTIONS" if data_type == "options_chain" else symbol
                groups[exchange, file_symbol, day].extend(rows)
            for (exchange, symbol, day), rows in groups.items():
                with (source / f"{exchange}_{data_type}_{day}_{symbol}.csv").open("w", newline="") as out:
                    writer = csv.writer(out, lineterminator="\n")
                    writer.writerow(header)
                    writer.writerows(rows)
            for exchange, day in {(part[1], part[3]) for part in parts}:
                mtdh("download", "--source", source, "--lake", lake, "--venues", exchange, "--start-date", day,
                     "--data-types", data_type, "--instrument-types", "SPOT_PAIR", "PERP", "FUTURE", "OPTION", "COMBO",
                     "PREDICTION")
            stored = {}
            for out in lake.glob("raw_tick_data/by_date/*/*/*.parquet"):
                facts = footer(out)
                stored[facts["mtdh.source_exchange"], dataset_symbol(facts["mtdh.source_symbol"]), facts["mtdh.day"]] = out
            for header, exchange, symbol, day, rows in parts:
                where = (path.name, exchange, symbol, day)
                out = stored.pop((exchange, symbol, day), None)
                assert out is not None, ("not in the lake", where)
                assert footer(out)["mtdh.source_symbol"] == rows[0][1], where
                cells += check_cells(pyarrow.parquet.read_table(out), header, rows, where)
            assert not stored, ("nobody asked for", stored)
        files += 1
        print(f"{path.name}: {len(parts)} partitions")
    print(f"{cells} cells of {files} files are equal")
    done(files)


if __name__ == "__main__":
    main()
