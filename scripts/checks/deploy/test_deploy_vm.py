"""deploy/vm as scripts, against a stand-in `gcloud`: runs that go well, go wrong half-way, are retried and cleaned up."""

import shutil

import pytest

from cloud import SETTINGS, VM, created, deleted, table

DOWNLOAD = ["--", "download", "--start-date", "2024-03-01", "--venues", "DERIBIT,BINANCE"]
# Words that are refused, and what is said.
REFUSED = [
    (["deploy"], "what shall the VMs do"),
    (["deploy", "--shards", "two", *DOWNLOAD], "--shards takes a number"),
    (["deploy", "--shards", "2", "--end-shard", "2", *DOWNLOAD], "there are shards 0 to 1"),
    (["deploy", "--shards", "2", "--", "full-pipeline", "--start-date", "2024-03-01"], "not cut into shards"),
    (["deploy", "--run", "No Name", *DOWNLOAD], "small letters"),
    (["deploy", "--limit", "5", *DOWNLOAD], "--limit takes"),
    (["deploy", "--zones", "x", *DOWNLOAD], "no such option: --zones"),
    (["deploy", "--env", "A=1\nSECRET=x", *DOWNLOAD], "line break"),
    (["destroy"], "no such subcommand"),
    (["logs"], "which run?"),
    (["status"], "no run can be found"),
    (["delete", "x AND y"], "no run's name"),
    (["status", "never-made"], "there is no run never-made"),
]


@pytest.mark.parametrize("name", sorted(set(SETTINGS) - {"GCP_REGION"}))
def test_a_setting_that_is_missing_is_named(gcloud, name):
    assert name in gcloud("deploy", *DOWNLOAD, env={name: None}, expect=2).stderr
    assert created(gcloud) == []


@pytest.mark.parametrize("words, text", REFUSED, ids=[text for _, text in REFUSED])
def test_wrong_words_are_refused(gcloud, words, text):
    assert text in gcloud(*words, expect=2).stderr
    assert created(gcloud) == []


def test_gcloud_itself_is_missing(gcloud):
    nothing = gcloud.folder / "nothing"
    nothing.mkdir()
    for tool in ["bash", "env", "dirname", "basename", "sed", "tail"]:
        (nothing / tool).symlink_to(shutil.which(tool))
    said = gcloud("status", "x", env={"PATH": str(nothing)}, expect=2).stderr
    assert "gcloud is not on the path" in said, said


def test_a_dry_run_changes_nothing(gcloud):
    printed = gcloud("deploy", "--dry-run", "--shards", "3", "--spot", "--run", "x", *DOWNLOAD).stdout.splitlines()
    # The task as a command of its own, so that what is printed can be run as it is.
    end = printed.index("END")
    assert printed[0] == "cat >mtdh-task-x <<'END'" and "WORD=DERIBIT,BINANCE" in printed[:end], printed
    assert printed[end + 1].startswith("gcloud storage cp --if-generation-match=0 mtdh-task-x gs://a-bucket/"), printed
    assert len(printed) == end + 5
    for line in printed[end + 2:]:
        assert "gcloud compute instances create mtdh-x-" in line and "--provisioning-model=SPOT" in line, line
    printed = gcloud("run", "--dry-run", "--run", "x", *DOWNLOAD).stdout
    assert len(printed.splitlines()[end + 1:]) == 2 and "SPOT=yes" not in printed
    printed = gcloud("--dry-run", script="setup-iam.sh").stdout
    assert "keys create" not in printed and len(printed.splitlines()) == 8, printed
    assert gcloud.calls() == []


def test_one_of_four_vms_cannot_be_made(gcloud):
    """The others are, it is said, and retry makes only what is lacking."""
    gcloud.plays(r_0=[["RUNNING", 0]], r_1=[["refused"], ["RUNNING", 0]], r_2=[["RUNNING", 20]], r_3=[["RUNNING", "TERMINATED"], [0]])
    run = gcloud("deploy", "--run", "r", "--shards", "4", "--machine-type", "n2-highmem-16", "--no-address", *DOWNLOAD, expect=1)
    assert run.stdout == "r\n" and "1 of 4 VMs could not be made" in run.stderr and "retry r" in run.stderr, run.stderr
    assert sorted(gcloud.there()["vms"]) == ["mtdh-r-0", "mtdh-r-2", "mtdh-r-3"]
    call = gcloud.calls("compute", "instances", "create")[0]
    for word in ["--project=some-project", "--zone=europe-west4-b", "--machine-type=n2-highmem-16", "--no-address",
                 "--max-run-duration=43200s", "--instance-termination-action=DELETE", "--image-family=cos-stable"]:
        assert word in call, (word, call)
    assert not any("TD." in word or "SPOT" in word for word in call)
    vm = gcloud.there()["vms"]["mtdh-r-2"]
    assert vm["labels"] == {"mtdh-run": "r", "mtdh-shard": "2"} and vm["metadata"]["mtdh-shard"] == "2"
    assert vm["metadata"]["startup-script"] == (VM / "startup.sh").read_text()
    assert "WORD=DERIBIT,BINANCE\n" in vm["metadata"]["mtdh-task"]
    # A name is used once.
    gcloud.forget()
    assert "is there already" in gcloud("deploy", "--run", "r", *DOWNLOAD, expect=2).stderr and created(gcloud) == []
    # The first look: three work, one is lost. The second: one is done, one failed for good, one was stopped.
    assert table(gcloud("status", "r", expect=3)) == {
        "0": ["working", "-"], "1": ["lost", "-"], "2": ["working", "-"], "3": ["working", "-"]}
    assert table(gcloud("status", "r", expect=1)) == {
        "0": ["done", "0"], "1": ["lost", "-"], "2": ["failed", "20"], "3": ["stopped", "-"]}
    assert gcloud("logs", "r", "0").stdout == "the log of shard 0\n"
    assert gcloud("logs", "r", "3").stdout == "the console of mtdh-r-3\n"
    gcloud("ssh", "r", "3")
    assert gcloud.calls("compute", "ssh")[0][2:4] == ["mtdh-r-3", "--zone=europe-west4-b"]
    assert "has no VM now" in gcloud("ssh", "r", "0", expect=2).stderr
    # What cannot be asked is no reason to make anything.
    gcloud.forget()
    for broken in ["instances list", "storage ls", "storage cat"]:
        (gcloud.folder / "broken").write_text(broken)
        gcloud("retry", "r", expect=2)
    (gcloud.folder / "broken").unlink()
    assert created(gcloud) == [] and deleted(gcloud) == []
    printed = [line for line in gcloud("retry", "r", "--dry-run", expect=1).stdout.splitlines() if line.startswith("gcloud compute")]
    assert [line.split()[3:5] for line in printed] == [
        ["delete", "mtdh-r-3"], ["create", "mtdh-r-1"], ["create", "mtdh-r-3"]], printed
    said = gcloud("retry", "r", expect=1).stderr
    assert "shard 2 ended with 20" in said and "logs r 2" in said, said
    assert created(gcloud) == ["mtdh-r-1", "mtdh-r-3"] and deleted(gcloud) == ["mtdh-r-3"]
    call = gcloud.calls("compute", "instances", "create")[0]
    assert "--machine-type=n2-highmem-16" in call and "--no-address" in call, call
    gcloud("status", "r", "--watch", expect=1)
    assert table(gcloud("status", "r", expect=1))["2"] == ["failed", "20"]
    assert "nothing to make again" in gcloud("retry", "r", expect=1).stderr


def test_run_goes_from_the_first_vm_to_the_end(gcloud):
    """Through a preemption, a failure worth retrying, and a VM that could not be made."""
    gcloud.plays(s_0=[["RUNNING", 0]], s_1=[["RUNNING", "gone"], ["RUNNING", "RUNNING", 0]], s_2=[["RUNNING", 10], [0]],
                 s_3=[["refused"], ["RUNNING", 0]])
    run = gcloud("run", "--run", "s", "--shards", "4", "--spot", *DOWNLOAD)
    assert table(run) == {str(shard): ["done", "0"] for shard in range(4)}, run.stdout
    assert created(gcloud) == ["mtdh-s-0", "mtdh-s-1", "mtdh-s-1", "mtdh-s-2", "mtdh-s-2", "mtdh-s-3", "mtdh-s-3"]
    assert gcloud.there()["vms"] == {}
    assert gcloud("status", "s").returncode == 0
    # A shard that always fails: so many attempts, and no success is claimed.
    gcloud.forget()
    gcloud.plays(t_0=[["RUNNING", 10]] * 9)
    run = gcloud("run", "--run", "t", "--attempts", "2", *DOWNLOAD, expect=1)
    assert table(run) == {"0": ["failed", "10"]} and created(gcloud) == ["mtdh-t-0"] * 2
    gcloud.forget()
    gcloud.plays(u_0=[[2]])
    gcloud("run", "--run", "u", *DOWNLOAD, expect=1)
    assert created(gcloud) == ["mtdh-u-0"]
    # Ran and not clean: for a person. A budget that is used up: not today.
    gcloud.forget()
    gcloud.plays(x_0=[[1]], x_1=[[30]], x_2=[[-30], [0]], x_3=[[0]])
    run = gcloud("run", "--run", "x", "--shards", "4", *DOWNLOAD, expect=1)
    assert table(run) == {"0": ["failed", "1"], "1": ["failed", "30"], "2": ["done", "0"], "3": ["done", "0"]}, run.stdout
    assert created(gcloud) == ["mtdh-x-0", "mtdh-x-1", "mtdh-x-2", "mtdh-x-2", "mtdh-x-3"]
    assert "shard 0 ended with 1" in run.stderr and "shard 1: the budget is used up; retry x on another day" in run.stderr
    # A part of the shards.
    gcloud.plays(v_2=[[0]], v_3=[[0]])
    run = gcloud("run", "--run", "v", "--shards", "8", "--start-shard", "2", "--end-shard", "3", *DOWNLOAD)
    assert table(run) == {"2": ["done", "0"], "3": ["done", "0"]}


def test_cleanup_and_delete(gcloud):
    """Only VMs with the label; those at work after a question, or on request; delete takes a run's, and nobody else's."""
    gcloud("deploy", "--run", "w", "--shards", "2", *DOWNLOAD)
    gcloud("deploy", "--run", "w2", *DOWNLOAD)

    def others(state):
        state["vms"]["mtdh-w-9"] = {"labels": {}, "zone": "europe-west4-b", "status": "TERMINATED"}
        state["vms"]["database"] = {"labels": {"team": "w"}, "zone": "us-east1-b", "status": "TERMINATED"}
        for name in ["mtdh-w-1", "mtdh-w2-0"]:
            state["vms"][name] |= {"status": "TERMINATED", "steps": []}

    gcloud.edit(others)
    before = gcloud.there()["vms"]
    printed = gcloud("cleanup", "--dry-run").stdout.splitlines()
    assert len(printed) == 2 and sorted(gcloud.there()["vms"]) == sorted(before), printed
    gcloud("w", script="orchestration/cleanup-tick-vms.sh")
    assert deleted(gcloud) == ["mtdh-w-1"]
    said = gcloud("cleanup").stderr
    assert "mtdh-w-0\teurope-west4-b\tRUNNING" in said and "1 of these are at work" in said and "stay" in said, said
    assert sorted(gcloud.there()["vms"]) == ["database", "mtdh-w-0", "mtdh-w-9"]
    for number, (words, answer) in enumerate([(["--yes"], ""), ([], "y\n"), ([], "n\n")]):
        gcloud("deploy", "--run", f"q{number}", *DOWNLOAD)
        gcloud(f"q{number}", *words, script="orchestration/cleanup-tick-vms.sh", input=answer)
    assert sorted(gcloud.there()["vms"]) == ["database", "mtdh-q2-0", "mtdh-w-0", "mtdh-w-9"]
    gcloud("delete", "q2")
    gcloud("delete", "w", "1")
    assert "mtdh-w-0" in gcloud.there()["vms"]
    gcloud("delete", "w")
    assert sorted(gcloud.there()["vms"]) == ["database", "mtdh-w-9"]
    (gcloud.folder / "broken").write_text("instances delete")
    gcloud.edit(lambda state: state["vms"]["database"]["labels"].update({"mtdh-run": "w"}))
    assert "could not be deleted" in gcloud("delete", "w", expect=1).stderr
    (gcloud.folder / "broken").unlink()
