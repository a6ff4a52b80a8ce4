#!/usr/bin/env bash
# How fast recorded messages become columns, beside npm's tardis-dev on the same file in the same run: scripts/bench_live.sh [ROUNDS].
# Needs the recorded data (`MTDH_RECORDED`, or ../shared/data) and Node.
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-9}
recorded=${MTDH_RECORDED:-../shared/data}
if [ ! -d "$recorded/live" ]; then
  echo "skipped: $recorded/live is not there"
  exit 0
fi

cargo build --release --locked --quiet -p mtdh-source --example live_messages
program=${CARGO_TARGET_DIR:-target}/release/examples/live_messages
peer=$(mktemp -d)
trap 'rm -rf "$peer"' EXIT
npm install --silent --no-audit --no-fund --prefix "$peer" tardis-dev@13.35.3

echo "$(nproc) processors, load $(cut -d' ' -f1-3 /proc/loadavg), best of $rounds"
for pair in binance:spot_btcusdt_20240808.gz binance-futures:usdm_btcusdt_20240808.gz; do
  file=$recorded/live/${pair#*:}
  echo "mtdh        $("$program" "${pair%%:*}" "$file" "$rounds")"
  node scripts/bench_live.mjs "$peer" "${pair%%:*}" "$file" "$rounds" | sed 's/^/tardis-dev  /'
done
