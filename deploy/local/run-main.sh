#!/usr/bin/env bash
# Runs a mode of mtdh on this machine with the settings of .env.
set -euo pipefail
# shellcheck source=../env.sh
. "$(dirname "$0")/../env.sh"

usage() {
  cat <<'END'
deploy/local/run-main.sh MODE [FLAGS …]

MODE is a verb of mtdh (instruments, plan, download, validate, full-pipeline, ls, …), or one of the names used before:
  check-gaps, missing-reports, available-tick-reports   are validate, which writes both reports
FLAGS go to mtdh as they are. --mode MODE is read, too.

Paths in FLAGS are from the checkout's root, where it runs.
Makes .env from env.example when there is none. Takes the program that MTDH names, else target/release/mtdh,
else the one on the path, else builds it.
END
}

case ${1:-} in
  '') usage >&2; exit 2 ;;
  -h | --help | help) usage; exit ;;
  --mode) shift; [ $# -gt 0 ] || die "--mode needs a value" ;;
esac
mode=$1
shift
case $mode in
  -*) die "the mode comes first, then its flags; see --help" ;;
  check-gaps | missing-reports | available-tick-reports)
    say "$mode is validate"
    mode=validate
    ;;
esac

cd "$ROOT"
if [ ! -e .env ]; then
  cp env.example .env
  chmod 600 .env
  say "made .env from env.example; put the vendor's key and the lake there"
fi
[ -r .env ] || die ".env cannot be read; see its owner and mode"

if [ -n "${MTDH:-}" ]; then
  program=$MTDH
  [ -x "$program" ] || die "MTDH names $program, which is no program"
elif [ -x target/release/mtdh ]; then
  program=target/release/mtdh
elif command -v mtdh >/dev/null; then
  program=$(command -v mtdh)
else
  need cargo "there is no mtdh here, and building it needs Rust (https://rustup.rs); or set MTDH to a program"
  need cc "building mtdh needs a C compiler; on Debian: apt-get install build-essential"
  say "building mtdh, once"
  cargo build --release --locked --quiet
  program=target/release/mtdh
fi

case $mode in
  instruments | plan | download | full-pipeline)
    key=$(setting TARDIS_API_KEY)
    [ -n "$key" ] || say "TARDIS_API_KEY is not set: the vendor gives first days of months only"
    ;;
esac
credentials=$(setting GCP_CREDENTIALS_PATH)
if [ -n "$credentials" ] && [ ! -r "$credentials" ]; then
  die "GCP_CREDENTIALS_PATH names $credentials, which cannot be read"
fi
exec "$program" "$mode" "$@"
