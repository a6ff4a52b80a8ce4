"""The one rule for times, by its shared table of cases and for the types that Python has."""

import csv
import datetime
import warnings

import numpy as np
import pandas as pd
import pytest

import mtdh
from mtdh import _mtdh, _times
from stage import ROOT

with open(ROOT / "crates/core/tests/shared/times.csv", newline="") as table:
    SHARED = list(csv.DictReader(table))

UTC = datetime.timezone.utc
BERLIN = datetime.timezone(datetime.timedelta(hours=1))
DAY_US = 86_400_000_000
# 2024-03-01, midnight.
T0 = 1_709_251_200_000_000
NOON = T0 + DAY_US // 2
MARCH_END = T0 + 31 * DAY_US


@pytest.mark.parametrize("case", SHARED, ids=[f"{row['text']!r} at {row['now']}" for row in SHARED])
def test_the_shared_table(case):
    assert len(SHARED) > 100
    if case["error"]:
        with pytest.raises(mtdh.BadRequest) as told:
            _mtdh.time_range(case["text"], None, int(case["now"]))
        assert case["error"] in str(told.value)
        return
    first, last, now = int(case["first_us"]), int(case["last_us"]), int(case["now"])
    start, end = _mtdh.time_range(case["text"], None, now)
    assert start == first
    if last > first:
        assert end == last + 1
    else:  # a moment: without an end until its day ends, as an end excluded
        assert end == (first // DAY_US + 1) * DAY_US
        assert _mtdh.time_range(last, case["text"], now) == (last, last + 1)


# What a value means as start, without an end.
VALUES = [
    ("a date", datetime.date(2024, 3, 1), (T0, T0 + DAY_US)),
    ("an aware datetime", datetime.datetime(2024, 3, 1, 12, tzinfo=UTC), (NOON, T0 + DAY_US)),
    ("another zone", datetime.datetime(2024, 3, 1, 13, tzinfo=BERLIN), (NOON, T0 + DAY_US)),
    ("midnight is a moment", datetime.datetime(2024, 3, 1, tzinfo=UTC), (T0, T0 + DAY_US)),
    ("microseconds", datetime.datetime(2024, 3, 1, 0, 0, 0, 7, tzinfo=UTC), (T0 + 7, T0 + DAY_US)),
    ("before 1970", datetime.date(1969, 12, 31), (-DAY_US, 0)),
    ("a pandas Timestamp", pd.Timestamp("2024-03-01T12:00", tz="UTC"), (NOON, T0 + DAY_US)),
    ("one with a zone", pd.Timestamp("2024-03-01T13:00", tz="Europe/Berlin"), (NOON, T0 + DAY_US)),
    ("datetime64 of a day", np.datetime64("2024-03-01"), (T0, T0 + DAY_US)),
    ("datetime64 of a month", np.datetime64("2024-03"), (T0, MARCH_END)),
    ("datetime64 of an hour", np.datetime64("2024-03-01T12"), (NOON, T0 + DAY_US)),
    ("datetime64 of minutes", np.datetime64("2024-03-01T12:00"), (NOON, T0 + DAY_US)),
    ("datetime64 of ns", np.datetime64("2024-03-01T12:00:00", "ns"), (NOON, T0 + DAY_US)),
    ("datetime64 of µs", np.datetime64(NOON, "us"), (NOON, T0 + DAY_US)),
    ("an int", NOON, (NOON, T0 + DAY_US)),
    ("an int of NumPy", np.int64(NOON), (NOON, T0 + DAY_US)),
    ("an unsigned int of NumPy", np.uint64(NOON), (NOON, T0 + DAY_US)),
    ("zero", 0, (0, DAY_US)),
    ("a text of NumPy", np.str_("2024-03-01"), (T0, T0 + DAY_US)),
]


@pytest.mark.parametrize("value, expected", [case[1:] for case in VALUES], ids=[case[0] for case in VALUES])
def test_what_a_value_means(value, expected):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert _times.time_range(value, None) == expected


# Two values: the first microsecond, and the end, which is excluded.
RANGES = [
    ("2024-03-01", "2024-03-01", T0, T0 + DAY_US),
    ("2024-03", datetime.date(2024, 3, 31), T0, MARCH_END),
    ("2024-03-01", "2024-03-01T12", T0, NOON),
    (datetime.date(2024, 3, 1), pd.Timestamp("2024-03-01T12", tz="UTC"), T0, NOON),
    (T0, T0 + 1, T0, T0 + 1),
    (np.datetime64("2024-02-29"), np.datetime64("2024-03"), T0 - DAY_US, MARCH_END),
]


@pytest.mark.parametrize("start, end, first, excluded", RANGES)
def test_a_range(start, end, first, excluded):
    assert _times.time_range(start, end) == (first, excluded)


REFUSED = [
    ("a bool", True, TypeError, "not bool"),
    ("a bool of NumPy", np.bool_(True), TypeError, "not numpy.bool"),
    ("a float", 1.0, TypeError, "not float"),
    ("None", None, TypeError, "not NoneType"),
    ("a list", ["2024-03-01"], TypeError, "not list"),
    ("an array", np.array(["2024-03-01"], dtype="datetime64[D]"), TypeError, "not numpy.ndarray"),
    ("a time of day", datetime.time(12), TypeError, "not datetime.time"),
    ("a period", pd.Period("2024-03"), TypeError, "Period"),
    ("pandas' NaT", pd.NaT, mtdh.BadRequest, "NaT is no time"),
    ("NumPy's NaT", np.datetime64("NaT"), mtdh.BadRequest, "NaT is no time"),
    ("NaT of a unit", np.datetime64("NaT", "us"), mtdh.BadRequest, "NaT is no time"),
    ("nanoseconds of pandas", pd.Timestamp("2024-03-01T00:00:00.000000001Z"), mtdh.BadRequest, "nanoseconds"),
    ("nanoseconds of NumPy", np.datetime64("2024-03-01T00:00:00.000000001"), mtdh.BadRequest, "whole microseconds"),
    ("a week", np.datetime64("2024-03-01", "W"), mtdh.BadRequest, "is a week"),
    ("a year", np.datetime64("2024"), mtdh.BadRequest, "a year alone"),
    ("too large an int", 2**63, mtdh.BadRequest, "is no time"),
    ("too small an int", -(2**70), mtdh.BadRequest, "is no time"),
    ("beyond the calendar", 2**62, mtdh.BadRequest, ""),
    ("an empty text", "", mtdh.BadRequest, "is not a time"),
]


@pytest.mark.parametrize("value, kind, text", [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_what_is_no_time(value, kind, text):
    with pytest.raises(kind) as told:
        _times.time_range(value, None)
    assert text in str(told.value) and "pyo3" not in str(told.value) and "enum" not in str(told.value)
    assert issubclass(kind, (TypeError, ValueError))


@pytest.mark.parametrize("value", [datetime.datetime(2024, 3, 1, 12), pd.Timestamp("2024-03-01T12:00")], ids=["datetime", "pandas"])
def test_a_datetime_without_a_zone_is_utc_with_a_warning_at_the_callers_line(demo, value):
    with pytest.warns(UserWarning, match="no time zone and is taken as UTC") as told:
        assert demo.trades("DERIBIT:PERP:BTC-USD", value, "2024-03-01").count() > 0
    assert [warning.filename for warning in told] == [__file__]


def test_days_where_days_are_meant(demo):
    assert len(demo.coverage(datetime.date(2024, 3, 1))) == len(demo.coverage("2024-03-01")) > 0
    with pytest.raises(mtdh.BadRequest, match="has a time of day"):
        demo.coverage("2024-03-01T12:00")
    with pytest.raises(mtdh.BadRequest, match="several days"):
        demo.instruments("2024-03")
