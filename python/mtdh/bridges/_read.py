"""Rows of one instrument as NumPy arrays, for the bridges; missing days are an error here."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

import mtdh

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Columns = Mapping[str, "NDArray[Any]"]


def needed(module: str, package: str, what: str) -> ModuleType:
    """Imports an optional package; `ImportError` names what to install."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.partition(".")[0] != module.partition(".")[0]:
            raise
        raise ImportError(f"{what} needs the package {package}: pip install {package}") from error


def one_key(key: str) -> str:
    """The key, if it names one instrument."""
    if not isinstance(key, str) or any(mark in key for mark in "*?"):
        raise mtdh.BadRequest(f"one instrument key is needed, not {key!r}: a backtest has one book per instrument")
    return key


def present(
    lake: mtdh.Lake, data_type: str, key: str, start: Any, end: Any, columns: Iterable[str] | None = None,
    min_grade: str | None = None,
) -> mtdh.Rows:
    """The rows of one instrument by arrival; `MissingData` where the lake lacks a day, or the vendor has none at all."""
    rows: mtdh.Rows = lake.get(
        data_type, key, start, end, columns=None if columns is None else list(columns), min_grade=min_grade)
    lacking(rows.missing, data_type, key)
    if not rows.paths():
        raise mtdh.MissingData(f"the vendor has no {data_type} of {key} in this time")
    return rows


def lacking(missing: list[tuple[str, str, str]], data_type: str, key: str) -> None:
    """Raises `MissingData` where something is."""
    if missing:
        days = named_days(missing)
        hint = f'lake.download("{missing[0][2]}", instruments=["{key}"], data_types=["{data_type}"]), or choose days that it has'
        raise mtdh.MissingData(
            f"the lake has no {data_type} of {key} on {days}: over a missing day a backtest would trade in a market that stands still",
            hint, missing)


def named_days(missing: list[tuple[str, str, str]]) -> str:
    """The days as text; of many the first and their number."""
    days = sorted({str(day) for _, _, day in missing})
    return ", ".join(days) if len(days) <= 5 else f"{', '.join(days[:3])} and {len(days) - 3:,} more days"


def nanoseconds(times: NDArray[Any]) -> NDArray[np.int64]:
    """`datetime64[us]` as nanoseconds since the Unix epoch."""
    import numpy as np

    return times.astype("datetime64[us]").astype(np.int64) * 1000
