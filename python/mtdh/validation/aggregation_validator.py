"""Validation of candles against finer candles of the same instrument."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mtdh.validation import _core
from mtdh.validation.candles import iso, now_us, rows_of, timeframe_of, to_core
from mtdh.validation.timestamp_validator import SHOWN, timed
from mtdh.validation.validation_results import ValidationResult, ValidationStatus

Outcome = tuple[ValidationStatus, str, "dict[str, Any]"]
_PRICES = {"open", "high", "low", "close"}


@dataclass
class AggregationValidationConfig:
    """Tolerances: relative to the expected value. The last two are the predecessor's.

    A candle is matched by its exact start: one that is a second off is misplaced, and found as such. Fewer candles than
    ``min_candles_for_validation`` are validated all the same.
    """

    price_tolerance: float = 0.0001
    volume_tolerance: float = 0.01
    timestamp_tolerance_seconds: float = 1.0
    min_candles_for_validation: int = 10


@dataclass
class _Series:
    """Candles of one timeframe, for the engine."""

    timeframe: str
    length_us: int
    candles: list[_core.Candle]

    @classmethod
    def of(cls, candles: Any, timeframe: str | None, what: str) -> _Series:
        rows = rows_of(candles)
        own = timeframe_of(rows)
        name = timeframe or own
        read = [to_core(row, 0, now_us()) for row in rows]
        if name is None:
            name = _inferred([start for start, _, _ in read])
        if name is None:
            raise ValueError(f"the {what} candles name no timeframe; set `timeframe` of the candles")
        name, length = _core.timeframe(name)
        return cls(name, length, read)


def _inferred(times: list[int]) -> str | None:
    """The timeframe of candles that do not name it: their shortest interval, if that is one and fits all."""
    ordered = sorted(set(times))
    intervals = {b - a for a, b in zip(ordered, ordered[1:])}
    shortest = min(intervals, default=0)
    if shortest <= 0 or any(interval % shortest for interval in intervals) or shortest % 1000:
        return None
    return f"{shortest // 1000}ms"


class AggregationValidator:
    """Validates candles against finer ones: first open, highest high, lowest low, last close, sum of volumes.

    Candles are lists of `OHLCV`, mappings, objects, or a DataFrame. Intervals that the finer candles cover in part only (at the
    edges) are not compared, and counted as ``partial_groups``; if nothing could be compared the result is FAIL.

    >>> from mtdh.validation import OHLCV
    >>> minutes = [OHLCV(1709251200000000 + 60_000_000 * i, 10, 12, 9, 11, 1.0, timeframe="1m") for i in range(5)]
    >>> five = [OHLCV(1709251200000000, 10, 12, 9, 11, 5.0, timeframe="5m")]
    >>> AggregationValidator().validate_volume_aggregation(minutes, five).status.value
    'PASS'
    """

    def __init__(self, config: AggregationValidationConfig | None = None) -> None:
        self.config = config or AggregationValidationConfig()

    def validate_ohlc_preservation(
        self, base_candles: Sequence[Any], aggregated_candles: Sequence[Any], test_name: str = "ohlc_preservation"
    ) -> ValidationResult:
        """Whether each aggregated candle has the prices of its base candles, and each group has a candle."""

        def work() -> Outcome:
            base, coarse = self._sides(base_candles, aggregated_candles)
            errors = _impossible(base) + _impossible(coarse)
            return self._compared(base, coarse, _PRICES, "validation_errors", "OHLC preservation", errors)

        return timed(test_name, work)

    def validate_volume_aggregation(
        self, base_candles: Sequence[Any], aggregated_candles: Sequence[Any], test_name: str = "volume_aggregation"
    ) -> ValidationResult:
        """Whether each aggregated candle has the summed volume of its base candles. A sum of 0 must be 0."""

        def work() -> Outcome:
            base, coarse = self._sides(base_candles, aggregated_candles)
            return self._compared(base, coarse, {"volume"}, "volume_errors", "Volume aggregation", [])

        return timed(test_name, work)

    def validate_timeframe_boundaries(
        self, candles: Sequence[Any], expected_timeframe: str, test_name: str = "timeframe_boundaries"
    ) -> ValidationResult:
        """Whether candles start on multiples of a timeframe from midnight UTC, once each and in order.

        Every length that divides a day is known, ``24h`` and ``1d`` alike; another one is a FAIL.
        """
        return timed(test_name, lambda: self._boundaries(candles, expected_timeframe))

    @staticmethod
    def _boundaries(candles: Sequence[Any], timeframe: str) -> Outcome:
        name, length = _core.timeframe(timeframe)
        read = [to_core(row, length, now_us()) for row in rows_of(candles)]
        if not read:
            return ValidationStatus.FAIL, "No candles provided for boundary validation", {}
        found = [f for f in _core.check_alone(name, read) if f.check == "candle_boundary"]
        off = [start for start, _, _ in read if start % length]
        details = {
            "total_candles": len(read),
            "boundary_errors": [
                {
                    "timestamp": iso(start),
                    "expected_boundary": iso(start - start % length),
                    "offset_seconds": start % length / 1e6,
                }
                for start in off[:SHOWN]
            ],
            "error_count": sum(finding.count for finding in found),
            "examples": [text for finding in found for text in finding.examples],
            "expected_timeframe": timeframe,
        }
        if found:
            return ValidationStatus.FAIL, f"Timeframe boundary misalignment detected: {found[0].examples[0]}", details
        return ValidationStatus.PASS, "Timeframe boundaries validated", details

    def validate_aggregation_consistency(
        self, source_candles: Sequence[Any], target_candles: Sequence[Any], test_name: str = "aggregation_consistency"
    ) -> ValidationResult:
        """Whether target candles have the prices and the volume of the source candles, each with its own tolerance."""

        def work() -> Outcome:
            source, target = self._sides(source_candles, target_candles)
            status, message, found = self._compared(
                source, target, _PRICES | {"volume"}, "errors", "Aggregation consistency", []
            )
            comparison = {
                "passed": status is ValidationStatus.PASS,
                "common_candles": found["compared_groups"],
                "total_candles1": found["total_groups"],
                "total_candles2": len(target.candles),
                "errors": found["errors"],
                "error_count": found["error_count"],
            }
            details = {
                "source_candles": len(source.candles),
                "target_candles": len(target.candles),
                "aggregated_source": found["total_groups"],
                "partial_groups": found["partial_groups"],
                "comparison": comparison,
                "target_timeframe": target.timeframe,
            }
            return status, message, details

        return timed(test_name, work)

    def _sides(self, base: Sequence[Any], aggregated: Sequence[Any]) -> tuple[_Series, _Series]:
        fine, coarse = _Series.of(base, None, "base"), _Series.of(aggregated, None, "aggregated")
        return fine, coarse

    def _compared(
        self, base: _Series, coarse: _Series, names: set[str], key: str, title: str, errors: list[dict[str, Any]]
    ) -> Outcome:
        if not base.candles or not coarse.candles:
            raise ValueError("the base or the aggregated candles are missing: nothing was compared")
        found = _core.check_finer(
            coarse.timeframe,
            coarse.candles,
            base.timeframe,
            base.candles,
            self.config.price_tolerance,
            self.config.volume_tolerance,
        )
        errors = errors + [difference(item) for item in found.differences if item[1] in names]
        for start in found.missing:
            errors.append({"boundary": iso(start), "error": "there is no aggregated candle"})
        for start in found.without_finer:
            errors.append({"boundary": iso(start), "error": "there are no base candles"})
        details = {
            "total_groups": len(found.compared) + len(found.missing) + len(found.partial),
            "compared_groups": len(found.compared),
            "partial_groups": len(found.partial),
            key: errors[:SHOWN],
            "error_count": len(errors),
            "base_candles": len(base.candles),
            "aggregated_candles": len(coarse.candles),
            "base_timeframe": base.timeframe,
            "aggregated_timeframe": coarse.timeframe,
        }
        if errors:
            return ValidationStatus.FAIL, f"{title} errors detected: {_first(errors[0])}", details
        if not found.compared:
            return ValidationStatus.FAIL, "No whole interval is on both sides: nothing was compared", details
        return ValidationStatus.PASS, f"{title} validated", details


def difference(item: _core.Difference) -> dict[str, Any]:
    """A difference for details. A difference from 0 has no percentage."""
    start, field, value, expected, _ = item
    percent = abs(value - expected) / abs(expected) * 100 if expected else None
    return {
        "boundary": iso(start),
        "field": field,
        "expected": expected,
        "actual": value,
        "difference_pct": percent,
    }


def _impossible(series: _Series) -> list[dict[str, Any]]:
    """Candles that cannot be: prices that are missing, no numbers, or contradict each other; starts that are none, or twice."""
    found = _core.check_alone(series.timeframe, sorted(series.candles, key=lambda candle: candle[0]))
    return [{"error": text} for finding in found for text in finding.examples]


def _first(error: dict[str, Any]) -> str:
    if "field" in error:
        return f"{error['field']} of {error['boundary']} is {error['actual']}, not {error['expected']}"
    return " ".join(str(part) for part in (error.get("boundary"), error["error"]) if part)
