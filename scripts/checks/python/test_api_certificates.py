"""Certificates from Python: made, compared, and what is refused."""

import pathlib
import shutil

import pytest

import mtdh
from demo_lake import DAY, KEY

WHAT = {"venues": "DERIBIT", "types": "PERP", "data_types": "trades"}


@pytest.fixture
def lake(demo_folder, tmp_path):
    return mtdh.Lake(shutil.copytree(demo_folder, tmp_path / "lake"))


def test_a_certificate_is_made_and_compared(lake, tmp_path):
    file = tmp_path / "c.json"
    made = lake.certify(DAY, out=file, **WHAT)
    assert made and made.verdict == "complete" and made.digest in file.read_text()
    assert made.digest in repr(made)
    same = mtdh.verify(file, lake.url)
    assert same and same.differences == [] and not same.bytes_read and "no bytes read" in repr(same)
    path = pathlib.Path(lake.url) / f"raw_tick_data/by_date/day-{DAY}/data_type-trades/{KEY}.parquet"
    content = bytearray(path.read_bytes())
    content[60] ^= 1
    path.write_bytes(content)
    found = mtdh.verify(file, lake, read_bytes=True)
    assert not found and [(one["what"], one["instrument_key"]) for one in found.differences] == [("damaged", KEY)]
    path.unlink()
    assert [one["what"] for one in lake.verify(file).differences] == ["gone"]
    assert not lake.certify(DAY, out=file, **WHAT), "what is not complete is certified, and false"


def test_what_cannot_be_used_is_said(lake, tmp_path):
    file = tmp_path / "c.json"
    lake.certify(DAY, out=file, **WHAT)
    file.write_text(file.read_text().replace('"complete"', '"not_complete"', 1))
    with pytest.raises(mtdh.BadRequest, match="edited"):
        lake.verify(file)
    with pytest.raises(mtdh.NotFound, match="no such file"):
        lake.verify(tmp_path / "nowhere.json")
    with pytest.raises(mtdh.BadRequest, match="limited number") as limited:
        lake.certify(DAY, out=file, max_instruments=1, **WHAT)
    assert "instruments=" in limited.value.hint
    with pytest.raises(FileNotFoundError):
        lake.certify(DAY, out=tmp_path / "nowhere" / "c.json", **WHAT)
