# SPDX-License-Identifier: Apache-2.0
"""Together - three solutions decide at once: ours, one of an outside vendor, and one that hangs.

What the user of the host notices, by a canary that executes ten times a second, and what the operator sees.
"""

import time

import lib
from bundled import Bundled, Watch, answers, content
from guarded import AUTHORIZE, DENIED, RAN, Scratch, judge, outcome, run
from lib import case, equal, figure, require
from vendor import example

DEADLINE_MS = 1000  # what it is when nobody says anything
SLACK_S = 0.5       # of a machine that is busy, beside what its own programs need there
WAITED_S = DEADLINE_MS / 1000 * 0.9


class Scene:
    """Files that one of the three denies, and one that all allow."""

    def __init__(self, third):
        self.scratch = Scratch()
        self.work, self.listed = self.scratch.program("work"), self.scratch.program("listed")
        self.open_to_all = self.scratch.program("open-to-all", mode=0o757)
        policy = content(policy_yaml=f"rules:\n  - {{id: listed, action: deny, path: {self.listed}}}\n"
                         "  - {id: others, action: allow, path: /, foreign_ns: true}\n")
        # Built as a vendor builds it, against the installed headers and library.
        vendor = lib.Solution("acme", example("example-verdict", lib.temporary("v")), events=["process.exec"],
                              extra=AUTHORIZE, operator=AUTHORIZE)
        self.daemon = Watch([Bundled("allowlist", policy), vendor, third], self.scratch, deadline_ms=DEADLINE_MS)

    def require_others_decide(self):
        """Denials of the two that work, at once, whoever else does not answer."""
        for path, who in ((self.listed, "allowlist"), (self.open_to_all, "acme")):
            result, seconds = run(path)
            equal(result, DENIED, path)
            require(seconds < WAITED_S, f"a denial of {who} took {seconds:.2f} s")
            equal(answers(self.daemon.why(path)[0])[who], "deny", who)

    def noticed(self, seconds, meanwhile=lambda: None):
        """Seconds that each execution took, every 100 ms: of the host's own programs, of guarded ones."""
        canaries = {"/bin/true": lib.Canary("/bin/true"), "guarded": lib.Canary(self.work)}
        end = time.monotonic() + seconds
        meanwhile()
        time.sleep(max(0.0, end - time.monotonic()))
        for canary in canaries.values():
            canary.p99()
        return {name: [us / 1e6 for us in canary.times] for name, canary in canaries.items()}


def waits(times, what, most):
    """At most so many of the guarded ones waited for the deadline, and none for longer."""
    for name, took in times.items():
        figure(f"{what}, {name}: {len(took)} executions, half within {lib.percentile(took, 0.5) * 1000:.1f} ms, longest "
               f"{max(took) * 1000:.0f} ms, {sum(t > WAITED_S for t in took)} as long as the deadline")
    n = sum(t > WAITED_S for t in times["guarded"])
    require(n <= most, f"{n} waited: {times['guarded']}")
    require(max(times["guarded"]) < DEADLINE_MS / 1000 + SLACK_S + max(times["/bin/true"]), "longer than the deadline")
    return n


@case("beside one that never answers the user waits five times at most, for the deadline; others decide, the operator is told")
def hanging():
    scene = Scene(judge("hang", "hang"))
    daemon = scene.daemon

    def look():
        scene.require_others_decide()
        late = lib.wait_until(lambda: next((v for v in daemon.why(scene.work) if answers(v).get("hang") == "late"), None), 8,
                              "a verdict without its answer")
        equal(answers(late), {"allowlist": "allow", "acme": "allow", "hang": "late"}, "why")

    with daemon:
        first = scene.noticed(9, look)
        # Five misses, and whom another denies waits for none of them.
        require(waits(first, "until it is not asked any more, and after", 5), "nobody waited")
        scene.require_others_decide()
        voice = daemon.voice("hang")
        require(voice["demoted"] and voice["late"] == 5, voice)
        equal({n: (daemon.voice(n)["late"], daemon.voice(n)["demoted"]) for n in ("allowlist", "acme")},
              {"allowlist": (0, False), "acme": (0, False)}, "the others")
        # What the operator sees.
        for verb, word in (("status", "not asked"), ("gate", "demoted")):
            (line,) = [line for line in daemon.cli(verb).stdout.splitlines() if "hang" in line]
            require(word in line, line)
            figure(f"the operator, by `ringfort {verb}`: {' '.join(line.split())}")


@case("beside one that stands still altogether it is the same, and it is killed, started again, and decides again")
def frozen():
    scene = Scene(judge("still", "allow"))
    daemon = scene.daemon
    with daemon:
        before = scene.noticed(2)
        waits(before, "while all three answer", 0)
        pid = daemon.solution("still")["pid"]
        with lib.Held(pid):
            times = scene.noticed(9, scene.require_others_decide)
            require(waits(times, "while it stands still", 5), "nobody waited")
            lib.wait_until(lambda: daemon.solution("still")["pid"] not in (0, pid), 30, lambda: daemon.solution("still"))
        lib.wait_until(lambda: (daemon.voice("still") or {}).get("acts") and not daemon.voice("still")["demoted"], 20,
                       lambda: daemon.voice("still"))
        asked = daemon.voice("still")["asked"]
        equal(outcome(scene.work), RAN, "work")
        require(daemon.voice("still")["asked"] > asked, "it is not asked")
        fault = daemon.solution("still")["last_fault"]
        figure(f"the operator: {fault}")


if __name__ == "__main__":
    lib.main()
