"""The engine's checks, with types. See `crates/python/src/validation.rs`."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from mtdh import _mtdh

_native: Any = _mtdh.validation

Candle = tuple[int, list["float | None"], bool]
"""Start in µs, open, high, low, close, volume, trade count, and whether it is final."""

Difference = tuple[int, str, float, float, bool]
"""Start in µs, field, value, expected value, whether both sides are complete."""


class Finding(Protocol):
    """What a check found."""

    check: str
    severity: str
    count: int
    range_us: tuple[int, int] | None
    examples: list[str]
    explanation: str | None


class Finer(NamedTuple):
    """Candles compared with finer ones; starts in µs."""

    compared: list[int]
    partial: list[int]
    differences: list[Difference]
    missing: list[int]
    without_finer: list[int]


class Reference(NamedTuple):
    """Candles compared with a reference's; starts in µs."""

    compared: list[int]
    prices: list[Difference]
    volumes: list[Difference]
    ours_only: list[int]
    theirs_only: list[int]


class Regularity(NamedTuple):
    """What is wrong with times; µs."""

    duplicates: list[int]
    out_of_order: list[tuple[int, int, int]]
    uneven: list[tuple[int, int]]
    gaps: list[tuple[int, int]]
    intervals: list[int]


def timeframe(text: str) -> tuple[str, int]:
    """A timeframe's own name, and its length in µs.

    >>> timeframe("1d")
    ('24h', 86400000000)
    """
    name, length = _native.timeframe(text)
    return str(name), int(length)


def instrument_key(symbol: str, venue: str = "BINANCE") -> str:
    """The key of a symbol.

    >>> instrument_key("btc-usdt")
    'BINANCE:SPOT_PAIR:BTC-USDT'
    """
    return str(_native.instrument_key(symbol, venue))


def check_alone(name: str, candles: list[Candle]) -> list[Finding]:
    """Every check of candles alone."""
    return list(_native.check_alone(name, candles))


def check_finer(
    name: str, candles: list[Candle], finer_name: str, finer: list[Candle], price: float, volume: float
) -> Finer:
    """Candles compared with finer ones; tolerances are relative."""
    return Finer(*_native.check_finer(name, candles, finer_name, finer, price, volume))


def check_reference(
    name: str,
    candles: list[Candle],
    reference: list[Candle],
    times_us: tuple[int, int, int],
    price: float,
    volume: float,
) -> Reference:
    """Candles compared with a reference's in a range; tolerances are relative."""
    return Reference(*_native.check_reference(name, candles, reference, times_us, price, volume))


def regularity(times: list[int], interval_us: int, tolerance_us: int) -> Regularity:
    """What is wrong with times that should come at an interval."""
    return Regularity(*_native.regularity(times, interval_us, tolerance_us))


def lake_candles(
    lake: Any, key: str, name: str, from_us: int, to_us: int
) -> tuple[list[Candle], list[tuple[str, str | None]]]:
    """A lake's candles of a range, and the days that it lacks."""
    candles, missing = _native.lake_candles(native_lake(lake), key, name, from_us, to_us)
    return candles, missing


def newest_hour(lake: Any, key: str, name: str) -> tuple[int, int] | None:
    """The last hour that a lake has candles of, in µs."""
    found: tuple[int, int] | None = _native.newest_hour(native_lake(lake), key, name)
    return found


def native_lake(lake: Any) -> Any:
    """The native part of a lake."""
    return getattr(lake, "_native", lake)


def read_candles(path: str, name: str | None = None) -> tuple[str | None, str, list[Candle]] | None:
    """A file of candles: its instrument, its timeframe, its candles. `None`: it has rows of another kind."""
    read: tuple[str | None, str, list[Candle]] | None = _native.read_candles(path, name)
    return read


def check_file(
    path: str, key: str | None = None, data_type: str | None = None
) -> tuple[dict[str, int], list[Finding], int, list[str]]:
    """The engine's checks of a file's times: how often each looked, findings, rows, notes."""
    looked_at, findings, rows, notes = _native.check_file(path, key, data_type)
    return looked_at, findings, rows, notes


def klines(address: str | None, lake: Any) -> Any:
    """A reader of the exchange's own candles: ``get(key, timeframe, from_us, to_us)``. Its address is the given one, else the
    lake's setting, else this folder's, else Binance's."""
    return _native.Klines(address, None if lake is None else native_lake(lake))


def has_klines(key: str, name: str) -> bool:
    """Whether the exchange has candles of an instrument and timeframe."""
    return bool(_native.StreamValidator.has_klines(key, name))


def stream_validator(
    watermark_us: int, ahead_us: int, failures: int, cooldown_us: int, is_compared: bool, checks: list[str]
) -> Any:
    """The engine's validator of candles that come one by one."""
    return _native.StreamValidator(watermark_us, ahead_us, failures, cooldown_us, is_compared, checks)
