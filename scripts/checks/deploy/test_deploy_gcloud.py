"""The whole way with Google's own `gcloud`: deploy/vm makes VMs at a stand-in for Compute, which boots each in a root directory
of its own with what it was given; they share the bucket, report and delete themselves, and one that is lost is made again."""

import json
import os
import pathlib
import urllib.parse

import pytest

from cloud import SETTINGS, VM, table
from lakes import Folder, Gcs, assert_equal
from machine import Platform, boot, root_directory, serve, upload
from stage import DAY, NO_METADATA_SERVER, PROGRAM, mtdh, run, vendor_only

pytestmark = [pytest.mark.slow, pytest.mark.needs_root, pytest.mark.needs("gcloud", "the SDK of Google Cloud; test_deploy_vm.py has a stand-in")]

WORDS = ["--start-date", DAY, "--venues", "DERIBIT", "--instrument-types", "PERP"]
PROJECT, ZONE = SETTINGS["GCP_PROJECT_ID"], SETTINGS["GCP_ZONE"]


class Compute:
    """Instances: insert boots one, list shows them, delete removes them. A name in `lost` vanishes before it does anything."""

    def __init__(self, folder, vendor):
        self.folder, self.vendor, self.lost = folder, vendor, set()
        self.there, self.inserted, self.deleted, self.processes = {}, [], [], []
        self.address = f"http://{serve(self.answer)}"

    def answer(self, method, path, _, body):
        path = urllib.parse.urlsplit(path).path
        name = path.rsplit("/")[-1]
        if "/operations/" in path:
            _, kind, name = path.split("/operations/")[1].split("/")[0].split("-", 2)
            return self.operation(kind, name)
        if method == "POST":
            body = json.loads(body)
            self.insert(body)
            return self.operation("insert", body["name"])
        if method == "DELETE":
            self.deleted.append(name)
            del self.there[name]
            return self.operation("delete", name)
        if path.endswith("/aggregated/instances"):
            return 200, json.dumps({"items": {f"zones/{ZONE}": {"instances": list(self.there.values())}}})
        return 200, json.dumps(self.there.get(name) or {"name": name, "selfLink": f"{self.address}{path}"})

    def zone(self):
        return f"{self.address}/compute/v1/projects/{PROJECT}/zones/{ZONE}"

    def operation(self, kind, name):
        zone = self.zone()
        return 200, json.dumps({"kind": "compute#operation", "name": "operation", "operationType": kind, "status": "DONE", "zone": zone,
                                "selfLink": f"{zone}/operations/operation-{kind}-{name}", "targetLink": f"{zone}/instances/{name}"})

    def foreign(self, name):
        self.there[name] = {"name": name, "status": "TERMINATED", "zone": f"{self.address}/zones/{ZONE}"}

    def insert(self, body):
        name = body["name"]
        self.inserted.append(body)
        if name in self.lost:
            self.lost.remove(name)
            return
        zone = self.zone()
        self.there[name] = {"name": name, "status": "RUNNING", "labels": body["labels"], "zone": zone,
                            "selfLink": f"{zone}/instances/{name}", "networkInterfaces": [{}], "machineType": body["machineType"]}
        metadata = {item["key"]: item["value"] for item in body["metadata"]["items"]}
        platform = Platform(self.vendor["TARDIS_API_KEY"])
        platform.name, platform.task, platform.shard = name, metadata["mtdh-task"], metadata["mtdh-shard"]
        platform.on_delete = self.there.pop
        root = root_directory(self.folder / f"vm-{len(self.inserted)}")
        (root / "opt/startup.sh").write_text(metadata["startup-script"])
        self.processes.append(boot(root, platform.address, self.vendor["STORAGE_EMULATOR_HOST"]))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            if process.poll() is None:
                process.terminate()
            process.wait(timeout=60)


def runner(compute, folder, vendor):
    """mtdh-vm.sh with the real gcloud, whose addresses are those of the stand-ins."""
    store = vendor["STORAGE_EMULATOR_HOST"]
    surroundings = {
        "PATH": os.environ["PATH"], "HOME": str(folder), "MTDH_ENV_FILE": str(folder / "none"), "MTDH_POLL_SECONDS": "5",
        **SETTINGS, "GCS_BUCKET": vendor["GCS_BUCKET"], "MTDH_IMAGE": "", "MTDH_BINARY": f"gs://{vendor['GCS_BUCKET']}/bin/mtdh",
        **NO_METADATA_SERVER, "CLOUDSDK_CORE_CHECK_GCE_METADATA": "false",
        "CLOUDSDK_CONFIG": str(folder / "gcloud"), "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
        "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true", "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "true",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE": f"{compute.address}/compute/v1/",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE": f"{store}/storage/v1/",
    }

    return lambda *words, expect=0: run([VM / "mtdh-vm.sh", *words], expect, env=surroundings)


@pytest.fixture
def compute(chroot, sim, tmp_path):
    """A stand-in for Compute, whose VMs share a bucket with the program in it."""
    vendor = sim()
    upload(vendor["STORAGE_EMULATOR_HOST"], vendor["GCS_BUCKET"], "bin/mtdh", pathlib.Path(PROGRAM).read_bytes())
    with Compute(tmp_path, vendor) as compute:
        compute.foreign("database")
        yield compute


def assert_as_asked(body):
    """What Compute was asked for: a Spot VM without an address that deletes itself, and its disk with it."""
    scheduling = body["scheduling"]
    assert scheduling["provisioningModel"] == "SPOT" and scheduling["instanceTerminationAction"] == "DELETE", scheduling
    assert str(scheduling["maxRunDuration"]["seconds"]) == "43200" and body["disks"][0]["autoDelete"], body
    assert "accessConfigs" not in body["networkInterfaces"][0], body["networkInterfaces"]
    assert body["serviceAccounts"][0]["email"] == SETTINGS["MTDH_SERVICE_ACCOUNT"]


def test_a_run_by_googles_own_gcloud(compute, tmp_path):
    vendor, single = compute.vendor, Folder(tmp_path / "single")
    mtdh("download", *WORDS, "--lake", single.url, env=vendor_only(vendor))
    compute.lost = {"mtdh-first-1"}
    vm = runner(compute, tmp_path, vendor)
    given = [word for name in ("TARDIS_API_URL", "TARDIS_DATASETS_URL") for word in ("--env", f"{name}={vendor[name]}")]
    ended = vm("run", "--run", "first", "--shards", "2", "--spot", "--network", "n", "--subnet", "s", "--no-address", *given,
               "--", "download", *WORDS)
    assert table(ended) == {"0": ["done", "0"], "1": ["done", "0"]}, ended.stdout
    assert [body["name"] for body in compute.inserted].count("mtdh-first-1") == 2 and len(compute.inserted) == 3
    assert_as_asked(compute.inserted[0])
    assert list(compute.there) == ["database"] and compute.deleted == []
    assert_equal(single, Gcs(vendor, vendor["GCS_BUCKET"]), apart=("vm-runs/", "bin/"))
    assert "is there already" in vm("deploy", "--run", "first", *given, "--", "download", *WORDS, expect=2).stderr
    assert "part 0 of shard 1 of 2" in vm("logs", "first", "1").stdout
    assert "there is no run second" in vm("status", "second", expect=2).stderr
    newest = vm("status")
    assert "run first is the newest" in newest.stderr and table(newest) == table(ended), newest
    # A VM that stopped without a word, and somebody else's: the one goes.
    compute.foreign("mtdh-first-0")
    compute.there["mtdh-first-0"]["labels"] = {"mtdh-run": "first", "mtdh-shard": "0"}
    vm("cleanup")
    assert compute.deleted == ["mtdh-first-0"] and list(compute.there) == ["database"]
