#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run the system tests: each file of tests/ as a process of its own, one line per case.

  run.py [--list] [NAME...]     NAME: of a file (loss for test_loss.py)

Writes the totals as the last line, "system: P F S", for ./test to add up.  A file that hangs,
crashes or prints nothing counts as a failure.  Its processes and folder go with it.
"""

import ctypes
import glob
import os
import shutil
import signal
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
LIMIT_S = 2700 if os.environ.get("RINGFORT_TEST_LONG") == "1" else 420
ORDER = ["tree", "events_process", "events_file", "events_net", "events_uring", "doctor", "daemon",
         "bad_solutions", "loss"]
# These wait most of their time, for what a solution does not do: the first runs while the others do.
BESIDE = {"conformance": ["bad_solutions", "sigma", "together"]}


def die_with_us():
    """In a child: be told to end when this process ends, however it does."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def names():
    there = {os.path.basename(p)[5:-3] for p in glob.glob(HERE + "/test_*.py")}
    return [n for n in ORDER if n in there] + sorted(there - set(ORDER))


def run_file(name):
    """The numbers of passed, failed and skipped cases."""
    folder = tempfile.mkdtemp(prefix="ringfort-test-")
    os.chmod(folder, 0o755)
    environment = dict(os.environ, RINGFORT_TEST_TMP=folder, PYTHONDONTWRITEBYTECODE="1")
    counts = {"PASS": 0, "FAIL": 0, "SKIP": 0}
    process = subprocess.Popen([sys.executable, f"{HERE}/test_{name}.py"], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               errors="replace", env=environment, start_new_session=True,
                               preexec_fn=die_with_us)
    def out_of_time(*_):
        # First a chance to tidy up, then no more.
        os.kill(process.pid, signal.SIGTERM)
        signal.signal(signal.SIGALRM, lambda *_: os.killpg(process.pid, signal.SIGKILL))
        signal.alarm(20)

    signal.signal(signal.SIGALRM, out_of_time)
    signal.alarm(LIMIT_S)
    for line in process.stdout:
        word = line.split(" ", 1)[0]
        if word in counts:
            counts[word] += 1
            line = f"{word} {name}: {line[5:]}"
        print(line, end="", flush=True)
    status = process.wait()
    signal.alarm(0)
    if status not in (0, 1) or (status == 1 and not counts["FAIL"]) or not sum(counts.values()):
        counts["FAIL"] += 1
        why = f"it took more than {LIMIT_S} s" if status in (143, -signal.SIGKILL) else f"status {status}"
        print(f"FAIL {name}: the file runs to its end: {why}", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    return counts


class Beside:
    """A file that runs while another does; what it printed is shown when both are done."""

    def __init__(self, name):
        self.output = tempfile.TemporaryFile("w+", errors="replace")
        self.process = subprocess.Popen([sys.executable, os.path.abspath(__file__), name], stdin=subprocess.DEVNULL,
                                        stdout=self.output, stderr=subprocess.STDOUT, preexec_fn=die_with_us)

    def counts(self):
        """Shown, and the numbers as run_file() has them."""
        self.process.wait()
        self.output.seek(0)
        *lines, last = self.output.read().splitlines() or [""]
        print("\n".join(lines), flush=True)
        numbers = last.split()[1:]
        if not last.startswith("system: ") or len(numbers) != 3:
            print(f"{last}\nFAIL run: {self.process.args[-1]} ended without its totals", flush=True)
            return {"FAIL": 1}
        return dict(zip(("PASS", "FAIL", "SKIP"), map(int, numbers)))


def group_of(name, wanted):
    """What runs together with this one: the first beside the others, which run one after another."""
    for first, others in BESIDE.items():
        if first in wanted and name in [first, *others]:
            return [first, *(n for n in others if n in wanted)]
    return [name]


def run_all(wanted):
    """The numbers of each file that is wanted, as they come."""
    done = set()
    for name in wanted:
        if name in done:
            continue
        first, *others = group_of(name, wanted)
        beside = Beside(first) if others else None
        for other in others or [first]:
            print(f"== {other}", flush=True)
            yield run_file(other)
        if beside:
            yield beside.counts()
        done |= {first, *others}


def main():
    wanted = [a for a in sys.argv[1:] if not a.startswith("-")]
    if "--list" in sys.argv:
        print("\n".join(names()))
        return 0
    total = {"PASS": 0, "FAIL": 0, "SKIP": 0}
    for counts in run_all([n for n in names() if not wanted or n in wanted]):
        for word, n in counts.items():
            total[word] += n
    print(f"system: {total['PASS']} {total['FAIL']} {total['SKIP']}")
    return 1 if total["FAIL"] else 0


if __name__ == "__main__":
    sys.exit(main())
