"""A recording and the vendor's files of the same day, compared the whole way.

A stand-in is recorded. What was received becomes raw slices as the vendor's `data-feeds` has them, of which `live replay` makes the day
again; the recorded rows become the vendor's CSV files, which `download --source` takes. `live compare` must find what is planted in
either, with its cause, and nothing else."""

import csv
import datetime
import gzip
import json

import pyarrow.parquet as pq
import pytest

import fast_clock
import read_capture
import stage
from stand_in import SYMBOLS, exchange, gaps, record

# The header rows of the vendor's files, docs.tardis.dev/downloadable-csv-files, read 2026-11-30.
HEADERS = {
    "trades": "exchange,symbol,timestamp,local_timestamp,id,side,price,amount",
    "incremental_book_L2": "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount",
    "book_ticker": "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount",
    "derivative_ticker": "exchange,symbol,timestamp,local_timestamp,funding_timestamp,funding_rate,predicted_funding_rate,"
                         "open_interest,last_price,index_price,mark_price",
}
KEYS = {"binance-futures": "BINANCE-FUTURES:PERP:BTC-USDT", "deribit": "DERIBIT:PERP:BTC-USD", "bybit": "BYBIT:PERP:BTC-USDT"}
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
# The vendor's recorder stands elsewhere.
LATER = datetime.timedelta(milliseconds=2)


def micros(time):
    return (time - EPOCH) // datetime.timedelta(microseconds=1)


def received(lake):
    """Time and bytes of all messages that made rows, in the order of the session: received ones, and answers over REST."""
    found = []
    for path in sorted(lake.glob("live_capture/**/*.mtr")):
        for number, text in read_capture.lines(path.read_bytes()):
            at, _, kind, raw = read_capture.message(text)
            if kind == "g":
                # The vendor writes an answer over REST as a message of a stream.
                _, name, body = raw.split(b" ", 2)
                raw = b'{"stream":"%s","generated":true,"data":%s}' % (name, body)
            if kind in "<g":
                found.append((number, at, raw))
    return [(at, raw) for _, at, raw in sorted(found)]


def rows(lake, origin, data_type):
    """The rows of a data type, in order of parts."""
    paths = sorted(lake.glob(f"{origin}_tick_data/by_date/*/data_type-{data_type}/**/*.parquet"))
    return [row for path in paths for row in pq.ParquetFile(path).read().to_pylist()]


class Day:
    """What was recorded of a venue, moved to the day that the stand-in plays."""

    def __init__(self, venue, folder):
        self.venue, self.folder, self.symbol = venue, folder, SYMBOLS[venue]
        # Binance's first ticker is of the open interest, in which the recorder's clock stands, and that is of another day here.
        self.headers = {kind: text for kind, text in HEADERS.items() if (venue, kind) != ("binance-futures", "derivative_ticker")}
        start = f"{stage.DAY}T12:00:00"
        with exchange(venue, folder / "sim", words=["--now", start, "--rate", "150"], clock=fast_clock.Clock(1)) as playing:
            summary = record(playing, venue, folder / "recorded", "--data-types", ",".join(self.headers), seconds=10)
        assert summary["failures"] == [] and summary["gaps"] == 0, summary
        self.messages = received(folder / "recorded")
        first = datetime.datetime.fromisoformat(self.messages[0][0][:26] + "+00:00")
        self.moved = first - datetime.datetime.fromisoformat(start + "+00:00")
        self.rows = {kind: rows(folder / "recorded", "live", kind) for kind in self.headers}
        for row in (row for kind in self.rows.values() for row in kind):
            row["local_timestamp"] -= self.moved

    def slices(self, path, without=()):
        """Writes a raw slice: seven digits of a second, as the vendor has them. `without` are places of messages."""
        with gzip.open(path, "wb") as file:
            for place, (at, raw) in enumerate(self.messages):
                if place not in without:
                    moved = datetime.datetime.fromisoformat(at[:26] + "+00:00") - self.moved
                    file.write(moved.strftime("%Y-%m-%dT%H:%M:%S.%f").encode() + b"0Z " + raw + b"\n")
        return path

    def vendor(self, folder, change=lambda data_type, rows: rows):
        """Writes the vendor's files of the day."""
        folder.mkdir()
        for data_type, header in self.headers.items():
            name = f"{self.venue}_{data_type}_{stage.DAY}_{self.symbol}.csv.gz"
            with gzip.open(folder / name, "wt") as file:
                file.write(header + "\n")
                lines = csv.writer(file, lineterminator="\n")
                for row in change(data_type, [dict(row) for row in self.rows[data_type]]):
                    row = {"exchange": self.venue, "symbol": self.symbol, **row, "local_timestamp": row["local_timestamp"] + LATER}
                    lines.writerow([cell(row[name]) for name in header.split(",")])
        return folder

    def compared(self, lake, sim, slices, files, expect):
        """Makes both sides of a lake, and compares them: stdout, and the report."""
        stage.mtdh("live", "replay", slices, "--venue", self.venue, "--data-types", ",".join(self.headers), "--lake", lake, expect=(0, 1))
        stage.mtdh("download", "--start-date", stage.DAY, "--instruments", KEYS[self.venue], "--venues", KEYS[self.venue].split(":")[0],
                   "--data-types", ",".join(self.headers), "--source", files, "--lake", lake, env=stage.vendor_only(sim), expect=(0, 1))
        said = stage.run_mtdh("live", "compare", "--day", stage.DAY, "--lake", lake, "--output", lake / "parity.json", expect=expect)
        return said, json.loads((lake / "parity.json").read_text())


def cell(value):
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return micros(value) if isinstance(value, datetime.datetime) else value


@pytest.fixture(scope="module", params=KEYS)
def day(request, tmp_path_factory):
    return Day(request.param, tmp_path_factory.mktemp("day"))


def test_slices_make_the_recorded_rows_and_the_vendor_has_them_too(day, vendor, tmp_path, figures):
    lake = tmp_path / "lake"
    said, report = day.compared(lake, vendor, day.slices(tmp_path / "slice.gz"), day.vendor(tmp_path / "files"), expect=0)
    for data_type, recorded in day.rows.items():
        again = rows(lake, "live", data_type)
        for place, (one, other) in enumerate(zip(again, recorded)):
            assert one == other, f"{data_type}: row {place} of {len(recorded)}"
        assert len(again) == len(recorded), data_type
        figures(rows=len(again))
    assert report["verdict"] == "clean" and report["left"] == [], said.stderr
    assert {one["data_type"] for one in report["compared"]} == set(day.headers), said.stdout
    for one in report["compared"]:
        assert one["differences"] == [] and one["equal"] == one["compared"] > 5, one


# How the messages of trades and of books begin or what they contain, and whether the venue's ids show a missing trade.
MESSAGES = {
    "binance-futures": (b'"e":"trade"', b'"e":"depthUpdate"', True),
    "deribit": (b'"channel":"trades.', b'"channel":"book.', True),
    # Not `orderbook.1`, which is the ticker's.
    "bybit": (b'"topic":"publicTrade.', b'"topic":"orderbook.50.', False),
}


def test_what_is_planted_is_listed_with_its_cause(day, vendor, tmp_path, figures, tell):
    lake, (trade, book, has_ids) = tmp_path / "lake", MESSAGES[day.venue]
    count, levels = len(day.rows["trades"]), len(day.rows["incremental_book_L2"])
    lacking, other = day.rows["trades"][count // 4], day.rows["trades"][count // 3]
    updates = [row for row in day.rows["incremental_book_L2"][levels // 3:] if not row["is_snapshot"] and row["amount"] > 0]
    level = updates[0]

    def change(data_type, rows):
        if data_type == "trades":
            rows = [row for row in rows if row["id"] != lacking["id"]]
            next(row for row in rows if row["id"] == other["id"])["amount"] *= 2
        if data_type == "incremental_book_L2":
            next(row for row in rows if row == level)["amount"] *= 2
        return rows

    places = lambda text: [place for place, (_, raw) in enumerate(day.messages) if text in raw]
    trades, books = places(trade), places(book)
    without = {books[len(books) * 2 // 3], *(trades[len(trades) // 2:len(trades) // 2 + 2] if has_ids else [])}
    said, report = day.compared(lake, vendor, day.slices(tmp_path / "slice.gz", without), day.vendor(tmp_path / "files", change), expect=1)
    assert report["verdict"] != "clean" and report["left"] == [], said.stderr
    found = {one["data_type"]: one["differences"] for one in report["compared"]}

    lost = {row["id"] for row in day.rows["trades"]} - {row["id"] for row in rows(lake, "live", "trades")}
    assert bool(lost) == has_ids
    listed = sorted((one["kind"], one["field"], one["cause"]) for one in found["trades"])
    assert listed == sorted([("only_live", "", "unexplained"), ("value", "amount", "unexplained"), *[("only_vendor", "", "gap")] * len(lost)])
    (value,) = [one for one in found["trades"] if one["kind"] == "value"]
    assert (float(value["live"]), float(value["vendor"])) == (other["amount"], other["amount"] * 2)

    # The level is wrong from its moment until it changes again, and what the lost message took from the moment of the loss on.
    (gap,) = [one for one in gaps(lake) if "book" in (one["data_type"] or "book")]
    explained = [one for one in found["incremental_book_L2"] if one["cause"] == "gap"]
    others = [one for one in found["incremental_book_L2"] if one["cause"] != "gap"]
    assert others and all(one["kind"] in ("book_top", "book_depth") for one in others), others
    assert datetime.datetime.fromisoformat(others[0]["from"]) == level["timestamp"], (others[0], level)
    for one in explained:
        assert datetime.datetime.fromisoformat(one["from"]) >= gap["from_local"] - datetime.timedelta(seconds=2), (one, gap)
    assert not [one for data_type in set(found) - {"trades", "incremental_book_L2"} for one in found[data_type]]
    tell(f"{day.venue}: {said.stdout}{said.stderr}")
    figures(planted=2 + len(lost) + 1)
