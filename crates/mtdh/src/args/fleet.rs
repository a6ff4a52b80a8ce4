//! Flags of runs of a saved plan by many workers.

use super::*;

#[derive(Args, Debug)]
pub struct SavePlanArgs {
    #[command(flatten)]
    pub plan: PlanArgs,
    /// Save the plan into the lake as that of a run, for `download --run` [default name: the time, and a mark]
    #[arg(long, value_name = "RUN", num_args = 0..=1, default_missing_value = "",
        conflicts_with_all = ["shard_index", "total_shards"])]
    pub save: Option<String>,
}

#[derive(Args, Debug)]
pub struct ResumeArgs {
    /// The run
    pub run: String,
    /// Name of the new run [default: the time, and a mark]
    #[arg(long, value_name = "RUN")]
    pub save: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum DeployCommand {
    /// Print a job's specification, as JSON: each task is a worker of a run of a saved plan
    Render(RenderArgs),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Engine {
    /// Google Cloud Batch: gcloud batch jobs submit NAME --config FILE
    Batch,
    /// Cloud Run Jobs: gcloud run jobs replace FILE
    CloudRun,
    /// Kubernetes, an indexed Job: kubectl apply -f FILE
    K8s,
}

#[derive(Args, Debug)]
pub struct RenderArgs {
    /// For which engine
    #[arg(value_enum)]
    pub engine: Engine,
    /// The run, as saved by `plan --save`
    #[arg(long, value_name = "RUN")]
    pub run: String,
    /// How many tasks, each a shard
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub shards: u32,
    /// The image with the program
    #[arg(long, value_name = "IMAGE")]
    pub image: String,
    /// Tasks at once [default: all]
    #[arg(long, value_name = "N")]
    pub parallelism: Option<u32>,
    /// How often a task that is worth retrying is started again
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub retries: u32,
    /// The secret with the vendor's key: of Secret Manager, or a Kubernetes Secret with the entry TARDIS_API_KEY
    #[arg(long, value_name = "NAME")]
    pub secret: Option<String>,
    /// Whose rights the tasks have
    #[arg(long, value_name = "ACCOUNT")]
    pub service_account: Option<String>,
    /// Batch: the machines' type
    #[arg(long, value_name = "TYPE", default_value = "e2-standard-2")]
    pub machine_type: String,
    /// Batch: Spot machines
    #[arg(long)]
    pub spot: bool,
}

#[derive(Args, Debug)]
pub struct MonitorArgs {
    /// The run
    pub run: String,
    /// Look again and again, until nobody works on it any more
    #[arg(long)]
    pub watch: bool,
    /// Seconds between two looks
    #[arg(long, value_name = "N", default_value_t = 5.0, requires = "watch")]
    pub every: f64,
}

#[derive(Args, Clone, Debug, Default)]
pub struct MetricsArgs {
    /// Serve the run's numbers for Prometheus at http://ADDRESS/metrics, as 127.0.0.1:9100; port 0 is a free one
    #[arg(long, value_name = "ADDRESS")]
    pub metrics_address: Option<std::net::SocketAddr>,
    /// Write the run's numbers into a file for the node exporter's textfile collector, every five seconds and at the end
    #[arg(long, value_name = "FILE")]
    pub metrics_file: Option<PathBuf>,
}
