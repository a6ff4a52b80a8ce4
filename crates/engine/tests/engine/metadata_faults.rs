//! What becomes of mutated answers of the vendor's metadata, on the way from the answer to the verdict: never "complete" where
//! something is lost without a word, never a row less, never a panic. What the answers say unmutated is the truth.
//!
//! `MTDH_MUTATIONS` cases (200), from seed `MTDH_MUTATION_SEED` (1) on: a case is its seed. Not for single faults in what the vendor
//! says: those are in `expectation` of the program's tests.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::time::Duration;

use mtdh_core::DataType::{DerivativeTicker, OptionsChain, Trades};
use mtdh_core::instrument::{DayTable, Instrument};
use mtdh_core::key::InstrumentType;
use mtdh_core::partition::Partition;
use mtdh_core::universe::KeyPattern;
use mtdh_core::venue::venue_of_exchange;
use mtdh_core::{DataType, Day, DayRange};
use mtdh_engine::instruments::Removed;
use mtdh_engine::validate::ValidationReport;
use mtdh_engine::validate::verdict::Verdict;
use mtdh_engine::{
    Context, DownloadOptions, EngineError, PlanOptions, Planned, RetryPolicy, Selection, ValidateOptions,
    Validation, chain,
};
use mtdh_lake::Lake;
use mtdh_lake::tables::reports::Available;
use mtdh_sim::{Config, FULL_KEY, Fault, FaultKind, Host, Sim, Size};
use serde_json::Value;

use crate::mutations::{Document, Numbers, mutate};

mod truth;

use truth::{Expected, answers, expected, wrong};

const EXCHANGES: [&str; 3] = ["okex-swap", "deribit", "binance"];
const DATA_TYPES: [DataType; 3] = [Trades, DerivativeTicker, OptionsChain];

fn day() -> Day {
    "2024-03-01".parse().unwrap()
}

fn config() -> Config {
    Config { size: Size::Small, ..Config::default() }
}

/// An exchange: its two answers, what they let expect, and a lake that was made of them.
struct Exchange {
    id: &'static str,
    answers: [Value; 2],
    expected: Vec<Expected>,
    table: Vec<Instrument>,
    lake: tempfile::TempDir,
}

/// What the lake has when mutated answers come.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Before {
    Nothing,
    /// The day's table, of the unmutated answers.
    Table,
    /// The table and all objects.
    Everything,
}

/// One case: all of it follows from the seed.
struct Case {
    exchange: usize,
    before: Before,
    selection: Selection,
    /// Which of the two answers, and the seed of the mutation.
    mutations: Vec<(usize, u64)>,
}

impl Case {
    fn of(seed: u64, exchanges: &[Exchange]) -> Case {
        let mut numbers = Numbers(seed);
        let exchange = numbers.below(exchanges.len());
        let before = *numbers.pick(&[Before::Nothing, Before::Nothing, Before::Table, Before::Everything]);
        let selection = selection(&exchanges[exchange], &mut numbers);
        let count = 1 + numbers.below(4);
        // Most of what is expected is in the first.
        let mutations = (0..count).map(|_| (usize::from(numbers.below(4) == 0), numbers.next())).collect();
        Case { exchange, before, selection, mutations }
    }

    /// The answers that are sent, and what was done to them.
    fn answers(&self, exchange: &Exchange) -> ([String; 2], Vec<String>) {
        let mut documents = exchange.answers.clone().map(Document::Json);
        let done = self.mutations.iter().map(|(which, seed)| {
            let name = ["exchanges", "instruments"][*which];
            format!("{name}/{} {}", exchange.id, mutate(&mut documents[*which], &mut Numbers(*seed)))
        });
        let done = done.collect();
        (documents.map(|document| document.text()), done)
    }
}

fn everything(exchange: &str) -> Selection {
    Selection {
        days: DayRange::new(day(), day()).unwrap(),
        venues: vec![venue_of_exchange(exchange)],
        instrument_types: Vec::new(),
        data_types: DATA_TYPES.to_vec(),
        patterns: Vec::new(),
        max_instruments: None,
    }
}

/// The whole exchange as often as not, else a type, a pattern, or one name.
fn selection(exchange: &Exchange, numbers: &mut Numbers) -> Selection {
    let all = everything(exchange.id);
    let one = numbers.pick(&exchange.expected).key.clone();
    let pattern = |text: String| Selection { patterns: vec![KeyPattern::new(&text)], ..all.clone() };
    match numbers.below(8) {
        0 => Selection { instrument_types: vec![one.instrument_type()], ..all },
        1 => pattern(format!("{}:*", one.venue())),
        2 => pattern(format!("{}:{}:*", one.venue(), one.instrument_type().name())),
        3 => pattern(one.to_string()),
        _ => all,
    }
}

/// What a run came to, and what is in the lake after it.
struct Seen {
    /// The validation and whether the run before it was clean; or why it could not run.
    end: Result<(ValidationReport, bool), String>,
    table: DayTable,
    available: BTreeMap<Partition, Available>,
}

impl Seen {
    fn word(&self) -> &'static str {
        match &self.end {
            Ok((report, true)) => report.verdict.name(),
            Ok((_, false)) => "files failed",
            Err(_) => "refused",
        }
    }
}

/// Instruments, plan, download, validation, as `full-pipeline` does it.
async fn pipeline(context: &Context, selection: &Selection) -> Result<(ValidationReport, bool), EngineError> {
    context.write_instruments(selection, Removed::Keep).await?;
    let Planned { plan, .. } = context.plan(selection, PlanOptions::default()).await?;
    let options = DownloadOptions { run_id: Some("r".to_owned()), slots: 4, ..DownloadOptions::default() };
    let summary = context.download(plan, options).await?;
    let Validation { mut report, .. } = context.validate(selection, ValidateOptions::default()).await?;
    report.failed_files = summary.done.failures.len();
    report.conclude();
    Ok((report, summary.is_clean()))
}

/// A run on a lake, while the vendor gives these answers.
async fn run(sim: &Sim, lake: &Path, exchange: &str, answers: [String; 2], selection: &Selection) -> Seen {
    let of = |path: &str, body: String| {
        let kind = FaultKind::Words { status: 200, body, etag: None };
        Fault::always(Host::Api, &format!("{path}/{exchange}"), kind)
    };
    let [details, terms] = answers;
    sim.set_faults(vec![of("exchanges", details), of("instruments", terms)]);
    let cache = tempfile::tempdir().unwrap();
    let wait = Duration::from_millis(1);
    let context = Context::open(&mtdh_engine::Config {
        lake: lake.to_str().unwrap().to_owned(),
        api: sim.api_url(),
        datasets: sim.datasets_url(),
        key: Some(FULL_KEY.to_owned().into()),
        cache_folder: cache.path().to_owned(),
        retry: RetryPolicy { attempts: 2, first_wait: wait, longest_wait: wait },
        ..Default::default()
    });
    let end = pipeline(&context.unwrap(), selection).await.map_err(|error| chain(&error));
    let lake = Lake::open(lake.to_str().unwrap(), &Default::default()).unwrap();
    let table = lake.day_table(day()).await.unwrap().unwrap_or_default();
    let available = lake.available(day()).await.unwrap();
    Seen { end, table, available }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (from, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            std::fs::copy(&from, &to).unwrap();
        }
    }
}

impl Exchange {
    async fn new(sim: &Sim, id: &'static str) -> Exchange {
        let answers = answers(id);
        let lake = tempfile::tempdir().unwrap();
        let texts = answers.clone().map(|answer| answer.to_string());
        let seen = run(sim, lake.path(), id, texts, &everything(id)).await;
        assert_eq!(seen.word(), Verdict::Complete.name(), "{:?}", seen.end);
        let table = seen.table.instruments.clone();
        let exchange = Exchange { id, expected: expected(id, &answers[0], &table), answers, table, lake };
        let kinds: BTreeSet<_> = exchange.expected.iter().map(|e| e.data_type).collect();
        assert!(exchange.expected.len() >= 4, "{id}: {kinds:?}");
        // By the answers alone and by way of the program it is the same.
        assert_eq!(seen.available.len(), exchange.expected.len(), "{id}");
        let none =
            Case { exchange: 0, before: Before::Nothing, selection: everything(id), mutations: Vec::new() };
        assert_eq!(wrong(&exchange, &none, &exchange.answers[0], &seen), Vec::<String>::new());
        exchange
    }

    fn lake_for(&self, before: Before) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let table = "instrument_availability";
        match before {
            Before::Nothing => {}
            Before::Table => copy(&self.lake.path().join(table), &folder.path().join(table)),
            Before::Everything => copy(self.lake.path(), folder.path()),
        }
        folder
    }
}

/// What is wrong with a case, and how it ended.
fn look(
    sim: &Sim,
    runtime: &tokio::runtime::Runtime,
    exchange: &Exchange,
    case: &Case,
) -> (Vec<String>, &'static str) {
    let (texts, _) = case.answers(exchange);
    let details = serde_json::from_str(&texts[0]).unwrap_or_default();
    let lake = exchange.lake_for(case.before);
    let ran =
        AssertUnwindSafe(|| runtime.block_on(run(sim, lake.path(), exchange.id, texts, &case.selection)));
    let Ok(seen) = std::panic::catch_unwind(ran) else { return (vec!["a panic".to_owned()], "panic") };
    let mut found = wrong(exchange, case, &details, &seen);
    found.extend(seen.end.as_ref().err().filter(|text| text.contains("panicked")).cloned());
    if case.before == Before::Everything {
        let objects = exchange.lake.path().join("raw_tick_data");
        let mut folders = vec![objects];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
                let now = lake.path().join(entry.strip_prefix(exchange.lake.path()).unwrap());
                if entry.is_dir() {
                    folders.push(entry);
                } else if std::fs::read(&entry).ok() != std::fs::read(&now).ok() {
                    found.push(format!("lost rows: {} is another one, or gone", now.display()));
                }
            }
        }
    }
    (found, seen.word())
}

/// The same case with as few mutations as still go wrong.
fn smallest(case: Case, is_wrong: impl Fn(&Case) -> bool) -> Case {
    let mut case = case;
    let mut at = 0;
    while at < case.mutations.len() {
        let mut fewer = case.mutations.clone();
        fewer.remove(at);
        let fewer = Case { mutations: fewer, selection: case.selection.clone(), ..case };
        if is_wrong(&fewer) { case = fewer } else { at += 1 }
    }
    case
}

fn setting(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |text| text.parse().unwrap())
}

async fn start() -> (Sim, Vec<Exchange>) {
    let sim = Sim::start(config()).await.unwrap();
    let mut exchanges = Vec::new();
    for id in EXCHANGES {
        exchanges.push(Exchange::new(&sim, id).await);
    }
    (sim, exchanges)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

#[test]
fn mutated_metadata_is_never_a_false_complete() {
    let (count, first) = (setting("MTDH_MUTATIONS", 200), setting("MTDH_MUTATION_SEED", 1));
    let setup = runtime();
    let (_sim, exchanges) = setup.block_on(start());
    let lanes = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let lane = |lane: u64| {
        let runtime = runtime();
        let sim = runtime.block_on(Sim::start(config())).unwrap();
        let (mut ends, mut failures) = (BTreeMap::<(String, &str), u64>::new(), Vec::new());
        for seed in (first..first + count).filter(|seed| seed % lanes == lane) {
            let case = Case::of(seed, &exchanges);
            let exchange = &exchanges[case.exchange];
            let (found, word) = look(&sim, &runtime, exchange, &case);
            *ends.entry((format!("{:?}", case.before), word)).or_default() += 1;
            if found.is_empty() {
                continue;
            }
            let case = smallest(case, |case| !look(&sim, &runtime, exchange, case).0.is_empty());
            let (found, _) = look(&sim, &runtime, exchange, &case);
            let Selection { instrument_types, patterns, .. } = &case.selection;
            failures.push(format!(
                "seed {seed}, before: {:?}, types {instrument_types:?}, names {patterns:?}\n  {}\n  {}\n  again: \
                 MTDH_MUTATIONS=1 MTDH_MUTATION_SEED={seed} cargo test -p mtdh-engine --test engine mutated",
                case.before,
                case.answers(exchange).1.join("\n  "),
                found.join("\n  ")
            ));
        }
        (ends, failures)
    };
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..lanes).map(|number| scope.spawn(move || lane(number))).collect();
        lanes.into_iter().map(|lane| lane.join().unwrap()).collect()
    });
    let mut ends = BTreeMap::<(String, &str), u64>::new();
    for (end, count) in outcomes.iter().flat_map(|(ends, _)| ends) {
        *ends.entry(end.clone()).or_default() += count;
    }
    ends.iter().for_each(|((before, word), count)| println!("before: {before}: {word}: {count}"));
    let failures: Vec<&String> = outcomes.iter().flat_map(|(_, failures)| failures).collect();
    let shown: Vec<&str> = failures.iter().take(40).map(|failure| failure.as_str()).collect();
    assert!(failures.is_empty(), "{} of {count} cases\n{}", failures.len(), shown.join("\n"));
    let words: BTreeSet<&str> = ends.keys().map(|(_, word)| *word).collect();
    assert!(count < 100 || ["complete", "refused"].iter().all(|word| words.contains(word)), "{words:?}");
}

#[test]
fn what_is_lost_without_a_word_is_found() {
    let runtime = runtime();
    let (sim, exchanges) = runtime.block_on(start());
    let exchange = &exchanges[0];
    let texts = exchange.answers.clone().map(|answer| answer.to_string());
    let lake = exchange.lake_for(Before::Everything);
    let see =
        || runtime.block_on(run(&sim, lake.path(), exchange.id, texts.clone(), &everything(exchange.id)));
    let case =
        |before| Case { exchange: 0, before, selection: everything(exchange.id), mutations: Vec::new() };
    let found = |seen: &Seen, before| wrong(exchange, &case(before), &exchange.answers[0], seen).join("; ");
    assert_eq!(found(&see(), Before::Everything), "");
    let first = exchange.expected[0].clone();
    let partition = Partition { day: day(), data_type: first.data_type, key: first.key.clone() };
    let mut gone = see();
    gone.available.remove(&partition);
    assert!(found(&gone, Before::Nothing).contains("a false complete"));
    let mut fewer = see();
    fewer.available.get_mut(&partition).unwrap().tally.rows_out -= 1;
    assert!(found(&fewer, Before::Nothing).contains("lost rows"));
    let mut less = see();
    less.table.instruments.iter_mut().for_each(|i| i.tick_size = None);
    assert!(found(&less, Before::Table).contains("lost value: a term"));
    let mut fewer = see();
    fewer.table.instruments.retain(|i| i.key != first.key);
    assert!(found(&fewer, Before::Table).contains("lost row:"));
    let mut more = see();
    more.table.instruments.push(more.table.instruments[0].clone());
    assert!(found(&more, Before::Nothing).contains("two rows of"));
    assert_eq!(first.key.instrument_type(), InstrumentType::Perp);
}
