"""Workers of a run as tasks of a Dask cluster: mtdh plan --save RUN …, then python shards.py SCHEDULER SHARDS RUN --lake gs://…

Each worker needs mtdh on its path (or MTDH) and the settings in its environment. Ends with 0 when each shard did."""

import os
import subprocess
import sys

from distributed import Client, as_completed


def shard(index, total, run, words):
    """One worker; what mtdh says goes to the worker's log."""
    command = [os.environ.get("MTDH", "mtdh"), "download", "--run", run, *words, "--shard-index", str(index), "--total-shards", str(total)]
    status = subprocess.run(command).returncode
    # Worth another try, or killed: Dask makes it, on any worker. 20 is for a person, 30 for another day.
    if status == 10 or status < 0:
        raise RuntimeError(f"shard {index} ended with {status}")
    return index, status


def main():
    scheduler, total, run, words = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4:]
    with Client(scheduler) as client:
        tasks = client.map(shard, range(total), total=total, run=run, words=words, retries=3, pure=False)
        failed = []
        for task in as_completed(tasks, raise_errors=False):
            good = task.status == "finished" and task.result()[1] == 0
            print(f"{task.result() if task.status == 'finished' else task.exception()}", file=sys.stderr)
            failed += [] if good else [task]
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
