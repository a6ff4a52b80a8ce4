#!/usr/bin/env bash
# Builds the program for machines of any age and makes an archive of it: scripts/release/static.sh FOLDER; prints the archive's path.
#
# All libraries are in the program (crt-static), glibc as well: nothing of the machine is needed but its kernel, /dev, and certificates for
# the vendor. Host names come from /etc/hosts and DNS; modules of /etc/nsswitch.conf are not loaded, unless the machine has the
# glibc that it was built with. A build of minutes: it shares nothing with the usual one. The archive is laid out for `tar
# --strip-components=1 -C PREFIX`.
set -euo pipefail
# shellcheck source=common.sh
. "$(dirname "$0")/common.sh"
[ $# -eq 1 ] || die "one word is needed: FOLDER"
folder=$(realpath "$1")
command -v cargo >/dev/null || die "cargo is not installed: Rust 1.95 or later, by rustup"
need cc build-essential
need readelf binutils
need tar tar

target=$(uname -m)-unknown-linux-gnu name=mtdh-$version-$(uname -m)-linux-static
build=${CARGO_TARGET_DIR:-$ROOT/target}/static
# With --target the flag is for the program alone, not for build scripts and macros. No path of this machine is in the program.
registry=${CARGO_HOME:-$HOME/.cargo}/registry/src
flags="-C target-feature=+crt-static --remap-path-prefix=$ROOT=. --remap-path-prefix=$registry=registry/src"
# Crates with C in them are built anew where the time in the environment is another; nothing of it is in the program.
(cd "$ROOT" && env -u SOURCE_DATE_EPOCH CARGO_TARGET_DIR="$build" RUSTFLAGS="$flags" \
  cargo build --release --locked --target "$target" -p mtdh ${MTDH_FEATURES:+--features "$MTDH_FEATURES"}) >&2
program=$build/$target/release/mtdh
is_ours "$program"
needed=$(readelf --dynamic "$program" | grep NEEDED || true)
[ -z "$needed" ] || die "$program still needs libraries: $needed"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
root=$scratch/$name
install -D -m 755 "$program" "$root/bin/mtdh"
extras "$program" "$root/share" site-functions
for file in LICENSE CHANGELOG.md; do install -D -m 644 "$ROOT/$file" "$root/share/doc/mtdh/$file"; done
python3 "$ROOT/scripts/release/notices.py" >"$root/share/doc/mtdh/THIRD-PARTY"
tar --create --directory "$scratch" --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner "$name" |
  gzip -9n >"$folder/$name.tar.gz"
echo "$folder/$name.tar.gz"
