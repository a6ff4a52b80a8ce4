//! Hints: what a user can do about an error.

use std::io;

use mtdh_engine::candles::CandleError;
use mtdh_engine::download::error::ConvertError;
use mtdh_engine::files::user_columns::ColumnsError;
use mtdh_engine::{EngineError, FileError, HttpError, LakeError, MetadataError};

/// The hint for the first error of the chain that has one.
pub fn hint(error: &anyhow::Error) -> Option<String> {
    // A fault of a user's own file is not a fault of the lake, although the lake's reader reports it.
    let file = error.chain().find_map(|cause| cause.downcast_ref::<FileError>());
    if let Some(file) = file {
        return of_file(file).map(str::to_owned);
    }
    error.chain().find_map(|cause| {
        cause
            .downcast_ref::<HttpError>()
            .and_then(of_http)
            .or_else(|| cause.downcast_ref::<LakeError>().and_then(of_lake))
            .or_else(|| cause.downcast_ref::<EngineError>().and_then(of_engine))
            .or_else(|| cause.downcast_ref::<ConvertError>().and_then(of_convert))
            .or_else(|| cause.downcast_ref::<CandleError>().and_then(of_candles))
            .or_else(|| cause.downcast_ref::<MetadataError>().and_then(of_metadata))
    })
}

fn of_file(error: &FileError) -> Option<&'static str> {
    match error {
        FileError::Columns(error) => Some(of_columns(error)),
        FileError::SeveralTypes(_) => Some(DATA_TYPE),
        FileError::UnknownInstrument => Some("name the instrument with --symbol BASE-QUOTE"),
        _ => None,
    }
}

const DATA_TYPE: &str = "name the data type with --data-type TYPE";

fn of_columns(error: &ColumnsError) -> &'static str {
    match error {
        ColumnsError::BareTimes(_) => "name the unit of its times with --time-unit: s, ms, us or ns",
        ColumnsError::Other(_) => {
            "docs/how-to/own-files.md has the names that columns may have; name the data type with --data-type TYPE"
        }
    }
}

fn of_convert(error: &ConvertError) -> Option<String> {
    let text = match error {
        ConvertError::UnknownHeader(_) | ConvertError::SeveralTypes(_) => DATA_TYPE,
        ConvertError::Empty => "if that is a file without rows, name the data type with --data-type TYPE",
        _ => return None,
    };
    Some(text.to_owned())
}

fn of_candles(error: &CandleError) -> Option<String> {
    match error {
        CandleError::Untrusted { day, .. } => Some(format!("mtdh download --start-date {day} --force")),
        CandleError::Columns { reason, .. } => Some(of_columns(reason).to_owned()),
        CandleError::NoneInDay { day, .. } => Some(format!("mtdh check timestamp --start-date {day}")),
        _ => None,
    }
}

fn of_http(error: &HttpError) -> Option<String> {
    let text = match error {
        HttpError::Unauthorized { has_key: true, .. } => {
            "the key in TARDIS_API_KEY is wrong, has expired, or its plan does not cover this: `mtdh config show` says where it comes from"
        }
        HttpError::Unauthorized { has_key: false, .. } => {
            "without a key the vendor gives the first day of each month: set TARDIS_API_KEY in the environment or in .env"
        }
        HttpError::Forbidden { .. } => "see what your key covers on your account's page at the vendor",
        HttpError::KeyInUse { .. } => "one key works from one address at a time; end the other run, or wait",
        HttpError::QuotaExhausted { .. } | HttpError::BudgetUsed { .. } => {
            "run the same command later: what is done is kept, and it goes on from there"
        }
        HttpError::Connection { .. } => {
            "check the network and the proxy (HTTPS_PROXY), then run the same command again"
        }
        _ => return None,
    };
    Some(text.to_owned())
}

fn of_lake(error: &LakeError) -> Option<String> {
    let text = match error {
        LakeError::NoFolder(_) => {
            "name the lake with --lake, or fill one: mtdh full-pipeline --start-date 2024-03-01 --venues DERIBIT"
        }
        LakeError::NoBucket { .. } => "make the bucket first, or correct --lake or GCS_BUCKET",
        LakeError::NoAccess { .. } | LakeError::NoAnswer { .. } => {
            "for gs:// run `gcloud auth application-default login` or set GCP_CREDENTIALS_PATH; \
             for s3:// set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION"
        }
        LakeError::Disk { source, .. } => match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "make room, then run the same command again: it goes on where it stopped"
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                "choose a lake that may be written with --lake, or correct its permissions"
            }
            _ => return None,
        },
        LakeError::Exists { .. } => "see what it is with `mtdh ls --long`, or fetch it again with --force",
        LakeError::WrongTable { path, .. } if path.ends_with("/instruments.parquet") => {
            "make the table again, with all venues that the day is to have: mtdh instruments --start-date DAY --venues …"
        }
        // Errors in objects of a run's workers contain their own advice.
        LakeError::WrongTable { path, .. } if path.starts_with("runs/") => return None,
        LakeError::WrongTable { path, .. } => match path.split('/').next().unwrap_or_default() {
            "raw_tick_data" => "fetch it again: mtdh download --force, with its day, key and data type",
            "live_tick_data" => {
                "move the object away, then make its day again from its captures: mtdh live rebuild"
            }
            "processed_candles" | "live_candles" => {
                "make them again: mtdh candles --force, with their day, key and timeframe"
            }
            _ => "move the object away; the next `mtdh instruments` or `mtdh validate` makes it again",
        },
        _ => return None,
    };
    Some(text.to_owned())
}

fn of_engine(error: &EngineError) -> Option<String> {
    match error {
        EngineError::NothingWanted => {
            Some("say what is wanted: mtdh want add NAME --start-date DAY --venues VENUE".to_owned())
        }
        EngineError::NoInstrumentTable => Some("make one with mtdh instruments --start-date DAY".to_owned()),
        EngineError::CertifiedLimit => {
            Some("name them with --instruments or --universe in place of --max-instruments".to_owned())
        }
        EngineError::NoDigest { .. } => Some("read the bytes with --bytes".to_owned()),
        EngineError::TooManyCandles { day, timeframe, .. } => Some(format!(
            "name fewer instruments, or store them with mtdh candles --start-date {day} --timeframes {timeframe} and read them with \
             --data-types candles"
        )),
        EngineError::NoInstruments(day) => Some(format!("make it: mtdh instruments --start-date {day}")),
        EngineError::NoExchange { .. } => {
            Some("the vendor lists its exchanges at https://api.tardis.dev/v1/exchanges".to_owned())
        }
        _ => None,
    }
}

fn of_metadata(error: &MetadataError) -> Option<String> {
    match error {
        MetadataError::Cache { .. } => Some("name another folder with MTDH_CACHE_DIR".to_owned()),
        _ => None,
    }
}
