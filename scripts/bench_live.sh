#!/usr/bin/env bash
# How fast recorded messages become columns, and JSON as /ws-stream-normalized sends it, beside npm's tardis-dev on the same file in the
# same run: scripts/bench_live.sh [ROUNDS]. Needs the recorded data (`MTDH_RECORDED`, or ../shared/data) and Node.
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-9}
recorded=${MTDH_RECORDED:-../shared/data}
if [ ! -d "$recorded/live" ]; then
  echo "$recorded/live is not there: nothing to measure"
  exit 0
fi

cargo build --release --locked --quiet -p mtdh-serve --example live_messages
program=${CARGO_TARGET_DIR:-target}/release/examples/live_messages
peer=$(mktemp -d)
trap 'rm -rf "$peer"' EXIT
npm install --silent --no-audit --no-fund --prefix "$peer" tardis-dev@13.35.3

# The messages a second of the line about something.
rate() {
  sed -n "s|.* $1 .* \([0-9]*\) messages/s.*|\1|p"
}

for pair in binance:spot_btcusdt_20240808.gz binance-futures:usdm_btcusdt_20240808.gz; do
  exchange=${pair%%:*}
  file=$recorded/live/${pair#*:}
  echo "$(nproc) processors, load $(cut -d' ' -f1-3 /proc/loadavg), best of $rounds"
  ours=$("$program" "$exchange" "$file" "$rounds")
  theirs=$(node scripts/bench_live.mjs "$peer" "$exchange" "$file" "$rounds")
  awk '{ print "mtdh        " $0 }' <<<"$ours"
  awk '{ print "tardis-dev  " $0 }' <<<"$theirs"
  for what in columns json; do
    awk -v what=$what -v ours="$(rate $what <<<"$ours")" -v theirs="$(rate $what <<<"$theirs")" \
      'BEGIN { printf "ratio       %s %.1f\n", what, ours / theirs }'
  done
done
