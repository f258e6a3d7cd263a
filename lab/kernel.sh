#!/usr/bin/env bash
# Fetch a kernel of Debian's and print the path of its image: lab/kernel.sh SUITE [--update]
#
# SUITE is bookworm, bookworm-backports or trixie.  The package comes through apt, by the mirror and
# the keys that the system's own sources name, with lists and downloads in a cache of our own: the
# configuration of the system is read, never changed.  What is in the cache is taken without the
# network; --update asks for a newer one, RINGFORT_LAB_OFFLINE=1 for none.  Exit status 77, with the
# reason: it cannot be had here.
set -euo pipefail

suite=${1:?usage: lab/kernel.sh SUITE [--update]}
update=${2:-}
if [ -n "${XDG_CACHE_HOME:-}" ]; then
    cache=$XDG_CACHE_HOME/ringfort-lab
elif [ "$(id -u)" = 0 ]; then
    cache=/var/cache/ringfort-lab
else
    cache=$HOME/.cache/ringfort-lab
fi
dir=$cache/$suite

skip() {
    echo "$0: $*" >&2
    exit 77
}

# The newest image of the cache.  A kernel is there only when its package was unpacked to the end.
cached() {
    find "$dir/kernels" -path '*/linux-image-*/boot/vmlinuz-*' | sort -V | tail -n 1
}

# The first source of the system's that is Debian's own (not its security archive), for another suite.
sources() {
    local file deb822='' lines=''
    for file in /etc/apt/sources.list.d/*.sources; do
        [ -f "$file" ] || continue
        deb822=$(awk -v RS= -v suite="$suite" '
            /(^|\n)Types:[^\n]*deb/ && /(^|\n)URIs:[^\n]*\/debian\/?(\n| |$)/ {
                gsub(/(^|\n)#[^\n]*/, "\n")
                n = split($0, line, "\n")
                for (i = 1; i <= n; i++) {
                    if (line[i] ~ /^Types:/) print "Types: deb"
                    else if (line[i] ~ /^Suites:/) print "Suites: " suite
                    else if (line[i] ~ /^Components:/) print "Components: main"
                    else if (line[i] != "") print line[i]
                }
                exit
            }' "$file")
        [ -n "$deb822" ] && { printf '%s\n' "$deb822" >"$dir/apt/parts/lab.sources"; return 0; }
    done
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
        [ -f "$file" ] || continue
        lines=$(awk -v suite="$suite" '
            $1 == "deb" {
                uri = 2
                while (uri < NF && $uri !~ /:\/\// && $uri !~ /^(file|copy):/) uri++
                if ($uri ~ /\/debian\/?$/) {
                    line = ""
                    for (i = 1; i <= uri; i++) line = line $i " "
                    print line suite " main"
                    exit
                }
            }' "$file")
        [ -n "$lines" ] && { printf '%s\n' "$lines" >"$dir/apt/parts/lab.list"; return 0; }
    done
    return 1
}

mkdir -p "$dir/apt/parts" "$dir/apt/lists/partial" "$dir/apt/archives/partial" "$dir/kernels"
found=$(cached)
if [ -n "$found" ] && [ "$update" != --update ]; then
    echo "$found"
    exit 0
fi
[ -z "${RINGFORT_LAB_OFFLINE:-}" ] || skip "no kernel of $suite is in $dir"
command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || skip "there is no apt here to get a kernel with"
exec 9>"$dir/lock"
flock 9
sources || skip "the system's sources of packages name no mirror of Debian"
cat >"$dir/apt/apt.conf" <<TEXT
Dir::Etc::sourcelist "$dir/apt/none";
Dir::Etc::sourceparts "$dir/apt/parts";
Dir::State::lists "$dir/apt/lists";
Dir::Cache "$dir/apt";
Acquire::Languages "none";
APT::Sandbox::User "root";
TEXT
export APT_CONFIG=$dir/apt/apt.conf
log=$dir/apt/log
apt-get update -qq >"$log" 2>&1 || skip "the lists of $suite cannot be had: $(tail -n 1 "$log")"
package=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
[ -n "$package" ] || skip "$suite has no package linux-image-cloud-amd64"
if [ ! -d "$dir/kernels/$package" ]; then
    (cd "$dir/apt" && apt-get download -qq "$package" >>"$log" 2>&1) || skip "$package cannot be had: $(tail -n 1 "$log")"
    rm -rf "$dir/unpacked"
    dpkg-deb -x "$dir/apt/${package}"_*.deb "$dir/unpacked"
    mkdir -p "$dir/kernels/.new/boot"
    cp "$dir"/unpacked/boot/vmlinuz-* "$dir/kernels/.new/boot/"
    mv "$dir/kernels/.new" "$dir/kernels/$package"
    rm -rf "$dir/unpacked" "$dir/apt/${package}"_*.deb
fi
cached
