"""A machine that is a root directory of its own, and what a VM sees of Google Cloud: metadata, Secret Manager, Compute."""

import base64
import http.server
import json
import os
import shutil
import subprocess
import threading
import urllib.parse

from oci import copy, libraries
from stage import PROGRAM, ROOT, ask

TOOLS = ["bash", "curl", "sed", "tail", "tr", "date", "mkdir", "chmod", "cat", "basename", "base64", "timeout", "setpriv",
         "sleep", "mv", "touch", "id", "env"]
CHROOT = shutil.which("chroot") or "/usr/sbin/chroot"
TOKEN = "ya29.token-of-the-account"
SECRET = "projects/some-project/secrets/tardis-api-key/versions/latest"


def serve(answer):
    """A server of this machine alone: `answer(method, path, headers, body)` gives a status and a text. Gives its host and port."""
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *words):
            pass

        def reply(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, text = answer(self.command, self.path, self.headers, body)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_POST = do_DELETE = reply

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"127.0.0.1:{server.server_port}"


class Platform:
    """What a VM sees of Google Cloud beside the bucket, and what it did there."""

    def __init__(self, key):
        self.key, self.name, self.task, self.shard = key, None, None, 0
        self.deleted, self.refuse = [], set()
        self.address = serve(self.answer)

    def answer(self, method, path, headers, _):
        if path.startswith("/computeMetadata/v1/"):
            if headers.get("Metadata-Flavor") != "Google":
                return 403, "no flavor"
            text = self.metadata(path.removeprefix("/computeMetadata/v1/"))
            return (404, "no such value") if text is None else (200, text)
        is_allowed = headers.get("Authorization") == f"Bearer {TOKEN}"
        if not is_allowed or {"DELETE": "delete", "GET": "secret"}[method] in self.refuse:
            return 403, '{"error":{"code":403}}'
        if method == "DELETE":
            self.deleted.append(path)
            self.on_delete(path.rsplit("/")[-1])
            return 200, "{}"
        if path != f"/v1/{SECRET}:access":
            return 404, "{}"
        data = base64.b64encode(self.key.encode()).decode()
        return 200, json.dumps({"name": SECRET, "payload": {"data": data, "dataCrc32c": "1"}}, indent=2)

    def on_delete(self, name):
        """What else a VM's deletion of itself does; nothing here."""

    def metadata(self, name):
        return {
            "instance/name": self.name or f"mtdh-run-{self.shard}", "instance/zone": "projects/123/zones/europe-west4-b",
            "project/project-id": "some-project", "instance/attributes/mtdh-task": self.task,
            "instance/attributes/mtdh-shard": str(self.shard),
            "instance/service-accounts/default/token": json.dumps({"access_token": TOKEN, "expires_in": 3599, "token_type": "Bearer"}),
        }.get(name)


def root_directory(folder, **scripts):
    """A clean machine: the tools that the script names, and nothing else."""
    folder.mkdir()
    for tool in TOOLS:
        path = shutil.which(tool)
        for file in libraries(path):
            copy(file, folder)
        copy(path, folder, f"/bin/{tool}")
    for file in libraries(PROGRAM):
        copy(file, folder)
    for name in ["dev", "tmp", "var/lib", "opt"]:
        (folder / name).mkdir(parents=True, exist_ok=True)
    os.mknod(folder / "dev/null", 0o666 | 0o020000, os.makedev(1, 3))
    os.chmod(folder / "dev/null", 0o666)
    os.chmod(folder / "tmp", 0o1777)
    for name in ["startup.sh", "shutdown.sh"]:
        shutil.copy2(ROOT / "deploy/vm" / name, folder / "opt" / name)
    # Without rights to delete itself a VM powers off; here that leaves a note.
    for name, text in {"poweroff": "#!/bin/bash\n>/var/lib/powered-off\n", **scripts}.items():
        (folder / "bin" / name).write_text(text)
        (folder / "bin" / name).chmod(0o755)
    return folder


def boot(root, platform, store):
    """Starts the start-up script of a root directory; what it says goes to the file `console` in it."""
    surroundings = {
        "PATH": "/bin", "GCE_METADATA_HOST": platform, "STORAGE_EMULATOR_HOST": store,
        "SECRET_MANAGER_HOST": f"http://{platform}", "COMPUTE_HOST": f"http://{platform}",
    }
    command = [CHROOT, str(root), "/bin/bash", "/opt/startup.sh"]
    with open(root / "console", "w") as console:
        return subprocess.Popen(command, env=surroundings, stdout=console, stderr=subprocess.STDOUT)


def upload(store, bucket, name, body):
    query = urllib.parse.urlencode({"uploadType": "media", "name": name})
    ask("POST", f"{store}/upload/storage/v1/b/{bucket}/o?{query}", body)
