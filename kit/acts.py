# SPDX-License-Identifier: Apache-2.0
"""Acts - what a host does while a solution is tried: acts that are counted, executions, the canary.

trial.py runs it as processes of its own, small ones, so that forking is cheap and the pace is kept:

  acts.py storm FOLDER RATE SECONDS       acts of files, processes and the network, RATE events a second, or as
                                          fast as it goes for 0; prints {"seconds": S, "acts": {TYPE: N}}
  acts.py execute RATE SECONDS PATH...    executes the paths in turn, whether earlier ones have ended or not;
                                          prints {"ran": N, "denied": N, "other": N, "seconds": S, "worst_ms": MS}
  acts.py canary                          /bin/true every 100 ms until standard input ends; prints the times in ms
"""

import collections
import contextlib
import json
import os
import select
import socket
import sys
import time

PROCESS_EVERY = 16  # rounds of files for each execution and connection
PATIENCE = 15       # seconds that a blocked execution is waited for at the end
DENIED = 126


def file_round(folder, acts):
    name, moved = f"{folder}/act-{os.getpid()}", f"{folder}/acted-{os.getpid()}"
    fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    os.write(fd, b"x")
    os.close(fd)
    os.chmod(name, 0o644)
    os.rename(name, moved)
    os.unlink(moved)
    for what in ("open_write", "create", "attr", "rename", "unlink"):
        acts["file." + what] += 1


def process_round(acts):
    os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.connect(("127.0.0.1", 9))
    for what in ("process.fork", "process.exec", "process.exit", "net.connect"):
        acts[what] += 1


def storm(folder, rate, seconds):
    acts = collections.Counter()
    begin = time.monotonic()
    rounds = n = 0
    while time.monotonic() - begin < seconds:
        if rounds % PROCESS_EVERY == 0:
            process_round(acts)
        file_round(folder, acts)
        rounds += 1
        n = sum(acts.values())
        if rate:
            time.sleep(max(0, begin + n / rate - time.monotonic()))
    return {"seconds": time.monotonic() - begin, "acts": acts}


class Executions:
    """Children that each execute one path; how each ended, and the longest that one took."""

    def __init__(self):
        self.begun, self.worst = {}, 0.0
        self.counts = {"ran": 0, "denied": 0, "other": 0}

    def begin(self, path):
        pid = os.fork()
        if pid == 0:
            self.become(path)
        self.begun[pid] = time.monotonic()

    @staticmethod
    def become(path):
        """In the child: does not return."""
        status = 1
        with contextlib.suppress(OSError):
            os.dup2(os.open("/dev/null", os.O_WRONLY), 1)
            os.dup2(1, 2)
            try:
                os.execv(path, [path, "--version"])
            except PermissionError:
                status = DENIED
        os._exit(status)

    def reap(self):
        """Those that have ended by now."""
        while self.begun:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            self.worst = max(self.worst, time.monotonic() - self.begun.pop(pid))
            code = os.waitstatus_to_exitcode(status)
            self.counts["denied" if code == DENIED else "ran" if code == 0 else "other"] += 1

    def end(self):
        """All of them; who is blocked for too long is killed and counts as another end."""
        end = time.monotonic() + PATIENCE
        while self.begun and time.monotonic() < end:
            self.reap()
            time.sleep(0.005)
        for pid in list(self.begun):
            os.kill(pid, 9)
            os.waitpid(pid, 0)
            self.counts["other"] += 1


def execute(rate, seconds, paths):
    executions = Executions()
    begin = time.monotonic()
    for n in range(max(1, round(rate * seconds))):
        while time.monotonic() < begin + n / rate:
            executions.reap()
            time.sleep(min(0.002, max(0, begin + n / rate - time.monotonic())))
        executions.begin(paths[n % len(paths)])
    took = time.monotonic() - begin
    executions.end()
    return {**executions.counts, "seconds": took, "worst_ms": executions.worst * 1000}


def canary():
    times = []
    while not select.select([sys.stdin], [], [], 0.1)[0]:
        begin = time.monotonic()
        os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0)
        times.append((time.monotonic() - begin) * 1000)
    return times


def main(command, *arguments):
    if command == "storm":
        return storm(arguments[0], float(arguments[1]), float(arguments[2]))
    if command == "execute":
        return execute(float(arguments[0]), float(arguments[1]), arguments[2:])
    return canary()


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
