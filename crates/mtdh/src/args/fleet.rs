//! Flags of runs of a saved plan by many workers.

use super::*;

#[derive(Args, Debug)]
pub struct SavePlanArgs {
    #[command(flatten)]
    pub plan: PlanArgs,
    /// All that the flags select, whatever the lake's lake.toml wants
    #[arg(long)]
    pub everything: bool,
    /// Save the plan in the lake for `download --run` [default name: the current time]
    #[arg(long, value_name = "RUN", num_args = 0..=1, default_missing_value = "",
        conflicts_with_all = ["shard_index", "total_shards"])]
    pub save: Option<String>,
}

#[derive(Args, Debug)]
pub struct ResumeArgs {
    /// Name of the run
    pub run: String,
    /// Name of the new run [default: the current time]
    #[arg(long, value_name = "RUN")]
    pub save: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum DeployCommand {
    /// Print a job specification as JSON; each task is a worker of the run
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
    /// Scheduler
    #[arg(value_enum)]
    pub engine: Engine,
    /// Name of a run saved by `plan --save`
    #[arg(long, value_name = "RUN")]
    pub run: String,
    /// Number of tasks, one per shard
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub shards: u32,
    /// Container image
    #[arg(long, value_name = "IMAGE")]
    pub image: String,
    /// Tasks running at the same time [default: all]
    #[arg(long, value_name = "N")]
    pub parallelism: Option<u32>,
    /// Restarts of a failed task, at most
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub retries: u32,
    /// Secret with the API key: a name in Secret Manager, or a Kubernetes Secret with the entry TARDIS_API_KEY
    #[arg(long, value_name = "NAME")]
    pub secret: Option<String>,
    /// Service account of the tasks
    #[arg(long, value_name = "ACCOUNT")]
    pub service_account: Option<String>,
    /// Batch: machine type
    #[arg(long, value_name = "TYPE", default_value = "e2-standard-2")]
    pub machine_type: String,
    /// Batch: use Spot machines
    #[arg(long)]
    pub spot: bool,
}

#[derive(Args, Debug)]
pub struct MonitorArgs {
    /// Name of the run
    pub run: String,
    /// Refresh until no worker is left
    #[arg(long)]
    pub watch: bool,
    /// Seconds between refreshes
    #[arg(long, value_name = "N", default_value_t = 5.0, requires = "watch")]
    pub every: f64,
}

#[derive(Args, Clone, Debug, Default)]
pub struct MetricsArgs {
    /// Serve Prometheus metrics at http://ADDRESS/metrics, for example 127.0.0.1:9100; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS")]
    pub metrics_address: Option<std::net::SocketAddr>,
    /// Write Prometheus metrics to a file every five seconds, for the node exporter's textfile collector
    #[arg(long, value_name = "FILE")]
    pub metrics_file: Option<PathBuf>,
}
