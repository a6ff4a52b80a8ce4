"""Recording against the stand-in exchanges: whole way, faults, SIGKILL, limits."""

import datetime
import json
import os
import pathlib
import random
import resource
import shutil
import signal
import subprocess
import time

import pytest

import fast_clock
import read_capture
import stage
import stand_in
from stand_in import SYMBOLS, exchange, gaps, rebuilt, record, recording, rows


# All exchange ids.
VENUES = [*SYMBOLS, "okex-futures", "okex-options", "bybit-options"]


@pytest.mark.parametrize("venue", VENUES)
def test_whole_way(venue, instruments, tmp_path, figures):
    """An instrument by its key: connect, subscribe, record, rows in the lake under that key; the same bytes when they are made again; no
    limit broken."""
    key, symbol = instruments.of[venue]
    lake = tmp_path / "lake"
    shutil.copytree(instruments.lake, lake)
    with exchange(venue, tmp_path / "sim", words=["--rate", "150"], symbol=symbol) as playing:
        summary = record(playing, venue, lake, key=key)
        assert playing.breaches() == []
    assert summary["failures"] == [], summary
    assert summary["unread"] == 0, summary
    assert summary["gaps"] == len(gaps(lake)) == 0, gaps(lake)
    assert summary["messages"] > 5 and summary["rows"] > 5, summary
    assert {path.parent.name for path in lake.glob("live_tick_data/by_date/*/data_type-*/*/*.parquet")} == {key}
    for data_type in ("trades", "incremental_book_L2"):
        times = [row["local_timestamp"] for row in rows(lake, data_type)]
        assert times and times == sorted(times), data_type
    (again,) = rebuilt(lake)
    assert again["differ"] == [] and again["made"] == 0 and again["equal"] == summary["parts"], again
    assert again["rows"] == summary["rows"]
    figures(venues=1, messages=summary["messages"], rows=summary["rows"])


def fault(kind, **where):
    return {"kind": kind, **where}


# What loses nothing: the fault, and where.
HARMLESS = [
    fault("duplicate", data_type="trade", at=5, every=3, times=5),
    fault("duplicate", data_type="book", at=5, every=3, times=5),
    fault({"one_byte_writes": {"count": 5}}, at=20, times=3, every=20),
    fault({"fragments": {"parts": 3}}, at=20, times=5, every=7),
    fault("other_opcode", at=20, times=5, every=7),
    fault("unknown_field", at=20, times=5, every=7),
    fault("frame_with_handshake"),
    fault("no_ack"),
]


@pytest.mark.parametrize("planted", HARMLESS, ids=lambda f: f"{f['kind'] if isinstance(f['kind'], str) else next(iter(f['kind']))} {f.get('data_type', '')}".strip())
@pytest.mark.parametrize("venue", ["binance-futures", "deribit"])
def test_what_loses_nothing_leaves_no_gap(venue, planted, tmp_path):
    lake = tmp_path / "lake"
    with exchange(venue, tmp_path / "sim", [planted]) as playing:
        summary = record(playing, venue, lake)
        assert any(line["what"] != "missed" for line in playing.truth()), "the fault struck"
    assert summary["failures"] == [] and gaps(lake) == [], (summary, gaps(lake))
    ids = [row["id"] for row in rows(lake, "trades")]
    assert ids and len(ids) == len(set(ids))
    assert rebuilt(lake)[0]["differ"] == []


@pytest.mark.parametrize("venue, data_type, table", [
    ("binance", "trade", "trades"),
    ("binance-futures", "trade", "trades"),
    ("deribit", "trade", "trades"),
    ("coinbase", "trade", "trades"),
    ("binance", "book", "incremental_book_L2"),
    ("binance-futures", "book", "incremental_book_L2"),
    ("deribit", "book", "incremental_book_L2"),
    ("okex-swap", "book", "incremental_book_L2"),
    ("bybit", "book", "incremental_book_L2"),
    ("kraken", "book", "incremental_book_L2"),
])
def test_each_planted_hole_is_a_row(venue, data_type, table, tmp_path, figures):
    """Messages that are left out, where the venue's ids or checksums prove it; of trades the table says how many."""
    planted = fault({"drop": {"count": 3}}, data_type=data_type, at=15)
    lake = tmp_path / "lake"
    with exchange(venue, tmp_path / "sim", [planted]) as playing:
        record(playing, venue, lake, seconds=9)
        (truth,) = [line for line in playing.truth() if line["what"] == "drop"]
    found = gaps(lake)
    assert [row["data_type"] for row in found] == [table], found
    (gap,) = found
    assert gap["kind"] in ("sequence", "checksum") and gap["to_local"] > gap["from_local"], gap
    if data_type == "trade":
        assert gap["missing"] == truth["messages"] or gap["missing"] == truth["last"] - truth["first"] + 1, (gap, truth)
    assert rebuilt(lake)[0]["differ"] == []
    figures(holes=1)


@pytest.mark.parametrize("kind", [{"close": {"code": 1000}}, {"close": {"code": 1006}}, {"close": {"code": 1012}}, "reset"], ids=str)
@pytest.mark.parametrize("venue", ["binance", "binance-futures", "deribit"])
def test_a_connection_that_ends_is_opened_again(venue, kind, tmp_path):
    lake = tmp_path / "lake"
    with exchange(venue, tmp_path / "sim", [fault(kind, at=40)]) as playing:
        record(playing, venue, lake, seconds=8)
        struck = [line for line in playing.truth() if line["what"] in ("close", "reset")]
    assert len(struck) == 1
    found = gaps(lake)
    kinds = {row["kind"] for row in found}
    assert "disconnect" in kinds and kinds <= {"disconnect", "sequence", "late_snapshot"}, found
    ended = [row for row in found if row["kind"] == "disconnect"]
    assert len(ended) == 1 and ended[0]["to_local"] > ended[0]["from_local"], ended
    ids = [row["id"] for row in rows(lake, "trades")]
    assert len(ids) == len(set(ids))
    assert rebuilt(lake)[0]["differ"] == []


@pytest.mark.parametrize("planted, said", [
    (fault({"handshake": {"status": 503}}), "503"),
    (fault({"handshake": {"status": 502}}), "502"),
], ids=["503", "502"])
def test_a_door_that_is_closed_for_once_is_tried_again(planted, said, tmp_path):
    lake = tmp_path / "lake"
    with exchange("binance", tmp_path / "sim", [planted]) as playing:
        summary = record(playing, "binance", lake)
    assert summary["rows"] > 20 and gaps(lake) == []


def test_what_can_not_be_read_is_counted_and_captured(tmp_path):
    lake = tmp_path / "lake"
    with exchange("binance", tmp_path / "sim", [fault("malformed", at=30, every=10, times=3)]) as playing:
        summary = record(playing, "binance", lake, expect=1)
    assert summary["unread"] == 3 and summary["rows"] > 20, summary
    assert gaps(lake) == []


def test_capture_only_makes_no_rows_until_it_is_made_again(tmp_path):
    lake = tmp_path / "lake"
    with exchange("binance-futures", tmp_path / "sim") as playing:
        summary = record(playing, "binance-futures", lake, "--capture-only")
    assert summary["rows"] == 0 and summary["lines"] > 20 and rows(lake, "trades") == []
    (again,) = rebuilt(lake)
    assert again["made"] > 0 and again["rows"] > 20 and rows(lake, "trades")


def test_ctrl_c_ends_in_good_order(tmp_path):
    lake = tmp_path / "lake"
    with exchange("binance-futures", tmp_path / "sim") as playing, recording(playing, "binance-futures", lake) as recorder:
        stand_in.wait_for_rows(lake)
        time.sleep(1)
        recorder.send_signal(signal.SIGINT)
        out, error = recorder.communicate(timeout=30)
    assert recorder.returncode == 130, error
    assert not list(lake.glob("live_capture/**/*.open"))
    (again,) = rebuilt(lake)
    assert again["equal"] > 0 and again["differ"] == [] and again["made"] == 0, again


@pytest.mark.parametrize("venue", ["binance", "binance-futures", "okex-swap"])
def test_an_announced_end_is_met_by_a_successor(venue, tmp_path):
    """The successor opens first and takes over by ids: nothing is lost, and each trade of the overlap stands there once."""
    lake = tmp_path / "lake"
    with exchange(venue, tmp_path / "sim", [fault({"announced": {"ms": 9000}}, at=20)]) as playing:
        summary = record(playing, venue, lake, seconds=16)
        assert any(line["what"] == "announced" for line in playing.truth())
        assert playing.breaches() == []
    assert gaps(lake) == [] and summary["failures"] == [], gaps(lake)
    ids = [int(row["id"]) for row in rows(lake, "trades")]
    assert ids == list(range(ids[0], ids[0] + len(ids))), "each trade once, none missing"
    assert rebuilt(lake)[0]["differ"] == []


@pytest.mark.parametrize("venue", ["binance", "binance-futures", "deribit", "okex-swap", "bybit", "kraken"])
def test_two_thousand_streams_break_no_limit(venue, tmp_path):
    """Most of the symbols do not exist: what counts is how they are asked for."""
    lake = tmp_path / "lake"
    names = ",".join([SYMBOLS[venue], *(f"MADE{number}UP" for number in range(1000))])
    with exchange(venue, tmp_path / "sim") as playing:
        words = ["live", "record", "--venues", venue, "--symbols", names, "--data-types", "trades,incremental_book_L2"]
        stage.mtdh(*words, "--lake", lake, "--for", "12s", env=playing.env, expect=(0, 1))
        assert playing.breaches() == []
    assert any(kind == "<" for lines in captured(lake).values() for _, kind in lines)


def test_a_disk_that_takes_no_more_loses_nothing_that_is_written(tmp_path):
    """Files may not grow beyond a bound, as on a full disk: reading stops, the end says so, and the next start goes on."""
    lake = tmp_path / "lake"
    with exchange("binance-futures", tmp_path / "sim", words=["--rate", "4000"], clock=fast_clock.Clock(1)) as playing:
        words = stand_in.words_of("binance-futures", lake, "--for", "8s", "--parts", "2s")
        bound = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
        ended = stage.run([stage.PROGRAM, *words], expect=1, env=stage.environment(playing.env), preexec_fn=bound)
        assert "cannot be written" in ended.stderr, ended.stderr
        summary = record(playing, "binance-futures", lake, seconds=3)
    assert summary["failures"] == [], summary
    ids = [row["id"] for row in rows(lake, "trades")]
    assert ids and len(ids) == len(set(ids))
    assert {row["kind"] for row in gaps(lake)} >= {"crash"}
    (again,) = rebuilt(lake)
    assert again["differ"] == [] and again["sessions"] == 2, again


def test_a_disk_that_has_room_again_loses_nothing(tmp_path):
    """Files may not grow beyond a bound, and then they may: meanwhile nothing is read, and what was read before is there."""
    lake = tmp_path / "lake"
    with exchange("binance-futures", tmp_path / "sim", words=["--rate", "4000"]) as playing:
        words = [str(word) for word in [stage.PROGRAM, *stand_in.words_of("binance-futures", lake, "--parts", "1s", "--format", "json")]]
        bound = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, resource.RLIM_INFINITY))
        recorder = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=stage.environment(playing.env), preexec_fn=bound)
        try:
            said = next(line for line in recorder.stderr if "cannot be written" in line)
            assert "nothing is read" in said
            time.sleep(1)
            resource.prlimit(recorder.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            time.sleep(2)
            recorder.send_signal(signal.SIGINT)
            out, error = recorder.communicate(timeout=30)
        finally:
            recorder.kill()
            recorder.wait(timeout=30)
    (summary,) = json.loads(out)["venues"]
    assert summary["failures"] == [] and summary["unread"] == 0, (summary, error)
    overloads = [row for row in gaps(lake) if row["kind"] == "overload"]
    assert overloads and all(row["to_local"] > row["from_local"] for row in overloads), gaps(lake)
    ids = [row["id"] for row in rows(lake, "trades")]
    assert len(ids) == len(set(ids)) and len(ids) > 1000
    (again,) = rebuilt(lake)
    assert again["differ"] == [] and again["made"] == 0 and again["rows"] == summary["rows"], (again, summary)


def test_two_recorders_of_the_same(tmp_path):
    """The second refuses and names the first; other symbols are recorded beside it; after SIGKILL the next goes on at once."""
    lake = tmp_path / "lake"
    with exchange("binance-futures", tmp_path / "sim", symbol="BTCUSDT,ETHUSDT") as playing:
        with recording(playing, "binance-futures", lake) as first:
            stand_in.wait_for_rows(lake)
            words = stand_in.words_of("binance-futures", lake, "--for", "2s")
            refused = stage.run([stage.PROGRAM, *words], expect=2, env=stage.environment(playing.env))
            assert f"process {first.pid} of " in refused.stderr, refused.stderr
            beside = record(playing, "binance-futures", lake, seconds=2, symbol="ETHUSDT")
            first.send_signal(signal.SIGKILL)
            first.wait(timeout=30)
        after = record(playing, "binance-futures", lake, seconds=2)
    assert beside["failures"] == after["failures"] == [] and beside["rows"] > 0 and after["rows"] > 0
    assert not list(lake.glob("live_capture/**/*.claim"))
    (again,) = rebuilt(lake)
    assert again["differ"] == [] and again["made"] == 0 and again["sessions"] == 3, again


def test_a_recording_of_others_is_replayed(tmp_path):
    """Recorded traffic of the exchange itself, where it is there: rows, no gap, and the same again."""
    recorded = pathlib.Path(os.environ.get("MTDH_RECORDED", stage.ROOT.parent / "shared/data")) / "live/usdm_btcusdt_20240808.gz"
    if not recorded.exists():
        pytest.skip("there is no recorded data")
    lake, words = tmp_path / "lake", ["live", "replay", recorded, "--venue", "binance-futures", "--format", "json", "--lake", tmp_path / "lake"]
    replayed = json.loads(stage.mtdh(*words))
    assert replayed["rows_by_type"]["trades"] == 21313 and replayed["rows_by_type"]["book_ticker"] == 66089
    assert (replayed["messages"], replayed["unread"], replayed["gaps"]) == (93954, 0, 0)
    assert len(rows(lake, "trades")) == 21313, "the day is over, so that its object is made"
    assert json.loads(stage.mtdh(*words)) | {"parts": 6, "parts_there": 0} == replayed, "again, with nothing changed"
    assert len(rows(lake, "trades")) == 21313


def captured(lake):
    """The messages of all sealed segments, by session in the order of their starts: when, and `<` for one that was received."""
    found = {}
    for path in sorted(lake.glob("live_capture/**/*.mtr")):
        session = path.stem.split("-")[1]
        for _, text in read_capture.lines(path.read_bytes()):
            at, _, kind, _ = read_capture.message(text)
            found.setdefault(session, []).append((at, kind))
    return found


def test_sigkill_at_any_moment_doubles_nothing(tmp_path, figures, tell):
    """A recorder is killed and started again, at random moments; `MTDH_KILLS` says how often."""
    kills, lake = int(os.environ.get("MTDH_KILLS", "15")), tmp_path / "lake"
    ends = []
    chance = random.Random(int(os.environ.get("MTDH_KILL_SEED", "1")))
    clock = fast_clock.Clock(3)
    with exchange("binance-futures", tmp_path / "sim", seconds=400 + kills * 40, words=["--rate", "700"], clock=clock) as playing:
        for _ in range(kills):
            before = stand_in.open_segments(lake)
            with recording(playing, "binance-futures", lake, "--parts", "1s") as recorder:
                stand_in.wait_for_rows(lake, before)
                clock.sleep(chance.uniform(0, 2.5))
                ends.append(clock.now())
                recorder.send_signal(signal.SIGKILL)
                recorder.wait(timeout=30)
        summary = record(playing, "binance-futures", lake, seconds=3)
    assert summary["failures"] == [], summary
    assert not list(lake.glob("live_capture/**/*.open"))
    found = captured(lake)
    assert len(found) == kills + 1
    # One that is killed at once has sent its subscriptions, and may have written nothing that came: the age of its last line bounds
    # what it lost all the same.
    last = [datetime.datetime.fromisoformat(found[session][-1][0][:26] + "+00:00").timestamp() for session in found]
    ages = sorted(end - at for end, at in zip(ends, last))
    lost = ages[-1]
    # Of what was read, 150 ms wait for the next write; the rest is the machine's, which may be busy.
    assert lost < 1 * clock.speed, f"the last line of a killed session is {lost:.3f} s old"
    tell(f"age of the last line of a killed session: median {ages[kills // 2] * 1000:.0f} ms, at most {lost * 1000:.0f} ms")
    crashes = [row for row in gaps(lake) if row["kind"] == "crash"]
    assert len(crashes) == kills, crashes
    trades = rows(lake, "trades")
    ids = [row["id"] for row in trades]
    assert len(ids) == len(set(ids)) and len(ids) > 100
    (again,) = rebuilt(lake)
    assert again["differ"] == [] and again["made"] == 0 and again["sessions"] == kills + 1, again
    figures(kills=kills, trades=len(ids))


def findings(lake):
    """What the lake keeps of the checks of a recording, without when and by whom it was checked."""
    found = []
    for path in sorted(pathlib.Path(lake).glob("live_check_reports/by_date/*/*.parquet")):
        lines = stand_in.pq.read_table(path).to_pylist()
        found += [{name: cell for name, cell in line.items() if name not in ("checked", "made_by")} for line in lines]
    return sorted(found, key=str)


def test_a_killed_recording_is_one_with_what_its_captures_tell(tmp_path, figures):
    """Killed twice and resumed, a lake has the rows, gaps and findings that a lake has which is made of the captures alone."""
    lake, again, words = tmp_path / "lake", tmp_path / "again", ["--parts", "2s", "--check", "--candles", "15s"]
    planted = [fault({"drop": {"count": 3}}, data_type="trade", at=60, every=200, times=5)]
    with exchange("binance", tmp_path / "sim", planted, words=["--rate", "200"]) as playing:
        for _ in range(2):
            before = stand_in.open_segments(lake)
            with recording(playing, "binance", lake, *words) as recorder:
                stand_in.wait_for_rows(lake, before)
                time.sleep(3)
                recorder.send_signal(signal.SIGKILL)
                recorder.wait(timeout=30)
        summary = record(playing, "binance", lake, *words, seconds=8)
    assert summary["failures"] == [], summary
    if len(stand_in.days(lake)) > 1:
        pytest.skip("midnight came between")
    shutil.copytree(lake / "live_capture", again / "live_capture")
    (made,) = rebuilt(again)
    assert made["differ"] == [] and made["sessions"] == 3 and made["gaps_made"] == len(gaps(lake)), made
    for data_type in ("trades", "incremental_book_L2", "book_ticker"):
        assert rows(again, data_type) == rows(lake, data_type) != [], data_type
    assert gaps(again) == gaps(lake) and {row["kind"] for row in gaps(lake)} >= {"crash", "sequence"}
    kept, told = findings(lake), findings(again)
    names = lambda lines: sorted((line["instrument_key"], line["data_type"], line["check"]) for line in lines if line["check"])
    counted = lambda lines: {(line["instrument_key"], line["data_type"]): line["rows"] for line in lines}
    assert counted(kept) == counted(told), "rows that were looked at"
    assert names(kept) == names(told)
    figures(kills=2, gaps=len(gaps(lake)), findings=len(names(kept)))
