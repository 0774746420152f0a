#!/bin/sh
# Runs the function under `ecom lambda serve`, as AWS would, and invokes it.
set -eu
log=$(mktemp)
ecom lambda serve --port 0 quote=./bootstrap >"$log" 2>&1 &
server=$!
trap 'kill $server; rm -f "$log"' EXIT
until port=$(sed -n 's/^Lambda running on ://p' "$log") && [ "$port" ]; do sleep 0.05; done

export AWS_ENDPOINT_URL_LAMBDA="http://127.0.0.1:$port" AWS_REGION=eu-central-1
export AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local
check() {
    got=$(echo "$1" | ecom lambda invoke quote --event - 2>/dev/null) || true
    [ "$got" = "$2" ] || { echo "$1: want $2, got $got"; cat "$log"; exit 1; }
}
check '{"grams": 1}' '{"price":4.9}'
check '{"grams": 2500}' '{"price":7.9}'
check '{"grams": 0}' '{"errorType":"INVAL","errorMessage":"grams: must be at least 1, is 0","stackTrace":[]}'
echo "quote: all is well"
