#!/usr/bin/env bash
# Runs a verb of mtdh in a container on this machine with the settings of .env.
set -euo pipefail
# shellcheck source=common.sh
. "$(dirname "$0")/common.sh"

usage() {
  cat <<'END_OF_USAGE'
deploy/local/run-docker.sh [OPTIONS] VERB [FLAGS …]

Builds the image mtdh:latest when there is none, or none of this revision. Makes .env from env.example when there is none,
and checks it. The container sees
  data/ (or the folder that MTDH_LAKE names) as /home/mtdh/data, logs/ as /home/mtdh/logs, where its log is kept,
  and the file that GCP_CREDENTIALS_PATH names. Other paths of this machine are unknown inside.

  --name NAME      the container's name: mtdh-VERB. It stays after its end, for `docker logs NAME`, until its name is used again
  --image NAME     another image; it is not built
  --scratch DIR    where vendor files rest while they are worked on (MTDH_SCRATCH); else the container's own disk
  --shell          a shell in the debug variant of the image, with the same folders, in place of a verb
  --dry-run        print the commands, and run none

Exit status: that of mtdh; 2 where it could not be started. CONTAINER_TOOL names another program than docker.
END_OF_USAGE
}

name='' image='' scratch=$(setting MTDH_SCRATCH) shell=no dry=no
tool=${CONTAINER_TOOL:-docker}
while [ $# -gt 0 ]; do
  case $1 in
    --name | --image | --scratch)
      [ $# -ge 2 ] || die "$1 needs a value"
      case $1 in --name) name=$2 ;; --image) image=$2 ;; --scratch) scratch=$2 ;; esac
      shift
      ;;
    --shell) shell=yes ;;
    --dry-run) dry=yes ;;
    -h | --help | help) usage; exit ;;
    *) break ;;
  esac
  shift
done
[ $# -gt 0 ] || [ "$shell" = yes ] || { usage >&2; exit 2; }
read_words "$@"
[ -n "$mode" ] || [ "$shell" = yes ] || die "which verb? run-docker.sh [OPTIONS] VERB [FLAGS …]"
[ "$shell" = no ] || mode=shell

# A container gets the lines of the file as they are: no quotes, no `export`.
check_file() {
  local number=0 line
  while IFS= read -r line || [ -n "$line" ]; do
    number=$((number + 1))
    case $line in
      '' | '#'*) ;;
      export\ * | [A-Za-z_]*=[\"\']* | *$'\r')
        die "$1 line $number has quotes, \`export\` or a Windows line end: a container takes NAME=value as it is written"
        ;;
    esac
  done <"$1"
}

run() {
  if [ "$dry" = yes ]; then printf '%q ' "$@" && printf '\n'; else "$@"; fi
}

image_of() { "$tool" image inspect --format '{{index .Config.Labels "org.opencontainers.image.revision"}}' "$1" 2>/dev/null; }

# Builds what this revision lacks.
build() {
  local revision
  revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
  if [ "$dry" = no ] && [ "$(image_of mtdh:latest)" = "$revision" ]; then
    [ "$shell" = no ] || [ -n "$("$tool" image ls --quiet mtdh:latest-debug)" ] || run "$ROOT/deploy/docker-build.sh" latest --no-push --debug >&2
    return
  fi
  local debug=()
  [ "$shell" = no ] || debug=(--debug)
  run "$ROOT/deploy/docker-build.sh" latest --no-push ${debug[@]+"${debug[@]}"} >&2
}

[ "$dry" = no ] || [ -e "$file" ] || file=env.example
[ "$dry" = yes ] || check_settings
check_file "$file"
if [ "$dry" = no ]; then
  need "$tool" "install it, or set CONTAINER_TOOL to podman"
  "$tool" info >/dev/null 2>&1 || die "$tool does not answer: is its service running? \`$tool info\` says more"
fi

lake=$(setting MTDH_LAKE) credentials=$(setting GCP_CREDENTIALS_PATH)
flags=(--env-file "$file" --user "$(id -u):$(id -g)")
case $lake in
  '' | *://*) data=$ROOT/data ;;
  *)
    data=$lake
    flags+=(--env MTDH_LAKE=/home/mtdh/data)
    ;;
esac
[ "$dry" = yes ] || mkdir -p "$data" logs ${scratch:+"$scratch"}
absolute() { case $1 in /*) printf %s "$1" ;; *) printf %s "$ROOT/${1#./}" ;; esac; }
flags+=(--volume "$(absolute "$data"):/home/mtdh/data" --volume "$ROOT/logs:/home/mtdh/logs")
[ -z "$scratch" ] || flags+=(--volume "$(absolute "$scratch"):/tmp")
if [ -n "$credentials" ]; then
  flags+=(--volume "$(absolute "$credentials"):/run/mtdh/key.json:ro" --env GCP_CREDENTIALS_PATH=/run/mtdh/key.json)
fi

if [ -z "$image" ]; then
  build
  image=mtdh:latest
  [ "$shell" = no ] || image=mtdh:latest-debug
fi
if [ "$shell" = yes ]; then
  run "$tool" run --rm --interactive --tty "${flags[@]}" "$image" /bin/bash
  exit
fi

name=${name:-mtdh-$mode}
if [ "$dry" = no ]; then
  case $("$tool" container inspect --format '{{.State.Running}}' "$name" 2>/dev/null || true) in
    true) die "the container $name is at work: $tool logs $name; --name gives this one another name" ;;
    false) "$tool" rm "$name" >/dev/null ;;
  esac
fi
case $mode in
  check-gaps | missing-reports | available-tick-reports)
    say "$mode is validate"
    mode=validate
    ;;
  candle-processing | streaming-* | bigquery-upload | run-full-pipeline-*) words=(--mode "$mode" ${words[@]+"${words[@]}"}) mode='' ;;
esac
command=("$tool" run --name "$name" "${flags[@]}" "$image" ${mode:+"$mode"} ${words[@]+"${words[@]}"})
if [ "$dry" = yes ]; then
  run "${command[@]}"
elif [ -n "$log" ]; then
  exec "${command[@]}" 2> >(tee -i -a "$log" >&2)
else
  exec "${command[@]}"
fi
