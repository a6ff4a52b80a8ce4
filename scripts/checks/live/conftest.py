"""Fixtures of the live tests: a stand-in exchange, and what Tardis' own client makes of it."""

import contextlib
import json
import os
import shutil
import subprocess

import pytest

import stage

PEER = os.environ.get("MTDH_TARDIS_DEV", str(stage.ROOT / ".venv/node_modules/tardis-dev"))
SCRIPT = stage.ROOT / "scripts/checks/live/peer.cjs"


class Exchange:
    """A running `mtdh sim exchange`: addresses by venue, what the faults did, which limits were broken."""

    def __init__(self, ws, rest, truth, breaches):
        self.ws, self.rest, self._truth, self._breaches = ws, rest, truth, breaches

    def truth(self):
        """What the faults did so far, in order."""
        return [json.loads(line) for line in self._truth.read_text().splitlines()]

    def breaches(self):
        """The limits that clients broke so far."""
        return [json.loads(line) for line in self._breaches.read_text().splitlines()]


@contextlib.contextmanager
def started(folder, *words, faults=(), seconds=120):
    """Starts the stand-in; it ends by itself after so long."""
    given, truth, breaches = folder / "faults.json", folder / "truth.jsonl", folder / "breaches.jsonl"
    given.write_text(json.dumps(list(faults)))
    command = [stage.PROGRAM, "sim", "exchange", *map(str, words), "--format", "json", "--seconds", str(seconds),
               "--faults", given, "--truth", truth, "--breaches", breaches]
    server = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True)
    try:
        text = ""
        while True:
            line = server.stdout.readline()
            assert line, f"{command} says {text!r}; exit status {server.wait(timeout=30)}"
            text += line
            with contextlib.suppress(json.JSONDecodeError):
                addresses = json.loads(text)
                break
        of = lambda kind: {name.split()[0]: url for name, url in addresses.items() if name.endswith(kind)}
        yield Exchange(of(" ws"), of(" rest"), truth, breaches)
    finally:
        server.terminate()
        server.wait(timeout=30)


@pytest.fixture
def exchange(tmp_path):
    """Starts stand-ins that end with the test: `exchange("deribit", "--speed", 2, faults=[…])`."""
    with contextlib.ExitStack() as stack:
        def start(*words, **options):
            folder = tmp_path / f"exchange-{len(list(tmp_path.iterdir()))}"
            folder.mkdir()
            return stack.enter_context(started(folder, *words, **options))

        yield start


@pytest.fixture(scope="session")
def peer():
    """`peer(url, exchange, symbols, types, count)`: the first normalised messages of tardis-dev's `streamNormalized`, whose address
    of the venue's WebSocket is set to `url`. Its REST address cannot be set."""
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    if not os.path.isdir(PEER):
        pytest.skip("npm's tardis-dev is not installed (npm install --prefix .venv tardis-dev@13.35.3)")

    def messages(url, exchange, symbols, types, count, seconds=30):
        variable = "WSS_URL_" + exchange.upper().replace("-", "_")
        wanted = json.dumps({"exchange": exchange, "symbols": symbols, "types": types, "count": count, "seconds": seconds})
        ended = stage.run(["node", SCRIPT, PEER, wanted], timeout=seconds + 60, env={**os.environ, variable: url})
        return [json.loads(line) for line in ended.stdout.splitlines()]

    messages.command = lambda wanted: ["node", str(SCRIPT), PEER, json.dumps(wanted)]
    return messages
