"""The as-of join against polars' own, and what amounts are worth against the formulas written out here."""

import datetime

import polars as pl
import pytest

import mtdh
from demo_lake import DAY, KEY, SPOT

CLOCKS = {"arrival": "local_timestamp", "exchange": "timestamp"}


@pytest.mark.parametrize("tolerance", [None, datetime.timedelta(milliseconds=200)])
@pytest.mark.parametrize("clock", CLOCKS)
def test_the_as_of_join_is_that_of_polars(demo, clock, tolerance):
    trades = demo.trades(KEY, DAY, clock=clock, columns=["local_timestamp", "timestamp", "price", "amount"])
    quotes = demo.quotes(KEY, DAY, clock=clock, columns=["local_timestamp", "timestamp", "bid_price", "ask_price"])
    spot = demo.trades(SPOT, DAY, clock=clock, columns=["local_timestamp", "timestamp", "price"])
    joined = trades.asof(q=quotes, spot=spot, tolerance=tolerance).polars()
    column = CLOCKS[clock]
    expected = trades.polars().sort(column, maintain_order=True)
    for name, rows in (("q", quotes), ("spot", spot)):
        beside = rows.polars().sort(column, maintain_order=True).select(pl.all().name.prefix(f"{name}_"))
        expected = expected.join_asof(
            beside, left_on=column, right_on=f"{name}_{column}", strategy="backward", tolerance=tolerance, coalesce=False
        )
    assert joined.height == trades.count() > 1000
    assert joined.equals(expected.select(joined.columns))
    assert (joined[column] >= joined[f"q_{column}"]).all(), "nothing stands beside a row that was not there yet"
    assert joined["q_bid_price"].null_count() < joined.height / 2


def test_joins_by_two_clocks_are_refused(demo):
    with pytest.raises(mtdh.BadRequest, match="one clock"):
        demo.trades(KEY, DAY).asof(q=demo.quotes(KEY, DAY, clock="exchange"))


# The instrument, and its amounts in base and quote by price, amount and contract size, as its venue states them.
WORTHS = [
    (KEY, lambda price, amount, size: (amount / price, amount)),
    (SPOT, lambda price, amount, size: (amount, price * amount)),
]


@pytest.mark.parametrize("key, worth", WORTHS, ids=[key for key, _ in WORTHS])
def test_amounts_are_worth_what_the_venue_says(demo, key, worth):
    rows = demo.trades(key, DAY).notional()
    frame = rows.polars()
    assert frame.columns == [*demo.trades(key, DAY).columns, "base_amount", "quote_amount", "settle_amount"]
    size = demo.instruments(DAY, instruments=key).polars()["contract_size"][0]
    for row in frame.sample(200, seed=1).iter_rows(named=True):
        base, quote = worth(row["price"], row["amount"], size)
        assert row["base_amount"] == pytest.approx(base, rel=1e-12)
        assert row["quote_amount"] == pytest.approx(quote, rel=1e-12)
    assert frame["settle_amount"].null_count() == frame.height
    # The same by every route, also those that otherwise leave reading to others.
    total = frame["quote_amount"].sum()
    assert rows.lazy().select(pl.col("quote_amount").sum()).collect().item() == pytest.approx(total)
    assert rows.duckdb().aggregate("sum(quote_amount)").fetchall()[0][0] == pytest.approx(total)
    assert rows.numpy()["quote_amount"].sum() == pytest.approx(total)
    assert sum(batch.numpy()["quote_amount"].sum() for batch in rows) == pytest.approx(total)


def test_only_tables_with_price_and_amount_have_a_worth(demo):
    for data_type in ("quotes", "book_snapshot_5", "derivative_ticker"):
        with pytest.raises(mtdh.BadRequest, match="price"):
            demo.get(data_type, KEY, DAY).notional()
    assert demo.trades(KEY, DAY, columns=["price"]).notional().columns == ["price", "base_amount", "quote_amount", "settle_amount"]
