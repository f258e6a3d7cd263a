# SPDX-License-Identifier: Apache-2.0
"""Bench - what ringfortd costs beside nothing, beside floors, and beside its peers.

Called by ./bench, which builds and stages.  docs/performance.md says what is measured and why so.
"""
import argparse
import datetime
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import decision
import figures
import gate
from say import progress, say
from storms import LOSS_OPS, ROLE_HEAD, Measured, Storms, cost, label, role_rows, run_round
from subjects import Auditd, Bpftrace, Floor, Nothing, Ringfortd

# A subject is started once a round for all workloads of a group: pairs lie some seconds apart.  A
# build takes as long as all storms together, so it has a number of rounds of its own.
GROUPS = [["exec", "exec2", "fork", "open", "open1", "write", "connect"], ["build"]]
WORKLOADS = [workload for group in GROUPS for workload in group]
OTHER_PARTS = ["loss", "ring", "sigma", "daemon", "decision", "gate"]
TARGET_STORM, TARGET_RING = 1.07, 0.8
MAX_RESIDENT_MB, MAX_IDLE_PERCENT, MAX_FIRST_EVENT_S = 30, 1.0, 1.0


# ---- the storms, in pairs -------------------------------------------------------------------


def run_pairs(storms, subjects, n_storms, n_builds, workloads):
    measured = Measured()
    groups = [[w for w in group if w in workloads] for group in GROUPS]
    for n in range(max(n_storms, n_builds)):
        for group in filter(None, groups):
            n_rounds = n_builds if group == ["build"] else n_storms
            if n >= n_rounds:
                continue
            progress(f"round {n + 1} of {n_rounds}: {' '.join(group)}")
            run_round(subjects, storms, measured, group)
    progress("")
    return measured


def show_pairs(measured, options, result):
    rows, rows_roles = [], []
    result["storms"] = {}
    for workload in [w for w in WORKLOADS if w in options.workloads]:
        null = measured.ratio(workload, "none again", "none")
        ours = measured.ratio(workload, "ringfortd", "floor")
        entry = {
            "us_per_op": {name: figures.interval([1e6 * v for v in values])
                          for name, values in measured.wall[workload].items()},
            "null": null,
            "floor": measured.ratio(workload, "floor", "none"),
            "ringfortd": measured.ratio(workload, "ringfortd", "none"),
            "ringfortd_floor": ours,
            "ringfortd_floor_cpu": measured.ratio(workload, "ringfortd", "floor", "cpu"),
            "null_cpu": measured.ratio(workload, "none again", "none", "cpu"),
            "verdict": figures.at_most(TARGET_STORM, ours, null),
            "roles": measured.roles.get(workload, {}),
        }
        result["storms"][workload] = entry
        rows.append([workload, f"{entry['us_per_op']['none']['median']:.2f}"]
                    + [figures.text(entry[k]) for k in ("null", "floor", "ringfortd", "ringfortd_floor", "null_cpu",
                                                        "ringfortd_floor_cpu")]
                    + [entry["verdict"]])
        rows_roles += role_rows(workload, entry["roles"])
    figures.print_table(
        f"Storms: time an operation, ratios of pairs, median and 95 % interval; target ringfortd/floor <= {TARGET_STORM}\n"
        "(CPU: the same ratio of the workload's own processor time, which other load disturbs less)",
        ["workload", "us/op", "null", "floor", "ringfortd", "ringfortd/floor", "CPU: null", "CPU: ringfortd/floor",
         "verdict"], rows)
    figures.print_table("Who used the processor during the storms",
                        ROLE_HEAD, rows_roles)


def find_peers(folder):
    peers = []
    for peer in (Auditd(f"{folder}/auditd"), Bpftrace(folder)):
        why = peer.why_not()
        if why:
            say(f"skipping {peer.name}: {why}")
            continue
        try:
            peer.start()
            peers.append(label(peer, peer.name))
        except OSError as error:
            say(f"skipping {peer.name}: {error}")
        finally:
            peer.stop()
    return peers


def run_peers(storms, folder, options, result):
    """In rounds of their own and last of all: where auditd once ran, calls stay dearer until the next boot."""
    peers = find_peers(folder)
    if not peers:
        return
    measured = run_pairs(storms, [label(Nothing(), "none"), *peers], max(3, options.pairs // 3),
                         max(3, options.builds // 3), options.workloads)
    rows, rows_roles = [], []
    for workload in [w for w in WORKLOADS if w in options.workloads]:
        entry = {peer.name: measured.ratio(workload, peer.name, "none") for peer in peers}
        result["storms"][workload]["peers"] = entry
        rows.append([workload, *(figures.text(entry[peer.name]) for peer in peers),
                     figures.text(result["storms"][workload]["ringfortd"])])
        rows_roles += role_rows(workload, measured.roles.get(workload, {}))
    figures.print_table("Peers: time an operation, ratio to nothing; ringfortd from the table above",
                        ["workload", *(peer.name for peer in peers), "ringfortd"], rows)
    figures.print_table("Who used the processor", ROLE_HEAD, rows_roles)


# ---- loss -----------------------------------------------------------------------------------


def said(solution):
    if "=" not in solution["said"]:
        return {}
    return {name: int(n) for name, n in (pair.split("=") for pair in solution["said"].split())}


def settled(daemon):
    """The status once nothing has changed for a while."""
    last, since = None, time.monotonic()
    limit = since + 20
    while time.monotonic() < limit:
        status = daemon.status()
        now = [s["said"] for s in status["solutions"]]
        if now != last:
            last, since = now, time.monotonic()
        if time.monotonic() - since > 0.7:
            break
        time.sleep(0.1)
    return status


def compare(workload, performed, before, after):
    """A line per solution and type that does not agree."""
    wrong, n = [], 0
    for was, now in zip(before["solutions"], after["solutions"]):
        for name, count in performed.items():
            delivered = said(now).get(name, 0) - said(was).get(name, 0)
            lost = (now["types"].get(name, {}).get("lost", 0) - was["types"].get(name, {}).get("lost", 0))
            n += lost
            if delivered + lost != count:
                wrong.append(f"{workload} {now['name']} {name}: delivered {delivered} + lost {lost} != performed {count}")
    return wrong, n


def run_loss(storms, daemon, workloads, result):
    rows = []
    result["loss"] = {}
    daemon.start()
    try:
        for workload in [w for w in workloads if w in LOSS_OPS]:
            before = settled(daemon)
            told = storms.run_exactly(workload)
            after = settled(daemon)
            wrong, n_lost = compare(workload, told["performed"], before, after)
            n = sum(told["performed"].values())
            verdict = "exact" if not wrong else f"not exact in {len(wrong)} places: {wrong[0]}"
            result["loss"][workload] = {"performed": told["performed"], "lost": n_lost, "wrong": wrong}
            rows.append([workload, n, n_lost, f"{n / told['seconds']:.0f}", verdict])
    finally:
        daemon.stop()
    figures.print_table("Loss: delivered + lost = performed, each type and solution (lost: sum over 4 solutions)",
                        ["workload", "events performed", "lost", "events/s", "verdict"], rows)


# ---- the ring -------------------------------------------------------------------------------


def run_ring(build, options, result):
    rows = []
    result["ring"] = {}
    for readers in (1, 4):
        answer = subprocess.run([f"{build}/benchmark/bench-ring", str(readers), str(options.pairs),
                                 "100" if options.quick else "400"], capture_output=True, text=True, check=True)
        told = json.loads(answer.stdout)
        ratio = figures.ratios(told["ours"], told["copying"])
        null = figures.ratios(told["copying_again"], told["copying"])
        verdict = figures.at_least(TARGET_RING, ratio, null)
        cpu = figures.ratios(told["ours_cpu"], told["copying_cpu"])
        null_cpu = figures.ratios(told["copying_again_cpu"], told["copying_cpu"])
        result["ring"][readers] = {"ratio": ratio, "null": null, "cpu": cpu, "null_cpu": null_cpu, "verdict": verdict,
                                   "deliveries_per_s": figures.interval(told["ours"])}
        rows.append([readers, f"{figures.interval(told['ours'])['median'] / 1e6:.1f}",
                     f"{figures.interval(told['copying'])['median'] / 1e6:.1f}", figures.text(ratio),
                     figures.text(null), figures.text(cpu), figures.text(null_cpu), verdict])
    figures.print_table(f"Ring: records of 600-1000 bytes, million deliveries/s; target >= {TARGET_RING} x copying",
                        ["readers", "ours", "copying", "ratio", "null", "ratio, CPU", "null, CPU", "verdict"], rows)


# ---- Sigma ----------------------------------------------------------------------------------


def run_sigma(build, result):
    program = f"{build}/solutions/sigma/bench-sigma"
    if not os.path.exists(program):
        say("there is no bench-sigma in this build, skipping Sigma")
        return
    data = os.environ.get("RINGFORT_DATA") or f"{os.path.dirname(os.path.dirname(build))}/shared/data"
    if not os.path.isdir(data):
        say(f"there are no rules in {data} (RINGFORT_DATA names their folder), skipping Sigma")
        return
    answer = subprocess.run([program], capture_output=True, text=True, env={**os.environ, "RINGFORT_DATA": data})
    result["sigma"] = {"exit": answer.returncode, "text": answer.stdout}
    print("\nSigma: an exec event against a bare scan of the same text")
    print("  " + (answer.stdout or answer.stderr).rstrip().replace("\n", "\n  "))


# ---- the daemon itself ----------------------------------------------------------------------


def memory_kb(pid):
    """Proportional share of what is resident: anonymous, files, and the rings apart."""
    sums = {"anonymous": 0, "files": 0, "rings": 0}
    name = ""
    with open(f"/proc/{pid}/smaps") as file:
        for line in file:
            fields = line.split()
            if not fields[0].endswith(":"):
                name = " ".join(fields[5:])
                continue
            if fields[0] == "Pss:":
                pss = int(fields[1])
            elif fields[0] == "Anonymous:":
                anonymous = min(int(fields[1]), pss)
                sums["anonymous"] += anonymous
                sums["rings" if "memfd:" in name or "bpf" in name else "files"] += pss - anonymous
    return sums


def first_event_s(daemon):
    begun = time.monotonic()
    daemon.launch()
    daemon.wait_for("a first event", lambda status: all(s["delivered"] for s in status["solutions"]))
    return time.monotonic() - begun


def idle(daemon, seconds):
    """Percent of a CPU by process, and what the machine did meanwhile."""
    status, before = daemon.status(), cost(daemon.pids())
    time.sleep(seconds)
    after = cost(daemon.pids())
    n_events = daemon.status()["events"]["performed"] - status["events"]["performed"]
    return {role: 100 * (after[role][0] - before[role][0]) / 1e9 / seconds for role in before}, n_events / seconds


def run_daemon(daemon, storms, options, result):
    firsts = []
    for _ in range(3 if options.quick else 7):
        firsts.append(first_event_s(daemon))
        daemon.stop()
    daemon.start()
    try:
        percent, rate = idle(daemon, 10 if options.quick else 30)
        for workload in ("exec", "write", "connect"):
            storms.run(workload)
        memory = {role: memory_kb(pid) for role, pid in daemon.pids().items()}
    finally:
        daemon.stop()
    ours = [role for role in memory if not role.startswith("solution")]
    resident = sum(memory[r]["anonymous"] + memory[r]["files"] for r in ours) / 1024
    total = sum(percent[r] for r in ours)
    first = max(firsts)
    rows = [["first event after start, worst of several", f"{first:.2f} s", f"<= {MAX_FIRST_EVENT_S:.0f} s",
             "met" if first <= MAX_FIRST_EVENT_S else "missed"],
            [f"CPU on this machine at {rate:.0f} events/s (idle: 0)", f"{total:.2f} %", f"< {MAX_IDLE_PERCENT:.0f} %",
             "met" if total < MAX_IDLE_PERCENT else "not decidable: not idle" if rate > 20 else "missed"],
            ["resident beside the rings, after storms", f"{resident:.1f} MB", f"<= {MAX_RESIDENT_MB} MB",
             "met" if resident <= MAX_RESIDENT_MB else "missed"]]
    result["daemon"] = {"first_event_s": firsts, "idle_percent": percent, "idle_events_per_s": rate,
                        "memory_kb": memory, "resident_mb": resident}
    figures.print_table("The daemon", ["what", "measured", "target", "verdict"], rows)
    figures.print_table("Its processes (proportional share, KiB)",
                        ["process", "CPU %, no storm", "anonymous", "files", "rings"],
                        [[role, f"{percent.get(role, 0):.2f}", m["anonymous"], m["files"], m["rings"]]
                         for role, m in memory.items()])


# ---- all of it ------------------------------------------------------------------------------


def parse():
    parser = argparse.ArgumentParser(prog="./bench", description="Measure ringfortd against nothing, the floor and its peers.")
    parser.add_argument("--build", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--stage", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--quick", action="store_true", help="short storms and 6 pairs: a look, no verdicts worth a name")
    parser.add_argument("--json", metavar="FILE", help="write every figure there as well")
    parser.add_argument("--pairs", type=int, metavar="N", help="rounds (30; at least 6 for an interval)")
    parser.add_argument("--builds", type=int, metavar="N", help="rounds of the build (30, or --pairs if that is less)")
    parser.add_argument("--seconds", type=float, metavar="S", help="of each storm (0.7; 0.3 with --quick)")
    parser.add_argument("--no-peers", action="store_true", help="leave auditd, bpftrace, fapolicyd and clamonacc out")
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD",
                        help="some of: " + " ".join(WORKLOADS + OTHER_PARTS) + " (all)")
    options = parser.parse_args()
    options.workloads = options.workloads or WORKLOADS + OTHER_PARTS
    for workload in options.workloads:
        if workload not in WORKLOADS + OTHER_PARTS:
            parser.error(f"there is no workload '{workload}'")
    options.pairs = options.pairs or (6 if options.quick else 30)
    options.builds = options.builds or min(30, options.pairs)
    options.seconds = options.seconds or (0.3 if options.quick else 0.7)
    return options


def measure(options, folder):
    result = {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "kernel": platform.release(), "cpus": os.cpu_count(), "pairs": options.pairs, "seconds": options.seconds,
        "memory_gb": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30),
    }
    print(f"{result['date']}  kernel {result['kernel']}  {result['cpus']} CPUs  {result['memory_gb']} GiB  "
          f"{options.pairs} pairs, storms of {options.seconds} s, load {os.getloadavg()[0]:.1f}")
    storms = Storms(options.build, folder, options.seconds)
    counting = Ringfortd(options.stage, f"{options.build}/tests/solutions/mirror", ["count"], f"{folder}/counting",
                         storms.warm)
    if any(w in WORKLOADS for w in options.workloads):
        subjects = [label(Nothing(), "none"), label(Nothing(), "none again"),
                    label(Floor(options.build), "floor"), label(counting, "ringfortd")]
        show_pairs(run_pairs(storms, subjects, options.pairs, options.builds, options.workloads), options, result)
    if "loss" in options.workloads:
        tally = Ringfortd(options.stage, f"{options.build}/benchmark/tally", [f"{storms.folder}/"], f"{folder}/tally")
        run_loss(storms, tally, WORKLOADS, result)
    if "ring" in options.workloads:
        run_ring(options.build, options, result)
    if "sigma" in options.workloads:
        run_sigma(options.build, result)
    if "daemon" in options.workloads:
        run_daemon(counting, storms, options, result)
    if "decision" in options.workloads:
        decision.run(options, folder, result)
    if "gate" in options.workloads:
        gate.run(options, folder, storms, result)
    if any(w in WORKLOADS for w in options.workloads) and not options.no_peers:
        run_peers(storms, folder, options, result)
    if options.json:
        with open(options.json, "w") as file:
            json.dump(result, file, indent=1)


def main():
    options = parse()
    if os.geteuid() != 0:
        raise SystemExit("./bench: needs root: it loads BPF programs")
    # Whatever ends us, nothing of auditd or of a daemon may stay.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # Solutions run from here under uids of their own.
    folder = tempfile.mkdtemp(prefix="ringfort-bench.", dir="/dev/shm")
    os.chmod(folder, 0o755)
    try:
        measure(options, folder)
    except KeyboardInterrupt:
        raise SystemExit(130)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
