#!/usr/bin/env python3
"""Stand-ins for `docker`, `gcloud`, `kubectl` and `sbatch` on the path, by the name under which this is called.

Each takes the words and flags that the documents use and refuses any other, reads the files that are named, and does what can be
done here: words for the image go to the program that MTDH names, and the tasks of a job run as processes, all at once. The folder
COMMAND_STANDINS keeps containers' disks and the jobs that Cloud Run has."""

import json
import os
import pathlib
import re
import subprocess
import sys

import yaml

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
import compose

# What each takes: flags with a value, flags without one, and how many words besides.
FORMS = {
    "docker build": ({"--tag", "--build-arg", "--platform", "--target"}, {"--no-cache"}, 1),
    "docker push": (set(), set(), 1),
    "docker info": (set(), set(), 0),
    "docker ps": (set(), {"--all"}, 0),
    "docker images": (set(), set(), 0),
    "docker logs": (set(), {"--follow"}, 1),
    "docker rm": (set(), set(), 1),
    "docker image inspect": ({"--format"}, set(), 1),
    "docker image ls": (set(), {"--quiet"}, 1),
    "docker container inspect": ({"--format"}, set(), 1),
    "gcloud builds submit": ({"--config", "--substitutions"}, set(), 1),
    "gcloud secrets versions add": ({"--data-file"}, set(), 1),
    "gcloud batch jobs submit": ({"--location", "--config"}, set(), 1),
    "gcloud run jobs replace": ({"--region"}, set(), 1),
    "gcloud run jobs execute": ({"--region"}, set(), 1),
    "sbatch": ({"--array"}, set(), None),
    "kubectl create secret generic": ({"--from-literal"}, set(), 1),
    "kubectl apply": ({"-f"}, set(), 0),
    "kubectl get job": (set(), set(), 1),
}
IN_CONTAINER = {"--env-file", "--user", "--volume", "--name", "--env"}


def refuse(text):
    sys.exit(f"the stand-in does not know this: {text}")


def read(words, with_value, without):
    """Flags and the words besides; flags end at the first word where `without` has `--rm`, as docker's do."""
    flags, plain, waiting = {}, [], list(words)
    while waiting:
        word = waiting.pop(0)
        name, equals, value = word.partition("=")
        if not word.startswith("-"):
            plain.append(word)
            if "--rm" in without:
                return flags, plain + waiting
        elif name in with_value and (equals or waiting):
            flags.setdefault(name, []).append(value if equals else waiting.pop(0))
        elif word in without:
            flags[word] = []
        else:
            refuse(word)
    return flags, plain


def kept(name):
    """Where something of Docker's is kept."""
    return pathlib.Path(os.environ["COMMAND_STANDINS"]) / f"docker-{name.replace('/', '-')}"


def container(words, flags, volumes, name=None):
    """The program as the image would run it: with a disk of its own, and of the settings those of the file and the flags alone. What
    it says is kept under the container's name."""
    home = pathlib.Path(os.environ["COMMAND_STANDINS"]) / f"container-{os.getpid()}-{name}"
    home.mkdir()
    for host, inside in volumes:
        assert pathlib.Path(host).exists(), f"there is no {host}"
        if inside.startswith("/home/mtdh/"):
            (home / pathlib.Path(inside).relative_to("/home/mtdh")).symlink_to(pathlib.Path(host).resolve())
    for user in flags.get("--user", []):
        assert re.fullmatch(r"\d+:\d+", user), user
    outside = {name: os.environ[name] for name in ("PATH", "TARDIS_API_URL", "TARDIS_DATASETS_URL")}
    settings = [line for path in flags.get("--env-file", []) for line in pathlib.Path(path).read_text().splitlines()]
    inside = dict(line.split("=", 1) for line in settings + flags.get("--env", []) if line and not line.startswith("#"))
    done = subprocess.run([os.environ["MTDH"], *words], cwd=home, env={**outside, "HOME": str(home), **inside}, capture_output=True)
    sys.stdout.buffer.write(done.stdout)
    sys.stderr.buffer.write(done.stderr)
    if name:
        kept(name).write_bytes(done.stdout + done.stderr)
    return done.returncode


def docker_run(words):
    flags, (image, *words) = read(words, IN_CONTAINER, {"--rm"})
    assert re.fullmatch(r"mtdh:[\w.-]+", image), image
    name = flags.get("--name", [None])[0]
    sys.exit(container(words, flags, [volume.split(":")[:2] for volume in flags.get("--volume", [])], name))


def of_compose(name):
    """A service with the variables of the environment and of .env."""
    lines = pathlib.Path(".env").read_text().splitlines()
    variables = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    return compose.service(name, {**variables, **os.environ}, pathlib.Path("compose.yaml"))


def docker_compose(words):
    """`compose run --rm SERVICE WORDS` and `compose up [--build] [SERVICE]`."""
    flags, rest = read(words[1:], set(), {"--rm"} if words[0] == "run" else {"--build"})
    if words[0] == "run":
        asked = {rest[0]: rest[1:]}
    else:
        asked = {name: of_compose(name)["command"] for name in rest or compose.started_by_up(pathlib.Path("compose.yaml"))}
    statuses = []
    for name, command in asked.items():
        service = of_compose(name)
        flags = {"--env-file": [service["env_file"]], "--user": [service["user"]],
                 "--env": [f"{name}={value}" for name, value in service["environment"].items()]}
        mounts = [pair for pair in compose.mounts(service) if pair[0] != "scratch"]
        statuses.append(container(command, flags, mounts, service.get("container_name")))
    sys.exit(max(statuses) if words[0] == "run" else 0)


def docker_build(flags, words):
    """Keeps of an image its revision."""
    assert (pathlib.Path(words[0]) / "Dockerfile").read_text()
    arguments = dict(one.split("=", 1) for one in flags.get("--build-arg", []))
    for tag in flags["--tag"]:
        kept(f"image-{tag}").write_text(arguments.get("REVISION", "unknown"))


def say_kept(path):
    if not path.exists():
        sys.exit(f"no such object: {path.name}")
    print(path.read_text())


def docker_images(*_):
    for path in kept("image-").parent.glob("docker-image-*"):
        print(path.name.removeprefix("docker-image-"))


def tasks(command, variables):
    """A process for each set of variables, all at once; ends with the worst status."""
    started = [subprocess.Popen(command, env={**os.environ, **own}) for own in variables]
    sys.exit(max(task.wait() for task in started))


def sbatch(flags, words):
    first, last = map(int, re.fullmatch(r"(\d+)-(\d+)", flags["--array"][0]).groups())
    array = {"SLURM_ARRAY_TASK_MIN": str(first), "SLURM_ARRAY_TASK_MAX": str(last), "SLURM_ARRAY_TASK_COUNT": str(last - first + 1)}
    tasks(["bash", *words], [{**array, "SLURM_ARRAY_TASK_ID": str(index)} for index in range(first, last + 1)])


def container_tasks(container, count, index_name, count_name, args="args"):
    """The tasks of a job of containers. Secrets are what the environment has."""
    named = {pair["name"]: pair["value"] for pair in container.get("env", []) if "value" in pair}
    # What is a path inside of the container is none here.
    named.pop("MTDH_CACHE_DIR", None)
    tasks([os.environ["MTDH"], *container[args]],
          [{**named, index_name: str(index), count_name: str(count)} for index in range(count)])


def batch(flags, _):
    group = document(flags["--config"][0])["taskGroups"][0]
    container = group["taskSpec"]["runnables"][0]["container"]
    variables = group["taskSpec"]["environment"]["variables"]
    container["env"] = [{"name": name, "value": value} for name, value in variables.items()]
    container_tasks(container, int(group["taskCount"]), "BATCH_TASK_INDEX", "BATCH_TASK_COUNT", "commands")


def kept_job(name):
    return pathlib.Path(os.environ["COMMAND_STANDINS"]) / f"cloud-run-{name}.json"


def cloud_run_replace(_, words):
    job = document(words[0])
    kept_job(job["metadata"]["name"]).write_text(json.dumps(job))


def cloud_run_execute(_, words):
    job = json.loads(kept_job(words[0]).read_text())["spec"]["template"]["spec"]
    container = job["template"]["spec"]["containers"][0]
    container_tasks(container, job["taskCount"], "CLOUD_RUN_TASK_INDEX", "CLOUD_RUN_TASK_COUNT")


def kubectl_apply(flags, _):
    job = document(flags["-f"][0])["spec"]
    container_tasks(job["template"]["spec"]["containers"][0], job["completions"], "JOB_COMPLETION_INDEX", "MTDH_TOTAL_SHARDS")


def document(path):
    """A file as a document, JSON or YAML."""
    found = yaml.safe_load(sys.stdin.read() if path == "-" else pathlib.Path(path).read_text())
    assert isinstance(found, dict), f"{path} is no document"
    return found


ACTIONS = {
    "sbatch": sbatch, "gcloud batch jobs submit": batch, "gcloud run jobs replace": cloud_run_replace,
    "gcloud run jobs execute": cloud_run_execute, "kubectl apply": kubectl_apply,
    "gcloud builds submit": lambda flags, _: document(flags["--config"][0]),
    "docker build": docker_build, "docker images": docker_images, "docker rm": lambda _, words: kept(words[0]).unlink(),
    "docker image inspect": lambda _, words: say_kept(kept(f"image-{words[0]}")),
    "docker container inspect": lambda _, words: kept(words[0]).exists() and print("false"),
    "docker logs": lambda _, words: say_kept(kept(words[0])),
}


def other(words):
    form = next((form for form in FORMS if words[: len(form.split())] == form.split()), None)
    if form is None:
        refuse(" ".join(words))
    with_value, without, count = FORMS[form]
    rest = words[len(form.split()):]
    # What comes after the script of an array is for the script.
    end = next((place for place, word in enumerate(rest) if not word.startswith("-")), 0) if count is None else len(rest)
    flags, plain = read(rest[:end], with_value, without)
    plain += rest[end:]
    assert count in (None, len(plain)), f"{form} takes {count} words, not {plain}"
    ACTIONS.get(form, lambda flags, words: None)(flags, plain)


def main():
    words = [pathlib.Path(sys.argv[0]).name, *sys.argv[1:]]
    if words[:2] == ["docker", "run"]:
        docker_run(words[2:])
    elif words[:2] == ["docker", "compose"] and words[2:3] in (["run"], ["up"]):
        docker_compose(words[2:])
    elif words[:2] in (["gcloud", "compute"], ["gcloud", "storage"], ["gcloud", "iam"]) or "add-iam-policy-binding" in words:
        os.execv(sys.executable, [sys.executable, pathlib.Path(__file__).resolve().with_name("gcloud_standin.py"), *words[1:]])
    else:
        other(words)


if __name__ == "__main__":
    main()
