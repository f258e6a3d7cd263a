# SPDX-License-Identifier: Apache-2.0
"""Rules - public sets of YARA rules at work: what a policy denies is denied, what it does not is found.

Each file is harmless: strings of one rule behind a prefix, made for it (positives.json).  It is written into a scope,
opened and executed.  The sets lie in $RINGFORT_DATA; ./test --long takes all of each, else a part.
"""

import base64
import collections
import errno
import json
import os
import time

import lib
from bundled import CAPABILITIES, MALICE, Bundled, WatchScopes, names_of_rules, policy_that_denies, public_rules
from guarded import Scratch
from lib import case, equal, figure, require

AT_ONCE = 10  # files, each with up to 8 findings, of the 100 a second that the manifest asks for
PART = 24     # of a set, in the short form


def positives_of(name):
    with open(f"{public_rules()}/positives.json") as file:
        found = [p for p in json.load(file)["positives"] if p["set"] == name]
    return found if lib.LONG else found[::max(1, len(found) // PART)]


class Files(collections.UserDict):
    """What was made for which rule, by path, in a scope that is guarded for executions as well."""

    def __init__(self, positives):
        super().__init__()
        self.scratch = Scratch()
        self.top = f"{self.scratch.path}/scope"
        os.mkdir(self.top)
        for n, positive in enumerate(positives):
            self.data[f"{self.top}/{n}"] = positive

    def watch(self, *folders):
        yara = Bundled("yara", *folders, authorize="process.exec, file.open, file.modify")
        return WatchScopes([yara], [self.top], deadline_ms=10000, more=f", exec: [{json.dumps(self.scratch.path)}]")

    def put(self, path):
        fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o755)
        os.write(fd, base64.b64decode(self.data[path]["content_base64"]))
        os.close(fd)


def may_open(path):
    try:
        os.close(os.open(path, os.O_RDONLY))
    except PermissionError:
        return False
    return True


def may_execute(path):
    """None of them can run: what is let through is no program that the kernel knows, or ends of a signal."""
    pid = os.fork()
    if not pid:
        try:
            os.execve(path, [path], {})
        except OSError as error:
            os._exit(error.errno)
    status = os.waitpid(pid, 0)[1]
    return not os.WIFEXITED(status) or os.WEXITSTATUS(status) != errno.EPERM


def written_and_found(daemon, files):
    """Findings of each file, once it was written: by path."""
    paths = list(files)
    for at in range(0, len(paths), AT_ONCE):
        begin = time.monotonic()
        for path in paths[at:at + AT_ONCE]:
            files.put(path)
        lib.wait_until(lambda: daemon.voice("yara")["shown"] >= at + len(paths[at:at + AT_ONCE]), 30, lambda: daemon.voice("yara"))
        time.sleep(max(0.0, 1 - (time.monotonic() - begin)))
    found = collections.defaultdict(list)

    def all_there():
        found.clear()
        for finding in daemon.findings():
            found[finding["ringfort"]["matched"].get("file")].append(finding["ringfort"])
        return all(found[path] for path in paths)

    lib.wait_until(all_there, 20, lambda: f"nothing in {[files[p]['rule'] for p in paths if not found[p]]}; {daemon.said('yara')}")
    return found


def names_of(findings):
    return {finding["rule_id"] for finding in findings}


def works(name):
    """(positives, those that the policy denies, longest open in s) of one set, a half of whose rules deny."""
    folder = f"{public_rules()}/{name}"
    files = Files(positives_of(name))
    denying = {positive["rule"] for positive in list(files.values())[::2]}
    with files.watch(folder, policy_that_denies(denying)) as daemon:
        found = written_and_found(daemon, files)
        longest = 0
        for path, positive in files.items():
            told = found[path]
            require(positive["rule"] in names_of(told) or any("others" in f["matched"] for f in told),
                    f"{positive['rule']} is not told: {names_of(told)}")
            # Another rule of those that deny may match as well.
            denied = bool(names_of(told) & denying)
            require(denied or positive["rule"] not in denying, f"{positive['rule']} should deny")
            for finding in told:
                equal(finding["matched"]["outcome"], "written", "outcome")
                equal(finding["matched"].get("action"), "deny" if finding["rule_id"] in denying else "report", finding)
            begin = time.monotonic()
            equal(may_open(path), not denied, f"open of the file for {positive['rule']}")
            longest = max(longest, time.monotonic() - begin)
            equal(may_execute(path), not denied, f"execution of the file for {positive['rule']}")
        voice = daemon.voice("yara")
        equal((voice["late"], voice["wrong"], voice["unshown"]), (0, 0, 0), "late, wrong, not shown")
        return len(files), sum(bool(names_of(found[path]) & denying) for path in files), longest


@case("files made for public rules are found when they are written, and neither opened nor executed where the policy denies")
def malice():
    for name in MALICE:
        if not positives_of(name):
            continue
        n, n_denied, longest = works(name)
        figure(f"{name}: {n} written and found, {n_denied} of them neither opened nor executed, {n - n_denied} let through; "
               f"longest open {longest * 1000:.0f} ms")


@case("rules that only tell what programs can do find each file made for them, and deny none")
def capabilities():
    files = Files(positives_of(CAPABILITIES))
    # The operator denies what another set calls malicious, and lets this one report.
    names = names_of_rules(f"{public_rules()}/bartblaze", f"{public_rules()}/eset")
    with files.watch(f"{public_rules()}/{CAPABILITIES}", f"{public_rules()}/bartblaze", f"{public_rules()}/eset",
                     policy_that_denies(names)) as daemon:
        found = written_and_found(daemon, files)
        by_name = 0
        for path, positive in files.items():
            require(all(f["matched"].get("action") == "report" for f in found[path]), found[path])
            by_name += positive["rule"] in names_of(found[path])
            require(may_open(path), f"the file for {positive['rule']} is not opened")
            require(may_execute(path), f"the file for {positive['rule']} is not executed")
        voice = daemon.voice("yara")
        equal((voice["denied"], voice["late"], voice["unshown"]), (0, 0, 0), "denied, late, not shown")
        figure(f"{len(files)} written and found, {by_name} by their own rule among the first 8 that are told; "
               f"{voice['asked']} asked about, 0 denied")


if __name__ == "__main__":
    lib.main()
