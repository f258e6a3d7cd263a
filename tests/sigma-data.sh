#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Sigma against public data: the conformance table, every rule of SigmaHQ, recorded executions.
#
#	sigma-data.sh RINGFORT_SIGMA FOLDER_OF_THIS_FILE
#
# The data is in $RINGFORT_DATA; without it the test is skipped.

tool=$1
here=$2
data=${RINGFORT_DATA:-$here/../../shared/data}
failed=0

if ! [ -r "$data/sigma-conformance/conformance.json" ]; then
	echo "sigma-data: no data in $data: set RINGFORT_DATA; skipped"
	exit 77
fi
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

fail() {
	echo "FAILED: $*"
	failed=1
}

echo "== conformance"
"$tool" conformance "$data/sigma-conformance/conformance.json" || fail "conformance"

# What the specification itself gives as a reason to refuse a rule.
cat >"$work/reasons" <<'END'
aggregations (`|') are not part of Sigma 2
`timeframe' is not part of Sigma 2
no value is known for placeholder
END

echo "== every rule loads, or is refused for a reason of the specification"
mkdir "$work/other"
tar -C "$work/other" -xf "$data/sigma-all-other/sigma-rules-not-linux.tar.xz" || fail "tar"
for folder in "$data/sigma-linux" "$work/other"; do
	"$tool" check "$folder" >"$work/check"
	tail -n 1 "$work/check"
	grep ': refused: ' "$work/check" | sed 's/.*: refused: /  refused: /' | sort | uniq -c
	grep ': refused: ' "$work/check" | grep -v -F -f "$work/reasons" && fail "$folder"
	n=$(find "$folder" -name '*.yml' | wc -l)
	sum=$(tail -n 1 "$work/check" | awk '{ print $1 + $3 + $5 }')
	[ "$sum" -ge "$n" ] || fail "$folder: $n files, $sum documents"
done

echo "== placeholders given"
cat >"$work/placeholders" <<'END'
Administrators: [adm*, root]
END
"$tool" check --placeholders "$work/placeholders" "$work/other/rules-placeholder" >"$work/check"
grep 'placeholder %Administrators%' "$work/check" && fail "a placeholder that has a value"

echo "== atomics"
python3 "$here/sigma-atomics.py" "$tool" "$data" "$here/sigma-atomics.differences" || fail "atomics"

exit $failed
