# SPDX-License-Identifier: Apache-2.0
"""Findings reach journald where it is there: a real systemd-journald, in a mount namespace of its own."""

import json
import os
import subprocess
import sys
import tempfile

import lib
from lib import case, equal, require, wait_until

JOURNALD = "/lib/systemd/systemd-journald"


def in_namespace():
    """Again, where /run and /var/log/journal are ours: the host's journald, if any, is not disturbed."""
    if os.environ.get("RINGFORT_TEST_NAMESPACE"):
        return
    if os.geteuid() != 0 or not os.path.exists(JOURNALD) or not os.path.exists("/usr/bin/journalctl"):
        return
    # In a chroot that is no mount point nothing can be mounted without the host seeing it.
    if not os.path.ismount("/") or subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode:
        return
    script = ("mount --make-rprivate / && mount -t tmpfs none /run && mkdir -p /var/log/journal && "
              "mount -t tmpfs none /var/log && exec \"$@\"")
    os.environ["RINGFORT_TEST_NAMESPACE"] = "1"
    os.execvp("unshare", ["unshare", "-m", "sh", "-c", script, "sh", sys.executable, *sys.argv])


@case("a finding is in the journal with its level, solution, rule and process")
def journal():
    lib.need_root()
    if not os.environ.get("RINGFORT_TEST_NAMESPACE"):
        raise lib.Skip("no systemd-journald here, or no mount namespace for it")
    journald = subprocess.Popen([JOURNALD], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL, preexec_fn=lib.die_with_us)
    try:
        wait_until(lambda: os.path.exists("/run/systemd/journal/socket"), 10, "journald's socket")
        mirror = lib.Solution("mirror", "mirror", ["report", "process.exec"])
        with lib.Daemon([mirror], folder=tempfile.mkdtemp(dir="/run")):
            marker = "journald-marker"
            subprocess.run(["/bin/true", marker], check=True)

            def entries():
                done = subprocess.run(["journalctl", "-o", "json", "--no-pager", "-t", "ringfortd"],
                                      capture_output=True, text=True)
                lines = [json.loads(line) for line in done.stdout.splitlines()]
                return [e for e in lines if str(e.get("OBJECT_EXE", "")).endswith("/true")]

            wait_until(entries, 10, "the finding in the journal")
            entry = entries()[0]
            equal(entry["RINGFORT_SOLUTION"], "mirror", "RINGFORT_SOLUTION")
            equal(entry["RINGFORT_RULE_ID"], "process.exec", "RINGFORT_RULE_ID")
            equal(entry["PRIORITY"], "5", "PRIORITY of level low")
            require(int(entry["OBJECT_PID"]) > 1, "OBJECT_PID")
            require(entry["MESSAGE"].startswith("low: seen"), "MESSAGE:", entry["MESSAGE"])
            require(len(entry["MESSAGE_ID"]) == 32, "MESSAGE_ID")
    finally:
        journald.kill()
        journald.wait()


in_namespace()
lib.main()
