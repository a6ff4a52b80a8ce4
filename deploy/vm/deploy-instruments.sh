#!/usr/bin/env bash
# Instrument tables on a VM: deploy-instruments.sh deploy|run --start-date DAY [--end-date DAY] [OPTIONS], or deploy yesterday;
# status, logs, ssh, retry, delete, cleanup and OPTIONS as mtdh-vm.sh has them.
set -euo pipefail
# shellcheck source=args.sh
. "$(dirname "$0")/args.sh"
with_verb instruments "$@"
