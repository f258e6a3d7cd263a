# SPDX-License-Identifier: Apache-2.0
"""Boot - a real Debian, its own kernel, a gate over its whole root, and a solution in every state of failure.

Long: the packages are built (packaged.py), a Debian and its kernel are fetched once, and it boots in an
emulated machine (emulator.py), each time from the same disk.  test_package.py does the same in a container,
and more; here nothing is shared with the machine that the test runs on, and the console is the only way in.
"""

import json

import emulator
import lib
import machine
from lib import Skip, case, equal, figure, require, wait_until
from packaged import JUDGE, SYSTEM, debs, dependencies, guarded_root

PATIENCE_S = 120  # everything takes longer there

kept = {}


def the_machine():
    """With Ringfort installed by dpkg and a judge in /opt; made once."""
    if not lib.LONG:
        raise Skip("./test --long boots a Debian in an emulated machine")
    emulator.need_tools()
    if "machine" not in kept:
        kernel = emulator.kernel_image("bookworm")
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
    done = here.run("ringfort gate --json", check=False)
    return json.loads(done.stdout) if done.stdout.startswith("{") else {}


def runs(here):
    """Of a program that is not of the critical set: did it run?"""
    return here.run("/usr/bin/id", check=False).returncode == 0


def boots_under(manner, denies, **options):
    here = the_machine()
    prepare(here, guarded_root(manner, **options))
    booted_s = here.boot()
    login_s = here.log_in()
    state = here.run("systemctl is-system-running --wait", check=False, timeout=PATIENCE_S).stdout.strip()
    require(state in ("running", "degraded"), state)
    equal(here.run("systemctl is-active multi-user.target").stdout.strip(), "active", "multi-user.target")
    wait_until(lambda: gate(here).get("marks") == 1, PATIENCE_S, lambda: f"a guarded root: {gate(here)}")
    equal(here.run("stat -f -c %T /").stdout.strip() if not denies else "ext2/ext3", "ext2/ext3", "the guarded file system")
    if denies:
        require(not runs(here), f"nothing is denied: {gate(here)}")
        here.run("ringfort gate off")
    require(runs(here), f"denied: {gate(here)}")
    here.run("ringfort gate on", check=False)
    here.run("systemctl stop ringfortd", timeout=PATIENCE_S)
    require(runs(here), "denied when the service is stopped")
    off_s = here.off()
    figure(f"login prompt after {booted_s:.0f} s, logged in within {login_s:.1f} s, system {state}, off in {off_s:.0f} s")


@case("on a kernel of its own, under a gate over its root, a Debian boots and lets its operator in while the solution denies everything")
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
    boots_under("hang", denies=False, miss="fail-closed")


@case("the same while it allows")
def allowing():
    boots_under("allow", denies=False)


if __name__ == "__main__":
    lib.main()
