# SPDX-License-Identifier: Apache-2.0
"""Guarded - a scratch file system for tests of the gate, and acts on it.

Permission marks go on file systems that a test made, never on one that the machine lives on.  Whatever
happens, the mount goes with the test, and an act that waits longer than it may is killed and told.
"""
import contextlib
import json
import os
import shutil
import subprocess
import time

import lib
from lib import require

DENIED, RAN = "denied", "ran"
PATIENCE = 20  # seconds: an act that takes longer is a hang
DEADLINE_MS = 400
AUTHORIZE = "authorize: [process.exec]\n"


def judge(name, *manner, mode="enforce", miss="fail-open"):
    return lib.Solution(name, "judge", manner, events=["process.exec"], extra=AUTHORIZE,
                        operator=f"{AUTHORIZE}mode: {mode}\nmiss: {miss}\n")


def gate_of(*scratches, deadline_ms=DEADLINE_MS, more=""):
    paths = json.dumps([scratch.path for scratch in scratches])
    return f"gate: {{exec: {paths}, deadline_ms: {deadline_ms}{more}}}\n"


class Guard(lib.Daemon):
    """A daemon that guards scratch file systems; ready when every judge takes part."""

    def __init__(self, solutions, *scratches, deadline_ms=DEADLINE_MS, more="", **options):
        super().__init__(solutions, gate_of(*scratches, deadline_ms=deadline_ms, more=more), **options)

    def wait_ready(self, seconds=20):
        super().wait_ready(seconds)
        wanted = [s.name for s in self.solutions if s.program == "judge"]
        lib.wait_until(lambda: self.gate() and self.gate()["marks"] and
                       all((self.voice(n) or {}).get("acts") for n in wanted), seconds,
                       lambda: f"the gate: {self.gate()}; {self.tail()}")

    def gate(self):
        done = self.cli("gate", "status", "--json")
        return json.loads(done.stdout) if done.stdout.startswith("{") else None

    def voice(self, name):
        return next((s for s in self.gate()["solutions"] if s["name"] == name), None)

    def held(self):
        done = self.cli("hold", "--json")
        require(done.returncode == 0, done)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def why(self, what):
        done = self.cli("why", str(what), "--json")
        return [json.loads(line) for line in done.stdout.splitlines()]


class Scopes(Guard):
    """A daemon that decides opens in folders, or on whole file systems; ready when they are marked."""

    def __init__(self, solutions, folders=(), filesystems=(), deadline_ms=DEADLINE_MS, more="", **options):
        self.n_scopes = len(folders) + len(filesystems)
        text = (f"gate: {{open: {json.dumps(list(folders))}, open_filesystems: {json.dumps(list(filesystems))}, "
                f"deadline_ms: {deadline_ms}{more}}}\n")
        lib.Daemon.__init__(self, solutions, text, **options)

    def wait_ready(self, seconds=20):
        lib.Daemon.wait_ready(self, seconds)
        names = [s.name for s in self.solutions if s.program in ("judge", "shown", "bundled")]
        lib.wait_until(lambda: self.gate() and len(self.gate()["scopes"]) == self.n_scopes and
                       all((self.voice(n) or {}).get("acts") for n in names), seconds,
                       lambda: f"the gate: {self.gate()}; {self.tail()}")

    def scope(self, path):
        return next(s for s in self.gate()["scopes"] if s["path"] == path)

    def said(self, name):
        return next(s for s in json.loads(self.cli("status", "--json").stdout)["solutions"] if s["name"] == name)["said"]


class Scratch:
    """A file system of its own, mounted in a folder of the test."""

    def __init__(self, kind="tmpfs"):
        lib.need_root()
        self.folder = lib.temporary("g")
        self.path = f"{self.folder}/mnt"
        os.mkdir(self.path)
        if kind == "tmpfs":
            self.mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", self.path)
        else:
            self.mount_image(kind)
        lib._open.append(self.unmount)

    def mount(self, *arguments):
        done = subprocess.run(["mount", *arguments], capture_output=True, text=True)
        if done.returncode:
            raise lib.Skip(f"cannot mount: {done.stderr.strip()}")

    def mount_image(self, kind):
        image = f"{self.folder}/image"
        with open(image, "wb") as file:
            file.truncate(64 << 20)
        done = subprocess.run([f"mkfs.{kind}", "-q", image], capture_output=True, text=True)
        if done.returncode:
            raise lib.Skip(f"mkfs.{kind}: {done.stderr.strip()}")
        self.mount("-o", "loop", image, self.path)

    def unmount(self):
        subprocess.run(["umount", "-l", self.path], capture_output=True)

    def program(self, name, mode=0o755, source="/bin/true"):
        path = f"{self.path}/{name}"
        shutil.copy(source, path)
        os.chmod(path, mode)
        return path

    def script(self, name, text, mode=0o755):
        path = f"{self.path}/{name}"
        with open(path, "w") as file:
            file.write(text)
        os.chmod(path, mode)
        return path


def write(path, text="x\n", mode=0o644):
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, mode)
    return path


def opens(path, how="rb"):
    """True or False; fails when it hangs."""
    process = subprocess.Popen(["python3", "-c", f"import sys\ntry: open(sys.argv[1], '{how}').close()\n"
                                "except PermissionError: sys.exit(13)", path])
    try:
        return {0: True, 13: False}[process.wait(PATIENCE)]
    except subprocess.TimeoutExpired:
        process.kill()
        raise lib.Failure(f"an open of {path} hangs")


def start(*command, **options):
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL, **options)


def run(*command, **options):
    """(DENIED or RAN, seconds); fails when it hangs."""
    begin = time.monotonic()
    try:
        process = start(*command, **options)
    except PermissionError:
        return DENIED, time.monotonic() - begin
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        raise lib.Failure(f"{command[0]} hangs")
    seconds = time.monotonic() - begin
    return (DENIED if process.returncode in (126, -13) else RAN), seconds


def outcome(*command, **options):
    return run(*command, **options)[0]


class Act:
    """One execution that may have to wait: in a child, so that nobody waits with it."""

    def __init__(self, path):
        code = ("import os, sys\n"
                "try: os.execv(sys.argv[1], sys.argv[1:])\n"
                "except PermissionError: sys.exit(126)\n")
        self.begin = time.monotonic()
        self.process = start("python3", "-c", code, path, preexec_fn=lib.die_with_us, start_new_session=True)
        self.pid = self.process.pid
        lib._open.append(self.kill)

    def done(self):
        return self.process.poll() is not None

    def wait(self):
        """(DENIED or RAN, seconds since it began); fails when it hangs."""
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise lib.Failure(f"process {self.pid} hangs")
        return (DENIED if code == 126 else RAN), time.monotonic() - self.begin

    def kill(self):
        self.process.kill()
        self.process.wait()


class Execs:
    """Executes one program again and again until it is told to stop; the longest that one took."""

    def __init__(self, path, n=2):
        code = ("import os,sys,time\n"
                "worst=n=denied=0\n"
                "path=sys.argv[1]\n"
                "while not os.path.exists(sys.argv[2]):\n"
                "    begin=time.monotonic()\n"
                "    try:\n"
                "        pid=os.posix_spawn(path,[path],{})\n"
                "        os.waitpid(pid,0)\n"
                "    except PermissionError: denied+=1\n"
                "    worst=max(worst,time.monotonic()-begin); n+=1\n"
                "print(n,denied,worst)\n")
        self.stop_file = lib.temporary("s") + "/stop"
        self.processes = [subprocess.Popen(["python3", "-c", code, path, self.stop_file], text=True,
                                           stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
                                           preexec_fn=lib.die_with_us) for _ in range(n)]

    def stop(self):
        """(executions, denied, seconds of the longest)"""
        open(self.stop_file, "w").close()
        answers = []
        for process in self.processes:
            try:
                out, _ = process.communicate(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                raise lib.Failure("a process that executes is blocked")
            answers.append(out.split())
        return (sum(int(a[0]) for a in answers), sum(int(a[1]) for a in answers),
                max(float(a[2]) for a in answers))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(Exception):
            open(self.stop_file, "w").close()
        for process in self.processes:
            with contextlib.suppress(Exception):
                process.wait(PATIENCE)
            process.kill()
