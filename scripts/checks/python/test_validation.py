"""`mtdh.validation` beyond the rows of `validation_rules.py`: forms of candles, callbacks, the exchange, pauses, the queue."""

import ast
import asyncio
import collections
import csv
import inspect
import json
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from types import SimpleNamespace

import pytest

pytest.importorskip("mtdh", reason="the package is not installed (scripts/wheel.sh)")

import mtdh.validation as validation
from mtdh.validation import (
    OHLCV,
    CrossSourceValidator,
    StreamingIntegrationConfig,
    StreamingServiceValidator,
    StreamingValidationConfig,
    StreamingValidator,
    TimestampValidator,
    ValidationReport,
    ValidationResult,
    ValidationStatus,
)
from mtdh.validation import __main__ as program
from mtdh.validation import candles as forms
from validation_world import DAY, HOUR, KEY, MINUTE, SECOND, START, Crossed, bar, bars, status, streamed, utc

SNIPPET = """
from src.validation.streaming_integration import StreamingServiceValidator

# Create streaming validator
validator = StreamingServiceValidator(
    cross_source_validator=cross_source_validator,
    timestamp_validator=timestamp_validator,
    aggregation_validator=aggregation_validator
)

# Start validator
await validator.start()

# Validate streaming candle
result = await validator.validate_candle(candle, "BTC-USDT", "1m")
"""


def test_the_specifications_snippet_runs_with_the_import_changed(world):
    text = SNIPPET.replace("from src.", "from mtdh.")
    code = compile(text, "snippet", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    start = datetime.now(timezone.utc).replace(second=0, microsecond=0) - timedelta(minutes=1)
    names = {
        "cross_source_validator": CrossSourceValidator(world.lake),
        "timestamp_validator": TimestampValidator(),
        "aggregation_validator": validation.AggregationValidator(),
        "candle": OHLCV(start, 10.0, 12.0, 9.0, 11.0, 5.0, "BTC-USDT", "1m", "live"),
    }

    async def run():
        await eval(code, names)
        await names["validator"].stop()

    asyncio.run(run())
    assert names["result"].status is ValidationStatus.PASS, names["result"]
    assert names["validator"].get_stats()["total_candles_validated"] == 1


VALUES = {"open": 10, "high": 12, "low": 9, "close": 11, "volume": 5}
Tuple = collections.namedtuple("Tuple", ["timestamp", *VALUES])


@pytest.mark.parametrize(
    "candle",
    [
        {"timestamp": utc(START), **VALUES},
        {"timestamp": START, **VALUES},
        {"timestamp": "2024-03-01T00:00:00Z", **VALUES},
        {"timestamp": "2024-03-01T01:00:00+01:00", **VALUES},
        {"timestamp": START, **{name: str(value) for name, value in VALUES.items()}},
        {"timestamp": START, **{name: Decimal(value) for name, value in VALUES.items()}},
        {"timestamp": START, **VALUES, "timeframe": "60s", "is_final": True},
        Tuple(START, **VALUES),
        SimpleNamespace(timestamp=utc(START), **VALUES),
        bar(),
    ],
    ids=lambda candle: f"{type(candle).__name__}",
)
def test_forms_of_a_candle(candle):
    assert status(streamed(candle, at=START + MINUTE)[1][0]) == "PASS"


def test_forms_of_pandas_and_numpy():
    pandas, numpy = pytest.importorskip("pandas"), pytest.importorskip("numpy")
    frame = pandas.DataFrame([{"timestamp": utc(START + i * MINUTE), **VALUES} for i in range(3)])
    assert status(streamed(frame.iloc[0], at=START + MINUTE)[1][0]) == "PASS"
    assert status(streamed(frame.set_index("timestamp").iloc[0], at=START + MINUTE)[1][0]) == "PASS"
    times = frame["timestamp"]
    assert status(TimestampValidator().validate_timestamp_stability(times, 60.0)) == "PASS"
    assert status(TimestampValidator().validate_timestamp_stability(times.to_numpy("datetime64[us]"), 60.0)) == "PASS"
    assert forms.to_us(numpy.datetime64("2024-03-01T00:00:00", "ns")) == START
    assert status(validation.AggregationValidator().validate_timeframe_boundaries(frame, "1m")) == "PASS"


def test_candles_of_a_lake_are_candles(world):
    pytest.importorskip("pyarrow")
    validator = validation.AggregationValidator()
    fine, coarse = (world.lake.candles(KEY, name, DAY) for name in ("1m", "5m"))
    assert status(validator.validate_timeframe_boundaries(fine, "1m")) == "PASS"
    assert status(validator.validate_timeframe_boundaries(coarse.arrow(), "5m")) == "PASS"
    assert status(validator.validate_timeframe_boundaries(fine, "5m")) == "FAIL"


@pytest.mark.parametrize(
    ("candle", "said"),
    [
        (7, "no candle"),
        ({}, "no `timestamp`"),
        ({"timestamp": START // 1000, **VALUES}, "no time in µs"),
        ({"timestamp": True, **VALUES}, "bool"),
        ({"timestamp": START, **VALUES, "close": "eleven"}, "`close` is 'eleven', not a number"),
        ({"timestamp": START, **VALUES, "timeframe": "5m"}, "the candle is of 5m, not of 1m"),
    ],
)
def test_what_is_no_candle_is_a_fail_that_says_so(candle, said):
    validator, (result,) = streamed(candle, at=START + MINUTE)
    assert status(result) == "FAIL" and said in result.message and result.details["error"], result
    assert validator.get_stats()["validation_errors"] == 1


def test_a_time_without_a_zone_is_utc_with_a_warning():
    with pytest.warns(UserWarning, match="taken as UTC"):
        assert status(streamed({"timestamp": datetime(2024, 3, 1), **VALUES}, at=START + MINUTE)[1][0]) == "PASS"


@pytest.mark.parametrize(
    ("method", "names"),
    [
        (StreamingServiceValidator, ["cross_source_validator", "timestamp_validator", "aggregation_validator", "config"]),
        (StreamingServiceValidator.validate_candle, ["self", "candle", "symbol", "timeframe"]),
        (StreamingServiceValidator.validate_candle_batch, ["self", "candles", "symbol", "timeframe"]),
        (StreamingValidator, ["cross_source_validator", "timestamp_validator", "aggregation_validator", "config"]),
        (CrossSourceValidator, ["data_client", "tardis_connector"]),
        (CrossSourceValidator.validate_timeframe_consistency,
         ["self", "symbol", "timeframe", "start_date", "end_date", "max_candles"]),
        (CrossSourceValidator.validate_aggregation_consistency,
         ["self", "symbol", "base_timeframe", "aggregated_timeframe", "start_date", "end_date", "max_candles"]),
        (TimestampValidator.validate_timestamp_stability, ["self", "timestamps", "expected_interval_seconds", "test_name"]),
        (TimestampValidator.validate_clock_synchronization, ["self", "local_timestamps", "server_timestamps", "test_name"]),
        (validation.AggregationValidator.validate_ohlc_preservation,
         ["self", "base_candles", "aggregated_candles", "test_name"]),
        (validation.AggregationValidator.validate_aggregation_consistency,
         ["self", "source_candles", "target_candles", "test_name"]),
        (ValidationResult, ["test_name", "status", "message", "details", "timestamp", "execution_time_ms"]),
    ],
)
def test_names_and_order_of_arguments_are_the_old_ones(method, names):
    parameters = inspect.signature(method).parameters.values()
    assert [p.name for p in parameters if p.kind is not p.KEYWORD_ONLY] == names


def test_callbacks_may_be_async_slow_or_wrong():
    seen = []

    async def later(result):
        await asyncio.sleep(0)
        seen.append(result.status.value)

    async def never(result):
        await asyncio.sleep(60)

    async def run():
        config = StreamingIntegrationConfig(callback_timeout_seconds=0.05)
        validator = StreamingServiceValidator(config=config, clock=lambda: START + MINUTE)
        for callback in (later, never, lambda result: result.nothing):
            validator.add_validation_callback(callback)
        result = await validator.validate_candle(bar(), "BTC-USDT", "1m")
        return result, validator.get_stats()["callback_errors"]

    result, errors = asyncio.run(run())
    assert (status(result), seen, errors) == ("PASS", ["PASS"], 2)


def test_a_batch_gives_each_result_to_the_callbacks():
    seen = []

    async def run():
        validator = StreamingServiceValidator(clock=lambda: START + HOUR)
        validator.add_validation_callback(lambda result: seen.append(result.test_name))
        return await validator.validate_candle_batch(bars(3), "BTC-USDT", "1m"), validator.get_stats()

    report, stats = asyncio.run(run())
    assert report.get_status() is ValidationStatus.PASS
    assert seen[:3] == [f"candle_validation_{i}" for i in range(3)] and "streaming_timestamp_stability" in seen
    assert stats["total_candles_validated"] == 3


def test_a_live_candle_is_compared_once_the_exchange_has_settled():
    """Two readings five seconds apart agree, and differ from the candle that came: the count is corrected, the callback called."""
    clock, seen = {"now": START + MINUTE}, []
    crossing = Crossed([], [bar(volume=4.0)])

    async def run():
        validator = StreamingServiceValidator(crossing, clock=lambda: clock["now"])
        validator.add_validation_callback(lambda result: seen.append((result.test_name, result.status.value)))
        await validator.start()
        result = await validator.validate_candle(bar(), "BTC-USDT", "1m")
        assert result.details["reference"] == "waiting" and not crossing.asked
        before = validator.get_stats()
        for _ in range(100):
            await asyncio.sleep(0.05)
            clock["now"] += SECOND
            if len(seen) > 1:
                break
        after = validator.get_stats()
        await validator.stop()
        return before["failed_validations"], after["failed_validations"], after["total_candles_validated"]

    assert asyncio.run(run()) == (0, 1, 1)
    assert seen == [("streaming_candle_validation", "PASS"), ("cross_source_validation", "FAIL")]


def test_an_exchange_that_is_away_is_left_alone_and_candles_are_validated_all_the_same():
    clock, errors = {"now": START + HOUR}, []

    class Away(CrossSourceValidator):
        asked = 0

        def klines(self, *_):
            Away.asked += 1
            raise ConnectionError("no route")

    async def run():
        config = StreamingIntegrationConfig(max_consecutive_failures=2)
        validator = StreamingServiceValidator(Away("x"), config=config, clock=lambda: clock["now"])
        validator.add_error_callback(lambda error, count: errors.append((str(error), count)))
        results = [await validator.validate_candle(bar(i), "BTC-USDT", "1m") for i in range(6)]
        return [status(result) for result in results], validator.validator.statistics()

    results, counts = asyncio.run(run())
    assert set(results) == {"WARNING"}, "late, and not failed"
    assert Away.asked == 2 and counts["reference_pauses_until_us"] == START + HOUR + 300 * SECOND
    assert errors[0] == ("no route", 1) and len(errors) == 2


def test_a_pause_is_of_one_symbol_and_ends():
    async def run():
        config = StreamingIntegrationConfig(max_consecutive_failures=2, failure_cooldown_seconds=0.2)
        validator = StreamingServiceValidator(config=config, clock=lambda: START + MINUTE)
        said = []
        for symbol, candle in [("BTC-USDT", bar(high=1.0))] * 3 + [("ETH-USDT", bar()), ("BTC-USDT", bar())]:
            said.append(status(await validator.validate_candle(candle, symbol, "1m")))
        await asyncio.sleep(0.25)
        said.append(status(await validator.validate_candle(bar(), "BTC-USDT", "1m")))
        validator.reset_stats()
        return said, validator.get_stats()

    said, stats = asyncio.run(run())
    assert said == ["FAIL", "FAIL", "SKIP", "PASS", "SKIP", "PASS"]
    assert stats["total_candles_validated"] == 0 and stats["consecutive_failures"] == 0


def test_coarser_candles_of_a_stream_are_made_of_its_finer_ones():
    def told(volume):
        clock = {"now": START}

        async def run():
            validator = StreamingValidator(clock=lambda: clock["now"])
            for candle in bars(5):
                clock["now"] += MINUTE
                await validator.validate_streaming_candle(candle, "BTC-USDT", "1m")
            coarse = bar(timeframe="5m", length=5 * MINUTE, volume=volume)
            await validator.validate_streaming_candle(coarse, "BTC-USDT", "5m")
            return {r.test_name: r.status.value for r in validator.last_report.results}["aggregation_validation"]

        return asyncio.run(run())

    assert (told(25.0), told(30.0)) == ("PASS", "FAIL")


def test_switched_off():
    config = StreamingIntegrationConfig(enable_real_time_validation=False)
    assert status(streamed(bar(), at=START + MINUTE, config=config)[1][0]) == "SKIP"
    late = StreamingValidationConfig(enable_timestamp_validation=False)
    assert status(streamed(bar(), at=START + HOUR, streaming_config=late)[1][0]) == "PASS"


def test_start_and_stop_can_be_repeated():
    async def run():
        validator = StreamingServiceValidator(async_mode=True, clock=lambda: START + MINUTE)
        said = [status(await validator.validate_candle(bar(), "BTC-USDT", "1m"))]
        for _ in range(2):
            await validator.start()
            await validator.start()
            said.append(status(await validator.validate_candle(bar(), "BTC-USDT", "1m")))
            await validator.stop()
            await validator.stop()
        return said, validator.get_stats()["total_candles_validated"]

    assert asyncio.run(run()) == (["SKIP", "PASS", "PASS"], 2)


def call(world, tmp_path, *words, stdin=None):
    """The command line as a process."""
    environment = {"PATH": "/usr/bin:/bin", "BINANCE_URL": world.binance, "HOME": str(tmp_path)}
    environment["PYTHONPATH"] = ":".join(path for path in sys.path if path)
    return subprocess.run(
        [sys.executable, "-m", "mtdh.validation", *words, "--lake", str(world.folder)],
        cwd=tmp_path, env=environment, input=stdin, capture_output=True, text=True,
    )


def test_the_files_of_results(world, tmp_path):
    words = ["--test-type", "aggregation", "--base-file", world.candles("1m"), "--agg-file", world.candles("5m")]
    for form, ending in [("json", "json"), ("html", "html"), ("csv", "csv"), ("text", "txt")]:
        run = call(world, tmp_path, *words, "--format", form, "--output", "out")
        assert run.returncode == 0, run
        (file,) = (tmp_path / "out").glob(f"test_results_*.{ending}")
        text = file.read_text()
        assert "ohlc_preservation_test" in text and "ohlc_preservation_test" in run.stdout
        if form == "json":
            assert json.loads(text)["overall_status"] == "PASS"
        if form == "csv":
            assert [row["status"] for row in csv.DictReader(text.splitlines())] == ["PASS"] * 3
    assert call(world, tmp_path, *words).returncode == 0
    assert list((tmp_path / "test_results").iterdir()), "the old default"


def test_a_stream_of_json_lines(world, tmp_path):
    now = datetime.now(timezone.utc).replace(second=0, microsecond=0) - timedelta(minutes=1)
    sound = {"timestamp": now.isoformat(), **VALUES}
    words = ["--test-type", "streaming", "--symbol", "BTC-USDT", "--timeframe", "1m", "--format", "text"]
    for lines, code, said in [
        ([sound], 0, "1 candles of 1 lines, 0 failed"),
        ([], 1, "No candle came"),
        ([sound, sound | {"low": 20}], 1, "line 2: candle_shape"),
        (["x"], 1, "line 1:"),
    ]:
        stdin = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
        run = call(world, tmp_path, *words, stdin=stdin)
        assert run.returncode == code and said in run.stdout, run
    assert not (tmp_path / "test_results").exists(), "text goes to stdout"


def test_where_unit_tests_went(world, tmp_path):
    run = call(world, tmp_path, "--test-type", "unit")
    assert run.returncode == 2 and "cargo test --workspace" in run.stderr and not run.stdout


def test_html_escapes_everything():
    report = ValidationReport("<script>1</script>", utc(START), utc(START))
    report.add_result(ValidationResult("<b>name", ValidationStatus.FAIL, "<img src=x>", {"<i>": "</pre><script>"}))
    from mtdh.validation import _html

    page = _html.page(report)
    for bad in ("<script>1", "<b>name", "<img", "<i>", "</pre><script>"):
        assert bad not in page
    assert page.count("</pre>") == 1 and report._repr_html_() in page


def test_a_report_is_json_whatever_it_holds():
    details = {"nan": float("nan"), "time": utc(START), 3: {4}, "status": ValidationStatus.PASS}
    result = ValidationResult("t", ValidationStatus.FAIL, "", details)
    assert json.loads(json.dumps(result.to_dict(), allow_nan=False))["details"]["nan"] == "nan"


def test_every_flag_of_the_predecessor_is_there():
    known = {word for action in program.parser()._actions for word in action.option_strings}
    assert {
        "--test-type", "--symbol", "--timeframe", "--start-date", "--end-date", "--data-file", "--base-file", "--agg-file",
        "--config", "--max-candles", "--parallel", "--output", "--format", "--verbose",
    } <= known


def test_every_klines_page_of_a_day_is_read(world):
    validator = CrossSourceValidator(world.lake)
    assert len(validator.klines(KEY, "1m", START, START + 24 * HOUR)) == 1440
    assert validator.klines("BINANCE:SPOT_PAIR:NO-PE", "1m", START, START + HOUR) == []
    assert validator.newest_hour("BTC-USDT", "1m")[1] <= START + 24 * HOUR
    assert str(DAY) in utc(validator.newest_hour("BTC-USDT", "1m")[0]).isoformat()
