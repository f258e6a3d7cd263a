# SPDX-License-Identifier: Apache-2.0
"""Faults - what happens to it: it is killed, it is stopped and goes on, the stream ends."""

import os
import signal
import time

from clauses import Skip, clause, require
from daemon import send, stat, wait_until
from events import need_types
from scratch import Broken
from showing import require_shown_again
from trial import acts_beside

RATE = 1000  # events a second, meanwhile
STOPPED_S = 3
CATCH_UP_S = 15
END_S = 5


@clause("C-KILL", "after SIGKILL it starts again and reads on")
def kill(trial):
    begin = time.monotonic()
    state = trial.kill()
    seconds = time.monotonic() - begin
    require(state["state"] == "active", f"it does not come back: it is {state['state']}: {state['why']}")
    had, _ = trial.counts()
    acts = trial.storm(200, 1)["acts"]
    lacking = trial.has_read(had, acts)
    require(not lacking, f"back after {seconds:.1f} s, but it has not read {lacking}")
    if "file.modify" in trial.acts and not trial.daemon.why_no_scope():
        require_shown_again(trial)
    return f"back after {seconds:.1f} s"


@clause("C-STOP", f"stopped for {STOPPED_S} s (SIGSTOP) and let go, it catches up, and what it lost is counted")
def stop(trial):
    need_types(trial)
    had, lost = trial.counts()
    pids = trial.processes()
    with acts_beside("storm", trial.scratch.folder, RATE, STOPPED_S) as told:
        send(pids, signal.SIGSTOP)
        try:
            time.sleep(STOPPED_S)
        finally:
            send(pids, signal.SIGCONT)
    begin = time.monotonic()
    lacking = trial.has_read(had, told[0]["acts"], CATCH_UP_S)
    require(not lacking, f"{CATCH_UP_S} s later it has neither read nor counted as lost {lacking}")
    _, now = trial.counts()
    return f"caught up {time.monotonic() - begin:.1f} s later, lost {sum((now - lost).values())}, counted"


@clause("C-END", f"when the stream ends it ends as well, within {END_S} s and with status 0")
def end(trial):
    pid, supervisor = trial.pid(), trial.daemon.process.pid
    control = trial.daemon.role("ringfort-contro")
    if not control:
        raise Broken("the control process of the instance is not to be found")
    # Without its control process the sensor ends the stream.  The supervisor would end the solution in the
    # same moment: it stands still, until the solution has shown what it does by itself.
    os.kill(supervisor, signal.SIGSTOP)
    try:
        os.kill(control, signal.SIGKILL)
        begin = time.monotonic()
        fields = wait_until(lambda: ended(pid), END_S)
        seconds = time.monotonic() - begin
    finally:
        os.kill(supervisor, signal.SIGCONT)
    require(fields, f"{END_S} s later it is still there")
    status = int(fields[-1])
    require(status == 0, f"it ended with status {os.waitstatus_to_exitcode(status)}")
    return f"ended by itself after {seconds:.2f} s"


def ended(pid):
    """Its stat when it is a zombie: its parent stands still and has not looked."""
    fields = stat(pid)
    if fields is None:
        raise Skip("its end could not be watched")
    return fields if fields[0] == "Z" else None
