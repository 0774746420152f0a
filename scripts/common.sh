# What scripts/run and scripts/test share. Sourced, with the repository as the working folder.

say() { printf '\033[1m==> %s\033[0m\n' "$*" >&2; }
die() { printf '%s: %s\n' "$0" "$*" >&2; exit 1; }
[ -t 2 ] || say() { printf '==> %s\n' "$*" >&2; }

# What the library and the daemons are built with.
build_packages() {
    echo build-essential meson ninja-build pkg-config \
        libcurl4-openssl-dev libjwt-dev libmongoc-dev librdkafka-dev libsodium-dev \
        libsqlite3-dev libuv1-dev
    # Debian 13 has llhttp as a library, Debian 12 its sources in node-llhttp.
    if apt-cache show libllhttp-dev >/dev/null 2>&1; then echo libllhttp-dev; else echo node-llhttp; fi
}

# Installs what is missing of the packages named, and says which.
need_packages() {
    local missing=() package
    for package; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
            missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    say "installing ${missing[*]}"
    local as_root=()
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || die "not root, and no sudo: run 'apt-get install ${missing[*]}' as root"
        as_root=(sudo)
    fi
    "${as_root[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends \
        "${missing[@]}" >/dev/null
}

# configure FOLDER OPTION...: sets a build folder up, or brings its options up to date.
configure() {
    local dir=$1
    shift
    if [ -f "$dir/build.ninja" ]; then
        meson configure "$dir" "$@" >/dev/null
    else
        meson setup "$dir" "$@" >"$dir.log" 2>&1 || { cat "$dir.log" >&2; die "meson setup $dir failed"; }
    fi
}
