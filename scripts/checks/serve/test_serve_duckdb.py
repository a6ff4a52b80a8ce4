"""DuckDB reads the lake's files through the server. Its httpfs comes from PyPI, for an older version than the tests' own DuckDB:
an environment of its own, `python -m venv .venv-httpfs && .venv-httpfs/bin/pip install -r scripts/requirements-httpfs.txt`."""

import os
import pathlib
import subprocess
import urllib.request

import pyarrow.parquet
import pytest

from stage import DAY, ROOT, partition

pytestmark = pytest.mark.xdist_group("serve")

KEY = "DERIBIT:PERP:BTC-USD"
PYTHON = pathlib.Path(os.environ.get("HTTPFS_PYTHON", ROOT / ".venv-httpfs/bin/python"))
PROGRAM = """
import pathlib, sys, duckdb, duckdb_ext
extension = next(pathlib.Path(duckdb_ext.__path__[0]).rglob("httpfs.duckdb_extension"))
connection = duckdb.connect()
connection.execute(f"load '{extension}'")
connection.execute(sys.stdin.read())
print(*connection.execute("select count(*), sum(amount), max(price) from trades").fetchone())
"""


@pytest.mark.skipif(not PYTHON.exists(), reason=f"there is no {PYTHON} with duckdb==1.4.4 and duckdb-ext-httpfs")
def test_duckdb_reads_a_view_over_http(lake, address):
    with urllib.request.urlopen(f"{address}/v1/paths/trades/{KEY}?start={DAY}&form=sql") as answer:
        view = answer.read()
    ended = subprocess.run([PYTHON, "-c", PROGRAM], input=view, capture_output=True, timeout=120)
    assert ended.returncode == 0, ended.stderr.decode()
    rows, amount, price = ended.stdout.split()
    table = pyarrow.parquet.read_table(partition(lake, "trades", KEY)).to_pandas()
    assert int(rows) == len(table) and float(price) == table["price"].max()
    assert float(amount) == pytest.approx(table["amount"].sum(), rel=1e-9)
