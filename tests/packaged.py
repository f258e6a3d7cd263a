# SPDX-License-Identifier: Apache-2.0
"""Packaged - the .debs of this tree, and what a Debian needs that is to run them under a gate.

With RINGFORT_DEBS=FOLDER the packages of an earlier run are taken from there.
"""

import glob
import os
import subprocess

import lib
from lib import Skip, require

FIRST, SECOND = "0.1.0+test1", "0.1.0+test2"
JUDGE = "/opt/judge"
# Beside what the packages depend on.
SYSTEM = ["systemd-sysv", "dbus", "login", "libpam-systemd", "procps", "adduser"]

# A solution of straw over the whole root.
MANIFEST = ("name: judge\nvendor: Test\nversion: 0.1.0\napi: 1\nexecutable: {executable}\narguments: [{manner}]\n"
            "events: [process.exec]\nauthorize: [process.exec]\n")
GUARDED = ("solutions:\n  - name: judge\n    package: /opt/judge\n    authorize: [process.exec]\n    miss: {miss}\n"
           "gate: {{exec: [/], deadline_ms: {deadline_ms}}}\n")


def guarded_root(manner, miss="fail-open", executable="program", deadline_ms=500):
    """What is to be in which file, so that this judge decides about the whole root."""
    return {f"{JUDGE}/manifest.yaml": MANIFEST.format(executable=executable, manner=manner),
            "/etc/ringfort/ringfortd.d/gate.yaml": GUARDED.format(miss=miss, deadline_ms=deadline_ms)}


def debs():
    """The files of both versions: [[first...], [second...]]"""
    folder = os.environ.get("RINGFORT_DEBS") or lib.temporary("debs")
    if not glob.glob(f"{folder}/ringfort_{SECOND}_*.deb"):
        done = subprocess.run([f"{lib.ROOT}/tools/deb.sh", "--version", FIRST, "--version", SECOND, folder],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, preexec_fn=lib.die_with_us)
        if done.returncode == 77:
            raise Skip(done.stderr.strip())
        require(done.returncode == 0, done.stderr[-1500:])
    return [sorted(glob.glob(f"{folder}/ringfort_{v}_*.deb") + glob.glob(f"{folder}/libringfort0_{v}_*.deb"))
            for v in (FIRST, SECOND)]


def dependencies(files):
    names = set()
    for file in files:
        done = subprocess.run(["dpkg-deb", "-f", file, "Depends"], capture_output=True, text=True, check=True)
        names |= {word.split("|")[0].split()[0] for word in done.stdout.split(",") if word.strip()}
    return sorted(name for name in names if not name.startswith("libringfort"))
