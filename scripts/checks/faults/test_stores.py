"""Stores that lack what a lake needs: every verb that writes says what is lacking, with the store's words and the remedy,
before the vendor is asked for a file, and leaves nothing behind. A lake that may only be read is told of all the same.

File systems are played by a library that is preloaded (nth_io.c), buckets by the stand-in's faults: over GCS, and over its
form of S3."""

import contextlib

import pytest

from lakes import Gcs, assert_right, s3_settings
from stage import DAY, control, make_bucket, run_mtdh, sim, vendor_only

# What the tests share is made once.
pytestmark = pytest.mark.xdist_group("stores")

FILES = ["--start-date", DAY, "--venues", "DERIBIT", "--instrument-types", "PERP", "--data-types", "trades"]
WRITING = {"instruments": ["--start-date", DAY, "--venues", "DERIBIT"], "download": FILES, "full-pipeline": FILES,
           "plan": ["--save", "r", *FILES]}
FOLDERS = {
    "no-replace": ["without replacing", "not permitted"],
    "replaces": ["without replacing", "took the name of the first"],
    "no-colon": ["with a colon", "Invalid argument"],
    "no-folder-sync": ["folders cannot be flushed", "Invalid argument"],
    "no-locks": ["cannot be locked", "not implemented"],
    "other-locks": ["cannot be locked", "given to another"],
}
BUCKETS = {
    "conditions": ([{"host": "gcs", "method": "PUT", "kind": "ignore_conditions"}], ["created only where there is none", "If-None-Match"]),
    "listings": ([{"host": "gcs", "method": "GET", "kind": "stale_listing"}], ["is not listed"]),
}
READING = [["validate", *FILES], ["plan", *FILES], ["download", "--dry-run", *FILES], ["check", "completeness", *FILES], ["ls"]]
REFUSED = [{"host": "gcs", "method": method, "kind": {"status": {"status": 403}}} for method in ("PUT", "DELETE", "POST")]


@pytest.fixture(scope="module")
def world():
    """A stand-in vendor of this module alone, with a bucket `lake`: its faults are set here."""
    with sim("--small") as vendor:
        make_bucket(vendor, "lake")
        yield vendor


@pytest.fixture(params=["gs", "s3"])
def bucket(request, world):
    """Scheme of the bucket's addresses, and the program's variables for it."""
    yield request.param, vendor_only(world) | (
        s3_settings(world["STORAGE_EMULATOR_HOST"]) if request.param == "s3" else
        {"STORAGE_EMULATOR_HOST": world["STORAGE_EMULATOR_HOST"]})
    control(world, "PUT", "faults", [])


@contextlib.contextmanager
def unasked(vendor):
    """Nothing that is asked of the vendor within is a file, or anything that only a writing verb needs."""
    control(vendor, "DELETE", "requests")
    yield
    asked = [one["url"] for one in control(vendor, "GET", "requests") if one["host"] != "gcs"]
    assert not asked, asked


def assert_refused(vendor, env, lake, verb, words):
    """A verb says that a store cannot hold a lake, in these words too, and asks the vendor for nothing."""
    with unasked(vendor):
        said = run_mtdh(verb, *WRITING[verb], "--lake", lake, env=env, expect=2).stderr
    assert "cannot hold a lake" in said and all(word in said for word in words), said


@pytest.mark.parametrize("verb", WRITING)
@pytest.mark.parametrize("kind", FOLDERS)
def test_a_folder_that_lacks_something(world, nth_io, tmp_path, kind, verb):
    root = tmp_path / "root"
    root.mkdir()
    env = {**vendor_only(world), "LD_PRELOAD": nth_io, "NTH_IO_FOLDER": str(root), "NTH_IO_N": "0", "NTH_IO_KIND": kind,
           "NTH_IO_REPORT": str(tmp_path / "told")}
    assert_refused(world, env, root / "a/lake", verb, FOLDERS[kind])
    assert not list(root.iterdir()), list(root.rglob("*"))


@pytest.mark.parametrize("verb", WRITING)
@pytest.mark.parametrize("kind", BUCKETS)
def test_a_bucket_that_lacks_something(world, bucket, kind, verb):
    scheme, env = bucket
    faults, words = BUCKETS[kind]
    control(world, "PUT", "faults", faults)
    assert_refused(world, env, f"{scheme}://lake/{kind}", verb, words)


def test_a_bucket_that_may_only_be_read(world, bucket):
    scheme, env = bucket
    prefix = f"sound-{scheme}"
    lake = f"{scheme}://lake/{prefix}"
    run_mtdh("full-pipeline", *FILES, "--lake", lake, env=env)
    control(world, "PUT", "faults", REFUSED)
    for verb in READING:
        said = run_mtdh(*verb, "--lake", lake, env=env).stderr
        assert verb[0] != "validate" or "the reports were not stored" in said and "complete" in said, said
    control(world, "PUT", "faults", [])
    there = Gcs(world, "lake", prefix).objects()
    assert there
    assert_right(there)
