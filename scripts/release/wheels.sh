#!/usr/bin/env bash
# Makes the Python package's wheels and tries each in a clean environment: scripts/release/wheels.sh FOLDER; prints their paths.
# scripts/wheel.sh builds them. twine is on the path, or in the virtual environment of the tests.
set -euo pipefail
# shellcheck source=common.sh
. "$(dirname "$0")/common.sh"
[ $# -eq 1 ] || die "one word is needed: FOLDER"
folder=$(realpath "$1")
PATH=$PATH:$ROOT/.venv/bin
command -v twine >/dev/null || die "twine is not installed: pip install -r scripts/requirements.txt"
python3 -c 'import venv, ensurepip' || die "Python has no venv: apt-get install python3-venv"

"$ROOT/scripts/wheel.sh" "$folder" >&2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
for wheel in "$folder"/mtdh-"$version"-*.whl; do
  [ -e "$wheel" ] || die "scripts/wheel.sh left no mtdh-$version-*.whl in $folder"
  twine check --strict "$wheel" >&2
  python3 -m venv --clear "$scratch/venv"
  "$scratch/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps "$wheel" >&2
  [ "$("$scratch/venv/bin/mtdh" --version)" = "mtdh $version" ] || die "the program of $wheel is not of version $version"
  (cd "$scratch" && venv/bin/python -I -c "import mtdh; assert mtdh.__version__ == '$version', mtdh.__version__")
  echo "$wheel"
done
