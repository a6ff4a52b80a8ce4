# Lines for .env, which the scripts of deploy/ read.
output "env" {
  value = join("\n", [
    "GCP_PROJECT_ID=${var.project}",
    "GCP_REGION=${var.region}",
    "GCP_ZONE=${var.zone}",
    "GCS_BUCKET=${google_storage_bucket.lake.name}",
    "MTDH_IMAGE=${var.image}",
    "MTDH_SERVICE_ACCOUNT=${google_service_account.worker.email}",
    "TARDIS_SECRET_NAME=${var.secret}",
  ])
}

output "address" {
  description = "The one address that the vendor sees."
  value       = google_compute_address.out.address
}
