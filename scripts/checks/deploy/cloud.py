"""A folder with the stand-in `gcloud` on the path, and what it noted."""

import json
import os
import pathlib

from stage import ROOT, run

DEPLOY = ROOT / "deploy"
VM = DEPLOY / "vm"
SETTINGS = {
    "GCP_PROJECT_ID": "some-project", "GCP_ZONE": "europe-west4-b", "GCS_BUCKET": "a-bucket", "GCP_REGION": "europe-west4",
    "MTDH_SERVICE_ACCOUNT": "worker@some-project.iam.gserviceaccount.com", "MTDH_IMAGE": "host.pkg.dev/p/r/mtdh:v1",
}


class Cloud:
    """A folder with the stand-in on the path, and what it noted."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        tools = self.folder / "tools"
        tools.mkdir()
        (tools / "gcloud").symlink_to(pathlib.Path(__file__).with_name("gcloud_standin.py"))
        self.env = {"PATH": f"{tools}:{os.environ['PATH']}", "GCLOUD_STAND_IN": str(folder), "MTDH_POLL_SECONDS": "0",
                    "HOME": str(folder), "TMPDIR": str(folder), "MTDH_ENV_FILE": str(self.folder / "none"), **SETTINGS}

    def plays(self, **shards):
        plays = {name.replace("_", "/"): steps for name, steps in shards.items()}
        (self.folder / "plays.json").write_text(json.dumps(plays))

    def __call__(self, *words, expect=0, env=None, script="vm/mtdh-vm.sh", **options):
        surroundings = {name: value for name, value in {**self.env, **(env or {})}.items() if value is not None}
        return run([DEPLOY / script, *words], expect, timeout=120, env=surroundings, **options)

    def calls(self, *begin):
        path = self.folder / "calls"
        calls = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return [call for call in calls if call[: len(begin)] == list(begin)]

    def forget(self):
        (self.folder / "calls").unlink(missing_ok=True)

    def there(self):
        return json.loads((self.folder / "state.json").read_text())

    def edit(self, change):
        state = self.there()
        change(state)
        (self.folder / "state.json").write_text(json.dumps(state))


def created(cloud):
    return sorted(call[3] for call in cloud.calls("compute", "instances", "create"))


def deleted(cloud):
    return sorted(call[3] for call in cloud.calls("compute", "instances", "delete"))


def table(run):
    return {row[0]: row[1:3] for row in (line.split("\t") for line in run.stdout.splitlines()[1:])}
