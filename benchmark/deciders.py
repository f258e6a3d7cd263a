# SPDX-License-Identifier: Apache-2.0
"""Deciders - subjects that are asked before a file is executed or opened: floors, and ringfortd with its gate."""
import os
import subprocess
import time

from subjects import Nothing, Ringfortd, end

READY_S = 20


class Responder:
    """The least that a gate could be, over one scratch file system: see responder.c."""

    def __init__(self, build, kind, scratch):
        self.command = [f"{build}/benchmark/responder", kind, scratch.program]
        self.process, self.decider = None, 0

    def start(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True)
        told = self.process.stdout.readline().split()
        if not told or told[0] != "ready":
            raise SystemExit(f"bench: {' '.join(self.command)} does not start")
        self.decider = int(told[1])

    def stop(self):
        end(self.process)
        if self.process:
            self.process.stdout.close()
        self.process = None

    def pids(self):
        pids = {"responder": self.process.pid}
        if self.decider:
            pids["decider"] = self.decider
        return pids

    def deciding(self):
        return self.pids().values()


class Unasked(Nothing):
    def deciding(self):
        return []


class Gate(Ringfortd):
    """The daemon with a gate over scratch file systems, and solutions that allow everything, to be remembered.

    They are the example that docs/ shows to vendors; no event is subscribed, so that the gate is measured
    and nothing else.
    """

    def __init__(self, stage, build, folder, scratches, n_solutions):
        self.guarded = [scratch.path for scratch in scratches]
        super().__init__(stage, f"{build}/benchmark/decider", [], folder, n_solutions=n_solutions)

    def manifest(self):
        return "events: [process.exec]\nauthorize: [process.exec]\n"

    def entry(self, i):
        return super().entry(i) + "    authorize: [process.exec]\n    mode: enforce\n"

    def config(self):
        return f"gate: {{exec: [{', '.join(self.guarded)}]}}\n" + super().config()

    def state(self):
        return self.ask("gate", "status") or {"marks": 0, "scopes": [], "solutions": []}

    def guards_all(self, state):
        return state["marks"] == len(self.guarded)

    def asks_all(self):
        state = self.state()
        return (self.guards_all(state) and len(state["solutions"]) == self.n_solutions and
                all(solution["acts"] and not solution["demoted"] for solution in state["solutions"]))

    def start(self):
        self.launch()
        limit = time.monotonic() + READY_S
        while not self.asks_all():
            if self.process.poll() is not None or time.monotonic() > limit:
                raise SystemExit(f"bench: the gate does not start; see {self.folder}/log")
            time.sleep(0.02)
        self.wait_for_selftest()

    def deciding(self):
        return [pid for role, pid in self.pids().items() if role == "gate" or role.startswith("solution")]


class ScopeGate(Gate):
    """The same solutions, asked before files are opened, on a whole file system."""

    scope = "open_filesystems"
    act = "file.open"

    def __init__(self, stage, build, folder, path, n_solutions):
        self.path = path
        super().__init__(stage, build, folder, [], n_solutions)

    def manifest(self):
        return f"events: [process.exec]\nauthorize: [{self.act}]\n"

    def entry(self, i):
        return Ringfortd.entry(self, i) + f"    authorize: [{self.act}]\n    mode: enforce\n"

    def config(self):
        return f"gate: {{{self.scope}: [{self.path}]}}\n" + Ringfortd.config(self)

    def guards_all(self, state):
        return [s["path"] for s in state["scopes"] if not s["why"]] == [self.path]


class FolderGate(ScopeGate):
    """In a folder and all below it: nothing is remembered in the kernel."""

    scope = "open"


class WatchingYara(FolderGate):
    """The bundled yara with its rules, shown each file that was written in a folder."""

    act = "file.modify"

    def __init__(self, stage, build, folder, path):
        self.package = f"{stage}/usr/libexec/ringfort/solutions/yara"
        self.n_shown = self.n_unshown = 0
        super().__init__(stage, build, folder, path, 1)

    def entry(self, i):
        return f"  - name: yara\n    package: {self.package}\n    authorize: [{self.act}]\n"

    def stop(self):
        """What it was not shown by now is none of the storm's business."""
        if self.process and self.process.poll() is None:
            for solution in self.state()["solutions"]:
                self.n_shown += solution["shown"]
                self.n_unshown += solution["unshown"]
        super().stop()


def bind(pids, cpu):
    for pid in pids:
        os.sched_setaffinity(pid, {cpu})
