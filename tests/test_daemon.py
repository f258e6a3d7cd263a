# SPDX-License-Identifier: Apache-2.0
"""Daemon - its start, its end and its edges: what is left behind, what is refused, what it costs."""

import contextlib
import grp
import json
import os
import pwd
import re
import signal
import stat
import subprocess
import time

import lib
from lib import case, equal, figure, require

RESIDENT_MB = 30
IDLE_PERCENT = 1.0
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


def mirror(name="mirror", *arguments, **options):
    return lib.Solution(name, "mirror", list(arguments) or ["count"], **options)


def everything(daemon):
    """Pids of the daemon, its roles and its solutions."""
    return [daemon.pid, *lib.children_of(daemon.pid)]


# ---- ends --------------------------------------------------------------------------------------

def ends(number, status):
    lib.need_root()
    with lib.Daemon([mirror("one"), mirror("two", "report")]) as daemon:
        programs, processes = daemon.bpf_programs(), everything(daemon)
        require(len(programs) > 3 and len(processes) >= 5, f"{programs} {processes}")
        begin = time.monotonic()
        equal(daemon.stop(number), status, "exit status")
        figure(f"{number.name}: ended after {(time.monotonic() - begin) * 1000:.0f} ms")
        lib.require_nothing_left(daemon, programs, processes)


@case("SIGTERM ends it with status 0, and nothing is left behind")
def term():
    ends(signal.SIGTERM, 0)


@case("Ctrl-C ends it with status 0, and nothing is left behind")
def interrupt():
    ends(signal.SIGINT, 0)


@case("sensor, control and solutions are batch tasks, which take no CPU from who runs")
def batch():
    with lib.Daemon([mirror("one"), mirror("two", "report")]) as daemon:
        roles = [pid for role, pid in daemon.roles().items() if role != "supervisor"]
        require(len(roles) == 2, f"roles: {daemon.roles()}")
        for pid in roles + [solution["pid"] for solution in daemon.status()["solutions"]]:
            equal(os.sched_getscheduler(pid), os.SCHED_BATCH, f"the policy of {pid}")


@case("Ctrl-C that reaches the whole process group ends it with status 0")
def interrupt_group():
    with lib.Daemon([mirror()]) as daemon:
        programs, processes = daemon.bpf_programs(), everything(daemon)
        os.killpg(daemon.pid, signal.SIGINT)
        equal(daemon.wait(), 0, "exit status")
        lib.require_nothing_left(daemon, programs, processes)


@case("SIGKILL of the supervisor takes everything along, and the next start cleans up")
def kill_supervisor():
    with lib.Daemon([mirror("one"), mirror("two", "report")]) as daemon:
        programs, processes = daemon.bpf_programs(), everything(daemon)
        os.kill(daemon.pid, signal.SIGKILL)
        equal(daemon.wait(), -signal.SIGKILL, "exit status")
        lib.wait_until(lambda: not any(map(lib.alive, processes)), 5,
                       lambda: f"the end of {[p for p in processes if lib.alive(p)]}")
        lib.wait_until(lambda: not programs & lib._bpf_programs(), 5, "the end of the BPF programs")
        daemon.start()
        require(daemon.status()["healthy"], "the next one is not healthy")
        programs, processes = daemon.bpf_programs(), everything(daemon)
        equal(daemon.stop(), 0, "exit status")
        lib.require_nothing_left(daemon, programs, processes)


def kill_role(role):
    with lib.Daemon([mirror()]) as daemon:
        programs, processes = daemon.bpf_programs(), everything(daemon)
        os.kill(daemon.roles()[role], signal.SIGKILL)
        equal(daemon.wait(), 70, "exit status")
        lib.require_nothing_left(daemon, programs, processes)


@case("SIGKILL of the sensor ends the daemon with status 70, and nothing is left behind")
def kill_sensor():
    kill_role("sensor")


@case("SIGKILL of the control process ends the daemon with status 70, and nothing is left behind")
def kill_control():
    kill_role("control")


# ---- side by side --------------------------------------------------------------------------------

@case("a second instance runs beside the first, and each ends alone")
def second_instance():
    with lib.Daemon([mirror()]) as first, lib.Daemon([mirror()]) as second:
        programs, processes = second.bpf_programs(), everything(second)
        require(first.status()["daemon"]["pid"] != second.status()["daemon"]["pid"], "the same")
        equal(second.stop(), 0, "exit status of the second")
        lib.require_nothing_left(second, programs, processes)
        require(first.status()["healthy"] and first.solution("mirror")["state"] == "active",
                "the first was disturbed")


@case("a second daemon on the same runtime folder is refused, and says what to do")
def same_runtime():
    with lib.Daemon([mirror()]) as daemon:
        done = run_daemon("--config", daemon.config, "--state", daemon.state, "--runtime", daemon.runtime)
        require(done.returncode not in (0, None) and "another ringfortd runs" in done.stderr, done)
        require(daemon.status()["healthy"], "the first was disturbed")


def run_daemon(*arguments, **options):
    return subprocess.run([lib.DAEMON, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=30, **options)


# ---- configuration ---------------------------------------------------------------------------------

def check_config(text, manifest=None, name="x"):
    folder = lib.temporary("c")
    package = folder + "/package"
    os.mkdir(package)
    with open(package + "/manifest.yaml", "w") as file:
        file.write(manifest if manifest is not None else
                   f"name: {name}\nvendor: Test\nversion: 0.1.0\napi: 1\nexecutable: program\nevents: ['*']\n")
    path = folder + "/ringfortd.yaml"
    with open(path, "w") as file:
        file.write(text.replace("PACKAGE", package))
    return path, folder, run_daemon("--check-config", "--config", path, "--state", folder + "/s",
                                    "--runtime", folder + "/r")


@case("--check-config finds a good configuration good")
def good_config():
    _, _, done = check_config("solutions:\n  - name: x\n    package: PACKAGE\n")
    equal(done.returncode, 0, f"exit status ({done.stderr})")
    require("good" in done.stdout, done.stdout)


@case("bad configurations are refused with file:line: reason and status 78, by --check-config and at start")
def bad_config():
    lib.need_root()
    for text, line, word in (
            ("log_level: loud\n", 1, "log_level"),
            ("\nrings: {rare_kb: 5}\n", 2, "rare_kb"),
            ("unknown_key: 1\n", 1, "unknown_key"),
            ("log_level: info\nlog_level: info\n", 2, "log_level"),
            ("solutions:\n  - name: x\n    grant: [process.exec, no.such]\n", 3, "no.such"),
            ("solutions: {\n", 2, ""),
            ("findings: {max_mb: -3}\n", 1, "max_mb"),
            ("solutions:\n  - name: '../x'\n", 2, ""),
            ("- a list\n", 1, ""),
            ("solutions:\n  - {name: a}\n  - {name: a}\n", 3, "a")):
        path, folder, done = check_config(text)
        require(done.returncode == 78 and re.search(re.escape(path) + rf":{line}:.*{re.escape(word)}", done.stderr),
                f"{text!r}: status {done.returncode}, says {done.stderr!r}")
        done = run_daemon("--config", path, "--state", folder + "/s", "--runtime", folder + "/r")
        equal(done.returncode, 78, f"{text!r}: exit status at start")


@case("a configuration that was named and is not there is refused with status 78")
def no_config():
    done = run_daemon("--check-config", "--config", "/nowhere/ringfortd.yaml")
    require(done.returncode == 78 and "/nowhere/ringfortd.yaml" in done.stderr, done)


@case("bad manifests are refused with file:line: reason and status 78")
def bad_manifest():
    start = "name: x\nvendor: Test\nversion: 0.1.0\napi: 1\nexecutable: program\n"
    for text, line, word in ((start + "events: ['no.such']\n", 6, "no.such"),
                             (start.replace("program", "../program") + "events: ['*']\n", 5, "executable"),
                             (start + "events: ['*']\nlimits: {memory_mb: 1}\n", 7, "memory_mb"),
                             (start.replace("api: 1", "api: 99") + "events: ['*']\n", 4, "api")):
        _, _, done = check_config("solutions:\n  - name: x\n    package: PACKAGE\n", manifest=text)
        require(done.returncode == 78 and re.search(rf"manifest\.yaml:{line}:.*{re.escape(word)}", done.stderr),
                f"{text!r}: status {done.returncode}, says {done.stderr!r}")


@case("a package that is not there is told by --check-config, and does not keep the others from running")
def missing_package():
    lib.need_root()
    text = "solutions:\n  - name: x\n    package: /nowhere/package\n"
    _, _, done = check_config(text)
    require(done.returncode == 78 and "/nowhere/package" in done.stderr, done)
    good = mirror()
    daemon = lib.Daemon([good], wait=False)
    daemon.stop()
    with open(daemon.config, "a") as file:
        file.write("  - name: missing\n    package: /nowhere/package\n")
    daemon.start(wait=False)
    with contextlib.suppress(lib.Failure):
        lib.wait_until(lambda: daemon.process.poll() is not None or daemon.solution("mirror"), 10, "start")
    if daemon.process.poll() is not None:
        equal(daemon.process.returncode, 78, "exit status")
    else:
        lib.wait_until(lambda: daemon.solution("mirror")["state"] == "active", 10, "the other is active")
    require("/nowhere/package" in daemon.tail(3000), daemon.tail())
    done = daemon.cli("status")
    daemon.end()
    require(done.returncode == 1 and "missing" in done.stdout,
            f"ringfort status says {done.returncode} and nothing of the solution that does not run")


def drop_to_nobody():
    nobody = pwd.getpwnam("nobody")
    os.setgroups([])
    os.setresgid(nobody.pw_gid, nobody.pw_gid, nobody.pw_gid)
    os.setresuid(nobody.pw_uid, nobody.pw_uid, nobody.pw_uid)


@case("without root it ends with status 77 and says why")
def not_root():
    lib.need_root()
    # The stage may lie where nobody may look: run a copy.
    folder = lib.temporary("n")
    copy = folder + "/ringfortd"
    subprocess.run(["cp", lib.DAEMON, copy], check=True)
    done = subprocess.run([copy, "--config", folder + "/none", "--runtime", folder + "/r"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd="/",
                          preexec_fn=drop_to_nobody, timeout=30)
    require(done.returncode == 77 and "root" in done.stderr, done)


@case("wrong usage ends with status 64; --help and --version with 0")
def usage():
    equal(run_daemon("--no-such").returncode, 64, "unknown option")
    equal(run_daemon("argument").returncode, 64, "an argument")
    equal(run_daemon("--log-level", "loud").returncode, 64, "a wrong level")
    for option in ("--help", "--version"):
        done = run_daemon(option)
        require(done.returncode == 0 and "ringfortd" in done.stdout, done)


# ---- the command line ----------------------------------------------------------------------------------

@case("exit statuses of ringfort: 0 healthy, 1 degraded, 2 wrong usage, 3 not running, 4 no permission")
def cli_statuses():
    with lib.Daemon([mirror()]) as daemon:
        equal(daemon.cli("status").returncode, 0, "healthy")
        equal(daemon.cli("no-such").returncode, 2, "an unknown subcommand")
        equal(daemon.cli("status", "--no-such").returncode, 2, "an unknown option")
        equal(daemon.cli("events", "--type", "no.such").returncode, 2, "an unknown type")
        equal(daemon.cli("events", "--count", "many").returncode, 2, "a count that is no number")
        equal(daemon.cli("solution", "stop", "no-such").returncode, 1, "an unknown solution")
        copy = daemon.folder + "/ringfort"
        subprocess.run(["cp", lib.CLI, copy], check=True)
        for command in ("status", "findings", "events", "doctor", "reload", "solution"):
            done = subprocess.run([copy, "--socket", daemon.socket, command], stdin=subprocess.DEVNULL,
                                  capture_output=True, text=True, preexec_fn=drop_to_nobody, cwd="/", timeout=30)
            require(done.returncode == 4 and done.stderr, f"{command} as nobody: {done}")
        os.kill(daemon.solution("mirror")["pid"], signal.SIGKILL)
        lib.wait_until(lambda: daemon.solution("mirror")["state"] != "active", 5, "the crash is noticed")
        lib.wait_until(lambda: daemon.solution("mirror")["state"] == "active", 10, "it is active again")
        equal(daemon.cli("status").returncode, 0, "healthy again")
        for _ in range(2):
            os.kill(daemon.solution("mirror")["pid"], signal.SIGKILL)
            lib.wait_until(lambda: daemon.solution("mirror")["pid"] == 0 or
                           daemon.solution("mirror")["state"] == "suspended", 5, "the crash is noticed")
            lib.wait_until(lambda: daemon.solution("mirror")["state"] in ("active", "suspended"), 10, "settled")
        equal(daemon.solution("mirror")["state"], "suspended", "state after three strikes")
        equal(daemon.cli("status").returncode, 1, "degraded")
        daemon.stop()
        for command in ("status", "findings", "events", "doctor", "reload", "solution"):
            equal(daemon.cli(command).returncode, 3, f"{command} of one that is not running")


@case("the socket belongs to root and the group ringfort, for nobody else to use")
def socket_mode():
    with lib.Daemon() as daemon:
        st = os.stat(daemon.socket)
        try:
            group = grp.getgrnam("ringfort").gr_gid
        except KeyError:
            group = 0
            figure("there is no group ringfort here: root's")
        equal((stat.S_IMODE(st.st_mode), st.st_uid, st.st_gid), (0o660, 0, group), "mode, owner and group")


@case("a solution is stopped and started by the operator, and stays as it was told")
def stop_start():
    with lib.Daemon([mirror()]) as daemon:
        equal(daemon.cli("solution", "stop", "mirror").returncode, 0, "stop")
        state = lib.wait_until(lambda: (s := daemon.solution("mirror"))["state"] == "stopped" and s, 5, "stopped")
        equal(state["pid"], 0, "pid")
        equal(daemon.cli("status").returncode, 0, "a stopped solution is not degraded")
        equal(daemon.cli("solution", "start", "mirror").returncode, 0, "start")
        lib.wait_until(lambda: daemon.solution("mirror")["state"] == "active", 10, "active")


# ---- findings ------------------------------------------------------------------------------------------

def mark(text):
    subprocess.run(["/bin/true", text], check=True)


def has_marked(daemon, text):
    return any(text in f["ringfort"].get("argv", []) for f in daemon.findings("--type", "process.exec"))


@case("findings survive a restart")
def findings_survive():
    report = mirror("mirror", "report", "process.exec", limits={"findings_per_second": 10000})
    with lib.Daemon([report]) as daemon:
        mark("marker-before")
        lib.wait_until(lambda: has_marked(daemon, "marker-before"), 5, "the finding")
        equal(daemon.stop(), 0, "exit status")
        daemon.start()
        mark("marker-after")
        lib.wait_until(lambda: has_marked(daemon, "marker-after"), 5, "the new finding")
        require(has_marked(daemon, "marker-before"), "the finding from before the restart is gone")


@case("findings survive SIGKILL of the daemon")
def findings_survive_kill():
    report = mirror("mirror", "report", "process.exec", limits={"findings_per_second": 10000})
    with lib.Daemon([report]) as daemon:
        mark("marker-before")
        lib.wait_until(lambda: has_marked(daemon, "marker-before"), 5, "the finding")
        os.kill(daemon.pid, signal.SIGKILL)
        daemon.wait()
        time.sleep(0.5)
        daemon.start()
        require(has_marked(daemon, "marker-before"), "the finding from before is gone")


@case("the history of findings rotates and stays within its bound")
def history_bounded():
    cgroup = lib.Cgroup()
    report = mirror("mirror", "report", "process.exec", "process.fork", "process.exit", "below", cgroup.name,
                    limits={"findings_per_second": 100000})
    with lib.Daemon([report], config="findings: {max_mb: 1, files: 4}\n") as daemon:
        folder = daemon.state + "/findings"

        def size():
            return sum(os.path.getsize(f"{folder}/{n}") for n in os.listdir(folder))
        most = 0
        for _ in range(4):
            lib.storm("fork", 300, cgroup=cgroup)
            time.sleep(0.3)
            most = max(most, size())
        findings = daemon.findings()
        figure(f"{len(findings)} findings kept of about 2400, {most} bytes at most in {len(os.listdir(folder))} files")
        require(len(os.listdir(folder)) > 1, "it did not rotate")
        require(most <= (1 << 20) * 1.1, f"{most} bytes")
        require(0 < len(findings) < 2400, f"{len(findings)} findings")
        times = [f["ringfort"]["time_ns"] for f in findings]
        require(all(b - a > -1000000000 for a, b in zip(times, times[1:])), "they are not oldest first")
        for name in os.listdir(folder):
            st = os.stat(f"{folder}/{name}")
            equal(stat.S_IMODE(st.st_mode) & 0o077, 0, f"others' rights on {name}")


@case("--count, --since and --type choose findings")
def findings_options():
    cgroup = lib.Cgroup()
    report = mirror("mirror", "report", "below", cgroup.name, limits={"findings_per_second": 100000})
    with lib.Daemon([report]) as daemon:
        lib.storm("exec", 5, cgroup=cgroup)
        lib.wait_until(lambda: len(daemon.findings("--type", "process.exec")) == 6, 5, "six execs")
        equal(len(daemon.findings("--count", "3")), 3, "--count 3")
        equal({f["ringfort"]["type"] for f in daemon.findings("--type", "process")},
              {"process.exec", "process.fork", "process.exit"}, "--type process")
        time.sleep(1.1)
        equal(daemon.findings("--since", "1s"), [], "--since 1s")
        equal(len(daemon.findings("--since", "1h", "--type", "process.exec")), 6, "--since 1h")
        begin = time.monotonic()
        done = daemon.cli("findings", "-f", "--timeout", "1", "--json", "--since", "1s")
        require(done.returncode == 0 and 0.9 <= time.monotonic() - begin < 3, f"--timeout: {done}")


# ---- slow readers ------------------------------------------------------------------------------------------

@case("a reader of ringfort events that is stopped hurts nobody, and is told what it missed")
def slow_reader():
    cgroup, folder = lib.Cgroup(), lib.temporary("storm")
    tally = mirror("mirror", "tally", "below", cgroup.name)
    with lib.Daemon([tally]) as daemon:
        slow = subprocess.Popen([lib.CLI, "--socket", daemon.socket, "events", "--json"],
                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                text=True, preexec_fn=lib.die_with_us)
        try:
            time.sleep(0.5)
            slow.send_signal(signal.SIGSTOP)
            canary = lib.Canary()
            total = lib.storm("file", 20000, cwd=folder, cgroup=cgroup)
            begin = time.monotonic()
            require(daemon.status(), "no answer")
            took = time.monotonic() - begin
            lib.wait_until(lambda: all(daemon.tally("mirror").get(t, 0) >= n for t, n in total.items()), 10,
                           "everything delivered")
            p99 = canary.p99()
            equal(daemon.solution("mirror")["lost"], 0, "lost by the solution")
            slow.send_signal(signal.SIGCONT)
            error = ""

            def told():
                nonlocal error
                error += lib.read_some(slow.stderr.fileno())
                return "lost" in error
            with contextlib.suppress(lib.Failure):
                lib.wait_until(told, 10, "what it missed")
            figure(f"status answered after {took * 1000:.0f} ms, canary p99 {p99:.0f} ms; it says: {error.strip()[:100]}")
            require("lost" in error, f"it is not told what it missed: {error!r}")
            require(took < 2, f"status took {took:.1f} s")
        finally:
            slow.kill()
            slow.wait()


@case("many commands at once are served, or refused; the daemon goes on")
def many_clients():
    with lib.Daemon([mirror()]) as daemon:
        clients = [subprocess.Popen([lib.CLI, "--socket", daemon.socket, "events"], stdin=subprocess.DEVNULL,
                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                    preexec_fn=lib.die_with_us) for _ in range(80)]
        try:
            time.sleep(1)
            served = sum(c.poll() is None for c in clients)
            figure(f"{served} of {len(clients)} served at once")
        finally:
            for client in clients:
                client.kill()
                client.wait()
        lib.wait_until(lambda: daemon.cli("status").returncode == 0, 5, "healthy")


@case("garbage on the control socket is refused, and the daemon goes on")
def garbage():
    import socket
    with lib.Daemon([mirror()]) as daemon:
        for data in (b"", b"x", b"\0" * 4096, os.urandom(65536), b"TRFR" * 50, os.urandom(128)):
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
                client.connect(daemon.socket)
                with contextlib.suppress(OSError):
                    client.send(data)
                client.settimeout(5)
                with contextlib.suppress(OSError):
                    client.recv(65536)
        # Those who connect and say nothing.
        quiet = [socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(20)]
        for client in quiet:
            with contextlib.suppress(OSError):
                client.connect(daemon.socket)
        equal(daemon.cli("status").returncode, 0, "healthy")
        for client in quiet:
            client.close()


# ---- what it costs -----------------------------------------------------------------------------------------

@case("the first event that reaches a solution happened within a second of the start")
def first_event():
    cgroup = lib.Cgroup()
    report = mirror("mirror", "report", "process.exec", "below", cgroup.name)

    def before():
        lib.die_with_us()
        cgroup.enter()
    acts = subprocess.Popen(["/bin/sh", "-c", "while :; do /bin/sleep 0.02; done"], stdin=subprocess.DEVNULL,
                            preexec_fn=before)
    times = []
    try:
        for _ in range(3):
            with lib.Daemon([report], wait=False) as daemon:
                begin = time.time() - (time.monotonic() - daemon.started)
                lib.wait_until(lambda: daemon.process.poll() is None and daemon.status(), 20, "an answer")
                found = lib.wait_until(lambda: daemon.findings("--count", "1"), 10, "a finding")
                times.append(found[0]["ringfort"]["time_ns"] / 1e9 - begin)
                equal(daemon.stop(), 0, "exit status")
    finally:
        acts.kill()
        acts.wait()
    best = min(times)
    figure("first event after " + ", ".join(f"{t * 1000:.0f}" for t in times) + " ms")
    if lib.SANITIZED:
        raise lib.Skip("not with sanitizers")
    require(best <= 1.0, f"the best of three is {best:.2f} s")


def resident_kb(pid):
    """Memory of its own: anonymous pages by Pss, so that pages shared since the fork count once."""
    with open(f"/proc/{pid}/smaps_rollup") as file:
        fields = dict(line.split(":", 1) for line in file.read().splitlines()[1:])
    return int(fields["Pss_Anon"].split()[0]), int(fields["Pss_File"].split()[0]), int(fields["Pss_Shmem"].split()[0])


@case("beside its rings the daemon keeps to 30 MB of memory")
def memory():
    cgroup, folder = lib.Cgroup(), lib.temporary("storm")
    with lib.Daemon([mirror()]) as daemon:
        lib.storm("exec", 500, cgroup=cgroup)
        lib.storm("file", 2000, cwd=folder, cgroup=cgroup)
        total = 0
        for role, pid in daemon.roles().items():
            anon, file_, shmem = resident_kb(pid)
            total += anon + file_
            figure(f"{role}: {anon} KiB of its own, {file_} KiB of programs and libraries; rings and mailboxes {shmem} KiB")
        figure(f"in all {total / 1024:.1f} MB beside the rings (Pss of anonymous and file pages)")
        if lib.SANITIZED:
            raise lib.Skip("not with sanitizers")
        require(total <= RESIDENT_MB * 1024, f"{total} KiB")


@case("on an idle machine it takes less than one percent of a processor")
def idle():
    if lib.SANITIZED:
        raise lib.Skip("not with sanitizers")
    with lib.Daemon([mirror()]) as daemon:
        time.sleep(1)

        def measure(seconds=10):
            pids = daemon.roles()
            events = daemon.status()["events"]["performed"]
            before = {r: lib.cpu_ticks(p) for r, p in pids.items()}
            time.sleep(seconds)
            used = {r: (lib.cpu_ticks(p) - before[r]) / CLOCK_TICKS / seconds * 100 for r, p in pids.items()}
            return used, (daemon.status()["events"]["performed"] - events) / seconds
        used, rate = measure()
        total = sum(used.values())
        figure(f"{total:.2f} % of a processor at {rate:.0f} events/s: " +
               ", ".join(f"{r} {v:.2f}" for r, v in used.items()))
        if rate > 50 and total >= IDLE_PERCENT:
            raise lib.Skip(f"this machine is not idle: {rate:.0f} events/s")
        require(total < IDLE_PERCENT, f"{total:.2f} %")


if __name__ == "__main__":
    lib.main()
