"""What one copy of each partition by date costs or gains beside three copies (by date, by venue, by data type), as the predecessor's
first design had them: `bench_layout.py --program MTDH --folder FOLDER [--days 7] [--rounds 5]`.

Trades and quotes of all options of the simulator's Deribit, written both ways. Prints the bytes of both and the time of three queries by
DuckDB and polars."""

import argparse
import pathlib
import shutil
import statistics
import time

from bench_jobs import Bench

TYPES = ["trades", "quotes"]
FIRST = 1


def written_both_ways(bench, days):
    """The roots of the lake's objects and of the three copies; the instrument with most bytes of trades."""
    lake = bench.folder / "layout"
    with bench.sim("--now", "2024-04-01T12:00") as world:
        span = ["--start-date", f"2024-03-{FIRST:02}", "--end-date", f"2024-03-{FIRST + days - 1:02}"]
        select = ["--venues", "DERIBIT", "--instrument-types", "OPTION", "--data-types", *TYPES]
        bench.run("download", *span, *select, "--lake", lake, env=world)
    one, three = lake / "raw_tick_data/by_date", bench.folder / "three"
    sizes = {}
    for path in one.glob("day-*/data_type-*/*.parquet"):
        day, data_type, name = path.parts[-3:]
        for place in (f"by_date/{day}/{data_type}", f"by_venue/venue-DERIBIT/{day}/{data_type}", f"by_type/{data_type}/{day}"):
            (three / place).mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, three / place / name)
        if data_type == "data_type-trades":
            sizes[name] = sizes.get(name, 0) + path.stat().st_size
    return one, three, max(sizes, key=sizes.get)


def queries(one, three, name):
    """What is asked, and the patterns of its files with one copy and with three."""
    day, trades = f"day-2024-03-{FIRST:02}", "data_type-trades"
    return {
        "one instrument's day": (f"{one}/{day}/{trades}/{name}", f"{three}/by_date/{day}/{trades}/{name}"),
        "all trades of a day": (f"{one}/{day}/{trades}/*.parquet", f"{three}/by_type/{trades}/{day}/*.parquet"),
        "a week of one instrument": (
            f"{one}/day-*/{trades}/{name}",
            f"{three}/by_venue/venue-DERIBIT/day-*/{trades}/{name}",
        ),
    }


def rows_by(program, pattern):
    if program == "duckdb":
        import duckdb

        return duckdb.sql(f"SELECT count(*), sum(price * amount) FROM read_parquet('{pattern}')").fetchall()[0]
    import polars as pl

    frame = pl.scan_parquet(pattern).select(pl.len(), (pl.col("price") * pl.col("amount")).sum())
    return frame.collect().row(0)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    bench = Bench(arguments.program, None, arguments.folder)
    one, three, name = written_both_ways(bench, arguments.days)
    size = {root: sum(path.stat().st_size for path in root.rglob("*.parquet")) / 1e6 for root in (one, three)}
    print(f"\none copy {size[one]:.1f} MB, three copies {size[three]:.1f} MB: {size[one] / size[three]:.2f}\n")
    print("| what | by | one copy, s | three copies, s | one / three |\n|---|---|---:|---:|---:|")
    for what, patterns in queries(one, three, name).items():
        for program in ("duckdb", "polars"):
            seen = [[], []]
            answers = set()
            for round in range(arguments.rounds + 1):
                for place, pattern in enumerate(patterns) if round % 2 else reversed(list(enumerate(patterns))):
                    start = time.perf_counter()
                    rows, _ = rows_by(program, pattern)
                    answers.add(rows)
                    # The first round fills the caches.
                    if round:
                        seen[place].append(time.perf_counter() - start)
            assert len(answers) == 1 and answers.pop() > 0, (what, answers)
            a, b = map(statistics.median, seen)
            print(f"| {what} | {program} | {a:.4f} | {b:.4f} | {a / b:.2f} |", flush=True)


if __name__ == "__main__":
    main()
