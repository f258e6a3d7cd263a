# SPDX-License-Identifier: Apache-2.0
"""Boot - a real Debian, its own kernel, a gate over its whole root, and a solution in every state of failure.

Long: the packages are built (packaged.py), a Debian and its kernel are fetched once, and it boots in an
emulated machine (emulator.py), each time from the same disk.  test_package.py does the same in a container,
and more; here nothing is shared with the machine that the test runs on, and the console is the only way in.
"""

import json
import os

import emulator
import lib
import machine
from lib import Skip, case, equal, figure, require, wait_until
from packaged import JUDGE, SYSTEM, debs, dependencies, guarded_root

PATIENCE_S = 120  # everything takes longer there
KERNEL = os.environ.get("RINGFORT_KERNEL", "bookworm")  # a suite that lab/kernel.sh knows

kept = {}


def the_machine():
    """With Ringfort installed by dpkg and a judge in /opt; made once."""
    if not lib.LONG:
        raise Skip("./test --long boots a Debian in an emulated machine")
    emulator.need_tools()
    if "machine" not in kept:
        kernel = emulator.kernel_image(KERNEL)
        files = debs()[0]
        made = emulator.Emulated(machine.base_archive(SYSTEM + emulator.SYSTEM + dependencies(files)), kernel)
        made.offline(f"install -m 644 -t {made.root}/var/tmp {' '.join(files)}\n"
                     f"DEBIAN_FRONTEND=noninteractive chroot {made.root} sh -c 'dpkg -i /var/tmp/*.deb'\n"
                     f"install -D {lib.program_of_solution('judge')} {made.root}{JUDGE}/program")
        kept["machine"] = made
    return kept["machine"]


def prepare(here, files):
    folder = lib.temporary("files")
    for n, (path, text) in enumerate(files.items()):
        with open(f"{folder}/{n}", "w") as file:
            file.write(text)
    here.offline("\n".join(f"install -D -m 644 {folder}/{n} {here.root}{path}" for n, path in enumerate(files)))


def gate(here):
    """What it says of itself; {} while nothing answers.  Others may write to the console, too."""
    lines = here.run("ringfort gate --json", check=False).stdout.splitlines()
    return next((json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")), {})


def runs(here):
    """Of a program that is not of the critical set: did it run?"""
    return here.run("/usr/bin/id", check=False).returncode == 0


def said_by_service(here):
    return here.run("journalctl -u ringfortd -n 30 --no-pager -o cat", check=False).stdout[-2500:]


def boots_under(manner, denies=False, lives=True, **options):
    here = the_machine()
    prepare(here, guarded_root(manner, **options))
    booted_s = here.boot()
    login_s = here.log_in()
    state = here.run("systemctl is-system-running --wait", check=False, timeout=PATIENCE_S).stdout.strip()
    require(state in ("running", "degraded"), state)
    equal(here.run("systemctl is-active multi-user.target").stdout.strip(), "active", "multi-user.target")
    # Not one that begins again and again: it has a gate for moments, too.
    wait_until(lambda: here.run("systemctl is-active ringfortd", check=False).stdout.strip() == "active", PATIENCE_S,
               lambda: "the service: " + said_by_service(here))
    wait_until(lambda: gate(here).get("marks") == 1, PATIENCE_S, lambda: f"a guarded root: {gate(here)}")
    if lives:
        wait_until(lambda: gate(here).get("solutions"), PATIENCE_S, lambda: "the judge: " + said_by_service(here))
    if denies:
        wait_until(lambda: not runs(here), PATIENCE_S, lambda: f"a denial: {gate(here)}")
        here.run("ringfort gate off")
    wait_until(lambda: runs(here), PATIENCE_S, lambda: f"denied: {gate(here)}")
    said = here.run("journalctl -u ringfortd -b --no-pager -o cat").stdout
    equal([line for line in said.splitlines() if "no precedence" in line or "cannot lock" in line], [],
          "what the service keeps us from")
    here.run("ringfort gate on", check=False)
    here.run("systemctl stop ringfortd", timeout=PATIENCE_S)
    require(runs(here), "denied when the service is stopped")
    off_s = here.off()
    figure(f"login prompt after {booted_s:.0f} s, logged in within {login_s:.1f} s, system {state}, off in {off_s:.0f} s")


@case("on a kernel of its own a Debian boots with Ringfort and without a gate")
def without():
    here = the_machine()
    # The first time its disk is in no cache.
    here.boot()
    here.log_in()
    here.off()
    booted_s = here.boot()
    login_s = here.log_in()
    state = here.run("systemctl is-system-running --wait", check=False, timeout=PATIENCE_S).stdout.strip()
    require(state in ("running", "degraded"), state)
    equal(here.run("systemctl is-active ringfortd").stdout.strip(), "active", "the service")
    equal(gate(here), {}, "a gate that nobody asked for")
    off_s = here.off()
    figure(f"login prompt after {booted_s:.0f} s, logged in within {login_s:.1f} s, system {state}, off in {off_s:.0f} s")


@case("under a gate over its root it boots and lets its operator in while the solution denies everything")
def denying():
    boots_under("deny", denies=True)


@case("the same while it is not there at all")
def missing():
    boots_under("allow", lives=False, executable="gone")


@case("the same while it crashes at each question")
def crashing():
    boots_under("crash")


@case("the same while it never answers, and its misses allow")
def hanging():
    boots_under("hang")


@case("the same while it never answers, and its misses deny")
def hanging_closed():
    boots_under("hang", miss="fail-closed")


@case("the same while it allows")
def allowing():
    boots_under("allow")


if __name__ == "__main__":
    lib.main()
