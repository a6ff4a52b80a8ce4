"""The image holds the program and no more, the same from the same sources; its debug variant has a shell."""

import json
import pathlib

import pytest

from image import MARKER, NEEDS
from oci import libraries
from stage import PROGRAM

pytestmark = NEEDS


def assert_image(buildah, image, tell):
    config = image["OCIv1"]["config"]
    assert config["User"] == "65532:65532" and config["Entrypoint"] == ["/usr/local/bin/mtdh"] and not config.get("Cmd"), config
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
        assert (top / "tmp").stat().st_mode & 0o7777 == 0o1777
        assert {(top / "home/mtdh" / one).stat().st_uid for one in ("data", "logs")} == {65532}
        size = sum(path.stat().st_size for path in files.values())
    tell(f"the image: {len(files)} files, {size / 1e6:.1f} MB")
    # A program with its symbols is no program to hand out.
    assert size < (60e6 if "release" in PROGRAM else 200e6)


def test_the_image_has_the_program_and_no_more(images, tell):
    image, again = images.first, images.build("mtdh:again")
    assert_image(images.buildah, image, tell)
    assert image["FromImageID"] == again["FromImageID"], "the same sources and time give another image"


def test_the_demo_runs_in_the_image(images):
    buildah = images.buildah
    with buildah.container("mtdh:check") as name:
        said = buildah("run", name, "--", "/usr/local/bin/mtdh", "demo")
        assert "100.00%" in said.splitlines()[-1].split(), said[-2000:]
        assert buildah.run("run", name, "--", "/usr/local/bin/mtdh").returncode == 2, "a run without words"
        refused = buildah.run("run", name, "--", "/bin/sh", "-c", "true")
        assert refused.returncode != 0, "there is a shell"


def test_the_debug_variant_has_a_shell(images):
    image = images.build("mtdh:debug", "--target", "debug")
    config = image["OCIv1"]["config"]
    assert config["Cmd"] == ["/bin/bash"] and not config.get("Entrypoint") and config["User"] == "65532:65532", config
    with images.buildah.container("mtdh:debug") as name:
        said = images.buildah("run", name, "--", "/bin/bash", "-c", "mtdh --version && echo $PWD && touch data/x logs/x")
    assert said.splitlines()[0].startswith("mtdh ") and said.splitlines()[1] == "/home/mtdh", said
