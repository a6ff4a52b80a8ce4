"""What a lake is for, a sync, removing and the evidence for a partition, from Python."""

import shutil

import pytest

import mtdh
from demo_lake import DAY, KEY

WHAT = {"venues": "DERIBIT", "types": "PERP", "data_types": "trades"}


@pytest.fixture
def lake(demo_folder, tmp_path):
    folder = shutil.copytree(demo_folder, tmp_path / "lake")
    with mtdh.demo(folder, fill=False) as lake:
        yield lake


def test_what_is_wanted_comes(lake):
    assert lake.wanted() is None
    with pytest.raises(mtdh.Error):
        lake.sync(progress=False)
    lake.want("majors", DAY, DAY, candles="1h", **WHAT)
    [wanted] = lake.wanted()
    assert (wanted["set"], wanted["venues"], wanted["candles"], wanted["until"]) == ("majors", ["DERIBIT"], ["1h"], DAY)
    with pytest.raises(mtdh.Error):
        lake.want("majors", DAY, venues="DERIBIT")
    told = []
    report = lake.sync(progress=told.append)
    assert report and report.sets[0]["name"] == "majors", report.document
    assert told
    lake.unwant("majors")
    assert lake.wanted() == []


def test_what_is_removed_is_looked_up_first(lake, tmp_path):
    found = lake.rm(DAY, instruments=KEY, data_types="trades")
    assert found and not found.removed and len(found.objects) == 1
    lake.certify(DAY, out=tmp_path / "c.json", **WHAT)
    with pytest.raises(mtdh.BadRequest, match="certificate") as told:
        lake.rm(DAY, instruments=KEY, data_types="trades", yes=True)
    assert "break_certificates" in told.value.hint
    assert lake.rm(DAY, instruments=KEY, data_types="trades", yes=True, break_certificates=True).removed
    assert not lake.rm(DAY, instruments=KEY, data_types="trades")
    [why] = lake.why(KEY, DAY, "trades")
    assert not why and why.status == "missing"


def test_the_evidence(lake):
    all_types = lake.why(KEY, DAY)
    assert {why.document["why"]["data_type"] for why in all_types} >= {"trades", "quotes"}
    [why] = [why for why in all_types if why.document["why"]["data_type"] == "trades"]
    assert why and why.evidence["rows"]["in"] > 0
    assert str(why).count("\n") == 9 and str(why).startswith("status: stored")
    with pytest.raises(mtdh.UnknownInstrument, match="perhaps"):
        lake.why(KEY + "D", DAY)
    with pytest.raises(mtdh.BadRequest):
        lake.why(KEY, "2024-03")
