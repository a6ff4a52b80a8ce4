#!/usr/bin/env bash
# How a run stands, until it ends: monitor-tick-download.sh [RUN] [OPTIONS], as of mtdh-vm.sh. Without RUN: the newest.
set -euo pipefail
exec "$(dirname "$0")/../vm/mtdh-vm.sh" status "$@" --watch
