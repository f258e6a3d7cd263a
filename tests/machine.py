# SPDX-License-Identifier: Apache-2.0
"""Machine - a Debian with a real systemd, booted in a container, on a file system of its own.

The file system is an image that is mounted in a mount namespace of the container's alone, so that it
goes with the last process in there, however a test ends; and it is no file system of the machine that
the test runs on, so a gate may guard the whole of it.  The container's cgroups are made and removed here.
"""

import contextlib
import hashlib
import os
import pty
import shutil
import signal
import subprocess
import threading
import time

import lib

TOOLS = ("systemd-nspawn", "debootstrap", "mkfs.ext4", "nsenter", "unshare", "apt-get")
NEEDED = "apt-get install systemd-container debootstrap"
BOOT_S = 90
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# What ringfortd uses and a container does not get unasked.
CALLS = "bpf perf_event_open ptrace fanotify_init fanotify_mark open_by_handle_at name_to_handle_at pivot_root"


def need_tools():
    lib.need_root()
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if missing:
        raise lib.Skip(f"{', '.join(missing)} missing: {NEEDED}")
    if not lib.CGROUP2:
        raise lib.Skip("no cgroup v2 is mounted")


# ---- the root file system --------------------------------------------------------------------------

def cache_folder():
    base = os.environ.get("XDG_CACHE_HOME") or ("/var/cache" if os.geteuid() == 0 else os.path.expanduser("~/.cache"))
    return f"{base}/ringfort-lab"


def codename():
    with open("/etc/os-release") as file:
        return next((line.split("=", 1)[1].strip().strip('"') for line in file
                     if line.startswith("VERSION_CODENAME=")), "")


def mirror():
    done = subprocess.run(["apt-get", "indextargets", "--format", "$(REPO_URI)"], capture_output=True, text=True)
    found = [uri for uri in done.stdout.split() if uri.rstrip("/").endswith("/debian")]
    if not found:
        raise lib.Skip("apt knows no archive of Debian")
    return found[0]


def base_archive(packages):
    """A tar of a Debian like this machine's with these packages: of the cache, or fetched."""
    wanted = ",".join(sorted(set(packages)))
    path = f"{cache_folder()}/{codename()}-{hashlib.sha256(wanted.encode()).hexdigest()[:12]}.tar"
    if os.path.exists(path):
        return path
    os.makedirs(cache_folder(), exist_ok=True)
    root = lib.temporary("root")
    done = subprocess.run(["debootstrap", "--variant=minbase", f"--include={wanted}", codename(), root, mirror()],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, preexec_fn=lib.die_with_us)
    if done.returncode:
        raise lib.Skip("debootstrap: " + (done.stderr or done.stdout).strip()[-300:])
    subprocess.run(["tar", "-C", root, "--exclude=./var/cache/apt/*", "-cf", path + ".new", "."], check=True)
    os.rename(path + ".new", path)
    shutil.rmtree(root, ignore_errors=True)
    return path


# ---- the container ---------------------------------------------------------------------------------

class Machine:
    """Made from an archive; boots, runs commands, ends.  What is written stays until the test ends."""

    def __init__(self, archive, megabytes=3000):
        need_tools()
        self.folder = lib.temporary("machine")
        self.image, self.root = f"{self.folder}/image", f"{self.folder}/root"
        self.name = f"ringfort-{os.getpid()}"
        self.cgroup = f"{lib.CGROUP2}/ringfort-machine-{os.getpid()}"
        self.process = self.leader = self.terminal = None
        self.console = ""
        os.mkdir(self.root)
        with open(self.image, "wb") as file:
            file.truncate(megabytes << 20)
        subprocess.run(["mkfs.ext4", "-q", self.image], check=True)
        lib._open.append(self.end)
        # Root logs in at the console without a password.
        self.offline(f"tar -C {self.root} -xf {archive}\n"
                     f"sed -i 's/^root:[^:]*:/root::/' {self.root}/etc/shadow\n"
                     f"echo machine >{self.root}/etc/hostname")

    def offline(self, script):
        """A shell script on the host that sees its file system at self.root, while it is not booted."""
        done = subprocess.run(["unshare", "-m", "sh", "-ec", f"mount -o loop {self.image} {self.root}\n{script}"],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, preexec_fn=lib.die_with_us)
        if done.returncode:
            raise lib.Failure(f"cannot prepare the machine: {done.stderr.strip()[-500:]}")

    def boot(self):
        self.enter_cgroup = self.make_cgroup()
        command = ["systemd-nspawn", "--quiet", f"--directory={self.root}", f"--machine={self.name}", "--boot",
                   "--register=no", "--keep-unit", "--private-network", "--capability=all",
                   f"--system-call-filter={CALLS}", "--link-journal=no", "--resolv-conf=off", "--timezone=off",
                   "--console=interactive"]
        self.terminal, slave = pty.openpty()
        self.console = ""
        self.process = subprocess.Popen(
            ["unshare", "-m", "sh", "-ec", f"mount -o loop {self.image} {self.root}\nexec \"$@\"", "sh", *command],
            stdin=slave, stdout=slave, stderr=slave, preexec_fn=self.before,
            env=dict(os.environ, SYSTEMD_NSPAWN_UNIFIED_HIERARCHY="1", TERM="dumb"))
        os.close(slave)
        threading.Thread(target=self.listen, args=(self.terminal,), daemon=True).start()
        begin = time.monotonic()
        self.leader = lib.wait_until(self.find_leader, 20, lambda: "its first process: " + self.console[-500:])
        lib.wait_until(self.is_up, BOOT_S, lambda: "the end of its boot: " + self.console[-1000:])
        return time.monotonic() - begin

    def before(self):
        os.setsid()
        self.enter_cgroup()
        lib.die_with_us(signal.SIGTERM)

    def make_cgroup(self):
        os.mkdir(self.cgroup)

        def enter():
            with open(f"{self.cgroup}/cgroup.procs", "w") as file:
                file.write("0")
        return enter

    def listen(self, terminal):
        with contextlib.suppress(OSError):
            while data := os.read(terminal, 4096):
                self.console += data.decode(errors="replace")

    def find_leader(self):
        """Its pid 1, by the host's number."""
        if self.process.poll() is not None:
            raise lib.Failure(f"systemd-nspawn ended with {self.process.returncode}: {self.console[-800:]}")
        for pid in lib.children_of(self.process.pid):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/status") as file:
                ids = next(line.split()[1:] for line in file if line.startswith("NSpid:"))
                if len(ids) > 1 and ids[-1] == "1":
                    return pid
        return None

    def is_up(self):
        if self.process.poll() is not None:
            raise lib.Failure(f"the machine ended: {self.console[-1000:]}")
        return self.run("systemctl is-system-running", check=False).stdout.strip() in ("running", "degraded")

    def run(self, script, check=True, timeout=60):
        """In a root shell inside, that waits for no longer than it may.

        In a session that is not known inside, and a group of its own: the test's would hear its signals.
        """
        try:
            done = subprocess.run(["nsenter", "-t", str(self.leader), "-m", "-u", "-i", "-n", "-p", "-r", "-w", "--",
                                   "/bin/bash", "-c", script], stdin=subprocess.DEVNULL, capture_output=True,
                                  text=True, errors="replace", timeout=timeout, preexec_fn=lib.die_with_us,
                                  start_new_session=True,
                                  env={"PATH": PATH, "LANG": "C.UTF-8"})
        except subprocess.TimeoutExpired:
            raise lib.Failure(f"'{script}' hangs")
        if check and done.returncode:
            raise lib.Failure(f"'{script}' ended with {done.returncode}: {(done.stderr + done.stdout).strip()[-600:]}")
        return done

    def type(self, text):
        os.write(self.terminal, text.encode())

    def log_in(self):
        """As root at the console, with a shell that answers; seconds."""
        begin, seen = time.monotonic(), len(self.console)
        self.type("\n")
        lib.wait_until(lambda: "login: " in self.console[seen:], 30, lambda: "a prompt: " + self.console[-300:])
        self.type("root\n")
        lib.wait_until(lambda: "# " in self.console[seen:], 30, lambda: "a shell: " + self.console[-300:])
        self.type("echo in-$((6*7))\n")
        lib.wait_until(lambda: "in-42" in self.console[seen:], 30, lambda: "its answer: " + self.console[-300:])
        seconds, seen = time.monotonic() - begin, len(self.console)
        self.type("exit\n")
        lib.wait_until(lambda: "login: " in self.console[seen:], 30, lambda: "the next prompt: " + self.console[-300:])
        return seconds

    def off(self, seconds=60):
        """Power it off as its operator would; seconds that it took."""
        begin = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            said = self.console[-800:]
            self.end()
            raise lib.Failure(f"it does not power off: {said}")
        self.end()
        return time.monotonic() - begin

    def end(self):
        """Whatever happened: nothing of it runs any more."""
        if self.process and self.process.poll() is None:
            for pid in (self.leader, self.process.pid):
                with contextlib.suppress(OSError, TypeError):
                    os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(Exception):
                self.process.wait(10)
        self.process = self.leader = None
        if self.terminal is not None:
            os.close(self.terminal)
            self.terminal = None
        self.remove_cgroups()

    def remove_cgroups(self):
        for _ in range(100):
            for folder, _, _ in os.walk(self.cgroup, topdown=False):
                with contextlib.suppress(OSError):
                    os.rmdir(folder)
            if not os.path.exists(self.cgroup):
                return
            time.sleep(0.05)
