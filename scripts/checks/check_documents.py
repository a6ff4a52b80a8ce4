"""Every command line of the documents runs, in their order, against the stand-in vendor and stand-ins for the tools of clouds.

A document has a folder of its own, in which later lines find what earlier ones made. A line must end with 0, or as ENDS_WITH says.
NOT_RUN is the one list of lines that are not run, with the reason. What a document shows as output must be what comes out, but
for OTHER_OUTPUT. Verbs, flags, scripts and tests that are named within sentences must exist. An entry of a list that fits no line
any more fails as well. `check_documents.py docs/how-to/download.md` runs that document alone."""

import concurrent.futures
import contextlib
import dataclasses
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request

import document_lists
from document_words import every_verb, help_of, wrong_in_span, wrong_in_words
from documents import blocks, commands_of, read_all, spans
from stage import NO_METADATA_SERVER, PROGRAM, ROOT, done, mtdh, sim

SCRIPTS = ROOT / "scripts/checks"
# The stand-in's clock as it is; lines about days after it get a smaller world with a later clock.
LAST_DAY, LATER = "2024-03-02", ["--small", "--now", "2024-04-02T12:00"]
BUCKETS = ["my-bucket", "BUCKET"]
# No line takes longer; all documents together are meant to take a minute.
LONGEST_SECONDS = 120


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
        (folder / name).symlink_to(SCRIPTS / "command_standins.py")
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
        vendor = self.stack.enter_context(sim(*words, seconds=3600))
        for bucket in BUCKETS:
            url = f"{vendor['STORAGE_EMULATOR_HOST']}/{bucket}"
            urllib.request.urlopen(urllib.request.Request(url, method="PUT")).close()
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
        self.places, self.own, self.runs, self.wrong, self.ran = {}, None, set(), [], 0
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
            self.lists.used.add(line.text)
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
        self.lists.used.add(line.text)
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
            if block.language == "sh":
                place = self.place(block)
                kept = dict(place.env)
                outputs = [self.type(line, self.own or place) for line in block.lines()]
                # What a block exports is for that block alone.
                place.env = kept
                ran = [output for output in outputs if output is not None]
                self.output = "".join(ran) if ran else None
            elif block.language == "python":
                place = self.place(block)
                status, self.output = place.run(sys.executable, "-c", block.text)
                self.ran += 1
                if status != 0:
                    self.fail(f"{block.document}:{block.number}", f"status {status}\n{self.output[-1500:]}")
            elif block.language == "json":
                self.last_json = block.text
            elif block.language == "text" and (self.output is not None or block.text.startswith("$ ")):
                self.shown(block)
            elif block.language not in ("text", ""):
                self.fail(f"{block.document}:{block.number}", f"blocks of `{block.language}` are not known; shell is `sh`")
        return self.wrong

    def shown(self, block):
        first = block.text.splitlines()[0]
        if first.startswith("$ "):
            lines = dataclasses.replace(block, text=first[2:]).lines()
            self.output = self.type(lines[0], self.place(block))
        if (self.document, first) in self.lists.other_output:
            self.lists.used.add((self.document, first))
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
    """What is known of lines beforehand; `used` notes which entries still fit a line."""

    not_run: dict
    ends_with: dict
    other_output: dict
    setup: dict
    read_as: dict
    later: set
    used: set = dataclasses.field(default_factory=set)

    def stale(self):
        entries = [*self.not_run, *self.ends_with, *self.other_output]
        return [f"a list has what no document has any more: {entry}" for entry in entries if entry not in self.used]


def wrong_in(documents, stage, lists, workers=2):
    """What is wrong in documents, and how many lines ran."""
    readers = [Reader(name, text, stage, lists) for name, text in documents.items()]
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        wrong = [line for found in pool.map(Reader.read, readers) for line in found]
    for name, text in documents.items():
        wrong += [f"{span}\n    {why}" for span in spans(name, text) if (why := wrong_in_span(span))]
    return wrong, sum(reader.ran for reader in readers)


def wrong_in_tables(documents):
    """Verbs, settings and figures that a document should have and does not."""
    readme, usage = documents["README.md"], documents["docs/reference/settings.md"]
    wrong = [f"README.md does not name the verb {verb}" for verb in help_of()[0] - {"help"} if f"`{verb}" not in readme]
    paper = subprocess.run([sys.executable, ROOT / "scripts/scale_paper.py"], capture_output=True, text=True, check=True).stdout
    wrong += [f"docs/explanation/scale.md lacks what scale_paper.py prints: {line}" for line in paper.splitlines() if line not in documents["docs/explanation/scale.md"]]
    for setting in json.loads(mtdh("config", "show", "--format", "json", env={"HOME": "/nonexistent"})):
        row = f"| `{setting['setting']}` | `{setting['variable']}` |"
        if row not in usage:
            wrong.append(f"docs/reference/settings.md has no row of the setting {row}")
    return wrong


def wrong_in_faults(usage):
    """Kinds of faults that docs/reference/simulator.md does not list, or lists and the stand-in does not take."""
    source = re.search(r"enum FaultKind \{\n(.*?)^\}", (ROOT / "crates/sim/src/server/fault.rs").read_text(), re.S | re.M)[1]
    known = {re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower() for name in re.findall(r"^    ([A-Z]\w+)(?:,| \{)$", source, re.M)}
    row = re.search(r"^\| `kind` \| (.*) \|$", usage, re.M)[1]
    listed = [json.loads(kind) for kind in re.findall(r"`([^`]+)`", row)]
    names = {kind if isinstance(kind, str) else next(iter(kind)) for kind in listed}
    wrong = [f"docs/reference/simulator.md does not list the fault {name}" for name in sorted(known - names)]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump([{"host": "gcs", "kind": kind} for kind in listed], file)
        file.flush()
        server = subprocess.run([PROGRAM, "sim", "--small", "--seconds", "0", "--faults", file.name], capture_output=True, text=True)
    return wrong + [f"docs/reference/simulator.md, faults: {server.stderr}"] * (server.returncode != 0)


def check_this_check(stage):
    """Made-up documents: what is wrong in them must be found, and nothing where nothing is."""
    block = "```sh\n{}\n```\n"
    listed = {"mtdh ls --lake none": "why"}
    cases = [
        ("a good line", block.format("mtdh completions bash   # said\nfor n in 1 2; do\n  mtdh --version\ndone"), {}, None),
        ("a line that fails and is not listed", block.format("mtdh ls --lake none"), {}, "status 2, expected 0"),
        ("the same, listed", block.format("mtdh ls --lake none"), {"not_run": listed}, None),
        ("a wrong flag of a listed line", block.format("mtdh ls --lakes none"), {"not_run": {"mtdh ls --lakes none": "why"}}, "no flag `--lakes`"),
        ("a listed line that is not there", "", {"not_run": listed}, "no document has any more"),
        ("a status that is told", block.format("mtdh ls --lake none"), {"ends_with": {"mtdh ls --lake none": 2}}, None),
        ("a status that is told and wrong", block.format("mtdh --version"), {"ends_with": {"mtdh --version": 2}}, "status 0, expected 2"),
        ("a pipe whose first part fails", block.format("mtdh ls --lake none | cat"), {}, "status 2, expected 0"),
        ("a continued line", block.format("mtdh completions \\\n  bush"), {}, "status 2, expected 0"),
        ("a tool that is not known", block.format("gcloud batch jobs submit --priority 3 march"), {}, "does not know this"),
        ("output that is another", block.format("mtdh --version") + "```text\nmtdh 17\n```", {}, "no line of the output: mtdh 17"),
        ("a block that would not be read", "```bash\nmtdh ls --lake none\n```", {}, "`bash` are not known"),
        ("Python that fails", "```python\nimport nothing_of_that_name\n```", {}, "status 1"),
        ("a verb in a sentence", "Try `mtdh downlode --force`.", {}, "no verb `downlode`"),
        ("a flag in a sentence", "Try `mtdh ls --longer`.", {}, "no flag `--longer`"),
        ("a flag alone", "With `--longer` more.", {}, "nothing has a flag `--longer`"),
        ("a script in a sentence", "See `scripts/checks/check_nothing.py`.", {}, "there is no scripts/checks/check_nothing.py"),
        ("a test in a sentence", "So says `cargo test -p mtdh --test cli no_such_test`.", {}, "has `no_such_test` in its name"),
        ("good words in a sentence", "`mtdh ls --long`, `-p mtdh --test cli secrets`, `mtdh VERB --help`", {}, None),
    ]
    for name, text, given, expected in cases:
        tables = {"not_run": {}, "ends_with": {}, "other_output": {}, "setup": {}, "read_as": {}, "later": {"made-up.md"}}
        lists = Lists(**{**tables, **given})
        wrong, _ = wrong_in({"made-up.md": text}, stage, lists)
        wrong += lists.stale()
        if expected is None:
            assert not wrong, (name, wrong)
        else:
            assert len(wrong) == 1 and expected in wrong[0], (name, wrong)
    return len(cases)


def main():
    documents = read_all(ROOT)
    asked = {name: documents[name] for name in sys.argv[1:]} or documents
    with tempfile.TemporaryDirectory() as root, contextlib.ExitStack() as stack:
        stage = Stage(stack, root)
        checks = check_this_check(stage)
        lists = Lists(document_lists.NOT_RUN, document_lists.ENDS_WITH, document_lists.OTHER_OUTPUT, document_lists.SETUP,
                      document_lists.READ_AS, document_lists.LATER)
        wrong, ran = wrong_in(asked, stage, lists)
        if len(asked) == len(documents):
            wrong += lists.stale() + wrong_in_tables(documents) + wrong_in_faults(documents["docs/reference/simulator.md"])
        print(f"{ran} lines of {len(asked)} documents ran; {len(lists.not_run)} are listed as not run")
        print(*wrong, sep="\n", end="\n" * bool(wrong), flush=True)
    if wrong:
        sys.exit(f"{len(wrong)} failed")
    done(checks + ran + len(every_verb()))


if __name__ == "__main__":
    main()
