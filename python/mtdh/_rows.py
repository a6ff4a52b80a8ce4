"""Requests for rows of a lake."""

from __future__ import annotations

import asyncio
import datetime as _datetime
import html
import warnings
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

from mtdh._errors import BadRequest, GradeTooLow, MissingData, MissingDataWarning
from mtdh._optional import need
from mtdh._table import Table

if TYPE_CHECKING:
    import duckdb
    import numpy
    import pandas
    import polars
    import pyarrow

    from mtdh import _mtdh

_GRADES = ("good", "degraded", "bad")
_NAMED = 5


class Rows:
    """Rows of a lake: a request, read only when it is asked for, each time anew.

    The rows come ordered by day, then instrument, then as they are stored: in order of arrival. Days that the lake lacks are
    in `missing`; reading warns of them, and raises `MissingData` where nothing was there at all or after `strict()`.

    `polars()`, `pandas()`, `arrow()`, `reader()`, `numpy()` and iteration read by mtdh, which verifies every page. `lazy()`,
    `duckdb()` and `paths()` leave reading to others, which do not; with `verify=True` mtdh verifies the objects before.
    """

    def __init__(
        self,
        native: _mtdh.Rows,
        *,
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
            raise ValueError(f"there is no grade {min_grade!r}; there are {', '.join(_GRADES)}")
        self._native = native
        self._name = name
        self._clock = clock
        self._within_us = within_us
        self._is_local = is_local
        self._is_strict = is_strict
        self._min_grade = min_grade
        self._verify = verify
        self.is_synthetic = is_synthetic

    # What is there.

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return self._native.columns()

    @property
    def missing(self) -> list[tuple[str, str, str]]:
        """What the lake should have and has not, as (instrument, table, day)."""
        return self._missing(self._native.choose())

    def strict(self) -> Rows:
        """The same request, that raises `MissingData` where the lake lacks any of it."""
        return self._with(is_strict=True)

    def count(self) -> int:
        """The number of rows. Objects that lie wholly in the range are counted by their footers, without reading rows."""
        return self._choose().count()

    def paths(self) -> list[str]:
        """Where the objects are that have the rows: paths of files, or addresses in the bucket. They may have more rows."""
        return [place for _, _, place, _ in self._choose(for_others=True).objects()]

    # Reading by mtdh, verified.

    def table(self) -> Table:
        """The rows in memory."""
        return Table(self._choose().collect(False))

    def polars(self) -> polars.DataFrame:
        """The rows as a polars DataFrame."""
        pl = need("polars", "polars")
        frame: polars.DataFrame = pl.DataFrame(self._choose().collect(True))
        return frame

    def arrow(self) -> pyarrow.Table:
        """The rows as a pyarrow Table; nothing is copied."""
        need("pyarrow", "pandas")
        return self.table().arrow()

    def pandas(self) -> pandas.DataFrame:
        """The rows as a pandas DataFrame with pandas' usual types; times have the zone UTC."""
        need("pandas", "pandas")
        return self.table().pandas()

    def numpy(self) -> dict[str, numpy.ndarray[Any, Any]]:
        """The columns as NumPy arrays, by name; see `Table.numpy`."""
        need("numpy", "pandas")
        return self.table().numpy()

    def reader(self) -> pyarrow.RecordBatchReader:
        """A pyarrow RecordBatchReader: batch after batch, in bounded memory. It is read once; take a new one to read again."""
        reader = need("pyarrow", "pandas").RecordBatchReader.from_stream(self._choose())
        stream: pyarrow.RecordBatchReader = reader
        return stream

    def __iter__(self) -> Iterator[Table]:
        """Batch after batch, in bounded memory."""
        for batch in self._choose().stream():
            yield Table(batch)

    async def __aiter__(self) -> AsyncIterator[Table]:
        """As iteration, for asyncio: the loop goes on while a batch is read."""
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

    def lazy(self) -> polars.LazyFrame:
        """The rows as a polars LazyFrame over exactly the objects that have them.

        Columns and rows are chosen before anything is read. polars reads the files of a local lake itself, and does not verify
        them; of a bucket it is given rows that mtdh read and verified.
        """
        pl = need("polars", "polars")
        if not self._is_local:
            from mtdh._lazy import scan

            return scan(self)
        chosen = self._choose(for_others=True)
        places = [place for _, _, place, _ in chosen.objects()]
        columns = self.columns
        if not places:
            empty: polars.LazyFrame = pl.DataFrame(chosen.collect(True)).lazy()
            return empty
        first, end = (pl.lit(_moment(us)).cast(pl.Datetime("us", "UTC")) for us in self._within_us)
        scanned = pl.scan_parquet(places, glob=False, hive_partitioning=False, missing_columns="insert")
        clock = pl.col(self._clock)
        frame: polars.LazyFrame = scanned.filter((clock >= first) & (clock < end)).select(columns)
        return frame if self._limit is None else frame.head(self._limit)

    def duckdb(self, connection: duckdb.DuckDBPyConnection | None = None) -> duckdb.DuckDBPyRelation:
        """The rows as a DuckDB relation over exactly the objects that have them.

        DuckDB reads the files of a local lake itself, and does not verify them; of a bucket it is given rows that mtdh read and
        verified.
        """
        db = need("duckdb", "duckdb")
        con = connection if connection is not None else db.connect()
        relation: duckdb.DuckDBPyRelation
        places = self.paths() if self._is_local else []
        if not places:
            need("pyarrow", "duckdb")
            relation = con.from_arrow(self if not self._is_local else self.arrow())
            return relation
        clock = self._clock
        first, end = (_moment(us).isoformat(sep=" ") for us in self._within_us)
        relation = con.read_parquet(places, hive_partitioning=False, union_by_name=True)
        relation = relation.filter(f"{clock} >= TIMESTAMPTZ '{first}' AND {clock} < TIMESTAMPTZ '{end}'")
        relation = relation.project(", ".join(f'"{name}"' for name in self.columns))
        return relation if self._limit is None else relation.limit(self._limit)

    # For people.

    def __repr__(self) -> str:
        first, end = (_moment(us).isoformat() for us in self._within_us)
        instruments = ", ".join(self._native.instruments[:_NAMED])
        more = "" if len(self._native.instruments) <= _NAMED else " and more"
        return f"<mtdh.Rows: {self._name} of {instruments}{more}, {self._clock} from {first} to {end}>"

    def _repr_html_(self) -> str:
        chosen = self._native.choose()
        objects, missing = chosen.objects(), self._missing(chosen)
        size = sum(bytes_ for _, _, _, bytes_ in objects)
        lines = [html.escape(repr(self)[1:-1]), f"{len(objects):,} objects, {size:,} bytes"]
        if missing:
            lines.append("missing: " + html.escape(_named(missing)))
        return "<p>" + "<br>".join(lines) + "</p>"

    # Within.

    @property
    def _limit(self) -> int | None:
        return self._native.limit

    def _with(self, **changes: Any) -> Rows:
        settings: dict[str, Any] = {
            "name": self._name,
            "clock": self._clock,
            "within_us": self._within_us,
            "is_local": self._is_local,
            "is_strict": self._is_strict,
            "min_grade": self._min_grade,
            "verify": self._verify,
            "is_synthetic": self.is_synthetic,
        }
        return Rows(self._native, **{**settings, **changes})

    def _missing(self, chosen: _mtdh.Chosen) -> list[tuple[str, str, str]]:
        return [(instrument, self._name, day) for day, instrument in chosen.missing()]

    def _choose(self, *, for_others: bool = False) -> _mtdh.Chosen:
        """The objects of the request, once everything that was asked of them holds."""
        chosen = self._native.choose()
        missing = self._missing(chosen)
        objects = chosen.objects()
        if missing and (self._is_strict or not objects):
            raise MissingData(f"the lake lacks {_named(missing)}", _hint(missing), missing)
        if missing:
            text = f"the lake lacks {_named(missing)}; .missing lists it, .strict() refuses"
            warnings.warn(text, MissingDataWarning, stacklevel=3)
        if self._min_grade is not None:
            self._check_grades(chosen, objects)
        if self._verify and for_others:
            without = chosen.verify()
            if without:
                warnings.warn(
                    f"{without[0]} and {len(without) - 1} more have no checksums; mtdh 0.1.0 wrote them"
                    if len(without) > 1
                    else f"{without[0]} has no checksums; mtdh 0.1.0 wrote it",
                    stacklevel=3,
                )
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


def _moment(us: int) -> _datetime.datetime:
    epoch = _datetime.datetime(1970, 1, 1, tzinfo=_datetime.timezone.utc)
    return epoch + _datetime.timedelta(microseconds=us)
