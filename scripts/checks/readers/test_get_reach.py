"""A minute out of a lake of 100,000 partitions with gaps: at most 0.3 s and 40 MB. Only in the long mode, with a release program.

The lake is one day of the stand-in, linked under other keys and days: nothing of the links is read but their names.
"""

import datetime
import os
import pathlib
import shutil

import pytest

from spent import spent
from stage import DAY, PROGRAM, environment, mtdh, partition

KEY = "DERIBIT:PERP:BTC-USD"
PARTITIONS, DAYS = 100_000, 100
# Days of which there is nothing.
GAPS = {17, 18, 60}


def links(lake, count=PARTITIONS, days=DAYS):
    """Makes the partitions and the instrument tables of more days; gives how many partitions there are."""
    whole, table = partition(lake, "trades", KEY), lake / f"instrument_availability/by_date/day-{DAY}/instruments.parquet"
    first = datetime.date.fromisoformat(DAY)
    made = 1
    for number in range(days):
        if number in GAPS:
            continue
        day = first + datetime.timedelta(days=number)
        folder = lake / f"raw_tick_data/by_date/day-{day}/data_type-trades"
        folder.mkdir(parents=True, exist_ok=True)
        # A file has 65,000 links at most on some file systems.
        whole = shutil.copy(whole, folder / "DERIBIT:PERP:A-USD.parquet")
        for place in range(count // (days - len(GAPS)) - 1):
            os.link(whole, folder / f"DERIBIT:PERP:A{place}-USD.parquet")
            made += 1
        made += 1
        of_day = lake / f"instrument_availability/by_date/day-{day}"
        of_day.mkdir(parents=True, exist_ok=True)
        if number:
            os.link(table, of_day / "instruments.parquet")
    return made


@pytest.mark.skipif(not os.environ.get("MTDH_LONG"), reason="only in the long mode")
def test_a_minute_of_a_large_lake(vendor, tmp_path):
    lake = tmp_path / "lake"
    mtdh("download", "--start-date", DAY, "--instruments", KEY, "--data-types", "trades", "--lake", lake, env=vendor)
    print(links(lake), "partitions")
    minute = ["--data-types", "trades", "--start", f"{DAY}T12:00", "--end", f"{DAY}T12:01"]
    # Candles are made of three days of trades, of whose objects this lake has no report: their footers are read.
    for words, most in (([KEY, *minute], 40), (["DERIBIT:PERP:BTC-US?", *minute], 40), ([KEY, "--every", "1m", *minute[2:]], 50)):
        best = min(spent([PROGRAM, "get", *words, "--lake", lake], environment()) for _ in range(3))
        print(f"{words[0]} {words[1]}: {best.seconds:.3f} s, {best.megabytes:.1f} MB, {best.lines - 1} rows")
        assert best.status == 0, best.said
        assert best.lines > 1
        assert best.megabytes <= most, best


if __name__ == "__main__":
    import sys

    print(links(pathlib.Path(sys.argv[1])), "partitions")
