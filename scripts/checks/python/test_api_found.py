"""What Python finds in a lake: lists, paths, views, Iceberg tables, certificates, schema, plans, the gate; and what is refused."""

import os
import pathlib
import shutil
import xml.etree.ElementTree as ElementTree

import duckdb
import polars as pl
import pyarrow.parquet as pq
import pytest

import mtdh
from demo_lake import DAY, DAY_BEFORE, KEY, SPOT


def stored(folder, day=None, data_type="*"):
    """The partitions that the folder has, by pathlib alone."""
    return sorted(folder.glob(f"raw_tick_data/by_date/day-{day or '*'}/data_type-{data_type}/*.parquet"))


# --- what is refused

REFUSED = [
    ("an unknown list", lambda lake: lake.ls("partitons"), "perhaps partitions"),
    ("an unknown group", lambda lake: lake.ls(by="vanue"), "perhaps venue"),
    ("an unknown column", lambda lake: lake.ls(sort="byts"), "perhaps bytes"),
    ("groups and objects at once", lambda lake: lake.ls(by="day", long=True), "one of them"),
    ("a negative limit", lambda lake: lake.ls(limit=-1), "limit"),
    ("a bad day", lambda lake: lake.ls(start="2024-02-30"), "2024-02-30"),
    ("an end before the start", lambda lake: lake.ls(start=DAY, end=DAY_BEFORE), "must lie after"),
    ("a moment", lambda lake: lake.ls(start=f"{DAY}T12:00"), "time"),
    ("runs of a day", lambda lake: lake.ls("runs", DAY), "runs"),
    ("reports of a venue", lambda lake: lake.ls("reports", venues="DERIBIT"), "of days"),
    ("an unknown venue", lambda lake: lake.ls(venues="DERIBTI"), "did you mean DERIBIT[?]$"),
    ("an unknown table", lambda lake: lake.paths(DAY, tables="trade"), "perhaps trades"),
    ("an end alone", lambda lake: lake.paths(end=DAY), "start"),
    ("an unknown clock", lambda lake: lake.views(DAY, clock="local"), "clock"),
    ("a limit of instruments", lambda lake: lake.paths(DAY, max_instruments=3), "name them"),
    ("BigQuery without a bucket", lambda lake: lake.publish_bigquery(DAY, dry_run=True), "bucket"),
    ("BigQuery itself", lambda lake: lake.publish_bigquery(DAY, dry_run=False), "dry_run=True"),
    ("an unknown dialect", lambda lake: lake.ddl("duckdbb"), "perhaps duckdb"),
    ("a bucket's engine and a folder", lambda lake: lake.ddl("athena", place="/data/lake"), "bucket"),
    ("an unknown table's schema", lambda lake: mtdh.schema("trade"), "perhaps trades"),
    ("a grade that is none", lambda lake: lake.check(DAY, min_grade="fine"), "degraded"),
    ("a grade of some groups", lambda lake: lake.check(DAY, groups="values", min_grade="good"), "all groups"),
    ("a report without a form", lambda lake: lake.check(DAY, groups="values", reports=["report.doc"]), "ending"),
]


@pytest.mark.parametrize("call, words", [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_what_is_refused(demo, call, words):
    with pytest.raises(mtdh.Error, match=words):
        call(demo)


def test_a_lake_without_anything(tmp_path):
    lake = mtdh.Lake(tmp_path)
    for what in ("partitions", "candles", "instruments", "runs", "reports"):
        assert len(lake.ls(what)) == 0 and lake.ls(what).columns
    assert len(lake.iceberg_tables()) == len(lake.certificates()) == len(lake.paths()) == 0
    with pytest.raises(mtdh.LakeAway):
        mtdh.Lake(tmp_path / "none").ls()


def test_a_name_that_nothing_has_is_warned_of(demo):
    with pytest.warns(mtdh.MissingDataWarning, match="DERIBIT:PERP:BTC-UDS.*perhaps.*DERIBIT:PERP:BTC-USD"):
        assert len(demo.ls(instruments="DERIBIT:PERP:BTC-UDS")) == 0


# --- lists


def test_lists_are_what_the_folder_has(demo, demo_folder):
    lines = demo.ls(long=True).polars()
    assert lines["bytes"].sum() == sum(path.stat().st_size for path in stored(demo_folder))
    assert lines.height == len(stored(demo_folder))
    assert lines["rows"].sum() == sum(pq.read_metadata(path).num_rows for path in stored(demo_folder))
    by_day = demo.ls(by="day").polars()
    assert dict(by_day["day", "bytes"].iter_rows()) == {
        day: sum(path.stat().st_size for path in stored(demo_folder, day)) for day in (DAY, DAY_BEFORE)
    }
    one = demo.ls(start=DAY_BEFORE, by=["venue", "type"]).polars()
    assert one["venue", "data_type", "days", "first_day"].rows() == [("DERIBIT", "trades", 1, DAY_BEFORE)]
    assert demo.ls(end=DAY_BEFORE, by="day").polars()["day"].to_list() == [DAY_BEFORE]
    largest = demo.ls(long=True, sort="bytes", limit=3).polars()["bytes"].to_list()
    assert largest == sorted(lines["bytes"], reverse=True)[:3]
    for sort, order in [("day", [DAY_BEFORE, DAY]), ("-day", [DAY, DAY_BEFORE])]:
        assert demo.ls(by="day", sort=sort).polars()["day"].to_list() == order


def test_candles_instruments_runs_and_reports_are_listed(demo, demo_folder):
    candles = demo.ls("candles", by=["type", "key"]).polars()
    assert candles["timeframe", "instrument_key"].rows() == [("1h", KEY), ("1m", KEY)]
    assert demo.ls("instruments", DAY, by="venue", venues="DERIBIT", types="PERP").polars()["instruments"][0] == len(
        demo.instruments(DAY, venue="DERIBIT", type="PERP")
    )
    assert demo.ls("runs").polars().equals(demo.runs().polars())
    assert demo.ls("runs", sort="rows", limit=1).polars()["rows"][0] == demo.runs().polars()["rows"].max()
    assert "instruments" in demo.ls("reports").polars()["report"].to_list()
    assert demo.ls("candles").pandas().shape[0] == len(demo.ls("candles").to_dicts())


def test_a_list_is_about_what_is_wanted(own):
    lake = mtdh.Lake(own)
    lake.want("few", DAY, DAY, instruments=KEY, data_types="trades")
    assert lake.ls(by="key").polars()["instrument_key"].to_list() == [KEY]
    assert len(lake.ls(by="key", everything=True)) > 1
    with pytest.warns(mtdh.MissingDataWarning, match="lake.toml"):
        assert len(lake.ls(instruments=SPOT)) == 0


# --- paths


def test_paths_are_exact(demo, demo_folder):
    paths = demo.paths(DAY, data_types="trades", instruments=[KEY, SPOT])
    assert sorted(paths) == sorted(str(path) for path in stored(demo_folder, DAY, "trades") if path.stem in (KEY, SPOT))
    assert [one["path"] for one in paths.objects] == paths and paths.missing == []
    assert sum(one["bytes"] for one in paths.objects) == sum(os.path.getsize(path) for path in paths)
    assert pl.scan_parquet(paths).select(pl.len()).collect().item() == demo.trades([KEY, SPOT], DAY).count()
    tables = {one["table"] for one in demo.paths(DAY, instruments=KEY, tables=["candles_1m", "instruments", "quotes"]).objects}
    assert tables == {"candles_1m", "instruments", "quotes"}


def test_what_lacks_is_told_or_refused(demo):
    with pytest.warns(mtdh.MissingDataWarning, match="strict=True"):
        paths = demo.paths(DAY_BEFORE, data_types="quotes", instruments=KEY)
    assert paths == [] and paths.missing == [("quotes", DAY_BEFORE, KEY)]
    for refuses in (demo.paths, demo.views):
        with pytest.raises(mtdh.MissingData) as raised:
            refuses(DAY_BEFORE, DAY, data_types="quotes", instruments=KEY, strict=True)
        assert raised.value.missing == [(KEY, "quotes", DAY_BEFORE)]


def test_damage_is_found_before_others_read(own):
    lake = mtdh.Lake(own)
    (path,) = stored(own, DAY_BEFORE, "trades")
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 1
    path.write_bytes(data)
    assert lake.paths(DAY_BEFORE, data_types="trades", instruments=KEY) == [str(path)]
    for verifies in (lake.paths, lake.views):
        with pytest.raises(mtdh.DamagedObject):
            verifies(DAY_BEFORE, data_types="trades", instruments=KEY, verify=True)


def test_views_are_those_of_the_program(demo):
    views = demo.views(f"{DAY}T12:00", f"{DAY}T13:00", tables=["trades", "candles_1h"], instruments=KEY)
    with duckdb.connect() as connection:
        connection.execute(views)
        (trades,) = connection.execute("select count(*) from trades").fetchone()
        (candles,) = connection.execute("select count(*) from candles_1h").fetchone()
    assert (trades, candles) == (demo.trades(KEY, f"{DAY}T12:00", f"{DAY}T13:00").count(), 1)


def test_statements_name_the_place_that_is_given(demo):
    for dialect, place, start in [("duckdb", "/mnt/lake/", "/mnt/lake/raw"), ("athena", "s3://lake/a", "s3://lake/a/raw")]:
        text = demo.ddl(dialect, "trades", place=place)
        assert start in text and demo.url not in text


# --- tables of others, certificates


def test_an_iceberg_table_is_stale_after_a_change(own):
    lake = mtdh.Lake(own)
    lake.publish_iceberg(data_types="trades", progress=False)
    (state,) = lake.iceberg_tables().to_dicts()
    assert (state["table"], state["version"], state["is_stale"], state["reason"]) == ("trades", 1, False, None)
    assert state["rows"] == sum(pq.read_metadata(path).num_rows for path in stored(own, None, "trades"))
    assert pathlib.Path(state["metadata"]).is_file() and state["snapshot"] is not None
    taken = stored(own, DAY_BEFORE, "trades")[0]
    for change, reason in [
        (lambda: shutil.move(taken, own / "aside"), "1 file gone since"),
        (lambda: shutil.move(own / "aside", taken), None),
    ]:
        change()
        (state,) = mtdh.Lake(own).iceberg_tables().to_dicts()
        assert (state["is_stale"], state["reason"]) == (reason is not None, reason)
    moved = shutil.move(own, own.parent / "moved")
    (state,) = mtdh.Lake(moved).iceberg_tables().to_dicts()
    assert state["is_stale"] and "elsewhere" in state["reason"]


def test_certificates_are_listed_and_not_trusted(own, tmp_path):
    lake = mtdh.Lake(own)
    made = lake.certify(DAY_BEFORE, out=tmp_path / "one.json", instruments=KEY, data_types="trades")
    (one,) = lake.certificates().to_dicts()
    assert (one["digest"], one["root"], one["verdict"]) == (made.digest, made.document["root"], made.verdict)
    assert (one["first_day"], one["objects"], one["data_types"], one["problem"]) == (DAY_BEFORE, 1, "trades", None)
    (kept,) = [path for path in own.rglob("*.json") if path.stem == one["root"]]
    kept.write_text(kept.read_text().replace(DAY_BEFORE, DAY))
    (one,) = lake.certificates().to_dicts()
    assert one["problem"] and one["digest"] is None


# --- schema, plans, the gate, Delta


def test_the_schema_names_the_columns_of_the_files(demo, demo_folder):
    tables = mtdh.schema().polars()["table"].to_list()
    assert {"trades", "candles", "instruments", "findings"} <= set(tables)
    for data_type in ("trades", "quotes"):
        file = next(path for path in stored(demo_folder, DAY, data_type) if path.stem == KEY)
        assert set(mtdh.schema(data_type).polars()["column"]) >= set(pq.read_schema(file).names)
    assert mtdh.schema("TRADES").columns == ["column", "type", "unit", "null", "values", "meaning", "by_venue"]


def test_a_plan_says_how_much(tmp_path):
    with mtdh.demo(tmp_path / "lake", fill=False) as lake:
        plan = lake.plan(DAY, venues="DERIBIT", types="PERP", data_types=["trades", "quotes"])
        assert plan and plan.files == plan.size["requests"] > 0 < plan.size["bytes"] and plan.partitions >= plan.files
        assert not stored(tmp_path / "lake"), "nothing is fetched"
        lake.want("perps", DAY, DAY, venues="DERIBIT", types="PERP", data_types=["trades", "quotes"])
        synced = lake.sync(dry_run=True)
        (of_set,) = synced.sets
        assert synced and of_set["plan"]["files"] == plan.files and synced.run_id is None
        assert not stored(tmp_path / "lake"), "nothing is fetched"
        assert "planned" in repr(synced) and "bytes" in repr(plan)


def test_a_gate_fails_on_a_grade(own, tmp_path):
    lake, words = mtdh.Lake(own), {"instruments": KEY, "data_types": "trades"}
    assert lake.check(DAY, min_grade="bad", **words).github.splitlines()[-1].startswith("::notice")
    held = lake.check(DAY_BEFORE, DAY, min_grade="good", reports=[tmp_path / "r.xml", tmp_path / "r.html"], instruments=KEY, data_types="quotes")
    assert not held, "a day lacks"
    assert held.github.splitlines()[-1].startswith("::error")
    suite = ElementTree.parse(tmp_path / "r.xml").getroot()
    assert ElementTree.tostring(suite) == ElementTree.tostring(ElementTree.fromstring(held.junit))
    assert (tmp_path / "r.html").stat().st_size > 1000


def test_delta_is_exported(demo, tmp_path):
    done = demo.export_delta(tmp_path / "out", DAY_BEFORE, instruments=KEY, data_types="trades", progress=False)
    assert done and done.tables["trades"]["delta_version"] == 0
    assert (tmp_path / "out/trades/_delta_log").is_dir()
