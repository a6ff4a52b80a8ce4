#!/usr/bin/env python3
"""A stand-in for `gcloud` on the path: notes each call, keeps VMs and objects in a folder, and plays what befalls the VMs.

The folder is GCLOUD_STAND_IN. In it `plays.json` says for each run and shard what becomes of its first VM, its second, …:
a list of steps, of which each `instances list` takes one: a status (RUNNING, TERMINATED), `gone` (preempted and deleted), or
a number (it reports that exit status and deletes itself). `refused` as the only step: it cannot be made."""

import contextlib
import datetime
import fcntl
import fnmatch
import json
import os
import pathlib
import re
import sys

FOLDER = pathlib.Path(os.environ["GCLOUD_STAND_IN"])


@contextlib.contextmanager
def state():
    """What there is, for one caller at a time."""
    path = FOLDER / "state.json"
    with open(FOLDER / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        there = json.loads(path.read_text()) if path.exists() else {"vms": {}, "objects": {}, "made": {}}
        try:
            yield there
        finally:
            path.write_text(json.dumps(there))


def note(words):
    with open(FOLDER / "calls", "a") as calls:
        calls.write(json.dumps(words) + "\n")


def refuse(text):
    sys.exit(f"ERROR: (gcloud) {text}")


def plays():
    path = FOLDER / "plays.json"
    return json.loads(path.read_text()) if path.exists() else {}


def flags_of(words):
    pairs = [word[2:].partition("=") for word in words if word.startswith("--")]
    return {name: value for name, _, value in pairs}


def pairs_of(text):
    return dict(pair.split("=", 1) for pair in text.split(","))


def create(there, name, flags):
    labels = pairs_of(flags["labels"])
    shard = f"{labels['mtdh-run']}/{labels['mtdh-shard']}"
    metadata = {n: pathlib.Path(p).read_text() for n, p in pairs_of(flags["metadata-from-file"]).items()}
    metadata |= pairs_of(flags["metadata"])
    if name in there["vms"]:
        refuse(f"The resource '{name}' already exists")
    turn = there["made"].get(shard, 0)
    there["made"][shard] = turn + 1
    steps = (plays().get(shard, []) + [["RUNNING"]] * 9)[turn]
    if steps == ["refused"]:
        refuse("Quota 'CPUS' exceeded.")
    there["vms"][name] = {"labels": labels, "zone": flags["zone"], "status": "RUNNING", "steps": steps, "metadata": metadata}


def play(there):
    """One step for each VM."""
    for name, vm in list(there["vms"].items()):
        if not vm.get("steps"):
            continue
        step = vm["steps"].pop(0)
        if isinstance(step, int):
            run, shard = vm["labels"]["mtdh-run"], int(vm["labels"]["mtdh-shard"])
            task = vm["metadata"]["mtdh-task"]
            bucket, shards = (re.search(rf"^{n}=(.*)$", task, re.M)[1] for n in ("BUCKET", "SHARDS"))
            # A negative number is the exit status of a report of another day.
            day = datetime.datetime.now(datetime.timezone.utc).strftime("%F") if step >= 0 else "2024-03-01"
            report = {"run": run, "shard": shard, "shards": int(shards), "exit": abs(step), "reason": "played",
                      "ended": f"{day}T07:00:00Z"}
            place = f"gs://{bucket}/vm-runs/{run}/shard-{shard}-of-{shards}"
            there["objects"][f"{place}.json"] = json.dumps(report, separators=(",", ":")) + "\n"
            there["objects"][f"{place}.log"] = f"the log of shard {shard}\n"
        if isinstance(step, int) or step == "gone":
            del there["vms"][name]
        else:
            vm["status"] = step


def fits(vm, text):
    for term in text.split(" AND "):
        name, operator, value = re.fullmatch(r"([\w.-]+?)([:=])(.+)", term).groups()
        has = vm["labels"].get(name.removeprefix("labels.")) if name.startswith("labels.") else vm[name]
        if has is None or (operator == "=" and has != value) or (operator == ":" and value != "*"):
            return False
    return True


def listing(there, flags):
    play(there)
    for name, vm in sorted(there["vms"].items()):
        if fits(vm, flags["filter"]):
            columns = {"labels.mtdh-shard": vm["labels"].get("mtdh-shard", ""), "name": name,
                       "zone.basename()": vm["zone"], "status": vm["status"]}
            wanted = re.fullmatch(r"csv\[no-heading\]\((.*)\)", flags["format"])[1].split(",")
            print(",".join(columns[column] for column in wanted))


def storage(there, verb, words, flags):
    objects = there["objects"]
    if verb == "cp":
        source, target = words
        if flags.get("if-generation-match") == "0" and target in objects:
            refuse("HTTPError 412: At least one of the pre-conditions you specified did not hold.")
        objects[target] = pathlib.Path(source).read_text()
        return
    found = [name for name in sorted(objects) if fnmatch.fnmatch(name, words[0] + ("*" if verb == "ls" else ""))]
    if not found:
        refuse("One or more URLs matched no objects.")
    order = list(objects)
    for name in found:
        # As `ls --long` has it: size, time, name. What was stored later is later.
        made = f"{len(objects[name])}  2024-03-01T00:{order.index(name) // 60:02}:{order.index(name) % 60:02}Z  " if "long" in flags else ""
        print(made + name if verb == "ls" else objects[name], end="\n" if verb == "ls" else "")
    if "long" in flags:
        print(f"TOTAL: {len(found)} objects, 1 bytes (1B)")


def main():
    words = sys.argv[1:]
    note(words)
    broken = FOLDER / "broken"
    if broken.exists() and broken.read_text() in " ".join(words):
        refuse("There was a problem refreshing your current auth tokens")
    flags, plain = flags_of(words), [word for word in words if not word.startswith("--")]
    if words[0] == "storage" and words[1] in ("cp", "cat", "ls"):
        with state() as there:
            return storage(there, words[1], plain[2:], flags)
    if words[:2] != ["compute", "instances"]:
        return None
    with state() as there:
        if words[2] == "list":
            listing(there, flags)
        elif words[2] == "create":
            create(there, plain[3], flags)
        elif words[2] == "delete":
            if there["vms"].pop(plain[3], {}).get("zone") != flags["zone"]:
                refuse(f"The resource '{plain[3]}' was not found")
        elif words[2] == "get-serial-port-output":
            print(f"the console of {plain[3]}")
    return None


if __name__ == "__main__":
    main()
