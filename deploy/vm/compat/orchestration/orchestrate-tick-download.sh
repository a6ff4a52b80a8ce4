#!/usr/bin/env bash
# From the first VM to the verdict: downloads on VMs, waits, makes lost shards again, then validates on one VM.
# orchestrate-tick-download.sh --start-date DAY [--end-date DAY] [--venues V …] [--shards N] [OPTIONS], as of mtdh-vm.sh.
set -euo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=../../args.sh
. "$here/args.sh"
sort_words "$@"
run=$(date -u +%Y%m%d-%H%M%S)
"$here/mtdh-vm.sh" run --run "$run" "${options[@]}" -- download "${words[@]}"
exec "$here/mtdh-vm.sh" run "${options[@]}" --run "$run-validate" --shards 1 -- validate "${words[@]}"
