"""The image is built for real from the Dockerfile, holds the program and no more, and its lakes are those of the program.

No registry is asked: the image that builds is stood in for by the shell tools of this machine, with a `cargo` that hands out
the program under test. What the Dockerfile does around the compiler is what is checked. Needs buildah and root."""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess

import pytest
import yaml

from lakes import Folder, assert_equal
from machine import copy, libraries
from stage import DAY, NO_METADATA_SERVER, PROGRAM, ROOT, mtdh, run

# The image is built once for all tests of it.
pytestmark = [pytest.mark.slow, pytest.mark.needs_root, pytest.mark.needs("buildah", "apt-get install buildah"),
              pytest.mark.xdist_group("images")]

BASE = "docker.io/library/rust:1.95-slim-bookworm"
TOOLS = ["sh", "bash", "ldd", "grep", "mkdir", "cp", "dirname", "chmod", "find", "touch"]
CARGO = """#!/bin/sh
set -eu
[ "$*" = "build --locked --release --package mtdh" ]
[ -f Cargo.lock ] && [ -f crates/mtdh/src/main.rs ]
mkdir -p target/release
cp /opt/mtdh target/release/mtdh
"""
MARKER = "TD.must-not-be-in-an-image"
SERVICE = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["mtdh"]
WORDS = ["full-pipeline", "--start-date", DAY, "--venues", "DERIBIT", "--instrument-types", "PERP"]


def base_directory(folder):
    """A root directory with a shell, the tools that the Dockerfile calls, and the stand-in cargo."""
    for tool in TOOLS:
        path = pathlib.Path(shutil.which(tool)).resolve()
        for file in [str(path), *libraries(path)]:
            copy(file, folder)
        copy(str(path), folder, f"/bin/{tool}")
    for file in libraries(PROGRAM):
        copy(file, folder)
    copy("/etc/ssl/certs/ca-certificates.crt", folder)
    copy(PROGRAM, folder, "/opt/mtdh")
    cargo = folder / "usr/local/bin/cargo"
    cargo.parent.mkdir(parents=True, exist_ok=True)
    cargo.write_text(CARGO)
    cargo.chmod(0o755)
    (folder / "tmp").mkdir(exist_ok=True)


class Buildah:
    """buildah with a store of its own, which goes with the test."""

    def __init__(self, folder):
        self.options = ["--root", f"{folder}/root", "--runroot", f"{folder}/run", "--storage-driver", "vfs"]

    def __call__(self, *words, check=True):
        ended = run(["buildah", *self.options, *words], range(256) if not check else 0,
                    env={**os.environ, "BUILDAH_ISOLATION": "chroot"})
        return ended.stdout.strip() if check else ended

    @contextlib.contextmanager
    def container(self, image):
        name = self("from", "--pull-never", image)
        try:
            yield name
        finally:
            self("rm", name)


def context(folder):
    """The checkout as a user has it: with a key, data and a git folder, none of which may go into the image."""
    for name in ["Dockerfile", ".dockerignore", "Cargo.toml", "Cargo.lock"]:
        shutil.copy2(ROOT / name, folder / name)
    shutil.copytree(ROOT / "crates", folder / "crates")
    (folder / ".env").write_text(f"TARDIS_API_KEY={MARKER}\n")
    (folder / "data").mkdir()
    (folder / "data/key.json").write_text(MARKER)


def build(buildah, folder, tag):
    buildah("bud", "--pull-never", "--timestamp", "1700000000", "--build-arg", "SOURCE_DATE_EPOCH=1700000000",
            "--build-arg", "VERSION=0.1.0", "--build-arg", "REVISION=check", "--no-cache", "--tag", tag, folder)
    return json.loads(buildah("inspect", "--type", "image", tag))


def assert_image(buildah, image, tell):
    config = image["OCIv1"]["config"]
    assert config["User"] == "65532:65532" and config["Entrypoint"] == ["/usr/local/bin/mtdh"], config
    labels = config["Labels"]
    assert labels["org.opencontainers.image.version"] == "0.1.0" and labels["org.opencontainers.image.revision"] == "check"
    assert "TZ=UTC" in config["Env"] and not any("KEY" in pair for pair in config["Env"]), config["Env"]
    assert MARKER not in json.dumps(image)
    with buildah.container("mtdh:check") as name:
        top = pathlib.Path(buildah("mount", name))
        files = {str(path.relative_to(top)): path for path in top.rglob("*") if path.is_file()}
        expected = {"usr/local/bin/mtdh", "etc/passwd", "etc/group", "etc/ssl/certs/ca-certificates.crt"}
        expected |= {library.lstrip("/") for library in libraries(PROGRAM)}
        assert set(files) == expected, set(files) ^ expected
        assert not any(MARKER.encode() in path.read_bytes() for path in files.values())
        assert (top / "tmp").stat().st_mode & 0o7777 == 0o1777 and (top / "home/mtdh/data").stat().st_uid == 65532
        size = sum(path.stat().st_size for path in files.values())
    tell(f"the image: {len(files)} files, {size / 1e6:.1f} MB")
    assert size < 60e6


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """buildah with the image, built twice from a checkout: what it says of the one and of the other."""
    folder = tmp_path_factory.mktemp("container")
    buildah, base, source = Buildah(folder / "storage"), folder / "base", folder / "source"
    base.mkdir()
    base_directory(base)
    with buildah.container("scratch") as name:
        buildah("add", name, base, "/")
        buildah("commit", name, BASE)
    source.mkdir()
    context(source)
    yield buildah, build(buildah, source, "mtdh:check"), build(buildah, source, "mtdh:again")
    subprocess.run(["buildah", *buildah.options, "rmi", "--all", "--force"], capture_output=True)


def test_the_image_has_the_program_and_no_more(built, tell):
    buildah, image, again = built
    assert_image(buildah, image, tell)
    assert image["FromImageID"] == again["FromImageID"], "the same sources and time give another image"


def test_the_demo_runs_in_the_image(built):
    buildah, *_ = built
    with buildah.container("mtdh:check") as name:
        said = buildah("run", name, "--", "/usr/local/bin/mtdh", "demo")
        assert "100.00%" in said.splitlines()[-1].split(), said[-2000:]
        refused = buildah("run", name, "--", "/bin/sh", "-c", "true", check=False)
        assert refused.returncode != 0, "there is a shell"


@pytest.mark.parametrize("way, words, place", [("container", ["--lake", "/home/mtdh/data/lake"], "lake"), ("compose", [], "")])
def test_the_lake_of_a_container(built, vendor, lake, tmp_path, way, words, place):
    """Program, plain container, and the container as compose.yaml describes it, its image, settings file, user and folder: the
    same bytes."""
    buildah, *_ = built
    mtdh(*WORDS, "--lake", lake.url, env=vendor)
    inside = dict(mount.split(":") for mount in SERVICE["volumes"])["./data"]
    pairs = {name: value for name, value in {**vendor, **NO_METADATA_SERVER}.items() if name != "MTDH_CACHE_DIR"}
    variables = [word for name, value in pairs.items() for word in ("--env", f"{name}={value}")]
    folder = tmp_path / way
    folder.mkdir()
    os.chown(folder, 65532, 65532)
    with buildah.container("mtdh:check") as name:
        buildah("run", *variables, "--volume", f"{folder}:{inside}", name, "--", "/usr/local/bin/mtdh", *WORDS, *words)
    assert_equal(lake, Folder(folder / place))
