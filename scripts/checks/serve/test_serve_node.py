"""JavaScript reads slices as they come: apache-arrow from npm, by `fetch`, against pyarrow.

    npm install --prefix .venv apache-arrow@21.1.0
"""

import json
import os
import shutil

import pyarrow
import pyarrow.compute as pc
import pyarrow.parquet
import pytest

from stage import DAY, ROOT, partition, run

pytestmark = pytest.mark.xdist_group("serve")

KEY = "DERIBIT:PERP:BTC-USD"
# Prints schema and columns of a stream: times as whole microseconds, so that no digit is lost on the way.
READER = """
const { RecordBatchReader, DataType, TimeUnit } = require('apache-arrow')

const plain = (vector, field) => Array.from({length: vector.length}, (_, at) => {
  if (!vector.isValid(at)) return null
  if (!DataType.isTimestamp(field.type)) { const value = vector.get(at); return typeof value === 'bigint' ? String(value) : value }
  let chunk = 0
  while (at >= vector.data[chunk].length) { at -= vector.data[chunk].length; chunk += 1 }
  return String(vector.data[chunk].values[at])
})

async function main(url, coding) {
  const response = await fetch(url, coding ? {headers: {'accept-encoding': coding}} : {})
  if (!response.ok) throw new Error(await response.text())
  const reader = await RecordBatchReader.from(response)
  await reader.open()
  const fields = reader.schema.fields
  const columns = Object.fromEntries(fields.map(field => [field.name, []]))
  let batches = 0
  for await (const batch of reader) {
    batches += 1
    for (const field of fields) columns[field.name].push(...plain(batch.getChild(field.name), field))
  }
  const kind = type => DataType.isDictionary(type) ? 'dictionary of ' + type.dictionary
    : DataType.isTimestamp(type) ? `timestamp ${TimeUnit[type.unit]} ${type.timezone}` : String(type)
  console.log(JSON.stringify({fields: fields.map(field => [field.name, kind(field.type), field.nullable]), columns, batches}))
}

main(...process.argv.slice(1)).catch(error => { console.error(String(error), error.cause ?? ''); process.exit(3) })
"""
MODULES = f"{ROOT}/.venv/node_modules:{os.environ.get('NODE_PATH', '')}"
needs_arrow = pytest.mark.skipif(
    shutil.which("node") is None or not any(os.path.isdir(f"{folder}/apache-arrow") for folder in MODULES.split(":")),
    reason="apache-arrow is not installed (npm install --prefix .venv apache-arrow@21.1.0)")


def node(url, coding="", expect=0):
    """What JavaScript reads at an address."""
    ended = run(["node", "-e", READER, url, coding], expect, env={**os.environ, "NODE_PATH": MODULES})
    return json.loads(ended.stdout) if ended.returncode == 0 else ended.stderr


def plain(table):
    """The columns of a table, as the program above prints them."""
    found = {}
    for name, column in zip(table.schema.names, table.columns):
        if pyarrow.types.is_timestamp(column.type):
            found[name] = [None if value is None else str(value) for value in pc.cast(column, pyarrow.int64()).to_pylist()]
        elif pyarrow.types.is_integer(column.type):
            found[name] = [None if value is None else str(value) for value in column.to_pylist()]
        else:
            found[name] = column.to_pylist()
    return found


def read(url):
    """What pyarrow reads at an address."""
    import urllib.request

    with urllib.request.urlopen(url) as answer:
        return pyarrow.ipc.open_stream(answer.read()).read_all()


@needs_arrow
@pytest.mark.parametrize("data_type", ["trades", "book_snapshot_5", "incremental_book_L2", "derivative_ticker"])
def test_javascript_reads_the_rows_of_the_file(lake, address, data_type, figures):
    found = node(f"{address}/v1/slices/{data_type}/{KEY}?start={DAY}&format=arrow")
    table = pyarrow.parquet.read_table(partition(lake, data_type, KEY))
    assert found["columns"] == plain(table)
    kinds = {name: kind for name, kind, _ in found["fields"]}
    assert kinds["timestamp"] == kinds["local_timestamp"] == "timestamp MICROSECOND UTC"
    assert kinds["instrument_key"] == "dictionary of Utf8"
    figures(rows=table.num_rows)


@needs_arrow
def test_javascript_reads_what_pyarrow_reads(lake, address):
    """Candles that are made for the answer, some columns, several instruments, the other clock."""
    for path in (f"/v1/candles/{KEY}?timeframe=1h&start={DAY}&format=arrow",
                 f"/v1/slices/trades/DERIBIT:PERP:*?start={DAY}&format=arrow&clock=exchange&columns=price,side,instrument_key",
                 f"/v1/slices/trades/{KEY}?start={DAY}&format=arrow&limit=3"):
        table = read(address + path)
        assert table.num_rows > 0 and node(address + path)["columns"] == plain(table), path


@needs_arrow
def test_an_empty_answer_has_columns(lake, address):
    times = pyarrow.parquet.read_table(partition(lake, "trades", KEY))["local_timestamp"].to_pylist()
    before = next(first for first, second in zip(times, times[1:]) if (second - first).total_seconds() > 1)
    start, end = (before.replace(microsecond=0).timestamp() + 1 for _ in range(2))
    moment = lambda seconds, us: __import__("datetime").datetime.fromtimestamp(seconds, __import__("datetime").UTC).strftime(f"%Y-%m-%dT%H:%M:%S.{us:06}")
    url = f"{address}/v1/slices/trades/{KEY}?start={moment(start, 0)}&end={moment(end, 1)}&format=arrow"
    table = read(url)
    found = node(url)
    assert table.num_rows == 0 and found["columns"] == plain(table) and len(found["fields"]) == len(table.schema) > 5


@needs_arrow
@pytest.mark.parametrize("coding", ["gzip", "zstd", "gzip, deflate, br", "identity"])
def test_codings_change_no_row(lake, address, coding):
    found = node(f"{address}/v1/slices/trades/{KEY}?start={DAY}&format=arrow", coding)
    assert found["columns"] == plain(pyarrow.parquet.read_table(partition(lake, "trades", KEY)))


@pytest.mark.needs("node", "https://nodejs.org")
def test_text_is_packed_and_unpacked_by_fetch(lake, address):
    """`fetch` asks for gzip by itself, and hands out the text."""
    url = f"{address}/v1/slices/trades/{KEY}?start={DAY}&format=ndjson"
    program = """
    fetch(process.argv[1]).then(async response => {
      const lines = (await response.text()).trimEnd().split('\\n').map(line => JSON.parse(line))
      console.log(JSON.stringify({coding: response.headers.get('content-encoding'), prices: lines.map(line => line.price)}))
    })"""
    found = json.loads(run(["node", "-e", program, url]).stdout)
    assert found == {"coding": "gzip", "prices": pyarrow.parquet.read_table(partition(lake, "trades", KEY))["price"].to_pylist()}
