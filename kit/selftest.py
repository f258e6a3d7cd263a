# SPDX-License-Identifier: Apache-2.0
"""Self-test - the kit tries solutions that misbehave, each in one manner, and must catch every one.

Only the clause that is there for the manner is tried (and the start, which some do not survive).  All the while
the host must stay usable: /bin/true is executed every 100 ms.
"""

import collections
import json
import shutil
import subprocess
import tempfile
import time

import clauses
from daemon import write_package
from trial import Trial, percentile, start_acts

CANARY_MS = 250
LIMITS = {"memory_mb": 64, "pids": 16, "files": 256, "findings_per_second": 10}
EXEC, OPEN, MODIFY = "process.exec", "file.open", "file.modify"

Bad = collections.namedtuple("Bad", "name arguments clauses meaning acts", defaults=[()])

# Programs of bad/: bad takes part in no act, judge in those that are named, or in executions.
SOLUTIONS = [
    Bad("crash", ["bad", "crash"], ["C-START"], "ends at once"),
    Bad("crash-later", ["bad", "crash-nth", "20"], ["C-START", "C-READ"], "dies of its 20th event"),
    Bad("deaf", ["bad", "hang"], ["C-READ"], "spins after its first event"),
    Bad("memory-hog", ["bad", "alloc"], ["C-START", "C-IDLE"], "takes memory without end"),
    Bad("fork-bomb", ["bad", "fork"], ["C-START", "C-IDLE"], "forks without end"),
    Bad("noise", ["bad", "noise"], ["C-START", "C-FINDINGS"], "writes noise over its mailbox"),
    Bad("flood-findings", ["bad", "flood"], ["C-FINDINGS"], "reports one event without end"),
    Bad("pry", ["judge", "pry"], ["C-SANDBOX"], "tries a system call that kills, in a child"),
    Bad("hang", ["judge", "hang"], ["C-ANSWER"], "takes requests, never answers"),
    Bad("slow", ["judge", "slow=300"], ["C-ANSWER"], "takes 300 ms for each request"),
    Bad("crash-asked", ["judge", "crash"], ["C-ANSWER"], "dies of its first request"),
    Bad("late", ["judge", "late"], ["C-ANSWER"], "answers after the deadline"),
    Bad("flood", ["judge", "flood"], ["C-WRONG"], "answers numbers that never were"),
    Bad("twice", ["judge", "twice"], ["C-WRONG"], "allows, then denies the same request"),
    Bad("others", ["judge", "others"], ["C-WRONG"], "answers for its neighbours"),
    Bad("lie", ["judge", "lie"], ["C-SAME"], "allows and denies in turn"),
    Bad("allow-then-deny", ["judge", "then-deny"], ["C-SAME"], "denies what it had allowed"),
    Bad("deny", ["judge", "deny"], ["C-ALLOW"], "denies everything"),
    Bad("leak", ["judge", "leak"], ["C-FILES"], "keeps every file"),
    Bad("hang-open", ["judge", "hang"], ["C-OPEN"], "takes opens, never answers", [OPEN]),
    Bad("leak-open", ["judge", "leak"], ["C-OPEN"], "keeps every file that was opened", [OPEN]),
    Bad("deny-open", ["judge", "deny"], ["C-ORDINARY"], "denies every open", [OPEN]),
    Bad("one-by-one", ["judge", "slow=100"], ["C-CROWD"], "takes 100 ms for each open", [OPEN]),
    Bad("brittle", ["judge", "brittle"], ["C-PENDING"], "dies of a request whose deadline is over", [OPEN]),
    Bad("keep", ["judge", "hang"], ["C-SHOWN"], "never gives back what it is shown", [MODIFY]),
    Bad("hoard", ["judge", "leak"], ["C-BURST"], "gives back what it is shown, and keeps a duplicate", [MODIFY]),
    Bad("plod", ["judge", "plod=100"], ["C-FIRST"], "looks at what it is shown before it answers", [OPEN, MODIFY]),
    Bad("crash-lost", ["judge", "crash-lost"], ["C-MISSED"], "dies when it is told that files were lost", [MODIFY]),
]


def try_bad(bad):
    """What caught it, or None; and what was seen."""
    folder = tempfile.mkdtemp(prefix="ringfort-conformance-")
    try:
        program, *arguments = bad.arguments
        acts = bad.acts or ([EXEC] if program == "judge" else [])
        package = write_package(folder, bad.name, program, arguments, acts, LIMITS)
        with Trial(package) as trial:
            results = clauses.try_all(trial, bad.clauses)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    failed = next((r for r in results if r.result == "fail"), None)
    if not failed:
        return None, "; ".join(f"{r.clause.id} {r.result}: {r.seen}" for r in results)
    return failed.clause.id, failed.seen


def run(wanted, tell):
    """Each of them, or those wanted, then the host; `tell` gets name, result, what was seen, seconds."""
    canary, begin = start_acts("canary", stdin=subprocess.PIPE), time.monotonic()
    try:
        for bad in SOLUTIONS:
            if not wanted or bad.name in wanted:
                run_one(bad, tell)
    finally:
        out, _ = canary.communicate()
    times = json.loads(out)
    p99 = percentile(times, 0.99)
    tell("host", "pass" if p99 <= CANARY_MS else "fail",
         f"{len(times)} times /bin/true meanwhile: p99 {p99:.0f} ms, worst {max(times):.0f} ms",
         time.monotonic() - begin)


def run_one(bad, tell):
    begin = time.monotonic()
    caught, seen = try_bad(bad)
    what = f"caught by {caught}" if caught else "not caught"
    tell(bad.name, "pass" if caught in bad.clauses else "fail", f"{bad.meaning}: {what}: {seen}",
         time.monotonic() - begin)
