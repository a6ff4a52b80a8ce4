"""What the tests of `mtdh.validation` share: candles by hand, an exchange by hand, and a small lake with its exchange."""

import asyncio
import math
import warnings
from datetime import datetime, timedelta, timezone
from pathlib import Path

from mtdh.validation import OHLCV, CrossSourceValidator, StreamingServiceValidator

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
START = 1_709_251_200_000_000
"""2024-03-01, midnight UTC, µs."""
DAY = "2024-03-01"
KEY = "BINANCE:SPOT_PAIR:BTC-USDT"
NAN = math.nan


def utc(us):
    return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=us)


def bar(index=0, timeframe="1m", length=MINUTE, **values):
    """A sound candle, the index-th from midnight on, with other values."""
    values = {"open": 10.0, "high": 12.0, "low": 9.0, "close": 11.0, "volume": 5.0} | values
    start = values.pop("start", START + index * length)
    return OHLCV(utc(start), **values, symbol="BTC-USDT", timeframe=timeframe, source="test")


def bars(count, **more):
    return [bar(index, **more) for index in range(count)]


def five(index=0, **values):
    """The five-minute candle of five sound minutes."""
    return bar(index, timeframe="5m", length=5 * MINUTE, **({"volume": 25.0} | values))


class Client:
    """The predecessor's data client."""

    def __init__(self, candles):
        self.candles = candles

    async def get_candles(self, instrument_id, timeframe, start_date, end_date):
        own = [candle for candle in self.candles if candle.timeframe == timeframe]
        return [candle for candle in own if start_date <= candle.timestamp < end_date]


class Crossed(CrossSourceValidator):
    """Candles by hand against an exchange by hand."""

    def __init__(self, ours, theirs):
        super().__init__(Client(ours))
        self.theirs = theirs
        self.asked = []

    def klines(self, key, timeframe, from_us, to_us):
        self.asked.append((key, timeframe, from_us, to_us))
        read = []
        for candle in self.theirs:
            start = (candle.timestamp - utc(0)) // timedelta(microseconds=1)
            if candle.timeframe == timeframe and from_us <= start < to_us:
                values = [candle.open, candle.high, candle.low, candle.close, candle.volume, None]
                read.append((start, values, True))
        return read


def crossed(ours, theirs, end=None, start=None):
    """The result of a comparison of minutes from midnight on."""
    most = max(len(ours), len(theirs), 1)
    work = Crossed(ours, theirs).validate_timeframe_consistency(
        "BTC-USDT", "1m", start or utc(START), end or utc(START + most * MINUTE)
    )
    return asyncio.run(work)


def streamed(*candles, at=None, symbol="BTC-USDT", timeframe="1m", stop=True, **options):
    """A validator after it got candles a second after their ends, or at a time, and the results."""
    clock = {"now": at or START}

    async def run():
        validator = StreamingServiceValidator(clock=lambda: clock["now"], **options)
        await validator.start()
        results = []
        for candle in candles:
            if at is None:
                clock["now"] = (candle.timestamp - utc(0)) // timedelta(microseconds=1) + MINUTE + SECOND
            results.append(await validator.validate_candle(candle, symbol, timeframe))
        if stop:
            await validator.stop()
        return validator, results

    return asyncio.run(run())


def status(result):
    return result.status.value


def quietly(work):
    """Runs without the warning of times that have no zone."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return work()


class World:
    """A lake with one pair's day and its candles, and an exchange that has the same trades."""

    def __init__(self, lake, folder, binance):
        self.lake = lake
        self.binance = binance
        self.folder = Path(folder)

    def candles(self, timeframe):
        return str(self.folder / f"processed_candles/by_date/day-{DAY}/timeframe-{timeframe}/{KEY}.parquet")

    def rows(self, data_type="trades"):
        return str(self.folder / f"raw_tick_data/by_date/day-{DAY}/data_type-{data_type}/{KEY}.parquet")
