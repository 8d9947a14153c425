#!/usr/bin/env bash
# Holds the sandbox forge to the vendors' own OpenAPI descriptions.
#
#   tests/forge/prism.sh [FOLDER]
#
# FOLDER (else MOORING_CONTRACTS, else ../shared/contracts beside the workspace) holds openapi/github-openapi-trimmed.json,
# openapi/gitlab-openapi-trimmed.json, openapi/bitbucket-swagger-trimmed.json and
# openapi/azure-devops-serviceHooks-7.1-trimmed.json. Without the folder, without npx or without cargo there is nothing to do:
# the script says so and exits 0. A violation that is the forge's own exits 1.
#
# Five proxies stand before a seeded forge:
#   github --errors  right requests: prism replaces whatever violates the description by a 500
#   github           wrong requests, which the strict proxy would refuse itself instead of showing our refusal
#   gitlab           everything: the description declares what GitLab does not do (see prism/allowed.mjs), so violations
#                    are read from the header `sl-violations` and compared with the list of known ones
#   bitbucket        the same; its description is older than the removals of 2026 and than the listing of workspaces
#   azure            the same, for the service hooks alone; the description is mended first (see prism/azure.mjs)
set -euo pipefail
cd "$(dirname "$0")/../.."

contracts=${1:-${MOORING_CONTRACTS:-../shared/contracts}}
version=5.14.2
for needed in github-openapi gitlab-openapi bitbucket-swagger azure-devops-serviceHooks-7.1; do
    needed="$contracts/openapi/$needed-trimmed.json"
    [ -f "$needed" ] || { echo "skipped: no $needed"; exit 0; }
done
for program in npx node cargo; do
    command -v "$program" >/dev/null || { echo "skipped: no $program"; exit 0; }
done

scratch=$(mktemp -d)
groups=()
# Every job is a process group of its own: npx starts children that would outlive it.
set -m
stop() {
    for group in "${groups[@]}"; do kill -- "-$group" 2>/dev/null || true; done
    rm -rf "$scratch"
}
trap stop EXIT

start() {
    local log=$1
    shift
    "$@" >"$scratch/$log" 2>&1 &
    groups+=($!)
    # Else the shell would report its end.
    disown
}

cargo build --quiet -p mooring-forge --example serve
start forge "${CARGO_TARGET_DIR:-target}/debug/examples/serve"
for _ in $(seq 100); do
    grep -q '^READY' "$scratch/forge" && break
    sleep 0.1
done
grep '^[A-Z_]*=' "$scratch/forge" >"$scratch/env"
set -a
# shellcheck disable=SC1091
. "$scratch/env"
set +a

free_ports() {
    node -e 'const net = require("net"); let left = 5; const open = [];
        for (let i = 0; i < 5; i++) { const s = net.createServer().listen(0, "127.0.0.1", () => {
            open.push(s); if (--left === 0) { console.log(open.map((s) => s.address().port).join(" ")); open.forEach((s) => s.close()); } }); }'
}
read -r strict lenient gitlab bitbucket azure <<<"$(free_ports)"
proxy() {
    local log=$1 port=$2 description=$3 upstream=$4
    shift 4
    start "$log" npx --yes "@stoplight/prism-cli@$version" proxy "$@" -h 127.0.0.1 -p "$port" \
        "$description" "$upstream"
}
openapi="$contracts/openapi"
node tests/forge/prism/azure.mjs "$openapi/azure-devops-serviceHooks-7.1-trimmed.json" "$scratch/azure.json"
proxy strict "$strict" "$openapi/github-openapi-trimmed.json" "$GITHUB_API_URL" --errors
proxy lenient "$lenient" "$openapi/github-openapi-trimmed.json" "$GITHUB_API_URL"
proxy gitlab "$gitlab" "$openapi/gitlab-openapi-trimmed.json" "$GITLAB_URL"
proxy bitbucket "$bitbucket" "$openapi/bitbucket-swagger-trimmed.json" "$BITBUCKET_API_URL"
proxy azure "$azure" "$scratch/azure.json" "$AZURE_URL"
for port in "$strict" "$lenient" "$gitlab" "$bitbucket" "$azure"; do
    for _ in $(seq 120); do
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && continue 2
        sleep 0.5
    done
    echo "prism did not start on port $port:"
    tail -n 20 "$scratch"/{strict,lenient,gitlab,bitbucket,azure}
    exit 1
done

GITHUB_STRICT="http://127.0.0.1:$strict" GITHUB_LENIENT="http://127.0.0.1:$lenient" \
    GITLAB_LENIENT="http://127.0.0.1:$gitlab" BITBUCKET_LENIENT="http://127.0.0.1:$bitbucket" \
    AZURE_LENIENT="http://127.0.0.1:$azure" \
    node tests/forge/prism/check.mjs
