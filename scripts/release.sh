#!/usr/bin/env bash
# Makes what a release needs, into dist/: scripts/release.sh [--static] [--no-wheels] [--out FOLDER]
#
#   mtdh_VERSION-1_ARCH.deb                program, completions, manual pages, a systemd timer
#   mtdh-VERSION-ARCH-image.tar            the container image, an OCI archive
#   mtdh-VERSION-ARCH-linux-static.tar.gz  with --static: a program that needs no library; built anew, which takes minutes
#   mtdh-VERSION-*.whl                     the Python package, unless --no-wheels
#   mtdh-VERSION.cdx.json                  bill of materials, CycloneDX 1.6
#   SHA256SUMS
#
# Package and image take the program that is built: target/release/mtdh, or MTDH. The version is that of Cargo.toml. All or nothing:
# a failure leaves dist/ as it was. The same revision, program and tools give the same bytes. Publishes nothing.
set -euo pipefail
# shellcheck source=release/common.sh
. "$(dirname "$0")/release/common.sh"
cd "$ROOT"

static=no wheels=yes out=dist
while [ $# -gt 0 ]; do
  case $1 in
    --static) static=yes ;;
    --no-wheels) wheels=no ;;
    --out)
      [ -n "${2:-}" ] || die "--out needs a folder"
      out=$2
      shift
      ;;
    -h | --help)
      sed -n '2,/^set /{ /^#/ s/^# \{0,1\}//p; }' "$0"
      exit
      ;;
    *) die "no such word: $1; see --help" ;;
  esac
  shift
done

program=${MTDH:-$ROOT/target/release/mtdh}
need dpkg-deb dpkg
need dpkg-shlibdeps dpkg-dev
need lintian lintian
need buildah buildah
need gzip gzip
need sha256sum coreutils
need python3 python3
python3 -c 'import tomllib' || die "python3 is older than 3.11"
[ "$(id -u)" -eq 0 ] || die "the image needs root: buildah runs the Dockerfile in a chroot"
[ "$wheels" = no ] || [ -x scripts/wheel.sh ] || die "there is no scripts/wheel.sh, which builds the wheels; --no-wheels leaves them out"
is_ours "$program"
for tag in $(git tag --points-at HEAD 'v*'); do [ "$tag" = "v$version" ] || die "the revision has the tag $tag, and Cargo.toml has $version"; done
# It is replaced as a whole.
[ ! -e "$out" ] || [ -e "$out/SHA256SUMS" ] || die "$out is there and is no release; name another folder with --out, or remove it"
arch=$(uname -m)

mkdir -p "$(dirname "$out")"
new=$(mktemp -d "$(dirname "$out")/.release-XXXXXX")
trap 'rm -rf "$new"' EXIT
chmod 755 "$new"
step() { printf '== %s\n' "$*"; }

step "Debian package"
package=$(scripts/release/deb.sh "$program" "$new")
# As root, which it warns of.
lintian --allow-root --fail-on error,warning "$package"

step "container image"
python3 scripts/release/oci.py "$program" "$new/mtdh-$version-$arch-image.tar" "$version" "$revision"

if [ "$static" = yes ]; then
  step "static program"
  scripts/release/static.sh "$new" >/dev/null
fi

if [ "$wheels" = yes ]; then
  step "wheels"
  scripts/release/wheels.sh "$new" >/dev/null
fi

step "bill of materials and checksums"
python3 scripts/release/sbom.py >"$new/mtdh-$version.cdx.json"
(cd "$new" && sha256sum -- * >SHA256SUMS && sha256sum --quiet --check SHA256SUMS)

# The former folder goes only when the new one stands.
if [ -e "$out" ]; then mv "$out" "$new.former"; fi
mv "$new" "$out"
rm -rf "$new.former"
(cd "$out" && ls -l)
