"""A lake whose vendor is simulated, for tutorials and tests."""

from __future__ import annotations

import os
from types import TracebackType

from mtdh import _mtdh
from mtdh._lake import Lake

DAY = "2024-03-01"
VENUES = ("DERIBIT", "BINANCE", "BINANCE-FUTURES", "OKX-SWAP")


class Demo:
    """A simulated vendor on loopback and a lake that is filled from it; `with mtdh.demo() as lake:` ends both."""

    def __init__(self, folder: str | os.PathLike[str] | None, seed: int | None, *, is_filled: bool) -> None:
        import tempfile  # takes as long to import as the rest of this package

        self._folder = None if folder is not None else tempfile.TemporaryDirectory(prefix="mtdh-demo-")
        self._cache = tempfile.TemporaryDirectory(prefix="mtdh-demo-cache-")
        place = os.fspath(folder) if folder is not None else os.path.join(str(self._folder.name), "lake")  # type: ignore[union-attr]
        self._native = _mtdh.Demo(place, self._cache.name, seed)
        self.lake = Lake._of(self._native.lake())
        self.lake.is_synthetic = True
        if is_filled:
            self.lake.download(DAY, venues=VENUES, progress=False)

    def __enter__(self) -> Lake:
        return self.lake

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def api_url(self) -> str:
        """The simulated vendor's address, for `TARDIS_API_URL` of other lakes and programs."""
        return str(self._native.api_url)

    def close(self) -> None:
        """Stops the vendor, and removes the lake unless its folder was named."""
        self._native.stop()
        self._cache.cleanup()
        if self._folder is not None:
            self._folder.cleanup()


def demo(folder: str | os.PathLike[str] | None = None, *, seed: int | None = None, fill: bool = True) -> Demo:
    """A lake of made-up data of four venues for 2024-03-01, whose vendor is simulated in this process.

    `folder` keeps the lake; without it a temporary one is removed at the end. `fill=False` leaves the lake empty.

    >>> import mtdh
    >>> with mtdh.demo(fill=False) as lake:
    ...     lake.download("2024-03-01", venues="DERIBIT", types="PERP", data_types="trades", progress=False).ok
    True
    """
    return Demo(folder, seed, is_filled=fill)
