"""The image, built for real from the Dockerfile with buildah, as scripts/release/oci.py does it for a release, from a checkout that
has what must not be in an image. Needs buildah and root."""

import shutil

import pytest

import oci
from stage import PROGRAM, ROOT

# The image is built once for all tests of it.
NEEDS = [pytest.mark.slow, pytest.mark.needs_root, pytest.mark.needs("buildah", "apt-get install buildah"),
         pytest.mark.xdist_group("images")]

MARKER = "TD.must-not-be-in-an-image"


def context(folder):
    """The checkout as a user has it: with a key, data and a git folder, none of which may go into the image."""
    for name in ["Dockerfile", ".dockerignore", "Cargo.toml", "Cargo.lock"]:
        shutil.copy2(ROOT / name, folder / name)
    shutil.copytree(ROOT / "crates", folder / "crates")
    (folder / ".env").write_text(f"TARDIS_API_KEY={MARKER}\n")
    (folder / "data").mkdir()
    (folder / "data/key.json").write_text(MARKER)


class Images(oci.Images):
    """buildah with the bases, and a checkout to build from."""

    def __init__(self, folder):
        source = folder / "source"
        source.mkdir()
        context(source)
        super().__init__(folder, PROGRAM, source)

    def build(self, tag, *words):
        """Builds an image under a tag; gives what buildah knows of it."""
        return super().build(tag, *words, version="0.1.0", revision="check", time="1700000000")
