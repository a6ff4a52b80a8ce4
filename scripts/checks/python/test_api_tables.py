"""What is no rows: instruments, coverage, findings, SQL, and the runs and what they report."""

import gzip
import json

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import mtdh
from demo_lake import DAY, DAY_BEFORE, KEY, SPOT
from mtdh._selection import DATA_TYPES
from stage import partition, run

TABLE = f"instrument_availability/by_date/day-{DAY}/instruments.parquet"

# Arguments, and what each row of the day's table must be.
CHOSEN = [
    ("a venue", {"venue": "DERIBIT"}, lambda row: row["venue"] == "DERIBIT"),
    ("the vendor's name of it", {"venue": "deribit"}, lambda row: row["venue"] == "DERIBIT"),
    ("two venues", {"venue": ["DERIBIT", "BINANCE"]}, lambda row: row["venue"] in ("DERIBIT", "BINANCE")),
    ("a type", {"type": "PERP"}, lambda row: row["instrument_type"] == "PERP"),
    ("in small letters", {"type": "perp"}, lambda row: row["instrument_type"] == "PERP"),
    ("venue and type", {"venue": "DERIBIT", "type": ["PERP", "OPTION"]}, lambda row: row["venue"] == "DERIBIT" and row["instrument_type"] in ("PERP", "OPTION")),
    ("a key", {"instruments": KEY}, lambda row: row["instrument_key"] == KEY),
    ("a pattern", {"instruments": "DERIBIT:FUTURE:BTC-USD-*"}, lambda row: row["instrument_key"].startswith("DERIBIT:FUTURE:BTC-USD-")),
    ("an underlying", {"underlying": "BTC-USD", "type": "OPTION"}, lambda row: row["instrument_type"] == "OPTION" and (row["base_asset"], row["quote_asset"]) == ("BTC", "USD")),
]


@pytest.mark.parametrize("arguments, is_meant", [case[1:] for case in CHOSEN], ids=[case[0] for case in CHOSEN])
def test_instruments(demo, demo_folder, arguments, is_meant):
    every = pq.read_table(demo_folder / TABLE).to_pylist()
    right = [row["instrument_key"] for row in every if is_meant(row) and (row["instrument_type"] != "COMBO")]
    assert right and demo.instruments(DAY, **arguments).polars()["instrument_key"].to_list() == right


def test_the_newest_table_and_its_columns(demo, demo_folder):
    table = demo.instruments()
    stored = pq.read_table(demo_folder / TABLE)
    assert table.columns == stored.column_names and table.arrow().to_pylist() == [row for row in stored.to_pylist() if row["instrument_type"] != "COMBO"]
    assert len(table.pandas()) == len(table) == len(table.numpy()["venue"]) == len(table.to_dicts())


def test_coverage_is_what_pyarrow_counts(demo, demo_folder):
    table = demo.coverage(DAY_BEFORE, DAY, instruments=[KEY, SPOT], data_types=DATA_TYPES).polars()
    stored = {(row["day"], row["instrument_key"], row["data_type"]): row for row in table.to_dicts() if row["status"] in ("stored", "empty")}
    recounted = {}
    for path in demo_folder.glob("raw_tick_data/by_date/*/*/*.parquet"):
        day, data_type = path.parts[-3].removeprefix("day-"), path.parts[-2].removeprefix("data_type-")
        if path.stem in (KEY, SPOT):
            recounted[day, path.stem, data_type] = (pq.read_metadata(path).num_rows, path.stat().st_size)
    assert {place: (row["rows"], row["bytes"]) for place, row in stored.items()} == recounted
    lacking = {(row["day"], row["instrument_key"], row["data_type"]) for row in table.to_dicts() if row["status"] == "missing"}
    assert (DAY_BEFORE, KEY, "book_snapshot_5") in lacking and not lacking & set(recounted)


def test_a_day_of_which_nothing_is_known_is_told(demo):
    with pytest.warns(mtdh.MissingDataWarning, match="2024-03-02 without an instrument table"):
        assert len(demo.coverage(DAY, "2024-03-02", instruments=KEY, data_types="trades")) == 1


def test_coverage_writes_nothing(own):
    before = {path: path.stat().st_mtime_ns for path in own.rglob("*")}
    mtdh.Lake(own).coverage(DAY_BEFORE, DAY)
    assert {path: path.stat().st_mtime_ns for path in own.rglob("*")} == before


def test_findings_are_those_of_the_check(own):
    lake = mtdh.Lake(own)
    report = lake.check(DAY, "2024-03-01", ["gaps", "timestamp", "values"], instruments=KEY)
    table = lake.findings(DAY, groups=["gaps", "timestamp", "values"], instruments=KEY)
    assert len(table) == len(report.findings) > 0
    assert table.polars()["check"].to_list() == [finding["check"] for finding in report.findings]
    assert report.looked_at and all(count >= 0 for count in report.looked_at.values())
    assert report.outcome in ("clean", "not_clean") and bool(report) == report.ok
    # The lake keeps them, as those of the program.
    kept = pl.read_parquet(own / f"check_reports/by_date/day-{DAY}/checks.parquet")
    assert kept["check"].drop_nulls().sort().to_list() == sorted(finding["check"] for finding in report.findings)


QUERIES = [
    ("one table", "select count(*) from trades", {"start": DAY, "instruments": KEY}, [(6369,)]),
    ("in capitals, another name", "SELECT count(*) AS quotes FROM Trades", {"start": DAY, "instruments": KEY}, [(6369,)]),
    ("no table", "select 41 + 1", {}, [(42,)]),
    ("a name within a text", "select 'trades'", {}, [("trades",)]),
    ("a name of the query's own", "with trades as (select 7 as n) select n from trades", {}, [(7,)]),
    ("candles", "select count(*) from candles_1h", {"start": DAY, "instruments": KEY}, [(24,)]),
    ("instruments without days", f"select count(*) from instruments where instrument_key = '{KEY}'", {}, [(1,)]),
    ("coverage", "select distinct status from coverage where data_type = 'trades' and instrument_type = 'PERP'", {"start": DAY, "venues": "DERIBIT"}, [("stored",)]),
    ("a join of two", "select count(*) from trades t asof join quotes q on t.local_timestamp >= q.local_timestamp and t.instrument_key = q.instrument_key",
     {"start": f"{DAY}T12", "end": f"{DAY}T13", "instruments": KEY}, [(250,)]),
    ("venues", "select count(distinct instrument_key) from trades", {"start": DAY, "venues": "BINANCE"}, [(1,)]),
]


@pytest.mark.filterwarnings("ignore::mtdh.MissingDataWarning")
@pytest.mark.parametrize("query, arguments, expected", [case[1:] for case in QUERIES], ids=[case[0] for case in QUERIES])
def test_sql(demo, query, arguments, expected):
    relation = demo.sql(query, **arguments)
    assert relation.fetchall() == expected and relation.fetchall() == expected


def test_sql_in_a_connection_of_the_callers(demo):
    con = duckdb.connect()
    con.execute("create table mine as select 'buy' as side, 1 as sign")
    query = "select sum(sign) from trades join mine using (side)"
    (bought,) = demo.sql(query, DAY, instruments=KEY, connection=con).fetchall()[0]
    assert bought == demo.trades(KEY, DAY).polars().filter(pl.col("side") == "buy").height
    assert demo.sql(query, DAY, instruments=KEY, connection=con).fetchall() == [(bought,)], "again in the same connection"
    assert demo.sql(query, f"{DAY}T12", f"{DAY}T13", instruments=KEY, connection=con).fetchall()[0][0] < bought, "of other days"
    with pytest.raises(mtdh.MissingData):
        demo.sql(query, "2024-04-01", instruments=KEY, connection=con)


@pytest.mark.parametrize("query", ["select * from trades", "select * from candles_1m", "select * from coverage"])
def test_sql_over_rows_needs_days(demo, query):
    with pytest.raises(mtdh.BadRequest, match="needs the days of"):
        demo.sql(query)


def test_sql_takes_instruments_or_venues(demo):
    with pytest.raises(mtdh.BadRequest, match="both given"):
        demo.sql("select * from trades", DAY, instruments=KEY, venues="DERIBIT")


CSV = ("exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n"
       "deribit,BTC-PERPETUAL,1709251200000000,1709251200000001,1,buy,60000.5,10\n"
       "deribit,ETH-PERPETUAL,1709251200000000,1709251200000002,2,sell,3000.5,20\n")


@pytest.mark.parametrize("ending", [".parquet", ".csv", ".jsonl"])
def test_convert(tmp_path, ending):
    source, output = tmp_path / "trades.csv.gz", tmp_path / f"out{ending}"
    source.write_bytes(gzip.compress(CSV.encode()))
    report = mtdh.convert(source, output)
    assert report.ok and report.document["rows_out"] == 2 and "2 of 2 rows" in repr(report)
    read = {".parquet": pl.read_parquet, ".csv": pl.read_csv, ".jsonl": pl.read_ndjson}[ending]
    assert read(output)["price"].to_list() == [60000.5, 3000.5]
    with pytest.raises(mtdh.BadRequest, match="exists; force=True replaces it"):
        mtdh.convert(source, output)
    source.write_bytes(gzip.compress("".join(CSV.splitlines(True)[:2]).encode()))
    assert mtdh.convert(source, output, instrument=KEY, data_type="trades", force=True).document["rows_out"] == 1
    assert read(output)["instrument_key"].to_list() == [KEY]


def test_convert_needs_a_file_and_a_known_form(tmp_path):
    with pytest.raises(FileNotFoundError, match="No such file"):
        mtdh.convert(tmp_path / "none.csv", tmp_path / "out.parquet")
    (tmp_path / "trades.csv").write_text(CSV)
    with pytest.raises(mtdh.BadRequest, match="end it in .csv, .jsonl, .parquet or .arrow"):
        mtdh.convert(tmp_path / "trades.csv", tmp_path / "out.xlsx")


def test_candles_that_are_made_are_those_of_the_program(own, tmp_path):
    lake = mtdh.Lake(own)
    report = lake.make_candles(DAY, "15m", instruments=KEY, progress=False)
    assert report.ok and "1 instrument-days made" in repr(report)
    frame = lake.candles(KEY, "15m", DAY).polars()
    assert frame.height == 96 or frame.height > 90
    again = lake.make_candles(DAY, ["15m"], instruments=KEY, progress=False)
    assert again.ok and "0 instrument-days made" in repr(again)
    flat = lake.make_candles(DAY, ["1m"], instruments=KEY, fill="flat", force=True, progress=False)
    assert flat.ok and lake.candles(KEY, "1m", DAY).count() == 1440


def test_a_validation_names_what_is_missing(own):
    lake = mtdh.Lake(own)
    words = {"venues": "DERIBIT", "types": "PERP"}
    assert lake.validate(DAY, **words).verdict == "complete"
    partition(own, "trades", KEY).unlink()
    report = lake.validate(DAY, **words)
    assert not report and (report.outcome, report.verdict) == ("not_clean", "not_complete")
    assert [(lacking["instrument_key"], lacking["data_type"]) for lacking in report.missing] == [(KEY, "trades")]
    assert lake.trades(KEY, DAY).missing == [(KEY, "trades", DAY)]


def test_depths_of_a_validation(own):
    lake = mtdh.Lake(own)
    path = partition(own, "trades", KEY)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    words = {"instruments": KEY, "data_types": "trades"}
    assert lake.validate(DAY, **words).ok
    assert not lake.validate(DAY, depth="rows", **words) and not lake.validate(DAY, depth="bytes", **words)
    with pytest.raises(mtdh.BadRequest, match="there are listing, rows and bytes"):
        lake.validate(DAY, depth="deep", **words)


def test_a_demo_is_a_lake_that_can_be_downloaded(tmp_path):
    with mtdh.demo(tmp_path / "kept", fill=False) as lake:
        report = lake.download(DAY, instruments=[KEY], data_types=["trades"], progress=False)
        assert report and report.stored == 1 and report.rows == 6369 and not report.failed and not report.left
        again = lake.download(DAY, instruments=[KEY], data_types=["trades"], progress=False)
        assert again.stored == 0
        assert report.run_id != again.run_id and (tmp_path / "kept/runs" / report.run_id).is_dir()
        assert json.dumps(report.document)
    assert mtdh.Lake(tmp_path / "kept").trades(KEY, DAY).count() == 6369, "a folder that was named is kept"


def test_an_unnamed_demo_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with mtdh.demo(fill=False) as lake:
        assert any(tmp_path.iterdir()) and lake.url.startswith(str(tmp_path))
    assert not any(tmp_path.iterdir())


SHOWN = [
    ("rows", lambda lake: lake.trades(KEY, DAY), ["trades of DERIBIT:PERP:BTC-USD", "local_timestamp"], ["objects: 1", "64,611"]),
    ("rows that are missing", lambda lake: lake.trades(KEY, "2024-03-02"), ["2024-03-02"], ["missing: trades of DERIBIT:PERP:BTC-USD on 2024-03-02"]),
    ("a table", lambda lake: lake.trades(KEY, DAY).table(), ["6,369 rows, 7 columns"], ["<th>price</th>", "62329.5", "6,369 rows"]),
    ("a report", lambda lake: lake.check(DAY, groups="values", instruments=KEY), ["mtdh.Check: clean"], ["<b>clean</b>"]),
    ("a lake", lambda lake: lake, ["mtdh.Lake"], None),
]


@pytest.mark.parametrize("make, plain, html", [case[1:] for case in SHOWN], ids=[case[0] for case in SHOWN])
def test_what_is_shown_of_it(own, make, plain, html):
    made = make(mtdh.Lake(own))
    assert all(text in repr(made) for text in plain), repr(made)
    if html:
        assert all(text in made._repr_html_() for text in html), made._repr_html_()


def test_null_is_told_apart_in_html(demo):
    assert "<em>null</em>" in demo.instruments(DAY, instruments=KEY)._repr_html_()


def test_any_library_of_arrow_takes_a_table(demo):
    table = demo.instruments(DAY, venue="DERIBIT", type="PERP")
    assert pa.table(table).equals(table.arrow()) and pl.DataFrame(table).height == len(table)
    assert pa.schema(table).names == table.columns


def test_the_script_of_the_package_is_the_program(demo_folder, clean):
    program = clean.parent / "mtdh"
    assert run([program, "--version"]).stdout.split() == ["mtdh", mtdh.__version__]
    listed = run([program, "ls", "--lake", demo_folder, "--format", "json"]).stdout
    assert {row["day"] for row in json.loads(listed)} == {DAY, DAY_BEFORE}
    assert "--no-such" in run([program, "--no-such"], 2).stderr
