# SPDX-License-Identifier: Apache-2.0
"""Showing - whether one that wants to see what was written takes it, gives it back, and keeps nobody waiting."""

import signal
import time

from clauses import Skip, clause, require
from daemon import send, wait_until
from deciding import ask, require_all_answered
from trial import acts_beside, percentile

RATE, N_QUIET = 100, 100      # files a second
N_BURST, BURST_S = 1000, 30   # as fast as it goes; to have seen all of it
N_BESIDE = 300                # likewise, while somebody waits for an answer
N_STOPPED, N_AFTER = 200, 20
SOON_S = 5
MOST_OPEN = 64                # the library keeps no more
NUMBERS = ("shown", "unshown")


def numbers(trial):
    voice = trial.daemon.voice() or {}
    return {name: voice.get(name, 0) for name in NUMBERS}


def until_shown(trial, before, n, seconds, meanwhile=lambda: None):
    """How its numbers grew, once n files were shown or given up, or when time is over."""
    def now():
        meanwhile()
        after = numbers(trial)
        return {name: after[name] - before[name] for name in NUMBERS}
    wait_until(lambda: sum(now().values()) >= n, seconds)
    return now()


def require_all_shown(trial, n, seen, when):
    require(not seen["unshown"], f"{when}: {seen['unshown']} of {n} files could not be shown: it gave nothing back for "
            f"a second, or was not there{trial.last_words()}")
    require(seen["shown"] >= n, f"{when}: {seen['shown']} of {n} files were shown to it")


def require_given_back(trial, when):
    """Seconds until none is open any more."""
    begin = time.monotonic()
    wait_until(lambda: not trial.files(), SOON_S)
    left = trial.files()
    require(not left, f"{when}: {SOON_S} s later {len(left)} files are open still")
    return time.monotonic() - begin


@clause("C-SHOWN", f"it takes the files that were written in its scope, {RATE} a second, and gives each back soon",
        needs="file.modify")
def shown(trial):
    before = numbers(trial)
    trial.write(RATE, N_QUIET)
    seen = until_shown(trial, before, N_QUIET, SOON_S)
    require_all_shown(trial, N_QUIET, seen, f"at {RATE} a second")
    seconds = require_given_back(trial, f"of {N_QUIET}")
    return f"{seen['shown']} files shown, none open {seconds:.1f} s later"


@clause("C-BURST", f"it takes {N_BURST} files that were written at once within {BURST_S} s, none is lost to it, and no "
        f"more than {MOST_OPEN} are open at a time", needs="file.modify")
def burst(trial):
    most = 0

    def count():
        nonlocal most
        most = max(most, len(trial.files()))
        require(most <= MOST_OPEN, f"{most} files of it are open at once")
    before, begin = numbers(trial), time.monotonic()
    with acts_beside("write", *trial.places(), 0, N_BURST) as told:
        seen = until_shown(trial, before, N_BURST, BURST_S, count)
        seconds = time.monotonic() - begin
    require_all_shown(trial, N_BURST, seen, "in a burst")
    require_given_back(trial, "after a burst")
    return (f"{N_BURST} files written in {told[0]['seconds']:.1f} s and shown in {seconds:.1f} s, at most {most} seen "
            "open at a time")


@clause("C-FIRST", "who waits for its answer does not wait behind files that are only shown", needs="file.modify")
def first(trial):
    if not trial.decides:
        raise Skip("its manifest asks for no decisions (authorize)")
    before, paths = numbers(trial), trial.subjects("first", 5)
    with acts_beside("write", *trial.places(), 0, N_BESIDE):
        _, answered = ask(trial, 50, 1, paths)
    require_all_answered(trial, 50, answered, f"while {N_BESIDE} files were shown")
    seen = until_shown(trial, before, N_BESIDE, BURST_S)
    require_all_shown(trial, N_BESIDE, seen, "while it answered")
    times = [reason["us"] for path in paths for reason in trial.daemon.verdicts(path)]
    return f"50 answered beside {N_BESIDE} files: p50 {percentile(times, .5)} µs, worst {max(times)} µs"


@clause("C-MISSED", "stopped (SIGSTOP) until files are lost to it, and told so, it goes on, and takes what comes next",
        needs="file.modify")
def missed(trial):
    pid, before = trial.pid(), numbers(trial)
    pids = trial.processes()
    send(pids, signal.SIGSTOP)
    try:
        trial.write(0, N_STOPPED)
        lost = wait_until(lambda: numbers(trial)["unshown"] > before["unshown"], SOON_S)
    finally:
        send(pids, signal.SIGCONT)
    require(lost, f"it took {N_STOPPED} files while it was stopped")
    seen = until_shown(trial, before, N_STOPPED, SOON_S)
    require(sum(seen.values()) >= N_STOPPED, f"of {N_STOPPED} files {sum(seen.values())} were shown or counted as lost")
    require(wait_until(lambda: takes_one(trial), SOON_S), "let go, it takes nothing any more")
    require(trial.pid() == pid, f"it is another process now: {trial.daemon.solution()['last_fault']}")
    require_shown_again(trial)
    return f"of {N_STOPPED} files {seen['unshown']} could not be shown, counted; of {N_AFTER} behind them all were"


def takes_one(trial):
    """What was written too soon after the loss is given up as well."""
    before = numbers(trial)
    trial.write(0, 1)
    return until_shown(trial, before, 1, 1)["shown"]


def require_shown_again(trial):
    before = numbers(trial)
    trial.write(RATE, N_AFTER)
    require_all_shown(trial, N_AFTER, until_shown(trial, before, N_AFTER, SOON_S), "afterwards")
    require_given_back(trial, "afterwards")
