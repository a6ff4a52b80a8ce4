"""Candles the slow way: with Python's decimal and fractions, interval by interval."""

import collections
import decimal
import fractions

DAY_US = 86_400_000_000
MIDNIGHT = 1_709_251_200_000_000  # 2024-03-01
FRAMES = {"15s": 15_000_000, "1m": 60_000_000, "90s": 90_000_000, "5m": 300_000_000, "15m": 900_000_000,
          "1h": 3_600_000_000, "4h": 14_400_000_000, "24h": DAY_US}
KEY = "DERIBIT:PERP:BTC-USD"
decimal.getcontext().prec = 400

Trade = collections.namedtuple("Trade", "timestamp local_timestamp side price amount")


def exact(value):
    """The vendor's decimal of a stored float: the shortest that reads back as it."""
    return fractions.Fraction(decimal.Decimal(repr(value)))


def total(values):
    return sum((decimal.Decimal(repr(value)) for value in values), decimal.Decimal(0))


def near(fraction):
    """The float nearest to an exact number."""
    return float(fractions.Fraction(fraction))


def median_ms(delays):
    delays = sorted(delays)
    return near(fractions.Fraction(delays[(len(delays) - 1) // 2] + delays[len(delays) // 2], 2000))


def last(rows, column):
    """The last value by time of a column that has one."""
    found = None
    for row in rows:
        if row[column] is not None and (found is None or row["timestamp"] >= found["timestamp"]):
            found = row
    return found and found[column]


def of_book(row):
    if row is None:
        return dict.fromkeys("book_timestamp bid_price bid_amount ask_price ask_amount mid_price spread spread_bps "
                             "bid_depth ask_depth imbalance".split())
    bid, ask = row["bid_price_1"], row["ask_price_1"]
    amounts = {side: [row[f"{side}_amount_{i}"] for i in range(1, 6) if row[f"{side}_amount_{i}"] is not None]
               for side in ("bid", "ask")}
    bids, asks = total(amounts["bid"]), total(amounts["ask"])
    both = None not in (bid, ask)
    return {
        "book_timestamp": row["timestamp"], "bid_price": bid, "bid_amount": row["bid_amount_1"], "ask_price": ask,
        "ask_amount": row["ask_amount_1"], "mid_price": near((exact(bid) + exact(ask)) / 2) if both else None,
        "spread": near(exact(ask) - exact(bid)) if both else None,
        "spread_bps": near((exact(ask) - exact(bid)) / ((exact(ask) + exact(bid)) / 2) * 10_000) if both else None,
        "bid_depth": near(bids), "ask_depth": near(asks),
        "imbalance": near(fractions.Fraction(bids - asks) / fractions.Fraction(bids + asks)) if bids + asks else None,
    }


def candle(start, length, trades, close_before, is_final):
    """The columns that trades make. `trades` are in the order of their arrival; without any it is flat."""
    if not trades:
        row = dict.fromkeys("vwap first_trade last_trade last_arrival delay_min delay_median delay_mean delay_max".split())
        row |= dict.fromkeys("open high low close".split(), close_before)
        row |= dict.fromkeys("volume quote_volume trade_count buy_volume sell_volume buy_count sell_count".split(), 0)
        return row | {"timestamp": start, "is_final": is_final}
    by_time = sorted(trades, key=lambda trade: trade.timestamp)  # a stable sort: ties stay in the order of arrival
    volume = total(t.amount for t in trades)
    quote = sum((decimal.Decimal(repr(t.price)) * decimal.Decimal(repr(t.amount)) for t in trades), decimal.Decimal(0))
    sides = {side: [t for t in trades if t.side == side] for side in ("buy", "sell")}
    delays = [t.local_timestamp - t.timestamp for t in trades]
    return {
        "timestamp": start, "open": by_time[0].price, "high": max(t.price for t in trades),
        "low": min(t.price for t in trades), "close": by_time[-1].price, "volume": near(volume),
        "quote_volume": near(quote), "trade_count": len(trades),
        "vwap": near(fractions.Fraction(quote) / fractions.Fraction(volume)) if volume else None,
        "buy_volume": near(total(t.amount for t in sides["buy"])), "buy_count": len(sides["buy"]),
        "sell_volume": near(total(t.amount for t in sides["sell"])), "sell_count": len(sides["sell"]),
        "first_trade": by_time[0].timestamp, "last_trade": by_time[-1].timestamp,
        "last_arrival": max(t.local_timestamp for t in trades), "delay_min": min(delays) / 1000,
        "delay_median": median_ms(delays), "delay_max": max(delays) / 1000,
        "delay_mean": near(fractions.Fraction(sum(delays), len(delays) * 1000)), "is_final": is_final,
    }


def oracle(trades, length, fill, complete, day=None, liquidations=None, tickers=None, books=None):
    """All candles of a timeframe, interval by interval."""
    times = [t.timestamp for t in trades]
    first = day if day is not None else (min(times) // length * length if times else 0)
    end = day + DAY_US if day is not None else (max(times) // length * length + length if times else 0)
    within = lambda rows, start: [r for r in rows or [] if start <= r["timestamp"] < start + length]
    rows, close, interest, book = [], None, None, None
    parts = collections.defaultdict(list)
    for trade in trades:
        parts[trade.timestamp // length * length].append(trade)
    for start in range(first, end, length):
        if start % DAY_US == 0:
            close, interest, book = None, None, None
        now = within(books, start)
        for row in now:
            if book is None or row["timestamp"] >= book["timestamp"]:
                book = row
        ticked = within(tickers, start)
        tick = {name: last(ticked, name) for name in ("funding_rate", "predicted_funding_rate", "open_interest",
                                                      "mark_price", "index_price")}
        oi = tick["open_interest"]
        change = near(exact(oi) - exact(interest)) if None not in (oi, interest) else None
        interest = interest if oi is None else oi
        if parts[start] or (fill == "flat" and close is not None):
            is_final = complete[0] <= start and start + length <= complete[1]
            row = candle(start, length, parts[start], close, is_final)
            forced = within(liquidations, start)
            by_side = lambda side: near(total(r["amount"] for r in forced if r["side"] == side))
            known = liquidations is not None
            row |= tick | of_book(book) | {
                "open_interest_change": change,
                "liquidation_buy_volume": by_side("buy") if known else None,
                "liquidation_sell_volume": by_side("sell") if known else None,
                "liquidation_count": len(forced) if known else None,
            }
            rows.append(row)
            close = row["close"]
    return rows
