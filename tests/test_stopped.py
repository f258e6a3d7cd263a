# SPDX-License-Identifier: Apache-2.0
"""Stopped - images that the kernel asks nobody about, stopped before their first instruction and judged.

The image makes a file as its first act, so whatever has executed anything has left it.  Each case is about a user
of its own, whom nobody else here is.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import time

import lib
from guarded import Guard, Scratch, judge
from lib import MARKER, case, equal, figure, require
from outside import (KILLED, MEMFD, USER, Fuse, Witness, as_user, events_of, need_kill, outside, status_of, users_file)

RUNS, BAD = 7, b"!"
HANG_MS = 15000


def images():
    """The image, and one that a judge with remember-byte=! denies: it differs in its last byte."""
    folder = lib.temporary("i")
    os.chmod(folder, 0o755)
    with open(MARKER, "rb") as file:
        image = file.read()
    for name, end in (("good", b""), ("bad", BAD)):
        with open(f"{folder}/{name}", "wb") as file:
            file.write(image + end)
        os.chmod(f"{folder}/{name}", 0o755)
    return f"{folder}/good", f"{folder}/bad"


def start(image, witness, *before):
    """Execute it from memory.  (process, the file that it makes)"""
    path = witness.next()
    return as_user(*before, "python3", "-c", MEMFD, image, path), path


def run(image, witness):
    """(exit status, did it execute anything, pid)"""
    process, path = start(image, witness)
    return status_of(process), os.path.exists(path), process.pid


def counts(daemon, kind="memfd"):
    told = daemon.gate()["outside"][kind]
    return {name: told[name] for name in ("seen", "stopped", "denied", "killed", "unjudged")}


def expect(daemon, kind="memfd", **wanted):
    lib.wait_until(lambda: all(counts(daemon, kind)[name] == n for name, n in wanted.items()), 5,
                   lambda: f"wanted {wanted}: {counts(daemon, kind)}")


def need_stop(daemon):
    need_kill(daemon)
    if not daemon.gate()["outside"]["can_stop"]:
        raise lib.Skip("in a container nobody is stopped")
    lib.wait_until(lambda: daemon.roles().get("stops"), 10, "a process that lets go who is stopped")
    time.sleep(0.2)


def state_of(pid):
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0]


def stands_still(process):
    """It was stopped, as the image that it has become."""
    lib.wait_until(lambda: os.readlink(f"/proc/{process.pid}/exe").startswith("/memfd:") and
                   state_of(process.pid) == "T", 10, lambda: f"process {process.pid} is not stopped")


@case("an image in memory that is allowed runs to its end, one that is denied executes nothing: who decides reads both")
def memfd():
    scratch, witness, (good, bad) = Scratch(), Witness(), images()
    mirror = lib.Solution("mirror", "mirror", ["report", "process.exec"], limits={"findings_per_second": 100000})
    with Guard([judge("judge", "remember-byte=!"), mirror], scratch, more=outside(memfd="stop")) as daemon:
        need_stop(daemon)
        status, did, pid = run(good, witness)
        equal((status, did), (RUNS, True), "exit status and deed of what is allowed")
        why = daemon.why(pid)[0]
        equal((why["verdict"], why["stopped"], [r["answer"] for r in why["reasons"]]), ("allow", True, ["allow"]), why)
        event = lib.wait_until(lambda: events_of(daemon, pid), 5, "its event")[0]
        require({"memfd", "outside", "stopped"} <= set(event["flags"]), event["flags"])
        status, did, pid = run(bad, witness)
        equal((status, did), (KILLED, False), "exit status and deed of what is denied")
        why = daemon.why("/memfd:hidden (deleted)")[0]
        equal((why["verdict"], why["stopped"], why["pid"]), ("deny", True, pid), why)
        expect(daemon, seen=2, stopped=2, denied=1, killed=0, unjudged=0)
        require("stopped before its first instruction" in daemon.cli("why", str(pid)).stdout, daemon.cli("why", str(pid)))
        require("stop" in daemon.cli("gate", "status").stdout, "the command does not show it")
        times = []
        for _ in range(50):
            begin = time.monotonic()
            equal(run(good, witness)[:2], (RUNS, True), "again")
            times.append(time.monotonic() - begin)
    with Guard([judge("judge", "allow")], scratch, more=outside(memfd="report")):
        plain = []
        for _ in range(50):
            begin = time.monotonic()
            run(good, witness)
            plain.append(time.monotonic() - begin)
    figure(f"from fork to exit {sorted(times)[25] * 1e3:.1f} ms, where it is only reported {sorted(plain)[25] * 1e3:.1f} ms")


@case("elsewhere, and on a file system that a user mounted, an image is judged likewise, and root's own runs unasked")
def files():
    scratch, other, witness, (good, bad) = Scratch(), Scratch(), Witness(), images()
    script = "mount -t tmpfs tmpfs /mnt && cp \"$1\" /mnt/image && exec /mnt/image \"$2\""

    def mounted(image):
        path = witness.next()
        status = status_of(as_user("unshare", "-Urm", "sh", "-c", script, "sh", image, path))
        return status, os.path.exists(path)

    def elsewhere(image):
        path = witness.next()
        return status_of(as_user(image, path)), os.path.exists(path)

    with Guard([judge("judge", "remember-byte=!")], scratch, more=outside(user_mount="stop", elsewhere="stop")) as daemon:
        need_stop(daemon)
        equal(elsewhere(users_file(other, "good", good)), (RUNS, True), "a user's that is allowed")
        equal(elsewhere(users_file(other, "bad", bad)), (KILLED, False), "a user's that is denied")
        equal(elsewhere(other.program("roots", source=bad)), (RUNS, True), "root's")
        expect(daemon, "elsewhere", seen=2, stopped=2, denied=1)
        why = daemon.why(f"{other.path}/bad")[0]
        equal((why["verdict"], why["stopped"]), ("deny", True), why)
        status = mounted(good)
        if status[0] not in (RUNS, KILLED):
            raise lib.Skip("no user may mount in a namespace of his own here")
        equal(status, (RUNS, True), "on a user's mount, allowed")
        equal(mounted(bad), (KILLED, False), "on a user's mount, denied")
        expect(daemon, "user_mount", seen=2, stopped=2, denied=1)


@case("what a solution does not judge in time goes on or is killed at the deadline, by its miss mode")
def deadline():
    scratch, witness, (good, _) = Scratch(), Witness(), images()
    for miss, wanted in (("fail-open", (RUNS, True)), ("fail-closed", (KILLED, False))):
        with Guard([judge("hang", "hang", miss=miss)], scratch, more=outside(memfd="stop")) as daemon:
            need_stop(daemon)
            begin = time.monotonic()
            status, did, pid = run(good, witness)
            seconds = time.monotonic() - begin
            equal((status, did), wanted, f"exit status and deed where it is {miss}")
            require(0.4 <= seconds < 5, f"{seconds:.2f} s, and the deadline is 0.4 s")
            equal(daemon.why(pid)[0]["reasons"][0]["answer"], "late", "the reason")
            figure(f"{miss}: {seconds:.2f} s")


def is_stopped(image, witness):
    process, path = start(image, witness)
    with contextlib.suppress(FileNotFoundError):
        lib.wait_until(lambda: state_of(process.pid) in "TZ", 10, "it neither runs nor is stopped")
        require(state_of(process.pid) == "Z" or not os.path.exists(path), "it has executed something")
        return state_of(process.pid) == "T"


def released_by(act, judged_again):
    scratch, witness, (good, _) = Scratch(), Witness(), images()
    with Guard([judge("hang", "hang")], scratch, deadline_ms=HANG_MS, more=outside(memfd="stop")) as daemon:
        need_stop(daemon)
        process, path = start(good, witness)
        stands_still(process)
        require(not os.path.exists(path), "it has executed something")
        begin = time.monotonic()
        act(daemon)
        equal((status_of(process), os.path.exists(path)), (RUNS, True), "exit status and deed")
        figure(f"{time.monotonic() - begin:.2f} s")
        require(time.monotonic() - begin < 3, f"{time.monotonic() - begin:.1f} s")
        if judged_again:
            # For a moment nobody is stopped, as nobody could let him go.
            lib.wait_until(lambda: is_stopped(good, witness), 5, "the next one is not stopped")


@case("when the gate is killed, who is stopped goes on, and the next gate has the next one judged")
def gate_killed():
    released_by(lambda daemon: os.kill(daemon.roles()["gate"], signal.SIGKILL), True)


@case("when the process that has them judged is killed, who is stopped goes on, and another takes its place")
def keeper_killed():
    def kill(daemon):
        pid = daemon.roles()["stops"]
        time.sleep(1)
        os.kill(pid, signal.SIGKILL)
        lib.wait_until(lambda: daemon.roles().get("stops", pid) != pid, 5, "another")
    released_by(kill, True)


@case("`gate off`, the end of the daemon, and the kill of its supervisor each let go who is stopped")
def ends():
    released_by(lambda daemon: daemon.cli("gate", "off"), False)
    released_by(lambda daemon: daemon.stop(), False)
    released_by(lambda daemon: os.kill(daemon.pid, signal.SIGKILL), False)


@case("where all of the daemon is killed at once, the next one lets go who was stopped")
def all_killed():
    scratch, witness, (good, _) = Scratch(), Witness(), images()
    with Guard([judge("hang", "hang")], scratch, deadline_ms=HANG_MS, more=outside(memfd="stop")) as daemon:
        need_stop(daemon)
        process, path = start(good, witness)
        stands_still(process)
        roles, solution = daemon.roles(), daemon.solution("hang")["pid"]
        # Stopped first, none of them can do anything when it sees the others go.
        for pid in (roles["stops"], roles["gate"], roles["supervisor"]):
            os.kill(pid, signal.SIGSTOP)
        for name in ("stops", "supervisor", "gate"):
            os.kill(roles[name], signal.SIGKILL)
        daemon.wait()
        lib.wait_until(lambda: not os.path.exists(f"/proc/{solution}"), 10, "its solution has ended too")
        equal(state_of(process.pid), "T", "state of who was stopped")
        with Guard([judge("hang", "hang")], scratch, deadline_ms=HANG_MS, more=outside(memfd="stop"), folder=daemon.folder):
            equal((status_of(process), os.path.exists(path)), (RUNS, True), "exit status and deed")


@case("who is let go by somebody else before his verdict is killed within 100 ms; who is traced executes nothing")
def taken():
    scratch, witness, (good, _) = Scratch(), Witness(), images()
    tracer = ("import ctypes,os,signal,sys\n"
              "libc=ctypes.CDLL(None)\n"
              "pid=os.fork()\n"
              "if pid==0:\n"
              "  libc.ptrace(0,0,0,0)\n"
              "  exec(sys.argv[1])\n"
              "os.environ.clear()\n"
              "while True:\n"
              "  _,status=os.waitpid(pid,0)\n"
              "  if os.WIFSIGNALED(status): sys.exit(os.WTERMSIG(status))\n"
              "  if os.WIFEXITED(status): sys.exit(100+os.WEXITSTATUS(status))\n"
              "  libc.ptrace(7,pid,0,0)\n")  # PTRACE_CONT, with no signal
    memfd_of_argv2 = MEMFD.replace("sys.argv[1:]", "sys.argv[2:]").replace("sys.argv[1]", "sys.argv[2]")
    with Guard([judge("hang", "hang")], scratch, deadline_ms=HANG_MS, more=outside(memfd="stop")) as daemon:
        need_stop(daemon)
        path = witness.next()
        image = f"{os.path.dirname(good)}/sleeper"
        shutil.copy(shutil.which("sleep"), image)
        process = as_user("python3", "-c", MEMFD, image, "60")
        stands_still(process)
        begin = time.monotonic()
        os.kill(process.pid, signal.SIGCONT)
        equal(status_of(process), KILLED, "exit status of who was let go")
        seconds = time.monotonic() - begin
        require(seconds < 0.1 * (10 if lib.SANITIZED else 1), f"{seconds:.3f} s")
        figure(f"killed {seconds * 1e3:.1f} ms after it was let go")
        status = status_of(as_user("python3", "-c", tracer, memfd_of_argv2, good, path))
        equal((status, os.path.exists(path)), (signal.SIGKILL, False), "signal that ended who was traced, and his deed")
        expect(daemon, stopped=1, denied=1, killed=1)


@case("where 64 are stopped already the next runs, or is killed where a solution fails closed; all are let go together")
def crowd():
    for miss, status in (("fail-open", RUNS), ("fail-closed", KILLED)):
        scratch, witness, (good, _) = Scratch(), Witness(), images()
        with Guard([judge("hang", "hang", miss=miss)], scratch, deadline_ms=HANG_MS,
                   more=outside(memfd="stop")) as daemon:
            need_stop(daemon)
            crowd_ = [start(good, witness) for _ in range(64)]
            expect(daemon, stopped=64)
            process, path = start(good, witness)
            equal((status_of(process), os.path.exists(path)), (status, status == RUNS), f"the next one, {miss}")
            expect(daemon, stopped=64, unjudged=1)
            equal([path for _, path in crowd_ if os.path.exists(path)], [], "what those have done who are stopped")
            begin = time.monotonic()
            daemon.cli("gate", "off")
            equal({status_of(process) for process, _ in crowd_}, {RUNS}, "exit statuses")
            figure(f"{miss}: 64 let go in {time.monotonic() - begin:.2f} s")


class SilentFuse(Fuse):
    """Its file can be opened once; who opens it again waits for ever, and no signal ends that."""

    n_opens = 0

    def answer(self, opcode, node, body):
        if opcode == 14 and node == self.FILE:
            self.n_opens += 1
            if self.n_opens > 1:
                return "never"
        return super().answer(opcode, node, body)


@case("nobody opens an image whose server could keep him for ever: it is asked about without the file")
def silent_server():
    scratch, witness, (good, _) = Scratch(), Witness(), images()
    with open(good, "rb") as file:
        mounted = SilentFuse(file.read())
    # Who cannot look denies.
    for manner, wanted in (("allow", (RUNS, True)), ("remember-byte=!", (KILLED, False))):
        mounted = SilentFuse(mounted.image)
        with Guard([judge("judge", manner)], scratch, deadline_ms=5000, more=outside(elsewhere="stop")) as daemon:
            need_stop(daemon)
            path, begin = witness.next(), time.monotonic()
            process = as_user(f"{mounted.path}/image", path)
            equal((status_of(process), os.path.exists(path)), wanted, f"exit status and deed with {manner}")
            require(time.monotonic() - begin < 4, f"{time.monotonic() - begin:.1f} s")
            equal(daemon.why(process.pid)[0]["reasons"][0]["answer"], "allow" if wanted[1] else "deny", "the answer")


PARENT = ("import os,signal,subprocess,sys\n"
          "child=subprocess.Popen(['python3','-c',*sys.argv[1:]])\n"
          "while True:\n"
          "  _,status=os.waitpid(child.pid,os.WUNTRACED)\n"
          "  if not os.WIFSTOPPED(status): sys.exit(os.waitstatus_to_exitcode(status))\n"
          "  os.kill(os.getpid(),signal.SIGSTOP)\n"
          "  os.kill(child.pid,signal.SIGCONT)\n")


@case("a parent that does not look for stops sees nothing, one that stops itself goes on too; a shell with jobs goes on without")
def parents():
    scratch, witness, (good, bad) = Scratch(), Witness(), images()
    with Guard([judge("slow", "slow=200")], scratch, deadline_ms=2000, more=outside(memfd="stop")) as daemon:
        need_stop(daemon)
        # As su(1) does.
        for _ in range(3):
            path = witness.next()
            equal(status_of(as_user("python3", "-c", PARENT, MEMFD, good, path)), RUNS, "by a parent that stops itself")
            require(os.path.exists(path), "it did nothing")
        path = witness.next()
        script = "python3 -c \"$0\" \"$1\" \"$2\"; echo $? >\"$2.status\""
        equal(status_of(as_user("sh", "-c", script, MEMFD, good, path)), 0, "by a shell")
        with open(f"{path}.status") as file:
            equal(file.read(), f"{RUNS}\n", "what the shell has seen")
        if not shutil.which("bash"):
            return
        path = witness.next()
        equal(status_of(as_user("bash", "-c", f"set -m; {script}; sleep 3", MEMFD, good, path)), 0, "by a shell with jobs")
        with open(f"{path}.status") as file:
            equal(file.read(), f"{128 + signal.SIGSTOP}\n", "what the shell with jobs has seen")
        require(os.path.exists(path), "it has not gone on in the background")


@case("a parent that executes such an image itself is not told to go on for its child")
def parent_itself():
    scratch, witness, (good, _) = Scratch(), Witness(), images()
    script = ("import os,subprocess,sys,time\n"
              "subprocess.run(['python3','-c',sys.argv[1],sys.argv[2],sys.argv[3]])\n"
              "os.execvp('python3',['python3','-c',sys.argv[1],sys.argv[4],sys.argv[5]])\n")
    with Guard([judge("judge", "slow=150")], scratch, deadline_ms=3000,
               more=outside(memfd="stop")) as daemon:
        need_stop(daemon)
        paths = witness.next(), witness.next()
        process = as_user("python3", "-c", script, MEMFD, good, paths[0], good, paths[1])
        expect(daemon, stopped=2)
        equal((status_of(process), [os.path.exists(path) for path in paths]), (RUNS, [True, True]), "status and deeds")
        expect(daemon, stopped=2, denied=0)


@case("who is held for the operator stands still until his word")
def held():
    scratch, witness, (good, _) = Scratch(), Witness(), images()
    for word, wanted in (("allow", (RUNS, True)), ("deny", (KILLED, False))):
        with Guard([judge("hang", "hang")], scratch, more=outside(memfd="stop") + ", hold_ms: 30000") as daemon:
            need_stop(daemon)
            process, path = start(good, witness)
            lib.wait_until(lambda: daemon.held(), 5, "it is held")
            time.sleep(0.3)
            require(not os.path.exists(path) and state_of(process.pid) == "T", "it goes on while it is held")
            equal(daemon.cli("hold", word, str(daemon.held()[0]["hold_id"])).returncode, 0, f"hold {word}")
            equal((status_of(process), os.path.exists(path)), wanted, f"exit status and deed after {word}")


if __name__ == "__main__":
    lib.main()
