# Sourced by ./run and ./test: packages, build, stage.  Needs bash and the variable `root`.

say() {
    printf '%s\n' "$*" >&2
}

die() {
    say "$0: $*"
    exit 1
}

# Install what packages.txt names and dpkg does not have; silent and offline when nothing is missing.
install_packages() {
    local missing
    missing=$(sed 's/#.*//' "$root/packages.txt" | xargs -n1 | while read -r package; do
        dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || echo "$package"
    done)
    [ -z "$missing" ] && return 0
    [ "$(id -u)" = 0 ] || die "these packages are missing, install them as root: $(echo $missing)"
    say "installing: $(echo $missing)"
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086
    apt-get install -qq -y --no-install-recommends $missing >/dev/null 2>&1 && return 0
    apt-get update -qq || die "apt-get update failed; is the network there?"
    # shellcheck disable=SC2086
    apt-get install -qq -y --no-install-recommends $missing >/dev/null || die "apt-get install failed"
}

# configure_build DIR [meson option]...: once; later calls change nothing
configure_build() {
    local dir=$1
    shift
    [ -f "$dir/build.ninja" ] && return 0
    meson setup "$dir" "$root" --prefix=/usr --libdir=lib --libexecdir=libexec "$@" >"$dir.log" 2>&1 ||
        { cat "$dir.log" >&2; die "meson setup failed"; }
    rm -f "$dir.log"
}

# compile DIR: progress on a terminal, silence when there is nothing to do
compile() {
    if [ -t 2 ]; then
        ninja -C "$1" 1>&2 || die "the build failed"
    else
        ninja -C "$1" >"$1/ninja.log" 2>&1 || { tail -n 60 "$1/ninja.log" >&2; die "the build failed"; }
    fi
}

# stage_build BUILD DIR: install as a package would, under DIR
stage_build() {
    DESTDIR=$2 meson install -C "$1" --no-rebuild --only-changed --quiet >"$1/install.log" 2>&1 ||
        { cat "$1/install.log" >&2; die "meson install failed"; }
}
