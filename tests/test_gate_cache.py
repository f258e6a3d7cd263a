# SPDX-License-Identifier: Apache-2.0
"""Gate, remembered - a verdict holds while its file is as it was, and not a moment longer.

The solution here allows each file once, "remember", and denies it when it is asked again: so an execution
that is allowed was remembered, and one that is denied was asked about anew.
"""

import mmap
import os
import signal
import subprocess
import time

import lib
from guarded import DENIED, RAN, Guard, Scratch, judge, outcome, run
from lib import case, equal, figure, require

SETTLED = 0.1  # seconds: a file that changed just now is asked about again


def once():
    return judge("once", "then-deny")


def settle():
    time.sleep(SETTLED)


def twice(path):
    """Executes it twice: allowed, then as remembered."""
    settle()
    equal(outcome(path), RAN, "the first time")
    equal(outcome(path), RAN, "the second time: asked again")


def asked_again(path, why):
    equal(outcome(path), DENIED, why)


@case("in the kernel: an unchanged file of root's on a local disk is not asked about again")
def in_kernel():
    disk = Scratch("ext4")
    path = disk.program("file")
    settle()
    with Guard([once()], disk) as daemon:
        twice(path)
        asked = daemon.gate()["asked"]
        for _ in range(20):
            equal(outcome(path), RAN, "again")
        equal(daemon.gate()["asked"], asked, "questions of the kernel")


@case("in our table: an unchanged file of a user's on a local disk is not asked about again")
def in_table():
    disk = Scratch("ext4")
    path = disk.program("file")
    os.chown(path, 12345, 12345)
    with Guard([once()], disk) as daemon:
        twice(path)
        require(daemon.gate()["cached"] >= 1, daemon.gate())
        verdict = daemon.why(path)[0]
        require(verdict["cached"] and verdict["cached_from"], verdict)
        equal(verdict["reasons"][0]["solution"], "once", "whose verdict it was")


@case("files on tmpfs are asked about each time")
def on_tmpfs():
    scratch = Scratch()
    path = scratch.program("file")
    settle()
    with Guard([once()], scratch):
        equal(outcome(path), RAN, "the first time")
        asked_again(path, "the second time")


def changes(path):
    """Name and act of everything that changes a file, or puts another in its place."""
    def write():
        with open(path, "r+b") as file:
            file.write(file.read(4))

    def truncate():
        os.truncate(path, os.path.getsize(path))

    def mapping():
        with open(path, "r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
            memory[0:4] = memory[0:4]
            memory.flush()

    def rename():
        subprocess.run(["cp", "-p", path, path + ".new"], check=True)
        os.rename(path + ".new", path)

    def link():
        os.link(path, path + ".link")
        with open(path + ".link", "r+b") as file:
            file.write(file.read(4))

    def attributes():
        os.chmod(path, 0o711)

    def owner():
        os.chown(path, 12345, 12345)

    return {"a write": write, "a truncation to the same size": truncate, "a write through a shared mapping": mapping,
            "a rename over it": rename, "a write through a hard link": link}, \
           {"another mode": attributes, "another owner": owner}


def change_case(owner):
    disk = Scratch("ext4")
    contents, attributes = changes("")
    names = [*contents] + ([*attributes] if owner else [])
    if not owner:
        # The kernel drops no mark for it, and only root can map a file of root's for writing: said in
        # docs/blocking.md.
        names.remove("a write through a shared mapping")
    paths = [disk.program(f"file{i}") for i in range(len(names))]
    for path in paths:
        os.chown(path, owner, owner)
    with Guard([once()], disk) as daemon:
        for name, path in zip(names, paths):
            twice(path)
            every = {**changes(path)[0], **changes(path)[1]}
            every[name]()
            settle()
            asked = daemon.voice("once")["asked"]
            result = outcome(path)
            equal(daemon.voice("once")["asked"], asked + 1, f"questions, after {name}")
            # What was renamed over it is another file, which the solution does not know yet.
            equal(result, RAN if "rename" in name else DENIED, f"after {name}")
    figure(f"{len(names)} changes, none left a stale answer")


@case("every change of the content of a file of root's makes it asked about again, but by a shared mapping")
def changes_of_roots():
    change_case(0)


@case("every change of a file of a user's makes it asked about again: shared mapping, mode and owner too")
def changes_of_users():
    change_case(12345)


@case("a file that somebody has mapped for writing is asked about each time")
def writer():
    disk = Scratch("ext4")
    path = disk.program("file")
    os.chown(path, 12345, 12345)
    with Guard([once()], disk):
        twice(path)
        with open(path, "r+b") as file:
            memory = mmap.mmap(file.fileno(), 0)
        # The mapping alone is left.  An executable that is mapped so can be executed all the same.
        asked_again(path, "while it is mapped")
        memory.close()


@case("an overlay is asked about each time, also when its upper folder is written to")
def overlay():
    disk = Scratch("ext4")
    for name in ("lower", "upper", "work", "merged"):
        os.mkdir(f"{disk.path}/{name}")
    disk.program("lower/file")
    merged = Scratch.__new__(Scratch)
    merged.path, merged.folder = f"{disk.path}/merged", disk.folder
    merged.mount("-t", "overlay", "-o", f"lowerdir={disk.path}/lower,upperdir={disk.path}/upper,workdir={disk.path}/work",
                 "overlay", merged.path)
    lib._open.append(merged.unmount)
    settle()
    with Guard([once()], merged):
        equal(outcome(f"{merged.path}/file"), RAN, "the first time")
        asked_again(f"{merged.path}/file", "the second time")


@case("another file system in the same place, with the same numbers, is guarded and inherits nothing")
def device():
    disk = Scratch("ext4")
    path = disk.program("file")
    with Guard([once()], disk) as daemon:
        twice(path)
        before = os.stat(path)
        subprocess.run(["umount", disk.path], check=True)
        disk.mount_image("ext4")
        disk.program("file")
        now = os.stat(path)
        if (now.st_dev, now.st_ino) != (before.st_dev, before.st_ino):
            raise lib.Skip("the kernel gave other numbers")
        time.sleep(0.7)
        asked = daemon.voice("once")["asked"]
        outcome(path)
        equal(daemon.voice("once")["asked"], asked + 1, "questions")


@case("new content, a new solution, another gate: what was remembered before is void")
def generations():
    disk = Scratch("ext4")
    files = [disk.program(f"file{i}") for i in range(3)]
    os.chown(files[1], 12345, 12345)
    with Guard([once(), judge("other", "allow")], disk) as daemon:
        daemon.cli("solution", "stop", "other")
        lib.wait_until(lambda: not (daemon.voice("other") or {}).get("acts"), 5, "the end of the other")
        for path in files:
            twice(path)
        daemon.cli("solution", "start", "other")
        lib.wait_until(lambda: (daemon.voice("other") or {}).get("acts"), 10, "the other's start")
        asked_again(files[0], "after a solution started")
        asked_again(files[1], "after a solution started, in our table")
        old = daemon.roles()["gate"]
        os.kill(old, signal.SIGKILL)
        lib.wait_until(lambda: daemon.roles().get("gate") not in (None, old) and outcome(files[2]) == DENIED, 5,
                       "a question after the gate died")


@case("the soft deadline: an unchanged file's last verdict stands for one that does not answer, marked as such")
def last_known():
    disk = Scratch("ext4")
    good, bad, new = (disk.program(name) for name in ("good", "bad", "new"))
    settle()
    with Guard([judge("first", "remember-suffix=/bad")], disk, deadline_ms=3000, more=", soft_deadline_ms: 150") as daemon:
        equal(outcome(good), RAN, "good")
        equal(outcome(bad), DENIED, "bad")
        os.kill(daemon.solution("first")["pid"], signal.SIGSTOP)
        # As a change of content does: nothing that was remembered holds any more.
        daemon.cli("gate", "off")
        daemon.cli("gate", "on")
        lib.wait_until(lambda: not daemon.gate()["open"], 3, "a closed gate")
        for path, expected in ((good, RAN), (bad, DENIED)):
            result, seconds = run(path)
            equal(result, expected, path)
            require(0.1 < seconds < 2, f"{path} took {seconds:.2f} s")
            verdict = daemon.why(path)[0]
            require(verdict["reasons"][0]["answer"].startswith("last-known"), verdict)
        result, seconds = run(new)
        equal(result, RAN, "a file without a verdict, by the miss mode")
        require(seconds > 2.5, f"took {seconds:.2f} s of a deadline of 3")


if __name__ == "__main__":
    lib.main()
