# SPDX-License-Identifier: Apache-2.0
"""Emulator - a Debian on a disk of its own, with one of Debian's kernels, in a machine that QEMU emulates.

What machine.py boots in a container shares the kernel of the machine that the test runs on; this shares
nothing.  The kernels have the driver of the disk (NVMe) and of its file system (ext4) in them, so there is
no initramfs: the kernel starts systemd from the very root that is guarded.  All that can be done with it goes
over its serial console, as an operator's hands would.
"""

import os
import pty
import shutil
import subprocess
import threading
import time

import lib
import machine
from lib import Skip, require

NEEDED = "apt-get install qemu-system-x86"
QEMU = "qemu-system-x86_64"
BOOT_S = 240
# Without a manager of devices no terminal ever appears to systemd.
SYSTEM = ["udev"]
MARK = "@@"


def need_tools():
    machine.need_tools()
    if not shutil.which(QEMU):
        raise Skip(f"there is no {QEMU}: {NEEDED}")


def kernel_image(suite):
    """The path of one of Debian's kernels; from the network only when asked for the long form."""
    environment = dict(os.environ, RINGFORT_LAB_OFFLINE="" if lib.LONG else "1")
    done = subprocess.run([f"{lib.ROOT}/lab/kernel.sh", suite], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, env=environment)
    if done.returncode == 77:
        raise Skip(done.stderr.strip() + ("" if lib.LONG else "; ./test --long fetches it"))
    require(done.returncode == 0, "lab/kernel.sh:", done.stderr)
    return done.stdout.strip()


class Emulated(machine.Machine):
    """Made from an archive; what is written while it runs is gone when it ends."""

    def __init__(self, archive, kernel):
        super().__init__(archive)
        self.kernel = kernel

    def boot(self):
        """Until somebody can log in at its console; seconds."""
        # The processor: see lab/boot.py.  One thread for both: with one each Debian's 6.12 panicked once in three boots,
        # in code that it was patching on the other.
        command = [QEMU, "-accel", "tcg,thread=single", "-cpu", "max,cx16=off", "-smp", "2", "-m", "1536",
                   "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-nic", "none",
                   "-drive", f"file={self.image},format=raw,if=none,id=disk,snapshot=on",
                   "-device", "nvme,drive=disk,serial=ringfort",
                   "-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console",
                   "-kernel", self.kernel, "-append",
                   "console=ttyS0 root=/dev/nvme0n1 rootfstype=ext4 rw quiet loglevel=3 panic=-1 oops=panic"]
        self.terminal, slave = pty.openpty()
        self.console = ""
        begin = time.monotonic()
        self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, cwd=self.folder,
                                        env=dict(os.environ, TMPDIR=self.folder), preexec_fn=lib.die_with_us)
        os.close(slave)
        threading.Thread(target=self.listen, args=(self.terminal,), daemon=True).start()
        self.see("login: ", BOOT_S, 0)
        return time.monotonic() - begin

    def see(self, text, seconds, begin):
        """Until its console has said so since then."""
        def said():
            if self.process.poll() is not None and text not in self.console[begin:]:
                raise lib.Failure(f"the machine ended: {self.console[-1000:]}")
            return text in self.console[begin:]
        lib.wait_until(said, seconds, lambda: f"'{text}': {self.console[-1000:]}")

    def log_in(self):
        """As root at the console, to stay; seconds."""
        begin, seen = time.monotonic(), len(self.console)
        self.type("root\n")
        self.see("# ", 60, seen)
        seen = len(self.console)
        # What is typed is not read back, and no line is broken; unless stty is denied, as it may be.
        self.type(f"stty -echo cols 1000; PS1=; PS2=; echo {MARK}$((6*7)){MARK}\n")
        self.see(f"{MARK}42{MARK}", 60, seen)
        return time.monotonic() - begin

    def run(self, script, check=True, timeout=60):
        """In that shell, one line."""
        seen = len(self.console)
        self.type(f"echo {MARK}$((6*7)){MARK}; {{ {script}; }} </dev/null 2>&1; echo {MARK}end $?{MARK}\n")
        try:
            lib.wait_until(lambda: self.ended(seen), timeout, lambda: self.console[seen:][-500:])
        except lib.Failure as failure:
            raise lib.Failure(f"'{script}' hangs: {failure}")
        output, status = self.ended(seen)
        if check and status:
            raise lib.Failure(f"'{script}' ended with {status}: {output.strip()[-600:]}")
        return subprocess.CompletedProcess(script, status, output, "")

    def ended(self, seen):
        """(what it wrote, its exit status), or None."""
        said = self.console[seen:].replace("\r", "")
        # What was typed, where it is read back, has neither a number nor a status.
        begin = said.find(f"{MARK}42{MARK}\n")
        end = said.find(f"{MARK}end ", begin)
        if begin < 0 or end < begin or MARK not in said[end + 6:]:
            return None
        return said[begin + 2 * len(MARK) + 3:end], int(said[end + 6:].split(MARK)[0])

    def off(self, seconds=120):
        """Power it off as its operator would; seconds that it took."""
        begin = time.monotonic()
        self.type("systemctl poweroff\n")
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise lib.Failure(f"it does not power off: {self.console[-800:]}")
        finally:
            self.end()
        return time.monotonic() - begin
