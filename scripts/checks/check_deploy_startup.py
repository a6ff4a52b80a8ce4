"""The VM's start-up script in a root directory of its own, to its end: against the stand-in vendor and bucket, and servers that
stand in for the metadata, Secret Manager and Compute. The task is the one that deploy/vm makes. Needs the right to chroot."""

import contextlib
import http.server
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import threading
import time
import urllib.parse
import urllib.request

import lakes
from check_container import copy, libraries
from check_deploy_vm import Cloud
from stage import DAY, NO_METADATA_SERVER, PROGRAM, ROOT, done, mtdh, sim, skipped

TOOLS = ["bash", "curl", "sed", "tail", "tr", "date", "mkdir", "chmod", "cat", "basename", "base64", "timeout", "setpriv",
         "sleep", "mv", "touch", "id", "env"]
CHROOT = shutil.which("chroot") or "/usr/sbin/chroot"
TOKEN = "ya29.token-of-the-account"
WORDS = ["--start-date", DAY, "--venues", "DERIBIT", "--instrument-types", "PERP"]
SECRET = "projects/some-project/secrets/tardis-api-key/versions/latest"


class Platform:
    """What a VM sees of Google Cloud beside the bucket, and what it did there."""

    def __init__(self, key):
        self.key, self.name, self.task, self.shard = key, None, None, 0
        self.deleted, self.refuse = [], set()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *words):
                pass

            def answer(self, status, text):
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def do_GET(self):
                if self.path.startswith("/computeMetadata/v1/"):
                    if self.headers.get("Metadata-Flavor") != "Google":
                        return self.answer(403, "no flavor")
                    text = outer.metadata(self.path.removeprefix("/computeMetadata/v1/"))
                    return self.answer(404 if text is None else 200, text or "no such value")
                if not outer.allowed(self) or "secret" in outer.refuse:
                    return self.answer(403, '{"error":{"code":403}}')
                if self.path == f"/v1/{SECRET}:access":
                    import base64

                    data = base64.b64encode(outer.key.encode()).decode()
                    body = {"name": SECRET, "payload": {"data": data, "dataCrc32c": "1"}}
                    return self.answer(200, json.dumps(body, indent=2))
                return self.answer(404, "{}")

            def do_DELETE(self):
                if not outer.allowed(self) or "delete" in outer.refuse:
                    return self.answer(403, "{}")
                outer.deleted.append(self.path)
                outer.on_delete(self.path.rsplit("/")[-1])
                return self.answer(200, "{}")

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def on_delete(self, name):
        """What else a VM's deletion of itself does; nothing here."""

    def allowed(self, request):
        return request.headers.get("Authorization") == f"Bearer {TOKEN}"

    def metadata(self, name):
        return {
            "instance/name": self.name or f"mtdh-run-{self.shard}", "instance/zone": "projects/123/zones/europe-west4-b",
            "project/project-id": "some-project", "instance/attributes/mtdh-task": self.task,
            "instance/attributes/mtdh-shard": str(self.shard),
            "instance/service-accounts/default/token": json.dumps({"access_token": TOKEN, "expires_in": 3599, "token_type": "Bearer"}),
        }.get(name)


def root_directory(folder, **scripts):
    """A clean machine: the tools that the script names, and nothing else."""
    folder.mkdir()
    for tool in TOOLS:
        path = shutil.which(tool)
        for file in libraries(path):
            copy(file, folder)
        copy(path, folder, f"/bin/{tool}")
    for file in libraries(PROGRAM):
        copy(file, folder)
    for name in ["dev", "tmp", "var/lib", "opt"]:
        (folder / name).mkdir(parents=True, exist_ok=True)
    os.mknod(folder / "dev/null", 0o666 | 0o020000, os.makedev(1, 3))
    os.chmod(folder / "dev/null", 0o666)
    os.chmod(folder / "tmp", 0o1777)
    for name in ["startup.sh", "shutdown.sh"]:
        shutil.copy2(ROOT / "deploy/vm" / name, folder / "opt" / name)
    # Without rights to delete itself a VM powers off; here that leaves a note.
    for name, text in {"poweroff": "#!/bin/bash\n>/var/lib/powered-off\n", **scripts}.items():
        (folder / "bin" / name).write_text(text)
        (folder / "bin" / name).chmod(0o755)
    return folder


def boot(root, platform, store):
    """Starts the start-up script of a root directory; what it says goes to the file `console` in it."""
    surroundings = {
        "PATH": "/bin", "GCE_METADATA_HOST": platform, "STORAGE_EMULATOR_HOST": store,
        "SECRET_MANAGER_HOST": f"http://{platform}", "COMPUTE_HOST": f"http://{platform}",
    }
    command = [CHROOT, str(root), "/bin/bash", "/opt/startup.sh"]
    with open(root / "console", "w") as console:
        return subprocess.Popen(command, env=surroundings, stdout=console, stderr=subprocess.STDOUT)


class Stage:
    """The stand-ins, a folder for root directories, and tasks as deploy makes them."""

    def __init__(self, folder, vendor):
        self.folder, self.vendor, self.vms = folder, vendor, []
        self.store, self.bucket = vendor["STORAGE_EMULATOR_HOST"], vendor["GCS_BUCKET"]
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
        return json.loads(lakes.read(self.store, self.bucket, f"vm-runs/{run}/shard-{shard}-of-{shards}.json"))

    def lake(self):
        there = lakes.in_bucket(self.store, self.bucket)
        return {name: body for name, body in there.items() if not name.startswith(("vm-runs/", "bin/"))}


def upload(store, bucket, name, body):
    query = urllib.parse.urlencode({"uploadType": "media", "name": name})
    request = urllib.request.Request(f"{store}/upload/storage/v1/b/{bucket}/o?{query}", data=body, method="POST")
    urllib.request.urlopen(request).close()


def check_failures(stage):
    """Whatever goes wrong is reported, and the VM is gone."""
    platform = stage.platform
    platform.task = None
    stage.boot(expect=20)
    assert len(platform.deleted) == 1 and stage.lake() == {}
    stage.deploy("no-key")
    platform.refuse = {"secret"}
    stage.boot(expect=20)
    report = stage.report("no-key")
    assert report["exit"] == 20 and SECRET in report["reason"] and report["vm"] == "mtdh-run-0", report
    platform.refuse = {"delete"}
    root = stage.boot(expect=20, setpriv="#!/bin/bash\nexit 20\n")
    assert (root / "var/lib/powered-off").exists() and "cleanup finds it" in (root / "console").read_text()
    platform.refuse = set()
    stage.deploy("no-binary", program=("--binary", f"gs://{stage.bucket}/bin/other"))
    stage.boot(expect=10)
    assert "bin/other did not come" in stage.report("no-binary")["reason"]
    stage.deploy("refused", words=["download", "--start-date", "1999-13-01"])
    stage.boot(expect=2)
    report = stage.report("refused")
    assert report["exit"] == 2 and report["attempts"] == 1, report
    assert b"1999-13-01" in lakes.read(stage.store, stage.bucket, "vm-runs/refused/shard-0-of-1.log")
    stage.deploy("limit")
    platform.task = platform.task.replace("LIMIT_SECONDS=42900", "LIMIT_SECONDS=1")
    stage.boot(expect=10, setpriv="#!/bin/bash\nexec sleep 60\n")
    assert stage.report("limit")["reason"] == "the limit was reached"
    assert stage.lake() == {}
    return 12


def check_shards(stage):
    """Two VMs make the lake that one process makes; the key is nowhere; a VM that is made again does nothing."""
    platform, local = stage.platform, stage.folder / "local"
    vendor = {name: value for name, value in stage.vendor.items() if name.startswith(("TARDIS", "MTDH"))}
    mtdh("download", *WORDS, "--lake", local, env=vendor)
    stage.deploy("two", "--shards", "2")
    platform.deleted.clear()
    for shard in (0, 1):
        root = stage.boot(shard)
        report = stage.report("two", shard, 2)
        assert (report["exit"], report["attempts"], report["shard"]) == (0, 1, shard), report
        console = (root / "console").read_text()
        lines = [json.loads(line) for line in console.splitlines() if line.startswith('{"severity"')]
        assert lines[0]["message"].startswith(f"working on shard {shard} of 2: download") and lines[-1]["severity"] == "INFO"
        # The program itself knows the stand-in's keys.
        files = [path for path in root.rglob("*") if path.is_file() and not path.is_symlink() and path.name != "mtdh"]
        assert not [path for path in files if platform.key.encode() in path.read_bytes()]
        assert not [path for path in files if TOKEN.encode() in path.read_bytes()]
        # The program ran as a user without rights. The second finds the day's table made and asks for no metadata.
        assert shard == 1 or (root / "var/lib/mtdh/tmp/cache").stat().st_uid == 65532
    assert platform.deleted == [
        f"/compute/v1/projects/some-project/zones/europe-west4-b/instances/mtdh-run-{shard}" for shard in (0, 1)]
    checks = lakes.equal(local, stage.lake())
    for name in lakes.names(stage.store, stage.bucket, "vm-runs/"):
        assert platform.key.encode() not in lakes.read(stage.store, stage.bucket, name), name
    before = stage.lake()
    stage.boot(1)
    log = lakes.read(stage.store, stage.bucket, "vm-runs/two/shard-1-of-2.log").decode()
    assert stage.lake() == before and "nothing is left of shard 1 of 2" in log and "saved as run" not in log, log
    # The run is the lake's: any machine tells how it stands.
    mtdh("monitor", "two", "--lake", f"gs://{stage.bucket}", env=stage.vendor)
    # A new run of the same words: nothing is to be fetched, and the plan says so.
    stage.deploy("three", "--shards", "2")
    stage.boot(1)
    assert stage.report("three", 1, 2)["reason"] == "done"
    assert stage.lake() == before
    return checks + 13


def check_image(stage):
    """The same from an image: pulled with the account's token; the key goes by name, never as a word."""
    docker = f"""#!/bin/bash
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
    stage.deploy("image", program=("--image", "host.pkg.dev/p/r/mtdh:v1"))
    root, vm = stage.start(docker=docker)
    copy(PROGRAM, root, "/opt/mtdh")
    assert vm.wait(timeout=300) == 0, (root / "console").read_text()
    calls = (root / "var/lib/docker-calls").read_text().splitlines()
    assert [call.split()[0] for call in calls] == ["login", "pull"] + 4 * ["run"], calls
    verbs = [call.split("mtdh:v1 ")[1].split()[0] for call in calls[2:]]
    assert verbs == ["monitor", "plan", "monitor", "download"], verbs
    for call in calls[2:]:
        assert "--env TARDIS_API_KEY " in call and "--env TARDIS_API_URL " in call and "TD." not in call, call
    return 4


def check_retries(folder):
    """A file that fails is tried again on the same VM; a VM that is stopped gives back its work and says so."""
    faults = folder / "faults.json"
    faults.write_text(json.dumps([
        {"host": "datasets", "url_contains": "deribit/trades/*/ETH-PERPETUAL", "attempts": {"only": [1]}, "kind": {"status": {"status": 503}}},
        {"host": "datasets", "url_contains": "okex-swap", "kind": {"drip": {"bytes_per_second": 10}}},
    ]))
    with sim("--faults", str(faults)) as vendor, Stage(folder, vendor) as stage:
        stage.deploy("again", "--env", "MTDH_MAX_ATTEMPTS=1")
        stage.boot()
        report = stage.report("again")
        assert report["exit"] == 0 and report["attempts"] == 2, report
        stage.deploy("stopped", words=["download", "--start-date", DAY, "--venues", "OKX-SWAP"])
        root, vm = stage.start()
        while b"instrument tables made" not in read(root / "var/lib/mtdh/log"):
            assert vm.poll() is None, (root / "console").read_text()
            time.sleep(0.05)
        began = time.monotonic()
        # A process that nobody waits for counts as alive.
        threading.Thread(target=vm.wait, daemon=True).start()
        # As the platform runs it when the VM is preempted. The pid is that of the start-up script.
        assert int((root / "var/lib/mtdh/pid").read_text()) == vm.pid
        subprocess.run([CHROOT, str(root), "/bin/bash", "/opt/shutdown.sh"], check=True, env={"PATH": "/bin"}, timeout=60)
        assert vm.wait(timeout=60) == 10, (root / "console").read_text()
        print(f"stopped within {time.monotonic() - began:.1f} s")
        report = stage.report("stopped")
        assert report["exit"] == 10 and "was stopped" in report["reason"], report
        assert not [name for name in stage.lake() if "OKX-SWAP" in name]
    return 6


def read(path):
    return path.read_bytes() if path.exists() else b""


def fresh(folder):
    made = pathlib.Path(tempfile.mkdtemp(dir=folder))
    made.chmod(0o755)
    return made


def can_chroot(folder):
    """Whether a root directory can be made and entered here."""
    try:
        root = root_directory(folder / "try")
    except PermissionError:
        return False
    return subprocess.run([CHROOT, str(root), "/bin/bash", "-c", "exit 0"], capture_output=True).returncode == 0


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        os.chmod(folder, 0o755)
        if not can_chroot(folder):
            skipped("it needs the right to make device files and to chroot")
            done(0)
            return
        checks = 0
        for check in [check_failures, check_shards, check_image]:
            with sim() as vendor, Stage(fresh(folder), vendor) as stage:
                checks += check(stage)
        checks += check_retries(fresh(folder))
    done(checks)


if __name__ == "__main__":
    main()
