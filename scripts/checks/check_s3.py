"""The lake in a bucket of an S3 server (moto, a stand-in made by others): the bytes are those of a local lake, and a fleet of
three workers of which one is killed leaves what one process does. --runs N (4) and --first SEED are seeded runs as in check_fleet.py."""

import argparse
import contextlib
import json
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

import boto3

from check_fleet import DRIP, WHAT, Fleet, Folder, chaos, holds, unchanged, until
from recount import recount
from stage import DAY, done, mtdh, sim

PORT = 19025
WORDS = ["full-pipeline", "--start-date", DAY, "--venues", "DERIBIT", "--instrument-types", "PERP"]


class Bucket:
    """A lake in the S3 server."""

    def __init__(self, client, prefix):
        self.client, self.prefix, self.url = client, prefix, f"s3://lake/{prefix}"

    def names(self):
        """Every object with what changes when it is replaced."""
        found = {}
        for page in self.client.get_paginator("list_objects_v2").paginate(Bucket="lake", Prefix=f"{self.prefix}/"):
            for item in page.get("Contents", []):
                if item["Key"].startswith(f"{self.prefix}/_tmp/"):
                    continue
                found[item["Key"].removeprefix(f"{self.prefix}/")] = (item["ETag"], item["LastModified"])
        return found

    def read(self, name):
        return self.client.get_object(Bucket="lake", Key=f"{self.prefix}/{name}")["Body"].read()

    def leftovers(self):
        """Parts of uploads of killed workers are for a lifecycle rule to remove."""
        return []


@contextlib.contextmanager
def s3():
    """The server; gives a client, and the variables that point the program at it."""
    address = f"http://127.0.0.1:{PORT}"
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(PORT)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(address)
        client = boto3.client(
            "s3", endpoint_url=address, aws_access_key_id="x", aws_secret_access_key="y", region_name="us-east-1"
        )
        client.create_bucket(Bucket="lake")
        yield client, {
            "AWS_ENDPOINT": address, "AWS_ALLOW_HTTP": "true", "AWS_ACCESS_KEY_ID": "x",
            "AWS_SECRET_ACCESS_KEY": "y", "AWS_REGION": "us-east-1",
        }
    finally:
        server.terminate()
        server.wait(timeout=30)


def wait_for(address):
    for _ in range(200):
        try:
            urllib.request.urlopen(f"{address}/moto-api/").close()
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the S3 server does not answer")


def check_equal(bucket, local):
    objects = {name: bucket.read(name) for name in bucket.names()}
    files = {name: local.read(name) for name in local.names()}
    ours = [{n: b for n, b in side.items() if not n.startswith(("runs/", "_tmp/probe/"))} for side in (objects, files)]
    assert ours[0] == ours[1] and len(ours[0]) > 50, set(ours[0]) ^ set(ours[1])
    wrong = recount(objects)
    assert not wrong, wrong[:10]
    return len(ours[0])


def check_conditions(client):
    """The server keeps the two conditions that leases and shared tables rest on; one that did not would prove nothing."""
    client.put_object(Bucket="lake", Key="once", Body=b"1", IfNoneMatch="*")
    tag = client.head_object(Bucket="lake", Key="once")["ETag"]
    for words in ({"IfNoneMatch": "*"}, {"IfMatch": '"00000000000000000000000000000000"'}):
        try:
            client.put_object(Bucket="lake", Key="once", Body=b"2", **words)
            raise AssertionError(f"the server put it in spite of {words}")
        except client.exceptions.ClientError as refused:
            assert refused.response["ResponseMetadata"]["HTTPStatusCode"] == 412, refused
    client.put_object(Bucket="lake", Key="once", Body=b"3", IfMatch=tag)
    client.delete_object(Bucket="lake", Key="once")
    return 4


def check_seeds(vendor, client, expected, seeds, folder):
    """Workers that are killed, frozen and woken at random, as in check_fleet.py."""
    sums = [0, 0, 0, 0]
    for seed in seeds:
        logs, lake = folder / f"logs-{seed}", Bucket(client, f"run-{seed}")
        logs.mkdir()
        try:
            killed, frozen, total = chaos(random.Random(seed), vendor, lake, logs)
            takeovers = holds(vendor, lake, expected)
        except BaseException:
            print(f"seed {seed}, {lake.url}", *(f"--- {log.name}\n{log.read_text()}" for log in sorted(logs.iterdir())), sep="\n")
            raise
        sums = [a + b for a, b in zip(sums, (total, killed, frozen, takeovers))]
    print("{} workers in {} runs; {} killed, {} frozen; {} takeovers".format(sums[0], len(seeds), *sums[1:]))
    return len(seeds)


def check_fleet(vendor, lake, expected, logs):
    """Three workers, one of them killed with files in hand: another takes its part over, and the lake is the single process's."""
    mtdh("plan", "--save", "r", *WHAT, "--lake", lake.url, env=vendor)
    fleet, seen = Fleet(vendor, lake, 3, logs), {}

    def part(token):
        name = f"runs/r/shard-0-of-3-part-0{token}.json"
        return json.loads(lake.read(name)) if name in lake.names() else None

    def has_begun():
        unchanged(lake, seen)
        progress = part("")
        return progress and progress["files_done"] > 0

    try:
        for index in range(3):
            fleet.start(index)
        until(has_begun, fleet)
        assert part("")["state"] == "running", "it is killed with files in hand"
        fleet.send(0, signal.SIGKILL)
        died = time.monotonic()
        until(lambda: part(".2"), fleet)
        print(f"taken over {time.monotonic() - died:.2f} s after it was killed")
        until(lambda: unchanged(lake, seen) or not fleet.workers, fleet)
    finally:
        fleet.end()
    assert sorted(fleet.ends) == [(0, -signal.SIGKILL), (1, 0), (2, 0)], fleet.ends
    takeovers = holds(vendor, lake, expected)
    assert takeovers >= 1 and part(".2")["lease"]["holder"] != part("")["lease"]["holder"]
    return len(expected)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=4)
    parser.add_argument("--first", type=int, default=1)
    options = parser.parse_args()
    with s3() as (client, surroundings), tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        checks = check_conditions(client)
        with sim() as vendor:
            vendor.pop("GCS_BUCKET")
            local, bucket = Folder(folder / "local"), Bucket(client, "prefix")
            mtdh(*WORDS, "--lake", local.url, env=vendor)
            mtdh(*WORDS, "--lake", bucket.url, env={**vendor, **surroundings})
            mtdh("ls", "--lake", "s3://no-such-bucket", env={**vendor, **surroundings}, expect=2)
            checks += check_equal(bucket, local) + 1
        (folder / "faults.json").write_text(json.dumps(DRIP))
        (folder / "logs").mkdir()
        seconds = 900 + 60 * options.runs
        with sim("--small", "--faults", str(folder / "faults.json"), seconds=seconds) as vendor:
            vendor.pop("GCS_BUCKET")
            single = Folder(folder / "single")
            mtdh("full-pipeline", *WHAT, "--lake", single.url, env=vendor)
            expected = {n: single.read(n) for n in single.names() if not n.startswith(("runs/", "_tmp/probe/"))}
            vendor |= surroundings
            checks += check_fleet(vendor, Bucket(client, "fleet"), expected, folder / "logs")
            checks += check_seeds(vendor, client, expected, range(options.first, options.first + options.runs), folder)
    done(checks)


if __name__ == "__main__":
    main()
