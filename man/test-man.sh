#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Nothing is missing from the pages: RINGFORT PAGES LIBRINGFORT.  Every subcommand and option of ringfort is
# in ringfort.1, and every function of the library in a page of section 3.
set -eu
ringfort=$1 pages=$2 library=$3
failed=0

missing() {
	echo "$1 says nothing of $2"
	failed=1
}

subcommands=$("$ringfort" --help | sed -n '/^  [a-z]/s/^  \([a-z]*\) .*/\1/p' | grep -vx ringfort)
[ "$(echo "$subcommands" | wc -l)" -ge 6 ] || { echo "the help lists only: $subcommands"; failed=1; }
for subcommand in $subcommands; do
	grep -q "^\*\*$subcommand\*\*$" "$pages/ringfort.1.rst" || missing ringfort.1 "$subcommand"
	for option in $("$ringfort" "$subcommand" --help | sed -n '/^Options:/,$p' | grep -o -- '--[a-z]*' | sort -u); do
		grep -q "^[-a-zA-Z, ]*$option[ ,]" "$pages/ringfort.1.rst" || missing ringfort.1 "$option"
	done
done

functions=$(nm -D --defined-only "$library" | sed -n 's/.* T \(ringfort_[a-z_]*\).*/\1/p')
[ "$(echo "$functions" | wc -l)" -ge 14 ] || { echo "the library exports only: $functions"; failed=1; }
for function in $functions; do
	grep -q "$function(" "$pages"/*.3.rst || missing "section 3" "$function"
done
exit $failed
