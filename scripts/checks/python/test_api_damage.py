"""A flipped bit of an object, by each route: where mtdh reads it raises, where a library opens the file itself that library may
give other values. And what else an object may be that it must not."""

import asyncio
import shutil

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import mtdh
from damage import flip
from demo_lake import DAY, DAY_BEFORE, KEY
from stage import partition


async def amount_async(rows):
    return sum([batch.polars()["price"].sum() async for batch in rows])


# How each route reads the prices, and what it raises where a page of them is damaged. None: it gives other values, without a word.
ROUTES = {
    "polars": (lambda rows: rows.polars()["price"].sum(), mtdh.DamagedObject),
    "pandas": (lambda rows: rows.pandas()["price"].sum(), mtdh.DamagedObject),
    "arrow": (lambda rows: rows.arrow()["price"].to_pandas().sum(), mtdh.DamagedObject),
    "table": (lambda rows: rows.table().polars()["price"].sum(), mtdh.DamagedObject),
    "numpy": (lambda rows: rows.numpy()["price"].sum(), mtdh.DamagedObject),
    "iteration": (lambda rows: sum(batch.polars()["price"].sum() for batch in rows), mtdh.DamagedObject),
    "async iteration": (lambda rows: asyncio.run(amount_async(rows)), mtdh.DamagedObject),
    "reader": (lambda rows: rows.reader().read_all()["price"].to_pandas().sum(), pa.ArrowInvalid),
    "pyarrow.table": (lambda rows: pa.table(rows)["price"].to_pandas().sum(), pa.ArrowInvalid),
    "polars.DataFrame": (lambda rows: pl.DataFrame(rows)["price"].sum(), pl.exceptions.ComputeError),
    "DuckDB's from": (lambda rows: duckdb.sql("select sum(price) from rows").fetchall()[0][0], duckdb.Error),
    "lazy": (lambda rows: rows.lazy().select(pl.col("price").sum()).collect().item(), None),
    "duckdb": (lambda rows: rows.duckdb().aggregate("sum(price)").fetchall()[0][0], None),
    "paths": (lambda rows: sum(pq.read_table(path, columns=["price"])["price"].to_pandas().sum() for path in rows.paths()), None),
}
BY_OTHERS = {"lazy", "duckdb", "paths"}
FOUND = "CRC|checksum|orrupt"


@pytest.fixture(scope="module")
def damaged(demo_folder, tmp_path_factory):
    """A lake with a damaged price."""
    folder = tmp_path_factory.mktemp("damaged") / "lake"
    shutil.copytree(demo_folder, folder)
    flip(partition(folder, "trades", KEY))
    return mtdh.Lake(folder)


@pytest.mark.parametrize("route", ROUTES)
def test_a_flipped_bit(demo, damaged, route):
    read, raised = ROUTES[route]
    right = demo.trades(KEY, DAY).polars()["price"].sum()
    assert read(demo.trades(KEY, DAY)) == pytest.approx(right, rel=1e-12)
    rows = damaged.trades(KEY, DAY)
    if raised is not None:
        with pytest.raises(raised, match=FOUND) as told:
            read(rows)
        assert "DERIBIT:PERP:BTC-USD.parquet" in str(told.value), "the object is named"
        return
    assert route in BY_OTHERS
    other = read(rows)
    assert other != pytest.approx(right, rel=1e-12), "the library does not look"
    with pytest.raises(mtdh.DamagedObject, match="DERIBIT:PERP:BTC-USD.parquet"):
        read(damaged.trades(KEY, DAY, verify=True))


def test_what_is_not_damaged_is_read(damaged):
    assert damaged.trades(KEY, DAY_BEFORE).polars().height > 0
    assert damaged.trades(KEY, DAY, columns=["amount"]).polars().height == 6369, "another column's pages are right"
    with pytest.raises(mtdh.DamagedObject):
        damaged.sql("select 1 from trades", DAY, instruments=KEY, verify=True)


# What an object is made into, what reading says, and what verifying says before others read.
OBJECTS = [
    ("nothing", lambda path: path.write_bytes(b""), mtdh.DamagedObject, mtdh.DamagedObject),
    ("no Parquet", lambda path: path.write_bytes(b"hello, world" * 100), mtdh.DamagedObject, mtdh.DamagedObject),
    ("cut off", lambda path: path.write_bytes(path.read_bytes()[:-100]), mtdh.DamagedObject, mtdh.DamagedObject),
    ("another program's", lambda path: pq.write_table(pa.table({"price": [1.0]}), path), mtdh.DamagedObject, None),
    ("another table", lambda path: shutil.copy(str(path).replace("trades", "quotes"), path), mtdh.DamagedObject, mtdh.DamagedObject),
    ("another day", lambda path: shutil.copy(str(path).replace(DAY, DAY_BEFORE), path), mtdh.DamagedObject, mtdh.DamagedObject),
    ("another key", lambda path: shutil.copy(str(path).replace("BTC", "ETH"), path), mtdh.DamagedObject, mtdh.DamagedObject),
    ("a folder", lambda path: (path.unlink(), path.mkdir()), mtdh.Error, mtdh.Error),
]


@pytest.mark.filterwarnings("ignore:without checksums")
@pytest.mark.parametrize("make, reading, verifying", [case[1:] for case in OBJECTS], ids=[case[0] for case in OBJECTS])
def test_what_is_no_object(own, make, reading, verifying):
    path = partition(own, "trades", KEY)
    make(path)
    lake = mtdh.Lake(own)
    for read in (lambda: lake.trades(KEY, DAY).polars(), lambda: list(lake.trades(KEY, DAY))):
        with pytest.raises(reading) as told:
            read()
        assert KEY in str(told.value)
    if verifying:
        with pytest.raises(verifying):
            lake.trades(KEY, DAY, verify=True).paths()


def test_objects_without_checksums_are_told(own):
    path = partition(own, "trades", KEY)
    # As version 0.1.0 wrote them: our pairs in the footer, and nothing that proves the pages.
    pairs = {name: text for name, text in pq.read_metadata(path).metadata.items() if name != b"ARROW:schema"}
    pq.write_table(pq.read_table(path).replace_schema_metadata(pairs), path)
    with pytest.warns(UserWarning, match="without checksums.*DERIBIT:PERP:BTC-USD.parquet"):
        assert mtdh.Lake(own).trades(KEY, DAY, verify=True).paths() == [str(path)]


def test_an_object_of_a_newer_program(own):
    path = partition(own, "trades", KEY)
    pairs = {**pq.read_metadata(path).metadata, b"mtdh.format_version": b"9999"}
    pairs.pop(b"ARROW:schema", None)
    pq.write_table(pq.read_table(path).replace_schema_metadata(pairs), path)
    with pytest.raises(mtdh.NewerLake, match="9999"):
        mtdh.Lake(own).trades(KEY, DAY).polars()
