"""Measures the Python package beside polars' own readers; scripts/bench_python.sh makes its data and calls it."""

from __future__ import annotations

import argparse
import gzip
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

TRADES = "BINANCE:SPOT_PAIR:BTC-USDT"
BOOK = "BINANCE-FUTURES:PERP:BTC-USDT"
DAY = "2024-03-01"


def seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def in_turn(rounds: int, **calls: Callable[[], object]) -> dict[str, float]:
    """The median of each call's seconds; the calls take turns, so that a busy machine is busy for all."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            taken[name].append(seconds(call))
    return {name: statistics.median(times) for name, times in taken.items()}


def make(folder: Path) -> None:
    """Files in the vendor's form, seeded: a day of trades, and one of changes of a book."""
    import numpy as np
    import polars as pl

    random = np.random.default_rng(7)
    midnight = 1_709_251_200_000_000

    def of_day(exchange: str, data_type: str, rows: int, columns: dict[str, object]) -> None:
        arrival = midnight + np.sort(random.integers(10_000, 86_399_000_000, rows))
        head = {"exchange": [exchange] * rows, "symbol": ["BTCUSDT"] * rows}
        clocks = {"timestamp": arrival // 1000 * 1000 - 5_000, "local_timestamp": arrival}
        plain = folder / "plain.csv"
        pl.DataFrame({**head, **clocks, **columns}).write_csv(plain)
        name = f"{exchange}_{data_type}_{DAY}_BTCUSDT.csv.gz"
        with open(plain, "rb") as rows_in, gzip.open(folder / name, "wb", compresslevel=1) as rows_out:
            shutil.copyfileobj(rows_in, rows_out, 1 << 20)
        plain.unlink()

    def amounts(rows: int) -> dict[str, object]:
        price = np.round(62_000 + np.cumsum(random.integers(-5, 6, rows)) * 0.1, 1)
        return {"price": np.maximum(price, 0.1), "amount": np.round(random.lognormal(-2, 1.5, rows) + 0.001, 3)}

    folder.mkdir(parents=True)
    rows = 4_000_000
    side = random.choice(["buy", "sell"], rows)
    of_day("binance", "trades", rows, {"id": np.arange(3_000_000_000, 3_000_000_000 + rows), "side": side, **amounts(rows)})
    rows = 20_000_000
    side = random.choice(["bid", "ask"], rows)
    of_day("binance-futures", "incremental_book_L2", rows, {"is_snapshot": ["false"] * rows, "side": side, **amounts(rows)})


def whole_day(lake: str, rounds: int) -> None:
    import mtdh
    import polars as pl

    rows = mtdh.Lake(lake).trades(TRADES, DAY)
    path = rows.paths()[0]
    found = in_turn(rounds, mtdh=rows.polars, polars=lambda: pl.read_parquet(path))
    assert rows.polars().height == pl.read_parquet(path).height == rows.count()
    print(f"a day of {rows.count():,} trades as a polars DataFrame: {found['mtdh']:.3f} s, checksums verified;")
    print(f"  pl.read_parquet: {found['polars']:.3f} s; ratio {found['mtdh'] / found['polars']:.2f}")


def minute(lake: str, rounds: int) -> None:
    import mtdh

    made = mtdh.Lake(lake)
    found = in_turn(rounds, mtdh=lambda: made.trades(TRADES, f"{DAY}T12:00", f"{DAY}T12:01").polars())
    print(f"a minute of it: {found['mtdh'] * 1e3:.1f} ms")


def week(lake: Path, rounds: int) -> None:
    """Seven days that are links to one, and an hour of three instruments."""
    import mtdh
    import polars as pl

    for day in range(2, 8):
        for kind in ("raw_tick_data", "instrument_availability", "available_tick_data"):
            first = lake / kind / "by_date" / f"day-{DAY}"
            for file in first.rglob("*.parquet"):
                link = first.parent / f"day-2024-03-{day:02d}" / file.relative_to(first)
                link.parent.mkdir(parents=True, exist_ok=True)
                os.link(file, link)
    made = mtdh.Lake(lake)
    keys = ["DERIBIT:PERP:BTC-USD", "DERIBIT:PERP:ETH-USD", TRADES]
    start, end = (datetime(2024, 3, 1, hour, tzinfo=timezone.utc) for hour in (12, 13))
    of_hour = (pl.col("local_timestamp") >= start) & (pl.col("local_timestamp") < end)

    def lazily(names: list[str]) -> pl.DataFrame:
        return made.trades(names, DAY, "2024-03-07").lazy().filter(of_hour).collect()

    def by_glob() -> pl.DataFrame:
        scanned = pl.scan_parquet(f"{lake}/raw_tick_data/by_date/day-*/data_type-trades/*.parquet")
        is_meant = pl.col("instrument_key").cast(pl.String).is_in(keys)
        return scanned.filter(is_meant & of_hour).collect()

    files = sum(1 for _ in lake.glob("raw_tick_data/by_date/*/data_type-trades/*.parquet"))
    patterns = [*keys[:2], "BINANCE:*:BTC-USDT"]
    found = in_turn(rounds, keys=lambda: lazily(keys), patterns=lambda: lazily(patterns))
    glob = in_turn(3, glob=by_glob)["glob"]
    assert lazily(keys).height == by_glob().height
    print(f"an hour of a week of three instruments among {files:,} files: keys {found['keys']:.3f} s,")
    print(f"  patterns {found['patterns']:.3f} s, pl.scan_parquet by glob {glob:.3f} s")


def imports(rounds: int) -> None:
    def run(code: str) -> Callable[[], object]:
        return lambda: subprocess.run([sys.executable, "-c", code], check=True)

    found = in_turn(rounds, nothing=run("pass"), mtdh=run("import mtdh"))
    print(f"import mtdh: {(found['mtdh'] - found['nothing']) * 1e3:.0f} ms beyond python -c pass")


MEMORY = """
import sys
def peak():  # of this program; the system's other counter begins with that of the program that started it
    return next(int(line.split()[1]) / 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))
import mtdh, pyarrow
before = peak()
rows = 0
for batch in mtdh.Lake(sys.argv[1]).incremental_book_L2(sys.argv[2], sys.argv[3]).reader():
    rows += batch.num_rows
print(f"{rows:,} rows of a book through reader(): {peak() - before:.0f} MB beyond the interpreter and pyarrow")
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("make", help="write the files").add_argument("folder", type=Path)
    measuring = verbs.add_parser("measure", help="measure")
    measuring.add_argument("--large", required=True)
    measuring.add_argument("--demo", required=True, type=Path)
    measuring.add_argument("--wheel", required=True, type=Path)
    measuring.add_argument("--rounds", type=int, default=9)
    args = parser.parse_args()
    if args.verb == "make":
        return make(args.folder)
    print(f"wheel: {args.wheel.stat().st_size / 1e6:.1f} MB")
    imports(args.rounds)
    whole_day(args.large, args.rounds)
    minute(args.large, args.rounds)
    week(args.demo, args.rounds)
    subprocess.run([sys.executable, "-c", MEMORY, args.large, BOOK, DAY], check=True)


if __name__ == "__main__":
    main()
