# SPDX-License-Identifier: Apache-2.0
"""Debian's kernels 6.1 and 6.12, booted in an emulated machine: lab/boot.py says what is asked of them.

./test --long fetches the kernels, and runs unit tests of the sensor, the rings and the sandbox there as
well.  ./test takes what an earlier run has left in the cache and asks the daemon alone.  The emulator is
not among the packages that ./test installs: it is big, and nothing else needs it.
"""

import sys

import lib
from emulator import kernel_image
from lib import Skip, case, figure, require

sys.path.insert(0, lib.ROOT + "/lab")
import boot  # noqa: E402

NEEDED = "apt-get install qemu-system-x86 busybox-static cpio"


def try_kernel(suite, version):
    try:
        boot.need_tools()
    except boot.Skip as skip:
        raise Skip(f"{skip}: {NEEDED}")
    image = kernel_image(suite)
    require(f"vmlinuz-{version}." in image, "it is no", version, "but", image)
    judge, seconds = boot.boot(image, lib.BUILD, lib.STAGE, tests=lib.LONG, limit_s=700 if lib.LONG else 190)
    boot.print_report(judge, seconds, figure)
    failed = [f"{what}: {why}" for what, true, why in judge.results if not true]
    require(not failed, "; ".join(failed)[:2000])


@case("on Debian's 6.1 every type passes its self-test, limits hold by cgroup v2, and nothing is lost")
def bookworm():
    try_kernel("bookworm", "6.1")


@case("on Debian's 6.12 every type passes its self-test, limits hold by cgroup v2, and nothing is lost")
def backports():
    try_kernel("bookworm-backports", "6.12")


lib.main()
