"""The jobs around conversion: memory of the largest files, many small files, large files over HTTP, validation of a
large lake, a slice out of a bucket. Prints one line for each figure, with what it is aimed at."""

import argparse
import contextlib
import gzip
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time
import urllib.request

from bench_servers import counting_proxy, enlarging_proxy, far_away, file_server, recording_proxy

NO_METADATA_SERVER = {
    "GCE_METADATA_HOST": "127.0.0.1:1",
    "GCE_METADATA_IP": "127.0.0.1:1",
    "AWS_METADATA_ENDPOINT": "http://127.0.0.1:1",
}
DAY = "2024-03-01"


def line(what, figure, aim):
    print(f"| {what} | {figure} | {aim} |", flush=True)


class Bench:
    """What the jobs share. `is_smoke`: small input and one round, to see that each job runs; its figures mean nothing."""

    def __init__(self, program, large, folder, is_smoke=False):
        self.program, self.large, self.folder, self.is_smoke = program, large, pathlib.Path(folder), is_smoke
        # Options are thousands, futures a few.
        self.kind = "FUTURE" if is_smoke else "OPTION"
        self.env = {**os.environ, **NO_METADATA_SERVER, "MTDH_CACHE_DIR": str(self.folder / "cache")}

    def rounds(self, count):
        return range(1 if self.is_smoke else count)

    def run(self, *words, env=None, expect=0):
        """Runs the program. Returns seconds, CPU seconds, peak MB and stdout."""
        start = time.perf_counter()
        words = [self.program, *map(str, words)]
        surroundings = {**self.env, **(env or {})}
        with open(self.folder / "stderr", "w+") as talk:
            process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=talk, text=True, env=surroundings)
            out = process.stdout.read()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            talk.seek(0)
            assert process.returncode == expect, f"{words}: exit {process.returncode}\n{talk.read()}"
        seconds = time.perf_counter() - start
        return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, out

    def make(self, name, data_type, rows, exchange, symbol):
        """A large file in the vendor's form, compressed quickly; made once."""
        path = self.folder / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            words = [self.large, data_type, str(rows // 1000 if self.is_smoke else rows), exchange, symbol]
            with subprocess.Popen(words, stdout=subprocess.PIPE) as rows, open(path, "wb") as out:
                subprocess.run(["gzip", "-1"], stdin=rows.stdout, stdout=out, check=True)
            assert rows.returncode == 0
        return path

    @contextlib.contextmanager
    def sim(self, *words):
        command = [self.program, "sim", "--format", "jsonl", "--seconds", "1800", *words]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=self.env)
        try:
            variables = {}
            while len(variables) < 6:
                row = json.loads(server.stdout.readline())
                variables[row["variable"]] = row["value"]
            yield variables
        finally:
            server.terminate()
            server.wait(timeout=30)

    # The jobs.

    def memory_of_large_files(self):
        peaks = []
        for rows in (2_000_000, 20_000_000):
            source = self.make(f"l2-{rows}.csv.gz", "incremental_book_L2", rows, "binance-futures", "BTCUSDT")
            out = self.folder / "l2.parquet"
            seconds, _, peak, _ = self.run("convert", source, "--data-type", "incremental_book_L2", "--output", out, "--force")
            peaks.append(peak)
            source.unlink() if rows > 2_000_000 else None
            line(f"incremental_book_L2, {rows:,} rows: peak memory", f"{peak:.0f} MB, {seconds:.1f} s", "150 MB")
        return peaks

    def memory_of_a_group(self, rows=5_000_000):
        root = self.folder / "group"
        name = f"group/deribit/options_chain/{DAY.replace('-', '/')}/OPTIONS.csv.gz"
        path = self.make(name, "options_chain", rows, "deribit", "OPTIONS")
        words = ["download", "--source", root, "--start-date", DAY, "--venues", "DERIBIT"]
        words += ["--data-types", "options_chain", "--lake", self.folder / "group-lake", "--format", "json"]
        seconds, _, peak, out = self.run(*words)
        done = json.loads(out)
        partitions = sum(done["published"].values())
        size = path.stat().st_size / 1e6
        what = f"a group of {partitions:,} options, {done['rows']:,} rows, {size:.0f} MB: peak memory"
        line(what, f"{peak:.0f} MB, {seconds:.1f} s, {size / seconds:.1f} MB/s", "400 MB")
        shutil.rmtree(root)

    def large_group(self):
        """Not among the usual jobs: half an hour, and 20 GB of disk."""
        self.memory_of_a_group(36_000_000)

    def small_files(self):
        """Book files of all of Deribit's options: two data types, about 5,000 files of a few rows or none, from the simulator, then
        the same answers from memory, where the server is not the bound."""
        select = ["--start-date", DAY, "--venues", "DERIBIT", "--instrument-types", self.kind]
        select += ["--data-types", "book_snapshot_5", "incremental_book_L2"]
        with self.sim() as world, recording_proxy(world["TARDIS_DATASETS_URL"]) as proxy:
            warm = self.folder / "warm"
            self.run("instruments", "--start-date", DAY, "--venues", "DERIBIT", "--lake", warm, env=world)
            through = {**world, "TARDIS_DATASETS_URL": proxy.address}
            self.run("download", *select, "--lake", warm, env=through)
            proxy.write(self.folder / "answers")
            symbols = [symbol for symbol in self.dataset_symbols(world) if proxy.has(symbol)][:150]
            rates, peaks = {"made": [], "canned": [], "peer": []}, []
            with self.canned(self.folder / "answers") as address:
                canned = {**world, "TARDIS_DATASETS_URL": address + proxy.path}
                for round in self.rounds(5):
                    for who, env in (("made", world), ("canned", canned)):
                        lake = self.folder / f"small-{who}-{round}"
                        # The day's table is there, so that only files are measured.
                        self.run("instruments", "--start-date", DAY, "--venues", "DERIBIT", "--lake", lake, env=world)
                        _, _, peak, out = self.run("download", *select, "--lake", lake, "--format", "json", env=env)
                        done = json.loads(out)
                        rates[who].append(done["files_done"] / done["seconds"])
                        peaks.append(peak)
                    folder = self.folder / f"official-{round}"
                    rates["peer"].append(self.official_client(canned, symbols, folder))
        made, cans, peer = (statistics.median(rates[who]) for who in rates)
        line(f"{done['files_done']:,} small files over HTTP into a local lake, answers made by the simulator", f"{made:.0f} files/s", "500")
        line("the same, answers from memory", f"{cans:.0f} files/s", "2,000 files/s")
        figure = f"{peer:.0f} files/s; ours is {cans / peer:.1f} times"
        line(f"{2 * len(symbols)} of them by tardis-dev (npm) and pandas, answers from memory", figure, "7 times")
        line("peak memory over small files", f"{max(peaks):.0f} MB", "150 MB")

    @contextlib.contextmanager
    def canned(self, answers):
        """Serves recorded answers from memory."""
        program = pathlib.Path(self.large).with_name("canned")
        server = subprocess.Popen([program, answers], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            yield server.stdout.readline().strip()
        finally:
            server.stdin.close()
            server.wait(timeout=30)

    def dataset_symbols(self, world):
        request = urllib.request.Request(world["TARDIS_API_URL"] + "/exchanges/deribit", headers={"User-Agent": "bench/1"})
        with urllib.request.urlopen(request) as answer:
            body = answer.read()
        body = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
        listed = json.loads(body)["datasets"]["symbols"]
        alive = lambda s: s["availableSince"] < "2024-03-02" and s.get("availableTo", "9") > DAY
        return [s["id"] for s in listed if s["type"] == self.kind.lower() and s["id"] != "OPTIONS" and alive(s)]

    def official_client(self, world, symbols, folder):
        """Files a second by the vendor's own client, followed by the predecessor's conversion."""
        words = [sys.executable, __file__, "--official", json.dumps([world, symbols, str(folder)])]
        return float(subprocess.check_output(words, env=self.env).split()[-1])

    def large_files_over_http(self):
        """Two large files through HTTP into a lake by two workers, against the conversion of the same files alone."""
        path, select = self.two_large_files()
        with self.sim() as world:
            over_http, alone = [], []
            with file_server(path) as address:
                for round in self.rounds(3):
                    env = {**world, "TARDIS_DATASETS_URL": address}
                    _, _, _, out = self.run("download", *select, "--lake", self.folder / f"http-{round}", env=env)
                    over_http.append(json.loads(out)["seconds"])
                    _, _, _, out = self.run("download", *select, "--source", path, "--lake", self.folder / f"alone-{round}", env=world)
                    alone.append(json.loads(out)["seconds"])
        ratio = statistics.median(alone) / statistics.median(over_http)
        line("two large files over HTTP, of the rate from disk", f"{ratio:.2f}", "0.85")

    def scaling(self):
        """Two large files at the same time, on one processor and on two."""
        path, select = self.two_large_files()
        seconds = {"0": [], "0,1": []}
        for round in self.rounds(5):
            for processors, seen in seconds.items():
                lake = self.folder / f"scaling-{round}-{len(processors)}"
                words = [self.program, "download", *select, "--source", path, "--lake", lake]
                with self.sim() as world:
                    out = subprocess.check_output(["taskset", "-c", processors, *map(str, words)], env={**self.env, **world}, text=True)
                seen.append(json.loads(out)["seconds"])
                shutil.rmtree(lake)
        ratio = statistics.median(seconds["0"]) / statistics.median(seconds["0,1"])
        line("two large files from a folder: two processors in place of one", f"{ratio:.2f} times", "1.9 times")

    def two_large_files(self):
        """The folder of two large files of trades, and the words that select them."""
        path = self.folder / "http/v1"
        for symbol in ("BTCUSDT", "ETHUSDT"):
            name = f"binance/trades/{DAY.replace('-', '/')}/{symbol}.csv.gz"
            self.make(f"http/v1/{name}", "trades", 4_000_000, "binance", symbol)
        select = ["--start-date", DAY, "--instruments", "BINANCE:SPOT_PAIR:BTC-USDT", "BINANCE:SPOT_PAIR:ETH-USDT"]
        return path, [*select, "--data-types", "trades", "--max-workers", "2", "--format", "json"]

    def instrument_tables(self):
        """Instrument tables out of a list of Deribit's symbols of hundreds of MB, nearly all of them expired long ago."""
        with self.sim() as world, enlarging_proxy(world["TARDIS_API_URL"], times=2 if self.is_smoke else 10) as proxy:
            env = {**world, "TARDIS_API_URL": proxy.address, "MTDH_CACHE_DIR": str(self.folder / "enlarged")}
            seen = {}
            for what, end in (("a day", DAY), ("a month", "2024-03-02" if self.is_smoke else "2024-03-31")):
                rounds = []
                for round in self.rounds(3):
                    shutil.rmtree(self.folder / "enlarged", ignore_errors=True)
                    lake = self.folder / f"tables-{end}-{round}"
                    words = ["instruments", "--start-date", DAY, "--end-date", end, "--venues", "DERIBIT", "--lake", lake]
                    rounds.append(self.run(*words, env=env)[:3])
                    shutil.rmtree(lake)
                seen[what] = [statistics.median(column) for column in zip(*rounds)]
        # No peaks: what this process has in memory, the answers, counts as the peak of those that it starts.
        (day, day_cpu, _), (month, month_cpu, _) = seen["a day"], seen["a month"]
        size = f"{proxy.bytes / 1e6:.0f} MB of metadata"
        line(f"instrument tables of a day, {size}", f"{day_cpu:.1f} s of CPU, {day:.1f} s", "3 s of CPU")
        line(f"instrument tables of a month, {size}", f"{month_cpu / day_cpu:.1f} times a day's CPU, {month:.1f} s", "2 times")

    def uploads(self):
        """Sixteen files of different symbols and types by two workers, into a folder and into a bucket whose answers take 200 ms."""
        wanted = [("binance", "SPOT_PAIR", "{}-USDT"), ("binance-futures", "PERP", "{}-USDT")]
        types = ["trades", "quotes", "book_snapshot_5", "incremental_book_L2"]
        keys = []
        for exchange, kind, symbol in wanted:
            for coin in ("BTC", "ETH"):
                keys.append(f"{exchange.upper()}:{kind}:{symbol.format(coin)}")
                for data_type in types:
                    name = f"{exchange}/{data_type}/{DAY.replace('-', '/')}/{coin}USDT.csv.gz"
                    self.make(f"uploads/{name}", data_type, 1_000_000, exchange, f"{coin}USDT")
        select = ["--start-date", DAY, "--instruments", *keys, "--data-types", *types, "--source", self.folder / "uploads"]
        rates = {}
        with self.sim() as world, far_away(world["STORAGE_EMULATOR_HOST"], 0.2) as address:
            far = {**world, "STORAGE_EMULATOR_HOST": address}
            for where, env in (("folder", world), ("bucket", far)):
                seconds = []
                for round in self.rounds(3):
                    lake = self.folder / f"near-{round}" if where == "folder" else f"gs://{world['GCS_BUCKET']}/far-{round}"
                    self.run("instruments", "--start-date", DAY, "--venues", "BINANCE", "BINANCE-FUTURES", "--lake", lake, env=env)
                    start = time.perf_counter()
                    workers = [
                        subprocess.Popen(
                            [self.program, "download", *map(str, select), "--lake", str(lake), "--shard-index", shard, "--total-shards", "2", "--max-workers", "16"],
                            env={**self.env, **env}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                        )
                        for shard in ("0", "1")
                    ]
                    said = [worker.communicate()[1] for worker in workers]
                    assert [worker.returncode for worker in workers] == [0, 0], said
                    seconds.append(time.perf_counter() - start)
                rates[where] = 1 / statistics.median(seconds)
        figure = f"{rates['bucket'] / rates['folder']:.2f}"
        line("two workers into a bucket with 200 ms of latency, relative to a folder", figure, "0.9")

    def validation(self):
        """A hundred thousand expected partitions: many days of Deribit's options, which come by group."""
        types = ["--venues", "DERIBIT", "--instrument-types", self.kind, "--data-types", "trades", "quotes", "options_chain"]
        with self.sim("--now", "2024-04-01T12:00") as world:
            for where, lake, aim in (
                ("a local lake", str(self.folder / "wide"), 2),
                ("the bucket", f"gs://{world['GCS_BUCKET']}/wide", 5),
            ):
                span = ["--start-date", "2024-03-01", "--end-date", "2024-03-01" if self.is_smoke else "2024-03-14"]
                if not pathlib.Path(lake).exists():
                    self.run("download", *span, *types, "--lake", lake, env=world)
                seconds, peaks, expected = [], [], 0
                for _ in self.rounds(5):
                    took, _, peak, out = self.run("validate", *span, *types, "--lake", lake, "--format", "json", env=world)
                    totals = json.loads(out)["totals"]
                    expected = totals["stored"] + totals["empty"] + totals["absent"] + totals["missing"]
                    assert totals["missing"] == 0
                    seconds.append(took)
                    peaks.append(peak)
                figure = f"{statistics.median(seconds):.1f} s for {expected:,} partitions, {max(peaks):.0f} MB"
                line(f"validate, {where}", figure, f"{aim} s for 100,000, 60 MB")

    def demo_lake(self):
        """The lake of `mtdh demo`: many small objects; made once."""
        lake = self.folder / "mtdh-demo"
        if self.is_smoke and not lake.exists():
            with self.sim() as world:
                few = ["--start-date", DAY, "--venues", "DERIBIT", "--instrument-types", self.kind, "--data-types", "trades"]
                self.run("full-pipeline", *few, "--lake", lake, env=world)
        if not lake.exists():
            subprocess.run([self.program, "demo"], cwd=self.folder, env=self.env, check=True, capture_output=True)
        return lake

    def large_lake(self):
        """Three objects of more than 100 MB; made once."""
        lake, symbols = self.folder / "large-lake", ("BTC", "ETH", "SOL")
        if not lake.exists():
            source = self.folder / "large-source"
            for symbol in symbols:
                name = f"binance/trades/{DAY.replace('-', '/')}/{symbol}USDT.csv.gz"
                self.make(f"large-source/{name}", "trades", 18_000_000, "binance", f"{symbol}USDT")
            keys = [f"BINANCE:SPOT_PAIR:{symbol}-USDT" for symbol in symbols]
            select = ["--start-date", DAY, "--instruments", *keys, "--data-types", "trades"]
            with self.sim() as world:
                self.run("download", *select, "--source", source, "--lake", lake, env=world)
            shutil.rmtree(source)
        return lake

    def verifying_bytes(self):
        """Every byte of a few large objects and of many small ones, beside b3sum over the same files, all of them in memory."""
        if shutil.which("b3sum") is None:
            return line("validate --bytes, beside b3sum", "b3sum is not installed", "0.9")
        for what, lake in (("large", self.large_lake()), ("small", self.demo_lake())):
            files = [str(path) for path in lake.glob("raw_tick_data/**/*.parquet")]
            size = sum(os.path.getsize(path) for path in files) / 1e6
            ours, theirs, peaks = [], [], []
            for round in self.rounds(8):
                took, _, peak, _ = self.run("validate", "--start-date", DAY, "--bytes", "--lake", lake)
                start = time.perf_counter()
                subprocess.run(["b3sum", "--num-threads", "2", *files], stdout=subprocess.DEVNULL, check=True)
                # The first round brings the files into memory.
                if round > 0 or self.is_smoke:
                    theirs.append(time.perf_counter() - start)
                    ours.append(took)
                    peaks.append(peak)
            took, other = statistics.median(ours), statistics.median(theirs)
            figure = f"{other / took:.2f} of b3sum's rate ({size / took:,.0f} MB/s, {size / other:,.0f} MB/s), {max(peaks):.0f} MB"
            line(f"validate --bytes, {len(files):,} {what} objects of {size:,.0f} MB", figure, "0.9, 100 MB")

    def checking(self):
        """Every check of a day, beside reading every row of it."""
        lake = self.demo_lake()
        checks, reads = [], []
        with self.sim() as world:
            for _ in self.rounds(3):
                day = ["--start-date", DAY, "--lake", lake, *(["--instrument-types", self.kind] if self.is_smoke else [])]
                reads.append(self.run("validate", *day, "--deep", "--sample", "100%", env=world)[0])
                checks.append(self.run("check", "all", *day, env=world)[0])
        took, other = statistics.median(checks), statistics.median(reads)
        figure = f"{took:.1f} s, {took / other:.2f} of validate --deep --sample 100% ({other:.1f} s)"
        line("check all of the demo's day", figure, "1.5")

    def slice(self):
        path = f"http/v1/binance/trades/{DAY.replace('-', '/')}/BTCUSDT.csv.gz"
        source = self.make(path, "trades", 4_000_000, "binance", "BTCUSDT")
        minutes = [f"{DAY}T{start}" for start in ("00:00", "05:17", "12:34", "18:41", "23:58")]
        with self.sim() as world, counting_proxy(world["STORAGE_EMULATOR_HOST"]) as proxy:
            lake, key = f"gs://{world['GCS_BUCKET']}/slice", "BINANCE:SPOT_PAIR:BTC-USDT"
            select = ["--start-date", DAY, "--instruments", key, "--data-types", "trades", "--lake", lake]
            self.run("download", *select, "--source", self.folder / "http/v1", env=world)
            listing = self.run("ls", "--start-date", DAY, "--long", "--format", "json", "--lake", lake, env=world)[3]
            size = max(int(row.get("bytes") or 0) for row in json.loads(listing))
            for what, starts in (("get of a minute", minutes), ("the same across a row group's end", self.ends(source))):
                shares, counts = [], []
                for start in starts:
                    proxy.reset()
                    env = {**world, "STORAGE_EMULATOR_HOST": proxy.address}
                    span = ["--start", start, "--end", "+1m"]
                    out = self.run("get", key, "--data-type", "trades", *span, "--lake", lake, env=env)[3]
                    assert out.count("\n") > (1 if self.is_smoke else 1000), out[:300]
                    counts.append(proxy.requests)
                    shares.append(100 * proxy.bytes / size)
                seen = ", ".join(f"{share:.1f} % in {count}" for share, count in zip(shares, counts))
                line(f"{what} out of 4,000,000 rows in the bucket: of the object, in requests", seen, "2 % in 5")

    def ends(self, source):
        """The minutes around the ends of row groups, from 30 seconds before them."""
        if self.is_smoke:
            return []
        out = self.folder / "ends.parquet"
        self.run("convert", source, "--data-type", "trades", "--output", out, "--force")
        # Another process: what this one has in memory counts as the peak of those that it starts.
        return json.loads(subprocess.check_output([sys.executable, __file__, "--ends", str(out)]))

    def candles_of_many(self):
        """Candles of 500 instruments of a day, beside polars' loop over the same files, on one processor and on two."""
        lake = self.demo_lake()
        files = sorted(lake.glob(f"raw_tick_data/by_date/day-{DAY}/data_type-trades/*.parquet"))
        files = files[: 5 if self.is_smoke else 500]
        keys = [path.stem for path in files]
        names = self.folder / "keys"
        names.write_text(json.dumps([str(path) for path in files]))
        rates = {}
        for processors in ("0", "0,1"):
            ours, theirs = [], []
            for _ in self.rounds(3):
                words = [self.program, "candles", "--start-date", DAY, "--lake", lake, "--instruments", *keys, "--force"]
                words = ["taskset", "-c", processors, *map(str, words)]
                start = time.perf_counter()
                subprocess.run(words, env=self.env, check=True, capture_output=True)
                ours.append(len(files) / (time.perf_counter() - start))
                words = ["taskset", "-c", processors, sys.executable, __file__, "--candles", str(names)]
                theirs.append(float(subprocess.check_output(words)))
            rates[processors] = (statistics.median(ours), statistics.median(theirs))
        (one, polars_one), (two, polars_two) = rates["0"], rates["0,1"]
        figure = f"{two:.0f} files/s, polars {polars_two:.0f}; on one processor {one:.0f} and {polars_one:.0f}"
        line("candles of seven timeframes of 500 instruments, written; polars: a minute's alone", figure, f"{two / one:.2f} by cores")


def official(world, symbols, folder):
    """The vendor's client for Node.js, then pandas as the predecessor used it. Prints files a second, imports not counted."""
    import pandas as pd
    import pyarrow  # noqa: F401  imported by to_parquet otherwise

    modules = pathlib.Path(sys.executable).parents[1] / "node_modules"
    wanted = {
        "exchange": "deribit",
        "dataTypes": ["book_snapshot_5", "incremental_book_L2"],
        "symbols": symbols,
        "from": DAY,
        "to": "2024-03-02",
        "apiKey": world["TARDIS_API_KEY"],
        "downloadDir": folder,
        "endpoint": world["TARDIS_DATASETS_URL"],
    }
    start = time.perf_counter()
    script = pathlib.Path(__file__).with_name("bench_small.mjs")
    subprocess.run(["node", script, modules, json.dumps(wanted)], check=True)
    files = list(pathlib.Path(folder).iterdir())
    for path in files:
        try:
            frame = pd.read_csv(path)
        except pd.errors.EmptyDataError:
            continue
        for clock in ("timestamp", "local_timestamp"):
            frame[clock] = pd.to_datetime(frame[clock], unit="us")
        frame.to_parquet(f"{path}.parquet", compression="snappy", engine="pyarrow")
    print(len(files) / (time.perf_counter() - start))


def ends_of_row_groups(path):
    """Prints the times 30 seconds before the ends of every fourth row group."""
    import datetime

    import pyarrow.parquet as pq

    metadata = pq.ParquetFile(path).metadata
    clock = metadata.schema.names.index("local_timestamp")
    groups = [metadata.row_group(group).column(clock).statistics.max for group in range(metadata.num_row_groups)]
    starts = [end - datetime.timedelta(seconds=30) for end in groups[:-1:4]]
    print(json.dumps([start.strftime("%Y-%m-%dT%H:%M:%S") for start in starts]))


def candles_by_polars(names):
    """The candles of one minute of each file (open, high, low, close, volume, count), in memory. Prints files a second."""
    import polars as pl

    price, files = pl.col("price"), json.loads(pathlib.Path(names).read_text())
    start = time.perf_counter()
    for path in files:
        rows = pl.scan_parquet(path).select("timestamp", "price", "amount").sort("timestamp", maintain_order=True)
        rows.group_by_dynamic("timestamp", every="1m").agg(
            open=price.first(), high=price.max(), low=price.min(), close=price.last(),
            volume=pl.col("amount").sum(), trades=pl.len()
        ).collect()
    print(len(files) / (time.perf_counter() - start))


JOBS = ["memory_of_large_files", "memory_of_a_group", "small_files", "large_files_over_http", "scaling", "validation", "slice"]
JOBS += ["instrument_tables", "uploads", "verifying_bytes", "checking", "candles_of_many"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--large", required=True, help="the stand-in's maker of large files")
    parser.add_argument("--folder", required=True)
    parser.add_argument("--smoke", action="store_true", help="small input, one round: only to see that each job runs")
    parser.add_argument("--jobs", nargs="*", default=JOBS, choices=[*JOBS, "large_group"])
    arguments = parser.parse_args()
    bench = Bench(arguments.program, arguments.large, arguments.folder, arguments.smoke)
    print("| what | seen | aimed at |")
    print("|---|---:|---:|")
    for job in arguments.jobs:
        getattr(bench, job)()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--official"]:
        official(*json.loads(sys.argv[2]))
    elif sys.argv[1:2] == ["--candles"]:
        candles_by_polars(sys.argv[2])
    elif sys.argv[1:2] == ["--ends"]:
        ends_of_row_groups(sys.argv[2])
    else:
        main()
