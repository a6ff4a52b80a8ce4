#!/usr/bin/env bash
# Builds the example program, which names mtdh-engine alone, and runs it against the simulated vendor: scripts/example.sh
# MTDH names the program whose `sim` it uses; else the one of this checkout is built.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR="$PWD/target"
# With the features of the tests, so that their build serves. By its own alone, which builds most crates anew, in the long mode.
[ -z "${MTDH_LONG:-}" ] || cargo build --quiet --locked -p mtdh-embed
cargo build --quiet --locked --workspace --bins --tests
MTDH=${MTDH:-$PWD/target/debug/mtdh}

scratch=$(mktemp -d)
trap 'kill "${sim:-}" 2>/dev/null || true; rm -rf "$scratch"' EXIT

"$MTDH" sim --small --format jsonl --seconds 300 >"$scratch/sim" 2>"$scratch/sim.err" &
sim=$!
for _ in $(seq 100); do
  grep -q TARDIS_DATASETS_URL "$scratch/sim" && break
  sleep 0.1
done
address() { sed -n "s/.*\"value\":\"\([^\"]*\)\",\"variable\":\"$1\".*/\1/p" "$scratch/sim"; }
target/debug/mtdh-embed "$scratch/lake" "$(address TARDIS_API_URL)" "$(address TARDIS_DATASETS_URL)" | tee "$scratch/said"

lines=$(wc -l <examples/embed/src/main.rs)
[ "$lines" -le 40 ] || { echo "the example has $lines lines; 40 are allowed" >&2; exit 1; }
grep -qE '^2 files, [1-9][0-9]* rows, 0 failures$' "$scratch/said"
grep -qx complete "$scratch/said"
grep -qE '^[1-9][0-9]* rows in [1-9][0-9]* columns$' "$scratch/said"
