# What runs of mtdh need on Google Cloud: a bucket, an account for VMs with the fewest rights, a place for the API key, a place
# for images. VMs of runs are made by deploy/vm; the daily one by daily.tf. docs/how-to/deploy-vms.md says how to begin.

terraform {
  required_version = ">= 1.5"
  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 6.0"
    }
  }
}

provider "google" {
  project = var.project
  region  = var.region
  zone    = var.zone
}

resource "google_project_service" "used" {
  for_each = toset([
    "artifactregistry.googleapis.com", "cloudscheduler.googleapis.com", "compute.googleapis.com", "iam.googleapis.com",
    "logging.googleapis.com", "secretmanager.googleapis.com", "storage.googleapis.com",
  ])
  service            = each.value
  disable_on_destroy = false
}

resource "google_storage_bucket" "lake" {
  name                        = var.bucket
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  # Large objects go up in parts. What a killed upload left is no object, but is paid for.
  lifecycle_rule {
    action {
      type = "AbortIncompleteMultipartUpload"
    }
    condition {
      age = 2
    }
  }

  lifecycle {
    prevent_destroy = true
  }

  depends_on = [google_project_service.used]
}

resource "google_artifact_registry_repository" "images" {
  repository_id = "market-data-tick-handler"
  location      = var.region
  format        = "DOCKER"
  depends_on    = [google_project_service.used]
}

# The secret without its value, which would be in Terraform's state:
#   printf %s "$TARDIS_API_KEY" | gcloud secrets versions add tardis-api-key --data-file=-
resource "google_secret_manager_secret" "key" {
  secret_id = var.secret
  replication {
    auto {}
  }
  depends_on = [google_project_service.used]
}

resource "google_service_account" "worker" {
  account_id   = "mtdh-worker"
  display_name = "mtdh on VMs"
}

resource "google_storage_bucket_iam_member" "worker" {
  bucket = google_storage_bucket.lake.name
  role   = "roles/storage.objectUser"
  member = google_service_account.worker.member
}

resource "google_secret_manager_secret_iam_member" "worker" {
  secret_id = google_secret_manager_secret.key.id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.worker.member
}

resource "google_artifact_registry_repository_iam_member" "worker" {
  repository = google_artifact_registry_repository.images.name
  location   = var.region
  role       = "roles/artifactregistry.reader"
  member     = google_service_account.worker.member
}

resource "google_project_iam_member" "worker_logs" {
  project = var.project
  role    = "roles/logging.logWriter"
  member  = google_service_account.worker.member
}

resource "google_project_iam_custom_role" "self_delete" {
  role_id     = "mtdhSelfDelete"
  title       = "mtdh: a VM deletes itself"
  permissions = ["compute.instances.delete"]
}

resource "google_project_iam_member" "worker_deletes" {
  project = var.project
  role    = google_project_iam_custom_role.self_delete.id
  member  = google_service_account.worker.member
  condition {
    title      = "mtdh-vms"
    expression = "resource.name.extract(\"/instances/{name}\").startsWith(\"mtdh-\")"
  }
}
