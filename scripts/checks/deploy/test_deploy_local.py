"""deploy/local/run-main.sh, deploy/docker-build.sh and the settings file, in a checkout of their own."""

import os
import re
import shutil

import pytest
import yaml

import stage
from lakes import Folder, assert_equal
from stage import DAY, NO_METADATA_SERVER, PROGRAM, ROOT, mtdh

WORDS = ["--start-date", DAY, "--venues", "DERIBIT", "--instrument-types", "PERP"]


@pytest.fixture
def checkout(tmp_path):
    """What a fresh checkout has of this, without a program."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    shutil.copytree(ROOT / "deploy", folder / "deploy")
    for name in ["env.example", "Cargo.toml"]:
        shutil.copy2(ROOT / name, folder / name)
    return folder


def run(script, *words, env=None, expect=0):
    surroundings = {"PATH": os.environ["PATH"], "HOME": str(script.parents[2]), **NO_METADATA_SERVER, **(env or {})}
    return stage.run([script, *words], expect, env=surroundings)


def commands(folder, **scripts):
    """A folder for the path with the few tools that scripts need, and stand-ins for others."""
    folder.mkdir()
    for tool in ["bash", "env", "dirname", "basename", "sed", "tail", "head", "cp", "chmod", "cat", "git", "printf"]:
        (folder / tool).symlink_to(shutil.which(tool))
    for name, text in scripts.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return str(folder)


def test_run_main(checkout, tmp_path):
    script, bare = checkout / "deploy/local/run-main.sh", commands(tmp_path / "bare")
    # Nothing to run and nothing to build with: said, not tried.
    said = run(script, "ls", env={"PATH": bare}, expect=2).stderr
    assert "there is no mtdh here" in said and "rustup.rs" in said, said
    made = checkout / ".env"
    assert made.read_text() == (ROOT / "env.example").read_text() and made.stat().st_mode & 0o777 == 0o600
    said = run(script, "ls", env={"MTDH": "/no/such/program"}, expect=2).stderr
    assert "/no/such/program" in said, said
    run(script, expect=2)
    assert "mode comes first" in run(script, "--lake", "x", "ls", expect=2).stderr
    assert "full-pipeline" in run(script, "--help").stdout
    # The program understands the file as it is handed out.
    shown = run(script, "config", "show", env={"MTDH": PROGRAM}).stdout
    assert re.search(r"log_level +info +\.env", shown) and re.search(r"lake +\./data +default", shown), shown
    # What was in .env stays.
    made.write_text("GCP_CREDENTIALS_PATH=/no/such/key.json\n")
    said = run(script, "ls", env={"MTDH": PROGRAM}, expect=2).stderr
    assert "/no/such/key.json, which cannot be read" in said, said
    # A value of .env is a value, never a command.
    made.write_text(f"GCP_CREDENTIALS_PATH=$(touch {checkout}/ran)\n")
    run(script, "ls", env={"MTDH": PROGRAM}, expect=2)
    assert not (checkout / "ran").exists()


def test_the_lake_of_run_main(checkout, vendor, lake):
    script, env = checkout / "deploy/local/run-main.sh", {**vendor, "MTDH": PROGRAM}
    mtdh("full-pipeline", *WORDS, "--lake", lake.url, env=vendor)
    run(script, "full-pipeline", *WORDS, env=env)
    said = run(script, "check-gaps", *WORDS, env=env).stderr
    assert "check-gaps is validate" in said and "complete" in said, said
    assert_equal(lake, Folder(checkout / "data"))
    # A gap is said with the program's own status, not swallowed.
    next((checkout / "data/raw_tick_data").rglob("*.parquet")).unlink()
    run(script, "missing-reports", *WORDS, env=env, expect=1)


def test_docker_build(checkout, tmp_path):
    script, log, refuse = checkout / "deploy/docker-build.sh", tmp_path / "docker.log", tmp_path / "refuse"
    stand_in = f'#!/bin/bash\nprintf "%s\\n" "$*" >>{log}\n[ ! -e {refuse} ] || [ "$1" != push ]\n'
    path = commands(tmp_path / "with-docker", docker=stand_in)
    said = run(script, "v1", "--push", env={"PATH": path}, expect=2).stderr
    assert "GCP_PROJECT_ID" in said, said
    (checkout / ".env").write_text("GCP_PROJECT_ID=some-project\nGCP_REGION=europe-west1\n")
    remote = "europe-west1-docker.pkg.dev/some-project/market-data-tick-handler/mtdh:v1"
    assert run(script, "v1", env={"PATH": path}).stdout.strip() == "mtdh:v1"
    assert run(script, "v1", "--push", env={"PATH": path}).stdout.strip() == remote
    calls = log.read_text().splitlines()
    assert len(calls) == 3 and "push" not in calls[0] and calls[2] == f"push {remote}", calls
    assert f"--tag mtdh:v1 --tag {remote}" in calls[1] and "--build-arg SOURCE_DATE_EPOCH=" in calls[1], calls
    refuse.touch()
    run(script, "v1", "--push", env={"PATH": path}, expect=1)
    printed = run(script, "v1", "--push", "--dry-run", env={"PATH": commands(tmp_path / "no-docker")}).stdout
    assert len(printed.splitlines()) == 3 and len(log.read_text().splitlines()) == 5, printed
    said = run(script, "v1", env={"PATH": str(tmp_path / "no-docker")}, expect=2).stderr
    assert "docker is not on the path" in said, said
    run(script, "v1", "v2", expect=2)
    run(script, "--pull", expect=2)


def test_cloud_build():
    text = (ROOT / "deploy/cloudbuild.yaml").read_text()
    config = yaml.safe_load(text)
    used = set(re.findall(r"\$\{(_[A-Z_]+)\}", text))
    assert used == set(config["substitutions"]), used ^ set(config["substitutions"])
    arguments = {word.split("=")[1] for word in config["steps"][0]["args"] if word.startswith("--build-arg")}
    taken = set(re.findall(r"^ARG (\w+)", (ROOT / "Dockerfile").read_text(), re.M))
    assert arguments <= taken, arguments - taken
    assert f"--tag={config['images'][0]}" in config["steps"][0]["args"]
