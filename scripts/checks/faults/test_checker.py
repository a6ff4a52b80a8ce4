"""The checker of the tests of faults, checked itself: it is silent about a sound lake, and finds what is planted in one."""

import json
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from checker import findings
from lakes import Folder, Gcs
from plants import KEY, Places, change, more, new, twice, without
from stage import DAY, ask, mtdh, partition, sim
from truth import truth

# What the tests share is made once.
pytestmark = pytest.mark.xdist_group("checker")

TYPES = ["PERP", "OPTION"]
DATA_TYPES = ["trades", "liquidations", "options_chain"]
WORDS = ["--start-date", DAY, "--venues", "DERIBIT", "--instrument-types", *TYPES, "--data-types", *DATA_TYPES]


def rewrite(path, rows, **facts):
    """An object with other rows, and a footer that fits them: only the truth can tell."""
    count = str(rows(pq.read_table(path, partitioning=None)).num_rows)
    change(path, rows, **{"rows_in": count, "rows_out": count, **facts})


swapped = lambda t: pa.concat_tables([t.slice(1, 1), t.slice(0, 1), t.slice(2)])
none = lambda t: t.slice(0, 0)
same = lambda t: t
missing = lambda t: pa.table({f.name: pa.array([{"date": DAY, "instrument_key": KEY, "data_type": "trades"}.get(f.name, "x")], f.type)
                              for f in t.schema})

# A word of what must be found, and what plants it.
PLANTS = [
    ("1 rows are lost", lambda at: rewrite(at.trades, without(4))),
    ("1 rows are doubled", lambda at: rewrite(at.trades, twice)),
    ("row 3 is changed", lambda at: rewrite(at.trades, more("price", 0.5, row=2))),
    ("row 1 is changed or moved", lambda at: rewrite(at.trades, swapped)),
    ("a false empty", lambda at: rewrite(at.trades, none, status="empty")),
    ("a false absent", lambda at: rewrite(at.trades, none, status="absent")),
    ("rows are not conserved", lambda at: rewrite(at.trades, same, rows_rejected="1")),
    ("is another partition", lambda at: rewrite(at.trades, same, data_type="quotes")),
    ("no Parquet file", lambda at: at.trades.write_bytes(at.trades.read_bytes()[:-5])),
    ("a false complete", lambda at: at.trades.unlink()),
    ("a leftover: _tmp/mtdh-x/part", lambda at: new(at.lake / "_tmp/mtdh-x/part")),
    ("a leftover: raw_tick_data", lambda at: new(partition(at.lake, "trades", "DERIBIT:PERP:NO-USD"))),
    ("the instrument table lacks", lambda at: rewrite(at.instruments, without(4))),
    ("the instrument table has", lambda at: rewrite(at.instruments, twice)),
    ("the report of what is missing", lambda at: rewrite(at.missing, missing)),
]


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """What is expected, a sound lake in a folder, a verdict about it, and the vendor."""
    with sim("--small") as vendor:
        expected, path = truth(vendor, DAY, ["deribit"], TYPES, DATA_TYPES), tmp_path_factory.mktemp("sound") / "lake"
        mtdh("full-pipeline", *WORDS, "--lake", path, env=vendor)
        verdict = 0, json.loads(mtdh("validate", *WORDS, "--lake", path, "--format", "json", env=vendor))
        yield expected, path, verdict, vendor


def test_it_is_silent_about_a_sound_lake(sound):
    expected, path, verdict, _ = sound
    kinds = [one.status for one in expected.partitions.values()]
    assert kinds.count("stored") > 20 and kinds.count("empty") > 5, kinds
    assert findings(expected, Folder(path), 0, verdict) == []


@pytest.mark.parametrize("word, plant", PLANTS, ids=[word for word, _ in PLANTS])
def test_what_is_planted_is_found(sound, tmp_path, word, plant):
    expected, path, verdict, _ = sound
    lake = tmp_path / "planted"
    shutil.copytree(path, lake)
    plant(Places(lake))
    found = findings(expected, Folder(lake), 0, verdict)
    assert any(word in text for text in found), found


def test_an_unfinished_upload_is_found(sound):
    expected, _, verdict, vendor = sound
    mtdh("full-pipeline", *WORDS, env=vendor)
    bucket = Gcs(vendor, vendor["GCS_BUCKET"])
    assert findings(expected, bucket, 0, verdict) == []
    ask("POST", f"{vendor['STORAGE_EMULATOR_HOST']}/{bucket.bucket}/raw_tick_data/x?uploads", b"")
    assert findings(expected, bucket, 0, verdict) == ["a leftover: an unfinished upload"]
