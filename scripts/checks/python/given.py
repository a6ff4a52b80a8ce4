"""A lake of rows that a test writes down as Tardis' CSV: what the bridges ask of a lake, and no more."""

import csv
import datetime
import io

import numpy as np

TIMES = {"timestamp", "local_timestamp", "first_trade", "last_trade", "last_arrival", "expiry", "available_from_datetime"}
TEXTS = {"side", "id"}
DAY_US = 86_400_000_000


def column(name, cells):
    """An array of a column, of the types that `Rows.numpy()` has."""
    if name in TIMES:
        return np.array([int(cell) for cell in cells], dtype="int64").astype("datetime64[us]")
    if name == "is_snapshot":
        return np.array([cell == "true" for cell in cells], dtype=bool)
    if name in TEXTS:
        return np.array([cell or None for cell in cells] + [None], dtype=object)[:-1]
    if name == "trade_count":
        return np.array([int(cell) for cell in cells], dtype="uint64")
    return np.array([float(cell) if cell else np.nan for cell in cells])


class Rows:
    """Rows as the bridges use them."""

    def __init__(self, columns, missing=()):
        self.columns, self.missing = columns, list(missing)

    def numpy(self):
        return self.columns

    def paths(self):
        return [] if self.missing else ["a path"]


class Table:
    """The instrument table of one instrument."""

    def __init__(self, row):
        self.row = row

    def arrow(self):
        return self

    def to_pylist(self):
        return [self.row]


def microseconds(moment, end=False):
    """A day, a moment as text, or a NumPy time; the end of a day is the next one's start."""
    text = str(moment)
    start = int(datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.timezone.utc).timestamp()) * 1_000_000
    return start + DAY_US if end and len(text) == 10 else start


class Lake:
    """`tables` are CSV texts by data type, of one instrument; `terms` is its row of the instrument table."""

    def __init__(self, tables, terms=None):
        self.tables = {name: list(csv.DictReader(io.StringIO(text.strip()))) for name, text in tables.items()}
        self.terms = terms or {}

    def get(self, data_type, key, start, end=None, columns=None, min_grade=None):
        if data_type not in self.tables:
            return Rows({}, [(key, data_type, str(start)[:10])])
        clock = "timestamp" if data_type.startswith("candles_") else "local_timestamp"
        first, last = microseconds(start), microseconds(start if end is None else end, end=True)
        rows = self.tables[data_type]
        kept = [row for row in rows if first <= int(row[clock]) < last]
        names = [name for name in rows[0] if name not in ("exchange", "symbol")]
        return Rows({name: column(name, [row[name] for row in kept]) for name in columns or names})

    def candles(self, key, timeframe, start, end=None):
        return self.get(f"candles_{timeframe}", key, start, end)

    def instruments(self, day, instruments):
        return Table(self.terms)


def utc(text):
    """A moment of the instrument table."""
    return datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.timezone.utc)


PERP = {
    "instrument_key": "EXAMPLE:PERP:BTC-USDT", "venue": "EXAMPLE", "instrument_type": "PERP", "base_asset": "BTC",
    "quote_asset": "USDT", "settle_asset": "USDT", "exchange_raw_symbol": "btcusdt", "tardis_symbol": "BTCUSDT",
    "inverse": False, "strike": None, "option_type": None, "expiry": None, "contract_size": 1.0, "tick_size": 0.5, "min_size": 1.0,
    "available_from_datetime": utc("2020-01-01T00:00:00"), "price_currency": "USDT", "amount_unit": "base",
    "terms_source": "tardis /v1/instruments", "changes_at": [], "contract_sizes_after": [],
}
KEY = PERP["instrument_key"]
# 2024-03-01, midnight.
T0 = 1_709_251_200_000_000


def second(number, delay_us=1000):
    """Both clocks of a row, as cells: seconds after midnight, arriving a millisecond later."""
    us = T0 + round(number * 1_000_000)
    return f"{us},{us + delay_us}"


def book_rows(*rows):
    """`incremental_book_L2` of rows `(second, "s" or "u", "bid" or "ask", price, amount)`: snapshot or update."""
    lines = [f"x,y,{second(at)},{'true' if kind == 's' else 'false'},{side},{price},{amount}" for at, kind, side, price, amount in rows]
    return "\n".join(["exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount", *lines]) + "\n"


def trade_rows(*rows):
    """`trades` of rows `(second, side, price, amount)`, with ids from 1."""
    lines = [f"x,y,{second(at)},{number},{side},{price},{amount}" for number, (at, side, price, amount) in enumerate(rows, 1)]
    return "\n".join(["exchange,symbol,timestamp,local_timestamp,id,side,price,amount", *lines]) + "\n"


# A book of two levels a side, trades into the bid, and a new best bid.
BOOK = book_rows(
    (1, "s", "ask", 101, 3), (1, "s", "ask", 102, 4), (1, "s", "bid", 100, 5), (1, "s", "bid", 99, 5),
    (5, "u", "bid", 100, 0), (9, "u", "bid", 98, 1), (12, "u", "ask", 101, 7), (15, "u", "bid", 97, 2))
TRADES = trade_rows((4, "sell", 100, 2), (5, "sell", 99, 4), (13, "buy", 101, 1))
