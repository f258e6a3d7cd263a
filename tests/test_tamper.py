# SPDX-License-Identifier: Apache-2.0
"""Tamper - what root does to ourselves is found within a second, and mended where it can be."""

import ctypes
import json
import os
import signal
import subprocess
import time

import lib
from guarded import DENIED, Guard, Scopes, Scratch, judge, outcome
from lib import case, equal, figure, require

SEEN_WITHIN = 1.0
cgroup = None  # of the acts that the mirror reports
_libc = ctypes.CDLL(None, use_errno=True)


def mirror(*types):
    """One that reports what works() does, whatever else the machine is doing."""
    global cgroup
    cgroup = lib.Cgroup()
    wanted = ["process.exec", *types]
    return lib.Solution("mirror", "mirror", ["report", *wanted, "below", cgroup.name], events=wanted)


def lives_again(daemon, before):
    """The solution has another process, and takes part."""
    def again():
        state = daemon.solution("mirror")
        return state["state"] == "active" and state["pid"] not in (0, before) and state["said"].startswith("ready")
    lib.wait_until(again, 10, lambda: f"another life: {daemon.solution('mirror')}")


class Watch:
    """The findings of the built-in reporter, as an operator follows them."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.follower = lib.Follower(daemon, "findings", "-f", having='"solution":"ringfort"')
        time.sleep(0.3)
        self.begin = time.monotonic()

    def act(self, function, *arguments):
        self.begin = time.monotonic()
        return function(*arguments)

    def expect(self, what, part, healed):
        """The finding of the act, seen within a second."""
        def fits(line):
            return line["ringfort"]["what"] == what and line["ringfort"]["part"] == part
        line = self.follower.wait_for(fits, SEEN_WITHIN * (4 if lib.SANITIZED else 1),
                                      f"{what} of {part}; there are {self.told()}; {self.daemon.tail()}")
        seconds = time.monotonic() - self.begin
        ours = line["ringfort"]
        equal(ours["level"], "high", "level")
        equal(line["class_uid"], 2004, "class")
        equal(ours["healed"], healed, f"healed; {ours}")
        figure(f"{what} of {part}: told after {seconds * 1000:.0f} ms: {ours['detail']}")
        return line

    def told(self):
        return [(f["ringfort"]["what"], f["ringfort"]["part"]) for f in self.follower.lines]

    def close(self):
        self.follower.close()


def runs(pid):
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rsplit(")", 1)[1].split()[0] not in "TtZX"


def works(daemon, expected=("process.exec",)):
    """An event still comes through everything."""
    marker = lib.temporary("m") + "/marker"
    subprocess.run(["touch", marker], check=True, preexec_fn=cgroup.enter)

    def types():
        return {f["ringfort"]["type"] for f in daemon.findings() if marker in json.dumps(f)}
    lib.wait_until(lambda: types() >= set(expected), 10, lambda: f"{expected} of {marker}: {types()}; {daemon.tail()}")


# ---- processes -----------------------------------------------------------------------------------


@case("a stopped supervisor, sensor or control process is found, and goes on")
def stopped():
    with lib.Daemon([mirror()]) as daemon:
        watch = Watch(daemon)
        for role, pid in daemon.roles().items():
            watch.act(os.kill, pid, signal.SIGSTOP)
            found = watch.expect("stopped", role, True)
            equal(found["ringfort"]["target"]["pid"], pid, "target")
            require(runs(pid), f"{role} still stands still")
        works(daemon)


@case("a stopped gate is found, goes on, and decides")
def stopped_gate():
    scratch = Scratch()
    bad = scratch.program("bad")
    with Guard([judge("judge", "deny")], scratch) as daemon:
        watch = Watch(daemon)
        pid = daemon.roles()["gate"]
        watch.act(os.kill, pid, signal.SIGSTOP)
        watch.expect("stopped", "gate", True)
        equal(outcome(bad), DENIED, "bad")
        equal(daemon.roles()["gate"], pid, "the gate's pid")


@case("a stopped solution is found; its state machine ends it")
def stopped_solution():
    with lib.Daemon([mirror()]) as daemon:
        watch = Watch(daemon)
        watch.act(os.kill, daemon.solution("mirror")["pid"], signal.SIGSTOP)
        watch.expect("stopped", "solution mirror", False)


@case("a sensor that is frozen by its cgroup is found, and events come again when it is let go")
def frozen():
    with lib.Daemon([mirror()]) as daemon:
        watch = Watch(daemon)
        with lib.Held(daemon.roles()["sensor"]):
            watch.begin = time.monotonic()
            watch.expect("stopped", "sensor", False)
        works(daemon)


@case("a killed gate is found, and the next one decides")
def killed_gate():
    scratch = Scratch()
    bad = scratch.program("bad")
    with Guard([judge("judge", "deny")], scratch) as daemon:
        watch = Watch(daemon)
        watch.act(os.kill, daemon.roles()["gate"], signal.SIGKILL)
        watch.expect("killed", "gate", True)
        lib.wait_until(lambda: outcome(bad) == DENIED, 3, "a denial")


@case("a killed solution is found, and started again")
def killed_solution():
    with lib.Daemon([mirror()]) as daemon:
        watch = Watch(daemon)
        pid = daemon.solution("mirror")["pid"]
        watch.act(os.kill, pid, signal.SIGKILL)
        watch.expect("killed", "solution mirror", True)
        lives_again(daemon, pid)
        works(daemon)


def killed_role(role, told):
    """The daemon ends with it; what control still could say, and what the next one says."""
    daemon = lib.Daemon([mirror()])
    watch = Watch(daemon)
    watch.act(os.kill, daemon.roles()[role], signal.SIGKILL)
    daemon.wait(10)
    ended = time.monotonic() - watch.begin
    if told:
        watch.expect("killed", role, False)
    watch.close()
    daemon.start()
    def fits(found):
        return found["ringfort"].get("what") == "killed" and found["ringfort"]["part"] == "daemon"
    lib.wait_until(lambda: any(fits(f) for f in daemon.findings()), 3, "the next life's finding")
    works(daemon)
    figure(f"the daemon ended {ended * 1000:.0f} ms after {role}")
    daemon.end()


@case("a killed sensor is found before the daemon ends, and by the next one")
def killed_sensor():
    killed_role("sensor", True)


@case("a killed control process is found by the next daemon")
def killed_control():
    killed_role("control", False)


@case("a killed supervisor is found by what dies with it, and by the next one")
def killed_supervisor():
    killed_role("supervisor", True)


@case("an end that was asked for is no finding, now or at the next start")
def orderly():
    daemon = lib.Daemon([mirror()])
    equal(daemon.stop(), 0, "exit status")
    daemon.start()
    works(daemon)
    equal([f for f in daemon.findings() if f["ringfort"]["solution"] == "ringfort"], [], "findings of our own")
    daemon.end()


class Tracer:
    """Another process that holds one by ptrace(PTRACE_SEIZE)."""

    def __init__(self, pid):
        code = ("import ctypes,sys,time\n"
                "libc=ctypes.CDLL(None,use_errno=True)\n"
                f"r=libc.ptrace(0x4206,{pid},None,None)\n"
                "print(r,flush=True)\n"
                "time.sleep(60)\n")
        self.process = subprocess.Popen(["python3", "-c", code], stdout=subprocess.PIPE, text=True,
                                        preexec_fn=lib.die_with_us)
        equal(self.process.stdout.readline().strip(), "0", "PTRACE_SEIZE")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


@case("a traced supervisor, sensor, control process or solution is found, with its tracer")
def traced():
    with lib.Daemon([mirror()]) as daemon:
        watch = Watch(daemon)
        held = dict(daemon.roles())
        held["solution mirror"] = daemon.solution("mirror")["pid"]
        for part, pid in held.items():
            with Tracer(pid) as tracer:
                watch.begin = time.monotonic()
                found = watch.expect("traced", part, False)
                equal(found["ringfort"]["process"]["pid"], tracer.process.pid, "the tracer")
        works(daemon)


@case("a solution that is killed in its tracer's hand costs the supervisor nothing, and comes back when he lets go")
def held():
    with lib.Daemon([mirror()]) as daemon:
        pid = daemon.solution("mirror")["pid"]
        with Tracer(pid):
            os.kill(pid, signal.SIGKILL)
            time.sleep(0.3)
            before = lib.cpu_ticks(daemon.pid)
            time.sleep(2)
            ticks = lib.cpu_ticks(daemon.pid) - before
            require(ticks < 20, f"the supervisor used {ticks} ticks in 2 s")
        lives_again(daemon, pid)
        works(daemon)


@case("a traced gate is found, and another takes its place that nobody holds")
def traced_gate():
    scratch = Scratch()
    bad = scratch.program("bad")
    with Guard([judge("judge", "deny")], scratch) as daemon:
        watch = Watch(daemon)
        old = daemon.roles()["gate"]
        with Tracer(old):
            watch.begin = time.monotonic()
            watch.expect("traced", "gate", True)
            lib.wait_until(lambda: daemon.roles().get("gate") not in (None, old), 3, "another gate")
            lib.wait_until(lambda: outcome(bad) == DENIED, 3, "a denial")


# ---- marks of the gate ---------------------------------------------------------------------------

FAN_MARK_FLUSH, FAN_MARK_FILESYSTEM = 0x80, 0x100
SYS_PIDFD_OPEN, SYS_PIDFD_GETFD = 434, 438


def groups_of(pid):
    """Copies of the gate's fanotify descriptors, as root can take them."""
    groups, pidfd = [], _libc.syscall(SYS_PIDFD_OPEN, pid, 0)
    for fd in sorted(int(name) for name in os.listdir(f"/proc/{pid}/fd")):
        if "fanotify" in os.readlink(f"/proc/{pid}/fd/{fd}"):
            groups.append(_libc.syscall(SYS_PIDFD_GETFD, pidfd, fd, 0))
            require(groups[-1] >= 0, "pidfd_getfd:", os.strerror(ctypes.get_errno()))
    os.close(pidfd)
    require(groups, "the gate has no fanotify group")
    return groups


def group_of(pid):
    groups = groups_of(pid)
    for group in groups[1:]:
        os.close(group)
    return groups[0]


def can_open(path):
    """By another: this process may hold a group, and would wait for itself."""
    return subprocess.run(["cat", path], capture_output=True, timeout=20).returncode == 0


@case("removed marks of the gate are found and set again, each on its file system")
def unmarked():
    one, two = Scratch(), Scratch()
    bad, worse = one.program("bad"), two.program("worse")
    with Guard([judge("judge", "deny")], one, two) as daemon:
        watch = Watch(daemon)
        group = group_of(daemon.roles()["gate"])
        try:
            done = watch.act(_libc.fanotify_mark, group, FAN_MARK_FLUSH | FAN_MARK_FILESYSTEM, ctypes.c_uint64(0),
                             -100, None)
            equal(done, 0, "FAN_MARK_FLUSH")
        finally:
            os.close(group)
        equal(watch.expect("mark_removed", "gate", True)["ringfort"]["path"], one.path, "the first")
        lib.wait_until(lambda: len(watch.told()) == 2, 1, watch.told)
        equal(watch.follower.lines[1]["ringfort"]["path"], two.path, "the second")
        equal((outcome(bad), outcome(worse)), (DENIED, DENIED), "verdicts afterwards")


@case("removed marks of scopes are found and set again, of a file system, of a folder and of all that is written in it")
def unscoped():
    one, two = Scratch(), Scratch()
    for path in (f"{one.path}/folder/below", f"{two.path}/whole"):
        os.makedirs(path)
    bad = [f"{one.path}/folder/bad", f"{one.path}/folder/below/bad", f"{two.path}/whole/bad"]
    for path in bad:
        with open(path, "w") as file:
            file.write(path)
    opens = "authorize: [file.open, file.modify]\n"
    solution = lib.Solution("judge", "judge", ["deny-suffix=/bad"], events=["process.exec"], extra=opens,
                            operator=opens + "mode: enforce\n")
    with Scopes([solution], [f"{one.path}/folder"], [two.path]) as daemon:
        lib.wait_until(lambda: daemon.scope(f"{one.path}/folder")["folders"] == 2, 5, daemon.gate)
        # What a new solution is shown is marked without a word for a while.
        time.sleep(6)
        watch = Watch(daemon)
        groups, kinds = groups_of(daemon.roles()["gate"]), {}
        try:
            require(len(groups) >= 3, groups)
            for flags in (FAN_MARK_FLUSH, FAN_MARK_FLUSH | FAN_MARK_FILESYSTEM):
                for group in groups:
                    before = len(watch.follower.lines)
                    done = watch.act(_libc.fanotify_mark, group, flags, ctypes.c_uint64(0), -100, None)
                    equal(done, 0, "FAN_MARK_FLUSH")
                    time.sleep(1.2)
                    for path in bad:
                        require(not can_open(path), f"{path} is opened")
                    told = [line["ringfort"] for line in watch.follower.lines[before:]]
                    require(all(t["what"] == "mark_removed" and t["healed"] for t in told), told)
                    kinds[flags] = kinds.get(flags, set()) | {t["path"] for t in told}
        finally:
            for group in groups:
                os.close(group)
        equal(kinds, {FAN_MARK_FLUSH: {f"{one.path}/folder"}, FAN_MARK_FLUSH | FAN_MARK_FILESYSTEM: {two.path}}, "findings")


@case("a guarded file system that is unmounted and mounted again is no tampering, and is guarded")
def remounted():
    scratch = Scratch()
    with Guard([judge("judge", "deny")], scratch) as daemon:
        watch = Watch(daemon)
        for _ in range(5):
            subprocess.run(["umount", scratch.path], check=True)
            time.sleep(0.2)
            scratch.mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", scratch.path)
            bad = scratch.program("bad")
            lib.wait_until(lambda: outcome(bad) == DENIED, 2, "a denial")
        time.sleep(1)
        equal(watch.told(), [], "findings")


# ---- files -------------------------------------------------------------------------------------------


@case("a changed configuration, drop-in, solution's program, manifest or socket is found, with its path")
def files():
    folder = lib.temporary("f")
    os.mkdir(folder + "/ringfortd.d")
    with lib.Daemon([mirror()], folder=folder) as daemon:
        watch = Watch(daemon)
        package = folder + "/packages/mirror"

        def write(path, text="# changed\n"):
            with open(path, "a") as file:
                file.write(text)

        def replace(path):
            with open(path, "rb") as old, open(folder + "/new", "wb") as new:
                new.write(old.read())
            os.chmod(folder + "/new", 0o755)
            os.rename(folder + "/new", path)

        def expect(part, path, detail):
            found = watch.expect("file_changed", part, False)["ringfort"]
            equal(found["path"], path, "path")
            require(detail in found["detail"], found)
            watch.follower.lines.clear()

        watch.act(write, daemon.config)
        expect("configuration", daemon.config, "written")
        watch.act(write, folder + "/ringfortd.d/more.yaml", "log_level: info\n")
        expect("configuration", folder + "/ringfortd.d/more.yaml", "created")
        watch.act(write, package + "/manifest.yaml")
        expect("solution mirror", package + "/manifest.yaml", "written")
        watch.act(replace, package + "/program")
        expect("solution mirror", package + "/program", "replaced")
        watch.act(os.chmod, package + "/program", 0o4755)
        expect("solution mirror", package + "/program", "mode")
        watch.act(os.unlink, daemon.socket)
        expect("socket", daemon.socket, "deleted")


@case("files beside ours are nobody's matter")
def other_files():
    with lib.Daemon([mirror()]) as daemon:
        watch = Watch(daemon)
        for name in ("other", "log", "packages/other"):
            with open(f"{daemon.folder}/{name}", "a") as file:
                file.write("x")
        time.sleep(0.5)
        equal(watch.told(), [], "findings")


# ---- links and maps ---------------------------------------------------------------------------------------


def fdinfo(pid, word):
    """(descriptor, number) of those of a process whose fdinfo has the line"""
    found = []
    for fd in os.listdir(f"/proc/{pid}/fdinfo"):
        with open(f"/proc/{pid}/fdinfo/{fd}") as file:
            found += [(int(fd), line.split()[1]) for line in file if line.startswith(word + ":")]
    return found


@case("links that are closed inside of the sensor are found and attached again")
def detached():
    with lib.Daemon([mirror()]) as daemon:
        watch = Watch(daemon)
        sensor = daemon.roles()["sensor"]
        links = [str(fd) for fd, _ in fdinfo(sensor, "link_type")]
        require(len(links) >= 3, f"only {links}")
        done = watch.act(subprocess.run, [f"{lib.PLAIN}/tests/inject", str(sensor), *links])
        if done.returncode == 77:
            raise lib.Skip("not on this architecture")
        equal(done.returncode, 0, "inject")
        watch.expect("link_detached", "sensor", True)
        lib.wait_until(lambda: len([t for t in watch.told() if t[0] == "link_detached"]) == len(links), 2, watch.told)
        equal(len(fdinfo(sensor, "link_type")), len(links), "links afterwards")
        works(daemon)


# ---- oom_score_adj -----------------------------------------------------------------------------------------


@case("an adjusted oom_score_adj of any process of ours is found and written back")
def oom():
    with lib.Daemon([mirror()]) as daemon:
        watch = Watch(daemon)
        time.sleep(0.6)
        ours = dict(daemon.roles())
        ours["solution mirror"] = daemon.solution("mirror")["pid"]
        for part, pid in ours.items():
            path = f"/proc/{pid}/oom_score_adj"
            with open(path) as file:
                before = file.read()
            watch.begin = time.monotonic()
            with open(path, "w") as file:
                file.write("1000")
            watch.expect("oom_adjusted", part, True)
            with open(path) as file:
                equal(file.read(), before, f"oom_score_adj of {part}")


# ---- maps ------------------------------------------------------------------------------------------------------

BPF_MAP_UPDATE_ELEM, BPF_MAP_GET_FD_BY_ID, BPF_OBJ_GET_INFO_BY_FD = 2, 14, 15
SYS_BPF = 321


def bpf(command, *words):
    attr = (ctypes.c_uint64 * 16)(*words)
    done = _libc.syscall(SYS_BPF, command, ctypes.byref(attr), 128)
    require(done >= 0, f"bpf({command}):", os.strerror(ctypes.get_errno()))
    return done


def map_named(pid, ending):
    """(descriptor, bytes of its value) of a map of the process"""
    for _, number in fdinfo(pid, "map_id"):
        fd = bpf(BPF_MAP_GET_FD_BY_ID, int(number))
        info = (ctypes.c_uint32 * 32)()
        bpf(BPF_OBJ_GET_INFO_BY_FD, fd | 128 << 32, ctypes.addressof(info))
        name = bytes(info)[24:40].split(b"\0")[0].decode()
        if name.endswith(ending):
            return fd, info[3]
        os.close(fd)
    raise lib.Failure(f"no map ...{ending}")


def empty(fd, size):
    key, value = ctypes.c_uint32(0), ctypes.create_string_buffer(size)
    bpf(BPF_MAP_UPDATE_ELEM, fd, ctypes.addressof(key), ctypes.addressof(value))


def emptied(ending):
    with lib.Daemon([mirror("file.create")]) as daemon:
        watch = Watch(daemon)
        sensor = daemon.roles()["sensor"]
        fd, size = map_named(sensor, ending)
        watch.act(empty, fd, size)
        os.close(fd)
        watch.expect("map_changed", "sensor", True)
        works(daemon, ("process.exec", "file.create"))
        equal(daemon.solution("mirror")["state"], "active", "state")


@case("an emptied table of calls is found and filled again")
def emptied_calls():
    emptied(".data.calls")


@case("emptied orders (which types are subscribed) are found and written again")
def emptied_orders():
    emptied(".bss")


@case("an emptied policy about images that the kernel asks nobody about is found and said again")
def emptied_policy():
    # Of nobody: a user that there is not.
    policy = "gate: {outside: {memfd: kill, uid_range: {first: 1799999999, count: 1}}}\n"
    with lib.Daemon([mirror()], policy) as daemon:
        watch = Watch(daemon)
        fd, size = map_named(daemon.roles()["sensor"], "backstops")
        for _ in range(2):
            watch.act(empty, fd, size)
            watch.expect("map_changed", "sensor", True)
            watch.follower.lines.clear()
        os.close(fd)
        works(daemon)


@case("counters of events that were set back are found")
def counters():
    with lib.Daemon([mirror()]) as daemon:
        watch = Watch(daemon)
        time.sleep(0.6)
        fd, size = map_named(daemon.roles()["sensor"], "counters")
        for cpu in range(os.cpu_count()):
            key, value = ctypes.c_uint32(cpu), ctypes.create_string_buffer(size)
            watch.act(bpf, BPF_MAP_UPDATE_ELEM, fd, ctypes.addressof(key), ctypes.addressof(value))
        os.close(fd)
        watch.expect("map_changed", "sensor", False)
        works(daemon)


# ---- what there is to say of it -------------------------------------------------------------------


@case("somebody who tampers in a loop fills no history: what is over is counted")
def loop():
    with lib.Daemon([mirror()]) as daemon:
        sensor = daemon.roles()["sensor"]
        for _ in range(60):
            os.kill(sensor, signal.SIGSTOP)
            time.sleep(0.03)
        report = json.loads(daemon.cli("doctor", "--json", timeout=60).stdout)
        stops = next(k for k in report["tamper"] if k["what"] == "stopped")
        told = [f for f in daemon.findings() if f["ringfort"]["solution"] == "ringfort"]
        require(stops["n_seen"] >= 40 and stops["n_healed"] >= 40, stops)
        require(10 <= len(told) <= 35, f"{len(told)} findings of {stops['n_seen']}")


@case("doctor says of each kind whether it is seen and healed, and what root can still do")
def doctor():
    with lib.Daemon([mirror()]) as daemon:
        report = json.loads(daemon.cli("doctor", "--json", timeout=60).stdout)
        kinds = {k["what"]: k for k in report["tamper"]}
        equal(sorted(kinds), sorted(["killed", "stopped", "traced", "oom_adjusted", "file_changed", "mark_removed",
                                     "link_detached", "map_changed", "stream_stopped", "late"]), "kinds")
        for kind in kinds.values():
            require(kind["why_not"], kind)
            equal(kind["n_seen"], 0, f"{kind['what']} of a daemon that nobody touched")
        require(not kinds["mark_removed"]["seen"] and "no gate" in kinds["mark_removed"]["why_not"], kinds)
        require("STILL-POSSIBLE" in daemon.cli("doctor", timeout=60).stdout, "the table")


if __name__ == "__main__":
    lib.main()
