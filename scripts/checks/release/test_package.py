"""The Debian package: what is in it, the same bytes twice, and a clean machine on which it is installed, used and removed."""

import datetime
import re
import shutil

import pytest

from clean_root import CleanRoot
from stage import DAY, PROGRAM, ROOT, environment, mtdh, run, sim

KEY = "DERIBIT:PERP:BTC-USD"
TIMER = "etc/systemd/system/timers.target.wants/mtdh-daily.timer"

pytestmark = [pytest.mark.slow, pytest.mark.needs_root, pytest.mark.xdist_group("release"),
              pytest.mark.needs("dpkg-shlibdeps", "apt-get install dpkg-dev"), pytest.mark.needs("lintian", "apt-get install lintian"),
              pytest.mark.needs("buildah", "apt-get install buildah")]

# Mode and path of every file, but for the manual pages, of which there is one of each verb.
CONTENTS = """
-rw-r----- etc/default/mtdh
-rwxr-xr-x usr/bin/mtdh
-rw-r--r-- usr/lib/systemd/system/mtdh-daily.service
-rw-r--r-- usr/lib/systemd/system/mtdh-daily.timer
-rw-r--r-- usr/lib/systemd/system/mtdh-sync-failed.service
-rw-r--r-- usr/lib/systemd/system/mtdh-sync.service
-rw-r--r-- usr/lib/systemd/system/mtdh-sync.timer
-rw-r--r-- usr/share/bash-completion/completions/mtdh
-rw-r--r-- usr/share/doc/mtdh/THIRD-PARTY.gz
-rw-r--r-- usr/share/doc/mtdh/changelog.Debian.gz
-rw-r--r-- usr/share/doc/mtdh/changelog.gz
-rw-r--r-- usr/share/doc/mtdh/copyright
-rw-r--r-- usr/share/fish/vendor_completions.d/mtdh.fish
-rw-r--r-- usr/share/lintian/overrides/mtdh
-rw-r--r-- usr/share/man/man1/mtdh.1.gz
-rw-r--r-- usr/share/zsh/vendor-completions/_mtdh
""".split("\n")[1:-1]


def verbs():
    """Every verb of the program, by its help."""
    return re.findall(r"^  ([a-z][\w-]+) ", mtdh("--help").split("\nOptions:")[0], re.M)


def test_the_package_has_these_files_and_no_others(package):
    entries = [line.split() for line in run(["dpkg-deb", "-c", package]).stdout.splitlines()]
    assert {entry[1] for entry in entries} == {"root/root"}
    files = {f"{entry[0]} {entry[5].removeprefix('./')}" for entry in entries if not entry[0].startswith("d")}
    pages = {re.sub(r".*/mtdh-(.*)\.1\.gz", r"\1", file) for file in files if "/man1/mtdh-" in file}
    assert pages >= set(verbs()) - {"help"} and {"config-show", "deploy-render", "instruments-list"} <= pages, pages
    assert sorted(file for file in files if "/man1/mtdh-" not in file) == sorted(CONTENTS)


def test_what_it_says_of_itself(package):
    fields = dict(re.findall(r"^([\w-]+): (.*)$", run(["dpkg-deb", "-f", package]).stdout, re.M))
    assert mtdh("--version") == f"mtdh {fields['Version'].removesuffix('-1')}\n"
    assert fields["Maintainer"] == "A Packager <packager@debian.org>"
    assert re.fullmatch(r"libc6 \(>= [\d.]+\), (libgcc-s1 \(>= [\d.]+\), )?ca-certificates", fields["Depends"]), fields["Depends"]
    assert run(["dpkg-deb", "-I", package, "conffiles"]).stdout == "/etc/default/mtdh\n"


def test_the_same_program_and_revision_give_the_same_bytes(package, release, tmp_path):
    release("scripts/release/deb.sh", PROGRAM, tmp_path, env={"TZ": "Asia/Tokyo", "LC_ALL": "C"})
    assert (tmp_path / package.name).read_bytes() == package.read_bytes()


def test_a_clean_machine_installs_uses_and_purges_it(package, tmp_path, vendor):
    root = CleanRoot(tmp_path / "root", ["ca-certificates", "libgcc-s1"])
    shutil.copy(package, root.top / "tmp/mtdh.deb")
    before = root.paths()
    root.chroot("dpkg", "-i", "/tmp/mtdh.deb")
    assert root.chroot("dpkg-query", "-W", "-f", "${Status}", "mtdh") == "install ok installed"
    assert not (root.top / TIMER).exists(), "nobody has asked for the timer"
    assert root.chroot("mtdh", "--version") == mtdh("--version")
    env = {**vendor, "MTDH_LAKE": "/tmp/lake", "MTDH_CACHE_DIR": "/tmp/cache"}
    root.chroot("mtdh", "full-pipeline", "--start-date", DAY, "--instruments", KEY, "--data-types", "trades", env=env)
    assert KEY in root.chroot("mtdh", "get", KEY, "--data-type", "trades", "--start", DAY, env=env)
    assert root.chroot("bash", "-c", ". /usr/share/bash-completion/completions/mtdh && complete -p mtdh").endswith(" mtdh\n")
    for folder in ("lake", "cache"):
        shutil.rmtree(root.top / "tmp" / folder)

    # What a machine with systemd has after some days.
    for folder in ("etc/systemd/system/timers.target.wants", "var/lib/private/mtdh", "var/cache/private/mtdh", "var/lib/systemd/timers"):
        (root.top / folder).mkdir(parents=True)
    (root.top / TIMER).symlink_to("/usr/lib/systemd/system/mtdh-daily.timer")
    (root.top / "var/lib/systemd/timers/stamp-mtdh-daily.timer").touch()
    for folder in ("var/lib/mtdh", "var/cache/mtdh"):
        (root.top / folder).symlink_to(f"private/{folder.rsplit('/')[-1]}")
    (root.top / "var/cache/private/mtdh/list").touch()
    root.chroot("dpkg", "-r", "mtdh")
    assert not (root.top / "usr/bin/mtdh").exists() and (root.top / "etc/default/mtdh").exists(), "settings stay until purge"
    root.chroot("dpkg", "-P", "mtdh")
    systemds = {"etc/systemd/system/timers.target.wants", "var/lib/private", "var/cache/private", "var/lib/systemd", "var/lib/systemd/timers"}
    after = root.paths()
    assert after - before <= systemds and not before - after

    # A lake is nobody's to remove.
    root.chroot("dpkg", "-i", "/tmp/mtdh.deb")
    (root.top / "var/lib/private/mtdh/lake").mkdir(parents=True)
    (root.top / "var/lib/mtdh").symlink_to("private/mtdh")
    said = root.chroot("dpkg", "-P", "mtdh")
    assert "the lake in /var/lib/mtdh is kept" in said and (root.top / "var/lib/private/mtdh/lake").is_dir(), said


@pytest.mark.needs("systemd-analyze", "apt-get install systemd")
def test_the_units_are_valid_and_have_few_rights():
    units = sorted((ROOT / "deploy/systemd").glob("mtdh-*"))
    said = run(["systemd-analyze", "verify", "--man=no", *units], range(256)).stderr
    # The program is not installed here.
    wrong = [line for line in said.splitlines() if "mtdh-" in line and "/usr/bin/mtdh is not executable" not in line]
    assert not wrong, said
    for unit in ("mtdh-daily.service", "mtdh-sync.service"):
        run(["systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", ROOT / "deploy/systemd" / unit])


def test_the_command_of_the_sync_unit_brings_what_is_wanted(tmp_path):
    unit = (ROOT / "deploy/systemd/mtdh-sync.service").read_text()
    line, = re.findall(r"^ExecStart=/bin/sh -c '(.*)'$", unit, re.M)
    line = line.replace("$$", "$").replace("/usr/bin/mtdh", PROGRAM)
    (tmp_path / "lake").mkdir()
    (tmp_path / "lake/lake.toml").write_text(
        f"[sets.a]\nvenues = ['DERIBIT']\ninstrument_types = ['PERP']\ndata_types = ['trades']\nfrom = {DAY}\nuntil = {DAY}\n")
    with sim("--small") as vendor:
        del vendor["GCS_BUCKET"]
        words = {"MTDH_SYNC": "--metrics-file mtdh.prom", "MTDH_LAKE": "lake"}
        run(["/bin/sh", "-c", line], env=environment(vendor, words), cwd=tmp_path)
    assert "\nmtdh_sync_clean 1\n" in (tmp_path / "mtdh.prom").read_text()


def test_the_command_of_the_unit_downloads_the_days_before(tmp_path):
    unit = (ROOT / "deploy/systemd/mtdh-daily.service").read_text()
    line, = re.findall(r"^ExecStart=/bin/sh -c '(.*)'$", unit, re.M)
    line = line.replace("$$", "$").replace("%%", "%").replace("/usr/bin/mtdh", PROGRAM)
    now = datetime.datetime.now(datetime.UTC)
    with sim("--small", "--now", f"{now:%Y-%m-%d}T12:00") as vendor:
        del vendor["GCS_BUCKET"]
        words = {"MTDH_DAYS": "2", "MTDH_DAILY": "--venues DERIBIT --instrument-types PERP --data-types trades", "MTDH_LAKE": "lake"}
        run(["/bin/sh", "-c", line], env=environment(vendor, words), cwd=tmp_path)
    days = sorted(path.name for path in (tmp_path / "lake/raw_tick_data/by_date").iterdir())
    assert days == [f"day-{now - datetime.timedelta(days=back):%Y-%m-%d}" for back in (2, 1)]
