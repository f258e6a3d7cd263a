# SPDX-License-Identifier: Apache-2.0
"""Clauses - the list of what is tried, in its order, and how a clause says how it went.

A clause is a function that takes the trial and returns what was seen; it raises Fail or Skip with the reason.
Its id is stable: man 7 ringfort-solution has the same ones, and what they ask for.
"""

import collections
import time

Clause = collections.namedtuple("Clause", "id sentence try_it needs")
Result = collections.namedtuple("Result", "clause result seen seconds")

ATTEMPTS = 3

registered = []


class Fail(Exception):
    """The solution breaks the clause; the text says what was seen."""


class Skip(Exception):
    """The clause does not apply, or cannot be tried here; the text says why."""


class Disturbed(Skip):
    """Something else kept the host so busy that nothing can be said: it is tried again, and then skipped."""


def clause(identifier, sentence, needs="running"):
    """Decorator.  `needs`: what the solution must do to be tried: "nothing", "running", "deciding", or an act of a
    gate that its manifest asks for."""
    def register(function):
        registered.append(Clause(identifier, sentence, function, needs))
        return function
    return register


def require(condition, seen):
    if not condition:
        raise Fail(seen)


def try_one(trial, one):
    begin = time.monotonic()
    for _ in range(ATTEMPTS):
        result, seen, disturbed = attempt(trial, one)
        if not disturbed:
            break
    return Result(one, result, seen, time.monotonic() - begin)


def attempt(trial, one):
    """(result, what was seen, whether it was disturbed)"""
    try:
        trial.prepare(one.needs)
        before = trial.restarts()
        seen = one.try_it(trial)
        trial.still_runs(before)
    except Skip as skip:
        return "skip", str(skip), isinstance(skip, Disturbed)
    except Fail as fail:
        return "fail", str(fail), False
    return "pass", seen, False


def try_all(trial, wanted=(), tell=lambda result: None):
    """Every clause, or those wanted and what they stand on; the results in order."""
    results = []
    for one in registered:
        if wanted and one.id not in wanted and one.needs != "nothing":
            continue
        result = try_one(trial, one)
        results.append(result)
        tell(result)
    return results
