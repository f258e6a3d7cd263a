# SPDX-License-Identifier: Apache-2.0
"""Trial - one package on trial: its daemon, its scratch, and what the clauses learn of it on their way."""

import collections
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys

import daemon as daemons
from clauses import Disturbed, Fail, Skip
from daemon import send, tree, wait_until
from manifest import Manifest, Unreadable
from scratch import Broken, Scratch

START_S = 60   # to open its client, as the contract says
SETTLE_S = 20  # to come back after a fault
READ_S = 10    # to have read what was done
NOISE = 3      # times the kit's own acts: then a loss says nothing

ACTS = os.path.join(daemons.HERE, "acts.py")


class Trial:
    def __init__(self, package):
        self.package = os.path.realpath(package)
        self.scratch = self.daemon = None
        self.manifest = self.why_no_manifest = None
        self.content = None  # the copy of its content that the kit may change
        self.valid = self.started = False  # C-MANIFEST, C-START passed
        self.types = set()   # what it was seen to subscribe to
        self.kills = 0       # by the kit: no fault of its own
        try:
            self.manifest = Manifest(self.package)
        except Unreadable as error:
            self.why_no_manifest = str(error)

    @property
    def name(self):
        return self.manifest.name if self.manifest else os.path.basename(self.package)

    @property
    def acts(self):
        """Those of a gate that its manifest asks for."""
        return {act for act in daemons.ACTS if self.manifest and act in self.manifest.authorize}

    @property
    def decides(self):
        """Somebody waits for it."""
        return bool(self.acts - {"file.modify"})

    def __enter__(self):
        self.scratch = Scratch(with_scope=bool(self.acts - {"process.exec"}))
        try:
            if self.manifest and self.manifest.content:
                self.copy_content()
            self.daemon = daemons.Daemon(self.scratch, self.name, self.package, self.content)
        except BaseException:
            self.scratch.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def close(self, keep=False):
        if self.daemon:
            self.daemon.stop()
        if self.scratch:
            self.scratch.close(keep)
        self.daemon = self.scratch = None

    def copy_content(self):
        source = os.path.join(self.package, self.manifest.content)
        if os.path.isdir(source):
            self.content = self.scratch.folder + "/content"
            shutil.copytree(source, self.content)

    # ---- before and after a clause ---------------------------------------------------------------

    def prepare(self, needs):
        if needs == "nothing":
            return
        if not self.started:
            raise Skip("it did not start")
        if needs == "deciding" and not self.decides:
            raise Skip("its manifest asks for no decisions (authorize)")
        if needs in daemons.ACTS and needs not in self.acts:
            raise Skip(f"its manifest does not ask for {needs} (authorize)")
        why_not = self.daemon.why_no_scope() if needs in daemons.ACTS and needs != "process.exec" else None
        if why_not:
            raise Skip(f"there is no scope here: {why_not}")
        self.settle()

    def settle(self):
        """A fault before is no fault now: strikes and demotions are taken back, and it runs."""
        self.daemon.cli("solution", "reset", self.name)
        state = self.wait_active(SETTLE_S)
        if state["state"] != "active":
            raise Fail(f"it is {state['state']}: {state['why']}")

    def wait_active(self, seconds, not_pid=None):
        """Its status when it is active and takes part, or whatever it is when there is no hope or time is over."""
        def settled():
            state = self.daemon.solution() or {"state": "unknown"}
            if state["state"] in ("suspended", "quarantined"):
                return state
            there = state["state"] == "active" and state["pid"] not in (0, not_pid)
            return state if there and (not self.acts or (self.daemon.voice() or {}).get("acts")) else None
        return wait_until(settled, seconds) or self.daemon.solution() or {"state": "unknown", "why": "", "pid": 0}

    def restarts(self):
        """Those that it brought upon itself."""
        return (self.daemon.solution() or {}).get("restarts", 0) - self.kills if self.started else 0

    def still_runs(self, restarts):
        """What a clause that passed leaves: the same life of the solution, in good health."""
        if not self.started or not self.daemon.status():
            return
        state = self.daemon.solution()
        if state["restarts"] - self.kills > restarts:
            raise Fail(f"it had to be started again: {state['last_fault']}{self.last_words()}")
        if state["state"] not in ("active", "degraded"):
            raise Fail(f"it is {state['state']}: {state['why']}")

    # ---- acts ------------------------------------------------------------------------------------

    def storm(self, rate, seconds):
        """Acts of all kinds, in the scratch folder but not on the guarded file system."""
        return run_acts("storm", self.scratch.folder, rate, seconds)

    def execute(self, rate, seconds, paths):
        return run_acts("execute", rate, seconds, *paths)

    def open(self, rate, seconds, paths):
        return run_acts("open", rate, seconds, *paths)

    def ask(self, rate, seconds, paths):
        """Of subjects(): executes or opens them, whatever it decides."""
        return self.execute(rate, seconds, paths) if "process.exec" in self.acts else self.open(rate, seconds, paths)

    def subjects(self, prefix, n):
        scratch = self.scratch
        return scratch.programs(prefix, n) if "process.exec" in self.acts else scratch.files(prefix, n)

    def write(self, rate, n):
        """Files of the scope, without asking anybody."""
        return run_acts("write", *self.places(), rate, n)

    def places(self):
        return self.scratch.beside, self.scratch.scope

    def counts(self):
        """By type, what it has had or knows that it missed, and what it lost."""
        types = self.daemon.solution()["types"]
        had = {name: n["delivered"] + n["muted"] + n["lost"] for name, n in types.items()}
        return collections.Counter(had), collections.Counter({name: n["lost"] for name, n in types.items()})

    def performed(self):
        """Events of the whole host up to now."""
        return self.daemon.status()["events"]["performed"]

    def require_nothing_lost(self, lost, performed, acts, when):
        """Since the counts `lost` and `performed`, in which the kit did `acts`."""
        _, now = self.counts()
        n, others = sum((now - lost).values()), self.performed() - performed - sum(acts.values())
        if n and others > NOISE * sum(acts.values()):
            raise Disturbed(f"lost {n}, but the host did {others} other things meanwhile: try it on a quiet one")
        if n:
            raise Fail(f"{when}: {n} events were lost to it")

    def has_read(self, before, acts, seconds=READ_S):
        """Whether all acts of its types were read, muted or counted as lost; what it still lacks."""
        def lacking():
            had, _ = self.counts()
            return {t: acts[t] - (had[t] - before[t]) for t in self.types
                    if t in acts and had[t] - before[t] < acts[t]}
        wait_until(lambda: not lacking(), seconds)
        return lacking()

    # ---- what becomes of it ------------------------------------------------------------------------

    def pid(self):
        return self.daemon.solution()["pid"]

    def kill(self):
        """SIGKILL, and its status when it is back."""
        pid = self.pid()
        self.kills += 1
        send([pid], signal.SIGKILL)
        return self.wait_active(START_S, not_pid=pid)

    def restart(self):
        """Stopped and started by the operator, and its status when it is back."""
        pid = self.pid()
        self.kills += 1
        self.daemon.cli("solution", "stop", self.name)
        self.daemon.cli("solution", "start", self.name)
        return self.wait_active(START_S, not_pid=pid)

    def last_words(self):
        """What it printed at last, to be put behind a reason."""
        lines = self.daemon.cli("solution", "output", self.name).stdout.strip().splitlines()
        return f"; it printed {lines[-1]!r}" if lines else ""

    def processes(self):
        return tree(self.pid())

    def files(self):
        """Those of requests that its processes have open, each once."""
        devices = self.scratch.devices()
        return {file for pid in self.processes() for file in daemons.open_files(pid, devices)}

    def memory_mb(self):
        """What its processes have of their own."""
        return sum(map(daemons.own_memory_kb, self.processes())) / 1024


def run_acts(*arguments):
    done = start_acts(*arguments)
    out, _ = done.communicate()
    if done.returncode:
        raise Broken(f"acts.py {arguments[0]} ended with {done.returncode}")
    return json.loads(out)


def start_acts(*arguments, stdin=subprocess.DEVNULL):
    return subprocess.Popen([sys.executable, "-EsSB", ACTS, *map(str, arguments)], stdin=stdin,
                            stdout=subprocess.PIPE, text=True, preexec_fn=daemons.die_with_us)


@contextlib.contextmanager
def acts_beside(*arguments):
    """The command runs while the body does, and has printed its result into the list afterwards."""
    process, told = start_acts(*arguments), []
    try:
        yield told
        out, _ = process.communicate()
        told.append(json.loads(out))
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))] if values else 0
