#!/usr/bin/env bash
# The Python package beside polars' own readers, in one run, in turn: scripts/bench_python.sh [ROUNDS]. Makes its data: a day of
# 4 million trades, a day of 20 million changes of a book, and a week of 20,000 files; about five minutes and 3 GB.
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-9}

cargo build --release --locked --quiet
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
scripts/wheel.sh "$folder/wheel"
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check "$folder"/wheel/*.whl polars pyarrow numpy

"$folder/venv/bin/python" scripts/bench_python.py make "$folder/source"
target/release/mtdh download --source "$folder/source" --start-date 2024-03-01 --venues BINANCE,BINANCE-FUTURES \
  --data-types trades incremental_book_L2 --lake "$folder/large" --format csv
(cd "$folder" && "$OLDPWD/target/release/mtdh" demo --lake demo >/dev/null)
"$folder/venv/bin/python" scripts/bench_python.py measure --large "$folder/large" --demo "$folder/demo" --rounds "$rounds" \
  --wheel "$folder"/wheel/*.whl
