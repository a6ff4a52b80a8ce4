"""Specifications for engines against the engines' own schemas: Kubernetes' by kubernetes-validate, strictly; those of Batch
and Cloud Run by Google's discovery documents. Then the environment that each engine gives a task, tried on a real run."""

import json
import pathlib
import subprocess

import pytest

from stage import DAY, PROGRAM, environment, mtdh

JOB = ["--run", "R", "--shards", "3", "--image", "registry.example/mtdh:1", "--lake", "gs://bucket/lake"]
RIGHTS = ["--secret", "projects/p/secrets/tardis/versions/latest", "--service-account", "worker@p.iam.example"]
WHAT = ["--start-date", DAY, "--venues", "DERIBIT", "--instrument-types", "PERP", "--data-types", "trades"]
TASKS = {
    "batch": lambda index: {"BATCH_TASK_INDEX": index, "BATCH_TASK_COUNT": "3"},
    "cloud-run": lambda index: {"CLOUD_RUN_TASK_INDEX": index, "CLOUD_RUN_TASK_COUNT": "3", "CLOUD_RUN_TASK_ATTEMPT": "0"},
    "k8s": lambda index: {"JOB_COMPLETION_INDEX": index, "MTDH_TOTAL_SHARDS": "3"},
}
BROKEN = [{"taskGroup": []}, {"taskGroups": [{"taskCount": 3}]}, {"logsPolicy": {"destination": "DISK"}}]


def render(engine, *words):
    return json.loads(mtdh("deploy", "render", engine, *JOB, *words))


def schemas_of(document):
    """The schemas of one of Google's discovery documents."""
    import googleapiclient

    documents = pathlib.Path(googleapiclient.__file__).parent / "discovery_cache/documents"
    return json.loads((documents / f"{document}.v1.json").read_text())["schemas"]


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


@pytest.mark.parametrize("spot", [[], ["--spot"]], ids=["", "spot"])
@pytest.mark.parametrize("rights", [[], RIGHTS], ids=["", "rights"])
@pytest.mark.parametrize("engine, document", [("batch", "batch"), ("cloud-run", "run"), ("k8s", None)])
def test_a_job_fits_its_engine(engine, document, rights, spot):
    job = render(engine, *rights, *spot)
    if document:
        schemas = schemas_of(document)
        fits(schemas, schemas["Job"], job)
    else:
        import kubernetes_validate

        kubernetes_validate.validate(job, kubernetes_validate.latest_version(), strict=True)


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: next(iter(broken)))
def test_what_is_no_job_is_found(broken):
    schemas = schemas_of("batch")
    with pytest.raises(AssertionError):
        fits(schemas, schemas["Job"], broken)


@pytest.mark.parametrize("engine", TASKS)
def test_an_engines_environment(vendor, lake, tmp_path, engine):
    mtdh("plan", "--save", "R", *WHAT, "--lake", lake.url, env=vendor)
    words = render("k8s")["spec"]["template"]["spec"]["containers"][0]["args"]
    log = (tmp_path / "log").open("w")
    workers = [subprocess.Popen([PROGRAM, *words], stdout=log, stderr=log, env=environment(
        vendor, {"MTDH_LAKE": lake.url, "LOG_FORMAT": "json"}, TASKS[engine](str(index)))) for index in range(3)]
    assert [worker.wait(timeout=120) for worker in workers] == [0, 0, 0], (tmp_path / "log").read_text()
    mtdh("monitor", "R", "--lake", lake.url, env=vendor)
    mtdh("validate", *WHAT, "--lake", lake.url, env=vendor)
