#!/usr/bin/env bash
# Lists the VMs of a run, or of all runs, and deletes them: cleanup-tick-vms.sh [RUN] [--yes] [--dry-run] [OPTIONS], as of mtdh-vm.sh.
# VMs at work are deleted after a question, or with --yes.
set -euo pipefail
exec "$(dirname "$0")/../vm/mtdh-vm.sh" cleanup "$@"
