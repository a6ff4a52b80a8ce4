"""The crates that a package is made of: those linked into it, and those that only take part in its build."""

import dataclasses
import json
import os
import pathlib
import platform
import subprocess
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = f"{platform.machine()}-unknown-linux-gnu"


@dataclasses.dataclass(frozen=True, order=True)
class Crate:
    """A crate as cargo knows it. `sha256` is that of its archive in the registry, nothing for our own."""

    name: str
    version: str
    licence: str
    folder: pathlib.Path
    sha256: str | None
    is_linked: bool
    needs: tuple

    @property
    def purl(self):
        return f"pkg:cargo/{self.name}@{self.version}"


def cargo(*words):
    """What cargo says, from the lock file alone: no network is asked."""
    return subprocess.run(["cargo", *words, "--locked", "--offline"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def features(package):
    """Words for cargo: the features of what is handed out."""
    found = os.environ.get("MTDH_FEATURES")
    return ["--features", f"{package}/{found}"] if found else []


def listed(package, edges):
    """Names and versions of the crates that a package depends on by some kinds of edges, with the features of its own build."""
    lines = cargo("tree", "-p", package, "-e", edges, "--target", TARGET, "--prefix", "none", "-f", "{p}", *features(package)).splitlines()
    return {(line.split()[0], line.split()[1].removeprefix("v")) for line in lines if line}


def crates_of(package):
    """Every crate of a package, itself included, by name."""
    linked = listed(package, "normal,no-proc-macro")
    every = listed(package, "normal,build")
    metadata = json.loads(cargo("metadata", "--format-version", "1", "--filter-platform", TARGET, *features(package)))
    sums = {(one["name"], one["version"]): one.get("checksum")
            for one in tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]}
    by_id = {one["id"]: one for one in metadata["packages"]}
    found = []
    for node in metadata["resolve"]["nodes"]:
        one = by_id[node["id"]]
        key = one["name"], one["version"]
        if key not in every:
            continue
        needs = {(by_id[dep["pkg"]]["name"], by_id[dep["pkg"]]["version"]) for dep in node["deps"]
                 if any(kind["kind"] != "dev" for kind in dep["dep_kinds"])}
        licence = (one["license"] or "").replace(" / ", " OR ").replace("/", " OR ")
        assert licence, f"{one['name']} names no licence"
        found.append(Crate(*key, licence, pathlib.Path(one["manifest_path"]).parent, sums[key], key in linked,
                           tuple(sorted(needs & every))))
    assert {(crate.name, crate.version) for crate in found} == every
    return sorted(found)
