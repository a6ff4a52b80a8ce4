"""Validation of a service's candles: callbacks, statistics, pauses after failures, and a queue for those who cannot wait."""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mtdh.validation import _core
from mtdh.validation.aggregation_validator import AggregationValidator
from mtdh.validation.cross_source_validator import CrossSourceValidator
from mtdh.validation.streaming_validator import StreamingValidationConfig, StreamingValidator
from mtdh.validation.timestamp_validator import TimestampValidator
from mtdh.validation.validation_results import ValidationReport, ValidationResult, ValidationStatus, utc_now

_log = logging.getLogger(__name__)

Callback = Callable[[Any], Any]
_Task = tuple[Any, str, str, "Callback | None"]


@dataclass
class StreamingIntegrationConfig:
    """Settings of a `StreamingServiceIntegration`.

    After ``max_consecutive_failures`` failures of a symbol and timeframe (FAIL or an exception; 0: never) its candles are skipped
    for ``failure_cooldown_seconds``. With ``async_mode`` a candle is queued, and the answer is PASS "queued"; the callbacks get the
    real result. Without it the real result is awaited; ``enable_async_validation`` then changes nothing.
    ``validation_interval_seconds`` and ``max_candles_per_validation`` are those of the validator that
    `StreamingServiceValidator` makes.
    """

    enable_real_time_validation: bool = True
    validation_interval_seconds: float = 60
    max_candles_per_validation: int = 100
    enable_validation_callbacks: bool = True
    callback_timeout_seconds: float = 30
    max_consecutive_failures: int = 5
    failure_cooldown_seconds: float = 300
    enable_async_validation: bool = True
    validation_queue_size: int = 1000
    async_mode: bool = False


@dataclass
class _Failures:
    """Failures in a row of one symbol and timeframe, and when the last was, s of a clock that only goes on."""

    count: int = 0
    last: float = 0.0
    last_time: datetime | None = None


def _of(result: ValidationResult) -> tuple[str, str, str]:
    """Which candle a result is of."""
    timeframe = _core.timeframe(result.details["timeframe"])[0]
    return result.details["instrument_key"], timeframe, result.details["timestamp"]


def _skip(message: str, details: dict[str, Any]) -> ValidationResult:
    """A candle that was not validated."""
    return ValidationResult("streaming_candle_validation", ValidationStatus.SKIP, message, details)


class StreamingServiceIntegration:
    """Between a service and a `StreamingValidator`.

    Validation callbacks get each result, also those of a batch and of a comparison with the exchange that was due later. Error
    callbacks get an exception and how many came in a row. Both may be async; what they raise is counted, and goes no further.
    """

    def __init__(
        self,
        streaming_validator: StreamingValidator,
        config: StreamingIntegrationConfig | None = None,
        *,
        async_mode: bool | None = None,
    ) -> None:
        self.validator = streaming_validator
        self.config = config or StreamingIntegrationConfig()
        self.async_mode = self.config.async_mode if async_mode is None else async_mode
        self.is_running = False
        self.validation_callbacks: list[Callback] = []
        self.error_callbacks: list[Callable[[Exception, int], Any]] = []
        self._failures: dict[tuple[str, str], _Failures] = {}
        self._errors_in_a_row = 0
        self._queue: asyncio.Queue[_Task] = asyncio.Queue(self.config.validation_queue_size)
        self._worker: asyncio.Task[None] | None = None
        self._reference: asyncio.Task[None] | None = None
        self._late: list[ValidationResult] = []
        self._broken: list[Exception] = []
        self._waiting: set[tuple[str, str, str]] = set()
        self._stats = self._none()
        self.validator.reference_callbacks.append(self._late.append)
        self.validator.error_callbacks.append(self._broken.append)

    @staticmethod
    def _none() -> dict[str, Any]:
        return {
            "total_candles_validated": 0,
            "successful_validations": 0,
            "failed_validations": 0,
            "validation_errors": 0,
            "callback_errors": 0,
            "start_time": None,
        }

    async def start(self) -> None:
        """Starts to compare candles with the exchange when that is due, and to work off the queue."""
        if self.is_running:
            _log.warning("the validation is running already")
            return
        self.is_running = True
        self._stats["start_time"] = utc_now()
        self._reference = asyncio.create_task(self._compare())
        if self.async_mode:
            self._worker = asyncio.create_task(self._work())

    async def stop(self) -> None:
        """Validates what is queued, then ends. Candles that wait for the exchange are not compared."""
        if not self.is_running:
            return
        self.is_running = False
        while not self._queue.empty():
            if self._worker is None or self._worker.done():
                await self._work_one(self._queue.get_nowait())
            else:
                await self._queue.join()
        if self._worker is not None and not self._worker.done():
            await self._queue.join()
        for task in (self._worker, self._reference):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        self._worker = self._reference = None
        await self._tell_late()

    async def validate_candle(
        self, candle: Any, symbol: str, timeframe: str, callback: Callback | None = None
    ) -> ValidationResult:
        """Validates a candle, or queues it (``async_mode``). A full queue is a SKIP with ``details["queue_full"]``, at once."""
        reason = self._skipped(symbol, timeframe)
        if reason is not None:
            return reason
        if not self.async_mode:
            return await self._validate(candle, symbol, timeframe, callback)
        details: dict[str, Any] = {"symbol": symbol, "timeframe": timeframe}
        if not self.is_running:
            return _skip("not running: the candle was not validated; call start() first", details)
        try:
            self._queue.put_nowait((candle, symbol, timeframe, callback))
        except asyncio.QueueFull:
            details["queue_full"] = True
            return _skip(f"queue_full: {self._queue.maxsize} candles wait; this one was not validated", details)
        details["queued_at"] = utc_now().isoformat()
        return ValidationResult(
            "streaming_candle_validation", ValidationStatus.PASS, "Candle queued for validation", details
        )

    async def validate_candle_batch(
        self, candles: Sequence[Any], symbol: str, timeframe: str, callback: Callback | None = None
    ) -> ValidationReport:
        """Validates several candles at once, and counts each. An empty list is a FAIL."""
        reason = self._skipped(symbol, timeframe)
        if reason is not None:
            now = utc_now()
            report = ValidationReport(f"skipped_validation_{now:%Y%m%d_%H%M%S}", now, now)
            report.add_result(reason)
            return report
        report = await self.validator.validate_streaming_service_output(candles, symbol, timeframe)
        for result in report.results:
            await self._tell(self.validation_callbacks, result)
        of_candles = [result for result in report.results if result.test_name.startswith("candle_validation_")]
        for result in of_candles:
            await self._count(result)
        is_failed = report.get_status() is ValidationStatus.FAIL
        self._note(symbol, timeframe, is_failed)
        await self._tell_errors()
        if callback is not None:
            await self._tell([callback], report)
        return report

    def add_validation_callback(self, callback: Callable[[ValidationResult], Any]) -> None:
        """Adds a function that gets each result."""
        self.validation_callbacks.append(callback)

    def add_error_callback(self, callback: Callable[[Exception, int], Any]) -> None:
        """Adds a function that gets each exception, and how many came in a row."""
        self.error_callbacks.append(callback)

    def get_stats(self) -> dict[str, Any]:
        """The counts. A candle with a warning only is a success; ``success_rate`` is percent, ``start_time`` UTC."""
        total = self._stats["total_candles_validated"]
        return {
            **self._stats,
            "success_rate": self._stats["successful_validations"] / total * 100 if total else 0.0,
            "consecutive_failures": self.consecutive_failures,
            "is_running": self.is_running,
            "queue_size": self._queue.qsize(),
        }

    def reset_stats(self) -> None:
        """Sets the counts to 0, and ends pauses."""
        self._stats = {**self._none(), "start_time": utc_now()}
        self._failures.clear()
        self._waiting.clear()
        self._errors_in_a_row = 0

    @property
    def consecutive_failures(self) -> int:
        """Failures in a row: the most of any symbol and timeframe."""
        return max((failures.count for failures in self._failures.values()), default=0)

    def _skipped(self, symbol: str, timeframe: str) -> ValidationResult | None:
        """Why a candle is not validated; `None`: it is."""
        if not self.config.enable_real_time_validation:
            return _skip("Real-time validation is switched off", {"symbol": symbol, "timeframe": timeframe})
        failures, most = self._failures.get((symbol, timeframe)), self.config.max_consecutive_failures
        if failures is None or most <= 0 or failures.count < most:
            return None
        left = self.config.failure_cooldown_seconds - (time.monotonic() - failures.last)
        if left <= 0:
            failures.count = 0
            return None
        details = {
            "symbol": symbol,
            "timeframe": timeframe,
            "consecutive_failures": failures.count,
            "last_failure_time": failures.last_time.isoformat() if failures.last_time else None,
            "seconds_left": left,
        }
        return _skip(f"Validation skipped after {failures.count} failures in a row", details)

    async def _validate(
        self, candle: Any, symbol: str, timeframe: str, callback: Callback | None
    ) -> ValidationResult:
        result = await self.validator.validate_streaming_candle(candle, symbol, timeframe)
        await self._count(result)
        self._note(symbol, timeframe, result.status is ValidationStatus.FAIL)
        await self._tell(self.validation_callbacks, result)
        if callback is not None:
            await self._tell([callback], result)
        await self._tell_errors()
        return result

    async def _count(self, result: ValidationResult) -> None:
        self._stats["total_candles_validated"] += 1
        is_failed = result.status is ValidationStatus.FAIL
        self._stats["failed_validations" if is_failed else "successful_validations"] += 1
        if result.details.get("reference") == "waiting" and not is_failed:
            self._waiting.add(_of(result))
        if result.details.get("error") is None:
            self._errors_in_a_row = 0
            return
        kind = {"ValueError": ValueError, "TypeError": TypeError}.get(result.details.get("error_type", ""), RuntimeError)
        await self._error(kind(result.details["error"]))

    def _note(self, symbol: str, timeframe: str, is_failed: bool) -> None:
        failures = self._failures.setdefault((symbol, timeframe), _Failures())
        if is_failed:
            failures.count += 1
            failures.last, failures.last_time = time.monotonic(), utc_now()
        else:
            failures.count = 0

    async def _error(self, error: Exception) -> None:
        self._stats["validation_errors"] += 1
        self._errors_in_a_row += 1
        for callback in self.error_callbacks:
            await self._call(callback, error, self._errors_in_a_row)

    async def _tell(self, callbacks: Sequence[Callback], result: Any) -> None:
        if self.config.enable_validation_callbacks:
            for callback in callbacks:
                await self._call(callback, result)

    async def _call(self, callback: Callable[..., Any], *values: Any) -> None:
        try:
            answer = callback(*values)
            if inspect.isawaitable(answer):
                await asyncio.wait_for(answer, self.config.callback_timeout_seconds)
        except Exception:
            self._stats["callback_errors"] += 1
            _log.exception("a callback failed")

    async def _tell_errors(self) -> None:
        """Gives errors of the exchange to the error callbacks."""
        while self._broken:
            await self._error(self._broken.pop(0))

    async def _tell_late(self) -> None:
        """Gives comparisons that were due later to the callbacks, and corrects the counts of candles that passed before."""
        while self._late:
            result = self._late.pop(0)
            if _of(result) in self._waiting:
                self._waiting.discard(_of(result))
                if result.status is ValidationStatus.FAIL:
                    self._stats["successful_validations"] -= 1
                    self._stats["failed_validations"] += 1
            await self._tell(self.validation_callbacks, result)
        await self._tell_errors()

    async def _work(self) -> None:
        while True:
            task = await self._queue.get()
            await self._work_one(task)

    async def _work_one(self, task: _Task) -> None:
        try:
            await self._validate(*task)
        except Exception as error:
            await self._error(error)
        finally:
            self._queue.task_done()

    async def _compare(self) -> None:
        """Compares candles with the exchange when that is due."""
        while True:
            due = self.validator.due_us()
            wait = 1.0 if due is None else min(1.0, max(0.05, (due - self.validator.now_us()) / 1e6))
            await asyncio.sleep(wait)
            if due is None or due > self.validator.now_us():
                continue
            try:
                await self.validator.compare_due()
            except Exception as error:
                await self._error(error)
            await self._tell_late()


class StreamingServiceValidator:
    """Validates what a streaming service makes, before it is served or stored. Every argument is optional.

    >>> import asyncio
    >>> async def one() -> str:
    ...     validator = StreamingServiceValidator(clock=lambda: 1709251261000000)
    ...     await validator.start()
    ...     candle = {"timestamp": 1709251200000000, "open": 1, "high": 2, "low": 3, "close": 2, "volume": 3}
    ...     result = await validator.validate_candle(candle, "BTC-USDT", "1m")
    ...     await validator.stop()
    ...     return result.status.value
    >>> asyncio.run(one())
    'FAIL'
    """

    def __init__(
        self,
        cross_source_validator: CrossSourceValidator | None = None,
        timestamp_validator: TimestampValidator | None = None,
        aggregation_validator: AggregationValidator | None = None,
        config: StreamingIntegrationConfig | None = None,
        *,
        streaming_config: StreamingValidationConfig | None = None,
        async_mode: bool | None = None,
        clock: Callable[[], datetime | int] | None = None,
        default_venue: str = "BINANCE",
    ) -> None:
        config = config or StreamingIntegrationConfig()
        of_validator = streaming_config or StreamingValidationConfig(
            validation_interval_seconds=config.validation_interval_seconds,
            max_candles_per_validation=config.max_candles_per_validation,
        )
        self.validator = StreamingValidator(
            cross_source_validator,
            timestamp_validator,
            aggregation_validator,
            of_validator,
            clock=clock,
            default_venue=default_venue,
            max_reference_failures=max(1, config.max_consecutive_failures),
            reference_pause_seconds=config.failure_cooldown_seconds,
        )
        self.integration = StreamingServiceIntegration(self.validator, config, async_mode=async_mode)

    async def start(self) -> None:
        """Starts. A candle may be validated before, but is then compared with the exchange only if it is old enough."""
        await self.integration.start()

    async def stop(self) -> None:
        """Validates what is queued, then ends."""
        await self.integration.stop()

    async def validate_candle(self, candle: Any, symbol: str, timeframe: str) -> ValidationResult:
        """Validates a candle: see `StreamingValidator.validate_streaming_candle`."""
        return await self.integration.validate_candle(candle, symbol, timeframe)

    async def validate_candle_batch(self, candles: Sequence[Any], symbol: str, timeframe: str) -> ValidationReport:
        """Validates several candles at once."""
        return await self.integration.validate_candle_batch(candles, symbol, timeframe)

    def get_stats(self) -> dict[str, Any]:
        """The counts: see `StreamingServiceIntegration.get_stats`."""
        return self.integration.get_stats()

    def reset_stats(self) -> None:
        """Sets the counts to 0."""
        self.integration.reset_stats()

    def add_validation_callback(self, callback: Callable[[ValidationResult], Any]) -> None:
        """Adds a function that gets each result."""
        self.integration.add_validation_callback(callback)

    def add_error_callback(self, callback: Callable[[Exception, int], Any]) -> None:
        """Adds a function that gets each exception, and how many came in a row."""
        self.integration.add_error_callback(callback)
