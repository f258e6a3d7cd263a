# SPDX-License-Identifier: Apache-2.0
"""Outside - images that the kernel asks nobody about, of a user of this test alone.

What the probe does to them it does on the whole host, hence a user whom nobody else here is.
"""
import contextlib
import ctypes
import errno
import os
import shutil
import signal
import stat
import struct
import subprocess

import lib

USER = 1800000000 + os.getpid() % 1000000
KINDS = ("memfd", "user_mount", "elsewhere")
KILLED = -signal.SIGKILL
PATIENCE = 20

MEMFD = ("import os,sys\n"
         "fd=os.memfd_create('hidden')\n"
         "os.write(fd, open(sys.argv[1],'rb').read())\n"
         "os.execve(fd, sys.argv[1:], {})\n")
DELETED = ("import os,sys\n"
           "fd=os.open(sys.argv[1], os.O_RDONLY)\n"
           "os.unlink(sys.argv[1])\n"
           "try: os.execve(fd, ['x'], {})\n"
           "except PermissionError: sys.exit(126)\n")


def outside(first=USER, count=1, **kinds):
    words = ", ".join(f"{kind}: {policy}" for kind, policy in kinds.items())
    return f", outside: {{{words}, uid_range: {{first: {first}, count: {count}}}}}"


def as_user(*command, **options):
    return subprocess.Popen(command, user=USER, group=USER, extra_groups=[], stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=lib.die_with_us, **options)


def status_of(process):
    try:
        return process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        raise lib.Failure(f"{process.args[0]} hangs")


class Witness:
    """A place where an image that runs leaves a file."""

    def __init__(self):
        self.folder = lib.temporary("w")
        os.chmod(self.folder, 0o777)
        self.n = 0

    def next(self):
        self.n += 1
        return f"{self.folder}/{self.n}"


def in_memory(witness):
    """(exit status, did it do anything, pid) of /bin/touch, executed from memory"""
    path = witness.next()
    process = as_user("python3", "-c", MEMFD, shutil.which("touch"), path)
    return status_of(process), os.path.exists(path), process.pid


def users_file(scratch, name, source="/bin/true"):
    path = scratch.program(name, source=source)
    os.chown(path, USER, USER)
    return path


def told(daemon, kind, seen, killed):
    lib.wait_until(lambda: (daemon.gate()["outside"][kind]["seen"], daemon.gate()["outside"][kind]["killed"]) ==
                   (seen, killed), 5, lambda: f"{seen} seen, {killed} killed: {daemon.gate()['outside']}")


def found(daemon, kind):
    return [f for f in daemon.findings() if f["ringfort"]["rule_id"] == f"ringfort.outside.{kind}"]


def events_of(daemon, pid):
    """Of the image in memory that this process has become."""
    return [f["ringfort"] for f in daemon.findings() if f["ringfort"]["process"]["pid"] == pid and
            f["ringfort"].get("file", {}).get("path") == "/memfd:hidden"]


def need_kill(daemon):
    if not daemon.gate()["outside"]["can_kill"]:
        raise lib.Skip("this kernel lets no program of ours send a signal")


class Fuse:
    """A FUSE file system with one executable file in it, which its server says is root's."""

    FILE, ATTR = 2, struct.Struct("<6Q10I")

    def __init__(self, image):
        self.image, self.path = image, lib.temporary("f")
        try:
            self.fd = os.open("/dev/fuse", os.O_RDWR)
        except OSError as error:
            raise lib.Skip(f"no FUSE here: {error}")
        libc = ctypes.CDLL(None, use_errno=True)
        options = f"fd={self.fd},rootmode=40755,user_id=0,group_id=0,allow_other".encode()
        if libc.mount(b"one", self.path.encode(), b"fuse", 0, options) < 0:
            raise lib.Skip(f"no FUSE here: {os.strerror(ctypes.get_errno())}")
        lib._open.append(lambda: subprocess.run(["umount", "-l", self.path], capture_output=True))
        # A process of its own: who executes from here waits for it, in vfork(2) with Python's lock held.
        pid = os.fork()
        if pid == 0:
            with contextlib.suppress(BaseException):
                lib.die_with_us()
                self.serve()
            os._exit(0)
        lib._open.append(lambda: (os.kill(pid, signal.SIGKILL), os.waitpid(pid, 0)))

    def attributes(self, node):
        file = node == self.FILE
        return self.ATTR.pack(node, len(self.image) if file else 0, 8, 0, 0, 0, 0, 0, 0,
                              stat.S_IFREG | 0o755 if file else stat.S_IFDIR | 0o755, 1, 0, 0, 0, 4096, 0)

    def answer(self, opcode, node, body):
        if opcode == 26:  # INIT: version 7.31, readahead, flags, background, congestion, max_write
            return struct.pack("<4I2H10I", 7, 31, 131072, 0, 12, 9, 131072, 1, *[0] * 8)
        if opcode == 1:  # LOOKUP: of one second's worth
            return struct.pack("<4Q2I", self.FILE, 0, 1, 1, 0, 0) + self.attributes(self.FILE)
        if opcode == 3:  # GETATTR
            return struct.pack("<Q2I", 1, 0, 0) + self.attributes(node)
        if opcode in (14, 27):  # OPEN, OPENDIR
            return struct.pack("<Q2I", 1, 0, 0)
        if opcode == 15:  # READ
            _, offset, size = struct.unpack_from("<2QI", body)
            return self.image[offset:offset + size]
        return b"" if opcode in (18, 25, 29, 34) else None  # RELEASE, FLUSH, RELEASEDIR, ACCESS

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                request = os.read(self.fd, 200000)
                _, opcode, unique, node = struct.unpack_from("<2I2Q", request)
                if opcode in (2, 42):  # FORGET: no answer
                    continue
                body = self.answer(opcode, node, request[40:])
                if body == "never":
                    continue
                error = 0 if body is not None else -errno.ENOSYS
                os.write(self.fd, struct.pack("<IiQ", 16 + len(body or b""), error, unique) + (body or b""))
