# SPDX-License-Identifier: Apache-2.0
"""Package - the .deb and its service in a Debian with a real systemd, and a gate over its whole root.

Long: two packages are built (packaged.py), a Debian is fetched (once) and booted again and again in a
container.  The container and its file system are described in machine.py; nothing of the machine that the
test runs on is ever guarded.
"""

import json
import os
import re
import subprocess
import time

import lib
import machine
from lib import Skip, case, equal, figure, require, wait_until
from packaged import JUDGE, SECOND, SYSTEM, debs, dependencies, guarded_root

UNIT = f"{lib.STAGE}/usr/lib/systemd/system/ringfortd.service"
CONFIG = f"{lib.STAGE}/etc/ringfort/ringfortd.yaml"
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
    wait_healthy(here)
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
    # A SIGSTOP would be healed by ourselves: see test_tamper.py.
    here.run(f"cd /sys/fs/cgroup && mkdir still && echo 1 >still/cgroup.freeze && echo {old} >still/cgroup.procs")
    wait_until(lambda: main_pid(here) not in (0, old), 30, "the one after the watchdog")
    here.run("rmdir /sys/fs/cgroup/still")
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

def guard_root(here, manner, **options):
    """Installed, configured and powered off: the next boot is under the gate."""
    if not here.process:
        here.boot()
    # The gate of the case before may deny what a package is installed with.
    here.run("systemctl stop ringfortd 2>/dev/null; test -x /usr/sbin/ringfortd || DEBIAN_FRONTEND=noninteractive dpkg -i /debs/1/*.deb", timeout=120)
    require(os.stat(f"/proc/{here.leader}/root").st_dev != os.stat("/").st_dev, "its root is this machine's own")
    write_guarded_root(here, manner, **options)
    here.off()


def write_guarded_root(here, manner, **options):
    for path, text in guarded_root(manner, **options).items():
        with open(f"/proc/{here.leader}/root{path}", "w") as file:
            file.write(text)


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


@case("journald rotates, and goes on to keep what we say, while a verdict is pending that nobody will give")
def journald_rotates():
    here, deadline_s = the_machine(), 20
    guard_root(here, "hang", miss="fail-closed")
    here.boot()
    # Longer than it could have booted with.
    write_guarded_root(here, "hang", miss="fail-closed", deadline_ms=deadline_s * 1000)
    here.run("systemctl restart ringfortd")
    wait_until(lambda: gate(here)["marks"] == 1 and gate(here)["solutions"], 30, "a guarded root")
    files = "echo /var/log/journal/*/*@*.journal /run/log/journal/*/*@*.journal"
    before = len([f for f in here.run(files).stdout.split() if "*" not in f])
    # Nobody waits for it, and it waits.
    here.run("/usr/bin/id >/dev/null 2>&1 &")
    wait_until(lambda: gate(here)["pending"] >= 1, 10, lambda: f"a pending verdict: {gate(here)}")
    begin = time.monotonic()
    here.run("kill -USR2 $(systemctl show -P MainPID systemd-journald)", timeout=deadline_s / 2)
    wait_until(lambda: len([f for f in here.run(files).stdout.split() if "*" not in f]) > before, deadline_s / 2, "a rotated journal")
    seconds = time.monotonic() - begin
    require(gate(here)["pending"] >= 1, f"the verdict was given meanwhile: {gate(here)}")
    here.run("ringfort gate off")
    wait_until(lambda: "the operator opened the gate" in here.run("journalctl -u ringfortd --no-pager -n 20").stdout, 10, "our line")
    require(seconds < deadline_s / 2, f"{seconds:.1f} s")
    now = gate(here)
    equal((now["restarts"], now["canary"]["late"]), (1, 0), "lives of the gate, and late to its canary")
    figure(f"rotated within {seconds:.1f} s, while a verdict was pending for up to {deadline_s} s")


# ---- the package manager under a gate that denies everything -----------------------------------------------

# What debhelper puts into most of them, and the shell.
PLAIN = ("#!/bin/sh\nset -e\necho \"${0##*/}\" \"$1\" >>/root/plain.log\ndpkg-query -W -f '${Status}' dpkg >/dev/null\n"
         "deb-systemd-helper --quiet was-enabled getty@.service || true\n")
NEEDY = "#!/bin/sh\nset -e\n/usr/bin/id\n"
SCRIPTS = ("preinst", "postinst", "prerm", "postrm")


def small_deb(folder, name, version, scripts):
    """A package of one file, with these maintainer scripts."""
    tree = f"{folder}/{name}-{version}"
    os.makedirs(f"{tree}/DEBIAN")
    os.makedirs(f"{tree}/usr/share/{name}")
    with open(f"{tree}/DEBIAN/control", "w") as file:
        file.write(f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: Test <test@example.org>\n"
                   "Description: a small package\n")
    with open(f"{tree}/usr/share/{name}/version", "w") as file:
        file.write(version)
    for script, text in scripts.items():
        with open(f"{tree}/DEBIAN/{script}", "w") as file:
            file.write(text)
        os.chmod(f"{tree}/DEBIAN/{script}", 0o755)
    path = f"{folder}/{name}_{version}_all.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", tree, path], check=True, stdout=subprocess.DEVNULL)
    return path


def under_denial():
    """The machine, booted under a gate over its root that denies everything, with small packages in /pk."""
    here = the_machine()
    guard_root(here, "deny")
    folder = lib.temporary("pk")
    files = [small_deb(folder, "plain", version, dict.fromkeys(SCRIPTS, PLAIN)) for version in ("1", "2")]
    files.append(small_deb(folder, "needy", "1", {"postinst": NEEDY}))
    here.offline(f"rm -rf {here.root}/pk && install -D -m 644 -t {here.root}/pk {' '.join(files)}")
    here.boot()
    wait_until(lambda: gate(here)["marks"] == 1, 20, lambda: "a guarded root: " + here.run(
        "ringfort gate; ringfort status; journalctl -u ringfortd -n 30 --no-pager", check=False).stdout[-2500:])
    require(not runs(here), "nothing is denied")
    return here


def package_state(here, name):
    return here.run(f"dpkg-query -W -f '${{db:Status-Status}} ${{Version}}' {name}", check=False).stdout


@case("where everything is denied dpkg and apt install, upgrade and purge a package whose scripts need only dpkg's tools")
def packages_under_denial():
    here = under_denial()
    here.run("dpkg -i /pk/plain_1_all.deb")
    equal(package_state(here, "plain"), "installed 1", "after dpkg -i")
    done = here.run("DEBIAN_FRONTEND=noninteractive apt-get -y --no-install-recommends install /pk/plain_2_all.deb", timeout=120)
    equal(package_state(here, "plain"), "installed 2", f"after apt-get install: {done.stdout[-400:]}{done.stderr[-400:]}")
    here.run("dpkg -P plain")
    told = here.run('echo "$(</root/plain.log)"').stdout.split("\n")
    equal([line for line in told if line],
          ["preinst install", "plain.postinst configure", "plain.prerm upgrade", "preinst upgrade", "plain.postrm upgrade",
           "plain.postinst configure", "plain.prerm remove", "plain.postrm remove", "plain.postrm purge"], "what was run")
    voice = gate(here)["solutions"][0]
    require(voice["self_harm"] > 10 and voice["denied"] > voice["self_harm"], voice)
    require(gate(here)["overridden"] == voice["self_harm"], gate(here))
    require(not runs(here), "the judge is gone")
    figure(f"{voice['self_harm']} files that the host needs would have been denied")


@case("one whose script runs another program fails there; with the gate off dpkg completes it, and it can be removed")
def needy_package():
    here = booted()
    done = here.run("dpkg -i /pk/needy_1_all.deb", check=False)
    equal(done.returncode, 1, "exit status of dpkg")
    require("/usr/bin/id: Operation not permitted" in done.stderr, done.stderr)
    equal(package_state(here, "needy"), "half-configured 1", "its state")
    here.run("ringfort gate off && dpkg --configure -a && ringfort gate on")
    equal(package_state(here, "needy"), "installed 1", "its state after that")
    require(not runs(here), "an open gate")
    here.run("dpkg -P needy")


@case("in dpkg's folders only scripts of root's are let through: no binary, none that others own or can write to, nor elsewhere")
def scripts_only():
    here = booted()
    place = "/var/lib/dpkg/info/x.postinst"

    def outcome(prepare, path=place):
        here.run(f"rm -f {place}; ringfort gate off >/dev/null && ({prepare}) && ringfort gate on >/dev/null")
        return here.run(path, check=False).returncode
    script = "printf '#!/bin/sh\\nexit 0\\n' >{0} && chmod 755 {0}"
    equal(outcome(script.format(place)), 0, "a script of root's")
    equal(outcome(script.format(place) + f" && chown 1 {place}"), 126, "a script of somebody else's")
    equal(outcome(script.format(place) + f" && chmod 775 {place}"), 126, "one that others may write to")
    equal(outcome(f"cp /usr/bin/id {place}"), 126, "a binary")
    equal(outcome(f"printf '#!/usr/bin/env sh\\n' >{place} && chmod 755 {place}"), 126, "a script whose interpreter is denied")
    equal(outcome(script.format("/opt/x.postinst"), "/opt/x.postinst"), 126, "a script elsewhere")
    foreign = ("ringfort gate off >/dev/null; unshare -m sh -c 'mount --bind /opt /var/lib/dpkg/info && ringfort gate on >/dev/null && "
               f"{place}'")
    equal(here.run(foreign, check=False).returncode, 126, "one in another mount namespace")
    equal(outcome("chmod 777 /var/lib/dpkg/info && touch /var/lib/dpkg/status && sleep 1 && " + script.format(place)), 126,
          "in a folder that everybody may write to")
    here.run(f"ringfort gate off; rm -f {place} /opt/x.postinst && chmod 755 /var/lib/dpkg/info && touch /var/lib/dpkg/status; "
             "sleep 1; ringfort gate on")


@case("Ringfort itself is removed while its gate denies everything")
def removed_under_denial():
    here = booted()
    here.run("dpkg -r ringfort libringfort0", timeout=120)
    equal(processes(here), [], "processes")
    require(runs(here), "denied by nobody")


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
