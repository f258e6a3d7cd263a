#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# YARA against public data: every set of rules, made-up positives, and the programs of this machine.
#
#	yara-data.sh RINGFORT_YARA FOLDER_OF_THIS_FILE BUNDLED_RULES
#
# The data is in $RINGFORT_DATA; without it the test is skipped.

tool=$1
here=$2
bundled=$3
data=${RINGFORT_DATA:-$here/../../shared/data}/yara
failed=0

if ! [ -r "$data/positives.json" ]; then
	echo "yara-data: no data in $data: set RINGFORT_DATA; skipped"
	exit 77
fi
work=$(mktemp -d /tmp/ringfort-yara-data.XXXXXX) || exit 1
trap 'rm -rf "$work"' EXIT

fail() {
	echo "FAILED: $*"
	failed=1
}

# What a file may be refused for: faults of the libyara that is here, none of ours.
cat >"$work/reasons" <<'END'
: libyara fails at counts in a range that does not begin with 0
END

echo "== every file of rules compiles, or is refused for a reason"
for set in "$data"/*/; do
	name=$(basename "$set")
	"$tool" check "$set" >"$work/check"
	echo "$name: $(tail -n 1 "$work/check")"
	sed '$d' "$work/check" >"$work/refused"
	sed 's/^/  /' "$work/refused"
	grep -v -F -f "$work/reasons" "$work/refused" && fail "$name is refused"
	grep -q -v '^0 rules' "$work/check" || fail "$name has no rules"
done

echo "== positives are found"
python3 "$here/yara-positives.py" "$tool" "$data" || fail "positives"

echo "== programs of this machine are not denied"
# The sets that are written for files on disk; what malcontent tells of programs is true of most of them.
find /usr/bin /usr/sbin -type f -perm -u+x -size -20M >"$work/programs"
xargs -d '\n' "$tool" scan --json --rules "$bundled" --rules "$data/signature-base" --rules "$data/reversinglabs" \
	--rules "$data/eset" --rules "$data/bartblaze" --rules "$data/binaryalert" <"$work/programs" >"$work/scanned"
echo "$(wc -l <"$work/scanned") programs, $(grep -c -v '"matches":\[\]}$' "$work/scanned") with something found"
[ "$(wc -l <"$work/scanned")" = "$(wc -l <"$work/programs")" ] || fail "programs are missing"
grep -v '"verdict":"allow"' "$work/scanned" && fail "a program would be denied"
grep -v '"not_scanned":null' "$work/scanned" && fail "a program was not scanned"
grep -F "\"source\":\"$bundled" "$work/scanned" && fail "a bundled rule finds something in a program"

exit $failed
