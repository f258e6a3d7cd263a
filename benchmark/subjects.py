# SPDX-License-Identifier: Apache-2.0
"""Subjects - what may watch the machine while a storm runs: each can be started and stopped.

start() returns when it watches; stop() when nothing of it is left.  pids() names its processes by
role, for what they cost.
"""
import json
import os
import shutil
import signal
import subprocess
import time


def end(process, number=signal.SIGTERM):
    if process and process.poll() is None:
        process.send_signal(number)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Nothing:
    name = "none"

    def start(self):
        pass

    def stop(self):
        pass

    def pids(self):
        return {}


class Floor:
    name = "floor"

    def __init__(self, build):
        self.program = f"{build}/benchmark/floor"
        self.process = None
        self.n_lost = self.n_received = 0

    def start(self):
        self.process = subprocess.Popen([self.program], stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "ready\n":
            raise SystemExit("bench: the floor does not start")

    def stop(self):
        if not self.process:
            return
        end(self.process)
        told = json.loads(self.process.stdout.read() or "{}")
        self.n_received += told.get("received", 0)
        self.n_lost += told.get("lost", 0)
        self.process = None

    def pids(self):
        return {"floor": self.process.pid}


class Ringfortd:
    """The daemon with four solutions of one kind: every event type is granted and subscribed.

    warm() is called before start() returns: the first lap of a new ring costs page faults that
    no later one does, and a daemon lives for weeks.
    """

    name = "ringfortd"

    def __init__(self, stage, executable, arguments, folder, warm=lambda: None, n_solutions=4):
        self.stage, self.folder, self.process, self.warm = stage, folder, None, warm
        self.n_solutions = n_solutions
        self.socket = f"{folder}/run/control.sock"
        os.makedirs(f"{folder}/state")
        os.makedirs(f"{folder}/run")
        for i in range(1, n_solutions + 1):
            package = f"{folder}/count{i}"
            os.makedirs(package)
            shutil.copy(executable, f"{package}/solution")
            with open(f"{package}/manifest.yaml", "w") as file:
                file.write(f"name: count{i}\nvendor: Ringfort\nversion: 0.1.0\napi: 1\n"
                           f"executable: solution\narguments: {json.dumps(arguments)}\n{self.manifest()}")
        with open(f"{folder}/config.yaml", "w") as file:
            file.write(self.config())

    def manifest(self):
        """What it asks for."""
        return 'events: ["*"]\n'

    def entry(self, i):
        """What the operator says of the solution."""
        return f"  - name: count{i}\n    package: {self.folder}/count{i}\n"

    def config(self):
        return "solutions:\n" + "".join(self.entry(i) for i in range(1, self.n_solutions + 1))

    def ask(self, *command):
        answer = subprocess.run([f"{self.stage}/usr/bin/ringfort", "--socket", self.socket, *command, "--json"],
                                capture_output=True, text=True)
        try:
            return json.loads(answer.stdout)
        except ValueError:
            return None

    def status(self):
        return self.ask("status")

    def launch(self):
        self.process = subprocess.Popen(
            [f"{self.stage}/usr/sbin/ringfortd", "--config", f"{self.folder}/config.yaml",
             "--state", f"{self.folder}/state", "--runtime", f"{self.folder}/run"],
            stdout=subprocess.DEVNULL, stderr=open(f"{self.folder}/log", "a"))

    def wait_for(self, what, condition, timeout=30):
        limit = time.monotonic() + timeout
        while time.monotonic() < limit:
            status = self.status()
            if status and len(status["solutions"]) == self.n_solutions and condition(status):
                return status
            if self.process.poll() is not None:
                break
            time.sleep(0.01)
        raise SystemExit(f"bench: ringfortd: {what} did not come true; see {self.folder}/log")

    def start(self):
        self.launch()
        self.wait_for("ready", lambda status: all(s["said"] for s in status["solutions"]))
        self.wait_for_selftest()
        self.warm()

    def wait_for_selftest(self):
        """The one of the start is over when every type has a result."""
        limit = time.monotonic() + 10
        while any(t["selftest"] == "not run" for t in (self.ask("doctor") or {"types": []})["types"]):
            if time.monotonic() > limit:
                break
            time.sleep(0.05)

    def stop(self):
        end(self.process)
        self.process = None

    def pids(self):
        pids = {"supervisor": self.process.pid}
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as file:
            children = file.read().split()
        n = 0
        for pid in children:
            with open(f"/proc/{pid}/comm") as file:
                comm = file.read().strip()
            if comm.startswith("ringfort-"):
                pids[{"ringfort-contro": "control"}.get(comm, comm[len("ringfort-"):])] = int(pid)
            else:
                n += 1
                pids[f"solution {n}"] = int(pid)
        return pids


class Auditd:
    """The same acts as rules of auditd, with a log of its own; waits rather than drops (its default)."""

    name = "auditd"
    rules = [
        "-S execve -S execveat -S fork -S vfork -S clone -S clone3 -S exit_group",
        "-S openat -F a2&3", "-S openat -F a2&0100", "-S open -F a1&3", "-S open -F a1&0100", "-S creat",
        "-S mkdir -S mkdirat -S mknod -S mknodat -S symlink -S symlinkat -S link -S linkat",
        "-S rename -S renameat -S renameat2 -S unlink -S unlinkat -S rmdir",
        "-S chmod -S fchmod -S fchmodat -S chown -S lchown -S fchown -S fchownat",
        "-S setuid -S setgid -S setreuid -S setregid -S setgroups -S setresuid -S setresgid",
        "-S ptrace -S process_vm_writev",
        "-S connect -S bind -S listen -S accept -S accept4",
    ]

    def __init__(self, folder):
        self.folder, self.process = folder, None
        os.makedirs(folder)

    def why_not(self):
        if not shutil.which("auditd") or not shutil.which("auditctl"):
            return "auditd is not installed"
        status = subprocess.run(["auditctl", "-s"], capture_output=True, text=True)
        if status.returncode:
            return f"the kernel's audit does not answer: {status.stderr.strip()}"
        fields = dict(line.split(None, 1) for line in status.stdout.splitlines() if " " in line)
        if fields.get("pid", "0").strip() != "0":
            return "somebody else's auditd is running"
        rules = subprocess.run(["auditctl", "-l"], capture_output=True, text=True)
        if "No rules" not in rules.stdout:
            return "there are rules of somebody else"
        return None

    def start(self):
        with open(f"{self.folder}/auditd.conf", "w") as file:
            file.write(f"log_file = {self.folder}/log\nlog_format = RAW\nflush = NONE\npriority_boost = 0\n"
                       "max_log_file = 100\nmax_log_file_action = ROTATE\nnum_logs = 2\n"
                       "space_left = 1\nadmin_space_left = 0\nspace_left_action = IGNORE\n"
                       "admin_space_left_action = IGNORE\ndisk_full_action = IGNORE\n"
                       "disk_error_action = IGNORE\nlocal_events = yes\nwrite_logs = yes\n"
                       f"plugin_dir = {self.folder}/plugins\n")
        os.makedirs(f"{self.folder}/plugins", exist_ok=True)
        self.process = subprocess.Popen(["auditd", "-n", "-s", "enable", "-c", self.folder],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.5)
        if self.process.poll() is not None:
            raise OSError("auditd does not start")
        self.control("-b", "8192")
        for rule in self.rules:
            self.control("-a", "always,exit", "-F", "arch=b64", *rule.split())

    def control(self, *arguments):
        answer = subprocess.run(["auditctl", *arguments], capture_output=True, text=True)
        if answer.returncode:
            raise OSError(f"auditctl {' '.join(arguments)}: {answer.stderr.strip()}")

    def stop(self):
        subprocess.run(["auditctl", "-D"], capture_output=True)
        subprocess.run(["auditctl", "-e", "0"], capture_output=True)
        end(self.process)
        self.process = None
        subprocess.run(["auditctl", "-b", "64"], capture_output=True)
        for name in os.listdir(self.folder):
            if name.startswith("log"):
                os.unlink(f"{self.folder}/{name}")

    def pids(self):
        return {"auditd": self.process.pid}


class Bpftrace:
    """The same acts as a script that prints a line each."""

    name = "bpftrace"
    script = """
tracepoint:sched:sched_process_exec { printf("exec %d %s\\n", pid, str(args->filename)); }
tracepoint:sched:sched_process_fork { printf("fork %d %d\\n", pid, args->child_pid); }
tracepoint:sched:sched_process_exit { printf("exit %d\\n", pid); }
tracepoint:syscalls:sys_enter_openat /args->flags & 0103/ { printf("open %d %s\\n", pid, str(args->filename)); }
tracepoint:syscalls:sys_enter_open /args->flags & 0103/ { printf("open %d %s\\n", pid, str(args->filename)); }
tracepoint:syscalls:sys_enter_unlink { printf("unlink %d %s\\n", pid, str(args->pathname)); }
tracepoint:syscalls:sys_enter_unlinkat { printf("unlink %d %s\\n", pid, str(args->pathname)); }
tracepoint:syscalls:sys_enter_rename { printf("rename %d %s\\n", pid, str(args->oldname)); }
tracepoint:syscalls:sys_enter_renameat2 { printf("rename %d %s\\n", pid, str(args->oldname)); }
tracepoint:syscalls:sys_enter_connect { printf("connect %d %d\\n", pid, args->fd); }
tracepoint:syscalls:sys_enter_accept4 { printf("accept %d %d\\n", pid, args->fd); }
tracepoint:syscalls:sys_enter_bind { printf("bind %d %d\\n", pid, args->fd); }
tracepoint:syscalls:sys_enter_listen { printf("listen %d %d\\n", pid, args->fd); }
tracepoint:syscalls:sys_enter_chmod { printf("chmod %d\\n", pid); }
tracepoint:syscalls:sys_enter_fchmodat { printf("chmod %d\\n", pid); }
tracepoint:syscalls:sys_enter_setuid { printf("setuid %d\\n", pid); }
tracepoint:syscalls:sys_enter_ptrace { printf("ptrace %d\\n", pid); }
BEGIN { printf("ready\\n"); }
"""

    def __init__(self, folder):
        self.process = None
        self.out = f"{folder}/bpftrace.out"

    def why_not(self):
        if not shutil.which("bpftrace"):
            return "bpftrace is not installed"
        return None

    def start(self):
        with open(self.out, "w") as out:
            # In a mount namespace of its own: tracefs may not be mounted here, and shall not stay.
            script = 'mount -t tracefs tracefs /sys/kernel/tracing; exec bpftrace -q -e "$0"'
            self.process = subprocess.Popen(["unshare", "-m", "sh", "-c", script, self.script], stdout=out,
                                            stderr=subprocess.DEVNULL, env={**os.environ, "BPFTRACE_STRLEN": "128"})
        limit = time.monotonic() + 30
        while time.monotonic() < limit and self.process.poll() is None:
            with open(self.out) as out:
                if "ready" in out.read(64):
                    time.sleep(0.3)
                    return
            time.sleep(0.1)
        self.stop()
        raise OSError("bpftrace does not start")

    def stop(self):
        end(self.process, signal.SIGINT)
        self.process = None
        if os.path.exists(self.out):
            os.unlink(self.out)

    def pids(self):
        return {"bpftrace": self.process.pid}
