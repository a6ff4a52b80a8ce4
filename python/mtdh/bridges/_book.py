"""Level updates as the vendor means them: whole books, and changes of them. Both bridges start from here.

Rules of `incremental_book_L2`, from Tardis' documentation and client:

- a snapshot replaces the whole book; the first row of a run of `is_snapshot` begins one, and so does each change of
  `local_timestamp` within a run (a venue whose messages are all snapshots);
- before the first snapshot nothing is known of the book: updates there are left out;
- a snapshot level with amount 0 is no level;
- rows with one `local_timestamp` came in one message.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import mtdh

from . import BridgeWarning
from ._read import Columns, named_days, nanoseconds, present

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

COLUMNS = ("timestamp", "local_timestamp", "is_snapshot", "side", "price", "amount")


@dataclass(frozen=True)
class Levels:
    """Rows of levels in order of arrival, one array each; `book` counts the whole books from 0.

    `exch_ns` and `local_ns` are nanoseconds since the Unix epoch, UTC. A row with `is_snapshot` is a level of a whole book, the
    others change the book before them; `amount` 0 removes a level. `book_exch_ns` and `book_local_ns` are the clocks of each
    whole book, which may have no level.
    """

    exch_ns: NDArray[np.int64]
    local_ns: NDArray[np.int64]
    is_snapshot: NDArray[np.bool_]
    is_bid: NDArray[np.bool_]
    price: NDArray[np.float64]
    amount: NDArray[np.float64]
    book: NDArray[np.int64]
    book_exch_ns: NDArray[np.int64]
    book_local_ns: NDArray[np.int64]


def of_updates(lake: mtdh.Lake, key: str, start: Any, end: Any, min_grade: str | None = None) -> Levels:
    """Levels from `incremental_book_L2`.

    Where `start` lies within a day, the book of that moment comes first: a snapshot with both clocks of the last row before it.
    """
    import numpy as np

    rows = present(lake, "incremental_book_L2", key, start, end, COLUMNS, min_grade).numpy()
    exch_ns, local_ns = nanoseconds(rows["timestamp"]), nanoseconds(rows["local_timestamp"])
    is_snapshot = np.asarray(rows["is_snapshot"], dtype=bool)
    is_bid = np.asarray(rows["side"] == "bid", dtype=bool)
    price, amount = rows["price"], rows["amount"]
    if len(local_ns) and not is_snapshot[0]:
        before = _book_before(lake, key, rows["local_timestamp"][0])
        if before is not None:
            exch_ns, local_ns, is_snapshot, is_bid, price, amount = (
                np.concatenate(pair) for pair in zip(before, (exch_ns, local_ns, is_snapshot, is_bid, price, amount)))

    begins = is_snapshot.copy()
    begins[1:] &= ~is_snapshot[:-1] | (local_ns[1:] != local_ns[:-1])
    if len(begins) and not begins.any():
        raise mtdh.MissingData(
            f"no whole book of {key} begins in this time: incremental_book_L2 has changes only, and of what is unknown; choose a "
            "start before its first snapshot")
    book = np.cumsum(begins) - 1
    kept = (book >= 0) & ~(is_snapshot & (amount == 0))
    return Levels(exch_ns[kept], local_ns[kept], is_snapshot[kept], is_bid[kept], price[kept], amount[kept], book[kept],
                  exch_ns[begins], local_ns[begins])


def _book_before(lake: mtdh.Lake, key: str, first: np.datetime64) -> tuple[NDArray[Any], ...] | None:
    """The book before the row that arrived at `first`, from the rows of its day; `None` where it is not known."""
    import numpy as np

    day = str(first.astype("datetime64[D]"))
    rows = present(lake, "incremental_book_L2", key, day, None, COLUMNS).numpy()
    earlier = rows["local_timestamp"] < first
    is_snapshot, local = rows["is_snapshot"][earlier].astype(bool), rows["local_timestamp"][earlier]
    begins = is_snapshot.copy()
    begins[1:] &= ~is_snapshot[:-1] | (local[1:] != local[:-1])
    if not begins.any():
        return None
    since = np.flatnonzero(begins)[-1]
    is_bid = np.asarray(rows["side"][earlier][since:] == "bid", dtype=bool)
    price, amount = rows["price"][earlier][since:], rows["amount"][earlier][since:]

    # The last row of each level tells what rests there; a stable sort by level keeps them in their order.
    order = np.lexsort((price, is_bid))
    is_last = np.ones(len(order), dtype=bool)
    is_last[:-1] = (price[order][1:] != price[order][:-1]) | (is_bid[order][1:] != is_bid[order][:-1])
    level = order[is_last & (amount[order] > 0)]
    # Best first on both sides, as the vendor writes a snapshot.
    level = level[np.lexsort((np.where(is_bid[level], -price[level], price[level]), is_bid[level]))]
    clocks = (nanoseconds(rows[name][earlier][-1:]).repeat(len(level)) for name in ("timestamp", "local_timestamp"))
    return (*clocks, np.ones(len(level), dtype=bool), is_bid[level], price[level], amount[level])


def of_snapshots(rows: Columns, levels: int) -> Levels:
    """Levels from `book_snapshot_5` or `book_snapshot_25`: each row is a whole book of as many levels a side."""
    import numpy as np

    exch_ns, local_ns = nanoseconds(rows["timestamp"]), nanoseconds(rows["local_timestamp"])
    names = [(side, level) for side in ("bid", "ask") for level in range(1, levels + 1)]
    price = np.stack([rows[f"{side}_price_{level}"] for side, level in names], axis=1)
    amount = np.stack([rows[f"{side}_amount_{level}"] for side, level in names], axis=1)
    known = ~np.isnan(price) & (amount > 0)
    book, column = np.nonzero(known)
    return Levels(exch_ns[book], local_ns[book], np.ones(len(book), dtype=bool), column < levels, price[known], amount[known],
                  book, exch_ns, local_ns)


def best_source(lake: mtdh.Lake, key: str, start: Any, end: Any) -> str:
    """The fullest table of the book that the lake has on all these days; `MissingData` where there is none."""
    lacks: dict[str, str] = {}
    for data_type in ("incremental_book_L2", "book_snapshot_25", "book_snapshot_5"):
        rows = lake.get(data_type, key, start, end)
        missing = rows.missing
        if not missing and rows.paths():
            if data_type != "incremental_book_L2":
                warnings.warn(
                    f"the lake lacks incremental_book_L2 of {key} ({lacks['incremental_book_L2']}): the book is made of "
                    f"{data_type}, which ends after {data_type.rpartition('_')[2]} levels a side", BridgeWarning, stacklevel=3)
            return data_type
        lacks[data_type] = named_days(missing) if missing else "the vendor has none"
    what = "; ".join(f"{data_type}: {days}" for data_type, days in lacks.items())
    hint = f'lake.download({str(start)[:10]!r}, instruments=["{key}"], data_types=["incremental_book_L2"])'
    raise mtdh.MissingData(f"no table of the book of {key} is whole in this time. Missing are {what}", hint)
