#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# ringfort-allowlist as others call it: lines, counts and exit codes.
#
#	allowlist-tool.sh RINGFORT_ALLOWLIST BUNDLED_POLICY

tool=$1
bundled=$2
failed=0
work=$(mktemp -d /tmp/ringfort-allowlist-tool.XXXXXX) || exit 1
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

mkdir -p "$work/policy/dpkg" "$work/files"
cat >"$work/policy/site.yaml" <<END
mode: lockdown
rules:
  - {id: no-bad, action: deny, path: $work/files/bad, reason: it is bad}
  - {id: known, action: allow, sha256: $(printf good | sha256sum | cut -d' ' -f1)}
  - {id: packaged, action: allow, package: true}
END
echo "$work/files/packaged" >"$work/policy/dpkg/x.list"
for name in bad good packaged unknown; do
	printf $name >"$work/files/$name"
done
ln -s good "$work/files/link"

run check "$bundled"
expect "the bundled policy is good" 0 '^5 rules, 0 refused$'
run check "$work/policy"
expect "a good policy" 0 '^3 rules, 0 refused$'
printf 'rules:\n  - id: x\n    action: deny\n' >"$work/policy/more.yaml"
run check "$work/policy"
expect "a refused rule" 1 'more.yaml:2: a rule without a condition'
expect "the count comes last" 1 '^3 rules, 1 refused$'
run check "$work/nowhere"
expect "a path that is not there" 1 'nowhere:0: cannot be read: No such file'
run check
expect "no path" 2 '^Usage: ringfort-allowlist check'
rm "$work/policy/more.yaml"

run eval --policy "$work/policy" "$work/files/good" "$work/files/packaged" "$work/files/link"
expect "all allowed" 0 "good: allow: allow by rule known (.*site.yaml:4)$"
expect "by package" 0 "packaged: allow: allow by rule packaged (.*site.yaml:5)$"
expect "through a link" 0 "link: allow: allow by rule known"
run eval --policy "$work/policy" "$work/files/good" "$work/files/bad"
expect "one denied" 1 "bad: deny: deny by rule no-bad (.*site.yaml:3): it is bad$"
run eval --json --policy "$work/policy" "$work/files/bad"
expect "as JSON" 1 '"verdict":"deny","action":"deny","rule":"no-bad","at":".*site.yaml:3","reason":"it is bad","sha256":null,"note":null}$'
run eval --json --policy "$work/policy" "$work/files/unknown"
expect "by no rule" 1 "\"verdict\":\"deny\",\"action\":\"none\",\"rule\":null,\"at\":null,\"reason\":null,\"sha256\":\"$(printf unknown | sha256sum | cut -d' ' -f1)\""
run eval --policy "$bundled" "$work/files/good" /dev/null
expect "what is no file" 2 'dev/null: Permission denied'
expect "and the others" 2 'good: allow: audit by rule temporary-files'
run eval --policy "$bundled" /bin/sh
expect "the bundled policy leaves programs alone" 0 '/bin/sh: allow: allow by rule everything-else'
run eval --policy "$work/policy" "$work/files/nowhere"
expect "no such file" 2 'nowhere: No such file'
mkfifo "$work/files/pipe"
run eval --policy "$work/policy" "$work/files/pipe"
expect "a pipe is not waited for" 2 'pipe: Permission denied'
run eval "$work/files/good"
expect "no policy" 2 '^Usage: ringfort-allowlist eval'

printf '{"ringfort":{"type":"process.exec","error":0,"file":{"path":"%s","quality":"resolved","ino":0}}}\n\n' \
	"$work/files/unknown" >"$work/events"
"$tool" learn --hash --owner <"$work/events" >"$work/learned.yaml"
run eval --policy "$work/learned.yaml" "$work/files/unknown" "$work/files/good"
expect "what was learned is allowed" 0 'unknown: allow: allow by rule unknown-'
expect "other files are not" 0 'good: allow: no rule allows it; the mode is monitor'
run check "$work/learned.yaml"
expect "it is a good policy" 0 '^1 rules, 0 refused$'
run learn --from "$work/events"
expect "from a file" 0 "^    path: \"$work/files/unknown\"$"
echo '{"half":' >>"$work/events"
run learn --from "$work/events"
expect "a line that is no event" 2 'line 3: not JSON'
run learn --from "$work/nowhere"
expect "a file that is not there" 2 'nowhere: No such file'

run run
expect "not started by ringfortd" 3 'no channel to ringfortd'
run run --now
expect "run takes nothing" 2 '^Usage: ringfort-allowlist run'
for command in "" check eval learn run; do
	run $command --help
	expect "help of $command" 0 '^Usage: ringfort-allowlist'
done
for command in check eval learn; do
	run $command --nonsense "$work/policy"
	expect "an unknown option of $command" 2 ''
done
run --version
expect "version" 0 '^ringfort-allowlist [0-9]'
run nonsense
expect "an unknown command" 2 'nonsense'
exit $failed
