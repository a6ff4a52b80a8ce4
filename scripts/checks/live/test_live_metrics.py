"""The metrics of a recording: what the address and the file say is Prometheus' text format, and agrees with the summary and the lake.

The reader here takes what prometheus.io/docs/instrumenting/exposition_formats (text format 0.0.4, read 2026-11-30) has and nothing else."""

import collections
import json
import re
import time
import urllib.error
import urllib.request

import pytest

import fast_clock
import stage
from stand_in import exchange, gaps, recording, rows

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"'
SAMPLE = re.compile(rf"({NAME})\{{({LABEL}(?:,{LABEL})*)\}} (\S+)")
# Their types, and their labels beside the exchange.
METRICS = {
    "mtdh_live_messages_total": ("counter", []),
    "mtdh_live_rows_total": ("counter", []),
    "mtdh_live_disconnects_total": ("counter", []),
    "mtdh_live_gaps_total": ("counter", ["kind"]),
    "mtdh_live_findings_total": ("counter", ["check", "severity"]),
    "mtdh_live_last_message_age_seconds": ("gauge", []),
    "mtdh_live_lag_seconds": ("gauge", []),
}


def read(text):
    """Samples by metric: labels, a value each. Every line must be one of the format, in its order: help, type, samples."""
    assert text.endswith("\n"), "the last line ends too"
    found, types, current = {}, {}, None
    for line in text.splitlines():
        if line.startswith("# HELP "):
            current, help_text = re.fullmatch(rf"# HELP ({NAME}) (.+)", line).groups()
            assert current not in found, f"{current} stands together"
            assert "\\" not in help_text
            found[current] = {}
        elif line.startswith("# TYPE "):
            name, kind = re.fullmatch(rf"# TYPE ({NAME}) (counter|gauge)", line).groups()
            assert name == current and name not in types and not found[name], line
            types[name] = kind
        else:
            sample = SAMPLE.fullmatch(line)
            assert sample, f"no line of the format: {line!r}"
            assert sample[1] == current and current in types, line
            labels = tuple(sorted(re.findall(LABEL, sample[2])))
            assert labels not in found[current], f"twice: {line}"
            found[current][labels] = float(sample[len(sample.groups())])
    assert {name: types[name] for name in found} == types
    return found, types


def one(samples, **labels):
    """The sample of these labels; 0: there is none."""
    return samples.get(tuple(sorted(labels.items())), 0)


@pytest.mark.parametrize("text, ends", [
    ("# HELP a b\n# TYPE a counter\na{b=\"c\"} 1", "the last line"),
    ("# TYPE a counter\na{b=\"c\"} 1\n", "a"),
    ("# HELP a b\n# TYPE a counter\na{b=\"c\"} 1\na{b=\"c\"} 2\n", "twice"),
    ("# HELP a b\n# TYPE a counter\na{b=c} 1\n", "no line"),
    ("# HELP a b\n# TYPE a counter\na{b=\"c\"} one\n", "could not convert"),
])
def test_the_reader_refuses_what_is_not_of_the_format(text, ends):
    with pytest.raises((AssertionError, ValueError), match=ends):
        read(text)


def test_the_address_and_the_file_agree_with_the_summary(tmp_path):
    lake, file, said = tmp_path / "lake", tmp_path / "metrics.prom", tmp_path / "said"
    # A connection that ends, and messages that are left out.
    faults = [{"kind": {"close": {"code": 1006}}, "at": 150}, {"kind": {"drop": {"count": 3}}, "data_type": "trade", "at": 15}]
    words = ["--data-types", "trades,incremental_book_L2", "--metrics-address", "127.0.0.1:0", "--metrics-file", file, "--for", "7s"]
    # The address is read by the clock of this process.
    clock = fast_clock.Clock(1)
    with exchange("binance-futures", tmp_path / "sim", faults, words=["--rate", "150"], clock=clock) as playing, said.open("w") as log:
        with recording(playing, "binance-futures", lake, *words, stderr=log) as recorder:
            stage.wait_until(lambda: re.search(r"http://\S+/metrics", said.read_text()), said.read_text)
            url = re.search(r"http://\S+/metrics", said.read_text())[0]
            counted, types, ages = [], None, []
            end = time.monotonic() + 5
            while time.monotonic() < end:
                with urllib.request.urlopen(url, timeout=10) as answer:
                    assert answer.headers["content-type"] == "text/plain; version=0.0.4"
                    found, types = read(answer.read().decode())
                counted.append(found)
                ages.extend(found["mtdh_live_last_message_age_seconds"].values())
                time.sleep(0.5)
            with pytest.raises(urllib.error.HTTPError, match="404"):
                urllib.request.urlopen(url + "/more", timeout=10)
            out, _ = recorder.communicate(timeout=60)
    assert types == {name: kind for name, (kind, _) in METRICS.items()}
    for samples in counted:
        for name, (kind, more) in METRICS.items():
            for labels, value in samples[name].items():
                assert [label for label, _ in labels] == sorted(["exchange", *more]), (name, labels)
                assert ("exchange", "binance-futures") in labels, (name, labels)
                # The clocks of an exchange and of a recorder differ.
                assert value >= 0 or name == "mtdh_live_lag_seconds", (name, value)
    # A counter never falls.
    for before, after in zip(counted, counted[1:]):
        for name, (kind, _) in METRICS.items():
            if kind == "counter":
                assert all(after[name].get(labels, 0) >= value for labels, value in before[name].items()), (name, before, after)
    assert ages and max(ages) < 60
    last, _ = read(file.read_text())
    (summary,) = json.loads(out)["venues"]
    here = {"exchange": "binance-futures"}
    assert one(last["mtdh_live_rows_total"], **here) == summary["rows"] > 100, (last, summary)
    assert 0 < one(last["mtdh_live_messages_total"], **here) <= summary["rows"], (last, summary)
    assert one(last["mtdh_live_rows_total"], **here) == len(rows(lake, "trades")) + len(rows(lake, "incremental_book_L2"))
    table = collections.Counter(row["kind"] for row in gaps(lake))
    assert table["disconnect"] == 1 and table["sequence"] >= 1, table
    told = {dict(labels)["kind"]: value for labels, value in last["mtdh_live_gaps_total"].items()}
    assert told == table, "the file was written at the end"
    assert one(last["mtdh_live_disconnects_total"], **here) == 1
    assert one(counted[-1]["mtdh_live_rows_total"], **here) > one(counted[0]["mtdh_live_rows_total"], **here)
