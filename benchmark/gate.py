# SPDX-License-Identifier: Apache-2.0
"""Gate - storms on file systems whose executions are decided, beside floors and peers; then those in scopes."""
import os

import figures
import peers
import scopes
from deciders import Gate, Responder, Unasked
from rounds import Places, key, run_rounds
from say import say
from scratch import Scratches
from storms import ROLE_HEAD, label, role_rows

MAX_ROUNDS = 20  # of storms so long: minutes are enough
N_SOLUTIONS = 3
PLACES = {"disk": ["exec", "exec2"], "tmpfs": ["exec", "exec2"], "outside": ["open"]}
TARGET_CACHED, TARGET_UNCACHED, TARGET_PEER = 1.07, 1.3, 0.7


def steps(*places):
    return [(place, workload) for place in places for workload in PLACES[place]]


def make_subjects(options, folder, scratches):
    def floor(name, kind, place):
        return label(Responder(options.build, kind, scratches[place]), name), steps(place)

    gate = Gate(options.stage, options.build, f"{folder}/gate", scratches.values(), N_SOLUTIONS)
    return [(label(Unasked(), "none"), steps(*PLACES)), (label(Unasked(), "none again"), steps(*PLACES)),
            floor("cached", "cached", "disk"), floor("cached again", "cached", "disk"),
            floor("allow", "allow", "tmpfs"), floor("mailbox", "mailbox", "tmpfs"),
            floor("mailbox again", "mailbox", "tmpfs"), (label(gate, "ringfortd"), steps(*PLACES))]


# ---- what came out --------------------------------------------------------------------------------


# Place: the floor, its like, and what is said of ringfortd beside it.
JUDGED = {
    "disk": ("cached", "cached again", f"<= {TARGET_CACHED} x cached", lambda r, null: figures.at_most(TARGET_CACHED, r, null)),
    "tmpfs": ("mailbox", "mailbox again", f"<= {TARGET_UNCACHED} x mailbox",
              lambda r, null: figures.at_most(TARGET_UNCACHED, r, null)),
    "outside": ("none", "none again", "as none", figures.like),
}


def show(measured, result):
    rows, costs = [], []
    result["gate"] = {"storms": {}}
    for place, workloads in PLACES.items():
        under, again, target, verdict = JUDGED[place]
        for workload in workloads:
            name = key(place, workload)
            ratio, null = (measured.ratio(name, over, under) for over in ("ringfortd", again))
            entry = {
                "us_per_op": {subject: figures.interval([1e6 * v for v in values])
                              for subject, values in measured.wall[name].items()},
                "floor": under, "target": target, "null": null, "ratio": ratio,
                "cpu": measured.ratio(name, "ringfortd", under, "cpu"),
                "slowdown": {subject: measured.ratio(name, subject, "none") for subject in measured.wall[name]},
                "verdict": verdict(ratio, null), "roles": measured.roles.get(name, {}),
            }
            result["gate"]["storms"][name] = entry
            rows.append([name, f"{entry['us_per_op']['none']['median']:.2f}", figures.text(entry["slowdown"][under]),
                         figures.text(entry["slowdown"]["ringfortd"]), target, figures.text(null),
                         figures.text(ratio), entry["verdict"]])
            costs += role_rows(name, entry["roles"])
    figures.print_table(f"Gate: storms with {N_SOLUTIONS} enforcing solutions; ratios of pairs, median and 95 % interval",
                        ["storm", "us/op", "floor/none", "ringfortd/none", "target", "null", "ratio", "verdict"], rows)
    figures.print_table("Who used the processor", ROLE_HEAD, costs)


# ---- peers ----------------------------------------------------------------------------------------


def run_peers(options, folder, scratches, places, result):
    """In rounds of their own and last of all, each with ringfortd and nothing beside it."""
    found = peers.find(folder, scratches["disk"])
    if not found:
        return
    gate = Gate(options.stage, options.build, f"{folder}/beside", scratches.values(), N_SOLUTIONS)
    subjects = [(label(Unasked(), "none"), steps("disk")), (label(Unasked(), "none again"), steps("disk")),
                (label(gate, "ringfortd"), steps("disk"))] + [(peer, steps("disk")) for peer in found]
    measured = run_rounds(subjects, places, max(6, min(options.pairs, MAX_ROUNDS) // 3), "peers of the gate")
    rows, costs = [], []
    for workload in PLACES["disk"]:
        name = key("disk", workload)
        null = measured.ratio(name, "none again", "none")
        costs += role_rows(name, measured.roles.get(name, {}))
        for peer in found:
            ratio = measured.ratio(name, "ringfortd", peer.label)
            entry = {"slowdown": measured.ratio(name, peer.label, "none"), "null": null, "ratio": ratio,
                     "ringfortd": measured.ratio(name, "ringfortd", "none"),
                     "verdict": figures.at_most(TARGET_PEER, ratio, null)}
            result["gate"]["storms"][name].setdefault("peers", {})[peer.label] = entry
            rows.append([name, peer.label, figures.text(entry["slowdown"]), figures.text(entry["ringfortd"]),
                         f"<= {TARGET_PEER}", figures.text(null), figures.text(ratio), entry["verdict"]])
    figures.print_table("Gate: peers on the same disk; ratio: ringfortd to the peer",
                        ["storm", "peer", "peer/none", "ringfortd/none", "target", "null", "ratio", "verdict"], rows)
    figures.print_table("Who used the processor", ROLE_HEAD, costs)


def run(options, folder, outside, result):
    folder = f"{folder}/gate"
    os.makedirs(folder)
    with Scratches(f"{folder}/scratch", options.build) as scratches:
        places = Places(options, scratches, outside)
        n_rounds = min(options.pairs, MAX_ROUNDS)
        show(run_rounds(make_subjects(options, folder, scratches), places, n_rounds, "gate"), result)
        scopes.run(options, folder, scratches, places, n_rounds, result)
        if options.no_peers:
            say("leaving out the peers of the gate, as told")
        else:
            run_peers(options, folder, scratches, places, result)
