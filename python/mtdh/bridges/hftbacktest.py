"""A lake's rows as the event array of hftbacktest 2.4 (https://hftbacktest.readthedocs.io/en/latest/data.html).

Equal to `hftbacktest.data.utils.tardis.convert` on the vendor's files of the same rows, apart from what its documentation of
the vendor's format lacks:

- updates before the first snapshot are left out: nothing is known yet of the book that they change;
- a snapshot replaces the whole book: the price up to which a side is cleared reaches the deepest level that came since the last
  one, so that no level outlives it; a side that the snapshot lacks is cleared too;
- each message of a venue that sends only snapshots is a book; a snapshot that ends the data is kept; a snapshot level with amount
  0 is none.
"""

from __future__ import annotations

import os
import pathlib
import warnings
from typing import TYPE_CHECKING, Any

import mtdh

from . import BridgeWarning, _book
from ._read import needed, nanoseconds, one_key, present

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BOOKS = ("incremental_book_L2", "book_snapshot_25", "book_snapshot_5")


def to_hftbacktest(
    lake: mtdh.Lake, key: str, start: Any, end: Any = None, *, book: str | None = None, base_latency_ns: int = 0,
    min_grade: str | None = None, path: str | os.PathLike[str] | None = None,
) -> NDArray[np.void]:
    """The trades and the book of one instrument as hftbacktest's events.

    Args:
        lake: The lake.
        key: One instrument key.
        start: First day or moment, by arrival, UTC.
        end: Last day (included) or moment (excluded); `None`: the day, month or moment of `start`.
        book: `incremental_book_L2`, `book_snapshot_25` or `book_snapshot_5`; `None`: the first of these that the lake has on all
            days, with a `BridgeWarning` where it is not the first.
        base_latency_ns: Added to all arrivals where some are earlier than the exchange's clock, in nanoseconds.
        min_grade: As of `lake.get`: refuse what a check graded below it.
        path: Write the array there too, as `.npz` with the one member `data`, whole or not at all.

    Returns:
        A one-dimensional array of `hftbacktest.event_dtype`, in the order that its `validate_event_order` wants: `exch_ts` and
        `local_ts` in nanoseconds since the Unix epoch, UTC; `px` in the price currency, `qty` in the unit of the lake's `amount`.
        A trade of unknown side has neither BUY_EVENT nor SELL_EVENT: it fills no order. Keep the array while a backtest runs:
        hftbacktest reads it where it is and does not hold it.

    Raises:
        MissingData: Trades or the book are missing on a day, or no whole book begins.
        GradeTooLow: Something is below `min_grade`.
        BadRequest: A pattern instead of a key, or another `book`.
        ImportError: hftbacktest is not installed.

    Where an arrival is earlier than its exchange time, hftbacktest cannot order the two: as its own converter does, all arrivals are
    moved by the largest such difference, with a `BridgeWarning` that names it.

    Example:
        >>> events = lake.to_hftbacktest("DERIBIT:PERP:BTC-USD", "2024-03-01", path="btc.npz")  # doctest: +SKIP
        >>> asset = hftbacktest.BacktestAsset().data(events).tick_size(0.5).lot_size(10)  # doctest: +SKIP
    """
    package = needed("hftbacktest", "hftbacktest==2.4.4", "to_hftbacktest")
    one_key(key)
    if book is not None and book not in BOOKS:
        raise mtdh.BadRequest(f"book={book!r} is no table of the book: {', '.join(BOOKS)}, or None for the fullest")
    source = book or _book.best_source(lake, key, start, end)
    trades = _trades(package, lake, key, start, end, min_grade)
    if source == "incremental_book_L2":
        levels = _book.of_updates(lake, key, start, end, min_grade)
    else:
        rows = present(lake, source, key, start, end, min_grade=min_grade).numpy()
        levels = _book.of_snapshots(rows, int(source.rpartition("_")[2]))
    _assert_book_of_each_day(key, source, trades, levels)
    events = in_order(package, trades, _depth(package, levels), base_latency_ns)
    if path is not None:
        _save(path, events)
    return events


def _assert_book_of_each_day(key: str, source: str, trades: NDArray[np.void], levels: _book.Levels) -> None:
    """A day on which the vendor has trades and no book is one over which the book would stand still."""
    import numpy as np

    day_ns = 86_400_000_000_000
    without = np.setdiff1d(trades["local_ts"] // day_ns, np.concatenate([levels.local_ns, levels.book_local_ns]) // day_ns)
    if len(without):
        days = ", ".join(str(np.datetime64(int(day), "D")) for day in without[:5])
        raise mtdh.MissingData(f"{source} of {key} has no row on {days}, and there are trades: choose other days, or another book=")


def _trades(package: Any, lake: mtdh.Lake, key: str, start: Any, end: Any, min_grade: str | None) -> NDArray[np.void]:
    import numpy as np

    columns = ("timestamp", "local_timestamp", "side", "price", "amount")
    rows = present(lake, "trades", key, start, end, columns, min_grade).numpy()
    events = np.zeros(len(rows["price"]), package.types.event_dtype)
    events["ev"] = package.TRADE_EVENT
    for side, flag in (("buy", package.BUY_EVENT), ("sell", package.SELL_EVENT)):
        events["ev"][np.asarray(rows["side"] == side, dtype=bool)] |= np.uint64(flag)
    events["exch_ts"], events["local_ts"] = nanoseconds(rows["timestamp"]), nanoseconds(rows["local_timestamp"])
    events["px"], events["qty"] = rows["price"], rows["amount"]
    return events


def _depth(package: Any, levels: _book.Levels) -> NDArray[np.void]:
    """Events of the book: of each whole book first the bids, behind an event that clears them, then the asks."""
    import numpy as np

    rows = np.zeros(len(levels.price), package.types.event_dtype)
    kind = np.where(levels.is_snapshot, package.DEPTH_SNAPSHOT_EVENT, package.DEPTH_EVENT)
    rows["ev"] = kind | np.where(levels.is_bid, package.BUY_EVENT, package.SELL_EVENT)
    rows["exch_ts"], rows["local_ts"] = levels.exch_ns, levels.local_ns
    rows["px"], rows["qty"] = levels.price, levels.amount

    parts, keys = [rows], [np.stack([levels.book, _part(levels), np.arange(len(rows))])]

    def clear(books: NDArray[np.integer[Any]], part: int, flag: int, price: NDArray[np.float64] | float) -> None:
        events = np.zeros(len(books), package.types.event_dtype)
        events["ev"], events["px"] = package.DEPTH_CLEAR_EVENT | flag, price
        events["exch_ts"], events["local_ts"] = levels.book_exch_ns[books], levels.book_local_ns[books]
        parts.append(events)
        keys.append(np.stack([books, np.full(len(books), part), np.full(len(books), -1)]))

    # Without a side it clears all, also the levels that hftbacktest hides behind a crossing one.
    clear(np.arange(1, len(levels.book_exch_ns)), -1, 0, 0.0)
    for part, is_bid, flag, outermost in ((0, True, package.BUY_EVENT, np.minimum), (1, False, package.SELL_EVENT, np.maximum)):
        deepest = np.full(len(levels.book_exch_ns), np.inf if is_bid else -np.inf)
        own = levels.is_snapshot & (levels.is_bid == is_bid)
        outermost.at(deepest, levels.book[own], levels.price[own])
        cleared = np.flatnonzero(np.isfinite(deepest))
        clear(cleared, part, flag, deepest[cleared])
    book, part, position = np.concatenate(keys, axis=1)
    ordered: NDArray[np.void] = np.concatenate(parts)[np.lexsort((position, part, book))]
    return ordered


def _part(levels: _book.Levels) -> NDArray[np.int64]:
    """0 and 1: bids and asks of a whole book; 2: changes of it."""
    import numpy as np

    return np.where(levels.is_snapshot, np.where(levels.is_bid, 0, 1), 2)


def in_order(package: Any, trades: NDArray[np.void], depth: NDArray[np.void], base_latency_ns: int) -> NDArray[np.void]:
    """Both clocks in order: an event that one of them has elsewhere comes twice, once for the exchange, once for us.

    Trades are before the book: at one time the book has what the trade left, and the queue would shrink twice.
    """
    import numpy as np

    from hftbacktest.data import correct_event_order, validate_event_order

    events = np.concatenate([trades, depth])
    if not len(events):
        return events
    behind_ns = int((events["exch_ts"] - events["local_ts"]).max())
    if behind_ns > 0:
        events["local_ts"] += behind_ns + base_latency_ns
        warnings.warn(
            f"some rows arrived up to {behind_ns / 1e6:g} ms before the exchange's clock says they happened: all arrivals are moved "
            f"by {(behind_ns + base_latency_ns) / 1e6:g} ms, as hftbacktest's own converter does", BridgeWarning, stacklevel=3)
    by_exchange, by_arrival = (np.argsort(events[clock], kind="stable") for clock in ("exch_ts", "local_ts"))
    ordered: NDArray[np.void] = correct_event_order(events, by_exchange, by_arrival)
    validate_event_order(ordered)
    return ordered


def _save(path: str | os.PathLike[str], events: NDArray[np.void]) -> None:
    import numpy as np

    target = pathlib.Path(path)
    if target.suffix != ".npz":
        raise mtdh.BadRequest(f"{target} does not end in .npz, by which hftbacktest knows its files: name it {target.name}.npz")
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with unfinished.open("wb") as file:
            np.savez_compressed(file, data=events)
        unfinished.replace(target)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
