#!/usr/bin/env bash
# Fuzzes each target for so many seconds, or with so many inputs: scripts/fuzz.sh 20, scripts/fuzz.sh --runs 3400000
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=skipped.sh
. scripts/skipped.sh
if [ "${1:-}" = --runs ]; then
  limit="-runs=$2"
else
  limit="-max_total_time=${1:-60}"
fi

if ! cargo +nightly --version >/dev/null 2>&1; then
  skipped fuzz "it needs a nightly toolchain (rustup toolchain install nightly)"
  exit 0
fi
command -v cargo-fuzz >/dev/null || cargo install --locked --quiet cargo-fuzz
fuzz/seeds.sh
for target in decoder instrument_key live_feed metadata_json; do
  echo "== $target, $limit"
  log=$(mktemp)
  # Without a sanitizer: there is no unsafe code of ours, and without one far more inputs are tried.
  if ! cargo +nightly fuzz run --sanitizer none --release "$target" -- \
    "$limit" -max_len=4096 -rss_limit_mb=2048 >"$log" 2>&1; then
    tail -n 40 "$log"
    exit 1
  fi
  grep -E '^(Done|stat::number_of_executed_units)' "$log" || tail -n 1 "$log"
  rm -f "$log"
done
