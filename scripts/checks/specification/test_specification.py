"""The lines of the predecessor's README run, by their old words where those are read, else by the new ones: rows.py has them."""

import contextlib
import re

import pytest

from reader import Stage
from rows import DOCUMENTS, GROUPS
from stage import PROGRAM, ROOT, run

PAGE = ROOT / "docs/how-to/from-the-predecessor.md"


@pytest.fixture(scope="module")
def is_new():
    """Whether the program reads the words used before."""
    return run([PROGRAM, "doctor", "--help"], range(256)).returncode == 0


def wrong_with(place, row):
    """What is wrong with a row, if something is."""
    status, output = place.shell(row.words or row.old)
    lacking = [pattern for pattern in row.objects if not list(place.folder.glob(pattern))]
    if status != row.status:
        why = f"status {status}, expected {row.status}"
    elif row.line and not re.search(row.line, output, re.M):
        why = f"no line fits {row.line}"
    elif lacking:
        why = f"there is no {', '.join(lacking)}"
    else:
        return None
    return f"{row.old}\n    typed: {row.words or row.old}\n    {why}\n" + "\n".join(output.splitlines()[-12:])


@pytest.mark.slow
@pytest.mark.parametrize("group", GROUPS)
def test_lines(tmp_path, figures, is_new, group):
    rows = [row for row in GROUPS[group] if is_new or not row.is_new]
    with contextlib.ExitStack() as stack:
        place = Stage(stack, tmp_path).place([])
        wrong = [why for row in rows if (why := wrong_with(place, row))]
    figures(lines=len(rows), left_out=len(GROUPS[group]) - len(rows))
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_document_that_is_linked_has_an_answer(document):
    row, = re.findall(rf"^\| `docs/{document}\.md`[^|]*\| (.*) \|$", PAGE.read_text(), re.M)
    links = re.findall(r"\]\(([^)#]+)", row)
    assert links and all((PAGE.parent / link).resolve().exists() for link in links), row


def test_every_line_of_the_table_is_on_the_page():
    """The old words of each program that is no more are on the page, so that whoever looks for them finds the new ones."""
    text = PAGE.read_text()
    olds = {row.old.split(" --")[0] for rows in GROUPS.values() for row in rows if row.old.startswith(("python ", "./deploylocal"))}
    lacking = [old for old in olds if old.removeprefix("python ").removeprefix("./").split()[0] not in text]
    assert olds and not lacking
