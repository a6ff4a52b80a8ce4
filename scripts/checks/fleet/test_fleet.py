"""Many workers on one plan, some of them killed, frozen and woken at random: the lake is what one process makes. Lakes are in
folders, in the stand-in for Google Cloud Storage, and in an S3 server with conditional writes.

`--runs N`, or FLEET_RUNS, says how many seeded runs (20), `--first-run SEED` where the seeds begin; every second has its lake in a bucket.
A fifth of them is done in the S3 server too. Beyond the lake's content, each run asserts that no object was ever replaced, that the
shards' numbers add up to the plan, and that whoever lost a shard wrote nothing over its successor's progress."""

import json
import random
import signal
import time

import pytest

from lakes import Folder, assert_right
from stage import mtdh, sim, vendor_only
from workers import DRIP, LEASE, WHAT, Fleet, Unchanged, assert_done, chaos

# What the recount knows already of an object's bytes.
COUNTED = {}


def pytest_generate_tests(metafunc):
    if "seed" in metafunc.fixturenames:
        first, count = (metafunc.config.getoption(name) for name in ("--first-run", "--runs"))
        runs = [(seed, "gcs" if seed % 2 else "folder") for seed in range(first, first + count)]
        runs += [(seed, "s3") for seed in range(first, first + max(1, count // 5))]
        metafunc.parametrize("seed, lake", runs, indirect=["lake"])


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    """A vendor whose books come slowly, and what a lake must hold: the one that a single process makes."""
    folder = tmp_path_factory.mktemp("fleet")
    (folder / "faults.json").write_text(json.dumps(DRIP))
    with sim("--small", "--faults", folder / "faults.json", seconds=86_400) as vendor:
        vendor, single = vendor_only(vendor), Folder(folder / "single")
        mtdh("full-pipeline", *WHAT, "--lake", single.url, env=vendor)
        expected = single.contents()
        assert len(expected) > 50
        yield vendor, expected


@pytest.mark.slow
def test_workers_are_killed_and_frozen(world, lake, tmp_path, figures, seed):
    vendor, expected = world
    env = {**vendor, **lake.env}
    counts = chaos(random.Random(seed), env, lake, tmp_path)
    figures(runs=1, **counts, takeovers=assert_done(env, lake, expected, COUNTED))


@pytest.mark.slow
@pytest.mark.parametrize("turn, lake", list(enumerate(["folder", "gcs", "folder", "gcs"])), indirect=["lake"])
def test_a_dead_workers_part_is_taken_over(world, lake, tmp_path, tell, turn):
    """Seconds from a worker's death to its part's new holder, while another worker has nothing else to do."""
    env = {**world[0], **lake.env}
    mtdh("plan", "--save", "r", *WHAT, "--lake", lake.url, env=env)
    part = "runs/r/shard-0-of-2-part-0"
    with Fleet(env, lake, 2, tmp_path) as fleet:
        fleet.start(1)
        fleet.wait(lambda: not fleet.workers)
        fleet.start(0, hands=1)
        fleet.wait(lambda: f"{part}.json" in lake.names())
        # Shard 1 is done; a second worker for it has the other parts of shard 0, then nothing but the watch over part 0.
        fleet.start(1, hands=16)
        fleet.wait(lambda: "others work on shards 0" in fleet.log(1))
        fleet.send(0, signal.SIGKILL)
        died = time.monotonic()
        fleet.wait(lambda: f"{part}.2.json" in lake.names())
        tell(f"taken over after {time.monotonic() - died:.2f} s; the lease is {LEASE} s, a poll {LEASE / 3:.2f} s")
        fleet.wait(lambda: not fleet.workers)
    assert_right(lake.objects(), is_validated=False, known=COUNTED)


@pytest.mark.slow
@pytest.mark.parametrize("lake", ["s3"], indirect=True)
def test_one_of_three_is_killed_with_files_in_hand(world, lake, tmp_path, tell):
    """Another takes its part over, and the lake is the single process's."""
    vendor, expected = world
    env, unchanged = {**vendor, **lake.env}, Unchanged(lake)
    mtdh("plan", "--save", "r", *WHAT, "--lake", lake.url, env=env)

    def part(token):
        name = f"runs/r/shard-0-of-3-part-0{token}.json"
        return json.loads(lake.read(name)) if name in lake.names() else None

    def has_begun():
        unchanged.look()
        progress = part("")
        return progress and progress["files_done"] > 0

    with Fleet(env, lake, 3, tmp_path) as fleet:
        for index in range(3):
            fleet.start(index)
        fleet.wait(has_begun)
        assert part("")["state"] == "running", "it is killed with files in hand"
        fleet.send(0, signal.SIGKILL)
        died = time.monotonic()
        fleet.wait(lambda: part(".2"))
        tell(f"taken over {time.monotonic() - died:.2f} s after it was killed")
        fleet.wait(lambda: unchanged.look() or not fleet.workers)
    assert sorted(fleet.ends) == [(0, -signal.SIGKILL), (1, 0), (2, 0)], fleet.ends
    takeovers = assert_done(env, lake, expected)
    assert takeovers >= 1 and part(".2")["lease"]["holder"] != part("")["lease"]["holder"]
