#!/usr/bin/env bash
# Runs a mode of mtdh on this machine with the settings of .env.
set -euo pipefail
# shellcheck source=common.sh
. "$(dirname "$0")/common.sh"

usage() {
  cat <<'END_OF_USAGE'
deploy/local/run-main.sh MODE [FLAGS …]

MODE is a verb of mtdh (instruments, plan, download, validate, full-pipeline, ls, …), or one of the names used before:
  check-gaps, missing-reports, available-tick-reports   are validate, which writes both reports
--mode MODE is read at any place. FLAGS go to mtdh as they are.

Paths in FLAGS are from the checkout's root, where it runs.
Makes .env from env.example when there is none; --env-file FILE reads another file.
What mtdh says is kept in logs/ as well.
Takes the program that MTDH names, else target/release/mtdh, else the one on the path, else builds it.
END_OF_USAGE
}

case ${1:-} in
  '') usage >&2; exit 2 ;;
  -h | --help | help) usage; exit ;;
esac
read_words "$@"
case $mode in
  check-gaps | missing-reports | available-tick-reports)
    say "$mode is validate"
    mode=validate
    ;;
esac
check_settings

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

# A mode that is no verb is the program's to read.
case $mode in
  '') ;;
  candle-processing | streaming-* | bigquery-upload | run-full-pipeline-*) words=(--mode "$mode" ${words[@]+"${words[@]}"}) ;;
  *) words=("$mode" ${words[@]+"${words[@]}"}) ;;
esac
if [ -n "$log" ]; then
  exec "$program" "${words[@]}" 2> >(tee -i -a "$log" >&2)
fi
exec "$program" "${words[@]}"
