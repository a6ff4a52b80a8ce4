"""Rows in memory, and their conversion to what others work with."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

from mtdh._optional import need

if TYPE_CHECKING:
    import numpy
    import pandas
    import polars
    import pyarrow

    from mtdh import _mtdh

_SHOWN = 10


class Table:
    """Rows in memory. Anything that takes the Arrow C stream interface takes it: `polars.DataFrame(t)`, `pyarrow.table(t)`."""

    def __init__(self, native: _mtdh.Batches) -> None:
        self._native = native

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return self._native.columns()

    def __len__(self) -> int:
        """The number of rows."""
        return len(self._native)

    def polars(self) -> polars.DataFrame:
        """The rows as a polars DataFrame; numbers and times are not copied, categories become polars' own."""
        frame: polars.DataFrame = need("polars", "polars").DataFrame(self._native)
        return frame

    def arrow(self) -> pyarrow.Table:
        """The rows as a pyarrow Table; nothing is copied."""
        table: pyarrow.Table = need("pyarrow", "pandas").table(self._native)
        return table

    def pandas(self) -> pandas.DataFrame:
        """The rows as a pandas DataFrame with pandas' usual types; times have the zone UTC."""
        need("pandas", "pandas")
        frame: pandas.DataFrame = self.arrow().to_pandas()
        return frame

    def numpy(self) -> dict[str, numpy.ndarray[Any, Any]]:
        """The columns as NumPy arrays, by name.

        Times are `datetime64[us]`, UTC, null is NaT. Numbers are float64, uint64 or int64; with nulls they are float64, and null
        is NaN. Words, texts and lists are arrays of objects, null is None. The arrays are read-only; numbers and times of one batch are
        not copied.

        Book snapshots have besides `ask_price`, `ask_amount`, `bid_price` and `bid_amount` of the shape (rows, levels), the best
        level first.
        """
        np = need("numpy", "pandas")
        arrays = {name: _array(np, self._native.numpy(name)) for name in self.columns}
        for side in ("ask", "bid"):
            for what in ("price", "amount"):
                levels = [name for name in self.columns if name.startswith(f"{side}_{what}_")]
                levels.sort(key=lambda name: int(name.rsplit("_", 1)[1]))
                if levels:
                    arrays[f"{side}_{what}"] = np.asarray(self._native.matrix(levels))
        return arrays

    def to_dicts(self) -> list[dict[str, Any]]:
        """The rows as dictionaries of Python values; for small tables."""
        arrays = {name: _array(need("numpy", "pandas"), self._native.numpy(name)) for name in self.columns}
        lists = {name: array.tolist() for name, array in arrays.items()}
        return [dict(zip(lists, row)) for row in zip(*lists.values())]

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._native.__arrow_c_stream__(requested_schema)

    def __arrow_c_schema__(self) -> object:
        return self._native.__arrow_c_schema__()

    def __repr__(self) -> str:
        return f"<mtdh.{type(self).__name__}: {len(self):,} rows, {len(self.columns)} columns>"

    def _repr_html_(self) -> str:
        count = f"<p>{len(self):,} rows</p>"
        try:
            shown = Table(self._native.head(_SHOWN)).to_dicts()
        except ImportError:  # without NumPy
            return f"<p>{html.escape(', '.join(self.columns))}</p>{count}"
        head = "".join(f"<th>{html.escape(name)}</th>" for name in self.columns)
        body = "".join("<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in row.values()) + "</tr>" for row in shown)
        return f"<div style='overflow-x:auto'><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{count}"


def _text(value: object) -> str:
    return "<em>null</em>" if value is None else html.escape(str(value))


def _array(np: Any, column: Any) -> Any:
    """A column of the native part as an array."""
    if isinstance(column, list):
        array = np.empty(len(column), dtype=object)
        if column and isinstance(next((cell for cell in column if cell is not None), None), str):
            array[:] = column
        else:  # one by one: lists of one length would become a matrix
            for place, cell in enumerate(column):
                array[place] = cell
        return array
    if isinstance(column, tuple) and len(column) == 1:
        lists = [None if times is None else np.array(times, dtype="datetime64[us]") for times in column[0]]
        return _array(np, lists)
    if isinstance(column, tuple):
        codes, words = column
        # The last place is null: code -1.
        meanings = np.empty(len(words) + 1, dtype=object)
        meanings[:-1] = words
        return meanings[np.asarray(codes)]
    return np.asarray(column)
