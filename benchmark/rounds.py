# SPDX-License-Identifier: Apache-2.0
"""Rounds - storms on scratch file systems and outside of them, under subjects in turns."""
import random

from say import progress
from storms import Measured, Storms, cost

MAX_SECONDS = 0.35


class Places:
    """The same storms on both kinds of scratch file system, and where nobody decides anything."""

    def __init__(self, options, scratches, outside):
        seconds = min(options.seconds, MAX_SECONDS)
        self.storms = {kind: Storms(options.build, scratch.path, seconds) for kind, scratch in scratches.items()}
        self.storms["outside"] = outside

    def run(self, place, workload):
        return self.storms[place].storm(workload, "--seconds", str(self.storms["disk"].seconds))

    def warm(self, place):
        """So that what can be remembered is, of the storm's own files too."""
        if place != "outside":
            self.storms[place].storm("exec", "--ops", "20")


def key(place, workload):
    return f"{workload}, {place}"


def run_subject(subject, steps, places, measured):
    warmed = set()
    try:
        subject.start()
        for place, workload in steps:
            if place not in warmed:
                places.warm(place)
                warmed.add(place)
            before = cost(subject.pids())
            told = places.run(place, workload)
            measured.add(key(place, workload), subject.label, told, before, cost(subject.pids()))
    finally:
        subject.stop()


def run_rounds(subjects, places, n_rounds, what):
    """subjects: pairs of a subject and its steps, (place, workload) each."""
    measured = Measured()
    for n in range(n_rounds):
        progress(f"round {n + 1} of {n_rounds}: {what}")
        for subject, steps in random.sample(subjects, len(subjects)):
            run_subject(subject, steps, places, measured)
    progress("")
    return measured
