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

Trade = collections.namedtuple("Trade", "timestamp local_timestamp side price amount id", defaults=[None])
# What amounts are worth: a formula, and the contract size from each time on.
Terms = collections.namedtuple("Terms", "formula sizes")
STATES = ("funding_rate", "predicted_funding_rate", "open_interest", "mark_price", "index_price")


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
    """The value of a column that arrived last, of rows in the order of arrival."""
    return next((row[column] for row in reversed(rows) if row[column] is not None), None)


def once(trades):
    """The trades in the order of arrival without those that were sent again, and these."""
    seen, kept, again = set(), [], []
    for trade in trades:
        what = (trade.id, trade.timestamp, trade.price, trade.amount, trade.side)
        is_again = trade.id is not None and what in seen
        seen.add(what)
        (again if is_again else kept).append(trade)
    return kept, again


def worth(trades, terms):
    """Base, quote and settlement volume, and the mean price."""
    names = ("base_volume", "quote_volume", "settle_volume", "vwap")
    if terms is None:
        return dict.fromkeys(names)
    of = lambda value: decimal.Decimal(repr(value))
    sized = products = quotients = decimal.Decimal(0)
    has_price = True
    for trade in trades:
        size = of([size for since, size in terms.sizes if since <= trade.timestamp][-1])
        sized += of(trade.amount) * size
        products += of(trade.price) * of(trade.amount) * size
        if trade.price <= 0:
            has_price = False
        elif terms.formula == "inverse":
            exactly = of(trade.amount) / of(trade.price)
            quotients += exactly.quantize(decimal.Decimal(1).scaleb(-24), decimal.ROUND_HALF_UP) * size
    over = lambda a, b: near(fractions.Fraction(a) / fractions.Fraction(b)) if b else None
    if terms.formula == "linear":
        found = (near(sized), near(products), None, over(products, sized))
    elif terms.formula == "inverse":
        found = (near(quotients) if has_price else None, near(sized), None, over(sized, quotients) if has_price else None)
    else:
        found = (None, None, near(products), over(products, sized))
    return dict(zip(names, found))


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
        "spread_bps": near((exact(ask) - exact(bid)) / ((exact(ask) + exact(bid)) / 2) * 10_000)
                      if both and exact(ask) + exact(bid) > 0 else None,
        "bid_depth": near(bids), "ask_depth": near(asks),
        "imbalance": near(fractions.Fraction(bids - asks) / fractions.Fraction(bids + asks)) if bids + asks else None,
    }


def candle(start, length, trades, close_before, is_final):
    """The columns that trades make. `trades` are in the order of their arrival; without any it is flat."""
    if not trades:
        row = dict.fromkeys("first_trade last_trade last_arrival delay_min delay_median delay_mean delay_max".split())
        row |= dict.fromkeys("open high low close".split(), close_before)
        row |= dict.fromkeys("volume trade_count buy_volume sell_volume buy_count sell_count".split(), 0)
        return row | {"timestamp": start, "is_final": is_final}
    by_time = sorted(trades, key=lambda trade: trade.timestamp)  # a stable sort: ties stay in the order of arrival
    volume = total(t.amount for t in trades)
    sides = {side: [t for t in trades if t.side == side] for side in ("buy", "sell")}
    delays = [t.local_timestamp - t.timestamp for t in trades]
    return {
        "timestamp": start, "open": by_time[0].price, "high": max(t.price for t in trades),
        "low": min(t.price for t in trades), "close": by_time[-1].price, "volume": near(volume),
        "trade_count": len(trades),
        "buy_volume": near(total(t.amount for t in sides["buy"])), "buy_count": len(sides["buy"]),
        "sell_volume": near(total(t.amount for t in sides["sell"])), "sell_count": len(sides["sell"]),
        "first_trade": by_time[0].timestamp, "last_trade": by_time[-1].timestamp,
        "last_arrival": max(t.local_timestamp for t in trades), "delay_min": min(delays) / 1000,
        "delay_median": median_ms(delays), "delay_max": max(delays) / 1000,
        "delay_mean": near(fractions.Fraction(sum(delays), len(delays) * 1000)), "is_final": is_final,
    }


def oracle(trades, length, fill, complete, day=None, liquidations=None, tickers=None, books=None, terms=None, finals=None):
    """All candles of a timeframe, interval by interval. Rows of every source are in the order of arrival; `complete` is the
    time of which all trades are known, `finals` the same of the other sources, by the column that says so."""
    trades, again = once(trades)
    times = [t.timestamp for t in trades]
    first = day if day is not None else (min(times) // length * length if times else 0)
    end = day + DAY_US if day is not None else (max(times) // length * length + length if times else 0)
    within = lambda rows, start: [r for r in rows or [] if start <= r["timestamp"] < start + length]
    rows, close = [], None
    place = {id(row): number for number, row in enumerate([*(books or []), *(tickers or [])])}
    interest = book = None
    finals = {f"is_{name}_final": None for name in ("liquidations", "ticker", "book")} | (finals or {})
    parts = collections.defaultdict(list)
    for trade in trades:
        parts[trade.timestamp // length * length].append(trade)
    for start in range(first, end, length):
        if start % DAY_US == 0:
            close, interest, book = None, None, None
        # What arrived last of all that happened before the interval's end, and on its day.
        for row in within(books, start):
            if book is None or place[id(row)] > place[id(book)]:
                book = row
        ticked = within(tickers, start)
        tick = {name: last(ticked, name) for name in STATES}
        oi = tick["open_interest"]
        change = near(exact(oi) - exact(interest["open_interest"])) if None not in (oi, interest) else None
        for row in ticked:
            if row["open_interest"] is not None and (interest is None or place[id(row)] > place[id(interest)]):
                interest = row
        if parts[start] or (fill == "flat" and close is not None):
            is_final = complete[0] <= start and start + length <= complete[1]
            row = candle(start, length, parts[start], close, is_final)
            forced = within(liquidations, start)
            by_side = lambda side: near(total(r["amount"] for r in forced if r["side"] == side))
            final = {name: span and (span[0] <= start and start + length <= span[1]) for name, span in finals.items()}
            known = liquidations is not None
            row |= tick | of_book(book) | worth(parts[start], terms) | final | {
                "repeated_trades": sum(start <= t.timestamp < start + length for t in again),
                "open_interest_change": change,
                "liquidation_buy_volume": by_side("buy") if known else None,
                "liquidation_sell_volume": by_side("sell") if known else None,
                "liquidation_count": len(forced) if known else None,
            }
            rows.append(row)
            close = row["close"]
    return rows
