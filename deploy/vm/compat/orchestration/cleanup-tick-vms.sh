#!/usr/bin/env bash
# Deletes VMs of runs that have stopped, and no other: cleanup-tick-vms.sh [RUN] [--dry-run] [OPTIONS], as of mtdh-vm.sh.
set -euo pipefail
exec "$(dirname "$0")/../../mtdh-vm.sh" cleanup "$@"
