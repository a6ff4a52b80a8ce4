"""Fixtures of the live tests: a stand-in exchange, and what Tardis' own client makes of it."""

import contextlib
import datetime
import json
import os
import shutil
import subprocess

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import stage

PEER = os.environ.get("MTDH_TARDIS_DEV", str(stage.ROOT / ".venv/node_modules/tardis-dev"))
SCRIPT = stage.ROOT / "scripts/checks/live/peer.cjs"


class Exchange:
    """A running `mtdh sim exchange`: addresses by venue, what the faults did, which limits were broken."""

    def __init__(self, ws, rest, truth, breaches):
        self.ws, self.rest, self._truth, self._breaches = ws, rest, truth, breaches

    def truth(self):
        """What the faults did so far, in order."""
        return [json.loads(line) for line in self._truth.read_text().splitlines()]

    def breaches(self):
        """The limits that clients broke so far."""
        return [json.loads(line) for line in self._breaches.read_text().splitlines()]


@contextlib.contextmanager
def started(folder, *words, faults=(), seconds=120):
    """Starts the stand-in; it ends by itself after so long."""
    given, truth, breaches = folder / "faults.json", folder / "truth.jsonl", folder / "breaches.jsonl"
    given.write_text(json.dumps(list(faults)))
    command = [stage.PROGRAM, "sim", "exchange", *map(str, words), "--format", "json", "--seconds", str(seconds),
               "--faults", given, "--truth", truth, "--breaches", breaches]
    server = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True)
    try:
        text = ""
        while True:
            line = server.stdout.readline()
            assert line, f"{command} says {text!r}; exit status {server.wait(timeout=30)}"
            text += line
            with contextlib.suppress(json.JSONDecodeError):
                addresses = json.loads(text)
                break
        of = lambda kind: {name.split()[0]: url for name, url in addresses.items() if name.endswith(kind)}
        yield Exchange(of(" ws"), of(" rest"), truth, breaches)
    finally:
        server.terminate()
        server.wait(timeout=30)


@pytest.fixture
def exchange(tmp_path):
    """Starts stand-ins that end with the test: `exchange("deribit", "--speed", 2, faults=[…])`."""
    with contextlib.ExitStack() as stack:
        def start(*words, **options):
            folder = tmp_path / f"exchange-{len(list(tmp_path.iterdir()))}"
            folder.mkdir()
            return stack.enter_context(started(folder, *words, **options))

        yield start


@pytest.fixture(scope="session")
def peer():
    """`peer(url, exchange, symbols, types, count)`: the first normalised messages of tardis-dev's `streamNormalized`, whose address
    of the venue's WebSocket is set to `url`. Its REST address cannot be set."""
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    if not os.path.isdir(PEER):
        pytest.skip("npm's tardis-dev is not installed (npm install --prefix .venv tardis-dev@13.35.3)")

    def messages(url, exchange, symbols, types, count, seconds=30):
        variable = "WSS_URL_" + exchange.upper().replace("-", "_")
        wanted = json.dumps({"exchange": exchange, "symbols": symbols, "types": types, "count": count, "seconds": seconds})
        ended = stage.run(["node", SCRIPT, PEER, wanted], timeout=seconds + 60, env={**os.environ, variable: url})
        return [json.loads(line) for line in ended.stdout.splitlines()]

    messages.command = lambda wanted: ["node", str(SCRIPT), PEER, json.dumps(wanted)]
    return messages


# An instrument of each venue: its key, and its symbol on the venue's socket. Kraken's and one of Hyperliquid's differ from the list's or
# the rows'. Options and dated futures have other names each day and are asked for.
INSTRUMENTS = {
    "binance": ("BINANCE:SPOT_PAIR:BTC-USDT", "BTCUSDT"),
    "binance-futures": ("BINANCE-FUTURES:PERP:BTC-USDT", "BTCUSDT"),
    "binance-delivery": ("BINANCE-DELIVERY:PERP:BTC-USD", "BTCUSD_PERP"),
    "deribit": ("DERIBIT:PERP:BTC-USD", "BTC-PERPETUAL"),
    "bybit": ("BYBIT:PERP:BTC-USDT", "BTCUSDT"),
    "bybit-spot": ("BYBIT-SPOT:SPOT_PAIR:BTC-USDT", "BTCUSDT"),
    "okex": ("OKX:SPOT_PAIR:BTC-USDT", "BTC-USDT"),
    "okex-swap": ("OKX-SWAP:PERP:BTC-USDT", "BTC-USDT-SWAP"),
    "upbit": ("UPBIT:SPOT_PAIR:BTC-KRW", "KRW-BTC"),
    "coinbase": ("COINBASE:SPOT_PAIR:BTC-USD", "BTC-USD"),
    "kraken": ("KRAKEN:SPOT_PAIR:BTC-USD", "BTC/USD"),
    "bitmex": ("BITMEX:PERP:BTC-USD", "XBTUSD"),
    "hyperliquid": ("HYPERLIQUID:PERP:KPEPE-USDC", "kPEPE"),
}


class Listed:
    """A lake with the simulated vendor's instrument table of today, and an instrument of each venue."""

    def __init__(self, folder):
        self.lake = folder / "lake"
        self.of = {venue: tuple(one) for venue, one in json.loads((folder / "listed.json").read_text()).items()}


def list_instruments(folder):
    """Writes the table. The simulated vendor lists no options but Deribit's: those of two venues are added, as their venues name them."""
    now = datetime.datetime.now(datetime.UTC)
    day = now.strftime("%Y-%m-%d")
    venues = ",".join(dict.fromkeys([*(key.split(":")[0] for key, _ in INSTRUMENTS.values()), "OKX-FUTURES"]))
    with stage.sim("--small", "--now", now.strftime("%Y-%m-%dT%H:%M")) as vendor:
        words = ["instruments", "--start-date", day, "--end-date", day, "--venues", venues, "--lake", folder / "lake"]
        stage.mtdh(*words, env=stage.vendor_only(vendor))
    (path,) = (folder / "lake").glob("instrument_availability/by_date/*/instruments.parquet")
    table = pq.read_table(path)
    rows = table.to_pylist()
    lives = lambda row: row["base_asset"] == "BTC" and row["quote_asset"] == "USD" and row["expiry"] > now + datetime.timedelta(days=2)
    first = lambda exchange, kind: next(row for row in rows if (row["tardis_exchange"], row["instrument_type"]) == (exchange, kind) and lives(row))
    option, future = first("deribit", "OPTION"), first("okex-futures", "FUTURE")
    found = {**INSTRUMENTS, "okex-futures": (future["instrument_key"], future["exchange_raw_symbol"])}
    found["deribit option"] = (option["instrument_key"], option["exchange_raw_symbol"])
    terms = option["instrument_key"].split(":")[2].removeprefix("BTC-USD-")
    right = option["exchange_raw_symbol"][-1]
    for exchange, venue, quote, symbol in [
        ("bybit-options", "BYBIT-OPTIONS", "USDT", f"{option['exchange_raw_symbol']}-USDT"),
        ("okex-options", "OKX-OPTIONS", "USD", f"BTC-USD-{'-'.join(terms.split('-')[:2])}-{right}"),
    ]:
        key = f"{venue}:OPTION:BTC-{quote}-{terms}"
        rows.append(option | {"instrument_key": key, "venue": venue, "tardis_exchange": exchange, "quote_asset": quote,
                              "exchange_raw_symbol": symbol, "tardis_symbol": symbol})
        found[exchange] = (key, symbol)
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)
    (folder / "listed.json").write_text(json.dumps(found))


@pytest.fixture(scope="session")
def instruments(tmp_path_factory):
    """Made once, whichever of the processes that share the tests comes first."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "instruments"
    try:
        folder.mkdir()
    except FileExistsError:
        stage.wait_until(lambda: (folder / "listed.json").exists() and (folder / "listed.json").stat().st_size, "no table was made", 120, 0.1)
    else:
        list_instruments(folder)
    return Listed(folder)
