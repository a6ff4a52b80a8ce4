# Where VMs are. They have no address of their own: all go out through one, since the vendor lets one key work from one
# address at a time. Deploy with --network mtdh --subnet mtdh --no-address.

resource "google_compute_network" "mtdh" {
  name                    = "mtdh"
  auto_create_subnetworks = false
  depends_on              = [google_project_service.used]
}

resource "google_compute_subnetwork" "mtdh" {
  name                     = "mtdh"
  network                  = google_compute_network.mtdh.id
  region                   = var.region
  ip_cidr_range            = "10.128.0.0/20"
  private_ip_google_access = true
}

resource "google_compute_address" "out" {
  name       = "mtdh-out"
  region     = var.region
  depends_on = [google_project_service.used]
}

resource "google_compute_router" "mtdh" {
  name    = "mtdh"
  network = google_compute_network.mtdh.id
  region  = var.region
}

resource "google_compute_router_nat" "mtdh" {
  name                               = "mtdh"
  router                             = google_compute_router.mtdh.name
  region                             = var.region
  nat_ip_allocate_option             = "MANUAL_ONLY"
  nat_ips                            = [google_compute_address.out.self_link]
  source_subnetwork_ip_ranges_to_nat = "ALL_SUBNETWORKS_ALL_IP_RANGES"
}

# A shell by `mtdh-vm.sh ssh`, through Google's proxy alone.
resource "google_compute_firewall" "shell" {
  name          = "mtdh-shell"
  network       = google_compute_network.mtdh.id
  source_ranges = ["35.235.240.0/20"]
  allow {
    protocol = "tcp"
    ports    = ["22"]
  }
}
