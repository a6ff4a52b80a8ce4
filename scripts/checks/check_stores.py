"""Stores that lack what a lake needs: every verb that writes says what is lacking, with the store's words and the remedy,
before the vendor is asked for a file, and leaves nothing behind. A lake that may only be read is told of all the same.

File systems are played by a library that is preloaded (nth_io.c), buckets by the stand-in's faults: over GCS, and over its
form of S3."""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import urllib.request

import lakes
from recount import recount
from stage import DAY, NO_METADATA_SERVER, PROGRAM, done, sim

SOURCE = pathlib.Path(__file__).with_name("nth_io.c")
FILES = ["--start-date", DAY, "--venues", "DERIBIT", "--instrument-types", "PERP", "--data-types", "trades"]
WRITING = ["instruments", "--start-date", DAY, "--venues", "DERIBIT"], ["download", *FILES], ["full-pipeline", *FILES], \
    ["plan", "--save", "r", *FILES]
FOLDERS = {
    "no-replace": ["without replacing", "not permitted"],
    "replaces": ["without replacing", "took the name of the first"],
    "no-colon": ["with a colon", "Invalid argument"],
    "no-folder-sync": ["folders cannot be flushed", "Invalid argument"],
    "no-locks": ["cannot be locked", "not implemented"],
    "other-locks": ["cannot be locked", "given to another"],
}
BUCKETS = {
    "conditions": ([{"host": "gcs", "method": "PUT", "kind": "ignore_conditions"}], ["created only where there is none", "If-None-Match"]),
    "listings": ([{"host": "gcs", "method": "GET", "kind": "stale_listing"}], ["is not listed"]),
}
REFUSED = [{"host": "gcs", "method": kind, "kind": {"status": {"status": 403}}} for kind in ("PUT", "DELETE", "POST")]


def run(words, lake, env, status):
    words = [PROGRAM, *map(str, words), "--lake", str(lake)]
    process = subprocess.run(words, capture_output=True, text=True, env={**os.environ, **NO_METADATA_SERVER, **env}, timeout=300)
    assert process.returncode == status, (words, process.returncode, process.stdout, process.stderr)
    return process.stderr


def control(vendor, method, path, document=None):
    body = None if document is None else json.dumps(document).encode()
    request = urllib.request.Request(f"{vendor['MTDH_SIM_CONTROL']}/{path}", method=method, data=body)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


@contextlib.contextmanager
def unasked(vendor):
    """Nothing that is asked of the vendor within is a file, or anything that only a writing verb needs."""
    control(vendor, "DELETE", "requests")
    yield
    asked = [one["url"] for one in control(vendor, "GET", "requests") if one["host"] != "gcs"]
    assert not asked, asked


def check_folders(vendor, folder):
    compiler = shutil.which("cc")
    assert compiler, "a C compiler is needed"
    library = f"{folder}/nth_io.so"
    subprocess.run([compiler, "-O2", "-Wall", "-shared", "-fPIC", "-o", library, str(SOURCE)], check=True)
    checks = 0
    for kind, words in FOLDERS.items():
        for verb in WRITING:
            root = folder / kind
            root.mkdir(exist_ok=True)
            env = {**vendor, "LD_PRELOAD": library, "NTH_IO_FOLDER": str(root), "NTH_IO_N": "0", "NTH_IO_KIND": kind,
                   "NTH_IO_REPORT": str(folder / "told")}
            with unasked(vendor):
                said = run(verb, root / "a/lake", env, 2)
            assert "cannot hold a lake" in said and all(word in said for word in words), (kind, verb, said)
            assert not list(root.iterdir()), (kind, verb, list(root.rglob("*")))
            checks += 1
    return checks


def check_buckets(vendor, surroundings, scheme):
    checks = 0
    for name, (faults, words) in BUCKETS.items():
        control(vendor, "PUT", "faults", faults)
        for verb in WRITING:
            with unasked(vendor):
                said = run(verb, f"{scheme}://lake/{name}", {**vendor, **surroundings}, 2)
            assert "cannot hold a lake" in said and all(word in said for word in words), (name, verb, said)
            checks += 1
    control(vendor, "PUT", "faults", [])
    lake = f"{scheme}://lake/sound"
    run(["full-pipeline", *FILES], lake, {**vendor, **surroundings}, 0)
    control(vendor, "PUT", "faults", REFUSED)
    for verb in (["validate", *FILES], ["plan", *FILES], ["download", "--dry-run", *FILES], ["check", "completeness", *FILES], ["ls"]):
        said = run(verb, lake, {**vendor, **surroundings}, 0)
        assert verb[0] != "validate" or "the reports were not stored" in said and "complete" in said, said
        checks += 1
    control(vendor, "PUT", "faults", [])
    store = vendor["STORAGE_EMULATOR_HOST"]
    there = {name.removeprefix("sound/"): lakes.read(store, "lake", name) for name in lakes.names(store, "lake", "sound/")}
    wrong = recount(there)
    assert there and not wrong, wrong
    return checks + 1


def main():
    with sim("--small") as vendor, tempfile.TemporaryDirectory() as folder:
        vendor.pop("GCS_BUCKET", None)
        address = vendor["STORAGE_EMULATOR_HOST"]
        address = address if "://" in address else f"http://{address}"
        urllib.request.urlopen(urllib.request.Request(f"{address}/lake", method="PUT")).close()
        s3 = {"AWS_ENDPOINT": address, "AWS_ALLOW_HTTP": "true", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y",
              "AWS_REGION": "us-east-1"}
        checks = check_buckets(vendor, {}, "gs") + check_buckets(vendor, s3, "s3")
        checks += check_folders(vendor, pathlib.Path(folder))
    done(checks)


if __name__ == "__main__":
    main()
