# shellcheck shell=bash
# Says that something did not run, in the one form of such lines: skipped NAME REASON. The line is also added to the file that
# MTDH_SKIPPED names.
skipped() {
  echo "skipped: $1: $2"
  [ -z "${MTDH_SKIPPED:-}" ] || echo "skipped: $1: $2" >>"$MTDH_SKIPPED"
}
