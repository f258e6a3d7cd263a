# SPDX-License-Identifier: Apache-2.0
"""Package - the .deb and its service in a Debian with a real systemd, and a gate over its whole root.

Long: two packages are built, a Debian is fetched (once) and booted again and again in a container.  With
RINGFORT_DEBS=FOLDER the two packages of an earlier run are taken from there.  The container and its file
system are described in machine.py; nothing of the machine that the test runs on is ever guarded.
"""

import glob
import json
import os
import re
import subprocess

import lib
import machine
from lib import Skip, case, equal, figure, require, wait_until

UNIT = f"{lib.STAGE}/usr/lib/systemd/system/ringfortd.service"
CONFIG = f"{lib.STAGE}/etc/ringfort/ringfortd.yaml"
FIRST, SECOND = "0.1.0+test1", "0.1.0+test2"
JUDGE = "/opt/judge"
# Beside what the package depends on.
SYSTEM = ["systemd-sysv", "dbus", "login", "libpam-systemd", "procps", "adduser"]

kept = {}


# ---- what needs no machine ---------------------------------------------------------------------------

@case("the shipped configuration is good as it is, and with every example in it taken")
def configuration():
    with open(CONFIG) as file:
        text = file.read()
    require("\ngate:" not in text, "as shipped it guards something")
    taken = re.sub(r"^#(?=[a-z ] *[-a-z]+:|  - )", "", text, flags=re.M)
    require("\ngate:" in taken and "\nsolutions:" in taken, taken)
    folder = lib.temporary("c")
    for name, content in (("as-it-is", text), ("taken", taken)):
        with open(f"{folder}/{name}.yaml", "w") as file:
            file.write(content)
        done = subprocess.run([lib.DAEMON, "--check-config", "--config", f"{folder}/{name}.yaml"],
                              capture_output=True, text=True)
        equal(done.returncode, 0, f"{name}: {done.stderr}")


@case("systemd takes the service's file, and scores it as the file says")
def unit():
    tool = "/usr/bin/systemd-analyze"
    if not os.path.exists(tool):
        raise Skip("there is no systemd-analyze")
    version = int(subprocess.run([tool, "--version"], capture_output=True, text=True).stdout.split()[1])
    done = subprocess.run([tool, "security", "--offline=true", "--no-pager", UNIT], capture_output=True, text=True)
    score = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    require(score, done.stdout[-300:], done.stderr)
    figure(f"exposure {score[1]} by systemd {version}")
    with open(UNIT) as file:
        said = re.search(r"of systemd (\d+) says (\d+\.\d+)", file.read())
    if int(said[1]) == version:
        equal(score[1], said[2], "the score")


# ---- the machine -------------------------------------------------------------------------------------

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


def the_machine():
    """With both versions in /debs and judges in /opt; made once."""
    if not lib.LONG:
        raise Skip("./test --long boots a Debian in a container")
    machine.need_tools()
    if "machine" not in kept:
        kept["debs"] = debs()
        archive = machine.base_archive(SYSTEM + dependencies(kept["debs"][0]))
        made = machine.Machine(archive)
        copies = "\n".join(f"install -D -m 644 -t {made.root}/debs/{i} {' '.join(files)}"
                           for i, files in enumerate(kept["debs"]))
        made.offline(f"{copies}\ninstall -D {lib.program_of_solution('judge')} {made.root}{JUDGE}/program")
        kept["machine"] = made
    return kept["machine"]


def booted():
    here = the_machine()
    if not here.process:
        here.boot()
    return here


def install(here, which):
    return here.run(f"DEBIAN_FRONTEND=noninteractive dpkg -i /debs/{which}/*.deb", timeout=120)


def status(here):
    done = here.run("ringfort status --json", check=False)
    return json.loads(done.stdout) if done.stdout.startswith("{") else {}


def wait_healthy(here):
    def healthy():
        now = status(here)
        return now if now.get("healthy") and now["solutions"] else None
    return wait_until(healthy, 60, lambda: here.run("ringfort status; journalctl -u ringfortd -n 30 --no-pager",
                                                    check=False).stdout[-2500:])


def main_pid(here):
    return int(here.run("systemctl show -P MainPID ringfortd").stdout)


def processes(here):
    """Names of everything of ours that runs."""
    return here.run("cat /proc/[0-9]*/comm | grep -E '^(ringfort|sigma$)' || true").stdout.split()


@case("the package installs: the service is active, healthy, in cgroups that are its own, and its socket is the group's")
def installs():
    here = booted()
    install(here, 0)
    equal(here.run("systemctl is-active ringfortd").stdout.strip(), "active", "the service")
    equal(here.run("systemctl is-enabled ringfortd").stdout.strip(), "enabled", "at boot")
    now = wait_healthy(here)
    require(any(s["name"] == "sigma" and s["state"] == "active" for s in now["solutions"]), now["solutions"])
    equal(here.run("stat -c '%U %G %a' /run/ringfort/control.sock").stdout.strip(), "root ringfort 660", "the socket")
    equal(here.run("stat -c '%U %a' /var/lib/ringfort").stdout.strip(), "root 700", "the state")
    equal(now["gate"], None, "a gate that nobody asked for")
    groups = here.run("cd /sys/fs/cgroup/system.slice/ringfortd.service && find . -name 'sigma' -o -name daemon").stdout
    equal(sorted(groups.split()), ["./daemon", "./ringfort-main/sigma"], "cgroups")
    require(not here.run("ls -d /sys/fs/cgroup/ringfort-*", check=False).stdout, "cgroups outside of the service's")


@case("what a solution finds is in the journal of the machine, under the service's name")
def journal():
    here = booted()
    wait_healthy(here)
    here.run("cp /bin/true /dev/shm/x && /dev/shm/x; echo aWQ= | base64 -d | sh")
    wait_until(lambda: "RINGFORT_SOLUTION" in here.run("journalctl -u ringfortd -o json --no-pager").stdout, 15,
               lambda: here.run("ringfort findings; journalctl -u ringfortd -n 20 --no-pager").stdout[-1500:])


@case("a killed supervisor is started again by systemd, and the watchdog ends one that stands still")
def restarts():
    here = booted()
    old = main_pid(here)
    here.run(f"kill -KILL {old}")
    wait_until(lambda: main_pid(here) not in (0, old), 20, "the next supervisor")
    wait_healthy(here)
    # Thirty seconds are long; the drop-in goes with the case.
    here.run("mkdir -p /run/systemd/system/ringfortd.service.d && printf '[Service]\\nWatchdogSec=3\\n' "
             ">/run/systemd/system/ringfortd.service.d/test.conf && systemctl daemon-reload && systemctl restart ringfortd")
    wait_healthy(here)
    old = main_pid(here)
    here.run(f"sleep 5; [ $(systemctl show -P MainPID ringfortd) = {old} ]")
    here.run(f"kill -STOP {old}")
    wait_until(lambda: main_pid(here) not in (0, old), 30, "the one after the watchdog")
    wait_healthy(here)
    here.run("rm -r /run/systemd/system/ringfortd.service.d && systemctl daemon-reload && systemctl restart ringfortd")


@case("an upgrade starts the new version, and keeps the operator's configuration")
def upgrades():
    here = booted()
    here.run("echo 'findings: {files: 4}' >>/etc/ringfort/ringfortd.yaml")
    old = main_pid(here)
    install(here, 1)
    require(main_pid(here) not in (0, old), "it runs on")
    wait_healthy(here)
    equal(here.run("dpkg-query -W -f '${Version}' ringfort").stdout, SECOND, "the version")
    require("files: 4" in here.run("cat /etc/ringfort/ringfortd.yaml").stdout, "the configuration is lost")


@case("removed, nothing of it runs; purged, no file of it is left")
def removes():
    here = booted()
    here.run("dpkg -r ringfort libringfort0", timeout=120)
    equal(processes(here), [], "processes")
    require(here.run("test -e /run/ringfort", check=False).returncode, "/run/ringfort is left")
    require(here.run("test -e /sys/fs/cgroup/system.slice/ringfortd.service", check=False).returncode, "cgroups are left")
    here.run("test -e /etc/ringfort/ringfortd.yaml && test -e /var/lib/ringfort")
    here.run("dpkg -P ringfort libringfort0", timeout=120)
    left = here.run("find / -xdev -name '*ringfort*' -not -path '/debs/*'").stdout.split()
    equal(left, [], "files")
    equal(here.run("systemctl is-system-running", check=False).stdout.strip(), "running", "the machine")


# ---- a gate over the whole root ------------------------------------------------------------------------

MANIFEST = ("name: judge\nvendor: Test\nversion: 0.1.0\napi: 1\nexecutable: {executable}\narguments: [{manner}]\n"
            "events: [process.exec]\nauthorize: [process.exec]\n")
GUARDED = ("solutions:\n  - name: judge\n    package: /opt/judge\n    authorize: [process.exec]\n    miss: {miss}\n"
           "gate: {{exec: [/], deadline_ms: 500}}\n")


def guard_root(here, manner, miss="fail-open", executable="program"):
    """Installed, configured and powered off: the next boot is under the gate."""
    if not here.process:
        here.boot()
    # The gate of the case before may deny what a package is installed with.
    here.run("systemctl stop ringfortd 2>/dev/null; dpkg -s ringfort >/dev/null 2>&1 || DEBIAN_FRONTEND=noninteractive dpkg -i /debs/1/*.deb", timeout=120)
    require(os.stat(f"/proc/{here.leader}/root").st_dev != os.stat("/").st_dev, "its root is this machine's own")
    for path, text in ((f"{JUDGE}/manifest.yaml", MANIFEST.format(executable=executable, manner=manner)),
                       ("/etc/ringfort/ringfortd.d/gate.yaml", GUARDED.format(miss=miss))):
        with open(f"/proc/{here.leader}/root{path}", "w") as file:
            file.write(text)
    here.off()


def gate(here):
    return json.loads(here.run("ringfort gate --json", check=False).stdout)


def runs(here, program="/usr/bin/id"):
    """Of a program that is not of the critical set: did it run?"""
    return here.run(program, check=False, timeout=20).returncode == 0


def boots_under(manner, denies, **options):
    here = the_machine()
    guard_root(here, manner, **options)
    booted_s = here.boot()
    wait_until(lambda: gate(here)["marks"] == 1, 20, "a guarded root")
    login_s = here.log_in()
    if denies:
        require(not runs(here), f"nothing is denied: {gate(here)}")
        equal(here.run("ringfort gate off; ringfort gate --json", check=False).stdout.count('"open":true'), 1, "open")
        require(runs(here), "denied by an open gate")
        here.run("ringfort gate on")
        wait_until(lambda: not runs(here), 10, "a gate that decides again")
    else:
        require(runs(here), f"denied: {gate(here)}")
    here.run("systemctl stop ringfortd")
    require(runs(here), "denied when the service is stopped")
    figure(f"booted in {booted_s:.1f} s, logged in within {login_s:.1f} s")
    here.run("systemctl start ringfortd")


@case("under a gate over its root a machine boots and lets its operator in while the solution allows")
def allowing():
    boots_under("allow", denies=False)


@case("the same while it denies everything; then the gate and the service open it")
def denying():
    boots_under("deny", denies=True)


@case("the same while it is not there at all")
def missing():
    boots_under("allow", denies=False, executable="gone")


@case("the same while it crashes at each question")
def crashing():
    boots_under("crash", denies=False)


@case("the same while it never answers, and its misses allow")
def hanging():
    boots_under("hang", denies=False)


@case("the same while it never answers, and its misses deny")
def hanging_closed():
    here = the_machine()
    guard_root(here, "hang", miss="fail-closed")
    figure(f"booted in {here.boot():.1f} s, logged in within {here.log_in():.1f} s")
    here.run("systemctl stop ringfortd")
    require(runs(here), "denied when the service is stopped")
    here.run("systemctl start ringfortd")


@case("ringfort.disable=1 on the kernel's command line: the daemon runs and tells it, the gate is open, 'on' is refused")
def disabled():
    here = the_machine()
    guard_root(here, "deny")
    # A container has the command line of the kernel outside: the service is shown another.
    here.offline(f"cd {here.root}/etc && echo 'quiet ringfort.disable=1' >cmdline && mkdir systemd/system/ringfortd.service.d && "
                 "printf '[Service]\\nBindReadOnlyPaths=/etc/cmdline:/proc/cmdline\\n' >systemd/system/ringfortd.service.d/test.conf")
    here.boot()
    now = wait_until(lambda: status(here), 30, "the daemon")
    require(now["gate"]["open"] and now["gate"].get("disabled"), now["gate"])
    require(runs(here), "denied by a gate that is disabled")
    require("DISABLED" in here.run("ringfort status", check=False).stdout, "status does not tell")
    require("DISABLED" in here.run("ringfort doctor", check=False, timeout=120).stdout, "doctor does not tell")
    refused = here.run("ringfort gate on", check=False)
    require(refused.returncode and "ringfort.disable" in refused.stderr, refused)
    require("disabled" in here.run("journalctl -u ringfortd --no-pager").stdout, "the journal does not tell")
    equal(here.run("ringfort gate off", check=False).returncode, 0, "off")
    here.off()


if __name__ == "__main__":
    lib.main()
