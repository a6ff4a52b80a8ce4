#!/bin/bash
# What a VM of a run does: fetch the program, take the key, work on its shard, report, delete itself.
#
# What to do comes from the VM's metadata: `mtdh-task` has lines NAME=value, with one WORD= line per argument of mtdh;
# `mtdh-shard` is the VM's number. The API key comes from Secret Manager and is kept in memory only. All rights are
# those of the VM's service account. Needs bash, curl and coreutils, as Debian and Container-Optimized OS have them.
set -uo pipefail
export TZ=UTC
metadata=http://${GCE_METADATA_HOST:-metadata.google.internal}/computeMetadata/v1
storage=${STORAGE_EMULATOR_HOST:-https://storage.googleapis.com}
secrets=${SECRET_MANAGER_HOST:-https://secretmanager.googleapis.com}
compute=${COMPUTE_HOST:-https://compute.googleapis.com}
folder=${MTDH_FOLDER:-/var/lib/mtdh}
user=65532
run=unknown shard=0 shards=1 attempts=0 child='' stopped='' shows='' task=''
started=$(date +%FT%TZ)

# A line for Cloud Logging, which reads the console.
say() {
  local text=${2//[\"\\]/ }
  printf '{"severity":"%s","time":"%s","run":"%s","shard":%d,"message":"%s"}\n' "$1" "$(date +%FT%TZ)" "$run" "$shard" "$text"
}

ask() { curl --silent --show-error --fail --retry 5 --retry-connrefused --max-time 60 -H 'Metadata-Flavor: Google' "$metadata/$1"; }
value() { sed -n "s/^$1=//p" <<<"$task" | tail -n 1; }
member() { tr -d '\n' | sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p"; }

# curl with the service account's token, which stays out of the list of processes.
call() {
  local token
  token=$(ask instance/service-accounts/default/token | member access_token)
  [ -n "$token" ] || return 1
  printf 'header = "Authorization: Bearer %s"\n' "$token" |
    curl --config - --silent --show-error --fail --location --retry 5 --retry-connrefused "$@"
}

quoted() { local text=${1//%/%25}; text=${text//\//%2F}; printf '%s' "${text//:/%3A}"; }

put() { # NAME FILE TYPE
  call -X POST -H "Content-Type: $3" --data-binary "@$2" --max-time 600 --output /dev/null \
    "$storage/upload/storage/v1/b/$bucket/o?uploadType=media&name=$(quoted "vm-runs/$run/$1")"
}

# The end, whatever led to it: a report in the bucket, then this VM deletes itself.
finish() {
  local status=$1 reason=$2 name
  [ -z "$shows" ] || kill "$shows"
  say "$([ "$status" = 0 ] && echo INFO || echo ERROR)" "ended with $status: $reason"
  printf '{"run":"%s","shard":%d,"shards":%d,"exit":%d,"reason":"%s","attempts":%d,"vm":"%s","started":"%s","ended":"%s"}\n' \
    "$run" "$shard" "$shards" "$status" "${reason//[\"\\]/ }" "$attempts" "$(ask instance/name)" "$started" "$(date +%FT%TZ)" \
    >"$folder/report.json"
  name=shard-$shard-of-$shards
  if [ -n "${bucket:-}" ]; then
    [ ! -e "$folder/log" ] || put "$name.log" "$folder/log" text/plain || say ERROR "the log could not be stored"
    put "$name.json" "$folder/report.json" application/json || say ERROR "the report could not be stored"
  fi
  name=$(ask project/project-id)/zones/$(basename "$(ask instance/zone)")/instances/$(ask instance/name)
  if ! call -X DELETE --max-time 60 --output /dev/null "$compute/compute/v1/projects/$name"; then
    say ERROR "this VM may not delete itself; it powers off, and cleanup finds it"
    poweroff
  fi
  exit "$status"
}

# Preemption and shutdown: the program gives its files back, the report is written in the time that is left.
trap 'stopped=yes; [ -z "$child" ] || kill -TERM "$child" 2>/dev/null' TERM INT

# Waits for the child through signals; its status.
await() {
  local status
  while true; do
    wait "$child"
    status=$?
    kill -0 "$child" 2>/dev/null || return "$status"
  done
}

fetch_image() {
  local host=${image%%/*}
  mkdir -p "$folder/docker"
  export DOCKER_CONFIG=$folder/docker HOME=$folder
  case $host in
    *.pkg.dev | gcr.io | *.gcr.io)
      ask instance/service-accounts/default/token | member access_token |
        docker login --username oauth2accesstoken --password-stdin "https://$host" >/dev/null || return 1
      ;;
  esac
  docker pull --quiet "$image" >/dev/null
}

fetch_binary() {
  local place=${binary#gs://}
  call --max-time 600 --output "$folder/mtdh.part" \
    "$storage/storage/v1/b/${place%%/*}/o/$(quoted "${place#*/}")?alt=media" || return 1
  chmod 755 "$folder/mtdh.part" && mv "$folder/mtdh.part" "$folder/mtdh"
}

# Runs the program once with these words, as a user without rights. The variables go by name, so that no value is in a list of processes.
work() {
  local names=(TARDIS_API_KEY GCS_BUCKET LOG_LEVEL LOG_FORMAT STORAGE_EMULATOR_HOST GCE_METADATA_HOST) name
  if [ -n "$image" ]; then
    local flags=()
    for name in "${names[@]}" "${extra[@]}"; do [ -z "${!name:-}" ] || flags+=(--env "$name"); done
    exec timeout --signal=TERM --kill-after=60 "$limit" docker run --rm --network host --volume "$folder/tmp:/tmp" \
      "${flags[@]}" "$image" "$@"
  else
    local as=()
    if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
      as=(setpriv "--reuid=$user" "--regid=$user" --clear-groups --no-new-privs)
    fi
    cd "$folder/tmp" || return 20
    TMPDIR=$folder/tmp HOME=$folder/tmp MTDH_CACHE_DIR=$folder/tmp/cache \
      exec timeout --signal=TERM --kill-after=60 "$limit" "${as[@]}" "$folder/mtdh" "$@"
  fi
}

# The same within the limit; its exit status is in `status`.
step() {
  limit=$((deadline - $(date +%s)))
  [ "$limit" -gt 0 ] || finish 10 "the limit was reached"
  work "$@" >>"$folder/log" 2>&1 &
  child=$!
  # Asked to stop just before there was a child to be told.
  [ -z "$stopped" ] || kill -TERM "$child" 2>/dev/null
  await
  status=$?
  case $status in
    124 | 137) [ -n "$stopped" ] || finish 10 "the limit was reached" ;;
  esac
}

# Words of `download` for the plan, which the VM that comes first saves, and for the workers of the run.
divide() {
  local word into=plan
  plan=(plan --save "$run") words=(download --run "$run" --shard-index "$shard" --total-shards "$shards")
  for word in "$@"; do
    case $word in
      # What `plan` does not take is for the workers.
      --max-workers* | --metrics-* | --exit-codes* | --check* | --set*) into=words ;;
      --lake*) into=all ;;
      --source* | --verbose | -v* | --log-format*) into=both ;;
      --*) into=plan ;;
    esac
    [ "$into" = words ] || plan+=("$word")
    [ "$into" = plan ] || words+=("$word")
    [ "$into" != all ] || place+=("$word")
  done
}

# Whether the run has a plan. 2 says that it has none, or that nobody can know now.
has_plan() {
  step monitor "$run" "${place[@]}"
  [ "$status" != 2 ]
}

mkdir -p "$folder/tmp" && chmod 1777 "$folder/tmp"
echo $$ >"$folder/pid"
task=$(ask instance/attributes/mtdh-task) || finish 20 "the VM has no metadata mtdh-task"
shard=$(ask instance/attributes/mtdh-shard) || finish 20 "the VM has no metadata mtdh-shard"
day_before=$(date -d yesterday +%F)
task=${task//\{yesterday\}/$day_before}
run=$(value RUN) shards=$(value SHARDS) bucket=$(value BUCKET) limit=$(value LIMIT_SECONDS) wait_seconds=$(value WAIT_SECONDS)
image=$(value IMAGE) binary=$(value BINARY) secret=$(value SECRET)
sed -n 's/^WORD=//p' <<<"$task" >"$folder/words"
mapfile -t words <"$folder/words"
if [ "${#words[@]}" = 0 ] || [ -z "$limit" ]; then finish 20 "the task has no words, or no limit"; fi
plan=() place=()
case ${words[0]} in
  download) divide "${words[@]:1}" ;;
  full-pipeline) words+=(--exit-codes engine) ;;
esac
export GCS_BUCKET=$bucket LOG_LEVEL=info LOG_FORMAT=json
extra=()
while IFS='=' read -r name text; do
  [ -n "$name" ] || continue
  export "$name=$text"
  extra+=("$name")
done <<<"$(sed -n 's/^ENV=//p' <<<"$task")"

if [ -n "$image" ]; then
  fetch_image || finish 10 "the image $image did not come"
else
  fetch_binary || finish 10 "the program $binary did not come"
fi
if [ -n "$secret" ]; then
  TARDIS_API_KEY=$(call --max-time 60 "$secrets/v1/$secret:access" | member data | base64 -d)
  [ -n "$TARDIS_API_KEY" ] || finish 20 "the secret $secret cannot be read, or is empty"
  export TARDIS_API_KEY
fi

say INFO "working on shard $shard of $shards: ${words[*]}"
# The log is a file, so that it is whole when it is stored; the console shows it as it grows.
touch "$folder/log"
tail -n +1 -f "$folder/log" &
shows=$!
deadline=$(($(date +%s) + limit))
status=10
while [ "$attempts" -lt 3 ] && [ -z "$stopped" ]; do
  attempts=$((attempts + 1))
  if [ "${#plan[@]}" -gt 0 ] && ! has_plan && [ -z "$stopped" ]; then
    step "${plan[@]}"
    planned=$status
    [ -z "$stopped" ] || break
    # Another VM may have been faster: one plan is saved.
    if ! has_plan && [ -z "$stopped" ]; then
      case $planned in
        0 | 1) finish "$planned" "nothing is known of what was asked for" ;;
        *) finish "$planned" "the plan was not made: mtdh ended with $planned" ;;
      esac
    fi
  fi
  [ -z "$stopped" ] || break
  step "${words[@]}"
  [ -z "$stopped" ] || break
  # 10 is worth retrying. Others are for a person (1, 2, 20) or for another day (30).
  [ "$status" = 10 ] || break
  say WARNING "ended with 10 at attempt $attempts"
  if [ "$attempts" -lt 3 ]; then
    sleep "${wait_seconds:-60}" &
    child=$!
    await
  fi
done
[ -z "$stopped" ] || finish 10 "the VM was stopped; what was published stays, and another VM goes on"
case $status in
  0) finish 0 "done" ;;
  1) finish 1 "mtdh ran, and not all is well: its log's last lines say what" ;;
  30) finish 30 "the budget is used up: go on when it is renewed" ;;
  *) finish "$status" "mtdh ended with $status" ;;
esac
