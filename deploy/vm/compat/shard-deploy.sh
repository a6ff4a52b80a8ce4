#!/usr/bin/env bash
# Many VMs: shard-deploy.sh tardis|instruments|cleanup --start-date DAY [--end-date DAY] [--shards 10] [OPTIONS].
# OPTIONS as mtdh-vm.sh has them. Instrument tables need one VM: the vendor is asked once per venue.
set -euo pipefail
# shellcheck source=../args.sh
. "$(dirname "$0")/../args.sh"
mode=${1:-help}
[ $# -eq 0 ] || shift
case $mode in
  tardis) with_verb download deploy --shards 10 "$@" ;;
  instruments) with_verb instruments deploy "$@" --shards 1 ;;
  *) with_verb download "$mode" "$@" ;;
esac
