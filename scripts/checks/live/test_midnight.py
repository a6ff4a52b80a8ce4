"""A session that records across midnight, in a clock of its own: each row in its day, parts cut at midnight, the day's objects, and the
candles of both days."""

import collections
import datetime
import json
import signal

import pyarrow.parquet as pq
import pytest

import fast_clock
import stage
from stand_in import SYMBOLS, best, book_of, exchange, gaps, rebuilt, recording, rows, wait_for_rows, words_of

MIDNIGHT = datetime.datetime(2026, 9, 15, tzinfo=datetime.UTC)
SECOND = datetime.timedelta(seconds=1)
DAYS = ("2026-09-14", "2026-09-15")
TYPES = ("trades", "incremental_book_L2", "quotes", "book_snapshot_5")


def of_day(lake, day, data_type):
    """The rows of a day, and the paths of their objects."""
    paths = sorted(lake.glob(f"live_tick_data/by_date/day-{day}/data_type-{data_type}/**/*.parquet"))
    return [row for path in paths for row in pq.ParquetFile(path).read().to_pylist()], paths


def recorded(venue, lake, folder, before, after, speed, parts, while_running=lambda lake: None):
    """Records from so many seconds before midnight to so many after it; gives the summary and the stand-in's book at the end."""
    clock = fast_clock.Clock(speed, MIDNIGHT - before * SECOND)
    # The exchange's times are two seconds behind: what arrives just after midnight is of the day before.
    planted = [{"kind": {"clock_off": {"ms": -2000}}, "at": 5}]
    with exchange(venue, folder, planted, clock=clock) as playing, recording(playing, venue, lake, "--parts", parts) as recorder:
        wait_for_rows(lake)
        clock.sleep_until(MIDNIGHT + after * SECOND)
        while_running(lake)
        playing.ask("still")
        clock.sleep(2)
        book = json.loads(playing.ask(f"book/{venue}/{SYMBOLS[venue]}"))
        recorder.send_signal(signal.SIGINT)
        out, error = recorder.communicate(timeout=60)
        assert playing.breaches() == [] and recorder.returncode == 130, error
    return json.loads(out)["venues"][0], {side: dict(map(tuple, levels)) for side, levels in book.items()}


def check(venue, lake, summary, book):
    """Nothing lost, nothing doubled, each row in its day, and each day's book is whole by itself."""
    assert summary["failures"] == [] and gaps(lake) == [], (summary, gaps(lake))
    by_day = {data_type: [of_day(lake, day, data_type)[0] for day in DAYS] for data_type in TYPES}
    for data_type, both in by_day.items():
        for day, of in zip(DAYS, both):
            assert of and {str(row["local_timestamp"].date()) for row in of} == {day}, data_type
    every = sorted({path.name.removeprefix("data_type-") for path in lake.glob("live_tick_data/by_date/*/*")})
    assert sum(len(rows(lake, data_type)) for data_type in every) == summary["rows"]
    assert sorted({path.parent.name for path in lake.glob("live_capture/*/*/*.mtr")}) == [f"day-{day}" for day in DAYS]
    first, second = by_day["trades"]
    late = [row for row in second if str(row["timestamp"].date()) == DAYS[0]]
    assert late, "trades of the day before that arrive after midnight"
    ids = [row["id"] for row in first + second]
    assert len(ids) == len(set(ids))
    if venue not in ("bybit", "upbit"):
        assert list(map(int, ids)) == list(range(int(ids[0]), int(ids[0]) + len(ids))), "each trade once, none missing"
    first, second = by_day["incremental_book_L2"]
    carried = [row for row in second if row["local_timestamp"] == MIDNIGHT]
    assert carried and all(row["is_snapshot"] for row in carried) and second[:len(carried)] == carried
    assert book_of(carried) == book_of(first), "the day begins with the book with which the one before ended"
    depth = 30 if venue == "upbit" else 10_000
    assert best(book_of(second), depth) == best(book, depth)
    for day in DAYS:
        (again,) = rebuilt(lake, day)
        assert again["differ"] == [] and again["made"] == 0 and again["equal"] > 4, again


@pytest.mark.parametrize("venue", ["binance", "deribit", "kraken", "upbit"])
def test_a_session_across_midnight(venue, tmp_path, figures):
    lake = tmp_path / "lake"
    summary, book = recorded(venue, lake, tmp_path / "sim", before=24, after=10, speed=5, parts="4s")
    for data_type in TYPES:
        (whole,), parts = of_day(lake, DAYS[0], data_type)[1], of_day(lake, DAYS[1], data_type)[1]
        assert whole.name.endswith(".parquet") and whole.parent.name == f"data_type-{data_type}", "an object of the day that is over"
        assert len(parts) > 1 and all(part.parent.parent.name == f"data_type-{data_type}" for part in parts), "parts of the other"
    check(venue, lake, summary, book)
    figures(rows=summary["rows"])


def candles(trades, length):
    """Candles of trades, by the exchange's times: open, high, low, close, trades, and amount of a unit of 10^-8."""
    found = collections.defaultdict(list)
    for row in sorted(trades, key=lambda row: row["timestamp"]):
        at = row["timestamp"].timestamp()
        found[at - at % length].append((row["price"], round(row["amount"] * 1e8)))
    prices = {at: [price for price, _ in each] for at, each in found.items()}
    return {at: (of[0], max(of), min(of), of[-1], len(of), sum(amount for _, amount in found[at])) for at, of in prices.items()}


def test_a_day_becomes_objects_while_its_session_records_on_and_both_days_have_their_candles(tmp_path, figures):
    venue, lake = "binance-futures", tmp_path / "lake"

    def objects(lake):
        found = [path for data_type in TYPES for path in of_day(lake, DAYS[0], data_type)[1]]
        return [path.parent.name for path in found] == [f"data_type-{data_type}" for data_type in TYPES]

    def while_running(lake):
        stage.wait_until(lambda: objects(lake), "no objects of the day, five minutes after midnight", seconds=20)

    summary, book = recorded(venue, lake, tmp_path / "sim", 160, 315, 40, "60s", while_running)
    check(venue, lake, summary, book)
    # The next recorder, a day later, makes the objects of the second day.
    later = fast_clock.Clock(6, MIDNIGHT + datetime.timedelta(days=1.5))
    with exchange(venue, tmp_path / "later", clock=later) as playing:
        stage.mtdh(*words_of(venue, lake, "--for", "4s"), env=playing.env)
    trades = [row for day in DAYS for row in of_day(lake, day, "trades")[0]]
    # What the exchange's clock said when the recording began and ended, about.
    begin, end = trades[0]["local_timestamp"] + SECOND, trades[-1]["timestamp"] - SECOND
    words = ["candles", "--origin", "live", "--start-date", DAYS[0], "--end-date", DAYS[1], "--venues", venue.upper(), "--lake", lake]
    stage.mtdh(*words, "--timeframes", "15s", "1m", env=later.env)
    made = 0
    for name, length in (("15s", 15), ("1m", 60)):
        expected, found = candles(trades, length), {}
        for day in DAYS:
            (path,) = lake.glob(f"live_candles/by_date/day-{day}/timeframe-{name}/*.parquet")
            for row in pq.ParquetFile(path).read().to_pylist():
                assert str(row["timestamp"].date()) == day
                found[row["timestamp"].timestamp()] = tuple(row[column] for column in ("open", "high", "low", "close", "trade_count")), row["volume"]
                # What was recorded from its first to its last moment is final.
                is_whole = begin < row["timestamp"] < end - length * SECOND
                assert row["is_final"] or not is_whole, (name, row)
        assert {at: (*prices, round(volume * 1e8)) for at, (prices, volume) in found.items()} == expected
        made += len(found)
    assert made > 20
    figures(candles=made, trades=len(trades))
