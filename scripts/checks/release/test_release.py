"""What scripts/release.sh makes as a whole: checksums, bill of materials, one version everywhere, all or nothing."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import tarfile
import tomllib

import pytest

from stage import PROGRAM, ROOT, mtdh, run

pytestmark = [pytest.mark.slow, pytest.mark.needs_root, pytest.mark.xdist_group("release"),
              pytest.mark.needs("dpkg-shlibdeps", "apt-get install dpkg-dev"), pytest.mark.needs("lintian", "apt-get install lintian"),
              pytest.mark.needs("buildah", "apt-get install buildah")]

VERSION = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]


def linked():
    """The crates that cargo links into the program, as name and version: what the bill is held against."""
    features = ["--features", "isal"] if b"ISA-L" in pathlib.Path(PROGRAM).read_bytes() else []
    words = ["cargo", "tree", "-p", "mtdh", "-e", "normal,no-proc-macro", "--prefix", "none", "--locked", "--offline", *features]
    tree = run(words, cwd=ROOT).stdout
    return {tuple(line.split()[:2]) for line in tree.splitlines() if line}


@pytest.fixture(scope="module")
def bill(dist):
    """The bill of materials."""
    return json.loads((dist / f"mtdh-{VERSION}.cdx.json").read_text())


def test_everything_has_the_version_of_cargo_toml(dist):
    names = sorted(path.name for path in dist.iterdir())
    arch, debian = os.uname().machine, run(["dpkg", "--print-architecture"]).stdout.strip()
    assert names == ["SHA256SUMS", f"mtdh-{VERSION}-{arch}-image.tar", f"mtdh-{VERSION}.cdx.json", f"mtdh_{VERSION}-1_{debian}.deb"]
    assert mtdh("--version") == f"mtdh {VERSION}\n"
    with tarfile.open(dist / f"mtdh-{VERSION}-{arch}-image.tar") as image:
        blob = lambda digest: json.load(image.extractfile(f"blobs/{digest.replace(':', '/')}"))
        manifest = blob(json.load(image.extractfile("index.json"))["manifests"][0]["digest"])
        labels = blob(manifest["config"]["digest"])["config"]["Labels"]
    assert labels["org.opencontainers.image.version"] == VERSION
    assert labels["org.opencontainers.image.revision"].startswith(run(["git", "rev-parse", "HEAD"], cwd=ROOT).stdout.strip())
    numbers = [path for path in ROOT.glob("scripts/release*/**/*") if path.is_file() and VERSION in path.read_text(errors="replace")]
    assert not numbers, "the version has one place"


def test_a_changed_byte_fails_the_checksums(dist, tmp_path):
    copy = shutil.copytree(dist, tmp_path / "dist")
    run(["sha256sum", "--quiet", "--check", "SHA256SUMS"], cwd=copy)
    listed = {line.split("  ")[1] for line in (copy / "SHA256SUMS").read_text().splitlines()}
    assert listed == {path.name for path in copy.iterdir()} - {"SHA256SUMS"}
    for name in listed:
        content = bytearray((copy / name).read_bytes())
        content[len(content) // 2] ^= 1
        (copy / name).write_bytes(content)
        said = run(["sha256sum", "--quiet", "--check", "SHA256SUMS"], 1, cwd=copy)
        assert f"{name}: FAILED" in said.stdout, said
        content[len(content) // 2] ^= 1
        (copy / name).write_bytes(content)


def test_the_bill_fits_the_schema(bill):
    validation = pytest.importorskip("cyclonedx.validation.json", reason="cyclonedx-python-lib is not installed (PyPI)")
    from cyclonedx.schema import SchemaVersion

    assert validation.JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(bill)) is None


def test_the_bill_has_every_crate_of_the_program(bill):
    every = {(one["name"], f"v{one['version']}"): one for one in [bill["metadata"]["component"], *bill["components"]]}
    assert {key for key, one in every.items() if one["scope"] == "required"} == linked()
    locked = {(one["name"], f"v{one['version']}"): one for one in tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]}
    for key, one in every.items():
        assert one["purl"] == f"pkg:cargo/{one['name']}@{one['version']}" and one["licenses"][0]["expression"]
        assert [found["content"] for found in one.get("hashes", [])] == [sum for sum in [locked[key].get("checksum")] if sum]
    refs = {one["bom-ref"] for one in every.values()}
    assert {one["ref"] for one in bill["dependencies"]} == refs
    assert all(set(one["dependsOn"]) <= refs for one in bill["dependencies"])


def test_what_the_program_says_of_its_crates_is_in_the_bill(bill):
    """Independent of cargo's word: panics name the files of the crates that they are in."""
    named = set(re.findall(rb"registry/src/(?:[^/\0]+/)?([a-z][\w-]*-\d+\.\d+\.\d+[\w.+-]*)/", pathlib.Path(PROGRAM).read_bytes()))
    known = {f"{one['name']}-{one['version']}".encode() for one in bill["components"] if one["scope"] == "required"}
    assert len(named) > 50 and not named - known, named - known


def test_a_failure_leaves_the_former_release(release, tmp_path):
    out, tools = tmp_path / "dist", tmp_path / "tools"
    out.mkdir()
    (out / "SHA256SUMS").write_text("of before")
    tools.mkdir()
    # It dies in the middle of a file.
    (tools / "dpkg-deb").write_text("#!/bin/sh\nfor last; do :; done\necho half >\"$last\"\necho no space left >&2\nexit 2\n")
    (tools / "dpkg-deb").chmod(0o755)
    said = release("scripts/release.sh", "--no-wheels", "--out", out, expect=2, env={"PATH": f"{tools}:{os.environ['PATH']}"})
    assert "no space left" in said.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dist", "tools"], "it left a half release"
    assert [path.name for path in out.iterdir()] == ["SHA256SUMS"]


@pytest.mark.parametrize("lacking, package", [
    ("dpkg-deb", "dpkg"), ("dpkg-shlibdeps", "dpkg-dev"), ("lintian", "lintian"), ("buildah", "buildah"), ("gzip", "gzip"),
])
def test_a_missing_tool_is_named_with_its_package(release, tmp_path, lacking, package):
    (tmp_path / "tools").mkdir()
    for folder in os.environ["PATH"].split(":"):
        for tool in pathlib.Path(folder).glob("*") if os.path.isdir(folder) else []:
            link = tmp_path / "tools" / tool.name
            if tool.name != lacking and not link.is_symlink():
                link.symlink_to(tool)
    said = release("scripts/release.sh", "--no-wheels", "--out", tmp_path / "dist", expect=1, env={"PATH": str(tmp_path / "tools")})
    assert f"{lacking} is not installed: apt-get install {package}" in said.stderr
    assert not (tmp_path / "dist").exists()


def test_only_a_release_is_replaced(release, tmp_path):
    (tmp_path / "mine").write_text("something of the user's")
    said = release("scripts/release.sh", "--no-wheels", "--out", tmp_path, expect=1)
    assert "is there and is no release" in said.stderr and (tmp_path / "mine").exists()


def test_a_program_of_another_version_is_refused(release, tmp_path):
    other = tmp_path / "mtdh"
    other.write_text("#!/bin/sh\necho mtdh 0.0.9\n")
    other.chmod(0o755)
    for script, words in [("scripts/release.sh", ["--no-wheels", "--out", tmp_path / "dist"]), ("scripts/release/deb.sh", [other, tmp_path])]:
        said = release(script, *words, expect=1, env={"MTDH": str(other)})
        assert f"is mtdh 0.0.9, and Cargo.toml has {VERSION}: build it again" in said.stderr


def test_the_notices_have_the_licences_of_what_is_linked(package):
    text = subprocess.run(f"dpkg-deb --fsys-tarfile {package} | tar -xO ./usr/share/doc/mtdh/THIRD-PARTY.gz | gzip -d",
                          shell=True, check=True, capture_output=True, text=True).stdout
    ours = {path.name for path in (ROOT / "crates").iterdir()}
    for name, version in linked():
        if name.removeprefix("mtdh-") not in ours | {"mtdh"}:
            assert f"  {name} {version.removeprefix('v')}: " in text, name
    assert "Permission is hereby granted" in text and "Apache License" in text
