# SPDX-License-Identifier: Apache-2.0
"""The same acts through io_uring give the ordinary events, with via io_uring; see acts.py."""

import os

import lib
from acts import CREAT, NOBODY, RDWR, WRONLY, Act, Listener, end_is, file_is, fresh, name_of
from lib import case, equal, require


def uring(mode, *arguments, **options):
    with open("/proc/sys/kernel/io_uring_disabled") as file:
        if file.read().strip() != "0":
            raise lib.Skip("io_uring is disabled here")
    return Act("uring-" + mode, *arguments, **options)


def worker(act):
    """A worker thread of the ring may do it; it is a thread of the process."""
    return lambda tid: tid > 0


@case("the same through io_uring: openat and openat2 give file.open_write and file.create")
def uring_open():
    for how in ("openat", "openat2"):
        act = uring("open", how, WRONLY | CREAT, "640", name_of("uring-" + how))
        described = file_is(act)
        event = act.expect("file.open_write", {"file": described,
                                               "open_flags": lambda f: f & ~0o100000 == WRONLY | CREAT},
                           via="io_uring", tid=worker(act))
        act.expect("file.create", {"file": described, "kind": "regular", "mode": 0o100640, "target": ""},
                   via="io_uring", tid=worker(act))
        equal(event["via"], "io_uring", "via")
        act = uring("open", how, RDWR | CREAT, "640", name_of("uring-" + how))
        require(act.of("file.open_write") and not act.of("file.create"), "a file that was there is not created")


@case("the same through io_uring: mkdir, symlink and link give file.create")
def uring_create():
    options = {"via": "io_uring"}

    def made(act, kind, mode=0, target=""):
        act.expect("file.create", {"file": file_is(act, quality="caller"), "kind": kind, "mode": mode,
                                   "target": target}, tid=worker(act), **options)
        act.expect_types(file_create=1)
    made(uring("mkdir", name_of("uring-made")), "directory", 0o710)
    made(uring("symlink", "some/where", name_of("uring-symlink")), "symlink", target="some/where")
    old = fresh("uring-older")
    made(uring("link", old, name_of("uring-link")), "hardlink", target=old)


@case("the same through io_uring: rename gives file.rename, unlink and rmdir give file.unlink")
def uring_names():
    act = uring("rename", fresh("uring-from"), name_of("uring-to"))
    act.expect("file.rename", {"from": file_is(act, "from", quality="caller"),
                               "to": file_is(act, "to", quality="caller"), "rename_flags": 1},
               via="io_uring", tid=worker(act))
    for path, flags in ((fresh("uring-gone"), 0), (name_of("uring-gone-folder"), 0x200)):
        if flags:
            os.mkdir(path)
        act = uring("unlink", path, flags)
        act.expect("file.unlink", {"file": file_is(act, quality="caller"), "directory": bool(flags)},
                   via="io_uring", tid=worker(act))
        act.expect_types(file_unlink=1)


@case("the same through io_uring: setxattr and fsetxattr give file.attr")
def uring_attr():
    for how, quality in (("setxattr", "caller"), ("fsetxattr", "resolved")):
        act = uring("setxattr", how, fresh("uring-" + how))
        act.expect("file.attr", {"file": file_is(act, quality=quality), "what": "capabilities", "mode": 0,
                                 "new_uid": NOBODY, "new_gid": NOBODY}, via="io_uring", tid=worker(act))
        act.expect_types(file_attr=1)


@case("the same through io_uring: connect gives net.connect, refused ones too")
def uring_connect():
    with Listener("inet") as listener:
        act = uring("connect", listener.port)
    act.expect("net.connect", {"protocol": "tcp", "local": end_is("inet", act.told["port"]),
                               "remote": end_is("inet", listener.port), "error": 0, "denied_by": ""},
               via="io_uring", tid=worker(act))
    act = uring("connect", listener.port)
    equal(act.told["error"], 111, "errno")
    act.expect("net.connect", {"protocol": "tcp", "local": lambda end: end["family"] == "inet",
                               "remote": end_is("inet", listener.port), "error": 111, "denied_by": ""},
               via="io_uring", tid=worker(act))


@case("the same through io_uring: bind, listen and accept give theirs")
def uring_serve():
    act = uring("accept")
    act.expect("net.accept", {"protocol": "tcp", "local": end_is("inet", act.told["port"]),
                              "remote": end_is("inet", act.told["remote_port"])},
               via="io_uring", tid=worker(act))
    try:
        act = uring("bind")
        listening = uring("listen")
    except lib.Failure as failure:
        raise lib.Skip(f"this kernel's io_uring cannot bind and listen: {failure}")
    act.expect("net.bind", {"protocol": "tcp", "local": end_is("inet", act.told["port"]), "error": 0, "denied_by": ""},
               via="io_uring", tid=worker(act))
    listening.expect("net.listen", {"protocol": "tcp", "local": end_is("inet", listening.told["port"]),
                                    "backlog": 7}, via="io_uring", tid=worker(listening))


if __name__ == "__main__":
    lib.main()
