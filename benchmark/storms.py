# SPDX-License-Identifier: Apache-2.0
"""Storms - one kind of act as fast as it goes, under subjects in turns, and what it cost."""
import json
import os
import random
import shutil
import subprocess
import time

import figures
import project

LOSS_OPS = {"exec": 2000, "exec2": 1000, "fork": 4000, "open": 20000, "open1": 20000, "write": 30000, "connect": 20000}


# ---- one storm ------------------------------------------------------------------------------


class Storms:
    """Runs workloads in a folder of tmpfs: what is measured are hooks, not a disk."""

    def __init__(self, build, folder, seconds):
        self.folder, self.seconds = f"{folder}/storm", seconds
        os.makedirs(self.folder)
        shutil.copy(f"{build}/benchmark/storm", f"{self.folder}/storm")
        shutil.copy(f"{build}/benchmark/bench-true", f"{self.folder}/true")
        os.makedirs(f"{self.folder}/build")
        project.write(f"{self.folder}/build")

    def storm(self, workload, *how):
        answer = subprocess.run([f"{self.folder}/storm", workload, self.folder, *how],
                                capture_output=True, text=True)
        if answer.returncode:
            raise SystemExit(f"bench: storm {workload}: {answer.stderr}")
        return json.loads(answer.stdout)

    def build(self):
        folder = f"{self.folder}/build"
        subprocess.run(["make", "-s", "clean"], cwd=folder, check=True)
        before, begun = os.times(), time.monotonic()
        subprocess.run(["make", "-s", "-j2"], cwd=folder, check=True)
        seconds, after = time.monotonic() - begun, os.times()
        cpu = after.children_user + after.children_system - before.children_user - before.children_system
        return {"ops": 1, "seconds": seconds, "cpu_s": cpu, "performed": {}}

    def run(self, workload):
        return self.build() if workload == "build" else self.storm(workload, "--seconds", str(self.seconds))

    def warm(self):
        """Events enough to fill a broadcast ring of 16 MiB once."""
        self.storm("write", "--ops", "8000")

    def run_exactly(self, workload):
        return self.storm(workload, "--ops", str(LOSS_OPS[workload]))


# ---- what processes cost --------------------------------------------------------------------


def cpu_ns(pid):
    """Of all its threads."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat") as file:
            total += int(file.read().split()[0])
    return total


def switches(pid):
    with open(f"/proc/{pid}/status") as file:
        return sum(int(line.split()[1]) for line in file if "ctxt_switches" in line)


def cost(pids):
    return {role: (cpu_ns(pid), switches(pid)) for role, pid in pids.items()}


# ---- in pairs -------------------------------------------------------------------------------


class Measured:
    """Seconds and processor seconds an operation, by workload and subject, a value a round."""

    def __init__(self):
        self.wall, self.cpu, self.roles = {}, {}, {}

    def add(self, workload, name, result, before, after):
        self.wall.setdefault(workload, {}).setdefault(name, []).append(result["seconds"] / result["ops"])
        self.cpu.setdefault(workload, {}).setdefault(name, []).append(result["cpu_s"] / result["ops"])
        for role in before:
            entry = self.roles.setdefault(workload, {}).setdefault(role, {"cpu_s": 0, "switches": 0, "seconds": 0, "ops": 0})
            entry["cpu_s"] += (after[role][0] - before[role][0]) / 1e9
            entry["switches"] += after[role][1] - before[role][1]
            entry["seconds"] += result["seconds"]
            entry["ops"] += result["ops"]

    def ratio(self, workload, over, under, what="wall"):
        values = getattr(self, what).get(workload, {})
        if over not in values or under not in values:
            return None
        n = min(len(values[over]), len(values[under]))
        return figures.ratios(values[over][:n], values[under][:n])


def run_round(subjects, storms, measured, workloads):
    subjects = random.sample(subjects, len(subjects))
    for subject in subjects:
        try:
            subject.start()
            for workload in workloads:
                before = cost(subject.pids())
                result = storms.run(workload)
                measured.add(workload, subject.label, result, before, cost(subject.pids()))
        finally:
            subject.stop()


def label(subject, name):
    subject.label = name
    return subject


def role_rows(workload, roles):
    return [[workload, role, f"{100 * e['cpu_s'] / e['seconds']:.1f}", f"{1e6 * e['cpu_s'] / e['ops']:.2f}",
             f"{e['switches'] / e['seconds']:.0f}"] for role, e in sorted(roles.items()) if e["seconds"]]


ROLE_HEAD = ["workload", "process", "% of a CPU", "us an op", "switches/s"]
