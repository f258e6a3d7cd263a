# SPDX-License-Identifier: Apache-2.0
"""Acts - runs of the trigger, and the events that they must cause, for the files test_events_*.py.

Each act is performed by tests/trigger.c in a cgroup of the test, below a parent that was started
after the daemon; it says what only the one who acts knows.  The event, as a real solution saw
it, must say the same, field by field.  A field of the schema without an expectation fails the
case, so that a new field cannot go untested.  Beside the fields of the type: the acting process,
the OCSF members, and that the act gave these events and no others.
"""

import collections
import json
import os
import shutil
import subprocess

import lib
from lib import case, equal, require

ARGV_CEILING = 32768
PROCESS_ARGV_CEILING = 4096
NOBODY = 4294967295
RDONLY, WRONLY, RDWR, CREAT, EXCL, TRUNC, APPEND = 0, 1, 2, 0o100, 0o200, 0o1000, 0o2000

# OCSF 1.8: class and activity of each type.
OCSF = {
    "process.exec": (1007, 1), "process.fork": (1007, 1), "process.exit": (1007, 2),
    "process.setid": (1007, 5), "process.ptrace": (1007, 4),
    "file.open_write": (1001, 14), "file.create": (1001, 1), "file.modify": (1001, 3),
    "file.rename": (1001, 5), "file.unlink": (1001, 4), "file.attr": (1001, 6),
    "net.connect": (4001, 1), "net.bind": (4001, 99), "net.listen": (4001, 7), "net.accept": (4001, 1),
}

PROTOCOLS = {"ip": 0, "tcp": 6, "udp": 17}
STDIO = {"closed": 0, "file": 1, "directory": 2, "null": 3, "tty": 4, "device": 5, "pipe": 6, "socket": 7}


class World:
    """One daemon with a mirror, made when the first case needs it."""

    _made = None

    @classmethod
    def get(cls):
        if cls._made is None:
            cls._made = cls()
        return cls._made

    def knock(self):
        subprocess.run(["/bin/true"], preexec_fn=self.cgroup.enter, check=True)
        return self.events.lines

    def __init__(self):
        lib.need_root()
        self.work = os.path.realpath(lib.temporary("acts"))
        os.chmod(self.work, 0o777)
        self.cgroup = lib.Cgroup()
        self.trigger = self.work + "/trigger"
        shutil.copy(lib.TRIGGER, self.trigger)
        os.chmod(self.trigger, 0o755)
        os.symlink("trigger", self.work + "/launch")
        os.symlink(self.trigger, self.work + "/act")
        self.schema = json.loads(subprocess.run([lib.CLI, "events", "--schema", "--json"],
                                                capture_output=True, check=True).stdout)
        self.process_fields = {f["name"]: f for f in self.schema["process"]}
        self.type_fields = {t["name"]: {f["name"]: f for f in t["fields"]} for t in self.schema["types"]}
        self.daemon = lib.Daemon(
            [lib.Solution("mirror", "mirror", ["report", "below", self.cgroup.name],
                          limits={"findings_per_second": 100000})],
            config='environment: [PATH, "LD_*", "RFT_*"]\n')
        self.findings = lib.Follower(self.daemon, "findings", "-f", having=self.cgroup.container)
        self.events = lib.Follower(self.daemon, "events", having=self.cgroup.container)
        # It follows from when it has connected: with sanitizers that is later than the first act.
        lib.wait_until(self.knock, 15, "`ringfort events` follows")
        self.mnt_ns = os.stat("/proc/self/ns/mnt").st_ino
        self.compared = set()  # types that `ringfort events` was compared for


class Act:
    """One run of the trigger: who acted, what it told, and the events that came of it."""

    def __init__(self, mode, *arguments, called=None, argv0="actor", ids=None, loginuid=None,
                 new_mounts=False, terminal=False, wait_types=(), stdin_line=b"\n"):
        self.world = world = World.get()
        self.called = called or world.work + "/act"
        words = [a if isinstance(a, bytes) else os.fsencode(str(a)) for a in ("under", self.called, argv0, mode, *arguments)]
        master = slave = None
        if terminal:
            master, slave = os.openpty()

        def before():
            lib.die_with_us()
            world.cgroup.enter()
            if loginuid is not None:
                with open("/proc/self/loginuid", "w") as file:
                    file.write(str(loginuid))
            if new_mounts and lib._libc.unshare(lib.CLONE_NEWNS) < 0:
                os._exit(126)
            if terminal:
                os.setsid()
                import fcntl
                import termios
                fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
            if ids:
                os.setresgid(ids[2], ids[3], ids[3])
                os.setresuid(ids[0], ids[1], ids[1])

        environment = {"PATH": "/usr/bin:/bin", "SECRET": "do not tell", "LD_BIND_NOW": "1", "RFT_A": "b c",
                       "RFTX": "no"}
        self.process = subprocess.Popen([b"launcher", *words], executable=world.work + "/launch",
                                        cwd=world.work, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, preexec_fn=before, env=environment,
                                        pass_fds=[slave] if terminal else ())
        self.environment = environment
        first = self.process.stdout.readline()
        if not first:
            raise lib.Failure("the trigger says nothing: " + self.process.stderr.read().decode())
        self.pid = json.loads(first)["pid"]
        self.who = self.snapshot(loginuid)
        out, error = self.process.communicate(stdin_line, timeout=30)
        if terminal:
            os.close(master)
            os.close(slave)
        lines = [json.loads(line) for line in out.splitlines()]
        require(lines and lines[-1].get("status") is not None, "the trigger failed:", error.decode())
        self.told, self.status = (lines[0] if len(lines) > 1 else {}), lines[-1]["status"]
        self.error = error.decode()
        launcher = self.process.pid
        world.findings.wait_for(lambda f: self.is_exit_of(f, launcher), 10, f"the launcher's exit after {mode}")
        for kind in wait_types:
            world.findings.wait_for(lambda f, k=kind: f["ringfort"]["type"] == k and self.is_mine(f), 10,
                                    f"{kind} of {mode}; {error.decode()}")

    @staticmethod
    def is_exit_of(finding, pid):
        event = finding["ringfort"]
        return event["type"] == "process.exit" and event["process"]["pid"] == pid

    def is_mine(self, finding):
        process = finding["ringfort"]["process"]
        return process["pid"] == self.pid and process["start_ns"] // 10000000 == self.ticks

    def snapshot(self, loginuid):
        """What /proc says of the actor before it acts, in the words of the event."""
        world, pid = self.world, self.pid

        def read(name):
            with open(f"/proc/{pid}/{name}", "rb") as file:
                return file.read()

        status = dict(line.split(":", 1) for line in read("status").decode().splitlines())
        uids, gids = status["Uid"].split(), status["Gid"].split()
        self.ticks = lib.start_ticks(pid)
        ppid = int(status["PPid"])
        parent_ticks = lib.start_ticks(ppid)
        tty = int(read("stat").decode().rsplit(")", 1)[1].split()[4])
        self.cap_effective = int(status["CapEff"], 16)
        with open(f"/proc/{ppid}/cmdline", "rb") as file:
            parent_argv = strings(file.read())
        exe = os.readlink(f"/proc/{pid}/exe")
        return {
            "pid": pid, "tid": pid, "start_ns": in_tick(self.ticks), "ppid": ppid,
            "parent_start_ns": in_tick(parent_ticks),
            "uid": int(uids[0]), "gid": int(gids[0]), "euid": int(uids[1]), "egid": int(gids[1]),
            "loginuid": int(read("loginuid")), "session": int(read("sessionid")),
            "tty": f"/dev/pts/{tty & 0xff | tty >> 12 & 0xfff00}" if tty else "",
            "mnt_ns": os.stat(f"/proc/{pid}/ns/mnt").st_ino,
            "cgroup_id": world.cgroup.id, "cgroup": world.cgroup.name,
            "container_id": world.cgroup.container,
            "exe": exe, "exe_called": self.called, "argv": strings(read("cmdline")),
            "cwd": os.readlink(f"/proc/{pid}/cwd"),
            "parent_exe": os.readlink(f"/proc/{ppid}/exe"), "parent_exe_called": world.work + "/launch",
            "parent_argv": parent_argv, "ancestors": ancestors(pid),
        }

    def all(self):
        """Findings about this process, after it stood at the start line."""
        return [f for f in self.world.findings.lines if self.is_mine(f)]

    def of(self, kind):
        return [f for f in self.all() if f["ringfort"]["type"] == kind]

    def expect_types(self, **counts):
        """Exactly these, beside the exec before the start line and the exit."""
        expected = collections.Counter({k.replace("_", ".", 1): n for k, n in counts.items()})
        expected.update({"process.exec": 1, "process.exit": 1})
        got = collections.Counter(f["ringfort"]["type"] for f in self.all())
        # Merged by the kernel as it likes: once at least.
        if got["file.modify"] and expected["file.modify"]:
            got["file.modify"] = expected["file.modify"]
        equal(dict(got), dict(+expected), "events of the act")

    def expect(self, kind, fields, n=1, at=-1, via="syscall", **process):
        """The at-th event of the kind says this, all of this, and nothing else."""
        found = self.of(kind)
        require(len(found) >= n, f"{len(found)} events {kind}, expected {n}")
        finding = found[at]
        event = finding["ringfort"]
        check_object(f"{kind}.process", event["process"], {**self.who, **process}, self.world.process_fields)
        check_object(kind, {k: event[k] for k in self.world.type_fields[kind]}, fields,
                     self.world.type_fields[kind])
        equal(event["via"], via, "via")
        check_head(finding, kind)
        check_ocsf(self.world, finding["evidences"][0], event)
        check_as_event(self.world, event)
        return event


def strings(data):
    """Bytes with a NUL behind each, as JSON shows them."""
    return [show(part) for part in data.split(b"\0")[:-1]] if data else []


def show(data):
    return data.decode("utf-8", errors="replace")


def told_text(text):
    return show(text.encode("latin-1"))


def in_tick(ticks):
    """/proc counts in ticks of 10 ms what the kernel knows in ns."""
    return lambda ns: ns // 10000000 == ticks


def ancestors(pid):
    found = []
    while len(found) < 8:
        with open(f"/proc/{pid}/status") as file:
            pid = int(next(line for line in file if line.startswith("PPid")).split()[1])
        if pid == 0:
            break
        try:
            found.append(os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)"))
        except OSError:
            break
    return found


def check_object(name, got, expected, schema):
    missing = set(schema) - set(expected)
    require(not missing, f"{name}: no expectation for {sorted(missing)}")
    unknown = set(expected) - set(schema)
    require(not unknown, f"{name}: the schema has no {sorted(unknown)}")
    wrong = [f"{field} is {got[field]!r}, expected {value!r}" for field, value in expected.items()
             if not (value(got[field]) if callable(value) else got[field] == value)]
    require(not wrong, f"{name}: " + "; ".join(wrong)[:1500])


def check_head(finding, kind):
    """The members that every finding has, and the event inside it."""
    event = finding["ringfort"]
    equal((finding["class_uid"], finding["category_uid"], finding["activity_id"], finding["type_uid"]),
          (2004, 2, 1, 200401), "OCSF class of a finding")
    equal(finding["time"], event["time_ns"] // 1000000, "time")
    equal(finding["metadata"]["version"], "1.8.0", "metadata.version")
    equal(finding["metadata"]["product"]["name"], "Ringfort", "metadata.product.name")
    equal(finding["finding_info"]["title"], "seen", "finding_info.title")
    equal(finding["finding_info"]["analytic"]["uid"], kind, "finding_info.analytic.uid")
    equal([event[k] for k in ("solution", "rule_id", "title", "level", "count", "matched")],
          ["mirror", kind, "seen", "low", 1, {}], "the finding")
    import time
    require(abs(event["time_ns"] / 1e9 - time.time()) < 600, "time_ns is not now")
    require(event["seq"] > 0 and event["monotonic_ns"] > 0, "seq and monotonic_ns")


def check_ocsf(world, at, event):
    """Every field that names an OCSF member is there, in OCSF's form."""
    for common, fields, values in ((True, world.process_fields, event["process"]),
                                   (False, world.type_fields[event["type"]], event)):
        for name, field in fields.items():
            if not field["ocsf"]:
                continue
            value = at
            for part in field["ocsf"].split("."):
                require(isinstance(value, dict) and part in value, f"no OCSF member {field['ocsf']}")
                value = value[part]
            equal(value, ocsf_form(field, values[name]), field["ocsf"])


def ocsf_form(field, value):
    kind, last = field["kind"], field["ocsf"].rsplit(".", 1)[-1]
    if kind == "file":
        return value["path"]
    if kind == "proc":
        return value["pid"]
    if kind == "strv" and last == "cmd_line":
        return " ".join(value)
    if kind == "enum":
        return PROTOCOLS[value]
    if kind == "i32" or (kind == "u32" and last == "uid"):
        return str(value)
    if kind == "addr":
        form = {k: value[k] for k in ("ip", "port") if k in value}
        return {**form, "name": value["path"]} if "path" in value else form
    return value


def check_as_event(world, event):
    """`ringfort events` shows the very same, under the class of its type."""
    try:
        line = world.events.wait_for(lambda e: e["ringfort"]["type"] == event["type"] and
                                     e["ringfort"]["seq"] == event["seq"], 2, "the same in ringfort events")
    except lib.Failure:
        # A storm elsewhere on this machine may be too much for the command; then it says so.
        if "lost" in world.events.complaints():
            return
        raise
    world.compared.add(event["type"])
    only = ("solution", "rule_id", "title", "level", "author", "count", "references", "tags", "matched",
            "matched_as")
    equal(line["ringfort"], {k: v for k, v in event.items() if k not in only}, "ringfort events")
    class_uid, activity = OCSF[event["type"]]
    equal((line["class_uid"], line["activity_id"], line["type_uid"], line["category_uid"]),
          (class_uid, activity, class_uid * 100 + activity, class_uid // 1000), "OCSF class")
    check_ocsf(world, line, line["ringfort"])


# ---- expectations that come again ------------------------------------------------------------

def file_is(act, name="file", path=None, quality="resolved", known=None, **flags):
    """What is told of a file.  A path as called comes without device and inode: only names were given."""
    world, told = World.get(), act.told
    known = quality == "resolved" if known is None else known
    mnt_ns = act.who["mnt_ns"]
    expected = {
        "path": told_text(told[name + ".path"]) if path is None else path,
        "quality": quality,
        "dev": told[name + ".dev"] if known else 0,
        "ino": told[name + ".ino"] if known else 0,
        "mnt_ns": mnt_ns,
        "foreign_ns": mnt_ns != world.mnt_ns,
        "deleted": False, "memfd": False, "truncated": False,
    }
    expected.update(flags)
    return expected


NO_FILE = {"path": "", "quality": "none", "dev": 0, "ino": 0, "mnt_ns": 0, "foreign_ns": False,
           "deleted": False, "memfd": False, "truncated": False}


def exec_is(act, file, called, argv, **changes):
    expected = {
        "file": file, "called": called, "argv": argv, "argc": len(argv), "flags": [],
        "script": NO_FILE, "interpreter": "", "cwd": act.world.work,
        "env": ["PATH=/usr/bin:/bin", "LD_BIND_NOW=1", "RFT_A=b c"],
        "stdin_is": "pipe", "stdout_is": "pipe", "stderr_is": "pipe",
        "cap_effective": act.cap_effective, "error": 0,
    }
    expected.update(changes)
    return expected


def image_is(exe, called, argv):
    """The acting process of an exec that succeeded is the new image."""
    return {"exe": exe, "exe_called": called, "argv": argv}


def fresh(name, content="", mode=0o644):
    path = f"{World.get().work}/{name}"
    with open(path, "w") as file:
        file.write(content)
    os.chmod(path, mode)
    return path


def name_of(name):
    return f"{World.get().work}/{name}"


def dev_of(st):
    return os.major(st.st_dev) << 20 | os.minor(st.st_dev)


# ---- ends of connections ---------------------------------------------------------------------

def ip_text(family):
    return "127.0.0.1" if family == "inet" else "0:0:0:0:0:0:0:1"


def end_is(family, port=0, path=None, ip=None):
    if family == "unix":
        return {"family": "unix", **({"path": path} if path else {})}
    return {"family": family, "ip": ip or ip_text(family), "port": port}


class Listener:
    """A socket of the test that the trigger connects to."""

    def __init__(self, family, name=None):
        import socket
        self.socket = socket.socket({"inet": socket.AF_INET, "inet6": socket.AF_INET6,
                                     "unix": socket.AF_UNIX}[family])
        self.socket.bind(name.replace("@", "\0") if family == "unix" else (
            "127.0.0.1" if family == "inet" else "::1", 0))
        self.socket.listen(4)
        self.port = self.socket.getsockname()[1] if family != "unix" else 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


def any_ip(family):
    return "0.0.0.0" if family == "inet" else "0:0:0:0:0:0:0:0"


def closing_cases(kinds):
    """The cases that every file of events ends with."""

    @case("numbers of each type grow from event to event")
    def numbers():
        seen = collections.defaultdict(list)
        for line in list(World.get().findings.lines):
            seen[line["ringfort"]["type"]].append(line["ringfort"]["seq"])
        for kind, of_kind in seen.items():
            equal(of_kind, sorted(set(of_kind)), f"numbers of {kind}")

    @case(f"every type of {' and '.join(kinds)} was caused, and checked in ringfort events as well")
    def every_type():
        world = World.get()
        equal(set(OCSF), set(world.type_fields) - {"stream.loss", "ringfort.tamper"}, "types with an expectation")
        wanted = {t for t in OCSF if t.split(".")[0] in kinds}
        seen = {line["ringfort"]["type"] for line in world.findings.lines}
        equal(seen & wanted, wanted, "types seen")
        equal(world.compared & wanted, wanted, "types that ringfort events was compared for")

    @case("nothing was lost meanwhile")
    def nothing_lost():
        mirror = World.get().daemon.status()["solutions"][0]
        equal((mirror["lost"], mirror["findings_dropped"]), (0, 0), "lost")
