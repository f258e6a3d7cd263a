#!/usr/bin/env bash
# Build the Debian packages into a folder.  See --help.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/tools/build.sh"

# Beside packages.txt; whoever only builds Ringfort has no use for them.
packages=(debhelper dpkg-dev lintian)

usage() {
    cat <<'TEXT'
usage: tools/deb.sh [--install-tools] [--version VERSION]... DIR

  --install-tools      install what is missing to build packages (as root), with packages.txt
  --version VERSION    instead of that of debian/changelog; the second and further ones are only
                       packed again, so that an upgrade can be tried

Builds ringfort, libringfort0 and libringfort-dev from the files of this folder as they are, outside of
it, and leaves nothing but DIR/*.deb.  Exit status 77: tools are missing.
TEXT
}

install=0 versions=() dir=''
while [ $# -gt 0 ]; do
    case $1 in
    --install-tools) install=1 ;;
    --version)
        [ $# -ge 2 ] || die "--version needs one"
        versions+=("$2")
        shift
        ;;
    --help | -h)
        usage
        exit 0
        ;;
    -*) die "unknown argument '$1'; --help tells what there is" ;;
    *)
        [ -z "$dir" ] || die "one folder is enough"
        dir=$1
        ;;
    esac
    shift
done
[ -n "$dir" ] || { usage >&2; exit 2; }

missing=()
for package in "${packages[@]}"; do
    dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done
if [ "$install" = 1 ]; then
    install_packages
    if [ ${#missing[@]} -gt 0 ]; then
        say "installing: ${missing[*]}"
        DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null ||
            die "apt-get install failed"
    fi
elif [ ${#missing[@]} -gt 0 ]; then
    say "$0: these packages are missing: ${missing[*]}; --install-tools installs them"
    exit 77
fi

mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/ringfort-deb-XXXXXX")
trap 'rm -rf "$work"' EXIT
source=$work/ringfort
mkdir "$source"

# What git knows or would add; without git all but the folders of builds.
copy_source() {
    if git -C "$root" rev-parse --git-dir >/dev/null 2>&1; then
        git -C "$root" ls-files -z --cached --others --exclude-standard |
            tar -C "$root" --null --no-recursion --ignore-failed-read -T - -cf - 2>/dev/null
    else
        tar -C "$root" --exclude='./build*' --exclude=./state -cf - .
    fi | tar -C "$source" -xf -
}

# In front of the history, as a maintainer would write it.
name_version() {
    [ -n "$1" ] || return 0
    {
        printf 'ringfort (%s) unstable; urgency=medium\n\n  * Built by tools/deb.sh.\n\n' "$1"
        printf ' -- Ringfort maintainers <maintainers@ringfort.invalid>  %s\n\n' "$(date -R)"
        cat "$root/debian/changelog"
    } >"$source/debian/changelog"
}

# build_packages [dpkg-buildpackage option]...: the unit tests are ./test's matter
build_packages() {
    (cd "$source" && DEB_BUILD_OPTIONS="nocheck parallel=$(nproc)" dpkg-buildpackage -us -uc -b "$@") \
        >"$work/log" 2>&1 </dev/null || { tail -n 60 "$work/log" >&2; die "the build failed"; }
    mv "$work"/*.deb "$dir/"
    rm -f "$work"/*.buildinfo "$work"/*.changes
}

copy_source
name_version "${versions[0]:-}"
build_packages
for version in "${versions[@]:1}"; do
    name_version "$version"
    build_packages -nc
done
