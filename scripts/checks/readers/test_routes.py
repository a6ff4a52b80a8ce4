"""One bit of a price is flipped: which ways to the rows refuse, and which give another price without a word. The Python package's own
ways are in scripts/checks/python/test_api_damage.py. docs/how-to/read.md says the same, with versions."""

import contextlib
import http.client
import io
import os
import pathlib
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request

import duckdb
import pandas
import polars
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest

from damage import flip
from stage import DAY, PROGRAM, environment, mtdh, partition, run_mtdh, wait_until

pytestmark = pytest.mark.xdist_group("readers")

KEY = "DERIBIT:PERP:BTC-USD"
BESIDE = {"PATH": f"{pathlib.Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
SELECTION = ["--start", DAY, "--instruments", KEY, "--data-types", "trades"]


class Refused(Exception):
    """The route says that the object is damaged, and hands out no row as if it were not."""


@pytest.fixture(scope="module")
def lakes(vendor, tmp_path_factory):
    """A lake, and a copy with a damaged price."""
    right, damaged = tmp_path_factory.mktemp("routes") / "right", tmp_path_factory.mktemp("routes") / "damaged"
    mtdh("download", "--start-date", DAY, "--lake", right, "--instruments", KEY, "--data-types", "trades", env=vendor)
    shutil.copytree(right, damaged)
    flip(partition(damaged, "trades", KEY))
    return right, damaged


def ran(*words, env=None):
    """What a command prints; refused if it fails, names the object and prints no row."""
    ended = subprocess.run([PROGRAM, *map(str, words)], capture_output=True, text=True, env=environment(env or {}), timeout=120)
    if ended.returncode != 0:
        assert f"{KEY}.parquet" in ended.stderr, ended.stderr
        raise Refused(ended.stderr)
    return ended.stdout


@contextlib.contextmanager
def served(lake, tmp):
    """`mtdh serve` on a free port; gives its address."""
    said = tmp / "served.log"
    with open(said, "w") as log:
        server = subprocess.Popen(
            [PROGRAM, "serve", "--lake", str(lake), "--listen", "127.0.0.1:0", "--seconds", "60"], stderr=log, env=environment())
    try:
        wait_until(lambda: re.search(r"http://[\d.:]+\d", said.read_text()) or server.poll() is not None, said.read_text)
        yield re.search(r"http://[\d.:]+\d", said.read_text())[0]
    finally:
        server.terminate()
        server.wait(timeout=30)


def over_http(lake, tmp, path):
    with served(lake, tmp) as address:
        try:
            with urllib.request.urlopen(address + path, timeout=60) as answer:
                return answer.read()
        except (urllib.error.HTTPError, http.client.IncompleteRead, ConnectionError) as error:
            raise Refused(str(error)) from None


def rows_over_http(lake, tmp):
    return of_csv(over_http(lake, tmp, f"/v1/slices/trades/{KEY}?start={DAY}&format=csv").decode())


def of_csv(text):
    return pandas.read_csv(io.StringIO(text))["price"].sum()


def got_as(lake, ending, tmp):
    out = tmp / f"out.{ending}"
    out.unlink(missing_ok=True)
    try:
        ran("get", KEY, "--data-type", "trades", "--start", DAY, "--lake", lake, "-o", out)
    except Refused:
        assert not out.exists(), "no part of a file is left"
        raise
    return pandas.read_parquet(out)["price"].sum()


def one(lake):
    return partition(lake, "trades", KEY)


def verified_by_pyarrow(lake):
    try:
        return pq.ParquetFile(one(lake), page_checksum_verification=True).read()["price"].to_pandas().sum()
    except OSError as error:
        raise Refused(str(error)) from None


def through_paths(lake, *words):
    path = ran("paths", "--lake", lake, *SELECTION, *words).strip()
    return polars.read_parquet(path, glob=False)["price"].sum()


def through_views(lake, *words):
    connection = duckdb.connect()
    connection.execute(ran("sql", "--print", "--lake", lake, *SELECTION, *words))
    return connection.execute("select sum(price) from trades").fetchone()[0]


def by_query(lake, *words):
    return float(ran("sql", "select sum(price) as s from trades", "--lake", lake, *SELECTION, "--format", "csv", *words, env=BESIDE).split()[1])


# How each route reads the sum of the prices, and whether it refuses. One that does not gives another sum, without a word.
ROUTES = {
    "mtdh get": (lambda lake, tmp: of_csv(ran("get", KEY, "--data-type", "trades", "--start", DAY, "--lake", lake)), True),
    "mtdh get -o": (lambda lake, tmp: got_as(lake, "parquet", tmp), True),
    "REST rows": (lambda lake, tmp: rows_over_http(lake, tmp), True),
    "REST files": (lambda lake, tmp: pandas.read_parquet(io.BytesIO(over_http(lake, tmp, f"/v1/files/{one(lake).relative_to(lake)}")))["price"].sum(), False),
    "mtdh paths": (lambda lake, tmp: through_paths(lake), False),
    "mtdh paths --verify": (lambda lake, tmp: through_paths(lake, "--verify"), True),
    "mtdh sql --print": (lambda lake, tmp: through_views(lake), False),
    "mtdh sql --print --verify": (lambda lake, tmp: through_views(lake, "--verify"), True),
    "mtdh sql": (lambda lake, tmp: by_query(lake), False),
    "mtdh sql --verify": (lambda lake, tmp: by_query(lake, "--verify"), True),
    "polars": (lambda lake, tmp: polars.read_parquet(one(lake))["price"].sum(), False),
    "polars lazily": (lambda lake, tmp: polars.scan_parquet(one(lake)).select(polars.col("price").sum()).collect().item(), False),
    "DuckDB": (lambda lake, tmp: duckdb.sql(f"select sum(price) from read_parquet('{one(lake)}')").fetchall()[0][0], False),
    "pandas": (lambda lake, tmp: pandas.read_parquet(one(lake))["price"].sum(), False),
    "pyarrow": (lambda lake, tmp: pq.read_table(one(lake))["price"].to_pandas().sum(), False),
    "pyarrow's datasets": (lambda lake, tmp: pyarrow.dataset.dataset(one(lake)).to_table()["price"].to_pandas().sum(), False),
    "pyarrow with page_checksum_verification": (lambda lake, tmp: verified_by_pyarrow(lake), True),
}


@pytest.mark.parametrize("route", ROUTES)
def test_a_flipped_bit(lakes, route, tmp_path):
    read, refuses = ROUTES[route]
    if route.startswith("mtdh sql") and "print" not in route and shutil.which("duckdb", path=BESIDE["PATH"]) is None:
        pytest.skip("there is no duckdb program (pip install duckdb-cli)")
    right, damaged = lakes
    expected = pq.read_table(one(right))["price"].to_pandas().sum()
    assert read(right, tmp_path) == pytest.approx(expected, rel=1e-12)
    if refuses:
        with pytest.raises(Refused):
            read(damaged, tmp_path)
    else:
        assert read(damaged, tmp_path) != pytest.approx(expected, rel=1e-12), "it looks, so docs/how-to/read.md is to say so"


def test_all_that_is_damaged_is_named_and_nothing_printed(lakes):
    _, damaged = lakes
    for words in (["paths", "--format", "json"], ["sql", "--print"]):
        ended = run_mtdh(*words, "--lake", damaged, *SELECTION, "--verify", expect=2)
        assert ended.stdout == "" and f"{KEY}.parquet" in ended.stderr and "1 of 1 object did not pass" in ended.stderr
