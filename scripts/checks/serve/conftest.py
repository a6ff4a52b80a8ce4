"""A small lake that is served while the tests of this folder run."""

import shutil

import pytest

import served
from browsing import axe, browser  # noqa: F401
from stage import DAY, mtdh, partition

DATA = ["trades", "book_snapshot_5", "incremental_book_L2", "derivative_ticker"]


@pytest.fixture(scope="session")
def lake(tmp_path_factory, vendor):
    """DERIBIT's perpetuals of a day, validated and checked."""
    lake = tmp_path_factory.mktemp("serve") / "lake"
    words = ["--start-date", DAY, "--venues", "DERIBIT", "--instruments", "DERIBIT:PERP:BTC-USD", "DERIBIT:PERP:ETH-USD",
             "--data-types", *DATA, "--lake", lake]
    mtdh("download", *words, env=vendor)
    mtdh("validate", *words, env=vendor)
    mtdh("check", "all", *words, expect=(0, 1), env=vendor)
    return lake


@pytest.fixture(scope="session")
def address(lake):
    """The address of a server over the lake."""
    with served.server(lake) as address:
        yield address


@pytest.fixture(scope="session")
def spoilt(lake, tmp_path_factory):
    """A copy of the lake that lacks an object and has one that cannot be trusted, both of ETH-USD, has Iceberg tables and keeps a
    certificate, so that each list has something."""
    copy = tmp_path_factory.mktemp("spoilt") / "lake"
    shutil.copytree(lake, copy)
    mtdh("publish", "iceberg", "--lake", copy)
    mtdh("certify", "--lake", copy, "--start-date", DAY, "--instruments", "DERIBIT:PERP:BTC-USD", "--data-types", "trades",
         "--out", copy.parent / "certificate.json")
    partition(copy, "trades", "DERIBIT:PERP:ETH-USD").unlink()
    damaged = partition(copy, "book_snapshot_5", "DERIBIT:PERP:ETH-USD")
    damaged.write_bytes(damaged.read_bytes()[:-9] + b"nonsense!")
    return copy
