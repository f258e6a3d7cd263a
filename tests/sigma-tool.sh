#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# ringfort-sigma as others call it: lines, counts and exit codes.
#
#	sigma-tool.sh RINGFORT_SIGMA

tool=$1
failed=0
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# expect NAME EXIT_CODE PATTERN: the last run's exit code, and a line of its output (empty: any)
expect() {
	if [ "$code" != "$2" ] || { [ "$3" ] && ! grep -q -e "$3" "$work/out"; }; then
		echo "FAILED: $1: exit code $code, wanted $2 and \`$3':"
		cat "$work/out"
		failed=1
	fi
}

run() {
	"$tool" "$@" >"$work/out" 2>&1 </dev/null
	code=$?
}

mkdir -p "$work/rules/deep"
cat >"$work/rules/good.yml" <<'END'
title: Good
id: 11111111-1111-4111-8111-111111111111
author: A "quoted" author
level: high
logsource: {product: linux, category: process_creation}
detection:
  s: {Image|endswith: /nc, User|expand: '%users%'}
  condition: s
END
cat >"$work/rules/deep/files.yaml" <<'END'
title: Files
logsource: {product: linux, category: file_event}
detection:
  s: {Image: '*', Number: 5}
  condition: s
---
title: Windows
logsource: {product: windows, category: process_creation}
detection: {s: {a: 1}, condition: s}
END
printf 'users: [root, "adm*"]\n' >"$work/users"

run check --placeholders "$work/users" "$work/rules"
expect "all load" 0 '^2 loaded, 0 refused, 1 no source$'
run check "$work/rules"
expect "a placeholder is missing" 1 'good.yml:7: refused: no value is known for placeholder %users%$'
expect "the count comes last" 1 '^1 loaded, 1 refused, 1 no source$'
run check "$work/nowhere"
expect "a path that is not there" 1 'nowhere:0: refused: cannot be read: No such file'
run check
expect "no path" 2 '^Usage: ringfort-sigma check'
run check --nonsense "$work/rules"
expect "an unknown option" 2 'nonsense'
mkfifo "$work/rules/pipe.yml"
run check --placeholders "$work/users" "$work/rules"
expect "a pipe is not waited for" 1 'pipe.yml:0: refused: cannot be read'
rm "$work/rules/pipe.yml"
run check --placeholders "$work/rules" "$work/rules"
expect "placeholders that cannot be read" 2 'ringfort-sigma: '

eval_lines() {
	printf "$1" | "$tool" eval --placeholders "$work/users" --rules "$work/rules" $2 >"$work/out" 2>&1
	code=$?
}

eval_lines '{"Image":"/x/nc","User":"admin"}\n\n{"Image":"x","Number":5}\n' --json
expect "a match" 0 '^{"event":0,"rule_id":"11111111-1111-4111-8111-111111111111","title":"Good","level":"high","author":"A \\"quoted\\" author"}$'
expect "empty lines are no events" 0 '^{"event":1,"rule_id":null,"title":"Files","level":"medium","author":null}$'
eval_lines '{"Image":"/x/nc","User":"root","Number":5}\n' '--json --category file_event'
expect "a category" 0 '^{"event":0,"rule_id":null,"title":"Files"'
[ "$(wc -l <"$work/out")" = 1 ] || expect "only that category" 0 'only one line'
eval_lines '{"Image":"/x/nc","User":"eve"}\n'
expect "no match" 0 ''
[ -s "$work/out" ] && expect "no match prints nothing" 0 'nothing at all'
eval_lines '{"a":1}\n{"a":\n' --json
expect "half an object" 2 '^ringfort-sigma: line 2: not JSON'
eval_lines '[1]\n'
expect "a list" 2 'line 1: an event must be a JSON object'
eval_lines '{"a":{"b":1}}\n'
expect "a nested object" 2 'line 1: field `a'"'"' is nested'
eval_lines '{"a":1,"a":2}\n'
expect "a key twice" 2 'line 1: not JSON'
eval_lines '{"a":18446744073709551615}\n'
expect "a large number" 0 ''
eval_lines '\377\n'
expect "no text" 2 'line 1: not JSON'
run eval
expect "no rules" 2 '^Usage: ringfort-sigma eval'

cat >"$work/table.json" <<'END'
{"cases": [
 {"case": "a", "group": "g", "grade": "spec", "expect": "match", "event": {"f": "x"},
  "rule": "title: t\nlogsource: {product: p}\ndetection: {s: {f: x}, condition: s}\n"},
 {"case": "b", "group": "g", "grade": "spec", "expect": "reject", "event": {},
  "rule": "title: t\n"},
 {"case": "c", "group": "g", "grade": "advisory", "expect": "match", "event": {},
  "rule": "title: t\n"}
]}
END
run conformance "$work/table.json"
expect "a good table" 0 '^2 passed, 0 failed$'
expect "advisory ones are told" 0 '^advisory: c (group g): expected match, got reject: line 1: no `logsource'
sed -i 's/"match"/"no-match"/' "$work/table.json"
run conformance "$work/table.json"
expect "a bad table" 1 '^1 passed, 1 failed$'
expect "the case is told" 1 '^FAILED: a (group g): expected no-match, got match'
run conformance "$work/nowhere"
expect "no table" 2 'nowhere'

for command in "" check eval conformance; do
	run $command --help
	expect "help of $command" 0 '^Usage: ringfort-sigma'
done
run --version
expect "version" 0 '^ringfort-sigma [0-9]'
run nonsense
expect "an unknown command" 2 'nonsense'
exit $failed
