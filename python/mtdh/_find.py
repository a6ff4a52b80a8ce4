"""What a lake has and where: lists, venues, runs, paths, certificates, tables of others: methods of `Lake`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mtdh import _mtdh, _times
from mtdh._errors import BadRequest, MissingData, MissingDataWarning
from mtdh._selection import Names, Selection, names_of, selection_of
from mtdh._table import Table
from mtdh._times import Time
from mtdh._warn import warn

if TYPE_CHECKING:
    from typing_extensions import Unpack

_NAMED = 10


def schema(table: str | None = None) -> Table:
    """The tables of a lake, a row each; of one table its columns, with type, unit, what null means, values and meaning.

    >>> mtdh.schema("trades").polars()["column"].to_list()[:3]
    ['instrument_key', 'timestamp', 'local_timestamp']
    """
    return Table(_mtdh.schema(table))


class Paths(list[str]):
    """Where objects are: a list of paths of files, or of addresses in the bucket.

    `objects` says of each what it is, as a dict; `missing` lists what the lake should have and has not, as (table, day, instrument);
    the instrument is None of a table that has no more than one object a day.
    """

    objects: list[dict[str, Any]]
    missing: list[tuple[str, str, str | None]]


class _Finds:
    _native: _mtdh.Lake

    def ls(
        self,
        what: str = "partitions",
        start: Time | None = None,
        end: Time | None = None,
        *,
        by: Names | None = None,
        long: bool = False,
        sort: str | None = None,
        limit: int | None = None,
        origin: str = "vendor",
        everything: bool = False,
        **selection: Unpack[Selection],
    ) -> Table:
        """What the lake has, a row for each group: of `partitions`, `candles`, `instruments`, `runs` or `reports`.

        `by` is what makes a group: `day`, `month`, `venue`, `instrument_type`, `type` (data type, timeframe, report), `key`, or
        several; without it day, venue and type. With `long` there is a row for each object. `sort` is a column, numbers from the
        largest and names from the first, with `-` before it the other way round; `limit` is the most rows. Without filters it is about
        what the lake's `lake.toml` wants, if it has one; `everything` is about all that the lake has. A name that nothing in the lake
        has is warned of (`MissingDataWarning`), with names that may be meant.

        >>> lake.ls(by="venue", sort="bytes", limit=1).polars()["venue", "days"].rows()
        [('DERIBIT', 2)]
        >>> lake.ls("candles", "2024-03-01", by="type").polars()["timeframe"].to_list()
        ['1h', '1m']
        """
        if by is not None and long:
            raise BadRequest("by makes groups, and long a row for each object: one of them")
        if limit is not None and limit < 0:
            raise BadRequest(f"limit is {limit}; it is a number of rows, or None for no limit")
        if what.lower() == "runs" and (selection or start is not None or end is not None or by is not None or long):
            raise BadRequest("runs are not listed by days and instruments; lake.runs() has a row for each")
        chosen = selection_of("1970-01-01" if start is None else start, end, **selection)
        groups = None if by is None else names_of(by)
        shown = {"by": groups, "long": long, "sort": sort, "limit": limit}
        rows, notes = _mtdh.ls(self._native, what, chosen, start is not None, origin, everything, shown)
        for note in notes:
            warn(note, MissingDataWarning)
        return Table(rows)

    def venues(self, *, in_lake: bool = True) -> Table:
        """The venues of which the lake has something, a row each; `in_lake=False`: every venue that mtdh knows too.

        Columns: `venue`, `exchange` (the vendor's id), `is_known`, `instruments` and `offered` (their number and data types in the
        newest instrument table; null: it has none), `days`, `first_day`, `last_day`, `data_types` (separated by spaces), `objects`
        and `bytes` of what the lake has. The vendor is not asked.

        >>> lake.venues().polars()["venue"].to_list()[:2]
        ['BINANCE', 'DERIBIT']
        """
        return Table(_mtdh.venues(self._native, in_lake))

    def runs(self) -> Table:
        """The runs that were done on the lake, a row each, the newest first.

        Columns: `run`, `kind` (`download`, `candles`, `sync`, `plan`), `state`, `verdict` (null: it has not ended), `started_at`,
        `updated_at`, `seconds`, `files`, `files_done`, `files_failed`, `rows`, `bytes`, and `what` it was about (null: it does not
        say).

        >>> lake.runs().columns[:4]
        ['run', 'kind', 'state', 'verdict']
        """
        return Table(_mtdh.runs(self._native))

    def iceberg_tables(self) -> Table:
        """The Iceberg tables that `publish_iceberg` made, a row each: their newest snapshot, and whether they know what the lake has now.

        `metadata` is what readers are given. `is_stale` says that readers would not get what the lake has, and `reason` why:
        `publish_iceberg` again brings it up to date. Only footers of objects that changed are read.

        >>> _ = lake.publish_iceberg(data_types="trades", progress=False)
        >>> lake.iceberg_tables().polars()["table", "is_stale"].rows()
        [('trades', False)]
        """
        return Table(_mtdh.iceberg_tables(self._native))

    def certificates(self) -> Table:
        """The certificates that `certify` made of the lake and that it keeps, a row each, the newest first.

        `digest` is what a paper quotes, `root` the root of the tree of partitions. They are not trusted: `problem` says why one cannot
        be used.

        >>> lake.certificates().columns[:4]
        ['root', 'digest', 'certified_at', 'verdict']
        """
        return Table(_mtdh.certificates(self._native))

    def paths(
        self,
        start: Time | None = None,
        end: Time | None = None,
        *,
        tables: Names = (),
        clock: str = "arrival",
        origin: str = "vendor",
        strict: bool = False,
        verify: bool = False,
        **selection: Unpack[Selection],
    ) -> Paths:
        """Where the objects are that have the rows of tables, for readers of their own: a list, with what each is in `objects`.

        `tables` are data types, `candles`, `candles_1m` and so on, `instruments` and the other tables of `schema()`; without them and
        data types, all. Objects may have more rows than the range of time. What lacks is warned of, or raises `MissingData` with
        `strict`. `verify` reads every byte first and raises `DamagedObject`: most other readers do not verify.

        >>> paths = lake.paths("2024-03-01", data_types="trades", instruments="DERIBIT:PERP:BTC-USD")
        >>> [path.split("/")[-1] for path in paths], paths.objects[0]["table"]
        (['DERIBIT:PERP:BTC-USD.parquet'], 'trades')
        """
        asked = _asked(start, end, tables, clock, origin, verify, selection)
        objects, missing, without = _mtdh.paths(self._native, asked)
        _told(missing, without, strict)
        paths = Paths(place for *_, place in objects)
        names = ("table", "day", "instrument_key", "origin", "bytes", "path")
        paths.objects = [dict(zip(names, one)) for one in objects]
        paths.missing = missing
        return paths

    def views(
        self,
        start: Time | None = None,
        end: Time | None = None,
        *,
        tables: Names = (),
        clock: str = "arrival",
        origin: str = "vendor",
        strict: bool = False,
        verify: bool = False,
        **selection: Unpack[Selection],
    ) -> str:
        """Views for DuckDB over exactly the objects of `paths`, a statement for each table: what `mtdh sql --print` prints.

        >>> views = lake.views("2024-03-01", tables=["trades", "candles_1m"], instruments="DERIBIT:PERP:BTC-USD")
        >>> import duckdb
        >>> with duckdb.connect() as connection:
        ...     _ = connection.execute(views)
        ...     connection.execute("select count(*) from trades").fetchone()
        (6369,)
        """
        asked = _asked(start, end, tables, clock, origin, verify, selection)
        text, missing, without = _mtdh.views(self._native, asked)
        _told(missing, without, strict)
        return text

    def publish_bigquery(
        self,
        start: Time | None = None,
        end: Time | None = None,
        *,
        dry_run: bool,
        dataset: str = "mtdh",
        tables: Names = (),
        strict: bool = False,
        verify: bool = False,
        **selection: Unpack[Selection],
    ) -> str:
        """The statements that load days of data types and candles into BigQuery, a block for each table and day; each may run again.

        With `dry_run=True` the text is returned; nothing is sent, which another program does. `dataset` is `SET` or `PROJECT.SET`.
        A lake in a folder raises `BadRequest`: BigQuery reads buckets.
        """
        if not dry_run:
            raise BadRequest(
                "mtdh sends nothing to BigQuery: other programs run the statements", "dry_run=True returns them"
            )
        asked = _asked(start, end, tables, "arrival", "vendor", verify, selection)
        text, missing, without = _mtdh.publish_bigquery(self._native, asked, dataset)
        _told(missing, without, strict)
        return text


def _asked(
    start: Time | None, end: Time | None, tables: Names, clock: str, origin: str, verify: bool, selection: Selection
) -> dict[str, Any]:
    """Which objects are meant, as the native part takes it."""
    if start is None and end is not None:
        raise BadRequest("an end needs a start")
    return {
        "selection": selection_of("1970-01-01", None, **selection),
        "within_us": None if start is None else _times.time_range(start, end),
        "tables": names_of(tables),
        "clock": clock,
        "origin": origin,
        "verify": verify,
    }


def _told(missing: list[tuple[str, str, str | None]], without: list[str], strict: bool) -> None:
    """Says what lacks, and what nothing proves."""
    if missing:
        named = ", ".join(" ".join(filter(None, one)) for one in missing[:_NAMED])
        more = f" and {len(missing) - _NAMED:,} more" if len(missing) > _NAMED else ""
        if strict:
            lacking = [(instrument or "", table, day) for table, day, instrument in missing]
            raise MissingData(f"the lake lacks {named}{more}", "lake.download(…) fetches what it lacks", lacking)
        warn(f"the lake lacks {named}{more}; strict=True refuses", MissingDataWarning)
    if without:
        more = f" and {len(without) - 1:,} more" if len(without) > 1 else ""
        warn(f"without checksums, as mtdh 0.1.0 wrote objects, and so not verified: {without[0]}{more}")
