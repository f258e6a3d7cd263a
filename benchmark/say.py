# SPDX-License-Identifier: Apache-2.0
"""Say - what a benchmark tells beside its tables."""
import sys


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def progress(text):
    """On a terminal: in place of the last one; nothing removes it."""
    if sys.stderr.isatty():
        print(f"\r{text:70}\r", end="", file=sys.stderr, flush=True)
