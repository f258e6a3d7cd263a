# SPDX-License-Identifier: Apache-2.0
"""New content is tried in a throw-away process; what fails there never reaches the running rules."""

import os
import shutil
import subprocess
import threading
import time

import lib
from lib import case, equal, require, wait_until

MARK = """title: {title}
id: 5b1f8e0a-0000-4000-8000-{number:012x}
author: the test
logsource: {{product: linux, category: process_creation}}
detection:
  selection:
    CommandLine|contains: {text}
  condition: selection
level: low
"""
BROKEN = MARK.format(title="Broken", number=1, text="x").replace("|contains", "|containz")


class Sigma:
    """The bundled solution's package, with a folder of rules of our own."""

    name, program = "sigma", "sigma"

    def __init__(self, rules):
        self.rules = rules

    def write(self, folder):
        package = os.path.join(folder, self.name)
        shutil.copytree(lib.STAGE + "/usr/libexec/ringfort/solutions/sigma", package)
        shutil.rmtree(package + "/rules")
        os.makedirs(package + "/rules")
        self.folder = package + "/rules"
        for name, text in self.rules.items():
            self.put(name, text)
        return package

    def put(self, name, text):
        with open(f"{self.folder}/{name}", "w") as file:
            file.write(text)

    def drop(self, name):
        os.unlink(f"{self.folder}/{name}")


def start(**rules):
    sigma = Sigma({name + ".yml": text for name, text in rules.items()})
    daemon = lib.Daemon([sigma])
    wait_until(lambda: daemon.solution("sigma")["state"] == "active", 20, "sigma is active")
    return daemon, sigma


def run(marker):
    subprocess.run(["/bin/true", marker], check=True)


def titles(daemon):
    return [finding["ringfort"]["title"] for finding in daemon.findings()]


def found(daemon, title, seconds=5):
    wait_until(lambda: title in titles(daemon), seconds, f"the finding {title!r}")


def reload(daemon, *arguments):
    done = daemon.cli("reload", *arguments, timeout=60)
    return done.returncode, done.stdout + done.stderr


@case("a reload takes new rules and drops the old ones, in the same process")
def swap():
    daemon, sigma = start(one=MARK.format(title="First", number=1, text="reload-marker-1"))
    with daemon:
        pid = daemon.solution("sigma")["pid"]
        run("reload-marker-1")
        found(daemon, "First")
        sigma.drop("one.yml")
        sigma.put("two.yml", MARK.format(title="Second", number=2, text="reload-marker"))
        equal(reload(daemon, "sigma")[0], 0, "exit status of reload")
        run("reload-marker-1")
        found(daemon, "Second")
        equal(titles(daemon).count("First"), 1, "findings of the rule that is gone")
        equal(daemon.solution("sigma")["pid"], pid, "pid of sigma")


@case("a broken rule makes the reload fail with file, line and reason, and the running rules stay")
def broken():
    daemon, sigma = start(one=MARK.format(title="First", number=1, text="reload-marker"))
    with daemon:
        sigma.put("broken.yml", BROKEN)
        sigma.put("two.yml", MARK.format(title="Second", number=2, text="reload-marker"))
        status, text = reload(daemon)
        equal(status, 1, "exit status of reload")
        require("broken.yml:7" in text and "containz" in text, "the reason:", text)
        run("reload-marker")
        found(daemon, "First")
        require("Second" not in titles(daemon), "a rule of the refused content has found")


@case("with --tolerate the rules that load are taken and the broken one is left out")
def tolerate():
    daemon, sigma = start(one=MARK.format(title="First", number=1, text="reload-marker"))
    with daemon:
        sigma.put("broken.yml", BROKEN)
        sigma.put("two.yml", MARK.format(title="Second", number=2, text="reload-marker"))
        equal(reload(daemon, "--tolerate")[0], 0, "exit status of reload")
        run("reload-marker")
        found(daemon, "Second")


@case("content that kills or chokes its reader ends the throw-away process only")
def hostile():
    daemon, sigma = start(one=MARK.format(title="First", number=1, text="reload-marker"))
    with daemon:
        before = daemon.solution("sigma")
        for name, text in (("brackets.yml", "a: " + "[" * 240000),
                           ("alternatives.yml", BROKEN.replace("|containz: x", "|re: '" + "(a|b?){1,900}" * 90 + "'")),
                           ("noise.yml", "".join(chr(1 + i % 250) for i in range(100000)))):
            sigma.put(name, text)
            status, text = reload(daemon)
            equal(status, 1, f"exit status of the reload with {name}: {text[:200]}")
            sigma.drop(name)
        after = daemon.solution("sigma")
        equal((after["pid"], after["restarts"], after["lost"]), (before["pid"], 0, 0), "sigma")
        run("reload-marker")
        found(daemon, "First")


@case("no event is lost while rules are swapped again and again")
def under_load():
    daemon, sigma = start(one=MARK.format(title="First", number=1, text="reload-marker"))
    with daemon:
        stop = threading.Event()
        runs = []

        def storm():
            while not stop.is_set():
                run("reload-nothing")
                runs.append(1)

        thread = threading.Thread(target=storm)
        thread.start()
        try:
            for number in range(2, 8):
                sigma.put("more.yml", MARK.format(title=f"Rule {number}", number=number, text=f"swap-{number}"))
                equal(reload(daemon)[0], 0, "exit status of reload")
                run(f"swap-{number}")
                found(daemon, f"Rule {number}")
        finally:
            stop.set()
            thread.join()
        state = daemon.solution("sigma")
        equal(state["lost"], 0, "events lost by sigma")
        require(state["delivered"] >= len(runs), "delivered", state["delivered"], "of", len(runs), "execs")
        lib.figure(f"{len(runs)} execs and {state['delivered']} events over 6 reloads, 0 lost")


@case("reload names a solution that is not there and exits 1")
def unknown():
    daemon, _ = start(one=MARK.format(title="First", number=1, text="reload-marker"))
    with daemon:
        status, text = reload(daemon, "nobody")
        equal(status, 1, "exit status")
        require("nobody" in text or "no solution" in text, "what it says:", text)


lib.main()
