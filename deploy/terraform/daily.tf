# Each day at 07:00 UTC, when the vendor has exported the day before: a VM that runs the words in var.daily_words and deletes
# itself. Its report is gs://BUCKET/vm-runs/daily-DAY/shard-0-of-1.json, its log beside it. While one day's VM is still there,
# the next is not made: the scheduler's log says so.

locals {
  task = concat(
    [
      "RUN=daily-{yesterday}",
      "SHARDS=1",
      "BUCKET=${google_storage_bucket.lake.name}",
      "LIMIT_SECONDS=${var.limit_seconds - 300}",
      "IMAGE=${var.image}",
      "BINARY=",
      "SECRET=${google_secret_manager_secret.key.id}/versions/latest",
    ],
    [for word in var.daily_words : "WORD=${word}"],
  )
}

resource "google_compute_instance_template" "daily" {
  name_prefix  = "mtdh-daily-"
  machine_type = var.machine_type
  labels       = { mtdh-run = "daily", mtdh-shard = "0" }

  disk {
    source_image = "cos-cloud/cos-stable"
    disk_type    = "pd-balanced"
    disk_size_gb = var.disk_gb
    auto_delete  = true
    boot         = true
  }

  network_interface {
    subnetwork = google_compute_subnetwork.mtdh.id
  }

  service_account {
    email  = google_service_account.worker.email
    scopes = ["cloud-platform"]
  }

  metadata = {
    startup-script             = file("${path.module}/../vm/startup.sh")
    shutdown-script            = file("${path.module}/../vm/shutdown.sh")
    mtdh-task                  = join("\n", concat(local.task, [""]))
    mtdh-shard                 = "0"
    serial-port-logging-enable = "true"
  }

  # Deleted by the platform after the limit, should the VM not do so itself.
  scheduling {
    automatic_restart           = false
    instance_termination_action = "DELETE"
    max_run_duration {
      seconds = var.limit_seconds
    }
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "google_service_account" "scheduler" {
  account_id   = "mtdh-scheduler"
  display_name = "makes the daily VM of mtdh"
}

resource "google_project_iam_custom_role" "make_vm" {
  role_id = "mtdhMakeVm"
  title   = "mtdh: make the daily VM"
  permissions = [
    "compute.disks.create", "compute.instances.create", "compute.instances.setLabels", "compute.instances.setMetadata",
    "compute.instances.setServiceAccount", "compute.instanceTemplates.useReadOnly", "compute.subnetworks.use",
  ]
}

resource "google_project_iam_member" "scheduler" {
  project = var.project
  role    = google_project_iam_custom_role.make_vm.id
  member  = google_service_account.scheduler.member
}

resource "google_service_account_iam_member" "scheduler_uses_worker" {
  service_account_id = google_service_account.worker.name
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.scheduler.member
}

resource "google_cloud_scheduler_job" "daily" {
  name      = "mtdh-daily"
  region    = var.region
  schedule  = "0 7 * * *"
  time_zone = "Etc/UTC"

  retry_config {
    retry_count = 3
  }

  http_target {
    http_method = "POST"
    uri         = "https://compute.googleapis.com/compute/v1/projects/${var.project}/zones/${var.zone}/instances?sourceInstanceTemplate=${google_compute_instance_template.daily.id}"
    headers     = { "Content-Type" = "application/json" }
    body        = base64encode(jsonencode({ name = "mtdh-daily" }))
    oauth_token {
      service_account_email = google_service_account.scheduler.email
    }
  }

  depends_on = [google_project_service.used]
}
