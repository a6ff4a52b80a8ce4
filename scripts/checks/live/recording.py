"""A recorder that serves, beside a stand-in for Binance, for the tests of this folder."""

import contextlib
import json
import re
import subprocess
import tempfile

import stage

SYMBOLS = ("BTCUSDT", "ETHUSDT")
TYPES = "trades,incremental_book_L2,book_ticker"


@contextlib.contextmanager
def stand_in(*words, seconds=300):
    """`mtdh sim exchange` of Binance; gives the value of MTDH_LIVE_ADDRESSES."""
    command = [stage.PROGRAM, "sim", "exchange", "binance", "--symbols", ",".join(SYMBOLS), "--format", "json",
               "--seconds", str(seconds), *map(str, words)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        text, found = "", None
        while found is None:
            line = process.stdout.readline()
            assert line, f"{command} says {text!r}; exit status {process.wait(timeout=30)}"
            text += line
            with contextlib.suppress(json.JSONDecodeError):
                found = json.loads(text)
        yield ",".join(f"binance={found[f'binance {kind}']}" for kind in ("ws", "rest"))
    finally:
        process.terminate()
        process.wait(timeout=30)


@contextlib.contextmanager
def served(lake, addresses, *words, seconds=300, venue="BINANCE", symbols=SYMBOLS, types=TYPES, env=None):
    """`mtdh live serve` of that exchange, or of another; gives its port, beside which is that of WebSockets."""
    with tempfile.NamedTemporaryFile("w+") as said:
        command = [stage.PROGRAM, "live", "serve", "--lake", str(lake), "--venues", venue, "--symbols", ",".join(symbols),
                   "--data-types", types, "--candles", "15s", "--listen", "127.0.0.1:0", "--seconds", str(seconds), *map(str, words)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said, 
                                   env=stage.environment({"MTDH_LIVE_ADDRESSES": addresses}, env or {}))
        try:
            text = lambda: open(said.name).read()
            stage.wait_until(lambda: re.search(r"http://[\d.]+:(\d+)", text()) or process.poll() is not None, text)
            port = re.search(r"http://[\d.]+:(\d+)", text())
            assert port, text()
            served.process = process
            yield int(port[1])
            assert "panicked" not in text(), text()
        finally:
            process.terminate()
            process.wait(timeout=60)


def status(port):
    """The document of /live/status."""
    return json.loads(stage.ask("GET", f"http://127.0.0.1:{port}/live/status"))
