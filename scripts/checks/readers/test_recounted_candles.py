"""The candles of a day of the stand-in, counted again from the lake's rows by docs/reference/candles.md alone: every column of
every timeframe, of all instrument types. Twenty instruments, with `--all` those of every venue."""

import collections
import datetime
import json

import pyarrow.parquet as pq
import pytest

from candle_oracle import DAY_US, FRAMES, MIDNIGHT, STATES, Terms, Trade, oracle
from stage import footer, mtdh, partition, sim

VENUES = ("BITMEX", "DERIBIT", "BINANCE", "BINANCE-DELIVERY", "BYBIT", "KRAKEN", "OKX-SWAP", "OKX-FUTURES", "BINANCE-FUTURES")
DAYS = [str((datetime.datetime(2024, 3, 1) + datetime.timedelta(days=n)).date()) for n in (-1, 0, 1)]
TODAY = DAYS[1]
# Of the columns from each source, the one that says whether they are final.
SOURCES = {
    "is_liquidations_final": ("liquidations",),
    "is_ticker_final": ("derivative_ticker", "options_chain"),
    "is_book_final": ("book_snapshot_5", "book_snapshot_25"),
}


def table_of(lake, day):
    """The rows of a day's instrument table by key."""
    path = lake / f"instrument_availability/by_date/day-{day}/instruments.parquet"
    table = pq.read_table(path)
    for place, field in enumerate(table.schema):
        if "timestamp" in str(field.type) and not str(field.type).startswith("list"):
            table = table.set_column(place, field.name, table.column(place).cast("int64"))
    rows = table.to_pylist()
    return {row["instrument_key"]: row for row in rows}


def chosen(table, is_all):
    """Twenty instruments of as many kinds: of each venue, type and kind of contract in turn."""
    kinds = collections.defaultdict(list)
    for key, row in sorted(table.items()):
        if "trades" in row["data_types"]:
            kinds[row["venue"], row["instrument_type"], row["inverse"], row["quanto"]].append(key)
    if is_all:
        return sorted(key for keys in kinds.values() for key in keys)
    turns = [keys[turn] for turn in range(20) for keys in kinds.values() if turn < len(keys)]
    return sorted(turns[:20])


def terms_of(row):
    """The formula of an instrument's volumes and its contract sizes, as the table of the page says; None: not known."""
    kind = row["instrument_type"]
    unit = row["amount_unit"] or ("base" if kind == "SPOT_PAIR" else None)
    if unit == "base":
        return Terms("linear", [(float("-inf"), 1.0)])
    if unit is None or kind == "COMBO" or (unit, kind) == ("quote", "OPTION"):
        return None
    if unit == "quote":
        return Terms("inverse", [(float("-inf"), 1.0)])
    if row["contract_size"] is None:
        return None
    word = row["contract_type"] or ""
    if kind == "OPTION":
        formula = "linear"
    elif row["quanto"] or word.startswith("quanto_"):
        formula = "quanto"
    elif row["inverse"]:
        formula = "inverse"
    elif row["inverse"] is False and (row["quanto"] is False or row["settle_asset"] == row["price_currency"]):
        formula = "linear"
    else:
        return None
    times = [int(at.timestamp() * 1e6) for at in row["changes_at"]]
    return Terms(formula, [(float("-inf"), row["contract_size"]), *zip(times, row["contract_sizes_after"])])


def rows_of(path):
    """The rows of an object in their order, times as microseconds; of those of the day alone."""
    table = pq.read_table(path)
    for place, field in enumerate(table.schema):
        if "timestamp" in str(field.type):
            table = table.set_column(place, field.name, table.column(place).cast("int64"))
    return [row for row in table.to_pylist() if MIDNIGHT <= row["timestamp"] < MIDNIGHT + DAY_US]


def is_known(lake, tables, key, data_type, day):
    """Whether what another day has of a source is known: by an object, or by a table that says there is none."""
    if partition(lake, data_type, key, day).exists():
        return True
    row, own = tables[day].get(key), tables[TODAY].get(key)
    if row is not None:
        return data_type not in row["data_types"]
    start = MIDNIGHT + (DAYS.index(day) - 1) * DAY_US
    ended = own and own["available_to_datetime"] is not None and own["available_to_datetime"] <= start
    return bool(own and (own["available_from_datetime"] >= start + DAY_US or ended))


def source(lake, tables, key, types):
    """The rows of a source in the order of arrival and the time of which all are known; None: nothing is known."""
    there = [t for t in types if partition(lake, t, key).exists()]
    status = {t: footer(partition(lake, t, key))["mtdh.status"] for t in there}
    data_type = next((t for t in there if status[t] != "absent"), None)
    if data_type is None:
        return None, None
    near = [is_known(lake, tables, key, data_type, day) for day in (DAYS[0], DAYS[2])]
    paths = [partition(lake, data_type, key, day) for day in DAYS]
    rows = [row for path in paths if path.exists() for row in rows_of(path)]
    if data_type == "options_chain":
        rows = [dict.fromkeys(STATES) | {n: row[n] for n in ("timestamp", "mark_price", "open_interest")} for row in rows]
    return rows, (MIDNIGHT + (not near[0]), MIDNIGHT + DAY_US - (not near[1]))


def compare(path, expected, where):
    table = pq.read_table(path)
    assert table.num_rows == len(expected), (where, table.num_rows, len(expected))
    names = [name for name in table.schema.names if name not in ("instrument_key", "timeframe")]
    assert not expected or set(names) == set(expected[0]), set(names) ^ set(expected[0])
    for name in names:
        column = table.column(name)
        column = column.cast("int64") if "timestamp" in str(column.type) else column
        for found, row in zip(column.to_pylist(), expected):
            assert found == row[name], (where, name, row["timestamp"], found, row[name])
    return table.num_rows * len(names)


@pytest.mark.slow
def test_a_day_is_what_the_page_says(tmp_path, figures, request):
    is_all = request.config.getoption("--all")
    lake, frames = tmp_path / "lake", FRAMES if is_all else ("1m", "1h", "24h")
    types = ["SPOT_PAIR", "PERP", "FUTURE", "OPTION", "COMBO"]
    days = ["--start-date", DAYS[0], "--end-date", DAYS[2], "--lake", lake]
    with sim("--small") as vendor:
        mtdh("plan", *days, "--venues", *VENUES, "--instrument-types", *types, env=vendor, expect=(0, 1))
        keys = chosen(table_of(lake, TODAY), is_all)
        (tmp_path / "keys").write_text("\n".join(keys) + "\n")
        mtdh("download", *days, "--instrument-types", *types, "--universe", tmp_path / "keys", env=vendor)
    tables = {day: table_of(lake, day) for day in DAYS}
    words = ["candles", "--lake", lake, "--start-date", TODAY, "--instrument-types", *types, "--fill", "flat"]
    told = json.loads(mtdh(*words, "--universe", tmp_path / "keys", "--timeframes", *frames, "--format", "json"))
    assert (told["failures"], told["lacking"]) == ([], []), told
    seen, cells, again = collections.Counter(), 0, 0
    for key in keys:
        if not partition(lake, "trades", key).exists():
            continue
        row = tables[TODAY][key]
        trades, complete = source(lake, tables, key, ("trades",))
        trades = [Trade(**{name: trade[name] for name in Trade._fields}) for trade in trades or []]
        others = {name: source(lake, tables, key, types) for name, types in SOURCES.items()}
        rows = {name: rows for name, (rows, _) in others.items()}
        terms = terms_of(row)
        for frame in frames:
            expected = oracle(trades, FRAMES[frame], "flat", complete or (1, 0), MIDNIGHT, rows["is_liquidations_final"],
                              rows["is_ticker_final"], rows["is_book_final"], terms,
                              {name: span for name, (_, span) in others.items()})
            path = lake / f"processed_candles/by_date/day-{TODAY}/timeframe-{frame}/{key}.parquet"
            cells += compare(path, expected, (key, frame, terms))
            facts = footer(path)
            assert facts["mtdh.candle_version"] == "2"
            assert facts.get("mtdh.price_currency") == row["price_currency"], key
            assert facts["mtdh.volumes"].split(":")[0] == (terms.formula if terms else "not known"), (key, facts)
        again += sum(candle["repeated_trades"] for candle in expected)
        seen[row["instrument_type"], terms and terms.formula] += 1
    figures(cells=cells, instruments=sum(seen.values()), repeated_trades=again)
    formulas = {formula for _, formula in seen}
    assert {kind for kind, _ in seen} >= {"SPOT_PAIR", "PERP", "FUTURE", "OPTION", "COMBO"}, seen
    assert formulas >= {"linear", "inverse", "quanto"} and again > 0, (seen, again)
