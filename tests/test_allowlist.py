# SPDX-License-Identifier: Apache-2.0
"""Allowlist - the bundled solution in its sandbox: what it says in its first moments, and what it knows of packages."""

import os
import threading
import time

import lib
from bundled import Bundled, Watch, content
from guarded import DENIED, RAN, Scratch, outcome
from lib import case, equal, figure, require


def denying(path):
    return content(policy_yaml=f"rules:\n  - {{id: bad, action: deny, path: {path}}}\n")


class Attempts:
    """Executes a file that will be denied, fifty times a second, from before a solution begins until it is told to stop."""

    def __init__(self, path):
        self.path, self.results, self.stopped = path, [], False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stopped:
            self.results.append(outcome(self.path))
            time.sleep(0.02)

    def denied(self):
        return self.results.count(DENIED)

    def stop(self):
        self.stopped = True
        self.thread.join(30)
        return self.denied()


def begin(daemon):
    daemon.cli("solution", "start", "allowlist")


def end(daemon):
    daemon.cli("solution", "stop", "allowlist")
    lib.wait_until(lambda: not (daemon.voice("allowlist") or {}).get("acts"), 5, "the end of the solution")


def require_all_told(daemon, n_denied, what):
    lib.wait_until(lambda: len(daemon.all_found("bad")) >= n_denied, 5,
                   lambda: f"{what}: {n_denied} denied, {len(daemon.all_found('bad'))} told; {daemon.solution('allowlist')}")
    equal(len(daemon.all_found("bad")), n_denied, what)


@case("from the very first one each denied execution is told with its event, however the solution begins")
def first_moments():
    scratch = Scratch()
    bad = scratch.program("bad")
    with Watch([Bundled("allowlist", denying(bad))], scratch) as daemon:
        n, n_ran = 0, 0
        for _ in range(5):
            end(daemon)
            attempts = Attempts(bad)
            begin(daemon)
            lib.wait_until(lambda: attempts.denied() >= 5, 10, "denials")
            n += attempts.stop()
            n_ran += attempts.results.count(RAN)
            require_all_told(daemon, n, "findings")
        figure(f"5 beginnings in a storm: {n_ran} ran before, {n} denied, each told")


@case("while the sensor cannot begin to send events the solution does not begin to deny")
def slow_sensor():
    scratch = Scratch()
    bad = scratch.program("bad")
    with Watch([Bundled("allowlist", denying(bad))], scratch) as daemon:
        end(daemon)
        attempts = Attempts(bad)
        with lib.Held(daemon.roles()["sensor"]):
            begin(daemon)
            time.sleep(1.5)
            early = attempts.denied()
        lib.wait_until(lambda: attempts.denied() >= 5, 10, "denials")
        n = attempts.stop()
        require_all_told(daemon, n, "findings")
        equal(early, 0, "denied while no event could come")
        figure(f"{attempts.results.count(RAN)} ran, {n} denied, each told")


@case("what dpkg says it installed is allowed from then on, what it removed no more, without a reload")
def packages():
    scratch = Scratch()
    old, new = scratch.program("old"), scratch.program("new")
    lists = lib.temporary("l")

    def put(name, *paths):
        with open(f"{lists}/{name}.list-new", "w") as file:
            file.write("".join(f"{path}\n" for path in paths))
        os.rename(f"{lists}/{name}.list-new", f"{lists}/{name}.list")

    put("old", old)
    policy = content(policy_yaml="mode: lockdown\nrules:\n  - {id: packages, action: allow, package: true}\n")
    with Watch([Bundled("allowlist", policy, lists)], scratch) as daemon:
        equal((outcome(old), outcome(new)), (RAN, DENIED), "at first")
        put("new", new)
        equal(outcome(new), RAN, "right behind its list")
        os.unlink(f"{lists}/old.list")
        lib.wait_until(lambda: outcome(old) == DENIED, 3, "the end of what was removed")
        equal(outcome(new), RAN, "the other")
        require("lockdown" in daemon.solution("allowlist")["said"], daemon.solution("allowlist"))


@case("lists of dpkg that cannot be read deny nobody, and it says so")
def unreadable_lists():
    scratch = Scratch()
    program = scratch.program("program")
    lists = lib.temporary("l")
    os.mkdir(f"{lists}/x.list")
    policy = content(policy_yaml="mode: lockdown\nrules:\n  - {id: packages, action: allow, package: true}\n"
                     "  - {id: others, action: deny, package: false}\n")
    with Watch([Bundled("allowlist", policy, lists)], scratch) as daemon:
        equal(outcome(program), RAN, "program")
        said = daemon.solution("allowlist")["said"]
        require("nothing is denied by default" in said and "cannot be read" in said, said)


if __name__ == "__main__":
    lib.main()
