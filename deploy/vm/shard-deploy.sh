#!/usr/bin/env bash
# Many VMs: shard-deploy.sh tardis|instruments|cleanup --start-date DAY [--end-date DAY] [--shards 10] [OPTIONS].
# OPTIONS as mtdh-vm.sh has them; flags of `mtdh download` may be mixed with them.
set -euo pipefail
# shellcheck source=args.sh
. "$(dirname "$0")/args.sh"
mode=${1:-help}
[ $# -eq 0 ] || shift
case $mode in
  tardis) with_verb download deploy --shards 10 "$@" ;;
  instruments)
    sort_words "$@"
    count=${#options[@]}
    without_shards
    [ "$count" = "${#options[@]}" ] ||
      say "one VM is made: the vendor gives the instruments of a venue in one answer, so that more VMs would only ask it again"
    with_verb instruments deploy "${options[@]}" "${words[@]}"
    ;;
  *) with_verb download "$mode" "$@" ;;
esac
