# SPDX-License-Identifier: Apache-2.0
"""Rounds - storms on scratch file systems and outside of them, under subjects in turns."""
import random

from say import progress
from storms import Measured, Storms, cost

MAX_SECONDS = 0.35
# What comes before a storm and after it, and is none of its costs.
AROUND = {"reopen": ("make-files", "remove-files")}


class Places:
    """The same storms on both kinds of scratch file system, and where nobody decides anything."""

    def __init__(self, options, scratches, outside):
        seconds = min(options.seconds, MAX_SECONDS)
        self.storms = {kind: Storms(options.build, scratch.path, seconds) for kind, scratch in scratches.items()}
        self.storms["outside"] = outside

    def run(self, place, workload):
        return self.storms[place].storm(workload, "--seconds", str(self.storms["disk"].seconds))

    def around(self, place, workload, which):
        if workload in AROUND:
            self.storms[place].storm(AROUND[workload][which], "--ops", "1")

    def warm(self, place):
        """So that what can be remembered is, of the storm's own files too."""
        if place != "outside":
            self.storms[place].storm("exec", "--ops", "20")


def key(place, workload):
    return f"{workload}, {place}"


def pids_of(subject, apart):
    """By role, and by subject where several have the same roles in one storm."""
    return {f"{role} of {subject.label}" if apart else role: pid for role, pid in subject.pids().items()}


def run_subject(subject, steps, places, measured, apart):
    warmed = set()
    try:
        subject.start()
        for place, workload in steps:
            if place not in warmed:
                places.warm(place)
                warmed.add(place)
            places.around(place, workload, 0)
            before = cost(pids_of(subject, apart))
            told = places.run(place, workload)
            measured.add(key(place, workload), subject.label, told, before, cost(pids_of(subject, apart)))
            places.around(place, workload, 1)
    finally:
        subject.stop()


def run_rounds(subjects, places, n_rounds, what, apart=False):
    """subjects: pairs of a subject and its steps, (place, workload) each; apart: roles are told by subject."""
    measured = Measured()
    for n in range(n_rounds):
        progress(f"round {n + 1} of {n_rounds}: {what}")
        for subject, steps in random.sample(subjects, len(subjects)):
            run_subject(subject, steps, places, measured, apart)
    progress("")
    return measured
