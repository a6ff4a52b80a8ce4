"""The lake in a bucket of an S3 server (moto, a stand-in made by others): the bytes are those of a local lake."""

import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.request

import boto3

from stage import DAY, done, mtdh, sim

PORT = 19025
WORDS = ["full-pipeline", "--start-date", DAY, "--venues", "DERIBIT", "--instrument-types", "PERP"]


def main():
    address = f"http://127.0.0.1:{PORT}"
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(PORT)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(address)
        surroundings = {
            "AWS_ENDPOINT": address, "AWS_ALLOW_HTTP": "true", "AWS_ACCESS_KEY_ID": "x",
            "AWS_SECRET_ACCESS_KEY": "y", "AWS_REGION": "us-east-1",
        }
        client = boto3.client(
            "s3", endpoint_url=address, aws_access_key_id="x", aws_secret_access_key="y", region_name="us-east-1"
        )
        client.create_bucket(Bucket="lake")
        with sim() as vendor, tempfile.TemporaryDirectory() as local:
            vendor.pop("GCS_BUCKET")
            mtdh(*WORDS, "--lake", local, env=vendor)
            mtdh(*WORDS, "--lake", "s3://lake/prefix", env={**vendor, **surroundings})
            mtdh("ls", "--lake", "s3://no-such-bucket", env={**vendor, **surroundings}, expect=2)
            check_equal(client, pathlib.Path(local))
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


def check_equal(client, local):
    objects = {}
    for page in client.get_paginator("list_objects_v2").paginate(Bucket="lake", Prefix="prefix/"):
        for item in page["Contents"]:
            body = client.get_object(Bucket="lake", Key=item["Key"])["Body"].read()
            objects[item["Key"].removeprefix("prefix/")] = body
    files = {str(p.relative_to(local)): p.read_bytes() for p in local.rglob("*") if p.is_file()}
    ours = [{n: b for n, b in side.items() if not n.startswith(("runs/", "_tmp/"))} for side in (objects, files)]
    assert ours[0] == ours[1] and len(ours[0]) > 50, set(ours[0]) ^ set(ours[1])
    done(len(ours[0]))


if __name__ == "__main__":
    main()
