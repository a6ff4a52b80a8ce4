#!/usr/bin/env bash
# A download on a VM: deploy-tardis.sh deploy|run --start-date DAY [--end-date DAY] [--venues V …] [OPTIONS], or deploy yesterday;
# status, logs, ssh, retry, delete, cleanup and OPTIONS as mtdh-vm.sh has them. Flags of `mtdh download` and options may be mixed.
set -euo pipefail
# shellcheck source=args.sh
. "$(dirname "$0")/args.sh"
with_verb download "$@"
