"""Every command line of the documents runs, in their order, against the stand-in vendor and stand-ins for the tools of clouds.

A document has a folder of its own, in which later lines find what earlier ones made. A line must end with 0, or as ENDS_WITH says.
NOT_RUN is the one list of lines that are not run, with the reason. What a document shows as output must be what comes out, but
for OTHER_OUTPUT. Verbs, flags, scripts and tests that are named within sentences must exist. An entry of a list that fits no line
any more fails as well.

    pytest 'scripts/checks/documents/test_documents.py::test_a_document[docs/how-to/download.md]'"""

import json
import re
import sys

import pytest

import document_lists
from blocks import read_all
from document_words import help_of
from reader import Lists, wrong_in
from stage import PROGRAM, ROOT, mtdh, run

DOCUMENTS = read_all(ROOT)
LISTS = Lists(document_lists.NOT_RUN, document_lists.ENDS_WITH, document_lists.OTHER_OUTPUT, document_lists.SETUP,
              document_lists.READ_AS, document_lists.LATER, document_lists.ELSEWHERE)
LISTED = {"mtdh ls --lake none": "why"}


def sh(text):
    """A block of shell."""
    return f"```sh\n{text}\n```\n"


# Made-up documents, what is known of their lines, and what must be found in them: nothing where nothing is wrong.
CASES = [
    ("a good line", sh("mtdh completions bash   # said\nfor n in 1 2; do\n  mtdh --version\ndone"), {}, None),
    ("a line that fails and is not listed", sh("mtdh ls --lake none"), {}, "status 2, expected 0"),
    ("the same, listed", sh("mtdh ls --lake none"), {"not_run": LISTED}, None),
    ("a wrong flag of a listed line", sh("mtdh ls --lakes none"), {"not_run": {"mtdh ls --lakes none": "why"}}, "no flag `--lakes`"),
    ("a listed line that is not there", "", {"not_run": LISTED}, "no document has any more"),
    ("a status that is told", sh("mtdh ls --lake none"), {"ends_with": {"mtdh ls --lake none": 2}}, None),
    ("a status that is told and wrong", sh("mtdh --version"), {"ends_with": {"mtdh --version": 2}}, "status 0, expected 2"),
    ("a pipe whose first part fails", sh("mtdh ls --lake none | cat"), {}, "status 2, expected 0"),
    ("a continued line", sh("mtdh completions \\\n  bush"), {}, "status 2, expected 0"),
    ("a tool that is not known", sh("gcloud batch jobs submit --priority 3 march"), {}, "does not know this"),
    ("output that is another", sh("mtdh --version") + "```text\nmtdh 17\n```", {}, "no line of the output: mtdh 17"),
    ("a block that would not be read", "```bash\nmtdh ls --lake none\n```", {}, "`bash` are not known"),
    ("Python that fails", "```python\nimport nothing_of_that_name\n```", {}, "status 1"),
    ("a verb in a sentence", "Try `mtdh downlode --force`.", {}, "no verb `downlode`"),
    ("a flag in a sentence", "Try `mtdh ls --longer`.", {}, "no flag `--longer`"),
    ("a flag alone", "With `--longer` more.", {}, "nothing has a flag `--longer`"),
    ("a script in a sentence", "See `scripts/checks/test_nothing.py`.", {}, "there is no scripts/checks/test_nothing.py"),
    ("a test in a sentence", "So says `cargo test -p mtdh --test cli no_such_test`.", {}, "has `no_such_test` in its name"),
    ("a test of Python in a sentence", "So says `python -m pytest scripts/checks/faults/test_faults.py::test_nothing`.", {}, "has no test test_nothing"),
    ("a flag of pytest in a sentence", "Try `python -m pytest scripts/checks --no-such-flag`.", {}, "pytest has no flag"),
    ("good words in a sentence", "`mtdh ls --long`, `-p mtdh --test cli secrets`, `mtdh VERB --help`", {}, None),
]


@pytest.mark.slow
@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document(tmp_path, figures, name):
    wrong, ran = wrong_in(name, DOCUMENTS[name], tmp_path, LISTS)
    figures(documents=1, lines=ran)
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)


def test_the_lists_have_no_stale_line():
    assert LISTS.stale(DOCUMENTS) == []


@pytest.mark.parametrize("text, given, expected", [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_made_up_document(tmp_path, text, given, expected):
    lists = Lists(**given, later={"made-up.md"})
    wrong, _ = wrong_in("made-up.md", text, tmp_path, lists)
    wrong += lists.stale({"made-up.md": text})
    if expected is None:
        assert not wrong
    else:
        assert len(wrong) == 1 and expected in wrong[0], wrong


def test_the_readme_names_every_verb():
    lacking = [verb for verb in help_of()[0] - {"help"} if f"`{verb}" not in DOCUMENTS["README.md"]]
    assert not lacking


def test_the_figures_of_scale_are_those_of_the_script():
    paper = run([sys.executable, ROOT / "scripts/scale_paper.py"]).stdout
    lacking = [line for line in paper.splitlines() if line not in DOCUMENTS["docs/explanation/scale.md"]]
    assert not lacking


def test_usage_has_a_row_of_every_setting():
    settings = json.loads(mtdh("config", "show", "--format", "json", env={"HOME": "/nonexistent"}))
    rows = [f"| `{setting['setting']}` | `{setting['variable']}` |" for setting in settings]
    lacking = [row for row in rows if row not in DOCUMENTS["docs/reference/settings.md"]]
    assert not lacking


def test_usage_lists_the_faults_that_the_stand_in_takes(tmp_path):
    source = re.search(r"enum FaultKind \{\n(.*?)^\}", next((ROOT / "crates/sim/src").rglob("fault.rs")).read_text(), re.S | re.M)[1]
    known = {re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower() for name in re.findall(r"^    ([A-Z]\w+)(?:,| \{)$", source, re.M)}
    row = re.search(r"^\| `kind` \| (.*) \|$", DOCUMENTS["docs/reference/simulator.md"], re.M)[1]
    listed = [json.loads(kind) for kind in re.findall(r"`([^`]+)`", row)]
    names = {kind if isinstance(kind, str) else next(iter(kind)) for kind in listed}
    assert known and not known - names
    (tmp_path / "faults.json").write_text(json.dumps([{"host": "gcs", "kind": kind} for kind in listed]))
    run([PROGRAM, "sim", "--small", "--seconds", "0", "--faults", tmp_path / "faults.json"])
