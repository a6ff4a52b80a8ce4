"""Specifications for engines against the engines' own schemas: Kubernetes' by kubernetes-validate, strictly; those of Batch
and Cloud Run by Google's discovery documents. Then the environment that each engine gives a task, tried on a real run."""

import json
import os
import pathlib
import subprocess
import tempfile

import googleapiclient
import kubernetes_validate

from stage import DAY, NO_METADATA_SERVER, PROGRAM, done, mtdh, sim

JOB = ["--run", "R", "--shards", "3", "--image", "registry.example/mtdh:1", "--lake", "gs://bucket/lake"]
RIGHTS = ["--secret", "projects/p/secrets/tardis/versions/latest", "--service-account", "worker@p.iam.example"]
WHAT = ["--start-date", DAY, "--venues", "DERIBIT", "--instrument-types", "PERP", "--data-types", "trades"]


def fits(schemas, schema, value, place="job"):
    """Whether a value is what a discovery document describes: no unknown member, each of its type and among its words."""
    schema = schemas[schema["$ref"]] if "$ref" in schema else schema
    kind = schema.get("type")
    if kind == "object" and "properties" in schema:
        for name, member in value.items():
            assert name in schema["properties"], f"{place} has no member {name}"
            fits(schemas, schema["properties"][name], member, f"{place}.{name}")
    elif kind == "object":
        for name, member in value.items():
            fits(schemas, schema["additionalProperties"], member, f"{place}[{name}]")
    elif kind == "array":
        for number, member in enumerate(value):
            fits(schemas, schema["items"], member, f"{place}[{number}]")
    elif schema.get("format") == "int64":
        assert isinstance(value, str) and value.isdecimal(), f"{place} is {value!r}, and 64-bit numbers are texts"
    else:
        types = {"string": str, "integer": int, "boolean": bool, "number": (int, float)}
        assert isinstance(value, types[kind]), f"{place} is {value!r}, and no {kind}"
        words = schema.get("enum")
        assert words is None or value in words, f"{place} is {value!r}, and not one of {words}"


def main():
    checks = 0
    documents = pathlib.Path(googleapiclient.__file__).parent / "discovery_cache/documents"
    for spot in [[], ["--spot"]]:
        for rights in [[], RIGHTS]:
            render = lambda engine: json.loads(mtdh("deploy", "render", engine, *JOB, *rights, *spot))
            batch = json.loads((documents / "batch.v1.json").read_text())["schemas"]
            fits(batch, batch["Job"], render("batch"))
            run = json.loads((documents / "run.v1.json").read_text())["schemas"]
            fits(run, run["Job"], render("cloud-run"))
            kubernetes_validate.validate(render("k8s"), kubernetes_validate.latest_version(), strict=True)
            checks += 3
    # The check itself must see what is wrong.
    for broken in [{"taskGroup": []}, {"taskGroups": [{"taskCount": 3}]}, {"logsPolicy": {"destination": "DISK"}}]:
        try:
            fits(batch, batch["Job"], broken)
        except AssertionError:
            checks += 1
        else:
            raise AssertionError(f"{broken} was taken for a job")
    with sim("--small") as vendor, tempfile.TemporaryDirectory() as root:
        for number, task in enumerate([
            lambda index: {"BATCH_TASK_INDEX": index, "BATCH_TASK_COUNT": "3"},
            lambda index: {"CLOUD_RUN_TASK_INDEX": index, "CLOUD_RUN_TASK_COUNT": "3", "CLOUD_RUN_TASK_ATTEMPT": "0"},
            lambda index: {"JOB_COMPLETION_INDEX": index, "MTDH_TOTAL_SHARDS": "3"},
        ]):
            lake = f"{root}/lake-{number}"
            mtdh("plan", "--save", "R", *WHAT, "--lake", lake, env=vendor)
            words = json.loads(mtdh("deploy", "render", "k8s", *JOB))["spec"]["template"]["spec"]["containers"][0]["args"]
            surroundings = {**os.environ, **NO_METADATA_SERVER, **vendor, "MTDH_LAKE": lake, "LOG_FORMAT": "json"}
            workers = [
                subprocess.Popen([PROGRAM, *words], env={**surroundings, **task(str(index))},
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                for index in range(3)
            ]
            assert [worker.wait(timeout=120) for worker in workers] == [0, 0, 0]
            mtdh("monitor", "R", "--lake", lake, env=vendor)
            mtdh("validate", *WHAT, "--lake", lake, env=vendor)
            checks += 1
    done(checks)


if __name__ == "__main__":
    main()
