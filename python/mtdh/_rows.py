"""Requests for rows of a lake."""

from __future__ import annotations

import datetime as _datetime
import html
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Any

from mtdh._errors import BadRequest, GradeTooLow, MissingData, MissingDataWarning
from mtdh._optional import need
from mtdh._table import Table
from mtdh._warn import warn

if TYPE_CHECKING:
    import duckdb as db
    import numpy as np
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from mtdh import _mtdh

_GRADES = ("good", "degraded", "bad")
_NAMED = 5


class Rows:
    """Rows of a lake: a request, read only when it is asked for, each time anew.

    The rows come ordered by day, then instrument, then as they are stored: in order of arrival. With `clock="exchange"` they are
    ordered by the exchange's time. Days that the lake lacks are in `missing`; reading warns of them (`MissingDataWarning`), and
    raises `MissingData` where nothing was there at all or after `strict()`.

    `polars()`, `pandas()`, `arrow()`, `reader()`, `numpy()` and iteration read by mtdh, which verifies what it reads and raises
    `DamagedObject`. `lazy()`, `duckdb()` and `paths()` leave reading to others, which do not verify: a damaged file can give wrong
    values there. With `verify=True` mtdh verifies the objects before. Of a bucket `lazy()` and `duckdb()` are read by mtdh too.

    Anything that takes the Arrow C stream interface takes the rows: `pyarrow.table(rows)`, `polars.DataFrame(rows)`; a failure on
    the way is then an exception of that library.

    Units: prices and amounts as the exchange states them; `mtdh schema trades` describes each column. Times are UTC, microseconds.

    >>> rows = lake.trades("DERIBIT:PERP:BTC-USD", "2024-03-01")
    >>> rows.count(), len(rows.missing)
    (6369, 0)
    """

    def __init__(
        self,
        native: _mtdh.Rows,
        *,
        request: Callable[[list[str] | None, int | None], _mtdh.Rows],
        name: str,
        clock: str,
        within_us: tuple[int, int],
        is_local: bool,
        is_strict: bool = False,
        min_grade: str | None = None,
        verify: bool = False,
        is_synthetic: bool = False,
    ) -> None:
        if min_grade is not None and min_grade not in _GRADES:
            raise BadRequest(f"there is no grade `{min_grade}`; there are {', '.join(_GRADES)}")
        self._native = native
        self._request = request
        self._name = name
        self._clock = clock
        self._within_us = within_us
        # What others read themselves has the stored columns only.
        self._is_file = is_local and not native.has_worth
        self._is_local = is_local
        self._is_strict = is_strict
        self._min_grade = min_grade
        self._verify = verify
        self.is_synthetic = is_synthetic

    # What is there.

    @property
    def columns(self) -> list[str]:
        """The names of the columns.

        >>> lake.quotes("DERIBIT:PERP:BTC-USD", "2024-03-01").columns[3:]
        ['ask_amount', 'ask_price', 'bid_price', 'bid_amount']
        """
        return self._native.columns()

    @property
    def missing(self) -> list[tuple[str, str, str]]:
        """What the lake should have and has not, as (instrument, table, day). Nothing is read for it but instrument tables.

        >>> lake.trades("DERIBIT:PERP:BTC-USD", "2024-03-01", "2024-03-02").missing
        [('DERIBIT:PERP:BTC-USD', 'trades', '2024-03-02')]
        """
        return self._missing(self._native.choose())

    def strict(self) -> Rows:
        """The same request, that raises `MissingData` where the lake lacks any of it.

        >>> lake.trades("DERIBIT:PERP:BTC-USD", "2024-03-01").strict().count()
        6369
        """
        return self._with(is_strict=True)

    def notional(self) -> Rows:
        """The same request, with what each amount is worth in three more columns, float64.

        `base_amount` is in the base currency, `quote_amount` in the currency of prices, `settle_amount` in the settlement
        currency of a quanto; by the contract size in force at the row's exchange time. Spot, linear contracts and options: base is
        amount times size, quote is that times the price. Inverse contracts: quote is amount times size, base is that divided by the
        price. Quantos: settle is price times amount times size, the others are null. What the day's instrument table does not say
        is null, and reading warns of it. For tables that have price and amount: trades and liquidations.
        """
        return self._with(native=self._native.with_worth())

    def asof(self, *, tolerance: _datetime.timedelta | None = None, **others: Rows) -> Table:
        """The rows, and beside each the last row of every other request that was there by then.

        `spot.asof(perp=lake.quotes(…))` adds the columns of the other request as `perp_…`. The clock is that of this request:
        by arrival, nothing stands beside a row that had not arrived when the row did. Rows come in the order of the clock; a row of
        the same microsecond counts as there, and of several the last is taken. `tolerance` leaves out what is older. All rows are
        read into memory.
        """
        joined = self._choose().collect(False)
        most = None if tolerance is None else tolerance // _datetime.timedelta(microseconds=1)
        for name, rows in others.items():
            if self._clock not in rows.columns or self._clock not in self.columns:
                raise BadRequest(f"rows are joined on {self._clock}, and it is not among the columns of both")
            if rows._clock != self._clock:
                raise BadRequest(f"{name} is chosen by {rows._clock}, and these rows by {self._clock}; join by one clock")
            joined = joined.asof(rows._choose().collect(False), self._clock, f"{name}_", most)
        return Table(joined)

    def count(self) -> int:
        """The number of rows. Objects that lie wholly in the range are counted by their footers, without reading rows.

        >>> lake.trades("DERIBIT:PERP:BTC-USD", "2024-03-01T12", "2024-03-01T13").count()
        250
        """
        return self._choose().count()

    def paths(self) -> list[str]:
        """Where the objects are that have the rows: paths of files, or addresses in the bucket. They may have more rows.

        >>> [path.split("/")[-1] for path in lake.trades("DERIBIT:PERP:BTC-USD", "2024-03-01").paths()]
        ['DERIBIT:PERP:BTC-USD.parquet']
        """
        return [place for _, _, place, _ in self._choose(for_others=True).objects()]

    # Reading by mtdh, verified.

    def table(self) -> Table:
        """The rows in memory.

        >>> lake.trades("DERIBIT:PERP:BTC-USD", "2024-03-01").table()
        <mtdh.Table: 6,369 rows, 7 columns>
        """
        return Table(self._choose().collect(False))

    def polars(self) -> pl.DataFrame:
        """The rows as a polars DataFrame. Numbers and times are not copied; categories and strings become polars' own.

        >>> lake.trades("DERIBIT:PERP:BTC-USD", "2024-03-01").polars().shape
        (6369, 7)
        """
        frame: pl.DataFrame = need("polars", "polars").DataFrame(self._choose().collect(True))
        return frame

    def arrow(self) -> pa.Table:
        """The rows as a pyarrow Table; no column is copied.

        >>> lake.trades("DERIBIT:PERP:BTC-USD", "2024-03-01").arrow().schema.field("price").type
        DataType(double)
        """
        need("pyarrow", "pandas")
        return self.table().arrow()

    def pandas(self) -> pd.DataFrame:
        """The rows as a pandas DataFrame with pandas' usual types; times have the zone UTC, categories stay categories.

        pandas joins batches and builds blocks, which copies; only of one batch some columns stay in place.

        >>> str(lake.trades("DERIBIT:PERP:BTC-USD", "2024-03-01").pandas()["timestamp"].dtype)
        'datetime64[us, UTC]'
        """
        need("pandas", "pandas")
        return self.table().pandas()

    def numpy(self) -> dict[str, np.ndarray[Any, Any]]:
        """The columns as NumPy arrays, by name; see `Table.numpy`.

        >>> arrays = lake.book_snapshot_5("DERIBIT:PERP:BTC-USD", "2024-03-01T12", "2024-03-01T13").numpy()
        >>> bool((arrays["ask_price"][:, 0] > arrays["bid_price"][:, 0]).all())
        True
        """
        need("numpy", "pandas")
        return self.table().numpy()

    def reader(self) -> pa.RecordBatchReader:
        """A pyarrow RecordBatchReader: batch after batch, in bounded memory. It is read once; take a new one to read again.

        A failure on the way is pyarrow's ArrowInvalid, with mtdh's text.

        >>> sum(batch.num_rows for batch in lake.trades("DERIBIT:PERP:BTC-USD", "2024-03-01").reader())
        6369
        """
        reader = need("pyarrow", "pandas").RecordBatchReader.from_stream(self._choose())
        stream: pa.RecordBatchReader = reader
        return stream

    def __iter__(self) -> Iterator[Table]:
        """Batch after batch of at most 65,536 rows, in bounded memory.

        >>> sum(len(batch) for batch in lake.trades("DERIBIT:PERP:BTC-USD", "2024-03-01"))
        6369
        """
        for batch in self._choose().stream():
            yield Table(batch)

    async def __aiter__(self) -> AsyncIterator[Table]:
        """As iteration, for asyncio: the loop goes on while a batch is read."""
        import asyncio  # slow to import, and few need it

        chosen = await asyncio.to_thread(self._choose)
        stream = chosen.stream()
        while (batch := await asyncio.to_thread(next, stream, None)) is not None:
            yield Table(batch)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._choose().__arrow_c_stream__(requested_schema)

    def __arrow_c_schema__(self) -> object:
        return self._native.__arrow_c_schema__()

    def plot(self, **options: Any) -> Any:
        """A picture of candles; needs matplotlib. See `mtdh.plot.candles`."""
        from mtdh import plot

        if not self._name.startswith("candles "):
            raise BadRequest(f"only candles have a picture, and these rows are {self._name}: lake.candles(…).plot()")
        return plot.candles(self, **options)

    # Reading by others.

    def lazy(self) -> pl.LazyFrame:
        """The rows as a polars LazyFrame over exactly the objects that have them.

        Columns and rows are chosen before anything is read. polars reads the files of a local lake itself, and does not verify
        them; of a bucket it is given rows that mtdh read and verified.

        >>> import polars as pl
        >>> lake.trades("DERIBIT:PERP:BTC-USD", "2024-03-01").lazy().select(pl.col("amount").sum()).collect().item() > 0
        True
        """
        polars = need("polars", "polars")
        if not self._is_file:
            from mtdh._lazy import scan

            return scan(self)
        chosen = self._choose(for_others=True)
        places = [place for _, _, place, _ in chosen.objects()]
        if not places:
            empty: pl.LazyFrame = polars.DataFrame(chosen.collect(True)).lazy()
            return empty
        moment = polars.Datetime("us", "UTC")
        first, end = (polars.lit(us, dtype=polars.Int64).cast(moment) for us in self._within_us)
        clock = polars.col(self._clock)
        scanned = polars.scan_parquet(places, glob=False, hive_partitioning=False, missing_columns="insert")
        frame: pl.LazyFrame = scanned.filter((clock >= first) & (clock < end))
        if self._is_sorted_anew:
            key = polars.col("instrument_key").cast(polars.String)
            frame = frame.sort(clock.dt.date(), key, clock, maintain_order=True)
        frame = frame.select(self.columns)
        return frame if self._limit is None else frame.head(self._limit)

    def duckdb(self, connection: db.DuckDBPyConnection | None = None) -> db.DuckDBPyRelation:
        """The rows as a DuckDB relation over exactly the objects that have them. It can be queried again and again.

        DuckDB reads the files of a local lake itself, and does not verify them; of a bucket it is given rows that mtdh read and
        verified. As in SQL the rows have no order unless the query gives one.

        >>> trades = lake.trades("DERIBIT:PERP:BTC-USD", "2024-03-01").duckdb()
        >>> trades.aggregate("count(*)").fetchall()
        [(6369,)]
        """
        duckdb = need("duckdb", "duckdb")
        con = connection if connection is not None else duckdb.connect()
        relation: db.DuckDBPyRelation
        places = self.paths() if self._is_file else []
        if not places:
            need("pyarrow", "duckdb")
            relation = con.from_arrow(self if not self._is_file else self.arrow())
            return relation
        clock = self._clock
        first, end = (f"make_timestamptz({us}::BIGINT)" for us in self._within_us)
        relation = con.read_parquet(places, hive_partitioning=False, union_by_name=True)
        relation = relation.filter(f"{clock} >= {first} AND {clock} < {end}")
        relation = relation.project(", ".join(f'"{name}"' for name in self.columns))
        return relation if self._limit is None else relation.limit(self._limit)

    # For people.

    def __repr__(self) -> str:
        first, end = (_moment(us) for us in self._within_us)
        instruments = ", ".join(self._native.instruments[:_NAMED])
        more = "" if len(self._native.instruments) <= _NAMED else " and more"
        return f"<mtdh.Rows: {self._name} of {instruments}{more}, {self._clock} from {first} to {end}>"

    def _repr_html_(self) -> str:
        chosen = self._native.choose()
        objects, missing = chosen.objects(), self._missing(chosen)
        size = sum(bytes_ for _, _, _, bytes_ in objects)
        lines = [html.escape(repr(self)[1:-1]), f"objects: {len(objects):,}, bytes: {size:,}"]
        if missing:
            lines.append("missing: " + html.escape(_named(missing)))
        return "<p>" + "<br>".join(lines) + "</p>"

    # Within.

    @property
    def _limit(self) -> int | None:
        return self._native.limit

    @property
    def _is_sorted_anew(self) -> bool:
        """Whether the rows come in another order than they are stored in."""
        return self._clock == "timestamp" and not self._name.startswith("candles")

    def _with_columns(self, columns: list[str]) -> Rows:
        """The same request for some of its columns; what amounts are worth is needed with those it is computed of."""
        if self._native.has_worth:
            return self
        rows = self._with()
        rows._native = self._request(columns, self._limit)
        return rows

    def _with(self, **changes: Any) -> Rows:
        settings: dict[str, Any] = {
            "request": self._request,
            "name": self._name,
            "clock": self._clock,
            "within_us": self._within_us,
            "is_local": self._is_local,
            "is_strict": self._is_strict,
            "min_grade": self._min_grade,
            "verify": self._verify,
            "is_synthetic": self.is_synthetic,
        }
        native = changes.pop("native", self._native)
        return Rows(native, **{**settings, **changes})

    def _missing(self, chosen: _mtdh.Chosen) -> list[tuple[str, str, str]]:
        return [(instrument, self._name, day) for day, instrument in chosen.missing()]

    def _choose(self, *, for_others: bool = False) -> _mtdh.Chosen:
        """The objects of the request, once everything that was asked of them holds."""
        chosen = self._native.choose()
        missing = self._missing(chosen)
        objects = chosen.objects()
        if not objects and not missing:
            instruments = ", ".join(self._native.instruments[:_NAMED])
            raise MissingData(
                f"the lake has no {self._name} of {instruments} in that range, and its instrument tables expect none",
                "lake.instruments(day) lists what a day has, with its data types",
            )
        if missing and (self._is_strict or not objects):
            raise MissingData(f"the lake lacks {_named(missing)}", _hint(missing), missing)
        if missing:
            text = f"the lake lacks {_named(missing)}; .missing lists it, .strict() refuses"
            warn(text, MissingDataWarning)
        unknown = chosen.without_worth()
        if unknown:
            day, key, reason = unknown[0]
            more = f", and of {len(unknown) - 1:,} more" if len(unknown) > 1 else ""
            warn(f"the worth of amounts of {key} on {day} is null: {reason}{more}", UserWarning)
        if self._min_grade is not None:
            self._check_grades(chosen, objects)
        if self._verify and for_others:
            without = chosen.verify()
            if without:
                more = f" and {len(without) - 1:,} more" if len(without) > 1 else ""
                warn(f"without checksums, as mtdh 0.1.0 wrote objects, and so not verified: {without[0]}{more}")
        return chosen

    def _check_grades(self, chosen: _mtdh.Chosen, objects: list[tuple[str, str, str, int]]) -> None:
        allowed = _GRADES[: _GRADES.index(self._min_grade or "bad") + 1]
        graded = zip(objects, chosen.grades())
        below = [(key, day, grade) for (day, key, _, _), grade in graded if grade not in allowed]
        if below:
            named = ", ".join(f"{key} {day} ({grade or 'not checked'})" for key, day, grade in below[:_NAMED])
            more = f" and {len(below) - _NAMED:,} more" if len(below) > _NAMED else ""
            raise GradeTooLow(
                f"{self._name} below the grade {self._min_grade}: {named}{more}",
                "lake.check(start, end) grades what was never checked",
                below,
            )


def _named(missing: list[tuple[str, str, str]]) -> str:
    named = ", ".join(f"{table} of {instrument} on {day}" for instrument, table, day in missing[:_NAMED])
    return named + (f" and {len(missing) - _NAMED:,} more" if len(missing) > _NAMED else "")


def _hint(missing: list[tuple[str, str, str]]) -> str:
    instrument, table, day = missing[0]
    if table.startswith("candles"):
        return f'lake.make_candles("{day}", ["{table.split()[1]}"], instruments=["{instrument}"])'
    return f'lake.download("{day}", instruments=["{instrument}"], data_types=["{table}"])'


def _moment(us: int) -> str:
    epoch = _datetime.datetime(1970, 1, 1, tzinfo=_datetime.timezone.utc)
    try:
        return (epoch + _datetime.timedelta(microseconds=us)).isoformat()
    except OverflowError:  # the end of the year 9999
        return "the end of the calendar"
