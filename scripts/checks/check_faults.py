"""The fault matrix: every kind of fault at every hop, then random combinations by seed, with signals in between.

After each: the independent checker finds no false "complete", no lost or doubled row, no leftover; the key is in nothing that
was said or left behind; a plain run heals all, to the bytes of an undisturbed run.

    check_faults.py                    the table, and 200 seeds
    check_faults.py --seeds 5000 --first-seed 1001      these seeds alone
    check_faults.py --seed 17          this one again, with what it is and what was said
    check_faults.py --case "reset @ put, first"
    check_faults.py --table            what came of each kind at each hop, as a table"""

import argparse
import os
import resource
import signal
import sys
import time

from faults import KINDS, OTHER_FILE, random_trial, table
from stage import done
from trial import run_all

DEAD = "http://127.0.0.1:1"
REFUSED = {"api": "TARDIS_API_URL", "datasets": "TARDIS_DATASETS_URL", "gcs": "STORAGE_EMULATOR_HOST"}


def undergo(lane, trial, is_talkative=False):
    """One trial; gives the exit status of the run that something befell, `killed` when it was killed."""
    lane.begin(trial.place)
    verb, words = "full-pipeline", list(trial.words)
    if trial.is_forced:
        lane.heal()
        words.append("--force")
    lane.tell("options", trial.options)
    lane.tell("faults", trial.faults)
    env = {"MTDH_MAX_ATTEMPTS": str(trial.attempts), "LOG_LEVEL": trial.log_level, **{REFUSED[hop]: DEAD for hop in trial.refused}}
    limit = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (trial.open_files, trial.open_files))
    process = lane.start(verb, *words, env=env, before=limit if trial.open_files else None)
    killed = False
    if trial.signal:
        how, seconds = trial.signal
        end = time.monotonic() + seconds
        while time.monotonic() < end and process.poll() is None:
            time.sleep(0.005)
        if process.poll() is None and how == "STOP":
            process.send_signal(signal.SIGSTOP)
            time.sleep(0.3)
            process.send_signal(signal.SIGCONT)
        elif process.poll() is None:
            lane.end_by(process, how)
            # A second signal to end is as good as a kill.
            killed = True
    status, out, err = lane.finish(process)
    if is_talkative:
        print(f"{trial}\n{out}{err}exit status {status}")
    lane.tell("faults", [])
    lane.check(status, out + err, killed)
    lane.tell("options", {})
    lane.heal()
    if not trial.kinds & OTHER_FILE:
        lane.compare(trial.place)
    return "killed" if killed else status


def print_table(outcomes):
    """What came of each kind at each hop: the exit statuses of the run, in the order first, each, always."""
    hops = ("api", "datasets", "store", "put", "get", "list")
    print("| fault | " + " | ".join(hops) + " |\n" + "|---" * (len(hops) + 1) + "|")
    by_name = {trial.name: status for trial, status in outcomes.items()}
    for kind in KINDS:
        cells = []
        for hop in hops:
            forms = [by_name.get(f"{kind} @ {hop}{form}") for form in (", first", ", each", ", always", "")]
            cells.append(" ".join(str(one) for one in forms if one is not None))
        print(f"| {kind} | " + " | ".join(cells) + " |")


def main():
    words = argparse.ArgumentParser()
    words.add_argument("--seeds", type=int, default=200)
    words.add_argument("--first-seed", type=int)
    words.add_argument("--seed", type=int)
    words.add_argument("--case")
    words.add_argument("--table", action="store_true")
    words.add_argument("--lanes", type=int, default=3 * (os.cpu_count() or 2))
    words = words.parse_args()
    if words.seed is not None or words.case:
        trials = [random_trial(words.seed)] if words.seed is not None else [t for t in table() if t.name == words.case]
        assert trials, "there is no such case"
        _, wrong = run_all(trials, 1, lambda lane, trial: undergo(lane, trial, is_talkative=True))
    else:
        cases = list(table()) if words.first_seed is None else []
        first = words.first_seed or 1
        seeds = [] if words.table else range(first, first + words.seeds)
        trials = cases + [random_trial(seed) for seed in seeds]
        started = time.monotonic()
        outcomes, wrong = run_all(trials, words.lanes, undergo)
        print(f"{len(cases)} cases of the table, {len(seeds)} seeds, {time.monotonic() - started:.0f} s")
        if words.table:
            print_table(outcomes)
    for trial, what in wrong.items():
        name = getattr(trial, "name", trial)
        again = f"--seed {name.removeprefix('seed ')}" if name.startswith("seed ") else f'--case "{name}"'
        print(f"{name}: {what}\n  again: .venv/bin/python scripts/checks/check_faults.py {again}")
    if wrong:
        print(f"{len(trials) - len(wrong)} passed, {len(wrong)} failed")
        sys.exit(1)
    done(len(trials))


if __name__ == "__main__":
    main()
