"""A polars LazyFrame over a bucket: mtdh reads, and leaves out what polars does not want."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mtdh._optional import need

if TYPE_CHECKING:
    import polars

    from mtdh._rows import Rows


def scan(rows: Rows) -> polars.LazyFrame:
    """The rows as a LazyFrame: of each batch polars gets the columns it names and the rows that pass its predicate."""
    pl = need("polars", "polars")
    source = need("polars.io.plugins", "polars")
    # Of a dictionary polars takes the type for one of objects, and makes a categorical of its rows.
    schema = {name: pl.Categorical if kind == pl.Object else kind for name, kind in pl.Schema(rows).items()}

    def read(
        with_columns: list[str] | None, predicate: Any, n_rows: int | None, batch_size: int | None
    ) -> Iterator[Any]:
        del batch_size
        left = n_rows
        for batch in _needed(rows, with_columns, predicate):
            frame = batch.polars()
            if predicate is not None:
                frame = frame.filter(predicate)
            if with_columns is not None:
                frame = frame.select(with_columns)
            if left is not None:
                frame = frame.head(left)
                left -= frame.height
            yield frame
            if left == 0:
                return

    frame: polars.LazyFrame = source.register_io_source(read, schema=schema)
    return frame


def _needed(rows: Rows, with_columns: list[str] | None, predicate: Any) -> Rows:
    """The request for the columns that are handed over or that the predicate looks at, and no others."""
    if with_columns is None:
        return rows
    looked_at = set() if predicate is None else set(predicate.meta.root_names())
    needed = [name for name in rows.columns if name in looked_at or name in with_columns]
    return rows._with_columns(needed or rows.columns[:1])
