"""What other programs find in the newcomer's lake, one word each: python scripts/newcomer.py week|iceberg|sql|hive|flip|report ...

The lake is the folder in MTDH_LAKE. What it holds is counted from its own files, by pyarrow. Ends with 1 where something differs."""

import contextlib
import math
import os
import pathlib
import sys

import pyarrow.compute
import pyarrow.parquet

LAKE = pathlib.Path(os.environ["MTDH_LAKE"])


def objects(data_type, key="*"):
    """The lake's files of a data type and a key."""
    return sorted(LAKE.glob(f"raw_tick_data/by_date/*/data_type-{data_type}/**/{key}.parquet"))


def told(table):
    """Rows, and the sum of their prices and amounts."""
    return (table.num_rows, *(pyarrow.compute.sum(table[name]).as_py() for name in ("price", "amount")))


def trades(key="*"):
    """The same of the lake's trades."""
    names = ["price", "amount"]
    return told(pyarrow.concat_tables(pyarrow.parquet.ParquetFile(path).read(names) for path in objects("trades", key)))


def same(found, of):
    """Whether rows are as many, and sums equal but for the order in which they were made."""
    return found[0] == of[0] and all(math.isclose(a, b, rel_tol=1e-9) for a, b in zip(found[1:], of[1:], strict=True))


def week(path, *keys):
    """One file has the week of three instruments, ordered by time."""
    table = pyarrow.parquet.read_table(path)
    assert set(table["instrument_key"].unique().to_pylist()) == set(keys)
    times = table["local_timestamp"].to_numpy()
    assert (times[1:] >= times[:-1]).all(), "rows are not ordered by time"
    for key in keys:
        of_key = table.filter(pyarrow.compute.equal(table["instrument_key"].cast("string"), key))
        assert same(told(of_key), trades(key)), (key, told(of_key), trades(key))
    return f"{table.num_rows} rows of {len(keys)} instruments"


def iceberg():
    """pyiceberg reads the table of trades by the newest of its metadata."""
    import logging

    from pyiceberg.table import StaticTable

    # It says of every file that words become text.
    logging.disable(logging.WARNING)
    newest = max(LAKE.glob("**/trades/metadata/v*.metadata.json"), key=lambda path: int(path.name[1:].split(".")[0]))
    table = StaticTable.from_metadata(str(newest)).scan(selected_fields=("price", "amount")).to_arrow()
    assert same(told(table), trades()), (told(table), trades())
    return f"{table.num_rows} rows by pyiceberg"


def sql(path):
    """DuckDB runs the views."""
    import duckdb

    duckdb.execute(pathlib.Path(path).read_text())
    rows, price, amount = duckdb.sql("select count(*), sum(price), sum(amount) from trades").fetchall()[0]
    assert same((rows, price, amount), trades()), (rows, price, amount, trades())
    return f"{rows} rows by DuckDB"


def hive(folder):
    """DuckDB reads the folders as Hive's."""
    import duckdb

    files = f"{folder}/trades/**/*.parquet"
    rows, price, amount = duckdb.sql(
        f"select count(*), sum(price), sum(amount) from read_parquet('{files}', hive_partitioning = true)").fetchall()[0]
    assert same((rows, price, amount), trades()), (rows, price, amount, trades())
    return f"{rows} rows of Hive's folders"


def flip(path):
    """Changes one bit of a file, in the bytes of its rows."""
    path = pathlib.Path(path)
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    path.write_bytes(content)
    return f"one bit of {path.name}"


# Every element that shows text stands within the screen, or within a box that scrolls; none is cut.
CUT = """() => [...document.querySelectorAll('body *')].filter(one => {
  const style = getComputedStyle(one), box = one.getBoundingClientRect();
  if (!box.width || !box.height || style.visibility === 'hidden' || one.closest('svg, script, style')) return false;
  const scrolls = [];
  for (let up = one.parentElement; up; up = up.parentElement) scrolls.push(getComputedStyle(up).overflowX);
  const may = scrolls.some(way => way === 'auto' || way === 'scroll');
  const outside = box.right > document.documentElement.clientWidth + 1 && !may;
  const clipped = one.scrollWidth > one.clientWidth + 1 && ['hidden', 'clip'].includes(style.overflowX) && one.textContent.trim();
  return outside || clipped;
}).map(one => one.tagName + '.' + one.className + ': ' + one.textContent.trim().slice(0, 40))"""


@contextlib.contextmanager
def browser():
    """chromium, or None where there is none."""
    sys.path.insert(0, str(pathlib.Path(__file__).parent / "checks"))
    import pytest

    import chromium

    try:
        with chromium.launched() as opened:
            yield opened
    except pytest.skip.Exception as reason:
        print(f"no browser looks at the report: {reason}")
        yield None


def report(path):
    """A report at three widths, light and dark: nothing cut, nothing complained, and axe finds nothing."""
    import axe_playwright_python

    axe = (pathlib.Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
    with browser() as chromium:
        if chromium is None:
            return "no browser"
        for width in (390, 768, 1440):
            for scheme in ("light", "dark"):
                page = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
                said = []
                page.on("console", lambda message: said.append(message.text))
                page.on("pageerror", lambda error: said.append(str(error)))
                page.goto(pathlib.Path(path).absolute().as_uri())
                cut = page.evaluate(CUT)
                assert not cut and not said, (width, scheme, cut[:5], said)
                # axe is run in the page's own world, past its policy.
                found = page.context.new_cdp_session(page).send(
                    "Runtime.evaluate", {"expression": axe + "; axe.run().then(all => JSON.stringify(all.violations.map(one => one.id)))",
                                         "awaitPromise": True, "returnByValue": True})["result"]["value"]
                assert found == "[]", (width, scheme, found)
                page.close()
    return "three widths, light and dark: nothing cut, no message, axe 0"


if __name__ == "__main__":
    print({"week": week, "iceberg": iceberg, "sql": sql, "hive": hive, "flip": flip, "report": report}[sys.argv[1]](*sys.argv[2:]))
