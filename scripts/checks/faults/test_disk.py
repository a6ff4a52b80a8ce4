"""A read-only and a full disk: a clear message, exit 2, nothing half-written, and a plain run goes on afterwards."""

import subprocess

import pytest

from lakes import assert_right
from recount import of_folder
from stage import DAY, partition, run, run_mtdh

WORDS = ["download", "--start-date", DAY, "--venues", "BINANCE", "--data-types", "trades", "book_snapshot_25"]


@pytest.fixture
def small(tmp_path):
    """A small file system in memory, mounted for the length of the test."""
    folder = tmp_path / "small"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", folder], capture_output=True).returncode != 0:
        pytest.skip("file systems cannot be mounted here")
    yield folder
    run(["umount", folder])


@pytest.mark.needs_root
def test_a_full_and_a_read_only_disk(small, vendor, mtdh):
    lake = small / "lake"
    said = run_mtdh(*WORDS, "--lake", lake, env=vendor, expect=2).stderr
    assert "No space left" in said and "make room" in said, said
    assert list((lake / "raw_tick_data").rglob("*.parquet")), "what fitted is there"
    # Every object that is visible is whole.
    assert_right(of_folder(lake)[0], is_validated=False)
    mtdh("ls", "--long", "--lake", lake, env=vendor)
    run(["mount", "-o", "remount,size=200m", small])
    mtdh(*WORDS, "--lake", lake, env=vendor)
    assert partition(lake, "trades", "BINANCE:SPOT_PAIR:BTC-USDT").is_file()
    left = [path for path in (lake / "_tmp").iterdir() if path.name != "update.lock"]
    assert not left, left
    assert_right(*of_folder(lake), is_validated=False)
    run(["mount", "-o", "remount,ro", small])
    # A verdict needs no right to write.
    for verb in (["validate"], ["plan"], ["download", "--dry-run"]):
        mtdh(*verb, *WORDS[1:], "--lake", lake, env=vendor)
    said = run_mtdh(*WORDS, "--lake", small / "other", env=vendor, expect=2).stderr
    assert "Read-only file system" in said and "--lake" in said, said
    assert not (small / "other").exists()
