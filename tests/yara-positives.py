#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Yara-positives - each rule of positives.json is found in the file that was made for it.

  yara-positives.py RINGFORT_YARA FOLDER_OF_DATA

The files are harmless: strings of the rule behind a prefix.  One scan for each set of rules.
"""

import base64
import collections
import json
import os
import subprocess
import sys
import tempfile


def refused_files(tool, folder):
    done = subprocess.run([tool, "check", folder], capture_output=True, text=True)
    return {line.split(":")[0] for line in done.stdout.splitlines()[:-1]}


def missed_of(tool, folder, positives):
    """(rules that were not found in their file, rules whose file was refused)"""
    refused = refused_files(tool, folder)
    with tempfile.TemporaryDirectory(prefix="ringfort-yara-") as work:
        wanted = {}
        for number, positive in enumerate(positives):
            path = f"{work}/{number}"
            with open(path, "wb") as file:
                file.write(base64.b64decode(positive["content_base64"]))
            wanted[path] = positive
        done = subprocess.run([tool, "scan", "--json", "--rules", folder, *wanted], capture_output=True, text=True)
        found = {}
        for line in done.stdout.splitlines():
            told = json.loads(line)
            found[told["file"]] = {(match["rule"], match["source"]) for match in told["matches"]}
    missed, without = [], []
    for path, positive in wanted.items():
        # A file of rules, or the folder where the rule is.
        source = os.path.normpath(os.path.join(os.path.dirname(folder), positive["file"]))
        if not any(rule == positive["rule"] and is_below(name, source) for rule, name in found.get(path, ())):
            (without if any(is_below(name, source) for name in refused) else missed).append(positive["rule"])
    return missed, without


def is_below(path, folder):
    return (os.path.normpath(path) + "/").startswith(folder + "/")


def main():
    tool, data = sys.argv[1:]
    with open(f"{data}/positives.json") as file:
        positives = json.load(file)["positives"]
    sets = collections.defaultdict(list)
    for positive in positives:
        sets[positive["set"]].append(positive)
    failed = False
    for name, members in sorted(sets.items()):
        missed, without = missed_of(tool, f"{data}/{name}", members)
        print(f"{name}: {len(members) - len(missed) - len(without)} of {len(members)} found, "
              f"{len(without)} in files that are refused")
        if missed:
            print(f"FAILED: not found: {' '.join(missed)}")
            failed = True
    return 1 if failed or len(positives) < 100 else 0


if __name__ == "__main__":
    sys.exit(main())
