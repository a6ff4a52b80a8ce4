"""Validation of candles as they come: each by itself, against those before it, and against the exchange's once these settled."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from mtdh.validation import _core
from mtdh.validation.aggregation_validator import AggregationValidator
from mtdh.validation.candles import iso, now_us, rows_of, timeframe_of, to_core, to_datetime, to_us
from mtdh.validation.cross_source_validator import SETTLE_US, CrossSourceValidator
from mtdh.validation.timestamp_validator import TimestampValidator, timed
from mtdh.validation.validation_results import ValidationReport, ValidationResult, ValidationStatus, utc_now

Stream = tuple[str, str]
"""Instrument key and timeframe."""

_STATUS = {"error": ValidationStatus.FAIL, "warning": ValidationStatus.WARNING}
_TIMES = {"late_candle", "candle_boundary"}
_REQUEST = 1000
"""Klines in one request."""


@dataclass
class StreamingValidationConfig:
    """Settings of a `StreamingValidator`.

    ``price_tolerance_pct`` and ``volume_tolerance_pct`` (percent) are for the comparison with the exchange,
    ``timestamp_tolerance_seconds`` is how far a candle may be ahead of the clock, ``max_gap_seconds`` how long after its end it may
    come. ``aggregation_timeframes`` are those that are compared with each other, where a stream has several.
    ``cross_source_interval_minutes`` has no effect: each candle is compared once the exchange's has settled.
    """

    validation_interval_seconds: float = 60
    max_candles_per_validation: int = 100
    price_tolerance_pct: float = 0.01
    volume_tolerance_pct: float = 0.05
    timestamp_tolerance_seconds: float = 5.0
    enable_cross_source_validation: bool = True
    cross_source_interval_minutes: int = 5
    enable_timestamp_validation: bool = True
    max_gap_seconds: float = 300
    enable_aggregation_validation: bool = True
    aggregation_timeframes: list[str] = field(default_factory=lambda: ["1m", "5m", "15m", "1h"])


@dataclass
class _Seen:
    """What is kept of a stream."""

    candles: dict[int, _core.Candle] = field(default_factory=dict)
    full_run_us: int | None = None
    compared: int = 0
    unlike: list[str] = field(default_factory=list)


class StreamingValidator:
    """Validates candles one by one. Every argument is optional; without a `CrossSourceValidator` no exchange is asked.

    ``clock`` gives the time, as a datetime or in µs since the Unix epoch; without it the machine's clock does. A symbol without a
    venue is one of ``default_venue``: ``BTC-USDT`` is ``BINANCE:SPOT_PAIR:BTC-USDT``.

    >>> import asyncio
    >>> validator = StreamingValidator(clock=lambda: 1709251261000000)
    >>> candle = {"timestamp": 1709251200000000, "open": 1, "high": 2, "low": 1, "close": 2, "volume": 3}
    >>> asyncio.run(validator.validate_streaming_candle(candle, "BTC-USDT", "1m")).status.value
    'PASS'
    """

    def __init__(
        self,
        cross_source_validator: CrossSourceValidator | None = None,
        timestamp_validator: TimestampValidator | None = None,
        aggregation_validator: AggregationValidator | None = None,
        config: StreamingValidationConfig | None = None,
        *,
        clock: Callable[[], datetime | int] | None = None,
        default_venue: str = "BINANCE",
        max_reference_failures: int = 5,
        reference_pause_seconds: float = 300,
    ) -> None:
        self.cross_source_validator = cross_source_validator
        self.timestamp_validator = timestamp_validator or TimestampValidator()
        self.aggregation_validator = aggregation_validator or AggregationValidator()
        self.config = config or StreamingValidationConfig()
        self.default_venue = default_venue
        self.validation_callbacks: list[Callable[[ValidationReport], Any]] = []
        self.reference_callbacks: list[Callable[[ValidationResult], Any]] = []
        self.error_callbacks: list[Callable[[Exception], Any]] = []
        self.last_report: ValidationReport | None = None
        self._clock = clock or now_us
        self._seen: dict[Stream, _Seen] = {}
        self._symbols: dict[Stream, tuple[str, str]] = {}
        self._answering = asyncio.Lock()
        self._stats: dict[str, Any] = {
            "total_validations": 0,
            "passed_validations": 0,
            "failed_validations": 0,
            "last_validation_time": None,
        }
        self._is_compared = cross_source_validator is not None and self.config.enable_cross_source_validation
        self._core = _core.stream_validator(
            round(self.config.max_gap_seconds * 1e6),
            round(self.config.timestamp_tolerance_seconds * 1e6),
            max_reference_failures,
            round(reference_pause_seconds * 1e6),
            self._is_compared,
            [
                f"reference_price.tolerance_pct={self.config.price_tolerance_pct}",
                f"reference_volume.tolerance_pct={self.config.volume_tolerance_pct}",
            ],
        )

    def add_validation_callback(self, callback: Callable[[ValidationReport], Any]) -> None:
        """Adds a function that gets the report of each full run. Its exceptions reach the caller's log, not the stream."""
        self.validation_callbacks.append(callback)

    async def validate_streaming_candle(self, candle: Any, symbol: str, timeframe: str) -> ValidationResult:
        """Validates a candle. WARNING: it is late; FAIL: it is impossible, misplaced, or not the exchange's.

        One that ended more than a minute ago is compared with the exchange's before this returns; a newer one later, by
        `compare_due`. What cannot be read is a FAIL with ``details["error"]``.
        """
        results = await self._validate([candle], symbol, timeframe, is_batch=False)
        result = results[0]
        if result.details.get("error") is None:
            report = self._full_run_if_due(self._stream(symbol, timeframe))
            if report is not None:
                result.details["validation_type"] = "full"
                result.details["full_run"] = report.get_status().value
        return result

    async def validate_streaming_service_output(
        self, streaming_candles: Sequence[Any], symbol: str, timeframe: str
    ) -> ValidationReport:
        """Validates several candles: a result for each, ``candle_validation_0`` and on, then those of the whole.

        Candles of a batch are never late: it is not said when they came.
        """
        started = utc_now()
        report = ValidationReport(_report_id("streaming_service_validation", symbol, timeframe), started, started)
        try:
            candles = rows_of(streaming_candles)
        except TypeError as error:
            candles = []
            report.summary["error"] = str(error)
        if not candles:
            message = report.summary.get("error", "No candles provided for validation")
            details = {"symbol": symbol, "timeframe": timeframe}
            report.add_result(
                ValidationResult("streaming_service_validation", ValidationStatus.FAIL, message, details)
            )
            return report
        for index, result in enumerate(await self._validate(candles, symbol, timeframe, is_batch=True)):
            result.test_name = f"candle_validation_{index}"
            report.add_result(result)
        try:
            whole = self._full_run(self._stream(symbol, timeframe))
        except ValueError:
            # No candle could be read, or the symbol or timeframe is none: each result says so.
            whole = None
        for result in whole.results if whole else []:
            report.add_result(result)
        report.end_time = utc_now()
        return report

    def get_validation_stats(self) -> dict[str, Any]:
        """Counts of full runs. Those with warnings only have passed."""
        total = self._stats["total_validations"]
        rate = self._stats["passed_validations"] / total * 100 if total else 0.0
        return {**self._stats, "success_rate": rate}

    def statistics(self) -> dict[str, Any]:
        """The engine's counts: candles validated, failed, warned, late, compared, and those that wait for the exchange."""
        counts: dict[str, Any] = self._core.statistics(self.now_us())
        return counts

    def clear_candle_buffer(self, symbol: str | None = None, timeframe: str | None = None) -> None:
        """Forgets the candles of a stream, or all."""
        if symbol and timeframe:
            self._seen.pop(self._stream(symbol, timeframe), None)
        else:
            self._seen.clear()

    @property
    def candle_buffer(self) -> dict[str, list[Any]]:
        """The kept candles by ``SYMBOL_TIMEFRAME``: start, values, whether final."""
        named = {self._symbols.get(stream, stream): seen for stream, seen in self._seen.items()}
        return {f"{symbol}_{name}": list(seen.candles.values()) for (symbol, name), seen in named.items()}

    def now_us(self) -> int:
        """The time of the clock, µs."""
        return to_us(self._clock(), "the clock's time")

    def due_us(self) -> int | None:
        """When the exchange is to be asked next, µs; `None`: no candle waits for it."""
        due: int | None = self._core.due_us()
        return due

    async def compare_due(self) -> list[ValidationResult]:
        """Compares the candles whose exchange's candles are due. Returns a result for each that was compared, also given to
        ``reference_callbacks``."""
        results: list[ValidationResult] = []
        async with self._answering:
            for stream, starts in self._questions().items():
                results += await self._answer(stream, starts)
        for result in results:
            for callback in self.reference_callbacks:
                callback(result)
        return results

    def _stream(self, symbol: str, timeframe: str) -> Stream:
        stream = _core.instrument_key(symbol, self.default_venue), _core.timeframe(timeframe)[0]
        self._symbols.setdefault(stream, (symbol, timeframe))
        return stream

    async def _validate(
        self, candles: Sequence[Any], symbol: str, timeframe: str, *, is_batch: bool
    ) -> list[ValidationResult]:
        results: list[ValidationResult] = []
        of_start: dict[int, ValidationResult] = {}
        stream: Stream | None = None
        now = self.now_us()
        for candle in candles:
            result, start = self._validate_one(candle, symbol, timeframe, now, is_batch)
            results.append(result)
            if start is not None:
                of_start[start] = result
        if self._is_compared and of_start:
            stream = self._stream(symbol, timeframe)
            length = _core.timeframe(timeframe)[1]
            settled = [start for start in of_start if start + length + SETTLE_US <= now]
            async with self._answering:
                due = set(self._questions().get(stream, []))
                answers = await self._answer(stream, [start for start in settled if start in due])
            for answer in answers:
                _join(of_start[answer.details["start_us"]], answer)
        return results

    def _validate_one(
        self, candle: Any, symbol: str, timeframe: str, now: int, is_batch: bool
    ) -> tuple[ValidationResult, int | None]:
        start: int | None = None

        def work() -> tuple[ValidationStatus, str, dict[str, Any]]:
            nonlocal start
            stream = self._stream(symbol, timeframe)
            length = _core.timeframe(timeframe)[1]
            own = timeframe_of([candle])
            if own not in (None, stream[1]):
                raise ValueError(f"the candle is of {own}, not of {timeframe}")
            read = to_core(candle, length, now)
            came = min(now, read[0] + length) if is_batch and read[2] else now
            found = self._core.check(*stream, read, came)
            start = read[0]
            self._keep(stream, read)
            found = [finding for finding in found if self._is_wanted(finding)]
            details = {
                "symbol": symbol,
                "timeframe": timeframe,
                "instrument_key": stream[0],
                "timestamp": iso(read[0]),
                "is_final": read[2],
                "validation_type": "basic",
                "findings": [_shown(finding) for finding in found],
            }
            if self._is_compared and _core.has_klines(*stream) and read[2]:
                details["reference"] = "waiting"
            return _worst(found), _message(found, "Streaming candle validation passed"), details

        return timed("streaming_candle_validation", work), start

    def _is_wanted(self, finding: _core.Finding) -> bool:
        if finding.check in _TIMES:
            return self.config.enable_timestamp_validation
        return self.config.enable_aggregation_validation or finding.check.startswith("reference")

    def _keep(self, stream: Stream, candle: _core.Candle) -> None:
        candles = self._seen.setdefault(stream, _Seen()).candles
        candles[candle[0]] = candle
        while len(candles) > max(1, self.config.max_candles_per_validation):
            del candles[min(candles)]

    def _questions(self) -> dict[Stream, list[int]]:
        asked: dict[Stream, list[int]] = {}
        for key, name, start in self._core.questions(self.now_us()):
            asked.setdefault((key, name), []).append(start)
        return asked

    async def _answer(self, stream: Stream, starts: list[int]) -> list[ValidationResult]:
        """Reads klines in a thread, and gives them to the engine."""
        results: list[ValidationResult] = []
        if self.cross_source_validator is None or not starts:
            return results
        length = _core.timeframe(stream[1])[1]
        for asked in _chunks(sorted(starts), _REQUEST * length):
            read: dict[int, _core.Candle] = {}
            failure: Exception | None = None
            try:
                klines = await asyncio.to_thread(
                    self.cross_source_validator.klines, *stream, asked[0], asked[-1] + length
                )
                read = {kline[0]: kline for kline in klines}
            except Exception as error:
                failure = error
                for callback in self.error_callbacks:
                    callback(error)
            for start in asked:
                if failure is not None:
                    self._core.answer_failed(*stream, start, str(failure), self.now_us())
                    break
                is_compared, found = self._core.answer(*stream, start, read.get(start), self.now_us())
                if is_compared:
                    results.append(self._compared(stream, start, found))
        return results

    def _compared(self, stream: Stream, start: int, found: list[_core.Finding]) -> ValidationResult:
        found = [finding for finding in found if finding.severity != "info"]
        seen = self._seen.setdefault(stream, _Seen())
        seen.compared += 1
        seen.unlike += [text for finding in found for text in finding.examples][:10]
        symbol, timeframe = self._symbols.get(stream, stream)
        details = {
            "symbol": symbol,
            "timeframe": timeframe,
            "instrument_key": stream[0],
            "timestamp": iso(start),
            "start_us": start,
            "findings": [_shown(finding) for finding in found],
        }
        message = _message(found, "The candle is the exchange's")
        return ValidationResult("cross_source_validation", _worst(found), message, details)

    def _full_run_if_due(self, stream: Stream) -> ValidationReport | None:
        seen, now = self._seen.get(stream), self.now_us()
        if seen is None:
            return None
        interval = round(self.config.validation_interval_seconds * 1e6)
        if seen.full_run_us is not None and now - seen.full_run_us < interval:
            return None
        return self._full_run(stream)

    def _full_run(self, stream: Stream) -> ValidationReport | None:
        """Validates the kept candles of a stream together."""
        seen = self._seen.get(stream)
        if seen is None or not seen.candles:
            return None
        seen.full_run_us = self.now_us()
        symbol, timeframe = self._symbols.get(stream, stream)
        started = utc_now()
        report = ValidationReport(_report_id("streaming_validation", symbol, timeframe), started, started)
        if self.config.enable_timestamp_validation:
            report.add_result(self._stability(stream, sorted(seen.candles)))
        report.add_result(self._cross_source(seen))
        if self.config.enable_aggregation_validation:
            report.add_result(self._aggregation(stream, seen))
        report.end_time = utc_now()
        is_failed = report.get_status() is ValidationStatus.FAIL
        self._stats["total_validations"] += 1
        self._stats["failed_validations" if is_failed else "passed_validations"] += 1
        self._stats["last_validation_time"] = to_datetime(seen.full_run_us)
        self.last_report = report
        for callback in self.validation_callbacks:
            callback(report)
        return report

    def _stability(self, stream: Stream, starts: list[int]) -> ValidationResult:
        length = _core.timeframe(stream[1])[1]
        result = self.timestamp_validator.validate_timestamp_stability(
            starts, length / 1e6, "streaming_timestamp_stability"
        )
        only_gaps = all(not (b - a) % length for a, b in zip(starts, starts[1:]))
        if result.status is ValidationStatus.FAIL and only_gaps and not result.details.get("error"):
            result.status = ValidationStatus.WARNING
            result.message += ": intervals without a candle, which a quiet market may have"
        return result

    def _cross_source(self, seen: _Seen) -> ValidationResult:
        name = "cross_source_validation"
        if not self._is_compared:
            why = "no CrossSourceValidator" if self.cross_source_validator is None else "it is switched off"
            return ValidationResult(name, ValidationStatus.SKIP, f"Not compared with the exchange: {why}")
        compared, unlike = seen.compared, seen.unlike
        seen.compared, seen.unlike = 0, []
        details = {"compared": compared, "waiting": self.statistics()["waiting"], "errors": unlike}
        if unlike:
            return ValidationResult(name, ValidationStatus.FAIL, f"Not the exchange's: {unlike[0]}", details)
        if not compared:
            return ValidationResult(name, ValidationStatus.SKIP, "The exchange's candles have not settled", details)
        return ValidationResult(name, ValidationStatus.PASS, f"{compared} candles are the exchange's", details)

    def _aggregation(self, stream: Stream, seen: _Seen) -> ValidationResult:
        """Whether the kept candles are possible, and made of the finer ones that were streamed of the same instrument."""

        def work() -> tuple[ValidationStatus, str, dict[str, Any]]:
            key, name = stream
            candles = [seen.candles[start] for start in sorted(seen.candles)]
            found = [f for f in _core.check_alone(name, candles) if f.check == "candle_shape"]
            errors = [text for finding in found for text in finding.examples]
            compared = {}
            names = {_core.timeframe(text)[0] for text in self.config.aggregation_timeframes}
            length = _core.timeframe(name)[1]
            for (other_key, finer), other in self._seen.items():
                finer_length = _core.timeframe(finer)[1]
                if other_key != key or finer not in names or finer_length >= length or length % finer_length:
                    continue
                of_finer = [other.candles[start] for start in sorted(other.candles)]
                begins, ends = of_finer[0][0], of_finer[-1][0] + finer_length
                whole = [candle for candle in candles if begins <= candle[0] and candle[0] + length <= ends and candle[2]]
                own = self.aggregation_validator.config
                between = _core.check_finer(name, whole, finer, of_finer, own.price_tolerance, own.volume_tolerance)
                compared[finer] = len(between.compared)
                errors += [
                    f"{field} of {iso(start)} is {value}, from {finer} {expected}"
                    for start, field, value, expected, is_final in between.differences
                    if is_final
                ]
            details = {
                "symbol": self._symbols.get(stream, stream)[0],
                "timeframe": name,
                "candles_validated": len(candles),
                "compared_with": compared,
                "errors": errors[:10],
            }
            if errors:
                return ValidationStatus.FAIL, f"Invalid candles: {errors[0]}", details
            return ValidationStatus.PASS, "Aggregation validation passed", details

        return timed("aggregation_validation", work)


def _report_id(kind: str, symbol: str, timeframe: str) -> str:
    return f"{kind}_{symbol}_{timeframe}_{utc_now():%Y%m%d_%H%M%S}_{uuid.uuid4().hex[:6]}"


def _chunks(starts: list[int], reach: int) -> list[list[int]]:
    """Starts in groups that one request reaches."""
    groups: list[list[int]] = []
    for start in starts:
        if groups and start - groups[-1][0] < reach:
            groups[-1].append(start)
        else:
            groups.append([start])
    return groups


def _shown(finding: _core.Finding) -> dict[str, Any]:
    return {
        "check": finding.check,
        "severity": finding.severity,
        "count": finding.count,
        "examples": list(finding.examples),
        "explanation": finding.explanation,
    }


def _worst(found: Sequence[_core.Finding]) -> ValidationStatus:
    severities = {finding.severity for finding in found}
    for severity in ("error", "warning"):
        if severity in severities:
            return _STATUS[severity]
    return ValidationStatus.PASS


def _message(found: Sequence[_core.Finding], otherwise: str) -> str:
    ordered = sorted(found, key=lambda finding: finding.severity != "error")
    for finding in ordered:
        if finding.severity in _STATUS:
            return f"{finding.check}: {finding.examples[0] if finding.examples else finding.count}"
    return otherwise


_ORDER = [ValidationStatus.PASS, ValidationStatus.WARNING, ValidationStatus.FAIL]


def _join(result: ValidationResult, answer: ValidationResult) -> None:
    """Adds the comparison with the exchange to a candle's result."""
    result.details["reference"] = "compared"
    result.details["findings"] += answer.details["findings"]
    if _ORDER.index(answer.status) > _ORDER.index(result.status):
        result.status, result.message = answer.status, answer.message
