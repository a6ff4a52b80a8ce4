"""A certificate by other programs: its digest and its root, recomputed from the files."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from stage import DAY, PROGRAM, environment, mtdh, run, run_mtdh

pytestmark = pytest.mark.xdist_group("certificate")

SCRIPT = pathlib.Path(__file__).with_name("certificate_root.py")
WHAT = ("--instruments", "DERIBIT:PERP:*", "--data-types", "trades", "liquidations")


@pytest.fixture(scope="module")
def certified(vendor, tmp_path_factory):
    """A lake with stored, empty and missing partitions, and its certificate."""
    folder = tmp_path_factory.mktemp("certificate")
    lake, file = folder / "lake", folder / "c.json"
    mtdh("full-pipeline", "--start-date", DAY, *WHAT, "--lake", lake, env=vendor)
    (lake / f"raw_tick_data/by_date/day-{DAY}/data_type-trades/DERIBIT:PERP:ETH-USD.parquet").unlink()
    said = mtdh("certify", "--start-date", DAY, *WHAT, "--lake", lake, "--out", file, env=vendor, expect=1)
    return lake, file, said.strip()


def recomputed(file, lake, expect=0):
    lines = run([sys.executable, SCRIPT, file, lake], expect).stdout.split()
    return dict(zip(lines[::2], lines[1::2]))


def test_another_program_finds_the_same_root_and_digest(certified):
    lake, file, said = certified
    document, found = json.loads(file.read_text()), recomputed(file, lake)
    assert found == {"digest": document["digest"], "root": document["root"]}
    assert said == f"sha256:{found['digest']}"
    counts = document["counts"]
    assert counts["missing"] == 1 and counts["stored"] > 0 and counts["empty"] > 0, counts


def test_one_bit_of_one_file_gives_another_root(certified, tmp_path):
    lake, file, _ = certified
    copy = tmp_path / "copy"
    shutil.copytree(lake, copy)
    path = copy / f"raw_tick_data/by_date/day-{DAY}/data_type-trades/DERIBIT:PERP:BTC-USD.parquet"
    content = bytearray(path.read_bytes())
    content[60] ^= 1
    path.write_bytes(content)
    assert recomputed(file, copy, expect=1)["root"] != json.loads(file.read_text())["root"]
    found = json.loads(run_mtdh("verify", file, "--lake", copy, "--bytes", "--format", "json", expect=1).stdout)
    assert [one["what"] for one in found["differences"]] == ["damaged"]


@pytest.mark.skipif("MTDH_LONG" not in os.environ, reason="takes a minute; MTDH_LONG=1")
def test_a_million_partitions_need_little_memory(certified, tmp_path):
    """A document that is right by itself and names a million objects that are not there."""
    import hashlib

    from certificate_root import node

    lake, _, _ = certified
    hash_of = "ab" * 32
    keys = [f"DERIBIT:PERP:A{number:07}-USD" for number in range(1_000_000)]
    folder = f"raw_tick_data/by_date/day-{DAY}/data_type-trades"
    root = node([f"{folder}/{key}.parquet\nstored\n{hash_of}\n{hash_of}".encode() for key in keys]).hex()
    head = {
        "mtdh_certificate": 1, "certified_us": 0, "mtdh": "0.1.0", "format_version": 3, "schema_version": 1, "origin": "vendor",
        "selection": {"first_day": DAY, "last_day": DAY, "venues": ["DERIBIT"], "instrument_types": [],
                      "data_types": ["trades"], "instruments": []},
        "verdict": "complete",
        "counts": {"stored": len(keys), "empty": 0, "absent": 0, "missing": 0, "not_exported_yet": 0, "unexpected": 0, "rows": 0},
        "grades": {"good": 0, "degraded": 0, "bad": 0, "unknown": 0, "unchecked": len(keys)},
        "bytes_proved": False, "root": root,
    }
    lines = [f'"{name}":{json.dumps(value, separators=(",", ":"))},\n' for name, value in head.items()]
    entries = ",\n".join(f'"{key}":["stored","{hash_of}","{hash_of}"]' for key in keys)
    text = "{\n" + "".join(lines) + f'"partitions":{{\n"{DAY}":{{"trades":{{\n{entries}}}}}}},\n'
    file = tmp_path / "million.json"
    file.write_text(text + f'"digest":"{hashlib.sha256(text.encode()).hexdigest()}"}}\n')
    command = [PROGRAM, "verify", str(file), "--lake", str(lake), "--format", "json"]
    with open(tmp_path / "out.json", "w") as out:
        child = subprocess.Popen(command, stdout=out, stderr=subprocess.PIPE, env=environment({}))
        said = child.stderr.read().decode()
        _, status, usage = os.wait4(child.pid, 0)
    assert os.waitstatus_to_exitcode(status) == 1, said
    # Kilobytes on Linux. Parsing, and the list of a million differences for JSON.
    assert usage.ru_maxrss < 900_000, usage.ru_maxrss
    assert "999,999 gone" in said or "1,000,000 gone" in said, said
