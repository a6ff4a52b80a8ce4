"""The container image of a program that is already built, from the Dockerfile, with buildah.

    python scripts/release/oci.py PROGRAM ARCHIVE VERSION REVISION

No registry is asked: the images that the Dockerfile begins with are stood in for by the shell tools of this machine, with a `cargo`
that hands out the program, and an `apt-get` that does nothing. What the Dockerfile does around the compiler is what is done. The
libraries in the image are this machine's. Needs buildah and root. SOURCE_DATE_EPOCH is the time of everything in it."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
BASES = ["docker.io/library/rust:1.95-slim-bookworm", "docker.io/library/debian:bookworm-slim"]
TOOLS = ["sh", "bash", "ldd", "grep", "mkdir", "cp", "dirname", "chmod", "find", "touch", "rm"]
CARGO = """#!/bin/sh
set -eu
[ "$*" = "build --locked --release --package mtdh --features isal" ]
[ -f Cargo.lock ] && [ -f crates/mtdh/src/main.rs ]
mkdir -p target/release
cp /opt/mtdh target/release/mtdh
"""


def libraries(program):
    """The paths of the libraries that a program loads."""
    text = subprocess.run(["ldd", program], capture_output=True, text=True).stdout
    return [word for word in text.split() if word.startswith("/")]


def copy(file, folder, name=None):
    """Copies a file into a root directory, under its own path or another."""
    target = folder / (name or file).lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(file, target)


def base_directory(folder, program):
    """A root directory with a shell, the tools that the Dockerfile calls, and the stand-in cargo."""
    for tool in TOOLS:
        path = pathlib.Path(shutil.which(tool)).resolve()
        for file in [str(path), *libraries(path)]:
            copy(file, folder)
        copy(str(path), folder, f"/bin/{tool}")
    for file in libraries(program):
        copy(file, folder)
    copy("/etc/ssl/certs/ca-certificates.crt", folder)
    copy(program, folder, "/opt/mtdh")
    for name, text in (("cargo", CARGO), ("apt-get", "#!/bin/sh\n")):
        command = folder / "usr/local/bin" / name
        command.parent.mkdir(parents=True, exist_ok=True)
        command.write_text(text)
        command.chmod(0o755)
    (folder / "tmp").mkdir(exist_ok=True)


class Buildah:
    """buildah with a store of its own, in a folder."""

    def __init__(self, folder):
        self.options = ["--root", f"{folder}/root", "--runroot", f"{folder}/run", "--storage-driver", "vfs"]

    def run(self, *words):
        """How a call ended."""
        return subprocess.run(["buildah", *self.options, *map(str, words)], capture_output=True, text=True,
                              env={**os.environ, "BUILDAH_ISOLATION": "chroot"})

    def __call__(self, *words):
        """What a call that must end well printed."""
        ended = self.run(*words)
        if ended.returncode != 0:
            raise RuntimeError(f"buildah {' '.join(map(str, words))}\n{ended.stdout[-2000:]}{ended.stderr[-4000:]}")
        return ended.stdout.strip()

    @contextlib.contextmanager
    def container(self, image):
        """A container of an image, for as long as it is needed."""
        name = self("from", "--pull-never", image)
        try:
            yield name
        finally:
            self("rm", name)

    def end(self):
        """Removes every image of the store."""
        self.run("rmi", "--all", "--force")


class Images:
    """buildah with the stand-in bases, and the sources to build from."""

    def __init__(self, folder, program, source):
        self.buildah, self.source, base = Buildah(folder / "storage"), source, folder / "base"
        base.mkdir()
        base_directory(base, program)
        with self.buildah.container("scratch") as name:
            self.buildah("add", name, base, "/")
            for one in BASES:
                self.buildah("commit", name, one)

    def build(self, tag, *words, version, revision, time):
        """Builds an image under a tag; gives what buildah knows of it."""
        self.buildah("bud", "--pull-never", "--timestamp", time, "--build-arg", f"SOURCE_DATE_EPOCH={time}",
                     "--build-arg", f"VERSION={version}", "--build-arg", f"REVISION={revision}", "--no-cache", "--tag", tag, *words,
                     self.source)
        return json.loads(self.buildah("inspect", "--type", "image", tag))


def main(program, archive, version, revision):
    bases = re.findall(r"^ARG \w+=(docker\.io/\S+)", (ROOT / "Dockerfile").read_text(), re.M)
    assert bases == BASES, f"the Dockerfile begins with {bases}, and oci.py knows {BASES}"
    with tempfile.TemporaryDirectory() as folder:
        images = Images(pathlib.Path(folder), program, ROOT)
        try:
            images.build("mtdh", version=version, revision=revision, time=os.environ["SOURCE_DATE_EPOCH"])
            images.buildah("push", "mtdh", f"oci:{folder}/layout:mtdh:{version}")
        finally:
            images.buildah.end()
        pack(pathlib.Path(folder) / "layout", archive, int(os.environ["SOURCE_DATE_EPOCH"]))


def pack(folder, archive, time):
    """A tar of a folder that depends on its content alone; buildah's own has the time of the call in it."""
    with tarfile.open(archive, "w", format=tarfile.GNU_FORMAT) as tar:
        for path in sorted(folder.rglob("*")):
            entry = tar.gettarinfo(path, str(path.relative_to(folder)))
            entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname = time, 0, 0, "root", "root"
            entry.mode = 0o755 if path.is_dir() else 0o644
            with path.open("rb") if path.is_file() else contextlib.nullcontext() as content:
                tar.addfile(entry, content)


if __name__ == "__main__":
    main(*sys.argv[1:])
