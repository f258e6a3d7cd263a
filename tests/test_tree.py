# SPDX-License-Identifier: Apache-2.0
"""Tree - who may use whom, what a vendor needs, and what no file may say."""

import json
import os
import re
import shutil
import subprocess

import guarded
import lib
from lib import case, equal, require
from vendor import compile_, example, pkg_config

# Folder: what it may include beside itself.  No arrow upwards, siblings do not know each other.
MAY_USE = {
    "base": set(),
    "event": {"base"},
    "ring": {"event", "base"},
    "wire": {"event", "base"},
    "sensor": {"event", "base"},
    "host": {"event", "base"},
    "gate": {"ring", "event", "base"},
    "sdk": {"ring", "event", "base"},
    "cli": {"gate", "wire", "event", "base"},
    "ringfortd": {"sensor", "gate", "host", "ring", "wire", "event", "base"},
}
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')


def tracked():
    """Files of the project: what git knows, or all that is there in a copy without git."""
    done = subprocess.run(["git", "-C", lib.ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                          capture_output=True, text=True)
    if done.returncode == 0 and done.stdout:
        return [f for f in done.stdout.split("\0") if f and os.path.isfile(os.path.join(lib.ROOT, f))]
    found = []
    for folder, below, names in os.walk(lib.ROOT):
        below[:] = [b for b in below if not b.startswith(("build", ".git")) and b not in ("stage", "state")]
        found += [os.path.relpath(os.path.join(folder, n), lib.ROOT) for n in names]
    return found


def lines_of(path):
    with open(os.path.join(lib.ROOT, path), errors="replace") as file:
        yield from enumerate(file, 1)


def includes(path):
    for number, line in lines_of(path):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(1) == '"', match.group(2)


@case("every include in src follows the may-use table")
def may_use():
    wrong, seen = [], 0
    for path in tracked():
        parts = path.split("/")
        if parts[0] != "src" or not path.endswith((".c", ".h")):
            continue
        if parts[1] not in MAY_USE:
            wrong.append(f"{path}: folder src/{parts[1]} is not in the table")
            continue
        for number, own, name in includes(path):
            folder = name.split("/")[0] if "/" in name else None
            seen += own
            # The probe's files include each other by name alone: clang is given their folder.
            if own and folder and folder in MAY_USE and folder != parts[1] and folder not in MAY_USE[parts[1]]:
                wrong.append(f"{path}:{number}: src/{parts[1]} may not use src/{folder}")
    require(seen > 100, f"only {seen} includes were found")
    require(not wrong, "\n      ".join(wrong))


@case("the table here is the one in ARCHITECTURE.md")
def table_in_architecture():
    rows = {}
    for _, line in lines_of("ARCHITECTURE.md"):
        match = re.match(r"\|\s*`?src/(\w+)`?\s*\|([^|]*)\|", line)
        if match:
            rows[match.group(1)] = set(re.findall(r"\b(?:%s)\b" % "|".join(MAY_USE), match.group(2)))
    equal(rows, MAY_USE, "rows of the table")


@case("solutions include installed headers, their own files and those that all of ours share")
def level_field():
    wrong, seen = [], 0
    for path in tracked():
        if not path.endswith((".c", ".h")) or not path.startswith(("solutions/", "tests/solutions/", "kit/bad/", "docs/")):
            continue
        folder = os.path.dirname(path)
        for number, own, name in includes(path):
            seen += name.startswith("ringfort/")
            above = folder if folder.startswith("solutions/") else os.path.dirname(folder)
            in_own = ((name.startswith("../common/") or "../" not in name) and
                      any(os.path.exists(os.path.join(lib.ROOT, f, name)) for f in (folder, above)))
            if (own and not in_own) or (not own and os.path.exists(os.path.join(lib.ROOT, "src", name))):
                wrong.append(f"{path}:{number}: {name}")
    require(seen >= 3, "no solution includes <ringfort/...>")
    require(not wrong, "\n      ".join(wrong))


@case("no tracked file names a path of one machine or a registry of packages")
def no_machine():
    # Put together, so that this file is not found by itself.
    patterns = [re.compile(p) for p in ("/wo" + r"rk/(?!\*)\w", "/home" + r"/(?!user\b|alice\b|bob\b|u\b)\w+/\w+/\w",
                                        "py" + r"pi\.", "regis" + r"try\.(npm|yarn)", "arti" + "factory",
                                        "cra" + r"tes\.io")]
    wrong = []
    for path in tracked():
        if path.endswith((".xz", ".gz", ".png", ".pcap")) or "/rules/" in path:
            continue
        for number, line in lines_of(path):
            wrong += [f"{path}:{number}: {line.strip()[:100]}" for p in patterns if p.search(line)]
    require(not wrong, "\n      ".join(wrong[:20]))


@case("the table in docs/blocking.md has the acts and levels of blocking.def, in its order, and names tests that are there")
def blocking():
    row = re.compile(r'^BLOCKING\((\w+), "([^"]+)", (\w+),', re.M)
    words = {"BLOCK": "block", "SCOPE": "block-scope", "NOTIFY": "notify"}
    with open(f"{lib.ROOT}/src/ringfortd/blocking.def") as file:
        wanted = [(act, words[level]) for _, act, level in row.findall(file.read())]
    require(len(wanted) > 10, "blocking.def was not understood:", wanted)
    with open(f"{lib.ROOT}/docs/blocking.md") as file:
        table = file.read().split("| act | at best |", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    equal([(c[0], c[1]) for c in cells], wanted, "acts and levels")
    missing = [c[3] for c in cells if not os.path.isfile(f"{lib.ROOT}/tests/{c[3]}")]
    equal(missing, [], "tests that are named and are not there")


@case("the table of scenes in docs/blocking.md names cases that are there, each with its figure")
def scenes():
    with open(f"{lib.ROOT}/docs/blocking.md") as file:
        table = file.read().split("| scene | ", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    require(len(rows) >= 15, rows)
    for scene, waited, test in rows:
        name, words = test.split(": ", 1)
        with open(f"{lib.ROOT}/tests/{name}") as file:
            sentences = re.findall(r'^@case\("(.*)"\)$', file.read(), re.M)
        equal(sum(sentence.startswith(words) for sentence in sentences), 1, f"cases of {name} that begin with '{words}'")
        require(re.search(r"\d", waited), f"no figure for '{scene}'")


@case("every C file names its licence in its first line, the probe's its two")
def licences():
    wrong = []
    for path in tracked():
        if not path.endswith((".c", ".h", ".def")):
            continue
        first = next(lines_of(path), (1, ""))[1]
        wanted = "BSD-2-Clause OR GPL-2.0-only" if "/bpf/" in path or ".bpf." in path else "Apache-2.0"
        if "SPDX-License-Identifier:" not in first or wanted not in first:
            wrong.append(f"{path}: {first.strip()}")
    require(not wrong, "\n      ".join(wrong))


# ---- what a vendor needs ---------------------------------------------------------------------------

EXAMPLES = ["example", "example-verdict"]


@case("each example is at most 65 lines, and compiles against the installed headers alone")
def examples_compile():
    flags = pkg_config("--cflags", "--libs")
    require(all(lib.ROOT + "/include" not in f and lib.ROOT + "/src" not in f for f in flags), flags)
    for name in EXAMPLES:
        require(sum(1 for _ in lines_of(f"docs/{name}.c")) <= 65, f"{name} is longer")
        example(name, lib.temporary("x"))


@case("docs/example.c runs as a solution and finds what is executed from /dev/shm")
def example_runs():
    lib.need_root()
    folder = lib.temporary("x")
    solution = lib.Solution("example", example("example", folder), events=["process.exec"])
    victim = f"/dev/shm/ringfort-test-{os.getpid()}"
    with lib.Daemon([solution]) as daemon:
        lib.wait_until(lambda: daemon.solution("example")["state"] == "active", 10, "active")
        try:
            shutil.copy("/bin/true", victim)
            subprocess.run([victim], check=True)
            subprocess.run(["/bin/true"], check=True)
        except OSError as error:
            raise lib.Skip(f"nothing can be executed in /dev/shm: {error}")
        finally:
            if os.path.exists(victim):
                os.unlink(victim)
        found = lib.wait_until(lambda: [f["ringfort"] for f in daemon.findings()
                                        if f["ringfort"]["file"]["path"] == victim], 5, "the finding")
        equal(len(found), 1, "findings")
        equal([found[0][k] for k in ("solution", "rule_id", "level", "matched")],
              ["example", "example-1", "high", {"file": victim}], "the finding")
        require(all(f["ringfort"]["file"]["path"].startswith("/dev/shm/") for f in daemon.findings()), "others")


@case("docs/example-verdict.c runs as a solution, and denies what others may write to without being handed it")
def example_verdict_runs():
    lib.need_root()
    scratch, act = guarded.Scratch(), "authorize: [process.exec]\n"
    good, bad = scratch.program("good"), scratch.program("bad", 0o757)
    solution = lib.Solution("example", example("example-verdict", lib.temporary("x")), events=["process.exec"],
                            extra=act, operator=f"{act}mode: enforce\n")
    with guarded.Guard([solution], scratch) as daemon:
        lib.wait_until(lambda: (daemon.voice("example") or {}).get("acts"), 10, lambda: daemon.tail())
        equal(guarded.outcome(good), guarded.RAN, "what root alone may write to")
        equal(guarded.outcome(bad), guarded.DENIED, "what others may")
        equal(daemon.voice("example")["without_files"], ["process.exec"], "acts without a file")


HEADERS = ["client.h", "event.h", "finding.h", "verdict.h"]


@case("each installed header stands alone, as C99 with -pedantic")
def headers_c():
    folder = lib.temporary("h")
    for header in HEADERS:
        with open(folder + "/one.c", "w") as file:
            file.write(f"#include <ringfort/{header}>\nint one(void);\nint one(void) {{ return 0; }}\n")
        for compiler in filter(shutil.which, ("gcc", "clang")):
            compile_(compiler, "-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wshadow", "-Werror", "-c", "-o",
                     folder + "/one.o", folder + "/one.c", *pkg_config("--cflags"))


@case("each installed header is C++ as well")
def headers_cxx():
    compiler = shutil.which("g++") or shutil.which("clang++")
    if not compiler:
        raise lib.Skip("no C++ compiler here")
    folder = lib.temporary("h")
    for header in HEADERS:
        with open(folder + "/one.cc", "w") as file:
            file.write(f"#include <ringfort/{header}>\nint one() {{ return 0; }}\n")
        compile_(compiler, "-std=c++11", "-Wall", "-Wextra", "-Werror", "-c", "-o", folder + "/one.o",
                 folder + "/one.cc", *pkg_config("--cflags"))


@case("libringfort exports ringfort_ names only, all with a version")
def symbols():
    if not shutil.which("nm"):
        raise lib.Skip("no nm here")
    done = subprocess.run(["nm", "-D", "--defined-only", "--with-symbol-versions",
                           lib.STAGE + "/usr/lib/libringfort.so.0"], capture_output=True, text=True, check=True)
    names = [line.split()[-1] for line in done.stdout.splitlines() if line.split()[-2] != "A"]
    require(len(names) > 10, names)
    wrong = [n for n in names if not re.match(r"ringfort_[a-z_]+@@RINGFORT_[0-9.]+$", n)]
    require(not wrong, wrong)


@case("the stage holds what a package would, and nothing of this tree")
def stage():
    for path in ("usr/sbin/ringfortd", "usr/bin/ringfort", "usr/lib/libringfort.so.0",
                 "usr/lib/pkgconfig/libringfort.pc", "usr/include/ringfort/events.def",
                 "usr/libexec/ringfort/solutions/sigma/manifest.yaml", "usr/bin/ringfort-conformance"):
        require(os.path.exists(os.path.join(lib.STAGE, path)), f"{path} is not there")
    for folder, _, names in os.walk(lib.STAGE + "/usr/libexec"):
        for name in names:
            require(not name.startswith(("mirror", "hostile")), f"{folder}/{name} is a test's")
            require(name not in ("bad", "judge") or folder.endswith("/conformance/bad"), f"{folder}/{name} misbehaves")
    done = subprocess.run([lib.CLI, "events", "--schema", "--json"], capture_output=True, text=True, cwd="/")
    require(done.returncode == 0 and json.loads(done.stdout)["types"], done.stderr)


if __name__ == "__main__":
    lib.main()
