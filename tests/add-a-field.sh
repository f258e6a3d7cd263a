#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Adding a field is one line in events.def: SOURCE RINGFORT.
#
# In a copy of the tree that line is added and nothing else.  Then everything builds, the field is in
# the JSON of events, in the reference and in docs/events.md, the schema hash is another one than that
# of the program RINGFORT of the unchanged tree, and the unit tests pass.
set -eu

source=$1
unchanged=$(readlink -f "$2")
field=added_by_a_test
copy=$(mktemp -d "${TMPDIR:-/tmp}/add-a-field.XXXXXX")
trap 'rm -rf "$copy"' EXIT
trap 'exit 1' INT TERM HUP

fail() {
	echo "add-a-field: $*" >&2
	exit 1
}

hash_of() {
	"$1" events --schema | sed -n 's/^Schema hash: `\([0-9a-f]*\)`$/\1/p'
}

tar -C "$source" --exclude=./.git --exclude='./build*' --exclude=./stage --exclude=./state -c . | tar -C "$copy" -x
cd "$copy"
sed -i "/^RINGFORT_EVENT_END(file_unlink)/i\\
RINGFORT_FIELD(file_unlink, U64, $field, none, \"ns\", 2, \"\", \"AddedByATest\", \"a field that a test adds\")" \
	include/ringfort/events.def
[ "$(diff "$source/include/ringfort/events.def" include/ringfort/events.def | grep -c '^[<>]')" = 1 ] ||
	fail "the change of events.def is not one line"

# Without optimization: half of the time.
meson setup build -Doptimization=0 > setup.log 2>&1 || { cat setup.log; fail "meson setup"; }
ninja -C build > build.log 2>&1 || { tail -n 50 build.log; fail "it does not build"; }
! grep -q 'warning:' build.log || { grep -A5 'warning:' build.log; fail "it builds with warnings"; }

build/src/event/test-json file.unlink | grep -q "\"$field\":" || fail "the field is not in the JSON of an event"
build/src/cli/ringfort events --schema --json | grep -q "\"name\":\"$field\",\"kind\":\"u64\"" ||
	fail "the field is not in the reference as JSON"
grep -q "^| \`$field\` | u64 | ns |" docs/events.md || fail "the field is not in docs/events.md"
before=$(hash_of "$unchanged")
after=$(hash_of build/src/cli/ringfort)
[ -n "$before" ] && [ -n "$after" ] || fail "no schema hash is printed"
[ "$before" != "$after" ] || fail "the schema hash is still $before"
[ "$(diff -rq -x .git -x "build*" -x stage -x state "$source" . | grep -c 'differ$')" = 2 ] ||
	{ diff -rq -x .git -x "build*" -x stage -x state "$source" . | grep 'differ$'; fail "more than events.def and docs/events.md changed"; }

# Not those of the kernel's habits and of the sandbox: they are slow and know no field.
tests=$(meson test -C build --no-rebuild --list --suite unit 2> /dev/null |
	sed -n 's/.* \/ //p' | grep -vx -e host-sandbox -e modify)
[ -n "$tests" ] || fail "there are no unit tests"
# shellcheck disable=SC2086
meson test -C build --no-rebuild $tests > test.log 2>&1 || { tail -n 50 test.log; grep -h -i assert build/meson-logs/testlog.txt; fail "unit tests fail"; }
echo "schema hash $before became $after; $(sed -n 's/^Ok: *//p' test.log) unit tests passed"
