"""deploy/slurm on a real Slurm of three nodes: an array's lake is the single process's, though a task is killed, a node is
killed, another is frozen and wakes too late, and the controller is restarted; a finished array that is run again does nothing."""

import contextlib
import json
import os
import pathlib
import re
import signal

import pytest

from lakes import Folder, assert_equal
from slurm_cluster import Cluster, lacking, wait_for
from stage import DAY, NO_METADATA_SERVER, PROGRAM, ROOT, mtdh, sim

# The cluster is made once.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("slurm")]

SCRIPT = ROOT / "deploy/slurm/mtdh-array.sbatch"
WORDS = ["--start-date", DAY, "--venues", "DERIBIT", "OKX-SWAP", "--instrument-types", "PERP", "FUTURE"]
SHARDS = 6
LEASE = 5
# So slow that the first three tasks are at work while things befall them.
DRIP = [{"host": "datasets", "url_contains": "book_snapshot", "kind": {"drip": {"bytes_per_second": 20000}}}]


def variables(vendor, folder):
    kept = {name: value for name, value in vendor.items() if name.startswith("TARDIS")}
    return {**kept, **NO_METADATA_SERVER, "MTDH": PROGRAM, "MTDH_CACHE_DIR": str(folder / "cache"),
            "MTDH_LEASE_SECONDS": str(LEASE)}


def processes(lake):
    """What works on the lake: for each process its place in the tree, its words and its task."""
    found = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
                parent = int(re.search(r"PPid:\s+(\d+)", (entry / "status").read_text())[1])
                task = re.search(rb"\0SLURM_ARRAY_TASK_ID=(\d+)\0", (entry / "environ").read_bytes())
            except (OSError, TypeError):
                continue
            found[int(entry.name)] = (parent, words, task and int(task[1]))
    ours = {pid for pid, (_, words, task) in found.items() if str(lake) in words and words[0] == PROGRAM and task is not None}
    return found, ours


def of_shard(lake, shard):
    """The program that works on a shard, and the job's processes above it up to Slurm's: the innermost first."""
    found, ours = processes(lake)
    for pid in ours:
        if found[pid][2] == shard:
            script = found[pid][0]
            step = found[script][0]
            assert "slurmstepd" in found[step][1][0], found[step]
            return [pid, script, step]
    return []


def send(pids, number):
    for pid in pids:
        os.kill(pid, number)


def kill(pids):
    """Slurm may have ended some by itself, as their node is gone."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def array(cluster, lake, surroundings):
    """Puts the array of the run into the queue."""
    return cluster("sbatch", "--parsable", f"--array=0-{SHARDS - 1}", SCRIPT, "r", "--lake", lake, **surroundings)


def strike(cluster, lake, surroundings, tell):
    """The array with all that befalls it."""
    job = array(cluster, lake, surroundings)
    begun = [lake / f"runs/r/shard-{shard}-of-{SHARDS}-part-0.json" for shard in range(3)]
    wait_for(lambda: all(path.exists() for path in begun) and all(of_shard(lake, shard) for shard in range(3)),
             "the first three tasks do not start")
    nodes = dict(line.split() for line in cluster("squeue", "--noheader", "--states=RUNNING", "--format=%K %N", "--array").splitlines())
    assert len(set(nodes.values())) == 3, nodes
    # A task: the program alone is killed.
    send(of_shard(lake, 0)[:1], signal.SIGKILL)
    # A node: everything on it is gone at once.
    lost = of_shard(lake, 1)
    cluster.end(nodes["1"], kill=True)
    kill(lost)
    # A node that stands still until the others have done its work.
    frozen = [*of_shard(lake, 2), cluster.processes[nodes["2"]].pid]
    send(frozen, signal.SIGSTOP)
    cluster.end("slurmctld")
    cluster.controller()
    tasks = cluster.finish(job, SHARDS)
    assert all(task[:2] == ("COMPLETED", "0:0") for task in tasks.values()), tasks
    assert all(tasks[shard][2] >= 1 for shard in range(3)) and not any(tasks[shard][2] for shard in range(3, SHARDS)), tasks
    mtdh("monitor", "r", "--lake", lake)
    tell(f"tasks put into the queue again: {[shard for shard in tasks if tasks[shard][2]]}")
    send(reversed(frozen), signal.SIGCONT)
    wait_for(lambda: not processes(lake)[1], "the node that woke goes on with a job that is no longer its own")


def repeat(cluster, lake, surroundings):
    """All is there: nothing is fetched, nothing written."""
    times = lambda: {path: path.stat().st_mtime_ns for path in (lake / "raw_tick_data").rglob("*.parquet")}
    before = times()
    job = array(cluster, lake, surroundings)
    tasks = cluster.finish(job, SHARDS)
    assert all(task == ("COMPLETED", "0:0", 0) for task in tasks.values()), tasks
    for shard in range(SHARDS):
        log = (cluster.folder / f"mtdh-{job}-{shard}.log").read_text()
        assert f"nothing is left of shard {shard} of {SHARDS}" in log, log
    assert times() == before and before


@pytest.fixture(scope="module")
def slurm(vendor, tmp_path_factory):
    """The cluster, a lake with a plan, what the tasks get as environment, and the lake of a single process."""
    if reason := lacking():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("slurm")
    lake, single = folder / "lake", Folder(folder / "single")
    mtdh("download", *WORDS, "--lake", single.url, env=vendor)
    (folder / "faults.json").write_text(json.dumps(DRIP))
    (folder / "cluster").mkdir()
    with sim("--faults", folder / "faults.json") as slow, contextlib.ExitStack() as stack:
        surroundings = variables(slow, folder)
        plan = json.loads(mtdh("plan", "--save", "r", *WORDS, "--format", "json", "--lake", lake, env=surroundings))
        assert plan["files"] >= 500
        try:
            cluster = stack.enter_context(Cluster(folder / "cluster", 3))
        except AssertionError as failure:
            pytest.skip(f"Slurm does not start here: {failure}")
        yield cluster, lake, surroundings, single


def test_an_array_survives_what_befalls_it(slurm, tell):
    cluster, lake, surroundings, single = slurm
    strike(cluster, lake, surroundings, tell)
    assert_equal(single, Folder(lake))
    repeat(cluster, lake, surroundings)
    assert_equal(single, Folder(lake))


def test_what_cannot_go_well_is_said(slurm):
    """And it is not put into the queue again."""
    cluster, lake, surroundings, _ = slurm
    cases = [(["--array=0-4:2"], ["r"], "the array has gaps"), (["--array=0-1"], ["none"], "no plan of a run `none`"), ([], ["r"], "this is an array"),
             (["--array=0-1"], ["--lake"], "the run comes first"), (["--array=0-1"], ["r"], f"is cut into {SHARDS} shards")]
    jobs = [cluster("sbatch", "--parsable", *options, SCRIPT, *words, "--lake", lake, **surroundings) for options, words, _ in cases]
    wait_for(lambda: cluster("squeue", "--noheader") == "", "jobs that are refused stay in the queue", 120)
    for job, (_, _, text) in zip(jobs, cases):
        log = next(cluster.folder.glob(f"mtdh-{job}-*.log")).read_text()
        assert text in log and "queue again" not in log, log
