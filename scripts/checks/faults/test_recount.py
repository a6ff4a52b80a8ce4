"""The recount, recounted: it is silent about a sound lake, and finds each thing that is planted in one. What is planted has digests
that fit, where it does not say otherwise, so that the counts alone can tell."""

import json
import shutil
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lakes import assert_right
from plants import KEY, Places, change, flip, more, new, other, place, twice, without, write
from recount import of_folder, recount
from stage import DAY, ROOT, footer, mtdh, partition, sim

# What the tests share is made once.
pytestmark = pytest.mark.xdist_group("recount")

OTHER = "DERIBIT:PERP:ETH-USD"
WORDS = ["--start-date", DAY, "--instruments", "DERIBIT:PERP:*", "--data-types", "trades", "liquidations"]
RANGE = ["--start-date", "2024-02-29", "--end-date", DAY, "--venues", "DERIBIT"]


def fewer(at, by, **facts):
    """The first trades object without a row; its footer goes with it where `facts` says so."""
    rows = int(footer(at.trades)["mtdh.rows_out"])
    change(at.trades, without(by), **{name: str(rows + step) for name, step in facts.items()})


def made_of(at, old, new):
    """Candles whose footer tells of another input."""
    change(at.candles, inputs=footer(at.candles)["mtdh.inputs"].replace(old, new))


def unlike(at):
    """The report of missing data with a row of an object that is there."""
    row = {"date": DAY, "instrument_key": KEY, "data_type": "trades", "status": "missing", "reason": "missing"}
    table = pa.table({field.name: pa.array([row.get(field.name, "x")], field.type) for field in pq.read_schema(at.missing)})
    write(at.missing, table, footer(at.missing))


# What must be found, where ROWS is the number of the object's rows, and what plants it.
PLANTS = [
    ("data_blake3 of", lambda at: change(at.trades, more("price", 0.5))),
    ("{fewer} rows are there; its footer says {rows} in", lambda at: fewer(at, 4)),
    ("rows of {trades} is {rows}", lambda at: fewer(at, 4, rows_in=-1, rows_out=-1)),
    ("{more} rows are there", lambda at: change(at.trades, twice)),
    ("timestamp_min is", lambda at: fewer(at, 0)),
    ("arrived before the row above", lambda at: change(at.trades, arrival_regressions="3")),
    ("0 rows are in quarantine, its footer says 1", lambda at: change(at.trades, rows_in=str(int(footer(at.trades)["mtdh.rows_out"]) + 1), rows_rejected="1")),
    ("its status is empty", lambda at: change(at.trades, status="empty")),
    ("its status is absent", lambda at: change(at.quiet, status="absent")),
    ("another partition", lambda at: change(at.trades, data_type="quotes")),
    ("its source is", lambda at: change(at.trades, source="deribit/trades/2024/03/02/BTC-PERPETUAL.csv.gz")),
    (f"a row is of {OTHER}", lambda at: change(at.trades, other("instrument_key", OTHER))),
    ("cannot be read", lambda at: flip(at.trades, 200)),
    ("not that of mtdh.data_blake3", lambda at: flip(at.trades, 0)),
    ("not that of mtdh.tail_crc32", lambda at: flip(at.trades, place(at.trades.read_bytes(), b"mtdh.data_blake3").start)),
    ("cannot be read", lambda at: at.trades.write_bytes(at.trades.read_bytes()[:-5])),
    ("an object that is not there", lambda at: at.trades.unlink()),
    ("no row in the day's report", lambda at: change(at.report, without(0))),
    ("two rows of", lambda at: change(at.report, twice)),
    ("status of", lambda at: change(at.report, other("status", "absent"))),
    ("`missing` of", unlike),
    ("a key stands there twice", lambda at: change(at.instruments, twice)),
    ("not in the order of the keys", lambda at: change(at.instruments, lambda t: pa.concat_tables([t.slice(1), t.slice(0, 1)]))),
    ("the days' tables have", lambda at: change(at.aggregate, without(3))),
    ("the first that differs", lambda at: change(at.instruments, other("tick_size", 77.0))),
    ("rows are there, its footer says", lambda at: change(at.candles, without(3))),
    ("stale: it was made of `trades", lambda at: made_of(at, "sha256=", "sha256=0")),
    ("stale: it was made of `trades 2024-02-29", lambda at: made_of(at, "2024-02-29 missing", "2024-02-29 none")),
    ("of something else", lambda at: change(at.candles, timeframe="1m")),
    ("a leftover: _tmp/mtdh-x", lambda at: new(at.lake / "_tmp/mtdh-x/part")),
    ("the layout has no such path", lambda at: new(at.trades.with_suffix(".parquet.part"))),
    ("the object whose rows these are is not there", lambda at: new(at.quarantine, b'{"line":2,"reason":"x","text":"y"}\n')),
]


def command(*words):
    ended = subprocess.run([sys.executable, ROOT / "scripts/checks/recount.py", *map(str, words)], capture_output=True, text=True)
    return ended.returncode, ended.stdout


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A sound lake with all that a lake can have."""
    lake = tmp_path_factory.mktemp("sound") / "sound"
    with sim("--small") as vendor:
        mtdh("full-pipeline", *WORDS, "--lake", lake, env=vendor)
        # What candles are made of is told by the tables of the days beside.
        mtdh("instruments", *RANGE, "--lake", lake, env=vendor)
        mtdh("candles", *WORDS, "--timeframes", "1h", "--lake", lake, env=vendor)
    return lake


def test_it_is_silent_about_a_sound_lake(sound, tmp_path):
    objects, leftovers = of_folder(sound)
    assert_right(objects, leftovers)
    kinds = {name.split("/")[0] for name in objects}
    assert kinds >= {"raw_tick_data", "processed_candles", "instrument_availability", "available_tick_data",
                     "missing_data_reports", "runs"}, kinds
    # What must be there, by others' count.
    rows = int(footer(partition(sound, "trades", KEY))["mtdh.rows_out"])
    for extra, status in ((0, 0), (1, 1)):
        (tmp_path / "expected").write_text(json.dumps({str(partition("", "trades", KEY)): rows + extra}))
        assert command("--expect", tmp_path / "expected", sound)[0] == status


@pytest.mark.parametrize("number", range(len(PLANTS)), ids=[word for word, _ in PLANTS])
def test_what_is_planted_is_found(sound, tmp_path, number):
    """Of every eighth the command says so too."""
    lake, (word, plant) = tmp_path / "planted", PLANTS[number]
    trades = partition(sound, "trades", KEY)
    rows = int(footer(trades)["mtdh.rows_out"])
    word = word.format(rows=rows, fewer=rows - 1, more=rows + 1, trades=trades.relative_to(sound))
    shutil.copytree(sound, lake)
    plant(Places(lake))
    found = recount(*of_folder(lake))
    assert any(word in text for text in found), (word, found)
    if number % 8 == 0:
        status, said = command(lake)
        assert status == 1 and found[0] in said, (status, said)


def test_candles_of_other_files_are_stale(sound, tmp_path):
    """The vendor's files become others, and all that is told of them with them, but for the candles."""
    lake, every = tmp_path / "stale", tmp_path / "every"
    shutil.copytree(sound, lake)
    with sim("--small", "--seed", "2") as vendor:
        mtdh("download", *WORDS, "--force", "--lake", lake, env=vendor)
        mtdh("validate", *WORDS, "--lake", lake, env=vendor)
    found = recount(*of_folder(lake))
    assert found and all("stale: it was made of" in text for text in found), found[:5]
    # Of many lakes in one folder, and of none.
    every.mkdir()
    assert command("--every", every)[0] == 1
    shutil.copytree(lake, every / "stale")
    assert command("--every", every)[0] == 1
