# shellcheck shell=bash disable=SC2034
# What the scripts of a release share; they source this. ROOT is the checkout, `version` the one of every artefact: that of Cargo.toml.
# Times in artefacts are those of the revision, unless SOURCE_DATE_EPOCH is set: the same revision gives the same bytes.
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# Says what is wrong and what to do, and ends.
die() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# Commands that must be there: need COMMAND PACKAGE, where PACKAGE is the one of Debian that brings it.
need() { command -v "$1" >/dev/null || die "$1 is not installed: apt-get install $2"; }

version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' "$ROOT/Cargo.toml")
[ -n "$version" ] || die "Cargo.toml has no version below [workspace.package]"
revision=$(git -C "$ROOT" rev-parse HEAD 2>/dev/null) || die "$ROOT is no checkout of git: a release is of a revision"
[ -z "$(git -C "$ROOT" status --porcelain)" ] || revision=$revision-changed
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$ROOT" log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
# Modes and order of names do not depend on who builds.
umask 022
export LC_ALL=C.UTF-8 TZ=UTC

# The program must be the one of this version. What is made beside it, and the lists of what is in it, have its features (MTDH_FEATURES):
# only a program with ISA-L names that library.
is_ours() {
  [ -x "$1" ] || die "there is no program $1: cargo build --release --locked --features isal, or name another with MTDH"
  [ "$("$1" --version)" = "mtdh $version" ] || die "$1 is $("$1" --version), and Cargo.toml has $version: build it again"
  if grep -aq ISA-L "$1"; then export MTDH_FEATURES=isal; else
    export MTDH_FEATURES=
    printf '%s: %s is without ISA-L and inflates by zlib-rs: --features isal builds it in\n' "$(basename "$0")" "$1" >&2
  fi
}

# What goes with the program wherever it is put: completions and manual pages, made by itself. extras PROGRAM SHARE ZSH: the folder
# `share`, and the name of zsh's folder for completions in it.
extras() {
  mkdir -p "$2/bash-completion/completions" "$2/zsh/$3" "$2/fish/vendor_completions.d"
  "$1" completions bash >"$2/bash-completion/completions/mtdh"
  "$1" completions zsh >"$2/zsh/$3/_mtdh"
  "$1" completions fish >"$2/fish/vendor_completions.d/mtdh.fish"
  "$1" man "$2/man/man1"
}
