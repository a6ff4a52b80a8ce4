"""`to_nautilus`: what nautilus reads back is the lake's, instruments have nothing made up, and a backtest reckoned by hand."""

from decimal import Decimal

import numpy as np
import pytest

import mtdh
from given import BOOK, KEY, PERP, T0, TRADES, Lake, book_rows, second, trade_rows, utc

pytest.importorskip("nautilus_trader", reason="nautilus_trader is not installed: scripts/requirements-bridges.txt has it")
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig  # noqa: E402
from nautilus_trader.config import LoggingConfig  # noqa: E402
from nautilus_trader.model.currencies import USDT  # noqa: E402
from nautilus_trader.model.data import Bar, BarType, OrderBookDelta, QuoteTick, TradeTick  # noqa: E402
from nautilus_trader.model.enums import AccountType, BookAction, BookType, OmsType, OrderSide, RecordFlag  # noqa: E402
from nautilus_trader.model.identifiers import InstrumentId, Venue  # noqa: E402
from nautilus_trader.model.objects import Money  # noqa: E402
from nautilus_trader.persistence.catalog import ParquetDataCatalog  # noqa: E402
from nautilus_trader.trading.strategy import Strategy  # noqa: E402

from mtdh.bridges import BridgeWarning, nautilus  # noqa: E402
from mtdh.bridges._nautilus_instruments import decimals  # noqa: E402
from mtdh.bridges.nautilus import to_nautilus  # noqa: E402

DAY = "2024-03-01"
QUOTES = "\n".join([
    "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount",
    f"x,y,{second(1)},3,101,100,5", f"x,y,{second(2)},,,100,5", f"x,y,{second(3)},2,101.5,100.5,0.25"])
CANDLES = "\n".join([
    "timestamp,open,high,low,close,volume,trade_count,last_arrival",
    f"{T0},100,101,99,99,6,2,{T0 + 5_001_000}", f"{T0 + 60_000_000},99,99,99,99,0,0,{T0}",
    f"{T0 + 120_000_000},99,102,99,101,1,1,{T0 + 180_002_000}"])
TABLES = {"trades": TRADES, "quotes": QUOTES, "incremental_book_L2": BOOK, "candles_1m": CANDLES}


def written(tmp_path, tables, data_types, terms=PERP, **options):
    """A catalog made of tables, opened anew, and the instrument."""
    made = to_nautilus(Lake(tables, terms), tmp_path / "catalog", terms["instrument_key"], data_types, DAY, **options)
    return ParquetDataCatalog(str(tmp_path / "catalog")), made[terms["instrument_key"]]


def exact(values):
    return [Decimal(repr(float(value))) for value in values]


def test_trades_come_back(tmp_path):
    trades = TRADES + f"x,y,{second(14)},,unknown,0.00000001,123456.789\n"
    catalog, instrument = written(tmp_path, {"trades": trades}, "trades")
    back, rows = catalog.query(TradeTick, [str(instrument.id)]), Lake({"trades": trades}).get("trades", KEY, DAY).numpy()
    assert [tick.price.as_decimal() for tick in back] == exact(rows["price"])
    assert [tick.size.as_decimal() for tick in back] == exact(rows["amount"])
    assert [tick.aggressor_side.name for tick in back] == ["SELLER", "SELLER", "BUYER", "NO_AGGRESSOR"]
    assert [str(tick.trade_id) for tick in back] == ["1", "2", "3", "row-3"]
    assert [tick.ts_event // 1000 for tick in back] == rows["timestamp"].astype("int64").tolist()
    assert [tick.ts_init // 1000 for tick in back] == rows["local_timestamp"].astype("int64").tolist()


def test_quotes_come_back_and_those_of_one_side_are_counted(tmp_path):
    with pytest.warns(BridgeWarning, match="1 of 3 quotes"):
        catalog, instrument = written(tmp_path, TABLES, ["quotes"])
    back = catalog.query(QuoteTick, [str(instrument.id)])
    assert [(str(tick.bid_price), str(tick.ask_price), str(tick.bid_size), str(tick.ask_size)) for tick in back] == [
        ("100.0", "101.0", "5.00", "3.00"), ("100.5", "101.5", "0.25", "2.00")]


# What the rules of a book make of rows: the rows, then action, side, price, amount, snapshot, last of its time.
RULES = [
    ("a snapshot begins with CLEAR and ends with F_LAST",
     [(1, "s", "ask", 101, 3), (1, "s", "bid", 100, 5), (2, "u", "bid", 100, 0), (2, "u", "bid", 99, 1)],
     ["CLEAR s", "ADD SELL 101 3 s", "ADD BUY 100 5 s last", "DELETE BUY 100 0", "UPDATE BUY 99 1 last"]),
    ("updates before the first snapshot are left out",
     [(1, "u", "bid", 98, 1), (2, "s", "bid", 100, 5)], ["CLEAR s", "ADD BUY 100 5 s last"]),
    ("a venue that sends only snapshots: each is a book",
     [(1, "s", "bid", 100, 5), (2, "s", "bid", 99, 5)],
     ["CLEAR s", "ADD BUY 100 5 s last", "CLEAR s", "ADD BUY 99 5 s last"]),
]


@pytest.mark.parametrize("rows,expected", [case[1:] for case in RULES], ids=[case[0] for case in RULES])
def test_rules_of_a_book(tmp_path, rows, expected):
    catalog, instrument = written(tmp_path, {"incremental_book_L2": book_rows(*rows)}, "incremental_book_L2")
    told = []
    for delta in catalog.query(OrderBookDelta, [str(instrument.id)]):
        level = [] if delta.action == BookAction.CLEAR else [
            delta.order.side.name, f"{float(delta.order.price):g}", f"{float(delta.order.size):g}"]
        flags = [word for word, flag in (("s", RecordFlag.F_SNAPSHOT), ("last", RecordFlag.F_LAST)) if delta.flags & flag.value]
        told.append(" ".join([delta.action.name, *level, *flags]))
    assert told == expected


def test_bars_come_back_when_they_were_known(tmp_path):
    catalog, instrument = written(tmp_path, TABLES, "candles_1m")
    back = catalog.query(Bar, [f"{instrument.id}-1-MINUTE-LAST-EXTERNAL"])
    assert [(str(bar.open), str(bar.high), str(bar.low), str(bar.close), str(bar.volume)) for bar in back] == [
        ("100.0", "101.0", "99.0", "99.0", "6"), ("99.0", "102.0", "99.0", "101.0", "1")]
    # The first is known at its end, the other when its last trade had arrived; the minute without a trade is no bar.
    assert [bar.ts_event // 1000 - T0 for bar in back] == [60_000_000, 180_000_000]
    assert [bar.ts_init // 1000 - T0 for bar in back] == [60_000_000, 180_002_000]


def test_files_of_a_catalog_do_not_overlap_where_rows_share_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(nautilus, "BLOCK_ROWS", 2)
    trades = trade_rows(*[(at, "buy", 100, 1) for at in (1, 2, 2, 2, 3, 3, 4)])
    catalog, instrument = written(tmp_path, {"trades": trades}, "trades")
    assert [str(tick.trade_id) for tick in catalog.query(TradeTick, [str(instrument.id)])] == list("1234567")
    assert len(list((tmp_path / "catalog").rglob("*.parquet"))) > 3


def test_a_second_time_is_refused(tmp_path):
    written(tmp_path, TABLES, "trades")
    shifted = {"trades": trade_rows((4.5, "sell", 100, 2), (20, "buy", 100, 1))}
    with pytest.raises(mtdh.BadRequest, match="has trades of BTCUSDT.EXAMPLE from this time already"):
        written(tmp_path, shifted, "trades")


SPOT = {**PERP, "instrument_key": "EXAMPLE:SPOT_PAIR:BTC-USDT", "instrument_type": "SPOT_PAIR", "settle_asset": None, "inverse": None,
        "contract_size": None, "tick_size": 0.01, "min_size": 0.00001}
INVERSE = {**PERP, "instrument_key": "EXAMPLE:PERP:BTC-USD", "quote_asset": "USD", "settle_asset": "BTC", "inverse": True,
           "amount_unit": "quote", "contract_size": 10.0, "price_currency": "USD"}
CONTRACTS = {**PERP, "amount_unit": "contracts", "contract_size": 0.01}
FUTURE = {**PERP, "instrument_key": "EXAMPLE:FUTURE:BTC-USDT-240329", "instrument_type": "FUTURE", "expiry": utc("2024-03-29T08:00:00")}
OPTION = {**INVERSE, "instrument_key": "EXAMPLE:OPTION:BTC-USD-240329-65000-CALL", "instrument_type": "OPTION", "amount_unit": "base",
          "contract_size": 1.0, "tick_size": 0.0001, "strike": "65000.5", "option_type": "CALL", "expiry": utc("2024-03-29T08:00:00"),
          "price_currency": "BTC"}
# Class, and what it must say of terms; the rest is the same for all.
INSTRUMENTS = [
    ("spot", SPOT, "CurrencyPair", {"price_increment": "0.01", "size_increment": "0.00001", "multiplier": "1"}),
    ("linear", PERP, "CryptoPerpetual", {"is_inverse": "False", "settlement_currency": "USDT", "multiplier": "1"}),
    ("inverse, amounts in quote", INVERSE, "CryptoPerpetual", {"is_inverse": "True", "settlement_currency": "BTC", "multiplier": "1"}),
    ("amounts in contracts", CONTRACTS, "CryptoPerpetual", {"is_inverse": "False", "multiplier": "0.01"}),
    ("future", FUTURE, "CryptoFuture", {"underlying": "BTC", "expiration_utc": "2024-03-29 08:00:00+00:00"}),
    ("option priced in its coin", OPTION, "CryptoOption",
     {"quote_currency": "BTC", "is_inverse": "False", "strike_price": "65000.5", "option_kind": "1", "price_increment": "0.0001"}),
]


@pytest.mark.parametrize("terms,name,expected", [case[1:] for case in INSTRUMENTS], ids=[case[0] for case in INSTRUMENTS])
def test_instruments_are_those_of_the_table(tmp_path, terms, name, expected):
    catalog, made = written(tmp_path, TABLES, "trades", terms, taker_fee=Decimal("0.0005"))
    (back,) = catalog.instruments()
    for instrument in (made, back):
        assert type(instrument).__name__ == name
        assert {word: str(getattr(instrument, word)) for word in expected} == expected
        assert (str(instrument.id), str(instrument.raw_symbol)) == ("BTCUSDT.EXAMPLE", "btcusdt")
        assert (instrument.taker_fee, instrument.maker_fee) == (Decimal("0.0005"), 0)
        assert instrument.info == {"instrument_key": terms["instrument_key"]}


def test_steps_that_the_table_lacks_are_the_last_decimal_of_the_rows(tmp_path):
    trades = trade_rows((1, "buy", 100.25, 1), (2, "buy", 100.5, 0.125))
    with pytest.warns(BridgeWarning) as told:
        _, made = written(tmp_path, {"trades": trades}, "trades", {**PERP, "tick_size": None, "min_size": None})
    assert (str(made.price_increment), str(made.size_increment)) == ("0.01", "0.001")
    assert [str(line.message)[:44] for line in told] == [
        "the instrument table has no tick_size of EXA", "the instrument table has no min_size of EXAM"]


def test_rows_finer_than_the_step_keep_their_decimals(tmp_path):
    catalog, made = written(tmp_path, {"trades": trade_rows((1, "buy", 100.25, 1))}, "trades")
    assert (made.price_precision, str(made.price_increment)) == (2, "0.50")
    assert str(catalog.query(TradeTick)[0].price) == "100.25"


@pytest.mark.parametrize("values,places", [([], 0), ([1, 2], 0), ([0.5, 62331.85], 2), ([1e-8], 8), ([float("nan"), 0.1], 1),
                                           ([0.30000000000000004], 17)])
def test_decimals(values, places):
    if places > 16:
        with pytest.raises(mtdh.BadRequest, match="more than 16 decimals"):
            decimals(np.array(values))
    else:
        assert decimals(np.array(values, dtype=float)) == places


# What is refused: tables, terms, data types, the error, its words.
REFUSED = [
    ("a contract size that amounts depend on", TABLES, {**CONTRACTS, "contract_size": None}, "trades", mtdh.MissingData, "contract_size"),
    ("the unit of amounts", TABLES, {**PERP, "amount_unit": None}, "trades", mtdh.MissingData, "amount_unit"),
    ("an expiry", TABLES, {**FUTURE, "expiry": None}, "trades", mtdh.MissingData, "expiry"),
    ("a contract size that changes", TABLES, {**CONTRACTS, "contract_sizes_after": [0.1]}, "trades", mtdh.BadRequest, "changes"),
    ("no rows", {}, PERP, "trades", mtdh.MissingData, "no trades of"),
    ("no candles", {}, PERP, "candles_1m", mtdh.MissingData, "make_candles"),
    ("another data type", TABLES, PERP, "liquidations", mtdh.BadRequest, "no class for liquidations"),
    ("a combo", TABLES, {**PERP, "instrument_type": "COMBO"}, "trades", mtdh.BadRequest, "no class for COMBO"),
]


@pytest.mark.parametrize("tables,terms,data_types,error,words", [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_refused(tmp_path, tables, terms, data_types, error, words):
    with pytest.raises(error, match=words):
        written(tmp_path, tables, data_types, terms)


def test_an_unknown_key_is_refused(tmp_path):
    with pytest.raises(mtdh.UnknownInstrument, match="EXAMPLE:PERP:ETH-USDT"):
        to_nautilus(Lake(TABLES, PERP), tmp_path / "catalog", "EXAMPLE:PERP:ETH-USDT", "trades", DAY)


class BuyThenSell(Strategy):
    """Buys 4 at the market when the book is there, and sells 4 at the market ten seconds later."""

    def __init__(self, instrument):
        super().__init__()
        self.instrument, self.fills = instrument, []

    def on_start(self):
        self.subscribe_order_book_deltas(self.instrument.id, BookType.L2_MBP)
        for at, side in ((2, OrderSide.BUY), (12.5, OrderSide.SELL)):
            self.clock.set_time_alert_ns(side.name, (T0 + int(at * 1_000_000)) * 1000, lambda event, side=side: self.trade(side))

    def trade(self, side):
        self.submit_order(self.order_factory.market(self.instrument.id, side, self.instrument.make_qty(4)))

    def on_order_filled(self, event):
        self.fills.append((event.order_side.name, event.last_px.as_decimal(), event.last_qty.as_decimal()))


def test_a_backtest_fills_as_reckoned_by_hand(tmp_path):
    """Market orders walk through the book of the rows.

    - At second 2 the asks are 3 at 101 and 4 at 102: 4 are bought as 3 * 101 + 1 * 102 = 405.
    - At second 12.5 the bids are 5 at 99 and 1 at 98: 4 are sold at 99, for 396.
    - A fee of 0.05 % of each fill: 0.0005 * (405 + 396) = 0.4005. Of 1,000 USDT 1,000 - 405 + 396 - 0.4005 = 990.5995 are left.
    """
    catalog, instrument = written(tmp_path, TABLES, "incremental_book_L2", taker_fee=Decimal("0.0005"), maker_fee=Decimal("0.0005"))
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    try:
        engine.add_venue(Venue("EXAMPLE"), OmsType.NETTING, AccountType.MARGIN, [Money(1_000, USDT)], book_type=BookType.L2_MBP)
        engine.add_instrument(catalog.instruments()[0])
        engine.add_data(catalog.query(OrderBookDelta, [str(instrument.id)]))
        strategy = BuyThenSell(instrument)
        engine.add_strategy(strategy)
        engine.run()
        assert strategy.fills == [("BUY", Decimal("101.0"), 3), ("BUY", Decimal("102.0"), 1), ("SELL", Decimal("99.0"), 4)]
        (position,) = engine.cache.positions_closed()
        assert position.realized_pnl.as_decimal() == Decimal(396 - 405) - Decimal("0.4005")
        assert engine.cache.account_for_venue(Venue("EXAMPLE")).balance_total(USDT).as_decimal() == Decimal("990.5995")
    finally:
        engine.dispose()
