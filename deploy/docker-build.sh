#!/usr/bin/env bash
# Builds the image, and pushes it to Artifact Registry where that is set up.
set -euo pipefail
# shellcheck source=env.sh
. "$(dirname "$0")/env.sh"

usage() {
  cat <<'END'
deploy/docker-build.sh [TAG] [--push | --no-push] [--debug] [--no-cache]
                       [--project ID] [--region REGION] [--repository NAME] [--platform P] [--dry-run]

Builds mtdh:TAG from the Dockerfile. TAG is the checkout's revision unless it is given.
With --debug also mtdh:TAG-debug, which has a shell beside the program.
Where project and region are known, the image is also REGION-docker.pkg.dev/PROJECT/REPOSITORY/mtdh:TAG, and goes there;
not with --no-push. --push demands them. They come from --project and --region, else from GCP_PROJECT_ID and GCP_REGION
(environment or .env); the repository is market-data-tick-handler. CONTAINER_TOOL names another program than docker.
END
}

tag='' push='' do=run platform='' debug=no cache=''
project=$(setting GCP_PROJECT_ID)
region=$(setting GCP_REGION)
repository=market-data-tick-handler
tool=${CONTAINER_TOOL:-docker}
value() { [ -n "${2:-}" ] || die "$1 needs a value"; }
while [ $# -gt 0 ]; do
  case $1 in
    --push) push=yes ;;
    --no-push) push=no ;;
    --debug) debug=yes ;;
    --no-cache) cache=--no-cache ;;
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
registry=''
[ -z "$project" ] || [ -z "$region" ] || registry=$region-docker.pkg.dev/$project/$repository
if [ "$push" = yes ]; then
  [ -n "$project" ] || die "the project is not known: --project, or GCP_PROJECT_ID in the environment or .env"
  [ -n "$region" ] || die "the region is not known: --region, or GCP_REGION in the environment or .env"
fi
push=${push:-$([ -n "$registry" ] && echo yes || echo no)}
[ "$do" = print ] || need "$tool" "install it, or set CONTAINER_TOOL to podman"
# A build needs what runs it; without that, the tool's own words come after a minute of copying.
if [ "$do" = run ] && ! "$tool" info >/dev/null 2>&1; then
  die "$tool does not answer: is its service running? \`$tool info\` says more"
fi

# make NAME FLAG …: one image, under its name here and in the registry.
make() {
  local name=$1 names=(--tag "mtdh:$1")
  shift
  [ "$push" = no ] || names+=(--tag "$registry/mtdh:$name")
  "$do" "$tool" build "${names[@]}" ${platform:+--platform "$platform"} ${cache:+"$cache"} "$@" \
    --build-arg "SOURCE_DATE_EPOCH=$time" --build-arg "VERSION=$version" --build-arg "REVISION=$revision" . ||
    die "the image was not built; the lines above say why, and docs/how-to/troubleshoot.md lists common causes"
  if [ "$push" = yes ]; then
    "$do" "$tool" push "$registry/mtdh:$name"
    echo "$registry/mtdh:$name"
  else
    echo "mtdh:$name"
  fi
}
make "$tag"
[ "$debug" = no ] || make "$tag-debug" --target debug
if [ "$push" = yes ]; then
  say "built, and pushed to $registry"
elif [ -n "$registry" ]; then
  say "built, not pushed: --no-push"
else
  say "built, not pushed: no registry is set; GCP_PROJECT_ID and GCP_REGION in .env name one"
fi
