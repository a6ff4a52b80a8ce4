"""The image, built for real from the Dockerfile with buildah.

No registry is asked: the images that it begins with are stood in for by the shell tools of this machine, with a `cargo` that hands
out the program under test. What the Dockerfile does around the compiler is what is built. Needs buildah and root."""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess

import pytest

from machine import copy, libraries
from stage import PROGRAM, ROOT, run

# The image is built once for all tests of it.
NEEDS = [pytest.mark.slow, pytest.mark.needs_root, pytest.mark.needs("buildah", "apt-get install buildah"),
         pytest.mark.xdist_group("images")]

BASES = ["docker.io/library/rust:1.95-slim-bookworm", "docker.io/library/debian:bookworm-slim"]
TOOLS = ["sh", "bash", "ldd", "grep", "mkdir", "cp", "dirname", "chmod", "find", "touch"]
CARGO = """#!/bin/sh
set -eu
[ "$*" = "build --locked --release --package mtdh" ]
[ -f Cargo.lock ] && [ -f crates/mtdh/src/main.rs ]
mkdir -p target/release
cp /opt/mtdh target/release/mtdh
"""
MARKER = "TD.must-not-be-in-an-image"


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


class Images:
    """buildah with the bases, and a checkout to build from."""

    def __init__(self, folder):
        self.buildah, base, self.source = Buildah(folder / "storage"), folder / "base", folder / "source"
        base.mkdir()
        base_directory(base)
        with self.buildah.container("scratch") as name:
            self.buildah("add", name, base, "/")
            for one in BASES:
                self.buildah("commit", name, one)
        self.source.mkdir()
        context(self.source)

    def build(self, tag, *words):
        """Builds an image under a tag; gives what buildah knows of it."""
        self.buildah("bud", "--pull-never", "--timestamp", "1700000000", "--build-arg", "SOURCE_DATE_EPOCH=1700000000",
                     "--build-arg", "VERSION=0.1.0", "--build-arg", "REVISION=check", "--no-cache", "--tag", tag, *words, self.source)
        return json.loads(self.buildah("inspect", "--type", "image", tag))

    def end(self):
        subprocess.run(["buildah", *self.buildah.options, "rmi", "--all", "--force"], capture_output=True)
