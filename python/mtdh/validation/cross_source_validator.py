"""Validation of candles against the exchange's own: Binance's klines."""

from __future__ import annotations

import asyncio
import inspect
import time
from typing import Any

from mtdh import _times
from mtdh.validation import _core
from mtdh.validation.aggregation_validator import difference
from mtdh.validation.candles import OHLCV, iso, now_us, rows_of, to_core, to_datetime
from mtdh.validation.timestamp_validator import SHOWN
from mtdh.validation.validation_results import ValidationResult, ValidationStatus

__all__ = ["OHLCV", "CrossSourceValidator"]

SETTLE_US = 60_000_000
"""A kline that ended less than this ago may still change, and is not compared."""

_Sides = tuple["list[_core.Candle]", "list[_core.Candle]", "dict[str, Any]"]


class NothingToCompare(ValueError):
    """One side, or both, have no candles of the range."""


class CrossSourceValidator:
    """Compares candles of a lake with Binance's klines.

    ``data_client`` is a `mtdh.Lake`, its address, or any object with the predecessor's ``get_candles(instrument_id, timeframe,
    start_date, end_date)``, plain or async; without it the lake of the settings. Candles that the lake does not have are made of its
    trades. ``binance_url`` replaces Binance's own hosts; without it the setting of that name holds. A symbol without a venue is
    one of ``default_venue``.

    Tolerances are relative: ``price_tolerance`` 0.0001, ``volume_tolerance`` 0.01. Methods never raise: what goes wrong is a FAIL
    with ``details["error"]``.

    >>> CrossSourceValidator("./data").price_tolerance
    0.0001
    """

    def __init__(
        self,
        data_client: Any = None,
        tardis_connector: Any = None,
        *,
        binance_url: str | None = None,
        default_venue: str = "BINANCE",
    ) -> None:
        self.data_client: Any = data_client
        self.tardis_connector = tardis_connector
        self.binance_url = binance_url
        self.default_venue = default_venue
        self.price_tolerance = 0.0001
        self.volume_tolerance = 0.01
        self.timestamp_tolerance_seconds = 1
        self._klines: Any = None

    async def validate_timeframe_consistency(
        self, symbol: str, timeframe: str, start_date: Any, end_date: Any = None, max_candles: int = 1000
    ) -> ValidationResult:
        """Whether the candles of a range are the exchange's: rule 1 the same intervals, rule 2 prices, rule 3 volumes.

        A date or month means the whole of it; a datetime as end is excluded. At most ``max_candles`` intervals are compared,
        the first ones. PASS: all rules hold. WARNING: only the volumes differ.
        """

        async def work() -> tuple[ValidationStatus, str, dict[str, Any]]:
            key, name, length = self._names(symbol, timeframe)
            span = _span(start_date, end_date, length, max_candles)
            ours, theirs, details = await self._both(key, name, span)
            details |= {"timeframe": timeframe, "symbol": symbol, "date_range": _shown(span)}
            found = self._compare(name, ours, theirs, span)
            rules = three_rules(found)
            details |= {"aligned_candles": len(found.compared), "validation_results": rules}
            return *verdict(rules), details

        return await _timed(f"timeframe_consistency_{symbol}_{timeframe}", work)

    async def validate_aggregation_consistency(
        self,
        symbol: str,
        base_timeframe: str,
        aggregated_timeframe: str,
        start_date: Any,
        end_date: Any = None,
        max_candles: int = 1000,
    ) -> ValidationResult:
        """Whether on each side the coarser candles are made of the finer ones, and both sides have the same coarser candles.

        ``max_candles`` is of the finer ones. Volumes have their own tolerance.
        """

        async def work() -> tuple[ValidationStatus, str, dict[str, Any]]:
            key, base, base_length = self._names(symbol, base_timeframe)
            _, coarse, coarse_length = self._names(symbol, aggregated_timeframe)
            most = max(1, max_candles * base_length // coarse_length)
            span = _span(start_date, end_date, coarse_length, most)
            own_base, their_base, details = await self._both(key, base, span)
            own, their, of_coarse = await self._both(key, coarse, span)
            details = {f"base_{name}": value for name, value in details.items()} | of_coarse
            comparisons = {
                "binance_aggregation": self._aggregated(coarse, their, base, their_base),
                "tardis_aggregation": self._aggregated(coarse, own, base, own_base),
                "cross_source": self._crossed(coarse, own, their, span),
            }
            details |= comparisons
            details |= {
                "base_timeframe": base_timeframe,
                "aggregated_timeframe": aggregated_timeframe,
                "symbol": symbol,
                "date_range": _shown(span),
            }
            failed = [name for name, comparison in comparisons.items() if not comparison["passed"]]
            if failed:
                return ValidationStatus.FAIL, f"Aggregation inconsistency detected: {', '.join(failed)}", details
            return ValidationStatus.PASS, "Aggregation consistency validated", details

        test_name = f"aggregation_consistency_{symbol}_{base_timeframe}_to_{aggregated_timeframe}"
        return await _timed(test_name, work)

    async def validate_timestamp_alignment(
        self, symbol: str, timeframe: str, start_date: Any, end_date: Any = None, max_candles: int = 1000
    ) -> ValidationResult:
        """Whether both sides have at least 80 % of the intervals in which either has trades."""

        async def work() -> tuple[ValidationStatus, str, dict[str, Any]]:
            key, name, length = self._names(symbol, timeframe)
            span = _span(start_date, end_date, length, max_candles)
            ours, theirs, details = await self._both(key, name, span)
            found = self._compare(name, ours, theirs, span)
            total = len(found.compared) + len(found.ours_only) + len(found.theirs_only)
            ratio = len(found.compared) / total if total else 0.0
            details |= {
                "aligned": ratio >= 0.8,
                "overlap_ratio": ratio,
                "common_timestamps": len(found.compared),
                "total_timestamps": total,
                "avg_timestamp_diff": 0.0 if found.compared else None,
                "max_timestamp_diff": 0.0 if found.compared else None,
            }
            if ratio >= 0.8:
                return ValidationStatus.PASS, "Timestamps properly aligned", details
            return ValidationStatus.FAIL, f"Timestamp misalignment detected: overlap {ratio:.1%}", details

        return await _timed(f"timestamp_alignment_{symbol}_{timeframe}", work)

    def klines(self, key: str, timeframe: str, from_us: int, to_us: int) -> list[_core.Candle]:
        """The exchange's candles that start in a range of µs. Blocks until they are read."""
        if self._klines is None:
            self._klines = _core.klines(self.binance_url, self._lake())
        read: list[_core.Candle] = self._klines.get(key, timeframe, from_us, to_us)
        return read

    def newest_hour(self, symbol: str, timeframe: str) -> tuple[int, int] | None:
        """The last hour of the newest candles that the lake has, µs, the end excluded; `None`: it has none."""
        key, name, _ = self._names(symbol, timeframe)
        lake = self._lake()
        return None if lake is None else _core.newest_hour(lake, key, name)

    def _names(self, symbol: str, timeframe: str) -> tuple[str, str, int]:
        return _core.instrument_key(symbol, self.default_venue), *_core.timeframe(timeframe)

    def _lake(self) -> Any:
        """The lake; `None`, if candles come from another object."""
        client: Any = self.data_client
        if client is None or isinstance(client, str) or hasattr(client, "__fspath__"):
            import mtdh

            client = self.data_client = mtdh.Lake(client)
        return client if hasattr(client, "_native") else None

    async def _both(self, key: str, timeframe: str, span: tuple[int, int, bool]) -> _Sides:
        """Our candles and the exchange's of a range."""
        from_us, to_us, is_truncated = span
        missing: list[tuple[str, str | None]] = []
        lake = self._lake()
        if lake is None:
            ours = await self._of_client(key, timeframe, from_us, to_us)
        else:
            ours, missing = await asyncio.to_thread(_core.lake_candles, lake, key, timeframe, from_us, to_us)
        theirs = await asyncio.to_thread(self.klines, key, timeframe, from_us, to_us)
        details: dict[str, Any] = {
            "tardis_candles": len(ours),
            "binance_candles": len(theirs),
            "truncated": is_truncated,
            "missing_days": [day for day, _ in missing],
        }
        if not ours or not theirs:
            sides = "the lake" if not ours and theirs else "Binance" if ours else "the lake and Binance"
            lacking = "; ".join(f"{day}: {reason or 'not in the lake'}" for day, reason in missing[:3])
            text = f"{sides} has no candles of {key} {timeframe} from {iso(from_us)} to {iso(to_us)}"
            raise NothingToCompare(f"No data available: {text}" + (f" ({lacking})" if lacking else ""))
        return ours, theirs, details

    async def _of_client(self, key: str, timeframe: str, from_us: int, to_us: int) -> list[_core.Candle]:
        client: Any = self.data_client
        answer = client.get_candles(
            instrument_id=key, timeframe=timeframe, start_date=to_datetime(from_us), end_date=to_datetime(to_us)
        )
        candles = await answer if inspect.isawaitable(answer) else answer
        length = _core.timeframe(timeframe)[1]
        read = [to_core(row, length, now_us()) for row in rows_of(candles)]
        return [candle for candle in read if from_us <= candle[0] < to_us]

    def _compare(
        self,
        timeframe: str,
        ours: list[_core.Candle],
        theirs: list[_core.Candle],
        span: tuple[int, int, bool],
    ) -> _core.Reference:
        times = (span[0], span[1], now_us() - SETTLE_US)
        return _core.check_reference(timeframe, ours, theirs, times, self.price_tolerance, self.volume_tolerance)

    def _crossed(
        self, timeframe: str, ours: list[_core.Candle], theirs: list[_core.Candle], span: tuple[int, int, bool]
    ) -> dict[str, Any]:
        found = self._compare(timeframe, ours, theirs, span)
        errors = [difference(item) for item in [*found.prices, *found.volumes]]
        errors += [{"boundary": iso(us), "error": "only the lake has trades"} for us in found.ours_only]
        errors += [{"boundary": iso(us), "error": "only Binance has trades"} for us in found.theirs_only]
        return _comparison(len(found.compared), len(ours), len(theirs), errors)

    def _aggregated(
        self, coarse_name: str, coarse: list[_core.Candle], base_name: str, base: list[_core.Candle]
    ) -> dict[str, Any]:
        found = _core.check_finer(
            coarse_name, coarse, base_name, base, self.price_tolerance, self.volume_tolerance
        )
        errors = [difference(item) for item in found.differences]
        errors += [{"boundary": iso(us), "error": "there is no aggregated candle"} for us in found.missing]
        errors += [{"boundary": iso(us), "error": "there are no base candles"} for us in found.without_finer]
        return _comparison(len(found.compared), len(base), len(coarse), errors)


def _comparison(common: int, one: int, other: int, errors: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "passed": bool(common) and not errors,
        "common_candles": common,
        "total_candles1": one,
        "total_candles2": other,
        "errors": errors[:SHOWN],
        "error_count": len(errors),
    }


def three_rules(found: _core.Reference) -> dict[str, Any]:
    """The three rules, of a comparison with the exchange."""
    lonely = [{"timestamp": iso(us), "source": "tardis"} for us in found.ours_only]
    lonely += [{"timestamp": iso(us), "source": "binance"} for us in found.theirs_only]
    prices = [difference(item) for item in found.prices]
    volumes = [difference(item) for item in found.volumes]
    return {
        "rule_1_passed": bool(found.compared) and not lonely,
        "rule_2_passed": bool(found.compared) and not prices,
        "rule_3_passed": bool(found.compared) and not volumes,
        "rule_1_details": {
            "aligned_candles": len(found.compared),
            "one_sided": lonely[:SHOWN],
            "error_count": len(lonely),
        },
        "rule_2_details": {"ohlc_errors": prices[:SHOWN], "error_count": len(prices)},
        "rule_3_details": {"volume_errors": volumes[:SHOWN], "error_count": len(volumes)},
    }


def verdict(rules: dict[str, Any]) -> tuple[ValidationStatus, str]:
    """The status and the message of the three rules."""
    first, second, third = (rules[f"rule_{number}_passed"] for number in (1, 2, 3))
    if not rules["rule_1_details"]["aligned_candles"]:
        return ValidationStatus.FAIL, "No interval with trades is on both sides: nothing was compared"
    if not first:
        count = rules["rule_1_details"]["error_count"]
        return ValidationStatus.FAIL, f"Rule 1 failed: {count} intervals have trades on one side only"
    if not second:
        return ValidationStatus.FAIL, "Rule 2 failed: prices differ" + ("" if third else ", and volumes")
    if not third:
        return ValidationStatus.WARNING, "Rules 1 and 2 passed, rule 3 failed: volumes differ"
    return ValidationStatus.PASS, "All three rules passed: the candles are the exchange's"


def _span(start: Any, end: Any, length_us: int, most: int) -> tuple[int, int, bool]:
    """The whole intervals of a range, at most so many, and whether that is not all of it."""
    from_us, to_us = _times.time_range(start, end)
    first = -(-from_us // length_us) * length_us
    last = to_us // length_us * length_us
    if last <= first:
        raise ValueError(f"no whole interval lies between {iso(from_us)} and {iso(to_us)}")
    if most < 1:
        raise ValueError(f"max_candles is {most}, not 1 or more")
    return first, min(last, first + most * length_us), last > first + most * length_us


def _shown(span: tuple[int, int, bool]) -> dict[str, str]:
    return {"start": iso(span[0]), "end": iso(span[1])}


async def _timed(test_name: str, work: Any) -> ValidationResult:
    """The result of work. An exception is a FAIL that names it."""
    started = time.perf_counter()
    try:
        status, message, details = await work()
    except Exception as error:
        is_empty = isinstance(error, NothingToCompare)
        status, message = ValidationStatus.FAIL, str(error) if is_empty else f"Validation failed with error: {error}"
        details = {"error": str(error), "error_type": type(error).__name__, "hint": getattr(error, "hint", None)}
    elapsed = (time.perf_counter() - started) * 1000.0
    return ValidationResult(test_name, status, message, details, execution_time_ms=elapsed)
