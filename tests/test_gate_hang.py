# SPDX-License-Identifier: Apache-2.0
"""Gate, hang - scenes that stop a host whose gate was built carelessly.

Each has a watchdog, and a canary beside it: /bin/true and a program of the guarded file system, every
100 ms.  What they noticed is told; longer than their bound they never wait.
"""

import contextlib
import ctypes
import json
import os
import shutil
import signal
import stat
import subprocess
import threading
import time

import lib
from guarded import DENIED, RAN, Guard, Scratch, gate_of, judge, outcome, run, start
from lib import TRIGGER, case, equal, figure, require

SLACK = 1.0  # seconds beside a deadline, on a machine that is busy


class Watch:
    """A watchdog over a scene, and canaries that may not notice more than `bound` seconds of it."""

    def __init__(self, scratch, seconds, bound):
        self.seconds, self.bound = seconds, bound
        self.programs = {"/bin/true": "/bin/true", "guarded": scratch.program("canary")}

    def bark(self, *_):
        raise lib.Failure(f"it hangs: not over after {self.seconds} s")

    def __enter__(self):
        signal.signal(signal.SIGALRM, self.bark)
        signal.alarm(self.seconds)
        self.canaries = {name: lib.Canary(path) for name, path in self.programs.items()}
        return self

    def __exit__(self, kind, *_):
        told = []
        try:
            for name, canary in self.canaries.items():
                p99 = canary.p99()
                worst = max(canary.times) / 1000
                told.append(f"{name} p99 {p99:.1f} ms, worst {worst:.0f} ms of {len(canary.times)}")
                require(kind or worst < self.bound * 1000, f"the canary {name} waited {worst:.0f} ms")
        finally:
            signal.alarm(0)
            for canary in self.canaries.values():
                canary.process.kill()
        figure("canary: " + "; ".join(told))


def act(*arguments):
    """Begin an act of the trigger, told afterwards by facts()."""
    process = subprocess.Popen([TRIGGER, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, preexec_fn=lib.die_with_us)
    process.stdin.write("\n")
    process.stdin.flush()
    return process


def facts(process, seconds=120):
    out, complaints = process.communicate(timeout=seconds)
    require(process.returncode == 0, "trigger:", complaints)
    return json.loads(out.splitlines()[-1])


def numbers_add_up(gate):
    """Every question of the kernel was answered, and is told."""
    lib.wait_until(lambda: gate()["pending"] == 0, 20, lambda: gate())
    now = gate()
    equal(now["at_once"] + now["cached"] + now["decided"], now["asked"], "answered questions")


# ---- what a host does ----------------------------------------------------------------------------

def needed_by(program):
    """The libraries that a program loads, its loader among them."""
    told = subprocess.run(["ldd", program], capture_output=True, text=True).stdout
    return {word for word in told.split() if word.startswith("/")}


def make_root(path):
    """As much of a system as a maintainer script needs."""
    for folder in ("usr/bin", "usr/lib", "usr/lib64", "var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers",
                   "opt", "tmp"):
        os.makedirs(f"{path}/{folder}")
    for name in ("bin", "lib", "lib64"):
        os.symlink(f"usr/{name}", f"{path}/{name}")
    for program in ("/bin/sh", "/bin/true"):
        for file in {program, *needed_by(program)}:
            os.makedirs(os.path.dirname(path + file), exist_ok=True)
            shutil.copy(file, path + file)
    open(f"{path}/var/lib/dpkg/status", "w").close()


def make_package(folder, name, script):
    root = f"{folder}/{name}"
    os.makedirs(f"{root}/DEBIAN")
    os.makedirs(f"{root}/opt/{name}")
    shutil.copy("/bin/true", f"{root}/opt/{name}/tool")
    with open(f"{root}/DEBIAN/control", "w") as file:
        file.write(f"Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: Test <t@example.org>\nDescription: a test\n")
    with open(f"{root}/DEBIAN/postinst", "w") as file:
        file.write("#!/bin/sh\nset -e\n" + script)
    os.chmod(f"{root}/DEBIAN/postinst", 0o755)
    done = subprocess.run(["dpkg-deb", "--build", "-Znone", root, f"{folder}/{name}.deb"], capture_output=True, text=True)
    require(done.returncode == 0, done.stderr)
    return f"{folder}/{name}.deb"


@case("dpkg installs 20 packages, with their scripts, into a guarded root while three solutions decide")
def packages():
    if not shutil.which("dpkg-deb"):
        raise lib.Skip("no dpkg here")
    scratch, folder = Scratch(), lib.temporary("p")
    root = f"{scratch.path}/root"
    make_root(root)
    debs = [make_package(folder, f"p{i}", f"/opt/p{i}/tool\n/opt/p{i}/tool\n") for i in range(19)]
    debs.append(make_package(folder, "denied", "/tmp/evil || echo $? >/tmp/status\n"))
    shutil.copy("/bin/true", f"{root}/tmp/evil")
    judges = [judge("yes", "allow"), judge("no", "deny-suffix=/evil"), judge("slow", "slow=20")]
    with Guard(judges, scratch, deadline_ms=5000) as daemon, Watch(scratch, 120, 5 + SLACK):
        begin = time.monotonic()
        done = subprocess.run(["dpkg", f"--root={root}", "--force-bad-path", "-i", *debs], capture_output=True, text=True,
                              timeout=100)
        seconds = time.monotonic() - begin
        require(done.returncode == 0, done.stdout[-500:], done.stderr[-1500:])
        told = subprocess.run(["dpkg-query", f"--root={root}", "-W", "-f", "${Package} ${Status}\n"], capture_output=True, text=True)
        equal(told.stdout.count(" install ok installed\n"), 20, told.stdout)
        with open(f"{root}/tmp/status") as file:
            equal(file.read().strip(), "126", "what the script saw of the denied file")
        asked = daemon.voice("slow")["asked"]
        require(asked >= 60, f"only {asked} were asked about")
        equal(daemon.gate()["expired"], 0, "decided by the deadline")
        figure(f"{seconds:.1f} s, {asked} executions decided by three")


@case("`ringfort status` and `gate off` work in a script about which a verdict is pending, and end the wait")
def from_the_blocked():
    scratch = Scratch()
    flag = f"{scratch.path}/flag"
    with Guard([judge("hang", "hang", miss="fail-closed")], scratch, deadline_ms=15000) as daemon:
        script = scratch.script("script", "#!/bin/sh\n"
                                f"while [ ! -e {flag} ]; do sleep 0.05; done\n"
                                f"{lib.CLI} --socket {daemon.socket} status >{scratch.path}/status || exit 3\n"
                                # 1: it is open already.
                                f"{lib.CLI} --socket {daemon.socket} gate status >>{scratch.path}/gate || [ $? = 1 ] || exit 4\n"
                                f"{lib.CLI} --socket {daemon.socket} gate off || exit 5\n")
        daemon.cli("gate", "off")
        lib.wait_until(lambda: daemon.gate()["open"], 3, "an open gate")
        first = start(script)
        time.sleep(0.5)
        daemon.cli("gate", "on")
        lib.wait_until(lambda: not daemon.gate()["open"], 3, "a closed gate")
        # The process that creates it may not be one that waits.
        second = subprocess.Popen(["python3", "-c", f"import os; os.execv('{script}', ['s'])"])
        lib.wait_until(lambda: daemon.gate()["pending"] >= 1, 5, "a pending verdict")
        begin = time.monotonic()
        open(flag, "w").close()
        equal(first.wait(10), 0, "status of the script")
        equal(second.wait(10), 0, "status of the one that waited")
        seconds = time.monotonic() - begin
        require(seconds < 5, f"released only after {seconds:.1f} s")
        with open(f"{scratch.path}/gate") as file:
            require("waiting now" in file.read(), "the script did not see the gate")
        figure(f"released after {seconds * 1000:.0f} ms of 15 s")


@case("state, log, journal and packages on the guarded file system: solutions start, restart, are tried and replaced")
def all_of_it_guarded():
    scratch = Scratch()
    folder = f"{scratch.path}/d"
    os.mkdir(folder)
    hang = judge("hang", "hang", miss="fail-closed")
    other = lib.Solution("other", "mirror", ["report", "process.exec"], extra='probe_arguments: ["count"]\n')
    with Guard([hang, other], scratch, deadline_ms=8000, folder=folder) as daemon:
        program = f"{folder}/packages/other/program"
        old = daemon.solution("other")["pid"]
        begin = time.monotonic()
        os.kill(old, signal.SIGKILL)
        lib.wait_until(lambda: daemon.solution("other")["pid"] not in (0, old), 6, lambda: daemon.solution("other"))
        # Another inode: nobody could know it as ours beforehand.
        shutil.copy(program, program + ".new")
        os.rename(program + ".new", program)
        done = daemon.cli("reload", "other")
        # Without a channel it cannot begin: so it was executed.
        require("cannot open the client" in done.stdout + done.stderr, "reload:", done.stdout, done.stderr)
        for verb in ("stop", "start"):
            done = daemon.cli("solution", verb, "other")
            require(done.returncode == 0, verb, done.stderr)
        lib.wait_until(lambda: (daemon.solution("other") or {}).get("said", "").startswith("ready"), 6,
                       lambda: daemon.solution("other"))
        seconds = time.monotonic() - begin
        require(seconds < 8, f"took {seconds:.1f} s: it waited for a verdict")
        equal(daemon.gate()["pending"], 0, "verdicts that wait")
        require(os.path.getsize(daemon.log_path) > 0 and os.listdir(daemon.state), "nothing was written there")
        equal(daemon.roles()["supervisor"], daemon.pid, "the supervisor")
        figure(f"killed, restarted, tried, replaced within {seconds:.1f} s, at a deadline of 8 s")


@case("the number of a solution that has ended, given to another process, lets nothing through")
def reused_number():
    scratch = Scratch()
    bad = scratch.program("bad")
    last = "/proc/sys/kernel/ns_last_pid"
    if not os.access(last, os.W_OK):
        raise lib.Skip("this kernel gives no chosen process numbers")
    mirror = lib.Solution("mirror", "mirror", ["count"])
    with Guard([judge("judge", "deny-suffix=/bad"), mirror], scratch) as daemon:
        old = daemon.solution("mirror")["pid"]
        daemon.cli("solution", "stop", "mirror")
        lib.wait_until(lambda: not os.path.exists(f"/proc/{old}"), 5, "its end")
        time.sleep(0.3)
        for _ in range(200):
            with open(last, "w") as file:
                file.write(str(old - 1))
            process = subprocess.Popen(["python3", "-c", f"import os\ntry: os.execv('{bad}', ['bad'])\n"
                                        "except PermissionError: os._exit(126)"])
            number, code = process.pid, process.wait(10)
            if number == old:
                equal(code, 126, "exit status of the process with its number")
                return
        raise lib.Skip("the number was not given again")


# ---- file systems that wait ------------------------------------------------------------------------

class SilentFuse:
    """A FUSE file system whose server never says a word: whoever asks it anything waits."""

    def __init__(self):
        libc = ctypes.CDLL(None, use_errno=True)
        self.folder = lib.temporary("f")
        try:
            self.fd = os.open("/dev/fuse", os.O_RDWR)
        except OSError as error:
            raise lib.Skip(f"no FUSE here: {error}")
        options = f"fd={self.fd},rootmode=40000,user_id=0,group_id=0".encode()
        if libc.mount(b"silent", self.folder.encode(), b"fuse", 0, options) < 0:
            os.close(self.fd)
            raise lib.Skip(f"no FUSE here: {os.strerror(ctypes.get_errno())}")
        lib._open.append(self.close)

    def close(self):
        subprocess.run(["umount", "-l", self.folder], capture_output=True)
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


@case("a FUSE file system whose server is silent is refused, aloud, and nobody asks it anything")
def fuse():
    scratch = Scratch()
    bad = scratch.program("bad")
    silent = SilentFuse()
    silent.path = silent.folder + "/below/it"
    with Watch(scratch, 60, 1), Guard([judge("judge", "deny-suffix=/bad")], scratch, silent) as daemon:
        equal(outcome(bad), DENIED, "bad, on the file system that is guarded")
        gate = daemon.gate()
        equal([place["path"] for place in gate["refused"]], [silent.path], "refused")
        require("server" in gate["refused"][0]["why"], gate["refused"])
        equal(gate["marks"], 1, "file systems that are guarded")
        said = daemon.cli("gate", "status")
        require(f"NOT GUARDED: {silent.path}" in said.stdout and said.returncode == 1, said)
        with open(daemon.log_path, errors="replace") as file:
            require("does not guard" in file.read(), "the log does not say so")


@case("a file system that is mounted over by one that waits is not asked again")
def fuse_later():
    scratch = Scratch()
    with Guard([judge("judge", "allow")], scratch) as daemon:
        silent = SilentFuse()
        done = subprocess.run(["mount", "--bind", silent.folder, scratch.path], capture_output=True, timeout=5)
        silent.close()
        if done.returncode:
            raise lib.Skip("the kernel does not bind it")
        lib.wait_until(lambda: daemon.gate()["refused"], 5, "the refusal")
        subprocess.run(["umount", "-l", scratch.path], check=True)
        lib.wait_until(lambda: not daemon.gate()["refused"], 5, lambda: daemon.gate())
        equal(daemon.roles()["supervisor"], daemon.pid, "the supervisor")


class Automount:
    """The kernel's autofs with a daemon of straw: before it mounts what is walked to it executes a helper, as automount does."""

    DAEMON = """
import ctypes, fcntl, os, struct, subprocess, sys
folder, helper = sys.argv[1:]
libc = ctypes.CDLL(None, use_errno=True)
def mount(kind, path, options=b""):
    if libc.mount(b"straw", path.encode(), kind, 0, options) < 0:
        sys.exit(os.strerror(ctypes.get_errno()))
reader, writer = os.pipe()
# Who is of its process group walks there without asking it.
mount(b"autofs", folder, f"fd={writer},pgrp={os.getpgrp()},minproto=5,maxproto=5,indirect".encode())
root = os.open(folder, os.O_RDONLY)
print("mounted", flush=True)
while True:
    packet = os.read(reader, 4096)
    token, length = struct.unpack_from("I", packet, 8)[0], struct.unpack_from("I", packet, 40)[0]
    path = folder + "/" + packet[44:44 + length].decode()
    print("walked to", path, flush=True)
    subprocess.run([helper])
    os.mkdir(path)
    mount(b"tmpfs", path)
    open(path + "/file", "w").close()
    fcntl.ioctl(root, 0x9360, token)
"""

    def __init__(self, helper):
        self.path = lib.temporary("a")
        self.process = subprocess.Popen(["python3", "-c", self.DAEMON, self.path, helper], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=lib.die_with_us)
        lib._open.append(self.close)
        if self.process.stdout.readline() != "mounted\n":
            raise lib.Skip(f"no autofs here: {self.process.stderr.read().strip()}")

    def walks(self):
        """Lines since the last time."""
        return lib.read_some(self.process.stdout.fileno()).splitlines()

    def close(self):
        # First the mount: with its daemon gone nobody could walk by.
        subprocess.run(["umount", "-R", "-l", self.path], capture_output=True)
        self.process.kill()
        self.process.wait()


@case("an autofs is refused, aloud, and not walked to; its daemon executes a guarded file while a verdict hangs, and mounts")
def autofs():
    scratch = Scratch()
    helper = scratch.program("helper")
    automount = Automount(helper)
    with Guard([judge("hang", "hang")], scratch, automount, deadline_ms=1500) as daemon, Watch(scratch, 60, 1.5 + SLACK):
        gate = daemon.gate()
        equal([place["path"] for place in gate["refused"]], [automount.path], "refused")
        require("server" in gate["refused"][0]["why"], gate["refused"])
        said = daemon.cli("gate", "status")
        require(f"NOT GUARDED: {automount.path}" in said.stdout and said.returncode == 1, said)
        equal(automount.walks(), [], "what was walked to until then")
        daemon.cli("solution", "reset", "hang")
        begin = time.monotonic()
        done = subprocess.run(["ls", f"{automount.path}/x"], capture_output=True, text=True, timeout=20)
        seconds = time.monotonic() - begin
        equal((done.returncode, done.stdout), (0, "file\n"), f"what is mounted there {done.stderr}")
        equal(automount.walks(), [f"walked to {automount.path}/x"], "what was walked to")
        equal([v["path"] for v in daemon.why(helper)][:1], [helper], "verdicts about the helper")
        require(seconds < 1.5 + SLACK, f"the walk took {seconds:.1f} s")
        figure(f"mounted after {seconds:.2f} s, at a deadline of 1.5 s")


def marked_devices(daemon):
    """st_dev, as the kernel prints them, of the file systems that a gate has marked, but for that of its own opener."""
    found, roles = set(), daemon.roles()
    for fd in os.listdir(f"/proc/{roles['gate']}/fdinfo"):
        with open(f"/proc/{roles['gate']}/fdinfo/{fd}") as file:
            found |= {word[5:] for line in file if line.startswith("fanotify sdev:") for word in line.split()
                      if word.startswith("sdev:")}
    for fd in os.listdir(f"/proc/{roles['opener']}/fd"):
        at = os.stat(f"/proc/{roles['opener']}/fd/{fd}")
        if stat.S_ISDIR(at.st_mode):
            found.discard(f"{os.major(at.st_dev) << 20 | os.minor(at.st_dev):x}")
    return found


@case("a guarded file system that is unmounted does not leave its judges to the one below")
def unmounted():
    scratch, kept = Scratch(), Scratch()
    good = kept.program("good")
    with Guard([judge("judge", "allow")], scratch, kept) as daemon:
        equal(len(marked_devices(daemon)), 2, "marked file systems")
        subprocess.run(["umount", scratch.path], check=True)
        lib.wait_until(lambda: daemon.gate()["refused"], 5, "a word about it")
        equal(daemon.gate()["refused"], [{"path": scratch.path, "why": "nothing is mounted there any more"}], "refused")
        equal(len(marked_devices(daemon)), 1, "marked file systems")
        equal(outcome(good), RAN, "on the other one")
        scratch.mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", scratch.path)
        lib.wait_until(lambda: daemon.gate()["marks"] == 2, 5, lambda: daemon.gate())
        asked = daemon.gate()["asked"]
        outcome(scratch.program("new"))
        require(daemon.gate()["asked"] > asked, "the new one is not guarded")


@case("a log that nobody reads makes nobody wait for the gate or its supervisor")
def unread_log():
    scratch = Scratch()
    good, bad = scratch.program("good"), scratch.program("bad")
    folder = lib.temporary("d")
    os.mkfifo(folder + "/log")
    unread = os.open(folder + "/log", os.O_RDWR)
    lib._open.append(lambda: os.close(unread))

    class Unread(Guard):
        def tail(self, n=600):
            return "its log is not read"

    with Unread([judge("judge", "deny-suffix=/bad"), judge("hang", "hang", mode="shadow")], scratch, folder=folder) as daemon, \
            Watch(scratch, 100, 5):
        # A line for each denial: more than a pipe holds.
        told = facts(act("decisions", 6000, 60, good, bad))
        equal(told["n_wrong"], 0, "wrong outcomes")
        old = daemon.roles()["gate"]
        with lib.Held(old):
            result, seconds = run(good)
            equal(result, RAN, "good, while the gate stands still")
            lib.wait_until(lambda: daemon.roles().get("gate") not in (None, old) and outcome(bad) == DENIED, 6,
                           "the next gate")
        figure(f"{told['n']} decisions with a full log; a gate that stood still was ended after {seconds:.1f} s")


# ---- too much ------------------------------------------------------------------------------------------

@case("10,000 executions that wait at one who never answers are all let through by the deadline, and counted")
def crowd():
    scratch = Scratch()
    path, deadline = scratch.program("file", source=TRIGGER), 3.0
    with Guard([judge("hang", "hang")], scratch, deadline_ms=int(deadline * 1000)) as daemon:
        told = facts(act("crowd", 10000, path), 200)
        equal((told["ran"], told["denied"]), (told["n"], 0), "ran and denied")
        # All of them also begin, run and end, on few processors.
        require(told["us"] / 1e6 < deadline + 20 + told["n"] * 0.003, f"{told['us'] / 1e6:.1f} s")
        numbers_add_up(daemon.gate)
        hang, gate = daemon.voice("hang"), daemon.gate()
        equal(gate["overflow"], 0, "not asked")
        equal((gate["restarts"], gate["canary"]["late"]), (1, 0), "lives of the gate, and late to its canary")
        equal(hang["late"] + hang["gone"] + hang["full"] + gate["at_once"], told["n"], "executions that are explained")
        # The full ones are explained, too.
        answers = {r["answer"] for v in daemon.why(path) for r in v["reasons"]}
        require(answers and answers <= {"late", "full", "gone"}, answers)
        figure(f"{told['n']} at once: over after {told['us'] / 1e6:.1f} s at a deadline of {deadline:.0f} s; "
               f"{hang['late']} late, {hang['gone']} let go as it was demoted, {hang['full']} found no room, {gate['at_once']} came when it was demoted")


@case("10,000 executions at one who answers slowly and fails closed: none is lost, each is as it should be")
def crowd_closed():
    scratch = Scratch()
    path = scratch.program("file", source=TRIGGER)
    with Guard([judge("slow", "slow=1", miss="fail-closed")], scratch, deadline_ms=60000) as daemon:
        told = facts(act("crowd", 10000, path), 200)
        equal(told["ran"] + told["denied"], told["n"], "outcomes")
        numbers_add_up(daemon.gate)
        slow, gate = daemon.voice("slow"), daemon.gate()
        # Nobody is let through because many came: that would be a way round it.
        equal(slow["demoted"], False, "demoted by a crowd")
        equal((gate["restarts"], gate["canary"]["late"]), (1, 0), "lives of the gate, and late to its canary")
        equal(told["denied"], slow["full"], "denied for want of room")
        equal((slow["late"], gate["at_once"]), (0, 0), "late, at once")
        figure(f"{told['ran']} decided, {told['denied']} denied for want of room, in {told['us'] / 1e6:.1f} s")


def limit_files(pid, n):
    done = subprocess.run(["prlimit", f"--pid={pid}", f"--nofile={n}:{n}"], capture_output=True, text=True)
    if done.returncode:
        raise lib.Skip(f"prlimit: {done.stderr.strip()}")


@case("a gate that is left few descriptors asks fewer at once and lets the kernel deny nobody")
def few_descriptors():
    scratch = Scratch()
    path = scratch.program("file", source=TRIGGER)
    with Guard([judge("hang", "hang")], scratch, deadline_ms=2000) as daemon:
        limit_files(daemon.roles()["gate"], 100)
        told = facts(act("crowd", 300, path))
        equal((told["ran"], told["denied"]), (300, 0), "ran and denied")
        numbers_add_up(daemon.gate)
        gate, hang = daemon.gate(), daemon.voice("hang")
        equal((gate["overflow"], gate["restarts"]), (0, 1), "denied by the kernel; lives of the gate")
        require(hang["full"] > 200, hang)
        figure(f"300 at once: {hang['late']} asked, {hang['full']} decided by miss modes")


@case("descriptors that are taken away while many wait: who waits longest is let go, the kernel denies nobody")
def descriptors_taken():
    scratch = Scratch()
    path = scratch.program("file", source=TRIGGER)
    with Guard([judge("hang", "hang")], scratch, deadline_ms=4000) as daemon:
        process = act("crowd", 300, path)
        lib.wait_until(lambda: daemon.gate()["pending"] >= 290, 10, lambda: daemon.gate())
        limit_files(daemon.roles()["gate"], 100)
        result, _ = run(path, "landed")
        equal(result, RAN, "one more")
        told = facts(process)
        equal((told["ran"], told["denied"]), (300, 0), "ran and denied")
        require(daemon.voice("hang")["full"] > 200, daemon.voice("hang"))
        equal(daemon.gate()["overflow"], 0, "denied by the kernel")


@case("a gate that is left no descriptor at all ends rather than let the kernel deny, and the next one decides")
def no_descriptors():
    scratch = Scratch()
    good, bad = scratch.program("good"), scratch.program("bad")
    with Guard([judge("judge", "deny-suffix=/bad")], scratch) as daemon:
        old = daemon.roles()["gate"]
        limit_files(old, 16)
        equal(outcome(good), RAN, "good")
        lib.wait_until(lambda: daemon.roles().get("gate") not in (None, old) and outcome(bad) == DENIED, 5, "the next gate")
        equal(outcome(good), RAN, "good, afterwards")


class Hog:
    """A cgroup with little memory, and a program that wants more, again and again."""

    LIMIT = 48 << 20

    def __init__(self):
        name = f"ringfort-test-{os.getpid()}-hog"
        v1 = "/sys/fs/cgroup/memory"
        if os.path.exists(f"{v1}/cgroup.procs"):
            self.path, limit = f"{v1}/{name}", "memory.limit_in_bytes"
        elif lib.CGROUP2 and "memory" in open(f"{lib.CGROUP2}/cgroup.subtree_control").read():
            self.path, limit = f"{lib.CGROUP2}/{name}", "memory.max"
        else:
            raise lib.Skip("no memory cgroup")
        os.mkdir(self.path)
        lib._open.append(self.close)
        with open(f"{self.path}/{limit}", "w") as file:
            file.write(str(self.LIMIT))
        self.processes = []

    def run(self, *command, **options):
        def before():
            lib.die_with_us()
            with open(f"{self.path}/cgroup.procs", "w") as file:
                file.write("0")
        self.processes.append(subprocess.Popen(command, preexec_fn=before, stdin=subprocess.DEVNULL,
                                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options))

    def kill_some(self):
        """Children of what runs there; how many."""
        lasting, n = {process.pid for process in self.processes}, 0
        with open(f"{self.path}/cgroup.procs") as file:
            pids = [int(pid) for pid in file.read().split()]
        for pid in pids:
            if pid not in lasting:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    n += 1
        return n

    @contextlib.contextmanager
    def also(self, pids):
        """These live in it for a while."""
        before = {}
        for pid in pids:
            with open(f"/proc/{pid}/cgroup") as file:
                lines = [line.strip().split(":", 2) for line in file]
            v1 = next((path for _, name, path in lines if "memory" in name.split(",")), None)
            before[pid] = f"/sys/fs/cgroup/memory{v1}" if v1 else f"{lib.CGROUP2}{next(p for n, _, p in lines if n == '0')}"
        self.move(self.path, pids)
        try:
            yield
        finally:
            for pid, path in before.items():
                with contextlib.suppress(OSError):
                    self.move(path, [pid])

    @staticmethod
    def move(path, pids):
        for pid in pids:
            with open(f"{path}/cgroup.procs", "w") as file:
                file.write(str(pid))

    def close(self):
        for process in self.processes:
            process.kill()
            process.wait()
        for _ in range(100):
            try:
                with open(f"{self.path}/cgroup.procs") as file:
                    for pid in file.read().split():
                        os.kill(int(pid), signal.SIGKILL)
                os.rmdir(self.path)
                return
            except OSError:
                time.sleep(0.05)


@case("openers that are killed for want of memory while they wait leave nothing behind at the gate")
def memory():
    scratch = Scratch()
    program, good, bad = scratch.program("wanted"), scratch.program("good"), scratch.program("bad")
    with Guard([judge("slow", "slow=5"), judge("no", "deny-suffix=/bad")], scratch, deadline_ms=3000) as daemon, \
            Watch(scratch, 90, 3 + SLACK):
        hog = Hog()
        hog.run("sh", "-c", "while :; do python3 -c 'x = bytearray(1 << 30)'; done")
        for _ in range(4):
            hog.run("sh", "-c", f"while :; do {program}; done")
        deadline, killed = time.monotonic() + (20 if lib.LONG else 6), 0
        while time.monotonic() < deadline:
            equal((outcome(good), outcome(bad)), (RAN, DENIED), "good and bad, outside of it")
            killed += hog.kill_some()
        hog.close()
        numbers_add_up(daemon.gate)
        gate = daemon.gate()
        equal(gate["restarts"], 1, "lives of the gate")
        require(killed > 20, f"only {killed} were killed")
        figure(f"{killed} openers and others killed, {gate['unanswered']} of them while they waited")


@case("a gate whose cgroup has no memory left decides all the same, and nobody waits longer")
def own_memory():
    scratch = Scratch()
    good, bad = scratch.program("good"), scratch.program("bad")
    with Guard([judge("no", "deny-suffix=/bad")], scratch, deadline_ms=3000) as daemon, Watch(scratch, 60, 3 + SLACK):
        hog, roles = Hog(), daemon.roles()
        with hog.also([roles[name] for name in ("gate", "canary", "opener")]):
            for _ in range(2):
                hog.run("sh", "-c", "while :; do python3 -c 'x = bytearray(1 << 30)'; done")
            end, n = time.monotonic() + (20 if lib.LONG else 2), 0
            while time.monotonic() < end:
                equal((outcome(good), outcome(bad)), (RAN, DENIED), "good and bad")
                n += 1
            for process in hog.processes:
                process.kill()
        gate = daemon.gate()
        equal((gate["restarts"], gate["canary"]["late"], gate["overflow"]), (1, 0, 0), "lives of the gate, late, denied by the kernel")
        equal(daemon.roles(), roles, "processes of ours")
        figure(f"{2 * n} executions while its cgroup had no memory")


@case("a storm of forks makes nobody wait for a verdict")
def forks():
    scratch = Scratch()
    good, bad = scratch.program("good"), scratch.program("bad")
    with Guard([judge("no", "deny-suffix=/bad"), judge("yes", "allow")], scratch, deadline_ms=3000) as daemon, \
            Watch(scratch, 60, 3 + SLACK):
        storms, times = [act("storm-fork", 1000000) for _ in range(4 * os.cpu_count())], []
        end = time.monotonic() + (20 if lib.LONG else 2)
        while time.monotonic() < end:
            for path, wanted in ((good, RAN), (bad, DENIED)):
                result, seconds = run(path)
                equal(result, wanted, path)
                times.append(seconds)
        for storm in storms:
            storm.kill()
            storm.wait()
        gate = daemon.gate()
        equal((gate["expired"], gate["restarts"], gate["canary"]["late"]), (0, 1, 0), "expired, lives of the gate, late")
        figure(f"{len(storms)} that fork without end; {len(times)} executions, longest {max(times) * 1000:.0f} ms")


# ---- storms under faults ---------------------------------------------------------------------------------

class Decisions:
    """Two processes that execute a good and a bad file in turn."""

    def __init__(self, scratch, count, seconds):
        self.good, self.bad = scratch.program("good", source=TRIGGER), scratch.program("bad", source=TRIGGER)
        self.processes = [act("decisions", count // 2, seconds, self.good, self.bad) for _ in range(2)]
        self.told = None

    def over(self):
        return all(process.poll() is not None for process in self.processes)

    def finish(self, seconds):
        self.told = [facts(process, seconds) for process in self.processes]
        self.n = sum(t["n"] for t in self.told)
        self.n_wrong = sum(t["n_wrong"] for t in self.told)
        self.longest = max(t["longest_us"] for t in self.told) / 1e6

    def wrong(self):
        """(kind, begin, end) of each outcome that was not as it should be, in seconds."""
        for told in self.told:
            for text in told["wrong"]:
                kind, begin, end = text.split()
                yield kind, int(begin) / 1e6, int(end) / 1e6


def bring_back(daemon, name, old):
    """Until it lives again, as another process than the old one, and takes part."""
    lib.wait_until(lambda: daemon.solution(name)["pid"] != old, 10, lambda: daemon.solution(name))
    daemon.cli("solution", "reset", name)
    lib.wait_until(lambda: daemon.solution(name)["pid"] not in (0, old) and (daemon.voice(name) or {}).get("acts"), 10,
                   lambda: daemon.solution(name))


@case("a storm of executions while a solution is killed each second: verdicts are right while it lives, none is lost")
def kill_solutions():
    seconds = 60 if lib.LONG else 10
    scratch = Scratch()
    down = []
    judges = [judge("no", "deny-suffix=/bad"), judge("yes", "allow"), judge("dark", "deny", mode="shadow")]
    with Guard(judges, scratch, deadline_ms=10000) as daemon, Watch(scratch, seconds + 60, 10):
        storm = Decisions(scratch, 10 ** 9, seconds)
        turn = 0
        while not storm.over():
            name = judges[turn % 3].name
            turn += 1
            pid = (daemon.solution(name) or {}).get("pid")
            if not pid:
                continue
            begin = time.monotonic()
            os.kill(pid, signal.SIGKILL)
            bring_back(daemon, name, pid)
            if name == "no":
                down.append((begin, time.monotonic()))
            time.sleep(max(0, 1 - (time.monotonic() - begin)))
        storm.finish(30)
        numbers_add_up(daemon.gate)
        unexplained = [(kind, begin, end) for kind, begin, end in storm.wrong()
                       if kind == "good" or not any(begin < back and end > gone for gone, back in down)]
        equal(unexplained, [], "wrong outcomes while the solution lived")
        require(storm.n > 100 * seconds / 2, f"only {storm.n} executions")
        figure(f"{storm.n} executions, {turn} kills; {storm.n_wrong} bad ones ran, all while nobody was there to deny; "
               f"longest {storm.longest * 1000:.0f} ms")


@case("decisions under faults (floods, double answers, one that crashes again and again): none wrong, none lost")
def faults():
    count = 1000000 if lib.LONG else 25000
    scratch = Scratch()
    judges = [judge("no", "deny-suffix=/bad"), judge("flood", "flood"), judge("twice", "twice"), judge("crash", "crash")]
    with Guard(judges, scratch, deadline_ms=20000) as daemon, Watch(scratch, 1400 if lib.LONG else 300, 20):
        storm, crashes = Decisions(scratch, count, 1300 if lib.LONG else 100), 0
        while not storm.over():
            crashes += not daemon.solution("crash")["pid"]
            daemon.cli("solution", "reset", "crash")
            time.sleep(0.5)
        storm.finish(30)
        numbers_add_up(daemon.gate)
        gate = daemon.gate()
        equal(storm.n_wrong, 0, f"wrong outcomes of {storm.n}: {list(storm.wrong())[:3]}")
        equal((gate["expired"], gate["overflow"], gate["restarts"]), (0, 0, 1), "expired, overflow, lives of the gate")
        require(crashes > 0, "it never crashed")
        require(daemon.voice("flood")["wrong"] > 0 and daemon.voice("twice")["wrong"] > 0, gate["solutions"])
        equal(daemon.voice("no")["wrong"], 0, "faults of the one that decides")
        require(storm.longest < 5, f"one waited {storm.longest:.1f} s for the answer of one that lives")
        figure(f"{storm.n} decisions: 0 wrong, 0 lost; {crashes} crashes; {daemon.voice('flood')['wrong']} wrong answers thrown away; "
               f"longest {storm.longest * 1000:.0f} ms")


# ---- two of us ---------------------------------------------------------------------------------------------

@case("two gates, each guarding the file system that the other lives on: both start, decide, and restart their solutions")
def two_gates():
    one, two = Scratch(), Scratch()
    for scratch in (one, two):
        os.mkdir(f"{scratch.path}/d")
    bad = [scratch.program("bad") for scratch in (one, two)]
    first = Guard([judge("a", "deny-suffix=/bad")], one, deadline_ms=5000, folder=f"{two.path}/d")
    second = Guard([judge("b", "deny-suffix=/bad")], two, deadline_ms=5000, folder=f"{one.path}/d")
    with first, second, Watch(one, 60, 5 + SLACK):
        for _ in range(2):
            equal([outcome(path) for path in bad], [DENIED, DENIED], "bad files")
            pids = [first.solution("a")["pid"], second.solution("b")["pid"]]
            begin = time.monotonic()
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
            for daemon, name, pid in ((first, "a", pids[0]), (second, "b", pids[1])):
                lib.wait_until(lambda: (daemon.solution(name) or {}).get("pid") not in (None, 0, pid) and
                               (daemon.voice(name) or {}).get("acts"), 8, lambda: daemon.solution(name))
            figure(f"both solutions killed at once: back after {time.monotonic() - begin:.1f} s")


if __name__ == "__main__":
    lib.main()
