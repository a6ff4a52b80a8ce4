"""What cannot run says so in one form, `skipped: NAME: REASON`, and adds the line to the file that MTDH_SKIPPED names: a test of
the program, a test here, a script. Each is run where what it needs is not there, and where it is."""

import os
import re
import subprocess
import sys

import pytest

from stage import ROOT, run

TEST = "an_hour_of_recorded_trades_is_the_exchanges_own_hour"
# The whole workspace, so that nothing is built anew.
CARGO = ["cargo", "test", "--quiet", "--locked", "--workspace", "--test", "core", TEST]
RECORDED = [sys.executable, "-m", "pytest", "-q", ROOT / "scripts/checks/readers/test_real_data.py"]
SHELLCHECK = [sys.executable, "-m", "pytest", "-q", ROOT / "scripts/checks/deploy/test_deploy_files.py", "-k", "shellcheck"]


@pytest.fixture
def noted(tmp_path):
    """What a command, which must pass, notes as skipped."""
    def lines(command, **settings):
        file = tmp_path / "skipped"
        env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        run(command, cwd=ROOT, env={**env, "MTDH_SKIPPED": str(file), **settings})
        return file.read_text().splitlines() if file.exists() else []

    return lines


def assert_one(found, name):
    assert len(found) == 1 and re.fullmatch(r"skipped: (\S+::)?%s: .+" % re.escape(name), found[0]), found


def test_a_test_of_the_program(noted, tmp_path):
    assert_one(noted(CARGO, MTDH_RECORDED=str(tmp_path / "nowhere")), TEST)


@pytest.mark.parametrize("processes", [[], ["-n", "2"]], ids=["alone", "in processes"])
def test_a_test_here(noted, tmp_path, processes):
    assert_one(noted([*RECORDED, *processes], MTDH_RECORDED=str(tmp_path / "nowhere")), "test_a_recorded_file")


def test_nothing_is_noted_where_the_data_is_there(noted, tmp_path):
    (tmp_path / "tardis_csv").mkdir()
    assert noted(RECORDED, MTDH_RECORDED=str(tmp_path)) == []


def test_a_command_that_is_lacking(noted, tmp_path):
    assert_one(noted(SHELLCHECK, PATH=str(tmp_path)), "test_shellcheck")


def test_a_script(noted, tmp_path):
    """Where cargo has no other toolchain."""
    cargo = tmp_path / "cargo"
    cargo.write_text("#!/bin/sh\nexit 1\n")
    cargo.chmod(0o755)
    assert_one(noted([ROOT / "scripts/fuzz.sh", "1"], PATH=f"{tmp_path}:{os.environ['PATH']}"), "fuzz")


def test_nobody_says_it_in_a_way_of_his_own():
    files = subprocess.run(["git", "ls-files", "*.py", "*.sh", "*.rs", ".ci/run"], capture_output=True, text=True, cwd=ROOT, check=True)
    files = [name for name in files.stdout.split() if (ROOT / name).exists()]
    own = {"scripts/skipped.sh", "scripts/checks/conftest.py", "crates/core/tests/shared/recorded.rs"}
    others = [name for name in set(files) - own
              if re.search(r"(print\w*!?\(|echo |format!\()f?[\"']skipped", (ROOT / name).read_text())]
    assert len(files) > 100 and not others, others


def test_ci_runs_every_test_and_tells_what_was_skipped():
    text = (ROOT / ".ci/run").read_text()
    assert "nothing was skipped" in text and "export MTDH_SKIPPED" in text
    assert re.search(r"pytest scripts/checks( |$)", text, re.M)
    assert not re.search(r" -k |--deselect|--ignore| -m [\"']", text)
