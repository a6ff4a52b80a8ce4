"""Exports from Python: made, made again, and what is refused."""

import shutil

import pytest

import mtdh
from demo_lake import DAY

WHAT = {"venues": "DERIBIT", "types": "PERP", "data_types": "trades"}


@pytest.fixture
def lake(demo_folder, tmp_path):
    return mtdh.Lake(shutil.copytree(demo_folder, tmp_path / "lake"))


def test_an_export_is_made_and_made_again(lake, tmp_path):
    out = tmp_path / "hive"
    first = lake.export_hive(out, DAY, **WHAT)
    table = first.tables["trades"]
    assert first and table["linked"] == table["files"] > 0 and first.rows == table["rows"] and first.missing == []
    assert f"{first.rows:,} rows" in repr(first)
    again = lake.export_hive(out, DAY, **WHAT)
    assert again.rows == first.rows and again.tables["trades"]["linked"] == 0
    assert lake.export_hive(out, tables="trades", venues="DERIBIT", types="PERP", delta=True).tables["trades"]["delta_version"] == 0


def test_what_cannot_be_used_is_said(lake, tmp_path):
    with pytest.raises(mtdh.BadRequest, match="in the lake"):
        lake.export_hive(f"{lake.url}/hive", **WHAT)
    with pytest.raises(mtdh.BadRequest, match="is no table"):
        lake.export_hive(tmp_path / "hive", tables="ticks")
    with pytest.raises(mtdh.NotFound, match="nothing of that"):
        lake.export_hive(tmp_path / "hive", "2020-01-01", **WHAT)
