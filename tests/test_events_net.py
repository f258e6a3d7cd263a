# SPDX-License-Identifier: Apache-2.0
"""Events of the network: connect, bind, listen, accept; see acts.py."""

import os

import lib
from acts import (Act, Listener, any_ip, closing_cases, end_is, ip_text, name_of)
from lib import case, equal, require


for _family in ("inet", "inet6"):
    def _connects(family=_family):
        with Listener(family) as listener:
            act = Act("connect", "stream", family, listener.port)
        act.expect("net.connect", {"protocol": "tcp", "local": end_is(family, act.told["port"]),
                                   "remote": end_is(family, listener.port), "error": 0, "denied_by": ""})
        act.expect_types(net_connect=1)
    case(f"net.connect tells both ends of a TCP connection ({_family})")(_connects)

    def _refused(family=_family):
        with Listener(family) as listener:
            port = listener.port
        act = Act("connect", "stream", family, port)
        equal(act.told["error"], 111, "errno")
        act.expect("net.connect", {"protocol": "tcp",
                                   "local": lambda end: end["family"] == family and
                                   end["ip"] in (ip_text(family), any_ip(family)),
                                   "remote": end_is(family, port), "error": 111, "denied_by": ""})
    case(f"net.connect that is refused is told with its error ({_family})")(_refused)

    def _udp(family=_family):
        act = Act("connect", "dgram", family, 9)
        act.expect("net.connect", {"protocol": "udp", "local": end_is(family, act.told["port"]),
                                   "remote": end_is(family, 9), "error": 0, "denied_by": ""})
    case(f"net.connect tells of a UDP socket that gets its peer ({_family})")(_udp)

    def _binds(family=_family):
        act = Act("bind", "stream", family, 0)
        act.expect("net.bind", {"protocol": "tcp", "local": end_is(family, act.told["port"]), "error": 0, "denied_by": ""})
        act.expect_types(net_bind=1)
        with Listener(family) as listener:
            act = Act("bind", "stream", family, listener.port)
        equal(act.told["error"], 98, "errno")
        act.expect("net.bind", {"protocol": "tcp", "local": end_is(family, listener.port), "error": 98, "denied_by": ""})
    case(f"net.bind tells the address, and the error where it is taken ({_family})")(_binds)

    def _listens(family=_family):
        act = Act("listen", 17, family, 0)
        act.expect("net.listen", {"protocol": "tcp", "local": end_is(family, act.told["port"]), "backlog": 17})
        act.expect_types(net_bind=1, net_listen=1)
    case(f"net.listen tells the address and the backlog ({_family})")(_listens)

    def _accepts(family=_family):
        for how in ("accept", "accept4"):
            act = Act("accept", how, family, 0)
            act.expect("net.accept", {"protocol": "tcp", "local": end_is(family, act.told["port"]),
                                      "remote": end_is(family, act.told["remote_port"])})
            act.expect_types(net_bind=1, net_listen=1, net_accept=1, process_fork=1)
    case(f"net.accept tells both ends ({_family})")(_accepts)


@case("net.connect that does not wait says EINPROGRESS or that it is there")
def connect_later():
    with Listener("inet") as listener:
        act = Act("connect-later", "inet", listener.port)
    act.expect("net.connect", {"protocol": "tcp", "local": end_is("inet", act.told["port"]),
                               "remote": end_is("inet", listener.port), "error": act.told["error"], "denied_by": ""})
    require(act.told["error"] in (0, 115), "errno")


for _name, _sentence in (("sock", "a path"), ("@ringfort-test-%d" % os.getpid(), "an abstract name")):
    def _unix(name=_name):
        name = name if name.startswith("@") else name_of(name)
        with Listener("unix", name):
            act = Act("connect", "stream", "unix", name)
        act.expect("net.connect", {"protocol": "ip", "local": end_is("unix"),
                                   "remote": end_is("unix", path=name), "error": 0, "denied_by": ""})
        act.expect_types(net_connect=1)
        other = name + "-b"
        act = Act("bind", "stream", "unix", other)
        act.expect("net.bind", {"protocol": "ip", "local": end_is("unix", path=other), "error": 0, "denied_by": ""})
        other = name + "-l"
        act = Act("listen", 3, "unix", other)
        act.expect("net.listen", {"protocol": "ip", "local": end_is("unix", path=other), "backlog": 3})
        other = name + "-a"
        act = Act("accept", "accept4", "unix", other)
        act.expect("net.accept", {"protocol": "ip", "local": end_is("unix", path=other),
                                  "remote": end_is("unix")})
    case(f"net.* tell of UNIX sockets with {_sentence}")(_unix)


@case("net.connect to a UNIX socket that is not there is told with its error")
def unix_failed():
    act = Act("connect", "stream", "unix", name_of("no-socket"))
    act.expect("net.connect", {"protocol": "ip", "local": end_is("unix"),
                               "remote": end_is("unix", path=name_of("no-socket")), "error": 2, "denied_by": ""})


closing_cases(('net',))

if __name__ == "__main__":
    lib.main()
