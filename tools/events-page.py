#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write ringfort-events.7.rst: the hand-written beginning, then the types that the schema names.

events-page.py RINGFORT BEGINNING OUTPUT
"""
import json
import subprocess
import sys


def escaped(text):
    return "".join("\\" + c if c in "*`|_\\" else c for c in text)


def fields(of):
    for field in of:
        kind = field["kind"] + (" of " + field["set"] if "set" in field else "")
        unit = ", " + field["unit"] if field["unit"] else ""
        yield f"**{escaped(field['name'])}** ({escaped(kind + unit)})\n    {escaped(field['meaning'])}\n"


def title(text):
    return f"{text}\n{'=' * len(text)}\n"


def page(schema):
    yield title("THE ACTING PROCESS")
    yield from fields(schema["process"])
    yield title("TYPES")
    for kind in schema["types"]:
        name = kind["name"]
        yield f"{name}\n{'-' * len(name)}\n\n{escaped(kind['meaning'])}\n"
        yield from fields(kind["fields"])
    yield title("SETS OF VALUES")
    for name, values in schema["sets"].items():
        yield f"**{escaped(name)}**\n    {escaped(', '.join(values))}\n"
    yield title("SEE ALSO")
    yield "**ringfort**\\ (1), **ringfort_event**\\ (3), **ringfort-solution**\\ (7)\n"


ringfort, beginning, output = sys.argv[1:]
schema = json.loads(subprocess.run([ringfort, "events", "--schema", "--json"], check=True,
                                   stdout=subprocess.PIPE).stdout)
with open(beginning, encoding="utf-8") as head, open(output, "w", encoding="utf-8") as page_file:
    page_file.write(head.read())
    page_file.write("\n".join(page(schema)))
