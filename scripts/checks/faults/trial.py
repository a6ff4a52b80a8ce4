"""One trial: a run of the program that something befalls, the independent checker, and a plain run that must heal all."""

import dataclasses
import json
import os
import pathlib
import shutil
import signal
import subprocess

from checker import findings, paths
from lakes import Folder, Gcs
from recount import recount
from stage import DAY, NO_METADATA_SERVER, PROGRAM, control, make_bucket
from truth import truth


@dataclasses.dataclass(frozen=True)
class Job:
    """What is asked for of one venue, and the words that make the stand-in's world."""

    exchange: str
    types: tuple
    data_types: tuple
    world: tuple = ("--small",)
    keys: tuple = ()

    @property
    def words(self):
        """The program's flags."""
        keys = ["--instruments", *self.keys] if self.keys else []
        return ["--start-date", DAY, "--venues", self.exchange, "--instrument-types", *self.types,
                "--data-types", *self.data_types, *keys]


# Five files of 24 partitions, one of them without rows; the chain is split from the venue's one file.
USUAL = Job("deribit", ("PERP", "OPTION"), ("liquidations", "derivative_ticker", "options_chain"))

# A run that something befell may end so: clean, not clean, could not run, quota used up, interrupted. Else it crashed.
STATUSES = {0, 1, 2, 30, 130}
# No run of five small files takes longer by itself, whatever is asked again.
LONGEST_SECONDS = 150


class Wrong(Exception):
    """Something that must not happen."""


class Lane:
    """A stand-in vendor, and the trials that use it, one after the other."""

    def __init__(self, vendor, folder, job):
        self.vendor, self.folder, self.number = vendor, pathlib.Path(folder).resolve(), 0
        self.words = job.words
        self.expected = truth(vendor, DAY, [job.exchange], job.types, job.data_types, job.keys)
        self.rows = {path: len(self.expected.partitions[one].rows) for path, one in paths(self.expected).items()}
        # What the recount knows already of an object's bytes.
        self.counted = {}
        self.clean = {}
        for place in ("folder", "bucket"):
            self.begin(place)
            self.heal()
            self.clean[place] = self.lake.contents()

    def tell(self, path, document):
        """Sets faults or options of the stand-in."""
        control(self.vendor, "PUT", path, document)

    def begin(self, place):
        """A new, empty lake, and nothing kept from before."""
        self.number += 1
        shutil.rmtree(self.folder / "trial", ignore_errors=True)
        for name in ("tmp", "cache"):
            (self.folder / "trial" / name).mkdir(parents=True)
        self.tell("faults", [])
        self.tell("options", {})
        if place == "bucket":
            name = f"lake-{self.number}"
            make_bucket(self.vendor, name)
            self.lake = Gcs(self.vendor, name)
        else:
            self.lake = Folder(self.folder / "trial/lake")

    def start(self, verb, *words, env=None, before=None):
        """A process of the program, on the lake of this trial."""
        surroundings = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **NO_METADATA_SERVER, **self.vendor,
                        "MTDH_CACHE_DIR": f"{self.folder}/trial/cache", "TMPDIR": f"{self.folder}/trial/tmp",
                        "MTDH_MAX_ATTEMPTS": "2", **(env or {})}
        surroundings.pop("GCS_BUCKET")
        command = [PROGRAM, verb, *self.words, "--lake", self.lake.url, "--format", "json", *words]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=surroundings,
                                text=True, preexec_fn=before)

    def finish(self, process, seconds=LONGEST_SECONDS):
        """Exit status, stdout, stderr."""
        try:
            out, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            raise Wrong(f"the run does not end within {seconds} s: {process.communicate()[1][-2000:]}") from None
        return process.returncode, out, err

    def end_by(self, process, how):
        """Ends a process by a signal: `TERM` asks, and asks again as a user does; `KILL` does not ask."""
        if how == "TERM":
            for seconds in (3, 5):
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(seconds)
                    return
                except subprocess.TimeoutExpired:
                    pass
            process.kill()
            raise Wrong("two signals to end do not end it")
        process.kill()

    def check(self, status, text, was_killed, may_leave=False):
        """The checker after the run; `validate` gives the verdict that it is held against."""
        if status not in STATUSES and not was_killed:
            raise Wrong(f"exit status {status}: {text[-2000:]}")
        if "panicked" in text:
            raise Wrong(f"a panic: {text[-2000:]}")
        self.check_secrets(text)
        verdict_status, out, err = self.finish(self.start("validate"))
        if verdict_status not in STATUSES:
            raise Wrong(f"validate: exit status {verdict_status}: {err[-2000:]}")
        verdict = verdict_status, json.loads(out) if verdict_status in (0, 1) else None
        self.raise_for(findings(self.expected, self.lake, None if was_killed else status, verdict,
                                was_killed or may_leave))
        # The day's reports are of this validation, where it had a table to go by.
        is_validated = bool(verdict[1]) and not verdict[1]["days_without_instruments"]
        self.recount(was_killed or may_leave, is_validated)
        if not was_killed and not may_leave:
            self.raise_for([f"a leftover: {path}" for path in (self.folder / "trial/tmp").rglob("*") if path.is_file()])

    def recount(self, may_leave, is_validated, expected=None):
        """The recount, which knows nothing of the vendor but `expected` rows."""
        leftovers = [] if may_leave else self.lake.leftovers()
        self.raise_for(recount(self.lake.objects(), leftovers, is_validated, expected, self.counted))

    def check_secrets(self, text):
        """The key is in nothing that was said or left behind."""
        key = self.vendor["TARDIS_API_KEY"]
        files = [path for path in (self.folder / "trial").rglob("*") if path.is_file()]
        where = [str(path) for path in files if key.encode() in path.read_bytes()]
        where += [name for name, content in self.lake.objects().items() if key.encode() in content]
        self.raise_for([f"the key is in {place}" for place in where + ["what was said"] * (key in text)])

    def heal(self):
        """A plain run: it ends clean, the lake is complete and right, and nothing lies about."""
        status, _, err = self.finish(self.start("full-pipeline"))
        if status != 0:
            raise Wrong(f"the plain run afterwards: exit status {status}: {err[-2000:]}")
        leaves = self.lake.keeps_parts
        self.raise_for(findings(self.expected, self.lake, 0, (0, None), may_leave=leaves))
        self.recount(leaves, True, self.rows)

    def compare(self, place):
        """The lake is, byte for byte, that of an undisturbed run."""
        ours, clean = self.lake.contents(), self.clean[place]
        differing = sorted(name for name in ours.keys() | clean.keys() if ours.get(name) != clean.get(name))
        self.raise_for([f"differs from the lake of an undisturbed run: {name}" for name in differing])

    def raise_for(self, found):
        """Wrong things are raised, the first few."""
        if found:
            raise Wrong("; ".join(found[:5]) + (f"; and {len(found) - 5} more" if len(found) > 5 else ""))
