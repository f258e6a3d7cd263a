# SPDX-License-Identifier: Apache-2.0
"""Lib - what the system tests share: cases, daemons of their own, processes, measurements.

Every daemon lives in a folder below $RINGFORT_TEST_TMP, in a process group of its own, and is
told to end when its test dies, so that a test that crashes leaves nothing behind.  Nothing is
ever looked for by name: only processes and folders that a test made are ended and removed.
"""

import collections
import contextlib
import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
BUILD = os.environ.get("RINGFORT_BUILD", os.path.join(ROOT, "build"))
STAGE = os.environ.get("RINGFORT_STAGE", os.path.join(BUILD, "stage"))
LONG = os.environ.get("RINGFORT_TEST_LONG") == "1"
SANITIZED = os.environ.get("RINGFORT_TEST_SANITIZED") == "1"
DAEMON = os.path.join(STAGE, "usr/sbin/ringfortd")
CLI = os.path.join(STAGE, "usr/bin/ringfort")
PLAIN = os.environ.get("RINGFORT_PLAIN", BUILD)  # without sanitizers, also when the rest has them
TRIGGER = os.path.join(PLAIN, "tests/trigger")
MARKER = os.path.join(PLAIN, "tests/marker")
SOLUTIONS = os.path.join(PLAIN, "tests/solutions")
KIT_BAD = os.path.join(PLAIN, "kit/bad")
CGROUP2 = next((p for p in ("/sys/fs/cgroup/unified", "/sys/fs/cgroup")
                if os.path.exists(p + "/cgroup.procs") and os.path.exists(p + "/cgroup.controllers")), None)

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1
CLONE_NEWNS = 0x20000

cases = []


class Skip(Exception):
    """A case cannot be tried here; the text says why."""


class Failure(AssertionError):
    pass


def case(sentence):
    """Decorator: a function without arguments is a test case, named by a sentence."""
    def register(function):
        cases.append((sentence, function))
        return function
    return register


def require(condition, *what):
    if not condition:
        raise Failure(" ".join(str(w) for w in what))


def equal(got, expected, what):
    if got != expected:
        raise Failure(f"{what}: got {got!r}, expected {expected!r}")


def figure(text):
    """A measured number, shown with the result of the case."""
    print(f"      {text}", flush=True)


def main():
    """Run the cases of the calling file; the runner (run.py) reads the lines."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        failed = run_cases(sys.argv[1:])
    finally:
        close_all()
    sys.exit(1 if failed else 0)


def run_cases(wanted):
    failed = 0
    for sentence, function in cases:
        if wanted and not any(w in sentence for w in wanted):
            continue
        begin = time.monotonic()
        try:
            function()
            result, why = "PASS", ""
        except Skip as skip:
            result, why = "SKIP", str(skip)
        except Exception as error:  # noqa: BLE001: whatever breaks a case fails it
            result, why = "FAIL", describe(error)
            failed += 1
        seconds = time.monotonic() - begin
        print(f"{result} {sentence}" + (f": {why}" if why else "") + f" ({seconds:.1f} s)", flush=True)
    return failed


def describe(error):
    import traceback
    frames = traceback.extract_tb(error.__traceback__)
    place = next((f for f in reversed(frames) if not f.filename.endswith("lib.py")), frames[-1])
    kind = "" if isinstance(error, Failure) else type(error).__name__ + ": "
    return f"{os.path.basename(place.filename)}:{place.lineno}: {kind}{error}"


def need_root():
    if os.geteuid() != 0:
        raise Skip("needs root")


# ---- folders and processes --------------------------------------------------------------------

_open = []


def close_all():
    while _open:
        with contextlib.suppress(Exception):
            _open.pop()()


def temporary(prefix="t"):
    """A folder that goes with the test."""
    base = os.environ.get("RINGFORT_TEST_TMP") or tempfile.gettempdir()
    path = tempfile.mkdtemp(prefix=f"ringfort-{prefix}-", dir=base)
    os.chmod(path, 0o755)
    _open.append(lambda: shutil.rmtree(path, ignore_errors=True))
    return path


def die_with_us(number=signal.SIGKILL):
    """In a child before exec: end when the test ends."""
    _libc.prctl(_PR_SET_PDEATHSIG, number)


def wait_until(condition, seconds, what):
    """Until condition() is true; returns it.  Fails after so many seconds."""
    end = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise Failure(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(0.02)


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def children_of(pid):
    """Every process below pid."""
    found, todo = [], [pid]
    while todo:
        at = todo.pop()
        try:
            for task in os.listdir(f"/proc/{at}/task"):
                with open(f"/proc/{at}/task/{task}/children") as file:
                    below = [int(p) for p in file.read().split()]
                found += below
                todo += below
        except OSError:
            pass
    return found


def start_ticks(pid):
    with open(f"/proc/{pid}/stat") as file:
        return int(file.read().rsplit(")", 1)[1].split()[19])


def cpu_ticks(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


# ---- cgroups of tests ---------------------------------------------------------------------------

class Cgroup:
    """A cgroup (v2) with the look of a container's, for what a test starts."""

    def __init__(self):
        if not CGROUP2:
            raise Skip("no cgroup v2 is mounted")
        self.remove_orphans()
        self.container = os.urandom(32).hex()
        self.top = f"{CGROUP2}/ringfort-test-{os.getpid()}-{os.urandom(2).hex()}"
        self.path = f"{self.top}/docker-{self.container}.scope"
        try:
            os.mkdir(self.top)
            os.mkdir(self.path)
        except OSError as error:
            raise Skip(f"no cgroup can be made: {error}")
        self.name = self.path[len(CGROUP2):]
        self.id = os.stat(self.path).st_ino
        _open.append(self.remove)

    @staticmethod
    def remove_orphans():
        """What a test that was killed could not remove: its number is nobody's now."""
        for name in os.listdir(CGROUP2):
            parts = name.split("-")
            if name.startswith("ringfort-test-") and len(parts) == 4 and not os.path.exists(f"/proc/{parts[2]}"):
                for folder, _, _ in os.walk(f"{CGROUP2}/{name}", topdown=False):
                    with contextlib.suppress(OSError):
                        os.rmdir(folder)

    def enter(self):
        with open(f"{self.path}/cgroup.procs", "w") as file:
            file.write("0")

    def remove(self):
        for path in (self.path, self.top):
            for _ in range(100):
                try:
                    os.rmdir(path)
                    break
                except FileNotFoundError:
                    break
                except OSError:
                    with contextlib.suppress(OSError), open(f"{path}/cgroup.procs") as file:
                        for pid in file.read().split():
                            os.kill(int(pid), signal.SIGKILL)
                    time.sleep(0.02)


class Held:
    """A process that does not run for a while: frozen by a cgroup, which nobody heals as he would a SIGSTOP."""

    def __init__(self, pid):
        self.pid = pid

    def __enter__(self):
        self.cgroup = Cgroup()
        with open(f"/proc/{self.pid}/cgroup") as file:
            self.before = next(line.strip()[3:] for line in file if line.startswith("0::"))
        with open(f"{self.cgroup.path}/cgroup.procs", "w") as file:
            file.write(str(self.pid))
        self.freeze("1")
        wait_until(self.frozen, 5, f"process {self.pid} frozen")
        _open.append(self.let_go)
        return self

    def frozen(self):
        with open(f"{self.cgroup.path}/cgroup.events") as file:
            return "frozen 1" in file.read()

    def freeze(self, word):
        with open(f"{self.cgroup.path}/cgroup.freeze", "w") as file:
            file.write(word)

    def let_go(self):
        with contextlib.suppress(OSError):
            self.freeze("0")
        with contextlib.suppress(OSError), open(f"{CGROUP2}{self.before}/cgroup.procs", "w") as file:
            file.write(str(self.pid))

    def __exit__(self, *_):
        self.let_go()
        self.cgroup.remove()


# ---- a daemon of one's own -----------------------------------------------------------------------

def program_of_solution(name):
    """The path of a program for a package: absolute, one of the tests', or one of the conformance kit's."""
    path = os.path.join(SOLUTIONS, name)
    return path if os.path.exists(path) else os.path.join(KIT_BAD, name)


class Solution:
    """A package made of one of the programs in tests/solutions or kit/bad."""

    def __init__(self, name, program, arguments=(), events=("*",), limits=None, extra="", operator=""):
        """`extra`: lines of its manifest; `operator`: keys of its entry in the configuration."""
        self.name, self.program, self.arguments = name, program, list(arguments)
        self.events, self.limits, self.extra = list(events), dict(limits or {}), extra
        self.operator = operator

    def write(self, folder):
        package = os.path.join(folder, self.name)
        os.makedirs(package, exist_ok=True)
        shutil.copy(program_of_solution(self.program), os.path.join(package, "program"))
        with open(os.path.join(package, "manifest.yaml"), "w") as file:
            file.write(f"name: {self.name}\nvendor: Test\nversion: 0.1.0\napi: 1\nexecutable: program\n")
            if self.arguments:
                file.write("arguments: " + json.dumps(self.arguments) + "\n")
            file.write("events: " + json.dumps(self.events) + "\n" + self.extra)
            if self.limits:
                file.write("limits:\n")
                for key, value in self.limits.items():
                    file.write(f"  {key}: {value}\n")
        return package


class Daemon:
    """An instance of ringfortd beside all others, with its own folders."""

    def __init__(self, solutions=(), config="", wait=True, folder=None, preexec=None, arguments=()):
        need_root()
        self.folder = folder or temporary("d")
        self.state, self.runtime = self.folder + "/state", self.folder + "/run"
        self.socket = self.runtime + "/control.sock"
        self.config = self.folder + "/ringfortd.yaml"
        self.log_path = self.folder + "/log"
        self.solutions = list(solutions)
        with open(self.config, "w") as file:
            file.write("log_level: debug\n" + config)
            if self.solutions:
                file.write("solutions:\n")
            else:
                file.write("solutions: []\n")
            for solution in self.solutions:
                package = solution.write(self.folder + "/packages")
                file.write(f"  - name: {solution.name}\n    package: {package}\n")
                file.writelines(f"    {line}\n" for line in getattr(solution, "operator", "").splitlines())
        self.preexec, self.arguments = preexec, list(arguments)
        self.process = None
        _open.append(self.end)
        self.start(wait)

    def start(self, wait=True):
        def before():
            os.setpgid(0, 0)
            die_with_us(signal.SIGTERM)
            if self.preexec:
                self.preexec()
        self.log = open(self.log_path, "ab")
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [DAEMON, "--config", self.config, "--state", self.state, "--runtime", self.runtime,
             *self.arguments], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
            preexec_fn=before, close_fds=True, cwd="/")
        self.log.close()
        if wait:
            self.wait_ready()

    def wait_ready(self, seconds=20):
        """Until it answers and every solution has said that its hooks are there (mirror does)."""
        def ready():
            if self.process.poll() is not None:
                raise Failure(f"ringfortd ended with {self.process.returncode}: {self.tail()}")
            status = self.status()
            if not status:
                return None
            mirrors = [s.name for s in self.solutions if s.program in ("mirror", "judge")]
            by_name = {s["name"]: s for s in status["solutions"]}
            if all(by_name.get(n, {}).get("said", "").startswith("ready") for n in mirrors):
                return status
            return None
        return wait_until(ready, seconds * (4 if SANITIZED else 1), lambda: "ready; " + self.tail())

    @property
    def pid(self):
        return self.process.pid

    def tail(self, n=600):
        with open(self.log_path, errors="replace") as file:
            return file.read()[-n:].strip()

    def cli(self, *arguments, timeout=30, **options):
        return subprocess.run([CLI, "--socket", self.socket, *arguments], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=timeout, errors="replace", **options)

    def status(self):
        done = self.cli("status", "--json")
        return json.loads(done.stdout) if done.returncode in (0, 1) and done.stdout else None

    def solution(self, name):
        status = self.status()
        return next((s for s in (status or {}).get("solutions", []) if s["name"] == name), None)

    def output(self, name):
        return self.cli("solution", "output", name).stdout

    def findings(self, *arguments):
        done = self.cli("findings", "--json", *arguments)
        require(done.returncode == 0, "ringfort findings:", done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def roles(self):
        """Pids by name of the supervisor, sensor, control, gate, scopes, stops, canary and opener."""
        found = {"supervisor": self.pid}
        with open(f"/proc/{self.pid}/task/{self.pid}/children") as file:
            children = [int(pid) for pid in file.read().split()]
        for pid in children:
            with contextlib.suppress(OSError), open(f"/proc/{pid}/comm") as file:
                name = file.read().strip()
                if name.startswith("ringfort-sensor"):
                    found["sensor"] = pid
                elif name.startswith("ringfort-contro"):
                    found["control"] = pid
                elif name.startswith("ringfort-gate"):
                    found["gate"] = pid
                elif name.startswith("ringfort-scopes"):
                    found["scopes"] = pid
                elif name.startswith("ringfort-stops"):
                    found["stops"] = pid
                elif name.startswith(("ringfort-canary", "ringfort-opener")):
                    found[name[9:]] = pid
        return found

    @property
    def needles(self):
        """Words that everything of this instance has in its name: its folder, its cgroups."""
        value = 2166136261
        for byte in self.runtime.encode():
            value = (value ^ byte) * 16777619 & 0xffffffff
        return [self.folder, f"ringfort-i{value:08x}"]

    def bpf_programs(self):
        """Ids of the BPF programs that its processes hold."""
        ids = set()
        for pid in self.roles().values():
            with contextlib.suppress(OSError):
                for fd in os.listdir(f"/proc/{pid}/fdinfo"):
                    with contextlib.suppress(OSError), open(f"/proc/{pid}/fdinfo/{fd}") as file:
                        ids.update(int(line.split()[1]) for line in file if line.startswith("prog_id:"))
        return ids

    def tally(self, name):
        """What `mirror tally` has counted of its cgroup, by type."""
        said = (self.solution(name) or {}).get("said", "")
        return {word.split("=")[0]: int(word.split("=")[1]) for word in said.split()[1:]}

    def stop(self, number=signal.SIGTERM, seconds=15):
        """Ask it to end; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.wait(seconds)

    def wait(self, seconds=15):
        try:
            return self.process.wait(seconds * (4 if SANITIZED else 1))
        except subprocess.TimeoutExpired:
            raise Failure(f"ringfortd did not end within {seconds} s: {self.tail()}")

    def end(self):
        """Whatever happened: nothing of it stays."""
        if not self.process:
            return
        with contextlib.suppress(Exception):
            self.stop(seconds=8)
        with contextlib.suppress(OSError):
            os.killpg(self.process.pid, signal.SIGKILL)
        with contextlib.suppress(Exception):
            self.process.wait(5)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


def read_some(fd):
    """What there is now to read from a pipe, as text."""
    os.set_blocking(fd, False)
    try:
        return os.read(fd, 65536).decode(errors="replace")
    except BlockingIOError:
        return ""


class Follower:
    """A command of ringfort that follows, its JSON lines kept as they come (those with `having` in them)."""

    def __init__(self, daemon, *arguments, having=None):
        self.lines, self.having, self.said = [], having, ""
        self.process = subprocess.Popen([CLI, "--socket", daemon.socket, *arguments, "--json"],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, errors="replace",
                                        preexec_fn=die_with_us)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()
        _open.append(self.close)

    def complaints(self):
        """What it has written to standard error so far."""
        self.said += read_some(self.process.stderr.fileno())
        return self.said

    def _read(self):
        for line in self.process.stdout:
            if not self.having or self.having in line:
                self.lines.append(json.loads(line))

    def wait_for(self, condition, seconds, what):
        """The first line that fits."""
        at = 0
        end = time.monotonic() + seconds
        while True:
            while at < len(self.lines):
                if condition(self.lines[at]):
                    return self.lines[at]
                at += 1
            if time.monotonic() > end:
                raise Failure(f"not within {seconds} s: {what}")
            time.sleep(0.01)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.thread.join(5)
        with contextlib.suppress(OSError):
            self.process.stdout.close()
            self.process.stderr.close()


# ---- what is left behind ---------------------------------------------------------------------------

def _lines(path):
    with contextlib.suppress(OSError), open(path) as file:
        return set(file.read().splitlines())
    return set()


def _bpf_programs():
    """Ids of all BPF programs, by bpf(BPF_PROG_GET_NEXT_ID)."""
    attr = (ctypes.c_uint32 * 32)()
    ids = set()
    at = 0
    while True:
        attr[0] = at
        if _libc.syscall(321, 11, ctypes.byref(attr), 128) < 0:
            return ids
        at = attr[1]
        ids.add(at)


def footprint(needles):
    """Everything of the system that carries one of the needles in its name."""
    def has(text):
        return any(n in text for n in needles)
    found = set()
    for base in ("/sys/fs/cgroup/memory", "/sys/fs/cgroup/pids", "/sys/fs/cgroup/cpu", "/sys/fs/cgroup/freezer",
                 CGROUP2 or "/sys/fs/cgroup"):
        for folder, below, _ in os.walk(base):
            found.update("cgroup " + os.path.join(folder, b) for b in below if has(b))
    for pid in os.listdir("/proc"):
        if pid.isdigit() and int(pid) != os.getpid():
            with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as file:
                line = file.read().replace(b"\0", b" ").decode(errors="replace")
                if has(line):
                    found.add(f"process {pid} {line.strip()}")
    found.update("mount " + m for m in _lines("/proc/self/mounts") if has(m))
    found.update("socket " + s.split()[-1] for s in _lines("/proc/net/unix") if has(s))
    return found


def require_nothing_left(daemon, programs, processes=(), seconds=5):
    """No cgroup, process, mount, socket or BPF program of the instance is there any more."""
    def left():
        found = footprint(daemon.needles)
        found.update(f"BPF program {n}" for n in programs & _bpf_programs())
        found.update(f"process {pid}" for pid in processes if alive(pid))
        found.update(f"file {p}" for p in (daemon.socket,) if os.path.exists(p))
        return found
    end = time.monotonic() + seconds
    while True:
        found = left()
        if not found:
            return
        if time.monotonic() > end:
            raise Failure(f"left behind: {sorted(found)}")
        time.sleep(0.1)


# ---- other helpers -----------------------------------------------------------------------------------

def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))]


class Canary:
    """A program every 100 ms, each timed, while something bad goes on."""

    def __init__(self, program="/bin/true"):
        self.process = subprocess.Popen([TRIGGER, "canary", program], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, preexec_fn=die_with_us)
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        self.times = []

    def p99(self):
        """Stop; the 99th percentile in ms."""
        out, _ = self.process.communicate(timeout=20)
        self.times = json.loads(out.splitlines()[1])[1:]
        return percentile(self.times, 0.99) / 1000


def storm(kind, count, cwd="/", cgroup=None):
    """Run the trigger's storm; the numbers of acts by type that it counted itself."""
    def before():
        die_with_us()
        if cgroup:
            cgroup.enter()
    more = [TRIGGER] if kind == "exec" else []
    done = subprocess.run([TRIGGER, "storm-" + kind, str(count), *more], input="\n", text=True,
                          capture_output=True, cwd=cwd, timeout=600, preexec_fn=before)
    require(done.returncode == 0, "storm:", done.stderr)
    told = collections.Counter(json.loads(done.stdout.splitlines()[1]))
    # The trigger itself: one exec to start it, one exit; its fork happened outside of the cgroup.
    told.update({"process.exec": 1, "process.exit": 1})
    return told
