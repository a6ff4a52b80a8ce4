"""How many messages a second `mtdh live record` takes from a stand-in exchange over loopback, and its memory.

    cargo build --release && python scripts/bench_record.py [--streams 1000] [--seconds 20] [--runs 5] [--capture-only]

The stand-in sends as fast as the recorder reads; both share the machine's processors. Prints messages per second of wall time and of the
recorder's processor time, the processors that each of the two used, the recorder's largest resident memory, and the machine's load:
figures of a busy machine are not comparable.
"""

import argparse
import json
import os
import pathlib
import signal
import statistics
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
PROGRAM = os.environ.get("MTDH", str(ROOT / "target/release/mtdh"))


def run(options, folder):
    venue = "binance-futures"
    # Streams that do not exist are acknowledged and silent, as at the exchange: they cost memory, not time.
    names = ["BTCUSDT", "ETHUSDT", *(f"MADE{number}UP" for number in range(options.streams // 2 - 2))]
    command = [PROGRAM, "sim", "exchange", venue, "--symbols", "BTCUSDT,ETHUSDT", "--rate", "max"]
    command += ["--seconds", str(options.seconds + 60), "--format", "json"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        text = ""
        while not text.rstrip().endswith("}"):
            text += server.stdout.readline()
        addresses = json.loads(text)
        env = {**os.environ, "MTDH_LIVE_ADDRESSES": f"{venue}={addresses[f'{venue} ws']},{venue}={addresses[f'{venue} rest']}"}
        words = [PROGRAM, "live", "record", "--venues", venue, "--symbols", ",".join(names), "--data-types", "trades,book_ticker"]
        words += ["--lake", folder, "--for", f"{options.seconds}s", "--format", "json"]
        words += ["--capture-only"] if options.capture_only else []
        recorder = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=env)
        out = recorder.stdout.read()
        _, _, used = os.wait4(recorder.pid, 0)
    finally:
        server.send_signal(signal.SIGTERM)
        _, _, gave = os.wait4(server.pid, 0)
    (venue,) = json.loads(out)["venues"]
    return venue, used.ru_utime + used.ru_stime, gave.ru_utime + gave.ru_stime, used.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--capture-only", action="store_true")
    options = parser.parse_args()
    rates, each, memories = [], [], []
    for number in range(options.runs):
        with tempfile.TemporaryDirectory() as folder:
            venue, processor, sender, memory = run(options, folder)
        rates.append(venue["messages"] / options.seconds)
        each.append(venue["messages"] / processor)
        memories.append(memory)
        print(
            f"run {number + 1}: {rates[-1]:,.0f} messages/s, {each[-1]:,.0f} per processor second of the recorder, which used "
            f"{processor / options.seconds:.2f} processors and the stand-in {sender / options.seconds:.2f}; {memory:.0f} MB, "
            f"{venue['gaps']} gaps, {len(venue['failures'])} failures, load {os.getloadavg()[0]:.1f}",
            flush=True,
        )
    print(
        f"median of {options.runs}: {statistics.median(rates):,.0f} messages/s, {statistics.median(each):,.0f} per processor second, "
        f"most memory {max(memories):.0f} MB, with {options.streams} streams"
    )


if __name__ == "__main__":
    main()
