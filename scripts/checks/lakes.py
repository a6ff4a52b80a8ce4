"""Lakes in folders and in the stand-in bucket, compared byte by byte."""

import json
import pathlib
import urllib.parse
import urllib.request

from recount import recount

# What differs from run to run by its nature: names and times of runs, unfinished files.
APART = ("runs/", "_tmp/")


def in_folder(folder):
    """Name and bytes of each object of a lake in a folder."""
    folder = pathlib.Path(folder)
    files = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in files.items() if not name.startswith(APART)}


def names(address, bucket, prefix=""):
    """Names of the objects of a bucket of the stand-in."""
    found, token = [], ""
    while True:
        query = urllib.parse.urlencode({"prefix": prefix, "pageToken": token})
        with urllib.request.urlopen(f"{address}/storage/v1/b/{bucket}/o?{query}") as answer:
            page = json.load(answer)
        found += [item["name"] for item in page.get("items", [])]
        token = page.get("nextPageToken", "")
        if not token:
            return found


def read(address, bucket, name):
    """The bytes of an object of the stand-in's bucket."""
    quoted = urllib.parse.quote(name, safe="")
    with urllib.request.urlopen(f"{address}/storage/v1/b/{bucket}/o/{quoted}?alt=media") as answer:
        return answer.read()


def in_bucket(address, bucket):
    """Name and bytes of each object of a lake in the stand-in's bucket."""
    return {name: read(address, bucket, name) for name in names(address, bucket) if not name.startswith(APART)}


def equal(one, other):
    """Two lakes (folders, or what the functions above give) are the same, and right; returns how many objects."""
    one, other = (lake if isinstance(lake, dict) else in_folder(lake) for lake in (one, other))
    assert set(one) == set(other) and len(one) > 20, (len(one), len(other), sorted(set(one) ^ set(other))[:5])
    different = [name for name in one if one[name] != other[name]]
    assert not different, different[:5]
    wrong = recount(one, is_validated=False)
    assert not wrong, wrong[:5]
    return len(one)
