# SPDX-License-Identifier: Apache-2.0
"""Scratch - file systems that the benchmark makes, guards and takes away again.

Permission marks go on these alone, never on one that the machine lives on.
"""
import os
import shutil
import subprocess

IMAGE_BYTES = 64 << 20


class Scratch:
    """`tmpfs`: nothing on it may be remembered.  `disk`: a loop image, whose files may.

    The disk is of type ext2, by the driver of ext4: a peer that guards all file systems of a type is told
    this one, and finds no other.
    """

    def __init__(self, folder, kind, build):
        self.path, self.kind, self.mounted = f"{folder}/{kind}", kind, False
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
    """Both kinds, for the length of a with statement."""

    def __init__(self, folder, build):
        self.folder, self.build, self.made = folder, build, []

    def __enter__(self):
        os.makedirs(self.folder)
        try:
            self.made = [Scratch(self.folder, "tmpfs", self.build)]
            self.made.append(Scratch(self.folder, "disk", self.build))
        except BaseException:
            self.__exit__()
            raise
        return {scratch.kind: scratch for scratch in self.made}

    def __exit__(self, *_):
        for scratch in self.made:
            scratch.unmount()
