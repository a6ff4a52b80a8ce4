"""The whole way with Google's own `gcloud`: deploy/vm makes VMs at a stand-in for Compute, which boots each in a root directory
of its own with what it was given; they share the bucket, report and delete themselves, and one that is lost is made again."""

import contextlib
import http.server
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import threading
import urllib.parse

import lakes
from check_deploy_startup import PROGRAM, WORDS, Platform, boot, can_chroot, fresh, root_directory, upload
from check_deploy_vm import SETTINGS, VM, table
from stage import NO_METADATA_SERVER, done, mtdh, sim, skipped

PROJECT, ZONE = SETTINGS["GCP_PROJECT_ID"], SETTINGS["GCP_ZONE"]


class Compute:
    """Instances: insert boots one, list shows them, delete removes them. A name in `lost` vanishes before it does anything."""

    def __init__(self, folder, vendor):
        self.folder, self.vendor, self.lost = folder, vendor, set()
        self.there, self.inserted, self.deleted, self.processes = {}, [], [], []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *words):
                pass

            def answer(self, document):
                text = json.dumps(document).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def operation(self, kind, name):
                zone = f"{outer.address}/compute/v1/projects/{PROJECT}/zones/{ZONE}"
                self.answer({"kind": "compute#operation", "name": "operation", "operationType": kind, "status": "DONE", "zone": zone,
                             "selfLink": f"{zone}/operations/operation-{kind}-{name}", "targetLink": f"{zone}/instances/{name}"})

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "{}")
                if self.path.split("?")[0].endswith("/instances"):
                    outer.insert(body)
                    return self.operation("insert", body["name"])
                _, kind, name = self.path.split("/operations/")[1].split("/")[0].split("-", 2)
                return self.operation(kind, name)

            def do_DELETE(self):
                name = urllib.parse.urlsplit(self.path).path.rsplit("/")[-1]
                outer.deleted.append(name)
                del outer.there[name]
                self.operation("delete", name)

            def do_GET(self):
                path = urllib.parse.urlsplit(self.path).path
                if path.endswith("/aggregated/instances"):
                    return self.answer({"items": {f"zones/{ZONE}": {"instances": list(outer.there.values())}}})
                if "/operations/" in path:
                    _, kind, name = path.split("/operations/")[1].split("-", 2)
                    return self.operation(kind, name)
                name = path.rsplit("/")[-1]
                return self.answer(outer.there.get(name) or {"name": name, "selfLink": f"{outer.address}{path}"})

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def foreign(self, name):
        self.there[name] = {"name": name, "status": "TERMINATED", "zone": f"{self.address}/zones/{ZONE}"}

    def insert(self, body):
        name = body["name"]
        self.inserted.append(body)
        if name in self.lost:
            self.lost.remove(name)
            return
        zone = f"{self.address}/compute/v1/projects/{PROJECT}/zones/{ZONE}"
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
        "PATH": os.environ["PATH"], "HOME": str(folder), "MTDH_ENV_FILE": str(folder / "none"), "MTDH_POLL_SECONDS": "1",
        **SETTINGS, "GCS_BUCKET": vendor["GCS_BUCKET"], "MTDH_IMAGE": "", "MTDH_BINARY": f"gs://{vendor['GCS_BUCKET']}/bin/mtdh",
        **NO_METADATA_SERVER, "CLOUDSDK_CORE_CHECK_GCE_METADATA": "false",
        "CLOUDSDK_CONFIG": str(folder / "gcloud"), "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
        "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true", "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "true",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE": f"{compute.address}/compute/v1/",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE": f"{store}/storage/v1/",
    }

    def run(*words, expect=0):
        run = subprocess.run([VM / "mtdh-vm.sh", *words], capture_output=True, text=True, env=surroundings, timeout=600)
        assert run.returncode == expect, (words, run.returncode, run.stdout, run.stderr)
        return run

    return run


def main():
    if shutil.which("gcloud") is None:
        skipped("gcloud is not installed; check_deploy_vm.py has a stand-in for it")
        done(0)
        return
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.chmod(0o755)
        if not can_chroot(folder):
            skipped("it needs the right to make device files and to chroot")
            done(0)
            return
        vendor = stack.enter_context(sim())
        store, bucket = vendor["STORAGE_EMULATOR_HOST"], vendor["GCS_BUCKET"]
        upload(store, bucket, "bin/mtdh", pathlib.Path(PROGRAM).read_bytes())
        mtdh("download", *WORDS, "--lake", folder / "single",
             env={name: value for name, value in vendor.items() if name.startswith(("TARDIS", "MTDH"))})
        compute = stack.enter_context(Compute(fresh(folder), vendor))
        compute.foreign("database")
        compute.lost = {"mtdh-first-1"}
        vm = runner(compute, folder, vendor)
        given = [word for name in ("TARDIS_API_URL", "TARDIS_DATASETS_URL") for word in ("--env", f"{name}={vendor[name]}")]
        run = vm("run", "--run", "first", "--shards", "2", "--spot", "--network", "n", "--subnet", "s", "--no-address", *given,
                 "--", "download", *WORDS)
        assert table(run) == {"0": ["done", "0"], "1": ["done", "0"]}, run.stdout
        assert [body["name"] for body in compute.inserted].count("mtdh-first-1") == 2 and len(compute.inserted) == 3
        body = compute.inserted[0]
        scheduling = body["scheduling"]
        assert scheduling["provisioningModel"] == "SPOT" and scheduling["instanceTerminationAction"] == "DELETE", scheduling
        assert str(scheduling["maxRunDuration"]["seconds"]) == "43200" and body["disks"][0]["autoDelete"], body
        assert "accessConfigs" not in body["networkInterfaces"][0], body["networkInterfaces"]
        assert body["serviceAccounts"][0]["email"] == SETTINGS["MTDH_SERVICE_ACCOUNT"]
        assert list(compute.there) == ["database"] and compute.deleted == []
        there = lakes.in_bucket(store, bucket)
        there = {name: text for name, text in there.items() if not name.startswith(("vm-runs/", "bin/"))}
        checks = 9 + lakes.equal(folder / "single", there)
        assert "is there already" in vm("deploy", "--run", "first", *given, "--", "download", *WORDS, expect=2).stderr
        assert "part 0 of shard 1 of 2" in vm("logs", "first", "1").stdout
        assert "there is no run second" in vm("status", "second", expect=2).stderr
        # A VM that stopped without a word, and somebody else's: the one goes.
        compute.foreign("mtdh-first-0")
        compute.there["mtdh-first-0"]["labels"] = {"mtdh-run": "first", "mtdh-shard": "0"}
        vm("cleanup")
        assert compute.deleted == ["mtdh-first-0"] and list(compute.there) == ["database"]
    done(checks + 4)


if __name__ == "__main__":
    main()
