# SPDX-License-Identifier: Apache-2.0
"""Gate, faults - many decisions while solutions are late and die, the gate is killed, and files change.

Whoever executes knows what is right.  Each outcome that was not is looked into while he waits: it may come from
the miss mode of the solution that decides, as its verdict says, from a time in which that was demoted, or from a
gap between two lives of the gate, as the event of the execution says.  Anything else is a wrong verdict, a lost
one, or a stale one.

The flag is by file: one that was let through and turned since, or was by a miss, begins to run without it for ten
seconds.  Those are counted apart.
"""

import collections
import datetime
import json
import os
import random
import signal
import subprocess
import threading
import time

import lib
from guarded import DENIED, Guard, Scratch, judge, outcome
from lib import TRIGGER, case, equal, figure, require

WORKERS = 4
BACKSTOP_S = 10  # what was let through runs without the flag for so long (src/event/backstop.h)
DEADLINE_MS = 1000
STOP_EVERY_S = 15  # the one that decides: rarely enough that it stays below its budget of misses
MISSED = {"late", "full", "gone"}

Wrong = collections.namedtuple("Wrong", "pid begin end letter path")


def real_time(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class Gaps:
    """From a fault until it is over, in seconds of the real-time clock."""

    def __init__(self):
        self.all = []

    def begin(self):
        self.all.append([time.time(), None])

    def end(self):
        self.all[-1][1] = time.time()

    def has(self, begin, end):
        """Did one overlap with that?"""
        return any(begin <= (back or time.time()) and end >= gone for gone, back in list(self.all))


class Worker:
    """Executes; what was wrong is looked into before it goes on."""

    def __init__(self, inquest, count, seconds, folders):
        self.inquest, self.facts = inquest, None
        self.process = subprocess.Popen([TRIGGER, "verdicts", str(count), str(seconds), "/bin/true", *folders], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, preexec_fn=lib.die_with_us)
        lib._open.append(self.process.kill)
        self.go_on()
        self.thread = threading.Thread(target=self.follow, daemon=True)
        self.thread.start()

    def go_on(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def follow(self):
        for line in self.process.stdout:
            if line.startswith("wrong "):
                _, pid, begin, end, letter, path = line.split(None, 5)
                self.inquest.look_into(Wrong(int(pid), int(begin) / 1e9, int(end) / 1e9, letter, path.strip()))
                self.go_on()
            elif '"n":' in line:
                self.facts = json.loads(line)


class Inquest:
    """Why an outcome was not the right one."""

    def __init__(self, daemon, gaps):
        self.daemon, self.gaps = daemon, gaps
        self.missed, self.unasked, self.ungated, self.faults = [], [], [], []

    def verdict(self, wrong):
        """The one about this very execution: numbers of processes are used again."""
        for entry in self.daemon.why(wrong.pid):
            if entry["path"] == wrong.path and wrong.begin - 0.01 <= real_time(entry["time"]) <= wrong.end + 0.01:
                return entry
        return None

    def look_into(self, wrong):
        try:
            self.explain(wrong)
        except Exception as error:  # noqa: BLE001: a reason that cannot be found is none
            self.faults.append((wrong, repr(error)))

    def explain(self, wrong):
        entry = self.verdict(wrong)
        if not entry:
            # It is kept behind the answer.
            time.sleep(0.05)
            entry = self.verdict(wrong)
        self.list_for(wrong, entry).append((wrong, entry))

    def list_for(self, wrong, entry):
        if wrong.letter != "!" or (entry and entry["verdict"] != "allow"):
            return self.faults
        if not entry:
            return self.ungated if self.gaps.has(wrong.begin, wrong.end) else self.unasked
        answer = next((reason["answer"] for reason in entry["reasons"] if reason["solution"] == "right"), None)
        if not answer:
            return self.unasked
        return self.missed if answer in MISSED and not entry["cached"] else self.faults


class Faults:
    """What goes wrong meanwhile, at random."""

    def __init__(self, daemon, bad, gaps):
        self.daemon, self.bad, self.gaps = daemon, bad, gaps
        self.n_gate = self.n_frail = self.n_demoted = 0
        self.stopped, self.demotions = -STOP_EVERY_S, Gaps()

    def kill_gate(self):
        old = self.daemon.roles()["gate"]
        self.gaps.begin()
        os.kill(old, signal.SIGKILL)
        lib.wait_until(lambda: self.daemon.roles().get("gate") not in (None, old) and outcome(self.bad) == DENIED, 10,
                       "the gate's return")
        self.gaps.end()
        self.n_gate += 1

    def kill_frail(self):
        pid = (self.daemon.solution("frail") or {}).get("pid")
        if not pid:
            return
        os.kill(pid, signal.SIGKILL)
        self.n_frail += 1

    def stop_right(self):
        """So that each who executes waits once in vain.  On a busy host it is once more, and it is demoted."""
        self.stopped = time.monotonic()
        pid = self.daemon.solution("right")["pid"]
        self.demotions.begin()
        os.kill(pid, signal.SIGSTOP)
        time.sleep(DEADLINE_MS / 1000 + 0.05)
        os.kill(pid, signal.SIGCONT)
        if self.daemon.voice("right")["demoted"]:
            self.daemon.cli("solution", "reset", "right")
            lib.wait_until(lambda: not self.daemon.voice("right")["demoted"], 5, "the end of a demotion")
            self.demotions.end()
        else:
            self.demotions.all.pop()

    def mend(self):
        """What the operator would: so that there is somebody to be late, and to die."""
        for name in ("frail", "moody"):
            demoted = (self.daemon.voice(name) or {}).get("demoted")
            if demoted or not (self.daemon.solution(name) or {}).get("pid"):
                self.daemon.cli("solution", "reset", name)
                self.n_demoted += bool(demoted)

    def turn(self, n):
        if n % 8 == 0:
            self.kill_gate()
        elif n % 3 == 0:
            self.kill_frail()
        elif time.monotonic() - self.stopped > STOP_EVERY_S:
            self.stop_right()
        self.mend()
        time.sleep(random.uniform(0.05, 0.4))


class Witness:
    """Executions that began without a verdict, as their events say."""

    def __init__(self, daemon):
        self.follower = lib.Follower(daemon, "findings", "-f", having='"unguarded"')

    def flagged(self):
        """Times by (pid, path)."""
        found = collections.defaultdict(list)
        for line in list(self.follower.lines):
            event = line["ringfort"]
            if "unguarded" in event.get("flags", ()):
                found[event["process"]["pid"], event["file"]["path"]].append(event["time_ns"] / 1e9)
        return found

    def unseen(self, runs):
        """Those that no event flags."""
        flagged = self.flagged()
        return [run for run in runs if not any(run.begin - 0.01 <= when <= run.end + 0.01
                                               for when in flagged.get((run.pid, run.path), ()))]


@case("decisions while solutions are late or killed, the gate is killed and files change: none wrong, lost or stale")
def under_faults():
    count, seconds = (1000000, 2500) if lib.LONG else (20000, 60)
    memory, disk = Scratch(), Scratch("ext4")
    bad = memory.script("probe", "#!/bin/sh\n!")
    judges = [judge("right", "remember-byte=!"), judge("moody", "moody=4000"), judge("frail", "remember")]
    gaps = Gaps()
    with Guard([*judges, lib.Solution("witness", "mirror", ["unguarded"])], memory, disk, deadline_ms=DEADLINE_MS) as daemon:
        witness, inquest, faults = Witness(daemon), Inquest(daemon, gaps), Faults(daemon, bad, gaps)
        workers = [Worker(inquest, count // WORKERS, seconds, [memory.path, disk.path]) for _ in range(WORKERS)]
        n = 0
        while any(worker.process.poll() is None for worker in workers):
            n += 1
            faults.turn(n)
        for worker in workers:
            worker.thread.join(10)
            equal(worker.process.returncode, 0, "exit status of one that executes")
        lib.wait_until(lambda: daemon.gate()["pending"] == 0, 20, lambda: daemon.gate())
        judge_outcomes(workers, inquest, faults)
        judge_gaps(inquest, gaps, witness)
        tell(daemon, workers, inquest, faults, witness)


def judge_outcomes(workers, inquest, faults):
    equal(inquest.faults, [], "verdicts that nothing explains")
    equal([(wrong, entry) for wrong, entry in inquest.unasked if not faults.demotions.has(wrong.begin, wrong.end)], [],
          "bad ones about which the one that decides was not asked")
    require(all(worker.facts for worker in workers), "one did not come to its end")
    equal(sum(worker.facts["wrong"] for worker in workers),
          len(inquest.missed) + len(inquest.unasked) + len(inquest.ungated), "explained")


def never_passed(inquest):
    """What ran in a gap, of files that turn never and that no miss let through shortly before."""
    passed = inquest.missed + inquest.unasked
    return [run for run, _ in inquest.ungated if "turncoat" not in run.path and
            not any(before.path == run.path and before.begin < run.begin < before.end + BACKSTOP_S for before, _ in passed)]


def judge_gaps(inquest, gaps, witness):
    """What ran in a gap is flagged, and nothing else is."""
    new = never_passed(inquest)
    lib.wait_until(lambda: not witness.unseen(new), 10, lambda: witness.unseen(new))
    equal([(who, when) for who, times in witness.flagged().items() for when in times if not gaps.has(when, when)], [],
          "flagged outside of every gap")


def tell(daemon, workers, inquest, faults, witness):
    gate, moody = daemon.gate(), daemon.voice("moody")
    n = sum(worker.facts["n"] for worker in workers)
    longest = max(worker.facts["longest_us"] for worker in workers) / 1e6
    gap = max(back - gone for gone, back in faults.gaps.all)
    passed = len(witness.unseen([run for run, _ in inquest.ungated]))
    figure(f"{n} executions: {gate['decided']} decided by asking, {gate['cached']} from the table; 0 wrong, lost or stale")
    figure(f"{faults.n_gate} kills of the gate, longest gap {gap * 1000:.0f} ms; {faults.n_frail} of a solution; "
           f"late {moody['late']} and {daemon.voice('right')['late']}, answers thrown away {moody['wrong']}, "
           f"demoted {faults.n_demoted}; longest execution {longest * 1000:.0f} ms")
    figure(f"bad ones that ran: {len(inquest.missed)} by miss mode, {len(inquest.unasked)} while it was demoted, "
           f"{len(inquest.ungated)} in gaps, of which {passed} "
           f"without the flag, as their files had been let through before; unguarded {gate['unguarded']}")
    require(faults.n_gate > 1 and faults.n_frail > 1, vars(faults))
    require(daemon.voice("right")["late"] > 0, gate["solutions"])
    require(moody["late"] > 0 and moody["wrong"] > 0, "nobody was late")
    require(gate["cached"] > n / 100 and gate["asked"] < n, f"too little was remembered: {gate}")
    require(longest < 5, f"one waited {longest:.1f} s")


if __name__ == "__main__":
    lib.main()
