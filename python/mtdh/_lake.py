"""A lake: what is in it, and what is done with it."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, overload

from mtdh import _mtdh, _times
from mtdh._errors import BadRequest, Error, MissingData, MissingDataWarning, NotFound
from mtdh._find import _Finds
from mtdh._hands import _Hands
from mtdh._optional import need
from mtdh._progress import Progress, Shown
from mtdh._report import Candles, Check, Download, Plan, Report, Validation
from mtdh._rows import Rows
from mtdh._selection import DATA_TYPES, Names, Options, Selection, names_of, of_venues, selection_of, tables_in
from mtdh._table import Table
from mtdh._times import Time
from mtdh._wants import _Wants
from mtdh._warn import warn

if TYPE_CHECKING:
    from decimal import Decimal

    import duckdb as db
    import numpy
    from nautilus_trader.model.instruments import Instrument
    from nautilus_trader.persistence.catalog import ParquetDataCatalog
    from typing_extensions import Unpack


class Lake(_Finds, _Wants, _Hands):
    """A lake of tick data.

    `url` is a folder, `gs://BUCKET[/PREFIX]` or `s3://BUCKET[/PREFIX]`; without it the lake is that of the program: from
    `MTDH_LAKE`, `.env` or `mtdh.toml` in the current folder, else `./data`. All other settings come from there too; `api_key` is
    the vendor's key, `source` a folder of vendor files that is used in place of the service.

    Nothing is opened or asked before a method needs it. A lake can be used from several threads, and after a fork.

    Times are text (`2024-03-01`, `2024-03`, `yesterday`, `2024-03-01T12:30+01:00`), dates, datetimes, pandas Timestamps, NumPy's
    datetime64, or microseconds since 1970 as an int; UTC. A day or a month means the whole of it, as start and as end. A value
    with a time of day is a moment; as end it is excluded.

    Methods raise `BadRequest` for values that cannot be used, `UnknownInstrument` for keys that no instrument table has, and
    `LakeAway` where the lake does not exist or does not answer. Every exception of the package is an `Error` and has a `hint`.

    >>> lake
    <mtdh.Lake: ...>
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
        """The days that the lake has partitions of, `YYYY-MM-DD`, UTC, in order.

        >>> lake.days()
        ['2024-02-29', '2024-03-01']
        """
        return self._native.days()

    @overload
    def get(
        self, data_type: str, instruments: Names, start: Time, end: Time | None = None, **options: Unpack[Options]
    ) -> Rows: ...
    @overload
    def get(
        self,
        data_type: list[str] | tuple[str, ...],
        instruments: Names,
        start: Time,
        end: Time | None = None,
        **options: Unpack[Options],
    ) -> dict[str, Rows]: ...
    def get(
        self,
        data_type: str | list[str] | tuple[str, ...],
        instruments: Names,
        start: Time,
        end: Time | None = None,
        **options: Unpack[Options],
    ) -> Rows | dict[str, Rows]:
        """Rows of a data type, of one or several instruments; with a list of data types, a dict of them.

        `instruments` are keys, or patterns of them with `*` and `?`. Without `end` the range is the whole of `start`'s day or
        month; with a moment as `start`, until its day ends. By name:

        - `columns`: names of columns, in the order wanted. Default: all.
        - `clock`: which time chooses and orders the rows, `arrival` (`local_timestamp`, the default) or `exchange`
          (`timestamp`). A backtest that uses the exchange's clock knows rows before they arrived.
        - `origin`: whose rows, those of the `vendor` (the default), of `live` recordings, or `both`: for a day that the vendor has,
          the vendor's.
        - `limit`: at most so many rows.
        - `min_grade`: `good`, `degraded` or `bad`. Data that a check graded below it, or that no check graded, raises
          `GradeTooLow` when it is read.
        - `verify`: mtdh verifies the whole objects before others read them; see `Rows`.

        Nothing is read yet. A column or data type that does not exist raises `BadRequest` here; an unknown instrument raises
        `UnknownInstrument`, and a range of which the lake has nothing `MissingData`, when rows are read.

        >>> rows = lake.get("trades", "DERIBIT:PERP:BTC-USD", "2024-03-01T12:00", "2024-03-01T13:00", columns=["price", "amount"])
        >>> rows.polars().columns
        ['price', 'amount']
        >>> sorted(lake.get(["trades", "quotes"], "DERIBIT:PERP:*", "2024-03-01"))
        ['quotes', 'trades']
        """
        if not isinstance(data_type, str):
            return {name: self._rows(name, None, instruments, start, end, **options) for name in data_type}
        return self._rows(data_type, None, instruments, start, end, **options)

    def trades(self, instruments: Names, start: Time, end: Time | None = None, **options: Unpack[Options]) -> Rows:
        """Every trade; options as of `get`.

        >>> lake.trades("DERIBIT:PERP:BTC-USD", "2024-03-01").count()
        6369
        """
        return self.get("trades", instruments, start, end, **options)

    def incremental_book_L2(
        self, instruments: Names, start: Time, end: Time | None = None, **options: Unpack[Options]
    ) -> Rows:
        """Every change of a level of the book, and snapshots; options as of `get`.

        >>> lake.incremental_book_L2("DERIBIT:PERP:BTC-USD", "2024-03-01").columns[3:5]
        ['is_snapshot', 'side']
        """
        return self.get("incremental_book_L2", instruments, start, end, **options)

    def book_snapshot_5(
        self, instruments: Names, start: Time, end: Time | None = None, **options: Unpack[Options]
    ) -> Rows:
        """The best 5 levels of the book, at each change of them; options as of `get`.

        >>> lake.book_snapshot_5("DERIBIT:PERP:BTC-USD", "2024-03-01").numpy()["ask_price"].shape[1]
        5
        """
        return self.get("book_snapshot_5", instruments, start, end, **options)

    def book_snapshot_25(
        self, instruments: Names, start: Time, end: Time | None = None, **options: Unpack[Options]
    ) -> Rows:
        """The best 25 levels of the book, at each change of them; options as of `get`."""
        return self.get("book_snapshot_25", instruments, start, end, **options)

    def quotes(self, instruments: Names, start: Time, end: Time | None = None, **options: Unpack[Options]) -> Rows:
        """The best bid and ask, by the vendor from the book; options as of `get`."""
        return self.get("quotes", instruments, start, end, **options)

    def book_ticker(self, instruments: Names, start: Time, end: Time | None = None, **options: Unpack[Options]) -> Rows:
        """The best bid and ask, from the exchange's own stream; options as of `get`."""
        return self.get("book_ticker", instruments, start, end, **options)

    def derivative_ticker(
        self, instruments: Names, start: Time, end: Time | None = None, **options: Unpack[Options]
    ) -> Rows:
        """Funding, open interest, mark and index price of derivatives; options as of `get`."""
        return self.get("derivative_ticker", instruments, start, end, **options)

    def liquidations(
        self, instruments: Names, start: Time, end: Time | None = None, **options: Unpack[Options]
    ) -> Rows:
        """Liquidations that the exchange tells of; options as of `get`."""
        return self.get("liquidations", instruments, start, end, **options)

    def options_chain(
        self, instruments: Names, start: Time, end: Time | None = None, **options: Unpack[Options]
    ) -> Rows:
        """Quotes, implied volatility and greeks of options; options as of `get`."""
        return self.get("options_chain", instruments, start, end, **options)

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
        """The lake's candles of a timeframe, such as `1m`, `1h` or `24h`, by the start of their interval.

        `make_candles` makes them. An interval without trades has no row, unless candles were filled.

        >>> lake.candles("DERIBIT:PERP:BTC-USD", "1m", "2024-03-01T12", "2024-03-01T13").count() <= 60
        True
        """
        return self._rows(
            "candles", timeframe, instruments, start, end, columns=columns, clock="exchange", limit=limit, verify=verify
        )

    def instruments(
        self,
        day: Time | None = None,
        *,
        venue: Names = (),
        type: Names = (),
        instruments: Names = (),
        underlying: str | None = None,
    ) -> Table:
        """The instruments of a day; without a day, of the newest table. `underlying` is `BASE-QUOTE`.

        A day without an instrument table raises `NotFound`. `mtdh schema instruments` describes the columns.

        >>> options = lake.instruments("2024-03-01", venue="DERIBIT", type="OPTION", underlying="BTC-USD")
        >>> options.polars()["option_type"].unique().sort().to_list()
        ['CALL', 'PUT']
        """
        return Table(
            self._native.instruments(
                None if day is None else _times.value(day), names_of(venue), names_of(type), names_of(instruments), underlying
            )
        )

    def coverage(self, start: Time, end: Time | None = None, **selection: Unpack[Selection]) -> Coverage:
        """What the lake has beside what is expected, a row for each partition; nothing is written.

        The selection is `venues`, `types`, `data_types`, `instruments`, `universe` and `max_instruments`. Without data types the
        usual ones are expected, and whatever else the lake has is there too. Days without an instrument table are warned of: nothing
        is known of what they should have. Columns: `day`, `venue`,
        `instrument_type`, `instrument_key`, `data_type`, `status` (`stored`, `empty`, `missing`, …), `rows` and `bytes` of what is
        stored (null: nothing is), `grade` of the last check (null: none) and `reason` of what cannot be trusted.

        >>> coverage = lake.coverage("2024-03-01", instruments="DERIBIT:PERP:BTC-USD", data_types="trades")
        >>> coverage.polars()["status", "rows"].rows()
        [('stored', 6369)]
        """
        asked = selection_of(start, end, **selection)
        found = Coverage(self._native.coverage(asked))
        unknown = self._native.days_without_tables(asked)
        if unknown:
            more = f" and {len(unknown) - 1:,} more days" if len(unknown) > 1 else ""
            warn(f"{unknown[0]}{more} without an instrument table: what they should have is not known", MissingDataWarning)
        found.is_synthetic = self.is_synthetic
        return found

    def findings(
        self,
        start: Time,
        end: Time | None = None,
        groups: Names = "all",
        *,
        settings: Iterable[str] = (),
        timeframe: str | None = None,
        **selection: Unpack[Selection],
    ) -> Table:
        """The findings of a check of days, a row each; see `check`. `mtdh schema findings` describes the columns.

        >>> lake.findings("2024-03-01", groups="values", instruments="DERIBIT:PERP:BTC-USD").columns[:3]
        ['severity', 'check', 'group']
        """
        report = self.check(start, end, groups, settings=settings, timeframe=timeframe, **selection)
        return Table(_mtdh.findings(report._text))

    def sql(
        self,
        query: str,
        start: Time | None = None,
        end: Time | None = None,
        *,
        instruments: Names = "*",
        venues: Names = (),
        connection: db.DuckDBPyConnection | None = None,
        verify: bool = False,
    ) -> db.DuckDBPyRelation:
        """A DuckDB query over the lake's tables of some days.

        Tables: the data types by their names, candles as `candles_1m` and so on, `instruments` and `coverage`. Each is exactly
        the rows of the days and the instruments, or else the venues, that are chosen here. Days are needed for all tables but
        `instruments`. DuckDB opens the files of a local lake itself; `verify` has mtdh verify them before. In a `connection` the
        tables are views, which the next call replaces.

        >>> lake.sql("select count(*) from trades", "2024-03-01", instruments="DERIBIT:PERP:BTC-USD").fetchall()
        [(6369,)]
        """
        duckdb = need("duckdb", "duckdb")
        con = connection if connection is not None else duckdb.connect()
        keys = of_venues(names_of(instruments), names_of(venues))
        # What a word of the query would be as a table. Whether it is one knows DuckDB alone.
        lacking: dict[str, Error] = {}
        for name in tables_in(query):
            try:
                if name == "instruments":
                    con.register(name, self.instruments(start, venue=venues).arrow())
                elif start is None:
                    raise BadRequest(f"the query needs the days of {name} that it is about: start, and end")
                elif name == "coverage":
                    con.register(name, self.coverage(start, end, venues=venues).arrow())
                elif name in DATA_TYPES:
                    self.get(name, keys, start, end, verify=verify).duckdb(con).create_view(name)
                else:
                    timeframe = name.removeprefix("candles_")
                    self.candles(keys, timeframe, start, end, verify=verify).duckdb(con).create_view(name)
            except (BadRequest, MissingData, NotFound) as error:
                lacking[name] = error
                con.execute(f'drop view if exists "{name}"')
        try:
            relation: db.DuckDBPyRelation = con.sql(query)
        except duckdb.CatalogException as error:
            named = [name for name in lacking if f"name {name.lower()} " in str(error).lower()]
            if named:
                raise lacking[named[0]] from None
            raise
        return relation

    # What is done with it.

    def write_instruments(
        self, start: Time, end: Time | None = None, *, accept_removed: bool = False, **selection: Unpack[Selection]
    ) -> Report:
        """Writes the instrument tables of days, from the vendor's lists. `download` does it for days that have none.

        Instruments that a table has and the vendor has withdrawn stay, unless `accept_removed`.
        """
        return Report(_mtdh.write_instruments(self._native, selection_of(start, end, **selection), accept_removed))

    def plan(
        self,
        start: Time,
        end: Time | None = None,
        *,
        force: bool = False,
        accept_removed: bool = False,
        allow_not_exported: bool = False,
        **selection: Unpack[Selection],
    ) -> Plan:
        """What `download` would fetch, and how much that is. Missing instrument tables are made, nothing else is written.

        >>> plan = lake.plan("2024-03-01", instruments="DERIBIT:PERP:BTC-USD", data_types="trades")
        >>> plan.files, plan.size["bytes"]
        (0, 0)
        """
        return Plan(
            _mtdh.plan(
                self._native, selection_of(start, end, **selection), force, accept_removed, allow_not_exported
            )
        )  # fmt: skip

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
        **selection: Unpack[Selection],
    ) -> Download:
        """Downloads what the lake does not have of whole days. Ctrl-C ends it within two seconds; the next call goes on.

        The selection is `venues`, `types`, `data_types`, `instruments`, `universe` and `max_instruments`, as of the program.
        `progress` is True (a bar in a terminal or notebook where tqdm is installed, else a line in a terminal), False, or a
        function that gets the counters ten times a second: a dict of `tasks`, `tasks_done`, `bytes`, `rows`, `failures` and `phase`
        (what it is at). Where a run has no files or instrument-days, the counters are of its phase: days, objects.
        An exception of that function ends the run and is raised.

        A file that fails is told by the report, which is false then; what ends all of it raises: `Refused`, `VendorAway`,
        `LakeAway`. A quota that is used up gives a report with the outcome `used_up`.

        >>> report = lake.download("2024-03-01", instruments="DERIBIT:PERP:BTC-USD", data_types="trades", progress=False)
        >>> report.ok, report.stored
        (True, 0)
        """
        with Shown(progress, "download", "file") as shown:
            return Download(
                _mtdh.download(
                    self._native, selection_of(start, end, **selection), force, accept_removed, allow_not_exported,
                    max_workers, names_of(checks), shown.callback,
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
        **selection: Unpack[Selection],
    ) -> Validation:
        """Checks that every expected partition is there, and writes the days' reports.

        `depth` is `listing`, `rows` (every row is read) or `bytes` (every byte is verified); `recheck` asks the vendor whether
        it has issued files anew.

        >>> lake.validate("2024-03-01", venues="DERIBIT", types="PERP").verdict
        'complete'
        """
        with Shown(progress if recheck else False, "validate", "file") as shown:
            return Validation(
                _mtdh.validate(
                    self._native, selection_of(start, end, **selection), depth, recheck, accept_removed,
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
        min_grade: str | None = None,
        reports: Iterable[str | os.PathLike[str]] = (),
        **selection: Unpack[Selection],
    ) -> Check:
        """Checks the quality of what the lake has: the groups of checks of `mtdh check`, or all but cross-source.

        As `mtdh check` does, it keeps what was checked and found in the lake (`checks.parquet` of the day), and grades if every
        group is checked. A lake that cannot be written is checked too; a note of the report says that nothing was kept.

        `settings` are parameters of checks as `NAME=VALUE`; `fail_on` (`error` or `warning`) says which findings make the report
        false; `timeframe` is that of candles for `cross-source`.

        As a gate, for a job that must not use bad data: `min_grade` (`good`, `degraded` or `bad`) is the worst grade that passes, and
        needs all groups; missing data never passes. `reports` are files that are written, in the form of their ending: `.json`,
        `.csv`, `.xml` (JUnit), `.md` or `.html`.

        >>> lake.check("2024-03-01", groups="timestamp", instruments="DERIBIT:PERP:BTC-USD").outcome
        'clean'
        """
        return Check(
            _mtdh.check(
                self._native, selection_of(start, end, **selection), names_of(groups), list(settings), fail_on,
                timeframe, min_grade, [os.fspath(file) for file in reports], None,
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
        **selection: Unpack[Selection],
    ) -> Candles:
        """Builds candles of the lake's trades. `fill="flat"` fills intervals without trades with the last price.

        What is there and up to date is left, unless `force`.

        >>> lake.make_candles("2024-03-01", ["1m", "1h"], instruments="DERIBIT:PERP:BTC-USD", progress=False).ok
        True
        """
        with Shown(progress, "candles", "instrument-day") as shown:
            return Candles(
                _mtdh.make_candles(
                    self._native, selection_of(start, end, **selection), names_of(timeframes), fill, force, max_workers,
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
        columns: Iterable[str] | None = None,
        clock: str = "arrival",
        origin: str = "vendor",
        limit: int | None = None,
        min_grade: str | None = None,
        verify: bool = False,
    ) -> Rows:
        within_us = _times.time_range(start, end)
        names = names_of(instruments)
        if not names:
            raise BadRequest("no instrument is named; a pattern such as 'DERIBIT:*' means many")
        if limit is not None and limit < 0:
            raise BadRequest(f"limit is {limit}; it is a number of rows, or None for no limit")
        chosen = None if columns is None else names_of(columns)
        if chosen is not None and not (chosen and len(set(chosen)) == len(chosen)):
            raise BadRequest(f"columns is {chosen}; it names each column once, or is None for all")
        request = functools.partial(self._native.rows, table, timeframe, names, *within_us, clock, origin)
        return Rows(
            request(chosen, limit),
            request=request,
            name=table if timeframe is None else f"candles {timeframe}",
            clock="local_timestamp" if clock == "arrival" else "timestamp",
            within_us=within_us,
            is_local=self._native.is_local,
            min_grade=min_grade,
            verify=verify,
            is_synthetic=self.is_synthetic,
        )


class Coverage(Table):
    """What a lake has beside what is expected, a row for each partition; see `Lake.coverage`."""

    is_synthetic: bool = False
    """As of the lake."""

    def plot(self, **options: Any) -> Any:
        """A heat map of days by venue and data type; needs matplotlib. See `mtdh.plot.coverage`."""
        from mtdh import plot

        return plot.coverage(self, **options)
