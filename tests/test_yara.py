# SPDX-License-Identifier: Apache-2.0
"""Yara - the bundled solution in its sandbox, asked about real executions, alone and beside the allow-list."""

import hashlib
import json
import os
import time

import lib
from guarded import DENIED, RAN, Guard, Scratch, outcome, run
from lib import case, equal, figure, require

PACKAGES = os.path.join(lib.STAGE, "usr/libexec/ringfort/solutions")
# Put together here: no file that is kept shall have it.
EICAR = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-" + "STANDARD-ANTIVIRUS-" + "TEST-FILE!$H+H*"


class Bundled(lib.Solution):
    """A package of ours as it is installed, with content that the test writes."""

    def __init__(self, name, *content):
        super().__init__(name, "bundled", operator=f"authorize: [process.exec]\n"
                         f"content: {json.dumps(content)}\n")

    def write(self, folder):
        return os.path.join(PACKAGES, self.name)


class Watch(Guard):
    """Ready when each bundled solution takes part."""

    def wait_ready(self, seconds=30):
        super().wait_ready(seconds)
        lib.wait_until(lambda: self.gate() and all((self.voice(s.name) or {}).get("acts") for s in self.solutions),
                       seconds, lambda: f"{self.status()}; {self.tail()}")

    def found(self, path, rule):
        """The finding of a rule about a file, once it is there."""
        return lib.wait_until(lambda: next((f["ringfort"] for f in self.findings()
                                            if f["ringfort"]["rule_id"] == rule and
                                            f["ringfort"]["matched"].get("file") == path), None),
                              5, lambda: f"{rule} in {path}: {self.findings()}")


def content(**files):
    """A folder of content; names are without their dots: rules_yar."""
    folder = lib.temporary("c")
    for name, text in files.items():
        with open(f"{folder}/{name.replace('_', '.')}", "w") as file:
            file.write(text)
    return folder


def eicar(scratch, name="eicar"):
    return scratch.script(name, f"#!/bin/sh\nexit 0\n# {EICAR}\n")


def sha256_of(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def answers(verdict):
    return {reason["solution"]: reason["answer"] for reason in verdict["reasons"]}


BUNDLED_RULES = os.path.join(PACKAGES, "yara/rules")


@case("a file with a known pattern is executed and found, with what ringfort ships")
def found():
    scratch = Scratch()
    bad, good = eicar(scratch), scratch.program("good")
    with Watch([Bundled("yara", BUNDLED_RULES)], scratch) as daemon:
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
    with Watch([Bundled("yara", BUNDLED_RULES, policy)], scratch) as daemon:
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
    with Watch([Bundled("yara", BUNDLED_RULES, policy), Bundled("allowlist", listed)], scratch) as daemon:
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


if __name__ == "__main__":
    lib.main()
