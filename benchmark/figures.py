# SPDX-License-Identifier: Apache-2.0
"""Figures - medians with their interval, and what may be said of a target."""
from math import comb
from statistics import median

MAX_LIKE_WIDTH = 0.1  # of the null pair's interval, to say that two things cost the same


def order(n):
    """The order statistics (from 0) between which the median lies with at least 95 %."""
    tail, low = 0.0, -1
    while low + 1 < n // 2 and tail + comb(n, low + 1) / 2**n <= 0.025:
        low += 1
        tail += comb(n, low) / 2**n
    return (low, n - 1 - low) if low >= 0 else None


def interval(values):
    """{median, low, high, n}; low and high are None with fewer values than an interval needs."""
    values = sorted(values)
    if not values:
        return None
    ends = order(len(values))
    return {
        "median": median(values),
        "low": values[ends[0]] if ends else None,
        "high": values[ends[1]] if ends else None,
        "n": len(values),
    }


def ratios(over, under):
    return interval([a / b for a, b in zip(over, under)])


def at_most(target, ratio, null):
    """The verdict on `ratio <= target` beside the interval of nothing against nothing."""
    if ratio is None or ratio["low"] is None or null is None or null["low"] is None:
        return "not decidable: too few pairs"
    width, margin = null["high"] - null["low"], abs(target - 1)
    if width > margin:
        if ratio["low"] > target * null["high"]:
            return f"missed by {ratio['median'] - target:.2f}"
        if ratio["high"] < target * null["low"]:
            return "met"
        return f"not decidable: the null pair is {width:.2f} wide, the margin {margin:.2f}"
    if ratio["high"] < target:
        return "met"
    if ratio["low"] > target:
        return f"missed by {ratio['median'] - target:.2f}"
    return "not met: the interval reaches beyond the target"


def at_least(target, ratio, null):
    """The same for `ratio >= target`."""
    if ratio is None or ratio["low"] is None or null is None or null["low"] is None:
        return "not decidable: too few pairs"
    width, margin = null["high"] - null["low"], abs(1 - target)
    if width > margin:
        return f"not decidable: the null pair is {width:.2f} wide, the margin {margin:.2f}"
    if ratio["low"] > target:
        return "met"
    if ratio["high"] < target:
        return f"missed by {target - ratio['median']:.2f}"
    return "not met: the interval reaches beyond the target"


def like(ratio, null):
    """Is there a difference beyond that of nothing to nothing?"""
    if ratio is None or ratio["low"] is None or null is None or null["low"] is None:
        return "not decidable: too few pairs"
    if ratio["low"] > max(null["high"], 1):
        return f"missed: dearer by {ratio['median'] - 1:.3f}"
    # Noise that hides everything shows nothing.
    if null["high"] - null["low"] > MAX_LIKE_WIDTH:
        return f"not decidable: the null pair is {null['high'] - null['low']:.2f} wide"
    return "met: not decidable from it"


def text(ratio):
    if ratio is None:
        return "-"
    if ratio["low"] is None:
        return f"{ratio['median']:.3f}"
    return f"{ratio['median']:.3f} [{ratio['low']:.3f} {ratio['high']:.3f}]"


def print_table(title, head, rows):
    rows = [head] + [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    print(f"\n{title}")
    for row in rows:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
