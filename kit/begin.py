# SPDX-License-Identifier: Apache-2.0
"""Begin - the package, its start, and what it takes while nothing happens."""

import json
import time

from clauses import Skip, clause, require
from daemon import stat
from trial import START_S

TICKS = 100    # of the processor's clock in a second
IDLE_S = 3
IDLE_SHARE = 0.2
FIRST_RATE, FIRST_S = 400, 1  # events; enough that each type comes
LOOKS, LOOK_S = 10, 0.5


@clause("C-MANIFEST", "the manifest is valid, and its schema, if it names one, is this one's", needs="nothing")
def manifest(trial):
    good, text = trial.daemon.check()
    require(good, text)
    require(trial.manifest, f"ringfortd takes it, this kit cannot read it: {trial.why_no_manifest}")
    hash_here = json.loads(trial.daemon.cli("events", "--schema", "--json").stdout)["schema_hash"]
    schema = trial.manifest.schema
    require(not schema or schema.lower() == hash_here, f"built for schema {schema}, here it is {hash_here}")
    trial.valid = True
    return (f"{trial.name} {trial.manifest.version} of {trial.manifest.vendor}; "
            + (f"schema {schema}" if schema else "it names no schema"))


@clause("C-START", f"it opens its client within {START_S} s, subscribes, and takes part where it may decide",
        needs="nothing")
def start(trial):
    if not trial.valid:
        raise Skip("without a valid manifest nothing is started")
    begin = time.monotonic()
    trial.daemon.start()
    state = trial.wait_active(START_S)
    seconds = time.monotonic() - begin
    require(state["state"] == "active",
            f"after {seconds:.1f} s it is {state['state']}: {state.get('last_fault') or state['why']}"
            + trial.last_words())
    require(not trial.acts or (trial.daemon.voice() or {}).get("acts"),
            f"its manifest asks for a part in acts, and after {seconds:.1f} s it has not asked to be asked")
    require(state["restarts"] == 0, f"it had to be started again: {state['last_fault'] or state['why']}"
            + trial.last_words())
    trial.started = True
    learn_types(trial)
    return f"active after {seconds:.1f} s; reads " + (", ".join(sorted(trial.types)) or "nothing that the kit does")


def learn_types(trial):
    """What of the kit's acts comes to it: until two looks see the same types."""
    before, _ = trial.counts()
    acts = trial.storm(FIRST_RATE, FIRST_S)["acts"]
    seen = None
    for _ in range(LOOKS):
        now, _ = trial.counts()
        trial.types = {t for t in acts if now[t] > before[t]}
        # One that decides may do without events.
        if trial.types == seen and (seen or trial.acts):
            break
        seen = trial.types
        time.sleep(LOOK_S)


@clause("C-IDLE", f"while nothing happens it stays far from its limits, and below {IDLE_SHARE:.0%} of a processor")
def idle(trial):
    time.sleep(1)  # what came before may still be looked at
    limits = trial.manifest.limits
    used = ticks(trial)
    begin = time.monotonic()
    most = 0
    while time.monotonic() - begin < IDLE_S:
        most = max(most, len(trial.processes()))
        time.sleep(0.1)
    share = (ticks(trial) - used) / TICKS / (time.monotonic() - begin)
    state = trial.daemon.solution()
    require(state["oom_kills"] == 0, f"it needed more than its {limits['memory_mb']} MiB")
    require(state["pid"], f"it ended: {state['last_fault']}")
    require(most < max(limits["pids"], 2), f"{most} processes of the {limits['pids']} that it may have")
    require(share < IDLE_SHARE, f"{share:.0%} of a processor while nothing happens")
    return (f"{share:.1%} of a processor; {trial.memory_mb():.0f} of {limits['memory_mb']} MiB; {most} of "
            f"{limits['pids']} processes")


def ticks(trial):
    fields = filter(None, map(stat, trial.processes()))
    return sum(int(f[11]) + int(f[12]) for f in fields)
