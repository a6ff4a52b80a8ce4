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
    for tool in ["bash", "env", "dirname", "basename", "sed", "tail", "head", "cp", "chmod", "cat", "git", "printf", "mkdir", "date",
                 "tee", "id", "rm"]:
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
    assert "--mode needs a value" in run(script, "--lake", "x", "--mode", expect=2).stderr
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
    # The mode at any place, as before; what was said is kept.
    said = run(script, *WORDS, "--mode", "full-pipeline", env=env).stderr
    kept, = (checkout / "logs").glob("full-pipeline-*.log")
    assert kept.read_text() and kept.read_text() in said
    said = run(script, "check-gaps", *WORDS, env=env).stderr
    assert "check-gaps is validate" in said and "complete" in said, said
    # A question leaves no log.
    run(script, "ls", env=env)
    run(script, "--format", "json", "ls", env=env)
    assert {path.name.split("-2")[0] for path in (checkout / "logs").iterdir()} == {"full-pipeline", "validate"}
    assert_equal(lake, Folder(checkout / "data"))
    # A gap is said with the program's own status, not swallowed.
    next((checkout / "data/raw_tick_data").rglob("*.parquet")).unlink()
    run(script, "missing-reports", *WORDS, env=env, expect=1)


DOCKER = """#!/bin/bash
printf "%s\\n" "$*" >>{log}
case $1 in
  info) [ ! -e {log}.down ] ;;
  push) [ ! -e {log}.refuse ] ;;
  image) cat {log}.image 2>/dev/null ;;
  container) cat {log}.container 2>/dev/null ;;
  run) echo "said by the program" >&2; exit 3 ;;
esac
"""


@pytest.fixture
def docker(tmp_path):
    """A stand-in for docker on the path: its notes, and the path."""
    log = tmp_path / "docker.log"
    path = commands(tmp_path / "with-docker", docker=DOCKER.format(log=log))

    def calls(*verbs):
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return [line for line in lines if line.split()[0] in verbs]

    return log, {"PATH": path}, calls


def test_docker_build(checkout, docker, tmp_path):
    script, (log, env, calls) = checkout / "deploy/docker-build.sh", docker
    said = run(script, "latest", env=env)
    assert said.stdout == "mtdh:latest\n" and "built, not pushed: no registry is set" in said.stderr, said
    assert len(calls("build", "push")) == 1
    assert "GCP_PROJECT_ID" in run(script, "v1", "--push", env=env, expect=2).stderr
    (checkout / ".env").write_text("GCP_PROJECT_ID=some-project\nGCP_REGION=europe-west1\n")
    registry = "europe-west1-docker.pkg.dev/some-project/market-data-tick-handler"
    for words in (["latest"], ["latest", "--push"]):
        said = run(script, *words, env=env)
        assert said.stdout.strip() == f"{registry}/mtdh:latest" and f"pushed to {registry}" in said.stderr, said
        made = calls("build", "push")
        assert made[1:] == [f"push {registry}/mtdh:latest"] and f"--tag mtdh:latest --tag {registry}/mtdh:latest" in made[0], made
        assert "--build-arg SOURCE_DATE_EPOCH=" in made[0]
    said = run(script, "v1", "--no-push", "--debug", "--no-cache", env=env)
    assert said.stdout == "mtdh:v1\nmtdh:v1-debug\n" and "built, not pushed: --no-push" in said.stderr
    made = calls("build", "push")
    assert len(made) == 2 and "--target debug" in made[1] and all("--no-cache" in one for one in made), made
    log.with_name("docker.log.refuse").touch()
    run(script, "v1", env=env, expect=1)
    calls()
    bare = {"PATH": commands(tmp_path / "no-docker")}
    printed = run(script, "v1", "--push", "--dry-run", env=bare).stdout
    assert len(printed.splitlines()) == 3, printed
    assert "docker is not on the path" in run(script, "v1", env=bare, expect=2).stderr
    log.with_name("docker.log.down").touch()
    assert "docker does not answer: is its service running?" in run(script, "v1", env=env, expect=2).stderr
    assert calls("build") == []
    run(script, "v1", "v2", expect=2)
    run(script, "--pull", expect=2)


def test_run_docker(checkout, docker):
    """Builds when needed, checks .env, mounts, names, keeps the log, and ends as the program does."""
    script, (log, env, calls) = checkout / "deploy/local/run-docker.sh", docker
    root, user = str(checkout), f"{os.getuid()}:{os.getgid()}"
    words = ["--start-date", DAY, "--venues", "DERIBIT"]
    ended = run(script, "instruments", *words, env=env, expect=3)
    made = calls("build", "run", "push")
    assert len(made) == 2 and made[0].startswith("build --tag mtdh:latest "), made
    assert made[1] == (f"run --name mtdh-instruments --env-file .env --user {user} --volume {root}/data:/home/mtdh/data"
                       f" --volume {root}/logs:/home/mtdh/logs mtdh:latest instruments " + " ".join(words))
    assert (checkout / ".env").read_text() == (ROOT / "env.example").read_text()
    kept, = (checkout / "logs").glob("instruments-*.log")
    assert kept.read_text() == "said by the program\n" and "said by the program" in ended.stderr
    assert "first days of months only" in ended.stderr
    # An image of this revision is there; a lake and a scratch folder elsewhere, a key file; the mode at the end.
    log.with_name("docker.log.image").write_text("unknown\n")
    (checkout / "key.json").write_text("{}")
    (checkout / ".env").write_text("MTDH_LAKE=lake\nGCP_CREDENTIALS_PATH=key.json\nMTDH_SCRATCH=/tmp\nTARDIS_API_KEY=TD.x\n")
    run(script, "--name", "a", *words, "--mode", "check-gaps", env=env, expect=3)
    made = calls("build", "run")
    assert made == [f"run --name a --env-file .env --user {user} --env MTDH_LAKE=/home/mtdh/data --volume {root}/lake:/home/mtdh/data"
                    f" --volume {root}/logs:/home/mtdh/logs --volume /tmp:/tmp --volume {root}/key.json:/run/mtdh/key.json:ro"
                    " --env GCP_CREDENTIALS_PATH=/run/mtdh/key.json mtdh:latest validate " + " ".join(words)], made
    # One that ended goes; one that works stays.
    log.with_name("docker.log.container").write_text("false\n")
    run(script, "ls", env=env, expect=3)
    assert calls("rm") == ["rm mtdh-ls"]
    log.with_name("docker.log.container").write_text("true\n")
    assert "the container mtdh-ls is at work" in run(script, "ls", env=env, expect=2).stderr
    log.with_name("docker.log.container").unlink()
    run(script, "--shell", env=env, expect=3)
    made = calls("build", "run")
    assert made[-1].startswith("run --rm --interactive --tty ") and made[-1].endswith(" mtdh:latest-debug /bin/bash"), made
    run(script, "--image", "other:1", "config", "show", env=env, expect=3)
    assert calls("build", "run")[0].endswith(" other:1 config show")


RUN_DOCKER_REFUSES = [
    (["ls"], "GCP_CREDENTIALS_PATH=/no/key.json\n", [], "/no/key.json, which cannot be read"),
    (["ls"], 'LOG_LEVEL=info\nTARDIS_API_KEY="TD.secret"\n', [], ".env line 2 has quotes"),
    (["ls"], "export LOG_LEVEL=info\n", [], ".env line 1 has quotes, `export`"),
    (["ls"], "", ["down"], "docker does not answer: is its service running?"),
    (["--scratch"], "", [], "--scratch needs a value"),
    (["--lake", "x"], "", [], "which verb?"),
]


@pytest.mark.parametrize("words, settings, broken, text", RUN_DOCKER_REFUSES, ids=[one[3] for one in RUN_DOCKER_REFUSES])
def test_run_docker_refuses(checkout, docker, words, settings, broken, text):
    log, env, calls = docker
    for one in broken:
        log.with_name(f"docker.log.{one}").touch()
    (checkout / ".env").write_text(settings)
    ended = run(checkout / "deploy/local/run-docker.sh", *words, env=env, expect=2)
    assert text in ended.stderr and "TD.secret" not in ended.stderr and calls("run") == []


def test_run_docker_without_words_or_docker(checkout, docker, tmp_path):
    script, (_, env, calls) = checkout / "deploy/local/run-docker.sh", docker
    assert "run-docker.sh [OPTIONS] VERB" in run(script, env=env, expect=2).stderr
    bare = {"PATH": commands(tmp_path / "no-docker")}
    assert "docker is not on the path" in run(script, "ls", env=bare, expect=2).stderr
    (checkout / ".env").unlink()
    printed = run(script, "--dry-run", "instruments", "--start-date", DAY, env=bare).stdout
    assert "docker run --name mtdh-instruments" in printed and calls("run") == []
    assert not (checkout / ".env").exists() and not (checkout / "logs").exists() and not (checkout / "data").exists()


def test_cloud_build():
    text = (ROOT / "deploy/cloudbuild.yaml").read_text()
    config = yaml.safe_load(text)
    used = set(re.findall(r"\$\{(_[A-Z_]+)\}", text))
    assert used == set(config["substitutions"]), used ^ set(config["substitutions"])
    arguments = {word.split("=")[1] for word in config["steps"][0]["args"] if word.startswith("--build-arg")}
    taken = set(re.findall(r"^ARG (\w+)", (ROOT / "Dockerfile").read_text(), re.M))
    assert arguments <= taken, arguments - taken
    assert f"--tag={config['images'][0]}" in config["steps"][0]["args"]
