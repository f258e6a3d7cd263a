# SPDX-License-Identifier: Apache-2.0
"""Yara - the bundled solution in its sandbox, asked about real executions, alone and beside the allow-list; asked
about opens, and shown what was written, in scopes."""

import hashlib
import os
import subprocess
import time

import lib
from bundled import EICAR, YARA_RULES, Bundled, Watch, WatchScopes, answers, content
from guarded import DENIED, RAN, Scratch, opens, outcome, run, write
from lib import case, equal, figure, require


def eicar(scratch, name="eicar"):
    return scratch.script(name, f"#!/bin/sh\nexit 0\n# {EICAR}\n")


def sha256_of(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


@case("a file with a known pattern is executed and found, with what ringfort ships")
def found():
    scratch = Scratch()
    bad, good = eicar(scratch), scratch.program("good")
    with Watch([Bundled("yara", YARA_RULES)], scratch) as daemon:
        require(daemon.solution("yara")["said"].startswith("8 rules, 0 of them deny, 0 refused"), daemon.status())
        equal(outcome(bad), RAN, "bad")
        equal(outcome(good), RAN, "good")
        finding = daemon.found(bad, "Eicar_Test_File")
        equal([finding[k] for k in ("solution", "level", "author")], ["yara", "high", "Ringfort"], "finding")
        matched = finding["matched"]
        equal([matched["outcome"], matched["action"], matched["strings"]], ["executed", "report", "0x13:$eicar"],
              "what matched")
        require(not any(f["ringfort"]["matched"].get("file") == good for f in daemon.findings()), "good is found")
        # each execution is told, though the file is scanned once
        time.sleep(0.1)
        equal(outcome(bad), RAN, "bad again")
        lib.wait_until(lambda: sum(f["ringfort"]["rule_id"] == "Eicar_Test_File" for f in daemon.findings()) == 2, 5,
                       "two findings")


@case("it is denied when the operator's policy says so")
def denied():
    scratch = Scratch()
    bad, good = eicar(scratch), scratch.program("good")
    policy = content(policy_yaml="deny: [test]\n")
    with Watch([Bundled("yara", YARA_RULES, policy)], scratch) as daemon:
        for _ in range(2):
            result, seconds = run(bad)
            equal(result, DENIED, "bad")
            figure(f"denied after {seconds * 1000:.1f} ms")
        equal(outcome(good), RAN, "good")
        equal(daemon.why(bad)[0]["verdict"], "deny", "verdict")
        equal(answers(daemon.why(bad)[0]), {"yara": "deny"}, "reasons")
        matched = daemon.found(bad, "Eicar_Test_File")["matched"]
        equal([matched["outcome"], matched["action"]], ["refused", "deny"], "what matched")


@case("two solutions at once: the allow-list and yara look at one open file, either denies")
def two():
    scratch = Scratch()
    bad, unlisted, good = eicar(scratch), scratch.program("unlisted"), scratch.program("good")
    policy = content(policy_yaml="deny: [Eicar_Test_File]\n")
    # by contents, so that it reads the file as well
    listed = content(policy_yaml="mode: monitor\nrules:\n"
                     "  - {id: all, action: allow, path: /, foreign_ns: true}\n"
                     f"  - {{id: no-unlisted, action: deny, path: {unlisted}, sha256: {sha256_of(unlisted)}}}\n"
                     f"  - {{id: no-other, action: deny, sha256: {'0' * 64}}}\n")
    with Watch([Bundled("yara", YARA_RULES, policy), Bundled("allowlist", listed)], scratch) as daemon:
        for _ in range(3):
            equal(outcome(bad), DENIED, "bad")
            equal(outcome(unlisted), DENIED, "unlisted")
            equal(outcome(good), RAN, "good")
        equal(answers(daemon.why(bad)[0])["yara"], "deny", "yara about bad")
        equal(answers(daemon.why(unlisted)[0])["allowlist"], "deny", "the allow-list about unlisted")
        equal(answers(daemon.why(good)[-1]), {"yara": "allow", "allowlist": "allow"}, "about good")
        daemon.found(bad, "Eicar_Test_File")
        daemon.found(unlisted, "no-unlisted")
        require(all(not daemon.voice(n)["late"] and not daemon.voice(n)["wrong"] for n in ("yara", "allowlist")),
                daemon.gate())


MODULES = """
import "elf"
import "hash"
import "magic"
import "math"
import "pe"
import "dotnet"
import "time"
import "cuckoo"
rule Elf { condition: elf.type == elf.ET_DYN or elf.type == elf.ET_EXEC }
rule Hash { condition: hash.sha256(0, filesize) == "SHA256" }
rule Magic { condition: magic.type() contains "ELF" and magic.mime_type() contains "application" }
rule Math { condition: math.entropy(0, filesize) > 1.0 }
rule Pe { condition: pe.is_pe == 0 and not defined dotnet.version and time.now() > 0 }
rule Variables { condition: filename == "program" and filetype == "ELF" and owner == "root" and extension == "" }
"""


@case("every module of libyara works in the sandbox, and rules are told of the file")
def modules():
    scratch = Scratch()
    program = scratch.program("program")
    rules = content(rules_yar=MODULES.replace("SHA256", sha256_of(program)))
    with Watch([Bundled("yara", rules)], scratch) as daemon:
        require(daemon.solution("yara")["said"].startswith("6 rules, 0 of them deny, 0 refused"), daemon.status())
        equal(outcome(program), RAN, "program")
        for rule in ("Elf", "Hash", "Magic", "Math", "Pe", "Variables"):
            daemon.found(program, rule)


@case("what takes longer than the deadline is let through in time, and reported as not scanned")
def slow():
    scratch = Scratch()
    program = scratch.program("program")
    rules = content(rules_yar="rule Slow { condition: filesize > 1000 and for all i in (0..4000000000) : ( i >= 0 ) }",
                    policy_yaml="max_scan_ms: 4000\ndeny: [Slow]\n")
    with Watch([Bundled("yara", rules)], scratch, deadline_ms=600) as daemon:
        for _ in range(3):
            result, seconds = run(program)
            equal(result, RAN, "program")
            require(seconds < 0.6, f"took {seconds:.2f} s")
        figure(f"answered after {seconds * 1000:.0f} ms of 600")
        equal(answers(daemon.why(program)[0]), {"yara": "allow"}, "reasons")
        equal(daemon.found(program, "not-scanned")["matched"]["reason"], "there was not enough time", "reason")
        require(not daemon.voice("yara")["late"], daemon.gate())


@case("a file over max_file_mb is let through, and reported as not scanned")
def large():
    scratch = Scratch()
    program = scratch.program("program")
    os.truncate(program, 2 << 20)
    rules = content(rules_yar="rule Any { condition: true }", policy_yaml="max_file_mb: 1\ndeny: [Any]\n")
    with Watch([Bundled("yara", rules)], scratch) as daemon:
        equal(outcome(program), RAN, "program")
        finding = daemon.found(program, "not-scanned")
        equal([finding["level"], finding["matched"]["reason"]], ["low", "it is larger than max_file_mb"], "finding")


@case("a file that makes libyara hungry ends neither the solution nor its neighbours' answers")
def hungry():
    scratch = Scratch()
    program = scratch.script("program", "#!/bin/sh\nexit 0\n#" + "a" * (16 << 20))
    # each string is kept a million times
    strings = "".join(f'$s{n} = "{"a" * (n + 4)}" ' for n in range(12))
    rules = content(rules_yar="rule Hungry { strings: " + strings + "condition: " +
                    " and ".join(f"#s{n} > 1" for n in range(12)) + " }",
                    policy_yaml="max_scan_ms: 4000\n")
    with Watch([Bundled("yara", rules)], scratch, deadline_ms=20000) as daemon:
        result, seconds = run(program)
        equal(result, RAN, "program")
        equal(answers(daemon.why(program)[0]), {"yara": "allow"}, "reasons")
        equal(daemon.solution("yara")["state"], "active", "state")
        matched = daemon.found(program, "not-scanned")["matched"]
        # A slow machine may run out of time first.
        why = matched.get("detail") or matched["reason"]
        require(why in ("not enough memory", "there was not enough time"), matched)
        figure(f"gave up after {seconds:.1f} s: {why}")


@case("a reload takes new rules, forgets old results, and keeps the old rules when new ones are bad")
def reload():
    scratch = Scratch()
    program = scratch.program("program")
    rules = content(rules_yar="rule None { condition: false }")
    with Watch([Bundled("yara", rules)], scratch) as daemon:
        equal(outcome(program), RAN, "program")
        with open(f"{rules}/rules.yar", "w") as file:
            file.write("rule All { meta: ringfort = \"deny\" condition: uint32be(0) == 0x7f454c46 }")
        equal(daemon.cli("reload", "yara").returncode, 0, "reload")
        equal(outcome(program), DENIED, "program under new rules")
        with open(f"{rules}/rules.yar", "w") as file:
            file.write("include \"other.yar\"\n")
        done = daemon.cli("reload", "yara")
        require(done.returncode != 0 and "includes are disabled" in done.stdout + done.stderr, done)
        equal(outcome(program), DENIED, "program under the old rules")
        # nothing of it can be used
        require(daemon.cli("reload", "yara", "--tolerate").returncode != 0, "a reload without rules")
        equal(outcome(program), DENIED, "program under the old rules still")
        with open(f"{rules}/more.yar", "w") as file:
            file.write("rule None { condition: false }")
        equal(daemon.cli("reload", "yara", "--tolerate").returncode, 0, "reload of what is good")
        equal(outcome(program), RAN, "program under the rules that are good")


# ---- scopes: what was written, and opens ---------------------------------------------------------------


def scope_of(scratch):
    folder = f"{scratch.path}/scope"
    os.mkdir(folder)
    return folder


def by_shell(path, text):
    subprocess.run(["/bin/sh", "-c", 'printf %s "$1" >"$2"', "sh", text, path], check=True)
    return path


def written_to(*content, folders, more="", deadline_ms=1000):
    return WatchScopes([Bundled("yara", *content, authorize=f"file.modify{more}")], folders, deadline_ms=deadline_ms)


def settled(daemon, n):
    """Once yara has been shown so many files, and has had time to tell what it found."""
    lib.wait_until(lambda: daemon.voice("yara")["shown"] >= n, 20, lambda: daemon.voice("yara"))
    time.sleep(0.5)


@case("a file with a known pattern is found when it was written into a scope, and told with who wrote it; outside it is not")
def written():
    scratch = Scratch()
    top = scope_of(scratch)
    with written_to(YARA_RULES, folders=[top]) as daemon:
        bad = by_shell(f"{top}/bad", EICAR)
        by_shell(f"{top}/good", "good")
        by_shell(f"{scratch.path}/outside", EICAR)
        finding = daemon.found(bad, "Eicar_Test_File")
        equal([finding["matched"][k] for k in ("outcome", "strings")], ["written", "0x0:$eicar"], "what matched")
        equal([finding["type"], finding["file"]["path"]], ["file.modify", bad], "event")
        equal(os.path.realpath(finding["process"]["exe"]), os.path.realpath("/bin/sh"), "who wrote")
        settled(daemon, 2)
        equal(len(daemon.all_found("Eicar_Test_File")), 1, "findings")
        equal([daemon.voice("yara")[k] for k in ("shown", "asked", "unshown")], [2, 0, 0], "numbers of the gate")


MAPPED = """
import ctypes, mmap, os, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
fd = os.open(sys.argv[1], os.O_RDWR)
at = libc.mmap(None, 4096, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_SHARED, fd, 0)
os.close(fd)
ctypes.memmove(at, sys.argv[2].encode(), len(sys.argv[2]))
libc.munmap(ctypes.c_void_p(at), ctypes.c_size_t(4096))
"""


@case("what was written through a mapping is found when that ends, on tmpfs and on a disk")
def mapped():
    for kind in ("tmpfs", "ext4"):
        scratch = Scratch(kind)
        top = scope_of(scratch)
        path = write(f"{top}/file", "\n" * 4096)
        with written_to(YARA_RULES, folders=[top]) as daemon:
            subprocess.run(["python3", "-c", MAPPED, path, EICAR], check=True)
            equal(daemon.found(path, "Eicar_Test_File")["matched"]["outcome"], "written", kind)
            # Where a mapping changes no time, only the content tells that it is another.
            subprocess.run(["python3", "-c", MAPPED, path, "x" * len(EICAR)], check=True)
            settled(daemon, 2)
            subprocess.run(["python3", "-c", MAPPED, path, EICAR], check=True)
            daemon.found(path, "Eicar_Test_File", 2)


@case("a file that is rewritten is found each time that it is bad, and never when it is not")
def rewritten():
    scratch = Scratch()
    top = scope_of(scratch)
    path = f"{top}/file"
    with written_to(YARA_RULES, folders=[top]) as daemon:
        by_shell(path, EICAR)
        daemon.found(path, "Eicar_Test_File")
        by_shell(path, "clean")
        settled(daemon, 2)
        equal(len(daemon.all_found("Eicar_Test_File")), 1, "findings of what is clean")
        by_shell(path, EICAR + " again")
        daemon.found(path, "Eicar_Test_File", 2)
        # Closed by somebody who could write and did not: one finding for one content.
        with open(path, "r+b"):
            pass
        settled(daemon, 4)
        equal(len(daemon.all_found("Eicar_Test_File")), 2, "findings of one content")


@case("in a burst of 2000 files all 20 bad ones are found")
def burst():
    scratch, n, n_bad = Scratch(), 2000, 20
    top = scope_of(scratch)
    code = ("import sys\n"
            "for i in range(int(sys.argv[2])):\n"
            "    with open(f'{sys.argv[1]}/f{i}', 'w') as file:\n"
            "        file.write(sys.argv[4] if i % int(sys.argv[3]) == 7 else f'file {i}')\n")
    with written_to(YARA_RULES, folders=[top]) as daemon:
        begin = time.monotonic()
        subprocess.run(["python3", "-c", code, top, str(n), str(n // n_bad), EICAR], check=True)
        wrote = time.monotonic() - begin
        lib.wait_until(lambda: len(daemon.all_found("Eicar_Test_File")) >= n_bad, 20,
                       lambda: f"{len(daemon.all_found('Eicar_Test_File'))} of {n_bad}: {daemon.voice('yara')} "
                               f"{daemon.said('yara')}")
        took = time.monotonic() - begin
        settled(daemon, n)
        equal({f["matched"]["file"] for f in daemon.all_found("Eicar_Test_File")},
              {f"{top}/f{i}" for i in range(7, n, n // n_bad)}, "files")
        equal(len(daemon.all_found("Eicar_Test_File")), n_bad, "findings")
        equal(daemon.voice("yara")["unshown"], 0, "not shown")
        require("could not be reported" not in daemon.said("yara"), daemon.said("yara"))
        figure(f"written in {wrote:.2f} s, all found {took:.2f} s after the begin")


@case("a written file that is gone before it is looked at is found all the same")
def gone():
    scratch = Scratch()
    top = scope_of(scratch)
    with written_to(YARA_RULES, folders=[top]) as daemon:
        subprocess.run(["/bin/sh", "-c", 'printf %s "$1" >"$2"; rm "$2"', "sh", EICAR, f"{top}/gone"], check=True)
        lib.wait_until(lambda: daemon.all_found("Eicar_Test_File"), 8, lambda: daemon.said("yara"))
        matched = daemon.all_found("Eicar_Test_File")[0]["matched"]
        require(matched["file"].startswith(f"{top}/gone"), matched)


@case("a written file over max_file_mb, and one that takes too long, are reported as not scanned")
def written_unscanned():
    scratch = Scratch()
    top = scope_of(scratch)
    rules = content(rules_yar="rule Slow { condition: filesize > 1000 and for all i in (0..4000000000) : ( i >= 0 ) }",
                    policy_yaml="max_file_mb: 1\nmax_scan_ms: 100\n")
    with written_to(rules, folders=[top]) as daemon:
        large = f"{top}/large"
        with open(large, "w") as file:
            file.truncate(2 << 20)
        finding = daemon.found(large, "not-scanned")
        equal([finding["level"], finding["matched"]["outcome"], finding["matched"]["reason"]],
              ["low", "written", "it is larger than max_file_mb"], "finding")
        slow = by_shell(f"{top}/slow", "x" * 2000)
        equal(daemon.found(slow, "not-scanned")["matched"]["reason"], "there was not enough time", "reason")


@case("files that were written while yara stood still and could not be shown are told, and it says so")
def lost():
    scratch = Scratch()
    top = scope_of(scratch)
    with written_to(YARA_RULES, folders=[top]) as daemon:
        with lib.Held(daemon.solution("yara")["pid"]):
            for i in range(200):
                by_shell(f"{top}/f{i}", "x")
            lib.wait_until(lambda: daemon.voice("yara")["unshown"], 10, lambda: daemon.voice("yara"))
        lib.wait_until(lambda: daemon.voice("yara")["shown"] + daemon.voice("yara")["unshown"] >= 200, 10,
                       lambda: daemon.voice("yara"))
        last = by_shell(f"{top}/last", "x")
        finding = lib.wait_until(lambda: daemon.all_found("not-scanned"), 8, lambda: daemon.said("yara"))[0]
        equal(finding["matched"]["reason"], "more was written than could be looked at", "reason")
        require(finding["matched"]["before"].startswith(top), finding["matched"])
        require("more was written than it could look at" in daemon.said("yara"), daemon.said("yara"))
        figure(f"{daemon.voice('yara')['unshown']} of 200 could not be shown; told with "
               f"{'a later one' if finding['matched']['before'] == last else finding['matched']['before']}")


@case("who opens a file waits for one scan of what was written before, not for all of them")
def first_who_waits():
    scratch, n, scan_ms = Scratch(), 30, 300
    top = scope_of(scratch)
    rules = content(rules_yar="rule Slow { condition: filesize > 1000 and for all i in (0..4000000000) : ( i >= 0 ) }",
                    policy_yaml=f"max_scan_ms: {scan_ms}\n")
    with written_to(rules, folders=[top], more=", file.open", deadline_ms=5000) as daemon:
        small = write(f"{top}/small", "x")
        # Opened before there is anything to scan: an open is what waits here.
        files = [open(f"{top}/f{i}", "w") for i in range(n)]
        for file in files:
            file.write("x" * 2000)
            file.close()
        begin = time.monotonic()
        require(opens(small), "open")
        took = time.monotonic() - begin
        shown = len(daemon.all_found("not-scanned"))
        require(shown < n, f"all {n} were scanned before")
        require(took < n * scan_ms / 1000 / 4, f"an open took {took:.2f} s behind {n} scans of {scan_ms} ms")
        require(not daemon.voice("yara")["late"], daemon.voice("yara"))
        figure(f"opened after {took * 1000:.0f} ms, with {n - shown} of {n} scans of {scan_ms} ms to do")


@case("in a scope a file with a known pattern is not opened where the policy denies, opened and counted where it reports")
def opened():
    scratch = Scratch()
    top = scope_of(scratch)
    bad, good = write(f"{top}/bad", EICAR), write(f"{top}/good", "good")
    for policy, expected in (("deny: [test]\n", False), ("report: [test]\n", True)):
        yara = Bundled("yara", YARA_RULES, content(policy_yaml=policy), authorize="file.open, file.modify")
        with WatchScopes([yara], [top], deadline_ms=2000) as daemon:
            for _ in range(2):
                equal(opens(bad), expected, f"bad, {policy}")
            require(opens(good), "good")
            equal(daemon.why(bad)[0]["verdict"], "allow" if expected else "deny", "verdict")
            equal(answers(daemon.why(bad)[0]), {"yara": "allow" if expected else "deny"}, "reasons")
            lib.wait_until(lambda: "found something in 2 opened files" in daemon.said("yara"), 5,
                           lambda: daemon.said("yara"))
            # Written and opened: found by the one, denied by the other.
            new = by_shell(f"{top}/new", EICAR)
            daemon.found(new, "Eicar_Test_File")
            equal(opens(new), expected, "new")
            os.unlink(new)
            require(not daemon.voice("yara")["late"] and not daemon.voice("yara")["wrong"], daemon.voice("yara"))


if __name__ == "__main__":
    lib.main()
