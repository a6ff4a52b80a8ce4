"""The fault matrix: every kind of fault at every hop, then random combinations by seed, with signals in between.

After each: the independent checker finds no false "complete", no lost or doubled row, no leftover; the key is in nothing that
was said or left behind; a plain run heals all, to the bytes of an undisturbed run.

    pytest scripts/checks/faults/test_faults.py --seeds 5000 --first-seed 1001 -k seed
    pytest 'scripts/checks/faults/test_faults.py::test_fault[reset @ put, first]'
    pytest scripts/checks/faults/test_faults.py -k test_fault --table      what came of each kind at each hop, as a table"""

import resource
import signal

import pytest

from kinds import OTHER_FILE, random_trial, table
from stage import comes_about
from trial import USUAL

DEAD = "http://127.0.0.1:1"
REFUSED = {"api": "TARDIS_API_URL", "datasets": "TARDIS_DATASETS_URL", "gcs": "STORAGE_EMULATOR_HOST"}


def pytest_generate_tests(metafunc):
    if "seed" in metafunc.fixturenames:
        first = metafunc.config.getoption("--first-seed")
        metafunc.parametrize("seed", range(first, first + metafunc.config.getoption("--seeds")))


@pytest.mark.parametrize("trial", [pytest.param(trial, id=trial.name) for trial in table()])
def test_fault(lane_of, trial, record_property):
    record_property(f"outcome of {trial.name}", undergo(lane_of(USUAL), trial))


def test_seed(lane_of, seed):
    undergo(lane_of(USUAL), random_trial(seed))


def undergo(lane, trial):
    """One trial; gives the exit status of the run that something befell, `killed` when it was killed."""
    print(trial)
    lane.begin(trial.place)
    words = list(trial.words)
    if trial.is_forced:
        lane.heal()
        words.append("--force")
    lane.tell("options", trial.options)
    lane.tell("faults", trial.faults)
    env = {"MTDH_MAX_ATTEMPTS": str(trial.attempts), "LOG_LEVEL": trial.log_level, **{REFUSED[hop]: DEAD for hop in trial.refused}}
    limit = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (trial.open_files, trial.open_files))
    process = lane.start("full-pipeline", *words, env=env, before=limit if trial.open_files else None)
    was_killed = bool(trial.signal) and strike(lane, process, *trial.signal)
    status, out, err = lane.finish(process)
    print(f"{out}{err}exit status {status}")
    lane.tell("faults", [])
    lane.check(status, out + err, was_killed)
    lane.tell("options", {})
    lane.heal()
    if not trial.kinds & OTHER_FILE:
        lane.compare(trial.place)
    return "killed" if was_killed else status


def strike(lane, process, how, seconds):
    """A signal after so long, if the run is not over before; whether it ended the run."""
    if comes_about(lambda: process.poll() is not None, seconds, pause=0.005):
        return False
    if how == "STOP":
        process.send_signal(signal.SIGSTOP)
        comes_about(lambda: False, 0.3)
        process.send_signal(signal.SIGCONT)
        return False
    lane.end_by(process, how)
    # A second signal to end is as good as a kill.
    return True
