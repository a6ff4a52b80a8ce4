"""What a command takes as a whole process: seconds, memory, what it prints.

The kernel counts into a child's memory what its parent had when it was started, so a small process starts the command."""

import json
import os
import subprocess
import sys
import time
import typing


class Spent(typing.NamedTuple):
    """Of one run."""

    seconds: float
    megabytes: float
    status: int
    lines: int
    said: str


def spent(words, env):
    """Runs a command; its stdout is counted by lines, its stderr kept."""
    done = subprocess.run([sys.executable, "-S", "-E", __file__, *map(str, words)], env=env, capture_output=True, text=True, check=True)
    return Spent(*json.loads(done.stdout))


def run(words):
    """The small process."""
    start = time.perf_counter()
    (out, out_end), err = os.pipe(), os.memfd_create("said")
    moved = [(os.POSIX_SPAWN_DUP2, out_end, 1), (os.POSIX_SPAWN_DUP2, err, 2), (os.POSIX_SPAWN_CLOSE, out)]
    child = os.posix_spawn(words[0], words, os.environ, file_actions=moved)
    os.close(out_end)
    lines = 0
    while piece := os.read(out, 1 << 16):
        lines += piece.count(b"\n")
    _, status, used = os.wait4(child, 0)
    seconds = time.perf_counter() - start
    said = os.pread(err, 1 << 20, 0).decode(errors="replace")
    print(json.dumps([seconds, used.ru_maxrss / 1024, os.waitstatus_to_exitcode(status), lines, said]))


if __name__ == "__main__":
    run(sys.argv[1:])
