#!/usr/bin/env bash
# How a run stands, until it ends: monitor-tick-download.sh RUN [OPTIONS], as of mtdh-vm.sh.
set -euo pipefail
exec "$(dirname "$0")/../../mtdh-vm.sh" status "$@" --watch
