# SPDX-License-Identifier: Apache-2.0
"""Service - what the daemon says to a service manager, and what it does when the boot line says so."""

import contextlib
import ctypes
import os
import signal
import socket
import time

import lib
from guarded import DENIED, RAN, Guard, Scratch, judge, outcome
from lib import case, equal, require

MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000


class Manager:
    """The other end of $NOTIFY_SOCKET, and the watchdog's variables."""

    def __init__(self, watchdog_us=None):
        name = f"ringfort-test-{os.getpid()}"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + name)
        self.socket.settimeout(20)
        self.variables = {"NOTIFY_SOCKET": "@" + name}
        if watchdog_us:
            self.variables["WATCHDOG_USEC"] = str(watchdog_us)

    def __enter__(self):
        os.environ.update(self.variables)
        return self

    def __exit__(self, *_):
        for name in self.variables:
            os.environ.pop(name, None)
        self.socket.close()

    def heard(self):
        return self.socket.recv(4096).decode()


@case("the manager hears that the daemon is ready when it is served, and that it stops when it does")
def ready():
    lib.need_root()
    with Manager() as manager, lib.Daemon([lib.Solution("mirror", "mirror", ["count"])], wait=False) as daemon:
        equal(manager.heard(), "READY=1", "the first word")
        require(daemon.status(), "ready, and not served")
        equal(daemon.stop(), 0, "exit status")
        equal(manager.heard(), "STOPPING=1", "the last word")


@case("the manager hears at half of its time that the loop turns, and nothing from one that stands still")
def watchdog():
    lib.need_root()
    with Manager(watchdog_us=400000) as manager, lib.Daemon([lib.Solution("mirror", "mirror", ["count"])]) as daemon:
        # Its loop may turn before it is ready.
        while manager.heard() != "READY=1":
            pass
        begin = time.monotonic()
        for _ in range(10):
            equal(manager.heard(), "WATCHDOG=1", "the word")
        took = time.monotonic() - begin
        # What was said while the daemon got ready had waited: the ten take two seconds at the most.
        require(took < 4, f"ten words took {took:.1f} s")
        with lib.Held(daemon.pid):
            time.sleep(0.3)
            manager.socket.settimeout(0.8)
            with contextlib.suppress(TimeoutError):
                for _ in range(100):
                    manager.heard()
                raise lib.Failure("it speaks while it stands still")
        equal(manager.heard(), "WATCHDOG=1", "the word of one that goes on")


def with_boot_line(line):
    """For the daemon alone: another /proc/cmdline, in a mount namespace of its own."""
    path = lib.temporary("b") + "/cmdline"
    with open(path, "w") as file:
        file.write(line)
    libc = ctypes.CDLL(None, use_errno=True)

    def lay_over():
        if (libc.unshare(lib.CLONE_NEWNS) or libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None) or
                libc.mount(path.encode(), b"/proc/cmdline", None, MS_BIND, None)):
            os._exit(126)
    return lay_over


@case("ringfort.disable=1 on the kernel's command line: all runs and is told, and nothing is blocked")
def disabled():
    if not os.path.ismount("/"):
        raise lib.Skip("in a chroot that is no mount point nothing can be mounted for one process")
    scratch = Scratch()
    bad = scratch.program("bad")
    with Guard([judge("judge", "deny")], scratch, preexec=with_boot_line("quiet ringfort.disable=0\n")):
        equal(outcome(bad), DENIED, "with another value")
    mirror = lib.Solution("mirror", "mirror", ["count"])
    guards = f"gate: {{exec: [\"{scratch.path}\"]}}\n"
    with lib.Daemon([mirror], guards, preexec=with_boot_line("quiet ringfort.disable=1\n")) as daemon:
        require("gate" not in daemon.roles(), daemon.roles())
        equal(outcome(bad), RAN, "with the gate disabled")
        gate = daemon.status()["gate"]
        require(gate["open"] and gate["disabled"], gate)
        equal(daemon.cli("gate", "status").returncode, 1, "exit status of an open gate")
        require("ringfort.disable" in daemon.cli("gate", "on").stderr, "'on' is not refused")
        equal(daemon.cli("gate", "off").returncode, 0, "exit status of 'off'")
        with open(daemon.log_path) as file:
            require("ringfort.disable" in file.read(), "the log does not tell")


if __name__ == "__main__":
    lib.main()
