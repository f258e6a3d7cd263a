# SPDX-License-Identifier: Apache-2.0
"""Daemon - an instance of ringfortd of the kit's own, in a scratch folder, beside whatever runs on the host.

Its programs are found relative to this file.  It guards the scratch file system and nothing else, and ends with
the kit, however that ends.
"""

import contextlib
import ctypes
import json
import os
import shutil
import signal
import subprocess
import time

from scratch import Broken

HERE = os.path.dirname(os.path.realpath(__file__))
PREFIX = os.path.normpath(os.path.join(HERE, "../../.."))
RINGFORTD = os.path.join(PREFIX, "sbin/ringfortd")
RINGFORT = os.path.join(PREFIX, "bin/ringfort")
BAD = os.path.join(HERE, "bad")
NEIGHBOUR = "conformance-neighbour"
DEADLINE_MS = 1000
UID_FIRST = 1910000000  # not the range of the host's own instance

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def die_with_us(number=signal.SIGKILL):
    """In a child before exec: end when the kit ends."""
    _libc.prctl(_PR_SET_PDEATHSIG, number)


def wait_until(condition, seconds):
    """What condition() gives once it is true; None when it was not within so many seconds."""
    end = time.monotonic() + seconds
    while True:
        result = condition()
        if result or time.monotonic() > end:
            return result or None
        time.sleep(0.05)


def write_package(folder, name, program, arguments=(), decides=False, limits=None):
    """A package around one of the programs in bad/."""
    package = os.path.join(folder, name)
    os.makedirs(package)
    shutil.copy(os.path.join(BAD, program), os.path.join(package, "program"))
    with open(os.path.join(package, "manifest.yaml"), "w") as file:
        file.write(f"name: {name}\nvendor: Ringfort\nversion: 0.1.0\napi: 1\nexecutable: program\n")
        file.write(f"arguments: {json.dumps(list(arguments))}\n")
        file.write('events: ["*"]\n' if not decides else "events: [process.exec]\nauthorize: [process.exec]\n")
        if limits:
            file.write("limits: {" + ", ".join(f"{k}: {v}" for k, v in limits.items()) + "}\n")
    return package


class Daemon:
    def __init__(self, scratch, name, package, content=None):
        """`content`: a folder that stands in for the package's own, so that the kit can change it."""
        self.folder, self.name = scratch.folder, name
        self.socket = self.folder + "/run/control.sock"
        self.config = self.folder + "/ringfortd.yaml"
        self.log_path = self.folder + "/log"
        neighbour = write_package(self.folder, NEIGHBOUR, "neighbour")
        with open(self.config, "w") as file:
            file.write(f"log_level: debug\nuid_range: {{first: {UID_FIRST}, count: 256}}\n"
                       f"gate: {{exec: [{json.dumps(scratch.guarded)}], deadline_ms: {DEADLINE_MS}}}\n"
                       f"solutions:\n  - name: {name}\n    package: {json.dumps(package)}\n"
                       "    authorize: [process.exec]\n    mode: enforce\n")
            if content:
                file.write(f"    content: [{json.dumps(content)}]\n")
            file.write(f"  - name: {NEIGHBOUR}\n    package: {json.dumps(neighbour)}\n")
        self.process = None

    def check(self):
        """What ringfortd says of the configuration and the manifest: (good, text)."""
        done = subprocess.run([RINGFORTD, "--config", self.config, "--check-config"], capture_output=True,
                              text=True, errors="replace")
        return done.returncode == 0, (done.stderr + done.stdout).strip()

    def start(self):
        def before():
            os.setpgid(0, 0)
            die_with_us(signal.SIGTERM)
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [RINGFORTD, "--config", self.config, "--state", self.folder + "/state",
                 "--runtime", self.folder + "/run"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=before, cwd="/")
        if not wait_until(self.status, 20):
            raise Broken(f"ringfortd does not start: {self.tail()}")
        self.cli("solution", "stop", NEIGHBOUR)

    def tail(self, n=600):
        with open(self.log_path, errors="replace") as file:
            return file.read()[-n:].strip()

    def cli(self, *arguments, timeout=60):
        return subprocess.run([RINGFORT, "--socket", self.socket, *arguments], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=timeout, errors="replace")

    def objects(self, *arguments):
        """The JSON lines that a command prints."""
        return [json.loads(line) for line in self.cli(*arguments, "--json").stdout.splitlines()]

    def status(self):
        return next(iter(self.objects("status")), None) if self.process.poll() is None else None

    def solution(self, name=None):
        solutions = (self.status() or {}).get("solutions", [])
        return next((s for s in solutions if s["name"] == (name or self.name)), None)

    def voice(self):
        """The solution as the gate sees it, or None."""
        gate = next(iter(self.objects("gate", "status")), None) or {}
        return next((s for s in gate.get("solutions", []) if s["name"] == self.name), None)

    def verdicts(self, path):
        """The solution's reasons in the last verdicts about a file, newest first."""
        return [reason for verdict in self.objects("why", path)
                for reason in verdict["reasons"] if reason["solution"] == self.name]

    def role(self, comm):
        """The pid of one of its processes, by the beginning of its name."""
        for pid in children(self.process.pid):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/comm") as file:
                if file.read().startswith(comm):
                    return pid
        return None

    def stop(self):
        if not self.process:
            return
        with contextlib.suppress(OSError):
            os.kill(self.process.pid, signal.SIGCONT)
            self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


# ---- processes -----------------------------------------------------------------------------------


def children(pid):
    """The processes right below one."""
    found = []
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as file:
                found += [int(word) for word in file.read().split()]
    return found


def tree(pid):
    """A process and everything below it."""
    found = [pid]
    for at in found:
        found += children(at)
    return found


def stat(pid):
    """The fields of /proc/PID/stat from the state on, or None when it is gone."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/stat") as file:
        return file.read().rsplit(")", 1)[1].split()
    return None


def own_memory_kb(pid):
    """Without what it shares: rings, mailboxes, libraries."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/status") as file:
        return sum(int(line.split()[1]) for line in file if line.startswith("RssAnon:"))
    return 0
