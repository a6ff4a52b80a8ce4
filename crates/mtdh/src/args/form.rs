//! The forms of output, and whom exit statuses are meant for.

use clap::ValueEnum;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people
    Text,
    /// JSON lines, with severity, run, shard and unit
    Json,
}

impl LogFormat {
    pub fn name(self) -> String {
        match self {
            LogFormat::Text => "text".to_owned(),
            LogFormat::Json => "json".to_owned(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Table,
    /// One JSON document
    Json,
    /// One JSON object per row
    Jsonl,
    /// Comma-separated, with a header row
    Csv,
    /// A Parquet file, of get
    Parquet,
    /// An Arrow IPC stream, of get
    Arrow,
    /// A path per line, of paths
    Lines,
    /// Annotations of GitHub, of a gate
    Github,
    /// JUnit XML, of a gate
    Junit,
}

impl Format {
    /// The word of the command line.
    pub fn name(self) -> String {
        // Each has one: none is skipped.
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

/// Who the exit status is meant for: people or schedulers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Codes {
    /// People and scripts
    Usual,
    /// Schedulers that start and restart tasks
    Engine,
}
