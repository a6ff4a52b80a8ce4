"""Times: the one rule of the program, for the types that Python has.

A value that names a day or a month means the whole of it, as start and as end. A value with a time of day is a moment; as end
it is excluded. Everything is UTC unless the value says otherwise.
"""

from __future__ import annotations

import datetime as _datetime
import warnings
from typing import Any, Union

from mtdh import _mtdh

Time = Union[str, int, _datetime.date, _datetime.datetime, Any]
"""A time: a text such as `2024-03-01`, `2024-03`, `yesterday` or `2024-03-01T12:30+01:00`, a date, a datetime, a pandas
Timestamp, or microseconds since the Unix epoch as an int."""

_EPOCH = _datetime.datetime(1970, 1, 1, tzinfo=_datetime.timezone.utc)


def value(time: Time) -> str | int:
    """A time as the native part takes it: a text, or microseconds since the Unix epoch, UTC."""
    if isinstance(time, bool):
        raise TypeError("a time is a text, an int of microseconds, a date or a datetime, not a bool")
    if isinstance(time, (str, int)):
        return time
    if isinstance(time, _datetime.datetime):
        return _microseconds(time)
    if isinstance(time, _datetime.date):
        return time.isoformat()
    item = getattr(time, "item", None)
    if callable(item):  # NumPy's datetime64 and integers
        return _of_numpy(time, item)
    raise TypeError(
        f"a time is a text, an int of microseconds, a date or a datetime, not {type(time).__name__}"
    )


def time_range(start: Time, end: Time | None) -> tuple[int, int]:
    """The range of two values, microseconds since the Unix epoch, UTC; its end is excluded."""
    return _mtdh.time_range(value(start), None if end is None else value(end))


def _microseconds(time: _datetime.datetime) -> int:
    if getattr(time, "nanosecond", 0):
        raise ValueError(f"{time} has nanoseconds; times of a lake are microseconds")
    if time != time:  # NaT is a datetime, and not equal to itself
        raise ValueError("NaT is no time")
    if time.tzinfo is None or time.utcoffset() is None:
        warnings.warn(
            f"{time} has no time zone and is taken as UTC; give it tzinfo=timezone.utc", stacklevel=4
        )
        time = time.replace(tzinfo=_datetime.timezone.utc)
    passed = time - _EPOCH
    return (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds


def _of_numpy(time: Any, item: Any) -> str | int:
    kind = getattr(getattr(time, "dtype", None), "kind", "")
    if kind == "M":
        if str(time) == "NaT":
            raise ValueError("NaT is no time")
        text = str(time)
        return text if len(text) <= 10 else text + "Z"
    plain = item()
    if isinstance(plain, int) and not isinstance(plain, bool):
        return plain
    raise TypeError(f"a time is a text, an int of microseconds, a date or a datetime, not {kind or type(time)}")
