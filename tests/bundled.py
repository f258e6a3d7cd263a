# SPDX-License-Identifier: Apache-2.0
"""Bundled - our own solutions as they are installed, with content that a test writes, and what they find."""

import json
import os
import re

import lib
from guarded import Guard, Scopes, write

PACKAGES = os.path.join(lib.STAGE, "usr/libexec/ringfort/solutions")
YARA_RULES = os.path.join(PACKAGES, "yara/rules")
# Put together here: no file that is kept shall have it.
EICAR = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-" + "STANDARD-ANTIVIRUS-" + "TEST-FILE!$H+H*"
# Public sets of rules for what is malicious on a disk; another one tells what programs can do.
MALICE = ("signature-base", "reversinglabs", "eset", "bartblaze", "binaryalert")
CAPABILITIES = "malcontent"


class Bundled(lib.Solution):
    """A package of ours."""

    def __init__(self, name, *content, authorize="process.exec"):
        super().__init__(name, "bundled", operator=f"authorize: [{authorize}]\n"
                         f"content: {json.dumps(content)}\n")

    def write(self, folder):
        return os.path.join(PACKAGES, self.name)


class Finds:
    """What a daemon has found."""

    def all_found(self, rule, path=None):
        told = [f["ringfort"] for f in self.findings()]
        return [f for f in told if f["rule_id"] == rule and path in (None, f["matched"].get("file"))]

    def found(self, path, rule, n=1):
        """The last of n findings of a rule about a file, once they are there."""
        lib.wait_until(lambda: len(self.all_found(rule, path)) >= n, 5,
                       lambda: f"{n} times {rule} in {path}: {self.findings()} {self.status()['solutions']} {self.gate()['solutions']}")
        return self.all_found(rule, path)[-1]


class Watch(Finds, Guard):
    """Ready when each bundled solution takes part."""

    def wait_ready(self, seconds=30):
        super().wait_ready(seconds)
        lib.wait_until(lambda: self.gate() and all((self.voice(s.name) or {}).get("acts") for s in self.solutions),
                       seconds, lambda: f"{self.status()}; {self.tail()}")


class WatchScopes(Finds, Scopes):
    """Ready when what is written is told as well: on a busy machine yara decides before its hooks are there."""

    def wait_ready(self, seconds=30):
        super().wait_ready(seconds)
        lib.wait_until(self.tells_writes, seconds, lambda: f"an event of a write: {self.solution('yara')}")

    def tells_writes(self):
        write(f"{self.folder}/written")
        return self.solution("yara")["types"].get("file.modify", {}).get("delivered")


def content(**files):
    """A folder of content; names are without their dots: rules_yar."""
    folder = lib.temporary("c")
    for name, text in files.items():
        with open(f"{folder}/{name.replace('_', '.')}", "w") as file:
            file.write(text)
    return folder


def answers(verdict):
    return {reason["solution"]: reason["answer"] for reason in verdict["reasons"]}


# ---- public sets of rules --------------------------------------------------------------------------------

def public_rules():
    """The folder that holds them; skips where there is none."""
    folder = os.path.join(os.environ.get("RINGFORT_DATA") or f"{lib.ROOT}/../shared/data", "yara")
    if not os.path.exists(f"{folder}/positives.json"):
        raise lib.Skip("no public rules here: set RINGFORT_DATA")
    return os.path.abspath(folder)


RULE = re.compile(r"^[ \t]*(?:(?:private|global)[ \t]+)*rule[ \t]+(\w+)", re.M)


def names_of_rules(*folders):
    names = set()
    for folder in folders:
        for below, _, files in os.walk(folder):
            for name in files:
                if name.endswith((".yar", ".yara")):
                    with open(f"{below}/{name}", errors="replace") as file:
                        names.update(RULE.findall(file.read()))
    return names


def policy_that_denies(names, more=""):
    return content(policy_yaml=f"deny: {json.dumps(sorted(names))}\n{more}")
