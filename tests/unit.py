#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run the unit tests of a build folder, one line each, as Meson's own log tells them.

  unit.py BUILD LABEL [MESON TEST ARGUMENT]...     the last line is "LABEL: P F S"
"""

import json
import os
import subprocess
import sys

WORDS = {"OK": "PASS", "EXPECTEDFAIL": "PASS", "SKIP": "SKIP"}


def why_skipped(output):
    """A test that skips says why in its last line."""
    lines = [line for line in output.splitlines() if line.strip()]
    return lines[-1] if lines else "it says nothing"


def main():
    build, label, arguments = sys.argv[1], sys.argv[2], sys.argv[3:]
    log = os.path.join(build, "meson-logs", label + ".json")
    if os.path.exists(log):
        os.unlink(log)
    done = subprocess.run(["meson", "test", "-C", build, "--no-rebuild", "--logbase", label, *arguments],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace")
    counts = {"PASS": 0, "FAIL": 0, "SKIP": 0}
    if os.path.exists(log):
        with open(log) as file:
            for line in file:
                test = json.loads(line)
                word = WORDS.get(test["result"], "FAIL")
                counts[word] += 1
                output = test.get("stdout", "") + test.get("stderr", "")
                why = f": {why_skipped(output)}" if word == "SKIP" else ""
                print(f"{word} {label}: {test['name'].split(' / ')[-1]}{why} ({test['duration']:.1f} s)")
                if word == "FAIL":
                    print("\n".join("      " + text for text in output.splitlines()[-40:]))
    if not sum(counts.values()) or (done.returncode and not counts["FAIL"]):
        counts["FAIL"] += 1
        print(f"FAIL {label}: meson test ran to its end\n{done.stdout[-2000:]}")
    print(f"{label}: {counts['PASS']} {counts['FAIL']} {counts['SKIP']}")


if __name__ == "__main__":
    main()
