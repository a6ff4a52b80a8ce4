"""Fixtures of the tests of releases."""

import pathlib

import pytest

from stage import PROGRAM, ROOT, environment, run

# Whoever packages is named by the environment.
PACKAGER = {"DEBFULLNAME": "A Packager", "DEBEMAIL": "packager@debian.org", "MTDH": PROGRAM}


@pytest.fixture(scope="session")
def release():
    """Runs a script of a release: `release(script, *words, expect=0, env=None)`."""
    return lambda script, *words, expect=0, env=None: run([ROOT / script, *words], expect, env=environment(PACKAGER, env or {}), cwd=ROOT)


@pytest.fixture(scope="session")
def dist(release, tmp_path_factory):
    """What scripts/release.sh makes, as a folder, without the wheels, which have tests of their own. It asks lintian itself."""
    folder = tmp_path_factory.mktemp("release") / "dist"
    said = release("scripts/release.sh", "--no-wheels", "--out", folder).stdout
    assert "W: mtdh" not in said and "E: mtdh" not in said, said
    return folder


@pytest.fixture(scope="session")
def package(dist):
    """The Debian package."""
    found, = pathlib.Path(dist).glob("*.deb")
    return found
