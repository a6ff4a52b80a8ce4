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

# What each takes: flags with a value, flags without one, and how many words besides.
FORMS = {
    "docker build": ({"--tag", "--build-arg", "--platform"}, set(), 1),
    "docker push": (set(), set(), 1),
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
IN_CONTAINER = {"--env-file", "--user", "--volume"}


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


def container(words, flags, volumes):
    """The program as the image would run it: with a disk of its own, and of the settings those of the file alone."""
    home = pathlib.Path(os.environ["COMMAND_STANDINS"]) / f"container-{os.getpid()}"
    home.mkdir()
    for host, inside in volumes:
        assert pathlib.Path(host).is_dir(), f"{host} is no folder"
        (home / pathlib.Path(inside).relative_to("/home/mtdh")).symlink_to(pathlib.Path(host).resolve())
    for user in flags.get("--user", []):
        assert re.fullmatch(r"\d+:\d+", user), user
    outside = {name: os.environ[name] for name in ("PATH", "TARDIS_API_URL", "TARDIS_DATASETS_URL")}
    settings = [line for path in flags.get("--env-file", []) for line in pathlib.Path(path).read_text().splitlines()]
    inside = dict(line.split("=", 1) for line in settings if line and not line.startswith("#"))
    done = subprocess.run([os.environ["MTDH"], *words], cwd=home, env={**outside, "HOME": str(home), **inside})
    sys.exit(done.returncode)


def docker_run(words):
    flags, (image, *words) = read(words, IN_CONTAINER, {"--rm"})
    assert re.fullmatch(r"mtdh:[\w.-]+", image), image
    container(words, flags, [volume.split(":") for volume in flags.get("--volume", [])])


def docker_compose_run(words):
    _, (name, *words) = read(words, set(), {"--rm"})
    service = yaml.safe_load(pathlib.Path("compose.yaml").read_text())["services"][name]
    folders = [volume.split(":") for volume in service["volumes"] if volume.startswith("./")]
    flags = {"--env-file": [service["env_file"]], "--user": [os.environ.get("MTDH_USER", "65532:65532")]}
    container(words, flags, folders)


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
    "docker build": lambda _, words: (pathlib.Path(words[0]) / "Dockerfile").read_text(),
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
    elif words[:3] == ["docker", "compose", "run"]:
        docker_compose_run(words[3:])
    elif words[:2] in (["gcloud", "compute"], ["gcloud", "storage"]):
        os.execv(sys.executable, [sys.executable, pathlib.Path(__file__).resolve().with_name("gcloud_standin.py"), *words[1:]])
    else:
        other(words)


if __name__ == "__main__":
    main()
