#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Completion of bash: RINGFORT.  Every subcommand of the help is completed, and so is each of its options.
set -eu
ringfort=$1
failed=0

source <("$ringfort" --completion bash)

# What is offered for the last of these words.
offers() {
	COMP_WORDS=("$@")
	COMP_CWORD=$(($# - 1))
	COMPREPLY=()
	_ringfort
	echo "${COMPREPLY[*]}"
}

check() { # EXPECTED WORD...
	local expected=$1 offered
	shift
	offered=$(offers "$@")
	if [[ $offered != "$expected" ]]; then
		echo "for '$*': offered '$offered', expected '$expected'"
		failed=1
	fi
}

check "status" ringfort sta
check "start stop" ringfort solution st
check "--follow" ringfort findings --fo
check "" ringfort status --fo
check "--tolerate" ringfort reload --to
check "process.exec process.exit" ringfort events --type process.ex
check "always" ringfort --color al
check "never" ringfort status --color ne
check "--id" ringfort why --i
check "on off" ringfort gate o
check "list" ringfort critical l
folder=$(mktemp -d)
touch "$folder/tool"
check "$folder/tool" ringfort why "$folder/t"
rm -r "$folder"

subcommands=$("$ringfort" --help | sed -n '/^  [a-z]/s/^  \([a-z]*\) .*/\1/p')
subcommands=$(echo $subcommands | tr ' ' '\n' | grep -vx ringfort | tr '\n' ' ')
[[ $(echo $subcommands | wc -w) -ge 6 ]] || { echo "the help lists only: $subcommands"; failed=1; }
for subcommand in $subcommands; do
	check "$subcommand" ringfort "$subcommand"
	for option in $("$ringfort" "$subcommand" --help | grep -o -- ' --[a-z]* ' | sort -u); do
		case " $(offers ringfort "$subcommand" --) " in
		*" $option "*) ;;
		*) echo "$subcommand $option is not offered"; failed=1 ;;
		esac
	done
done
exit $failed
