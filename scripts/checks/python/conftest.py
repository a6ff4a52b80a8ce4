"""What the tests of the Python package share: a lake of the demo's vendor, made once, and the wheel in a clean environment.

The tests import `mtdh` as it is installed in the Python that runs them: `pip install` of the wheel that `scripts/wheel.sh` builds.
`MTDH_WHEEL` names that wheel, for the tests of a clean environment; without it the newest in `dist/` is taken.
"""

import fcntl
import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from demo_lake import DAY, DAY_BEFORE, KEY, OPTIONS, SPOT
from stage import ROOT, run

if importlib.util.find_spec("mtdh") is None:
    raise pytest.UsageError(f"{sys.executable} has no mtdh: scripts/wheel.sh, then `{sys.executable} -m pip install dist/mtdh-*.whl`")


@pytest.fixture(autouse=True)
def nobody_is_asked(monkeypatch):
    """Who names no vendor asks none: the tests need no network, and do not wait for one."""
    for name in ("TARDIS_API_URL", "TARDIS_DATASETS_URL", "BINANCE_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("MTDH_MAX_ATTEMPTS", "1")


def fill(lake):
    """The perpetuals of a day with all that is recorded of them, a spot pair, options, a day before, and candles."""
    for day, words in (
        (DAY, {"venues": "DERIBIT", "types": "PERP"}),
        (DAY, {"instruments": KEY, "data_types": ["quotes", "incremental_book_L2", "book_snapshot_25"]}),
        (DAY, {"instruments": SPOT}),
        (DAY, {"instruments": OPTIONS, "data_types": ["options_chain"]}),
        (DAY_BEFORE, {"instruments": KEY, "data_types": ["trades"]}),
    ):
        report = lake.download(day, progress=False, **words)
        assert report, report.document
    assert lake.make_candles(DAY, ["1m", "1h"], instruments=KEY, progress=False)


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory):
    """A folder with that lake, which nobody may change; made once for all processes of pytest-xdist."""
    import mtdh

    shared = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        shared = shared.parent
    folder = shared / "demo-lake"
    with open(shared / "demo-lake.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / "demo-lake.done").exists():
            shutil.rmtree(folder, ignore_errors=True)
            with mtdh.demo(folder, fill=False) as lake:
                fill(lake)
            (shared / "demo-lake.done").touch()
    return folder


@pytest.fixture(scope="session")
def demo(demo_folder):
    """That lake."""
    import mtdh

    return mtdh.Lake(demo_folder)


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    """A small lake with candles, and the exchange to compare with."""
    import mtdh
    from validation_world import DAY, KEY, World

    folder = tmp_path_factory.mktemp("validation") / "lake"
    demo = mtdh.demo(folder, fill=False)
    with demo as lake:
        downloaded = lake.download(DAY, data_types=["trades", "book_snapshot_5"], instruments=KEY, progress=False)
        made = lake.make_candles(DAY, ["1m", "5m"], instruments=KEY, progress=False)
        assert downloaded.ok and made.ok, (downloaded.document, made.document)
        yield World(lake, folder, demo._native.binance_url)


@pytest.fixture
def own(demo_folder, tmp_path):
    """A copy of it that a test may change: its folder."""
    return pathlib.Path(shutil.copytree(demo_folder, tmp_path / "own", ignore=shutil.ignore_patterns("_tmp")))


@pytest.fixture(scope="session")
def clean(tmp_path_factory):
    """The Python of a virtual environment that has the wheel and nothing else."""
    wheels = sorted(ROOT.glob("dist/mtdh-*.whl"), key=os.path.getmtime)
    wheel = os.environ.get("MTDH_WHEEL") or (wheels and str(wheels[-1]))
    if not wheel:
        pytest.skip("there is no wheel (scripts/wheel.sh; MTDH_WHEEL names another)")
    folder = tmp_path_factory.mktemp("clean")
    run([sys.executable, "-m", "venv", "--without-pip", folder])
    python = folder / "bin/python"
    run([sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python, "install", "--quiet", "--no-index", "--no-deps", wheel])
    return python


@pytest.fixture
def script(tmp_path):
    """Runs a Python program of its own: `script(text, expect=0, env=None)` gives what it printed."""

    def run_script(text, expect=0, env=None):
        return run([sys.executable, "-c", text], expect, cwd=tmp_path, env={**os.environ, **(env or {})}, timeout=120).stdout

    return run_script


@pytest.fixture
def started(tmp_path):
    """Starts a Python program of its own: `started(text, env=None)` gives the process once it printed a line."""
    running = []

    def start(text, env=None):
        process = subprocess.Popen([sys.executable, "-c", text], cwd=tmp_path, env={**os.environ, **(env or {})},
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        running.append(process)
        assert process.stdout.readline(), process.communicate()[1]
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()
