# SPDX-License-Identifier: Apache-2.0
"""Backstop - images that the kernel asks nobody about, and what the operator says becomes of them.

What the probe kills it kills on the whole host: each case is about a user of its own, whom nobody else here is.
"""

import json
import os
import shutil
import signal
import subprocess
import time

import lib
from guarded import RAN, Guard, Scratch, judge, outcome
from lib import case, equal, figure, require
from outside import (DELETED, KILLED, MEMFD, USER, Fuse, Witness, as_user, events_of, found, in_memory, need_kill,
                     outside, status_of, told, users_file)


@case("an image in memory is killed before it does anything, told with its process and path, and neighbours are not")
def memfd():
    scratch, witness = Scratch(), Witness()
    with Guard([judge("judge", "allow")], scratch, more=outside(memfd="kill")) as daemon:
        need_kill(daemon)
        status, did, pid = in_memory(witness)
        equal((status, did), (KILLED, False), "exit status, and whether it did anything")
        told(daemon, "memfd", 1, 1)
        lib.wait_until(lambda: found(daemon, "memfd"), 5, "the finding")
        finding = found(daemon, "memfd")[0]["ringfort"]
        equal((finding["process"]["pid"], finding["file"]["path"]), (pid, "/memfd:hidden"), "process and path")
        require({"memfd", "outside", "killed"} <= set(finding["flags"]), finding["flags"])
        equal(finding["level"], "high", "level")
        # Another user, of whom nothing is said, and another image of this one.
        path = witness.next()
        equal(subprocess.run(["python3", "-c", MEMFD, shutil.which("touch"), path]).returncode, 0, "another user's")
        require(os.path.exists(path), "another user's did nothing")
        equal(status_of(as_user(shutil.which("touch"), witness.next())), 0, "a file's image")
        told(daemon, "memfd", 1, 1)
        require("kill" in daemon.cli("gate", "status").stdout, "the command does not show it")


@case("with the policy report it runs, is counted, and its event says so; with none nothing is said of it")
def report():
    scratch, witness = Scratch(), Witness()
    mirror = lib.Solution("mirror", "mirror", ["report", "process.exec"], limits={"findings_per_second": 100000})
    with Guard([judge("judge", "allow"), mirror], scratch, more=outside(memfd="report")) as daemon:
        status, did, pid = in_memory(witness)
        equal((status, did), (0, True), "exit status, and whether it did what it does")
        told(daemon, "memfd", 1, 0)
        event = lib.wait_until(lambda: events_of(daemon, pid), 5, "its event")[0]
        require("outside" in event["flags"] and "killed" not in event["flags"], event["flags"])
        equal(found(daemon, "memfd"), [], "findings of ours")
    with Guard([judge("judge", "allow"), mirror], scratch) as daemon:
        status, did, pid = in_memory(witness)
        equal((status, did), (0, True), "exit status, and whether it did what it does")
        event = lib.wait_until(lambda: events_of(daemon, pid), 5, "its event")[0]
        require("outside" not in event["flags"], event["flags"])
        told(daemon, "memfd", 0, 0)


@case("`gate off`, and the end of the daemon, end the policy as well; `gate on` begins it again")
def off():
    scratch, witness = Scratch(), Witness()
    with Guard([judge("judge", "allow")], scratch, more=outside(memfd="kill")) as daemon:
        need_kill(daemon)
        equal(in_memory(witness)[0], KILLED, "before")
        equal(daemon.cli("gate", "off").returncode, 0, "gate off")
        equal(in_memory(witness)[:2], (0, True), "while it is off")
        os.kill(daemon.roles()["gate"], signal.SIGKILL)
        time.sleep(1)
        equal(in_memory(witness)[:2], (0, True), "while it is off, with another gate")
        equal(daemon.cli("gate", "on").returncode, 0, "gate on")
        equal(in_memory(witness)[0], KILLED, "when it is on again")
        equal(daemon.stop(), 0, "exit status")
        equal(in_memory(witness)[:2], (0, True), "afterwards")


@case("without a gate between two of its lives, and with no file system to guard, the policy holds all the same")
def alone():
    witness = Witness()
    with lib.Daemon(config="gate: {deadline_ms: 400" + outside(memfd="kill") + "}\n") as daemon:
        lib.wait_until(lambda: daemon.roles().get("gate"), 10, "a gate")
        lib.wait_until(lambda: in_memory(witness)[0] == KILLED, 10, "the policy, or this kernel cannot")
        for _ in range(5):
            os.kill(lib.wait_until(lambda: daemon.roles().get("gate"), 5, "the next gate"), signal.SIGKILL)
            equal(in_memory(witness)[:2], (KILLED, False), "in the gap")


@case("a file that was deleted is asked about as ever when it lay on a file system that is guarded")
def deleted():
    for answer, status in (("allow", 0), ("deny", 126)):
        scratch = Scratch()
        with Guard([judge("judge", answer)], scratch,
                   more=outside(memfd="kill", user_mount="kill", elsewhere="kill")) as daemon:
            path = users_file(scratch, "gone")
            os.chmod(scratch.path, 0o777)
            asked = daemon.voice("judge")["asked"]
            equal(status_of(as_user("python3", "-c", DELETED, path)), status, f"exit status when the answer is {answer}")
            require(daemon.voice("judge")["asked"] > asked, "nobody was asked")
            told(daemon, "elsewhere", 0, 0)


@case("on a file system that a user mounted in his own namespace an image is killed, also one that is root's there")
def user_mount():
    scratch, witness = Scratch(), Witness()
    script = ("mount -t tmpfs tmpfs /mnt && cp \"$1\" /mnt/touch && \"$1\" \"$2\" && exec /mnt/touch \"$3\"")

    def act():
        paths = witness.next(), witness.next()
        status = status_of(as_user("unshare", "-Urm", "sh", "-c", script, "sh", shutil.which("touch"), *paths))
        if not os.path.exists(paths[0]):
            raise lib.Skip("no user may mount in a namespace of his own here")
        return status, os.path.exists(paths[1])

    with Guard([judge("judge", "allow")], scratch, more=outside(user_mount="kill")) as daemon:
        need_kill(daemon)
        equal(act(), (KILLED, False), "exit status, and whether it did anything")
        told(daemon, "user_mount", 1, 1)
        lib.wait_until(lambda: found(daemon, "user_mount"), 5, "the finding")
        require("user_mount" in found(daemon, "user_mount")[0]["ringfort"]["flags"], found(daemon, "user_mount"))
    with Guard([judge("judge", "allow")], scratch, more=outside(user_mount="report", elsewhere="kill")) as daemon:
        equal(act(), (0, True), "exit status and deed where it is only counted")
        told(daemon, "user_mount", 1, 0)


@case("elsewhere a user's image is killed and root's is not, unless others can write to it")
def elsewhere():
    guarded, other, witness = Scratch(), Scratch(), Witness()
    touch = shutil.which("touch")
    with Guard([judge("judge", "allow")], guarded, more=outside(elsewhere="kill")) as daemon:
        need_kill(daemon)

        def act(path):
            at = witness.next()
            return status_of(as_user(path, at)), os.path.exists(at)

        equal(act(users_file(other, "users", touch)), (KILLED, False), "a user's")
        equal(act(other.program("roots", source=touch)), (0, True), "root's")
        equal(act(other.program("everybodys", 0o777, touch)), (KILLED, False), "root's, which anybody can write to")
        equal(act(users_file(guarded, "users", touch)), (0, True), "a user's on the file system that is guarded")
        equal(status_of(as_user("/bin/sh", "-c", "exit 7")), 7, "the host's own")
        told(daemon, "elsewhere", 2, 2)


@case("on a FUSE file system an image is killed, whoever its server says that it belongs to")
def fuse():
    guarded, witness = Scratch(), Witness()
    with open(shutil.which("touch"), "rb") as file:
        mounted = Fuse(file.read())
    with Guard([judge("judge", "allow")], guarded, more=outside(elsewhere="kill")) as daemon:
        need_kill(daemon)
        path = witness.next()
        equal(subprocess.run([f"{mounted.path}/touch", path]).returncode, 0, "another user's")
        require(os.path.exists(path), "another user's did nothing")
        path = witness.next()
        equal(status_of(as_user(f"{mounted.path}/touch", path)), KILLED, "exit status")
        require(not os.path.exists(path), "it did something")
        told(daemon, "elsewhere", 1, 1)


@case("an overlay and a btrfs that are guarded are not elsewhere, though their files have other numbers for us")
def numbers():
    plain, over = Scratch(), Scratch()
    for name in ("lower", "upper", "work"):
        os.mkdir(f"{plain.path}/{name}")
    over.unmount()
    over.mount("-t", "overlay", "-o", f"lowerdir={plain.path}/lower,upperdir={plain.path}/upper,"
               f"workdir={plain.path}/work", "overlay", over.path)
    places = [over]
    try:
        places.append(Scratch("btrfs"))
    except (lib.Skip, FileNotFoundError) as why:
        figure(f"without btrfs: {why}")
    with Guard([judge("judge", "allow")], *places, more=outside(elsewhere="kill")) as daemon:
        for place in places:
            equal(status_of(as_user(users_file(place, "users"))), 0, f"a user's on {place.path}")
        told(daemon, "elsewhere", 0, 0)
        equal(status_of(as_user(users_file(plain, "users"))), KILLED if daemon.gate()["outside"]["can_kill"] else 0,
              "a user's on the file system below")


class Owned(lib.Solution):
    """A package that is a user's, so that its program counts as elsewhere."""

    def write(self, folder):
        package = super().write(folder)
        for name in os.listdir(package):
            os.chown(f"{package}/{name}", USER, USER)
        return package


@case("solutions run whatever the policy says: they are the daemon's own")
def own():
    if os.readlink("/proc/self/ns/pid") != f"pid:[{0xeffffffc}]":
        raise lib.Skip("in a container processes have other numbers for us than for the probe: nothing is spared")
    other, first = Scratch(), USER + 1000000
    mirror = Owned("mirror", "mirror", ["count"])
    os.mkdir(f"{other.path}/daemon")
    config = (f"uid_range: {{first: {first}, count: 256}}\n"
              "gate: {deadline_ms: 400" + outside(first, 256, memfd="kill", user_mount="kill", elsewhere="kill") + "}\n")
    with lib.Daemon([mirror], config, folder=f"{other.path}/daemon") as daemon:
        equal(daemon.solution("mirror")["state"], "active", "state at the start")
        pid = daemon.solution("mirror")["pid"]
        os.kill(pid, signal.SIGKILL)
        lib.wait_until(lambda: daemon.solution("mirror")["pid"] not in (0, pid) and
                       daemon.solution("mirror")["state"] == "active", 15, lambda: daemon.solution("mirror"))
        outside_ = json.loads(daemon.cli("gate", "status", "--json").stdout)["outside"]["elsewhere"]
        require(outside_["seen"] > 0, f"its program was not even seen: {outside_}")
        equal(outside_["killed"], 0, "killed")


@case("a storm of images in memory is killed to the last, counted exactly, told in measure, and delays nobody")
def storm():
    n, scratch, witness = 300, Scratch(), Witness()
    good = scratch.program("good")
    with Guard([judge("judge", "allow")], scratch, more=outside(memfd="kill")) as daemon:
        need_kill(daemon)
        begin = time.monotonic()
        processes = [as_user("python3", "-c", MEMFD, shutil.which("touch"), witness.next()) for _ in range(2)]
        statuses = []
        while processes:
            statuses.append(status_of(processes.pop(0)))
            if len(statuses) + len(processes) < n:
                processes.append(as_user("python3", "-c", MEMFD, shutil.which("touch"), witness.next()))
            if len(statuses) % 50 == 0:
                equal(outcome(good), RAN, "a file on the file system that is guarded")
        seconds = time.monotonic() - begin
        equal(set(statuses), {KILLED}, "exit statuses")
        equal(os.listdir(witness.folder), [], "what they have done")
        told(daemon, "memfd", n, n)
        lib.wait_until(lambda: len(found(daemon, "memfd")) >= 5, 5, "findings")
        time.sleep(0.5)
        n_found = len(found(daemon, "memfd"))
        require(n_found <= 20 + 2 * (seconds + 7), f"{n_found} findings in {seconds:.1f} s")
        figure(f"{n} killed in {seconds:.1f} s, {n_found} findings")


if __name__ == "__main__":
    lib.main()
