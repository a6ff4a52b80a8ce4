"""Counts a lake again, by docs/reference/lake.md alone: pyarrow reads, nothing of mtdh takes part. Each disagreement is a line.

What is held against what: every page against its checksum; an object's digests against its bytes; its rows against what its footer
says of them, its quarantine and its path; the day's two reports against the objects; the instrument tables of days against
themselves and the tables over all days; candles against the objects that they were made of; paths against the layout.

    recount.py LAKE                     a folder, after a validation
    recount.py --not-validated LAKE     nothing validated it since: the reports may lack objects that came since
    recount.py --may-leave LAKE         a run was killed: what was on its way in may lie about
    recount.py --expect FILE LAKE       FILE is JSON, {"PATH": ROWS}: these objects must be there, with so many rows
    recount.py --every FOLDER           every folder in it; a name with a `+may-leave` or `+not-validated` says as much"""

import argparse
import collections
import datetime
import hashlib
import io
import json
import pathlib
import re
import sys
import zlib

import blake3
import pyarrow.compute as pc
import pyarrow.parquet as pq

DAY = r"(?P<day>\d{4}-\d\d-\d\d)"
LAYOUT = {name: re.compile(pattern) for name, pattern in {
    "instruments": rf"instrument_availability/by_date/day-{DAY}/instruments\.parquet",
    "aggregate": r"instrument_availability/aggregate/instruments_(?P<first>\d{8})_(?P<last>\d{8})\.parquet",
    "partition": rf"raw_tick_data/by_date/day-{DAY}/data_type-(?P<data_type>\w+)/(?P<key>[^/:]+:[^/:]+:[^/]+)\.parquet",
    "candles": rf"processed_candles/by_date/day-{DAY}/timeframe-(?P<timeframe>\w+)/(?P<key>[^/]+)\.parquet",
    "available": rf"available_tick_data/by_date/day-{DAY}/available_data\.parquet",
    "missing": rf"missing_data_reports/by_date/day-{DAY}/missing_data\.parquet",
    "checks": rf"check_reports/by_date/day-{DAY}/checks\.parquet",
    "quarantine": rf"quarantine/by_date/day-{DAY}/data_type-(?P<data_type>\w+)/(?P<key>[^/]+)\.jsonl",
    "identities": rf"runs/_identities/day-{DAY}\.parquet",
    "superseded": rf"runs/_superseded/day-{DAY}\.parquet",
    "certificate": r"certificates/[0-9a-f]{64}\.json",
    "plan": r"runs/[^/]+/plan\.parquet",
    "run": r"runs/[^/]+/(budget|(shard|candles)-\d+-of-\d+(-part-\d+(\.\d+)?)?)\.json",
    "sync": r"runs/[^/]+/sync\.json",
    "notes": r"runs/_(asked|sync)\.json",
    "wanted": r"lake\.toml",
    "lock": r"_tmp/update\.lock",
}.items()}
DAY_US = 86_400_000_000
INPUT = re.compile(r"(?P<data_type>\w+) (?P<day>\S+) ((?P<status>stored|empty|absent) sha256=(?P<sha256>\w+) rows=(?P<rows>\d+) "
                   r"schema=\d+|(?P<lack>missing|none|not_known|cannot be trusted))")


class Lake:
    """What is in a lake, by kind. `known` keeps what was found out of bytes that were looked at before."""

    def __init__(self, objects, known):
        self.objects, self.known, self.found = objects, known, []
        self.places = collections.defaultdict(dict)
        for path in sorted(objects):
            if not path.startswith("_tmp/") or LAYOUT["lock"].fullmatch(path):
                self.place(path)
        self.parquet = {path: self.read(path) for path in sorted(objects)
                        if path.endswith(".parquet") and not path.startswith("_tmp/")}
        self.tables = {fields["day"]: self.parquet[path].rows for fields, path in self.of("instruments")}

    def place(self, path):
        """Finds out what a path is."""
        for kind, pattern in LAYOUT.items():
            match = pattern.fullmatch(path)
            if match:
                self.places[kind][path] = match.groupdict()
                return
        self.found.append(f"{path}: the layout has no such path")

    def of(self, kind):
        """Fields of the path, and the path, of each object of a kind."""
        return [(fields, path) for path, fields in self.places[kind].items()]

    def read(self, path):
        """What is in a Parquet file, as far as the file alone tells."""
        content = self.objects[path]
        place = path, hashlib.sha256(content).hexdigest()
        if place not in self.known:
            self.known[place] = read(content, is_table=not path.startswith(("raw_tick_data/", "processed_candles/")))
        self.found += [f"{path}: {text}" for text in self.known[place].found]
        return self.known[place]


class File:
    """What a Parquet file tells: pairs of the footer, figures of its rows, and what is wrong."""

    def __init__(self):
        self.facts, self.figures, self.rows, self.found = {}, {}, [], []


def read(content, is_table):
    """Reads a Parquet file with all its checksums. The rows of a table are kept, of others figures alone."""
    told = File()
    try:
        file = pq.ParquetFile(io.BytesIO(content), page_checksum_verification=True)
        table = file.read()
    except Exception as error:  # whatever pyarrow says of a file that is none, or of a page that is not what it was
        told.found.append(f"it cannot be read: {error}")
        return told
    told.facts = {name.decode().removeprefix("mtdh."): value.decode()
                  for name, value in (file.metadata.metadata or {}).items() if name.startswith(b"mtdh.")}
    told.found += seal_findings(content, told.facts)
    told.figures = figures(table)
    # The footer's count is a claim; these are rows that were decoded.
    if file.metadata.num_rows != table.num_rows:
        told.found.append(f"its footer counts {file.metadata.num_rows} rows, it has {table.num_rows}")
    if is_table:
        told.rows = table.to_pylist()
    return told


def seal_findings(content, facts):
    """Whether the bytes are those of the digests."""
    if not {"format_version", "data_bytes", "data_blake3", "tail_crc32"} <= set(facts):
        return ["it has no digests"]
    found, length = [], int(facts["data_bytes"])
    if blake3.blake3(content[:length]).hexdigest() != facts["data_blake3"]:
        found.append("its data part is not that of mtdh.data_blake3")
    tail = bytearray(content[length:])
    name = b"mtdh.tail_crc32"
    # The name, two bytes of Parquet's own, the value.
    at = tail.rfind(name) + len(name) + 2
    tail[at:at + 8] = b"0" * 8
    if f"{zlib.crc32(tail):08x}" != facts["tail_crc32"]:
        found.append("its tail is not that of mtdh.tail_crc32")
    return found


def figures(table):
    """What rows say by themselves."""
    told = {"rows": table.num_rows}
    for name in ("timestamp", "local_timestamp"):
        if name in table.column_names and table.num_rows:
            ends = pc.min_max(table[name].cast("int64")).as_py()
            told |= {f"{name}_min": ends["min"], f"{name}_max": ends["max"]}
    if "local_timestamp" in table.column_names:
        times = table["local_timestamp"].cast("int64").combine_chunks()
        told["arrival_regressions"] = pc.sum(pc.less(times[1:], times[:-1])).as_py() or 0
    if "instrument_key" in table.column_names:
        told["keys"] = {str(key) for key in pc.unique(table["instrument_key"].cast("string")).to_pylist()}
    return told


def number(facts, name):
    """A number of the footer; nothing where it has none."""
    return int(facts[name]) if facts.get(name, "").lstrip("-").isdigit() else None


def start_us(day):
    """The first microsecond of a day."""
    return int(datetime.datetime.fromisoformat(f"{day}T00:00:00+00:00").timestamp()) * 1_000_000


def partition_findings(lake, fields, path):
    """A partition's rows against its footer, its quarantine and its path."""
    file, (day, data_type, key) = lake.parquet[path], (fields["day"], fields["data_type"], fields["key"])
    facts, counted, found = file.facts, file.figures, []
    if not counted:
        return []
    if (facts.get("day"), facts.get("data_type"), facts.get("instrument_key")) != (day, data_type, key):
        found.append("its footer says that it is another partition")
    rows = counted["rows"]
    rows_in, rows_out, rejected = (number(facts, name) for name in ("rows_in", "rows_out", "rows_rejected"))
    if None in (rows_in, rows_out, rejected) or rows_out != rows or rows_in != rows_out + rejected:
        found.append(f"{rows} rows are there; its footer says {rows_in} in, {rows_out} stored, {rejected} rejected")
    lines = lake.objects.get(f"quarantine/by_date/day-{day}/data_type-{data_type}/{key}.jsonl", b"").count(b"\n")
    if lines != (rejected or 0):
        found.append(f"{lines} rows are in quarantine, its footer says {rejected}")
    status = facts.get("status")
    if status not in ("stored", "empty", "absent") or (status == "stored") != (rows > 0):
        found.append(f"its status is {status}, and it has {rows} rows")
    if ("source_sha256" in facts) != (status != "absent"):
        found.append(f"its status is {status}, and its file's SHA-256 is {facts.get('source_sha256')}")
    for name in ("timestamp_min", "timestamp_max", "local_timestamp_min", "local_timestamp_max"):
        if number(facts, name) != counted.get(name):
            found.append(f"{name} is {counted.get(name)}, its footer says {facts.get(name)}")
    if not rejected and number(facts, "arrival_regressions") != counted["arrival_regressions"]:
        found.append(f"{counted['arrival_regressions']} rows arrived before the row above, its footer says {facts.get('arrival_regressions')}")
    if rows and not start_us(day) <= counted["local_timestamp_min"] <= counted["local_timestamp_max"] < start_us(day) + DAY_US:
        found.append("a row arrived on another day")
    if counted["keys"] - {key}:
        found.append(f"a row is of {sorted(counted['keys'] - {key})[0]}")
    if f"/{data_type}/{day.replace('-', '/')}/" not in facts.get("source", ""):
        found.append(f"its source is {facts.get('source')}")
    return [f"{path}: {text}" for text in found]


def number_of_time(value):
    """Microseconds of a time of a table."""
    return None if value is None else int(value.timestamp()) * 1_000_000 + value.microsecond


def row_of(lake, path, key):
    """What the row of the report of available data must say of an object."""
    facts = lake.parquet[path].facts
    of = {column: facts.get(column) for column in ("status", "reason", "data_type", "source", "source_sha256", "source_etag", "data_blake3")}
    of |= {column: number(facts, fact) for column, fact in (
        ("rows", "rows_out"), ("rows_in", "rows_in"), ("rows_rejected", "rows_rejected"), ("inexact_numbers", "inexact_numbers"),
        ("arrival_regressions", "arrival_regressions"), ("timestamp_min", "timestamp_min"), ("timestamp_max", "timestamp_max"),
        ("local_timestamp_min", "local_timestamp_min"), ("local_timestamp_max", "local_timestamp_max"))}
    venue, instrument_type, _ = key.split(":", 2)
    return of | {"date": facts.get("day"), "instrument_key": key, "venue": venue, "instrument_type": instrument_type,
                 "bytes": len(lake.objects[path])}


def available_findings(lake, is_validated):
    """The reports of available data against the objects, and the objects against the reports."""
    found, told = [], set()
    for fields, report in lake.of("available"):
        for row in lake.parquet[report].rows:
            path = f"raw_tick_data/by_date/day-{fields['day']}/data_type-{row['data_type']}/{row['instrument_key']}.parquet"
            if path in told:
                found.append(f"{report}: two rows of {path}")
            told.add(path)
            if path not in lake.objects:
                found.append(f"{report}: a row of an object that is not there: {path}")
                continue
            if not lake.parquet[path].figures:
                continue  # it cannot be read, which is said already
            # The row's own words and times in the form of the footer.
            for column, value in row_of(lake, path, row["instrument_key"]).items():
                said = number_of_time(row[column]) if column.startswith(("timestamp_", "local_timestamp_")) else row[column]
                if said != value:
                    found.append(f"{report}: {column} of {path} is {said}, the object's is {value}")
    if is_validated:
        found += [f"{path}: it has no row in the day's report" for path in lake.places["partition"] if path not in told]
    return found


def missing_findings(lake):
    """The reports of missing data against the objects. Only a validation writes them."""
    found = []
    for fields, report in lake.of("missing"):
        keys = collections.Counter()
        for row in lake.parquet[report].rows:
            path = f"raw_tick_data/by_date/day-{fields['day']}/data_type-{row['data_type']}/{row['instrument_key']}.parquet"
            keys[path] += 1
            is_sound = path in lake.objects and not lake.parquet[path].found
            if (row["date"], row["status"]) != (fields["day"], "missing") or keys[path] > 1:
                found.append(f"{report}: a row that it cannot have: {row}")
            if is_sound or (row["reason"] == "missing") != (path not in lake.objects):
                found.append(f"{report}: `{row['reason']}` of {path}, which is {'there' if path in lake.objects else 'not there'}")
            if not expects(lake, fields["day"], row["instrument_key"], row["data_type"]):
                found.append(f"{report}: {path} is called missing, and the day's table does not expect it")
    return found


def expects(lake, day, key, data_type):
    """Whether the day's table expects a partition; nothing where it does not know the venue."""
    rows = [row for row in lake.tables.get(day, []) if row["venue"] == key.split(":")[0]]
    return any(row["instrument_key"] == key and data_type in row["data_types"] for row in rows) if rows else None


def instruments_findings(lake):
    """The tables of days: each key once, in order, with its parts. The tables over all days: the union of those."""
    found = []
    for fields, path in lake.of("instruments"):
        keys = [row["instrument_key"] for row in lake.parquet[path].rows]
        if len(set(keys)) != len(keys):
            found.append(f"{path}: a key stands there twice: {collections.Counter(keys).most_common(1)[0][0]}")
        if keys != sorted(keys):
            found.append(f"{path}: its rows are not in the order of the keys")
        found += [f"{path}: venue and type of {row['instrument_key']} are {row['venue']}, {row['instrument_type']}"
                  for row in lake.parquet[path].rows if not row["instrument_key"].startswith(f"{row['venue']}:{row['instrument_type']}:")]
    for fields, path in lake.of("aggregate"):
        days = [day for day in sorted(lake.tables) if fields["first"] <= day.replace("-", "") <= fields["last"]]
        union = [{"date": day, **row} for day in days for row in lake.tables[day]]
        rows = lake.parquet[path].rows
        if rows != union:
            at = next((n for n, (a, b) in enumerate(zip(rows, union)) if a != b), min(len(rows), len(union)))
            found.append(f"{path}: {len(rows)} rows, the days' tables have {len(union)}; row {at + 1} is the first that differs")
    return found


def candle_findings(lake, fields, path):
    """Candles against their path and the objects that they were made of."""
    file, key = lake.parquet[path], fields["key"]
    facts, found = file.facts, []
    if not file.figures:
        return []
    if (facts.get("day"), facts.get("timeframe"), facts.get("instrument_key")) != (fields["day"], fields["timeframe"], key):
        found.append("its footer says that it is of something else")
    if number(facts, "rows") != file.figures["rows"]:
        found.append(f"{file.figures['rows']} rows are there, its footer says {facts.get('rows')}")
    if not facts.get("inputs"):
        found.append("its footer does not say what it was made of")
    for line in facts.get("inputs", "").splitlines():
        said = INPUT.fullmatch(line)
        now = said and input_now(lake, said["day"], said["data_type"], key, fields["day"])
        if now is None or now != (said["lack"] or (said["status"], said["sha256"], said["rows"])):
            found.append(f"stale: it was made of `{line}`, and that is {now} now")
    return [f"{path}: {text}" for text in found]


def input_now(lake, day, data_type, key, of):
    """What the footer of candles of the day `of` would say of an input now."""
    path = f"raw_tick_data/by_date/day-{day}/data_type-{data_type}/{key}.parquet"
    if path in lake.objects:
        facts = lake.parquet[path].facts
        return facts.get("status"), facts.get("source_sha256", "none"), facts.get("rows_out")
    row = listed_row(lake, day, key)
    if row and lives(row, day) and data_type in row["data_types"]:
        return "missing"
    if row:
        is_none = is_of_vendor(row, day) and data_type not in row["withdrawn_data_types"]
    else:
        beside = listed_row(lake, of, key)
        is_none = beside and is_of_vendor(beside, of) and not lives(beside, day)
    return "none" if is_none else "not_known"


def listed_row(lake, day, key):
    """The row of an instrument in the day's table."""
    return next((row for row in lake.tables.get(day, []) if row["instrument_key"] == key), None)


def span(day):
    """The instants at which a day begins and ends."""
    begins = datetime.datetime.fromisoformat(day).replace(tzinfo=datetime.timezone.utc)
    return begins, begins + datetime.timedelta(days=1)


def lives(row, day):
    """Whether the vendor has data of the instrument on a day."""
    begins, ends = span(day)
    until = row["available_to_datetime"]
    return row["available_from_datetime"] < ends and (until is None or until > begins)


def is_of_vendor(row, day):
    """Whether a row of the day's table is of the vendor's lists: one of a folder's files lives for just that day."""
    return (row["available_from_datetime"], row["available_to_datetime"]) != span(day)


def quarantine_findings(lake):
    """Rows in quarantine are of an object that tells of them, or of a group."""
    found = []
    for fields, path in lake.of("quarantine"):
        lines = lake.objects[path].splitlines()
        found += [f"{path}: line {n} is none: {line[:80]}" for n, line in enumerate(lines, 1)
                  if not line.startswith(b"{") or set(json.loads(line)) != {"line", "reason", "text"}]
        is_group = fields["key"].count(":") == 1
        if not is_group and f"raw_tick_data/by_date/day-{fields['day']}/data_type-{fields['data_type']}/{fields['key']}.parquet" not in lake.objects:
            found.append(f"{path}: the object whose rows these are is not there")
    return found


def expect_findings(lake, expected):
    """What must be there, with so many rows."""
    found = []
    for path, rows in sorted(expected.items()):
        has = lake.parquet[path].figures.get("rows") if path in lake.parquet else None
        if has != rows:
            found.append(f"{path}: {rows} rows are expected, {'it is not there' if has is None else f'{has} are there'}")
    return found


def recount(objects, leftovers=(), is_validated=True, expected=None, known=None):
    """Every disagreement in a lake, given as path and bytes of each object. `leftovers` are what was on its way in, where
    nothing may be. `is_validated`: a validation of everything in the lake was the last to write."""
    lake = Lake(objects, {} if known is None else known)
    for fields, path in lake.of("partition"):
        lake.found += partition_findings(lake, fields, path)
    for fields, path in lake.of("candles"):
        lake.found += candle_findings(lake, fields, path)
    for _, path in lake.of("run"):
        if not objects[path].startswith(b"{"):
            lake.found.append(f"{path}: it is no JSON")
    lake.found += instruments_findings(lake) + available_findings(lake, is_validated) + expect_findings(lake, expected or {})
    if is_validated:
        lake.found += missing_findings(lake) + quarantine_findings(lake)
    return lake.found + [f"a leftover: {path}" for path in leftovers]


def of_folder(root):
    """Path and bytes of each object of a lake in a folder, and what was on its way in."""
    root = pathlib.Path(root)
    objects = {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    leftovers = [str(path.relative_to(root)) for path in (root / "_tmp").rglob("*") if path.name != "update.lock"]
    return objects, sorted(leftovers)


def main():
    words = argparse.ArgumentParser()
    words.add_argument("--not-validated", action="store_true")
    words.add_argument("--may-leave", action="store_true")
    words.add_argument("--expect")
    words.add_argument("--every", action="store_true")
    words.add_argument("lake")
    words = words.parse_args()
    assert pathlib.Path(words.lake).is_dir(), f"there is no folder {words.lake}"
    lakes = sorted(pathlib.Path(words.lake).iterdir()) if words.every else [pathlib.Path(words.lake)]
    expected = json.loads(pathlib.Path(words.expect).read_text()) if words.expect else {}
    count, wrong = 0, 0
    for lake in lakes:
        objects, leftovers = of_folder(lake)
        marks = lake.name.split("+")[1:] if words.every else []
        leftovers = [] if words.may_leave or "may-leave" in marks else leftovers
        is_validated = not (words.not_validated or "not-validated" in marks)
        found = recount(objects, leftovers, is_validated, expected)
        for line in found:
            print(f"{lake}: {line}")
        count, wrong = count + len(objects), wrong + len(found)
    print(f"{len(lakes)} lakes, {count} objects, {wrong} disagreements")
    sys.exit(1 if wrong or not count else 0)


if __name__ == "__main__":
    main()
