# SPDX-License-Identifier: Apache-2.0
"""Scratch - a folder of the kit's own, with a file system in it to guard, and a second with a scope for opens."""

import glob
import os
import shutil
import subprocess
import tempfile

PREFIX_OF_FOLDERS = "ringfort-conformance-"
BASE_OF_SCOPES = "/var/tmp"


class Broken(Exception):
    """The kit cannot go on: nothing that the solution did."""


class Scratch:
    """A folder with a file system in it to guard, both gone after close().

    Close it only when the daemon has ended.  The gate guards what its path leads to, also after a mount has
    gone: should that ever happen, there is a second scratch file system below the first, and not the host's.

    What lies in `scope` is asked about when it is opened.  It is made in `beside`, on the same file system, and
    moved there, for the kit must not wait for the solution that it tries.
    """

    def __init__(self, with_scope=False):
        self.opens = self.scope = self.beside = None
        # Not below /tmp, where programs are suspicious by their place alone.
        base = "/run" if os.access("/run", os.W_OK) else tempfile.gettempdir()
        for place in (base, BASE_OF_SCOPES):
            remove_orphans(place)
        self.folder = tempfile.mkdtemp(prefix=f"{PREFIX_OF_FOLDERS}{os.getpid()}-", dir=base)
        os.chmod(self.folder, 0o755)
        self.outer, self.guarded = self.folder + "/outer", self.folder + "/outer/guarded"
        try:
            self.mount(self.outer)
            self.mount(self.guarded)
            if with_scope:
                self.make_scope()
        except (Broken, OSError):
            self.close()
            raise

    def make_scope(self):
        # Not below /run either: the system's own folders are no scope.
        self.opens = tempfile.mkdtemp(prefix=f"{PREFIX_OF_FOLDERS}{os.getpid()}-", dir=os.path.realpath(BASE_OF_SCOPES))
        os.chmod(self.opens, 0o755)
        mount_tmpfs(self.opens)
        self.scope, self.beside = self.opens + "/scope", self.opens + "/beside"
        os.mkdir(self.scope)
        os.mkdir(self.beside)

    @staticmethod
    def mount(path):
        os.mkdir(path)
        mount_tmpfs(path)

    def program(self, name, source="/bin/true"):
        path = os.path.join(self.guarded, name)
        if not os.path.exists(path):
            shutil.copy(source, path)
            os.chmod(path, 0o755)
        return path

    def programs(self, prefix, n):
        return [self.program(f"{prefix}-{i}") for i in range(n)]

    def file(self, name, source):
        """A copy in the scope."""
        path = os.path.join(self.scope, name)
        if not os.path.exists(path):
            os.rename(shutil.copy(source, os.path.join(self.beside, name)), path)
        return path

    def files(self, prefix, n):
        return [self.file(f"{prefix}-{i}", "/bin/true") for i in range(n)]

    def devices(self):
        """Of the file systems whose files the solution is handed."""
        return {os.stat(path).st_dev for path in (self.guarded, self.scope) if path}

    def close(self, keep=False):
        for folder in filter(None, (self.folder, self.opens)):
            unmount(folder)
        # What was there to be opened has gone with its file system.
        if self.opens:
            shutil.rmtree(self.opens, ignore_errors=True)
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)


def mount_tmpfs(path):
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755,size=256m", "tmpfs", path], capture_output=True,
                          text=True)
    if done.returncode:
        raise Broken(f"cannot mount a tmpfs: {done.stderr.strip()}")


def mounts_of(folder):
    return [path for path in (f"{folder}/outer/guarded", f"{folder}/outer", folder) if os.path.ismount(path)]


def unmount(folder):
    for path in mounts_of(folder):
        subprocess.run(["umount", "-l", path], capture_output=True)


def remove_orphans(base):
    """What a kit that was killed could not remove; what was kept on purpose has no mount in it."""
    for folder in glob.glob(f"{base}/{PREFIX_OF_FOLDERS}*"):
        pid = os.path.basename(folder)[len(PREFIX_OF_FOLDERS):].split("-")[0]
        if not os.path.exists(f"/proc/{pid}") and mounts_of(folder):
            unmount(folder)
            shutil.rmtree(folder, ignore_errors=True)
