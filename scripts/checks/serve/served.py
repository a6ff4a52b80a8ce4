"""A server over a lake, for the tests of this folder."""

import contextlib
import re
import subprocess
import tempfile
import time

import stage


@contextlib.contextmanager
def server(lake, *words, env=None, seconds=900):
    """`mtdh serve` on a free port; gives its address."""
    with tempfile.NamedTemporaryFile("w+") as said:
        command = [stage.PROGRAM, "serve", "--lake", str(lake), "--listen", "127.0.0.1:0", "--seconds", str(seconds), *map(str, words)]
        process = subprocess.Popen(command, stderr=said, env=stage.environment(env or {}))
        try:
            text = lambda: open(said.name).read()
            stage.wait_until(lambda: re.search(r"http://[\d.:]+", text()) or process.poll() is not None, text)
            found = re.search(r"http://[\d.:]+", text())
            assert found, text()
            server.process = process
            yield found[0].rstrip(",")
            assert "panicked" not in text(), text()
        finally:
            process.terminate()
            process.wait(timeout=30)


def memory(process):
    """Bytes of memory that a process has had at most."""
    with open(f"/proc/{process.pid}/status") as status:
        return int(re.search(r"VmHWM:\s+(\d+) kB", status.read())[1]) * 1024


def seconds_of(work, times=1):
    """How long work takes, the best of some times."""
    best = float("inf")
    for _ in range(times):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best
