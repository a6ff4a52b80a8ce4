"""Times: the one rule of the program, for the types that Python has.

A value that names a day or a month means the whole of it, as start and as end. A value with a time of day is a moment; as end
it is excluded. Everything is UTC unless the value says otherwise.
"""

from __future__ import annotations

import datetime as _datetime
from typing import TYPE_CHECKING, Any, Union

from mtdh import _mtdh
from mtdh._errors import BadRequest
from mtdh._warn import warn

if TYPE_CHECKING:
    import numpy as np

Time = Union[str, int, _datetime.date, _datetime.datetime, "np.datetime64", "np.integer[Any]"]
"""A time: a text such as `2024-03-01`, `2024-03`, `yesterday` or `2024-03-01T12:30+01:00`, a date, a datetime, a pandas
Timestamp, NumPy's datetime64, or microseconds since the Unix epoch as an int."""

_EPOCH = _datetime.datetime(1970, 1, 1, tzinfo=_datetime.timezone.utc)
_MOST_US = 1 << 63


def value(time: Time) -> str | int:
    """A time as the native part takes it: a text, or microseconds since the Unix epoch, UTC."""
    if isinstance(time, bool):
        raise _no_time(time)
    if isinstance(time, str):
        return time
    if isinstance(time, int):
        return _in_range(time)
    if isinstance(time, _datetime.datetime):
        return _microseconds(time)
    if isinstance(time, _datetime.date):
        return time.isoformat()
    return _of_numpy(time)


def time_range(start: Time, end: Time | None) -> tuple[int, int]:
    """The range of two values, microseconds since the Unix epoch, UTC; its end is excluded."""
    return _mtdh.time_range(value(start), None if end is None else value(end))


def _microseconds(time: _datetime.datetime) -> int:
    if time != time:  # NaT is a datetime, and not equal to itself
        raise BadRequest("NaT is no time")
    if getattr(time, "nanosecond", 0):
        raise BadRequest(f"{time} has nanoseconds; times of a lake are whole microseconds")
    if time.utcoffset() is None:
        warn(f"{time} has no time zone and is taken as UTC; give it tzinfo=timezone.utc")
        time = time.replace(tzinfo=_datetime.timezone.utc)
    passed = time - _EPOCH
    return (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds


def _of_numpy(time: Any) -> str | int:
    """NumPy's datetime64 and integers, without an import of NumPy."""
    kind = getattr(getattr(time, "dtype", None), "str", "")[1:]
    if getattr(time, "shape", None) != ():
        raise _no_time(time)
    if kind.startswith(("i", "u")):
        return _in_range(int(time))
    if not kind.startswith("M8"):
        raise _no_time(time)
    text = str(time)
    if text == "NaT":
        raise BadRequest("NaT is no time")
    if kind == "M8[W]":
        raise BadRequest(f"{text} is a week; a time is a day, a month or a moment")
    return text if kind in ("M8[D]", "M8[M]", "M8[Y]") else text + "Z"


def _in_range(us: int) -> int:
    if not -_MOST_US <= us < _MOST_US:
        raise BadRequest(f"{us} is no time: an int is microseconds since 1970-01-01, UTC")
    return us


def _no_time(time: object) -> TypeError:
    kind = type(time)
    name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
    return TypeError(f"a time is a text, an int of microseconds, a date or a datetime, not {name}")
