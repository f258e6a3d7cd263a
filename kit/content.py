# SPDX-License-Identifier: Apache-2.0
"""Content - new rules for a running solution: good ones are taken, broken ones never reach it."""

import os
import random
import shutil
import time

from clauses import Skip, clause, require
from trial import acts_beside

RATE = 200  # events a second, meanwhile
MEANWHILE_S = 2


def need_content(trial):
    if not trial.content:
        raise Skip("its package has no content")


def reload(trial):
    """(whether it took the content, the reason if not)"""
    answers = trial.daemon.objects("reload", trial.name)
    answer = next((a for a in answers if a.get("name") == trial.name), {})
    return answer.get("result") == "reloaded", answer.get("reason") or str(answers)


@clause("C-RELOAD", "asked to, it loads its content anew, in the same process and without losing an event")
def again(trial):
    need_content(trial)
    pid = trial.pid()
    (had, lost), performed = trial.counts(), trial.performed()
    begin = time.monotonic()
    with acts_beside("storm", trial.scratch.folder, RATE, MEANWHILE_S) as told:
        taken, reason = reload(trial)
        seconds = time.monotonic() - begin
    require(taken, f"its own content was not taken again: {reason}")
    require(trial.pid() == pid, "it is another process now")
    lacking = trial.has_read(had, told[0]["acts"])
    require(not lacking, f"while it loaded it has not read {lacking}")
    trial.require_nothing_lost(lost, performed, told[0]["acts"], "while it loaded")
    return f"loaded in {seconds:.2f} s, lost 0"


def noise(folder):
    """Bytes that are no text of any kind instead of every file; how many files there were."""
    bytes_of = random.Random(1).randbytes
    n = 0
    for place, _, names in os.walk(folder):
        for name in names:
            n += 1
            with open(os.path.join(place, name), "wb") as file:
                file.write(b"\x00\x01[{" + bytes_of(4096))
    return n


@clause("C-BROKEN", "content that is broken is refused, by its trial process, and the old one stays")
def broken(trial):
    need_content(trial)
    pid, kept = trial.pid(), trial.content + ".kept"
    file = trial.subjects("broken", 1)[0] if trial.decides else None
    before = answer_about(trial, file)
    shutil.copytree(trial.content, kept)
    try:
        n = noise(trial.content)
        taken, reason = reload(trial)
        require(not taken, f"it took {n} files of noise for content")
        require(trial.pid() == pid, f"it is another process now: {trial.daemon.solution()['last_fault']}")
        require(answer_about(trial, file) == before, "it answers otherwise about the same file")
    finally:
        shutil.copytree(kept, trial.content, dirs_exist_ok=True)
        shutil.rmtree(kept)
    taken, why = reload(trial)
    require(taken, f"and afterwards it does not take its own content: {why}")
    first = next(iter(reason.splitlines()), "")
    return (f"refused {n} files of noise" + ("" if trial.manifest.can_probe else ", by itself: it has no probe_arguments")
            + (f": {first[:120]}" if first else ""))


def answer_about(trial, path):
    if not trial.decides:
        return None
    trial.ask(10, 0.1, [path])
    return trial.daemon.verdicts(path)[0]["answer"]
