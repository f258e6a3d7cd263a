# SPDX-License-Identifier: Apache-2.0
"""Events - whether it reads what it asked for, at which rate, and what it says about it."""

import contextlib
import json
import subprocess
import threading
import time

import daemon as daemons
from clauses import Skip, clause, require
from daemon import NEIGHBOUR, RINGFORT, tree, wait_until
from scratch import Broken

QUIET_RATE, STATED_RATE = 200, 2000  # events a second
STORM_S, RATE_S, QUIET_S = 3, 3, 1
BESIDE_S = 2  # as long as the neighbour takes
CATCH_UP_S = 15
SIGSYS = 31
TOLD_OF_ITS_OWN = ("process.fork", "process.exit")  # its threads and children


def need_types(trial):
    if not trial.types:
        raise Skip("it reads nothing that the kit does")


def done(acts):
    return sum(acts.values())


def lost_since(trial, before):
    _, now = trial.counts()
    return sum((now - before).values())


@clause("C-READ", f"it reads what it subscribed to: {QUIET_RATE} events a second, all of them, soon")
def read(trial):
    (had, lost), performed = trial.counts(), trial.performed()
    acts = trial.storm(QUIET_RATE, QUIET_S)["acts"]
    # One that decides may do without events.
    promised = not trial.acts and any(t == "*" or t in acts for t in trial.manifest.events)
    require(trial.types or not promised, "it has read none of the events that its manifest asks for")
    need_types(trial)
    begin = time.monotonic()
    lacking = trial.has_read(had, acts, 5)
    require(not lacking, f"5 s later it has not read {lacking}")
    trial.require_nothing_lost(lost, performed, acts, "at a quiet rate")
    return f"of {done(acts)} acts none is missing {time.monotonic() - begin:.1f} s later"


@clause("C-RATE", f"it keeps up with {STATED_RATE} events a second: none is lost to it")
def rate(trial):
    need_types(trial)
    (had, lost), performed = trial.counts(), trial.performed()
    told = trial.storm(STATED_RATE, RATE_S)
    lacking = trial.has_read(had, told["acts"])
    require(not lacking, f"it has not read {lacking}")
    trial.require_nothing_lost(lost, performed, told["acts"], f"at {STATED_RATE} a second")
    return f"{done(told['acts']) / told['seconds']:.0f} events a second for {told['seconds']:.0f} s, lost 0"


@clause("C-STORM", "in a storm of events it stays within its limits, and catches up afterwards")
def storm(trial):
    need_types(trial)
    had, lost = trial.counts()
    told = trial.storm(0, STORM_S)
    lacking = trial.has_read(had, told["acts"], CATCH_UP_S)
    state = trial.daemon.solution()
    require(state["oom_kills"] == 0, f"it needed more than its {trial.manifest.limits['memory_mb']} MiB")
    require(not lacking, f"{CATCH_UP_S} s later it has neither read nor counted as lost {lacking}")
    return (f"{done(told['acts']) / told['seconds']:.0f} events a second; lost {lost_since(trial, lost)}, counted; "
            f"{trial.memory_mb():.0f} of {trial.manifest.limits['memory_mb']} MiB")


@clause("C-SANDBOX", "in normal work it tries nothing that its sandbox refuses: no SIGSYS, no act but its own threads'")
def sandbox(trial):
    with follow(trial) as events:
        trial.storm(QUIET_RATE, QUIET_S)
        if trial.decides:
            trial.ask(20, 1, trial.subjects("sandbox", 1))
        if "file.modify" in trial.acts:
            trial.write(20, 20)
        pids = set(tree(trial.pid()))
    own = list(acts_of(pids, events))
    beyond = sorted({e["type"] for e in own if e["type"] not in TOLD_OF_ITS_OWN})
    require(not beyond, f"it does what a solution has no use for: {', '.join(beyond)}")
    killed = sum(e.get("signal") == SIGSYS for e in own)
    require(not killed, f"{killed} processes of it were killed for a system call")
    return f"{len(own)} of {len(events)} events were its own, none beyond its threads and children"


@contextlib.contextmanager
def follow(trial):
    """A list that has all events of the host from the time of the body, once that is over."""
    follower = subprocess.Popen([RINGFORT, "--socket", trial.daemon.socket, "events", "--json"],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                errors="replace", preexec_fn=daemons.die_with_us)
    lines, events = [], []
    reader = threading.Thread(target=lambda: lines.extend(follower.stdout))
    reader.start()
    try:
        time.sleep(0.5)
        yield events
        time.sleep(0.5)
    finally:
        follower.terminate()
        reader.join()
        follower.wait()
    events += [json.loads(line)["ringfort"] for line in lines if line.endswith("\n")]


def acts_of(pids, events):
    """Those of some processes and of the children that they have meanwhile."""
    for event in events:
        if event.get("process", {}).get("pid") in pids:
            yield event
            if event["type"] == "process.fork":
                pids.add(event["child"]["pid"])


@clause("C-BARRIER", "a neighbour that subscribes, waits for barriers and leaves again makes no difference to it")
def barrier(trial):
    need_types(trial)
    (had, lost), performed = trial.counts(), trial.performed()
    trial.daemon.cli("solution", "start", NEIGHBOUR)
    acts = trial.storm(QUIET_RATE, BESIDE_S)["acts"]
    wait_until(lambda: trial.daemon.solution(NEIGHBOUR)["said"], 30)
    said = trial.daemon.solution(NEIGHBOUR)["said"]
    trial.daemon.cli("solution", "stop", NEIGHBOUR)
    if not said or said.startswith("failed"):
        raise Broken(f"the neighbour: {said or 'says nothing'}; {trial.daemon.tail()}")
    lacking = trial.has_read(had, acts)
    require(not lacking, f"beside a neighbour that comes and goes it has not read {lacking}")
    trial.require_nothing_lost(lost, performed, acts, "beside a neighbour that comes and goes")
    return f"{said} of subscriptions and barriers beside it, {done(acts)} acts, lost 0"


@clause("C-FINDINGS", "its findings are well-formed, and not more than it may report")
def findings(trial):
    told = trial.storm(STATED_RATE, 2)
    time.sleep(1)
    state = trial.daemon.solution()
    require(state["noise"] == 0, f"{state['noise']} messages of it make no sense")
    require(state["findings_dropped"] == 0, f"{state['findings_dropped']} findings over its "
            f"{trial.manifest.limits['findings_per_second']} a second were dropped")
    kept = [f["ringfort"] for f in trial.daemon.objects("findings") if f["ringfort"]["solution"] == trial.name]
    bare = [f["rule_id"] for f in kept if not f["rule_id"] or not f["title"]]
    require(not bare, f"{len(bare)} findings without a rule or a title")
    return f"{len(kept)} findings up to here, none refused; {done(told['acts'])} harmless acts just now"
