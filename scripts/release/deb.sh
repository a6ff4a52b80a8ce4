#!/usr/bin/env bash
# Makes the Debian package of a program that is already built: scripts/release/deb.sh PROGRAM FOLDER; prints the package's path.
#
# The same program and revision give the same bytes. The packager is DEBFULLNAME and DEBEMAIL, as for other tools of Debian; else
# the author of the revision.
set -euo pipefail
# shellcheck source=common.sh
. "$(dirname "$0")/common.sh"
[ $# -eq 2 ] || die "two words are needed: PROGRAM FOLDER"
program=$(realpath "$1") folder=$(realpath "$2")
need dpkg-deb dpkg
need dpkg-shlibdeps dpkg-dev
need strip binutils
is_ours "$program"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
root=$scratch/root docs=$scratch/root/usr/share/doc/mtdh
packager="${DEBFULLNAME:-$(git -C "$ROOT" log -1 --format=%an)} <${DEBEMAIL:-$(git -C "$ROOT" log -1 --format=%ae)}>"

# put MODE FILE PATH: a file of the package. Nothing keeps the mode that it has in the checkout.
put() { install -D -m "$1" "$2" "$root/$3"; }

put 755 "$program" usr/bin/mtdh
strip --strip-unneeded --remove-section=.comment --remove-section=.note "$root/usr/bin/mtdh"
extras "$program" "$root/usr/share" vendor-completions
gzip -9n "$root"/usr/share/man/man1/*.1
put 644 "$ROOT/deploy/systemd/mtdh-daily.service" usr/lib/systemd/system/mtdh-daily.service
put 644 "$ROOT/deploy/systemd/mtdh-daily.timer" usr/lib/systemd/system/mtdh-daily.timer
for unit in mtdh-sync.service mtdh-sync.timer mtdh-sync-failed.service; do
  put 644 "$ROOT/deploy/systemd/$unit" "usr/lib/systemd/system/$unit"
done
# It is where the key goes.
put 640 "$ROOT/deploy/systemd/default" etc/default/mtdh
put 644 "$ROOT/scripts/release/debian/lintian-overrides" usr/share/lintian/overrides/mtdh

mkdir -p "$docs"
{
  cat "$ROOT/scripts/release/debian/copyright"
  sed 's/^$/./; s/^/ /' "$ROOT/LICENSE"
} >"$docs/copyright"
python3 "$ROOT/scripts/release/notices.py" | gzip -9n >"$docs/THIRD-PARTY.gz"
gzip -9nc "$ROOT/CHANGELOG.md" >"$docs/changelog.gz"
gzip -9nc >"$docs/changelog.Debian.gz" <<END_OF_CHANGELOG
mtdh ($version-1) unstable; urgency=medium

  * Version $version; changelog.gz has what changed.

 -- $packager  $(date -u -R -d "@$SOURCE_DATE_EPOCH")
END_OF_CHANGELOG

# The libraries that the program names, and the versions that it needs of them.
mkdir "$scratch/debian" "$root/DEBIAN"
printf 'Source: mtdh\n\nPackage: mtdh\nArchitecture: any\n' >"$scratch/debian/control"
libraries=$(cd "$scratch" && dpkg-shlibdeps -O root/usr/bin/mtdh 2>"$scratch/said") || die "$(cat "$scratch/said")"
cat >"$root/DEBIAN/control" <<END_OF_CONTROL
Package: mtdh
Version: $version-1
Architecture: $(dpkg --print-architecture)
Maintainer: $packager
Installed-Size: $(du -k --apparent-size -s --exclude=DEBIAN "$root" | cut -f 1)
Depends: ${libraries#shlibs:Depends=}, ca-certificates
Section: science
Priority: optional
Description: verified Parquet lake of crypto tick data
 Downloads crypto tick data from Tardis.dev, an archive of what exchanges
 published, into a lake of typed Parquet files in a folder or a bucket.
 Proves that the lake is complete and unmodified, checks the quality of the
 data, builds candles and reads slices of time.
 .
 A systemd timer, which is off at first, downloads new days.
END_OF_CONTROL
echo /etc/default/mtdh >"$root/DEBIAN/conffiles"
for script in prerm postrm; do install -m 755 "$ROOT/scripts/release/debian/$script" "$root/DEBIAN/$script"; done
(cd "$root" && find etc usr -type f | LC_ALL=C sort | xargs md5sum >DEBIAN/md5sums)

find "$root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
package=$folder/mtdh_$version-1_$(dpkg --print-architecture).deb
# Level 3 takes a third of the time of 6, for a ninth more bytes.
dpkg-deb -Zxz -z3 --root-owner-group --build "$root" "$package" >/dev/null
echo "$package"
