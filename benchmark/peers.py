# SPDX-License-Identifier: Apache-2.0
"""Peers - products of others that decide as well, kept to one scratch file system.

Whoever holds permission marks can stop a machine.  So each is told that file system alone; before it
counts as started it is looked whether its marks are there and nowhere else; and it runs below timeout(1),
which kills it after WATCHDOG_S even when the benchmark has been killed.
"""
import os
import re
import shutil
import signal
import subprocess
import time

from say import say
from storms import label

WATCHDOG_S = 60
START_S = 15
NOBODY = "nobody"
FANOTIFY = re.compile(r"^fanotify (?:ino|mnt_id|sdev):.*$", re.M)


def running(name):
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/comm") as file:
                if file.read().strip() == name:
                    return True
        except OSError:
            pass
    return False


def child_of(process):
    """The one below timeout(1), or None."""
    try:
        with open(f"/proc/{process.pid}/task/{process.pid}/children") as file:
            children = file.read().split()
    except OSError:
        return None
    return int(children[0]) if children else None


def marks_of(pid):
    """Lines of the kernel about its permission marks."""
    found = []
    try:
        for number in os.listdir(f"/proc/{pid}/fdinfo"):
            with open(f"/proc/{pid}/fdinfo/{number}") as file:
                found += FANOTIFY.findall(file.read())
    except OSError:
        return []
    return found


class Peer:
    """Processes of one product, each below a watchdog of its own."""

    programs = []

    def __init__(self, folder, scratch):
        self.folder, self.scratch, self.processes = f"{folder}/{self.name}", scratch, []
        device = os.stat(scratch.path).st_dev
        # As the kernel has it, not as stat(2) does.
        self.device = f"sdev:{os.major(device) << 20 | os.minor(device):x}"
        os.makedirs(self.folder)
        os.chmod(self.folder, 0o755)

    def why_not(self):
        for program in self.programs:
            if not shutil.which(program):
                return f"{program} is not installed"
            if running(program):
                return f"{program} is running already"
        return None

    def run(self, *command, before=()):
        with open(f"{self.folder}/log", "ab") as log:
            self.processes.append(subprocess.Popen(
                [*before, "timeout", "--foreground", "-s", "KILL", str(WATCHDOG_S), *command],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log))
        return self.processes[-1]

    def wait_for(self, process, condition):
        limit = time.monotonic() + START_S
        while process.poll() is None and time.monotonic() < limit:
            pid = child_of(process)
            if pid and condition(pid):
                return
            time.sleep(0.05)
        raise OSError(f"it does not start; see {self.folder}/log")

    def marked(self, pid):
        marks = marks_of(pid)
        if [mark for mark in marks if self.device not in mark.split()]:
            raise OSError("it marks more than the scratch file system")
        return bool(marks)

    def stop(self):
        for process in reversed(self.processes):
            for number in (signal.SIGTERM, signal.SIGKILL):
                pid = child_of(process)
                if process.poll() is None and pid:
                    os.kill(pid, number)
                try:
                    process.wait(3)
                    break
                except subprocess.TimeoutExpired:
                    pass
        self.processes = []

    def pids(self):
        return {os.path.basename(program): child_of(process)
                for program, process in zip(self.programs, self.processes)}


class Fapolicyd(Peer):
    """Allows everything: the least work that it can be given.  Its folders are its own, in a mount namespace."""

    name = "fapolicyd"
    programs = ["fapolicyd"]
    conf = """permissive = 0
nice_val = 14
q_size = 640
uid = 0
gid = 0
do_stat_report = 0
detailed_report = 0
db_max_size = 50
subj_cache_size = 1549
obj_cache_size = 8191
watch_fs = ext2
trust = file
integrity = none
syslog_format = rule,dec,perm,auid,pid,exe,:,path,ftype,trust
allow_filesystem_mark = 1
"""
    mounts = """set -e
mount --bind "$0/etc" /etc/fapolicyd
mount --bind "$0/lib" /var/lib/fapolicyd
mount --bind "$0/run" /run
exec "$@"
"""

    def why_not(self):
        others = [line for line in open("/proc/mounts") if line.split()[2] == "ext2" and line.split()[1] != self.scratch.path]
        for folder in ("/etc/fapolicyd", "/var/lib/fapolicyd"):
            if shutil.which("fapolicyd") and not os.path.isdir(folder):
                return f"it needs {folder}"
        return super().why_not() or ("there are other file systems of type ext2" if others else None)

    def start(self):
        for name in ("etc/trust.d", "etc/rules.d", "lib", "run/fapolicyd"):
            os.makedirs(f"{self.folder}/{name}", exist_ok=True)
        for name, text in (("fapolicyd.conf", self.conf), ("fapolicyd.trust", ""),
                           ("compiled.rules", "allow perm=any all : all\n")):
            with open(f"{self.folder}/etc/{name}", "w") as file:
                file.write(text)
        process = self.run("fapolicyd", "--debug-deny", before=["unshare", "-m", "sh", "-c", self.mounts, self.folder])
        self.wait_for(process, self.marked)


class Clamonacc(Peer):
    """With clamd and one signature, as nobody, over one folder; files are passed by descriptor."""

    name = "clamonacc"
    programs = ["clamd", "clamonacc"]
    eicar = "44d88612fea8a8f36de82e1278abb02f:68:Eicar-Test-Signature\n"

    def conf(self):
        return (f"DatabaseDirectory {self.folder}/db\nLocalSocket {self.folder}/run/clamd.sock\nLocalSocketMode 666\n"
                f"User {NOBODY}\nForeground yes\nLogTime no\nMaxThreads 10\n"
                f"OnAccessIncludePath {self.scratch.path}\nOnAccessPrevention yes\nOnAccessExcludeUname {NOBODY}\n")

    def start(self):
        for name in ("db", "run"):
            os.makedirs(f"{self.folder}/{name}", exist_ok=True)
            shutil.chown(f"{self.folder}/{name}", NOBODY)
        for name, text in (("clamd.conf", self.conf()), ("db/bench.hdb", self.eicar)):
            with open(f"{self.folder}/{name}", "w") as file:
                file.write(text)
        conf = f"--config-file={self.folder}/clamd.conf"
        clamd = self.run("clamd", conf)
        self.wait_for(clamd, lambda pid: os.path.exists(f"{self.folder}/run/clamd.sock"))
        self.wait_for(self.run("clamonacc", conf, "--foreground", "--fdpass"), self.marked)

    def stop(self):
        super().stop()
        if os.path.exists(f"{self.folder}/run/clamd.sock"):
            os.unlink(f"{self.folder}/run/clamd.sock")


def find(folder, scratch):
    """Those that are here and start; the others are left out aloud."""
    found = []
    for peer in (Fapolicyd(folder, scratch), Clamonacc(folder, scratch)):
        why = peer.why_not()
        if why:
            say(f"skipping {peer.name}: {why}")
            continue
        try:
            peer.start()
            found.append(label(peer, peer.name))
        except OSError as error:
            say(f"skipping {peer.name}: {error}")
        finally:
            peer.stop()
    return found
