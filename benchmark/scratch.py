# SPDX-License-Identifier: Apache-2.0
"""Scratch - file systems that the benchmark makes, guards and takes away again.

Permission marks go on these alone, never on one that the machine lives on.
"""
import contextlib
import os
import shutil
import subprocess
import tempfile

IMAGE_BYTES = 64 << 20


class Scratch:
    """`tmpfs`: nothing on it may be remembered.  `disk`: a loop image, whose files may.

    The disk is of type ext2, by the driver of ext4: a peer that guards all file systems of a type is told
    this one, and finds no other.
    """

    def __init__(self, folder, points, kind, build):
        self.path, self.kind, self.mounted = f"{points}/{kind}", kind, False
        os.makedirs(self.path)
        if kind == "tmpfs":
            self.mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", self.path)
        else:
            if not shutil.which("mkfs.ext2"):
                raise SystemExit("bench: mkfs.ext2 is not installed (e2fsprogs)")
            image = f"{folder}/{kind}.image"
            with open(image, "wb") as file:
                file.truncate(IMAGE_BYTES)
            subprocess.run(["mkfs.ext2", "-q", "-F", image], check=True)
            self.mount("-t", "ext2", "-o", "loop", image, self.path)
        self.program = f"{self.path}/true"
        shutil.copy(f"{build}/benchmark/bench-true", self.program)
        os.chmod(self.program, 0o755)

    def mount(self, *arguments):
        done = subprocess.run(["mount", *arguments], capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"bench: cannot make a scratch file system: {done.stderr.strip()}")
        self.mounted = True

    def unmount(self):
        if self.mounted:
            subprocess.run(["umount", "-l", self.path], capture_output=True)
        self.mounted = False


class Scratches:
    """Both kinds, for the length of a with statement.

    They are mounted below /tmp: the image is in a folder of /dev, where no scope may be.
    """

    def __init__(self, folder, build):
        self.folder, self.build, self.made = folder, build, []

    def __enter__(self):
        os.makedirs(self.folder)
        self.points = tempfile.mkdtemp(prefix="ringfort-bench.", dir="/tmp")
        os.chmod(self.points, 0o755)
        try:
            self.made = [Scratch(self.folder, self.points, "tmpfs", self.build)]
            self.made.append(Scratch(self.folder, self.points, "disk", self.build))
        except BaseException:
            self.__exit__()
            raise
        return {scratch.kind: scratch for scratch in self.made}

    def __exit__(self, *_):
        for scratch in self.made:
            scratch.unmount()
            # Only the point: whatever could not be unmounted stays.
            with contextlib.suppress(OSError):
                os.rmdir(scratch.path)
        with contextlib.suppress(OSError):
            os.rmdir(self.points)
