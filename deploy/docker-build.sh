#!/usr/bin/env bash
# Builds the image, and pushes it to Artifact Registry on request.
set -euo pipefail
# shellcheck source=env.sh
. "$(dirname "$0")/env.sh"

usage() {
  cat <<'END'
deploy/docker-build.sh [TAG] [--push] [--project ID] [--region REGION] [--repository NAME] [--platform P] [--dry-run]

Builds mtdh:TAG from the Dockerfile. TAG is the checkout's revision unless it is given.
With --push the image is also REGION-docker.pkg.dev/PROJECT/REPOSITORY/mtdh:TAG, and goes there.
Project and region come from GCP_PROJECT_ID and GCP_REGION (environment or .env) without flags;
the repository is market-data-tick-handler. CONTAINER_TOOL names another program than docker.
END
}

tag='' push=no do=run platform=''
project=$(setting GCP_PROJECT_ID)
region=$(setting GCP_REGION)
repository=market-data-tick-handler
tool=${CONTAINER_TOOL:-docker}
value() { [ -n "${2:-}" ] || die "$1 needs a value"; }
while [ $# -gt 0 ]; do
  case $1 in
    --push) push=yes ;;
    --dry-run) do=print ;;
    --project) value "$@"; project=$2; shift ;;
    --region) value "$@"; region=$2; shift ;;
    --repository) value "$@"; repository=$2; shift ;;
    --platform) value "$@"; platform=$2; shift ;;
    -h | --help) usage; exit ;;
    -*) die "no such flag: $1; see --help" ;;
    *) [ -z "$tag" ] || die "one tag, not $tag and $1"; tag=$1 ;;
  esac
  shift
done

run() { "$@"; }
print() { printf '%q ' "$@"; printf '\n'; }

cd "$ROOT"
revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
# The time of the revision, so that the same revision gives the same image.
time=$(git log -1 --format=%ct 2>/dev/null || echo 0)
if [ "$revision" != unknown ] && [ -n "$(git status --porcelain)" ]; then
  revision=$revision-changed
fi
tag=${tag:-$(printf %.12s "$revision")}
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
names=(--tag "mtdh:$tag")
if [ "$push" = yes ]; then
  [ -n "$project" ] || die "the project is not known: --project, or GCP_PROJECT_ID in the environment or .env"
  [ -n "$region" ] || die "the region is not known: --region, or GCP_REGION in the environment or .env"
  remote=$region-docker.pkg.dev/$project/$repository/mtdh:$tag
  names+=(--tag "$remote")
fi
[ "$do" = print ] || need "$tool" "install it, or set CONTAINER_TOOL to podman"
"$do" "$tool" build "${names[@]}" ${platform:+--platform "$platform"} \
  --build-arg "SOURCE_DATE_EPOCH=$time" --build-arg "VERSION=$version" --build-arg "REVISION=$revision" .
if [ "$push" = yes ]; then
  "$do" "$tool" push "$remote"
  echo "$remote"
else
  echo "mtdh:$tag"
fi
