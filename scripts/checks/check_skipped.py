"""What cannot run says so in one form, `skipped: NAME: REASON`, and adds the line to the file that MTDH_SKIPPED names: a test of
the program, a check, a script. Each is run where what it needs is not there, and where it is."""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

from stage import ROOT, done

TEST = "an_hour_of_recorded_trades_is_the_exchanges_own_hour"
CASES = {
    # The whole workspace, so that nothing is built anew.
    TEST: ["cargo", "test", "--quiet", "--locked", "--workspace", "--test", "core", TEST],
    "check_real_data": [sys.executable, str(ROOT / "scripts/checks/check_real_data.py")],
    "fuzz": [str(ROOT / "scripts/fuzz.sh"), "1"],
}


def lines(command, folder, **surroundings):
    """What a command, which must pass, notes as skipped."""
    noted = folder / "skipped"
    noted.unlink(missing_ok=True)
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT,
                         env={**os.environ, "MTDH_SKIPPED": str(noted), **surroundings})
    assert run.returncode == 0, (command, run.stdout, run.stderr)
    return noted.read_text().splitlines() if noted.exists() else []


def without_nightly(folder):
    """A PATH whose cargo has no other toolchain."""
    cargo = folder / "cargo"
    cargo.write_text("#!/bin/sh\nexit 1\n")
    cargo.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def main():
    checks = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        lacking = {"MTDH_RECORDED": str(folder / "nowhere")}
        for name, command in CASES.items():
            surroundings = {"PATH": without_nightly(folder)} if name == "fuzz" else lacking
            found = lines(command, folder, **surroundings)
            assert len(found) == 1 and re.fullmatch(r"skipped: (\S+::)?%s( \S+)?: .+" % re.escape(name), found[0]), (name, found)
            checks += 1
        # Where the data is there, nothing is noted.
        (folder / "tardis_csv").mkdir()
        assert lines(CASES["check_real_data"], folder, MTDH_RECORDED=str(folder)) == []
    done(checks + 1 + check_helpers())


def check_helpers():
    """Nobody says it in a way of his own, and `.ci/run` tells all of it."""
    files = subprocess.run(["git", "ls-files", "*.py", "*.sh", "*.rs", ".ci/run"], capture_output=True, text=True, cwd=ROOT, check=True)
    own = {"scripts/skipped.sh", "scripts/checks/stage.py", "crates/core/tests/shared/recorded.rs"}
    others = [name for name in set(files.stdout.split()) - own
              if re.search(r"(print\w*!?\(|echo |format!\()f?[\"']skipped", (ROOT / name).read_text())]
    assert len(files.stdout.split()) > 100 and not others, others
    end = (ROOT / ".ci/run").read_text()
    assert "nothing was skipped" in end and "export MTDH_SKIPPED" in end
    return 2


if __name__ == "__main__":
    main()
