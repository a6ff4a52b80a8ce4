//! Why a use case failed. Failures of single files are in reports, not here.

use std::path::Path;

use mtdh_core::candle::Timeframe;
use mtdh_core::certificate::CertificateError;
use mtdh_core::error::ErrorKind;
use mtdh_core::key::KeyError;
use mtdh_core::nearest::{clause, perhaps};
use mtdh_core::universe::UNIVERSES;
use mtdh_core::venue::UnknownVenue;
use mtdh_core::{DataType, Day};
use mtdh_lake::LakeError;
use mtdh_source::http::BuildError;
use mtdh_source::tardis::metadata::MetadataError;

use crate::candles::error::CandleError;
use crate::download::error::ConvertError;
use crate::files::user_columns::ColumnsError;
use crate::hive::error::HiveError;
use crate::live::LiveError;

/// The error of a use case that could not run or continue.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The lake failed.
    #[error("the lake cannot be used")]
    Lake(#[source] LakeError),
    /// A recording of a live feed could not be made, or not be read.
    #[error(transparent)]
    Live(#[from] LiveError),
    /// An export could not be made.
    #[error(transparent)]
    Hive(#[from] HiveError),
    /// The vendor's metadata cannot be fetched.
    #[error("the instruments of {exchange} cannot be had from the vendor")]
    Metadata {
        /// The vendor's exchange id.
        exchange: String,
        /// Why.
        #[source]
        source: MetadataError,
    },
    /// The vendor refused the key on the first requested file.
    #[error("the vendor refused the first file, so that nothing was downloaded")]
    Refused {
        /// The vendor's answer.
        #[source]
        source: mtdh_source::tardis::datasets::FetchError,
    },
    /// The HTTP client cannot be created.
    #[error("the connection to the vendor cannot be set up")]
    Client(#[source] BuildError),
    /// An address of the vendor cannot be used.
    #[error("`{}` is not an http or https address", mtdh_core::text::without_credentials(text))]
    BadAddress {
        /// The address.
        text: String,
    },
    /// The vendor has no such exchange.
    #[error("the vendor has no exchange `{exchange}`")]
    NoExchange {
        /// The id that was asked for.
        exchange: String,
    },
    /// Neither this program nor the vendor knows a venue.
    #[error("{unknown}{}", cause.as_ref().map(|cause| format!(" (the vendor's list cannot be had: {cause})")).unwrap_or_default())]
    UnknownVenue {
        /// Its name, and the nearest known one.
        unknown: UnknownVenue,
        /// Why the vendor could not be asked; `None`: it was.
        cause: Option<String>,
    },
    /// A symbol is not a pair of assets.
    #[error("`{symbol}` is no pair of assets; write BASE-QUOTE, for example BTC-USDT")]
    NotAPair {
        /// The symbol.
        symbol: String,
    },
    /// The lake has no instrument table at all.
    #[error("the lake has no instrument table")]
    NoInstrumentTable,
    /// A text is not an instrument key.
    #[error(transparent)]
    BadKey(#[from] KeyError),
    /// A text is not an instrument key, but resembles some.
    #[error("`{text}` is not an instrument key; perhaps {}", suggestions.join(" or "))]
    NotAKey {
        /// The text.
        text: String,
        /// Keys of the newest instrument table.
        suggestions: Vec<String>,
    },
    /// No instrument table has the key.
    #[error("no instrument table of the lake has {key}{}", clause(suggestions))]
    UnknownInstrument {
        /// The key.
        key: String,
        /// Keys that may be meant.
        suggestions: Vec<String>,
    },
    /// A table has no column of that name.
    #[error("{table} has no column `{name}`{}; it has {}", perhaps(name, columns.iter().map(String::as_str)), columns.join(", "))]
    NoColumn {
        /// The name.
        name: String,
        /// The table.
        table: String,
        /// The table's columns.
        columns: Vec<String>,
    },
    /// The lake has no table of that name.
    #[error("the lake has no table `{name}`{meant}; it has {tables}", meant = mtdh_core::nearest::perhaps(name, tables.split(", ")))]
    NoTable {
        /// The name.
        name: String,
        /// The names that there are.
        tables: String,
    },
    /// There are no statements in the words of an engine.
    #[error("there is no dialect `{name}`; there are {dialects}")]
    NoDialect {
        /// The name.
        name: String,
        /// The names that there are.
        dialects: String,
    },
    /// A name that statements would need quotes for.
    #[error("`{name}` is no plain name for tables: letters, digits, `_`, `-` and dots")]
    BadSqlName {
        /// The name.
        name: String,
    },
    /// An engine elsewhere is to read a folder of this machine.
    #[error("{dialect} reads buckets, and the lake is a folder of this machine")]
    NeedsBucket {
        /// The engine.
        dialect: &'static str,
    },
    /// A column is asked for twice. No form but CSV could have both.
    #[error("the column `{name}` is named twice")]
    ColumnTwice {
        /// The name.
        name: String,
    },
    /// A day has no instrument table, and the use case does not make one.
    #[error("there is no instrument table of {0} in the lake")]
    NoInstruments(Day),
    /// The lake has no plan of the run.
    #[error("the lake has no plan of a run `{run_id}`{}", clause(suggestions))]
    NoRun {
        /// The run.
        run_id: String,
        /// Runs that may be meant.
        suggestions: Vec<String>,
    },
    /// The lake has nothing of a run.
    #[error("the lake has no run `{run_id}`{}", clause(suggestions))]
    NoRecord {
        /// The run.
        run_id: String,
        /// Runs that may be meant.
        suggestions: Vec<String>,
    },
    /// A run of that name has a plan already.
    #[error("a run `{run_id}` exists already, and its plan is never replaced; choose another name")]
    RunExists {
        /// The run.
        run_id: String,
    },
    /// A run's name is not valid.
    #[error("`{run_id}` is no name of a run: letters, digits, `-`, `_` and `.`, at most 100")]
    BadRunName {
        /// The name.
        run_id: String,
    },
    /// A run's plan is not usable by this program.
    #[error("the plan of the run `{run_id}` cannot be used: {reason}")]
    WrongPlan {
        /// The run.
        run_id: String,
        /// Why.
        reason: String,
    },
    /// The run is divided into another number of shards.
    #[error("the run `{run_id}` is cut into {total} shards, and shard {index} of {asked} was asked for")]
    OtherShards {
        /// The run.
        run_id: String,
        /// How many shards it has.
        total: u32,
        /// The index that was asked for.
        index: u32,
        /// The number of shards that was asked for.
        asked: u32,
    },
    /// A certificate names partitions, not the first instruments of a table.
    #[error("a certificate cannot be about a limited number of instruments: name them by keys or patterns")]
    CertifiedLimit,
    /// What recordings should have is known in another way, of which no certificate is made.
    #[error(
        "certificates are made of the vendor's data, not of recordings: what a recorded day should have follows from its captures, which \
         a copy of the lake need not have"
    )]
    CertifiedRecordings,
    /// A table over the first instruments of a day would have others after the next.
    #[error("tables cannot have a limited number of instruments: name them by keys or patterns")]
    PublishedLimit,
    /// Recorded days are not closed: rows may still come.
    #[error("tables are published of the vendor's data, not of recordings")]
    PublishedRecordings,
    /// Other processes published the same table again and again.
    #[error("other processes published the table {table} {attempts} times while this one did; try again")]
    PublishedByOthers {
        /// The table.
        table: String,
        /// How often it was tried.
        attempts: u32,
    },
    /// A certificate of the lake cannot be read, so that nobody knows whether it names what would go.
    #[error("nothing is removed, as a certificate cannot be used: {reason}")]
    UnreadCertificate {
        /// The certificate and why.
        reason: String,
    },
    /// An object has no digest of its data.
    #[error(
        "the footer of {first} does not have the digest of its data, because mtdh 0.1.0 wrote it; only its bytes tell it"
    )]
    NoDigest {
        /// The first such partition.
        first: String,
    },
    /// The certificate would be refused by everybody who reads it.
    #[error("a certificate cannot be about this selection")]
    NotCertifiable(#[source] CertificateError),
    /// A certificate cannot name so many partitions.
    #[error("a certificate names at most {most} partitions: make one for each month, or for fewer venues")]
    TooManyPartitions {
        /// The limit.
        most: usize,
    },
    /// There is no list of instruments of this name.
    #[error("there is no universe `{name}`, neither built in (core60) nor as a file{}", perhaps(name, UNIVERSES.iter().copied()))]
    NoUniverse {
        /// The name.
        name: String,
    },
    /// What the lake is for cannot be read.
    #[error(transparent)]
    Want(mtdh_core::want::WantError),
    /// What the lake is for is not changed.
    #[error(transparent)]
    WantEdit(mtdh_core::want::EditError),
    /// Nobody wrote down what the lake is for.
    #[error("the lake has no lake.toml, so that nothing is known to be wanted")]
    NothingWanted,
    /// A pattern cannot be narrowed by another.
    #[error("`{pattern}` and `{own}`, which the set {set} wants, overlap; name keys or venues instead")]
    WantedPattern {
        /// What was asked for.
        pattern: String,
        /// What is wanted.
        own: String,
        /// The set.
        set: String,
    },
    /// Another process brings the lake to what is wanted.
    #[error("{holder} brings this lake to what is wanted")]
    SyncRuns {
        /// Machine and process.
        holder: String,
    },
    /// The hold on the lake was lost.
    #[error(
        "another process took over to bring this lake to what is wanted: this one was silent for too long"
    )]
    SyncTaken,
    /// A folder of vendor files cannot be read.
    #[error("cannot read the folder {folder}")]
    Folder {
        /// The folder.
        folder: String,
        /// The system's error.
        #[source]
        source: std::io::Error,
    },
    /// A file given by the user cannot be converted.
    #[error("cannot convert {file}")]
    Convert {
        /// The file.
        file: String,
        /// Why.
        #[source]
        source: ConvertError,
    },
    /// Candles that would be made of a day are too many to be sorted in memory.
    #[error("candles {timeframe} of {instruments} instruments of {day} are too many to be made at once")]
    TooManyCandles {
        /// The day, UTC.
        day: Day,
        /// The timeframe.
        timeframe: Timeframe,
        /// The instruments that were asked for.
        instruments: usize,
    },
    /// A file given by the user cannot be checked or compared.
    #[error("cannot use {file}")]
    File {
        /// The file.
        file: String,
        /// Why.
        #[source]
        source: FileError,
    },
    /// An instrument has no reference.
    #[error("{key} cannot be compared with a reference: {reason}")]
    Reference {
        /// The instrument.
        key: String,
        /// Why.
        reason: String,
    },
    /// The reference cannot be fetched.
    #[error("there is nothing to compare with")]
    Klines(#[source] mtdh_source::exchange::binance::klines::KlineError),
    /// No candles can be made of a user's files.
    #[error("cannot make candles of {of}")]
    Candles {
        /// The files.
        of: String,
        /// Why.
        #[source]
        source: CandleError,
    },
}

/// Why a user's file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The file does not exist.
    #[error("there is no such file")]
    Missing,
    /// The system cannot read it.
    #[error("it cannot be read")]
    Read(#[source] std::io::Error),
    /// It cannot be read, or is not Parquet.
    #[error("it cannot be read")]
    Lake(#[source] LakeError),
    /// Its columns are those of no data type, or not of the named one, or cannot be read.
    #[error(transparent)]
    Columns(ColumnsError),
    /// Its columns match several data types, its name does not tell which, and the caller named none.
    #[error(
        "its columns are those of {}, and its name does not tell which",
        .0.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and of ")
    )]
    SeveralTypes(Vec<DataType>),
    /// It does not name its instrument, and the caller named none.
    #[error("it does not say of which instrument it is")]
    UnknownInstrument,
    /// It has the same data type, instrument and day as another of the files.
    #[error("it is the second file of {0} of one instrument and day; check them one by one")]
    SecondOfType(DataType),
    /// It is not a certificate that can be used.
    #[error(transparent)]
    Certificate(CertificateError),
    /// It is not of the kind that was expected.
    #[error("{0}")]
    Wrong(String),
}

impl FileError {
    /// The error of a file.
    pub(crate) fn of(self, file: &Path) -> EngineError {
        let source = match self {
            FileError::Lake(LakeError::NoFolder(_)) => FileError::Missing,
            other => other,
        };
        EngineError::File { file: file.display().to_string(), source }
    }
}

impl EngineError {
    /// What a caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            EngineError::Lake(error) => error.kind(),
            EngineError::Live(error) => error.kind(),
            EngineError::Hive(error) => error.kind(),
            EngineError::Metadata { source, .. } => source.kind(),
            EngineError::Refused { source } => source.kind(),
            EngineError::Klines(error) => error.kind(),
            EngineError::NoExchange { .. }
            | EngineError::UnknownVenue { .. }
            | EngineError::NoInstrumentTable
            | EngineError::NoInstruments(_)
            | EngineError::NoUniverse { .. }
            | EngineError::NothingWanted
            | EngineError::UnknownInstrument { .. }
            | EngineError::NoRecord { .. }
            | EngineError::NoRun { .. } => ErrorKind::NotFound,
            EngineError::BadKey(_)
            | EngineError::NotAKey { .. }
            | EngineError::NotAPair { .. }
            | EngineError::NoColumn { .. }
            | EngineError::ColumnTwice { .. }
            | EngineError::TooManyCandles { .. }
            | EngineError::NoTable { .. }
            | EngineError::NoDialect { .. }
            | EngineError::BadSqlName { .. }
            | EngineError::NeedsBucket { .. }
            | EngineError::BadAddress { .. }
            | EngineError::RunExists { .. }
            | EngineError::BadRunName { .. }
            | EngineError::Want(_)
            | EngineError::WantEdit(_)
            | EngineError::WantedPattern { .. }
            | EngineError::OtherShards { .. }
            | EngineError::CertifiedLimit
            | EngineError::CertifiedRecordings
            | EngineError::PublishedLimit
            | EngineError::PublishedRecordings
            | EngineError::UnreadCertificate { .. }
            | EngineError::NoDigest { .. }
            | EngineError::NotCertifiable(_)
            | EngineError::TooManyPartitions { .. }
            | EngineError::Reference { .. } => ErrorKind::Invalid,
            EngineError::SyncRuns { .. } | EngineError::SyncTaken | EngineError::PublishedByOthers { .. } => {
                ErrorKind::Busy
            }
            EngineError::WrongPlan { .. } => ErrorKind::Damaged,
            EngineError::File { source: FileError::Lake(error), .. } => error.kind(),
            EngineError::File { source: FileError::Missing, .. } => ErrorKind::NotFound,
            EngineError::File { .. } => ErrorKind::Invalid,
            EngineError::Candles { source: CandleError::Changing(_), .. } => ErrorKind::Busy,
            EngineError::Convert { .. } | EngineError::Candles { .. } if self.is_refusal() => {
                ErrorKind::Damaged
            }
            EngineError::Convert { .. }
            | EngineError::Candles { .. }
            | EngineError::Folder { .. }
            | EngineError::Client(_) => ErrorKind::Failed,
        }
    }

    /// Whether a user's file was read and refused, which is a result. Otherwise the work could not be done, as on a full
    /// disk.
    pub fn is_refusal(&self) -> bool {
        match self {
            EngineError::Convert { source, .. } => {
                !matches!(source, ConvertError::Read(_) | ConvertError::Write(_) | ConvertError::Output(_))
            }
            EngineError::Candles { source, .. } => {
                !matches!(source, CandleError::Write(_) | CandleError::Output(_))
            }
            _ => false,
        }
    }
}

impl From<LakeError> for EngineError {
    fn from(error: LakeError) -> EngineError {
        match error {
            LakeError::Want(error) => EngineError::Want(error),
            LakeError::WantEdit(error) => EngineError::WantEdit(error),
            other => EngineError::Lake(other),
        }
    }
}
