"""Fixtures of the tests of deployment."""

import subprocess

import pytest

from cloud import Cloud
from image import Images
from machine import CHROOT, root_directory


@pytest.fixture(scope="session")
def chroot(tmp_path_factory):
    """That a root directory can be made and entered here."""
    try:
        root = root_directory(tmp_path_factory.mktemp("chroot") / "try")
    except PermissionError:
        pytest.skip("it needs the right to make device files")
    if subprocess.run([CHROOT, str(root), "/bin/bash", "-c", "exit 0"], capture_output=True).returncode != 0:
        pytest.skip("it needs the right to chroot")


@pytest.fixture
def gcloud(tmp_path):
    """deploy/vm with a stand-in for `gcloud` on the path."""
    return Cloud(tmp_path)


@pytest.fixture(scope="session")
def images(tmp_path_factory):
    """The image `mtdh:check`, built from a checkout: what builds more, and what is known of it as `first`."""
    images = Images(tmp_path_factory.mktemp("images"))
    images.first = images.build("mtdh:check")
    yield images
    images.buildah.end()
