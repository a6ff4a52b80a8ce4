"""The docstrings' examples run, every public thing is described, and the documents' Python runs from the wheel in a clean environment."""

import contextlib
import doctest
import inspect
import os
import pkgutil
import re
import shutil
import subprocess

import pytest

import mtdh
from blocks import blocks, read_all
from python_page import page
from stage import ROOT, environment, vendor_only

OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
# What other parts of the package have tests of their own for.
APART = ("mtdh.validation", "mtdh.bridges", "mtdh.plot", "mtdh._mtdh", "mtdh._cli")
MODULES = ["mtdh", *sorted(module.name for module in pkgutil.walk_packages(mtdh.__path__, "mtdh.") if not module.name.startswith(APART))]


@pytest.fixture(scope="module")
def lake(demo_folder, tmp_path_factory):
    """The lake of the examples: a copy of the shared one, whose vendor is there."""
    folder = shutil.copytree(demo_folder, tmp_path_factory.mktemp("examples") / "lake")
    with mtdh.demo(folder, fill=False) as lake:
        yield lake


def examples():
    finder = doctest.DocTestFinder(exclude_empty=True)
    for name in MODULES:
        module = __import__(name, fromlist=["_"])
        for test in finder.find(module, name, module=module):
            if test.examples:
                yield test


EXAMPLES = list(examples())


@pytest.mark.filterwarnings("ignore::mtdh.MissingDataWarning")
@pytest.mark.parametrize("test", EXAMPLES, ids=[test.name for test in EXAMPLES])
def test_an_example(lake, monkeypatch, test):
    said = []
    if test.name == "mtdh":
        # The whole demo takes long; the notebook has it.
        monkeypatch.setattr(mtdh, "demo", lambda: contextlib.nullcontext(lake))
    test.globs = {"mtdh": mtdh, "lake": lake}
    failed, _ = doctest.DocTestRunner(optionflags=OPTIONS).run(test, out=said.append, clear_globs=False)
    assert not failed, "".join(said)


def public():
    """Every public thing with its name: the package's names, and the methods of its classes."""
    for name in mtdh.__all__:
        thing = getattr(mtdh, name)
        yield name, thing
        if inspect.isclass(thing) and not issubclass(thing, BaseException):
            for attribute, value in vars(thing).items():
                if not attribute.startswith("_") and (callable(value) or isinstance(value, property)):
                    yield f"{name}.{attribute}", value


def test_every_public_thing_is_described():
    lacking = [name for name, thing in public() if not (inspect.getdoc(thing) or "").strip()]
    assert not lacking
    assert len(EXAMPLES) > 25


def test_what_reads_has_an_example():
    have = {test.name.removeprefix("mtdh.").removeprefix("_lake.").removeprefix("_rows.") for test in EXAMPLES}
    wanted = {f"Rows.{name}" for name in ("polars", "pandas", "arrow", "reader", "numpy", "lazy", "duckdb", "paths", "count", "missing", "strict")}
    wanted |= {f"Lake.{name}" for name in ("get", "trades", "candles", "instruments", "coverage", "findings", "sql", "download", "validate", "check", "make_candles")}
    assert not wanted - have


def test_the_reference_is_made_of_the_docstrings():
    path = ROOT / "docs/reference/python.md"
    if os.environ.get("MTDH_WRITE_DOCS"):
        path.write_text(page())
    assert path.read_text() == page(), "MTDH_WRITE_DOCS=1 python -m pytest test_api_docs.py"


# --- the documents


def uses_the_package(block):
    return block.language == "python" and re.search(r"^\s*(import mtdh|from mtdh)\b", block.text, re.M)


DOCUMENTS = {name: found for name, text in read_all(ROOT).items() if (found := [b for b in blocks(name, text) if uses_the_package(b)])}
# Blocks with libraries that have their own tests, by words in them.
HAVE_THEIR_OWN = ("mtdh.bridges", "to_nautilus", "to_hftbacktest", "hftbacktest", "mtdh.validation", ".plot(")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_python_of_a_document(sim, clean, demo_folder, tmp_path, name):
    """One document from its beginning to its end, as one program, in a folder with a lake."""
    shutil.copytree(demo_folder, tmp_path / "data")
    (tmp_path / "mtdh-demo").symlink_to("data")
    text = "\n".join(block.text for block in DOCUMENTS[name] if not any(word in block.text for word in HAVE_THEIR_OWN))
    if not text:
        pytest.skip("other tests run it")
    # The libraries are those of this Python; the package is the wheel's, which comes first.
    libraries = {"PYTHONPATH": f"{next(clean.parent.parent.glob('lib/python*/site-packages'))}:{mtdh.__path__[0].rsplit('/', 1)[0]}"}
    env = environment(vendor_only(sim()), libraries, {"PYTHONWARNINGS": "ignore"})
    del env["MTDH_CACHE_DIR"]
    for variable in ("MTDH_LAKE", "GCS_BUCKET"):
        env.pop(variable, None)
    ended = subprocess.run([clean, "-c", text], capture_output=True, text=True, cwd=tmp_path, env=env, timeout=300)
    assert ended.returncode == 0, f"{text}\n{ended.stdout}\n{ended.stderr}"


def test_the_first_line_that_people_type_is_among_them():
    assert any(re.search(r"lake\.trades\(.*\)\.polars\(\)", block.text) for block in DOCUMENTS["README.md"])
