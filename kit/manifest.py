# SPDX-License-Identifier: Apache-2.0
"""Manifest - what the kit needs to know of a package, read without a YAML library.

ringfortd is the one that judges manifest.yaml; this reads, of one that it takes, what manifests are written
in: plain keys, lists and one level of maps, in either style.  What it cannot read it says, and guesses nothing.
"""

import os
import re


class Unreadable(Exception):
    pass


LIMITS = {"memory_mb": 256, "cpu_percent": 100, "pids": 8, "files": 64, "findings_per_second": 100}


class Manifest:
    def __init__(self, package):
        path = os.path.join(package, "manifest.yaml")
        try:
            with open(path) as file:
                said = read(file.read())
        except (OSError, UnicodeDecodeError) as error:
            raise Unreadable(f"{path}: {error}")
        except ValueError as error:
            raise Unreadable(f"{path}: {error}")
        self.name = text(said, "name")
        self.vendor, self.version = text(said, "vendor"), text(said, "version")
        self.schema, self.content = text(said, "schema"), text(said, "content")
        self.events, self.authorize = words(said, "events"), words(said, "authorize")
        self.miss = text(said, "miss") or "fail-open"
        self.can_probe = bool(words(said, "probe_arguments"))
        limits = said.get("limits") or {}
        if not isinstance(limits, dict):
            raise Unreadable(f"{path}: limits is no map")
        self.limits = {key: int(limits.get(key, usual)) for key, usual in LIMITS.items()}


def text(said, key):
    value = said.get(key) or ""
    return value if isinstance(value, str) else ""


def words(said, key):
    value = said.get(key) or []
    return value if isinstance(value, list) else [value]


# ---- the part of YAML that manifests are written in --------------------------------------------


def read(source):
    """The manifest as a dict of strings, lists of strings and dicts of strings."""
    said, lines = {}, join_flow(strip(source))
    while lines:
        indent, line = lines.pop(0)
        key, value = pair(line)
        if indent:
            raise ValueError(f"cannot read {line!r}")
        below = []
        while not value and lines and (lines[0][0] > 0 or lines[0][1].startswith("- ")):
            below.append(lines.pop(0)[1])
        said[key] = block(below) if below else scalar_or_flow(value)
    return said


def strip(source):
    """(indent, text) of every line that says something."""
    for line in source.splitlines():
        line = without_comment(line).rstrip()
        if line.strip() and line.strip() not in ("---", "..."):
            yield len(line) - len(line.lstrip()), line.strip()


def without_comment(line):
    quote = None
    for at, char in enumerate(line):
        if quote:
            quote = None if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char == "#" and (at == 0 or line[at - 1].isspace()):
            return line[:at]
    return line


def join_flow(lines):
    """Lists and maps in brackets that go over several lines become one."""
    joined = []
    for indent, line in lines:
        if joined and is_open(joined[-1][1]):
            joined[-1] = joined[-1][0], f"{joined[-1][1]} {line}"
        else:
            joined.append((indent, line))
    return joined


def is_open(line):
    bare = re.sub(r"\"[^\"]*\"|'[^']*'", "", line)
    return bare.count("[") + bare.count("{") > bare.count("]") + bare.count("}")


def pair(line):
    match = re.match(r"[\"']?([A-Za-z_]+)[\"']?\s*:(?:\s+(.*))?$", line)
    if not match:
        raise ValueError(f"cannot read {line!r}")
    return match.group(1), match.group(2) or ""


def block(lines):
    if all(line.startswith("- ") for line in lines):
        return [scalar(line[2:]) for line in lines]
    return {key: scalar(value) for key, value in map(pair, lines)}


def scalar_or_flow(value):
    if value.startswith("[") and value.endswith("]"):
        return [scalar(word) for word in split(value[1:-1])]
    if value.startswith("{") and value.endswith("}"):
        return {key: scalar(said) for key, said in map(pair, split(value[1:-1]))}
    return scalar(value)


def split(inside):
    """Between the commas that are in no quotes."""
    return [word.strip() for word in re.findall(r"(?:\"[^\"]*\"|'[^']*'|[^,\"'])+", inside) if word.strip()]


def scalar(value):
    value = value.strip()
    if value[:1] in "&*!|>" and value not in ("*",):
        raise ValueError(f"cannot read {value!r}: write it plainly")
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return value
