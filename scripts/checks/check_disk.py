"""A read-only and a full disk: a clear message, exit 2, nothing half-written, and a plain run goes on afterwards.

Needs the right to mount; without it the check is skipped with a line that says so."""

import contextlib
import pathlib
import subprocess
import tempfile

from recount import of_folder, recount
from stage import DAY, done, mtdh, partition, sim, skipped

WORDS = ["download", "--start-date", DAY, "--venues", "BINANCE", "--data-types", "trades", "book_snapshot_25"]


@contextlib.contextmanager
def mounted(*options):
    """A small file system in memory, mounted for the length of the check."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", folder]
        if subprocess.run(command, capture_output=True).returncode != 0:
            yield None
            return
        try:
            yield pathlib.Path(folder)
        finally:
            subprocess.run(["umount", folder], check=True)


def failure(lake, vendor):
    import os

    from stage import PROGRAM

    words = [PROGRAM, *WORDS, "--lake", str(lake)]
    run = subprocess.run(words, capture_output=True, text=True, env={**os.environ, **vendor})
    assert run.returncode == 2, (run.returncode, run.stderr)
    return run.stderr


def main():
    checks = 0
    with sim() as vendor, mounted("size=6m") as small:
        if small is None:
            skipped("file systems cannot be mounted here")
            done(0)
            return
        said = failure(small / "lake", vendor)
        assert "No space left" in said and "make room" in said, said
        objects = list((small / "lake/raw_tick_data").rglob("*.parquet"))
        assert objects, "what fitted is there"
        # Every object that is visible is whole.
        wrong = recount(of_folder(small / "lake")[0], is_validated=False)
        assert not wrong, wrong
        mtdh("ls", "--long", "--lake", small / "lake", env=vendor)
        subprocess.run(["mount", "-o", "remount,size=200m", str(small)], check=True)
        mtdh(*WORDS, "--lake", small / "lake", env=vendor)
        assert partition(small / "lake", "trades", "BINANCE:SPOT_PAIR:BTC-USDT").is_file()
        left = [p for p in (small / "lake/_tmp").iterdir() if p.name != "update.lock"]
        assert not left, left
        wrong = recount(*of_folder(small / "lake"), is_validated=False)
        assert not wrong, wrong
        subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
        # A verdict needs no right to write.
        mtdh("validate", *WORDS[1:], "--lake", small / "lake", env=vendor)
        mtdh("plan", *WORDS[1:], "--lake", small / "lake", env=vendor)
        mtdh("download", "--dry-run", *WORDS[1:], "--lake", small / "lake", env=vendor)
        said = failure(small / "other", vendor)
        assert "Read-only file system" in said and "--lake" in said, said
        assert not (small / "other").exists()
        checks += 8
    done(checks)


if __name__ == "__main__":
    main()
