# shellcheck shell=bash
# What the scripts of this folder share; they source it. ROOT is the checkout.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export ROOT

# Says what is wrong, and ends with the status for settings.
die() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 2
}

# Says something on stderr; stdout is for what was asked for.
say() { printf '%s\n' "$*" >&2; }

# The value of a setting: the environment's, else that of .env. Nothing in .env is run.
setting() {
  local name=$1 file=${MTDH_ENV_FILE:-$ROOT/.env} value=${!1:-}
  if [ -z "$value" ] && [ -r "$file" ]; then
    value=$(sed -nE "s/^[[:space:]]*(export[[:space:]]+)?${name}=//p" "$file" | tail -n 1)
    value=${value%$'\r'}
    value=${value#[\"\']}
    value=${value%[\"\']}
  fi
  printf '%s' "$value"
}

# Whether a command is on the path; says what to do where it is not.
need() { command -v "$1" >/dev/null || die "$1 is not on the path: $2"; }
