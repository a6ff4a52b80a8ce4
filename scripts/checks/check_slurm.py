"""deploy/slurm on a real Slurm of three nodes: an array's lake is the single process's, though a task is killed, a node is
killed, another is frozen and wakes too late, and the controller is restarted; a finished array that is run again does nothing."""

import contextlib
import json
import os
import pathlib
import re
import signal
import tempfile

from lakes import equal
from slurm_cluster import Cluster, lacking, wait_for
from stage import DAY, NO_METADATA_SERVER, PROGRAM, ROOT, done, mtdh, sim, skipped

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


def check_rough(cluster, lake, surroundings):
    """The array with all that befalls it."""
    job = cluster("sbatch", "--parsable", f"--array=0-{SHARDS - 1}", SCRIPT, "r", "--lake", lake, **surroundings)
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
    send(lost, signal.SIGKILL)
    # A node that stands still until the others have done its work.
    frozen = [*of_shard(lake, 2), cluster.processes[nodes["2"]].pid]
    send(frozen, signal.SIGSTOP)
    cluster.end("slurmctld")
    cluster.controller()
    tasks = cluster.finish(job, SHARDS)
    assert all(task[:2] == ("COMPLETED", "0:0") for task in tasks.values()), tasks
    assert all(tasks[shard][2] >= 1 for shard in range(3)) and not any(tasks[shard][2] for shard in range(3, SHARDS)), tasks
    mtdh("monitor", "r", "--lake", lake)
    print(f"tasks put into the queue again: {[shard for shard in tasks if tasks[shard][2]]}")
    send(reversed(frozen), signal.SIGCONT)
    wait_for(lambda: not processes(lake)[1], "the node that woke goes on with a job that is no longer its own")
    return len(tasks) + 3


def check_again(cluster, lake, surroundings):
    """All is there: nothing is fetched, nothing written."""
    def times():
        files = [path for path in lake.rglob("*.parquet") if "runs" not in path.parts]
        return {path: path.stat().st_mtime_ns for path in files if "raw_tick_data" in path.parts}

    before = times()
    job = cluster("sbatch", "--parsable", f"--array=0-{SHARDS - 1}", SCRIPT, "r", "--lake", lake, **surroundings)
    tasks = cluster.finish(job, SHARDS)
    assert all(task == ("COMPLETED", "0:0", 0) for task in tasks.values()), tasks
    for shard in range(SHARDS):
        log = (cluster.folder / f"mtdh-{job}-{shard}.log").read_text()
        assert f"nothing is left of shard {shard} of {SHARDS}" in log, log
    assert times() == before and before
    return SHARDS + 1


def check_refusals(cluster, lake, surroundings):
    """What cannot go well is said, and not put into the queue again."""
    cases = [(["--array=0-4:2"], ["r"], "the array has gaps"), (["--array=0-1"], ["none"], "no plan of a run `none`"), ([], ["r"], "this is an array"),
             (["--array=0-1"], ["--lake"], "the run comes first"), (["--array=0-1"], ["r"], f"is cut into {SHARDS} shards")]
    jobs = [cluster("sbatch", "--parsable", *options, SCRIPT, *words, "--lake", lake, **surroundings) for options, words, _ in cases]
    wait_for(lambda: cluster("squeue", "--noheader") == "", "jobs that are refused stay in the queue", 120)
    for job, (_, _, text) in zip(jobs, cases):
        log = next(cluster.folder.glob(f"mtdh-{job}-*.log")).read_text()
        assert text in log and "queue again" not in log, log
    return len(cases)


def main():
    reason = lacking()
    if reason:
        skipped(reason)
        done(0)
        return
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "faults.json").write_text(json.dumps(DRIP))
        with sim() as vendor:
            mtdh("download", *WORDS, "--lake", folder / "single", env=variables(vendor, folder))
        lake = folder / "lake"
        (folder / "slurm").mkdir()
        with sim("--faults", str(folder / "faults.json")) as vendor:
            surroundings = variables(vendor, folder)
            plan = json.loads(mtdh("plan", "--save", "r", *WORDS, "--format", "json", "--lake", lake, env=surroundings))
            print(f"a plan of {plan['files']} files in {SHARDS} shards")
            assert plan["files"] >= 500
            with contextlib.ExitStack() as stack:
                try:
                    cluster = stack.enter_context(Cluster(folder / "slurm", 3))
                except AssertionError as failure:
                    skipped(f"Slurm does not start here: {failure}")
                    done(0)
                    return
                checks = check_rough(cluster, lake, surroundings)
                checks += equal(folder / "single", lake)
                checks += check_again(cluster, lake, surroundings)
                checks += equal(folder / "single", lake)
                checks += check_refusals(cluster, lake, surroundings)
    done(checks)


if __name__ == "__main__":
    main()
