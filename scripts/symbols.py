#!/usr/bin/env python3
"""Compares instrument keys with what the exchanges themselves say of their symbols.

    python scripts/symbols.py LISTS [--half 0|1|all] [--wrong] [--binary PATH]

LISTS is a folder of recorded lists of instruments, as the exchanges' REST APIs answer them (not part of the project). The
symbols are split in two halves by the first bit of SHA-256 of `venue:symbol`: rules are made by looking at half 0, and
counted on half 1, which is the default here.

For each list: symbols, canonical and native keys, wrong keys (base, quote, expiry, strike, side or type differ from the list),
symbols whose key depends on the rest of the list, and beside it what version 1 of the naming left out and named wrongly.
The exit status is 1 if a key is wrong, or if a list has more native keys than version 1 left out or named wrongly.

It shares no code with the program: it reads base, quote, expiry and strike from the exchange's own fields.
"""

import argparse
import datetime
import hashlib
import json
import pathlib
import subprocess
import sys

# Names of assets that the key writes by their common name.
COMMON = {"XBT": "BTC", "XDG": "DOGE"}


def day_of_ms(ms):
    return datetime.datetime.fromtimestamp(ms / 1000, datetime.timezone.utc).date().isoformat()


def common(asset):
    return COMMON.get(asset.upper(), asset.upper())


def binance_spot(body):
    for row in body["symbols"]:
        yield dict(symbol=row["symbol"].lower(), type="spot", base=row["baseAsset"], quote=row["quoteAsset"])


def binance_contracts(body):
    for row in body["symbols"]:
        # A contract that is halted has no type there.
        is_perpetual = row["contractType"] in ("PERPETUAL", "")
        yield dict(symbol=row["symbol"].lower(), type="perpetual" if is_perpetual else "future",
                   base=row["baseAsset"], quote=row["quoteAsset"],
                   expiry=None if is_perpetual else day_of_ms(row["deliveryDate"]))


def deribit(body):
    for row in body["result"]:
        kind = {"option": "option", "future": "future"}[row["kind"]]
        if row["settlement_period"] == "perpetual":
            kind = "perpetual"
        base, quote = row["base_currency"], row["quote_currency"]
        # An inverse option is priced in its coin; its strike is in dollars.
        quote = "USD" if kind == "option" and quote == base else quote
        strike = row.get("strike")
        yield dict(symbol=row["instrument_name"], type=kind, base=base, quote=quote,
                   expiry=None if kind == "perpetual" else day_of_ms(row["expiration_timestamp"]),
                   strike=None if strike is None else f"{strike:g}" if strike < 1e6 else str(int(strike)),
                   side=row["option_type"].upper() if kind == "option" else None)


def okx(body):
    for row in body["data"]:
        base, quote = row["uly"].split("-")
        is_future = row["instType"] == "FUTURES"
        yield dict(symbol=row["instId"], type="future" if is_future else "perpetual", base=base, quote=quote,
                   expiry=day_of_ms(int(row["expTime"])) if is_future else None)


def bybit(body):
    for row in body["result"]:
        base, quote = row["base_currency"], row["quote_currency"]
        # The alias of a dated contract ends in its month and day.
        end = row["alias"].removeprefix(base + quote)
        yield dict(symbol=row["name"], type="future" if end else "perpetual", base=base, quote=quote,
                   expiry=f"2021-{end[:2]}-{end[2:]}" if end else None)


LISTS = [
    ("binance_exchangeInfo", "binance", binance_spot),
    ("binance-futures_exchangeInfo", "binance-futures", binance_contracts),
    ("binance-delivery_exchangeInfo", "binance-delivery", binance_contracts),
    ("deribit_get_instruments", "deribit", deribit),
    ("okx_instruments_instType_FUTURES", "okex-futures", okx),
    ("okx_instruments_instType_SWAP", "okex-swap", okx),
    ("bybit_symbols", "bybit", bybit),
]

TYPES = {"spot": "SPOT_PAIR", "perpetual": "PERP", "future": "FUTURE", "option": "OPTION"}


def lists(folder):
    for path in sorted(folder.glob("*.json")):
        for start, exchange, read in LISTS:
            if path.name.startswith(start):
                yield path.name, [dict(exchange=exchange, **row) for row in read(json.loads(path.read_text()))]


def half_of(row):
    name = f"{row['exchange']}:{row['symbol']}".encode()
    return hashlib.sha256(name).digest()[0] >> 7


def is_right(key, row):
    """Whether a key says what the exchange says."""
    if key["type"] != TYPES[row["type"]]:
        return False
    said = [common(row["base"]), common(row["quote"]), row.get("expiry"), row.get("strike"), row.get("side")]
    return said == [key["base"], key["quote"], key["expiry"], key["strike"], key["side"]]


def keys_of(rows, binary):
    lines = "".join(json.dumps({"exchange": r["exchange"], "symbol": r["symbol"], "type": r["type"]}) + "\n" for r in rows)
    answer = subprocess.run(binary, input=lines, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in answer.stdout.splitlines()]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--half", default="1", choices=["0", "1", "all"])
    parser.add_argument("--wrong", action="store_true", help="print each key that is wrong or native")
    parser.add_argument("--binary", help="the built example `keys`")
    args = parser.parse_args()
    binary = [args.binary] if args.binary else ["cargo", "run", "-q", "--offline", "--example", "keys"]
    head = "list symbols canonical native wrong by_list left_out_by_1 wrong_by_1".split()
    print(f"{head[0]:<62}" + "".join(f"{name:>14}" for name in head[1:]))
    failed = False
    for name, rows in lists(args.folder):
        answers = keys_of(rows, binary)
        counts = dict.fromkeys(head[1:], 0)
        for row, answer in zip(rows, answers, strict=True):
            if args.half != "all" and half_of(row) != int(args.half):
                continue
            now, first = answer["now"], answer["first"]
            is_wrong = now["canonical"] and not is_right(now, row)
            counts["symbols"] += 1
            counts["canonical" if now["canonical"] else "native"] += 1
            counts["wrong"] += is_wrong
            counts["by_list"] += answer["alone"] != now["key"]
            counts["left_out_by_1"] += first is None
            counts["wrong_by_1"] += first is not None and not is_right(first, row)
            if args.wrong and (is_wrong or not now["canonical"]):
                print(f"  {row['exchange']} {row['symbol']}: {now['key']}")
        print(f"{name:<62}" + "".join(f"{counts[column]:>14}" for column in head[1:]))
        failed |= counts["wrong"] > 0 or counts["native"] > counts["left_out_by_1"] + counts["wrong_by_1"]
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
