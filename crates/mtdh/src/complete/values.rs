//! Values of flags: names that the program knows, and those that the lake has.

use std::ffi::{OsStr, OsString};
use std::time::Duration;

use clap::Arg;
use clap_complete::engine::CompletionCandidate;
use mtdh_core::DataType;
use mtdh_core::candle::Timeframe;
use mtdh_core::check::Group;
use mtdh_core::key::{InstrumentKey, InstrumentType};
use mtdh_core::universe::{UNIVERSES, named_universe};
use mtdh_core::venue::{EXCHANGES, venue_of_exchange};
use mtdh_engine::listing::By;
use mtdh_engine::{Context, EngineError};

use crate::args::Listing;
use crate::settings::{FlagLayer, Settings};

/// Most names that are offered.
const MOST: usize = 1_000;

/// How long the lake may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// What the values of a flag are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    Venues,
    InstrumentTypes,
    DataTypes,
    Keys,
    Runs,
    Days,
    Sets,
    Tables,
    Timeframes,
    Checks,
    Universes,
    Lists,
    Groupings,
}

impl Values {
    /// Those of a flag or a place of a verb; `None`: any text, or the definition has them.
    pub fn of(verb: &str, arg: &Arg) -> Option<Values> {
        let name = arg.get_value_names().and_then(|names| names.first()).map(|name| name.as_str());
        Some(match (arg.get_id().as_str(), name.unwrap_or_default()) {
            ("instrument_types", _) => Values::InstrumentTypes,
            ("data_types" | "data_type", _) => Values::DataTypes,
            ("timeframes" | "timeframe" | "every" | "candles", _) => Values::Timeframes,
            ("universe", _) => Values::Universes,
            ("groups" | "checks" | "check", _) => Values::Checks,
            ("what", _) if verb == "ls" => Values::Lists,
            ("by", _) => Values::Groupings,
            ("name", _) if ["show", "remove"].contains(&verb) => Values::Sets,
            (_, "VENUE") => Values::Venues,
            ("key" | "keys", _) | (_, "KEY") => Values::Keys,
            ("run" | "runs", _) | (_, "RUN") => Values::Runs,
            (_, "DAY") => Values::Days,
            (_, "TABLE") => Values::Tables,
            _ => return None,
        })
    }
}

/// What somebody has typed so far.
#[derive(Debug)]
pub struct Asked {
    lake: Option<String>,
}

impl Asked {
    pub fn of(line: &[OsString]) -> Asked {
        let words: Vec<&str> = line.iter().filter_map(|word| word.to_str()).collect();
        let joined = words.iter().find_map(|word| word.strip_prefix("--lake="));
        let apart =
            || words.iter().position(|word| *word == "--lake").and_then(|at| words.get(at + 1).copied());
        Asked { lake: joined.or_else(apart).map(str::to_owned) }
    }

    /// The values that begin as what is typed, in any case.
    pub fn candidates(&self, values: Values, typed: &OsStr) -> Vec<CompletionCandidate> {
        let Some(typed) = typed.to_str() else { return Vec::new() };
        let names = self.names(values).into_iter().filter_map(|name| as_typed(&name, typed));
        names.take(MOST).map(CompletionCandidate::new).collect()
    }

    fn names(&self, values: Values) -> Vec<String> {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        match values {
            Values::Venues => EXCHANGES.iter().map(|exchange| venue_of_exchange(exchange)).collect(),
            Values::InstrumentTypes => owned(&InstrumentType::ALL.map(InstrumentType::name)),
            Values::DataTypes => owned(&DataType::ALL.map(DataType::name)),
            Values::Timeframes => Timeframe::USUAL.map(|timeframe| timeframe.to_string()).to_vec(),
            Values::Universes => owned(UNIVERSES),
            Values::Checks => {
                let groups = Group::ALL.map(Group::name).into_iter();
                std::iter::once("all").chain(groups).map(str::to_owned).collect()
            }
            Values::Tables => mtdh_engine::schema::all().iter().map(|table| table.name.to_owned()).collect(),
            Values::Lists => owned(&Listing::ALL.map(|(name, _)| name)),
            Values::Groupings => owned(&By::ALL.map(By::name)),
            Values::Keys | Values::Runs | Values::Days | Values::Sets => {
                self.of_lake(values).unwrap_or_default()
            }
        }
    }

    /// What the lake has; `None`: it cannot be had, or not soon.
    fn of_lake(&self, values: Values) -> Option<Vec<String>> {
        let flags = FlagLayer { lake: self.lake.clone(), ..FlagLayer::default() };
        let settings = Settings::load(&std::env::current_dir().ok()?, flags).ok()?;
        let context = Context::open(&settings.config()).ok()?;
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().ok()?;
        let asking = async { tokio::time::timeout(PATIENCE, names(&context, values)).await.ok()?.ok() };
        let found = runtime.block_on(asking);
        // Work that cannot be stopped is left behind.
        runtime.shutdown_background();
        found
    }
}

async fn names(context: &Context, values: Values) -> Result<Vec<String>, EngineError> {
    Ok(match values {
        Values::Keys => match context.instruments(None).await {
            Ok((_, table)) => table.iter().map(|instrument| instrument.key.to_string()).collect(),
            Err(_) => {
                let built_in = UNIVERSES.iter().filter_map(|name| named_universe(name)).flatten();
                built_in.map(|key: InstrumentKey| key.to_string()).collect()
            }
        },
        Values::Runs => context.runs().await?,
        Values::Days => context.days().await?.iter().rev().map(ToString::to_string).collect(),
        _ => context.wanted().await?.unwrap_or_default().sets.into_keys().collect(),
    })
}

/// A name that begins as what is typed; in small letters, where those were typed and the name has large ones.
fn as_typed(name: &str, typed: &str) -> Option<String> {
    if name.starts_with(typed) {
        return Some(name.to_owned());
    }
    let small = name.to_lowercase();
    small.starts_with(typed).then_some(small)
}
