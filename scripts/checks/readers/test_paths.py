"""`mtdh paths` and `mtdh sql`: exact paths for readers of their own, and the lake's tables for a DuckDB program that is installed."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import duckdb
import polars
import pyarrow.parquet as pq
import pytest

from stage import DAY, PROGRAM, environment, mtdh, partition, run_mtdh

pytestmark = pytest.mark.xdist_group("readers")

KEY, OTHER, NEXT = "DERIBIT:PERP:BTC-USD", "DERIBIT:PERP:ETH-USD", "2024-03-02"
# What the lake has; its instrument table has more.
BOTH = ["--instruments", f"{KEY},{OTHER}"]
# PyPI's duckdb-cli puts the program beside Python.
BESIDE = {"PATH": f"{pathlib.Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
NOWHERE = {"PATH": "/nonexistent"}


@pytest.fixture(scope="module")
def lake(vendor, tmp_path_factory):
    """A lake in a folder whose name is hard to write: two perpetuals, one object of no rows, candles."""
    lake = tmp_path_factory.mktemp("paths") / "it's a=b [1]*?, \"lake\""
    words = ["--start-date", DAY, "--lake", lake]
    mtdh("download", *words, "--instruments", KEY, OTHER, "--data-types", "trades,quotes,liquidations", env=vendor)
    mtdh("candles", *words, "--instruments", KEY, OTHER, "--timeframes", "1m", expect=(0, 1), env=vendor)
    mtdh("validate", *words, "--instruments", KEY, OTHER, "--data-types", "trades,quotes,liquidations", env=vendor)
    return lake


@pytest.fixture(scope="module")
def program():
    """A DuckDB program."""
    if shutil.which("duckdb", path=BESIDE["PATH"]) is None:
        pytest.skip("there is no duckdb program (pip install duckdb-cli)")
    return BESIDE


def sql(lake, program, query, *words, expect=0):
    """What a query answers, as objects."""
    ended = run_mtdh("sql", query, "--lake", lake, "--start", DAY, *BOTH, "--format", "json", *words, expect=expect, env=program)
    return json.loads(ended.stdout)


def test_paths_are_where_the_objects_are(lake):
    lines = mtdh("paths", "--lake", lake, "--start", DAY, "--instruments", KEY, "--data-types", "trades").splitlines()
    words = ["paths", "--lake", lake, "--start", DAY, *BOTH]
    assert lines == [str(partition(lake, "trades", KEY))]
    assert polars.read_parquet(lines[0], glob=False).height == pq.read_table(lines[0]).num_rows
    every = mtdh(*words, "--format", "lines").splitlines()
    stored = {str(path) for path in lake.rglob("*.parquet")}
    assert set(every) == stored and len(every) == len(stored), "every table of the lake"
    document = json.loads(mtdh(*words, "--format", "json"))
    assert [line["path"] for line in document["paths"]] == every and document["missing"] == []
    tables = {line["table"] for line in document["paths"]}
    assert tables == {"trades", "quotes", "liquidations", "candles_1m", "instruments", "available", "missing", "identities"}
    rows = [json.loads(line) for line in mtdh(*words, "--format", "jsonl").splitlines()]
    assert rows == document["paths"]
    assert mtdh(*words, "--format", "csv").count("\n") == len(rows) + 1
    relative = mtdh("paths", "--lake", lake.name, "--start", DAY, *BOTH, "--tables", "trades", cwd=lake.parent).splitlines()
    assert relative == [str(partition(lake, "trades", key)) for key in (KEY, OTHER)], "absolute, from wherever they are asked for"


# Words, exit status, how many lines on stdout, what stderr says.
CASES = [
    (["--start", DAY, *BOTH, "--tables", "trades"], 0, 2, "2 objects"),
    (["--start-date", DAY, "--end-date", DAY, "--data-types", "trades", "--venues", "deribit"], 1, 2, "DERIBIT:FUTURE:"),
    (["--start", DAY, "--end", NEXT, "--instruments", KEY, "--tables", "trades"], 1, 1, f"trades of {NEXT} {KEY}"),
    (["--start", DAY, "--end", NEXT, "--instruments", KEY, "--tables", "trades", "--strict"], 1, 0, "nothing is printed"),
    (["--start", DAY, "--end", NEXT, "--instruments", KEY, "--tables", "instruments"], 1, 1, f"instruments of {NEXT}"),
    # By the exchange's clock, rows of the day may lie in the objects beside it.
    (["--start", NEXT, "--instruments", KEY, "--tables", "trades", "--clock", "exchange"], 1, 1, f"trades of {NEXT}"),
    (["--start", NEXT, "--instruments", KEY, "--tables", "trades"], 1, 0, f"trades of {NEXT}"),
    (["--start", f"{DAY}T12:00", "--instruments", KEY, "--tables", "trades"], 0, 1, "1 object"),
    (["--start", DAY, "--instruments", "DERIBIT:COMBO:*", "--tables", "liquidations"], 0, 0, "0 objects"),
    (["--start", DAY, "--tables", "candles", "--instruments", KEY], 0, 1, "1 object"),
    (["--start", DAY, "--tables", "candles_60s", "--instruments", KEY], 0, 1, "1 object"),
    (["--instruments", KEY, "--tables", "trades"], 0, 1, "1 object"),
    (["--start", DAY, "--instruments", "DERIBIT:PERP:BTC-UDS", "--tables", "trades"], 2, 0, "perhaps DERIBIT:PERP:BTC-USD"),
    (["--start", DAY, "--tables", "tradez"], 2, 0, "tradez"),
    (["--start", NEXT, "--end", DAY, "--tables", "trades"], 2, 0, "nothing lies between"),
    (["--start", DAY, *BOTH, "--tables", "trades", "--verify"], 0, 2, "verified: every byte of 2 objects"),
]


@pytest.mark.parametrize("words, status, lines, said", CASES)
def test_what_is_printed_and_what_is_missing(lake, words, status, lines, said):
    ended = run_mtdh("paths", "--lake", lake, *words, expect=status)
    assert len(ended.stdout.splitlines()) == lines, ended.stdout
    assert said in ended.stderr, ended.stderr


def test_an_object_that_the_tables_expect_is_missing(lake, tmp_path):
    copy = tmp_path / "lake"
    shutil.copytree(lake, copy)
    partition(copy, "trades", OTHER).unlink()
    ended = run_mtdh("paths", "--lake", copy, "--start", DAY, "--instruments", "DERIBIT:PERP:BTC-USD,DERIBIT:PERP:ETH-US?", "--tables", "trades", expect=1)
    assert f"trades of {DAY} {OTHER}" in ended.stderr and KEY in ended.stdout


def test_no_lake_and_no_line_break(lake, tmp_path):
    run_mtdh("paths", "--lake", tmp_path / "none", "--start", DAY, expect=2)
    broken = tmp_path / "a\nb"
    broken.symlink_to(lake)
    assert "line break" in run_mtdh("paths", "--lake", broken, "--start", DAY, expect=2).stderr
    assert len(json.loads(mtdh("paths", "--lake", broken, "--start", DAY, *BOTH, "--format", "json"))["paths"]) > 5


def test_a_query(lake, program):
    table = pq.read_table(partition(lake, "trades", KEY))
    query = f"select count(*) as n, max(price) as high from trades where instrument_key = '{KEY}'"
    assert sql(lake, program, query) == [{"n": table.num_rows, "high": max(table["price"].to_pylist())}]
    # A part of the day; a query that ends with a comment; several statements; a query of nothing of the lake.
    within = sql_within(lake, program)
    got = mtdh("get", KEY, "--data-type", "trades", "--start", f"{DAY}T12:00", "--end", f"{DAY}T13:00", "--lake", lake)
    assert within == got.count("\n") - 1 > 0
    assert sql(lake, program, "select 1 as a -- no more") == [{"a": 1}]
    assert sql(lake, program, "create table t as select count(*) as n from candles_1m; select n > 0 as is_made from t") == [{"is_made": True}]
    assert sql(lake, program, "select count(*) as n from instruments")[0]["n"] > 2


def sql_within(lake, program):
    words = ["--lake", lake, "--start", f"{DAY}T12:00", "--end", f"{DAY}T13:00", "--instruments", KEY, "--format", "csv"]
    return int(run_mtdh("sql", "select count(*) as n from trades", *words, env=program).stdout.split()[1])


def test_every_table_is_there_with_its_columns(lake, program):
    """Tables with objects, of objects without rows, and without objects: all have the columns that `schema` tells."""
    described = {table["name"]: [column["name"] for column in table["columns"]] for table in json.loads(mtdh("schema", "--format", "json"))}
    tables = [name for name in described if name not in ("plan", "quarantine", "findings")]
    for name in tables:
        rows = sql(lake, program, f"describe {name}", "--tables", name)
        assert [row["column_name"] for row in rows] == described[name], name
    ended = run_mtdh("sql", "select count(*) as n from incremental_book_L2", "--lake", lake, "--start", DAY, *BOTH, "--format", "csv", env=program)
    assert ended.stdout.split() == ["n", "0"] and "incremental_book_L2" in ended.stderr


def test_the_views_are_for_any_duckdb(lake):
    views = mtdh("sql", "--print", "--lake", lake, "--start", DAY, *BOTH)
    connection = duckdb.connect()
    connection.execute(views)
    for name in ("trades", "quotes", "liquidations", "candles_1m", "candles", "instruments", "available", "missing"):
        stored = [path for path in map(str, lake.rglob("*.parquet"))]
        mine = mtdh("paths", "--lake", lake, "--start", DAY, *BOTH, "--tables", name).splitlines()
        assert mine and set(mine) <= set(stored)
        rows = sum(pq.read_metadata(path).num_rows for path in mine)
        assert connection.execute(f"select count(*) from {name}").fetchone() == (rows,), name
    assert connection.execute("select count(*) from book_ticker").fetchone() == (0,)


def test_faults_of_queries(lake, program):
    words = ["--lake", lake, "--start", DAY, *BOTH]
    assert "pip install duckdb-cli" in run_mtdh("sql", "select 1", *words, expect=2, env=NOWHERE).stderr
    assert "nix" in run_mtdh("sql", "select * from nix", *words, expect=2, env=program).stderr
    run_mtdh("sql", " ", *words, expect=2, env=program)
    run_mtdh("sql", *words, expect=2, env=program)
    gap = ["--lake", lake, "--start", DAY, "--end", NEXT, "--instruments", KEY]
    assert f"trades of {NEXT}" in run_mtdh("sql", "select count(*) from trades", *gap, expect=1, env=program).stderr
    assert run_mtdh("sql", "select count(*) from trades", *gap, "--strict", expect=1, env=program).stdout == ""
    assert run_mtdh("sql", "--print", *gap, "--tables", "trades", "--strict", expect=1).stdout == ""


def test_ten_thousand_objects_are_no_command_line(lake, program, tmp_path):
    """More paths than a command line holds: hard links of one object."""
    many = tmp_path / "many"
    object_ = partition(lake, "trades", KEY)
    for number in range(3_000):
        folder = many / f"raw_tick_data/by_date/day-{2015 + number // 300}-01-01" / "data_type-trades"
        folder.mkdir(parents=True, exist_ok=True)
        os.link(object_, folder / f"DERIBIT:PERP:X{number}-USD.parquet")
    views = mtdh("sql", "--print", "--lake", many, "--tables", "trades", expect=(0, 1))
    assert len(views) > 131_072 * 2 and views.count(".parquet'") == 3_000
    ended = run_mtdh("sql", "select count(*) as n from trades", "--lake", many, "--format", "csv", expect=(0, 1), env=program)
    assert int(ended.stdout.split()[1]) == 3_000 * pq.read_metadata(object_).num_rows


def test_a_closed_pipe_and_the_users_own_start_file(lake, program, tmp_path):
    (tmp_path / ".duckdbrc").write_text("select 'from the start file';\n")
    words = [PROGRAM, "sql", "select price from trades, range(100)", "--lake", lake, "--start", DAY, *BOTH, "--format", "csv"]
    started = subprocess.Popen(list(map(str, words)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(program, {"HOME": str(tmp_path)}))
    assert started.stdout.readline() == b"price\n"
    started.stdout.close()
    assert started.wait(timeout=60) == 0, started.stderr.read()


def test_no_key_is_printed(lake):
    secrets = {"AWS_ACCESS_KEY_ID": "AKIA-THE-KEY", "AWS_SECRET_ACCESS_KEY": "THE-SECRET", "AWS_ENDPOINT_URL": "http://127.0.0.1:1", "MTDH_MAX_ATTEMPTS": "1"}
    ended = run_mtdh("sql", "--print", "--lake", "s3://b", "--start", DAY, expect=2, env=secrets)
    assert "THE-" not in ended.stdout + ended.stderr
