"""A small lake for the tests of the Python package."""

import pytest


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    mtdh = pytest.importorskip("mtdh", reason="the package is not installed (scripts/wheel.sh)")
    from validation_world import DAY, KEY, World

    folder = tmp_path_factory.mktemp("validation") / "lake"
    demo = mtdh.demo(folder, fill=False)
    with demo as lake:
        downloaded = lake.download(DAY, data_types=["trades", "book_snapshot_5"], instruments=KEY, progress=False)
        made = lake.make_candles(DAY, ["1m", "5m"], instruments=KEY, progress=False)
        assert downloaded.ok and made.ok, (downloaded.document, made.document)
        yield World(lake, folder, demo._native.binance_url)
