"""What is asked for: instruments, data types, days; and the tables that a query names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, TypedDict, Union

from mtdh import _mtdh, _times
from mtdh._errors import BadRequest
from mtdh._times import Time

Names = Union[str, Iterable[str]]
"""A name, or several."""

DATA_TYPES = (
    "trades",
    "incremental_book_L2",
    "book_snapshot_5",
    "book_snapshot_25",
    "quotes",
    "book_ticker",
    "derivative_ticker",
    "liquidations",
    "options_chain",
)


class Options(TypedDict, total=False):
    """What `Lake.get` and the methods of the data types take by name."""

    columns: Iterable[str] | None
    clock: str
    origin: str
    limit: int | None
    min_grade: str | None
    verify: bool


class Selection(TypedDict, total=False):
    """What a run is about, as of the program. Empty: everything."""

    venues: Names
    types: Names
    data_types: Names
    instruments: Names
    universe: str | None
    max_instruments: int | None


def names_of(names: Names) -> list[str]:
    return [names] if isinstance(names, str) else [str(name) for name in names]


def tables_in(query: str) -> list[str]:
    """The lake's tables whose name is a word of a query, outside of its texts and comments."""
    bare = re.sub(r"'(?:[^']|'')*'|--[^\n]*|/\*.*?\*/", " ", query, flags=re.DOTALL)
    words = {word.lower() for word in re.findall(r"\w+", bare)}
    frames = sorted(word for word in words if re.fullmatch(r"candles_[0-9]+[smhd]", word))
    named = [name for name in (*DATA_TYPES, "instruments", "coverage") if name.lower() in words]
    return named + frames


def of_venues(instruments: list[str], venues: list[str]) -> list[str]:
    if not venues:
        return instruments
    if instruments != ["*"]:
        raise BadRequest("instruments and venues are both given; 'DERIBIT:*' are the instruments of a venue")
    return [f"{_mtdh.venue(venue)}:*" for venue in venues]


def selection_of(
    start: Time,
    end: Time | None,
    *,
    venues: Names = (),
    types: Names = (),
    data_types: Names = (),
    instruments: Names = (),
    universe: str | None = None,
    max_instruments: int | None = None,
) -> dict[str, Any]:
    return {
        "start": _times.value(start),
        "end": None if end is None else _times.value(end),
        "venues": names_of(venues),
        "types": names_of(types),
        "data_types": names_of(data_types),
        "instruments": names_of(instruments),
        "universe": universe,
        "max_instruments": max_instruments,
    }
