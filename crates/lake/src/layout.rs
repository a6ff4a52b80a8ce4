//! The layout of a lake: maps objects to paths and back. No other module builds paths, and no other crate asks for one by its
//! parts: [`crate::Lake`] has the operations on partitions, candles and runs.
//!
//! Names keep the instrument key's colons, which GCS, S3 and the file systems of Linux and macOS allow.

mod iceberg;
mod live;

use mtdh_core::candle::Timeframe;
use mtdh_core::certificate::Hash;
use mtdh_core::key::InstrumentKey;
use mtdh_core::partition::{Origin, Partition, Shard};
use mtdh_core::shards::Part;
use mtdh_core::{DataType, Day, DayRange};
use object_store::path::Path;

/// The folders of what differs by origin.
struct Folders {
    partitions: &'static str,
    candles: &'static str,
    checks: &'static str,
    quarantine: &'static str,
    missing: &'static str,
    available: &'static str,
    identities: &'static str,
}

const VENDOR: Folders = Folders {
    partitions: "raw_tick_data/by_date",
    candles: "processed_candles/by_date",
    checks: "check_reports/by_date",
    quarantine: "quarantine/by_date",
    missing: "missing_data_reports/by_date",
    available: "available_tick_data/by_date",
    identities: "runs/_identities",
};

const LIVE: Folders = Folders {
    partitions: "live_tick_data/by_date",
    candles: "live_candles/by_date",
    checks: "live_check_reports/by_date",
    quarantine: "live_quarantine/by_date",
    missing: "live_missing_data_reports/by_date",
    available: "live_available_tick_data/by_date",
    identities: "runs/_live_identities",
};

/// Folder of unfinished objects in a local lake; listings of data exclude it.
pub(crate) const TEMPORARY: &str = "_tmp";

/// A path of the lake. Keys and days contain only characters that are valid in paths.
fn path(text: String) -> Path {
    Path::parse(text).expect("keys, days and data types hold only characters that paths may hold")
}

/// The highest token of a part. Each token is one takeover, so no run comes near it; the next token can always be computed.
pub const LAST_TOKEN: u32 = 1_000_000;

fn below(partition: &Partition) -> String {
    format!("day-{}/data_type-{}/{}", partition.day, partition.data_type, partition.key)
}

/// The instrument whose object of a day has this name. `None`: it is no such name, or not the one spelling of its key:
/// `perpetual` for PERP would be a second object of one partition.
pub fn object_key(name: &str) -> Option<InstrumentKey> {
    let text = name.strip_suffix(".parquet")?;
    text.parse().ok().filter(|key: &InstrumentKey| key.as_str() == text)
}

/// The paths of a lake, for the partitions of one origin and what is derived from them. Instruments, runs and captures are the same
/// for both. A [`crate::Lake`] owns its layout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    origin: Origin,
}

impl Layout {
    /// The paths of the vendor's data.
    pub const VENDOR: Layout = Layout { origin: Origin::Vendor };

    /// The paths of one origin.
    pub fn of(origin: Origin) -> Layout {
        Layout { origin }
    }

    /// Whose partitions these paths are of.
    pub fn origin(self) -> Origin {
        self.origin
    }

    fn folders(self) -> &'static Folders {
        match self.origin {
            Origin::Vendor => &VENDOR,
            Origin::Live => &LIVE,
        }
    }

    /// The instruments of a day.
    pub fn instruments(&self, day: Day) -> Path {
        path(format!("instrument_availability/by_date/day-{day}/instruments.parquet"))
    }

    /// All days' instruments.
    pub fn instrument_days(&self) -> Path {
        path("instrument_availability/by_date".to_owned())
    }

    /// The instruments of a range of days, with a `date` column.
    pub fn instruments_aggregate(&self, range: DayRange) -> Path {
        let (first, last) = (range.first().compact(), range.last().compact());
        path(format!("instrument_availability/aggregate/instruments_{first}_{last}.parquet"))
    }

    /// One partition.
    pub fn partition(&self, partition: &Partition) -> Path {
        path(format!("{}/{}.parquet", self.folders().partitions, below(partition)))
    }

    /// The rejected rows of one partition, one JSON object a line.
    pub fn quarantine(&self, partition: &Partition) -> Path {
        path(format!("{}/{}.jsonl", self.folders().quarantine, below(partition)))
    }

    /// The rejected rows of a grouped file whose instrument is not known.
    pub fn group_quarantine(&self, day: Day, data_type: DataType, venue: &str, group: &str) -> Path {
        let quarantine = self.folders().quarantine;
        path(format!("{quarantine}/day-{day}/data_type-{data_type}/{venue}:{group}.jsonl"))
    }

    /// All partitions of a day.
    pub fn day_of_partitions(&self, day: Day) -> Path {
        path(format!("{}/day-{day}", self.folders().partitions))
    }

    /// All partitions of a day and data type.
    pub fn day_and_type(&self, day: Day, data_type: DataType) -> Path {
        path(format!("{}/day-{day}/data_type-{data_type}", self.folders().partitions))
    }

    /// All partitions.
    pub fn all_partitions(&self) -> Path {
        path(self.folders().partitions.to_owned())
    }

    /// All candles.
    pub fn all_candles(&self) -> Path {
        path(self.folders().candles.to_owned())
    }

    /// The candles of one instrument, day and timeframe.
    pub fn candles(&self, day: Day, timeframe: Timeframe, key: &InstrumentKey) -> Path {
        path(format!("{}/day-{day}/timeframe-{timeframe}/{key}.parquet", self.folders().candles))
    }

    /// All candles of a day and timeframe.
    pub fn candle_folder(&self, day: Day, timeframe: Timeframe) -> Path {
        path(format!("{}/day-{day}/timeframe-{timeframe}", self.folders().candles))
    }

    /// All candles of a day.
    pub fn day_of_candles(&self, day: Day) -> Path {
        path(format!("{}/day-{day}", self.folders().candles))
    }

    /// Parses a path of [`Layout::candles`].
    pub fn parse_candles(&self, path: &Path) -> Option<(Day, Timeframe, InstrumentKey)> {
        let below = path.as_ref().strip_prefix(self.folders().candles)?.strip_prefix("/day-")?;
        let (day, rest) = below.split_once("/timeframe-")?;
        let (timeframe, name) = rest.split_once('/')?;
        let (key, day, timeframe) = (object_key(name)?, day.parse().ok()?, timeframe.parse().ok()?);
        (self.candles(day, timeframe, &key) == *path).then_some((day, timeframe, key))
    }

    /// The report of missing data of a day.
    pub fn missing_report(&self, day: Day) -> Path {
        path(format!("{}/day-{day}/missing_data.parquet", self.folders().missing))
    }

    /// The report of available data of a day, with the footer of each object. Derived: it may be deleted and is rebuilt.
    pub fn available_report(&self, day: Day) -> Path {
        path(format!("{}/day-{day}/available_data.parquet", self.folders().available))
    }

    /// The report of a day's checks: what was checked, and what was found.
    pub fn check_report(&self, day: Day) -> Path {
        path(format!("{}/day-{day}/checks.parquet", self.folders().checks))
    }

    /// All reports of checks.
    pub fn check_reports(&self) -> Path {
        path(self.folders().checks.to_owned())
    }

    /// The identities of the objects in [`Layout::available_report`]. Derived, and specific to each copy of a lake; no run has such a
    /// name.
    pub fn identities(&self, day: Day) -> Path {
        path(format!("{}/day-{day}.parquet", self.folders().identities))
    }

    /// The certificates that were made of this lake.
    pub fn certificates(&self) -> Path {
        path("certificates".to_owned())
    }

    /// The certificate with this root.
    pub fn certificate(&self, root: &Hash) -> Path {
        path(format!("certificates/{root}.json"))
    }

    /// Parses a path of [`Layout::certificate`].
    pub fn parse_certificate(&self, path: &Path) -> Option<Hash> {
        let root = Hash::from_hex(path.filename()?.strip_suffix(".json")?)?;
        (self.certificate(&root) == *path).then_some(root)
    }

    /// The objects of a day that were replaced by the vendor's re-issues. Only the vendor issues anew.
    pub fn superseded(&self, day: Day) -> Path {
        path(format!("runs/_superseded/day-{day}.parquet"))
    }

    /// The folders of tables, reports and certificates, each with the name of what it holds.
    pub fn reports(&self) -> [(&'static str, Path); 10] {
        let folders = self.folders();
        let aggregate = path("instrument_availability/aggregate".to_owned());
        [
            ("instruments", self.instrument_days()),
            ("instruments of a range", aggregate),
            ("available", path(folders.available.to_owned())),
            ("missing", path(folders.missing.to_owned())),
            ("checks", self.check_reports()),
            ("gaps", self.all_gaps()),
            ("comparisons", self.all_comparisons()),
            ("identities", path(folders.identities.to_owned())),
            ("superseded", path("runs/_superseded".to_owned())),
            ("certificates", self.certificates()),
        ]
    }

    /// The day that a path names, as a folder or in its own name; `None`: it names none.
    pub fn day_of(&self, path: &Path) -> Option<Day> {
        let of_part = |part: &str| part.strip_prefix("day-")?.split('.').next()?.parse().ok();
        path.as_ref().split('/').find_map(of_part)
    }

    /// The progress and summary of one shard of a run.
    pub fn run_summary(&self, run_id: &str, index: u32, total: u32) -> Path {
        path(format!("runs/{run_id}/shard-{index}-of-{total}.json"))
    }

    /// The summary of one shard of a run that makes candles.
    pub fn candle_summary(&self, run_id: &str, index: u32, total: u32) -> Path {
        path(format!("runs/{run_id}/candles-{index}-of-{total}.json"))
    }

    /// All runs.
    pub fn runs(&self) -> Path {
        path("runs".to_owned())
    }

    /// Everything of a run.
    pub fn run(&self, run_id: &str) -> Path {
        path(format!("runs/{run_id}"))
    }

    /// What the lake is for, as people write it.
    pub fn wanted(&self) -> Path {
        path("lake.toml".to_owned())
    }

    /// What was ever asked of the lake. No run has such a name.
    pub fn asked(&self) -> Path {
        path("runs/_asked.json".to_owned())
    }

    /// Who brings the lake to what is wanted, and when that last succeeded. No run has such a name.
    pub fn sync_note(&self) -> Path {
        path("runs/_sync.json".to_owned())
    }

    /// The report of a run that brought the lake to what is wanted.
    pub fn sync_report(&self, run_id: &str) -> Path {
        path(format!("runs/{run_id}/sync.json"))
    }

    /// A run's saved plan.
    pub fn plan(&self, run_id: &str) -> Path {
        path(format!("runs/{run_id}/plan.parquet"))
    }

    /// The usage of the vendor's account by a run's workers.
    pub fn budget(&self, run_id: &str) -> Path {
        path(format!("runs/{run_id}/budget.json"))
    }

    /// The progress of one part of a shard of a saved plan, by the holder with this token.
    pub fn part_progress(&self, run_id: &str, part: Part, token: u32) -> Path {
        let Part { shard, number } = part;
        let token = if token > 1 { format!(".{token}") } else { String::new() };
        path(format!("runs/{run_id}/shard-{}-of-{}-part-{number}{token}.json", shard.index(), shard.total()))
    }

    /// Parses a path of [`Layout::part_progress`]: part and token. Only the canonical spelling is accepted.
    pub fn parse_part_progress(&self, path: &Path) -> Option<(Part, u32)> {
        let (index, rest) = path.filename()?.strip_prefix("shard-")?.split_once("-of-")?;
        let (total, rest) = rest.strip_suffix(".json")?.split_once("-part-")?;
        let (number, token) = rest.split_once('.').unwrap_or((rest, "1"));
        let shard = Shard::new(index.parse().ok()?, total.parse().ok()?).ok()?;
        let (part, token) = (Part { shard, number: number.parse().ok()? }, token.parse().ok()?);
        let run_id = path.as_ref().strip_prefix("runs/")?.split('/').next()?;
        let is_one = (1..=LAST_TOKEN).contains(&token) && self.part_progress(run_id, part, token) == *path;
        is_one.then_some((part, token))
    }

    /// Parses a path of [`Layout::partition`].
    pub fn parse_partition(&self, path: &Path) -> Option<Partition> {
        let below = path.as_ref().strip_prefix(self.folders().partitions)?.strip_prefix("/day-")?;
        let (day, rest) = below.split_once("/data_type-")?;
        let (data_type, name) = rest.split_once('/')?;
        let read =
            Partition { day: day.parse().ok()?, data_type: data_type.parse().ok()?, key: object_key(name)? };
        (self.partition(&read) == *path).then_some(read)
    }

    /// The path of an object of data that a text from outside names: a partition, candles, rejected rows of a partition, an
    /// instrument table or a day's report. `None`: the lake has no such place. Only the canonical spelling is accepted, so that
    /// nothing else can be named: no other folder, no unfinished object, nothing of a run.
    pub fn parse_data(&self, text: &str) -> Option<Path> {
        let path = Path::parse(text).ok().filter(|path| path.as_ref() == text)?;
        let of_day = |day: Day| {
            let known = [
                self.instruments(day),
                self.missing_report(day),
                self.available_report(day),
                self.check_report(day),
            ];
            known.contains(&path)
        };
        let days = text.split('/').filter_map(|part| part.strip_prefix("day-")?.parse().ok());
        let is_data = self.parse_partition(&path).is_some()
            || self.parse_candles(&path).is_some()
            || self.parse_quarantine(&path).is_some()
            || self.parse_aggregate(&path).is_some()
            || days.into_iter().any(of_day);
        is_data.then_some(path)
    }

    fn parse_quarantine(&self, path: &Path) -> Option<Partition> {
        let below = path.as_ref().strip_prefix(self.folders().quarantine)?.strip_suffix(".jsonl")?;
        let of = self
            .parse_partition(&Path::parse(format!("{}{below}.parquet", self.folders().partitions)).ok()?)?;
        (self.quarantine(&of) == *path).then_some(of)
    }

    fn parse_aggregate(&self, path: &Path) -> Option<DayRange> {
        let (first, last) =
            path.filename()?.strip_prefix("instruments_")?.strip_suffix(".parquet")?.split_once('_')?;
        let day = |text: &str| -> Option<Day> {
            let (year, month, day) = (text.get(..4)?, text.get(4..6)?, text.get(6..)?);
            format!("{year}-{month}-{day}").parse().ok()
        };
        let range = DayRange::new(day(first)?, day(last)?).ok()?;
        (self.instruments_aggregate(range) == *path).then_some(range)
    }

    /// Parses the day of a folder name such as `day-2024-03-01`.
    pub fn parse_day_folder(&self, path: &Path) -> Option<Day> {
        path.filename()?.strip_prefix("day-")?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LAYOUT: Layout = Layout::VENDOR;

    #[test]
    fn the_paths_that_users_know() {
        let known = Partition {
            day: "2023-05-23".parse().unwrap(),
            data_type: DataType::BookSnapshot5,
            key: "BINANCE:SPOT_PAIR:BTC-USDT".parse().unwrap(),
        };
        assert_eq!(
            LAYOUT.partition(&known).as_ref(),
            "raw_tick_data/by_date/day-2023-05-23/data_type-book_snapshot_5/BINANCE:SPOT_PAIR:BTC-USDT.parquet"
        );
        let range = DayRange::new("2023-05-23".parse().unwrap(), "2023-05-25".parse().unwrap()).unwrap();
        assert_eq!(
            LAYOUT.instruments_aggregate(range).as_ref(),
            "instrument_availability/aggregate/instruments_20230523_20230525.parquet"
        );
    }

    #[test]
    fn progress_of_parts_reads_back() {
        for (index, total, number, token, name) in [
            (0, 4, 0, 1, "runs/r/shard-0-of-4-part-0.json"),
            (3, 4, 5, 12, "runs/r/shard-3-of-4-part-5.12.json"),
        ] {
            let part = Part { shard: Shard::new(index, total).unwrap(), number };
            let path = LAYOUT.part_progress("r", part, token);
            assert_eq!(path.as_ref(), name);
            assert_eq!(LAYOUT.parse_part_progress(&path), Some((part, token)));
        }
        for other in [
            "runs/r/plan.parquet",
            "runs/r/budget.json",
            "runs/r/shard-0-of-4.json",
            "runs/r/shard-4-of-4-part-0.json",
            "runs/r/shard-0-of-4-part-0.x.json",
            "runs/r/shard-0-of-4-part-0.1.json",
            "runs/r/shard-0-of-4-part-0.02.json",
            "runs/r/shard-0-of-4-part-0.1000001.json",
            "runs/r/shard-0-of-4-part-0.4294967295.json",
            "runs/r/shard-0-of-4294967295-part-0.json",
        ] {
            assert_eq!(LAYOUT.parse_part_progress(&Path::parse(other).unwrap()), None, "{other}");
        }
    }

    #[test]
    fn what_is_no_partition_is_not_taken_for_one() {
        for other in [
            "raw_tick_data/by_date/day-2023-05-23/data_type-trades/BINANCE:SPOT_PAIR:BTC-USDT.csv",
            "raw_tick_data/by_date/day-2023-05-23/data_type-trades/binance:SPOT_PAIR:BTC-USDT.parquet",
            "raw_tick_data/by_date/day-2023-05-23/data_type-trades/DERIBIT:PERPETUAL:BTC-USD.parquet",
            "raw_tick_data/by_date/day-2023-5-23/data_type-trades/BINANCE:SPOT_PAIR:BTC-USDT.parquet",
            "raw_tick_data/by_date/day-2023-05-23/data_type-nothing/BINANCE:SPOT_PAIR:BTC-USDT.parquet",
            "quarantine/by_date/day-2023-05-23/data_type-trades/BINANCE:SPOT_PAIR:BTC-USDT.jsonl",
        ] {
            assert_eq!(LAYOUT.parse_partition(&Path::parse(other).unwrap()), None, "{other}");
        }
    }

    #[test]
    fn candles_have_one_path() {
        let key = "BINANCE:SPOT_PAIR:BTC-USDT".parse().unwrap();
        let day = "2023-05-23".parse().unwrap();
        let path =
            "processed_candles/by_date/day-2023-05-23/timeframe-24h/BINANCE:SPOT_PAIR:BTC-USDT.parquet";
        assert_eq!(LAYOUT.candles(day, "1d".parse().unwrap(), &key).as_ref(), path);
        for other in
            [path.replace("24h", "1d"), path.replace("24h", "7m"), path.replace("BINANCE", "binance")]
        {
            assert_eq!(LAYOUT.parse_candles(&Path::parse(&other).unwrap()), None, "{other}");
        }
    }

    #[test]
    fn only_objects_of_data_can_be_named_from_outside() {
        const PARTITION: &str = "day-2023-05-23/data_type-trades/BINANCE:SPOT_PAIR:BTC-USDT";
        for (text, is_data) in [
            (format!("raw_tick_data/by_date/{PARTITION}.parquet"), true),
            (format!("quarantine/by_date/{PARTITION}.jsonl"), true),
            (
                "processed_candles/by_date/day-2023-05-23/timeframe-1m/BINANCE:SPOT_PAIR:BTC-USDT.parquet"
                    .to_owned(),
                true,
            ),
            ("instrument_availability/by_date/day-2023-05-23/instruments.parquet".to_owned(), true),
            ("instrument_availability/aggregate/instruments_20230523_20230525.parquet".to_owned(), true),
            ("missing_data_reports/by_date/day-2023-05-23/missing_data.parquet".to_owned(), true),
            ("available_tick_data/by_date/day-2023-05-23/available_data.parquet".to_owned(), true),
            ("check_reports/by_date/day-2023-05-23/checks.parquet".to_owned(), true),
            ("check_reports/by_date/day-2023-05-23/other.parquet".to_owned(), false),
            (String::new(), false),
            ("runs/r/budget.json".to_owned(), false),
            ("runs/r/plan.parquet".to_owned(), false),
            ("_tmp/update.lock".to_owned(), false),
            ("raw_tick_data/by_date/../../runs/r/budget.json".to_owned(), false),
            (format!("raw_tick_data/by_date/../by_date/{PARTITION}.parquet"), false),
            (format!("/raw_tick_data/by_date/{PARTITION}.parquet"), false),
            (format!("raw_tick_data//by_date/{PARTITION}.parquet"), false),
            (format!("raw_tick_data/by_date/{PARTITION}.parquet/"), false),
            (format!("raw_tick_data/by_date/{PARTITION}.parquet\0"), false),
            ("raw_tick_data/by_date/day-2023-05-23/data_type-trades/..%2f..%2fx.parquet".to_owned(), false),
            ("raw_tick_data/by_date/day-2023-05-23".to_owned(), false),
            ("etc/passwd".to_owned(), false),
            ("instrument_availability/by_date/day-2023-5-23/instruments.parquet".to_owned(), false),
            ("instrument_availability/aggregate/instruments_2é230523_20230525.parquet".to_owned(), false),
        ] {
            let parsed = LAYOUT.parse_data(&text);
            assert_eq!(parsed.as_ref().map(Path::as_ref), is_data.then_some(text.as_str()), "{text}");
        }
    }

    #[test]
    fn the_origins_share_no_path_but_those_of_instruments_runs_and_captures() {
        let day: Day = "2023-05-23".parse().unwrap();
        let key: InstrumentKey = "BINANCE:SPOT_PAIR:BTC-USDT".parse().unwrap();
        let partition = Partition { day, data_type: DataType::Trades, key: key.clone() };
        let live = Layout::of(Origin::Live);
        let paths = |layout: Layout| {
            let timeframe = "1m".parse().unwrap();
            [
                layout.partition(&partition),
                layout.quarantine(&partition),
                layout.group_quarantine(day, DataType::Trades, "BINANCE", "OPTIONS"),
                layout.candles(day, timeframe, &key),
                layout.missing_report(day),
                layout.available_report(day),
                layout.check_report(day),
                layout.identities(day),
            ]
        };
        for (vendor, live) in paths(Layout::VENDOR).iter().zip(paths(live)) {
            assert!(
                !live.as_ref().starts_with(vendor.as_ref().split('/').next().unwrap())
                    || live.as_ref().starts_with("runs/")
            );
            assert_ne!(*vendor, live);
        }
        assert_eq!(Layout::VENDOR.instruments(day), live.instruments(day));
        assert_eq!(live.parse_partition(&Layout::VENDOR.partition(&partition)), None);
        assert_eq!(Layout::VENDOR.parse_partition(&live.partition(&partition)), None);
        assert_eq!(
            live.partition(&partition).as_ref(),
            "live_tick_data/by_date/day-2023-05-23/data_type-trades/BINANCE:SPOT_PAIR:BTC-USDT.parquet"
        );
    }

    proptest! {
        #[test]
        fn paths_read_back(
            days in 0_i64..20_000,
            data_type in 0_usize..9,
            venue in "[A-Z][A-Z0-9-]{0,12}",
            base in "[A-Z0-9]{1,10}",
            strike in 1_u32..1_000_000,
            shape in 0..4,
        ) {
            let day = Day::new(1970, 1, 1).unwrap().plus(days);
            let key = match shape {
                0 => format!("{venue}:SPOT_PAIR:{base}-USDT"),
                1 => format!("{venue}:PERP:{base}-USD"),
                2 => format!("{venue}:FUTURE:{base}-USD-241227"),
                _ => format!("{venue}:OPTION:{base}-USD-241227-{strike}-CALL"),
            };
            let Ok(key) = key.parse::<InstrumentKey>() else { return Ok(()) };
            let written = Partition { day, data_type: DataType::ALL[data_type], key };
            prop_assert_eq!(LAYOUT.parse_partition(&LAYOUT.partition(&written)), Some(written.clone()));
            let candles_of = |timeframe| LAYOUT.candles(day, timeframe, &written.key);
            for timeframe in Timeframe::USUAL {
                let read = LAYOUT.parse_candles(&candles_of(timeframe));
                prop_assert_eq!(read, Some((day, timeframe, written.key.clone())));
                prop_assert_eq!(LAYOUT.parse_partition(&candles_of(timeframe)), None);
            }
        }
    }
}
