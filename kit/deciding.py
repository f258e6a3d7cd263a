# SPDX-License-Identifier: Apache-2.0
"""Deciding - whether it answers each request, in time, once, and as it did before.

One that decides executions is asked about those; one that decides opens alone, about opens.
"""

import contextlib
import os
import resource
import shutil
import time

from clauses import clause, require
from daemon import DEADLINE_MS
from trial import percentile

RATES = ((1, 2), (10, 2), (200, 3))  # acts a second, seconds
SLOW_US = 50000
TOLD_PER_FILE = 20  # verdicts that `ringfort why` shows of a path
ORDINARY = ("cat", "chmod", "cp", "date", "dd", "df", "echo", "env", "head", "id", "ls", "mkdir", "mv", "rm", "sh",
            "sleep", "sort", "true", "uname", "wc")
NUMBERS = ("asked", "allowed", "denied", "late", "full", "gone", "after", "wrong")


def numbers(trial):
    voice = trial.daemon.voice() or {}
    return {name: voice.get(name, 0) for name in NUMBERS}


def growth(before, after):
    return {name: after[name] - before[name] for name in before}


def ask(trial, rate, seconds, paths, how=None):
    """The acts, and how the solution's numbers grew by them."""
    before = numbers(trial)
    told = (how or trial.ask)(rate, seconds, paths)
    time.sleep(0.2)
    return told, growth(before, numbers(trial))


def require_all_answered(trial, n, grown, when):
    """Every one of n requests has its answer, and in time."""
    missing = n - grown["allowed"] - grown["denied"]
    reasons = ", ".join(f"{word} {grown[word]}" for word in ("late", "full", "gone") if grown[word])
    if (trial.daemon.voice() or {}).get("demoted"):
        reasons += " (and then it was not asked any more)"
    require(missing <= 0 and not reasons,
            f"{when}: {max(missing, 0)} of {n} requests have no answer: {reasons or 'it was not asked'}")


def require_as_said(told, grown, when):
    """Alone on its scratch file system, what it says is what happens."""
    happened, said = (told["done"], told["denied"]), (grown["allowed"], grown["denied"])
    require(happened == said, f"{when}: of {sum(happened)} acts {happened[1]} were denied, and it had denied {said[1]}")


@clause("C-ANSWER", "it answers every request before its deadline, at 1, 10 and 200 executions a second",
        needs="process.exec")
def answer(trial):
    return answer_at_rates(trial, RATES, trial.execute, trial.scratch.programs)


def answer_at_rates(trial, rates, how, subjects):
    seen = []
    for rate, seconds in rates:
        n = rate * seconds
        paths = subjects(f"answer-{rate}", (n + TOLD_PER_FILE - 1) // TOLD_PER_FILE)
        told, grown = ask(trial, rate, seconds, paths, how)
        require_all_answered(trial, n, grown, f"at {rate} a second")
        require_as_said(told, grown, f"at {rate} a second")
        times = [reason["us"] for path in paths for reason in trial.daemon.verdicts(path)]
        reached, p50 = n / told["seconds"], percentile(times, .5)
        # A host may be too slow to act as often; then the answers do not take long.
        require(reached > rate * 0.8 or p50 < SLOW_US,
                f"{rate} a second are too many for it: {reached:.0f} were answered, half of them after {p50} µs")
        seen.append(f"{rate}/s (reached {reached:.0f}): p50 {p50} µs, p99 {percentile(times, .99)} µs, "
                    f"worst {max(times)} µs")
    return "; ".join(seen) + f"; deadline {DEADLINE_MS} ms"


@clause("C-SAME", "a file that does not change gets the same answer each time", needs="deciding")
def same(trial):
    answers = {}
    for path in trial.subjects("same", 3):
        _, grown = ask(trial, 50, TOLD_PER_FILE / 50, [path])
        require_all_answered(trial, TOLD_PER_FILE, grown, "one file again and again")
        answers[path] = [reason["answer"] for reason in trial.daemon.verdicts(path)]
    for path, told in answers.items():
        require(len(set(told)) == 1, f"one file, unchanged, got {', '.join(reversed(told))}")
    return f"{len(answers)} files, {TOLD_PER_FILE} times each"


@clause("C-ALLOW", "with the content of its package it does not deny every ordinary program of root's",
        needs="process.exec")
def allow(trial):
    there = {name: shutil.which(name, path="/bin:/usr/bin") for name in ORDINARY}
    paths = [trial.scratch.program(name, source) for name, source in there.items() if source]
    return not_all_denied(trial, trial.execute, paths)


def not_all_denied(trial, how, paths):
    _, grown = ask(trial, 40, len(paths) / 40, paths, how)
    require_all_answered(trial, len(paths), grown, "one of each")
    require(grown["allowed"] > 0, f"it denied all of {grown['denied']}: where it enforces, the host stops")
    return f"{grown['allowed']} allowed, {grown['denied']} denied"


@clause("C-FILES", "it keeps no file of a request once it has answered", needs="deciding")
def files(trial):
    _, grown = ask(trial, 100, 1, trial.subjects("files", 5))
    require_all_answered(trial, 100, grown, "at 100 a second")
    held = trial.files()
    require(not held, f"{len(held)} are open still, with all answered")
    return f"none of {grown['asked']} is open; {count_descriptors(trial.pid())} descriptors in all"


def count_descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


@clause("C-BARE", "it answers a request that comes without its file, as when too many are out", needs="deciding")
def bare(trial):
    pid = trial.pid()
    used = {int(fd) for fd in os.listdir(f"/proc/{pid}/fd")}
    # Not one number is left for another file.
    room = next(n for n in range(len(used) + 1) if n not in used)
    limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (room, limits[1]))
    try:
        _, grown = ask(trial, 20, 1, trial.subjects("bare", 2))
    finally:
        with contextlib.suppress(OSError):
            resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
    require_all_answered(trial, 20, grown, "without a descriptor")
    return f"{grown['allowed']} allowed, {grown['denied']} denied without a file to look at"


@clause("C-AGAIN", "killed and started again, it answers as before", needs="deciding")
def after_restart(trial):
    paths = trial.subjects("again", 5)
    before = one_answer_each(trial, paths)
    state = trial.kill()
    require(state["state"] == "active", f"it does not come back: it is {state['state']}: {state['why']}")
    after = one_answer_each(trial, paths)
    changed = [path for path in paths if before[path] != after[path]]
    require(not changed, f"{len(changed)} of {len(paths)} files get another answer than before")
    trial.daemon.cli("solution", "reset", trial.name)
    return f"{len(paths)} files, the same answers"


def one_answer_each(trial, paths, how=None):
    told, grown = ask(trial, 10, len(paths) / 10, paths, how)
    require_all_answered(trial, len(paths), grown, "one of each")
    require_as_said(told, grown, "one of each")
    return {path: trial.daemon.verdicts(path)[0]["answer"] for path in paths}


@clause("C-WRONG", "it never answers twice, late, for another's request or for one that never was", needs="deciding")
def wrong(trial):
    # One at a time: then a neighbouring number is nobody's.
    _, grown = ask(trial, 5, 1, trial.subjects("wrong", 2))
    time.sleep(DEADLINE_MS / 1000 + 0.3)
    n = numbers(trial)["wrong"]
    require(n == 0, f"{n} answers to nothing")
    return f"none up to here, of {numbers(trial)['asked']} requests"
