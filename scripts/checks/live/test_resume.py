"""Server-sent events go on where a client left off: over many breaks, and over a server that is killed and started anew."""

import json
import random
import signal
import time
import urllib.request

import stand_in as lakes
from recording import served, stand_in

BREAKS = 6


def events(port, after, most, seconds=20):
    """Up to so many events: name, id and data; asks behind `after`."""
    url = f"http://127.0.0.1:{port}/live/events?type=trades,incremental_book_L2,book_ticker"
    request = urllib.request.Request(url, headers={"Last-Event-ID": after} if after else {})
    got, one = [], {"data": []}
    until = time.monotonic() + seconds
    with urllib.request.urlopen(request, timeout=seconds) as answer:
        for line in answer:
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name == "data":
                one["data"].append(json.loads(value))
            elif name in ("event", "id"):
                one[name] = value
            elif not name and "event" in one:
                got.append(one)
                one = {"data": []}
            if len(got) >= most or time.monotonic() > until:
                return got
    return got


def read(port, after, breaks, trades, most=40):
    """Reads with so many breaks; adds ids of trades by symbol, and gives the last id and what the readings began with."""
    begins = []
    for _ in range(breaks):
        for event in events(port, after, random.randint(3, most)):
            assert event["event"] != "lagged", event
            begins += [data["from"] for data in event["data"] if event["event"] == "begin"]
            after = event.get("id", after)
            for row in event["data"]:
                if row.get("data_type") == "trades":
                    trades.setdefault(row["symbol"], []).append(int(row["id"]))
    return after, begins


def test_events_go_on_over_breaks_and_a_new_server(tmp_path, figures):
    lake, trades, after = tmp_path / "lake", {}, None
    with stand_in("--speed", 4) as addresses:
        for run in range(3):
            # The first time there is no lake yet.
            with served(lake, addresses, "--parts", "2s") as port:
                if run:
                    time.sleep(1)
                after, begins = read(port, after, BREAKS, trades)
                assert begins[0] == ("captured" if run else "now"), begins
                assert set(begins[1:]) <= {"behind", "captured"}, begins
                if run < 2:
                    time.sleep(0.7)
                    served.process.send_signal(signal.SIGKILL)
                    served.process.wait(timeout=30)
                else:
                    # Up to now.
                    after, _ = read(port, after, 2, trades, most=150)
    for symbol, ids in trades.items():
        assert all(one < two for one, two in zip(ids, ids[1:])), f"{symbol}: doubled or out of order"
        assert len(ids) > 10, symbol
    figures(trades=sum(map(len, trades.values())), breaks=3 * BREAKS)
    for part in sorted(lake.glob("live_tick_data/by_date/*/data_type-trades/**/")):
        of_key = [int(row["id"]) for path in part.glob("*.parquet") for row in lakes.pq.ParquetFile(path).read().to_pylist()]
        ids = next((ids for ids in trades.values() if set(ids) & set(of_key)), None)
        if of_key and ids:
            lacks = [one for one in of_key if ids[0] <= one <= ids[-1] and one not in set(ids)]
            assert not lacks, f"{part}: {len(lacks)} of {len(of_key)} were never given: {lacks[:5]}"
