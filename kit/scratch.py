# SPDX-License-Identifier: Apache-2.0
"""Scratch - a folder of the kit's own, with a file system in it to guard."""

import glob
import os
import shutil
import subprocess
import tempfile

PREFIX_OF_FOLDERS = "ringfort-conformance-"


class Broken(Exception):
    """The kit cannot go on: nothing that the solution did."""


class Scratch:
    """A folder with a file system in it to guard, both gone after close().

    Close it only when the daemon has ended.  The gate guards what its path leads to, also after a mount has
    gone: should that ever happen, there is a second scratch file system below the first, and not the host's.
    """

    def __init__(self):
        # Not below /tmp, where programs are suspicious by their place alone.
        base = "/run" if os.access("/run", os.W_OK) else tempfile.gettempdir()
        remove_orphans(base)
        self.folder = tempfile.mkdtemp(prefix=f"{PREFIX_OF_FOLDERS}{os.getpid()}-", dir=base)
        os.chmod(self.folder, 0o755)
        self.outer, self.guarded = self.folder + "/outer", self.folder + "/outer/guarded"
        try:
            self.mount(self.outer)
            self.mount(self.guarded)
        except Broken:
            self.close()
            raise

    @staticmethod
    def mount(path):
        os.mkdir(path)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755,size=256m", "tmpfs", path],
                              capture_output=True, text=True)
        if done.returncode:
            raise Broken(f"cannot mount a tmpfs: {done.stderr.strip()}")

    def program(self, name, source="/bin/true"):
        path = os.path.join(self.guarded, name)
        if not os.path.exists(path):
            shutil.copy(source, path)
            os.chmod(path, 0o755)
        return path

    def programs(self, prefix, n):
        return [self.program(f"{prefix}-{i}") for i in range(n)]

    def close(self, keep=False):
        unmount(self.folder)
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)


def unmount(folder):
    for path in ("outer/guarded", "outer"):
        subprocess.run(["umount", "-l", f"{folder}/{path}"], capture_output=True)


def remove_orphans(base):
    """What a kit that was killed could not remove; what was kept on purpose has no mount in it."""
    for folder in glob.glob(f"{base}/{PREFIX_OF_FOLDERS}*"):
        pid = os.path.basename(folder)[len(PREFIX_OF_FOLDERS):].split("-")[0]
        if not os.path.exists(f"/proc/{pid}") and os.path.ismount(folder + "/outer"):
            unmount(folder)
            shutil.rmtree(folder, ignore_errors=True)
