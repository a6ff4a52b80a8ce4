"""The notebook runs, and shows what it has kept. `MTDH_WRITE_DOCS=1` keeps what it shows now."""

import os
import pathlib
import re

import pytest

nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed: scripts/requirements-bridges.txt has it")
nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed: scripts/requirements-bridges.txt has it")
for package in ("ipykernel", "hftbacktest", "matplotlib"):
    pytest.importorskip(package, reason=f"{package} is not installed: scripts/requirements-bridges.txt has it")

NOTEBOOK = pathlib.Path(__file__).resolve().parents[3] / "docs/tutorial/notebook.ipynb"
MOST_BYTES = 1_000_000


def shown(notebook):
    """What each code cell shows: texts as they are, pictures as a word."""
    cells = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {"text/plain": output.get("text", "")})
            cells.append((cell["source"].splitlines()[0], "a picture" if "image/png" in data else data["text/plain"]))
    return cells


def test_the_notebook_shows_what_it_has_kept(tmp_path, monkeypatch):
    # Nothing of this machine's settings, and no way out of it.
    for name in [name for name in os.environ if name.startswith(("MTDH_", "TARDIS_")) and name != "MTDH_WRITE_DOCS"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    kept = nbformat.read(NOTEBOOK, as_version=4)
    fresh = nbformat.read(NOTEBOOK, as_version=4)
    for cell in fresh.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    client = nbclient.NotebookClient(fresh, timeout=300, kernel_name="python3", record_timing=False,
                                     resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    if os.environ.get("MTDH_WRITE_DOCS"):
        fresh.metadata = {"kernelspec": kept.metadata.kernelspec, "language_info": {"name": "python"}}
        nbformat.write(fresh, NOTEBOOK)
        kept = fresh
    assert shown(fresh) == shown(kept), "keep what it shows now: MTDH_WRITE_DOCS=1 python -m pytest test_notebook.py"
    assert not [output for cell in fresh.cells for output in cell.get("outputs", []) if output.get("name") == "stderr"]
    assert NOTEBOOK.stat().st_size < MOST_BYTES


def test_the_notebook_says_that_its_data_are_made_up():
    kept = nbformat.read(NOTEBOOK, as_version=4)
    assert "Every number here is synthetic" in kept.cells[0].source
    drawn = [cell for cell in kept.cells if any("image/png" in output.get("data", {}) for output in cell.get("outputs", []))]
    assert len(drawn) == 7
    for cell in drawn:
        assert "synthetic data" in cell.source or re.search(r"\.plot\(", cell.source), cell.source
