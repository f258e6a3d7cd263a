# SPDX-License-Identifier: Apache-2.0
"""Loss - storms of known counts: what was delivered and what was lost is what was performed.

The storms count themselves.  Three solutions count what they were delivered (of the storm's
cgroup, and in all) and what they were told to have lost.  The kernel's own count stands beside:
delivered + lost = performed for every solution and type, whether anything was lost or not.
"""

import collections
import os
import signal
import threading
import time

import lib
from lib import case, equal, figure, require

ROUNDS = 40 if lib.LONG else 4
NAMES = ["one", "two", "three"]
TYPES = ["process.exec", "process.fork", "process.exit", "file.open_write", "file.create", "file.unlink",
         "net.connect"]


class Storm:
    """A daemon, three solutions that count, and storms in a cgroup of their own."""

    def __init__(self, config=""):
        lib.need_root()
        self.cgroup, self.folder = lib.Cgroup(), lib.temporary("storm")
        self.daemon = lib.Daemon([lib.Solution(n, "mirror", ["tally", *TYPES, "below", self.cgroup.name])
                                  for n in NAMES], config=config)
        self.total = collections.Counter()
        self.before = self.settled()

    def numbers(self):
        """performed by type, and for each solution delivered and lost by type."""
        status = self.daemon.status()
        performed = {t: status["events"]["types"][t]["performed"] for t in TYPES}
        lost = {t: status["events"]["types"][t]["lost"] for t in TYPES}
        counted = {s["name"]: {t: (s["types"].get(t, {}).get("delivered", 0), s["types"].get(t, {}).get("lost", 0))
                               for t in TYPES} for s in status["solutions"]}
        return performed, lost, counted

    def offsets(self):
        """performed - delivered - lost by solution and type: what happened before it subscribed."""
        performed, _, counted = self.numbers()
        return {(n, t): performed[t] - sum(counted[n][t]) for n in NAMES for t in TYPES}

    def settled(self):
        """Numbers of a moment when no event was on its way: the offsets stay as they are."""
        def steady():
            first, numbers = self.offsets(), self.numbers()
            return numbers if first == self.offsets() == self.offsets() else None
        return lib.wait_until(steady, 20, "a moment when no event is on its way")

    def run(self, kind, count, beside=0):
        """The storm, with so many of its like beside it."""
        totals = []

        def once():
            totals.append(lib.storm(kind, count, cwd=self.folder, cgroup=self.cgroup))
        threads = [threading.Thread(target=once) for _ in range(beside + 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        equal(len(totals), beside + 1, "storms that ended well")
        for total in totals:
            self.total.update(total)

    def check_identity(self):
        """delivered + lost = performed since the start, by the kernel's count, for all; the losses."""
        def difference():
            performed, lost, counted = self.numbers()
            wrong, losses = [], {n: 0 for n in NAMES}
            for name in NAMES:
                for kind in TYPES:
                    delivered = counted[name][kind][0] - self.before[2][name][kind][0]
                    gone = counted[name][kind][1] - self.before[2][name][kind][1]
                    acts = performed[kind] - self.before[0][kind]
                    losses[name] += gone
                    if delivered + gone != acts:
                        wrong.append(f"{name} {kind}: {delivered} + {gone} != {acts}")
            return wrong, losses, performed
        end = time.monotonic() + 20
        while True:
            wrong, losses, performed = difference()
            if not wrong or time.monotonic() > end:
                break
            time.sleep(0.05)
        require(not wrong, "delivered + lost != performed: " + "; ".join(wrong))
        for kind, n in self.total.items():
            require(performed[kind] - self.before[0][kind] >= n,
                    f"{kind}: the kernel counted {performed[kind] - self.before[0][kind]}, the storm {n}")
        return losses

    def check_tallies(self, names=NAMES):
        """Without loss: each solution was delivered exactly what the storms counted themselves."""
        for name in names:
            def complete(name=name):
                got = self.daemon.tally(name)
                return all(got.get(t, 0) >= n for t, n in self.total.items())
            try:
                lib.wait_until(complete, 10, "all")
            except lib.Failure:
                pass
            got = self.daemon.tally(name)
            equal({t: got.get(t, 0) for t in self.total}, dict(self.total), f"delivered to {name}")

    def close(self):
        equal(self.daemon.stop(), 0, "exit status of the daemon")


def plain(kind, count, beside=0):
    storm = Storm()
    begin = time.monotonic()
    for _ in range(ROUNDS):
        storm.run(kind, count, beside)
    took = time.monotonic() - begin
    losses = storm.check_identity()
    acts = sum(storm.total.values())
    figure(f"{acts} events in {took:.1f} s ({acts / took:.0f}/s), lost {sum(losses.values())}")
    if not any(losses.values()):
        storm.check_tallies()
    storm.close()
    return losses


@case("exec storm: delivered + lost = performed for three solutions and every type")
def exec_storm():
    plain("exec", 500, 1)


@case("fork storm: delivered + lost = performed for three solutions and every type")
def fork_storm():
    plain("fork", 1500, 1)


@case("create, write, unlink storm: delivered + lost = performed for three solutions and every type")
def file_storm():
    plain("file", 10000, 1)


@case("connect storm: delivered + lost = performed for three solutions and every type")
def connect_storm():
    plain("connect", 20000, 1)


@case("with a tiny ring of solutions most is lost, and exactly told")
def tiny_broadcast():
    storm = Storm("rings: {broadcast_kb: 1024}\n")
    for name in NAMES:
        os.kill(storm.daemon.solution(name)["pid"], signal.SIGSTOP)
    storm.run("file", 5000)
    for name in NAMES:
        os.kill(storm.daemon.solution(name)["pid"], signal.SIGCONT)
    losses = storm.check_identity()
    figure(f"lost {losses} of {sum(storm.total.values())}")
    require(all(losses.values()), f"nothing was lost: {losses}")
    storm.close()


@case("with tiny rings of the kernel and a sensor that is stopped, the loss is exactly told")
def tiny_kernel_ring():
    storm = Storm("rings: {rare_kb: 64, bulk_kb: 64}\n")
    sensor = storm.daemon.roles()["sensor"]
    for _ in range(3):
        with lib.Held(sensor):
            storm.run("file", 1000)
            storm.run("fork", 300)
        time.sleep(0.5)
    losses = storm.check_identity()
    status = storm.daemon.status()
    figure(f"lost in the kernel {status['events']['lost']}, told to each {losses}")
    require(status["events"]["lost"] > 0, "nothing was lost in the kernel")
    for name in NAMES:
        require(losses[name] >= sum(status["events"]["types"][t]["lost"] for t in TYPES) -
                sum(storm.before[1].values()), f"{name} was not told of all: {losses}")
    storm.close()


@case("a stopped solution loses, and is told exactly; its neighbours lose nothing")
def stopped_reader():
    storm = Storm("rings: {broadcast_kb: 4096}\n")
    pid = storm.daemon.solution("one")["pid"]
    os.kill(pid, signal.SIGSTOP)
    storm.run("file", 8000)
    storm.check_tallies(["two", "three"])
    os.kill(pid, signal.SIGCONT)
    losses = storm.check_identity()
    figure(f"lost {losses}")
    require(losses["one"] > 0 and not losses["two"] and not losses["three"], f"lost {losses}")
    storm.close()


if __name__ == "__main__":
    lib.main()
