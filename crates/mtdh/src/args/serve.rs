//! Flags of `serve`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

#[derive(Args, Clone, Debug)]
pub struct ServeArgs {
    /// Address to listen on; port 0 is a free one. Other machines need a token
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8087")]
    pub listen: SocketAddr,

    /// Require the token in FILE [default: that of MTDH_TOKEN]
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,

    /// A name by which clients address this server, such as that of a proxy [default: those of MTDH_SERVE_HOSTS]
    #[arg(long, value_name = "NAME", num_args = 1.., value_delimiter = ',')]
    pub allow_host: Vec<String>,

    /// An origin whose pages may read answers in a browser, such as `https://charts.example`
    #[arg(long, value_name = "ORIGIN", num_args = 1.., value_delimiter = ',')]
    pub allow_origin: Vec<String>,

    /// Requests worked on at the same time
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = super::at_least_one)]
    pub max_requests: usize,

    /// Rows of an answer
    #[arg(long, value_name = "N", default_value_t = 1_000_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub max_rows: u64,

    /// Megabytes of stored objects that an answer reads
    #[arg(long, value_name = "MB", default_value_t = 64_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    pub max_megabytes: u64,

    /// Record too, and serve what is recorded: VENUE:SYMBOL, for example BINANCE:BTCUSDT. `live serve` has more flags for it
    #[arg(long, value_name = "VENUE:SYMBOL", num_args = 1.., value_delimiter = ',')]
    pub live: Vec<String>,

    /// Stop after N seconds [default: at Ctrl-C]
    #[arg(long, value_name = "N")]
    pub seconds: Option<u64>,
}
