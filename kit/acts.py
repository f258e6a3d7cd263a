# SPDX-License-Identifier: Apache-2.0
"""Acts - what a host does while a solution is tried: acts that are counted, executions, the canary.

trial.py runs it as processes of its own, small ones, so that forking is cheap and the pace is kept:

  acts.py storm FOLDER RATE SECONDS       acts of files, processes and the network, RATE events a second, or as
                                          fast as it goes for 0; prints {"seconds": S, "acts": {TYPE: N}}
  acts.py execute RATE SECONDS PATH...    executes the paths in turn, at most 64 at once; prints {"done": N,
                                          "denied": N, "other": N, "seconds": S, "longest": S}
  acts.py open RATE SECONDS PATH...       opens them likewise, for reading; for a RATE of 0 16 at once, as fast as
                                          it goes
  acts.py write BESIDE SCOPE RATE N       writes N files of SCOPE, RATE a second, or as fast as it goes for 0;
                                          prints {"written": N, "seconds": S}
  acts.py canary                          /bin/true every 100 ms until standard input ends; prints the times in ms
"""

import collections
import json
import os
import select
import signal
import socket
import sys
import time

PROCESS_EVERY = 16  # rounds of files for each execution and connection
WORKERS = 64        # acts that can be under way at once
CROWD = 16          # of those that go as fast as they can
PATIENCE = 15       # seconds more than they should take
QUIET = [(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0), (os.POSIX_SPAWN_DUP2, 1, 2)]


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


def execute(path):
    try:
        pid = os.posix_spawn(path, [path, "--version"], {}, file_actions=QUIET)
    except PermissionError:
        return "denied"
    _, status = os.waitpid(pid, 0)
    return "done" if status == 0 else "other"


def open_(path):
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    except PermissionError:
        return "denied"
    return "done"


def turns(worker, rate, seconds, begin):
    """Numbers of a worker's acts: every WORKERS-th, each at its time or as soon as the one before has ended."""
    if not rate:
        while time.monotonic() < begin + seconds:
            yield worker
            worker += CROWD
        return
    for i in range(worker, number_of(rate, seconds), WORKERS):
        time.sleep(max(0, begin + i / rate - time.monotonic()))
        yield i


def number_of(rate, seconds):
    return max(1, round(rate * seconds))


def share_of_worker(act, mine, paths):
    counts, longest = collections.Counter(), 0
    for i in mine:
        begin = time.monotonic()
        counts[act(paths[i % len(paths)])] += 1
        longest = max(longest, time.monotonic() - begin)
    return {**counts, "longest": longest}


def begin_worker(*arguments, limit):
    """The reading end of a pipe that will have what it counted."""
    ours, its = os.pipe()
    if os.fork() == 0:
        # Who is blocked for longer is ended, and its acts are missing from the counts.
        signal.alarm(limit)
        os.write(its, json.dumps(share_of_worker(*arguments)).encode())
        os._exit(0)
    os.close(its)
    return ours


def many(act, rate, seconds, paths):
    n = number_of(rate, seconds) if rate else CROWD
    begin = time.monotonic() + 0.1
    pipes = [begin_worker(act, turns(i, rate, seconds, begin), paths, limit=int(seconds) + PATIENCE)
             for i in range(min(n, WORKERS))]
    counts, longest = collections.Counter(done=0, denied=0, other=0), 0
    for pipe in pipes:
        with os.fdopen(pipe) as file:
            told = json.loads(file.read() or '{"other": 1, "longest": Infinity}')
        longest = max(longest, told.pop("longest"))
        counts.update(told)
    took = time.monotonic() - begin
    if rate:
        counts["other"] += n - sum(counts.values())
    return {**counts, "seconds": max(took, n / rate if rate else 0), "longest": longest}


def write(beside, scope, rate, n):
    """Opened outside of the scope and moved into it before it is closed: nobody is asked about that."""
    begin = time.monotonic()
    for i in range(n):
        name = f"written-{os.getpid()}-{i}"
        fd = os.open(f"{beside}/{name}", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        os.rename(f"{beside}/{name}", f"{scope}/{name}")
        os.write(fd, f"written {i}\n".encode())
        os.close(fd)
        if rate:
            time.sleep(max(0, begin + (i + 1) / rate - time.monotonic()))
    return {"written": n, "seconds": time.monotonic() - begin}


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
    if command in ("execute", "open"):
        act = execute if command == "execute" else open_
        return many(act, float(arguments[0]), float(arguments[1]), arguments[2:])
    if command == "write":
        return write(arguments[0], arguments[1], float(arguments[2]), int(arguments[3]))
    return canary()


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
