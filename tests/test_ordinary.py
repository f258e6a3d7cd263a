# SPDX-License-Identifier: Apache-2.0
"""Ordinary - what hosts do all day, under solutions that would deny: nothing of it is denied.

The allow-list is in lockdown, by package; each rule of YARA that there is denies.  What is guarded is /usr as a mount
namespace of the daemon's own sees it, an overlay: the machine that the test runs on executes from another file system.
./test --long takes public sets of rules ($RINGFORT_DATA), builds all of this project, and installs packages in a
container whose whole root is guarded.
"""

import glob
import json
import os
import re
import subprocess

import lib
import machine
from bundled import MALICE, YARA_RULES, Bundled, Watch, content, names_of_rules, policy_that_denies, public_rules
from guarded import Scratch
from lib import Skip, case, equal, figure, require, wait_until
from packaged import SYSTEM, debs, dependencies

PATIENT = "max_scan_ms: 4000\nmax_file_mb: 256\n"
DEADLINE_MS = 20000  # that nothing is let through because there was no time
MS_REC, MS_PRIVATE = 0x4000, 1 << 18
LOCKDOWN = ("mode: lockdown\nrules:\n"
            "  - {id: packages, action: allow, package: true, owner: root, writable_by_others: false, foreign_ns: true}\n")


class Usr:
    """An overlay over this machine's /usr, to be mounted in a namespace of its own."""

    path = "/usr"

    def __init__(self):
        self.scratch = Scratch()
        for name in ("upper", "work"):
            os.mkdir(f"{self.scratch.path}/{name}")
        self.options = f"lowerdir=/usr,upperdir={self.scratch.path}/upper,workdir={self.scratch.path}/work".encode()

    def enter(self):
        """In a child, before it executes anything."""
        if (lib._libc.unshare(lib.CLONE_NEWNS) or lib._libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None) or
                lib._libc.mount(b"overlay", b"/usr", b"overlay", 0, self.options)):
            raise OSError("no overlay in a namespace of its own")


class Host(Watch):
    """A daemon that guards /usr in its own namespace, and what else it is given, with both solutions of ours."""

    def __init__(self, policy, rules, *scratches):
        self.usr = Usr()
        self.n_guarded = 1 + len(scratches)
        self.names = names_of_rules(*rules)
        yara = policy_that_denies(self.names, PATIENT)
        super().__init__([Bundled("allowlist", policy, "/var/lib/dpkg/info"), Bundled("yara", *rules, yara)],
                         self.usr, *scratches, deadline_ms=DEADLINE_MS, preexec=self.usr.enter)

    def wait_ready(self, seconds=90):
        super().wait_ready(seconds)
        equal(self.gate()["marks"], self.n_guarded, self.gate())
        wait_until(lambda: all(self.solution(s.name)["said"] for s in self.solutions), 5, "what they say of themselves")
        require(self.solution("allowlist")["said"].startswith("lockdown, "), self.solution("allowlist"))
        self.n_rules = all_deny(self.solution("yara")["said"], self.names)

    def inside(self, *command, **options):
        return subprocess.run(["nsenter", "-t", str(self.pid), "-m", "--", *command], capture_output=True, text=True,
                              preexec_fn=lib.die_with_us, **options)

    def require_nobody_was_missed(self):
        """Every question had its answer, and every file was scanned."""
        for name in ("allowlist", "yara"):
            voice = self.voice(name)
            equal({k: voice[k] for k in ("late", "full", "gone", "wrong", "self_harm")},
                  dict.fromkeys(("late", "full", "gone", "wrong", "self_harm"), 0), name)
            equal(self.solution(name)["state"], "active", name)
        equal(self.all_found("not-scanned"), [], "files that were not scanned")


def all_deny(said, names):
    """The number of rules that are in use, by what yara says; all of them deny, and few are missing."""
    n, n_denying, _ = map(int, re.match(r"(\d+) rules, (\d+) of them deny, (\d+) refused", said).groups())
    equal(n_denying, n, said)
    require(n > len(names) * 0.95, f"of {len(names)}: {said}")
    return n


def rule_sets():
    return [YARA_RULES, *(f"{public_rules()}/{name}" for name in MALICE)] if lib.LONG else [YARA_RULES]


# ---- every program ---------------------------------------------------------------------------------------

# Each up to its first instruction, which it never runs: it is traced, stops there, and is killed.
WALK = """
import ctypes, json, os, signal, sys, time
libc = ctypes.CDLL(None)
told = {}
for path in sys.stdin.read().split("\\0"):
    begin = time.monotonic()
    pid = os.fork()
    if not pid:
        libc.ptrace(0, 0, None, None)
        try: os.execve(path, [path], {})
        except OSError as error: os._exit(error.errno)
    status = os.waitpid(pid, 0)[1]
    if os.WIFSTOPPED(status):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        status = 0
    told[path] = [status >> 8, time.monotonic() - begin]
print(json.dumps(told))
"""


def programs():
    """Files in the folders of programs that can be executed, with links resolved."""
    found = {os.path.realpath(f"{folder}/{name}") for folder in ("/usr/bin", "/usr/sbin") for name in os.listdir(folder)}
    return sorted(path for path in found if path.startswith("/usr/") and os.path.isfile(path) and os.stat(path).st_mode & 0o111)


def brought_by_packages():
    """What dpkg's lists name, as it is called on a system with merged /usr."""
    paths = set()
    for name in glob.glob("/var/lib/dpkg/info/*.list"):
        with open(name) as file:
            paths.update(re.sub(r"^/(s?bin|lib\w*)/", r"/usr/\1/", line.rstrip("\n")) for line in file)
    return paths


@case("each program of /usr/bin and /usr/sbin is executed, and none that a package brought is denied")
def every_program():
    wanted = programs()
    strangers = set(wanted) - brought_by_packages()
    with Host(content(policy_yaml=LOCKDOWN), rule_sets()) as daemon:
        done = daemon.inside("python3", "-c", WALK, input="\0".join(wanted), timeout=1200)
        require(done.returncode == 0, done.stderr[-500:])
        told = json.loads(done.stdout)
        by_yara = {f["ringfort"]["matched"].get("file"): f["ringfort"]["rule_id"] for f in daemon.findings()
                   if f["ringfort"]["solution"] == "yara"}
        equal({path: (daemon.why(path)[0], by_yara.get(path)) for path, (error, _) in told.items()
               if error == 1 and path not in strangers}, {}, "denied")
        equal({path for path in strangers if told[path][0] != 1}, set(), "of no package, and not denied")
        equal({path: error for path, (error, _) in told.items() if error not in (0, 1)}, {}, "what could not be executed")
        daemon.require_nobody_was_missed()
        require(daemon.gate()["asked"] >= len(wanted), daemon.gate())
        times = sorted(seconds for _, seconds in told.values())
        figure(f"{len(wanted)} programs, {len(wanted) - len(strangers)} of packages: 0 denied; {len(strangers)} of none: "
               f"all denied; {daemon.n_rules} rules of YARA; half within {lib.percentile(times, 0.5) * 1000:.1f} ms, longest {times[-1]:.2f} s")


# ---- a build ---------------------------------------------------------------------------------------------

@case("a project is configured, built and tested by guarded compilers, on a guarded file system: nothing is denied")
def build():
    scratch = Scratch()
    built = f"{scratch.path}/build"
    policy = content(policy_yaml=LOCKDOWN + f"  - {{id: builds, action: allow, path: {scratch.path}/, foreign_ns: true}}\n")
    targets = [] if lib.LONG else ["src/ring/test-ring", "src/event/test-event"]
    with Host(policy, rule_sets(), scratch) as daemon:
        steps = (["meson", "setup", built, lib.ROOT, "--prefix=/usr"], ["ninja", "-C", built, "-j2", *targets],
                 ["meson", "test", "-C", built, "--no-rebuild", "ring"])
        for step in steps:
            done = daemon.inside(*step, timeout=1200)
            require(done.returncode == 0, f"{step}: {done.stdout[-1500:]}{done.stderr[-500:]}")
        for name in ("allowlist", "yara"):
            equal(daemon.voice(name)["denied"], 0, f"denied by {name}: {daemon.findings()[:3]}")
        daemon.require_nobody_was_missed()
        gate = daemon.gate()
        require(gate["asked"] > (1000 if lib.LONG else 30), gate)
        # Where nothing would be denied this would run as well.
        daemon.inside("cp", "/bin/true", "/usr/bin/stranger", check=True)
        equal(daemon.inside("/usr/bin/stranger").returncode, 126, "a program of no package")
        figure(f"{gate['asked']} executions asked about, {gate['decided']} decided by both, 0 denied")


# ---- packages --------------------------------------------------------------------------------------------

# With maintainers' scripts of every kind: users and groups, services, alternatives, triggers, questions.
WANTED = ["at", "bash-completion", "bc", "cron", "file", "htop", "less", "logrotate", "lsof", "man-db", "nano", "netcat-openbsd",
          "openssh-server", "rsync", "rsyslog", "screen", "sqlite3", "sudo", "tmux", "tree", "unzip", "vim-tiny", "zip", "zsh"]
# Maintainers' scripts, and what the package at brings: its programs belong to the user daemon.
MORE = ("  - {id: maintainers, action: allow, path: /var/lib/dpkg/, owner: root, writable_by_others: false, foreign_ns: true}\n"
        "  - {id: of-daemon, action: allow, package: true, owner: 1, writable_by_others: false, foreign_ns: true}\n")
GUARDED = ("solutions:\n"
           "  - name: allowlist\n    package: /usr/libexec/ringfort/solutions/allowlist\n    authorize: [process.exec]\n"
           "    content: [/etc/ringfort/allowlist, /var/lib/dpkg/info]\n"
           "  - name: yara\n    package: /usr/libexec/ringfort/solutions/yara\n    authorize: [process.exec]\n"
           "    content: [/etc/ringfort/yara]\n"
           f"gate: {{exec: [/], deadline_ms: {DEADLINE_MS}}}\n")


def fetched(here):
    """A folder with these packages and what this machine lacks of their dependencies, by this host's apt."""
    folder = lib.temporary("pk")
    os.makedirs(f"{folder}/partial")
    here.offline(f"cp {here.root}/var/lib/dpkg/status {folder}/status")
    done = subprocess.run(["apt-get", "-qq", "-y", "--no-install-recommends", "--download-only", "-o", "Debug::NoLocking=1",
                           "-o", f"Dir::State::status={folder}/status", "-o", f"Dir::Cache::archives={folder}",
                           "install", *WANTED], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise Skip(f"apt-get cannot fetch packages: {done.stderr.strip()[-300:]}")
    return glob.glob(f"{folder}/*.deb")


def guarded_machine():
    """Booted, its whole root guarded by both; the packages lie in /pk."""
    files = debs()[0]
    here = machine.Machine(machine.base_archive(SYSTEM + dependencies(files)))
    folder, rules = lib.temporary("files"), lib.temporary("rules")
    for name in MALICE:
        os.symlink(f"{public_rules()}/{name}", f"{rules}/{name}")
    os.symlink(YARA_RULES, f"{rules}/bundled")
    denying = policy_that_denies(names_of_rules(*glob.glob(f"{rules}/*/")), PATIENT)
    for name, text in (("policy.yaml", LOCKDOWN + MORE), ("gate.yaml", GUARDED)):
        with open(f"{folder}/{name}", "w") as file:
            file.write(text)
    here.offline(f"install -m 644 -D -t {here.root}/pk {' '.join(fetched(here))}\n"
                 f"install -m 644 -D -t {here.root}/debs {' '.join(files)}\n"
                 f"DEBIAN_FRONTEND=noninteractive chroot {here.root} sh -c 'dpkg -i /debs/*.deb'\n"
                 f"install -m 644 -D -t {here.root}/etc/ringfort/allowlist {folder}/policy.yaml\n"
                 f"install -m 644 -D -t {here.root}/etc/ringfort/ringfortd.d {folder}/gate.yaml\n"
                 f"mkdir {here.root}/etc/ringfort/yara\n"
                 f"cp -rL {rules}/. {denying}/. {here.root}/etc/ringfort/yara/\n"
                 f"chmod -R a+rX {here.root}/etc/ringfort/yara")
    here.boot()
    return here


def gate_of(here):
    done = here.run("ringfort gate --json", check=False)
    return json.loads(done.stdout) if done.stdout.startswith("{") else {}


def denied_in(here):
    return {s["name"]: s["denied"] for s in gate_of(here)["solutions"]}


@case("a Debian boots, and 20 packages and more are installed into it, used and purged: nothing is denied")
def packages():
    if not lib.LONG:
        raise Skip("./test --long boots a Debian in a container")
    machine.need_tools()
    public_rules()
    here = guarded_machine()
    wait_until(lambda: len(gate_of(here).get("solutions", [])) == 2 and all(s["acts"] for s in gate_of(here)["solutions"]), 90,
               lambda: here.run("ringfort status; ringfort gate", check=False).stdout[-1500:])
    here.run("cp /usr/bin/id /root/stranger")
    equal(here.run("/root/stranger", check=False).returncode, 126, "a program of no package")
    said = {s["name"]: s["said"] for s in json.loads(here.run("ringfort status --json", check=False).stdout)["solutions"]}
    n_rules = all_deny(said["yara"], names_of_rules(YARA_RULES, *(f"{public_rules()}/{name}" for name in MALICE)))
    before, asked = denied_in(here), gate_of(here)["asked"]
    equal(before, {"allowlist": 1, "yara": 0}, "denied since it was booted")
    installed = "dpkg-query -W -f '${db:Status-Status} ${Package}\n' | grep -c '^installed '"
    n = int(here.run(installed).stdout)
    done = here.run("DEBIAN_FRONTEND=noninteractive apt-get -y --no-install-recommends install /pk/*.deb", timeout=900)
    n = int(here.run(installed).stdout) - n
    require(n >= 20, f"{n} were installed: {done.stdout[-500:]}")
    equal(denied_in(here), before, f"denied while they were installed: {here.run('ringfort findings').stdout[-1500:]}")
    # Whoever cannot be executed ends with 126.
    used = here.run(f"for p in $(dpkg -L {' '.join(WANTED)} | grep -E '^(/usr)?/s?bin/'); do [ -f $p ] && [ -x $p ] || continue; "
                    "timeout 5 $p --version </dev/null >/dev/null 2>&1; echo $? $p; done", timeout=300).stdout.split("\n")
    equal([line for line in used if line.startswith("126 ")], [], "programs that do not run")
    require(len(used) > 40, used)
    here.run(f"DEBIAN_FRONTEND=noninteractive apt-get -y purge {' '.join(WANTED)}", timeout=600)
    equal(denied_in(here), before, f"denied until they were purged: {here.run('ringfort findings').stdout[-1500:]}")
    equal(here.run("/root/stranger", check=False).returncode, 126, "a program of no package, at last")
    gate = gate_of(here)
    equal((gate["overridden"], [s["self_harm"] for s in gate["solutions"]], [s["late"] for s in gate["solutions"]]),
          (0, [0, 0], [0, 0]), "overridden, self-harm, late")
    figure(f"{n} packages installed, {len(used) - 1} programs of theirs run, all purged: {gate['asked'] - asked} executions asked "
           f"about, {n_rules} rules of YARA, 0 denied")
    here.off()


if __name__ == "__main__":
    lib.main()
