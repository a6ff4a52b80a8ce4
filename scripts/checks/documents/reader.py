"""Somebody who types a document from its beginning to its end, in a folder like a checkout, against the stand-in vendor and
stand-ins for the tools of clouds."""

import contextlib
import dataclasses
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import document_lists
from blocks import blocks, commands_of, spans
from document_words import wrong_in_span, wrong_in_words
from stage import NO_METADATA_SERVER, PROGRAM, ROOT, make_bucket, sim

STANDINS = ROOT / "scripts/checks/deploy/command_standins.py"
# The stand-in's clock as it is; lines about days after it get a smaller world with a later clock.
LAST_DAY, LATER = "2024-03-02", ["--small", "--now", "2024-04-02T12:00"]
BUCKETS = ["my-bucket", "BUCKET"]
# No line takes longer; all documents together are meant to take a minute.
LONGEST_SECONDS = 600


@dataclasses.dataclass
class Place:
    """Where lines run: a folder like a checkout, the settings, and what its stand-in vendor says of itself."""

    folder: pathlib.Path
    env: dict
    vendor: dict

    def run(self, *command):
        """Status and output of a command."""
        try:
            ended = subprocess.run(command, cwd=self.folder, env=self.env, text=True, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LONGEST_SECONDS)
        except subprocess.TimeoutExpired as slow:
            return None, f"it does not end within {LONGEST_SECONDS} s: {(slow.stdout or b'')[-1000:]}"
        return ended.returncode, ended.stdout

    def shell(self, text):
        """Status and output of a line of shell; what it exports is set for those after it."""
        exported = self.folder / ".exported"
        ended = self.run("bash", "-c", f'set -o pipefail\n{text}\nstatus=$?\nenv -0 >"{exported}"\nexit $status')
        if exported.exists():
            pairs = (pair.split("=", 1) for pair in exported.read_text().split("\0") if "=" in pair)
            self.env = {name: value for name, value in pairs if name not in ("_", "PWD", "SHLVL")}
            exported.unlink()
        return ended


def tools(folder):
    """A folder for the path: the program, Python, and the tools of clouds."""
    folder.mkdir()
    (folder / "mtdh").symlink_to(PROGRAM)
    for name in ("docker", "gcloud", "kubectl", "sbatch"):
        (folder / name).symlink_to(STANDINS)
    for name in ("python", "python3"):
        (folder / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        (folder / name).chmod(0o755)
    return folder


def checkout(folder):
    """A folder that has what lines of a document find in a checkout."""
    shutil.copytree(ROOT / "deploy", folder / "deploy")
    for name in ("env.example", "compose.yaml", "Dockerfile", "Cargo.toml"):
        shutil.copy2(ROOT / name, folder / name)
    (folder / "scripts").symlink_to(ROOT / "scripts")
    (folder / ".venv/bin").mkdir(parents=True)
    shutil.copy2(folder.parent / "tools/python", folder / ".venv/bin/python")


class Stage:
    """Makes places, each with a vendor and a bucket of its own."""

    def __init__(self, stack, root):
        self.stack, self.root = stack, pathlib.Path(root)

    def place(self, words):
        """An empty place, whose vendor is `mtdh sim` with these words."""
        vendor = self.stack.enter_context(sim(*words))
        for bucket in BUCKETS:
            make_bucket(vendor, bucket)
        around = pathlib.Path(tempfile.mkdtemp(dir=self.root))
        tools(around / "tools")
        folder = around / "work"
        folder.mkdir()
        checkout(folder)
        (around / "cloud").mkdir()
        env = {"PATH": f"{around}/tools:{os.environ['PATH']}", "HOME": str(around), "TMPDIR": str(around), "MTDH": PROGRAM,
               "COMMAND_STANDINS": str(around / "cloud"), "GCLOUD_STAND_IN": str(around / "cloud"), "MTDH_ENV_FILE": str(around / "env"),
               **NO_METADATA_SERVER, **document_lists.SETTINGS, **vendor, "MTDH_CACHE_DIR": str(around / "cache")}
        del env["GCS_BUCKET"], vendor["MTDH_CACHE_DIR"]
        return Place(folder, env, vendor)


class Reader:
    """Somebody who types one document from its beginning to its end."""

    def __init__(self, document, text, stage, lists):
        self.document, self.stage, self.lists = document, stage, lists
        self.blocks = blocks(document, text)
        self.places, self.own, self.runs, self.used, self.wrong, self.ran = {}, None, set(), set(), [], 0
        self.output, self.last_json = None, None

    def place(self, block):
        """The place of a block: after `mtdh sim` that server's, else by the days that it names."""
        if self.own:
            return self.own
        words = re.findall(r"[\w.-]+", block.text)
        days = re.findall(r"--(?:start|end)(?:-date)? ([\d-]{10})", block.text)
        is_later = self.document in self.lists.later or any(day > LAST_DAY for day in days)
        if is_later:
            self.runs |= set(re.findall(r"--save (\w[\w-]*)", block.text))
        world = "later" if is_later or self.runs & set(words) else "usual"
        if world not in self.places:
            self.places[world] = place = self.stage.place(LATER if world == "later" else [])
            setup = self.lists.setup.get((self.document, world))
            if setup:
                status, output = place.shell(setup)
                assert status == 0, f"what {self.document} needs first cannot be made: {output}"
        return self.places[world]

    def fail(self, line, why):
        self.wrong.append(f"{line}\n    {why}")

    def serve(self, line):
        """`mtdh sim`: a server of the document's own, and an empty folder with the faults that the document has shown."""
        words = re.sub(r"--seconds \d+", "", line.text).split()[2:]
        faults = pathlib.Path(tempfile.mkdtemp(dir=self.stage.root)) / "faults.json"
        faults.write_text(self.last_json or "[]")
        self.own = self.stage.place([str(faults) if word == faults.name else word for word in words])
        shutil.copy2(faults, self.own.folder)
        self.ran += 1
        said = [f"export {name}={value}" for name, value in self.own.vendor.items()]
        return "\n".join([*said, "serving made-up data on this machine only; Ctrl-C ends it\n"])

    def type(self, line, place):
        """One line; gives what it said, and nothing when it is not run."""
        if line.text in self.lists.not_run:
            for words in commands_of(line.text):
                if why := wrong_in_words(words):
                    self.fail(line, why)
            return None
        if line.text.startswith("mtdh sim"):
            return self.serve(line)
        text = line.text
        for written, read in self.lists.read_as.items():
            text = text.replace(written, read.format(folder=place.folder, key=place.env["TARDIS_API_KEY"]))
        expected = self.lists.ends_with.get(line.text, 0)
        status, output = place.shell(text)
        self.ran += 1
        if status != expected:
            self.fail(line, f"status {status}, expected {expected}\n" + "\n".join(output.splitlines()[-12:]))
        return output

    def compare(self, block):
        """What the document shows must be lines of what came out."""
        output, self.output = self.output, None
        shown = [squeezed(line) for line in block.text.splitlines() if line.strip() and "…" not in line]
        said = {squeezed(line) for line in output.splitlines()}
        for line in shown:
            if line not in said and not line.startswith("$ "):
                self.fail(f"{self.document}:{block.number}", f"this is no line of the output: {line}\n{output[-1500:]}")
                return

    def read(self):
        """The whole document; gives what is wrong."""
        for block in self.blocks:
            self.read_block(block)
        unused = [first for document, first in self.lists.other_output if document == self.document and first not in self.used]
        return self.wrong + [f"a list has output that {self.document} has not any more: {first}" for first in unused]

    def read_block(self, block):
        """One block: it runs, or it is compared with what ran."""
        if block.language == "sh":
            place = self.place(block)
            kept = dict(place.env)
            outputs = [self.type(line, self.own or place) for line in block.lines()]
            # What a block exports is for that block alone.
            place.env = kept
            ran = [output for output in outputs if output is not None]
            self.output = "".join(ran) if ran else None
        elif block.language == "python" and self.document not in self.lists.elsewhere:
            place = self.place(block)
            status, self.output = place.run(sys.executable, "-c", block.text)
            self.ran += 1
            if status != 0:
                self.fail(f"{block.document}:{block.number}", f"status {status}\n{self.output[-1500:]}")
        elif block.language == "json":
            self.last_json = block.text
        elif block.language == "text" and (self.output is not None or block.text.startswith("$ ")):
            self.shown(block)
        # A grammar is held against the keys of the page by the tests of core.
        elif block.language not in ("text", "ebnf", "python", ""):
            self.fail(f"{block.document}:{block.number}", f"blocks of `{block.language}` are not known; shell is `sh`")

    def shown(self, block):
        first = block.text.splitlines()[0]
        if first.startswith("$ "):
            lines = dataclasses.replace(block, text=first[2:]).lines()
            self.output = self.type(lines[0], self.place(block))
        if (self.document, first) in self.lists.other_output:
            self.used.add(first)
            self.output = None
            return
        self.compare(block)


def squeezed(line):
    """A line without what differs from run to run: widths, ports, names of runs, seconds."""
    line = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", line.strip())
    line = re.sub(r"\d{8}T\d{6}Z-[0-9a-f]{6}", "RUN", line)
    return re.sub(r"[ ─═]+", " ", line)


@dataclasses.dataclass
class Lists:
    """What is known of lines beforehand."""

    not_run: dict = dataclasses.field(default_factory=dict)
    ends_with: dict = dataclasses.field(default_factory=dict)
    other_output: dict = dataclasses.field(default_factory=dict)
    setup: dict = dataclasses.field(default_factory=dict)
    read_as: dict = dataclasses.field(default_factory=dict)
    later: set = dataclasses.field(default_factory=set)
    elsewhere: dict = dataclasses.field(default_factory=dict)

    def stale(self, documents):
        """Entries that fit no line of the documents any more."""
        lines = {line for name, text in documents.items() for line in typed(name, text)}
        stale = [line for line in self.not_run if line not in lines]
        stale += [line for line in self.ends_with if line not in lines or line in self.not_run]
        return [f"a list has what no document has any more: {line}" for line in stale]


def typed(document, text):
    """Every line of a document that is typed, if it is not listed."""
    for block in blocks(document, text):
        if block.language == "text" and block.text.startswith("$ "):
            block = dataclasses.replace(block, language="sh", text=block.text.splitlines()[0][2:])
        if block.language == "sh":
            yield from (line.text for line in block.lines())


def wrong_in(document, text, root, lists):
    """What is wrong in a document, and how many lines ran."""
    with contextlib.ExitStack() as stack:
        reader = Reader(document, text, Stage(stack, root), lists)
        wrong = reader.read()
    wrong += [f"{span}\n    {why}" for span in spans(document, text) if (why := wrong_in_span(span))]
    return wrong, reader.ran
