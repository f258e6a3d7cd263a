# SPDX-License-Identifier: Apache-2.0
"""Allowlist - the bundled solution in its sandbox: what it says in its first moments, and what it knows of packages."""

import hashlib
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
    """Executes a file, fifty times a second or with another pause, until it is told to stop."""

    def __init__(self, path, pause_s=0.02):
        self.path, self.pause_s, self.results, self.stopped = path, pause_s, [], False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stopped:
            self.results.append(outcome(self.path))
            time.sleep(self.pause_s)

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


@case("a policy that reads no files is handed none; changed under load for one that does, and back, it denies nobody wrongly")
def with_and_without_files():
    scratch = Scratch()
    good, bad = scratch.program("good"), scratch.script("bad", "#!/bin/sh\n")
    with open(good, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    rules = [f"{{id: name, action: allow, path: {good}}}", f"{{id: hash, action: allow, sha256: {digest}}}"]
    policies = [f"mode: lockdown\nrules:\n  - {rule}\n" for rule in rules]
    folder = content(policy_yaml=policies[0])
    with Watch([Bundled("allowlist", folder)], scratch) as daemon:
        equal((outcome(good), outcome(bad)), (RAN, DENIED), "by its name")
        equal(daemon.voice("allowlist")["without_files"], ["process.exec"], "acts without files")
        storms = [Attempts(good, 0) for _ in range(3)]
        for n in range(1, 21):
            with open(f"{folder}/policy.yaml", "w") as file:
                file.write(policies[n % 2])
            equal(daemon.cli("reload", "allowlist").returncode, 0, "reload")
        equal(sum(storm.stop() for storm in storms), 0, "denied of what both allow")
        equal((outcome(good), outcome(bad)), (RAN, DENIED), "by its name again")
        equal(daemon.voice("allowlist")["without_files"], ["process.exec"], "acts without files")
        figure(f"{sum(len(storm.results) for storm in storms)} executions during 20 reloads")


if __name__ == "__main__":
    lib.main()
