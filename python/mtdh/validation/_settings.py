"""The file of settings of `python -m mtdh.validation --config FILE`: the predecessor's schema."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

_SCHEMA: dict[str, dict[str, str]] = {
    "cross_source": {
        "max_candles": "intervals that are compared at most",
        "tolerance_pct": "largest difference of prices, percent",
        "timeout_seconds": "the longest a comparison may take",
    },
    "timestamp": {
        "max_gap_seconds": "how long after its end a streamed candle may come",
        "max_drift_seconds": "largest difference of an interval from the timeframe",
        "freshness_hours": "largest age of the newest time of a file; without it age is not tested",
    },
    "aggregation": {
        "tolerance_pct": "largest difference of prices, percent",
        "volume_tolerance_pct": "largest difference of volumes, percent",
    },
}


class WrongCall(Exception):
    """The command line, or a file that it names, cannot be used."""


@dataclass
class Settings:
    """What the file says; `None`: it does not."""

    max_candles: int | None = None
    cross_source_tolerance_pct: float | None = None
    timeout_seconds: float | None = None
    max_gap_seconds: float | None = None
    max_drift_seconds: float | None = None
    freshness_hours: float | None = None
    tolerance_pct: float | None = None
    volume_tolerance_pct: float | None = None


def load(path: str | None) -> Settings:
    """Reads the file. Raises `WrongCall` for a file that cannot be read, and for a name that means nothing."""
    settings = Settings()
    if path is None:
        return settings
    try:
        with open(path, encoding="utf-8") as file:
            document: Any = json.load(file)
    except (OSError, ValueError) as error:
        raise WrongCall(f"--config {path}: {error}") from error
    if not isinstance(document, dict):
        raise WrongCall(f"--config {path} is not a JSON object")
    for section, values in document.items():
        if section not in _SCHEMA or not isinstance(values, dict):
            raise WrongCall(f"--config {path}: `{section}` is no section; there are {', '.join(_SCHEMA)}")
        for name, value in values.items():
            if name not in _SCHEMA[section]:
                known = ", ".join(_SCHEMA[section])
                raise WrongCall(f"--config {path}: `{section}.{name}` means nothing; there are {known}")
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e12:
                raise WrongCall(f"--config {path}: `{section}.{name}` is {value!r}, not a number, 0 or more")
            own = "cross_source_tolerance_pct" if (section, name) == ("cross_source", "tolerance_pct") else name
            setattr(settings, own, int(value) if name == "max_candles" else float(value))
    return settings
