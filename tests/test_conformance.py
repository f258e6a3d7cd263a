# SPDX-License-Identifier: Apache-2.0
"""Conformance - the kit for vendors: good solutions pass it, misbehaving ones are caught."""

import glob
import importlib.util
import json
import os
import re
import subprocess

import lib
from lib import case, equal, figure, require
from vendor import example

KIT = os.path.join(lib.STAGE, "usr/bin/ringfort-conformance")
PARTS = os.path.join(lib.STAGE, "usr/libexec/ringfort/conformance")
SOLUTIONS = os.path.join(lib.STAGE, "usr/libexec/ringfort/solutions")
SCRATCHES = ["/run/ringfort-conformance-*", "/var/tmp/ringfort-conformance-*"]
QUICK = ["hang", "twice", "leak", "hang-open", "hoard"]  # of the misbehaving ones, in the short form


def kit(*arguments, **options):
    process = subprocess.Popen([KIT, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, errors="replace", **options)
    try:
        out, err = process.communicate()
    except BaseException:
        # Not killed: it has mounts to take away.
        process.terminate()
        process.communicate()
        raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def scratches():
    return {folder for pattern in SCRATCHES for folder in glob.glob(pattern)}


def try_with_kit(*arguments):
    """Results by clause, and the totals; nothing of the kit stays."""
    lib.need_root()
    before = scratches()
    done = kit("--json", *arguments)
    require(done.returncode in (0, 1), done.returncode, done.stderr, done.stdout[-500:])
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    equal(scratches() - before, set(), "folders that were left")
    equal(done.returncode, 1 if rows[-1]["failed"] else 0, "exit status")
    return {row["clause"]: row for row in rows[:-1]}, rows[-1]


def show(rows):
    for name, row in rows.items():
        figure(f"{name} {row['result']} ({row['seconds']:.1f} s): {row['seen']}")


def must_pass(package, skips, only=()):
    """`only`: these, and those that they stand on."""
    rows, totals = try_with_kit(*[word for name in only for word in ("--only", name)], package)
    show(rows)
    failed = {name: row["seen"] for name, row in rows.items() if row["result"] == "fail"}
    require(not failed, failed)
    equal({name for name, row in rows.items() if row["result"] == "skip"}, set(skips), "skipped clauses")
    equal(list(rows), [name for name in clauses() if not only or name in [*BEGINNING, *only]], "clauses")
    equal(totals["passed"] + totals["skipped"], len(rows), "their number")


def clauses():
    return [line.split()[0] for line in kit("--list").stdout.splitlines()]


BEGINNING = ["C-MANIFEST", "C-START"]
EXECUTING = ["C-ANSWER", "C-ALLOW"]
EITHER = ["C-SAME", "C-FILES", "C-BARE", "C-AGAIN", "C-WRONG"]
OPENING = ["C-OPEN", "C-ORDINARY", "C-CROWD", "C-PENDING"]
SHOWING = ["C-SHOWN", "C-BURST", "C-FIRST", "C-MISSED"]
DECIDING = EXECUTING + EITHER + OPENING + SHOWING
CONTENT = ["C-RELOAD", "C-BROKEN"]
READING = ["C-READ", "C-RATE", "C-STORM", "C-BARRIER", "C-STOP"]


# ---- the program itself --------------------------------------------------------------------------


@case("the contract in ringfort-solution(7) has the kit's clauses, in its order")
def contract():
    with open(f"{lib.ROOT}/man/ringfort-solution.7.rst") as file:
        numbered = re.findall(r"^(\d+)\. \*\*(C-[A-Z]+)\*\*", file.read(), re.M)
    equal([name for _, name in numbered], clauses(), "clauses")
    equal([int(n) for n, _ in numbered], list(range(1, len(numbered) + 1)), "their numbers")


@case("--help teaches every option, and what is wrong exits with 2, no root with 77")
def usage():
    said = kit("--help")
    equal(said.returncode, 0, "exit status of --help")
    with open(f"{lib.ROOT}/man/ringfort-conformance.1.rst") as file:
        page = file.read()
    for option in set(re.findall(r"--[a-z-]+", said.stdout)):
        require(f"\n{option}" in page or f", {option}" in page, f"the page says nothing of {option}")
    for wrong in ([], ["/dev"], ["--only", "C-NONE", f"{SOLUTIONS}/sigma"], ["--self-test", f"{SOLUTIONS}/sigma"]):
        done = kit(*wrong)
        equal(done.returncode, 2, f"exit status with {wrong}")
        require("error: " in done.stderr, done.stderr)
    if os.geteuid() == 0:
        try:
            done = kit(f"{SOLUTIONS}/sigma", user=65534, group=65534, extra_groups=[])
        except PermissionError:
            figure("not tried without root: nobody but root can read this checkout")
        else:
            equal(done.returncode, 77, f"exit status without root: {done.stderr}")


@case("manifests are read in every style that they are written in, and what is not understood is said")
def manifests():
    spec = importlib.util.spec_from_file_location("kit_manifest", f"{PARTS}/manifest.py")
    manifest = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(manifest)
    flow = ('name: "a"   # a comment\nevents: [process.exec,\n   "file.create"]\nlimits: {files: 32, pids: 2}\n'
            "probe_arguments: ['--x', 'a, b # c']\n")
    block = ("# first\nname: a\nevents:\n  - process.exec\n  - 'file.create'\nlimits:\n  files: 32\n  pids: 2\n"
             "probe_arguments:\n- --x\n- 'a, b # c'\n")
    for text in (flow, block):
        equal(manifest.read(text), {"name": "a", "events": ["process.exec", "file.create"],
                                    "limits": {"files": "32", "pids": "2"},
                                    "probe_arguments": ["--x", "a, b # c"]}, "read")
    equal(manifest.read('events: ["*"]\n'), {"events": ["*"]}, "all events")
    for text in ("name: &x a\n", "- name\n", "name\n"):
        try:
            manifest.read(text)
        except ValueError:
            continue
        raise lib.Failure(f"{text!r} was read")


# ---- good ones -------------------------------------------------------------------------------------


@case("the Sigma solution passes")
def sigma():
    must_pass(f"{SOLUTIONS}/sigma", DECIDING)


@case("the allow-list solution passes")
def allowlist():
    must_pass(f"{SOLUTIONS}/allowlist", OPENING + SHOWING)


@case("the YARA solution passes where it decides opens and is shown what was written")
def yara():
    must_pass(f"{SOLUTIONS}/yara", [], only=() if lib.LONG else OPENING + SHOWING)


def write_package(name, more=""):
    folder = lib.temporary("k")
    example(name, folder)
    with open(f"{folder}/manifest.yaml", "w") as file:
        file.write(f"name: {name}\nvendor: Example\nversion: 1.0.0\napi: 1\nexecutable: {name}\n"
                   f"events: [process.exec]\n{more}")
    return folder


@case("docs/example.c, built against the installed headers, passes")
def example_reads():
    must_pass(write_package("example"), DECIDING + CONTENT)


@case("docs/example-verdict.c, built against the installed headers, passes")
def example_decides():
    must_pass(write_package("example-verdict", "authorize: [process.exec]\nmiss: fail-open\n"),
              CONTENT + READING + OPENING + SHOWING)


@case("the same program passes where it decides opens and no executions, and is shown what was written")
def example_opens():
    package = write_package("example-verdict", "authorize: [file.open, file.modify]\nmiss: fail-closed\n")
    if lib.LONG:
        must_pass(package, CONTENT + READING + EXECUTING)
    else:
        must_pass(package, [], only=EITHER + OPENING + SHOWING)


# ---- bad ones ------------------------------------------------------------------------------------------


@case("a package whose schema is another one fails C-MANIFEST, and the rest is skipped")
def other_schema():
    rows, totals = try_with_kit(write_package("example", "schema: 0123456789abcdef\n"))
    equal(rows["C-MANIFEST"]["result"], "fail", rows["C-MANIFEST"]["seen"])
    equal(totals["passed"], 0, "passed")


@case("misbehaving solutions are caught by the clauses that are for them, and the host stays usable")
def misbehaving():
    wanted = [] if lib.LONG else [word for name in QUICK for word in ("--only", name)]
    rows, totals = try_with_kit("--self-test", *wanted)
    show(rows)
    equal(totals["failed"], 0, "not caught, or with a slow host")
    listed = [line.split()[0] for line in kit("--list", "--self-test").stdout.splitlines()]
    equal(list(rows), (listed if lib.LONG else QUICK) + ["host"], "those that were tried")


if __name__ == "__main__":
    lib.main()
