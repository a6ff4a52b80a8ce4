"""The stand-in exchanges, a recorder, and what it left, for the tests of recording."""

import contextlib
import json
import pathlib
import signal
import subprocess

import pyarrow.parquet as pq

import fast_clock
import stage

# A symbol of each venue, as the venue writes it. Options and dated futures have other names each day and are asked for.
SYMBOLS = {
    "binance": "BTCUSDT",
    "binance-futures": "BTCUSDT",
    "binance-delivery": "BTCUSD_PERP",
    "deribit": "BTC-PERPETUAL",
    "bybit": "BTCUSDT",
    "bybit-spot": "BTCUSDT",
    "okex": "BTC-USDT",
    "okex-swap": "BTC-USDT-SWAP",
    "upbit": "KRW-BTC",
    "coinbase": "BTC-USD",
    "kraken": "BTC/USD",
    "bitmex": "XBTUSD",
    "hyperliquid": "BTC",
}


class Exchange:
    """A stand-in that runs: its addresses as the program's setting, what its faults did, and which limits were broken."""

    def __init__(self, venue, addresses, folder, clock):
        self.rest = addresses[f"{venue} rest"]
        self.env = {"MTDH_LIVE_ADDRESSES": f"{venue}={addresses[f'{venue} ws']},{venue}={self.rest}", **clock.env}
        self.folder, self.clock = folder, clock

    def ask(self, what):
        """An answer of the stand-in's own."""
        return stage.ask("GET", f"{self.rest.rsplit('/', 1)[0]}/stand-in/{what}")

    def truth(self):
        return lines(self.folder / "truth")

    def breaches(self):
        return lines(self.folder / "breaches")


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


# Where nothing is said about it, a stand-in and its recorder live so many times as fast.
SPEED = 4


@contextlib.contextmanager
def exchange(venue, folder, faults=(), seconds=600, words=(), symbol=None, clock=None):
    """Starts a stand-in, which ends by itself after `seconds`. They are seconds of `clock`, as all that concerns it."""
    clock = clock or fast_clock.Clock(SPEED)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "faults").write_text(json.dumps(list(faults)))
    command = [stage.PROGRAM, "sim", "exchange", venue, "--symbols", symbol or SYMBOLS[venue], "--seconds", seconds]
    command += ["--faults", folder / "faults", "--truth", folder / "truth", "--breaches", folder / "breaches"]
    command = [str(word) for word in [*command, *words, "--format", "json"]]
    with (folder / "said").open("w") as said:
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True, env=stage.environment(clock.env))
    try:
        text = ""
        while not text.rstrip().endswith("}"):
            line = server.stdout.readline()
            assert line, f"the stand-in does not start: {(folder / 'said').read_text()}"
            text += line
        yield Exchange(venue, json.loads(text), folder, clock)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=30)


def words_of(venue, lake, *more, symbol=None, key=None):
    what = ["--instruments", key] if key else ["--venues", venue, "--symbols", symbol or SYMBOLS[venue]]
    return ["live", "record", *what, "--lake", lake, *more]


def record(playing, venue, lake, *more, seconds=6, expect=(0, 1), symbol=None, key=None):
    """Records for some seconds; gives the venue's summary."""
    words = words_of(venue, lake, "--for", f"{seconds}s", "--format", "json", *more, symbol=symbol, key=key)
    said = stage.mtdh(*words, expect=expect, env=playing.env)
    return json.loads(said)["venues"][0]


@contextlib.contextmanager
def recording(playing, venue, lake, *more, symbol=None, stderr=subprocess.PIPE):
    """A recorder that runs until the test ends it."""
    command = [str(word) for word in [stage.PROGRAM, *words_of(venue, lake, *more, symbol=symbol), "--format", "json"]]
    recorder = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True, env=stage.environment(playing.env))
    try:
        yield recorder
    finally:
        recorder.kill()
        recorder.wait(timeout=30)


class Played:
    """A recorder beside a stand-in whose markets stood still at the end: what it said, and what is in its lake."""

    def __init__(self, playing, lake, recorder, out, error, truth_book):
        self.lake, self.status, self.error, self.truth_book = lake, recorder.returncode, error, truth_book
        assert out.strip(), f"the recorder ends with {self.status} and says nothing but {error}"
        self.summary = json.loads(out)["venues"][0]
        self.truth, self.breaches, self.gaps = playing.truth(), playing.breaches(), gaps(lake)
        self.ids = [row["id"] for row in rows(lake, "trades")]
        self.book = book_of(rows(lake, "incremental_book_L2"))

    def struck(self, kind):
        """What the stand-in says of a fault."""
        return [line for line in self.truth if line["what"] == kind]


def played(venue, folder, planted=(), seconds=6, quiet=2, more=(), words=(), symbol=None, clock=None):
    """Records for so many seconds from the first rows on; then the markets stand still, and what is under way comes."""
    lake, name = folder / "lake", symbol or SYMBOLS[venue]
    with exchange(venue, folder / "sim", planted, words=words, symbol=symbol, clock=clock) as playing:
        with recording(playing, venue, lake, *more, symbol=symbol) as recorder:
            wait_for_rows(lake)
            playing.clock.sleep(seconds)
            playing.ask("still")
            playing.clock.sleep(quiet)
            book = json.loads(playing.ask(f"book/{venue}/{name}"))
            recorder.send_signal(signal.SIGINT)
            out, error = recorder.communicate(timeout=60)
    return Played(playing, lake, recorder, out, error, {side: dict(map(tuple, book[side])) for side in ("bids", "asks")})


def book_of(table):
    """The book that rows of changes come to: a snapshot begins anew, and an amount of 0 takes a level away."""
    book, before = {"bids": {}, "asks": {}}, None
    for row in table:
        message = (row["local_timestamp"], row["is_snapshot"])
        if row["is_snapshot"] and message != before:
            book = {"bids": {}, "asks": {}}
        before, side = message, book[f"{row['side']}s"]
        side[row["price"]] = row["amount"]
        if row["amount"] == 0:
            del side[row["price"]]
    return book


def best(book, depth):
    """The best levels of both sides."""
    return {side: sorted(levels.items(), reverse=side == "bids")[:depth] for side, levels in book.items()}


def rebuilt(lake, day=None, expect=0):
    """What making the day again says of a venue; by default of the day of the captures."""
    day = day or days(lake)[-1]
    return json.loads(stage.mtdh("live", "rebuild", "--day", day, "--lake", lake, "--format", "json", expect=expect))


def days(lake):
    return sorted({path.name.removeprefix("day-") for path in pathlib.Path(lake).glob("live_capture/*/day-*")})


def gaps(lake):
    """The rows of the table of gaps."""
    tables = sorted(pathlib.Path(lake).glob("live_gaps/by_date/*/*.parquet"))
    return [row for path in tables for row in pq.read_table(path).to_pylist()]


def rows(lake, data_type):
    """The rows of a data type, in order of parts."""
    found = sorted(pathlib.Path(lake).glob(f"live_tick_data/by_date/*/data_type-{data_type}/**/*.parquet"))
    return [row for path in found for row in pq.ParquetFile(path).read().to_pylist()]


def open_segments(lake):
    return set(pathlib.Path(lake).glob("live_capture/**/*.open"))


def wait_for_rows(lake, before=frozenset()):
    """Waits until a capture that was not there before has bytes."""
    stage.wait_until(
        lambda: any(path.exists() and path.stat().st_size > 3000 for path in open_segments(lake) - set(before)),
        "nothing is recorded",
        pause=0.02,
    )
