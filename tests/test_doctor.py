# SPDX-License-Identifier: Apache-2.0
"""Doctor - every type is proven through the pipeline, and nothing of vendors is in the kernel."""

import json
import threading
import time

import lib
from guarded import Guard, Scratch, judge
from lib import case, equal, figure, require

TYPES = ["process.exec", "process.fork", "process.exit", "process.setid", "process.ptrace", "file.open_write",
         "file.create", "file.modify", "file.rename", "file.unlink", "file.attr", "net.connect", "net.bind",
         "net.listen", "net.accept"]


def doctor(daemon):
    done = daemon.cli("doctor", "--json", timeout=60)
    return done.returncode, json.loads(done.stdout)


@case("every event type has a level, a hook, a reason where there could be a better one, and a self-test that passed")
def types():
    with lib.Daemon() as daemon:
        status, report = doctor(daemon)
        equal(status, 0, "exit status")
        equal([t["name"] for t in report["types"]], TYPES, "types")
        for row in report["types"]:
            require(row["level"] in ("block", "block-scope", "notify"), row)
            require(row["hook"] and row["selftest"] == "passed", row)
        # sys_exit is never the best hook there could be: a better one was refused, and it is said how.
        unexplained = [row["name"] for row in report["types"] if not row["why"] and "sys_exit" in row["hook"]]
        require(not unexplained, f"no reason why not better: {unexplained}")


def blocking(daemon):
    return {row["name"]: row for row in doctor(daemon)[1]["blocking"]}


def levels(rows, field="level"):
    """The names of the rows, by their level."""
    found = {}
    for name, row in rows.items():
        found.setdefault(row[field], set()).add(name)
    return found


EXEC = {"exec_binary", "exec_script", "exec_fd", "exec_deleted", "exec_hard_link", "exec_bind", "exec_overlay",
        "exec_mounted_later"}
OPEN = {"interpreter", "loader", "library", "open_read", "open_write"}
KILL = {"exec_memfd", "exec_user_mount", "exec_elsewhere"}


@case("what can be blocked is told row by row: where nothing was said, all is possible that was tried, and nothing is so")
def blocking_nothing():
    with lib.Daemon() as daemon:
        rows = blocking(daemon)
        now, possible = levels(rows), levels(rows, "possible")
        require("block" not in now and "block-scope" not in now, now)
        equal(now["unavailable"], {"library", "open_read"}, "neither blocked nor seen")
        # What this machine grants is known from the gate's own tests, which run here.
        require(EXEC <= possible.get("block", set()), f"{possible}; {rows['exec_binary']['why']}")
        equal(possible.get("block-scope"), OPEN, "possible in scopes")
        equal(possible["notify"] - KILL - {"net"}, {"change_file"}, "only seen at best")
        unexplained = [name for name, row in rows.items() if row["level"] != row["possible"] and not row["why"]]
        equal(unexplained, [], "rows without a reason why not better")
        said = daemon.cli("doctor", timeout=60).stdout
        require(all(row["act"].replace("`", "") in said.replace("`", "") for row in rows.values()), said)


@case("a row says block when executions are decided, not while the gate is open, nobody takes part, or all is over")
def blocking_exec():
    scratch = Scratch()
    with Guard([judge("judge", "allow")], scratch) as daemon:
        equal(levels(blocking(daemon)).get("block"), EXEC, "blocked")
        daemon.cli("gate", "off")
        lib.wait_until(lambda: daemon.gate()["open"], 3, "an open gate")
        rows = blocking(daemon)
        require("block" not in levels(rows), levels(rows))
        require("open" in rows["exec_binary"]["why"], rows["exec_binary"])
        daemon.cli("gate", "on")
        lib.wait_until(lambda: levels(blocking(daemon)).get("block") == EXEC, 5, lambda: levels(blocking(daemon)))
        daemon.cli("solution", "stop", "judge")
        lib.wait_until(lambda: "block" not in levels(blocking(daemon)), 5, lambda: levels(blocking(daemon)))
        require("no solution" in blocking(daemon)["exec_binary"]["why"], blocking(daemon)["exec_binary"])


@case("rows about opens say block-scope when a scope is guarded and a solution takes part")
def blocking_open():
    scratch = Scratch()
    decides = "authorize: [file.open]\n"
    solution = lib.Solution("judge", "judge", ["allow"], events=["process.exec"], extra=decides,
                            operator=decides + "mode: enforce\n")
    with lib.Daemon([solution], f"gate: {{open_filesystems: [\"{scratch.path}\"]}}\n") as daemon:
        lib.wait_until(lambda: levels(blocking(daemon)).get("block-scope") == OPEN, 15, lambda: levels(blocking(daemon)))
        require("block" not in levels(blocking(daemon)), levels(blocking(daemon)))
        daemon.cli("gate", "off")
        lib.wait_until(lambda: "block-scope" not in levels(blocking(daemon)), 5, lambda: levels(blocking(daemon)))


@case("rows about what nobody is asked about follow the operator's policy, and what the kernel lets the probe do")
def blocking_outside():
    # Of nobody: a user that there is not.
    policy = "outside: {memfd: kill, user_mount: report, elsewhere: kill, uid_range: {first: 1799999999, count: 1}}"
    with lib.Daemon(config="gate: {" + policy + "}\n") as daemon:
        lib.wait_until(lambda: daemon.roles().get("gate"), 10, "a gate")
        rows = blocking(daemon)
        can_kill = json.loads(daemon.cli("gate", "status", "--json").stdout)["outside"]["can_kill"]
        equal({name: rows[name]["level"] for name in KILL},
              {"exec_memfd": "block" if can_kill else "notify", "exec_user_mount": "notify",
               "exec_elsewhere": "block" if can_kill else "notify"}, "levels")
        require("user_mount: kill" in rows["exec_user_mount"]["why"] or not can_kill, rows["exec_user_mount"])


@case("in the kernel there are programs of ours, none of vendors, and no byte of content")
def kernel():
    with lib.Daemon([lib.Solution("one", "mirror", ["count"]), lib.Solution("two", "mirror", ["report"])]) as daemon:
        _, report = doctor(daemon)
        kernel_ = report["kernel"]
        figure(json.dumps(kernel_))
        equal((kernel_["vendor_programs"], kernel_["content_bytes"]), (0, 0), "of vendors")
        require(kernel_["programs"] > 0 and kernel_["instructions"] > 0 and kernel_["map_bytes"] > 0, kernel_)
        held = len(daemon.bpf_programs())
        require(kernel_["programs"] <= held, f"{kernel_['programs']} told, {held} held")


@case("self-tests pass at start and again and again, also many at once, and never become findings")
def never_findings():
    mirror = lib.Solution("mirror", "mirror", ["report"], limits={"findings_per_second": 100000})
    with lib.Daemon([mirror]) as daemon:
        follower = lib.Follower(daemon, "findings", "-f", having="selftest")
        plain = lib.Follower(daemon, "events", having="selftest-")
        marked = lib.Follower(daemon, "events", "--selftests", having='"selftest":true')
        time.sleep(0.5)
        for _ in range(3):
            equal(doctor(daemon)[0], 0, "exit status of doctor")
        results = []
        threads = [threading.Thread(target=lambda: results.append(doctor(daemon)[0])) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        equal(results, [0] * 5, "exit statuses of five at once")
        seen = {e["ringfort"]["type"] for e in marked.lines}
        equal(seen, set(TYPES), "types that ringfort events --selftests shows")
        pids = {e["ringfort"]["process"]["pid"] for e in marked.lines}
        found = [f["ringfort"]["type"] for f in daemon.findings()
                 if f["ringfort"].get("selftest") or f["ringfort"]["process"]["pid"] in pids]
        equal(found, [], "findings of the marked child")
        equal([line["ringfort"]["type"] for line in follower.lines if line["ringfort"].get("selftest")], [],
              "findings that are marked")
        equal([e["ringfort"]["type"] for e in plain.lines if e["ringfort"].get("selftest")], [],
              "marked events without --selftests")
        equal(daemon.solution("mirror")["state"], "active", "state of the solution")


if __name__ == "__main__":
    lib.main()
