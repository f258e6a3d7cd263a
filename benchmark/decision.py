# SPDX-License-Identifier: Apache-2.0
"""Decision - how long one execution waits for its verdict, beside two floors.

Cold: on tmpfs, where nothing may be remembered, each time anew.  Warm: the same file on a disk, once the
verdict is an ignore mark in the kernel.
"""
import json
import os
import random
import subprocess

import figures
from deciders import Gate, Responder, Unasked, bind
from say import progress, say
from scratch import Scratches
from storms import label

MAX_ROUNDS = 20  # and so many are minutes enough
N = {"cold": 3000, "warm": 6000}
KIND = {"cold": "tmpfs", "warm": "disk"}
AT = ("p50", "p99", "p99.9")
# Percentile: how many times the mailbox floor, with one solution and with three.
TARGETS = {1: {"p50": 1.3, "p99": 2.0}, 3: {"p50": 1.6, "p99": 2.0}}


def placements():
    """Name, and the processor of who decides; who executes has the first one."""
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        say("one processor: leaving out the placement on another")
    return [("same CPU", cpus[0], cpus[0])] + [("other CPU", cpus[0], cpus[1])] * (len(cpus) > 1)


class Latencies:
    """Nanoseconds by case, subject and percentile, a value a round."""

    def __init__(self):
        self.values, self.how = {}, None

    def add(self, case, name, told):
        self.how = told["how"]
        for at in AT:
            self.values.setdefault((*case, at), {}).setdefault(name, []).append(told[at])

    def us(self, case, name, at):
        return figures.interval([ns / 1000 for ns in self.values[(*case, at)][name]])

    def ratio(self, case, over, under, at):
        values = self.values[(*case, at)]
        return figures.ratios(values[over], values[under])

    def added(self, case, over, under, at):
        """The same without the median of the act when nobody decides."""
        values, nothing = self.values[(*case, at)], self.values[(*case, "p50")]["none"]
        pairs = [(o - n, u - n) for o, u, n in zip(values[over], values[under], nothing) if u > n]
        return figures.ratios([o for o, _ in pairs], [u for _, u in pairs])


def ask(build, scratch, n, cpu):
    answer = subprocess.run([f"{build}/benchmark/latency", scratch.program, str(n), str(cpu)], capture_output=True, text=True)
    if answer.returncode:
        raise SystemExit(f"bench: latency: {answer.stderr}")
    return json.loads(answer.stdout)


def make_subjects(options, folder, scratches):
    tmpfs, disk = scratches["tmpfs"], scratches["disk"]
    gates = [label(Gate(options.stage, options.build, f"{folder}/gate{n}", [tmpfs, disk], n), f"ringfortd {n}")
             for n in TARGETS]
    cold = [("allow", "allow"), ("mailbox", "mailbox"), ("mailbox again", "mailbox")]
    warm = [("cached", "cached"), ("cached again", "cached")]
    return ([(label(Unasked(), "none"), ("cold", "warm"))] +
            [(label(Responder(options.build, kind, tmpfs), name), ("cold",)) for name, kind in cold] +
            [(label(Responder(options.build, kind, disk), name), ("warm",)) for name, kind in warm] +
            [(gate, ("cold", "warm")) for gate in gates])


def measure(subject, temperatures, scratches, build, latencies):
    for where, opener, decider in placements():
        bind(subject.deciding(), decider)
        for temperature in temperatures:
            told = ask(build, scratches[KIND[temperature]], N[temperature], opener)
            latencies.add((temperature, where), subject.label, told)


def show(latencies, result):
    result["decision"] = {"how": latencies.how, "cases": [], "verdicts": []}
    rows = []
    for (temperature, where, at), by_name in latencies.values.items():
        case = (temperature, where)
        floor = "mailbox" if temperature == "cold" else "cached"
        for name in by_name:
            ratio = latencies.ratio(case, name, floor, at)
            us = latencies.us(case, name, at)
            result["decision"]["cases"].append({"case": temperature, "placement": where, "at": at, "subject": name,
                                                "us": us, "floor": floor, "ratio": ratio})
            rows.append([temperature, where, name, at, figures.text(us), figures.text(ratio)])
    rows.sort(key=lambda row: (row[0], row[1], row[2], AT.index(row[3])))
    figures.print_table("Decision: microseconds that one execution waits, median over the rounds and 95 % interval;\n"
                        "ratios to the mailbox floor when cold, to the cached allow-all when warm",
                        ["case", "placement", "subject", "at", "us", "ratio"], rows)


def judge(latencies, result):
    """Twice: of all that one waits, and of what is added to the same act when nobody decides about it."""
    rows = []
    cold = sorted({key[:2] for key in latencies.values if key[0] == "cold"})
    for what in (latencies.ratio, latencies.added):
        for case in cold:
            for n, targets in TARGETS.items():
                for at, target in targets.items():
                    ratio = what(case, f"ringfortd {n}", "mailbox", at)
                    null = what(case, "mailbox again", "mailbox", at)
                    verdict = figures.at_most(target, ratio, null)
                    of = "whole" if what == latencies.ratio else "added"
                    result["decision"]["verdicts"].append(
                        {"of": of, "placement": case[1], "solutions": n, "at": at, "target": target, "ratio": ratio,
                         "null": null, "verdict": verdict})
                    rows.append([of, case[1], n, at, f"<= {target}", figures.text(null), figures.text(ratio), verdict])
    figures.print_table("Cold decisions against the mailbox floor; whole: all that one waits, added: without what the same\n"
                        "act costs when nobody decides about it",
                        ["of", "placement", "solutions", "at", "target", "null", "ratio", "verdict"], rows)


def run(options, folder, result):
    n_rounds = min(options.pairs, MAX_ROUNDS)
    latencies = Latencies()
    os.makedirs(f"{folder}/decision")
    with Scratches(f"{folder}/decision/scratch", options.build) as scratches:
        subjects = make_subjects(options, f"{folder}/decision", scratches)
        for n in range(n_rounds):
            progress(f"round {n + 1} of {n_rounds}: decision")
            for subject, temperatures in random.sample(subjects, len(subjects)):
                try:
                    subject.start()
                    measure(subject, temperatures, scratches, options.build, latencies)
                finally:
                    subject.stop()
    progress("")
    if latencies.how == "execute":
        say("this kernel cannot be asked without executing (AT_EXECVE_CHECK): the times are those of whole processes")
    show(latencies, result)
    judge(latencies, result)
