# shellcheck shell=bash disable=SC2154
# The parts of mtdh-vm.sh that make, read and delete the VMs of a run; it sources this after reading its options.
#
# A run is the label `mtdh-run` on its VMs and the objects below gs://BUCKET/vm-runs/RUN/: `task`, and of each shard
# that ended a report (.json) and a log (.log).

vm_name() { printf 'mtdh-%s-%d' "$run" "$1"; }

# The task of a new run, one NAME=value a line; the VMs read it, and so does retry.
task() {
  printf '%s\n' "RUN=$run" "SHARDS=$shards" "BUCKET=$bucket" "LIMIT_SECONDS=$((limit - 300))" "IMAGE=$image" "BINARY=$binary"
  [ "$secret" = none ] || printf 'SECRET=projects/%s/secrets/%s/versions/latest\n' "$project" "$secret"
  printf '%s\n' "ZONE=$zone" "MACHINE=$machine" "DISK=$disk" "ACCOUNT=$account" "SPOT=$spot" "LIMIT=$limit" \
    "NETWORK=$network" "SUBNET=$subnet" "ADDRESS=$address" "FIRST=$first" "LAST=$last"
  [ "${#environment[@]}" -eq 0 ] || printf 'ENV=%s\n' "${environment[@]}"
  printf 'WORD=%s\n' "${words[@]}"
}

# The file of a task, from stdin, for gcloud. A dry run prints the command that makes it.
keep_task() {
  if [ "$dry" = yes ]; then
    file=mtdh-task-$run
    { printf "cat >%s <<'END'\n" "$file" && cat && echo END; } >&3
  else
    file=$(mktemp)
    trap 'rm -f "$file"' EXIT
    cat >"$file"
  fi
}

deploy() {
  local text failed numbers
  [ "${#words[@]}" -gt 0 ] || die "what shall the VMs do? deploy [OPTIONS] -- download --start-date …"
  check_words "$0 $subcommand [OPTIONS] -- ${words[*]}"
  [ "${#rest[@]}" -eq 0 ] || die "what is ${rest[0]}? words for mtdh come after --"
  numeric --shards "$shards"
  [ "$shards" -gt 0 ] || die "--shards takes 1 or more"
  last=${last:-$((shards - 1))}
  numeric --start-shard "$first"
  numeric --end-shard "$last"
  numeric --limit "$limit"
  [ "$limit" -ge 600 ] || die "--limit takes 600 seconds or more"
  if [ "$first" -gt "$last" ] || [ "$last" -ge "$shards" ]; then die "there are shards 0 to $((shards - 1)), not $first to $last"; fi
  if [ "$shards" -gt 1 ] && [ "${words[0]}" != download ]; then
    die "${words[0]} is not cut into shards; with --shards use download, and validate when the run is done"
  fi
  named zone "$zone" "--zone, or GCP_ZONE in the environment or .env"
  named bucket "$bucket" "--bucket, or GCS_BUCKET in the environment or .env"
  named "service account" "$account" "--service-account, or MTDH_SERVICE_ACCOUNT in the environment or .env"
  [ -n "$image$binary" ] || die "what shall the VMs run? --image or --binary, or MTDH_IMAGE or MTDH_BINARY in .env"
  if [ "$shards" -gt 1 ] && [ "$address" = yes ]; then
    say "the vendor lets one key work from one address at a time: several VMs need --no-address and one Cloud NAT"
  fi
  machine=${machine:-e2-standard-4} disk=${disk:-50GB} secret=${secret:-tardis-api-key}
  run=${run:-$(date -u +%Y%m%d-%H%M%S)}
  [[ $run =~ ^[a-z0-9][a-z0-9-]{0,40}$ ]] || die "a run's name has small letters, digits and dashes, not $run"
  for text in "${words[@]}" "${environment[@]}" "$bucket$image$binary$secret$zone$machine$disk$account$network$subnet"; do
    [[ $text != *$'\n'* ]] || die "a value has a line break"
  done
  keep_task <<<"$(task)"
  # On condition that there is none: a run's name is used once, whoever uses it.
  change gcloud storage cp --if-generation-match=0 "$file" "gs://$bucket/vm-runs/$run/task" ||
    die "run $run is there already, or gs://$bucket cannot be written; status $run, or another --run"
  mapfile -t numbers < <(seq "$first" "$last")
  if create "${numbers[@]}"; then failed=no; else failed=yes; fi
  if [ "$subcommand" = deploy ]; then
    say "run $run; status $run says how it stands"
    [ "$dry" = yes ] || echo "$run"
    [ "$failed" = no ] || { say "not all VMs could be made; go on with: retry $run"; exit 1; }
  fi
}

# Makes a VM for each shard, eight at a time. Fails when one could not be made, but makes the others.
create() {
  local number pids=() failed=0 pid family=debian-12 family_of=debian-cloud
  [ -z "$image" ] || family=cos-stable family_of=cos-cloud
  local flags=(
    "--zone=$zone" "--machine-type=$machine" "--boot-disk-size=$disk" --boot-disk-type=pd-balanced
    "--image-family=$family" "--image-project=$family_of" "--service-account=$account" --scopes=cloud-platform
    # Deleted by the platform after the limit, should the VM not do so itself.
    "--max-run-duration=${limit}s" --instance-termination-action=DELETE
    "--metadata-from-file=startup-script=$here/startup.sh,shutdown-script=$here/shutdown.sh,mtdh-task=$file"
  )
  [ "$spot" = no ] || flags+=(--provisioning-model=SPOT)
  [ -z "$network" ] || flags+=("--network=$network")
  [ -z "$subnet" ] || flags+=("--subnet=$subnet")
  [ "$address" = yes ] || flags+=(--no-address)
  for number in "$@"; do
    change gcloud compute instances create "$(vm_name "$number")" "--project=$project" "${flags[@]}" "--labels=mtdh-run=$run,mtdh-shard=$number" \
      "--metadata=mtdh-shard=$number,serial-port-logging-enable=true" &
    pids+=($!)
    # What is only printed is printed in order.
    if [ "${#pids[@]}" -ge 8 ] || [ "$dry" = yes ]; then
      for pid in "${pids[@]}"; do wait "$pid" || failed=$((failed + 1)); done
      pids=()
    fi
  done
  for pid in "${pids[@]}"; do wait "$pid" || failed=$((failed + 1)); done
  [ "$failed" = 0 ] || { say "$failed of $# VMs could not be made"; return 1; }
}

# The run whose task was stored last.
newest_run() {
  named bucket "$bucket" "--bucket, or GCS_BUCKET in the environment or .env"
  local listed
  listed=$(look gcloud storage ls --long "gs://$bucket/vm-runs/*/task") || unread "no run can be found in gs://$bucket"
  run=$(grep '/task$' <<<"$listed" | sort -b -k2,2 | tail -n 1 | sed -n 's|.*/vm-runs/\([^/]*\)/task$|\1|p')
  [ -n "$run" ] || die "there is no run in gs://$bucket"
  say "run $run is the newest of gs://$bucket"
}

# Reads what there is of a run: its task, VMs and reports.
read_run() {
  named bucket "$bucket" "--bucket, or GCS_BUCKET in the environment or .env"
  local place=gs://$bucket/vm-runs/$run objects listed line number name zone_name
  task_text=$(look gcloud storage cat "$place/task") || unread "there is no run $run in gs://$bucket"
  shards=$(field SHARDS) first=$(field FIRST) last=$(field LAST)
  # VMs first: one that ends in between has its report stored before it goes.
  listed=$(look gcloud compute instances list "--project=$project" "--filter=labels.mtdh-run=$run" \
    "--format=csv[no-heading](labels.mtdh-shard,name,zone.basename(),status)") || unread "the VMs of run $run cannot be listed"
  objects=$(gcloud storage ls "$place/") || die "$place cannot be listed"
  reports=''
  if grep -q '/shard-[^/]*\.json$' <<<"$objects"; then
    reports=$(gcloud storage cat "$place/shard-*.json") || die "the reports in $place cannot be read"
  fi
  vms=() zones=() states=()
  while IFS=, read -r number name zone_name line; do
    [ -n "$number" ] || continue
    vms[number]=$name zones[number]=$zone_name states[number]=$line
  done <<<"$listed"
  judge
}

field() { sed -n "s/^$1=//p" <<<"$task_text" | tail -n 1; }

# Of each shard one word: done, working, failed, stopped, lost. `ended` has the exit status of those that reported, `days` the day.
judge() {
  local number line
  word=() ended=() days=() working=0 unfinished=0
  while IFS= read -r line; do
    number=$(sed -n 's/.*"shard":\([0-9]*\),.*/\1/p' <<<"$line")
    [ -n "$number" ] || continue
    ended[number]=$(sed -n 's/.*"exit":\([0-9]*\),.*/\1/p' <<<"$line")
    days[number]=$(sed -n 's/.*"ended":"\([0-9-]*\)T.*/\1/p' <<<"$line")
  done <<<"$reports"
  for number in $(seq "$first" "$last"); do
    case ${ended[number]:-}/${states[number]:-} in
      0/*) word[number]='done' ;;
      */PROVISIONING | */STAGING | */RUNNING | */REPAIRING) word[number]=working ;;
      [0-9]*/*) word[number]=failed ;;
      /) word[number]=lost ;;
      *) word[number]=stopped ;;
    esac
    [ "${word[number]}" != working ] || working=$((working + 1))
    [ "${word[number]}" = "done" ] || unfinished=$((unfinished + 1))
  done
  mapfile -t counts < <(printf '%s\n' "${word[@]}" | sort | uniq -c | sed 's/^ *//')
}

show() {
  local number
  printf 'shard\tstate\texit\tvm\n'
  for number in $(seq "$first" "$last"); do
    printf '%d\t%s\t%s\t%s\n' "$number" "${word[number]}" "${ended[number]:--}" "${vms[number]:--}"
  done
}

# Until no shard works; says how it stands. Fails when one did not finish.
await_run() {
  read_run
  say "run $run: ${counts[*]}"
  while [ "$working" -gt 0 ]; do
    sleep "$poll"
    read_run
    say "run $run: ${counts[*]}"
  done
  [ "$unfinished" -eq 0 ]
}

# New VMs for what is worth it. What ran and is not clean (1), a refusal or a wrong setting (2, 20) are for a person; a budget
# that was used up (30) is there again on another day.
retry() {
  local number again=() left=0 today
  today=$(date -u +%F)
  read_run
  for number in $(seq "$first" "$last"); do
    case ${word[number]}/${ended[number]:-} in
      done/* | working/*) ;;
      failed/10 | lost/* | stopped/*) again+=("$number") ;;
      failed/30)
        if [ "${days[number]}" != "$today" ]; then
          again+=("$number")
        else
          say "shard $number: the budget is used up; retry $run on another day"
          left=$((left + 1))
        fi
        ;;
      *)
        say "shard $number ended with ${ended[number]}: see logs $run $number; it is not made again"
        left=$((left + 1))
        ;;
    esac
  done
  [ "${#again[@]}" -gt 0 ] || { say "run $run: nothing to make again"; [ "$left" = 0 ]; return; }
  zone=$(field ZONE) machine=$(field MACHINE) disk=$(field DISK) account=$(field ACCOUNT) image=$(field IMAGE)
  spot=$(field SPOT) limit=$(field LIMIT) network=$(field NETWORK) subnet=$(field SUBNET) address=$(field ADDRESS)
  for number in "${again[@]}"; do
    [ -z "${vms[number]:-}" ] ||
      change gcloud compute instances delete "${vms[number]}" "--project=$project" "--zone=${zones[number]}" --quiet
  done
  keep_task <<<"$task_text"
  if ! create "${again[@]}"; then left=$((left + 1)); fi
  [ "$left" = 0 ]
}

logs() {
  local number=$1 numbers
  read_run
  numbers=${number:-$(seq "$first" "$last")}
  for number in $numbers; do
    if [ -n "${ended[number]:-}" ] && [ "${word[number]}" != working ]; then
      gcloud storage cat "gs://$bucket/vm-runs/$run/shard-$number-of-$shards.log"
    elif [ -n "${vms[number]:-}" ]; then
      gcloud compute instances get-serial-port-output "${vms[number]}" "--project=$project" "--zone=${zones[number]}"
    else
      say "shard $number: no log, and no VM"
    fi
  done
}

# The VMs that a filter finds, as lines name,zone,status. The label is part of each filter.
list_vms() {
  listed=$(look gcloud compute instances list "--project=$project" "--filter=$1" \
    "--format=csv[no-heading](name,zone.basename(),status)") || {
    [ "$dry" = no ] || echo "gcloud compute instances delete NAME --project=$project --zone=ZONE --quiet   # for each VM that is listed" >&3
    unread "VMs cannot be listed"
  }
  [ -n "$listed" ] || say "no such VM"
}

# Deletes the VMs of such lines.
delete_listed() {
  local name zone_name failed=0
  while IFS=, read -r name zone_name _; do
    [ -n "$name" ] || continue
    change gcloud compute instances delete "$name" "--project=$project" "--zone=$zone_name" --quiet </dev/null || failed=$((failed + 1))
  done <<<"$1"
  [ "$failed" = 0 ] || { say "$failed VMs could not be deleted"; return 1; }
}

delete_vms() {
  local listed
  list_vms "$1"
  delete_listed "$listed"
}

# Deletes what has stopped, and what is at work when that is wanted.
cleanup() {
  local listed stopped active answer=''
  list_vms "$1"
  [ -n "$listed" ] || return 0
  printf 'vm\tzone\tstatus\n%s\n' "${listed//,/$'\t'}" >&2
  stopped=$(grep ',TERMINATED$' <<<"$listed" || true)
  active=$(grep -v ',TERMINATED$' <<<"$listed" || true)
  if [ -n "$active" ] && [ "$yes" = no ] && [ "$dry" = no ]; then
    printf '%s of these are at work. Delete them, too? Their open files are lost, the lake keeps what is whole. [y/N] ' \
      "$(wc -l <<<"$active")" >&2
    read -r answer || say ""
    case $answer in y | Y | yes) yes=yes ;; esac
  fi
  if [ "$yes" = yes ]; then
    stopped=$listed
  elif [ -n "$active" ]; then
    say "those at work stay; --yes deletes them, too"
  fi
  delete_listed "$stopped"
}
