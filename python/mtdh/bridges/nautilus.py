"""A lake's rows in a data catalog of nautilus_trader (https://nautilustrader.io/docs/latest/concepts/data).

`ts_event` is the exchange's clock, `ts_init` is when we knew: the arrival, of a bar the later of its end and the arrival of its
last trade. nautilus replays by `ts_init`, so that a strategy sees nothing early.

Instruments are made in `mtdh.bridges._nautilus_instruments`, from the instrument table and from the decimals of the rows.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import mtdh

from . import BridgeWarning, _book
from . import _nautilus_instruments as instruments
from ._read import Columns, named_days, nanoseconds, needed, one_key, present

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from nautilus_trader.model.instruments import Instrument
    from nautilus_trader.persistence.catalog import ParquetDataCatalog

# A file of the catalog has at most about as many rows: each is an object of some hundred bytes on its way there.
BLOCK_ROWS = 500_000


def to_nautilus(
    lake: mtdh.Lake, catalog: str | os.PathLike[str] | ParquetDataCatalog, keys: str | Iterable[str],
    data_types: str | Iterable[str], start: Any, end: Any = None, *, maker_fee: Decimal | None = None,
    taker_fee: Decimal | None = None, min_grade: str | None = None,
) -> dict[str, Instrument]:
    """Writes instruments and their rows into a catalog of nautilus_trader.

    Args:
        lake: The lake.
        catalog: A `ParquetDataCatalog`, or the folder of one, made where it is absent.
        keys: One or several instrument keys, no patterns.
        data_types: `trades` (TradeTick), `quotes` or `book_ticker` (QuoteTick), `incremental_book_L2` (OrderBookDelta), and
            `candles_1m` and the like (Bar; any timeframe of seconds, minutes, hours or a day that the lake has).
        start: First day or moment, by arrival (candles: by their start), UTC.
        end: Last day (included) or moment (excluded); `None`: the day, month or moment of `start`.
        maker_fee: Fraction of a fill's value; `None`: 0. The lake knows no fees.
        taker_fee: The same for takers.
        min_grade: As of `lake.get`: refuse what a check graded below it; candles have no grade.

    Returns:
        The instruments by key, as they are in the catalog. Their id is `{vendor's symbol}.{venue}`.

    Raises:
        MissingData: Something is missing on a day, or the instrument table has not what an instrument needs.
        UnknownInstrument: The instrument tables of these days do not have the key.
        GradeTooLow: Something is below `min_grade`.
        BadRequest: A data type that nautilus has no class for, a price beyond its 16 decimals, or rows that the catalog has.
        ImportError: nautilus_trader is not installed.

    Nothing is rounded: the precision is that of the finest price (amount) of step, smallest order and rows. Where the table has no
    step (no API key), one unit of the last decimal stands for it, with a `BridgeWarning`. A quote with one side only cannot be held
    by a QuoteTick and is left out, with a `BridgeWarning` that counts them. A trade without an id gets `row-{n}`, its place among the rows
    that were asked for.

    Example:
        >>> made = lake.to_nautilus("catalog", "DERIBIT:PERP:BTC-USD", ["trades", "candles_1m"], "2024-03-01")  # doctest: +SKIP
        >>> made["DERIBIT:PERP:BTC-USD"].id  # doctest: +SKIP
        InstrumentId('BTC-PERPETUAL.DERIBIT')
    """
    needed("nautilus_trader", "nautilus_trader", "to_nautilus")
    from nautilus_trader.persistence.catalog import ParquetDataCatalog

    names = [data_types] if isinstance(data_types, str) else list(data_types)
    for name in names:
        if name not in ROWS and not name.startswith("candles_"):
            raise mtdh.BadRequest(f"nautilus_trader has no class for {name}: {', '.join(ROWS)} or candles_TIMEFRAME")
    if not isinstance(catalog, ParquetDataCatalog):
        os.makedirs(catalog, exist_ok=True)
        catalog = ParquetDataCatalog(os.path.abspath(catalog))

    made: dict[str, Instrument] = {}
    for key in [keys] if isinstance(keys, str) else list(keys):
        tables = {name: _table(lake, name, one_key(key), start, end, min_grade) for name in names}
        instrument = instruments.of_key(lake, key, start, tables.values(), maker_fee, taker_fee)
        catalog.write_data([instrument])
        for name, rows in tables.items():
            make = bars if name.startswith("candles_") else ROWS[name]
            _write(catalog, instrument, name, make(instrument, rows))
        made[key] = instrument
    return made


def _table(lake: mtdh.Lake, name: str, key: str, start: Any, end: Any, min_grade: str | None) -> Any:
    """The rows of one data type: columns, or levels of a book."""
    if name == "incremental_book_L2":
        return _book.of_updates(lake, key, start, end, min_grade)
    if not name.startswith("candles_"):
        return present(lake, name, key, start, end, min_grade=min_grade).numpy()
    timeframe = name.removeprefix("candles_")
    rows = lake.candles(key, timeframe, start, end)
    if rows.missing:
        raise mtdh.MissingData(f"the lake has no {timeframe} candles of {key} on {named_days(rows.missing)}",
                               f'lake.make_candles("{rows.missing[0][2]}", ["{timeframe}"], instruments=["{key}"])', rows.missing)
    return {**rows.numpy(), "timeframe": timeframe}


def _write(catalog: ParquetDataCatalog, instrument: Instrument, name: str, blocks: Iterable[list[Any]]) -> None:
    for block in blocks:
        try:
            catalog.write_data(block)
        except AssertionError as error:
            raise mtdh.BadRequest(
                f"the catalog has {name} of {instrument.id} from this time already: choose another folder, or remove them with "
                "catalog.delete_data_range()") from error


def _blocks(ts_init: NDArray[np.integer[Any]]) -> Iterator[slice]:
    """Slices of a limited length whose borders are between two arrivals, as files of a catalog must not overlap."""
    import numpy as np

    begin = 0
    while begin < len(ts_init):
        end = min(begin + BLOCK_ROWS, len(ts_init))
        if end < len(ts_init):
            first = int(np.searchsorted(ts_init, ts_init[end], side="left"))
            end = first if first > begin else int(np.searchsorted(ts_init, ts_init[end], side="right"))
        yield slice(begin, end)
        begin = end


def _clocks(rows: Columns) -> tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.intp]]:
    """Exchange time and arrival by arrival, and the order that this needs: rows of some venues arrive out of order."""
    import numpy as np

    local = nanoseconds(rows["local_timestamp"])
    order = np.argsort(local, kind="stable")
    return nanoseconds(rows["timestamp"])[order].astype(np.uint64), local[order].astype(np.uint64), order


def trades(instrument: Instrument, rows: Columns) -> Iterator[list[Any]]:
    """TradeTick of each row; the aggressor of a trade of unknown side is NO_AGGRESSOR."""
    import numpy as np

    from nautilus_trader.model.data import TradeTick
    from nautilus_trader.model.enums import AggressorSide

    ts_event, ts_init, order = _clocks(rows)
    side, price, amount = rows["side"][order], rows["price"][order], rows["amount"][order]
    aggressor = np.zeros(len(order), dtype=np.uint8)
    aggressor[np.asarray(side == "buy", dtype=bool)] = AggressorSide.BUYER.value
    aggressor[np.asarray(side == "sell", dtype=bool)] = AggressorSide.SELLER.value
    ids = [f"row-{row}" if text is None or text != text else str(text) for row, text in zip(order, rows["id"][order])]
    for part in _blocks(ts_init):
        yield TradeTick.from_raw_arrays_to_list(
            instrument.id, instrument.price_precision, instrument.size_precision, price[part], amount[part], aggressor[part],
            ids[part], ts_event[part], ts_init[part])


def quotes(instrument: Instrument, rows: Columns) -> Iterator[list[Any]]:
    """QuoteTick of each row with both sides."""
    import numpy as np

    from nautilus_trader.model.data import QuoteTick

    ts_event, ts_init, order = _clocks(rows)
    values = [rows[name][order] for name in ("bid_price", "ask_price", "bid_amount", "ask_amount")]
    whole = ~np.isnan(np.stack(values)).any(axis=0)
    if not whole.all():
        warnings.warn(f"{int((~whole).sum()):,} of {len(whole):,} quotes of {instrument.id} have one side only and are left out: a "
                      "QuoteTick needs both", BridgeWarning, stacklevel=4)
        ts_event, ts_init, values = ts_event[whole], ts_init[whole], [column[whole] for column in values]
    for part in _blocks(ts_init):
        yield QuoteTick.from_raw_arrays_to_list(
            instrument.id, instrument.price_precision, instrument.size_precision, *(column[part] for column in values),
            ts_event[part], ts_init[part])


def deltas(instrument: Instrument, levels: _book.Levels) -> Iterator[list[Any]]:
    """OrderBookDelta of each level, a CLEAR before each whole book; F_LAST ends what arrived at one time."""
    import numpy as np

    from nautilus_trader.model.data import BookOrder, OrderBookDelta
    from nautilus_trader.model.enums import BookAction, OrderSide, RecordFlag
    from nautilus_trader.model.objects import Price, Quantity

    snapshot, last = RecordFlag.F_SNAPSHOT.value, RecordFlag.F_LAST.value
    sides = (OrderSide.SELL, OrderSide.BUY)
    # Clears among the levels: rows of a whole book are behind the one that begins it.
    first = np.searchsorted(levels.book, np.arange(len(levels.book_local_ns)), side="left")
    local_ns = np.insert(levels.local_ns, first, levels.book_local_ns)
    exch_ns = np.insert(levels.exch_ns, first, levels.book_exch_ns)
    row = np.insert(np.arange(len(levels.price)), first, -1)
    if (np.diff(local_ns) < 0).any():
        order = np.argsort(local_ns, kind="stable")
        local_ns, exch_ns, row = local_ns[order], exch_ns[order], row[order]
    is_last = np.append(local_ns[1:] != local_ns[:-1], True)

    for part in _blocks(local_ns):
        block = []
        for at, exch, local, ends in zip(row[part].tolist(), exch_ns[part].tolist(), local_ns[part].tolist(), is_last[part].tolist()):
            flags = last if ends else 0
            if at < 0:
                block.append(OrderBookDelta(instrument.id, BookAction.CLEAR, None, flags | snapshot, 0, exch, local))
                continue
            amount = float(levels.amount[at])
            if levels.is_snapshot[at]:
                action, flags = BookAction.ADD, flags | snapshot
            else:
                action = BookAction.UPDATE if amount > 0 else BookAction.DELETE
            level = BookOrder(sides[int(levels.is_bid[at])], Price(float(levels.price[at]), instrument.price_precision),
                              Quantity(amount, instrument.size_precision), 0)
            block.append(OrderBookDelta(instrument.id, action, level, flags, 0, exch, local))
        yield block


def bars(instrument: Instrument, rows: Columns) -> Iterator[list[Any]]:
    """Bar of each candle with trades; its time is the candle's end."""
    import numpy as np

    from nautilus_trader.model.data import Bar, BarType

    timeframe = str(rows["timeframe"])
    seconds, words = _timeframe(timeframe)
    bar_type = BarType.from_str(f"{instrument.id}-{words}-LAST-EXTERNAL")
    traded = rows["trade_count"] > 0
    ends = nanoseconds(rows["timestamp"][traded]) + seconds * 1_000_000_000
    known = np.maximum(ends, nanoseconds(rows["last_arrival"][traded]))
    order = np.argsort(known, kind="stable")
    values = [np.ascontiguousarray(rows[name][traded][order]) for name in ("open", "high", "low", "close", "volume")]
    ts_event, ts_init = ends[order].astype(np.uint64), known[order].astype(np.uint64)
    for part in _blocks(ts_init):
        yield Bar.from_raw_arrays_to_list(bar_type, instrument.price_precision, instrument.size_precision,
                                          *(column[part] for column in values), ts_event[part], ts_init[part])


def _timeframe(timeframe: str) -> tuple[int, str]:
    """Seconds of a timeframe, and nautilus' words for it: `5m` is (300, "5-MINUTE")."""
    units = {"s": (1, "SECOND"), "m": (60, "MINUTE"), "h": (3600, "HOUR"), "d": (86_400, "DAY")}
    number, unit = timeframe[:-1], timeframe[-1:]
    if not number.isdigit() or unit not in units:
        raise mtdh.BadRequest(f"candles_{timeframe}: a timeframe is a number and s, m, h or d, as 5m")
    if timeframe == "24h":
        number, unit = "1", "d"
    seconds, word = units[unit]
    return int(number) * seconds, f"{number}-{word}"


ROWS: dict[str, Callable[[Instrument, Any], Iterator[list[Any]]]] = {
    "trades": trades, "quotes": quotes, "book_ticker": quotes, "incremental_book_L2": deltas,
}
