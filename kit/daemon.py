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
ACTS = ["process.exec", "file.open", "file.modify"]
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


def write_package(folder, name, program, arguments=(), acts=(), limits=None):
    """A package around one of the programs in bad/, which wants a part in these acts."""
    package = os.path.join(folder, name)
    os.makedirs(package)
    shutil.copy(os.path.join(BAD, program), os.path.join(package, "program"))
    with open(os.path.join(package, "manifest.yaml"), "w") as file:
        file.write(f"name: {name}\nvendor: Ringfort\nversion: 0.1.0\napi: 1\nexecutable: program\n")
        file.write(f"arguments: {json.dumps(list(arguments))}\n")
        file.write(f"events: [process.exec]\nauthorize: {json.dumps(list(acts))}\n" if acts else 'events: ["*"]\n')
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
        scopes = [scratch.scope] if scratch.scope else []
        with open(self.config, "w") as file:
            file.write(f"log_level: debug\nuid_range: {{first: {UID_FIRST}, count: 256}}\n"
                       f"gate: {{exec: [{json.dumps(scratch.guarded)}], open: {json.dumps(scopes)}, "
                       f"deadline_ms: {DEADLINE_MS}}}\n"
                       f"solutions:\n  - name: {name}\n    package: {json.dumps(package)}\n"
                       f"    authorize: {json.dumps(ACTS)}\n    mode: enforce\n")
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

    def gate(self):
        return next(iter(self.objects("gate", "status")), None) or {}

    def voice(self):
        """The solution as the gate sees it, or None."""
        return next((s for s in self.gate().get("solutions", []) if s["name"] == self.name), None)

    def why_no_scope(self, seconds=5):
        """Why opens cannot be decided here; None when they are."""
        def scope():
            return next(iter(self.gate().get("scopes", [])), {"why": "nobody has looked at its scope", "folders": 0})
        if not wait_until(lambda: scope()["folders"], seconds):
            return scope()["why"] or "its scope is not guarded"
        return scope()["why"] or None

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


def send(pids, number):
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def open_files(pid, devices):
    """What a process has open on some file systems, as (device, inode)."""
    folder = f"/proc/{pid}/fd"
    with contextlib.suppress(OSError):
        for fd in os.listdir(folder):
            with contextlib.suppress(OSError):
                status = os.stat(f"{folder}/{fd}")
                if status.st_dev in devices:
                    yield status.st_dev, status.st_ino


def own_memory_kb(pid):
    """Without what it shares: rings, mailboxes, libraries."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/status") as file:
        return sum(int(line.split()[1]) for line in file if line.startswith("RssAnon:"))
    return 0
