"""The static program, in a root directory that has nothing else. In the long mode alone: it is built for it."""

import http.server
import os
import re
import shutil
import ssl
import tarfile
import threading

import pytest

from machine import CHROOT
from stage import DAY, mtdh, run

pytestmark = [pytest.mark.slow, pytest.mark.needs_root, pytest.mark.xdist_group("release"),
              pytest.mark.skipif(not os.environ.get("MTDH_LONG"), reason="a build of minutes (MTDH_LONG=1)")]

KEY = "DERIBIT:PERP:BTC-USD"
# Besides a manual page of each verb.
CONTENTS = {
    "bin/mtdh", "share/bash-completion/completions/mtdh", "share/fish/vendor_completions.d/mtdh.fish", "share/zsh/site-functions/_mtdh",
    "share/doc/mtdh/CHANGELOG.md", "share/doc/mtdh/LICENSE", "share/doc/mtdh/THIRD-PARTY", "share/man/man1/mtdh.1",
}


@pytest.fixture(scope="module")
def root(release, tmp_path_factory):
    """A root directory with the unpacked archive and random numbers."""
    folder = tmp_path_factory.mktemp("static")
    archive = release("scripts/release/static.sh", folder).stdout.strip()
    with tarfile.open(archive) as tar:
        files = {name.split("/", 1)[1] for name in tar.getnames() if tar.getmember(name).isfile()}
        assert {name for name in files if not re.search(r"/mtdh-[\w-]+\.1$", name)} == CONTENTS
        assert {(entry.mode & 0o777, entry.uid) for entry in tar if entry.isfile()} == {(0o755, 0), (0o644, 0)}
        tar.extractall(folder, filter="tar")
    top = archive.removesuffix(".tar.gz")
    os.mkdir(f"{top}/dev")
    # Where it takes random numbers from: the call for them is looked up in a library of the machine, and there is none.
    for name, minor in (("random", 8), ("urandom", 9)):
        os.mknod(f"{top}/dev/{name}", 0o444 | 0o020000, os.makedev(1, minor))
    return top


def within(root, *words, expect=0, env=None):
    """Runs the program in the root directory; gives what it said."""
    ended = run([CHROOT, root, "/bin/mtdh", *words], expect, env={"MTDH_LAKE": "/lake", "MTDH_CACHE_DIR": "/cache", **(env or {})})
    return ended.stdout + ended.stderr


def test_it_needs_no_library_and_no_file(root):
    assert "NEEDED" not in run(["readelf", "--dynamic", f"{root}/bin/mtdh"]).stdout
    assert "INTERP" not in run(["readelf", "--segments", f"{root}/bin/mtdh"]).stdout
    assert within(root, "--version") == mtdh("--version")


def test_it_looks_up_hosts_in_the_file_of_hosts(root, vendor):
    os.makedirs(f"{root}/etc", exist_ok=True)
    with open(f"{root}/etc/hosts", "w") as hosts:
        hosts.write("127.0.0.1 vendor.test\n")
    named = {name: value.replace("127.0.0.1", "vendor.test") for name, value in vendor.items()} | {"MTDH_CACHE_DIR": "/cache"}
    within(root, "full-pipeline", "--start-date", DAY, "--instruments", KEY, "--data-types", "trades", env=named)
    assert KEY in within(root, "get", KEY, "--data-type", "trades", "--start", DAY)
    os.remove(f"{root}/etc/hosts")


def test_it_trusts_the_certificates_of_the_machine_and_no_others(root, tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-keyout", key, "-out",
         certificate, "-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        env = {"TARDIS_API_URL": f"https://127.0.0.1:{server.server_port}/v1", "MTDH_MAX_ATTEMPTS": "1"}
        refused = within(root, "doctor", expect=2, env=env)
        shutil.copy(certificate, f"{root}/trusted.pem")
        answered = within(root, "doctor", expect=2, env={**env, "SSL_CERT_FILE": "/trusted.pem"})
    finally:
        server.shutdown()
    assert "UnknownIssuer" in refused and "404" in answered and "UnknownIssuer" not in answered, refused + answered
