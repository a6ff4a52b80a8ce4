"""A lake: what is in it, and what is done with it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Union, overload

from mtdh import _mtdh, _times
from mtdh._errors import BadRequest
from mtdh._optional import need
from mtdh._progress import Progress, Shown
from mtdh._report import Candles, Check, Download, Report, Validation
from mtdh._rows import Rows
from mtdh._table import Table
from mtdh._times import Time

if TYPE_CHECKING:
    from decimal import Decimal

    import duckdb
    import numpy
    from nautilus_trader.model.instruments import Instrument
    from nautilus_trader.persistence.catalog import ParquetDataCatalog

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


class Lake:
    """A lake of tick data.

    `url` is a folder, `gs://BUCKET[/PREFIX]` or `s3://BUCKET[/PREFIX]`; without it the lake is that of the program: from
    `MTDH_LAKE`, `.env` or `mtdh.toml` in the current folder, else `./data`. All other settings come from there too; `api_key` is
    the vendor's key, `source` a folder of vendor files that is used in place of the service.

    Nothing is opened or asked before a method needs it. A lake can be used from several threads, and after a fork.
    """

    is_synthetic: bool = False
    """Whether it is known that the data are made up: pictures say so. True of the lake of `mtdh.demo()`."""

    def __init__(
        self,
        url: str | os.PathLike[str] | None = None,
        *,
        api_key: str | None = None,
        source: str | os.PathLike[str] | None = None,
    ) -> None:
        self._native = _mtdh.Lake(
            None if url is None else os.fspath(url), api_key, None if source is None else os.fspath(source)
        )

    @classmethod
    def _of(cls, native: _mtdh.Lake) -> Lake:
        lake = cls.__new__(cls)
        lake._native = native
        return lake

    @property
    def url(self) -> str:
        """The lake's address, without credentials."""
        return self._native.url

    def __repr__(self) -> str:
        return f"<mtdh.Lake: {self.url}>"

    # What is in it.

    def days(self) -> list[str]:
        """The days that the lake has partitions of, `YYYY-MM-DD`."""
        return self._native.days()

    @overload
    def get(self, data_type: str, instruments: Names, start: Time, end: Time | None = None, **more: Any) -> Rows: ...
    @overload
    def get(
        self, data_type: Sequence[str], instruments: Names, start: Time, end: Time | None = None, **more: Any
    ) -> dict[str, Rows]: ...
    def get(
        self,
        data_type: str | Sequence[str],
        instruments: Names,
        start: Time,
        end: Time | None = None,
        *,
        columns: Iterable[str] | None = None,
        clock: str = "arrival",
        limit: int | None = None,
        min_grade: str | None = None,
        verify: bool = False,
    ) -> Rows | dict[str, Rows]:
        """Rows of a data type, of one or several instruments; with a list of data types, a dict of them.

        `instruments` are keys, or patterns of them with `*` and `?`. Without `end` the range is the whole of `start`'s day or
        month. `columns` chooses columns, in that order. `clock` says which time chooses the rows: `arrival`
        (`local_timestamp`) or `exchange` (`timestamp`). `min_grade` is `good`, `degraded` or `bad`: data that a check graded
        below it, or that no check graded, raises `GradeTooLow`. `verify` has mtdh verify the objects that others will read.
        """
        options: dict[str, Any] = {
            "columns": columns, "clock": clock, "limit": limit, "min_grade": min_grade, "verify": verify
        }
        if not isinstance(data_type, str):
            return {name: self._rows(name, None, instruments, start, end, **options) for name in data_type}
        return self._rows(data_type, None, instruments, start, end, **options)

    def candles(
        self,
        instruments: Names,
        timeframe: str,
        start: Time,
        end: Time | None = None,
        *,
        columns: Iterable[str] | None = None,
        limit: int | None = None,
        verify: bool = False,
    ) -> Rows:
        """The lake's candles of a timeframe, such as `1m`, `1h` or `24h`, by the start of their interval."""
        return self._rows(
            "candles", timeframe, instruments, start, end,
            columns=columns, clock="exchange", limit=limit, min_grade=None, verify=verify,
        )  # fmt: skip

    def instruments(
        self,
        day: Time | None = None,
        *,
        venue: Names = (),
        type: Names = (),
        instruments: Names = (),
        underlying: str | None = None,
    ) -> Table:
        """The instruments of a day; without a day, of the newest table. `underlying` is `BASE-QUOTE`."""
        return Table(
            self._native.instruments(
                None if day is None else _times.value(day), _names(venue), _names(type), _names(instruments), underlying
            )
        )

    def coverage(self, start: Time, end: Time | None = None, **selection: Any) -> Coverage:
        """What the lake has beside what is expected, a row for each partition; nothing is written.

        The selection is `venues`, `types`, `data_types`, `instruments`, `universe` and `max_instruments`.
        """
        found = Coverage(self._native.coverage(_selection(start, end, **selection)))
        found.is_synthetic = self.is_synthetic
        return found

    def findings(self, start: Time, end: Time | None = None, groups: Names = "all", **options: Any) -> Table:
        """The findings of a check of days, a row each; see `check`."""
        report = self.check(start, end, groups, **options)
        return Table(_mtdh.findings(report._text))

    def sql(
        self,
        query: str,
        start: Time | None = None,
        end: Time | None = None,
        *,
        instruments: Names = "*",
        venues: Names = (),
        connection: duckdb.DuckDBPyConnection | None = None,
        verify: bool = False,
    ) -> duckdb.DuckDBPyRelation:
        """A DuckDB query over the lake's tables of some days.

        Tables: the data types by their names, candles as `candles_1m` and so on, `instruments` and `coverage`. Each is exactly
        the rows of the days, instruments and venues that are chosen here.
        """
        db = need("duckdb", "duckdb")
        con = connection if connection is not None else db.connect()
        words = set(re.findall(r"[A-Za-z_][A-Za-z_0-9]*", query))
        tables = {name for name in DATA_TYPES if name.lower() in {word.lower() for word in words}}
        frames = {word for word in words if re.fullmatch(r"candles_[0-9]+[smhd]", word)}
        if start is None and (tables or frames or "coverage" in words):
            raise BadRequest("a query over rows needs the days that it is about: start, and end")
        keys = _of_venues(_names(instruments), _names(venues))
        for name in sorted(tables):
            self.get(name, keys, start, end, verify=verify).duckdb(con).create_view(name)
        for name in sorted(frames):
            rows = self.candles(keys, name.removeprefix("candles_"), start, end, verify=verify)
            rows.duckdb(con).create_view(name)
        if "instruments" in words:
            con.register("instruments", self.instruments(start, venue=venues).arrow())
        if "coverage" in words and start is not None:
            con.register("coverage", self.coverage(start, end, venues=venues).arrow())
        relation: duckdb.DuckDBPyRelation = con.sql(query)
        return relation

    # What is done with it.

    def write_instruments(self, start: Time, end: Time | None = None, *, accept_removed: bool = False, **selection: Any) -> Report:
        """Writes the instrument tables of days, from the vendor's lists."""
        return Report(_mtdh.write_instruments(self._native, _selection(start, end, **selection), accept_removed))

    def download(
        self,
        start: Time,
        end: Time | None = None,
        *,
        progress: Progress = True,
        force: bool = False,
        accept_removed: bool = False,
        allow_not_exported: bool = False,
        max_workers: int | None = None,
        checks: Names = (),
        **selection: Any,
    ) -> Download:
        """Downloads what the lake does not have of the days. Ctrl-C ends it cleanly; the next call goes on.

        The selection is `venues`, `types`, `data_types`, `instruments`, `universe` and `max_instruments`, as of the program.
        `progress` is a bar (where tqdm is installed), False, or a function that gets the counters ten times a second.
        """
        with Shown(progress, "download") as shown:
            return Download(
                _mtdh.download(
                    self._native, _selection(start, end, **selection), force, accept_removed, allow_not_exported,
                    max_workers, _names(checks), shown.callback,
                )
            )  # fmt: skip

    def validate(
        self,
        start: Time,
        end: Time | None = None,
        *,
        depth: str = "listing",
        recheck: bool = False,
        accept_removed: bool = False,
        allow_not_exported: bool = False,
        progress: Progress = True,
        **selection: Any,
    ) -> Validation:
        """Checks that every expected partition is there, and writes the days' reports.

        `depth` is `listing`, `rows` (every row is read) or `bytes` (every byte is verified); `recheck` asks the vendor whether
        it has issued files anew.
        """
        with Shown(progress if recheck else False, "validate") as shown:
            return Validation(
                _mtdh.validate(
                    self._native, _selection(start, end, **selection), depth, recheck, accept_removed,
                    allow_not_exported, shown.callback,
                )
            )  # fmt: skip

    def check(
        self,
        start: Time,
        end: Time | None = None,
        groups: Names = "all",
        *,
        settings: Iterable[str] = (),
        fail_on: str = "error",
        timeframe: str | None = None,
        **selection: Any,
    ) -> Check:
        """Checks the quality of what the lake has: the groups of checks of `mtdh check`, or all but cross-source."""
        return Check(
            _mtdh.check(
                self._native, _selection(start, end, **selection), _names(groups), list(settings), fail_on,
                timeframe, None,
            )
        )  # fmt: skip

    def make_candles(
        self,
        start: Time,
        timeframes: Names,
        end: Time | None = None,
        *,
        fill: str | None = None,
        force: bool = False,
        max_workers: int | None = None,
        progress: Progress = True,
        **selection: Any,
    ) -> Candles:
        """Builds candles of the lake's trades. `fill="flat"` fills intervals without trades with the last price."""
        with Shown(progress, "candles") as shown:
            return Candles(
                _mtdh.make_candles(
                    self._native, _selection(start, end, **selection), _names(timeframes), fill, force, max_workers,
                    shown.callback,
                )
            )  # fmt: skip

    # For backtests by others.

    def to_hftbacktest(
        self,
        instrument: str,
        start: Time,
        end: Time | None = None,
        *,
        book: str | None = None,
        base_latency_ns: int = 0,
        min_grade: str | None = None,
        path: str | os.PathLike[str] | None = None,
    ) -> numpy.ndarray[Any, Any]:
        """Trades and book of one instrument as the event array of hftbacktest; see `mtdh.bridges.hftbacktest`."""
        from mtdh.bridges import hftbacktest

        return hftbacktest.to_hftbacktest(
            self, instrument, start, end, book=book, base_latency_ns=base_latency_ns, min_grade=min_grade, path=path
        )

    def to_nautilus(
        self,
        catalog: str | os.PathLike[str] | ParquetDataCatalog,
        instruments: Names,
        data_types: Names,
        start: Time,
        end: Time | None = None,
        *,
        maker_fee: Decimal | None = None,
        taker_fee: Decimal | None = None,
        min_grade: str | None = None,
    ) -> dict[str, Instrument]:
        """Writes instruments and their rows into a catalog of nautilus_trader; see `mtdh.bridges.nautilus`."""
        from mtdh.bridges import nautilus

        return nautilus.to_nautilus(
            self, catalog, instruments, data_types, start, end,
            maker_fee=maker_fee, taker_fee=taker_fee, min_grade=min_grade,
        )  # fmt: skip

    # Within.

    def _rows(
        self,
        table: str,
        timeframe: str | None,
        instruments: Names,
        start: Time,
        end: Time | None,
        *,
        columns: Iterable[str] | None,
        clock: str,
        limit: int | None,
        min_grade: str | None,
        verify: bool,
    ) -> Rows:
        within_us = _times.time_range(start, end)
        names = _names(instruments)
        if not names:
            raise BadRequest("no instrument is named; a pattern such as 'DERIBIT:*' means many")
        chosen = None if columns is None else _names(columns)
        native = self._native.rows(table, timeframe, names, *within_us, clock, chosen, limit)
        return Rows(
            native,
            name=table if timeframe is None else f"candles {timeframe}",
            clock="local_timestamp" if clock == "arrival" else "timestamp",
            within_us=within_us,
            is_local=self._native.is_local,
            min_grade=min_grade,
            verify=verify,
            is_synthetic=self.is_synthetic,
        )


class Coverage(Table):
    """What a lake has beside what is expected, a row for each partition."""

    is_synthetic: bool = False
    """As of the lake."""

    def plot(self, **options: Any) -> Any:
        """A heat map of days by venue and data type; needs matplotlib. See `mtdh.plot.coverage`."""
        from mtdh import plot

        return plot.coverage(self, **options)


def _method(data_type: str) -> Any:
    def rows(self: Lake, instruments: Names, start: Time, end: Time | None = None, **options: Any) -> Rows:
        return self.get(data_type, instruments, start, end, **options)

    rows.__name__ = rows.__qualname__ = data_type
    rows.__doc__ = f"""Rows of {data_type}; as `get({data_type!r}, …)`. `mtdh schema {data_type}` describes the columns."""
    return rows


for _data_type in DATA_TYPES:
    setattr(Lake, _data_type, _method(_data_type))


def _names(names: Names) -> list[str]:
    return [names] if isinstance(names, str) else [str(name) for name in names]


def _of_venues(instruments: list[str], venues: list[str]) -> list[str]:
    if not venues or instruments != ["*"]:
        return instruments
    return [f"{venue.upper()}:*" for venue in venues]


def _selection(
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
        "venues": _names(venues),
        "types": _names(types),
        "data_types": _names(data_types),
        "instruments": _names(instruments),
        "universe": universe,
        "max_instruments": max_instruments,
    }
