"""Candles in any form that Python people have them, and times."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from mtdh import _times
from mtdh.validation import _core

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)
_FIRST_US = 1_230_768_000_000_000
"""2009-01-01: no market is older. A number below it is of another unit."""
_LAST_US = 7_258_118_400_000_000
"""2200-01-01."""

_VALUES = ("open", "high", "low", "close", "volume", "trade_count")


@dataclass
class OHLCV:
    """A candle. Validators also take mappings, rows of pandas, and any object with these attributes.

    ``timestamp`` is the start of the interval: a datetime (without a zone: UTC, with a warning), a pandas Timestamp, or µs since
    the Unix epoch, UTC. ``timeframe`` is ``15s``, ``1m``, ``24h``, …; ``source`` is free text.

    >>> OHLCV(datetime(2024, 3, 1, tzinfo=timezone.utc), 1, 2, 1, 2, 10.5).close
    2
    """

    timestamp: datetime | int
    open: float
    high: float
    low: float
    close: float
    volume: float
    symbol: str = ""
    timeframe: str = ""
    source: str = ""


def to_us(value: Any, what: str = "timestamp") -> int:
    """A time as µs since the Unix epoch, UTC.

    A datetime without a zone is taken as UTC, with a warning. Raises `ValueError` or `TypeError` for what is no time, and for
    numbers that are no µs.

    >>> to_us(datetime(2024, 3, 1, 1, tzinfo=timezone(timedelta(hours=1))))
    1709251200000000
    >>> to_us("2024-03-01T00:00:00Z")
    1709251200000000
    >>> to_us(1709251200000)
    Traceback (most recent call last):
        ...
    ValueError: timestamp is 1709251200000, which is no time in µs since 1970
    """
    time = _times.value(value)
    if isinstance(time, int):
        if not _FIRST_US <= time < _LAST_US:
            raise ValueError(f"{what} is {time}, which is no time in µs since 1970")
        return time
    return _times.time_range(time, None)[0]


def to_datetime(us: int) -> datetime:
    """µs since the Unix epoch as a datetime in UTC.

    >>> to_datetime(1709251200000000).isoformat()
    '2024-03-01T00:00:00+00:00'
    """
    return EPOCH + timedelta(microseconds=us)


def iso(us: int) -> str:
    """µs since the Unix epoch as text in UTC."""
    return to_datetime(us).isoformat()


def now_us() -> int:
    """The time now, µs since the Unix epoch, UTC."""
    return (datetime.now(timezone.utc) - EPOCH) // _MICROSECOND


def fields(candle: Any) -> Mapping[str, Any]:
    """The fields of a candle, whatever its form. Raises `TypeError` for what is no candle."""
    if isinstance(candle, Mapping):
        return candle
    if dataclasses.is_dataclass(candle) and not isinstance(candle, type):
        return {field.name: getattr(candle, field.name) for field in dataclasses.fields(candle)}
    if hasattr(candle, "to_dict") and hasattr(candle, "index"):  # a row of pandas
        series: Any = candle
        row: dict[str, Any] = dict(series.to_dict())
        if "timestamp" not in row and isinstance(getattr(series, "name", None), datetime):
            row["timestamp"] = series.name
        return row
    names = (*_VALUES, "timestamp", "timeframe", "symbol", "is_final")
    row = {name: getattr(candle, name) for name in names if hasattr(candle, name)}
    if "open" not in row:
        raise TypeError(f"{type(candle).__name__} is no candle: it has no `open`")
    return row


def to_core(candle: Any, length_us: int, clock_us: int) -> _core.Candle:
    """A candle for the engine. One that does not say whether it is final is, when its interval has ended by the clock.

    Raises `ValueError` when a time or a number cannot be read. A value that is missing is left out: a check says so.
    """
    row = fields(candle)
    if row.get("timestamp") is None:
        raise ValueError("the candle has no `timestamp`")
    start = to_us(row["timestamp"])
    is_final = row.get("is_final")
    values = [_number(row.get(name), name) for name in _VALUES]
    return start, values, start + length_us <= clock_us if is_final is None else bool(is_final)


def _number(value: Any, name: str) -> float | None:
    if value is None or type(value).__name__ == "NAType":
        return None
    try:
        if isinstance(value, bool):
            raise TypeError
        return float(value)
    except (TypeError, ValueError):
        raise ValueError(f"`{name}` is {value!r}, not a number") from None


def timeframe_of(candles: list[Any]) -> str | None:
    """The timeframe that candles name, `None` if they name none. Raises `ValueError` if they name several."""
    names = {str(name) for name in (fields(candle).get("timeframe") for candle in candles) if name}
    own = {_core.timeframe(name)[0] for name in names}
    if len(own) > 1:
        raise ValueError(f"the candles are of several timeframes: {', '.join(sorted(own))}")
    return own.pop() if own else None


def rows_of(candles: Any) -> list[Any]:
    """Candles as a list: of a DataFrame of pandas or polars, a table of Arrow, rows of a lake (with pyarrow), or any iterable."""
    if hasattr(candles, "iterrows"):
        return [row for _, row in candles.iterrows()]
    if hasattr(candles, "iter_rows"):
        return list(candles.iter_rows(named=True))
    if hasattr(candles, "to_pylist"):
        return list(candles.to_pylist())
    if hasattr(candles, "arrow"):
        return list(candles.arrow().to_pylist())
    if isinstance(candles, Iterable) and not isinstance(candles, (str, bytes, Mapping)):
        return list(candles)
    raise TypeError(f"{type(candles).__name__} is no list of candles")
