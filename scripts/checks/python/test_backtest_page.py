"""The commands of docs/how-to/backtest.md run as they are written, one after the other."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

import mtdh

for package in ("hftbacktest", "nautilus_trader"):
    pytest.importorskip(package, reason=f"{package} is not installed: scripts/requirements-bridges.txt has it")

PAGE = pathlib.Path(__file__).resolve().parents[3] / "docs/how-to/backtest.md"


def test_the_page_runs_as_it_is_written(tmp_path):
    code = "\n".join(re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.S | re.M))
    demo = mtdh.demo(tmp_path / "unused", fill=False)
    try:
        without = {name: value for name, value in os.environ.items() if not name.startswith(("MTDH_", "TARDIS_"))}
        env = {**without, "TARDIS_API_URL": demo.api_url, "TARDIS_DATASETS_URL": demo.api_url, "MTDH_CACHE_DIR": str(tmp_path / "cache")}
        ended = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300)
    finally:
        demo.close()
    assert ended.returncode == 0, ended.stderr
    assert [line for line in ended.stdout.splitlines() if line] == ["10.0", "BTC-PERPETUAL.DERIBIT 6369 31060"]
