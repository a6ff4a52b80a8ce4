"""A server over gs:// and s3://, whose bucket goes away, changes and lies; and a folder whose bits flip. Every answer is right, or a
clear error, or broken off so that no client takes it for a whole one."""

import json
import re
import shutil
import threading
import time
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pyarrow.ipc
import pyarrow.parquet
import pytest

import gate
import lakes
import raw
import served
import stage
from stage import DAY, mtdh, partition

pytestmark = pytest.mark.xdist_group("serve-buckets")

KEY = "DERIBIT:PERP:BTC-USD"
NEXT = "2024-03-02"
TYPES = ["trades", "book_snapshot_5", "incremental_book_L2"]
BOTH = f"start={DAY}&end={NEXT}"
OPTIONS = {"exchange": "deribit", "symbols": ["BTC-PERPETUAL"], "from": DAY, "to": "2024-03-03"}
replay = lambda *types: "/replay-normalized?options=" + urllib.parse.quote(json.dumps({**OPTIONS, "dataTypes": list(types)}))
# Each kind of route that reads rows, and those that read tables.
ROWS = [
    *(f"/v1/slices/incremental_book_L2/{KEY}?{BOTH}&format={form}" for form in ("csv", "ndjson", "arrow", "parquet", "json&limit=100000")),
    f"/v1/slices/trades/{KEY}?{BOTH}&format=csv", f"/v1/slices/trades/{KEY}?{BOTH}&format=arrow&clock=exchange",
    f"/v1/slices/book_snapshot_5/{KEY}?{BOTH}&format=arrow",
    f"/v1/candles/{KEY}?{BOTH}&timeframe=1h&format=csv", f"/v1/candles/{KEY}?{BOTH}&timeframe=1m&format=arrow",
    f"/v1/book/{KEY}?at={NEXT}T12:00&depth=5&source=snapshot", f"/v1/book/{KEY}?at={NEXT}T12:00&depth=25&source=changes",
    replay("trade"), replay("book_change"), replay("trade", "book_snapshot_5_1m", "trade_bar_60m"),
    f"/v1/slices/trades/{KEY}/count?start={NEXT}",
]
TABLES = [f"/v1/instruments/{KEY}?day={DAY}", f"/v1/symbols?symbols=BTC-PERPETUAL&day={DAY}", f"/v1/coverage?{BOTH}&by=type",
          f"/v1/partitions/{NEXT}/trades/{KEY}"]
PACKED = {"accept-encoding": "gzip"}


def plain(body):
    """A body without the moments at which the lake was looked at, and without the versions of objects in an address."""
    return re.sub(rb'cursor=[0-9a-f]{16}', b"cursor=", re.sub(rb'"as_of":"[^"]*"', b'"as_of":""', body))


def ask(address, paths=(*ROWS, *TABLES), **headers):
    """The answers to paths, some at a time."""
    def one(path):
        answer = gate.Answer(address, path, **headers)
        answer.body = plain(answer.body)
        return answer

    with ThreadPoolExecutor(6) as pool:
        return dict(zip(paths, pool.map(one, paths)))


WORDS = ["--end-date", NEXT, "--venues", "DERIBIT", "--instruments", KEY, "--data-types", *TYPES]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, vendor):
    """The lake in a folder."""
    folder = tmp_path_factory.mktemp("away") / "lake"
    mtdh("download", *WORDS, "--start-date", DAY, "--lake", folder, env=vendor)
    return folder


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    """Files with other rows that are objects of the second day, too: as of a second version of the vendor's."""
    folder = tmp_path_factory.mktemp("others") / "lake"
    with stage.sim("--seed", "7") as variables:
        mtdh("download", *WORDS, "--start-date", NEXT, "--lake", folder, env=stage.vendor_only(variables))
    return {data_type: partition(folder, data_type, KEY, NEXT).read_bytes() for data_type in TYPES}


@pytest.fixture(scope="module")
def expected(folder):
    """What each path answers where nothing fails."""
    with served.server(folder) as address:
        answers = ask(address)
    assert all(answer.status == 200 and answer.is_whole and len(answer.body) > 50 for answer in answers.values())
    return {path: answer.body for path, answer in answers.items()}


def bucket_of(kind, request):
    """An empty lake in a bucket."""
    if kind == "gcs":
        store = request.getfixturevalue("store")
        return lakes.Gcs(store, store["GCS_BUCKET"], "served"), "STORAGE_EMULATOR_HOST"
    client, env = request.getfixturevalue("s3_server")
    return lakes.S3(client, "lake", "served", env), "AWS_ENDPOINT"


def put(lake, name, content):
    """Replaces an object."""
    if isinstance(lake, lakes.S3):
        lake.client.put_object(Bucket=lake.bucket, Key=lake.prefix + name, Body=content)
    else:
        where = f"{lake.vendor['STORAGE_EMULATOR_HOST']}/upload/storage/v1/b/{lake.bucket}/o?uploadType=media&name="
        request = urllib.request.Request(where + urllib.parse.quote(lake.prefix + name, safe=""), data=content, method="POST")
        urllib.request.urlopen(request).read()


@pytest.fixture(scope="module", params=["gcs", "s3"])
def bucket(request, vendor):
    """The lake in a bucket, and a server whose way to it leads through a gate."""
    lake, variable = bucket_of(request.param, request)
    mtdh("download", *WORDS, "--start-date", DAY, "--lake", lake.url, env={**vendor, **lake.env})
    with gate.opened(lake.env[variable]) as way:
        with served.server(lake.url, env={**lake.env, variable: way.address}) as address:
            yield lake, way, address


@pytest.fixture
def way(bucket):
    """The gate, open again after each test."""
    yield bucket[1]
    bucket[1].rule = lambda method, path: None


def object_name(data_type, day=NEXT):
    return f"raw_tick_data/by_date/day-{day}/data_type-{data_type}/{KEY}.parquet"


def test_a_bucket_is_served_as_a_folder_is(bucket, expected):
    _, _, address = bucket
    for path, answer in ask(address).items():
        assert answer.status == 200 and answer.is_whole, (path, answer.status, answer.body[:300])
        if path not in TABLES:
            assert answer.body == expected[path], path


def test_a_bucket_that_is_down_is_a_clear_error_until_it_is_back(bucket, way, expected):
    lake, _, address = bucket
    how = "reset" if isinstance(lake, lakes.S3) else 503
    way.rule = lambda method, path: how
    for path, answer in ask(address, ROWS).items():
        assert answer.comes_to([]) == "refused" and answer.status in (503, 504), (path, answer.status)
        assert b"127.0.0.1" not in answer.body and b"_tick" not in answer.body.replace(path.encode(), b""), answer.body
    assert gate.Answer(address, "/health").status == 200
    way.rule = lambda method, path: None
    for path, answer in ask(address, ROWS).items():
        assert answer.comes_to([expected[path]]) == "right", path


@pytest.mark.parametrize("fault", [("reset",), ("cut", 1000), ("flip", 5000), (404,)])
def test_what_fails_in_mid_answer_is_never_a_whole_one(bucket, way, expected, fault, figures):
    """The second day cannot be read when its turn comes; what is wrong in passing may be right at another try."""
    _, _, address = bucket
    what = fault[0] if len(fault) == 1 else fault
    way.rule = lambda method, path: what if method == "GET" and f"day-{NEXT}/data_type-" in path and "list-type" not in path else None
    found = {path: answer.comes_to([expected[path]]) for path, answer in ask(address, ROWS).items()}
    if fault[0] != "flip":
        # A count needs the footer alone, which may be known.
        assert {path for path in found if found[path] == "right"} <= {ROWS[-1]}, found
        streamed = [path for path in ROWS if "incremental_book_L2" in path and "json&" not in path]
        assert "broken" in {found[path] for path in streamed}, found
    packed = ask(address, ROWS[:2], **PACKED)
    assert all(answer.comes_to([]) in ("broken", "refused") for answer in packed.values() if fault[0] != "flip")
    figures(**{one: list(found.values()).count(one) for one in ("right", "refused", "broken")})


def test_an_object_that_is_replaced_in_mid_answer(bucket, way, expected, others, figures):
    """While an answer is on its way its second day becomes another one: it is all old, all new, or an error."""
    lake, _, address = bucket
    for path in [ROWS[2], replay("book_change"), f"/v1/candles/{KEY}?{BOTH}&timeframe=1h&format=csv"]:
        data_type = "trades" if "candles" in path else "incremental_book_L2"
        name, old = object_name(data_type), lake.read(object_name(data_type))
        seen, once = [], threading.Lock()

        def replace(method, asked):
            if name in asked and method == "GET" and "list-type" not in asked:
                with once:
                    if not seen:
                        seen.append(asked)
                        put(lake, name, others[data_type])

        way.rule = replace
        answer = gate.Answer(address, path)
        way.rule = lambda method, path: None
        new = gate.Answer(address, path)
        assert seen and new.is_whole
        figures(**{answer.comes_to([expected[path], new.body]): 1})
        put(lake, name, old)
        time.sleep(0.01)
        assert gate.Answer(address, path).comes_to([expected[path]]) == "right", path


def test_a_day_that_is_synced_meanwhile_is_recounted(request, vendor):
    """A server over a bucket sees a day that comes, within a minute; pyarrow counts its rows by slices and by files."""
    store = request.getfixturevalue("store")
    lake = lakes.Gcs(store, store["GCS_BUCKET"], "synced")
    words = ["--venues", "DERIBIT", "--instruments", KEY, "--data-types", *TYPES, "--lake", lake.url]
    mtdh("download", "--start-date", DAY, *words, env={**vendor, **lake.env})
    document = lambda path: json.loads(urllib.request.urlopen(address + path).read())
    with served.server(lake.url, env=lake.env) as address:
        assert document(f"/v1/coverage?{BOTH}")["total"]["stored"] == len(TYPES)
        mtdh("download", "--start-date", NEXT, *words, env={**vendor, **lake.env})
        start = time.monotonic()
        while (total := document(f"/v1/coverage?{BOTH}")["total"])["stored"] != 2 * len(TYPES):
            assert time.monotonic() - start < 60, total
            time.sleep(0.5)
        rows = 0
        for data_type in TYPES:
            of_slice = sum(batch.num_rows for batch in pyarrow.ipc.open_stream(urllib.request.urlopen(
                f"{address}/v1/slices/{data_type}/{KEY}?{BOTH}&format=arrow")))
            files = [one["url"] for one in document(f"/v1/paths/{data_type}/{KEY}?{BOTH}")["paths"]]
            of_files = sum(pyarrow.parquet.read_table(pyarrow.BufferReader(urllib.request.urlopen(url).read())).num_rows for url in files)
            in_bucket = sum(pyarrow.parquet.read_table(pyarrow.BufferReader(lake.read(object_name(data_type, day)))).num_rows for day in (DAY, NEXT))
            assert of_slice == of_files == in_bucket > 0 and len(files) == 2, data_type
            rows += of_slice
        assert total["rows"] == rows


# --- a folder


def test_a_flipped_bit_is_found_by_every_route(folder, expected, tmp_path, figures):
    """A bit of each object, at its start, in its rows, in its footer and at its end: no route serves what it makes of it."""
    lake = tmp_path / "lake"
    shutil.copytree(folder, lake)
    names = [*(object_name(data_type) for data_type in TYPES), f"instrument_availability/by_date/day-{DAY}/instruments.parquet"]
    with served.server(lake) as address:
        for name in names:
            content = (lake / name).read_bytes()
            for place in (1, 60, len(content) // 2, len(content) - 200, len(content) - 7):
                damaged = bytearray(content)
                damaged[place] ^= 4
                (lake / name).write_bytes(damaged)
                found = ask(address)
                counts = {"right": 0, "refused": 0, "broken": 0}
                for path, answer in found.items():
                    if path.startswith("/v1/coverage") or path.startswith("/v1/partitions"):
                        # They tell of what they cannot trust, and count it as missing.
                        assert answer.status in (200, 404, 500), (path, answer.status)
                        continue
                    counts[answer.comes_to([expected[path]])] += 1
                    assert str(lake).encode() not in answer.body
                # The first four bytes say only what kind of file it is: rows that are read without them are right.
                if name in names[:3] and place > 3:
                    reads = [path for path in ROWS if f"/slices/{TYPES[names.index(name)]}/" in path and "count" not in path]
                    wrong = [path for path in reads if found[path].comes_to([expected[path]]) == "right"]
                    assert not wrong, (name, place, wrong)
                figures(**counts)
            (lake / name).write_bytes(content)


def test_what_fails_has_no_usual_end_in_http_1_0_either(folder, expected, tmp_path):
    """HTTP/1.0 has no mark of an answer's end but that of its connection, and proxies speak it to servers: a part must not look whole."""
    lake = tmp_path / "lake"
    shutil.copytree(folder, lake)
    with served.server(lake) as address:
        request = f"GET {ROWS[0]} HTTP/1.0\r\nhost: localhost\r\n\r\n".encode()
        answer = raw.told(address, request)
        assert raw.status(answer) == 200 and answer.partition(b"\r\n\r\n")[2] == expected[ROWS[0]]
        target = partition(lake, "incremental_book_L2", KEY, NEXT)
        content = bytearray(target.read_bytes())
        content[len(content) // 2] ^= 4
        target.write_bytes(content)
        with raw.connect(address) as connection:
            connection.sendall(request)
            found = connection.recv(1 << 16)
            assert raw.status(found) == 200
            with pytest.raises(ConnectionResetError):
                while piece := connection.recv(1 << 16):
                    found += piece
            assert len(found) < len(answer)


def test_an_object_that_is_replaced_under_a_folder(folder, expected, others, tmp_path):
    """Others put another object in place while it is sent: the answer is of one of them."""
    lake = tmp_path / "lake"
    shutil.copytree(folder, lake)
    path = ROWS[0]
    with served.server(lake) as address:
        target = partition(lake, "incremental_book_L2", KEY, NEXT)
        old = target.read_bytes()
        for number in range(4):
            with ThreadPoolExecutor(1) as pool:
                asked = pool.submit(gate.Answer, address, path)
                time.sleep(0.002 * number)
                staged = target.with_suffix(".new")
                staged.write_bytes(others["incremental_book_L2"])
                staged.rename(target)
                answer = asked.result()
            after = gate.Answer(address, path)
            assert after.is_whole
            answer.comes_to([expected[path], after.body])
            staged.write_bytes(old)
            staged.rename(target)
