# SPDX-License-Identifier: Apache-2.0
"""Gate open - opens that are decided in scopes, and files that are shown when they were written to."""

import json
import os
import shutil
import signal
import subprocess
import time

import lib
from guarded import DEADLINE_MS, Scopes, Scratch, opens, write
from lib import case, equal, figure, require

OPENS = "authorize: [file.open]\n"
WRITES = "authorize: [file.modify]\n"


def opener(name, *manner, scopes=None, miss="fail-open"):
    more = f"scopes: {json.dumps(scopes)}\n" if scopes else ""
    return lib.Solution(name, "judge", manner, events=["process.exec"], extra=OPENS,
                        operator=f"{OPENS}mode: enforce\nmiss: {miss}\n{more}")


def shown(name, *manner, scopes=None):
    more = f"scopes: {json.dumps(scopes)}\n" if scopes else ""
    return lib.Solution(name, "shown", manner, events=["process.exec"], extra=WRITES, operator=WRITES + more)


def tree(scratch, n_deep=3):
    folder = f"{scratch.path}/scope"
    for i in range(n_deep):
        folder += f"/d{i}" if i else ""
        os.mkdir(folder)
    return f"{scratch.path}/scope", folder


# ---- where opens are decided -----------------------------------------------------------------------


@case("in a folder and all below it a denied file is not opened, its neighbour is; outside nobody is asked")
def folder():
    scratch = Scratch()
    top, deep = tree(scratch)
    paths = [write(f"{where}/bad") for where in (top, deep)]
    good, outside = write(f"{deep}/good"), write(f"{scratch.path}/bad")
    with Scopes([opener("judge", "deny-suffix=/bad")], [top]) as daemon:
        equal(daemon.scope(top)["folders"], 3, "folders")
        for path in paths:
            require(not opens(path), f"{path} was opened")
        require(opens(good), "good")
        asked = daemon.voice("judge")["asked"]
        require(opens(outside), "outside")
        equal(daemon.voice("judge")["asked"], asked, "asked about what is outside")
        verdict = daemon.why(paths[1])[0]
        equal((verdict["act"], verdict["verdict"]), ("file.open", "deny"), "why")
        require(not opens(paths[0], "r+b"), "for writing")
        with_exec = subprocess.run(["/bin/sh", shutil.copy("/bin/true", f"{top}/bad.sh")], capture_output=True)
        require(with_exec.returncode in (0, 126, 127, 2), "sh")


@case("what is no execution, and can be blocked in a scope: sh x, python x, ld.so x, a library that is loaded")
def block_scope():
    scratch = Scratch()
    top, _ = tree(scratch, 1)
    script = write(f"{top}/bad", "exit 0\n", 0o755)
    program = shutil.copy("/bin/true", f"{top}/true-bad")
    library = f"{top}/lib-bad"
    libc = next(line.split()[2] for line in subprocess.run(["ldd", "/bin/true"], capture_output=True, text=True)
                .stdout.splitlines() if "libc.so" in line)
    shutil.copy(libc, library)
    loader = next(p for p in ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1") if os.path.exists(p))
    acts = {"sh x": ["/bin/sh", script], "python x": ["python3", script], "ld.so x": [loader, program],
            "dlopen": ["python3", "-c", f"import ctypes; ctypes.CDLL('{library}')"]}
    with Scopes([opener("judge", "deny-suffix=bad")], [top]) as daemon:
        for name, command in acts.items():
            require(subprocess.run(command, capture_output=True).returncode != 0, f"{name} was not blocked")
        denied = daemon.gate()["denied"]
        require(denied >= len(acts), f"denied: {denied}")
        figure(f"{len(acts)} ways, {denied} denials")


@case("a bind mount in another mount namespace leads into the scope; a hard link outside leads past it")
def ways():
    scratch = Scratch()
    top, deep = tree(scratch)
    bad = write(f"{deep}/bad")
    os.link(bad, f"{scratch.path}/link-bad")
    elsewhere = lib.temporary("b")
    with Scopes([opener("judge", "deny-suffix=bad")], [top]):
        bound = subprocess.run(["unshare", "-m", "sh", "-c", f"mount --bind {deep} {elsewhere} && cat {elsewhere}/bad"],
                               capture_output=True)
        require(bound.returncode != 0, "through a bind mount in another mount namespace")
        require(opens(f"{scratch.path}/link-bad"), "by a name outside of the scope: documented as a way past")


@case("on a whole file system every file is decided, also in folders that were never walked")
def filesystem():
    scratch = Scratch()
    os.makedirs(f"{scratch.path}/a/b")
    bad = write(f"{scratch.path}/a/b/bad")
    with Scopes([opener("judge", "deny-suffix=/bad")], (), [scratch.path]) as daemon:
        require(daemon.scope(scratch.path)["filesystem"], "it is no file system")
        require(not opens(bad), "bad was opened")
        os.mkdir(f"{scratch.path}/new")
        require(not opens(write_denied(f"{scratch.path}/new/bad")), "a new one was opened")


def write_denied(path):
    """Made outside of Python's open, which would be asked about: by rename."""
    fd = os.open(os.path.dirname(path) + "/.tmp", os.O_CREAT | os.O_WRONLY, 0o644)
    os.close(fd)
    os.rename(os.path.dirname(path) + "/.tmp", path)
    return path


@case("a folder that is moved out is guarded no longer, nor what lies in it; within, back, or into another scope it is")
def folders_leave():
    for kind in ("tmpfs", "ext4"):
        scratch = Scratch(kind)
        one, two, out = (f"{scratch.path}/{name}" for name in ("one", "two", "out"))
        for path in (f"{one}/a/b/c", f"{one}/stays", two, out):
            os.makedirs(path)
        write(f"{one}/a/b/c/bad")
        write(f"{one}/a/bad")
        solutions = [opener("judge", "deny-suffix=/bad", scopes=[one]), opener("second", "allow", scopes=[two])]
        with Scopes(solutions, [one, two]) as daemon:
            equal(daemon.scope(one)["folders"], 5, f"folders on {kind}")
            require(not opens(f"{one}/a/b/c/bad"), "it is not denied at the beginning")
            begin = time.monotonic()
            os.rename(f"{one}/a", f"{out}/a")
            lib.wait_until(lambda: daemon.scope(one)["folders"] == 2, 5, lambda: daemon.gate())
            figure(f"{kind}: {(time.monotonic() - begin) * 1000:.0f} ms until three folders are guarded no longer, as told")
            asked = daemon.voice("judge")["asked"]
            require(opens(f"{out}/a/b/c/bad") and opens(f"{out}/a/bad"), "what has left is denied")
            os.makedirs(f"{out}/a/b/new")
            require(opens(write_denied(f"{out}/a/b/new/bad")), "what was made in it behind that is denied")
            equal(daemon.voice("judge")["asked"], asked, "asked about what has left")
            # Another takes its name, and then it comes back below that.
            os.mkdir(f"{one}/a")
            lib.wait_until(lambda: daemon.scope(one)["folders"] == 3, 5, lambda: daemon.gate())
            require(not opens(write_denied(f"{one}/a/bad")), "in another of the same name")
            os.rename(f"{out}/a", f"{one}/a/a")
            lib.wait_until(lambda: daemon.scope(one)["folders"] == 7, 5, lambda: daemon.gate())
            require(not opens(f"{one}/a/a/b/c/bad"), "when it is back")
            # Within its scope, and into another, whose solution lets it through.
            os.rename(f"{one}/a/a/b", f"{one}/stays/b")
            time.sleep(0.5)
            require(not opens(f"{one}/stays/b/c/bad"), "within the scope")
            os.rename(f"{one}/stays/b", f"{two}/b")
            lib.wait_until(lambda: daemon.scope(two)["folders"] == 4, 5, lambda: daemon.gate())
            asked = daemon.voice("judge")["asked"], daemon.voice("second")["asked"]
            require(opens(f"{two}/b/c/bad"), "in the other scope")
            equal((daemon.voice("judge")["asked"], daemon.voice("second")["asked"]), (asked[0], asked[1] + 1), "asked")


@case("folders that are made, moved in, or whose scope is made later, are guarded too")
def folders_come():
    scratch = Scratch()
    top, _ = tree(scratch, 1)
    later = f"{scratch.path}/later"
    os.makedirs(f"{scratch.path}/moved/sub")
    write(f"{scratch.path}/moved/sub/bad")
    with Scopes([opener("judge", "deny-suffix=/bad")], [top, later]) as daemon:
        require(daemon.scope(later)["why"], "a scope that is not there is told")
        begin = time.monotonic()
        os.makedirs(f"{top}/x/y")
        lib.wait_until(lambda: daemon.scope(top)["folders"] >= 3, 5, lambda: daemon.gate())
        made_ms = (time.monotonic() - begin) * 1000
        require(not opens(write_denied(f"{top}/x/y/bad")), "in a folder that was made")
        os.rename(f"{scratch.path}/moved", f"{top}/moved")
        lib.wait_until(lambda: daemon.scope(top)["folders"] >= 5, 5, lambda: daemon.gate())
        require(not opens(f"{top}/moved/sub/bad"), "in a folder that was moved in")
        os.mkdir(later)
        lib.wait_until(lambda: not daemon.scope(later)["why"], 5, lambda: daemon.gate())
        require(not opens(write_denied(f"{later}/bad")), "in a scope that was made later")
        figure(f"two folders made: marked {made_ms:.0f} ms later, as seen from here")


@case("how long a new folder stands open: from mkdir to the first denial")
def race():
    scratch = Scratch()
    top, _ = tree(scratch, 1)
    worst, total, n = 0.0, 0.0, 50
    with Scopes([opener("judge", "deny-suffix=/bad")], [top]) as daemon:
        for i in range(n):
            os.mkdir(f"{top}/f{i}")
            begin = time.monotonic()
            os.rename(write(f"{scratch.path}/new"), f"{top}/f{i}/bad")
            while True:
                try:
                    os.close(os.open(f"{top}/f{i}/bad", os.O_RDONLY))
                except PermissionError:
                    break
                require(time.monotonic() - begin < 5, "never guarded")
            took = time.monotonic() - begin
            worst, total = max(worst, took), total + took
    figure(f"{n} folders: {total / n * 1000:.1f} ms on average, {worst * 1000:.1f} ms at worst")


@case("a chain of folders as deep as a path can be is guarded to its end, and a deeper one is told")
def deep():
    scratch = Scratch()
    top, _ = tree(scratch, 1)
    chain = ("import os, sys\nos.chdir(sys.argv[1])\n"
             "for _ in range(int(sys.argv[2])):\n    os.mkdir('d')\n    os.chdir('d')\n"
             "os.close(os.open('.tmp', os.O_CREAT | os.O_WRONLY, 0o644))\nos.rename('.tmp', 'bad')\n")
    depth = (4000 - len(top)) // 2
    subprocess.run(["python3", "-c", chain, top, str(depth)], check=True)
    bottom = top + "/d" * depth
    with Scopes([opener("judge", "deny-suffix=/bad")], [top]) as daemon:
        walker = daemon.roles()["scopes"]
        lib.wait_until(lambda: daemon.scope(top)["folders"] == depth + 1, 10, lambda: daemon.gate())
        require(not opens(f"{bottom}/bad"), "at the end of the chain")
        equal(daemon.scope(top)["why"], "", "why")
        # Beyond what has a name: made while it is watched, and told.
        subprocess.run(["python3", "-c", chain, bottom, "200"], check=True)
        lib.wait_until(lambda: "too deep" in daemon.scope(top)["why"], 5, lambda: daemon.gate())
        equal(daemon.roles()["scopes"], walker, "the walker")
        figure(f"{depth} folders one below another")


@case("each solution is asked in its own scopes only")
def own_scopes():
    scratch = Scratch()
    one, other = f"{scratch.path}/one", f"{scratch.path}/other"
    os.mkdir(one)
    os.mkdir(other)
    a, b = write(f"{one}/file"), write(f"{other}/file")
    with Scopes([opener("first", "deny", scopes=[one]), opener("second", "allow", scopes=[other])], [one, other]) as daemon:
        require(not opens(a), "the first denies in its own")
        require(opens(b), "and not in the other's")
        equal(daemon.voice("second")["asked"], 1, "the second was asked")


@case("links and mounts below a scope lead the walk nowhere else")
def walk_stays():
    scratch, other = Scratch(), Scratch()
    top, _ = tree(scratch, 1)
    os.mkdir(f"{other.path}/inside")
    write(f"{other.path}/inside/bad")
    os.symlink(other.path, f"{top}/link")
    os.mkdir(f"{top}/point")
    subprocess.run(["mount", "--bind", other.path, f"{top}/point"], check=True)
    try:
        with Scopes([opener("judge", "deny")], [top]) as daemon:
            time.sleep(0.3)
            equal(daemon.scope(top)["folders"], 1, "folders")
            require(opens(f"{other.path}/inside/bad"), "a file outside was denied")
    finally:
        subprocess.run(["umount", "-l", f"{top}/point"], check=True)


@case("the system's own folders and file system are no scope, and the configuration says so")
def system():
    for path in ("/", "/usr", "/usr/lib", "/etc/ssl", "/var", "/var/log", "/bin"):
        file = lib.temporary("c") + "/ringfortd.yaml"
        write(file, f"gate: {{open: [\"{path}\"]}}\n")
        done = subprocess.run([f"{lib.STAGE}/usr/sbin/ringfortd", "--check-config", "--config", file],
                              capture_output=True, text=True)
        require(done.returncode == 78 and "where the system lives" in done.stderr and f"{file}:1:" in done.stderr,
                f"{path}: {done.returncode} {done.stderr}")
    # A folder of the system's file system that is no mount point may not pass for it.
    folder = lib.temporary("r")
    with Scopes([opener("judge", "deny")], (), [folder]) as daemon:
        require("mounted" in daemon.scope(folder)["why"], f"{daemon.gate()['scopes']}")
        require(opens(write(f"{folder}/file")), "a file there was denied")


# ---- deadlines and memory ---------------------------------------------------------------------------


@case("one that never answers costs an opener its deadline, by its miss mode")
def hang():
    scratch = Scratch()
    top, _ = tree(scratch, 1)
    file = write(f"{top}/file")
    for miss, expected in (("fail-open", True), ("fail-closed", False)):
        with Scopes([opener("judge", "hang", miss=miss)], [top]):
            begin = time.monotonic()
            equal(opens(file), expected, miss)
            took = time.monotonic() - begin
            require(DEADLINE_MS / 1000 * 0.8 < took < DEADLINE_MS / 1000 + 1, f"{took:.2f} s")


@case("a remembered open is not asked about again until the file is written to: in the kernel on a disk, else in our table")
def remembered():
    scratch = Scratch("ext4")
    top, _ = tree(scratch, 1)
    for folders, filesystems in (([top], ()), ((), [scratch.path])):
        file = write(f"{top}/file")
        time.sleep(0.1)
        with Scopes([opener("judge", "remember-suffix=/bad")], folders, filesystems) as daemon:
            require(opens(file), "first")
            asked = daemon.voice("judge")["asked"]
            events = daemon.gate()["asked"]
            for _ in range(5):
                require(opens(file), "again")
            equal(daemon.voice("judge")["asked"], asked, "asked again")
            in_kernel = daemon.gate()["asked"] == events
            equal(in_kernel, bool(filesystems), "remembered in the kernel")
            with open(file, "a") as out:
                out.write("more\n")
            time.sleep(0.1)
            asked = daemon.voice("judge")["asked"]
            require(opens(file), "after a write")
            equal(daemon.voice("judge")["asked"], asked + 1, "asked after a write")
            daemon.cli("solution", "stop", "judge")
            lib.wait_until(lambda: not (daemon.voice("judge") or {}).get("acts"), 5, "the end of judge")
            daemon.cli("solution", "start", "judge")
            lib.wait_until(lambda: (daemon.voice("judge") or {}).get("acts"), 10, "the next life of judge")
            asked = daemon.voice("judge")["asked"]
            require(opens(file), "after a restart of the solution")
            equal(daemon.voice("judge")["asked"], asked + 1, "asked after its restart")
        os.unlink(file)


def tampered(daemon):
    return [(f["ringfort"].get("what"), f["ringfort"].get("part")) for f in daemon.findings()]


@case("the gate's next life, and the next walker, guard what the last did; who killed or stopped one is told")
def lives():
    scratch = Scratch()
    top, deep = tree(scratch)
    bad = write(f"{deep}/bad")
    with Scopes([opener("judge", "deny-suffix=/bad")], [top]) as daemon:
        for part in ("gate", "scopes"):
            old = daemon.roles()
            os.kill(old[part], signal.SIGKILL)
            lib.wait_until(lambda: daemon.roles().get(part) not in (None, old[part]), 5, f"the next {part}")
            lib.wait_until(lambda: daemon.gate() and daemon.gate()["scopes"] and daemon.scope(top)["folders"] == 3, 5,
                           lambda: daemon.gate())
            lib.wait_until(lambda: not opens(bad), 5, "a denial")
            lib.wait_until(lambda: ("killed", part) in tampered(daemon), 3, lambda: tampered(daemon))
        os.kill(daemon.roles()["scopes"], signal.SIGSTOP)
        lib.wait_until(lambda: ("stopped", "scopes") in tampered(daemon), 3, lambda: tampered(daemon))
        os.mkdir(f"{top}/after")
        lib.wait_until(lambda: daemon.scope(top)["folders"] == 4, 5, lambda: daemon.gate())


# ---- what was written --------------------------------------------------------------------------------


@case("a file that was written to is shown with its content when it is closed, and nobody waits for who sees it")
def written():
    scratch = Scratch()
    top, deep = tree(scratch)
    with Scopes([shown("seer")], [top]) as daemon:
        path = write(f"{deep}/file", "hello")
        lib.wait_until(lambda: path in daemon.said("seer"), 3, lambda: daemon.said("seer"))
        require("bytes=hello" in daemon.said("seer"), daemon.said("seer"))
        write(f"{scratch.path}/outside", "nothing")
        time.sleep(0.3)
        require("outside" not in daemon.said("seer"), daemon.said("seer"))
        opens(path)
        equal(daemon.voice("seer")["asked"], 0, "asked")
        equal(daemon.gate()["pending"], 0, "pending")


@case("a burst is shown whole: what does not fit waits in the kernel")
def burst():
    scratch, n = Scratch(), 3000
    top, _ = tree(scratch, 1)
    with Scopes([shown("seer")], [top]) as daemon:
        begin = time.monotonic()
        for i in range(n):
            write(f"{top}/f{i}", str(i))
        took = time.monotonic() - begin
        lib.wait_until(lambda: f"n={n} lost=0" in daemon.said("seer"), 10, lambda: daemon.said("seer") +
                       str(daemon.voice("seer")))
        equal(daemon.voice("seer")["unshown"], 0, "not shown")
        figure(f"{n} files written in {took:.2f} s, all shown")


@case("one that takes nothing keeps its neighbour and the file system waiting for nothing; what it missed is counted and told")
def takes_nothing():
    scratch, n = Scratch(), 2000
    top, _ = tree(scratch, 1)
    with Scopes([shown("seer"), shown("stone", "hold"), opener("judge", "deny-suffix=/bad")], [top]) as daemon:
        for i in range(n):
            write_denied(f"{top}/f{i}")
        lib.wait_until(lambda: daemon.voice("seer")["shown"] >= n, 10, lambda: daemon.voice("seer"))
        lib.wait_until(lambda: daemon.voice("stone")["unshown"] > 0, 10, lambda: daemon.voice("stone"))
        require(not opens(write_denied(f"{top}/bad")), "a question found no room")
        lib.wait_until(lambda: daemon.voice("stone")["shown"] + daemon.voice("stone")["unshown"] >= n, 20,
                       lambda: daemon.voice("stone"))
        figure(f"of {n} files {daemon.voice('stone')['shown']} lie unread, {daemon.voice('stone')['unshown']} were given up")


if __name__ == "__main__":
    lib.main()
