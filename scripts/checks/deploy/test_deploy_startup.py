"""The VM's start-up script in a root directory of its own, to its end: against the stand-in vendor and bucket, and servers that
stand in for the metadata, Secret Manager and Compute. The task is the one that deploy/vm makes. Needs the right to chroot."""

import json
import pathlib
import threading
import time

import pytest

from cloud import Cloud
from lakes import Folder, Gcs, assert_equal
from machine import CHROOT, SECRET, TOKEN, Platform, boot, root_directory, upload
from oci import copy
from stage import DAY, PROGRAM, mtdh, run, vendor_only, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.needs_root, pytest.mark.needs("curl", "apt-get install curl")]

WORDS = ["--start-date", DAY, "--venues", "DERIBIT", "--instrument-types", "PERP"]
# What the bucket has beside the lake.
BESIDE = ("vm-runs/", "bin/")
FAULTS = [
    {"host": "datasets", "url_contains": "deribit/trades/*/ETH-PERPETUAL", "attempts": {"only": [1]}, "kind": {"status": {"status": 503}}},
    {"host": "datasets", "url_contains": "okex-swap", "kind": {"drip": {"bytes_per_second": 10}}},
]
DOCKER = f"""#!/bin/bash
printf '%s\\n' "$*" >>/var/lib/docker-calls
case $1 in
  login) read -r password; [ "$password" = {TOKEN} ] ;;
  pull) exit 0 ;;
  run)
    while [ "$1" != host.pkg.dev/p/r/mtdh:v1 ]; do shift; done
    shift
    exec env MTDH_CACHE_DIR=/tmp/cache /opt/mtdh "$@"
    ;;
esac
"""


class Vms:
    """The stand-ins, a folder for root directories, and tasks as deploy makes them."""

    def __init__(self, folder, vendor):
        self.folder, self.vendor, self.vms = folder, vendor, []
        self.store, self.bucket = vendor["STORAGE_EMULATOR_HOST"], vendor["GCS_BUCKET"]
        self.objects = Gcs(vendor, self.bucket)
        self.platform = Platform(vendor["TARDIS_API_KEY"])
        cloud = folder / "cloud"
        cloud.mkdir()
        self.cloud = Cloud(cloud)
        upload(self.store, self.bucket, "bin/mtdh", pathlib.Path(PROGRAM).read_bytes())

    def deploy(self, run, *options, words=("download", *WORDS), program=("--binary", None)):
        """The task of a run, taken from what deploy gave to the first VM."""
        flag, value = program
        variables = {name: self.vendor[name] for name in ("TARDIS_API_URL", "TARDIS_DATASETS_URL")}
        given = [word for name, text in variables.items() for word in ("--env", f"{name}={text}")]
        self.cloud("deploy", "--run", run, "--bucket", self.bucket, flag, value or f"gs://{self.bucket}/bin/mtdh", "--no-address",
                   *given, *options, "--", *words)
        vm = next(vm for vm in self.cloud.there()["vms"].values() if vm["labels"]["mtdh-run"] == run)
        self.platform.task = vm["metadata"]["mtdh-task"] + "WAIT_SECONDS=0\n"

    def start(self, shard=0, **scripts):
        self.platform.shard = shard
        root = root_directory(self.folder / f"root-{len(self.vms)}", **scripts)
        self.vms.append(boot(root, self.platform.address, self.store))
        return root, self.vms[-1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for vm in self.vms:
            if vm.poll() is None:
                vm.terminate()

    def boot(self, shard=0, expect=0, **scripts):
        root, vm = self.start(shard, **scripts)
        assert vm.wait(timeout=300) == expect, (vm.returncode, (root / "console").read_text())
        return root

    def report(self, run, shard=0, shards=1):
        return json.loads(self.objects.read(f"vm-runs/{run}/shard-{shard}-of-{shards}.json"))

    def lake(self):
        there = self.objects.contents()
        return {name: body for name, body in there.items() if not name.startswith(BESIDE)}


@pytest.fixture
def vms(chroot, sim, tmp_path):
    """VMs with a vendor of their own."""
    with Vms(tmp_path, sim()) as vms:
        yield vms


def test_whatever_goes_wrong_is_reported(vms):
    """And the VM is gone."""
    platform = vms.platform
    platform.task = None
    vms.boot(expect=20)
    assert len(platform.deleted) == 1 and vms.lake() == {}
    vms.deploy("no-key")
    platform.refuse = {"secret"}
    vms.boot(expect=20)
    report = vms.report("no-key")
    assert report["exit"] == 20 and SECRET in report["reason"] and report["vm"] == "mtdh-run-0", report
    platform.refuse = {"delete"}
    root = vms.boot(expect=20, setpriv="#!/bin/bash\nexit 20\n")
    assert (root / "var/lib/powered-off").exists() and "cleanup finds it" in (root / "console").read_text()
    platform.refuse = set()
    vms.deploy("no-binary", program=("--binary", f"gs://{vms.bucket}/bin/other"))
    vms.boot(expect=10)
    assert "bin/other did not come" in vms.report("no-binary")["reason"]
    vms.deploy("refused", words=["download", "--start-date", DAY, "--venues", "NOWHERE"])
    vms.boot(expect=2)
    report = vms.report("refused")
    assert report["exit"] == 2 and report["attempts"] == 1, report
    assert b"NOWHERE" in vms.objects.read("vm-runs/refused/shard-0-of-1.log")
    vms.deploy("limit")
    platform.task = platform.task.replace("LIMIT_SECONDS=42900", "LIMIT_SECONDS=1")
    vms.boot(expect=10, setpriv="#!/bin/bash\nexec sleep 60\n")
    assert vms.report("limit")["reason"] == "the limit was reached"
    assert vms.lake() == {}


def assert_clean(root, vms, shard):
    """What a VM leaves on its disk and its console: no secret, and the program had no rights."""
    console = (root / "console").read_text()
    lines = [json.loads(line) for line in console.splitlines() if line.startswith('{"severity"')]
    assert lines[0]["message"].startswith(f"working on shard {shard} of 2: download") and lines[-1]["severity"] == "INFO"
    # The program itself knows the stand-in's keys.
    files = [path for path in root.rglob("*") if path.is_file() and not path.is_symlink() and path.name != "mtdh"]
    for secret in (vms.platform.key, TOKEN):
        assert not [path for path in files if secret.encode() in path.read_bytes()]
    # The program ran as a user without rights. The second finds the day's table made and asks for no metadata.
    assert shard == 1 or (root / "var/lib/mtdh/tmp/cache").stat().st_uid == 65532


def test_two_vms_make_the_lake_of_one_process(vms, tmp_path):
    """The key is nowhere; a VM that is made again does nothing."""
    platform, local = vms.platform, Folder(tmp_path / "local")
    mtdh("download", *WORDS, "--lake", local.url, env=vendor_only(vms.vendor))
    vms.deploy("two", "--shards", "2")
    for shard in (0, 1):
        root = vms.boot(shard)
        report = vms.report("two", shard, 2)
        assert (report["exit"], report["attempts"], report["shard"]) == (0, 1, shard), report
        assert_clean(root, vms, shard)
    assert platform.deleted == [
        f"/compute/v1/projects/some-project/zones/europe-west4-b/instances/mtdh-run-{shard}" for shard in (0, 1)]
    assert_equal(local, vms.objects, apart=BESIDE)
    reports = [name for name in vms.objects.names() if name.startswith("vm-runs/")]
    assert reports and not [name for name in reports if platform.key.encode() in vms.objects.read(name)]
    before = vms.lake()
    vms.boot(1)
    log = vms.objects.read("vm-runs/two/shard-1-of-2.log").decode()
    assert vms.lake() == before and "nothing is left of shard 1 of 2" in log and "saved as run" not in log, log
    # The run is the lake's: any machine tells how it stands.
    mtdh("monitor", "two", "--lake", f"gs://{vms.bucket}", env=vms.vendor)
    # A new run of the same words: nothing is to be fetched, and the plan says so.
    vms.deploy("three", "--shards", "2")
    vms.boot(1)
    assert vms.report("three", 1, 2)["reason"] == "done"
    assert vms.lake() == before


def test_an_image(vms):
    """The same from an image: pulled with the account's token; the key goes by name, never as a word."""
    vms.deploy("image", program=("--image", "host.pkg.dev/p/r/mtdh:v1"))
    root, vm = vms.start(docker=DOCKER)
    copy(PROGRAM, root, "/opt/mtdh")
    assert vm.wait(timeout=300) == 0, (root / "console").read_text()
    calls = (root / "var/lib/docker-calls").read_text().splitlines()
    assert [call.split()[0] for call in calls] == ["login", "pull"] + 4 * ["run"], calls
    verbs = [call.split("mtdh:v1 ")[1].split()[0] for call in calls[2:]]
    assert verbs == ["monitor", "plan", "monitor", "download"], verbs
    for call in calls[2:]:
        assert "--env TARDIS_API_KEY " in call and "--env TARDIS_API_URL " in call and "TD." not in call, call


@pytest.fixture
def failing_vms(chroot, sim, tmp_path):
    """VMs whose vendor refuses a file once, and gives those of a venue slowly."""
    (tmp_path / "faults.json").write_text(json.dumps(FAULTS))
    with Vms(tmp_path, sim("--faults", tmp_path / "faults.json")) as vms:
        yield vms


def test_a_file_that_fails_is_tried_again(failing_vms):
    """On the same VM."""
    failing_vms.deploy("again", "--env", "MTDH_MAX_ATTEMPTS=1")
    failing_vms.boot()
    report = failing_vms.report("again")
    assert report["exit"] == 0 and report["attempts"] == 2, report


def test_a_vm_that_is_stopped_gives_back_its_work(failing_vms, tell):
    failing_vms.deploy("stopped", words=["download", "--start-date", DAY, "--venues", "OKX-SWAP"])
    root, vm = failing_vms.start()
    log = root / "var/lib/mtdh/log"
    has_begun = lambda: log.exists() and b"instrument tables made" in log.read_bytes()
    wait_until(lambda: has_begun() or vm.poll() is not None, lambda: (root / "console").read_text(), 120)
    assert vm.poll() is None, (root / "console").read_text()
    began = time.monotonic()
    # A process that nobody waits for counts as alive.
    threading.Thread(target=vm.wait, daemon=True).start()
    # As the platform runs it when the VM is preempted. The pid is that of the start-up script.
    assert int((root / "var/lib/mtdh/pid").read_text()) == vm.pid
    run([CHROOT, root, "/bin/bash", "/opt/shutdown.sh"], env={"PATH": "/bin"}, timeout=60)
    assert vm.wait(timeout=60) == 10, (root / "console").read_text()
    tell(f"stopped within {time.monotonic() - began:.1f} s")
    report = failing_vms.report("stopped")
    assert report["exit"] == 10 and "was stopped" in report["reason"], report
    assert not [name for name in failing_vms.lake() if "OKX-SWAP" in name]
