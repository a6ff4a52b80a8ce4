#!/usr/bin/env bash
# The Python package beside polars' own readers, in one run, in turn: scripts/bench_python.sh [ROUNDS]. Makes its data with the
# simulator: a day of 4 million trades, a day of 20 million changes of a book, and a week of 20,000 files; about five minutes and 3 GB.
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-9}

cargo build --release --locked --quiet
cargo build --release --locked --quiet --workspace --example large
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
scripts/wheel.sh "$folder/wheel"
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check "$folder"/wheel/*.whl polars pyarrow numpy

mkdir "$folder/source"
large=target/release/examples/large
"$large" trades 4000000 binance BTCUSDT | gzip -1 >"$folder/source/binance_trades_2024-03-01_BTCUSDT.csv.gz"
"$large" incremental_book_L2 20000000 binance-futures BTCUSDT |
  gzip -1 >"$folder/source/binance-futures_incremental_book_L2_2024-03-01_BTCUSDT.csv.gz"
target/release/mtdh download --source "$folder/source" --start-date 2024-03-01 --venues BINANCE,BINANCE-FUTURES \
  --data-types trades incremental_book_L2 --lake "$folder/large" --format csv
(cd "$folder" && "$OLDPWD/target/release/mtdh" demo --lake demo >/dev/null)
"$folder/venv/bin/python" scripts/bench_python.py --large "$folder/large" --demo "$folder/demo" --rounds "$rounds" \
  --wheel "$folder"/wheel/*.whl
