"""The scripts under the names that users know: what they hand to mtdh, what they refuse before a VM is made, and the list of the
program's flags that they go by."""

import datetime
import re
import shutil
import sys

import pytest

from cloud import DEPLOY, created, table
from stage import PROGRAM, ROOT, environment, run

sys.path.insert(0, str(ROOT / "scripts"))
import vm_flags

DAYS = ["--start-date", "2024-03-01", "--end-date", "2024-03-02"]
INSTRUMENTS, TARDIS, SHARDS = "vm/deploy-instruments.sh", "vm/deploy-tardis.sh", "vm/shard-deploy.sh"
ORCHESTRATE = "orchestration/orchestrate-tick-download.sh"
# How the first value of a flag is written, where not any word will do.
VALUES = {"--start-date": "2024-03-01", "--end-date": "2024-03-02"}
# A script, its words, and what is said; nothing may be made.
REFUSED = [
    (INSTRUMENTS, ["deploy"], "deploy-instruments.sh deploy  --start-date 20"),
    (TARDIS, ["deploy"], "which days? Nothing was made"),
    (TARDIS, ["run", "--venues", "DERIBIT"], "run --venues DERIBIT --start-date 20"),
    (SHARDS, ["tardis", "--shards", "20"], "which days?"),
    (SHARDS, ["instruments", "--shards", "10"], "which days?"),
    (ORCHESTRATE, ["--instances", "3"], "which days?"),
    ("vm/mtdh-vm.sh", ["deploy", "--", "full-pipeline"], "-- full-pipeline --start-date 20"),
    ("vm/mtdh-vm.sh", ["deploy", "--", "downlode", *DAYS], "no verb that VMs run: downlode"),
    ("vm/mtdh-vm.sh", ["deploy", "--", "validate", *DAYS, "--force"], "mtdh validate has no flag --force; these have it:"),
    (INSTRUMENTS, ["deploy", *DAYS, "--data-types", "trades"], "mtdh instruments has no flag --data-types"),
    (INSTRUMENTS, ["deploy", "--start-date", "24-3-1"], '--start-date takes a day such as 20'),
    (TARDIS, ["deploy", "--start-date", "2024-03-02", "--end-date", "2024-03-01"], "is before the first"),
    (TARDIS, ["deploy", "--start-date", "2024-03", "--end-date", "2024-02"], "is before the first"),
    (TARDIS, ["deploy", "--start-date", "2024-03-01", "--end-date", "2024-02"], "is before the first"),
    (TARDIS, ["deploy", "--start-date", "2024-13"], "a month such as 20"),
    (TARDIS, ["deploy", "--start-date", "2024-03-01T12"], "a month such as 20"),
    (TARDIS, ["deploy", *DAYS, "--total-shards", "4"], "is an option, --shards"),
    (TARDIS, ["deploy", *DAYS, "--no-such-flag"], "--no-such-flag"),
    (TARDIS, ["start"], "a VM works once"),
    (ORCHESTRATE, [*DAYS, "--no-such-flag", "x"], "no such option: --no-such-flag"),
]


def task(gcloud, run_name, shard=0):
    """The words that a VM was given for mtdh."""
    text = gcloud.there()["vms"][f"mtdh-{run_name}-{shard}"]["metadata"]["mtdh-task"]
    return re.findall(r"^WORD=(.*)", text, re.M)


def test_the_list_of_flags_is_the_programs():
    held = vm_flags.FILE.read_text()
    made = run([sys.executable, ROOT / "scripts/vm_flags.py"], env=environment({"MTDH": PROGRAM})).stdout
    assert held == made, "the program has other flags than deploy/vm/flags.txt: python scripts/vm_flags.py --write"


@pytest.mark.parametrize("script, words, text", REFUSED, ids=[" ".join([one[0], *one[1]]) for one in REFUSED])
def test_refused_before_a_vm_is_made(gcloud, script, words, text):
    assert text in gcloud(*words, script=script, expect=2).stderr
    assert gcloud.calls() == []


def every_flag_of(verb):
    """Words with every flag of a verb that the scripts do not give themselves."""
    words = []
    for line in vm_flags.FILE.read_text().splitlines():
        flag, kind, verbs = line.split()[:3]
        if flag.startswith("--") and verb in verbs.split(",") and flag not in ("--run", "--dry-run", "--shard-index", "--total-shards"):
            words += {"switch": [flag], "value": [flag, VALUES.get(flag, "x")], "values": [flag, "x", "y"]}[kind]
    return words


@pytest.mark.parametrize("script, verb", [(INSTRUMENTS, "instruments"), (TARDIS, "download")])
def test_every_flag_of_the_program_passes(gcloud, script, verb):
    """In the order given, whatever options stand between."""
    words = every_flag_of(verb)
    gcloud("deploy", "--run", "a", *words, "--spot", "--limit", "900", script=script)
    assert task(gcloud, "a") == [verb, *words]
    # With an equals sign, short ones, and an option after a switch.
    gcloud("deploy", "--run", "b", "--start-date=2024-03-01", "-v", "--zone", "z", "--venues", "OKX", script=script)
    assert task(gcloud, "b") == [verb, "--start-date=2024-03-01", "-v", "--venues", "OKX"]


def test_the_start_up_script_gives_plan_no_flag_that_it_does_not_have():
    """Of `download`, what `plan` does not take goes to the workers."""
    plan = {word for word in every_flag_of("plan") if word.startswith("--")}
    lacking = {word for word in every_flag_of("download") if word.startswith("--")} - plan
    text = (DEPLOY / "vm/startup.sh").read_text()
    patterns = re.search(r"^ +(--max-workers.*)\) into=words", text, re.M)[1].replace("*", "").split(" | ")
    assert not [flag for flag in lacking if not flag.startswith(tuple(patterns))] and not plan & set(patterns)


def test_months_are_days_and_today_is_a_word(gcloud):
    """A month as last day means all of it."""
    for run_name, days in {"a": ["2024-03"], "b": ["2024-03-05", "2024-03"], "c": ["2024-02", "2024-03-01"], "d": ["2024-03", "2024-03-01"]}.items():
        words = [word for pair in zip(["--start-date", "--end-date"], days) for word in pair]
        gcloud("deploy", "--run", run_name, *words, script=TARDIS)
        assert task(gcloud, run_name) == ["download", *words]
    day = lambda: str(datetime.datetime.now(datetime.UTC).date())
    before = day()
    gcloud("deploy", "--run", "e", "--start-date=Today", script=INSTRUMENTS)
    assert task(gcloud, "e")[-1] in (f"--start-date={before}", f"--start-date={day()}")


def test_yesterday_is_a_word(gcloud):
    """It is written out when the VM is made, so that a retry has the same day."""
    day = lambda: str(datetime.datetime.now(datetime.UTC).date() - datetime.timedelta(days=1))
    before = day()
    gcloud("deploy", "yesterday", "--run", "a", script=INSTRUMENTS)
    gcloud("deploy", "--run", "b", "--start-date", "2024-03-01", "--end-date", "yesterday", script=TARDIS)
    assert task(gcloud, "a") in [["instruments", "--start-date", one] for one in (before, day())]
    assert task(gcloud, "b")[-1] in (before, day())


def test_the_scripts_under_known_names(gcloud):
    gcloud("deploy", "--venues", "DERIBIT", "OKX", "--run", "d", "--data-types", "trades", "quotes", *DAYS, script=TARDIS)
    assert task(gcloud, "d") == ["download", "--venues", "DERIBIT", "OKX", "--data-types", "trades", "quotes", *DAYS]
    gcloud("status", "d", script=TARDIS, expect=3)
    gcloud("tardis", "--preemptible", "--run", "many", *DAYS, script=SHARDS)
    assert len([name for name in gcloud.there()["vms"] if name.startswith("mtdh-many-")]) == 10
    said = gcloud("instruments", "--run", "one", *DAYS, "--shards", "10", "--end-shard", "9", "--venues", "DERIBIT", script=SHARDS).stderr
    assert "one VM is made: the vendor gives" in said, said
    assert "mtdh-one-1" not in gcloud.there()["vms"] and task(gcloud, "one") == ["instruments", *DAYS, "--venues", "DERIBIT"]


def test_monitor_takes_the_newest_run(gcloud):
    for name in ("zebra", "ant"):
        gcloud("deploy", "--run", name, *DAYS, script=TARDIS)
    gcloud.edit(lambda state: state["vms"]["mtdh-ant-0"].update({"steps": ["RUNNING", 0]}))
    ended = gcloud(script="orchestration/monitor-tick-download.sh")
    assert table(ended) == {"0": ["done", "0"]} and "run ant is the newest" in ended.stderr
    gcloud.edit(lambda state: state["vms"]["mtdh-zebra-0"].update({"steps": [0]}))
    assert "run zebra: 1 done" in gcloud("zebra", script="orchestration/monitor-tick-download.sh").stderr


def test_orchestrate_gives_each_verb_its_own_flags(gcloud):
    words = [*DAYS, "--venues", "DERIBIT", "--max-workers", "8", "--force", "--bytes", "--instances", "3", "--start-shard", "1"]
    printed = gcloud(*words, "--dry-run", "--run", "x", script=ORCHESTRATE).stdout
    download, validate = re.split(r"(?=^cat >mtdh-task-x-validate )", printed, flags=re.M)
    given = lambda text: re.findall(r"^WORD=(.*)", text, re.M)
    assert given(download) == ["download", *DAYS, "--venues", "DERIBIT", "--max-workers", "8", "--force"]
    assert given(validate) == ["validate", *DAYS, "--venues", "DERIBIT", "--bytes"]
    names = re.findall(r"instances create (\S+)", printed)
    assert names == ["mtdh-x-1", "mtdh-x-2", "mtdh-x-validate-0"], names
    # A download that fails is not validated.
    (gcloud.folder / "broken").write_text("storage cp")
    gcloud(*DAYS, script=ORCHESTRATE, expect=2)
    (gcloud.folder / "broken").unlink()
    assert created(gcloud) == []


DRY = [
    ("vm/mtdh-vm.sh", ["status", "r"]), ("vm/mtdh-vm.sh", ["retry", "r"]), ("vm/mtdh-vm.sh", ["delete", "r"]),
    ("orchestration/monitor-tick-download.sh", []), ("orchestration/cleanup-tick-vms.sh", []), (ORCHESTRATE, DAYS),
    (INSTRUMENTS, ["deploy", *DAYS]), (SHARDS, ["tardis", *DAYS]), ("setup-iam.sh", []),
]


@pytest.mark.parametrize("has_gcloud", [True, False], ids=["not logged in", "no gcloud"])
@pytest.mark.parametrize("script, words", DRY, ids=[" ".join(one[:1]) + str(len(one[1])) for one in DRY])
def test_a_dry_run_needs_no_login_and_leaves_nothing(gcloud, script, words, has_gcloud):
    (gcloud.folder / "broken").write_text("s")
    around = set(gcloud.folder.iterdir()) | {gcloud.folder / "calls"}
    if not has_gcloud:
        (gcloud.folder / "tools/gcloud").unlink()
        gcloud.env["PATH"] = bare(gcloud.folder / "tools")
    printed = gcloud(*words, "--dry-run", script=script).stdout
    assert re.search(r"^gcloud ", printed, re.M), printed
    assert set(gcloud.folder.iterdir()) <= around


def bare(folder):
    """A path with the few tools that the scripts call, and no gcloud."""
    for tool in ["bash", "env", "dirname", "basename", "sed", "tail", "head", "cat", "date", "seq", "sort", "tr", "grep", "wc", "uniq"]:
        (folder / tool).symlink_to(shutil.which(tool))
    return str(folder)


def test_setup_iam(gcloud):
    gcloud("--project", "p", script="setup-iam.sh")
    roles = {word for call in gcloud.calls() for word in call if word.startswith("--role=")}
    assert roles == {"--role=roles/storage.objectUser", "--role=roles/secretmanager.secretAccessor", "--role=roles/logging.logWriter",
                     "--role=roles/artifactregistry.reader", "--role=projects/p/roles/mtdhSelfDelete"}, roles
    assert not [call for call in gcloud.calls() if "keys" in call]
