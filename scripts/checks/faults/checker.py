"""An independent look at a lake: is what it holds and says the truth? Used by the tests of faults.

`findings` gives a line for each thing that is wrong: a lost, doubled or changed row, a false empty, an object that nobody
expects, a temporary file, a verdict of completeness that is not so. Parquet is read by pyarrow; nothing of mtdh takes part."""

import collections
import decimal
import io
import re

import pyarrow.parquet as pq

from truth import sha256

TOTALS = ("stored", "empty", "absent", "missing")


def stored_name(column):
    """The lake's name of a CSV column."""
    level = re.fullmatch(r"(ask|bid)s\[(\d+)\]\.(price|amount)", column)
    return f"{level[1]}_{level[3]}_{int(level[2]) + 1}" if level else column


def is_equal(value, text):
    """Whether a stored value is what the vendor's cell says; floats are compared as decimals."""
    if text == "" or value is None:
        return text == "" and value is None
    if isinstance(value, bool):
        return text == str(value).lower()
    if isinstance(value, float):
        return decimal.Decimal(repr(value)) == decimal.Decimal(text)
    return str(value) == text


def rows_findings(table, expected):
    """What is wrong with an object's rows: their number, or the first cell that differs."""
    stored, asked = table.num_rows, len(expected.rows)
    if stored != asked:
        word = "lost" if stored < asked else "doubled or made up"
        return [f"{abs(stored - asked)} rows are {word}: {stored} stored, the vendor has {asked}"]
    for index, column in enumerate(expected.header):
        if column in ("exchange", "symbol"):
            continue
        values = table[stored_name(column)]
        if str(values.type).startswith("timestamp"):
            values = values.cast("int64")
        for number, (row, value) in enumerate(zip(expected.rows, values.to_pylist()), 1):
            if not is_equal(value, row[index]):
                return [f"row {number} is changed or moved: {column} is {value}, the vendor's is `{row[index]}`"]
    return []


def object_findings(partition, content, expected, day, objects):
    """Status of an object, and what is wrong with it."""
    key, data_type = partition
    try:
        file = pq.ParquetFile(io.BytesIO(content))
        table = file.read()
    except Exception as error:  # whatever pyarrow says of a file that is none
        return "unreadable", [f"it is no Parquet file: {error}"]
    facts = {name.decode(): value.decode() for name, value in (file.metadata.metadata or {}).items()
             if name.startswith(b"mtdh.")}
    status, found = facts.get("mtdh.status", "unknown"), []
    if (facts["mtdh.instrument_key"], facts["mtdh.data_type"], facts["mtdh.day"]) != (key, data_type, day):
        found.append("its footer says that it is another partition")
    if status != expected.status:
        found.append(f"a false {status}: the vendor's is {expected.status}")
    rows_in, rows_out, rejected = (int(facts[f"mtdh.rows_{name}"]) for name in ("in", "out", "rejected"))
    lines = objects.get(f"quarantine/by_date/day-{day}/data_type-{data_type}/{key}.jsonl", b"").count(b"\n")
    if rows_in != rows_out + rejected or rows_out != table.num_rows or rejected != lines:
        found.append(f"rows are not conserved: {rows_in} in, {rows_out} out, {rejected} rejected, {lines} in quarantine")
    if set(table.column("instrument_key").to_pylist()) - {key}:
        found.append("a row tells another key")
    return status, found + rows_findings(table, expected)


def paths(truth):
    """Partitions by the paths of their objects."""
    return {f"raw_tick_data/by_date/day-{truth.day}/data_type-{data_type}/{key}.parquet": (key, data_type)
            for key, data_type in truth.partitions}


def look(truth, objects):
    """What the lake has of each expected partition, and what is wrong with its objects."""
    states, found = {}, []
    for path, partition in paths(truth).items():
        content = objects.get(path)
        if content is None:
            states[partition] = "missing"
            continue
        known = (path, sha256(content))
        if known not in truth.verdicts:
            truth.verdicts[known] = object_findings(partition, content, truth.partitions[partition], truth.day, objects)
        status, wrong = truth.verdicts[known]
        states[partition] = status
        found += [f"{path}: {text}" for text in wrong]
    return states, found


def table_findings(truth, objects, is_whole):
    """Whether the instrument table has the vendor's instruments, each once, under its key and with its data types."""
    content = objects.get(f"instrument_availability/by_date/day-{truth.day}/instruments.parquet")
    if content is None:
        return ["there is no instrument table"] if is_whole else []
    known = ("instruments", sha256(content), is_whole)
    if known not in truth.verdicts:
        try:
            rows = pq.read_table(io.BytesIO(content)).to_pylist()
        except Exception as error:  # as in `object_findings`
            return [f"the instrument table is no Parquet file: {error}"]
        stored = sorted((row["venue"], row["tardis_symbol"], row["instrument_key"], tuple(sorted(row["data_types"])))
                        for row in rows if row["tardis_symbol"] is not None)  # else the vendor has no files of it
        there = {venue for venue, *_ in stored}
        asked = sorted((venue, symbol, key, tuple(sorted(offered))) for venue, here in truth.instruments.items()
                       for symbol, (key, offered) in here.items() if is_whole or venue in there)
        differing = list((collections.Counter(stored) - collections.Counter(asked)).elements())
        lacking = list((collections.Counter(asked) - collections.Counter(stored)).elements())
        truth.verdicts[known] = [f"the instrument table has {row}, which the vendor has not" for row in differing[:3]]
        truth.verdicts[known] += [f"the instrument table lacks {row}" for row in lacking[:3]]
    return truth.verdicts[known]


def report_findings(truth, objects, states):
    """Whether the day's two reports say what is there. Only after a validation that ran."""
    found = []
    read = lambda name: pq.read_table(io.BytesIO(objects[name])).to_pylist() if name in objects else []
    available = read(f"available_tick_data/by_date/day-{truth.day}/available_data.parquet")
    told = {(row["instrument_key"], row["data_type"]): row for row in available}
    for partition, state in states.items():
        row = told.get(partition)
        if (row["status"] if row else "missing") != (state if state in TOTALS else "missing"):
            found.append(f"the report calls {partition} {row and row['status']}, it is {state}")
        elif row and row["rows"] != len(truth.partitions[partition].rows):
            found.append(f"the report counts {row['rows']} rows of {partition}")
    missing = read(f"missing_data_reports/by_date/day-{truth.day}/missing_data.parquet")
    told = {(row["instrument_key"], row["data_type"]) for row in missing}
    wrong = told ^ {partition for partition, state in states.items() if state not in TOTALS[:3]}
    return found + [f"the report of what is missing is wrong about {partition}" for partition in sorted(wrong)]


def stray_findings(truth, objects, leftovers):
    """Objects that nobody expects, and what was left on its way in."""
    day = truth.day
    expected = {f"{name}/by_date/day-{day}/{file}.parquet" for name, file in (
        ("instrument_availability", "instruments"), ("available_tick_data", "available_data"),
        ("missing_data_reports", "missing_data"), ("check_reports", "checks"))} | set(paths(truth)) | {"_tmp/update.lock"}
    strays = [name for name in objects if name not in expected and not name.startswith(("runs/", "_tmp/"))]
    return [f"a leftover: {name}" for name in strays + list(leftovers)]


def verdict_findings(truth, states, verdict):
    """Whether what `validate` said fits what is there. `verdict` is its exit status and its JSON, or nothing."""
    status, report = verdict
    unanswered = [partition for partition, state in states.items() if state not in TOTALS[:3]]
    if status == 0 and (unanswered or set(states) != set(truth.partitions)):
        return [f"a false complete: {unanswered[:3]} are not there"]
    if status == 1 and report and not report["days_without_instruments"] and not report["venues_without_instruments"]:
        counted = collections.Counter(state if state in TOTALS else "missing" for state in states.values())
        told = {name: report["totals"][name] for name in TOTALS}
        if told != {name: counted[name] for name in TOTALS}:
            return [f"validation counts {told}, there are {dict(counted)}"]
    return []


def findings(truth, lake, run=None, verdict=None, may_leave=False):
    """Everything that is wrong with a lake. `run` is the exit status of the run before, `verdict` that and the document of
    a validation after it. `may_leave`: the run was killed, what was on its way in may lie about until the next one."""
    objects = lake.objects()
    states, found = look(truth, objects)
    is_whole = run == 0 or bool(verdict and verdict[0] == 0)
    found += table_findings(truth, objects, is_whole)
    found += stray_findings(truth, objects, [] if may_leave else lake.leftovers())
    if run == 0 and "missing" in states.values():
        found.append("a false success: the run ended with 0, and partitions are missing")
    if verdict is not None:
        found += verdict_findings(truth, states, verdict)
        if verdict[0] in (0, 1) and f"available_tick_data/by_date/day-{truth.day}/available_data.parquet" in objects:
            found += report_findings(truth, objects, states)
    return found
