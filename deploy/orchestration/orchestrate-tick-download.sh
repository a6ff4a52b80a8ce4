#!/usr/bin/env bash
# From the first VM to the verdict: downloads on VMs, waits, makes lost shards again, then validates on one VM.
# orchestrate-tick-download.sh --start-date DAY [--end-date DAY] [--venues V …] [--instances N] [OPTIONS], as of mtdh-vm.sh.
# Flags of `mtdh download` and of `mtdh validate` go to the one, the other, or both.
set -euo pipefail
# shellcheck source=../vm/args.sh
. "$(dirname "$0")/../vm/args.sh"
vm=$ROOT/deploy/vm/mtdh-vm.sh
case ${1:-} in
  '' | -h | --help) sed -n '2,4s/^# //p' "$0"; [ $# -gt 0 ] || exit 2; exit ;;
esac
sort_words "$@"

# The words that a verb understands; a flag that neither has stays with `download`, which refuses it.
words_for() {
  local verb=$1 word keep=yes
  given=("$verb")
  for word in "${words[@]}"; do
    if [[ $word == --* ]]; then
      keep=no
      if has_flag "$verb" "${word%%=*}" || { [ "$verb" = download ] && ! has_flag validate "${word%%=*}"; }; then keep=yes; fi
    fi
    [ "$keep" = no ] || given+=("$word")
  done
}

all=("${words[@]}")
words_for validate
words=("${given[@]}")
check_words "$0 $*"
validate=("${words[@]}")
words=("${all[@]}")
words_for download
words=("${given[@]}")
check_words "$0 $*"

run=$(date -u +%Y%m%d-%H%M%S)
for index in "${!options[@]}"; do
  [ "${options[index]}" != --run ] || run=${options[index + 1]:-}
done
"$vm" run --run "$run" "${options[@]}" -- "${words[@]}"
without_shards
exec "$vm" run "${options[@]}" --run "$run-validate" -- "${validate[@]}"
