#!/usr/bin/env bash
# Builds the Python package's wheel: scripts/wheel.sh [FOLDER], by default dist/. MTDH_PROFILE=dev builds quickly, for tests;
# MTDH_FEATURES=isal inflates by ISA-L.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-dist}
[ -x .venv/bin/python ] || python3 -m venv .venv
.venv/bin/python -c 'import maturin' 2>/dev/null ||
  .venv/bin/python -m pip install --quiet --disable-pip-version-check 'maturin>=1.16,<2'
PATH="$PWD/.venv/bin:$PATH"
# Crates and features are those of `cargo build --release --workspace`, so that what is built serves both.
maturin build --locked --profile "${MTDH_PROFILE:-release}" --out "$out" --quiet ${MTDH_FEATURES:+--features "$MTDH_FEATURES"}
ls -l "$out"/mtdh-*.whl
