"""The lines of read.md that copy from a bucket, by Google's own gcloud and gsutil. gsutil speaks https only: a front with a
certificate of its own stands before the stand-in."""

import http.server
import re
import shutil
import ssl
import subprocess
import threading
import urllib.error
import urllib.request

import pytest

from stage import DAY, ROOT, environment, make_bucket, mtdh, run

PAGE = (ROOT / "docs/how-to/read.md").read_text()
PERPETUAL = "DERIBIT:PERP:BTC-USD.parquet"

pytestmark = pytest.mark.slow


def lines_of(tool):
    """The lines of a tool on the page, in order."""
    return re.findall(rf"^({tool} .*gs://my-bucket/.*)$", PAGE, re.M)


@pytest.fixture
def bucket(sim):
    """A stand-in with a lake in the bucket `my-bucket`."""
    vendor = sim()
    make_bucket(vendor, "my-bucket")
    mtdh("download", "--start-date", DAY, "--instruments", "DERIBIT:PERP:BTC-*", "--data-types", "trades", "--lake", "gs://my-bucket", env=vendor)
    return vendor


def type_lines(tool, folder, settings):
    lines = lines_of(tool)
    assert len(lines) == 4, lines
    for line in lines:
        run(["bash", "-c", line], cwd=folder, env=environment(settings), timeout=300)
    made = {str(path.relative_to(folder)) for path in folder.rglob("*.parquet")}
    assert {PERPETUAL, "instruments.parquet", f"data_type-trades/{PERPETUAL}"} <= made, made
    assert (folder / PERPETUAL).read_bytes()[:4] == b"PAR1"


@pytest.mark.needs("gcloud", "the SDK of Google Cloud")
def test_gcloud_storage(bucket, tmp_path):
    (tmp_path / "here").mkdir()
    type_lines("gcloud storage", tmp_path / "here", {
        "CLOUDSDK_CONFIG": str(tmp_path / "gcloud"), "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true", "HOME": str(tmp_path),
        "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true", "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "true",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE": f"{bucket['STORAGE_EMULATOR_HOST']}/storage/v1/", "CLOUDSDK_CORE_PROJECT": "p"})


def front(store, folder):
    """An https server that hands everything on to the stand-in; gives its port."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
                   check=True, capture_output=True)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *words):
            pass

        def hand_on(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)) or None
            headers = {name: value for name, value in self.headers.items() if name.lower() in ("range", "content-type", "accept")}
            try:
                answer = urllib.request.urlopen(urllib.request.Request(store + self.path, body, headers, method=self.command))
            except urllib.error.HTTPError as refused:
                answer = refused
            text = answer.read()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PUT = do_HEAD = hand_on

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


@pytest.mark.needs("gsutil", "the SDK of Google Cloud")
@pytest.mark.needs("openssl", "apt-get install openssl")
def test_gsutil(bucket, tmp_path):
    assert shutil.which("gsutil")
    port = front(bucket["STORAGE_EMULATOR_HOST"], tmp_path)
    (tmp_path / "boto").write_text(
        f"[Credentials]\ngs_json_host = localhost\ngs_json_port = {port}\n[Boto]\nhttps_validate_certificates = False\n"
        f"ca_certificates_file = {tmp_path}/cert.pem\nnum_retries = 1\n[GSUtil]\nprefer_api = json\nstate_dir = {tmp_path}/state\n"
        "parallel_process_count = 1\nparallel_thread_count = 2\nsoftware_update_check_period = 0\n")
    (tmp_path / "here").mkdir()
    type_lines("gsutil", tmp_path / "here", {
        "BOTO_CONFIG": str(tmp_path / "boto"), "CLOUDSDK_CONFIG": str(tmp_path / "gcloud"), "HOME": str(tmp_path),
        "CLOUDSDK_CORE_PASS_CREDENTIALS_TO_GSUTIL": "false", "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true"})
