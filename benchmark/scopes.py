# SPDX-License-Identifier: Apache-2.0
"""Scopes - storms where opens are decided, and where what was written is looked at."""
import os

import figures
from deciders import FolderGate, Responder, ScopeGate, Unasked, WatchingYara
from rounds import key, run_rounds
from storms import ROLE_HEAD, label, role_rows

N_SOLUTIONS = 3
# Place and storm: the floor, its like, the subject, the target (None: a figure that is not judged).
ROWS = [
    ("disk", "reopen", "cached", "cached again", "file system", 1.07),
    ("disk", "reopen", "allow", "allow again", "folder", None),
    ("outside", "open", "none", "none again", "file system", "like"),
    ("outside", "open", "none", "none again", "folder", "like"),
    ("tmpfs", "write", "none", "none again", "yara", 1.10),
]


def make_subjects(options, folder, scratches):
    def floor(name, kind):
        return label(Responder(options.build, kind, scratches["disk"]), name), [("disk", "reopen")]

    def guarding(subject, name):
        return label(subject, name), [("disk", "reopen"), ("outside", "open")]

    disk, tmpfs = scratches["disk"].path, scratches["tmpfs"].path
    everywhere = [("disk", "reopen"), ("outside", "open"), ("tmpfs", "write")]
    os.makedirs(folder)
    return [(label(Unasked(), "none"), everywhere), (label(Unasked(), "none again"), everywhere),
            floor("cached", "cached-opens"), floor("cached again", "cached-opens"),
            floor("allow", "allow-opens"), floor("allow again", "allow-opens"),
            guarding(ScopeGate(options.stage, options.build, f"{folder}/whole", disk, N_SOLUTIONS), "file system"),
            guarding(FolderGate(options.stage, options.build, f"{folder}/folder", f"{disk}/storm", N_SOLUTIONS), "folder"),
            (label(WatchingYara(options.stage, options.build, f"{folder}/yara", f"{tmpfs}/storm"), "yara"),
             [("tmpfs", "write")])]


# ---- what came out --------------------------------------------------------------------------------


def verdict_of(target, ratio, null):
    if target is None:
        return "no target"
    return figures.like(ratio, null) if target == "like" else figures.at_most(target, ratio, null)


def target_text(target, under):
    if target is None:
        return f"beside {under}"
    return f"as {under}" if target == "like" else f"<= {target} x {under}"


def show(measured, result):
    rows, costs = [], []
    result["scopes"] = {}
    for place, workload, under, again, over, target in ROWS:
        name = key(place, workload)
        ratio, null = measured.ratio(name, over, under), measured.ratio(name, again, under)
        entry = {
            "us_per_op": {subject: figures.interval([1e6 * v for v in values])
                          for subject, values in measured.wall[name].items()},
            "floor": under, "target": target, "null": null, "ratio": ratio,
            "cpu": measured.ratio(name, over, under, "cpu"), "slowdown": measured.ratio(name, over, "none"),
            "floor_slowdown": measured.ratio(name, under, "none"), "verdict": verdict_of(target, ratio, null),
        }
        result["scopes"][f"{name}, {over}"] = entry
        rows.append([name, over, f"{entry['us_per_op']['none']['median']:.2f}", figures.text(entry["floor_slowdown"]),
                     figures.text(entry["slowdown"]), target_text(target, under), figures.text(null),
                     figures.text(ratio), figures.text(entry["cpu"]), entry["verdict"]])
    for name in dict.fromkeys(key(place, workload) for place, workload, *_ in ROWS):
        costs += role_rows(name, measured.roles.get(name, {}))
    figures.print_table(f"Scopes: storms with {N_SOLUTIONS} enforcing solutions on opens, and with yara on what is "
                        "written; ratios of pairs, median and 95 % interval",
                        ["storm", "scope", "us/op", "floor/none", "ringfortd/none", "target", "null", "ratio",
                         "ratio, CPU", "verdict"], rows)
    figures.print_table("Who used the processor", ROLE_HEAD, costs)


def show_looked_at(yara, measured, result):
    """A storm writes more than can be scanned: how much of it was.  The kernel counts no file that its queue lost."""
    roles = measured.roles.get(key("tmpfs", "write"), {})
    n_written = roles.get("gate of yara", {"ops": 0})["ops"]
    result["scopes"]["looked_at"] = {"written": n_written, "shown": yara.n_shown, "unshown": yara.n_unshown}
    if n_written:
        print(f"\n  yara was shown {yara.n_shown} of {n_written} files that the write storms wrote "
              f"({100 * yara.n_shown / n_written:.0f} %) until they ended")


def run(options, folder, scratches, places, n_rounds, result):
    subjects = make_subjects(options, f"{folder}/scopes", scratches)
    measured = run_rounds(subjects, places, n_rounds, "scopes", apart=True)
    show(measured, result)
    show_looked_at(subjects[-1][0], measured, result)
