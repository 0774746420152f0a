# What the servers share. Sourced, with `name` set, by a script in this folder.

home=$ECOM_SERVERS_DIR/$name # data, logs, ports and pids of this server
cache=$ECOM_SERVERS_CACHE

say() { printf '==> %s: %s\n' "$name" "$*" >&2; }
die() { say "$*"; exit 1; }
need() { command -v "$1" >/dev/null || die "needs $1: apt-get install $2"; }

# one_at_a_time FILE COMMAND...: two runs that want to download or start the same wait in turn.
one_at_a_time() {
    local lock=$1
    shift
    mkdir -p "$(dirname "$lock")"
    (flock 8 && "$@") 8>"$lock"
}

# A loopback port that nobody has, in `port`. Below those that the kernel gives to connections that
# go out, so that it is still free after a restart; and claimed by a link to our folder, so that no
# other server takes it meanwhile. Where the folder is gone, the claim is.
free_port() {
    local try claims=$cache/ports
    mkdir -p "$home"
    for try in {1..500}; do
        port=$((15000 + (RANDOM << 15 | RANDOM) % 17000))
        ! (: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || continue
        one_at_a_time "$claims/.lock" claim "$claims/$port" || continue
        return
    done
    die "found no free port in $try tries"
}

claim() { [ ! -e "$1" ] && ln -sfn "$home" "$1"; }

# running FOLDER WORD: prints the pid kept in FOLDER, if that process has WORD in its command line:
# a pid that went to somebody else is not ours to end.
running() {
    local pid
    pid=$(cat "$1/pid" 2>/dev/null) && [ -n "$pid" ] || return 1
    tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF -- "$2" || return 1
    echo "$pid"
}

# launch FOLDER COMMAND...: in the background, in a session of its own, its output in FOLDER/log.
launch() {
    local folder=$1
    shift
    if [ -f "$folder/log" ]; then mv "$folder/log" "$folder/log.before"; fi
    (cd "$folder" && exec setsid sh -c 'echo $$ >pid && exec "$@"' - "$@" \
        >log 2>&1 </dev/null 8>&-) &
}

# end_all SECONDS PID...: asks all to end, waits, and kills what is left.
end_all() {
    local patience=$1 pid deadline
    shift
    deadline=$((SECONDS + patience))
    for pid; do kill "$pid" 2>/dev/null || true; done
    for pid; do
        while kill -0 "$pid" 2>/dev/null; do
            if [ $SECONDS -ge $deadline ]; then
                say "pid $pid did not end within $patience s: killing it"
                kill -9 "$pid" 2>/dev/null || true
            fi
            sleep 0.1
        done
    done
}

# A certificate authority of our own and a server's certificate for localhost, once, in tls/:
# ca.pem, and server.pem with key, certificate and CA together. Tests with a name server have
# hosts in ecom.example.
make_certificates() {
    local tls=$home/tls
    [ ! -f "$tls/server.pem" ] || return 0
    need openssl openssl
    mkdir -p "$tls"
    (
        cd "$tls"
        openssl req -x509 -newkey rsa:2048 -nodes -sha256 -days 3650 -subj '/CN=CA of libecom tests' \
            -addext 'keyUsage=critical,keyCertSign,cRLSign' -keyout ca.key -out ca.pem
        openssl req -newkey rsa:2048 -nodes -subj '/CN=localhost' -keyout server.key -out server.csr
        echo 'subjectAltName=DNS:localhost,DNS:*.ecom.example,IP:127.0.0.1' >extensions
        openssl x509 -req -sha256 -days 3650 -in server.csr -extfile extensions \
            -CA ca.pem -CAkey ca.key -CAcreateserial -out server.crt
        cat server.key server.crt ca.pem >server.pem.new
        mv server.pem.new server.pem
    ) >"$tls/log" 2>&1 || { cat "$tls/log" >&2; die "no certificates"; }
}
