"""Lakes in folders, in the stand-in's bucket and in an S3 server, read in one way, and compared byte by byte."""

import json
import os
import pathlib
import urllib.parse

from recount import of_folder, recount
from stage import ask, control

# What differs from run to run by its nature: names and times of runs, times of checks, and what is on its way in.
APART = ("runs/", "check_reports/", "_tmp/")


class Lake:
    """A lake, wherever it is. `url` is what the program calls it, `env` what the program needs to reach it."""

    # Of killed workers a bucket keeps parts of uploads, for a lifecycle rule to remove.
    keeps_parts = True

    def __init__(self, url, env=None):
        self.url, self.env, self.kept = url, env or {}, {}

    def names(self):
        """Every object with what changes when it is replaced."""
        raise NotImplementedError

    def read(self, name):
        """The bytes of an object."""
        raise NotImplementedError

    def leftovers(self):
        """What is on its way in; the lock of shared tables is no leftover."""
        raise NotImplementedError

    def objects(self):
        """Name and bytes of each object; what did not change since the last time is not read again."""
        found = {}
        for name, version in self.names().items():
            if (name, version) not in self.kept:
                self.kept[name, version] = self.read(name)
            found[name] = self.kept[name, version]
        return found

    def contents(self):
        """Name and bytes of each object that a run makes the same as another run."""
        return {name: content for name, content in self.objects().items() if not name.startswith(APART)}


class Folder(Lake):
    """A lake in a folder."""

    keeps_parts = False

    def __init__(self, path):
        super().__init__(str(path))
        self.path = pathlib.Path(path)

    def names(self):
        found = {}
        for folder, _, files in os.walk(self.path):
            for file in files:
                path = pathlib.Path(folder, file)
                try:
                    status = path.stat()
                except FileNotFoundError:
                    continue  # it was on its way in, and is under its name now
                found[str(path.relative_to(self.path))] = (status.st_ino, status.st_mtime_ns)
        return found

    def read(self, name):
        return (self.path / name).read_bytes()

    def objects(self):
        return of_folder(self.path)[0]

    def leftovers(self):
        return of_folder(self.path)[1]


class Gcs(Lake):
    """A lake in a bucket of the stand-in for Google Cloud Storage, or below a prefix in it, read by its JSON API."""

    def __init__(self, vendor, bucket, prefix=""):
        super().__init__(f"gs://{bucket}/{prefix}".rstrip("/"), {"STORAGE_EMULATOR_HOST": vendor["STORAGE_EMULATOR_HOST"]})
        self.vendor, self.bucket, self.prefix = vendor, bucket, f"{prefix}/" if prefix else ""
        self.address = f"{vendor['STORAGE_EMULATOR_HOST']}/storage/v1/b/{bucket}/o"

    def names(self):
        found, token = {}, ""
        while True:
            query = urllib.parse.urlencode({"prefix": self.prefix, "pageToken": token})
            page = json.loads(ask("GET", f"{self.address}?{query}"))
            found |= {item["name"].removeprefix(self.prefix): item["generation"] for item in page.get("items", [])}
            token = page.get("nextPageToken", "")
            if not token:
                return found

    def read(self, name):
        return ask("GET", f"{self.address}/{urllib.parse.quote(self.prefix + name, safe='')}?alt=media")

    def leftovers(self):
        return ["an unfinished upload"] * control(self.vendor, "GET", f"unfinished/{self.bucket}")


class S3(Lake):
    """A lake below a prefix of a bucket of an S3 server."""

    def __init__(self, client, bucket, prefix, env):
        super().__init__(f"s3://{bucket}/{prefix}", env)
        self.client, self.bucket, self.prefix = client, bucket, f"{prefix}/"

    def names(self):
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.prefix)
        items = [item for page in pages for item in page.get("Contents", [])]
        return {item["Key"].removeprefix(self.prefix): (item["ETag"], item["LastModified"]) for item in items}

    def read(self, name):
        return self.client.get_object(Bucket=self.bucket, Key=self.prefix + name)["Body"].read()

    def leftovers(self):
        found = self.client.list_multipart_uploads(Bucket=self.bucket, Prefix=self.prefix)
        return [upload["Key"] for upload in found.get("Uploads", [])]


def s3_settings(address):
    """The program's variables for an S3 server."""
    return {"AWS_ENDPOINT": address, "AWS_ALLOW_HTTP": "true", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y",
            "AWS_REGION": "us-east-1"}


def assert_equal(one, other, apart=()):
    """Two lakes hold the same, byte for byte, and it is right. `apart`: what is beside the lake in its bucket."""
    one, other = ({name: content for name, content in lake.contents().items() if not name.startswith(tuple(apart))}
                  for lake in (one, other))
    assert set(one) == set(other) and len(one) > 20, (len(one), len(other), sorted(set(one) ^ set(other))[:5])
    different = [name for name in one if one[name] != other[name]]
    assert not different, different[:5]
    assert_right(one, is_validated=False)


def assert_right(objects, leftovers=(), **options):
    """The recount finds nothing wrong in a lake, given by the bytes of its objects."""
    wrong = recount(objects, leftovers, **options)
    assert not wrong, wrong[:10]
