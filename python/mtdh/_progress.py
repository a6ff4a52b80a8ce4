"""Progress of a run: a bar where tqdm is installed, a line in place in a terminal, a callback of the caller's."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any, Union

Callback = Callable[[dict[str, Any]], None]
Progress = Union[bool, Callback]


class Shown:
    """Shows the counters of a run until it ends."""

    def __init__(self, progress: Progress, what: str, unit: str) -> None:
        self._what = what
        self._unit = unit
        self._bar: Any = None
        self._is_written = False
        self.callback: Callback | None = None
        if callable(progress):
            self.callback = progress
        elif progress:
            self.callback = self._shows()

    def _shows(self) -> Callback | None:
        is_terminal = sys.stderr is not None and sys.stderr.isatty()
        if not is_terminal and "ipykernel" not in sys.modules:
            return None  # a log is no place for a bar
        try:
            from tqdm.auto import tqdm
        except ImportError:
            return self._write if is_terminal else None
        self._bar = tqdm(total=None, desc=self._what, unit=f" {self._unit}s", leave=False)
        return self._move

    def _move(self, counters: dict[str, Any]) -> None:
        bar = self._bar
        bar.total = counters["tasks"] or None  # not known yet
        bar.set_postfix(rows=f"{counters['rows']:,}", failures=counters["failures"], refresh=False)
        bar.n = counters["tasks_done"]  # less than before where another phase began
        bar.refresh()

    def _write(self, counters: dict[str, Any]) -> None:
        self._is_written = True
        done = f"{counters['tasks_done']:,} of {counters['tasks']:,} {self._unit}s"
        text = f"{self._what}: {done}, {counters['rows']:,} rows"
        sys.stderr.write(f"\r{text:<70}")
        sys.stderr.flush()

    def __enter__(self) -> Shown:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()
        if self._is_written:
            sys.stderr.write("\r" + " " * 70 + "\r")
            sys.stderr.flush()
