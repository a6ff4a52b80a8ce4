"""Fixtures of all tests, their options, and what the end of a run tells: figures, and each test that was skipped.

    python -m pytest scripts/checks -n 6                      everything, six tests at a time
    python -m pytest scripts/checks/readers                   one folder
    python -m pytest 'scripts/checks/faults/test_faults.py::test_fault[reset @ put, first]'
"""

import collections
import contextlib
import os
import re
import shutil
import subprocess
import sys

import pytest

import kinds
import lakes
import stage


def pytest_addoption(parser):
    ours = parser.getgroup("mtdh")
    ours.addoption("--seeds", type=int, default=200, help="random trials of test_faults.py")
    ours.addoption("--first-seed", type=int, default=1, help="the seed of the first of them")
    ours.addoption("--requests", type=int, default=3000, help="random requests of test_serve_storm.py")
    ours.addoption("--table", action="store_true", help="print what came of each fault at each hop")
    ours.addoption("--all", action="store_true", help="test_nth_io.py: every n of every kind, not a sample; test_live_faults.py: at every venue, not at one")
    ours.addoption("--only-n", type=int, help="test_nth_io.py: this n alone")
    ours.addoption("--runs", type=int, default=int(os.environ.get("FLEET_RUNS", "20")), help="seeded runs of test_fleet.py")
    ours.addoption("--first-run", type=int, default=1, help="the seed of the first of them")
    ours.addoption("--pictures", help="test_report.py: a folder for pictures of the pages")


def pytest_collection_modifyitems(items):
    # What takes long begins first, so that nobody waits for it alone at the end.
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_runtest_setup(item):
    for needed in item.iter_markers("needs"):
        command, how = needed.args
        if shutil.which(command) is None:
            pytest.skip(f"{command} is not installed ({how})")
    if item.get_closest_marker("needs_root") and os.geteuid() != 0:
        pytest.skip("it needs root")


# --- what the end tells

FIGURES, LINES, SKIPPED, OUTCOMES = collections.defaultdict(collections.Counter), [], {}, {}


def pytest_runtest_logreport(report):
    for name, value in report.user_properties if report.when == "teardown" else []:
        if name.startswith("figures of "):
            FIGURES[name.removeprefix("figures of ")].update(value)
        elif name.startswith("outcome of "):
            OUTCOMES[name.removeprefix("outcome of ")] = value
        else:
            LINES.append(f"{name}: {value}")
    note_skipped(report)


def pytest_collectreport(report):
    note_skipped(report)


def note_skipped(report):
    """Keeps that a test did not run, for the end and for the file that MTDH_SKIPPED names. Where tests run in several
    processes, the one that collects their reports does it."""
    if not report.skipped or os.environ.get("PYTEST_XDIST_WORKER"):
        return
    # Neither a parameter nor the group of tests that one process runs.
    name = re.sub(r"[\[@].*", "", report.nodeid, flags=re.S)
    reason = " ".join(report.longrepr[2].removeprefix("Skipped: ").split())
    line = f"skipped: {name}: {reason}"
    if line in SKIPPED:
        return
    SKIPPED[line] = True
    if os.environ.get("MTDH_SKIPPED"):
        with open(os.environ["MTDH_SKIPPED"], "a") as every:
            every.write(f"{line}\n")


def pytest_terminal_summary(terminalreporter, config):
    if config.getoption("--table"):
        terminalreporter.write_line(kinds.table_of(OUTCOMES))
    for name, counts in sorted(FIGURES.items()):
        LINES.append(f"{name}: " + ", ".join(f"{count} {what}" for what, count in counts.items()))
    for line in [*LINES, *SKIPPED]:
        terminalreporter.write_line(line)


@pytest.fixture
def figures(record_property, request):
    """Counts that are added up over all tests of a module, and told at the end: `figures(killed=2)`."""
    return lambda **counts: record_property(f"figures of {request.module.__name__}", counts)


@pytest.fixture
def tell(record_property, request):
    """A line for the end."""
    return lambda text: record_property(request.node.name, text)


# --- the program, the vendor, and lakes


@pytest.fixture(scope="session", autouse=True)
def program():
    """The program under test; nothing can be said without it."""
    assert os.access(stage.PROGRAM, os.X_OK), f"there is no {stage.PROGRAM}: cargo build --release, or set MTDH"
    return stage.PROGRAM


@pytest.fixture(scope="session")
def mtdh():
    """Runs the program: `mtdh(*words, expect=0, env=None)` gives stdout."""
    return stage.mtdh


@pytest.fixture
def sim():
    """Starts stand-in vendors, `sim(*words)`, that end with the test; gives the variables that point the program at one."""
    with contextlib.ExitStack() as stack:
        yield lambda *words, **options: stack.enter_context(stage.sim(*words, **options))


@pytest.fixture(scope="session")
def vendor():
    """A stand-in vendor for tests that only read from it, without its bucket."""
    with stage.sim() as variables:
        yield stage.vendor_only(variables)


@pytest.fixture(scope="session")
def store():
    """A stand-in for Google Cloud Storage with an empty bucket; its variables."""
    with stage.sim("--small") as variables:
        yield variables


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory):
    """An S3 server (moto, a stand-in made by others) with the bucket `lake`: a client, and the program's variables for it."""
    import boto3

    said = tmp_path_factory.mktemp("s3") / "said"
    with said.open("w") as out:
        server = subprocess.Popen([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"], stdout=out, stderr=out)
    try:
        running = lambda: re.search(r"Running on (http://127\.0\.0\.1:\d+)", said.read_text())
        stage.wait_until(running, lambda: f"the S3 server does not start: {said.read_text()}", pause=0.1)
        address = running()[1]
        client = boto3.client("s3", endpoint_url=address, aws_access_key_id="x", aws_secret_access_key="y", region_name="us-east-1")
        client.create_bucket(Bucket="lake")
        yield client, lakes.s3_settings(address)
    finally:
        server.terminate()
        server.wait(timeout=30)


@pytest.fixture
def lake(request, tmp_path):
    """An empty lake: in a folder, or where the parameter says, `folder`, `gcs` or `s3`."""
    kind = getattr(request, "param", "folder")
    if kind == "folder":
        return lakes.Folder(tmp_path / "lake")
    prefix = re.sub(r"\W+", "-", request.node.name).strip("-")
    if kind == "gcs":
        vendor = request.getfixturevalue("store")
        return lakes.Gcs(vendor, vendor["GCS_BUCKET"], prefix)
    client, env = request.getfixturevalue("s3_server")
    return lakes.S3(client, "lake", prefix, env)


@pytest.fixture(scope="session")
def nth_io(tmp_path_factory):
    """The library that fails the n-th call, or plays a file system that lacks something: its path."""
    source, library = stage.ROOT / "scripts/checks/faults/nth_io.c", tmp_path_factory.mktemp("nth_io") / "nth_io.so"
    assert shutil.which("cc"), "a C compiler is needed"
    stage.run(["cc", "-O2", "-Wall", "-shared", "-fPIC", "-o", library, source])
    return str(library)
