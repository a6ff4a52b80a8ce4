"""The types: the stubs are what is there, and a program that uses the package passes mypy and pyright as strictly as they go."""

import json
import pathlib
import subprocess
import sys

import pytest

import mtdh
from stage import ROOT

SETTINGS = ROOT / "pyproject.toml"
# What people write. Each line `x: T = …` holds if the checkers know the type; those marked wrong must be refused.
PROGRAM = '''
from __future__ import annotations

import datetime

import mtdh

lake = mtdh.Lake("./data")
KEY = "DERIBIT:PERP:BTC-USD"

rows: mtdh.Rows = lake.trades(KEY, "2024-03-01")
rows = lake.get("trades", [KEY], datetime.date(2024, 3, 1), end="2024-03", columns=["price"], clock="exchange", limit=5, min_grade="good", verify=True)
several: dict[str, mtdh.Rows] = lake.get(["trades", "quotes"], KEY, 1709251200000000)
rows = lake.book_snapshot_25(KEY, "2024-03-01", columns=["local_timestamp"])
rows = lake.candles(KEY, "5m", "2024-03", limit=3)
height: int = rows.polars().height
names: list[str] = rows.lazy().collect_schema().names()
count: int = rows.strict().count()
missing: list[tuple[str, str, str]] = rows.missing
prices = rows.numpy()["price"]
first: float = float(prices[0])
paths: list[str] = rows.paths()
for batch in rows:
    table: mtdh.Table = batch
    length: int = len(table)


async def read() -> int:
    total = 0
    async for batch in rows:
        total += len(batch)
    return total


coverage: mtdh.Coverage = lake.coverage("2024-03", venues=["DERIBIT"], data_types="trades")
findings: mtdh.Table = lake.findings("2024-03-01", groups="gaps", instruments=KEY)
report: mtdh.Download = lake.download("2024-03-01", venues="DERIBIT", types=["PERP"], progress=lambda counters: print(counters["rows"]))
stored: int = report.stored
verdict: str = lake.validate("2024-03-01").verdict
ok: bool = lake.make_candles("2024-03-01", ["1m"], instruments=KEY).ok
converted: mtdh.Conversion = mtdh.convert("in.csv.gz", "out.parquet")
answer: list[object] = list(lake.sql("select 1").fetchall())
with mtdh.demo() as demo_lake:
    url: str = demo_lake.url
try:
    rows.polars()
except mtdh.MissingData as error:
    hint: str | None = error.hint
    lacking: list[tuple[str, str, str]] = error.missing
'''
WRONG = [
    "lake.trades(KEY)",
    "lake.trades(KEY, 1.5)",
    "lake.trades(KEY, '2024-03-01', colums=['price'])",
    "lake.trades(KEY, '2024-03-01', limit='5')",
    "lake.no_such_type(KEY, '2024-03-01')",
    "x: int = lake.trades(KEY, '2024-03-01')",
    "lake.download('2024-03-01', venue='DERIBIT')",
    "lake.coverage('2024-03-01').no_such",
]


def checked(*command, cwd=None):
    ended = subprocess.run([sys.executable, "-m", *map(str, command)], capture_output=True, text=True, cwd=cwd, timeout=300)
    return ended.returncode, ended.stdout + ended.stderr


MYPY = ["mypy", "--config-file", SETTINGS, "--cache-dir", "/dev/null", "--no-error-summary"]


# Names of libraries without types, which are there for checkers alone.
ALLOWED = r"""
mtdh\._rows\.(pd|pa)
mtdh\..*\.(pandas|pyarrow|Axes|Figure|Instrument|ParquetDataCatalog)
mtdh\.plot\.(Picture.*|_picture)
"""


@pytest.mark.parametrize("command", [
    ["mypy.stubtest", "mtdh", "--mypy-config-file", SETTINGS, "--allowlist", "allowed", "--ignore-unused-allowlist"],
    [*MYPY, "-p", "mtdh"],
], ids=["stubtest", "mypy"])
def test_the_package(tmp_path, command):
    (tmp_path / "allowed").write_text(ALLOWED)
    status, said = checked(*command, cwd=tmp_path)
    assert status == 0, said


def test_the_package_by_pyright(tmp_path):
    """All but what is about libraries that this Python lacks, or that state no types."""
    folder = pathlib.Path(mtdh.__path__[0])
    apart = [str(folder / name) for name in ("bridges", "plot.py")]
    settings = {"include": [str(folder)], "exclude": apart, "reportMissingImports": "none"}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    status, said = checked("pyright", "-p", tmp_path, "--pythonpath", sys.executable, cwd=tmp_path)
    assert status == 0, said


@pytest.mark.parametrize("checker", [[*MYPY, "--strict"], ["pyright", "--pythonpath", sys.executable]], ids=["mypy", "pyright"])
def test_a_program_of_a_users(tmp_path, checker):
    (tmp_path / "right.py").write_text(PROGRAM)
    status, said = checked(*checker, "right.py", cwd=tmp_path)
    assert status == 0, said
    (tmp_path / "wrong.py").write_text(PROGRAM + "\n".join(WRONG) + "\n")
    status, said = checked(*checker, "wrong.py", cwd=tmp_path)
    first = PROGRAM.count("\n") + 1
    refused = {place for place in range(first, first + len(WRONG)) if f"wrong.py:{place}:" in said}
    assert status == 1 and len(refused) == len(WRONG), [WRONG[place - first] for place in range(first, first + len(WRONG)) if place not in refused]
