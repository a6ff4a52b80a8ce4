"""What a day's lake must hold, from the stand-in's own metadata and files as it serves them without faults.

Nothing of mtdh takes part: metadata is JSON, files are gzip and CSV, keys are put together here."""

import csv
import dataclasses
import datetime
import gzip
import hashlib
import io
import json
import re
import urllib.error
import urllib.request

GROUPS = {"SPOT", "PERPETUALS", "FUTURES", "OPTIONS", "COMBOS"}
TYPES = {"spot": "SPOT_PAIR", "perpetual": "PERP", "future": "FUTURE", "option": "OPTION"}
# The vendor's words for a file that it does not have: a day outside of the symbol's life, no such symbol.
ABSENCE = {140, 300}


@dataclasses.dataclass
class Expected:
    """One partition as the vendor's files have it."""

    status: str
    header: list
    rows: list


@dataclasses.dataclass
class Truth:
    """What is expected of a day: partitions by key and data type, and each venue's instruments."""

    day: str
    partitions: dict
    # Symbol to key and data types, by venue: every instrument, whatever was asked for.
    instruments: dict
    # What is known already of an object's bytes; see `checker`.
    verdicts: dict = dataclasses.field(default_factory=dict)


def get(url, key=None):
    """Status and body of a GET."""
    headers = {"User-Agent": "checker/1", **({"Authorization": f"Bearer {key}"} if key else {})}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read()


def known(vendor, path):
    """A document of the vendor's metadata."""
    status, body = get(f"{vendor['TARDIS_API_URL']}/{path}", vendor["TARDIS_API_KEY"])
    assert status == 200, (path, status, body)
    return json.loads(body)


def rows_of(vendor, exchange, data_type, day, symbol):
    """Header and rows of a vendor file; nothing when the vendor says that there is none."""
    path = f"{exchange}/{data_type}/{day.replace('-', '/')}/{symbol}.csv.gz"
    status, body = get(f"{vendor['TARDIS_DATASETS_URL']}/{path}", vendor["TARDIS_API_KEY"])
    if status == 400 and json.loads(body)["code"] in ABSENCE:
        return None
    assert status == 200, (path, status, body)
    lines = list(csv.reader(io.StringIO(gzip.decompress(body).decode(), newline="")))
    return (lines[0], lines[1:]) if lines else ([], [])


def instrument_key(venue, terms):
    """`VENUE:TYPE:SYMBOL` from the vendor's structured terms."""
    # The premium of an inverse option is paid in its base; its strike is in dollars, and so is its key.
    is_own_quote = terms["baseCurrency"] == terms["quoteCurrency"]
    base = terms["baseCurrency"]
    # A symbol of a thousand of a coin names the thousand; the terms name the coin.
    many = re.match(rf"(10+){re.escape(base)}", terms.get("datasetId", terms["id"].upper()))
    base = many[0] if many else base
    pair = f"{base}-{'USD' if is_own_quote else terms['quoteCurrency']}"
    if "expiry" in terms:
        pair += "-" + datetime.datetime.fromisoformat(terms["expiry"].replace("Z", "+00:00")).strftime("%y%m%d")
    if "strikePrice" in terms:
        strike = terms["strikePrice"]
        strike = str(int(strike)) if float(strike).is_integer() else repr(float(strike))
        pair += f"-{strike}-{terms['optionType'].upper()}"
    return f"{venue}:{TYPES[terms['type']]}:{pair}".upper()


def truth(vendor, day, exchanges, types, data_types, keys=()):
    """The truth of a day for instruments of some types and data types, or of some keys only. `exchanges` are ids that are
    venues in capitals."""
    start = datetime.datetime.fromisoformat(f"{day}T00:00:00+00:00")
    end = start + datetime.timedelta(days=1)
    time = lambda text: datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    found = Truth(day, {}, {})
    for exchange in exchanges:
        venue = exchange.upper()
        terms = {one.get("datasetId", one["id"].upper()): one for one in known(vendor, f"instruments/{exchange}")}
        symbols = known(vendor, f"exchanges/{exchange}")["datasets"]["symbols"]
        groups = {s["id"]: s["dataTypes"] for s in symbols if s["id"] in GROUPS}
        chain = rows_of(vendor, exchange, "options_chain", day, "OPTIONS") if "options_chain" in groups.get("OPTIONS", []) else None
        here = found.instruments.setdefault(venue, {})
        for symbol in symbols:
            is_alive = time(symbol["availableSince"]) < end and (
                "availableTo" not in symbol or time(symbol["availableTo"]) > start)
            if symbol["id"] in GROUPS or not is_alive or symbol["type"] not in TYPES:
                continue
            key = instrument_key(venue, terms[symbol["id"]])
            offered = list(symbol["dataTypes"])
            if symbol["type"] == "option" and chain is not None and "options_chain" not in offered:
                offered.append("options_chain")
            here[symbol["id"]] = (key, set(offered))
            if TYPES[symbol["type"]] not in types or keys and key not in keys:
                continue
            for data_type in set(offered) & set(data_types):
                if data_type == "options_chain":
                    rows = [row for row in chain[1] if row[1].upper() == symbol["id"]]
                    answer = (chain[0], rows)
                else:
                    answer = rows_of(vendor, exchange, data_type, day, symbol["id"])
                status = "absent" if answer is None else "stored" if answer[1] else "empty"
                found.partitions[key, data_type] = Expected(status, *(answer or ([], [])))
    return found


def sha256(content):
    """Of bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()
