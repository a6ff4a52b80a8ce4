"""A Slurm of one's own on this machine: munged, slurmctld and so many slurmd, in a folder, ended with the test."""

import os
import pathlib
import shutil
import socket
import subprocess

from stage import wait_until

PROGRAMS = ["munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "sinfo"]


def lacking():
    """What keeps Slurm from running here, in words; nothing when it can be tried."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        return f"{', '.join(missing)} not installed (apt-get install slurm-wlm munge)"
    return None if os.geteuid() == 0 else "slurmd needs root"


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Cluster:
    """Nodes `n0`, `n1`, … of two processors each."""

    def __init__(self, folder, nodes):
        self.folder, self.processes = pathlib.Path(folder), {}
        self.nodes = [f"n{number}" for number in range(nodes)]
        control, *ports = free_ports(nodes + 1)
        (self.folder / "state").mkdir()
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        lines = [
            "ClusterName=check", f"SlurmctldHost={socket.gethostname()}(127.0.0.1)", "SlurmUser=root", "SlurmdUser=root",
            f"SlurmctldPort={control}", "AuthType=auth/munge", f"AuthInfo=socket={self.folder}/munge.socket,cred_expire=5",
            "CredType=cred/munge", "ProctrackType=proctrack/linuxproc", "TaskPlugin=task/none", "MpiDefault=none",
            f"StateSaveLocation={self.folder}/state", f"SlurmdSpoolDir={self.folder}/spool-%n", "ReturnToService=2",
            f"SlurmctldPidFile={self.folder}/slurmctld.pid", f"SlurmdPidFile={self.folder}/slurmd-%n.pid",
            f"SlurmctldLogFile={self.folder}/slurmctld.log", f"SlurmdLogFile={self.folder}/slurmd-%n.log",
            "SlurmdTimeout=5", "KillWait=5", "MinJobAge=300", "SelectType=select/cons_tres",
            "SelectTypeParameters=CR_Core", "SlurmdParameters=config_overrides", "SchedulerParameters=sched_interval=2",
            *[f"NodeName={name} NodeHostname={socket.gethostname()} NodeAddr=127.0.0.1 Port={port} CPUs=2 RealMemory=9000 State=UNKNOWN"
              for name, port in zip(self.nodes, ports)],
            f"PartitionName=all Nodes={','.join(self.nodes)} Default=YES MaxTime=INFINITE State=UP",
        ]
        (self.folder / "slurm.conf").write_text("\n".join(lines) + "\n")
        self.env = {**os.environ, "SLURM_CONF": str(self.folder / "slurm.conf")}

    def __enter__(self):
        at = self.folder
        try:
            self.begin("munged", "--foreground", "--force", "--key-file", at / "munge.key", "--socket", at / "munge.socket",
                       "--pid-file", at / "munged.pid", "--log-file", at / "munged.log", "--seed-file", at / "munge.seed")
            wait_for(lambda: (at / "munge.socket").exists(), "munged does not start")
            self.controller()
            for name in self.nodes:
                self.node(name)
            wait_for(lambda: self("sinfo", "--noheader", "--format=%T %D") == f"idle {len(self.nodes)}", "nodes do not come up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        # Jobs first: their processes are those of this test.
        if "slurmctld" in self.processes:
            subprocess.run(["scancel", "--state=RUNNING", "--user=root"], env=self.env, capture_output=True, timeout=30)
        for name in [n for n in self.processes if n != "munged"] + ["munged"]:
            self.end(name)

    def begin(self, *words, name=None):
        log = open(self.folder / f"{name or words[0]}.out", "a")
        self.processes[name or words[0]] = subprocess.Popen(
            list(map(str, words)), stdout=log, stderr=subprocess.STDOUT, env=self.env, cwd=self.folder)

    def controller(self):
        self.begin("slurmctld", "-D")

    def node(self, name):
        self.begin("slurmd", "-D", "-N", name, name=name)

    def end(self, name, kill=False):
        process = self.processes.pop(name, None)
        if process is None:
            return
        process.kill() if kill else process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def __call__(self, *words, check=True, **variables):
        run = subprocess.run(list(map(str, words)), capture_output=True, text=True, env={**self.env, **variables}, cwd=self.folder, timeout=60)
        assert not check or run.returncode == 0, (words, run.stdout, run.stderr)
        return run.stdout.strip()

    def tasks(self, job):
        """State, exit status and restarts of each task of an array, from the controller's memory."""
        found = {}
        for line in self("scontrol", "--oneliner", "show", "job", job, check=False).splitlines():
            pairs = dict(pair.split("=", 1) for pair in line.split() if "=" in pair)
            if pairs.get("ArrayTaskId", "").isdigit():
                found[int(pairs["ArrayTaskId"])] = (pairs["JobState"], pairs["ExitCode"], int(pairs["Restarts"]))
        return found

    def finish(self, job, count, seconds=240):
        """Waits until each task of an array has ended; their states."""
        over = {"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL"}

        def ended():
            tasks = self.tasks(job)
            return len(tasks) == count and all(state in over for state, _, _ in tasks.values())

        wait_for(ended, lambda: f"the array does not end: {self.tasks(job)}", seconds)
        return self.tasks(job)


def wait_for(condition, what, seconds=60):
    """Waits until something is so; a command that fails says that it is not yet."""
    def is_so():
        try:
            return condition()
        except AssertionError:
            return False

    wait_until(is_so, what, seconds, pause=0.1)
