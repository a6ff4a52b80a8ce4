"""Our conversion against polars, DuckDB and the predecessor's pandas, and our candles against polars and DuckDB, interleaved
on the same files.

Prints medians and ratios. Ours is timed as a whole process, the peers without their imports."""

import argparse
import importlib.metadata
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

FILES = {"trades": "trades", "book5": "book_snapshot_5"}
PEERS = ["polars", "duckdb", "pandas"]
# The same file inflated by the same library, and nothing else.
ALONE = "inflating alone"
# As the program is released.
RELEASED = "mtdh, ISA-L"


def peer(name, source, out):
    """One conversion by one peer, as a good user would write it; prints seconds, CPU seconds and peak MB."""
    if name == "polars":
        import polars as pl

        def convert():
            pl.scan_csv(source).sink_parquet(out, compression="zstd")
    elif name == "duckdb":
        import duckdb

        connection = duckdb.connect()
        connection.execute("SET threads=2")

        def convert():
            connection.execute(
                f"COPY (FROM read_csv('{source}', header=true)) TO '{out}' (FORMAT parquet, COMPRESSION zstd)"
            )
    else:
        import pandas as pd
        import pyarrow  # noqa: F401  imported by to_parquet otherwise

        def convert():
            frame = pd.read_csv(source)
            for clock in ("timestamp", "local_timestamp"):
                frame[clock] = pd.to_datetime(frame[clock], unit="us")
            frame.to_parquet(out, compression="snappy", engine="pyarrow")

    start, before = time.perf_counter(), cpu_seconds()
    convert()
    print(json.dumps([time.perf_counter() - start, cpu_seconds() - before, peak_mb()]))


def cpu_seconds():
    import resource

    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def candles_by(name, source):
    """The candles of one minute (open, high, low, close, volume, count) by one peer, without writing them."""
    if name.startswith("polars"):
        import polars as pl

        price = pl.col("price")

        def make():
            rows = pl.scan_parquet(source).select("timestamp", "price", "amount")
            # Files are ordered by arrival: only a sort makes group_by_dynamic right on any of them.
            is_told = name == "polars, told that it is sorted"
            rows = rows.set_sorted("timestamp") if is_told else rows.sort("timestamp", maintain_order=True)
            return rows.group_by_dynamic("timestamp", every="1m").agg(
                open=price.first(), high=price.max(), low=price.min(), close=price.last(),
                volume=pl.col("amount").sum(), trades=pl.len()
            ).collect().height
    else:
        import duckdb

        connection = duckdb.connect()
        connection.execute("SET threads=2")

        def make():
            return len(connection.execute(
                "SELECT epoch_us(timestamp) // 60000000 AS minute, arg_min(price, timestamp), max(price), min(price), "
                f"arg_max(price, timestamp), sum(amount), count(*) FROM read_parquet('{source}') GROUP BY 1 ORDER BY 1"
            ).fetchnumpy()["minute"])

    start, before = time.perf_counter(), cpu_seconds()
    assert make() > 0
    print(json.dumps([time.perf_counter() - start, cpu_seconds() - before, peak_mb()]))


def peak_mb():
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def ours(*words):
    """The same by mtdh, as a process."""
    start = time.perf_counter()
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, words
    return [time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--inflate", required=True, help="the program that only inflates")
    parser.add_argument("--isal", help="the program that inflates by ISA-L")
    parser.add_argument("--folder", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    programs = {"mtdh": arguments.program, **({RELEASED: arguments.isal} if arguments.isal else {})}
    folder = pathlib.Path(arguments.folder)
    tell_surroundings(arguments.rounds)
    print("| file | who | wall s | CPU s | peak MB | size MB | ours/wall | ours/CPU | ours/size |")
    print("|---|---|---:|---:|---:|---:|---:|---:|---:|")
    for name, data_type in FILES.items():
        source = str(folder / f"{name}.csv.gz")
        seen = {who: [] for who in [*programs, *PEERS, ALONE]}
        for _ in range(arguments.rounds):
            for who in seen:
                out = str(folder / f"{name}.{who}.parquet")
                if who == ALONE:
                    seen[who].append(ours(arguments.inflate, source))
                elif who in programs:
                    words = ["convert", source, "--data-type", data_type, "--output", out, "--force"]
                    seen[who].append(ours(programs[who], *words))
                else:
                    words = [sys.executable, __file__, "--peer", who, source, out]
                    seen[who].append(json.loads(subprocess.check_output(words)))
        sizes = {who: os.path.getsize(folder / f"{name}.{who}.parquet") / 1e6 for who in seen if who != ALONE}
        first = medians(seen["mtdh"])
        for who, runs in seen.items():
            wall, cpu, memory = medians(runs)
            size, share = ("-", "-") if who == ALONE else (f"{sizes[who]:.1f}", f"{sizes['mtdh'] / sizes[who]:.2f}")
            ratios = f"{first[0] / wall:.2f} | {first[1] / cpu:.2f} | {share}"
            print(f"| {name} | {who} | {spread(runs, 0)} | {spread(runs, 1)} | {memory:.0f} | {size} | {ratios} |", flush=True)
    candles(arguments.program, folder, arguments.rounds)


def candles(program, folder, rounds):
    """Ours: all columns of seven timeframes, written. The peers: six columns of one minute alone, in memory."""
    source = str(folder / "trades.mtdh.parquet")
    peers = ["polars", "polars, told that it is sorted", "duckdb"]
    seen = {who: [] for who in ["mtdh", *peers]}
    for _ in range(rounds):
        seen["mtdh"].append(ours(program, "candles", "--input", source, "--output", str(folder / "candles")))
        for who in peers:
            words = [sys.executable, __file__, "--candles", who, source]
            seen[who].append(json.loads(subprocess.check_output(words)))
    print("\n| candles | wall s | CPU s | peak MB | ours/wall | ours/CPU |\n|---|---:|---:|---:|---:|---:|")
    first = medians(seen["mtdh"])
    for who, runs in seen.items():
        wall, cpu, memory = medians(runs)
        ratios = f"{first[0] / wall:.2f} | {first[1] / cpu:.2f}"
        print(f"| {who} | {spread(runs, 0)} | {spread(runs, 1)} | {memory:.0f} | {ratios} |")


def medians(runs):
    return [statistics.median(column) for column in zip(*runs)]


def spread(runs, column):
    """The median, and the least and the greatest."""
    values = [run[column] for run in runs]
    return f"{statistics.median(values):.3f} ({min(values):.3f} to {max(values):.3f})"


def tell_surroundings(rounds):
    peers = ["polars", "duckdb", "pandas", "pyarrow"]
    versions = ", ".join(f"{peer} {importlib.metadata.version(peer)}" for peer in peers)
    print(f"{rounds} rounds in turn: median (least to greatest); load {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors; {versions}\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--peer"]:
        peer(*sys.argv[2:])
    elif sys.argv[1:2] == ["--candles"]:
        candles_by(*sys.argv[2:])
    else:
        main()
