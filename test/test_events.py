# SPDX-License-Identifier: Apache-2.0
"""Events - every field of every event type, caused by the trigger and seen through a real solution.

Each act is performed by test/trigger.c in a cgroup of the test, below a parent that was started
after the daemon; it says what only the one who acts knows.  The event must say the same, field
by field.  A field of the schema without an expectation fails the case, so that a new field
cannot go untested.  Beside the fields of the type: the acting process, the OCSF members, and
that the act gave these events and no others.
"""

import collections
import json
import os
import resource
import shutil
import signal
import subprocess

import lib
from lib import case, equal, require

ARGV_CEILING = 32768
PROCESS_ARGV_CEILING = 4096
NOBODY = 4294967295

# OCSF 1.8: class and activity of each type.
OCSF = {
    "process.exec": (1007, 1), "process.fork": (1007, 1), "process.exit": (1007, 2),
    "process.setid": (1007, 99), "process.ptrace": (1007, 4),
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


# ---- expectations that come again ---------------------------------------------------------------------

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


# ---- process.exec ----------------------------------------------------------------------------------------

@case("process.exec of an ordinary program tells file, call, arguments, environment and descriptors")
def exec_plain():
    world = World.get()
    act = Act("exec", world.work + "/act", "zero", "landed", "two words", "")
    argv = ["zero", "landed", "two words", ""]
    equal(act.told["argv"], argv, "what the trigger says")
    act.expect("process.exec", exec_is(act, file_is(act, path=world.trigger), world.work + "/act", argv),
               **image_is(world.trigger, world.work + "/act", argv))
    act.expect_types(process_exec=1)


@case("process.exec by a relative path tells the path as called and the file as resolved")
def exec_relative():
    world = World.get()
    act = Act("exec", "./launch", "zero", "landed")
    argv = ["zero", "landed"]
    act.expect("process.exec", exec_is(act, file_is(act, path=world.trigger), "./launch", argv),
               **image_is(world.trigger, "./launch", argv))


@case("process.exec of a script tells the script, its interpreter and what runs")
def exec_script():
    world = World.get()
    path = fresh("script.sh", "#!/bin/sh -e\nexit 0\n", 0o755)
    act = Act("exec", path, "ignored", "argument")
    shell = os.path.realpath("/bin/sh")
    argv = ["/bin/sh", "-e", path, "argument"]
    st = os.stat(shell)
    shell_file = {**file_is(act, path=shell), "dev": dev_of(st), "ino": st.st_ino}
    act.expect("process.exec",
               exec_is(act, shell_file, path, argv, flags=["script"], interpreter="/bin/sh",
                       script=file_is(act, path=path, quality="caller")),
               **image_is(shell, path, argv))


@case("process.exec of a script by a relative path resolves the script's folder")
def exec_script_relative():
    path = fresh("script2.sh", "#!/bin/sh\nexit 0\n", 0o755)
    act = Act("exec", "./script2.sh", "ignored")
    event = act.of("process.exec")[-1]["ringfort"]
    equal((event["called"], event["script"]["path"]), ("./script2.sh", path), "called and script")


def dev_of(st):
    return os.major(st.st_dev) << 20 | os.minor(st.st_dev)


@case("process.exec of a memfd is flagged as memfd and deleted")
def exec_memfd():
    world = World.get()
    argv = ["zero", "landed"]
    act = Act("exec-memfd", world.trigger, *argv)
    called = f"/dev/fd/{act.told['fd']}"
    # A memfd belongs to no mount namespace.
    file = file_is(act, path="/memfd:payload", deleted=True, memfd=True, mnt_ns=lambda n: True)
    event = act.expect("process.exec",
                       exec_is(act, lambda got: got["path"] == file["path"] and got["memfd"] and
                               got["deleted"] and got["ino"] == file["ino"] and got["dev"] == file["dev"] and
                               not got["foreign_ns"] and not got["truncated"] and
                               got["quality"] == "resolved" and got["mnt_ns"] in (0, world.mnt_ns),
                               called, argv, flags=["memfd", "deleted"]),
                       **image_is("/memfd:payload", called, argv))
    require(event["file"]["memfd"], "memfd")


@case("process.exec of a file that was unlinked is flagged as deleted")
def exec_deleted():
    world = World.get()
    path = name_of("doomed")
    shutil.copy(world.trigger, path)
    argv = ["zero", "landed"]
    act = Act("exec-deleted", path, *argv)
    called = f"/dev/fd/{act.told['fd']}"
    act.expect("process.exec",
               exec_is(act, file_is(act, path=path, deleted=True), called, argv, flags=["deleted"]),
               **image_is(path, called, argv))


@case("process.exec by descriptor (execveat) tells the file and how it was called")
def exec_fd():
    world = World.get()
    argv = ["zero", "landed"]
    act = Act("exec-fd", world.trigger, *argv)
    called = f"/dev/fd/{act.told['fd']}"
    act.expect("process.exec", exec_is(act, file_is(act, path=world.trigger), called, argv),
               **image_is(world.trigger, called, argv))


@case("process.exec from a thread that is not the leader belongs to the process")
def exec_thread():
    world = World.get()
    argv = ["zero", "landed"]
    act = Act("exec-thread", world.work + "/act", *argv)
    st = os.stat(world.trigger)
    file = {**file_is(act, path=world.trigger, known=False), "dev": dev_of(st), "ino": st.st_ino}
    act.expect("process.exec", exec_is(act, file, world.work + "/act", argv),
               **image_is(world.trigger, world.work + "/act", argv))
    act.expect_types(process_exec=1)


def failed_exec(called, number, **changes):
    world = World.get()
    act = Act("exec-failed", called, "zero", "one")
    equal(act.told["error"], number, "errno")
    path = called if called.startswith("/") else f"{world.work}/{called}"
    fields = exec_is(act, file_is(act, path=path, quality="caller"), called, ["zero", "one"], error=number,
                     env=[])
    act.expect("process.exec", {**fields, **changes})
    act.expect_types(process_exec=1)


@case("process.exec that fails with ENOENT is told with its error")
def exec_enoent():
    failed_exec(name_of("is-not-there"), 2)


@case("process.exec that fails with EACCES is told with its error")
def exec_eacces():
    failed_exec(fresh("not-executable", "x"), 13)


@case("process.exec that fails by a relative path is told below the working directory")
def exec_enoent_relative():
    failed_exec("neither-here", 2)


@case("process.exec with a socket as all three descriptors looks like a reverse shell")
def exec_socket():
    world = World.get()
    argv = ["zero", "landed"]
    act = Act("exec-socket", world.work + "/act", *argv)
    st = os.stat(world.trigger)
    file = {**file_is(act, path=world.trigger, known=False), "dev": dev_of(st), "ino": st.st_ino}
    act.expect("process.exec", exec_is(act, file, world.work + "/act", argv, stdin_is="socket",
                                       stdout_is="socket", stderr_is="socket"),
               **image_is(world.trigger, world.work + "/act", argv))


@case("process.exec tells files, folders, /dev/null, devices, terminals and closed descriptors apart")
def exec_stdio():
    world = World.get()
    path = fresh("stdio")
    for paths, kinds in ((("/dev/null", path, world.work), ("null", "file", "directory")),
                         (("/dev/zero", "closed", "-"), ("device", "closed", "pipe")),
                         (("/dev/ptmx", "/dev/null", "closed"), ("tty", "null", "closed"))):
        act = Act("exec-stdio", *paths, world.work + "/act", "zero", "landed")
        event = act.of("process.exec")[-1]["ringfort"]
        equal((event["stdin_is"], event["stdout_is"], event["stderr_is"]), kinds, f"stdio of {paths}")


@case("process.exec tells arguments up to 32768 bytes, then says that they are cut and how many there were")
def exec_long():
    world = World.get()
    act = Act("exec-long", world.work + "/act", 400)
    argv = act.told["argv"]
    equal(len(argv), 402, "arguments made")
    event = act.of("process.exec")[-1]["ringfort"]
    joined, whole = "\0".join(event["argv"]), "\0".join(argv)
    require(whole.startswith(joined), "the arguments told are not the first of those given")
    equal(len(joined), ARGV_CEILING - 1, "bytes told")
    equal((event["argc"], event["flags"]), (402, ["argv_truncated"]), "argc and flags")
    joined = "\0".join(event["process"]["argv"])
    require(whole.startswith(joined) and PROCESS_ARGV_CEILING - 110 <= len(joined) <= PROCESS_ARGV_CEILING,
            f"process.argv has {len(joined)} bytes")


@case("process.exec with arguments just below the ceiling tells them in full")
def exec_nearly_long():
    world = World.get()
    act = Act("exec-long", world.work + "/act", 320)
    event = act.of("process.exec")[-1]["ringfort"]
    equal(event["argv"], act.told["argv"], "argv")
    equal(event["flags"], [], "flags")


@case("process.exec with arguments that are not UTF-8 shows U+FFFD for what cannot be shown")
def exec_not_utf8():
    world = World.get()
    act = Act("exec", world.work + "/act", b"zero\xff", "landed".encode(), b"\xfe\x01\xc3\xa4", b"\n\t\"\\")
    event = act.of("process.exec")[-1]["ringfort"]
    equal(event["argv"], ["zero�", "landed", "�\x01ä", "\n\t\"\\"], "argv")
    equal(event["argv"], [told_text(t) for t in act.told["argv"]], "argv as told")


@case("process.exec of a set-id program is flagged secure and tells the new ids")
def exec_secure():
    world = World.get()
    path = name_of("setid-program")
    shutil.copy(world.trigger, path)
    os.chown(path, 1234, 1235)
    os.chmod(path, 0o6755)
    argv = ["zero", "landed"]
    act = Act("exec", path, *argv, ids=(1000, 1000, 1001, 1001))
    event = act.expect("process.exec",
                       exec_is(act, file_is(act, path=path), path, argv, flags=["secure"], cap_effective=0),
                       **image_is(path, path, argv), euid=1234, egid=1235)
    require(event["process"]["uid"] == 1000, "uid")


# ---- process.fork and process.exit --------------------------------------------------------------------------

def fork_is(act):
    return {"child": lambda c: c["pid"] == act.told["child.pid"] and
            c["start_ns"] // 10000000 == act.told["child.ticks"],
            "clone_flags": act.told["flags"]}


@case("process.fork tells the child and the flags of fork, clone and clone3")
def fork():
    for how in ("fork", "clone", "clone3"):
        act = Act("fork", how)
        act.expect("process.fork", fork_is(act))
        act.expect_types(process_fork=1)


@case("process.fork tells of vfork")
def vfork():
    act = Act("vfork")
    act.expect("process.fork", fork_is(act))
    act.expect_types(process_fork=1)


@case("a thread is no process: it gives no process.fork and no process.exit")
def thread():
    Act("thread").expect_types()


@case("process.exit tells the exit status")
def exit_code():
    for code in (0, 7, 255):
        act = Act("exit-code", code)
        equal(os.waitstatus_to_exitcode(act.status), code, "as its parent saw it")
        act.expect("process.exit", {"exit_code": code, "signal": 0, "core_dumped": False})


@case("process.exit tells the signal that killed it")
def exit_signal():
    for number in (signal.SIGKILL, signal.SIGTERM):
        act = Act("exit-signal", int(number), 0)
        equal(os.WTERMSIG(act.status), number, "as its parent saw it")
        act.expect("process.exit", {"exit_code": 0, "signal": int(number), "core_dumped": False})


@case("process.exit tells when a core was dumped")
def exit_core():
    with open("/proc/sys/kernel/core_pattern") as file:
        if file.read(1) == "|":
            raise lib.Skip("core_pattern is a pipe")
    act = Act("exit-signal", int(signal.SIGQUIT), 1)
    if not os.WCOREDUMP(act.status):
        raise lib.Skip(f"no core was dumped (limit {resource.getrlimit(resource.RLIMIT_CORE)})")
    act.expect("process.exit", {"exit_code": 0, "signal": int(signal.SIGQUIT), "core_dumped": True})


@case("process.exit comes once, when the last thread ends after the leader")
def exit_thread_last():
    act = Act("exit-thread-last")
    # The kernel keeps the status of the leader where no thread ended the group.
    act.expect("process.exit", {"exit_code": os.waitstatus_to_exitcode(act.status), "signal": 0,
                                "core_dumped": False}, tid=act.told["tid"])
    act.expect_types()


# ---- process.setid ----------------------------------------------------------------------------------------

def setid_case(how, **process):
    act = Act("setid", how)
    told = act.told
    fields = {k: told[k] & 0xffffffffffffffff for k in
              ("uid", "euid", "suid", "fsuid", "gid", "egid", "sgid", "fsgid", "cap_effective")}
    fields.update(old_uid=0, old_euid=0, old_gid=0, old_egid=0)
    act.expect("process.setid", fields, at=0, uid=told["uid"], euid=told["euid"], gid=told["gid"],
               egid=told["egid"], **process)
    act.expect_types(process_setid=1)


for _how in ("setuid", "setreuid", "setresuid", "setgid", "setregid", "setresgid", "setfsuid", "setfsgid",
             "capset"):
    case(f"process.setid tells of {_how} all ids now, those before and the capabilities")(
        lambda how=_how: setid_case(how))


@case("process.setid does not come when nothing has changed")
def setid_same():
    Act("setid", "same").expect_types()


# ---- process.ptrace ---------------------------------------------------------------------------------------

def ptrace_is(act, request, **changes):
    return {"request": request, "error": act.told["error"], "target_exe": act.world.trigger,
            "target": lambda t: t["pid"] == act.told["target.pid"] and
            t["start_ns"] // 10000000 == act.told["target.ticks"], **changes}


@case("process.ptrace tells of an attachment")
def ptrace_attach():
    act = Act("ptrace-attach")
    act.expect("process.ptrace", ptrace_is(act, "attach"))
    act.expect_types(process_ptrace=1, process_fork=1)


@case("process.ptrace tells of a seizure")
def ptrace_seize():
    act = Act("ptrace-seize")
    act.expect("process.ptrace", ptrace_is(act, "seize"))


@case("process.ptrace tells of who asks to be traced")
def ptrace_traceme():
    act = Act("ptrace-traceme")
    act.expect("process.ptrace", ptrace_is(act, "traceme"))


@case("process.ptrace tells of writes to memory and registers, not of reads")
def ptrace_write():
    act = Act("ptrace-write")
    for at, request in enumerate(("attach", "pokedata", "poketext", "setregs")):
        act.expect("process.ptrace", ptrace_is(act, request), n=4, at=at)
    act.expect_types(process_ptrace=4, process_fork=1)


@case("process.ptrace tells of an attempt that failed, with its error")
def ptrace_failed():
    target = subprocess.Popen(["/bin/sleep", "60"], preexec_fn=lib.die_with_us)
    try:
        lib.wait_until(lambda: os.readlink(f"/proc/{target.pid}/exe").endswith("sleep"), 5, "sleep runs")
        act = Act("ptrace-failed", target.pid, ids=(1000, 1000, 1001, 1001))
        equal(act.told["error"], 1, "errno")
        act.expect("process.ptrace", ptrace_is(act, "attach", target_exe=os.path.realpath("/bin/sleep")))
    finally:
        target.kill()
        target.wait()


@case("process.ptrace tells of process_vm_writev")
def vm_writev():
    act = Act("vm-writev")
    act.expect("process.ptrace", ptrace_is(act, "process_vm_writev"))
    act.expect_types(process_ptrace=1, process_fork=1)


# ---- files: opens ------------------------------------------------------------------------------------------

RDONLY, WRONLY, RDWR, CREAT, EXCL, TRUNC, APPEND = 0, 1, 2, 0o100, 0o200, 0o1000, 0o2000


def opened(act, flags, via="syscall", created=False, mode=0o640, **file):
    described = file_is(act, **file)
    act.expect("file.open_write", {"file": described, "open_flags": flags}, via=via)
    if created:
        act.expect("file.create", {"file": described, "kind": "regular", "mode": 0o100000 | mode,
                                   "target": ""}, via=via)


for _how in ("open", "openat", "openat2"):
    def _opens_new(how=_how):
        path = name_of(f"new-{how}")
        act = Act("open", how, WRONLY | CREAT, "640", path, "-", wait_types=["file.modify"])
        opened(act, WRONLY | CREAT, created=True)
        act.expect("file.modify", {"file": file_is(act)}, via="kernel")
        act.expect_types(file_open_write=1, file_create=1, file_modify=1)
    case(f"file.open_write and file.create tell of {_how} that makes its file")(_opens_new)

    def _opens_old(how=_how):
        path = fresh(f"old-{how}", mode=0o600)
        act = Act("open", how, RDWR | CREAT | APPEND, "640", path, "w", wait_types=["file.modify"])
        opened(act, RDWR | CREAT | APPEND)
        act.expect_types(file_open_write=1, file_modify=1)
    case(f"file.open_write alone tells of {_how} with O_CREAT of a file that was there")(_opens_old)


@case("file.open_write and file.create tell of creat")
def creat():
    act = Act("open", "creat", 0, "600", name_of("new-creat"), "-")
    opened(act, WRONLY | CREAT | TRUNC, created=True, mode=0o600)


@case("file.open_write tells an open below a folder's descriptor with its whole path")
def open_relative():
    os.mkdir(name_of("folder"))
    act = Act("open", "relative", WRONLY | CREAT | EXCL, "640", name_of("folder/leaf"), "-")
    opened(act, WRONLY | CREAT | EXCL, created=True)


@case("file.open_write through a link to a folder tells where it leads")
def open_through_link():
    os.mkdir(name_of("real"))
    os.symlink("real", name_of("alias"))
    act = Act("open", "open", WRONLY | CREAT, "640", name_of("alias/leaf"), "-")
    opened(act, WRONLY | CREAT, created=True, path=name_of("real/leaf"))


@case("file.open_write through a link whose name differs says raced, and tells the path as called")
def open_link():
    fresh("aim")
    os.symlink("aim", name_of("arrow"))
    act = Act("open", "open", WRONLY, "0", name_of("arrow"), "-")
    event = act.of("file.open_write")[-1]["ringfort"]
    equal((event["file"]["path"], event["file"]["quality"]), (name_of("arrow"), "raced"), "file")


@case("file.open_write of a file without a name (O_TMPFILE) is flagged as deleted")
def open_tmpfile():
    act = Act("open-tmpfile", act_folder())
    flags = os.O_TMPFILE | RDWR
    event = act.of("file.open_write")[-1]["ringfort"]
    file = event["file"]
    require(file["path"].startswith(act_folder() + "/#"), file["path"])
    equal((file["dev"], file["ino"], file["deleted"], event["open_flags"] & flags),
          (act.told["file.dev"], act.told["file.ino"], True, flags), "file")


def act_folder():
    return World.get().work


@case("opens for reading, opens that fail and attributes of users give no event")
def file_nothing():
    Act("file-nothing", fresh("readable")).expect_types()


@case("opens in another mount namespace are marked foreign_ns and carry that namespace")
def foreign_open():
    world = World.get()
    act = Act("open", "openat", WRONLY | CREAT, "640", name_of("foreign"), "-", new_mounts=True)
    require(act.who["mnt_ns"] != world.mnt_ns, "the namespace is not another")
    opened(act, WRONLY | CREAT, created=True)
    equal(act.of("file.open_write")[-1]["ringfort"]["file"]["foreign_ns"], True, "foreign_ns")


@case("names made in another mount namespace are marked foreign_ns")
def foreign_mkdir():
    act = Act("mkdir", name_of("foreign-folder"), new_mounts=True)
    act.expect("file.create", {"file": file_is(act, quality="caller", foreign_ns=True), "kind": "directory",
                               "mode": 0o1750, "target": ""})


@case("an exec in another mount namespace is marked foreign_ns")
def foreign_exec():
    world = World.get()
    argv = ["zero", "landed"]
    act = Act("exec", world.work + "/act", *argv, new_mounts=True)
    act.expect("process.exec", exec_is(act, file_is(act, path=world.trigger, foreign_ns=True),
                                       world.work + "/act", argv),
               **image_is(world.trigger, world.work + "/act", argv))


# ---- files: file.modify --------------------------------------------------------------------------------------

@case("file.modify tells of a file that was written and closed")
def modify():
    act = Act("open", "open", WRONLY, "0", fresh("written"), "w", wait_types=["file.modify"])
    act.expect("file.modify", {"file": file_is(act)}, via="kernel")


@case("file.modify tells of a mapping that was written through after its descriptor was closed")
def modify_mapped():
    path = fresh("mapped", "content")
    act = Act("mapped", path, wait_types=["file.modify"])
    act.expect("file.modify", {"file": file_is(act)}, via="kernel")


# ---- files: names --------------------------------------------------------------------------------------------

def created(act, kind, mode=0, target="", via="syscall", **file):
    act.expect("file.create", {"file": file_is(act, quality="caller", **file), "kind": kind, "mode": mode,
                               "target": target}, via=via)
    act.expect_types(file_create=1)


@case("file.create tells of mkdir with its mode")
def mkdir():
    created(Act("mkdir", name_of("made")), "directory", 0o1750)


@case("file.create tells of mkdirat below a folder's descriptor with its whole path")
def mkdirat():
    os.mkdir(name_of("base"))
    created(Act("mkdirat", name_of("base"), "below"), "directory", 0o700, path=name_of("base/below"))


@case("file.create tells of symlink and where it leads")
def symlink():
    created(Act("symlink", "to/some where", name_of("symlink")), "symlink", target="to/some where")


@case("file.create tells of link and the older name")
def link():
    old = fresh("older")
    created(Act("link", old, name_of("hardlink")), "hardlink", target=old)


@case("file.create tells of mknod: a node, and a regular file")
def mknod():
    created(Act("mknod", "fifo", name_of("fifo")), "node", 0o010640)
    created(Act("mknod", "regular", name_of("by-mknod")), "regular", 0o100640)


@case("file.create with a relative path tells the whole path")
def mkdir_relative():
    created(Act("mkdir", "relative-made"), "directory", 0o1750, path=name_of("relative-made"))


@case("a path that is not UTF-8 is shown with U+FFFD")
def mkdir_not_utf8():
    act = Act("mkdir", os.fsencode(name_of("odd-")) + b"\xff")
    created(act, "directory", 0o1750, path=name_of("odd-�"))


def renamed(act, flags=0, via="syscall"):
    act.expect("file.rename", {"from": file_is(act, "from", quality="caller"),
                               "to": file_is(act, "to", quality="caller"), "rename_flags": flags}, via=via)
    act.expect_types(file_rename=1)


@case("file.rename tells of rename both names")
def rename():
    renamed(Act("rename", "rename", 0, fresh("from"), name_of("to")))


@case("file.rename tells of renameat2 its flags")
def renameat2():
    renamed(Act("rename", "renameat2", 1, fresh("from2"), name_of("to2")), 1)
    renamed(Act("rename", "renameat2", 2, fresh("from3"), fresh("to3")), 2)


def unlinked(act, directory, via="syscall", **file):
    act.expect("file.unlink", {"file": file_is(act, quality="caller", **file), "directory": directory}, via=via)
    act.expect_types(file_unlink=1)


@case("file.unlink tells of unlink, unlinkat and rmdir, and whether it was a folder")
def unlink():
    unlinked(Act("unlink", fresh("gone")), False)
    os.mkdir(name_of("gone-folder"))
    unlinked(Act("rmdir", name_of("gone-folder")), True)
    fresh("gone-at")
    unlinked(Act("unlinkat", act_folder(), "gone-at", 0), False, path=name_of("gone-at"))
    os.mkdir(name_of("gone-folder-at"))
    unlinked(Act("unlinkat", act_folder(), "gone-folder-at", 0x200), True, path=name_of("gone-folder-at"))


# ---- files: attributes -----------------------------------------------------------------------------------------

def attr(act, what, mode=0, uid=NOBODY, gid=NOBODY, via="syscall", quality="caller"):
    act.expect("file.attr", {"file": file_is(act, quality=quality), "what": what, "mode": mode,
                             "new_uid": uid, "new_gid": gid}, via=via)
    act.expect_types(file_attr=1)


@case("file.attr tells of chmod, fchmod and fchmodat with the set-id bits")
def chmod():
    attr(Act("chmod", "chmod", "4755", fresh("m1")), "mode", 0o4755)
    attr(Act("chmod", "fchmod", "2755", fresh("m2")), "mode", 0o2755, quality="resolved")
    attr(Act("chmod", "fchmodat", "6711", fresh("m3")), "mode", 0o6711)


@case("file.attr tells of chown, lchown, fchown and fchownat the owners asked for")
def chown():
    attr(Act("chown", "chown", 12, 34, fresh("o1")), "owner", uid=12, gid=34)
    attr(Act("chown", "lchown", 12, -1, fresh("o2")), "owner", uid=12)
    attr(Act("chown", "fchown", -1, 34, fresh("o3")), "owner", gid=34, quality="resolved")
    attr(Act("chown", "fchownat", 5, 6, fresh("o4")), "owner", uid=5, gid=6)


@case("file.attr tells of capabilities given to a file")
def setxattr():
    attr(Act("setxattr", "setxattr", fresh("x1")), "capabilities")
    attr(Act("setxattr", "fsetxattr", fresh("x2")), "capabilities", quality="resolved")


# ---- network ---------------------------------------------------------------------------------------------------

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


for _family in ("inet", "inet6"):
    def _connects(family=_family):
        with Listener(family) as listener:
            act = Act("connect", "stream", family, listener.port)
        act.expect("net.connect", {"protocol": "tcp", "local": end_is(family, act.told["port"]),
                                   "remote": end_is(family, listener.port), "error": 0})
        act.expect_types(net_connect=1)
    case(f"net.connect tells both ends of a TCP connection ({_family})")(_connects)

    def _refused(family=_family):
        with Listener(family) as listener:
            port = listener.port
        act = Act("connect", "stream", family, port)
        equal(act.told["error"], 111, "errno")
        act.expect("net.connect", {"protocol": "tcp",
                                   "local": lambda end: end["family"] == family and
                                   end["ip"] in (ip_text(family), any_ip(family)),
                                   "remote": end_is(family, port), "error": 111})
    case(f"net.connect that is refused is told with its error ({_family})")(_refused)

    def _udp(family=_family):
        act = Act("connect", "dgram", family, 9)
        act.expect("net.connect", {"protocol": "udp", "local": end_is(family, act.told["port"]),
                                   "remote": end_is(family, 9), "error": 0})
    case(f"net.connect tells of a UDP socket that gets its peer ({_family})")(_udp)

    def _binds(family=_family):
        act = Act("bind", "stream", family, 0)
        act.expect("net.bind", {"protocol": "tcp", "local": end_is(family, act.told["port"]), "error": 0})
        act.expect_types(net_bind=1)
        with Listener(family) as listener:
            act = Act("bind", "stream", family, listener.port)
        equal(act.told["error"], 98, "errno")
        act.expect("net.bind", {"protocol": "tcp", "local": end_is(family, listener.port), "error": 98})
    case(f"net.bind tells the address, and the error where it is taken ({_family})")(_binds)

    def _listens(family=_family):
        act = Act("listen", 17, family, 0)
        act.expect("net.listen", {"protocol": "tcp", "local": end_is(family, act.told["port"]), "backlog": 17})
        act.expect_types(net_bind=1, net_listen=1)
    case(f"net.listen tells the address and the backlog ({_family})")(_listens)

    def _accepts(family=_family):
        for how in ("accept", "accept4"):
            act = Act("accept", how, family, 0)
            act.expect("net.accept", {"protocol": "tcp", "local": end_is(family, act.told["port"]),
                                      "remote": end_is(family, act.told["remote_port"])})
            act.expect_types(net_bind=1, net_listen=1, net_accept=1, process_fork=1)
    case(f"net.accept tells both ends ({_family})")(_accepts)


@case("net.connect that does not wait says EINPROGRESS or that it is there")
def connect_later():
    with Listener("inet") as listener:
        act = Act("connect-later", "inet", listener.port)
    act.expect("net.connect", {"protocol": "tcp", "local": end_is("inet", act.told["port"]),
                               "remote": end_is("inet", listener.port), "error": act.told["error"]})
    require(act.told["error"] in (0, 115), "errno")


for _name, _sentence in (("sock", "a path"), ("@ringfort-test-%d" % os.getpid(), "an abstract name")):
    def _unix(name=_name):
        name = name if name.startswith("@") else name_of(name)
        with Listener("unix", name):
            act = Act("connect", "stream", "unix", name)
        act.expect("net.connect", {"protocol": "ip", "local": end_is("unix"),
                                   "remote": end_is("unix", path=name), "error": 0})
        act.expect_types(net_connect=1)
        other = name + "-b"
        act = Act("bind", "stream", "unix", other)
        act.expect("net.bind", {"protocol": "ip", "local": end_is("unix", path=other), "error": 0})
        other = name + "-l"
        act = Act("listen", 3, "unix", other)
        act.expect("net.listen", {"protocol": "ip", "local": end_is("unix", path=other), "backlog": 3})
        other = name + "-a"
        act = Act("accept", "accept4", "unix", other)
        act.expect("net.accept", {"protocol": "ip", "local": end_is("unix", path=other),
                                  "remote": end_is("unix")})
    case(f"net.* tell of UNIX sockets with {_sentence}")(_unix)


@case("net.connect to a UNIX socket that is not there is told with its error")
def unix_failed():
    act = Act("connect", "stream", "unix", name_of("no-socket"))
    act.expect("net.connect", {"protocol": "ip", "local": end_is("unix"),
                               "remote": end_is("unix", path=name_of("no-socket")), "error": 2})


# ---- through io_uring --------------------------------------------------------------------------------------------

def uring(mode, *arguments, **options):
    with open("/proc/sys/kernel/io_uring_disabled") as file:
        if file.read().strip() != "0":
            raise lib.Skip("io_uring is disabled here")
    return Act("uring-" + mode, *arguments, **options)


def worker(act):
    """A worker thread of the ring may do it; it is a thread of the process."""
    return lambda tid: tid > 0


@case("the same through io_uring: openat and openat2 give file.open_write and file.create")
def uring_open():
    for how in ("openat", "openat2"):
        act = uring("open", how, WRONLY | CREAT, "640", name_of("uring-" + how))
        described = file_is(act)
        event = act.expect("file.open_write", {"file": described,
                                               "open_flags": lambda f: f & ~0o100000 == WRONLY | CREAT},
                           via="io_uring", tid=worker(act))
        act.expect("file.create", {"file": described, "kind": "regular", "mode": 0o100640, "target": ""},
                   via="io_uring", tid=worker(act))
        equal(event["via"], "io_uring", "via")
        act = uring("open", how, RDWR | CREAT, "640", name_of("uring-" + how))
        require(act.of("file.open_write") and not act.of("file.create"), "a file that was there is not created")


@case("the same through io_uring: mkdir, symlink and link give file.create")
def uring_create():
    options = {"via": "io_uring"}

    def made(act, kind, mode=0, target=""):
        act.expect("file.create", {"file": file_is(act, quality="caller"), "kind": kind, "mode": mode,
                                   "target": target}, tid=worker(act), **options)
        act.expect_types(file_create=1)
    made(uring("mkdir", name_of("uring-made")), "directory", 0o710)
    made(uring("symlink", "some/where", name_of("uring-symlink")), "symlink", target="some/where")
    old = fresh("uring-older")
    made(uring("link", old, name_of("uring-link")), "hardlink", target=old)


@case("the same through io_uring: rename gives file.rename, unlink and rmdir give file.unlink")
def uring_names():
    act = uring("rename", fresh("uring-from"), name_of("uring-to"))
    act.expect("file.rename", {"from": file_is(act, "from", quality="caller"),
                               "to": file_is(act, "to", quality="caller"), "rename_flags": 1},
               via="io_uring", tid=worker(act))
    for path, flags in ((fresh("uring-gone"), 0), (name_of("uring-gone-folder"), 0x200)):
        if flags:
            os.mkdir(path)
        act = uring("unlink", path, flags)
        act.expect("file.unlink", {"file": file_is(act, quality="caller"), "directory": bool(flags)},
                   via="io_uring", tid=worker(act))
        act.expect_types(file_unlink=1)


@case("the same through io_uring: setxattr and fsetxattr give file.attr")
def uring_attr():
    for how, quality in (("setxattr", "caller"), ("fsetxattr", "resolved")):
        act = uring("setxattr", how, fresh("uring-" + how))
        act.expect("file.attr", {"file": file_is(act, quality=quality), "what": "capabilities", "mode": 0,
                                 "new_uid": NOBODY, "new_gid": NOBODY}, via="io_uring", tid=worker(act))
        act.expect_types(file_attr=1)


@case("the same through io_uring: connect gives net.connect, refused ones too")
def uring_connect():
    with Listener("inet") as listener:
        act = uring("connect", listener.port)
    act.expect("net.connect", {"protocol": "tcp", "local": end_is("inet", act.told["port"]),
                               "remote": end_is("inet", listener.port), "error": 0},
               via="io_uring", tid=worker(act))
    act = uring("connect", listener.port)
    equal(act.told["error"], 111, "errno")
    act.expect("net.connect", {"protocol": "tcp", "local": lambda end: end["family"] == "inet",
                               "remote": end_is("inet", listener.port), "error": 111},
               via="io_uring", tid=worker(act))


@case("the same through io_uring: bind, listen and accept give theirs")
def uring_serve():
    act = uring("accept")
    act.expect("net.accept", {"protocol": "tcp", "local": end_is("inet", act.told["port"]),
                              "remote": end_is("inet", act.told["remote_port"])},
               via="io_uring", tid=worker(act))
    try:
        act = uring("bind")
        listening = uring("listen")
    except lib.Failure as failure:
        raise lib.Skip(f"this kernel's io_uring cannot bind and listen: {failure}")
    act.expect("net.bind", {"protocol": "tcp", "local": end_is("inet", act.told["port"]), "error": 0},
               via="io_uring", tid=worker(act))
    listening.expect("net.listen", {"protocol": "tcp", "local": end_is("inet", listening.told["port"]),
                                    "backlog": 7}, via="io_uring", tid=worker(listening))


# ---- the acting process -------------------------------------------------------------------------------------------

@case("the acting process is told with real and effective ids that differ")
def process_ids():
    path = name_of("ids")
    act = Act("mkdir", path, ids=(1000, 2000, 1001, 2001))
    equal([act.who[k] for k in ("uid", "euid", "gid", "egid")], [1000, 2000, 1001, 2001], "ids of the actor")
    created(act, "directory", 0o1750)


@case("the acting process is told with its login uid and audit session")
def process_login():
    try:
        act = Act("mkdir", name_of("login"), loginuid=4711)
    except OSError as error:
        raise lib.Skip(f"the login uid cannot be set here: {error}")
    except subprocess.SubprocessError:
        raise lib.Skip("the login uid cannot be set here")
    equal(act.who["loginuid"], 4711, "login uid of the actor")
    created(act, "directory", 0o1750)


@case("the acting process is told with its controlling terminal")
def process_tty():
    act = Act("mkdir", name_of("tty"), terminal=True)
    require(act.who["tty"].startswith("/dev/pts/"), "the actor has no terminal:", act.who["tty"])
    created(act, "directory", 0o1750)


@case("numbers of each type grow by one from event to event")
def numbers():
    seen = collections.defaultdict(list)
    for line in list(World.get().findings.lines):
        seen[line["ringfort"]["type"]].append(line["ringfort"]["seq"])
    for kind, numbers_ in seen.items():
        equal(numbers_, sorted(set(numbers_)), f"numbers of {kind}")


@case("every event type was caused and checked in this file")
def every_type():
    world = World.get()
    equal(set(OCSF), set(world.type_fields) - {"stream.loss"}, "types with an expectation")
    seen = {line["ringfort"]["type"] for line in world.findings.lines}
    equal(seen, set(OCSF), "types seen")
    equal(world.compared, set(OCSF), "types that ringfort events was compared for")


@case("nothing was lost meanwhile")
def nothing_lost():
    status = World.get().daemon.status()
    mirror = status["solutions"][0]
    equal((mirror["lost"], mirror["findings_dropped"], status["events"]["lost"]), (0, 0, 0), "lost")


if __name__ == "__main__":
    lib.main()
