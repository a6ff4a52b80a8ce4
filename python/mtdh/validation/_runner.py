"""The tests of `python -m mtdh.validation`, each a report."""

from __future__ import annotations

import asyncio
import json
import sys
from argparse import Namespace
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from mtdh.validation import _core
from mtdh.validation._settings import Settings, WrongCall
from mtdh.validation.aggregation_validator import AggregationValidationConfig, AggregationValidator
from mtdh.validation.candles import OHLCV, iso, to_datetime
from mtdh.validation.cross_source_validator import CrossSourceValidator
from mtdh.validation.streaming_integration import StreamingIntegrationConfig, StreamingServiceValidator
from mtdh.validation.streaming_validator import StreamingValidationConfig
from mtdh.validation.timestamp_validator import TimestampValidationConfig, TimestampValidator, timed
from mtdh.validation.validation_results import ValidationReport, ValidationResult, ValidationStatus, utc_now

DEFAULT_SYMBOL, DEFAULT_TIMEFRAME, DEFAULT_COARSER = "BTC-USDT", "1m", "5m"
"""What `all` validates of the lake when nothing is named."""

SHOWN = 1000
"""Failures and warnings of a stream that its report keeps."""


class Runner:
    """Runs tests by the words of a command line."""

    def __init__(self, args: Namespace, settings: Settings) -> None:
        self.args = args
        self.settings = settings
        most = args.max_candles if args.max_candles is not None else settings.max_candles
        self.max_candles = 1000 if most is None else most
        self.cross_source = CrossSourceValidator(args.lake)
        if settings.cross_source_tolerance_pct is not None:
            self.cross_source.price_tolerance = settings.cross_source_tolerance_pct / 100
        drift, hours = settings.max_drift_seconds, settings.freshness_hours
        self.times = TimestampValidator(
            TimestampValidationConfig(
                max_timestamp_drift_seconds=1.0 if drift is None else drift,
                min_data_freshness_seconds=300.0 if hours is None else hours * 3600,
            )
        )
        price, volume = settings.tolerance_pct, settings.volume_tolerance_pct
        self.aggregation = AggregationValidator(
            AggregationValidationConfig(
                price_tolerance=0.0001 if price is None else price / 100,
                volume_tolerance=0.01 if volume is None else volume / 100,
            )
        )

    async def run(self) -> ValidationReport:
        """Runs what ``--test-type`` names. Raises `WrongCall` when a flag that it needs is missing."""
        args = self.args
        tests: dict[str, Callable[[], Awaitable[ValidationReport]]] = {
            "cross-source": self._cross_source,
            "timestamp": self._timestamp_file,
            "aggregation": self._aggregation_files,
            "streaming": self._streaming,
            "all": self._all,
        }
        needed = {
            "cross-source": ("symbol", "timeframe"),
            "timestamp": ("data_file",),
            "aggregation": ("base_file", "agg_file"),
        }
        missing = [name for name in needed.get(args.test_type, ()) if getattr(args, name) is None]
        if missing:
            flags = " and ".join("--" + name.replace("_", "-") for name in missing)
            raise WrongCall(f"--test-type {args.test_type} needs {flags}")
        if args.end_date is not None and args.start_date is None:
            raise WrongCall("--end-date needs --start-date")
        return await tests[args.test_type]()

    async def _all(self) -> ValidationReport:
        args = self.args
        if not (args.symbol or args.data_file or args.base_file or args.agg_file):
            return await self._lake()
        work: list[Awaitable[ValidationReport]] = []
        skipped: list[str] = []
        for name, is_given, test in (
            ("cross-source", args.symbol and args.timeframe, self._cross_source),
            ("timestamp", args.data_file, self._timestamp_file),
            ("aggregation", args.base_file and args.agg_file, self._aggregation_files),
        ):
            if is_given:
                work.append(test())
            else:
                skipped.append(name)
        reports = await self._together(work)
        report = _combined("combined_tests", reports)
        for name in skipped:
            message = "Its flags were not given: nothing was validated"
            report.add_result(ValidationResult(f"{name}_tests", ValidationStatus.SKIP, message))
        return report

    async def _together(self, work: list[Awaitable[ValidationReport]]) -> list[ValidationReport]:
        """One after the other, or with ``--parallel`` at the same time."""
        if self.args.parallel:
            return list(await asyncio.gather(*work))
        return [await one for one in work]

    async def _lake(self) -> ValidationReport:
        """All tests of the newest day that the lake has of an instrument, when nothing is named."""
        symbol = DEFAULT_SYMBOL
        span = await asyncio.to_thread(self.cross_source.newest_hour, symbol, DEFAULT_TIMEFRAME)
        if span is None:
            report = _report("combined_tests")
            message = f"The lake has no candles and no trades of {symbol}: name one with --symbol and --timeframe"
            report.add_result(ValidationResult("all_tests", ValidationStatus.FAIL, message))
            return report
        day = span[1] - 1 - (span[1] - 1) % 86_400_000_000
        key = _core.instrument_key(symbol)
        read: dict[str, list[OHLCV]] = {}
        for name in (DEFAULT_TIMEFRAME, DEFAULT_COARSER):
            candles, _ = await asyncio.to_thread(
                _core.lake_candles, self.cross_source.data_client, key, name, day, day + 86_400_000_000
            )
            read[name] = [_ohlcv(candle, symbol, name) for candle in candles]
        boundaries = _report("timestamp_tests")
        boundaries.add_result(
            self.aggregation.validate_timeframe_boundaries(
                read[DEFAULT_TIMEFRAME], DEFAULT_TIMEFRAME, "timeframe_boundaries_test"
            )
        )
        reports = await self._together([self._cross_source(symbol, DEFAULT_TIMEFRAME, span)])
        aggregation = self._aggregation(read[DEFAULT_TIMEFRAME], read[DEFAULT_COARSER])
        return _combined("combined_tests", [*reports, boundaries, aggregation])

    async def _cross_source(
        self, symbol: str | None = None, timeframe: str | None = None, span: tuple[int, int] | None = None
    ) -> ValidationReport:
        symbol, timeframe = symbol or self.args.symbol, timeframe or self.args.timeframe
        assert symbol is not None and timeframe is not None
        report = _report(f"cross_source_tests_{symbol}_{timeframe}")
        start, end = self.args.start_date, self.args.end_date
        try:
            if start is None:
                if span is None:
                    span = await asyncio.to_thread(self.cross_source.newest_hour, symbol, timeframe)
                if span is None:
                    raise ValueError(f"no data available: the lake has no candles and no trades of {symbol}")
                start, end = (to_datetime(us) for us in span)
                report.summary["range"] = f"the last hour that the lake has: {iso(span[0])} to {iso(span[1])}"
            work = self.cross_source.validate_timeframe_consistency(
                symbol, timeframe, start, end, self.max_candles
            )
            result = await asyncio.wait_for(work, self.settings.timeout_seconds)
        except asyncio.TimeoutError:
            text = f"Cross-source test failed: it took longer than {self.settings.timeout_seconds} s"
            result = ValidationResult("cross_source_test", ValidationStatus.FAIL, text, {"error": "timeout"})
        except Exception as error:
            text = f"Cross-source test failed: {error}"
            result = ValidationResult("cross_source_test", ValidationStatus.FAIL, text, {"error": str(error)})
        return _ended(report, result)

    async def _timestamp_file(self) -> ValidationReport:
        report = _report("timestamp_tests")
        path = self.args.data_file
        try:
            read = await asyncio.to_thread(_core.read_candles, path, self.args.timeframe)
            times = None if read is None else [start for start, _, _ in read[2]]
            if read is None or times is None:
                key = None if self.args.symbol is None else _core.instrument_key(self.args.symbol)
                report.add_result(await asyncio.to_thread(self._rows, path, key))
            else:
                _, name, candles = read
                seconds = _core.timeframe(name)[1] / 1e6
                report.add_result(
                    self.times.validate_timestamp_stability(times, seconds, "timestamp_stability_test")
                )
                report.add_result(self.times.validate_timezone_consistency(times, "timezone_consistency_test"))
                own = [_ohlcv(candle, "", name) for candle in candles]
                report.add_result(
                    self.aggregation.validate_timeframe_boundaries(own, name, "timeframe_boundaries_test")
                )
            report.add_result(self._freshness(times))
        except Exception as error:
            text = f"Timestamp test failed: {error}"
            report.add_result(
                ValidationResult("timestamp_test", ValidationStatus.FAIL, text, {"error": str(error)})
            )
        report.end_time = utc_now()
        return report

    def _freshness(self, times: list[int] | None) -> ValidationResult:
        if times is None or self.settings.freshness_hours is None:
            message = "A file is no live feed; `timestamp.freshness_hours` of --config tests the age of candles"
            return ValidationResult("data_freshness_test", ValidationStatus.SKIP, message)
        return self.times.validate_data_freshness(times, "data_freshness_test")

    def _rows(self, path: str, key: str | None) -> ValidationResult:
        """The engine's checks of the times of rows."""

        def work() -> tuple[ValidationStatus, str, dict[str, Any]]:
            looked_at, findings, rows, notes = _core.check_file(path, key)
            checks = {name: count for name, count in looked_at.items() if count}
            wrong = [finding for finding in findings if finding.severity != "info"]
            details = {
                "rows": rows,
                "checks": sorted(checks),
                "findings": [
                    {"check": f.check, "severity": f.severity, "count": f.count, "examples": list(f.examples)}
                    for f in findings
                ],
                "notes": notes,
            }
            if any(finding.severity == "error" for finding in wrong):
                status = ValidationStatus.FAIL
            elif wrong:
                status = ValidationStatus.WARNING
            elif not checks or not rows:
                return ValidationStatus.SKIP, "The file has no rows: nothing was validated", details
            else:
                return ValidationStatus.PASS, f"{len(checks)} checks of {rows} rows found nothing", details
            first = wrong[0]
            return status, f"{first.check}: {first.examples[0] if first.examples else first.count}", details

        return timed("timestamp_stability_test", work)

    async def _aggregation_files(self) -> ValidationReport:
        try:
            own = self.args.timeframe
            base = await asyncio.to_thread(_candles_of, self.args.base_file, own)
            coarse = await asyncio.to_thread(_candles_of, self.args.agg_file, None)
        except Exception as error:
            report = _report("aggregation_tests")
            text = f"Aggregation test failed: {error}"
            details = {"error": str(error)}
            return _ended(report, ValidationResult("aggregation_test", ValidationStatus.FAIL, text, details))
        return self._aggregation(base, coarse)

    def _aggregation(self, base: list[OHLCV], coarse: list[OHLCV]) -> ValidationReport:
        report, validator = _report("aggregation_tests"), self.aggregation
        report.add_result(validator.validate_ohlc_preservation(base, coarse, "ohlc_preservation_test"))
        report.add_result(validator.validate_volume_aggregation(base, coarse, "volume_aggregation_test"))
        report.add_result(validator.validate_aggregation_consistency(base, coarse, "aggregation_consistency_test"))
        report.end_time = utc_now()
        return report

    async def _streaming(self) -> ValidationReport:
        """Candles of ``--data-file``, JSON lines, or of stdin, one by one."""
        args, report = self.args, _report("streaming_tests")
        gap = self.settings.max_gap_seconds
        validator = StreamingServiceValidator(
            None,
            self.times,
            self.aggregation,
            StreamingIntegrationConfig(max_consecutive_failures=0),
            streaming_config=StreamingValidationConfig(max_gap_seconds=300 if gap is None else gap),
        )
        await validator.start()
        count = skipped = 0
        for number, line in _lines(args.data_file):
            try:
                candle = json.loads(line)
                symbol = candle.get("instrument_key") or candle.get("symbol") or args.symbol
                timeframe = candle.get("timeframe") or args.timeframe
                if symbol is None or timeframe is None:
                    raise ValueError("the candle names no symbol or no timeframe; give --symbol and --timeframe")
                result = await validator.validate_candle(candle, symbol, timeframe)
            except (ValueError, AttributeError) as error:
                result = ValidationResult("unreadable_line", ValidationStatus.FAIL, str(error))
            count += 1
            if result.status is not ValidationStatus.PASS:
                result.message = f"line {number}: {result.message}"
                if len(report.results) < SHOWN:
                    report.add_result(result)
                else:
                    skipped += 1
        await validator.stop()
        stats = validator.get_stats()
        report.summary.update(stats, results_left_out=skipped)
        total, failed = stats["total_candles_validated"], stats["failed_validations"]
        if total == 0:
            status, message = ValidationStatus.SKIP, "No candle came: nothing was validated"
        else:
            status = ValidationStatus.FAIL if failed else ValidationStatus.PASS
            message = f"{total} candles of {count} lines, {failed} failed"
        return _ended(report, ValidationResult("streaming_validation", status, message, dict(stats)))


def _lines(path: str | None) -> Iterator[tuple[int, str]]:
    if path is None or path == "-":
        yield from ((number, line) for number, line in enumerate(sys.stdin, 1) if line.strip())
        return
    with open(path, encoding="utf-8") as file:
        yield from ((number, line) for number, line in enumerate(file, 1) if line.strip())


def _candles_of(path: str, timeframe: str | None) -> list[OHLCV]:
    read = _core.read_candles(path, timeframe)
    if read is None:
        raise ValueError(f"{path} has no candles: there is no column `open`")
    key, name, candles = read
    return [_ohlcv(candle, key or "", name) for candle in candles]


def _ohlcv(candle: _core.Candle, symbol: str, timeframe: str) -> OHLCV:
    start, values, _ = candle
    # A value that is missing stays missing: the checks name it.
    first, high, low, last, volume = values[:5]
    return OHLCV(start, first, high, low, last, volume, symbol, timeframe, "file")  # type: ignore[arg-type]


def _report(name: str) -> ValidationReport:
    now = utc_now()
    return ValidationReport(f"{name}_{now:%Y%m%d_%H%M%S}", now, now)


def _ended(report: ValidationReport, result: ValidationResult) -> ValidationReport:
    report.add_result(result)
    report.end_time = utc_now()
    return report


def _combined(name: str, reports: list[ValidationReport]) -> ValidationReport:
    whole = _report(name)
    whole.start_time = min((report.start_time for report in reports), default=whole.start_time)
    for report in reports:
        for result in report.results:
            whole.add_result(result)
        whole.summary.update(report.summary)
    whole.end_time = utc_now()
    return whole
