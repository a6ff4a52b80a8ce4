//! Flags of `mtdh paths` and `mtdh sql`.

use clap::Args;
use mtdh_core::clock::Clock;
use mtdh_core::key::InstrumentType;
use mtdh_core::moment::TimeValue;
use mtdh_core::partition::Origins;
use mtdh_core::{DataType, moment};
use mtdh_engine::Filter;
use mtdh_engine::query::tables::{TableName, TablesRequest};

use super::parse_venue;
use crate::time;

/// Which objects are meant, and what must hold of them.
#[derive(Args, Clone, Debug)]
pub struct ObjectsArgs {
    /// Start: a day 2024-03-01, a month 2024-03, yesterday, today, or a moment 2024-03-01T12[:30[:15[.5]]][+01:00]; UTC
    /// [default: the lake's first day]
    #[arg(long, visible_alias = "start-date", value_name = "TIME", value_parser = time::value)]
    pub start: Option<TimeValue>,

    /// End: a day or month is included, a moment is not [default: the end of the start's day or month]
    #[arg(long, visible_alias = "end-date", value_name = "TIME", value_parser = time::value, requires = "start")]
    pub end: Option<TimeValue>,

    /// Which time of a row counts: arrival at the recorder, or exchange
    #[arg(long, value_name = "CLOCK", default_value_t = Clock::Arrival)]
    pub clock: Clock,

    /// Tables: data types, candles or candles_1m, instruments, available, missing, checks and so on [default: all]
    #[arg(long, num_args = 1.., value_delimiter = ',', value_name = "TABLE")]
    pub tables: Vec<TableName>,

    /// Data types, besides --tables
    #[arg(long, alias = "data-type", num_args = 1.., value_delimiter = ',', value_name = "TYPE")]
    pub data_types: Vec<DataType>,

    /// Venues, for example DERIBIT or deribit [default: all]
    #[arg(long, num_args = 1.., value_delimiter = ',', value_name = "VENUE", value_parser = parse_venue)]
    pub venues: Vec<String>,

    /// SPOT_PAIR, PERP, FUTURE, OPTION, COMBO, PREDICTION, UNKNOWN [default: all but COMBO]
    #[arg(long, num_args = 1.., value_delimiter = ',', value_name = "TYPE")]
    pub instrument_types: Vec<InstrumentType>,

    /// Instrument keys, or patterns with * and ?
    #[arg(long, num_args = 1.., value_delimiter = ',', value_name = "KEY")]
    pub instruments: Vec<String>,

    /// A named list of instruments (core60), or a file with one key per line
    #[arg(long, value_name = "NAME")]
    pub universe: Option<String>,

    /// Whose rows: the vendor's, those of live recordings, or both (for a day that the vendor has, the vendor's)
    #[arg(long, value_name = "ORIGIN", default_value_t = Origins::default())]
    pub origin: Origins,

    /// Print nothing if the lake lacks anything that is meant
    #[arg(long)]
    pub strict: bool,

    /// Read every byte of the objects first, and print nothing if one is damaged: most other readers do not verify
    #[arg(long)]
    pub verify: bool,
}

impl ObjectsArgs {
    /// The request in the engine's form.
    ///
    /// # Errors
    /// When the end lies before the start.
    pub fn request(&self) -> Result<TablesRequest, moment::TimeError> {
        let within_us = self.start.map(|start| moment::range(start, self.end)).transpose()?;
        let data_types = self.data_types.iter().copied().map(TableName::Ticks);
        let filter = Filter {
            venues: self.venues.clone(),
            instrument_types: self.instrument_types.clone(),
            instruments: self.instruments.clone(),
            universe: self.universe.clone(),
            ..Filter::default()
        };
        let tables = data_types.chain(self.tables.iter().copied()).collect();
        Ok(TablesRequest { tables, filter, within_us, clock: self.clock, origins: self.origin })
    }
}

#[derive(Args, Clone, Debug)]
pub struct PathsArgs {
    #[command(flatten)]
    pub objects: ObjectsArgs,
}

#[derive(Args, Clone, Debug)]
pub struct SqlArgs {
    /// The query, a file that ends in .sql, or - for stdin; its tables are the lake's
    #[arg(value_name = "QUERY", required_unless_present = "print", conflicts_with = "print")]
    pub query: Option<String>,

    /// Print the views, for any DuckDB, and run nothing
    #[arg(long)]
    pub print: bool,

    #[command(flatten)]
    pub objects: ObjectsArgs,
}
