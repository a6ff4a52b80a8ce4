"""Scripts, Terraform and the settings file by themselves: shellcheck, terraform fmt, and that what one names the other has."""

import json
import os
import re
import shutil
import subprocess

import hcl2

from stage import ROOT, done, mtdh, skipped

TERRAFORM = ROOT / "deploy/terraform"


def check_shell():
    scripts = sorted([*ROOT.glob("deploy/**/*.sh"), *ROOT.glob("scripts/**/*.sh"), *ROOT.glob("deploy/slurm/*.sbatch"), ROOT / ".ci/run"])
    for path in scripts:
        sourced = path.read_text().startswith("# shellcheck shell=bash")
        assert os.access(path, os.X_OK) != sourced, f"{path} is to be run, or to be sourced, not both"
    if shutil.which("shellcheck") is None:
        skipped("shellcheck is not installed (apt-get install shellcheck)", "shell")
        return len(scripts)
    subprocess.run(["shellcheck", "-x", "-P", "SCRIPTDIR", *map(str, scripts)], check=True, cwd=ROOT)
    print(f"shellcheck: {len(scripts)} scripts")
    return 2 * len(scripts)


def check_terraform():
    files = sorted(TERRAFORM.glob("*.tf"))
    if shutil.which("terraform"):
        surroundings = {**os.environ, "CHECKPOINT_DISABLE": "1", "TF_CLI_CONFIG_FILE": os.devnull}
        subprocess.run(["terraform", "fmt", "-check", "-diff", str(TERRAFORM)], check=True, env=surroundings)
        print(f"terraform fmt: {len(files)} files")
    else:
        skipped("terraform is not installed; the files are parsed, not formatted", "terraform")
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
    return len(files) + len(resources) + 8


def check_agreement():
    """The same rights by Terraform as by setup-iam.sh; the same task from both; settings that somebody reads."""
    iam = (ROOT / "deploy/vm/setup-iam.sh").read_text()
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
    return 5


def main():
    done(check_shell() + check_terraform() + check_agreement())


if __name__ == "__main__":
    main()
