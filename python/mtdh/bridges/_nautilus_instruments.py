"""Instruments of nautilus_trader from the instrument table.

What the table lacks is not made up. Only price and size steps may be absent (they need an API key): then one unit of the last
decimal in the rows stands for them, and a `BridgeWarning` says so. A contract size that amounts depend on, a currency or an
expiry that are not known are refused.
"""

from __future__ import annotations

import datetime
import warnings
from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import mtdh

from . import BridgeWarning, _book

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from nautilus_trader.model.instruments import Instrument

PRICES = ("price", "bid_price", "ask_price", "open", "high", "low", "close")
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
SIZES = ("amount", "bid_amount", "ask_amount", "volume")


def of_key(lake: mtdh.Lake, key: str, start: Any, tables: Iterable[Any], maker_fee: Decimal | None,
           taker_fee: Decimal | None) -> Instrument:
    """The instrument of a key; `tables` are the rows whose decimals it has to hold, and whose days its terms have to hold on."""
    rows = list(tables)
    days = _days(rows) or [start]
    row = table_row(lake, key, days[0])
    if row["amount_unit"] == "contracts":
        for day in days:
            _assert_same_size(lake, key, row, days[0], day)
    price_step, price_precision = _step(key, "tick_size", row["tick_size"], rows, PRICES)
    size_step, size_precision = _step(key, "min_size", row["min_size"], rows, SIZES)
    return _make(key, row, (price_step, price_precision), (size_step, size_precision), maker_fee, taker_fee)


def _days(tables: list[Any]) -> list[str]:
    """The days on which rows arrived; candles have no arrival and count by their start."""
    import numpy as np

    days: set[str] = set()
    for table in tables:
        if isinstance(table, _book.Levels):
            times = table.local_ns.astype("datetime64[ns]")
        else:
            times = table["local_timestamp"] if "local_timestamp" in table else table["timestamp"]
        days.update(np.datetime_as_string(np.unique(times.astype("datetime64[D]"))).tolist())
    return sorted(days)


def _assert_same_size(lake: mtdh.Lake, key: str, first: dict[str, Any], first_day: Any, day: Any) -> None:
    """An instrument of nautilus has one contract size: a change of it is refused."""
    row = first if day == first_day else table_row(lake, key, day)
    sizes = {first["contract_size"], row["contract_size"], *row["contract_sizes_after"]} - {None}
    if len(sizes) > 1:
        raise mtdh.BadRequest(f"the contract size of {key} changes by {day} ({', '.join(map(str, sorted(sizes)))}), and a nautilus "
                              "instrument has one: write the time before and the time after into two catalogs")


def table_row(lake: mtdh.Lake, key: str, day: Any) -> dict[str, Any]:
    """The key's row of the instrument table of a day, as Python values."""
    rows = lake.instruments(day, instruments=[key]).arrow().to_pylist()
    for row in rows:
        if row["instrument_key"] == key:
            return dict(row)
    raise mtdh.UnknownInstrument(f"the instrument table of {day} has no {key}", f"lake.instruments({str(day)!r}) has its keys")


def decimals(values: NDArray[np.float64]) -> int:
    """The fewest decimals with which all values are exact, at most 16, beyond which nautilus holds none.

        >>> import numpy as np
        >>> decimals(np.array([62331.5, 0.0001]))
        4
    """
    import numpy as np

    values = np.unique(values[~np.isnan(values)])
    for places in range(17):
        values = values[np.round(values, places) != values]
        if not len(values):
            return places
    raise mtdh.BadRequest(f"{values[0]!r} has more than 16 decimals, which nautilus_trader cannot hold")


def _step(key: str, column: str, step: Any, tables: list[Any], names: tuple[str, ...]) -> tuple[Decimal, int]:
    """Step and decimals: those of the table, or of the rows where the table has none."""
    finest = 0
    for table in tables:
        if isinstance(table, _book.Levels):
            finest = max(finest, decimals(table.price if names is PRICES else table.amount))
        else:
            finest = max([finest, *(decimals(table[name]) for name in names if name in table)])
    if step is None:
        unit = Decimal(1).scaleb(-finest)
        warnings.warn(f"the instrument table has no {column} of {key}: {unit} is used, one unit of the last decimal in the rows; the "
                      "exchange's own is not below it", BridgeWarning, stacklevel=5)
        return unit, finest
    exact = Decimal(repr(float(step))).normalize()
    return exact, max(finest, -int(exact.as_tuple().exponent), 0)


def _known(key: str, row: dict[str, Any], column: str) -> Any:
    if row[column] is None:
        raise mtdh.MissingData(
            f"the instrument table has no {column} of {key}, which its nautilus instrument needs: nothing is made up",
            "lake.write_instruments(day) with an API key whose plan includes the instrument metadata")
    return row[column]


def _multiplier(key: str, row: dict[str, Any]) -> Decimal:
    """What one unit of `amount` is worth: 1, unless amounts count contracts."""
    unit = _known(key, row, "amount_unit")
    return Decimal(repr(float(_known(key, row, "contract_size")))).normalize() if unit == "contracts" else Decimal(1)


def _make(key: str, row: dict[str, Any], price: tuple[Decimal, int], size: tuple[Decimal, int], maker_fee: Decimal | None,
          taker_fee: Decimal | None) -> Instrument:
    from nautilus_trader.model.enums import OptionKind
    from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
    from nautilus_trader.model.instruments import CryptoFuture, CryptoOption, CryptoPerpetual, CurrencyPair
    from nautilus_trader.model.objects import Currency, Price, Quantity

    def currency(column: str) -> Any:
        return Currency.from_str(str(_known(key, row, column)).upper())

    def moment(column: str) -> int:
        time: datetime.datetime = _known(key, row, column)
        return (time - EPOCH) // datetime.timedelta(microseconds=1) * 1000

    # The vendor writes Binance's symbols in lower case where it takes them from streams; its files have them as the exchange.
    raw_symbol = str(_known(key, row, "exchange_raw_symbol"))
    symbol = str(row["tardis_symbol"] or raw_symbol)
    known_since = moment("available_from_datetime")
    terms: dict[str, Any] = {
        "instrument_id": InstrumentId(Symbol(symbol), Venue(str(row["venue"]))), "raw_symbol": Symbol(raw_symbol),
        "price_precision": price[1], "size_precision": size[1],
        "price_increment": Price(price[0], price[1]), "size_increment": Quantity(size[0], size[1]),
        "min_quantity": Quantity(size[0], size[1]),
        "maker_fee": maker_fee, "taker_fee": taker_fee, "ts_event": known_since, "ts_init": known_since,
        "info": {"instrument_key": key},
    }
    kind = row["instrument_type"]
    if kind == "SPOT_PAIR":
        return CurrencyPair(base_currency=currency("base_asset"), quote_currency=currency("quote_asset"), **terms)

    worth = _multiplier(key, row)
    terms |= {"multiplier": Quantity(worth, max(0, -int(worth.as_tuple().exponent))), "settlement_currency": currency("settle_asset")}
    if kind == "PERP":
        return CryptoPerpetual(base_currency=currency("base_asset"), quote_currency=currency("quote_asset"),
                               is_inverse=bool(_known(key, row, "inverse")), **terms)
    if kind not in ("FUTURE", "OPTION"):
        raise mtdh.BadRequest(f"{key}: nautilus_trader has no class for {kind} of a crypto exchange")
    terms |= {"underlying": currency("base_asset"), "activation_ns": known_since, "expiration_ns": moment("expiry")}
    if row["terms_source"] is None:
        warnings.warn(f"the expiry of {key} is that of its name at the venue's usual hour: the vendor's terms are not known",
                      BridgeWarning, stacklevel=5)
    if kind == "FUTURE":
        return CryptoFuture(quote_currency=currency("quote_asset"), is_inverse=bool(_known(key, row, "inverse")), **terms)
    # Options that are settled in a coin are priced in it, so that their value is amount times price in that coin: linear.
    prices_in = currency("price_currency")
    strike = Decimal(str(_known(key, row, "strike")))
    return CryptoOption(
        quote_currency=prices_in, is_inverse=bool(_known(key, row, "inverse")) and prices_in != terms["settlement_currency"],
        option_kind=OptionKind[str(_known(key, row, "option_type"))],
        strike_price=Price(strike, max(0, -int(strike.as_tuple().exponent))), **terms)
