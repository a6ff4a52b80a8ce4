variable "project" {
  description = "The project's id."
  type        = string
}

variable "region" {
  description = "Where the bucket, the images and the network are, as europe-west4."
  type        = string
}

variable "zone" {
  description = "Where the daily VM is, in the region."
  type        = string
}

variable "bucket" {
  description = "The lake's bucket."
  type        = string
}

variable "image" {
  description = "The image that the daily VM runs, as deploy/docker-build.sh --push prints it."
  type        = string
}

variable "secret" {
  description = "Name of the secret with the vendor's key."
  type        = string
  default     = "tardis-api-key"
}

variable "machine_type" {
  description = "Machine type of the daily VM."
  type        = string
  default     = "e2-standard-4"
}

variable "disk_gb" {
  description = "Disk of the daily VM, where vendor files rest while they are worked on."
  type        = number
  default     = 50
}

variable "limit_seconds" {
  description = "The daily VM is deleted after so long, whatever it does."
  type        = number
  default     = 43200
}

variable "daily_words" {
  description = "What the daily VM gives to mtdh. {yesterday} is the day before in UTC."
  type        = list(string)
  default     = ["full-pipeline", "--start-date", "{yesterday}"]
}
