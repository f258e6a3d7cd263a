# SPDX-License-Identifier: Apache-2.0
"""Vendor - what a vendor does: builds against the installed headers and the installed library alone."""

import os
import shutil
import subprocess

import lib
from lib import require


def pkg_config(*arguments):
    environment = dict(os.environ, PKG_CONFIG_SYSROOT_DIR=lib.STAGE,
                       PKG_CONFIG_LIBDIR=lib.STAGE + "/usr/lib/pkgconfig")
    return subprocess.run(["pkg-config", *arguments, "libringfort"], env=environment, capture_output=True, text=True,
                          check=True).stdout.split()


def compile_(compiler, *arguments):
    done = subprocess.run([compiler, *arguments], capture_output=True, text=True)
    require(done.returncode == 0, f"{compiler} {' '.join(arguments)}\n{done.stderr[:2000]}")


def example(name, folder):
    """The program of docs/NAME.c."""
    # A copy: the compiler finds nothing of the tree beside it.
    source = shutil.copy(f"{lib.ROOT}/docs/{name}.c", folder)
    program = f"{folder}/{name}"
    compile_("cc", "-std=c99", "-Wall", "-Wextra", "-Wno-missing-field-initializers", "-Werror", "-o", program,
             source, *pkg_config("--cflags", "--libs"))
    return program
