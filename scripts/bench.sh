#!/usr/bin/env bash
# Makes large files in the vendor's form with the stand-in, converts them with mtdh and with its peers, interleaved,
# makes candles of the trades, and runs the jobs around conversion: scripts/bench.sh [ROUNDS]. Ratios of one run on one
# machine. Single steps apart: cargo bench -p mtdh-engine.
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-5}

# As releases are built, where the tools for it are there.
isal=()
if cargo build --release --locked --quiet --features isal; then
  cp target/release/mtdh target/release/mtdh-isal
  isal=(--isal target/release/mtdh-isal)
fi
cargo build --release --locked --quiet
cargo build --release --locked --quiet -p mtdh-sim --example large --example canned
cargo build --release --locked --quiet -p mtdh-source --example inflate
[ -x .venv/bin/python ] || python3 -m venv .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check -r scripts/requirements.txt

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
target/release/examples/large trades 4000000 binance BTCUSDT | gzip -6 >"$folder/trades.csv.gz"
target/release/examples/large book_snapshot_5 860000 binance-futures BTCUSDT | gzip -6 >"$folder/book5.csv.gz"
nproc
.venv/bin/python scripts/bench.py --program target/release/mtdh --inflate target/release/examples/inflate "${isal[@]}" \
  --folder "$folder" --rounds "$rounds"
.venv/bin/python scripts/bench_jobs.py --program target/release/mtdh --large target/release/examples/large --folder "$folder"
.venv/bin/python scripts/bench_layout.py --program target/release/mtdh --folder "$folder"
