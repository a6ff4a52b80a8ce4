"""Workers of a run as tasks of a Ray cluster: mtdh plan --save RUN …, then python shards.py SHARDS RUN --lake gs://…

RAY_ADDRESS names the cluster. Each node needs mtdh on its path (or MTDH) and the settings in its environment. Ends with 0 when
each shard did."""

import os
import subprocess
import sys

import ray


@ray.remote(num_cpus=2, max_retries=3, retry_exceptions=True)
def shard(index, total, run, words):
    """One worker; what mtdh says goes to the node's log."""
    command = [os.environ.get("MTDH", "mtdh"), "download", "--run", run, *words, "--shard-index", str(index), "--total-shards", str(total)]
    status = subprocess.run(command).returncode
    # Worth another try, or killed: Ray makes it, on any node. 20 is for a person, 30 for another day.
    if status == 10 or status < 0:
        raise RuntimeError(f"shard {index} ended with {status}")
    return status


def main():
    total, run, words = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
    ray.init()
    waiting, failed = {shard.remote(index, total, run, words): index for index in range(total)}, False
    while waiting:
        (task,), _ = ray.wait(list(waiting))
        index = waiting.pop(task)
        try:
            status = ray.get(task)
        except Exception as error:  # noqa: BLE001  after the last try, whatever it was
            status = error
        print(f"shard {index}: {status}", file=sys.stderr)
        failed = failed or status != 0
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
