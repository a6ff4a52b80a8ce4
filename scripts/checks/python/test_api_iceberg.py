"""Iceberg tables from Python: published once, and what is refused. What readers see: scripts/checks/readers/test_iceberg.py."""

import json
import pathlib
import shutil

import pytest

import mtdh
from demo_lake import DAY, KEY


@pytest.fixture
def lake(demo_folder, tmp_path):
    return mtdh.Lake(shutil.copytree(demo_folder, tmp_path / "lake"))


def test_tables_are_published_once(lake):
    told = []
    made = lake.publish_iceberg(DAY, data_types="trades", instruments=KEY, verify=True, progress=told.append)
    assert made and made.unreadable == [] and told
    (table,) = made.tables
    assert (table["table"], table["outcome"], table["files"], table["covers"]) == ("trades", "published", 1, "selection")
    document = json.loads(pathlib.Path(made.metadata["trades"]).read_text())
    assert document["snapshots"][0]["summary"]["total-records"] == str(table["rows"])
    assert lake.publish_iceberg(DAY, data_types="trades", instruments=KEY).tables[0]["outcome"] == "unchanged"
    assert "1 files" in repr(made)


def test_what_cannot_be_published_is_said(lake):
    assert not lake.publish_iceberg("2001-01-01", data_types="trades"), "there is nothing of that day"
    with pytest.raises(mtdh.BadRequest, match="limited number"):
        lake.publish_iceberg(max_instruments=3)
    with pytest.raises(mtdh.BadRequest):
        lake.publish_iceberg(timeframes="7m")
