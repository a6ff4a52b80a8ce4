"""Whichever way it is run, the same comes out: three days by the program, by run-main.sh, in the container, and as compose.yaml
describes its services, every object byte by byte, and the reports field by field."""

import json
import os
import re
import shutil

import pytest

import compose
from image import NEEDS
from lakes import Folder, assert_equal
from stage import NO_METADATA_SERVER, PROGRAM, ROOT, environment, run

WORDS = ["full-pipeline", "--start-date", "2023-05-23", "--end-date", "2023-05-25", "--venues", "DERIBIT",
         "--instrument-types", "PERP", "--format", "json"]
# What a run's report has of its own: its name, its clock, how fast it was, and how many of its answers came from a cache.
OWN = {"run_id", "started_at", "updated_at", "seconds"}


def by_the_program(folder, vendor, _):
    return run([PROGRAM, *WORDS], env=environment(vendor), cwd=folder).stdout, folder / "data"


def by_run_main(folder, vendor, _):
    shutil.copytree(ROOT / "deploy", folder / "deploy")
    shutil.copy2(ROOT / "env.example", folder)
    said = run([folder / "deploy/local/run-main.sh", *WORDS], env=environment(vendor, {"MTDH": PROGRAM})).stdout
    assert len(list((folder / "logs").glob("full-pipeline-*.log"))) == 1
    return said, folder / "data"


def in_a_container(folder, images, vendor, command, user, volumes):
    """A container of the image, as a service or `docker run` describes it."""
    pairs = {name: value for name, value in {**vendor, **NO_METADATA_SERVER}.items() if name != "MTDH_CACHE_DIR"}
    variables = [word for name, value in pairs.items() for word in ("--env", f"{name}={value}")]
    places = []
    for source, target in volumes:
        path = folder / source
        path.mkdir(exist_ok=True)
        os.chown(path, 65532, 65532)
        places += ["--volume", f"{path}:{target}"]
    with images.buildah.container("mtdh:check") as name:
        # Of stdout alone: the program's log is beside it.
        ended = images.buildah.run("run", "--user", user, *variables, *places, name, "--", "/usr/local/bin/mtdh", *command)
    assert ended.returncode == 0, ended.stderr[-4000:]
    return ended.stdout


def by_the_container(folder, vendor, images):
    said = in_a_container(folder, images, vendor, WORDS, "65532:65532", [("data", "/home/mtdh/data"), ("scratch", "/tmp")])
    return said, folder / "data"


def by_compose(folder, vendor, images):
    service = compose.service("mtdh", {})
    volumes = [(source.removeprefix("./"), target) for source, target in compose.mounts(service) if source != "/dev/null"]
    said = in_a_container(folder, images, vendor, WORDS, service["user"], volumes)
    return said, folder / "data"


WAYS = [
    pytest.param(by_run_main, id="run-main.sh"),
    pytest.param(by_the_container, id="container", marks=NEEDS),
    pytest.param(by_compose, id="compose", marks=NEEDS),
]


def report(text):
    """A report without what is a run's own."""
    if isinstance(text, dict):
        return {name: report(value) for name, value in text.items() if name not in OWN}
    return [report(value) for value in text] if isinstance(text, list) else text


def reports(said, lake):
    """What the run printed, and the summary that it left in the lake."""
    summaries = [json.loads(path.read_text()) for path in sorted(lake.glob("runs/*/shard-*.json"))]
    assert len(summaries) == 1
    return report(json.loads(said)), report(summaries[0])


@pytest.fixture(scope="module")
def program_run(tmp_path_factory, vendor):
    """The same by the program itself."""
    return by_the_program(tmp_path_factory.mktemp("program"), vendor, None)


@pytest.mark.parametrize("way", WAYS)
def test_the_same_comes_out(program_run, vendor, tmp_path, request, way):
    images = request.getfixturevalue("images") if way in (by_the_container, by_compose) else None
    said, lake = way(tmp_path, vendor, images)
    assert_equal(Folder(program_run[1]), Folder(lake))
    # The instruments' answers are in the report, too, and the verdict of each line.
    expected, found = reports(*program_run), reports(said, lake)
    assert found == expected and expected[0]["validation"]["lines"], "the reports differ"


def test_the_service_of_compose_up(vendor, tmp_path, request):
    """`docker compose up` writes the instrument tables of three days; other days by settings."""
    assert compose.started_by_up() == ["instrument-generator"]
    service = compose.service("instrument-generator", {"MTDH_START_DATE": "2024-03-01", "MTDH_VENUES": "OKX"})
    assert service["command"] == ["instruments", "--start-date", "2024-03-01", "--end-date", "2024-03-01", "--venues", "OKX"]
    service = compose.service("instrument-generator", {})
    run([PROGRAM, *service["command"]], env=environment(vendor), cwd=tmp_path)
    made = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.parquet") if "instrument_availability" in str(path))
    assert [name for name in made if "by_date" in name] == [
        f"data/instrument_availability/by_date/day-2023-05-{day}/instruments.parquet" for day in (23, 24, 25)], made
    assert re.search(r"aggregate/instruments_20230523_20230525\.parquet", "\n".join(made))
