# SPDX-License-Identifier: Apache-2.0
"""What a hostile solution, client or user of the host does to the roles beside it."""

import contextlib
import ctypes
import os
import signal
import socket
import struct
import subprocess
import time

import lib
from lib import Solution, case, equal, require, wait_until

TICKS = os.sysconf("SC_CLK_TCK")


def alive(daemon):
    require(daemon.process.poll() is None, "ringfortd ended:", daemon.tail())


def begin_storm(forks):
    storm = subprocess.Popen([lib.TRIGGER, "storm-fork", str(forks)], stdin=subprocess.PIPE,
                             stdout=subprocess.DEVNULL, preexec_fn=lib.die_with_us)
    storm.stdin.write(b"\n")
    storm.stdin.close()
    return storm


@case("a solution that prints without end does not make the control process run more often")
def chatter():
    with lib.Daemon([Solution("chatter", "hostile", ["chatter"])]) as daemon:
        wait_until(lambda: (daemon.solution("chatter") or {}).get("state") == "active", 10, "active")
        control = daemon.roles()["control"]
        time.sleep(1)
        before = lib.cpu_ticks(control)
        time.sleep(3)
        percent = (lib.cpu_ticks(control) - before) * 100 / TICKS / 3
        lib.figure(f"control used {percent:.1f} % of a processor")
        require(percent < 8, "control used", percent, "% of a processor")


@case("noise in the mailbox ends a solution in each of its lives, until it is suspended")
def gibberish():
    with lib.Daemon([Solution("gibberish", "hostile", ["gibberish"])]) as daemon:
        wait_until(lambda: daemon.solution("gibberish")["state"] == "suspended", 15,
                   lambda: str(daemon.solution("gibberish")))


@case("barriers without end while the sensor is held up do not end the daemon")
def barriers():
    solutions = [Solution(f"b{i}", "hostile", ["barriers"]) for i in range(3)]
    with lib.Daemon(solutions) as daemon:
        wait_until(lambda: all(s["state"] == "active" for s in daemon.status()["solutions"]), 10, "active")
        with lib.Held(daemon.roles()["sensor"]):
            time.sleep(2)
            alive(daemon)
            daemon.cli("status")
        time.sleep(1)
        alive(daemon)
        require(daemon.status(), "no status")


@case("operators who come and go faster than hooks are attached do not end the daemon")
def come_and_go():
    with lib.Daemon([]) as daemon:
        schema = schema_hash(daemon)
        equal(daemon.cli("doctor").returncode, 0, "exit status of doctor")
        with lib.Held(daemon.roles()["sensor"]):
            for _ in range(200):
                with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
                    client.connect(daemon.socket)
                    client.send(request(2, schema))
                    time.sleep(0.002)
            alive(daemon)
        wait_until(daemon.status, 10, "status")
        alive(daemon)


def request(operation, schema, flags=0, types=0, since=0, name=b""):
    return struct.pack("=IIIIQQQ64s", 0x54524652, operation, flags, 0, types, since, schema, name)


def schema_hash(daemon):
    """Of the library that was built, by its own function."""
    library = ctypes.CDLL(lib.STAGE + "/usr/lib/libringfort.so.0")
    library.ringfort_schema_hash.restype = ctypes.c_uint64
    return library.ringfort_schema_hash()


@case("connections that ask for nothing do not lock the operator out")
def idle():
    with lib.Daemon([]) as daemon:
        clients = []
        for _ in range(40):
            client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            client.connect(daemon.socket)
            clients.append(client)
        wait_until(daemon.status, 12, "status beside 40 idle connections")


@case("a finding about a giant command line is shown, not passed over")
def giant():
    mirror = Solution("mirror", "mirror", ["report", "process.exec"])
    with lib.Daemon([mirror]) as daemon:
        subprocess.run(["/bin/true", "giant-marker"] + ["\x01" * 100000], check=True)
        wait_until(lambda: any("giant-marker" in str(f) for f in daemon.findings()), 5,
                   "the finding about it in ringfort findings")
        for _ in range(60):
            subprocess.run(["/bin/true", "x" * 2000], check=True)
        wait_until(lambda: sum("xxxx" in str(f) for f in daemon.findings()) == 60, 10,
                   "60 findings, to the end")


@case("a user who does what is found by the thousands does not get the finder killed")
def by_the_thousands():
    mirror = Solution("mirror", "mirror", ["report", "process.exec"])
    with lib.Daemon([mirror]) as daemon:
        subprocess.run(["sh", "-c", "i=0; while [ $i -lt 4000 ]; do /bin/true $i; i=$((i+1)); done"],
                       check=True, user=65534)
        wait_until(lambda: daemon.solution("mirror")["findings_dropped"] > 1000, 10, "findings are dropped")
        time.sleep(1)
        equal(daemon.solution("mirror")["restarts"], 0, "restarts")
        require(daemon.solution("mirror")["pid"], "it is gone:", daemon.tail())


@case("a solution that stays behind is told to have lost events while it does")
def behind():
    slow = Solution("behind", "hostile", ["behind"])
    with lib.Daemon([slow], config="rings:\n  broadcast_kb: 1024\n") as daemon:
        wait_until(lambda: daemon.solution("behind")["state"] == "active", 10, "active")
        storm = begin_storm(20000)
        try:
            wait_until(lambda: daemon.solution("behind")["lost"] > 0, 30, "lost")
            wait_until(lambda: daemon.solution("behind")["state"] == "degraded", 5, "degraded")
        finally:
            storm.kill()
            storm.wait()


@case("the process that reads YAML holds no descriptor of the supervisor")
def yaml_descriptors():
    folder = lib.temporary("y")
    package = Solution("piped", "mirror").write(folder)
    os.unlink(package + "/manifest.yaml")
    os.mkfifo(package + "/manifest.yaml")
    daemon = lib.Daemon([], wait=False, folder=lib.temporary("d"))
    daemon.stop()
    with open(daemon.config, "w") as file:
        file.write(f"solutions:\n  - name: piped\n    package: {package}\n")
    daemon.start(wait=False)

    def reader():
        known = daemon.roles().values()
        return next((p for p in lib.children_of(daemon.pid)
                     if p not in known and os.readlink(f"/proc/{p}/exe").endswith("ringfortd")
                     and "control" in daemon.roles()), None)
    with daemon:
        child = wait_until(reader, 5, "the child that reads the manifest")
        time.sleep(0.2)
        fds = {n: os.readlink(f"/proc/{child}/fd/{n}") for n in os.listdir(f"/proc/{child}/fd")}
        with open(package + "/manifest.yaml", "w") as file:
            file.write("x\n")
        equal(sorted(int(n) for n in fds), [0, 1, 2, 3], f"descriptors, {fds}")


@case("a control process that is held up is no fault of the solutions")
def held_up():
    slow = Solution("behind", "hostile", ["behind"])
    with lib.Daemon([slow]) as daemon:
        wait_until(lambda: daemon.solution("behind")["state"] == "active", 10, "active")
        storm = begin_storm(10000)
        try:
            time.sleep(2.5)
            with lib.Held(daemon.roles()["control"]):
                time.sleep(20)
            alive(daemon)
            time.sleep(1)
            equal(daemon.solution("behind")["restarts"], 0, "restarts")
        finally:
            storm.kill()
            storm.wait()


@case("a full disk costs findings, not the daemon, and is over when there is room")
def full_disk():
    mirror = Solution("mirror", "mirror", ["report", "process.exec"])
    folder = lib.temporary("d")
    os.mkdir(folder + "/state", 0o700)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "none", folder + "/state"])
    if done.returncode:
        raise lib.Skip("cannot mount a tmpfs")
    try:
        with lib.Daemon([mirror], folder=folder) as daemon:
            filler = folder + "/state/filler"
            with open(filler, "wb", buffering=0) as file, contextlib.suppress(OSError):
                while True:
                    file.write(bytes(4096))
            for _ in range(50):
                subprocess.run(["/bin/true"], check=True)
            wait_until(lambda: daemon.status()["journal_errors"] > 0, 5, "errors are counted")
            equal(daemon.status()["healthy"], False, "healthy")
            os.unlink(filler)
            subprocess.run(["/bin/true", "room-again"], check=True)
            wait_until(lambda: any("room-again" in str(f) for f in daemon.findings()), 5, "the finding")
            equal(daemon.status()["healthy"], True, "healthy")
    finally:
        subprocess.run(["umount", "-l", folder + "/state"])


@case("folders that others can write to are refused, with the reason")
def foreign_folders():
    for name, uid, mode in (("state", 0, 0o777), ("run", 1234, 0o755)):
        folder = lib.temporary("d")
        os.mkdir(f"{folder}/{name}")
        os.chown(f"{folder}/{name}", uid, uid)
        os.chmod(f"{folder}/{name}", mode)
        daemon = lib.Daemon([], wait=False, folder=folder)
        equal(daemon.wait(), 77, f"exit status with a foreign folder {name}")
        require(f"{folder}/{name}" in daemon.tail() and "root owns" in daemon.tail(), daemon.tail())
        require(os.path.isdir(f"{folder}/{name}"), "it is gone")


if __name__ == "__main__":
    lib.main()
