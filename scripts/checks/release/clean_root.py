"""A clean machine of Debian in a folder: the essential packages of this machine and what a package needs, copied file by file with
what dpkg knows of them. No mirror is asked, and dpkg in it sees the dependencies that it would see anywhere."""

import os
import pathlib
import re
import subprocess

from machine import CHROOT
from stage import run

# What no test looks at.
LEFT_OUT = re.compile(r"/usr/share/(doc|man|locale|i18n|info|lintian|zoneinfo)/")
# What dpkg keeps for itself.
OF_DPKG = re.compile(r"var/lib/dpkg/|var/log/|var/cache/ldconfig|etc/ld\.so\.cache|run/")
INFO, INFO_FILE = pathlib.Path("/var/lib/dpkg/info"), re.compile(r"(.+?)(?::\w+)?(?:\.[a-z0-9]+)?")


def stanzas():
    """What dpkg knows of each installed package, by name."""
    found = {}
    for text in pathlib.Path("/var/lib/dpkg/status").read_text().split("\n\n"):
        fields = dict(re.findall(r"^([\w-]+): (.*)$", text, re.M))
        if fields.get("Status", "").endswith(" installed"):
            found[fields["Package"]] = fields, text
    return found


def closure(known, wanted):
    """The packages with all that they need."""
    provided = {name.split()[0]: package for package, (fields, _) in known.items()
                for name in re.split(r",\s*", fields.get("Provides", "")) if name}
    found, waiting = set(), list(wanted)
    while waiting:
        name = waiting.pop()
        name = name if name in known else provided.get(name)
        if name is None or name in found:
            continue
        found.add(name)
        for field in ("Depends", "Pre-Depends"):
            for clause in filter(None, re.split(r",\s*", known[name][0].get(field, ""))):
                choices = [re.split(r"[\s:(]", one.strip())[0] for one in clause.split("|")]
                waiting.append(next((one for one in choices if one in known), choices[0]))
    return sorted(found)


class CleanRoot:
    """The root directory; `chroot(*words)` runs something in it."""

    def __init__(self, folder, needs):
        self.top, known = folder, stanzas()
        names = closure(known, [*(name for name, (fields, _) in known.items() if fields.get("Essential") == "yes"), *needs])
        self.top.mkdir()
        for name in ("bin", "sbin", "lib", "lib64"):
            if os.path.islink(f"/{name}"):
                (self.top / "usr" / name).mkdir(parents=True)
                (self.top / name).symlink_to(f"usr/{name}")
        files = run(["dpkg", "-L", *names]).stdout.splitlines()
        files = sorted({file for file in files if file.startswith("/") and file != "/." and not LEFT_OUT.match(f"{file}/")
                        and os.path.lexists(file)} | {"/etc/passwd", "/etc/group", "/etc/ssl/certs/ca-certificates.crt"})
        of_dpkg = [str(path) for path in INFO.iterdir() if INFO_FILE.fullmatch(path.name)[1] in {*names, "format"}]
        listed = "\n".join(file.lstrip("/") for file in [*files, *of_dpkg])
        pack = subprocess.Popen(["tar", "-C", "/", "--no-recursion", "-cf", "-", "-T", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        unpack = subprocess.Popen(["tar", "-C", self.top, "--keep-directory-symlink", "-xf", "-"], stdin=pack.stdout)
        pack.stdin.write(listed.encode())
        pack.stdin.close()
        assert unpack.wait() == 0 and pack.wait() == 0
        for name in ("dev", "proc", "tmp", "root", "var/lib/dpkg/updates", "var/lib/dpkg/info", "var/log", "var/cache", "etc/systemd/system"):
            (self.top / name).mkdir(parents=True, exist_ok=True)
        (self.top / "var/lib/dpkg/status").write_text("\n\n".join(known[name][1].strip() for name in names) + "\n\n")
        os.mknod(self.top / "dev/null", 0o666 | 0o020000, os.makedev(1, 3))
        os.chmod(self.top / "dev/null", 0o666)

    def chroot(self, *words, env=None):
        """Runs a command in it; gives its output."""
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8", **(env or {})}
        return run([CHROOT, self.top, *words], env=env).stdout

    def paths(self):
        """Every path in it, without what dpkg keeps for itself."""
        found = {str(path.relative_to(self.top)) for path in self.top.rglob("*")}
        return {path for path in found if not OF_DPKG.match(f"{path}/")}
