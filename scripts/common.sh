# What scripts/run and scripts/test share. Sourced, with the repository as the working folder.

say() { printf '\033[1m==> %s\033[0m\n' "$*" >&2; }
die() { printf '%s: %s\n' "$0" "$*" >&2; exit 1; }
[ -t 2 ] || say() { printf '==> %s\n' "$*" >&2; }

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
can_be_root() { [ "$(id -u)" = 0 ] || command -v sudo >/dev/null; }

# Of some packages apt knows at least one: else there are no lists of them yet, and they are fetched.
need_lists() {
    apt-cache show "$@" >/dev/null 2>&1 || ! can_be_root || as_root apt-get update -qq >&2 || true
}

# What the library and the daemons are built with.
build_packages() {
    echo build-essential meson ninja-build pkg-config \
        libcurl4-openssl-dev libjwt-dev libmongoc-dev librdkafka-dev libsodium-dev \
        libsqlite3-dev libuv1-dev
    # Debian 13 has llhttp as a library, Debian 12 its sources in node-llhttp.
    need_lists libllhttp-dev node-llhttp
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
    can_be_root || die "not root, and no sudo: run 'apt-get install ${missing[*]}' as root"
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
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
