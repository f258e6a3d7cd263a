# SPDX-License-Identifier: Apache-2.0
"""Net gate - rules of sandboxed solutions over real connections, decided in the kernel.

All addresses are of the loopback (127.0.0.0/8, ::1), and of blocks that only these tests use, so that the
daemon of a test rules nobody else's connections.
"""

import errno
import json
import os
import signal
import socket
import subprocess
import time

import lib
from lib import case, equal, figure, require

NET = "authorize: [net.connect, net.bind, net.send]\n"
DENIED, OTHER = "denied", "not denied"

# The trigger's own acts go to 127.0.0.1: only ports of these tests are ruled there.
BLOCK = f"127.{os.getpid() % 200 + 20}"


def rules(name, *texts, mode="enforce", miss="fail-open", manner=(), grant=NET):
    return lib.Solution(name, "netrules", [*manner, *texts], events=["process.exec"], extra=NET,
                        operator=f"{grant}mode: {mode}\nmiss: {miss}\n")


class Ruled(lib.Daemon):
    """A daemon without a guarded file system; ready when the rules of every solution hold."""

    def __init__(self, solutions, more="", **options):
        super().__init__(solutions, f"gate: {{deadline_ms: 1000{more}}}\n", **options)

    def wait_ready(self, seconds=20):
        super().wait_ready(seconds)
        for solution in self.solutions:
            if solution.program == "netrules":
                lib.wait_until(lambda s=solution: self.voice(s.name).get("net_rules"), seconds,
                               lambda s=solution: f"rules of {s.name}: {self.gate()}; {self.tail()}")

    def gate(self):
        done = self.cli("gate", "status", "--json")
        return json.loads(done.stdout) if done.stdout.startswith("{") else None

    def voice(self, name):
        return next((s for s in (self.gate() or {"solutions": []})["solutions"] if s["name"] == name), {})

    def why(self, what):
        return [json.loads(line) for line in self.cli("why", str(what), "--json").stdout.splitlines()]


def act(how, address, port=9, kind=socket.SOCK_STREAM):
    """DENIED or OTHER: nobody listens there."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, kind) as s:
        s.settimeout(5)
        try:
            if how == "sendto":
                s.sendto(b"x", (address, port))
            else:
                getattr(s, how)((address, port))
        except OSError as error:
            return DENIED if error.errno == errno.EPERM else OTHER
    return OTHER


def tcp(address, port=9):
    return act("connect", address, port)


def udp(how, address, port=9):
    return act(how, address, port, socket.SOCK_DGRAM)


@case("connects are denied by address, prefix, port and protocol, in both families, and `why` tells the rule")
def connects():
    solution = rules("net", f"deny,connect,tcp,{BLOCK}.0.0/16,100-200,any,7", "deny,connect,any,::1/128,4711-4711,any,8")
    with Ruled([solution]) as daemon:
        equal(tcp(f"{BLOCK}.1.2", 100), DENIED, "the first port")
        equal(tcp(f"{BLOCK}.255.255", 200), DENIED, "the last port")
        equal(tcp(f"{BLOCK}.1.2", 201), OTHER, "a port behind")
        equal(tcp("127.19.0.1", 100), OTHER, "another block")
        equal(udp("connect", f"{BLOCK}.1.2", 100), OTHER, "another protocol")
        equal(tcp("::1", 4711), DENIED, "IPv6")
        equal(udp("connect", "::1", 4711), DENIED, "a connected IPv6 datagram socket")
        equal(tcp("::1", 4712), OTHER, "another port of IPv6")
        equal(tcp(f"::ffff:{BLOCK}.1.2", 100), DENIED, "the IPv4 address in its IPv6 spelling")
        lib.wait_until(lambda: daemon.voice("net")["net_denied"] == 5, 3, lambda: daemon.voice("net"))
        verdict = daemon.why(os.getpid())[-1]
        equal((verdict["verdict"], verdict["act"], verdict["path"]), ("deny", "net.connect", f"tcp {BLOCK}.1.2:100, rule 7"),
              "why")
        equal([(r["solution"], r["answer"]) for r in verdict["reasons"]], [("net", "deny")], "reasons")


@case("binds and datagrams with an address are denied for themselves, and only for the user that is named")
def others():
    solution = rules("net", f"deny,bind,any,{BLOCK}.1.0/24,0-65535,any,1", f"deny,send,udp,{BLOCK}.2.0/24,0-65535,any,2",
                     f"deny,connect,any,{BLOCK}.3.0/24,0-65535,12345,3")
    with Ruled([solution]):
        equal(act("bind", f"{BLOCK}.1.1", 0), DENIED, "bind")
        equal(udp("bind", f"{BLOCK}.1.1", 0), DENIED, "bind of udp")
        equal(act("bind", f"{BLOCK}.2.1", 0), OTHER, "bind elsewhere")
        equal(tcp(f"{BLOCK}.1.1"), OTHER, "connect where bind is denied")
        equal(udp("sendto", f"{BLOCK}.2.1"), DENIED, "sendto")
        equal(udp("sendto", f"::ffff:{BLOCK}.2.1"), DENIED, "sendto in its IPv6 spelling")
        equal(udp("connect", f"{BLOCK}.2.1"), OTHER, "connect where sendto is denied")
        equal(tcp(f"{BLOCK}.3.1"), OTHER, "as root")
        done = subprocess.run(["python3", "-c", "import socket,sys\ns=socket.socket()\n"
                               f"sys.exit(s.connect_ex(('{BLOCK}.3.1', 9)))"], user=12345)
        equal(done.returncode, errno.EPERM, "as the user")


@case("a connect through an io_uring is denied as any other")
def uring():
    with Ruled([rules("net", "deny,connect,tcp,127.0.0.1/32,40713-40713,any,1")]):
        done = subprocess.run([lib.TRIGGER, "uring-connect", "40713"], input="\n", text=True, capture_output=True)
        told = [json.loads(line) for line in done.stdout.splitlines()]
        if not any("error" in line for line in told):
            raise lib.Skip(f"no io_uring here: {done.stderr.strip()}")
        equal(next(line["error"] for line in told if "error" in line), errno.EPERM, "errno")


@case("events of denied connects and binds tell solution and rule, allowed ones tell none")
def notify():
    solution = rules("net", f"deny,connect+bind,any,{BLOCK}.0.0/16,1-65535,any,77")
    mirror = lib.Solution("mirror", "mirror", ["report", "net.connect", "net.bind"], limits={"findings_per_second": 100000})
    with Ruled([solution, mirror]) as daemon:
        equal(tcp(f"{BLOCK}.0.1", 4001), DENIED, "connect")
        equal(act("bind", f"{BLOCK}.0.1", 4002), DENIED, "bind")
        equal(tcp("127.19.0.1", 4003), OTHER, "another")

        def told(port, end):
            for finding in daemon.findings():
                event = finding["ringfort"]
                if event.get(end, {}).get("port") == port and event["process"]["pid"] == os.getpid():
                    return event
            return None
        for port, end, by in ((4001, "remote", "net:77"), (4002, "local", "net:77"), (4003, "remote", "")):
            event = lib.wait_until(lambda p=port, e=end: told(p, e), 5, f"the event of port {port}")
            equal(event["denied_by"] or "", by, f"denied_by of port {port}")
            require(event["error"] == errno.EPERM or not by, event)


@case("of two solutions the more restrictive decides, one's own rules in their order; shadow is counted only")
def two():
    one = rules("one", f"allow,connect,any,{BLOCK}.0.1/32,0-65535,any,1", f"deny,connect,any,{BLOCK}.0.0/24,0-65535,any,2")
    two_ = rules("two", f"allow,connect,any,{BLOCK}.0.0/16,0-65535,any,1", f"deny,connect,any,{BLOCK}.1.0/24,0-65535,any,2")
    dark = rules("dark", f"deny,connect,any,{BLOCK}.2.0/24,0-65535,any,9", mode="shadow")
    with Ruled([one, two_, dark]) as daemon:
        equal(tcp(f"{BLOCK}.0.1"), OTHER, "allowed before it is denied")
        equal(tcp(f"{BLOCK}.0.2"), DENIED, "denied by one, allowed by two")
        equal(tcp(f"{BLOCK}.1.1"), OTHER, "denied behind an allow of the same solution")
        equal(tcp(f"{BLOCK}.2.1"), OTHER, "denied in shadow")
        lib.wait_until(lambda: daemon.voice("dark")["net_shadow"] == 1, 3, lambda: daemon.gate())
        equal(daemon.voice("dark")["net_denied"], 0, "denied by the shadow")


@case("what the operator protects is never denied; what he does not grant is not set")
def operator():
    solution = rules("net", f"deny,connect,any,{BLOCK}.0.0/16,0-65535,any,1")
    small = rules("small", f"deny,connect,any,{BLOCK}.9.0/24,0-65535,any,1", grant="authorize: [net.bind]\n")
    with Ruled([solution], more=f", net_protect: [dhcp, '{BLOCK}.7.0/24']"):
        equal(tcp(f"{BLOCK}.6.1"), DENIED, "beside")
        equal(tcp(f"{BLOCK}.7.1"), OTHER, "protected")
    with Ruled([small], wait=False) as daemon:
        lib.wait_until(lambda: "ready" in (daemon.solution("small") or {}).get("said", ""), 20, daemon.tail)
        require(f"result={-errno.EACCES}" in daemon.solution("small")["said"], daemon.solution("small"))
        equal(tcp(f"{BLOCK}.9.1"), OTHER, "an act that is not granted")


@case("rules are replaced as a whole: in a storm of connects and of new sets none passes")
def storm():
    code = ("import errno,socket,sys,time\n"
            "end=time.monotonic()+3; n=bad=0\n"
            "while time.monotonic()<end:\n"
            "    s=socket.socket(); n+=1; bad+=s.connect_ex((sys.argv[1],9))!=errno.EPERM; s.close()\n"
            "print(n,bad)\n")
    with Ruled([rules("net", f"deny,connect,any,{BLOCK}.0.0/16,0-65535,any,1", manner=["storm"])]) as daemon:
        done = subprocess.run(["python3", "-c", code, f"{BLOCK}.0.1"], capture_output=True, text=True)
        n, passed = (int(word) for word in done.stdout.split())
        equal(passed, 0, "passed")
        require(n > 1000, f"only {n} connects")
        equal(daemon.voice("net")["wrong"], 0, "faults")
        figure(f"{n} connects")


@case("rules go with their solution; with fail-closed they stay until the operator stops it")
def ends():
    mild = rules("mild", f"deny,connect,any,{BLOCK}.0.0/24,0-65535,any,1")
    strict = rules("strict", f"deny,connect,any,{BLOCK}.1.0/24,0-65535,any,1", miss="fail-closed")
    with Ruled([mild, strict]) as daemon:
        equal((tcp(f"{BLOCK}.0.1"), tcp(f"{BLOCK}.1.1")), (DENIED, DENIED), "while both live")
        for name in ("mild", "strict"):
            os.kill(daemon.solution(name)["pid"], signal.SIGSTOP)
        equal((tcp(f"{BLOCK}.0.1"), tcp(f"{BLOCK}.1.1")), (DENIED, DENIED), "while both stand still")
        seen = set()
        for name in ("mild", "strict"):
            os.kill(daemon.solution(name)["pid"], signal.SIGKILL)
        until = time.monotonic() + 3
        while time.monotonic() < until:
            seen.add((tcp(f"{BLOCK}.0.1"), tcp(f"{BLOCK}.1.1")))
        require(all(strict_ == DENIED for _, strict_ in seen), f"fail-closed let through: {seen}")
        # Both are back by themselves.
        lib.wait_until(lambda: tcp(f"{BLOCK}.0.1") == DENIED, 5, daemon.tail)
        daemon.cli("solution", "stop", "mild")
        lib.wait_until(lambda: tcp(f"{BLOCK}.0.1") == OTHER, 5, lambda: f"the end of mild's rules: {daemon.gate()}")
        equal(tcp(f"{BLOCK}.1.1"), DENIED, "the neighbour's")
        daemon.cli("solution", "stop", "strict")
        lib.wait_until(lambda: tcp(f"{BLOCK}.1.1") == OTHER, 5, lambda: f"the end of strict's rules: {daemon.gate()}")


@case("`ringfort gate off` lets everything through, `on` decides again")
def switch():
    with Ruled([rules("net", f"deny,connect,any,{BLOCK}.0.0/16,0-65535,any,1")]) as daemon:
        equal(tcp(f"{BLOCK}.0.1"), DENIED, "at first")
        equal(daemon.cli("gate", "off").returncode, 0, "gate off")
        lib.wait_until(lambda: tcp(f"{BLOCK}.0.1") == OTHER, 3, "an open gate")
        equal(daemon.cli("gate", "on").returncode, 0, "gate on")
        lib.wait_until(lambda: tcp(f"{BLOCK}.0.1") == DENIED, 3, "a closed gate")


@case("SIGKILL of the gate: nothing is denied until the next one, which has the rules again; the end leaves nothing")
def kills():
    with Ruled([rules("net", f"deny,connect,any,{BLOCK}.0.0/16,0-65535,any,1")]) as daemon:
        gaps = []
        for _ in range(10):
            old, restarts = daemon.roles()["gate"], daemon.gate()["restarts"]
            os.kill(old, signal.SIGKILL)
            begin = time.monotonic()
            lib.wait_until(lambda: tcp(f"{BLOCK}.0.1") == OTHER or daemon.gate()["restarts"] > restarts, 3, "its end")
            lib.wait_until(lambda: tcp(f"{BLOCK}.0.1") == DENIED, 5, lambda: f"the gate's return; {daemon.tail()}")
            gaps.append(time.monotonic() - begin)
            lib.wait_until(lambda: daemon.roles().get("gate") not in (None, old), 3, "its name")
        figure(f"longest gap {max(gaps) * 1000:.0f} ms")
        require(max(gaps) < 2, f"a gap of {max(gaps):.2f} s")
        equal(daemon.voice("net")["net_rules"], 1, "rules")
        programs = daemon.bpf_programs()
        daemon.stop()
        equal(tcp(f"{BLOCK}.0.1"), OTHER, "after the end")
        lib.require_nothing_left(daemon, programs)


if __name__ == "__main__":
    lib.main()
