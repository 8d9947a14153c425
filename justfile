# `just` lists these. Only `prepare` needs a database.

_default:
    @just --list

# Everything a change has to pass
ci *steps:
    .ci/run {{ steps }}

# The two commands of a newcomer
demo:
    cargo run --release -- demo

test *arguments:
    cargo test {{ arguments }}

fmt:
    cargo fmt --all

lint:
    cargo clippy --workspace --all-targets -- -D warnings

# Writes .sqlx anew from the queries in the code; DATABASE_URL names a migrated database
prepare:
    #!/usr/bin/env bash
    set -euo pipefail
    : "${DATABASE_URL:?names a database that \`mooring migrate\` has brought up to date}"
    if command -v sqlx >/dev/null; then
        exec cargo sqlx prepare --workspace -- --all-targets
    fi
    rm -rf .sqlx && mkdir .sqlx
    # The macros write when they are expanded: the sources must look changed.
    find shared/src worker/src api/src src tests -name '*.rs' -exec touch {} +
    SQLX_OFFLINE=false SQLX_OFFLINE_DIR=$PWD/.sqlx cargo check --workspace --all-targets
    echo "$(ls .sqlx | wc -l) queries"

# An image tagged mooring
image:
    docker build -t mooring .
