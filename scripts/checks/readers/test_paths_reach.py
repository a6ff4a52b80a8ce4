"""Once, in long mode (MTDH_LONG=1): `mtdh paths` over 100,000 partitions with gaps, and DuckDB over 10,000 files by a pattern beside
exact paths. The figures are printed."""

import os
import shutil
import time

import duckdb
import pyarrow.parquet as pq
import pytest

from spent import spent
from stage import DAY, PROGRAM, environment, mtdh, partition

pytestmark = pytest.mark.skipif(not os.environ.get("MTDH_LONG"), reason="takes minutes: MTDH_LONG=1")

KEY = "DERIBIT:PERP:BTC-USD"
PARTITIONS, FILES = 100_000, 10_000


@pytest.fixture(scope="module")
def many(vendor, tmp_path_factory):
    """A lake of so many partitions, hard links of one, by the keys of a day's table; each thousandth is not there."""
    lake = tmp_path_factory.mktemp("reach") / "lake"
    mtdh("download", "--start-date", DAY, "--lake", lake, "--instruments", KEY, "--data-types", "trades", env=vendor)
    mtdh("instruments", "--start-date", DAY, "--lake", lake, env=vendor)
    object_, table = partition(lake, "trades", KEY), lake / f"instrument_availability/by_date/day-{DAY}/instruments.parquet"
    rows = pq.read_table(table, columns=["instrument_key", "data_types"]).to_pylist()
    keys = [row["instrument_key"] for row in rows if "trades" in row["data_types"]]
    made = 0
    for number in range(PARTITIONS // len(keys) + 1):
        day = f"2024-{4 + number // 28:02d}-{1 + number % 28:02d}"
        folder, of_day = lake / f"raw_tick_data/by_date/day-{day}/data_type-trades", lake / f"instrument_availability/by_date/day-{day}"
        folder.mkdir(parents=True)
        of_day.mkdir(parents=True)
        os.link(table, of_day / "instruments.parquet")
        for key in keys:
            made += 1
            if made % 1_000:
                link(object_, folder / f"{key}.parquet")
    return lake, made


def link(object_, place):
    """A hard link, or a copy where the file system allows no more of them (ext4: 65,000)."""
    try:
        os.link(object_, place)
    except OSError:
        shutil.copy(object_, place)


def test_paths_over_a_hundred_thousand_partitions(many):
    lake, made = many
    for words in (
        ["--start", "2024-04", "--end", "2025-12", "--data-types", "trades"],
        ["--start", "2024-04", "--end", "2025-12", "--data-types", "trades", "--instruments", KEY],
    ):
        best = min(spent([PROGRAM, "paths", "--lake", lake, *words], environment()) for _ in range(3))
        print(f"\npaths {' '.join(words)}: of {made:,} partitions {best.lines:,} lines in {best.seconds:.2f} s, {best.megabytes:.0f} MB")
        assert best.status == 1, "the gaps are told"
        assert best.megabytes <= 50, (best, "a bound; the goal is 40")


def test_a_pattern_beside_exact_paths(many):
    lake, _ = many
    files = sorted(map(str, lake.glob("raw_tick_data/by_date/*/data_type-trades/*.parquet")))[:FILES]
    pattern = "[" + ",".join(f"'{path}'" for path in files) + "]"
    exact = mtdh("paths", "--lake", lake, "--start", "2024-04-01", "--end", "2024-04-03", "--data-types", "trades", "--instruments", KEY, expect=(0, 1)).split()
    for name, places in (("all of them", pattern), ("exact paths", str(exact))):
        seconds = []
        for _ in range(3):
            start = time.perf_counter()
            rows = duckdb.connect().execute(f"select count(*), sum(price) from read_parquet({places}) where instrument_key = '{KEY}'").fetchone()
            seconds.append(time.perf_counter() - start)
        print(f"\nDuckDB {duckdb.__version__} {name}: {rows[0]:,} rows in {min(seconds):.3f} s")
