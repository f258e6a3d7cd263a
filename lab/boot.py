#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Boot a kernel in QEMU without KVM, with Ringfort in its initramfs, and say what became of it.

  boot.py [--build DIR] [--stage DIR] [--no-tests] [--keep FILE] [--json] KERNEL-IMAGE

Prints what `ringfort doctor` said there, then a line per thing that was wanted.  Exit status 0: all of
it came true; 1: not; 77: cannot be tried here (with the reason).  --keep writes all that the guest
said to a file; --json prints the doctor's JSON alone.  Nothing is left behind but that.
"""

import argparse
import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
LIMIT_S = 700
MODULES = "landlock,lockdown,yama,integrity,apparmor,bpf"
# Real programs, under whose names and copies of which tests run: busybox goes by its name.
REAL = ("true", "false", "ls", "cat", "sleep", "dash", "sh", "env", "touch", "chmod")
BUSYBOX_STATIC = "/bin/busybox"
TESTS = ("sensor/test-probe-file", "sensor/test-probe-net", "sensor/test-probe-process",
         "sensor/test-probe-stream", "sensor/test-probe-uring",
         "sensor/test-modify", "ring/test-ring", "ring/test-mailbox", "host/test-sandbox",
         "host/test-payload")
# name: program, arguments, memory_mb, pids.  Two daemons, one after the other.
GOOD = {"seen": ("mirror", ["report"], 64, 4), "counted": ("mirror", ["count"], 64, 4)}
BAD = {"neighbour": ("mirror", ["count"], 64, 4), "alloc": ("bad", ["alloc"], 32, 4),
       "attack": ("bad", ["attack"], 64, 8), "reach": ("bad", ["attack", "VICTIM"], 64, 8), "fork": ("bad", ["fork"], 64, 16)}
# What the guest's acts must have brought to the solution that reports all that it sees.
ACTED = {"process.exec", "process.fork", "process.exit", "process.setid", "file.open_write", "file.create",
         "file.modify", "file.rename", "file.unlink", "file.attr", "net.connect", "net.bind",
         "net.listen", "net.accept"}


class Skip(Exception):
    """It cannot be tried here; the text says why."""


class Block:
    """What one step of the guest printed."""

    def __init__(self, text, status, uptime_s):
        self.text, self.status, self.uptime_s = text, status, uptime_s

    def lines(self):
        return [line for line in self.text.splitlines() if line.strip()]


# ---- the initramfs -------------------------------------------------------------------------------

def libraries(programs):
    """The shared objects that they need, as paths of this machine by the name that is looked for."""
    found = {}
    for program in programs:
        done = subprocess.run(["ldd", program], capture_output=True, text=True)
        for line in done.stdout.splitlines():
            match = re.match(r"\s*(?:(\S+) => )?(/\S+) \(0x", line)
            if match:
                found[os.path.basename(match[1] or match[2])] = match[2]
    return found


def is_program(path):
    with open(path, "rb") as file:
        return os.path.isfile(path) and not os.path.islink(path) and file.read(4) == b"\x7fELF"


def programs_below(folder):
    paths = [os.path.join(at, name) for at, _, names in os.walk(folder) for name in names]
    return [p for p in paths if os.path.isfile(p) and is_program(p)]


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)


def add_package(root, build, name, program, arguments, memory_mb, pids):
    folder = f"{root}/lab/packages/{name}"
    os.makedirs(folder)
    built = (f"{build}/tests/solutions/{program}", f"{build}/kit/bad/{program}")
    shutil.copy(next(path for path in built if os.path.exists(path)), folder)
    write(f"{folder}/manifest.yaml",
          f"name: {name}\nvendor: Test\nversion: 0.1.0\napi: 1\nexecutable: {program}\n"
          f"arguments: {json.dumps(arguments)}\nevents: [\"*\"]\n"
          f"limits: {{memory_mb: {memory_mb}, pids: {pids}, findings_per_second: 10000}}\n")


def add_solutions(root, build):
    sigma = "usr/libexec/ringfort/solutions/sigma"
    for config, solutions in (("good", GOOD), ("bad", BAD)):
        text = "log_level: debug\nsolutions:\n"
        for name, (program, arguments, memory_mb, pids) in solutions.items():
            add_package(root, build, name, program, arguments, memory_mb, pids)
            text += f"  - name: {name}  # {program}\n    package: /lab/packages/{name}\n"
        if config == "good" and os.path.isdir(f"{root}/{sigma}/rules"):
            # A few of its rules: all take the emulator longer to compile than a solution has to start.
            for name in sorted(os.listdir(f"{root}/{sigma}/rules"))[:8]:
                os.makedirs(f"{root}/lab/rules", exist_ok=True)
                shutil.copy(f"{root}/{sigma}/rules/{name}", f"{root}/lab/rules/")
            text += f"  - name: sigma\n    package: /{sigma}\n    content: [/lab/rules]\n"
        write(f"{root}/lab/{config}.yaml", text)


def add_system(root):
    """A root with /usr merged, busybox for everything that is not ours."""
    for folder in ("bin", "sbin", "lib", "lib64"):
        os.makedirs(f"{root}/usr/{folder}", exist_ok=True)
        os.symlink(f"usr/{folder}", f"{root}/{folder}")
    os.makedirs(f"{root}/etc")
    os.makedirs(f"{root}/root")
    shutil.copy(BUSYBOX_STATIC, f"{root}/usr/bin/busybox")
    done = subprocess.run([BUSYBOX_STATIC, "--list"], capture_output=True, text=True, check=True)
    for name in done.stdout.split():
        if not os.path.lexists(f"{root}/usr/bin/{name}"):
            os.symlink("busybox", f"{root}/usr/bin/{name}")
    for name in REAL:
        if os.path.lexists(f"{root}/usr/bin/{name}"):
            os.remove(f"{root}/usr/bin/{name}")
        shutil.copy(f"/usr/bin/{name}", f"{root}/usr/bin/{name}")
    write(f"{root}/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n")
    write(f"{root}/etc/group", "root:x:0:\nnogroup:x:65534:\n")
    write(f"{root}/etc/shadow", "root:*:1::::::\n")


def make_tree(root, build, stage, tests):
    add_system(root)
    for folder in ("bin", "sbin", "lib", "libexec"):
        if os.path.isdir(f"{stage}/usr/{folder}"):
            shutil.copytree(f"{stage}/usr/{folder}", f"{root}/usr/{folder}", symlinks=True, dirs_exist_ok=True)
    os.makedirs(f"{root}/lab/tests")
    shutil.copy(f"{HERE}/init", f"{root}/init")
    shutil.copy(f"{HERE}/guest", f"{root}/lab/guest")
    add_solutions(root, build)
    tried = [f"{build}/src/{name}" for name in TESTS if os.path.exists(f"{build}/src/{name}")] if tests else []
    for path in tried:
        shutil.copy(path, f"{root}/lab/tests/")
    needy = tried + [f"{build}/tests/solutions/mirror"] + [f"/usr/bin/{n}" for n in REAL] + programs_below(f"{stage}/usr")
    for name, path in libraries(needy).items():
        folder = "usr/lib64" if name.startswith("ld-linux") else "usr/lib/x86_64-linux-gnu"
        os.makedirs(f"{root}/{folder}", exist_ok=True)
        shutil.copy(path, f"{root}/{folder}/{name}")
    write(f"{root}/etc/ld.so.conf", "/usr/lib/x86_64-linux-gnu\n")
    subprocess.run(["ldconfig", "-r", root], check=True)


def make_initramfs(folder, build, stage, tests):
    root = f"{folder}/root"
    os.makedirs(root)
    make_tree(root, build, stage, tests)
    for path in programs_below(root):
        # Names of types stay, and BTF in the probe: only what debuggers read goes.
        subprocess.run(["strip", "--strip-debug", path], stderr=subprocess.DEVNULL)
    image = f"{folder}/initramfs"
    subprocess.run("find . | cpio --quiet -o -H newc | gzip -1 > ../initramfs", shell=True, cwd=root, check=True)
    return image


# ---- the machine -----------------------------------------------------------------------------------

def end_with_us():
    """In a child: no machine outlives who started it."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def run_machine(folder, kernel, initramfs, limit_s):
    """Seconds that it took; its serial lines are in the folder.

    Without CMPXCHG16B: the emulator of Debian 12 gets it wrong, and lists of free memory of 6.12 break
    before its first process.
    """
    command = ["qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max,cx16=off", "-smp", "2", "-m", "1024",
               "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-nic", "none",
               "-serial", f"file:{folder}/console", "-serial", f"file:{folder}/results",
               "-kernel", kernel, "-initrd", initramfs,
               "-append", f"console=ttyS0 quiet loglevel=4 panic=-1 oops=panic lsm={MODULES}"]
    begin = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=end_with_us)
    try:
        process.wait(limit_s)
    except subprocess.TimeoutExpired:
        print(f"the machine did not end within {limit_s} s", file=sys.stderr)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    return time.monotonic() - begin


def read_file(path):
    try:
        with open(path, errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def read_blocks(text):
    blocks = {}
    for match in re.finditer(r"^@@begin (\S+)\n(.*?)^@@end \1 (\d+) ([\d.]+)$", text, re.S | re.M):
        blocks[match[1]] = Block(match[2], int(match[3]), float(match[4]))
    return blocks


# ---- the judgement ---------------------------------------------------------------------------------

class Judge:
    def __init__(self, blocks):
        self.blocks = blocks
        self.results = []

    def json(self, name):
        try:
            return json.loads(self.blocks[name].text)
        except (KeyError, ValueError):
            return {}

    def lines(self, name):
        return self.blocks[name].lines() if name in self.blocks else []

    def say(self, what, true, why=""):
        self.results.append((what, bool(true), str(why)))

    def ended_well(self, name, what):
        block = self.blocks.get(name)
        self.say(what, block and block.status == 0,
                 "it was never reached" if not block else f"status {block.status}: {block.text.strip()[-400:]}")

    def doctor(self):
        types = self.json("doctor").get("types", [])
        bad = [f"{t['name']}: {t['level']}, {t['selftest']} ({t['why']})" for t in types
               if t["selftest"] != "passed" or t["level"] == "unavailable"]
        self.say("every event type passed its self-test", types and not bad, "; ".join(bad) or "no answer")

    def nothing_lost(self, name, what, wanted):
        status = self.json(name)
        solutions = {s["name"]: s for s in status.get("solutions", [])}
        lost = {s: solutions[s]["lost"] for s in wanted if s in solutions and solutions[s]["lost"]}
        events = status.get("events", {})
        missing = [s for s in wanted if s not in solutions or not solutions[s]["delivered"]]
        ok = events.get("performed") and not events.get("lost") and not lost and not missing
        self.say(what, ok, f"events {events.get('performed')}, lost {events.get('lost')}, by solutions {lost}, "
                 f"without events {missing}")

    def all_active(self):
        states = {s["name"]: f"{s['state']} {s['why']}" for s in self.json("status").get("solutions", [])}
        bad = {name: state for name, state in states.items() if not state.startswith("active")}
        self.say("every good solution is active", set(GOOD) <= set(states) and not bad, bad or states)

    def acts_seen(self):
        seen = {line.split('"')[-2] for line in self.lines("findings") if '"solution":"seen"' in line}
        self.say("the acts came back as findings", ACTED <= seen, "missing: " + ", ".join(sorted(ACTED - seen)))

    def limits(self):
        solutions = {s["name"]: s for s in self.json("status-bad").get("solutions", [])}
        alloc = solutions.get("alloc", {})
        self.say("the memory limit killed the solution that allocates without end", alloc.get("oom_kills"), alloc)
        self.say("its peak stayed at the limit", 0 < alloc.get("memory_peak_bytes", 0) <= BAD["alloc"][2] << 20, alloc)

    def attack(self):
        for name, n_least in (("attack", 15), ("reach", 8)):
            attempts = [line for line in self.lines(name) if ": " in line]
            breaches = [line for line in attempts if "BREACH" in line]
            self.say(f"nothing of {len(attempts)} attempts left the sandbox of '{name}'",
                     len(attempts) >= n_least and not breaches, breaches or self.lines(name))

    def clean(self, name, what):
        self.say(what, name in self.blocks and not self.lines(name), self.lines(name))

    def units(self):
        for name, block in self.blocks.items():
            if name.startswith("unit:"):
                failed = [line for line in block.lines() if re.search(r"FAILED|ssert|skipped", line)]
                self.say(name[5:], block.status == 0, f"status {block.status}: " +
                         "; ".join(failed[:12] or block.lines()[-8:]))

    def all(self, tests):
        self.ended_well("ready", "ringfortd starts")
        self.doctor()
        self.ended_well("acts", "the acts were done")
        self.ended_well("storm", "the storm was done")
        self.acts_seen()
        self.all_active()
        self.nothing_lost("status", "nothing was lost", list(GOOD))
        self.ended_well("stop", "it ends when told")
        self.clean("left_behind", "it leaves nothing behind")
        self.ended_well("ready-bad", "it starts with bad solutions")
        self.limits()
        self.attack()
        self.nothing_lost("status-bad", "their neighbour lost nothing", ["neighbour"])
        self.ended_well("stop-bad", "it ends with bad solutions")
        self.ended_well("victim", "the process that was attacked is alive")
        self.clean("left_behind-bad", "it leaves nothing of them behind")
        if tests:
            self.units()
        self.say("the machine came to its end", "dmesg" in self.blocks, "")


def print_doctor(judge, say):
    doctor = judge.json("doctor")
    for line in judge.lines("facts"):
        say(line)
    for t in doctor.get("types", []):
        say(f"{t['name']:<18} {t['level']:<12} {t['selftest']:<8} {t['hook']:<28} {t['why']}")
    say("in the kernel: " + ", ".join(f"{k} {v}" for k, v in doctor.get("kernel", {}).items()))


def print_report(judge, seconds, say=print):
    """What doctor said there, and the judgement; returns how much of it failed."""
    print_doctor(judge, say)
    failed = 0
    for what, true, why in judge.results:
        say(f"{'ok ' if true else 'NOT'} {what}" + ("" if true else f": {why}"))
        failed += not true
    begun, ready, proven = (judge.blocks.get(name) for name in ("facts", "ready", "doctor"))
    if proven:
        say(f"booted in {begun.uptime_s:.1f} s, ringfortd answers {ready.uptime_s - begun.uptime_s:.1f} s later, "
            f"proved after {proven.uptime_s - begun.uptime_s:.1f} s, {seconds:.0f} s in all")
    return failed


def need_tools():
    missing = [t for t in ("qemu-system-x86_64", "cpio", "ldd", "strip") if not shutil.which(t)]
    if missing:
        raise Skip("not installed: " + ", ".join(missing))
    done = subprocess.run(["ldd", BUSYBOX_STATIC], capture_output=True, text=True)
    if "statically" not in done.stdout + done.stderr and "not a dynamic" not in done.stdout + done.stderr:
        raise Skip("busybox-static is not installed")


def boot(kernel, build, stage, tests=True, keep=None, limit_s=LIMIT_S):
    """The judge of one boot, and the seconds that it took."""
    need_tools()
    folder = tempfile.mkdtemp(prefix="ringfort-lab-", dir=os.environ.get("RINGFORT_TEST_TMP"))
    try:
        initramfs = make_initramfs(folder, build, stage, tests)
        seconds = run_machine(folder, kernel, initramfs, limit_s)
        results, console = read_file(f"{folder}/results"), read_file(f"{folder}/console")
        if keep:
            write(os.path.abspath(keep), results + "\n@@console\n" + console)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    judge = Judge(read_blocks(results))
    judge.all(tests)
    if "facts" not in judge.blocks:
        print("the kernel's last words: " + console[-2000:], file=sys.stderr)
    return judge, seconds


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("kernel")
    parser.add_argument("--build", default=os.environ.get("RINGFORT_BUILD", f"{ROOT}/build"))
    parser.add_argument("--stage", default=os.environ.get("RINGFORT_STAGE"))
    parser.add_argument("--no-tests", action="store_true", help="without the unit tests")
    parser.add_argument("--keep", metavar="FILE", help="write all that the guest said there")
    parser.add_argument("--json", action="store_true", help="print the doctor's JSON alone")
    options = parser.parse_args()
    try:
        judge, seconds = boot(options.kernel, options.build, options.stage or f"{options.build}/stage",
                              not options.no_tests, options.keep)
    except Skip as skip:
        print(f"skipped: {skip}", file=sys.stderr)
        return 77
    if options.json:
        print(json.dumps(judge.json("doctor")))
        return 0 if all(true for _, true, _ in judge.results) else 1
    return 1 if print_report(judge, seconds) else 0


if __name__ == "__main__":
    sys.exit(main())
