"""Shards of a download as tasks of a Ray cluster: python shards.py SHARDS download --start-date … --lake gs://…

RAY_ADDRESS names the cluster. Each node needs mtdh on its path (or MTDH) and the settings in its environment. Ends with 0 when
each shard did."""

import os
import subprocess
import sys

import ray


@ray.remote(num_cpus=2, max_retries=3, retry_exceptions=True)
def shard(index, total, words):
    """Runs one shard; what mtdh says goes to the node's log."""
    command = [os.environ.get("MTDH", "mtdh"), *words, "--shard-index", str(index), "--total-shards", str(total)]
    status = subprocess.run(command).returncode
    # Worth another try: Ray makes it, on any node. What is in the lake is not fetched twice.
    if status in (1, 10, 130) or status < 0:
        raise RuntimeError(f"shard {index} ended with {status}")
    return status


def main():
    total, words = int(sys.argv[1]), sys.argv[2:]
    ray.init()
    waiting, failed = {shard.remote(index, total, words): index for index in range(total)}, False
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
