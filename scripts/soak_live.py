"""A day of the exchanges in 24 minutes: six venues at 60 times their speed, with faults, and one `mtdh live record` that records them.

    cargo build --release && python scripts/soak_live.py [--minutes 24] [--keep FOLDER | --again FOLDER]

Every 10 s it notes the recorder's memory and the bytes that wait in its sockets. At the end it compares what the faults did (the stand-in's
log of truth) with the table of gaps, row by row, and says whether memory stayed flat, how far rows lagged behind the exchanges, and what
was told without a fault. `--again` compares what `--keep` kept. Exit status 1: a fault without a row, memory that grew, or lag that grew.

What this does not show: the recorder's clock is the real one. Its own limits by time (a successor before the 24th hour, silence, pings,
messages a second) are of real seconds, 60 times too long for these exchanges, which count simulated ones. Deribit is left out: its
test_request every 10 s comes six times a second here, and the recorder sends three messages a second at most.
"""

import argparse
import collections
import contextlib
import datetime
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import pyarrow.compute as pc
import pyarrow.parquet as pq

ROOT = pathlib.Path(__file__).resolve().parents[1]
PROGRAM = os.environ.get("MTDH", str(ROOT / "target/release/mtdh"))
SPEED = 60
# Venue: the key that is recorded, its symbol there, and which streams' ids or checksums prove a hole.
VENUES = {
    "binance": ("BINANCE:SPOT_PAIR:BTC-USDT", "BTCUSDT", ("trade", "book")),
    "binance-futures": ("BINANCE-FUTURES:PERP:BTC-USDT", "BTCUSDT", ("trade", "book")),
    "bybit": ("BYBIT:PERP:BTC-USDT", "BTCUSDT", ("book",)),
    "bybit-spot": ("BYBIT-SPOT:SPOT_PAIR:BTC-USDT", "BTCUSDT", ("book",)),
    "okex-swap": ("OKX-SWAP:PERP:BTC-USDT", "BTC-USDT-SWAP", ("book",)),
    "okex": ("OKX:SPOT_PAIR:BTC-USDT", "BTC-USDT", ("book",)),
}
TYPES = "trades,incremental_book_L2,book_ticker"
OF = {"trade": "trades", "book": "incremental_book_L2", "best": "book_ticker"}
# Faults that end a connection, by the hour; half-open ones are noticed after the recorder's real 30 s and more, so they are few.
ENDS = [{"close": {"code": 1006}}, "reset", {"close": {"code": 1012}}, {"close": {"code": 1000}}]
# Faults that lose nothing; no row may tell of them.
HARMLESS = ["duplicate", {"fragments": {"parts": 3}}, "unknown_field", {"one_byte_writes": {"count": 3}}]
# How far the table's times and the log's may differ, in real seconds: the stand-in's clock is known by when it was started.
SLACK = 1.5


def faults(hours):
    """A hole of each stream that can prove it, an end of the connection and something harmless, an hour and venue.

    What is due while a connection is half open strikes as soon as the next one is, before its book has begun."""
    made = []
    for hour in range(hours):
        for number, (venue, (_, _, provable)) in enumerate(VENUES.items()):
            at = lambda minute: {"venue": venue, "after_s": hour * 3600 + (minute + number) * 60}
            made += [at(15 + 8 * place) | {"data_type": what, "kind": {"drop": {"count": 3}}} for place, what in enumerate(provable)]
            made.append(at(30) | {"kind": HARMLESS[hour % len(HARMLESS)]})
            made.append(at(36) | {"kind": "half_open" if hour % 8 == 3 else ENDS[(hour + number) % len(ENDS)]})
    return made


@contextlib.contextmanager
def served(*words):
    """A stand-in; gives what it says at its start. It ends with the block, or by its own `--seconds`."""
    server = subprocess.Popen([PROGRAM, *map(str, words), "--format", "json"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        text = ""
        while not text.rstrip().endswith("}"):
            text += server.stdout.readline()
        yield json.loads(text), server
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=60)


def write_instruments(folder):
    """The tables of the lake that say which symbols the keys are."""
    with served("sim", "--seconds", 120) as (said, _):
        env = {**os.environ, **{name: value for name, value in said.items() if name.startswith(("TARDIS", "MTDH"))}}
        words = [PROGRAM, "instruments", "--start-date", "today", "--venues", ",".join(VENUES), "--lake", folder / "lake"]
        env["MTDH_CACHE_DIR"] = str(folder / "cache")
        subprocess.run(list(map(str, words)), env=env, check=True, capture_output=True)


def memory(pid):
    """Resident memory of a process, of which its own, and processor seconds."""
    status = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
    of = lambda name: int(status[name].split()[0]) / 1024
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return of("VmRSS"), of("RssAnon"), (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def waiting_bytes(port):
    """Bytes that were received for clients of a port and not read by them."""
    rows = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(int(row[4].split(":")[1], 16) for row in rows if int(row[2].split(":")[1], 16) == port)


def watch(recorder, server, port, seconds, keep):
    """Samples every 10 s until the recorder ends, printed as they come, and kept in a file."""
    began = time.time()
    while recorder.poll() is None and time.time() < began + seconds + 120:
        with contextlib.suppress(subprocess.TimeoutExpired):
            recorder.wait(timeout=10)
            break
        resident, own, processor = memory(recorder.pid)
        sample = {"at": time.time() - began, "resident": resident, "own": own, "processor": processor,
                  "server": memory(server.pid)[2], "waiting": waiting_bytes(port), "load": os.getloadavg()[0]}
        keep.write(json.dumps(sample) + "\n")
        print(f"{sample['at']:6.0f} s  {resident:6.1f} MB ({own:.1f} own)  {sample['waiting']:8d} bytes wait  "
              f"recorder {processor:.1f} s, stand-in {sample['server']:.1f} s of processor  load {sample['load']:.1f}", flush=True)


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def table_of_gaps(lake):
    return [row for path in sorted(lake.glob("live_gaps/by_date/*/*.parquet")) for row in pq.read_table(path).to_pylist()]


def snapshots(lake):
    """When a book began, in real seconds, by venue: the arrivals of whole books."""
    found = collections.defaultdict(set)
    keys = {key: venue for venue, (key, _, _) in VENUES.items()}
    for path in lake.glob("live_tick_data/by_date/*/data_type-incremental_book_L2/**/*.parquet"):
        table = pq.ParquetFile(path).read(columns=["local_timestamp", "is_snapshot"])
        times = pc.unique(table.filter(table["is_snapshot"])["local_timestamp"].cast("int64"))
        found[keys[path.parent.name]] |= {time / 1e6 for time in times.to_pylist()}
    return found


def tells(gap, truth, at):
    """Whether a row of the table tells of what the log of truth has, which was at that real time."""
    if gap["venue"] != truth["venue"] or gap["kind"] == "refused":
        return False
    if not gap["from_local"].timestamp() - SLACK <= at <= gap["to_local"].timestamp() + SLACK:
        return False
    if gap["kind"] == "disconnect":
        return truth["what"] != "drop"
    return (gap["symbol"], gap["data_type"]) == (truth["symbol"], OF.get(truth["data_type"]))


def compare(gaps, truths, breaches, books, began):
    """Faults without a row, rows without a fault, and counts of those that have theirs. `breaches`: limits that the stand-in ended a
    connection for; `books`: when they began, by venue; `began`: real and simulated start."""
    real = lambda us: began[0] + (us / 1e6 - began[1]) / SPEED
    harmless = {kind if isinstance(kind, str) else next(iter(kind)) for kind in HARMLESS}
    silent, found, counts = [], set(), collections.Counter()
    for truth in truths:
        if truth["what"] in harmless or truth["data_type"] not in ("", *OF):
            counts[f"{truth['what']}: loses nothing, or a stream that is not recorded"] += 1
            continue
        if truth["what"] in ("lost", "missed") and not truth["messages"]:
            continue
        told = [number for number, gap in enumerate(gaps) if tells(gap, truth, real(truth["at_us"]))]
        found |= set(told)
        at = real(truth["at_us"])
        if not told and truth["data_type"] == "book" and is_before_book(gaps, truth, at, books[truth["venue"]]):
            counts[f"{truth['what']}: of a book that began only then, after a disconnect that is told"] += 1
            continue
        counts[f"{truth['what']}: told" if told else f"{truth['what']}: NOT TOLD"] += 1
        silent += [] if told else [truth]
        if truth["what"] == "drop" and truth["data_type"] == "trade" and told:
            exact = any(gaps[number]["missing"] == truth["last"] - truth["first"] + 1 for number in told)
            within = any(int(gaps[number]["from_id"]) < truth["first"] and truth["last"] < int(gaps[number]["to_id"]) for number in told)
            counts["drop of trades: " + ("number right" if exact else "within a longer hole by ids" if within else "number WRONG")] += 1
    for breach in breaches:
        ended = breach | {"what": breach["limit"], "symbol": "", "data_type": ""}
        found |= {number for number, gap in enumerate(gaps) if tells(gap, ended, real(breach["at_us"]))}
    # What the log of truth does not have by streams: trades of the time in which a connection was gone.
    ends = [gap for number, gap in enumerate(gaps) if number in found and gap["kind"] == "disconnect"]
    is_of_end = lambda gap: any(end["venue"] == gap["venue"] and end["from_local"] <= gap["to_local"] and gap["from_local"] <= end["to_local"]
                                for end in ends)
    return silent, [gap for number, gap in enumerate(gaps) if number not in found and not is_of_end(gap)], counts


def is_before_book(gaps, truth, at, books):
    """Whether what was lost at a real time is part of no book: a connection was lost, and the next book began after it."""
    ends = [gap["to_local"].timestamp() for gap in gaps if gap["venue"] == truth["venue"] and gap["kind"] == "disconnect"]
    last = max((end for end in ends if end <= at + SLACK), default=None)
    return last is not None and any(at - SLACK / 3 < book < at + 5 for book in books) and not any(last < book < at - SLACK / 3 for book in books)


def lags(lake, began):
    """The middle and the 99th percentile of how many real milliseconds trades arrived after the exchange's time, by real minute."""
    minutes = collections.defaultdict(list)
    for path in lake.glob("live_tick_data/by_date/*/data_type-trades/**/*.parquet"):
        table = pq.ParquetFile(path).read(columns=["timestamp", "local_timestamp"])
        for at, came in zip(table["timestamp"].cast("int64").to_pylist(), table["local_timestamp"].cast("int64").to_pylist()):
            real = began[0] + (at / 1e6 - began[1]) / SPEED
            minutes[int((came / 1e6 - began[0]) // 60)].append((came / 1e6 - real) * 1000)
    quantile = lambda found, share: sorted(found)[int((len(found) - 1) * share)]
    return {minute: (quantile(found, 0.5), quantile(found, 0.99)) for minute, found in sorted(minutes.items())}


def growth(samples):
    """How much a figure grew between the second fifth of its samples and the last."""
    fifth = max(len(samples) // 5, 1)
    return statistics.median(samples[-fifth:]), statistics.median(samples[fifth:2 * fifth] or samples)


def record(folder, seconds):
    """Records; leaves the lake, the logs, the samples and the times of the start in a folder."""
    write_instruments(folder)
    (folder / "faults").write_text(json.dumps(faults(seconds * SPEED // 3600 + 1)))
    simulated = datetime.datetime.now(datetime.timezone.utc).replace(minute=0, second=0, microsecond=0)
    words = ["sim", "exchange", *VENUES, "--symbols", ",".join(dict.fromkeys(symbol for _, symbol, _ in VENUES.values())),
             "--speed", SPEED, "--now", simulated.strftime("%Y-%m-%dT%H:%M:%SZ"), "--seconds", seconds + 180,
             "--faults", folder / "faults", "--truth", folder / "truth", "--breaches", folder / "breaches"]
    started = time.time()
    with served(*words) as (said, server), contextlib.ExitStack() as files:
        (folder / "began").write_text(json.dumps([(started + time.time()) / 2, simulated.timestamp()]))
        addresses = ",".join(f"{name.split()[0]}={url}" for name, url in said.items())
        port = int(next(iter(said.values())).rsplit("/", 1)[0].rsplit(":", 1)[1])
        words = ["live", "record", "--instruments", ",".join(key for key, _, _ in VENUES.values()), "--data-types", TYPES,
                 "--parts", "60s", "--lake", folder / "lake", "--for", f"{seconds}s", "--format", "json"]
        opened = lambda name: files.enter_context((folder / name).open("w"))
        env = {**os.environ, "MTDH_LIVE_ADDRESSES": addresses}
        recorder = subprocess.Popen([PROGRAM, *map(str, words)], stdout=opened("summary"), stderr=opened("said"), env=env)
        try:
            watch(recorder, server, port, seconds, opened("samples"))
        finally:
            recorder.kill()
            recorder.wait(timeout=30)
            (folder / "ended").write_text(json.dumps(time.time()))


def report(folder):
    """Prints what a run showed; whether all is well."""
    lake, samples, began = folder / "lake", lines(folder / "samples"), json.loads((folder / "began").read_text())
    breaches = lines(folder / "breaches")
    # At its own end the stand-in tells of half-open connections that were left long before.
    ended = began[1] + (json.loads((folder / "ended").read_text()) - began[0]) * SPEED
    truths = [truth for truth in lines(folder / "truth") if truth["at_us"] / 1e6 < ended]
    silent, alone, counts = compare(table_of_gaps(lake), truths, breaches, snapshots(lake), began)
    print(f"\n{samples[-1]['at'] * SPEED / 3600:.1f} hours of {len(VENUES)} venues in {samples[-1]['at'] / 60:.1f} minutes")
    for venue in json.loads((folder / "summary").read_text())["venues"]:
        print(f"{venue['exchange']}: {venue['messages']:,} messages, {venue['rows']:,} rows, {venue['parts']} parts, {venue['unread']} unread, "
              f"{venue['gaps']} gaps, {len(venue['failures'])} failures")
    print("the log of truth, by what the table of gaps has:")
    print("\n".join(f"  {what}: {count}" for what, count in sorted(counts.items())))
    for one in silent[:20]:
        print(f"  without a row: {one}")
    print(f"rows without a fault: {dict(collections.Counter((gap['venue'], gap['kind'], gap['data_type']) for gap in alone))}")
    broken = collections.Counter((line["venue"], line["limit"]) for line in breaches)
    print(f"limits broken, by the stand-in's clock: {dict(broken)}")
    late, early = growth([sample["own"] for sample in samples])
    print(f"memory of its own: {early:.1f} MB in the second fifth of the time, {late:.1f} MB in the last: {late / early * 100 - 100:+.1f} %; "
          f"most resident {max(sample['resident'] for sample in samples):.1f} MB")
    lag = lags(lake, began)
    lag_late, lag_early = growth([middle for middle, _ in lag.values()])
    print("lag of trades by minute, ms, median (99 %): " + ", ".join(f"{middle:.0f} ({most:.0f})" for middle, most in lag.values()))
    print(f"lag: {lag_early:.1f} ms in the second fifth, {lag_late:.1f} ms in the last; "
          f"bytes that waited, at most: {max(sample['waiting'] for sample in samples):,}")
    return not silent and late <= early * 1.05 + 2 and lag_late <= lag_early + 50


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=24)
    kept = parser.add_mutually_exclusive_group()
    kept.add_argument("--keep", type=pathlib.Path, help="a new folder for the lake and the logs")
    kept.add_argument("--again", type=pathlib.Path, help="the folder of a run before")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = options.again or options.keep or pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if not options.again:
            folder.mkdir(parents=True, exist_ok=True)
            record(folder, int(options.minutes * 60))
        is_well = report(folder)
    sys.exit(not is_well)


if __name__ == "__main__":
    main()
