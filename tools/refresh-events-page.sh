#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Refresh docs/events.md: RINGFORT OUTPUT PAGE.  Prints the reference into OUTPUT, and over PAGE in
# the source tree where that differs, so that a new field of events.def needs no second edit.
set -eu

"$1" events --schema > "$2"
cmp -s "$2" "$3" && exit 0
# Several builds of one tree may come here at once.
if cp "$2" "$3.$$" 2> /dev/null && mv "$3.$$" "$3"; then
	echo "refreshed $3"
else
	rm -f "$3.$$"
	echo "$3 is out of date, and this build may not write it" >&2
fi
