# SPDX-License-Identifier: Apache-2.0
"""Events of processes: exec, fork, exit, credentials, ptrace; see acts.py."""

import os
import resource
import shutil
import signal
import subprocess

import lib
from acts import (ARGV_CEILING, PROCESS_ARGV_CEILING, Act, World, closing_cases, dev_of, exec_is, file_is,
                  fresh, image_is, name_of, told_text)
from lib import case, equal, require


# ---- process.exec ----------------------------------------------------------------------------

@case("process.exec of an ordinary program tells file, call, arguments, environment and descriptors")
def exec_plain():
    world = World.get()
    act = Act("exec", world.work + "/act", "zero", "landed", "two words", "")
    argv = ["zero", "landed", "two words", ""]
    equal(act.told["argv"], argv, "what the trigger says")
    act.expect("process.exec", exec_is(act, file_is(act, path=world.trigger), world.work + "/act", argv),
               **image_is(world.trigger, world.work + "/act", argv))
    act.expect_types(process_exec=1)


@case("process.exec by a relative path tells the path as called and the file as resolved")
def exec_relative():
    world = World.get()
    act = Act("exec", "./launch", "zero", "landed")
    argv = ["zero", "landed"]
    act.expect("process.exec", exec_is(act, file_is(act, path=world.trigger), "./launch", argv),
               **image_is(world.trigger, "./launch", argv))


@case("process.exec of a script tells the script, its interpreter and what runs")
def exec_script():
    world = World.get()
    path = fresh("script.sh", "#!/bin/sh -e\nexit 0\n", 0o755)
    act = Act("exec", path, "ignored", "argument")
    shell = os.path.realpath("/bin/sh")
    argv = ["/bin/sh", "-e", path, "argument"]
    st = os.stat(shell)
    shell_file = {**file_is(act, path=shell), "dev": dev_of(st), "ino": st.st_ino}
    act.expect("process.exec",
               exec_is(act, shell_file, path, argv, flags=["script"], interpreter="/bin/sh",
                       script=file_is(act, path=path, quality="caller")),
               **image_is(shell, path, argv))


@case("process.exec of a script by a relative path resolves the script's folder")
def exec_script_relative():
    path = fresh("script2.sh", "#!/bin/sh\nexit 0\n", 0o755)
    act = Act("exec", "./script2.sh", "ignored")
    event = act.of("process.exec")[-1]["ringfort"]
    equal((event["called"], event["script"]["path"]), ("./script2.sh", path), "called and script")


@case("process.exec of a memfd is flagged as memfd and deleted")
def exec_memfd():
    world = World.get()
    argv = ["zero", "landed"]
    act = Act("exec-memfd", world.trigger, *argv)
    called = f"/dev/fd/{act.told['fd']}"
    # A memfd belongs to no mount namespace.
    file = file_is(act, path="/memfd:payload", deleted=True, memfd=True, mnt_ns=lambda n: True)
    event = act.expect("process.exec",
                       exec_is(act, lambda got: got["path"] == file["path"] and got["memfd"] and
                               got["deleted"] and got["ino"] == file["ino"] and got["dev"] == file["dev"] and
                               not got["foreign_ns"] and not got["truncated"] and
                               got["quality"] == "resolved" and got["mnt_ns"] in (0, world.mnt_ns),
                               called, argv, flags=["memfd", "deleted"]),
                       **image_is("/memfd:payload", called, argv))
    require(event["file"]["memfd"], "memfd")


@case("process.exec of a file that was unlinked is flagged as deleted")
def exec_deleted():
    world = World.get()
    path = name_of("doomed")
    shutil.copy(world.trigger, path)
    argv = ["zero", "landed"]
    act = Act("exec-deleted", path, *argv)
    called = f"/dev/fd/{act.told['fd']}"
    act.expect("process.exec",
               exec_is(act, file_is(act, path=path, deleted=True), called, argv, flags=["deleted"]),
               **image_is(path, called, argv))


@case("process.exec by descriptor (execveat) tells the file and how it was called")
def exec_fd():
    world = World.get()
    argv = ["zero", "landed"]
    act = Act("exec-fd", world.trigger, *argv)
    called = f"/dev/fd/{act.told['fd']}"
    act.expect("process.exec", exec_is(act, file_is(act, path=world.trigger), called, argv),
               **image_is(world.trigger, called, argv))


@case("process.exec from a thread that is not the leader belongs to the process")
def exec_thread():
    world = World.get()
    argv = ["zero", "landed"]
    act = Act("exec-thread", world.work + "/act", *argv)
    st = os.stat(world.trigger)
    file = {**file_is(act, path=world.trigger, known=False), "dev": dev_of(st), "ino": st.st_ino}
    act.expect("process.exec", exec_is(act, file, world.work + "/act", argv),
               **image_is(world.trigger, world.work + "/act", argv))
    act.expect_types(process_exec=1)


def failed_exec(called, number, **changes):
    world = World.get()
    act = Act("exec-failed", called, "zero", "one")
    equal(act.told["error"], number, "errno")
    path = called if called.startswith("/") else f"{world.work}/{called}"
    fields = exec_is(act, file_is(act, path=path, quality="caller"), called, ["zero", "one"], error=number,
                     env=[])
    act.expect("process.exec", {**fields, **changes})
    act.expect_types(process_exec=1)


@case("process.exec that fails with ENOENT is told with its error")
def exec_enoent():
    failed_exec(name_of("is-not-there"), 2)


@case("process.exec that fails with EACCES is told with its error")
def exec_eacces():
    failed_exec(fresh("not-executable", "x"), 13)


@case("process.exec that fails by a relative path is told below the working directory")
def exec_enoent_relative():
    failed_exec("neither-here", 2)


@case("process.exec with a socket as all three descriptors looks like a reverse shell")
def exec_socket():
    world = World.get()
    argv = ["zero", "landed"]
    act = Act("exec-socket", world.work + "/act", *argv)
    st = os.stat(world.trigger)
    file = {**file_is(act, path=world.trigger, known=False), "dev": dev_of(st), "ino": st.st_ino}
    act.expect("process.exec", exec_is(act, file, world.work + "/act", argv, stdin_is="socket",
                                       stdout_is="socket", stderr_is="socket"),
               **image_is(world.trigger, world.work + "/act", argv))


@case("process.exec tells files, folders, /dev/null, devices, terminals and closed descriptors apart")
def exec_stdio():
    world = World.get()
    path = fresh("stdio")
    for paths, kinds in ((("/dev/null", path, world.work), ("null", "file", "directory")),
                         (("/dev/zero", "closed", "-"), ("device", "closed", "pipe")),
                         (("/dev/ptmx", "/dev/null", "closed"), ("tty", "null", "closed"))):
        act = Act("exec-stdio", *paths, world.work + "/act", "zero", "landed")
        event = act.of("process.exec")[-1]["ringfort"]
        equal((event["stdin_is"], event["stdout_is"], event["stderr_is"]), kinds, f"stdio of {paths}")


@case("process.exec tells arguments up to 32768 bytes, then says that they are cut and how many there were")
def exec_long():
    world = World.get()
    act = Act("exec-long", world.work + "/act", 400)
    argv = act.told["argv"]
    equal(len(argv), 402, "arguments made")
    event = act.of("process.exec")[-1]["ringfort"]
    joined, whole = "\0".join(event["argv"]), "\0".join(argv)
    require(whole.startswith(joined), "the arguments told are not the first of those given")
    equal(len(joined), ARGV_CEILING - 1, "bytes told")
    equal((event["argc"], event["flags"]), (402, ["argv_truncated"]), "argc and flags")
    joined = "\0".join(event["process"]["argv"])
    require(whole.startswith(joined) and PROCESS_ARGV_CEILING - 110 <= len(joined) <= PROCESS_ARGV_CEILING,
            f"process.argv has {len(joined)} bytes")


@case("process.exec with arguments just below the ceiling tells them in full")
def exec_nearly_long():
    world = World.get()
    act = Act("exec-long", world.work + "/act", 320)
    event = act.of("process.exec")[-1]["ringfort"]
    equal(event["argv"], act.told["argv"], "argv")
    equal(event["flags"], [], "flags")


@case("process.exec with arguments that are not UTF-8 shows U+FFFD for what cannot be shown")
def exec_not_utf8():
    world = World.get()
    act = Act("exec", world.work + "/act", b"zero\xff", "landed".encode(), b"\xfe\x01\xc3\xa4", b"\n\t\"\\")
    event = act.of("process.exec")[-1]["ringfort"]
    equal(event["argv"], ["zero�", "landed", "�\x01ä", "\n\t\"\\"], "argv")
    equal(event["argv"], [told_text(t) for t in act.told["argv"]], "argv as told")


@case("process.exec of a set-id program is flagged secure and tells the new ids")
def exec_secure():
    world = World.get()
    path = name_of("setid-program")
    shutil.copy(world.trigger, path)
    os.chown(path, 1234, 1235)
    os.chmod(path, 0o6755)
    argv = ["zero", "landed"]
    act = Act("exec", path, *argv, ids=(1000, 1000, 1001, 1001))
    event = act.expect("process.exec",
                       exec_is(act, file_is(act, path=path), path, argv, flags=["secure"], cap_effective=0),
                       **image_is(path, path, argv), euid=1234, egid=1235)
    require(event["process"]["uid"] == 1000, "uid")


# ---- process.fork and process.exit -----------------------------------------------------------

def fork_is(act):
    return {"child": lambda c: c["pid"] == act.told["child.pid"] and
            c["start_ns"] // 10000000 == act.told["child.ticks"],
            "clone_flags": act.told["flags"]}


@case("process.fork tells the child and the flags of fork, clone and clone3")
def fork():
    for how in ("fork", "clone", "clone3"):
        act = Act("fork", how)
        act.expect("process.fork", fork_is(act))
        act.expect_types(process_fork=1)


@case("process.fork tells of vfork")
def vfork():
    act = Act("vfork")
    act.expect("process.fork", fork_is(act))
    act.expect_types(process_fork=1)


@case("a thread is no process: it gives no process.fork and no process.exit")
def thread():
    Act("thread").expect_types()


@case("process.exit tells the exit status")
def exit_code():
    for code in (0, 7, 255):
        act = Act("exit-code", code)
        equal(os.waitstatus_to_exitcode(act.status), code, "as its parent saw it")
        act.expect("process.exit", {"exit_code": code, "signal": 0, "core_dumped": False})


@case("process.exit tells the signal that killed it")
def exit_signal():
    for number in (signal.SIGKILL, signal.SIGTERM):
        act = Act("exit-signal", int(number), 0)
        equal(os.WTERMSIG(act.status), number, "as its parent saw it")
        act.expect("process.exit", {"exit_code": 0, "signal": int(number), "core_dumped": False})


@case("process.exit tells when a core was dumped")
def exit_core():
    with open("/proc/sys/kernel/core_pattern") as file:
        if file.read(1) == "|":
            raise lib.Skip("core_pattern is a pipe")
    act = Act("exit-signal", int(signal.SIGQUIT), 1)
    if not os.WCOREDUMP(act.status):
        raise lib.Skip(f"no core was dumped (limit {resource.getrlimit(resource.RLIMIT_CORE)})")
    act.expect("process.exit", {"exit_code": 0, "signal": int(signal.SIGQUIT), "core_dumped": True})


@case("process.exit comes once, when the last thread ends after the leader")
def exit_thread_last():
    act = Act("exit-thread-last")
    # The kernel keeps the status of the leader where no thread ended the group.
    act.expect("process.exit", {"exit_code": os.waitstatus_to_exitcode(act.status), "signal": 0,
                                "core_dumped": False}, tid=act.told["tid"])
    act.expect_types()


# ---- process.setid ---------------------------------------------------------------------------

def setid_case(how, **process):
    act = Act("setid", how)
    told = act.told
    fields = {k: told[k] & 0xffffffffffffffff for k in
              ("uid", "euid", "suid", "fsuid", "gid", "egid", "sgid", "fsgid", "cap_effective")}
    fields.update(old_uid=0, old_euid=0, old_gid=0, old_egid=0)
    act.expect("process.setid", fields, at=0, uid=told["uid"], euid=told["euid"], gid=told["gid"],
               egid=told["egid"], **process)
    act.expect_types(process_setid=1)


for _how in ("setuid", "setreuid", "setresuid", "setgid", "setregid", "setresgid", "setfsuid", "setfsgid",
             "capset"):
    case(f"process.setid tells of {_how} all ids now, those before and the capabilities")(
        lambda how=_how: setid_case(how))


@case("process.setid does not come when nothing has changed")
def setid_same():
    Act("setid", "same").expect_types()


# ---- process.ptrace --------------------------------------------------------------------------

def ptrace_is(act, request, **changes):
    return {"request": request, "error": act.told["error"], "target_exe": act.world.trigger,
            "target": lambda t: t["pid"] == act.told["target.pid"] and
            t["start_ns"] // 10000000 == act.told["target.ticks"], **changes}


@case("process.ptrace tells of an attachment")
def ptrace_attach():
    act = Act("ptrace-attach")
    act.expect("process.ptrace", ptrace_is(act, "attach"))
    act.expect_types(process_ptrace=1, process_fork=1)


@case("process.ptrace tells of a seizure")
def ptrace_seize():
    act = Act("ptrace-seize")
    act.expect("process.ptrace", ptrace_is(act, "seize"))


@case("process.ptrace tells of who asks to be traced")
def ptrace_traceme():
    act = Act("ptrace-traceme")
    act.expect("process.ptrace", ptrace_is(act, "traceme"))


@case("process.ptrace tells of writes to memory and registers, not of reads")
def ptrace_write():
    act = Act("ptrace-write")
    for at, request in enumerate(("attach", "pokedata", "poketext", "setregs")):
        act.expect("process.ptrace", ptrace_is(act, request), n=4, at=at)
    act.expect_types(process_ptrace=4, process_fork=1)


@case("process.ptrace tells of an attempt that failed, with its error")
def ptrace_failed():
    target = subprocess.Popen(["/bin/sleep", "60"], preexec_fn=lib.die_with_us)
    try:
        lib.wait_until(lambda: os.readlink(f"/proc/{target.pid}/exe").endswith("sleep"), 5, "sleep runs")
        act = Act("ptrace-failed", target.pid, ids=(1000, 1000, 1001, 1001))
        equal(act.told["error"], 1, "errno")
        act.expect("process.ptrace", ptrace_is(act, "attach", target_exe=os.path.realpath("/bin/sleep")))
    finally:
        target.kill()
        target.wait()


@case("process.ptrace tells of process_vm_writev")
def vm_writev():
    act = Act("vm-writev")
    act.expect("process.ptrace", ptrace_is(act, "process_vm_writev"))
    act.expect_types(process_ptrace=1, process_fork=1)


closing_cases(('process',))

if __name__ == "__main__":
    lib.main()
