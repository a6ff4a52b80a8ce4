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


def present(lake: mtdh.Lake, data_type: str, key: str, start: Any, end: Any, columns: Iterable[str] | None = None) -> mtdh.Rows:
    """The rows of one instrument by arrival; `MissingData` names days that the lake lacks."""
    rows = lake.get(data_type, key, start, end, columns=None if columns is None else list(columns))
    missing = rows.missing
    if missing:
        days = ", ".join(sorted({str(day[2]) for day in missing}))
        raise mtdh.MissingData(
            f"the lake has no {data_type} of {key} on {days}: download them, or choose days that it has; a backtest over a "
            "missing day would trade in a market that stands still")
    return rows


def nanoseconds(times: NDArray[Any]) -> NDArray[np.int64]:
    """`datetime64[us]` as nanoseconds since the Unix epoch."""
    import numpy as np

    return times.astype("datetime64[us]").astype(np.int64) * 1000
