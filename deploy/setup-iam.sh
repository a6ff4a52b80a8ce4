#!/usr/bin/env bash
# What VMs need, made with gcloud; deploy/terraform makes the same and more. Can be run again.
#
#   setup-iam.sh [--project ID] [--bucket NAME] [--repository-region R] [--secret NAME] [--dry-run]
#
# A service account mtdh-worker that may read and write the bucket's objects, read the one secret and the images,
# write logs, and delete VMs whose name begins with mtdh-. No key file is made. The bucket and the secret must exist:
#   printf %s "$TARDIS_API_KEY" | gcloud secrets create tardis-api-key --data-file=-
set -euo pipefail
# shellcheck source=env.sh
. "$(dirname "$0")/env.sh"
project=$(setting GCP_PROJECT_ID) bucket=$(setting GCS_BUCKET) region=$(setting GCP_REGION) secret=$(setting TARDIS_SECRET_NAME)
dry=no
while [ $# -gt 0 ]; do
  case $1 in
    --dry-run) dry=yes; shift; continue ;;
    -h | --help) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit ;;
  esac
  [ $# -ge 2 ] || die "$1 needs a value, or is no option; see --help"
  case $1 in
    --project) project=$2 ;;
    --bucket) bucket=$2 ;;
    --repository-region) region=$2 ;;
    --secret) secret=$2 ;;
    *) die "no such option: $1; see --help" ;;
  esac
  shift 2
done
[ -n "$project" ] || die "the project is not known: --project, or GCP_PROJECT_ID in the environment or .env"
[ -n "$bucket" ] || die "the bucket is not known: --bucket, or GCS_BUCKET in the environment or .env"
[ -n "$region" ] || die "the images' region is not known: --repository-region, or GCP_REGION in the environment or .env"
secret=${secret:-tardis-api-key}
account=mtdh-worker@$project.iam.gserviceaccount.com
[ "$dry" = yes ] || need gcloud "install the Google Cloud CLI, https://cloud.google.com/sdk"

change() {
  if [ "$dry" = yes ]; then
    printf '%q ' "$@"
    printf '\n'
  else
    "$@" >&2
  fi
}
# What is there already is left as it is.
there() { [ "$dry" = no ] && "$@" >/dev/null 2>&1; }

there gcloud iam service-accounts describe "$account" --project="$project" ||
  change gcloud iam service-accounts create mtdh-worker --project="$project" --display-name="mtdh on VMs"
there gcloud iam roles describe mtdhSelfDelete --project="$project" ||
  change gcloud iam roles create mtdhSelfDelete --project="$project" --title="mtdh: a VM deletes itself" \
    --permissions=compute.instances.delete
member=--member=serviceAccount:$account
change gcloud storage buckets add-iam-policy-binding "gs://$bucket" "$member" --role=roles/storage.objectUser
change gcloud secrets add-iam-policy-binding "$secret" --project="$project" "$member" --role=roles/secretmanager.secretAccessor
change gcloud artifacts repositories add-iam-policy-binding market-data-tick-handler --project="$project" --location="$region" \
  "$member" --role=roles/artifactregistry.reader
change gcloud projects add-iam-policy-binding "$project" "$member" --role=roles/logging.logWriter --condition=None
change gcloud projects add-iam-policy-binding "$project" "$member" --role="projects/$project/roles/mtdhSelfDelete" \
  --condition='title=mtdh-vms,expression=resource.name.extract("/instances/{name}").startsWith("mtdh-")'
echo "$account"
