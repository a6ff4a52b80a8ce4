"""A time of their own for programs under test: fast, and from any moment on. Who has the same `Clock` has the same time."""

import datetime
import functools
import shutil
import tempfile
import time

import stage


@functools.cache
def library():
    """The path of the library that is preloaded."""
    assert shutil.which("cc"), "a C compiler is needed"
    library.folder = tempfile.TemporaryDirectory()
    path = f"{library.folder.name}/fast_clock.so"
    stage.run(["cc", "-O2", "-Wall", "-shared", "-fPIC", "-o", path, stage.ROOT / "scripts/checks/live/fast_clock.c"])
    return path


class Clock:
    """A clock that runs `speed` times as fast, from `start` on, which is by default now: its variables are `env`."""

    def __init__(self, speed, start=None):
        self.speed, self.origin = speed, time.monotonic_ns()
        start = start or datetime.datetime.now(datetime.UTC)
        self.start = round(start.timestamp() * 1e6) * 1000
        self.env = {"LD_PRELOAD": library(), "FAST_CLOCK": f"{self.origin} {self.start} {speed}"}

    def now(self):
        """Its wall clock, seconds since the Unix epoch, UTC."""
        return (self.start + (time.monotonic_ns() - self.origin) * self.speed) / 1e9

    def sleep(self, seconds):
        """Waits so many of its seconds."""
        time.sleep(seconds / self.speed)

    def sleep_until(self, moment):
        """Waits until its wall clock shows a moment."""
        self.sleep(max(moment.timestamp() - self.now(), 0))
