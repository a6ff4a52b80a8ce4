"""What people see on a terminal, by a pseudo-terminal of a given size: tables are cut with a sign, and say how much is left out.
In a pipe nothing is cut, and nothing is drawn."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios

import pytest

from stage import DAY, PROGRAM, environment, mtdh, run_mtdh, sim

pytestmark = pytest.mark.xdist_group("terminal")


def on_terminal(*words, width, env):
    """What a terminal of this width gets, stdout and stderr together; and the exit status."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    started = subprocess.Popen([PROGRAM, *map(str, words)], stdin=theirs, stdout=theirs, stderr=theirs, env=environment(env))
    os.close(theirs)
    text = b""
    while True:
        try:
            part = os.read(ours, 65_536)
        except OSError:
            # The other end is closed.
            break
        if not part:
            break
        text += part
    os.close(ours)
    return text.decode(), started.wait(timeout=60)


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    """A lake with more partitions than a terminal shows, and how to reach its vendor."""
    folder = tmp_path_factory.mktemp("terminal") / "lake"
    with sim("--small") as vendor:
        mtdh("download", "--start-date", "2024-02-28", "--end-date", DAY, "--venues", "BINANCE,DERIBIT", "--lake", folder, env=vendor)
        yield folder, vendor


def test_a_table_is_cut_to_the_terminal_and_says_so(lake):
    folder, vendor = lake
    listing = ["ls", "--long", "--lake", folder]
    whole = mtdh(*listing, env=vendor).splitlines()
    assert len(whole) > 60 and not any("…" in line for line in whole), len(whole)
    for width in [50, 80, 200]:
        text, status = on_terminal(*listing, width=width, env=vendor)
        assert status == 0
        lines = [line for line in text.replace("\r\n", "\n").split("\n") if line and "\x1b" not in line]
        rows = [line for line in lines if re.match(r"2024-0", line)]
        assert len(rows) == 40, (width, len(rows))
        assert f"… and {len(whole) - 41} more: --format csv" in lines, lines[-3:]
        assert all(len(line) <= width for line in [lines[0], *rows]), (width, max(rows, key=len))
        assert (width == 200) == (not any("…" in line for line in rows) and not any("no room" in line for line in lines)), lines[:3]
    text, _ = on_terminal(*listing, "--format", "csv", width=50, env=vendor)
    assert len(text.replace("\r\n", "\n").splitlines()) >= len(whole), "a format for programs is never cut"


def test_what_is_quiet_says_the_verdict_and_no_more(lake):
    folder, vendor = lake
    day = ["--start-date", DAY, "--lake", folder]
    said = run_mtdh("validate", *day, "--quiet", expect=(0, 1), env=vendor).stderr.splitlines()
    assert len(said) == 1 and "complete" in said[0], said
    assert run_mtdh("validate", *day, expect=(0, 1), env=vendor).stderr.splitlines()[-1] == said[0]


def test_progress_is_drawn_on_a_terminal_and_taken_away(lake, tmp_path):
    folder, vendor = lake
    days = ["--start-date", "2024-02-01", "--end-date", DAY, "--lake", tmp_path / "other", "--max-workers", "1"]
    text, status = on_terminal("download", *days, "--venues", "DERIBIT", width=100, env=vendor)
    assert status == 0, text[-2000:]
    drawn = re.findall(r"\r\x1b\[2K([^\r\x1b]+)", text)
    assert any("downloading  " in line and " files" in line for line in drawn), drawn[:5]
    assert all(len(line) < 100 for line in drawn if "%" in line)
    assert text.rsplit("\x1b[2K", 1)[1].count("\n") >= 1, "the last line is not one of progress"
    piped = run_mtdh("validate", *days[:6], "--venues", "DERIBIT", expect=(0, 1), env=vendor)
    assert "\x1b" not in piped.stderr + piped.stdout
