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
LIMIT_S = 1500 if os.environ.get("RINGFORT_TEST_LONG") == "1" else 420
ORDER = ["tree", "events_process", "events_file", "events_net", "events_uring", "doctor", "daemon",
         "bad_solutions", "loss"]


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


def main():
    wanted = [a for a in sys.argv[1:] if not a.startswith("-")]
    if "--list" in sys.argv:
        print("\n".join(names()))
        return 0
    total = {"PASS": 0, "FAIL": 0, "SKIP": 0}
    for name in names():
        if wanted and name not in wanted:
            continue
        print(f"== {name}", flush=True)
        for word, n in run_file(name).items():
            total[word] += n
    print(f"system: {total['PASS']} {total['FAIL']} {total['SKIP']}")
    return 1 if total["FAIL"] else 0


if __name__ == "__main__":
    sys.exit(main())
