# SPDX-License-Identifier: Apache-2.0
"""Bad solutions - each misbehaves in its own way, and nothing else may notice.

During each: a canary that runs /bin/true every 100 ms keeps its p99 below 250 ms, the neighbour
gets every event of storms that count themselves and loses nothing, `ringfort status` says what
happened.  Afterwards no cgroup, process, mount, socket or BPF program is left.
"""

import collections
import json
import os
import time

import lib
from lib import case, equal, figure, require

CANARY_MS = 250 * (8 if lib.SANITIZED else 1)
SECONDS = 20 if lib.LONG else 4


def storms(cgroup, folder, total):
    """One round of everything, inside the cgroup, added to the total."""
    total.update(lib.storm("exec", 100, cgroup=cgroup))
    total.update(lib.storm("file", 300, cwd=folder, cgroup=cgroup))
    total.update(lib.storm("connect", 300, cgroup=cgroup))


class Bad:
    """A daemon with a bad solution and a good neighbour, storms and a canary around them."""

    def __init__(self, mode, *arguments, limits=None, preexec=None):
        lib.need_root()
        self.cgroup, self.folder = lib.Cgroup(), lib.temporary("storm")
        self.total = collections.Counter()
        self.bad = lib.Solution("bad", "bad", [mode, *map(str, arguments)],
                                limits={"memory_mb": 64, "pids": 16, **(limits or {})})
        self.neighbour = lib.Solution("neighbour", "mirror", ["tally", "below", self.cgroup.name])
        self.daemon = lib.Daemon([self.bad, self.neighbour], preexec=preexec)
        self.canary = lib.Canary()
        self.programs = self.daemon.bpf_programs()
        self.seen = set()

    def state(self):
        state = self.daemon.solution("bad")
        self.seen.add(state["state"])
        return state

    def run(self, until=None, seconds=SECONDS, most=60):
        """Storms for so many seconds, and until the condition on the bad one's status holds."""
        begin = time.monotonic()
        while True:
            storms(self.cgroup, self.folder, self.total)
            state = self.state()
            held = until is None or until(state)
            took = time.monotonic() - begin
            if held and took >= seconds:
                return state
            require(took < most, f"not within {most} s; its status is {state}")

    def neighbour_lost_nothing(self):
        """delivered = performed, lost = 0: for every type that the storms count."""
        def complete():
            got = self.daemon.tally("neighbour")
            return got if all(got.get(t, 0) >= n for t, n in self.total.items()) else None
        try:
            got = lib.wait_until(complete, 10, "all")
        except lib.Failure:
            got = self.daemon.tally("neighbour")
        equal({t: got.get(t, 0) for t in self.total}, dict(self.total), "delivered to the neighbour")
        neighbour = self.daemon.solution("neighbour")
        equal((neighbour["lost"], neighbour["restarts"], neighbour["state"]), (0, 0, "active"),
              "the neighbour's lost, restarts and state")

    def close(self):
        p99 = self.canary.p99()
        self.neighbour_lost_nothing()
        equal(self.daemon.stop(), 0, "exit status of the daemon")
        lib.require_nothing_left(self.daemon, self.programs)
        figure(f"canary p99 {p99:.0f} ms of {len(self.canary.times)}, neighbour {sum(self.total.values())} "
               f"events, lost 0, states {', '.join(sorted(self.seen))}")
        worst = sorted(enumerate(self.canary.times), key=lambda t: -t[1])[:6]
        figure("worst: " + ", ".join(f"{t / 1000:.0f} ms after {i / 10:.1f} s" for i, t in worst))
        require(p99 <= CANARY_MS, f"the canary's p99 is {p99:.0f} ms")


def show(state):
    figure("status: " + json.dumps({k: state[k] for k in (
        "state", "why", "last_fault", "restarts", "findings", "findings_dropped", "noise", "oom_kills", "memory_peak_bytes")}))


@case("a solution that crashes at once is suspended after three strikes")
def crash():
    bad = Bad("crash")
    state = bad.run(until=lambda s: s["state"] == "suspended")
    show(state)
    require(state["restarts"] == 2 and "killed by" in state["why"], state)
    bad.close()


@case("a solution that crashes on the n-th event is restarted with back-off, then suspended")
def crash_nth():
    bad = Bad("crash-nth", 50)
    state = bad.run(until=lambda s: s["state"] == "suspended")
    show(state)
    equal(state["restarts"], 2, "restarts")
    bad.close()


@case("a suspended solution that is reset crashes, and is suspended again")
def crash_loop():
    bad = Bad("crash")
    for _ in range(3):
        bad.run(until=lambda s: s["state"] == "suspended", seconds=0)
        equal(bad.daemon.cli("solution", "reset", "bad").returncode, 0, "ringfort solution reset")
    state = bad.run(until=lambda s: s["state"] == "suspended", seconds=0)
    show(state)
    bad.close()


@case("a solution that hangs is degraded, killed and started again")
def hang():
    bad = Bad("hang")
    bad.run(until=lambda s: s["state"] == "degraded")
    show(bad.state())
    state = bad.run(until=lambda s: s["restarts"] >= 1)
    show(state)
    require("degraded" in bad.seen, f"states {bad.seen}")
    bad.close()


@case("a solution that stops itself is degraded and killed")
def stop():
    bad = Bad("stop")
    state = bad.run(until=lambda s: s["restarts"] >= 1)
    show(state)
    require("degraded" in bad.seen, f"states {bad.seen}")
    bad.close()


@case("a solution that is stopped from outside (SIGSTOP) is degraded and killed")
def stopped_from_outside():
    bad = Bad("crash-nth", 1000000000)
    bad.run(until=lambda s: s["state"] == "active", seconds=1)
    os.kill(bad.state()["pid"], 19)
    state = bad.run(until=lambda s: s["restarts"] >= 1)
    show(state)
    require("degraded" in bad.seen, f"states {bad.seen}")
    bad.close()


@case("a solution that allocates without end meets its own limit")
def alloc():
    bad = Bad("alloc")
    state = bad.run(until=lambda s: s["state"] == "suspended")
    show(state)
    require(state["oom_kills"] >= 1 or "memory" in state["why"], f"nothing says that it ran out of memory: {state}")
    require(state["memory_peak_bytes"] <= 65 << 20, "it had more memory than its limit")
    bad.close()


@case("a solution that forks without end meets its own limit")
def fork():
    bad = Bad("fork")
    state = bad.run(until=lambda s: s["restarts"] >= 1)
    show(state)
    bad.close()


@case("a solution that closes every descriptor is degraded and killed")
def close():
    bad = Bad("close")
    state = bad.run(until=lambda s: s["restarts"] >= 1)
    show(state)
    bad.close()


@case("a solution that writes noise over its mailbox is noticed, and hurts itself only")
def noise():
    bad = Bad("noise")
    state = bad.run(until=lambda s: s["noise"] > 0 and s["restarts"] > 0)
    show(state)
    for _ in range(50):
        done = bad.daemon.cli("status", "--json")
        require(done.returncode in (0, 1), f"ringfort status: {done.stderr}")
        lost = json.loads(done.stdout)["solutions"][0]["lost"]
        require(lost < 1 << 40, f"its noise is believed: lost {lost}")
    bad.close()


@case("a solution that floods findings has those over its limit dropped and counted")
def flood():
    bad = Bad("flood", limits={"findings_per_second": 10})
    state = bad.run(until=lambda s: s["findings_dropped"] > 0)
    show(state)
    written = len(bad.daemon.findings())
    figure(f"{written} findings kept")
    require(0 < written < 200 * (SECONDS + 10), f"{written} findings were kept at 10 a second")
    bad.close()


@case("a solution that attacks the daemon, its neighbour and the host gets nowhere")
def attack():
    def name_the_targets():
        # The daemon is this very process; its roles and solutions get the numbers behind it.
        pids = [str(os.getpid() + i) for i in range(6)]
        path = os.path.join(folder, "packages/bad/manifest.yaml")
        with open(path) as file:
            text = file.read().replace('"PIDS"', ", ".join(f'"{p}"' for p in pids[:6]))
        with open(path, "w") as file:
            file.write(text)

    folder = None
    create = lib.temporary

    def remember(prefix="t"):
        nonlocal folder
        made = create(prefix)
        folder = made if prefix == "d" else folder
        return made
    lib.temporary = remember
    try:
        bad = Bad("attack", "PIDS", preexec=name_the_targets)
    finally:
        lib.temporary = create
    pids = set(bad.daemon.roles().values()) | {bad.daemon.solution("neighbour")["pid"]}
    bad.run(until=lambda s: s["said"] == "attacked" or s["restarts"])
    state = bad.state()
    show(state)
    text = bad.daemon.output("bad")
    figure(f"{len(text.splitlines())} attempts; " + "; ".join(sorted({line.strip() for line in text.splitlines()})))
    require("open /etc/shadow" in text and "attach to another process" in text and "no child" not in text,
            f"the attempts are not all there: {text!r}")
    require("BREACH" not in text, text)
    equal(state["said"], "attacked", "said")
    for pid in pids:
        with open(f"/proc/{pid}/stat") as file:
            require(file.read().rsplit(")", 1)[1].split()[0] in "SR", f"process {pid} was stopped")
    bad.close()


if __name__ == "__main__":
    lib.main()
