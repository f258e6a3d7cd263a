# SPDX-License-Identifier: Apache-2.0
"""Events of files: opens, names that come and go, attributes; see acts.py."""

import os
import subprocess

import lib
from acts import (APPEND, CREAT, EXCL, NOBODY, RDWR, TRUNC, WRONLY, Act, World, closing_cases, dev_of,
                  exec_is, file_is, fresh, image_is, name_of)
from lib import case, equal, require


# ---- opens ----------------------------------------------------------------------------

def opened(act, flags, via="syscall", created=False, mode=0o640, **file):
    described = file_is(act, **file)
    act.expect("file.open_write", {"file": described, "open_flags": flags}, via=via)
    if created:
        act.expect("file.create", {"file": described, "kind": "regular", "mode": 0o100000 | mode,
                                   "target": ""}, via=via)


for _how in ("open", "openat", "openat2"):
    def _opens_new(how=_how):
        path = name_of(f"new-{how}")
        act = Act("open", how, WRONLY | CREAT, "640", path, "-", wait_types=["file.modify"])
        opened(act, WRONLY | CREAT, created=True)
        act.expect("file.modify", {"file": file_is(act)}, via="kernel")
        act.expect_types(file_open_write=1, file_create=1, file_modify=1)
    case(f"file.open_write and file.create tell of {_how} that makes its file")(_opens_new)

    def _opens_old(how=_how):
        path = fresh(f"old-{how}", mode=0o600)
        act = Act("open", how, RDWR | CREAT | APPEND, "640", path, "w", wait_types=["file.modify"])
        opened(act, RDWR | CREAT | APPEND)
        act.expect_types(file_open_write=1, file_modify=1)
    case(f"file.open_write alone tells of {_how} with O_CREAT of a file that was there")(_opens_old)


@case("file.open_write and file.create tell of creat")
def creat():
    act = Act("open", "creat", 0, "600", name_of("new-creat"), "-")
    opened(act, WRONLY | CREAT | TRUNC, created=True, mode=0o600)


@case("file.open_write tells an open below a folder's descriptor with its whole path")
def open_relative():
    os.mkdir(name_of("folder"))
    act = Act("open", "relative", WRONLY | CREAT | EXCL, "640", name_of("folder/leaf"), "-")
    opened(act, WRONLY | CREAT | EXCL, created=True)


@case("file.open_write through a link to a folder tells where it leads")
def open_through_link():
    os.mkdir(name_of("real"))
    os.symlink("real", name_of("alias"))
    act = Act("open", "open", WRONLY | CREAT, "640", name_of("alias/leaf"), "-")
    opened(act, WRONLY | CREAT, created=True, path=name_of("real/leaf"))


@case("file.open_write through a link whose name differs tells the file that it leads to")
def open_link():
    aim = os.stat(fresh("aim"))
    os.symlink("aim", name_of("arrow"))
    act = Act("open", "open", WRONLY, "0", name_of("arrow"), "-")
    described = {**file_is(act, path=name_of("aim")), "dev": dev_of(aim), "ino": aim.st_ino}
    act.expect("file.open_write", {"file": described, "open_flags": WRONLY})


@case("file.open_write of a file without a name (O_TMPFILE) is flagged as deleted")
def open_tmpfile():
    act = Act("open-tmpfile", act_folder())
    flags = os.O_TMPFILE | RDWR
    event = act.of("file.open_write")[-1]["ringfort"]
    file = event["file"]
    require(file["path"].startswith(act_folder() + "/#"), file["path"])
    equal((file["dev"], file["ino"], file["deleted"], event["open_flags"] & flags),
          (act.told["file.dev"], act.told["file.ino"], True, flags), "file")


def act_folder():
    return World.get().work


@case("opens for reading, opens that fail and attributes of users give no event")
def file_nothing():
    Act("file-nothing", fresh("readable")).expect_types()


@case("opens in another mount namespace are marked foreign_ns and carry that namespace")
def foreign_open():
    world = World.get()
    act = Act("open", "openat", WRONLY | CREAT, "640", name_of("foreign"), "-", new_mounts=True)
    require(act.who["mnt_ns"] != world.mnt_ns, "the namespace is not another")
    opened(act, WRONLY | CREAT, created=True)
    equal(act.of("file.open_write")[-1]["ringfort"]["file"]["foreign_ns"], True, "foreign_ns")


@case("names made in another mount namespace are marked foreign_ns")
def foreign_mkdir():
    act = Act("mkdir", name_of("foreign-folder"), new_mounts=True)
    act.expect("file.create", {"file": file_is(act, quality="caller", foreign_ns=True), "kind": "directory",
                               "mode": 0o1750, "target": ""})


@case("an exec in another mount namespace is marked foreign_ns")
def foreign_exec():
    world = World.get()
    argv = ["zero", "landed"]
    act = Act("exec", world.work + "/act", *argv, new_mounts=True)
    act.expect("process.exec", exec_is(act, file_is(act, path=world.trigger, foreign_ns=True),
                                       world.work + "/act", argv),
               **image_is(world.trigger, world.work + "/act", argv))


# ---- file.modify ----------------------------------------------------------------------

@case("file.modify tells of a file that was written and closed")
def modify():
    act = Act("open", "open", WRONLY, "0", fresh("written"), "w", wait_types=["file.modify"])
    act.expect("file.modify", {"file": file_is(act)}, via="kernel")


@case("file.modify tells of a mapping that was written through after its descriptor was closed")
def modify_mapped():
    path = fresh("mapped", "content")
    act = Act("mapped", path, wait_types=["file.modify"])
    act.expect("file.modify", {"file": file_is(act)}, via="kernel")


# ---- names ----------------------------------------------------------------------------

def created(act, kind, mode=0, target="", via="syscall", **file):
    act.expect("file.create", {"file": file_is(act, quality="caller", **file), "kind": kind, "mode": mode,
                               "target": target}, via=via)
    act.expect_types(file_create=1)


@case("file.create tells of mkdir with its mode")
def mkdir():
    created(Act("mkdir", name_of("made")), "directory", 0o1750)


@case("file.create tells of mkdirat below a folder's descriptor with its whole path")
def mkdirat():
    os.mkdir(name_of("base"))
    created(Act("mkdirat", name_of("base"), "below"), "directory", 0o700, path=name_of("base/below"))


@case("file.create tells of symlink and where it leads")
def symlink():
    created(Act("symlink", "to/some where", name_of("symlink")), "symlink", target="to/some where")


@case("file.create tells of link and the older name")
def link():
    old = fresh("older")
    created(Act("link", old, name_of("hardlink")), "hardlink", target=old)


@case("file.create tells of mknod: a node, and a regular file")
def mknod():
    created(Act("mknod", "fifo", name_of("fifo")), "node", 0o010640)
    created(Act("mknod", "regular", name_of("by-mknod")), "regular", 0o100640)


@case("file.create with a relative path tells the whole path")
def mkdir_relative():
    created(Act("mkdir", "relative-made"), "directory", 0o1750, path=name_of("relative-made"))


@case("a path that is not UTF-8 is shown with U+FFFD")
def mkdir_not_utf8():
    act = Act("mkdir", os.fsencode(name_of("odd-")) + b"\xff")
    created(act, "directory", 0o1750, path=name_of("odd-�"))


def renamed(act, flags=0, via="syscall"):
    act.expect("file.rename", {"from": file_is(act, "from", quality="caller"),
                               "to": file_is(act, "to", quality="caller"), "rename_flags": flags}, via=via)
    act.expect_types(file_rename=1)


@case("file.rename tells of rename both names")
def rename():
    renamed(Act("rename", "rename", 0, fresh("from"), name_of("to")))


@case("file.rename tells of renameat2 its flags")
def renameat2():
    renamed(Act("rename", "renameat2", 1, fresh("from2"), name_of("to2")), 1)
    renamed(Act("rename", "renameat2", 2, fresh("from3"), fresh("to3")), 2)


def unlinked(act, directory, via="syscall", **file):
    act.expect("file.unlink", {"file": file_is(act, quality="caller", **file), "directory": directory}, via=via)
    act.expect_types(file_unlink=1)


@case("file.unlink tells of unlink, unlinkat and rmdir, and whether it was a folder")
def unlink():
    unlinked(Act("unlink", fresh("gone")), False)
    os.mkdir(name_of("gone-folder"))
    unlinked(Act("rmdir", name_of("gone-folder")), True)
    fresh("gone-at")
    unlinked(Act("unlinkat", act_folder(), "gone-at", 0), False, path=name_of("gone-at"))
    os.mkdir(name_of("gone-folder-at"))
    unlinked(Act("unlinkat", act_folder(), "gone-folder-at", 0x200), True, path=name_of("gone-folder-at"))


# ---- attributes -----------------------------------------------------------------------

def attr(act, what, mode=0, uid=NOBODY, gid=NOBODY, via="syscall", quality="caller"):
    act.expect("file.attr", {"file": file_is(act, quality=quality), "what": what, "mode": mode,
                             "new_uid": uid, "new_gid": gid}, via=via)
    act.expect_types(file_attr=1)


@case("file.attr tells of chmod, fchmod and fchmodat with the set-id bits")
def chmod():
    attr(Act("chmod", "chmod", "4755", fresh("m1")), "mode", 0o4755)
    attr(Act("chmod", "fchmod", "2755", fresh("m2")), "mode", 0o2755, quality="resolved")
    attr(Act("chmod", "fchmodat", "6711", fresh("m3")), "mode", 0o6711)


@case("file.attr tells of chown, lchown, fchown and fchownat the owners asked for")
def chown():
    attr(Act("chown", "chown", 12, 34, fresh("o1")), "owner", uid=12, gid=34)
    attr(Act("chown", "lchown", 12, -1, fresh("o2")), "owner", uid=12)
    attr(Act("chown", "fchown", -1, 34, fresh("o3")), "owner", gid=34, quality="resolved")
    attr(Act("chown", "fchownat", 5, 6, fresh("o4")), "owner", uid=5, gid=6)


@case("file.attr tells of capabilities given to a file")
def setxattr():
    attr(Act("setxattr", "setxattr", fresh("x1")), "capabilities")
    attr(Act("setxattr", "fsetxattr", fresh("x2")), "capabilities", quality="resolved")


# ---- the acting process ----------------------------------------------------------------------

@case("the acting process is told with real and effective ids that differ")
def process_ids():
    path = name_of("ids")
    act = Act("mkdir", path, ids=(1000, 2000, 1001, 2001))
    equal([act.who[k] for k in ("uid", "euid", "gid", "egid")], [1000, 2000, 1001, 2001], "ids of the actor")
    created(act, "directory", 0o1750)


@case("the acting process is told with its login uid and audit session")
def process_login():
    try:
        act = Act("mkdir", name_of("login"), loginuid=4711)
    except OSError as error:
        raise lib.Skip(f"the login uid cannot be set here: {error}")
    except subprocess.SubprocessError:
        raise lib.Skip("the login uid cannot be set here")
    equal(act.who["loginuid"], 4711, "login uid of the actor")
    created(act, "directory", 0o1750)


@case("the acting process is told with its controlling terminal")
def process_tty():
    act = Act("mkdir", name_of("tty"), terminal=True)
    require(act.who["tty"].startswith("/dev/pts/"), "the actor has no terminal:", act.who["tty"])
    created(act, "directory", 0o1750)


closing_cases(('file',))

if __name__ == "__main__":
    lib.main()
