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
from stage import DAY, NO_METADATA_SERVER, PROGRAM, ROOT, done, mtdh, sim

SCRIPT = ROOT / "deploy/slurm/mtdh-array.sbatch"
WORDS = ["--start-date", DAY, "--venues", "DERIBIT", "OKX-SWAP", "--instrument-types", "PERP", "FUTURE"]
SHARDS = 6


def variables(vendor, folder):
    kept = {name: value for name, value in vendor.items() if name.startswith("TARDIS")}
    return {**kept, **NO_METADATA_SERVER, "MTDH": PROGRAM, "MTDH_CACHE_DIR": str(folder / "cache")}


def slow_files(folder):
    """A file of each of the first three shards, and how many there are: by the plan, which needs no fault."""
    with sim() as vendor:
        plans = [json.loads(mtdh("plan", *WORDS, "--shard-index", shard, "--total-shards", SHARDS, "--format", "json",
                                 "--lake", folder / "planned", env=variables(vendor, folder))) for shard in range(3)]
        whole = json.loads(mtdh("plan", *WORDS, "--format", "json", "--lake", folder / "planned", env=variables(vendor, folder)))
    return [plan["units"][-1]["file"] for plan in plans], whole["files"]


def processes(lake):
    """What works on the lake: for each process its words and its place in the tree."""
    found = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
                parent = int(re.search(r"PPid:\s+(\d+)", (entry / "status").read_text())[1])
            except (OSError, TypeError):
                continue
            found[int(entry.name)] = (parent, words)
    ours = {pid for pid, (_, words) in found.items() if str(lake) in words and "--shard-index" in words}
    return found, ours


def of_shard(lake, shard):
    """The program that works on a shard, and the job's processes above it up to Slurm's: the innermost first."""
    found, ours = processes(lake)
    for pid in ours:
        words = found[pid][1]
        if words[words.index("--shard-index") + 1] == str(shard) and words[0] == PROGRAM:
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
    words = ["sbatch", "--parsable", f"--array=0-{SHARDS - 1}", SCRIPT, "download", *WORDS, "--lake", lake]
    job = cluster(*words, **surroundings)
    wait_for(lambda: all(of_shard(lake, shard) for shard in range(3)), "the first three tasks do not start")
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
    print(f"tasks put into the queue again: {[shard for shard in tasks if tasks[shard][2]]}")
    send(reversed(frozen), signal.SIGCONT)
    wait_for(lambda: not processes(lake)[1], "the node that woke goes on with a job that is no longer its own")
    return len(tasks) + 2


def check_again(cluster, lake, surroundings):
    """All is there: nothing is fetched, nothing written."""
    def times():
        files = [path for path in lake.rglob("*.parquet") if "runs" not in path.parts]
        return {path: path.stat().st_mtime_ns for path in files if "raw_tick_data" in path.parts}

    before = times()
    job = cluster("sbatch", "--parsable", f"--array=0-{SHARDS - 1}", SCRIPT, "download", *WORDS, "--lake", lake, **surroundings)
    tasks = cluster.finish(job, SHARDS)
    assert all(task == ("COMPLETED", "0:0", 0) for task in tasks.values()), tasks
    for shard in range(SHARDS):
        log = (cluster.folder / f"mtdh-{job}-{shard}.log").read_text()
        assert re.search(r"files fetched +0\n", log) and re.search(r"bytes fetched +0\n", log), log
    assert times() == before and before
    return SHARDS + 1


def check_refusals(cluster, lake, surroundings):
    """What cannot go well is said, and not put into the queue again."""
    cases = [(["--array=0-4:2"], ["download", *WORDS], "the array has gaps"), (["--array=0-1"], ["validate", *WORDS], "only download"),
             ([], ["download", *WORDS], "this is an array"), (["--array=0-1"], ["download", "--start-date", "2024-13-01"], "2024-13-01")]
    jobs = [cluster("sbatch", "--parsable", *options, SCRIPT, *words, "--lake", lake, **surroundings) for options, words, _ in cases]
    wait_for(lambda: cluster("squeue", "--noheader") == "", "jobs that are refused stay in the queue", 120)
    for job, (_, _, text) in zip(jobs, cases):
        log = next(cluster.folder.glob(f"mtdh-{job}-*.log")).read_text()
        assert text in log and "queue again" not in log, log
    return len(cases)


def main():
    reason = lacking()
    if reason:
        print(f"skipped: {reason}")
        done(0)
        return
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        slow, units = slow_files(folder)
        print(f"a plan of {units} files in {SHARDS} shards")
        assert units >= 500
        faults = [{"host": "datasets", "url_contains": path, "attempts": {"only": [1]}, "kind": {"drip": {"bytes_per_second": 1}}}
                  for path in slow]
        (folder / "faults.json").write_text(json.dumps(faults))
        with sim() as vendor:
            mtdh("download", *WORDS, "--lake", folder / "single", env=variables(vendor, folder))
        lake = folder / "lake"
        (folder / "slurm").mkdir()
        with sim("--faults", str(folder / "faults.json")) as vendor:
            surroundings = variables(vendor, folder)
            with contextlib.ExitStack() as stack:
                try:
                    cluster = stack.enter_context(Cluster(folder / "slurm", 3))
                except AssertionError as failure:
                    print(f"skipped: Slurm does not start here: {failure}")
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
