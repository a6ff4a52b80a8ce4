//! Flags of the verbs that find what there is: `ls`, `venues`, `runs`, `schema`.

use mtdh_engine::listing::By;

use super::*;

/// What `ls` lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Listing {
    #[default]
    Partitions,
    Candles,
    Instruments,
    Runs,
    Reports,
}

impl Listing {
    pub const ALL: [(&str, Listing); 5] = [
        ("partitions", Listing::Partitions),
        ("candles", Listing::Candles),
        ("instruments", Listing::Instruments),
        ("runs", Listing::Runs),
        ("reports", Listing::Reports),
    ];
}

fn listing(text: &str) -> Result<Listing, String> {
    let found = Listing::ALL.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
    let names = || Listing::ALL.map(|(name, _)| name);
    found.map(|(_, found)| *found).ok_or_else(|| {
        let meant = mtdh_core::nearest::perhaps(text, names());
        format!("there is no list `{text}`{meant}; there are: {}", names().join(", "))
    })
}

#[derive(Args, Debug)]
pub struct LsArgs {
    /// partitions, candles, instruments, runs or reports
    #[arg(value_name = "WHAT", default_value = "partitions", value_parser = listing)]
    pub what: Listing,
    /// First day [default: the first in the lake]
    #[arg(long, value_name = "DAY", value_parser = time::days)]
    pub start_date: Option<DayRange>,
    /// Last day, included [default: the first day given, else the last in the lake]
    #[arg(long, value_name = "DAY", value_parser = time::days)]
    pub end_date: Option<DayRange>,
    /// Whose data: the vendor's, or that of live recordings
    #[arg(long, value_name = "ORIGIN", default_value_t = Origin::Vendor)]
    pub origin: Origin,
    #[command(flatten)]
    pub filters: FilterArgs,
    /// All that the lake has, whatever its lake.toml wants
    #[arg(long)]
    pub everything: bool,
    /// One line per object
    #[arg(short, long, conflicts_with = "by")]
    pub long: bool,
    /// A line for each day, month, venue, instrument_type, type (data type, timeframe, report) or key, or for each combination
    /// [default: day, venue, type]
    #[arg(long, num_args = 1.., value_delimiter = ',', value_name = "BY")]
    pub by: Vec<By>,
    #[command(flatten)]
    pub shown: ShownArgs,
}

/// Which lines of a list are shown, and in which order.
#[derive(Args, Clone, Debug, Default)]
pub struct ShownArgs {
    /// Sort by a column: numbers from the largest, names from the first; -COLUMN the other way round
    #[arg(long, value_name = "COLUMN", allow_hyphen_values = true)]
    pub sort: Option<String>,
    /// Show at most N lines
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub limit: Option<usize>,
}

#[derive(Args, Clone, Debug)]
pub struct VenuesArgs {
    /// Only venues of which the lake has something; the vendor is not asked
    #[arg(long)]
    pub in_lake: bool,
    #[command(flatten)]
    pub shown: ShownArgs,
}

#[derive(Args, Clone, Debug)]
pub struct RunsArgs {
    /// One run, with all that is known of it
    #[arg(value_name = "RUN")]
    pub run: Option<String>,
    #[command(flatten)]
    pub shown: ShownArgs,
}

#[derive(Args, Clone, Debug)]
pub struct SchemaArgs {
    /// Table, for example trades, candles or instruments; without it, all tables are listed
    #[arg(value_name = "TABLE")]
    pub table: Option<String>,
}
