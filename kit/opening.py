# SPDX-License-Identifier: Apache-2.0
"""Opening - whether one that decides opens does so in time, and what becomes of who opens when it cannot.

The scope lies on a scratch file system, and what is in it was not made there: the kit itself never waits.
"""

import os
import signal
import time

import deciding
from clauses import clause, require
from daemon import DEADLINE_MS, send, wait_until
from deciding import ask, one_answer_each, require_all_answered, require_as_said
from trial import acts_beside

RATES = ((10, 1), (200, 2))       # opens a second, seconds
CROWD_S = 2
WAITING = 3                       # opens that wait at once: fewer than have it not asked any more
EARLY_S = DEADLINE_MS / 1000 / 2  # who is let go before this has not waited
LATE_S = DEADLINE_MS / 1000 + 1   # a busy host is nobody's fault
BESIDE_RATE, BESIDE_S = 100, 2    # opens a second, while it is started again
ORDINARY = ("/etc/hostname", "/etc/os-release", "/etc/passwd", "/etc/profile", "/etc/services", "/bin/cat", "/bin/sh",
            "/bin/true")


@clause("C-OPEN", "it answers every open in its scope before the deadline, at 10 and 200 a second, and once",
        needs="file.open")
def answer(trial):
    before = deciding.numbers(trial)
    seen = deciding.answer_at_rates(trial, RATES, trial.open, trial.scratch.files)
    wrong = deciding.growth(before, deciding.numbers(trial))["wrong"]
    require(wrong == 0, f"{wrong} answers to nothing")
    require(not trial.files(), f"{len(trial.files())} files are open still, with all answered")
    return seen


@clause("C-ORDINARY", "with the content of its package it does not deny every open of ordinary files",
        needs="file.open")
def ordinary(trial):
    there = [path for path in ORDINARY if os.access(path, os.R_OK)]
    paths = [trial.scratch.file(f"ordinary-{i}", source) for i, source in enumerate(there)]
    return deciding.not_all_denied(trial, trial.open, paths)


@clause("C-CROWD", "when 16 open files as fast as they can, each has his answer before the deadline", needs="file.open")
def crowd(trial):
    told, grown = ask(trial, 0, CROWD_S, trial.scratch.files("crowd", 50), trial.open)
    n = told["done"] + told["denied"]
    require(not told["other"], f"{told['other']} of 16 who open are blocked")
    require_all_answered(trial, n, grown, "in a crowd")
    require_as_said(told, grown, "in a crowd")
    return f"{n / told['seconds']:.0f} opens a second; the longest took {told['longest'] * 1000:.0f} ms"


# ---- when it cannot ------------------------------------------------------------------------------


@clause("C-PENDING", "stopped, killed or started again while opens wait for it: nobody is kept, its miss mode stands, "
        "and afterwards it answers as before", needs="file.open")
def pending(trial):
    paths, lives = trial.scratch.files("pending", 5), trial.restarts()
    before = one_answer_each(trial, paths, trial.open)
    stopped = wait_while_stopped(trial, paths)
    trial.settle()
    trial.still_runs(lives)
    killed = wait_while_killed(trial, paths)
    restarted = open_while_restarted(trial, paths)
    after = one_answer_each(trial, paths, trial.open)
    changed = [path for path in paths if before[path] != after[path]]
    require(not changed, f"{len(changed)} of {len(paths)} files get another answer than before")
    return (f"{trial.manifest.miss}, {WAITING} opens each: while it was stopped they took {stopped:.2f} s, until it "
            f"was killed {killed:.2f} s; of {restarted['done'] + restarted['denied']} while it was started again the "
            f"longest took {restarted['longest'] * 1000:.0f} ms")


def require_let_go(trial, told, when):
    """By its miss mode, and no later than the deadline."""
    require(not told["other"] and told["longest"] < LATE_S, f"{when}: who opens waits {told['longest']:.1f} s")
    expected = "denied" if trial.manifest.miss == "fail-closed" else "done"
    require(told[expected] == WAITING, f"{when}: of {WAITING} opens {told[expected]} are {expected}")


def wait_while_stopped(trial, paths):
    pids = trial.processes()
    send(pids, signal.SIGSTOP)
    try:
        told = trial.open(100, WAITING / 100, paths)
    finally:
        send(pids, signal.SIGCONT)
    require(told["longest"] > EARLY_S, f"let go after {told['longest']:.2f} s: nobody asked it")
    require_let_go(trial, told, "while it is stopped")
    return told["longest"]


def wait_while_killed(trial, paths):
    with acts_beside("open", 100, WAITING / 100, *paths) as told:
        send(trial.processes(), signal.SIGSTOP)
        waiting = wait_until(lambda: trial.daemon.gate().get("pending", 0) >= WAITING, DEADLINE_MS / 1000)
        state = trial.kill()
    require(waiting, "nobody waited for it")
    require(state["state"] == "active", f"it does not come back: it is {state['state']}: {state['why']}")
    require_let_go(trial, told[0], "when it is killed")
    return told[0]["longest"]


def open_while_restarted(trial, paths):
    with acts_beside("open", BESIDE_RATE, BESIDE_S, *paths) as told:
        time.sleep(BESIDE_S / 4)
        state = trial.restart()
    require(state["state"] == "active", f"started again it is {state['state']}: {state['why']}")
    require(not told[0]["other"] and told[0]["longest"] < LATE_S,
            f"while it is started again: who opens waits {told[0]['longest']:.1f} s")
    return told[0]
