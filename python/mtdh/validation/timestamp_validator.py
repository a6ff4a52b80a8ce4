"""Validation of times: regular, of one zone, recent, of clocks that agree."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mtdh.validation import _core
from mtdh.validation.candles import iso, now_us, to_us
from mtdh.validation.validation_results import ValidationResult, ValidationStatus

SHOWN = 100
"""Details list at most so many occurrences; counts are of all."""


@dataclass
class TimestampValidationConfig:
    """Limits, in seconds. The last two are the predecessor's, and have never had an effect."""

    max_timestamp_drift_seconds: float = 1.0
    max_clock_skew_seconds: float = 5.0
    min_data_freshness_seconds: float = 300.0
    timezone_tolerance_seconds: float = 3600.0
    duplicate_timestamp_tolerance: float = 0.001


def timed(test_name: str, work: Callable[[], tuple[ValidationStatus, str, dict[str, Any]]]) -> ValidationResult:
    """The result of work. An exception is a FAIL that names it: validators do not throw."""
    started = time.perf_counter()
    try:
        status, message, details = work()
    except Exception as error:
        status, message = ValidationStatus.FAIL, f"validation failed: {error}"
        details = {"error": str(error), "error_type": type(error).__name__}
    elapsed = (time.perf_counter() - started) * 1000.0
    return ValidationResult(test_name, status, message, details, execution_time_ms=elapsed)


def passed_or(failure: ValidationStatus, is_passed: bool) -> ValidationStatus:
    """PASS, or what a failure is."""
    return ValidationStatus.PASS if is_passed else failure


class TimestampValidator:
    """Validates times: datetimes (without a zone: UTC, with a warning), pandas Timestamps, or µs since the Unix epoch.

    >>> minutes = [1709251200000000 + 60_000_000 * minute for minute in range(5)]
    >>> TimestampValidator().validate_timestamp_stability(minutes, 60.0).status.value
    'PASS'
    >>> TimestampValidator().validate_timestamp_stability(minutes[::-1], 60.0).status.value
    'FAIL'
    """

    def __init__(self, config: TimestampValidationConfig | None = None) -> None:
        self.config = config or TimestampValidationConfig()

    def validate_timestamp_stability(
        self,
        timestamps: Sequence[Any],
        expected_interval_seconds: float,
        test_name: str = "timestamp_stability",
    ) -> ValidationResult:
        """Whether times come in order, once each, at the expected interval (s) within the drift, without gaps.

        Order is judged as the times came. One time alone has no interval: SKIP. None: FAIL.
        """
        return timed(test_name, lambda: self._stability(timestamps, expected_interval_seconds))

    def _stability(
        self, timestamps: Sequence[Any], expected_seconds: float
    ) -> tuple[ValidationStatus, str, dict[str, Any]]:
        times = [to_us(value) for value in timestamps]
        if not times:
            return ValidationStatus.FAIL, "No timestamps provided for validation", {}
        if not 0 < expected_seconds < 1e9:
            raise ValueError(f"the expected interval is {expected_seconds} s, which is no interval")
        drift_us = round(self.config.max_timestamp_drift_seconds * 1e6)
        found = _core.regularity(times, round(expected_seconds * 1e6), drift_us)
        seconds = [length / 1e6 for length in found.intervals]
        details: dict[str, Any] = {
            "total_timestamps": len(times),
            "expected_interval_seconds": expected_seconds,
            "duplicate_check": {
                "passed": not found.duplicates,
                "duplicate_count": len(found.duplicates),
                "duplicates": [iso(us) for us in found.duplicates[:SHOWN]],
            },
            "ordering_check": {
                "passed": not found.out_of_order,
                "out_of_order_count": len(found.out_of_order),
                "out_of_order": [
                    {"index": index, "timestamp": iso(us), "previous": iso(before)}
                    for index, us, before in found.out_of_order[:SHOWN]
                ],
            },
            "interval_check": {
                "passed": not found.uneven,
                "interval_errors": [
                    {
                        "timestamp": iso(us),
                        "actual_interval": length / 1e6,
                        "expected_interval": expected_seconds,
                        "difference": abs(length / 1e6 - expected_seconds),
                    }
                    for us, length in found.uneven[:SHOWN]
                ],
                "error_count": len(found.uneven),
                "avg_interval": statistics.fmean(seconds) if seconds else None,
                "std_interval": statistics.pstdev(seconds) if seconds else None,
                "min_interval": min(seconds, default=None),
                "max_interval": max(seconds, default=None),
            },
            "gap_check": {
                "passed": not found.gaps,
                "gaps": [
                    {
                        "timestamp": iso(us),
                        "gap_seconds": length / 1e6,
                        "expected_interval": expected_seconds,
                        "gap_ratio": length / 1e6 / expected_seconds,
                    }
                    for us, length in found.gaps[:SHOWN]
                ],
                "gap_count": len(found.gaps),
            },
        }
        wrong = {
            "repeated": len(found.duplicates),
            "out of order": len(found.out_of_order),
            "uneven intervals": len(found.uneven),
            "gaps": len(found.gaps),
        }
        said = ", ".join(f"{count} {what}" for what, count in wrong.items() if count)
        if said:
            return ValidationStatus.FAIL, f"Timestamp stability issues detected: {said}", details
        if len(times) < 2:
            return ValidationStatus.SKIP, "One timestamp has no interval: nothing was compared", details
        return ValidationStatus.PASS, "Timestamp stability validated", details

    def validate_timezone_consistency(
        self, timestamps: Sequence[Any], test_name: str = "timezone_consistency"
    ) -> ValidationResult:
        """Whether all times are of one zone, whose offset from UTC does not change. Times without a zone count as one.

        Two names of UTC are one zone. Numbers are UTC.
        """
        return timed(test_name, lambda: self._timezone(timestamps))

    @staticmethod
    def _timezone(timestamps: Sequence[Any]) -> tuple[ValidationStatus, str, dict[str, Any]]:
        if not len(timestamps):
            return ValidationStatus.FAIL, "No timestamps provided for timezone validation", {}
        zones: dict[str, None] = {}
        drift: list[dict[str, Any]] = []
        before: tuple[str, Any] | None = None
        for index, value in enumerate(timestamps):
            zone, offset = zone_of(value)
            zones[zone] = None
            if before and before[0] == zone and before[1] != offset:
                drift.append({"index": index, "timestamp": str(value), "offset": str(offset)})
            before = (zone, offset)
        details = {
            "total_timestamps": len(timestamps),
            "timezone_check": {
                "passed": len(zones) == 1,
                "timezone_count": len(zones),
                "timezones": list(zones),
            },
            "drift_check": {"passed": not drift, "drift_errors": drift[:SHOWN], "error_count": len(drift)},
        }
        if len(zones) > 1:
            return ValidationStatus.FAIL, f"Several time zones: {', '.join(zones)}", details
        if drift:
            return ValidationStatus.FAIL, "The zone's offset from UTC changes (daylight saving)", details
        return ValidationStatus.PASS, f"One time zone: {next(iter(zones))}", details

    def validate_data_freshness(
        self, timestamps: Sequence[Any], test_name: str = "data_freshness"
    ) -> ValidationResult:
        """Whether the newest time is younger than the limit, and none lies in the future; else WARNING."""
        return timed(test_name, lambda: self._freshness(timestamps))

    def _freshness(self, timestamps: Sequence[Any]) -> tuple[ValidationStatus, str, dict[str, Any]]:
        if not len(timestamps):
            return ValidationStatus.FAIL, "No timestamps provided for freshness validation", {}
        now, limit = now_us(), self.config.min_data_freshness_seconds
        ages = [(now - to_us(value)) / 1e6 for value in timestamps]
        stale = [age for age in ages if age > limit]
        ahead = [age for age in ages if age < -self.config.max_clock_skew_seconds]
        newest = min(ages)
        details = {
            "passed": newest <= limit and not ahead,
            "newest_age_seconds": newest,
            "max_age_seconds": max(ages),
            "stale_count": len(stale),
            "future_count": len(ahead),
            "min_data_freshness_seconds": limit,
        }
        if ahead:
            return ValidationStatus.WARNING, f"{len(ahead)} timestamps lie in the future", details
        if newest > limit:
            return ValidationStatus.WARNING, f"The newest timestamp is {newest:.0f} s old", details
        return ValidationStatus.PASS, "Data freshness validated", details

    def validate_clock_synchronization(
        self,
        local_timestamps: Sequence[Any],
        server_timestamps: Sequence[Any],
        test_name: str = "clock_synchronization",
    ) -> ValidationResult:
        """Whether the clocks of a pair of times never differ by more than the limit; else WARNING."""
        return timed(test_name, lambda: self._clocks(local_timestamps, server_timestamps))

    def _clocks(
        self, local: Sequence[Any], server: Sequence[Any]
    ) -> tuple[ValidationStatus, str, dict[str, Any]]:
        if not len(local) or not len(server):
            return ValidationStatus.FAIL, "Missing local or server timestamps", {}
        if len(local) != len(server):
            counts = {"passed": False, "local_count": len(local), "server_count": len(server)}
            return ValidationStatus.WARNING, "Mismatched timestamp counts", counts
        skews = [(to_us(a) - to_us(b)) / 1e6 for a, b in zip(local, server)]
        wrong = [skew for skew in skews if abs(skew) > self.config.max_clock_skew_seconds]
        details = {
            "passed": not wrong,
            "max_skew_seconds": max(map(abs, skews)),
            "avg_skew_seconds": statistics.fmean(skews),
            "skew_errors": len(wrong),
            "time_diffs": skews[:SHOWN],
        }
        status = passed_or(ValidationStatus.WARNING, not wrong)
        return status, "Clocks agree" if not wrong else f"{len(wrong)} of {len(skews)} clocks differ", details


_UTC = {"utc", "etc/utc", "zulu", "etc/zulu", "uct", "etc/uct", "utc+00:00", "gmt", "etc/gmt", "tzutc()"}


def zone_of(value: Any) -> tuple[str, Any]:
    """The zone of a time, and its offset from UTC then."""
    if not isinstance(value, datetime):
        to_us(value)
        return "UTC", None
    if value.tzinfo is None:
        return "none", None
    offset = value.utcoffset()
    name = getattr(value.tzinfo, "key", None) or getattr(value.tzinfo, "zone", None) or str(value.tzinfo)
    is_utc = str(name).lower() in _UTC and not offset
    return ("UTC" if is_utc else str(name)), offset
