# SPDX-License-Identifier: Apache-2.0
"""Gate - verdicts of sandboxed solutions over real executions, and what bad ones cannot do to the host."""

import json
import os
import signal
import subprocess
import time

import lib
from guarded import DEADLINE_MS, DENIED, RAN, Act, Execs, Guard, Scratch, judge, outcome, run
from lib import case, equal, figure, require

# Executes argv[1] in so many children as argv[2] says; 0: all of them ran.
CROWD = ("import os, sys\n"
         "n = int(sys.argv[2])\n"
         "for _ in range(n):\n"
         "    if os.fork() == 0:\n"
         "        os.execv(sys.argv[1], sys.argv[1:2])\n"
         "sys.exit(any([os.wait()[1] for _ in range(n)]))\n")


def answers(verdict):
    return {reason["solution"]: reason["answer"] for reason in verdict["reasons"]}


def libc_path():
    """Of the C library: one that every program maps."""
    with open("/proc/self/maps") as file:
        return next(line.split()[-1] for line in file if "/libc.so" in line or "/libc-" in line)


# ---- verdicts ------------------------------------------------------------------------------------


@case("a denied file is not executed, its neighbour is; `why` tells by whom")
def deny_one():
    scratch = Scratch()
    bad, good = scratch.program("bad"), scratch.program("good")
    with Guard([judge("judge", "deny-suffix=/bad")], scratch) as daemon:
        equal(outcome(bad), DENIED, "bad")
        equal(outcome(good), RAN, "good")
        verdict = daemon.why(bad)[0]
        equal(verdict["verdict"], "deny", "verdict of bad")
        equal(answers(verdict), {"judge": "deny"}, "reasons")
        equal(verdict["reasons"][0]["mode"], "enforce", "mode")
        equal(daemon.why(good)[0]["verdict"], "allow", "verdict of good")
        equal(daemon.cli("why", bad + "x").returncode, 1, "exit status of an unknown path")
        figure(f"decided in {verdict['us']} us")


@case("one denial among several answers denies; shadow answers are recorded and never applied")
def most_restrictive():
    scratch = Scratch()
    file = scratch.program("file")
    with Guard([judge("yes", "allow"), judge("no", "deny"), judge("dark", "deny", mode="shadow")], scratch) as daemon:
        equal(outcome(file), DENIED, "with one denial")
        lib.wait_until(lambda: len(daemon.why(file)) == 1, 3, "the verdict")
        told = answers(daemon.why(file)[0])
        equal(told["no"], "deny", "the denial")
        equal(told["dark"], "deny", "the shadow's answer")
        daemon.cli("solution", "stop", "no")
        lib.wait_until(lambda: not (daemon.voice("no") or {}).get("acts"), 5, "the end of no")
        equal(outcome(file), RAN, "with the shadow's denial alone")
        equal(daemon.why(file)[0]["verdict"], "allow", "verdict")


@case("a denied execution is told to everybody as a failed process.exec")
def notify():
    scratch = Scratch()
    bad = scratch.program("bad")
    mirror = lib.Solution("mirror", "mirror", ["report", "process.exec"])
    with Guard([judge("judge", "deny"), mirror], scratch) as daemon:
        equal(outcome(bad), DENIED, "bad")
        lib.wait_until(lambda: any(bad in json.dumps(f) and '"error": 1' in json.dumps(f) for f in daemon.findings()),
                       5, lambda: f"the event of {bad}")


@case("what can be blocked: binary, script, its interpreter, fexecve, hard link, bind mount; and what cannot")
def table():
    scratch = Scratch()
    program, script = scratch.program("program"), scratch.script("script", "#!/bin/sh\nexit 0\n")
    os.link(program, f"{scratch.path}/link")
    elsewhere = lib.temporary("b")
    with Guard([judge("judge", "deny")], scratch):
        equal(outcome(program), DENIED, "a binary")
        equal(outcome(script), DENIED, "a script")
        equal(outcome(f"{scratch.path}/link"), DENIED, "a hard link")
        equal(outcome("python3", "-c", f"import os; f=os.open('{program}', os.O_RDONLY); os.execve(f, ['x'], {{}})"),
              RAN, "python itself")
        fexecve = subprocess.run(["python3", "-c", f"import os; f=os.open('{program}', os.O_RDONLY)\n"
                                  "try: os.execve(f, ['x'], {})\nexcept PermissionError: print('denied')"],
                                 capture_output=True, text=True)
        equal(fexecve.stdout.strip(), "denied", "fexecve")
        bound = subprocess.run(["unshare", "-m", "sh", "-c",
                                f"mount --bind {scratch.path} {elsewhere} && {elsewhere}/program"], capture_output=True)
        equal(bound.returncode, 126, "through a bind mount in another mount namespace")
        # These are opens, no executions: the table in the docs says so.
        equal(subprocess.run(["/bin/sh", script]).returncode, 0, "sh script")
        loader = next(p for p in ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1") if os.path.exists(p))
        equal(subprocess.run([loader, program]).returncode, 0, "ld.so program")
        equal(subprocess.run(["python3", scratch.script("script.py", "")]).returncode, 0, "python script")
        library = scratch.program("library.so", source=libc_path())
        equal(subprocess.run(["python3", "-c", f"import ctypes; ctypes.CDLL('{library}').getpid"]).returncode, 0,
              "dlopen")


class CoresTo:
    """The kernel hands core dumps to a program, for the length of a with statement: a process of its own sets that
    back, also when the test is killed."""

    PATTERN = "/proc/sys/kernel/core_pattern"
    WATCHER = f"read -r old <{PATTERN}; echo; read -r end; printf '%s\\n' \"$old\" >{PATTERN}"

    def __init__(self, program):
        self.program = program

    def __enter__(self):
        if open(self.PATTERN).read().startswith("|"):
            raise lib.Skip("core_pattern is a pipe")
        self.watcher = subprocess.Popen(["/bin/sh", "-c", self.WATCHER], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, start_new_session=True)
        self.watcher.stdout.readline()
        try:
            with open(self.PATTERN, "w") as file:
                file.write(f"|{self.program}")
        except OSError as error:
            self.__exit__()
            raise lib.Skip(f"core_pattern cannot be set: {error}")

    def __exit__(self, *_):
        self.watcher.stdin.close()
        self.watcher.wait(5)
        self.watcher.stdout.close()


@case("a helper that the kernel starts runs, and what it executes, where solutions deny everything")
def kernel_helper():
    if open("/proc/2/comm").read() != "kthreadd\n" or len({open(f"/proc/{p}/mountinfo").readline() for p in ("1", "self")}) > 1:
        raise lib.Skip("the kernel starts helpers among other processes or mounts than ours")
    scratch = Scratch()
    program, said = scratch.program("program"), f"{scratch.path}/said"
    helper = scratch.script("helper", f"#!/bin/sh\ncat >/dev/null\n{program} && echo ran >{said}\n")
    with Guard([judge("judge", "deny")], scratch) as daemon:
        equal(outcome(program), DENIED, "as anybody")
        asked = daemon.gate()["decided"]
        with CoresTo(helper):
            subprocess.run(["/bin/sh", "-c", "kill -SEGV $$"], timeout=5)
        lib.wait_until(lambda: os.path.exists(said) and open(said).read() == "ran\n", 5, "what the helper executes")
        equal(daemon.gate()["decided"], asked, "decided")


@case("a path in another mount namespace is told as foreign")
def foreign():
    scratch = Scratch()
    program = scratch.program("program")
    with Guard([judge("judge", "allow")], scratch) as daemon:
        subprocess.run(["unshare", "-m", "sh", "-c", f"mount --bind {scratch.path} /opt && /opt/program"], check=True)
        require(daemon.why("/opt/program")[0]["foreign_ns"], "not foreign")
        equal(outcome(program), RAN, "program")
        require(not daemon.why(program)[0]["foreign_ns"], "the host's own is foreign")


@case("more answers at once than the gate looks at in a turn: none waits for its deadline")
def many_answers():
    n, deadline_s = 300, 10
    scratch = Scratch()
    file = scratch.program("file")
    with Guard([judge("hoard", f"hoard={n}")], scratch, deadline_ms=deadline_s * 1000) as daemon:
        process = subprocess.Popen(["python3", "-c", CROWD, file, str(n)])
        lib.wait_until(lambda: daemon.gate()["pending"] == n, 8, lambda: daemon.gate())
        # So that all of them lie there when it looks.
        gate, begin = daemon.roles()["gate"], time.monotonic()
        os.kill(gate, signal.SIGSTOP)
        time.sleep(1.5)
        os.kill(gate, signal.SIGCONT)
        equal(process.wait(deadline_s), 0, "exit status")
        equal(daemon.voice("hoard")["late"], 0, "late")
        figure(f"{n} answers, all heard {time.monotonic() - begin - 1.5:.2f} s after the gate went on")


@case("who would deny what the host needs is overridden, counted and told; nobody waits for him, nor when he hangs")
def self_harm():
    scratch = Scratch()
    bad = scratch.program("bad")
    solutions = [judge("no", "deny"), judge("dark", "deny", mode="shadow"), judge("yes", "allow")]
    for name in "de":
        os.mkdir(f"{scratch.path}/{name}")
    # Programs of Ringfort itself are of the critical set, under any name.
    with Guard(solutions, scratch, folder=f"{scratch.path}/d") as daemon:
        os.link(f"{daemon.folder}/packages/yes/program", f"{scratch.path}/needed")
        seconds = [run(f"{scratch.path}/needed") for _ in range(10)]
        equal({result for result, _ in seconds}, {RAN}, "what the host needs")
        lib.wait_until(lambda: (daemon.voice("dark")["self_harm"], daemon.voice("no")["self_harm"]) == (1, 1), 5,
                       lambda: daemon.gate())
        equal(daemon.voice("yes")["self_harm"], 0, "self-harm of who allows")
        equal(outcome(bad), DENIED, "its neighbour")
        verdict = daemon.why(f"{scratch.path}/needed")[0]
        equal((verdict["verdict"], verdict["overridden"]), ("allow", True), "the verdict")
        equal(answers(verdict), {"no": "deny", "dark": "deny", "yes": "allow"}, "the reasons")
        require("SELF-HARM" in daemon.cli("gate").stdout, "the table")
        require("what the host needs" in (daemon.solution("no")["last_fault"] or ""), daemon.solution("no"))
        require(f"would deny '{scratch.path}/needed'" in daemon.tail(100000), daemon.tail())
    with Guard([judge("hang", "hang")], scratch, folder=f"{scratch.path}/e", deadline_ms=2000) as daemon:
        os.link(f"{daemon.folder}/packages/hang/program", f"{scratch.path}/needed-too")
        quick = max(run(f"{scratch.path}/needed-too")[1] for _ in range(10))
        require(quick < 1, f"it waited {quick:.2f} s")
        lib.wait_until(lambda: daemon.why(f"{scratch.path}/needed-too"), 5, "the verdict without an answer")
        equal(answers(daemon.why(f"{scratch.path}/needed-too")[0]), {"hang": "late"}, "the reasons")
        hang = daemon.voice("hang")
        equal((hang["late"], hang["self_harm"], hang["demoted"]), (0, 0, False), "its faults")
        figure(f"longest {max(s for _, s in seconds) * 1000:.0f} ms beside one who denies, {quick * 1000:.0f} ms beside one who hangs")


@case("`critical list` tells what the gate goes by, with a daemon as without: rows, reasons, who could change a file")
def critical_list():
    scratch = Scratch()
    os.mkdir(f"{scratch.path}/d")
    with Guard([judge("mine", "allow"), judge("theirs", "allow")], scratch, folder=f"{scratch.path}/d") as daemon:
        done = daemon.cli("critical", "list", "--json")
        held = json.loads(done.stdout)
        rows = {row["path"]: row for row in held["rows"]}
        equal(held["from"], "ringfortd", "told by")
        program = f"{daemon.folder}/packages/mine/program"
        equal((rows[program]["state"], rows[program]["ino"]), ("matched", os.stat(program).st_ino), "ours")
        equal((rows["/bin/sh"]["state"], rows["/bin/sh"]["ino"]), ("matched", os.stat("/bin/sh").st_ino), "the shell")
        require(all(row["reason"] for row in held["rows"]) and held["files"] > 10, held)
        # The set is looked up again when the gate begins anew.
        os.chmod(f"{daemon.folder}/packages/theirs/program", 0o777)
        os.kill(daemon.roles()["gate"], signal.SIGKILL)
        lib.wait_until(lambda: "writable for others" in daemon.cli("critical").stdout, 5, "a file that others could write to")
        equal(daemon.cli("critical").returncode, 1, "exit status then")
    alone = subprocess.run([lib.CLI, "--socket", f"{daemon.folder}/none", "critical", "--json"], capture_output=True, text=True)
    found = json.loads(alone.stdout)
    equal((found["from"], found["version"]), ("host", held["version"]), "told by, without a daemon")
    equal([row for row in found["rows"] if row["path"] == "/bin/sh"], [rows["/bin/sh"]], "the row of the shell")
    figure(f"version {held['version']}: {held['files']} files here")


# ---- bad solutions -------------------------------------------------------------------------------


@case("one that never answers costs its deadline, then it is demoted, and nobody waits any more")
def hang():
    scratch = Scratch()
    file = scratch.program("file")
    with Guard([judge("good", "allow"), judge("hang", "hang")], scratch) as daemon:
        result, seconds = run(file)
        equal(result, RAN, "with fail-open")
        require(DEADLINE_MS / 1000 * 0.9 < seconds < DEADLINE_MS / 1000 + 1, f"took {seconds:.2f} s")
        equal(answers(daemon.why(file)[0]), {"good": "allow", "hang": "late"}, "reasons")
        for _ in range(4):
            run(file)
        require(daemon.voice("hang")["demoted"], daemon.gate())
        quick = min(run(file)[1] for _ in range(5))
        require(quick < 0.1, f"still takes {quick:.2f} s")
        require(any("not asked" in (s.get("last_fault") or "") for s in daemon.status()["solutions"]), daemon.status())
        equal((daemon.cli("status").returncode, daemon.status()["healthy"]), (1, False), "while it is not asked")
        equal(daemon.cli("solution", "reset", "hang").returncode, 0, "the operator's word")
        lib.wait_until(lambda: daemon.status()["healthy"], 5, lambda: daemon.status())
        figure(f"late after {seconds * 1000:.0f} ms, demoted after 5, then {quick * 1000:.1f} ms")


@case("fail-closed: one that never answers denies at its deadline")
def closed():
    scratch = Scratch()
    file = scratch.program("file")
    with Guard([judge("hang", "hang", miss="fail-closed")], scratch):
        result, seconds = run(file)
        equal(result, DENIED, "with fail-closed")
        require(seconds < DEADLINE_MS / 1000 + 1, f"took {seconds:.2f} s")


@case("one that dies of a request lets its opener through at once")
def crash():
    scratch = Scratch()
    file = scratch.program("file")
    with Guard([judge("crash", "crash"), judge("no", "deny-suffix=/bad")], scratch, deadline_ms=10000) as daemon:
        result, seconds = run(file)
        equal(result, RAN, "file")
        require(seconds < 3, f"took {seconds:.2f} s of a deadline of 10")
        equal(answers(daemon.why(file)[0])["crash"], "gone", "reason")
        equal(outcome(scratch.program("bad")), DENIED, "the neighbour's verdict")
        figure(f"released after {seconds * 1000:.0f} ms")


def lies(manner, expected, after=None):
    scratch = Scratch()
    file = scratch.program("file")
    with Guard([judge("liar", *manner), judge("good", "deny-suffix=/bad")], scratch) as daemon:
        equal(outcome(file), expected, "file")
        equal(outcome(scratch.program("bad")), DENIED, "the neighbour's verdict")
        lib.wait_until(lambda: daemon.voice("liar")["wrong"] > 0, 5, lambda: daemon.voice("liar"))
        equal(daemon.voice("good")["wrong"], 0, "faults of the neighbour")
        require(daemon.gate()["restarts"] == 1, daemon.gate())
        return daemon.voice("liar")["wrong"]


@case("answers to requests that never were change nothing and are counted")
def flood():
    figure(f"{lies(['flood'], RAN)} wrong answers")


@case("an answer after the deadline changes nothing and is counted")
def late():
    lies(["late"], RAN)


@case("the second of two answers changes nothing and is counted")
def twice():
    lies(["twice"], RAN)


@case("answers for other requests change nothing and are counted")
def others():
    lies(["others"], RAN)


@case("one that keeps every descriptor runs out of its own, and nobody waits")
def leak():
    scratch = Scratch()
    file = scratch.program("file")
    with Guard([judge("leak", "leak")], scratch) as daemon:
        slowest = max(run(file)[1] for _ in range(200))
        require(slowest < 1, f"one took {slowest:.2f} s")
        require(daemon.voice("leak")["asked"] >= 200, daemon.voice("leak"))


@case("one that opens what it is asked about, itself or in a child for which it waits, or executes it there, makes nobody wait")
def own_child():
    scratch = Scratch()
    file = scratch.program("file")
    manners = ("reopen", "exec", "execute")
    with Guard([judge(manner, manner) for manner in manners], scratch, deadline_ms=10000) as daemon:
        result, seconds = run(file)
        equal(result, RAN, "file")
        require(seconds < 3, f"took {seconds:.2f} s")
        equal(answers(daemon.why(file)[0]), {manner: "allow" for manner in manners}, "reasons")


# ---- held for the operator -----------------------------------------------------------------------


def holding(hold_ms, miss="fail-open", **options):
    """One that never answers, and an operator who wants to be asked."""
    scratch = Scratch()
    return scratch, Guard([judge("hang", "hang", miss=miss)], scratch, more=f", hold_ms: {hold_ms}", **options)


def held_now(daemon, n):
    lib.wait_until(lambda: len(daemon.held()) == n, 10, lambda: f"{n} held: {daemon.held()}; {daemon.gate()}")
    return daemon.held()


@case("who is not answered in time is held and listed; `hold allow` lets him go, `hold deny` denies, whatever the miss mode")
def hold():
    for word, miss, expected in (("allow", "fail-closed", RAN), ("deny", "fail-open", DENIED)):
        scratch, guard = holding(60000, miss)
        file = scratch.program("file")
        with guard as daemon:
            act = Act(file)
            (held,) = held_now(daemon, 1)
            equal((held["path"], held["pid"], held["act"]), (file, act.pid, "process.exec"), "what is held")
            equal(held["then"], "deny" if miss == "fail-closed" else "allow", "what would follow")
            equal(answers(held), {"hang": "late"}, "reasons")
            require(50000 < held["left_ms"] < 60000, held)
            require(any("hold allow 1" in line and file in line for line in daemon.tail(4000).splitlines()), daemon.tail(4000))
            require("1 held for you" in daemon.cli("status").stdout, daemon.cli("status").stdout)
            time.sleep(1)
            require(not act.done(), "was not held")
            done = daemon.cli("hold", word, str(held["hold_id"]))
            equal(done.returncode, 0, done.stderr)
            require(file in done.stdout and f"pid {act.pid}" in done.stdout, done.stdout)
            result, seconds = act.wait()
            equal(result, expected, f"after {word}")
            verdict = daemon.why(file)[0]
            equal((verdict["verdict"], verdict["hold"]["end"]), (word, f"operator {word}"), "verdict")
            require(verdict["us"] > verdict["hold"]["us"] > 1000000, verdict)
            equal(daemon.held(), [], "held afterwards")
            other = daemon.cli("hold", "deny" if word == "allow" else "allow", str(held["hold_id"]))
            require(other.returncode == 1 and f"has ended before (operator {word})" in other.stderr, other)
            unknown = daemon.cli("hold", word, "99")
            require(unknown.returncode == 1 and "nothing is held as 99" in unknown.stderr, unknown)
            figure(f"{word}: held for {seconds:.2f} s, {verdict['us'] - verdict['hold']['us']} us of it for answers")


@case("a hold that runs out ends by the miss mode, and says so; nobody is held behind it, as no operator is there")
def hold_out():
    for miss, expected in (("fail-closed", DENIED), ("fail-open", RAN)):
        scratch, guard = holding(1500, miss)
        file = scratch.program("file")
        with guard as daemon:
            result, seconds = run(file)
            equal(result, expected, miss)
            wanted = DEADLINE_MS / 1000 + 1.5
            require(wanted - 0.1 < seconds < wanted + 1, f"took {seconds:.2f} s")
            equal(daemon.why(file)[0]["hold"]["end"], "ran out", "end")
            # No operator is there: a login of many acts, one after the other, shall not wait for him each time.
            again = run(file)[1]
            require(again < DEADLINE_MS / 1000 + 1, f"the next one waited {again:.2f} s")
            equal((daemon.why(file)[0]["hold"], daemon.gate()["unheld"]), (None, 1), "the next one's verdict")
            figure(f"{miss}: {result} after {seconds:.2f} s")


@case("nobody waits for one who is held: others are asked and decided as ever, and so is the breaker")
def hold_alone():
    scratch = Scratch()
    file, quick = scratch.program("file"), scratch.program("quick")
    with Guard([judge("judge", "allow"), judge("hang", "hang")], scratch, more=", hold_ms: 60000") as daemon:
        acts = [Act(file)]
        held_now(daemon, 1)
        begin = time.monotonic()
        acts.append(Act(quick))
        held_now(daemon, 2)
        own = time.monotonic() - begin
        require(own < DEADLINE_MS / 1000 + 1, f"the second waited {own:.2f} s for its own deadline")
        acts += [Act(file) for _ in range(3)]
        lib.wait_until(lambda: daemon.voice("hang")["demoted"], 5, lambda: daemon.gate())
        slowest = max(run(quick)[1] for _ in range(20))
        require(slowest < 0.3, f"with {len(daemon.held())} held one took {slowest:.2f} s")
        held = held_now(daemon, 5)
        equal(daemon.cli("hold", "deny", str(held[3]["hold_id"])).returncode, 0, "deny of the fourth")
        lib.wait_until(lambda: sum(act.done() for act in acts) == 1, 5, "the end of one of them")
        denied = next(act for act in acts if act.done())
        equal((denied.pid, denied.wait()[0]), (held[3]["pid"], DENIED), "the one that was denied")
        figure(f"with 5 held, 20 others: the slowest {slowest * 1000:.1f} ms")


@case("no more than 64 are held; the others are decided at once by miss modes, and counted")
def hold_bound():
    n = 80
    scratch, guard = holding(60000, deadline_ms=3000)
    file = scratch.program("file")
    with guard as daemon:
        process = subprocess.Popen(["python3", "-c", CROWD, file, str(n)], preexec_fn=lib.die_with_us)
        lib.wait_until(lambda: daemon.gate()["pending"] == n, 10, lambda: daemon.gate())
        # So that the deadlines of all have passed when it looks: behind the fifth that is late nobody waits.  Not
        # as long as its own opener would wait for it.
        time.sleep(2)
        with lib.Held(daemon.roles()["gate"]):
            time.sleep(1.4)
        held_now(daemon, 64)
        gate = daemon.gate()
        equal((gate["held"], gate["unheld"], gate["holding"]), (64, n - 64, 64), "numbers")
        equal((gate["decided"], gate["expired"], gate["pending"]), (n - 64, n - 64, 64), "by the miss mode")
        equal(daemon.cli("gate", "off").returncode, 0, "gate off")
        equal(process.wait(10), 0, "exit status of all")


@case("`gate off`, SIGKILL of the gate and the end of the daemon let go who is held, at once")
def hold_release():
    scratch, guard = holding(600000, "fail-closed")
    file = scratch.program("file")
    with guard as daemon:
        first = Act(file)
        held_now(daemon, 1)
        equal(daemon.cli("gate", "off").returncode, 0, "gate off")
        equal(first.wait()[0], RAN, "after gate off")
        verdict = daemon.why(file)[0]
        equal((verdict["hold"]["end"], verdict["overridden"]), ("let go", True), "verdict")
        equal(daemon.cli("gate", "on").returncode, 0, "gate on")
        lib.wait_until(lambda: not daemon.gate()["open"], 3, "a closed gate")
        second = Act(file)
        (held,) = held_now(daemon, 1)
        old = daemon.roles()["gate"]
        os.kill(old, signal.SIGKILL)
        begin = time.monotonic()
        equal(second.wait()[0], RAN, "after SIGKILL")
        figure(f"released {(time.monotonic() - begin) * 1000:.0f} ms after SIGKILL")
        held_now(daemon, 0)
        lib.wait_until(lambda: daemon.roles().get("gate") not in (None, old), 5, "the next gate")
        lib.wait_until(lambda: daemon.gate()["marks"], 5, "its mark")
        third = Act(file)
        (next_one,) = held_now(daemon, 1)
        require(next_one["hold_id"] > held["hold_id"], f"{next_one} has the id of one of an earlier life")
        equal(daemon.stop(), 0, "exit status")
        equal(third.wait()[0], RAN, "after the end of the daemon")


@case("who is killed while he is held frees his place")
def hold_killed():
    scratch, guard = holding(600000)
    file = scratch.program("file")
    with guard as daemon:
        act = Act(file)
        held_now(daemon, 1)
        act.kill()
        held_now(daemon, 0)
        equal(daemon.why(file)[0]["hold"]["end"], "given up", "end")


# ---- the gate itself ---------------------------------------------------------------------------------


@case("`ringfort gate off` lets everything through, waiting ones first; `on` decides again")
def switch():
    scratch = Scratch()
    bad = scratch.program("bad")
    with Guard([judge("judge", "deny-suffix=/bad"), judge("hang", "hang", mode="shadow")], scratch) as daemon:
        equal(outcome(bad), DENIED, "bad")
        equal(daemon.cli("gate", "off").returncode, 0, "gate off")
        lib.wait_until(lambda: daemon.gate()["open"], 3, "an open gate")
        equal(outcome(bad), RAN, "bad while off")
        equal(daemon.cli("gate", "status").returncode, 1, "exit status of an open gate")
        equal(daemon.cli("gate", "on").returncode, 0, "gate on")
        lib.wait_until(lambda: not daemon.gate()["open"], 3, "a closed gate")
        equal(outcome(bad), DENIED, "bad again")


@case("SIGKILL of the gate in a storm, again and again: nobody stays blocked, it is back, verdicts are right")
def kills():
    n = 1000 if lib.LONG else 50
    scratch = Scratch()
    good, bad = scratch.program("good"), scratch.program("bad")
    with Guard([judge("judge", "deny-suffix=/bad")], scratch) as daemon, Execs(good) as storm:
        gaps = []
        for _ in range(n):
            old = daemon.roles()["gate"]
            os.kill(old, signal.SIGKILL)
            begin = time.monotonic()
            lib.wait_until(lambda: daemon.roles().get("gate") not in (None, old) and outcome(bad) == DENIED, 5,
                           lambda: f"the gate's return; {daemon.tail()}")
            gaps.append(time.monotonic() - begin)
        executed, denied, worst = storm.stop()
        equal(denied, 0, "denied")
        require(executed > n, f"only {executed} executions")
        require(worst < 2, f"one was blocked for {worst:.2f} s")
        require(max(gaps) < 1.5, f"a gap of {max(gaps):.2f} s")
        figure(f"{n} kills, {executed} executions: longest {worst * 1000:.0f} ms; gaps: half within "
               f"{lib.percentile(gaps, 0.5) * 1000:.0f} ms, 99 % within {lib.percentile(gaps, 0.99) * 1000:.0f} ms, "
               f"longest {max(gaps) * 1000:.0f} ms")


@case("what runs while there is no gate is counted, and its event says so; with a gate nothing does")
def unguarded():
    scratch = Scratch()
    files = [scratch.program(f"file{i}") for i in range(300)]
    # The whole host's executions are among them.
    mirror = lib.Solution("mirror", "mirror", ["report", "process.exec"], limits={"findings_per_second": 100000})
    with Guard([judge("judge", "allow"), mirror], scratch) as daemon:
        for path in files[:50]:
            equal(outcome(path), RAN, path)
        time.sleep(0.6)
        equal(daemon.gate()["unguarded"], 0, "unguarded while the gate was there")
        old = daemon.roles()["gate"]
        asked = daemon.voice("judge")["asked"]
        os.kill(old, signal.SIGKILL)
        for path in files[50:]:
            equal(outcome(path), RAN, path)
        lib.wait_until(lambda: daemon.voice("judge") and daemon.voice("judge")["asked"] > asked, 5, "the next gate")
        time.sleep(0.6)
        missed = len(files) - 50 - (daemon.voice("judge")["asked"] - asked)
        require(missed > 0, "the gap was too short for a single execution")
        equal(daemon.gate()["unguarded"], missed, "unguarded in the gap")
        def told():
            return sum("unguarded" in json.dumps(f) and scratch.path in json.dumps(f) for f in daemon.findings())

        lib.wait_until(lambda: told() >= missed, 5, lambda: f"{missed} events that say so; there are {told()}")
        equal(told(), missed, "events that say so")
        figure(f"{missed} executions in the gap, each counted")


@case("a gate that stands still is ended, and nobody stays blocked")
def still():
    scratch = Scratch()
    good = scratch.program("good")
    with Guard([judge("judge", "allow")], scratch) as daemon:
        old = daemon.roles()["gate"]
        with lib.Held(old):
            result, seconds = run(good)
        equal(result, RAN, "good")
        lib.wait_until(lambda: daemon.roles().get("gate") not in (None, old), 5, "another gate")
        require(seconds < 6, f"blocked for {seconds:.1f} s")
        figure(f"blocked for {seconds:.1f} s")


@case("the end of the daemon lets everybody through who waits, and leaves no mark")
def the_end():
    scratch = Scratch()
    good = scratch.program("good")
    with Guard([judge("hang", "hang", miss="fail-closed")], scratch, deadline_ms=15000) as daemon:
        process = subprocess.Popen(["python3", "-c", f"import os; os.execv('{good}', ['good'])"])
        lib.wait_until(lambda: daemon.gate()["pending"] == 1, 5, "a waiting process")
        begin = time.monotonic()
        equal(daemon.stop(), 0, "exit status")
        equal(process.wait(5), 0, "the one that waited")
        equal(outcome(good), RAN, "afterwards")
        figure(f"ended after {(time.monotonic() - begin) * 1000:.0f} ms")


@case("without a guarded file system there is no gate, and the command says so")
def none():
    with lib.Daemon([lib.Solution("mirror", "mirror", ["count"])]) as daemon:
        require("gate" not in daemon.roles(), daemon.roles())
        done = daemon.cli("gate", "off")
        require(done.returncode != 0 and "without a gate" in done.stderr, done)


if __name__ == "__main__":
    lib.main()
