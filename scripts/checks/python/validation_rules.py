"""Each rule and defect of the predecessor's validation, by the sections of its description: an input, what it answered, what mtdh
answers, and why the two differ."""

import asyncio
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from zoneinfo import ZoneInfo

from mtdh.validation import (
    AggregationValidator,
    CrossSourceValidator,
    TimestampValidator,
    ValidationReport,
    ValidationResult,
    ValidationStatus,
)
from mtdh.validation.__main__ import main
from validation_world import (
    DAY,
    HOUR,
    KEY,
    MINUTE,
    NAN,
    SECOND,
    START,
    Crossed,
    bar,
    bars,
    crossed,
    five,
    quietly,
    status,
    streamed,
    utc,
)

SAME = "the same"


@dataclass(frozen=True)
class Row:
    section: str
    rule: str
    """The rule or the defect, and the input."""
    old: object
    """What the predecessor answered."""
    ours: object
    why: str
    run: Callable
    """Gets the world, answers as `ours` is."""


def report(*statuses):
    made = ValidationReport("r", utc(START), utc(START))
    for name in statuses:
        made.add_result(ValidationResult("t", ValidationStatus[name], ""))
    return made.get_status().value, round(made.get_success_rate(), 1)


def stable(times, interval=60.0):
    return status(TimestampValidator().validate_timestamp_stability(times, interval))


def zones(times):
    return status(quietly(lambda: TimestampValidator().validate_timezone_consistency(times)))


def fresh(*ages):
    now = datetime.now(timezone.utc)
    return status(TimestampValidator().validate_data_freshness([now - timedelta(seconds=age) for age in ages]))


def clocks(*skews):
    local = [utc(START + round(skew * SECOND)) for skew in skews]
    return status(TimestampValidator().validate_clock_synchronization(local, [utc(START)] * len(skews)))


def ohlc(base, aggregated):
    return status(AggregationValidator().validate_ohlc_preservation(base, aggregated))


def volume(base, aggregated):
    return status(AggregationValidator().validate_volume_aggregation(base, aggregated))


def edges(candles, timeframe):
    return status(AggregationValidator().validate_timeframe_boundaries(candles, timeframe))


def both(base, aggregated):
    return status(AggregationValidator().validate_aggregation_consistency(base, aggregated))


def each(*candles, **options):
    return [status(result) for result in streamed(*candles, **options)[1]]


def first(results):
    return results[0][1][0]


def of_lake(world, method, *args):
    return asyncio.run(getattr(CrossSourceValidator(world.lake), method)("BTC-USDT", *args))


def aligned(ours, theirs):
    validator = Crossed(ours, theirs)
    work = validator.validate_timestamp_alignment("BTC-USDT", "1m", utc(START), utc(START + 10 * MINUTE))
    return status(asyncio.run(work))


def aggregated(ours, theirs):
    work = Crossed(ours, theirs).validate_aggregation_consistency(
        "BTC-USDT", "1m", "5m", utc(START), utc(START + 5 * MINUTE)
    )
    return asyncio.run(work)


def called(callbacks):
    seen = []

    async def run():
        from mtdh.validation import StreamingServiceValidator

        validator = StreamingServiceValidator(clock=lambda: START + MINUTE)
        callbacks(validator, seen)
        await validator.start()
        await validator.validate_candle(bar(), "BTC-USDT", "1m")
        await validator.validate_candle({"timestamp": "x", "open": 1, "close": 1}, "BTC-USDT", "1m")
        await validator.stop()
        return seen

    return asyncio.run(run())


def queued(count, size, wait_for=10):
    async def run():
        from mtdh.validation import StreamingIntegrationConfig, StreamingServiceValidator

        config = StreamingIntegrationConfig(validation_queue_size=size)
        validator = StreamingServiceValidator(config=config, async_mode=True, clock=lambda: START + HOUR)
        await validator.start()
        answers = [await validator.validate_candle(bar(index), "BTC-USDT", "1m") for index in range(count)]
        await asyncio.wait_for(validator.stop(), wait_for)
        full = sum(bool(answer.details.get("queue_full")) for answer in answers)
        return full, validator.get_stats()["total_candles_validated"], validator.get_stats()["is_running"]

    return asyncio.run(run())


def two_symbols():
    """Whether each of two symbols had its full run with its first candle."""

    async def run():
        from mtdh.validation import StreamingValidator

        validator = StreamingValidator(clock=lambda: START + MINUTE)
        results = [await validator.validate_streaming_candle(bar(), name, "1m") for name in ("BTC-USDT", "ETH-USDT")]
        return [result.details["validation_type"] for result in results]

    return asyncio.run(run())


def compared_with_the_exchange():
    """A streamed candle whose close is not the exchange's, while what is stored is."""
    crossing = Crossed(bars(1), bars(1))
    result = streamed(bar(close=11.5), at=START + HOUR, cross_source_validator=crossing)[1][0]
    return status(result), result.details["findings"][-1]["check"]


def words(world, *more):
    os.environ["BINANCE_URL"] = world.binance
    return main([*more, "--lake", str(world.folder), "--output", str(world.folder.parent / "out")])


def results(world, *more):
    """The newest results that were written, by name."""
    words(world, *more)
    files = sorted((world.folder.parent / "out").glob("test_results_*.json"), key=lambda path: path.stat().st_mtime_ns)
    document = json.loads(files[-1].read_text())
    return {result["test_name"]: result["status"] for result in document["results"]}


ROWS = [
    # 7.1 Result types
    Row("7.1", "any FAIL is FAIL", ("FAIL", 33.3), ("FAIL", 33.3), SAME, lambda w: report("PASS", "WARNING", "FAIL")),
    Row("7.1", "else any WARNING", ("WARNING", 50.0), ("WARNING", 50.0), SAME, lambda w: report("PASS", "WARNING")),
    Row("7.1", "else any PASS", ("PASS", 50.0), ("PASS", 50.0), SAME, lambda w: report("SKIP", "PASS")),
    Row("7.1", "else SKIP; rate 0 of nothing", ("SKIP", 0.0), ("SKIP", 0.0), SAME, lambda w: report()),
    Row("7.1", "the time of a result", "naive", timezone.utc, "a time without a zone is ambiguous",
        lambda w: ValidationResult("t", ValidationStatus.PASS, "").timestamp.tzinfo),
    Row("7.1", "an exception is a FAIL with its text", "FAIL", ("FAIL", True), SAME,
        lambda w: (lambda r: (status(r), "error" in r.details))(
            AggregationValidator().validate_ohlc_preservation(7, 8))),
    Row("7.1", "a candle is the class of its own", "any other raises", ["PASS"] * 3, "dicts and objects are candles too",
        lambda w: [status(streamed(bar(), at=START + MINUTE)[1][0])] + [
            status(TimestampValidator().validate_timestamp_stability([START, START + MINUTE], 60.0)),
            both([asdict(b) for b in bars(5)], [SimpleNamespace(**asdict(five()))])]),
    # 7.2 CrossSourceValidator
    Row("7.2", "the candles of a lake against Binance", "FAIL: the client is a stub", "PASS", "there is a lake now",
        lambda w: status(of_lake(w, "validate_timeframe_consistency", "1m", DAY))),
    Row("7.2", "a price 0.009 % off", "PASS", "PASS", SAME, lambda w: status(crossed(bars(3), bars(2) + [bar(2, close=11.00099)]))),
    Row("7.2", "a price 0.02 % off", "FAIL", "FAIL", SAME, lambda w: status(crossed(bars(3), bars(2) + [bar(2, close=11.0022)]))),
    Row("7.2", "a volume 0.9 % off", "PASS", "PASS", SAME, lambda w: status(crossed(bars(3), bars(2) + [bar(2, volume=5.045)]))),
    Row("7.2", "a volume 2 % off", "WARNING", "WARNING", SAME, lambda w: status(crossed(bars(3), bars(2) + [bar(2, volume=5.1)]))),
    Row("7.2", "R1 is vacuous: one of three candles is missing", "PASS", "FAIL", "an interval on one side only is a fault",
        lambda w: status(crossed(bars(2), bars(3)))),
    Row("7.2", "a candle that the exchange does not have", "PASS", "FAIL", "as above", lambda w: status(crossed(bars(3), bars(2)))),
    Row("7.2", "NaN passes every comparison", "PASS", "FAIL", "NaN differs from everything",
        lambda w: status(crossed(bars(2) + [bar(2, close=NAN)], bars(3)))),
    Row("7.2", "division by zero: no volume on both sides", "FAIL: division by zero", "PASS", "0 is 0",
        lambda w: status(crossed(bars(2) + [bar(2, volume=0.0)], bars(2) + [bar(2, volume=0.0)]))),
    Row("7.2", "division by zero: the reference's volume alone is 0", "FAIL: division by zero", "FAIL", "trades on one side",
        lambda w: status(crossed(bars(3), bars(2) + [bar(2, volume=0.0)]))),
    Row("7.2", "one side is empty", "FAIL", "FAIL", SAME, lambda w: status(crossed([], bars(3)))),
    Row("7.2", "no interval is on both sides", "FAIL", "FAIL", SAME, lambda w: status(crossed([bar(0)], [bar(1)]))),
    Row("7.2", "incomplete candles at the edges are compared", "FAIL", ("PASS", 1), "only whole intervals are",
        lambda w: (lambda r: (status(r), r.details["aligned_candles"]))(
            crossed([bar(0, close=9.5), bar(1), bar(2, close=9.5)], bars(3), start=utc(START + 1), end=utc(START + 3 * MINUTE - 1)))),
    Row("7.2", "more than 1,000 candles: one page, cut unequally", "1000 of 1440", ("PASS", 1440), "pages are followed",
        lambda w: (lambda r: (status(r), r.details["binance_candles"]))(
            of_lake(w, "validate_timeframe_consistency", "1m", DAY, None, 1440))),
    Row("7.2", "both sides are cut to max_candles", "each its own", ("PASS", True, 60), "the same range on both, and it is said",
        lambda w: (lambda r: (status(r), r.details["truncated"], r.details["binance_candles"]))(
            of_lake(w, "validate_timeframe_consistency", "1m", DAY, None, 60))),
    Row("7.2", "24h is unknown, 60 s are taken", "FAIL", "PASS", "24h and 1d are one timeframe",
        lambda w: status(of_lake(w, "validate_timeframe_consistency", "24h", DAY))),
    Row("7.2", "15s is no interval of Binance's", "FAIL: no data", ("FAIL", True), "the message says which there are",
        lambda w: (lambda r: (status(r), "no klines of 15s" in r.message))(
            of_lake(w, "validate_timeframe_consistency", "15s", DAY))),
    Row("7.2", "times without a zone raise within the fetcher", "FAIL: no data", "PASS", "they are UTC, with a warning",
        lambda w: status(quietly(lambda: of_lake(
            w, "validate_timeframe_consistency", "1m", datetime(2024, 3, 1), datetime(2024, 3, 1, 1))))),
    Row("7.2", "aggregation: three comparisons", "PASS", "PASS", SAME,
        lambda w: status(of_lake(w, "validate_aggregation_consistency", "1m", "5m", DAY))),
    Row("7.2", "aggregation: volumes by the tolerance of prices, 0.5 % off", "FAIL", "PASS", "volumes have their own",
        lambda w: status(aggregated(bars(5) + [five()], bars(5) + [five(volume=25.1)]))),
    Row("7.2", "aggregation: what differs is named", "three maps", ("FAIL", False, True), SAME,
        lambda w: (lambda r: (status(r), r.details["cross_source"]["passed"], r.details["tardis_aggregation"]["passed"]))(
            aggregated(bars(5) + [five()], bars(5) + [five(close=11.5)]))),
    Row("7.2", "alignment: 8 of 10 overlap", "PASS", "PASS", SAME, lambda w: aligned(bars(8), bars(10))),
    Row("7.2", "alignment: 7 of 10 overlap", "FAIL", "FAIL", SAME, lambda w: aligned(bars(7), bars(10))),
    Row("7.2", "names of tests", "timeframe_consistency_{symbol}_{tf}", "timeframe_consistency_BTC-USDT_1m", SAME,
        lambda w: crossed(bars(1), bars(1)).test_name),
    # 7.3 TimestampValidator
    Row("7.3", "regular times", "PASS", "PASS", SAME, lambda w: stable([utc(START + i * MINUTE) for i in range(5)])),
    Row("7.3", "order cannot fail: it sorts first", "PASS", "FAIL", "order is judged as the times came",
        lambda w: stable([START, START + 2 * MINUTE, START + MINUTE])),
    Row("7.3", "a time twice", "FAIL", "FAIL", SAME, lambda w: stable([START, START, START + MINUTE])),
    Row("7.3", "an interval 0.9 s off", "PASS", "PASS", SAME, lambda w: stable([START, START + MINUTE + 900_000])),
    Row("7.3", "an interval 1.1 s off", "FAIL", "FAIL", SAME, lambda w: stable([START, START + MINUTE + 1_100_000])),
    Row("7.3", "a gap of two intervals", "FAIL", "FAIL", SAME, lambda w: stable([START, START + MINUTE, START + 3 * MINUTE])),
    Row("7.3", "no times", "FAIL", "FAIL", SAME, lambda w: stable([])),
    Row("7.3", "one time", "PASS", "SKIP", "nothing was compared", lambda w: stable([START])),
    Row("7.3", "times as numbers of µs", "FAIL: no attribute", "PASS", "they are times", lambda w: stable([START, START + MINUTE])),
    Row("7.3", "numbers of ms", "FAIL: no attribute", "FAIL", "the unit is wrong, and the message says so",
        lambda w: stable([START // 1000, START // 1000 + 60_000])),
    Row("7.3", "one zone", "PASS", "PASS", SAME, lambda w: zones([utc(START), utc(START + 1)])),
    Row("7.3", "no zone counts as one", "PASS", "PASS", SAME, lambda w: zones([datetime(2024, 3, 1)])),
    Row("7.3", "times with and without a zone", "FAIL", "FAIL", SAME, lambda w: zones([datetime(2024, 3, 1), utc(START)])),
    Row("7.3", "UTC by two names", "FAIL", "PASS", "it is one zone", lambda w: zones([utc(START), utc(START).astimezone(ZoneInfo("UTC"))])),
    Row("7.3", "the check of drift is an empty loop", "PASS", "FAIL", "the zone's offset changes",
        lambda w: zones([datetime(2024, month, 1, tzinfo=ZoneInfo("Europe/Berlin")) for month in (3, 4)])),
    Row("7.3", "freshness looks at every time", "WARNING", "PASS", "a feed is as fresh as its newest time", lambda w: fresh(700, 400, 10)),
    Row("7.3", "the newest time is 400 s old", "WARNING", "WARNING", SAME, lambda w: fresh(700, 400)),
    Row("7.3", "a time in the future is fresh", "PASS", "WARNING", "clocks are wrong", lambda w: fresh(-60)),
    Row("7.3", "clocks 5 s apart", "PASS", "PASS", SAME, lambda w: clocks(5.0, -5.0)),
    Row("7.3", "clocks 6 s apart", "WARNING", "WARNING", SAME, lambda w: clocks(0.0, 6.0)),
    Row("7.3", "clocks of unequal counts", "WARNING", "WARNING", SAME,
        lambda w: status(TimestampValidator().validate_clock_synchronization([START], [START, START]))),
    # 7.4 AggregationValidator
    Row("7.4", "first, highest, lowest, last", "PASS", "PASS", SAME, lambda w: ohlc(bars(5), [five()])),
    Row("7.4", "a high that no minute has", "FAIL", "FAIL", SAME, lambda w: ohlc(bars(5), [five(high=13.0)])),
    Row("7.4", "a price within 0.01 %", "PASS", "PASS", SAME, lambda w: ohlc(bars(5), [five(high=12.001)])),
    Row("7.4", "groups without a coarser candle are skipped", "PASS", "FAIL", "it is missing", lambda w: ohlc(bars(10), [five()])),
    Row("7.4", "a coarser candle without finer ones", "PASS", "FAIL", "as above", lambda w: ohlc(bars(5), [five(), five(1)])),
    Row("7.4", "the first minutes are missing", "FAIL", "PASS", "an interval covered in part is not compared",
        lambda w: ohlc(bars(10)[2:], [five(0, open=7.0, low=7.0), five(1)])),
    Row("7.4", "all intervals are covered in part", "FAIL", "FAIL", "nothing was compared", lambda w: ohlc(bars(4), [five()])),
    Row("7.4", "NaN passes every comparison", "PASS", "FAIL", "NaN is no price", lambda w: ohlc(bars(4) + [bar(4, high=NAN)], [five()])),
    Row("7.4", "division by zero: prices of 0", "FAIL: division by zero", "PASS", "0 is 0",
        lambda w: ohlc([bar(i, open=0.0, low=0.0, high=0.0, close=0.0) for i in range(5)],
                       [five(open=0.0, low=0.0, high=0.0, close=0.0)])),
    Row("7.4", "the sum of volumes, 0.9 % off", "PASS", "PASS", SAME, lambda w: volume(bars(5), [five(volume=25.2)])),
    Row("7.4", "the sum of volumes, 2 % off", "FAIL", "FAIL", SAME, lambda w: volume(bars(5), [five(volume=25.5)])),
    Row("7.4", "a sum of 0 is not compared", "PASS", "FAIL", "there was no trade",
        lambda w: volume([bar(i, volume=0.0) for i in range(5)], [five(volume=3.0)])),
    Row("7.4", "a candle a second off is matched", "PASS", "FAIL", "it starts where no interval does",
        lambda w: ohlc(bars(5), [five(start=START + SECOND)])),
    Row("7.4", "boundaries", "PASS", "PASS", SAME, lambda w: edges(bars(3), "1m")),
    Row("7.4", "a candle off its boundary", "FAIL", "FAIL", SAME, lambda w: edges([bar(start=START + 1)], "1m")),
    Row("7.4", "24h is an unknown label: always aligned", "PASS", "FAIL", "24h and 1d are one timeframe",
        lambda w: edges([bar(start=START + HOUR)], "24h")),
    Row("7.4", "24h at midnight", "PASS", "PASS", SAME, lambda w: edges([bar()], "24h")),
    Row("7.4", "any unknown label is always aligned", "PASS", "FAIL", "it is refused", lambda w: edges([bar()], "7m")),
    Row("7.4", "3m is unknown", "PASS", "FAIL", "every length that divides a day is known", lambda w: edges([bar(1)], "3m")),
    Row("7.4", "consistency: prices and volumes, each by its tolerance", "PASS", "PASS", SAME, lambda w: both(bars(5), [five(volume=25.2)])),
    Row("7.4", "consistency: a close that differs", "FAIL", "FAIL", SAME, lambda w: both(bars(5), [five(close=11.5)])),
    Row("7.4", "nothing to compare", "FAIL", "FAIL", SAME, lambda w: both([], [])),
    # 7.5 Streaming validation
    Row("7.5", "a candle in UTC", "FAIL: naive and aware times", ["PASS"], "one clock, with a zone", lambda w: each(bar())),
    Row("7.5", "a candle without a zone", "FAIL", ["PASS"], "it is UTC, with a warning",
        lambda w: [status(r) for r in quietly(lambda: streamed(
            {"timestamp": datetime(2024, 3, 1), "open": 10, "high": 12, "low": 9, "close": 11, "volume": 5},
            at=START + MINUTE))[1]]),
    Row("7.5", "a candle in another zone", "FAIL", ["PASS"], "a moment is a moment",
        lambda w: each(SimpleNamespace(**asdict(bar()) | {"timestamp": utc(START).astimezone(ZoneInfo("Asia/Tokyo"))}))),
    Row("7.5", "high below low", "FAIL", ["FAIL"], SAME, lambda w: each(bar(high=8.0))),
    Row("7.5", "low above open is not looked at", "PASS", ["FAIL"], "it is impossible", lambda w: each(bar(low=10.5))),
    Row("7.5", "low above close is not looked at", "PASS", ["FAIL"], "it is impossible", lambda w: each(bar(close=9.0, low=9.5))),
    Row("7.5", "a candle of NaN", "PASS", ["FAIL"], "NaN is no price", lambda w: each(bar(close=NAN))),
    Row("7.5", "301 s after its end", "WARNING, not returned", ["WARNING"], "it is returned",
        lambda w: each(bar(), at=START + MINUTE + 301 * SECOND)),
    Row("7.5", "the age is that of the start: an hour's candle", "WARNING", "PASS", "it counts from the end",
        lambda w: status(streamed(bar(timeframe="1h", length=HOUR), at=START + HOUR + SECOND, timeframe="1h")[1][0])),
    Row("7.5", "a candle of the future", "WARNING, not returned", ["FAIL"], "its interval has not begun", lambda w: each(bar(), at=START - MINUTE)),
    Row("7.5", "a full run each 60 s, by one clock for all symbols", ["full", "basic"], ["full", "full"], "each stream has its own",
        lambda w: two_symbols()),
    Row("7.5", "cross-source compares what is stored", "PASS", ("FAIL", "reference_price"), "the candle that came is compared",
        lambda w: compared_with_the_exchange()),
    Row("7.5", "a WARNING counts as failed", 1, (0, 1), "it was validated",
        lambda w: (lambda s: (s["failed_validations"], s["successful_validations"]))(
            streamed(bar(), at=START + HOUR)[0].get_stats())),
    Row("7.5", "FAIL results do not count as failures", 0, 3, "they do",
        lambda w: streamed(*[bar(i, high=1.0) for i in range(3)])[0].get_stats()["consecutive_failures"]),
    Row("7.5", "after 5 failures candles are skipped", "FAIL for ever", ["FAIL"] * 5 + ["SKIP"], "FAIL results count",
        lambda w: each(*[bar(i, high=1.0) for i in range(6)])),
    Row("7.5", "a success ends the row", 0, 0, SAME,
        lambda w: streamed(bar(high=1.0), bar(1))[0].get_stats()["consecutive_failures"]),
    Row("7.5", "validation callbacks are never called", [], ["PASS", "FAIL"], "they are",
        lambda w: called(lambda v, seen: v.add_validation_callback(lambda r: seen.append(status(r))))),
    Row("7.5", "error callbacks get the error and the count", [("ValueError", 1)], [("BadRequest", 1)], "the error says more",
        lambda w: [(name, count) for name, count in called(
            lambda v, seen: v.add_error_callback(lambda e, n: seen.append(("BadRequest" if "is not a time" in str(e) else str(e), n))))]),
    Row("7.5", "a callback that raises is counted, and goes no further", 1, 2, "each call",
        lambda w: (lambda seen: seen)(_raising())),
    Row("7.5", "async is the default: PASS before anything is validated", ["PASS"], ["FAIL"], "the result is awaited",
        lambda w: each(bar(high=1.0))),
    Row("7.5", "stop() waits for ever if candles are queued", "hangs", (0, 50, False), "it validates them, then ends", lambda w: queued(50, 1000)),
    Row("7.5", "a full queue blocks", "hangs", (40, 10, False), "it is said at once", lambda w: queued(50, 10)),
    Row("7.5", "keys of the statistics", 10, [
        "total_candles_validated", "successful_validations", "failed_validations", "validation_errors", "callback_errors",
        "start_time", "success_rate", "consecutive_failures", "is_running", "queue_size"], SAME,
        lambda w: list(streamed(bar())[0].get_stats())),
    Row("7.5", "a batch: a result for each candle, then of all", "candle_validation_{i}", ("candle_validation_0", 8, "FAIL"), SAME,
        lambda w: _batch([bar(0), bar(1, low=11.5), *bars(5)[2:]])),
    Row("7.5", "an empty batch", "FAIL", ("streaming_service_validation", 1, "FAIL"), SAME, lambda w: _batch([])),
    # 7.6 run_validation_tests.py
    Row("7.6", "the README's own command, without days", 1, 0, "the last hour that the lake has",
        lambda w: words(w, "--test-type", "cross-source", "--symbol", "BTC-USDT", "--timeframe", "1m")),
    Row("7.6", "cross-source of a day", 1, 0, "the lake has it",
        lambda w: words(w, "--test-type", "cross-source", "--symbol", "BTC-USDT", "--timeframe", "1m", "--start-date", DAY)),
    Row("7.6", "--end-date is midnight of its day", "the last day is left out", 1, "a day means the whole of it: the second is not in the lake",
        lambda w: words(w, "--test-type", "cross-source", "--symbol", "BTC-USDT", "--timeframe", "24h", "--start-date", DAY,
                        "--end-date", "2024-03-02", "--max-candles", "5000")),
    Row("7.6", "cross-source needs a symbol", 1, 2, "2: it could not run", lambda w: words(w, "--test-type", "cross-source")),
    Row("7.6", "timestamp of candles: the interval is 60 s", {"timestamp_stability_test": "FAIL"}, "PASS", "it is the file's timeframe",
        lambda w: results(w, "--test-type", "timestamp", "--data-file", w.candles("5m"))["timestamp_stability_test"]),
    Row("7.6", "timestamp of raw rows: int64 has no .dt", 1, 0, "they are the engine's own",
        lambda w: words(w, "--test-type", "timestamp", "--data-file", w.rows())),
    Row("7.6", "historical files are stale", "WARNING", "SKIP", "a file is no live feed",
        lambda w: results(w, "--test-type", "timestamp", "--data-file", w.candles("5m"))["data_freshness_test"]),
    Row("7.6", "aggregation: three tests", 3, {
        "ohlc_preservation_test": "PASS", "volume_aggregation_test": "PASS", "aggregation_consistency_test": "PASS"}, SAME,
        lambda w: results(w, "--test-type", "aggregation", "--base-file", w.candles("1m"), "--agg-file", w.candles("5m"))),
    Row("7.6", "all: what has its inputs", 1, 0, "pytest is not run",
        lambda w: words(w, "--test-type", "all", "--parallel", "--base-file", w.candles("1m"), "--agg-file", w.candles("5m"),
                        "--symbol", "BTC-USDT", "--timeframe", "1m")),
    Row("7.6", "all: nothing named", "pytest alone", 0, "the newest day of the lake", lambda w: words(w, "--test-type", "all")),
    Row("7.6", "unit runs pytest on the program's source", 0, 2, "it is not here, and is no success", lambda w: words(w, "--test-type", "unit")),
    Row("7.6", "integration is not handled", 1, 2, "as above", lambda w: words(w, "--test-type", "integration")),
    Row("7.6", "--config is loaded and not used: a name that means nothing", 0, 2, "it is refused", lambda w: _config(w, {"timestamp": {"x": 1}})),
    Row("7.6", "--config is loaded and not used: a tolerance", 0, 1, "it is used", lambda w: _config(w, {"timestamp": {"max_drift_seconds": 0, "freshness_hours": 1}})),
    Row("7.6", "0 only when PASS: a file that is not there", 1, 1, SAME, lambda w: words(w, "--test-type", "timestamp", "--data-file", "none.parquet")),
    # 7.7 real_validation.py
    Row("7.7", "nothing is stored: 73.9 %", "half credit", "FAIL", "nothing was compared", lambda w: status(crossed([], bars(5)))),
    Row("7.7", "overlap of the smaller set: 5 of 10", "PASS", "FAIL", "of all intervals", lambda w: aligned(bars(5), bars(10))),
    Row("7.7", "aggregation compares Binance with Binance", "PASS", "FAIL", "the lake's are compared too",
        lambda w: status(aggregated(bars(5) + [five(high=20.0)], bars(5) + [five()]))),
    Row("7.7", "a reference of 0 is skipped", "PASS", "FAIL", "0 and 5 differ",
        lambda w: status(crossed(bars(3), bars(2) + [bar(2, volume=0.0)]))),
    # 7.8 DataValidator
    Row("7.8", "filters are case-sensitive: lower case finds nothing", "complete", ("not_complete", True), "case does not matter",
        lambda w: (lambda r: (r.verdict, len(r.missing) > 0))(w.lake.validate(DAY, venues="binance", data_types="quotes", progress=False))),
    Row("7.8", "what is there is complete", "complete", ("complete", 0), SAME,
        lambda w: (lambda r: (r.verdict, len(r.missing)))(
            w.lake.validate(DAY, venues="BINANCE", data_types="trades", instruments=KEY, progress=False))),
    Row("7.8", "a day without definitions misses nothing, or loops for ever", "complete", "not_complete", "nothing is known of it",
        lambda w: w.lake.validate("2024-03-02", venues="BINANCE", data_types="trades", instruments=KEY, progress=False).verdict),
    Row("7.8", "quality checks are wired to nothing", "none", True, "they look at rows",
        lambda w: w.lake.check(DAY, groups="values", instruments=KEY).looked_at["values"] > 0),
]


def _raising():
    validator, _ = streamed(bar(), stop=False)
    validator.add_validation_callback(lambda result: 1 / 0)

    async def run():
        await validator.validate_candle(bar(1), "BTC-USDT", "1m")
        await validator.validate_candle(bar(2), "BTC-USDT", "1m")
        return validator.get_stats()["callback_errors"]

    return asyncio.run(run())


def _batch(candles):
    async def run():
        from mtdh.validation import StreamingServiceValidator

        made = await StreamingServiceValidator(clock=lambda: START + HOUR).validate_candle_batch(candles, "BTC-USDT", "1m")
        return made.results[0].test_name, made.total_tests, made.get_status().value

    return asyncio.run(run())


def _config(world, document):
    path = world.folder.parent / "config.json"
    path.write_text(json.dumps(document))
    return words(world, "--test-type", "timestamp", "--config", str(path), "--data-file", world.candles("5m"))
