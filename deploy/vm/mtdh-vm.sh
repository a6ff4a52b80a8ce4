#!/usr/bin/env bash
# Runs of mtdh on VMs of Google Cloud: one VM per shard, each deletes itself when it is done.
set -euo pipefail
# shellcheck source=args.sh
. "$(dirname "${BASH_SOURCE[0]}")/args.sh"
here=$ROOT/deploy/vm

usage() {
  cat <<'END'
deploy/vm/mtdh-vm.sh SUBCOMMAND …

  deploy [OPTIONS] -- VERB FLAGS …   make the VMs of a new run; prints the run's name
  run [OPTIONS] -- VERB FLAGS …      deploy, wait, retry what may be retried, end as the run did
  status [RUN] [--watch]             what each shard does; without RUN: of the newest run
  logs RUN [SHARD]                   the stored log, or the console of a VM that works
  ssh RUN SHARD                      a shell on the VM
  retry RUN                          new VMs for shards that are lost, stopped, or ended with 10; with 30 on another day
  delete RUN [SHARD]                 delete VMs of a run, working or not
  cleanup [RUN] [--yes]              list VMs, of a run or of all runs, and delete them; those at work after a question, or --yes

Options, each with its setting in the environment or .env:
  --project ID         GCP_PROJECT_ID         --zone ZONE           GCP_ZONE
  --bucket NAME        GCS_BUCKET             --service-account A   MTDH_SERVICE_ACCOUNT
  --image NAME         MTDH_IMAGE             --binary gs://…/mtdh  MTDH_BINARY, in place of an image
  --machine-type T     MTDH_MACHINE_TYPE      --disk-size S         MTDH_DISK_SIZE
  --secret NAME        TARDIS_SECRET_NAME; "none" for runs without a key
Options of deploy and run:
  --run NAME           the run's name; default: the time
  --shards N           how many VMs (1), also --instances; --start-shard I --end-shard J make only these of the N
  --spot               Spot VMs; also --preemptible
  --limit SECONDS      a VM is deleted after so long, whatever it does (43200)
  --network N, --subnet S, --no-address   where the VMs are; without an address they need Cloud NAT
  --env NAME=VALUE     a variable for mtdh; may be repeated
  --attempts N         of run: how often shards are made (3)
Of all:
  --dry-run            print each command that would change something, and change nothing; needs no login

--start-date and --end-date take a day, a month, `yesterday` or `today`; these words are written out when the VMs are made.

A run of download has its plan in the lake, under the run's name: mtdh monitor RUN tells how far it is.

Exit status: 0 done; 1 some shards failed; 2 could not run; of status: 3 still at work.
END
}

subcommand=${1:-}
[ $# -eq 0 ] || shift
case $subcommand in
  deploy | run | status | logs | ssh | retry | delete | cleanup) ;;
  -h | --help | help) usage; exit ;;
  '') usage >&2; exit 2 ;;
  *) die "no such subcommand: $subcommand; see --help" ;;
esac

project=$(setting GCP_PROJECT_ID) zone=$(setting GCP_ZONE) bucket=$(setting GCS_BUCKET)
account=$(setting MTDH_SERVICE_ACCOUNT) image=$(setting MTDH_IMAGE) binary=$(setting MTDH_BINARY)
machine=$(setting MTDH_MACHINE_TYPE) disk=$(setting MTDH_DISK_SIZE) secret=$(setting TARDIS_SECRET_NAME)
run='' shards=1 first=0 last='' spot=no limit=43200 network='' subnet='' address=yes attempts=3 dry=no watch=no yes=no file=''
poll=${MTDH_POLL_SECONDS:-30}
environment=() words=() rest=()
while [ $# -gt 0 ]; do
  case $1 in
    --) shift; words=("$@"); break ;;
    --spot | --preemptible) spot=yes; shift; continue ;;
    --no-address) address=no; shift; continue ;;
    --dry-run) dry=yes; shift; continue ;;
    --watch) watch=yes; shift; continue ;;
    -y | --yes) yes=yes; shift; continue ;;
    -h | --help) usage; exit ;;
    -*) [ $# -ge 2 ] || die "$1 needs a value, or is no option; see --help" ;;
    *) rest+=("$1"); shift; continue ;;
  esac
  case $1 in
    --project) project=$2 ;;
    --zone) zone=$2 ;;
    --bucket) bucket=$2 ;;
    --service-account) account=$2 ;;
    --image) image=$2 binary='' ;;
    --binary) binary=$2 image='' ;;
    --machine-type) machine=$2 ;;
    --disk-size) disk=$2 ;;
    --secret) secret=$2 ;;
    --run) run=$2 ;;
    --shards | --instances) shards=$2 ;;
    --start-shard) first=$2 ;;
    --end-shard) last=$2 ;;
    --limit) limit=$2 ;;
    --network) network=$2 ;;
    --subnet) subnet=$2 ;;
    --env) environment+=("$2") ;;
    --attempts) attempts=$2 ;;
    *) die "no such option: $1; see --help" ;;
  esac
  shift 2
done

exec 3>&1
tell() {
  local text
  printf -v text '%q ' "$@"
  printf '%s\n' "${text% }" >&3
}

# Changes something, or prints what it would run. What gcloud has to say goes to stderr.
change() { if [ "$dry" = yes ]; then tell "$@"; else "$@" >&2; fi; }

# Reads something. A dry run that cannot, for want of a login or of gcloud, prints what it would ask, and `unread` ends it well.
look() { "$@" || { [ "$dry" = no ] || tell "$@"; return 1; }; }
unread() {
  [ "$dry" = yes ] || die "$1"
  say "$1; with a login --dry-run tells more"
  exit 0
}

named() { [ -n "$2" ] || die "the $1 is not known: $3"; }
numeric() { [[ $2 =~ ^[0-9]+$ ]] || die "$1 takes a number, not $2"; }

# shellcheck source=run.sh
. "$here/run.sh"

[ "$dry" = yes ] || need gcloud "install the Google Cloud CLI, https://cloud.google.com/sdk"
named project "$project" "--project, or GCP_PROJECT_ID in the environment or .env"
case $subcommand in
  deploy | run) ;;
  *)
    [ "${#words[@]}" -eq 0 ] || die "$subcommand takes no words for mtdh"
    run=${run:-${rest[0]:-}}
    case $subcommand in
      status | cleanup) ;;
      *) [ -n "$run" ] || die "which run? $subcommand RUN" ;;
    esac
    [[ -z $run || $run =~ ^[a-z0-9][a-z0-9-]*$ ]] || die "$run is no run's name"
    shard=${rest[1]:-}
    [ -z "$shard" ] || numeric "a shard" "$shard"
    ;;
esac

case $subcommand in
  deploy) deploy ;;
  run)
    deploy
    [ "$dry" = no ] || exit 0
    for attempt in $(seq "$attempts"); do
      await_run && break
      [ "$attempt" = "$attempts" ] || retry || true
    done
    show
    say "run $run: ${counts[*]}"
    [ "$unfinished" -eq 0 ]
    ;;
  status)
    [ -n "$run" ] || newest_run
    read_run
    if [ "$watch" = yes ]; then await_run || true; fi
    show
    [ "$working" -eq 0 ] || exit 3
    [ "$unfinished" -eq 0 ]
    ;;
  logs) logs "$shard" ;;
  ssh)
    named shard "$shard" "ssh RUN SHARD"
    read_run
    [ -n "${vms[shard]:-}" ] || die "shard $shard of run $run has no VM now; see status $run"
    exec gcloud compute ssh "${vms[shard]}" "--zone=${zones[shard]}" "--project=$project" --tunnel-through-iap
    ;;
  retry) retry ;;
  delete) delete_vms "labels.mtdh-run=$run${shard:+ AND labels.mtdh-shard=$shard}" ;;
  cleanup) cleanup "labels.mtdh-run$([ -n "$run" ] && echo "=$run" || echo ':*')" ;;
esac
