//! Planted faults, each kind from one row to a day, above and below its threshold: all above are found, exactly as many
//! as were planted, none below, and nothing on the clean day. The table of it stands in `docs/reference/detection.md`.

use std::sync::LazyLock;

use mtdh_core::DataType::{
    self, BookSnapshot5, BookSnapshot25, BookTicker, IncrementalBookL2, Quotes, Trades,
};
use mtdh_core::check::{Group, Incident, Severity};
use mtdh_core::day::DAY_US;

use crate::candle_support::{Market, plan};

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const TYPES: [DataType; 6] = [Trades, IncrementalBookL2, BookSnapshot5, BookSnapshot25, Quotes, BookTicker];

/// A day of the stand-in vendor on which no book crosses and no trade comes twice.
static DAY: LazyLock<Market> = LazyLock::new(|| Market::new("binance", "ADAUSDT", "2024-02-29", &TYPES));

/// The same where the exchange's clock is the recorder's, so that it never goes back.
pub static CLEAN: LazyLock<Market> = LazyLock::new(|| {
    let mut market = DAY.clone();
    for (_, lines) in &mut market.files {
        lines[1..].iter_mut().for_each(|line| {
            let arrival = cell(line, ARRIVAL);
            set(line, EXCHANGE_TIME, &arrival);
        });
    }
    market
});

pub const EXCHANGE_TIME: usize = 2;
pub const ARRIVAL: usize = 3;

pub fn cell(line: &str, place: usize) -> String {
    line.split(',').nth(place).unwrap().to_owned()
}

pub fn set(line: &mut String, place: usize, text: &str) {
    let mut cells: Vec<&str> = line.split(',').collect();
    cells[place] = text;
    *line = cells.join(",");
}

pub fn us(line: &str, place: usize) -> i64 {
    cell(line, place).parse().unwrap()
}

pub fn number(line: &str, place: usize) -> f64 {
    cell(line, place).parse().unwrap()
}

/// How many rows a fault is planted in.
#[derive(Clone, Copy)]
enum Size {
    Rows(usize),
    Day,
}

impl Size {
    /// The lines that are changed, spread over the day; never the first row. Every second one at most, so that each
    /// fault is one of its own.
    fn places(self, lines: &[String]) -> Vec<usize> {
        let all = (2..lines.len()).step_by(2);
        match self {
            Size::Rows(count) => all.skip(50).step_by(5).take(count).collect(),
            Size::Day => all.collect(),
        }
    }
}

pub struct Planted {
    pub fault: String,
    pub size: String,
    pub check: &'static str,
    pub planted: u64,
    pub found: u64,
    cause: Option<&'static str>,
}

/// What a check finds in a changed market, beside what was planted.
pub fn check(
    fault: &str,
    size: &str,
    name: &'static str,
    data_type: Option<DataType>,
    market: &Market,
    planted: u64,
) -> Planted {
    let findings = market.findings(&plan(&Group::ALL));
    let of = findings.iter().filter(|f| f.check == name && (data_type.is_none() || f.data_type == data_type));
    let found = of.map(|f| f.found.count).sum();
    let fault = data_type.map_or_else(|| fault.to_owned(), |t| format!("{fault} ({t})"));
    Planted { fault, size: size.to_owned(), check: name, planted, found, cause: None }
}

pub fn only(types: &[DataType]) -> Market {
    let mut market = CLEAN.clone();
    market.files.retain(|(t, _)| types.contains(t));
    market
}

/// Plants a change in one row, a hundred, and a day of them.
pub fn in_rows(
    fault: &str,
    name: &'static str,
    types: &[DataType],
    change: impl Fn(&mut String, &str),
) -> Vec<Planted> {
    let data_type = *types.last().unwrap();
    let sizes = [(Size::Rows(1), "1 row"), (Size::Rows(100), "100 rows"), (Size::Day, "a day")];
    sizes
        .map(|(size, words)| {
            let mut market = only(types);
            let lines = market.lines(data_type);
            let places = size.places(lines);
            for place in &places {
                let above = lines[place - 1].clone();
                change(&mut lines[*place], &above);
            }
            check(fault, words, name, Some(data_type), &market, places.len() as u64)
        })
        .into()
}

/// The same change, but to an extent that is no fault yet.
pub fn below(
    fault: &str,
    name: &'static str,
    types: &[DataType],
    change: impl Fn(&mut String, &str),
) -> Vec<Planted> {
    let mut all = in_rows(fault, name, types, change);
    all.iter_mut().for_each(|planted| planted.planted = 0);
    all.split_off(2)
}

fn clocks() -> Vec<Planted> {
    let earlier = |place, by: i64| {
        move |line: &mut String, above: &str| set(line, place, &(us(above, place) - by).to_string())
    };
    let ahead = |by: i64| {
        move |line: &mut String, _: &str| set(line, EXCHANGE_TIME, &(us(line, ARRIVAL) + by).to_string())
    };
    let mut all = Vec::new();
    all.extend(in_rows("arrival 1 µs before the row above", "arrival_clock", &[Trades], earlier(ARRIVAL, 1)));
    all.extend(below("arrival equal to the row above", "arrival_clock", &[Trades], earlier(ARRIVAL, 0)));
    all.extend(in_rows(
        "exchange time 1 µs before the row above",
        "exchange_clock",
        &[Quotes],
        earlier(EXCHANGE_TIME, 1),
    ));
    all.extend(below(
        "exchange time equal to the row above",
        "exchange_clock",
        &[Quotes],
        earlier(EXCHANGE_TIME, 0),
    ));
    all.extend(in_rows(
        "exchange time 5.000001 s after arrival",
        "clock_skew",
        &[Trades],
        ahead(5 * SECOND + 1),
    ));
    all.extend(below("exchange time 5 s after arrival", "clock_skew", &[Trades], ahead(5 * SECOND)));
    let next_day = |line: &mut String, _: &str| set(line, ARRIVAL, &(us(line, ARRIVAL) + DAY_US).to_string());
    all.extend(in_rows("arrival on the next day", "outside_day", &[Trades], next_day));
    let last = |line: &mut String, _: &str| set(line, ARRIVAL, &(DAY.day.end_us() - 1).to_string());
    all.extend(below("arrival in the day's last microsecond", "outside_day", &[Trades], last));
    all
}

fn repetitions() -> Vec<Planted> {
    let mut all = Vec::new();
    for data_type in [Trades, IncrementalBookL2, BookSnapshot25] {
        all.extend(in_rows("a row equal to the one above", "repeated_row", &[data_type], |line, above| {
            *line = above.to_owned()
        }));
    }
    all.extend(below("a row that differs in its amount", "repeated_row", &[Trades], |line, above| {
        let amount = cell(above, 7) + "1";
        *line = above.to_owned();
        set(line, 7, &amount);
    }));
    all.extend(in_rows(
        "a trade with the id of the one above",
        "repeated_trade_id",
        &[Trades],
        |line, above| {
            set(line, 4, &cell(above, 4));
        },
    ));
    all.extend(in_rows(
        "another trade with the id of the one above",
        "changed_trade",
        &[Trades],
        |line, above| {
            set(line, 4, &cell(above, 4));
            set(line, 7, &(cell(above, 7) + "1"));
        },
    ));
    all.extend(below("the trade above again", "changed_trade", &[Trades], |line, above| {
        *line = above.to_owned()
    }));
    for (size, words) in [(Size::Rows(1), "1 row"), (Size::Rows(100), "100 rows"), (Size::Day, "a day")] {
        let mut market = only(&[Trades]);
        let lines = market.lines(Trades);
        // The day's last trade cannot be missed.
        let places: Vec<usize> =
            size.places(lines).into_iter().filter(|place| place + 1 < lines.len()).collect();
        places.iter().rev().for_each(|place| drop(lines.remove(*place)));
        all.push(check(
            "a trade is lost",
            words,
            "missing_trade_id",
            Some(Trades),
            &market,
            places.len() as u64,
        ));
    }
    let mut market = only(&[Trades]);
    let lines = market.lines(Trades);
    for pair in lines[1..].chunks_exact_mut(2) {
        let [first, second] = [cell(&pair[0], 4), cell(&pair[1], 4)];
        set(&mut pair[0], 4, &second);
        set(&mut pair[1], 4, &first);
    }
    // Of the first pair the second comes too late to be known as new.
    let (first, second) = (cell(&lines[1], 4), cell(&lines[2], 4));
    set(&mut lines[1], 4, &second);
    set(&mut lines[2], 4, &first);
    lines[1..3].sort_by_key(|line| us(line, 4));
    all.push(check("trades that come late", "a day", "missing_trade_id", Some(Trades), &market, 0));
    all
}

fn books() -> Vec<Planted> {
    let mut all = Vec::new();
    let locked = |line: &mut String, _: &str| set(line, 6, &cell(line, 5));
    let almost = |line: &mut String, _: &str| set(line, 6, &(number(line, 5) - 1e-9).to_string());
    for data_type in [Quotes, BookTicker] {
        all.extend(in_rows("bid equal to ask", "crossed_book", &[data_type], locked));
        all.extend(below("bid just below ask", "crossed_book", &[data_type], almost));
    }
    let crossed = |line: &mut String, _: &str| set(line, 6, &(number(line, 4) + 0.01).to_string());
    all.extend(in_rows("bid above ask", "crossed_book", &[BookSnapshot5], crossed));
    for data_type in [BookSnapshot5, BookSnapshot25] {
        all.extend(in_rows("two ask levels with one price", "level_order", &[data_type], |line, _| {
            set(line, 8, &cell(line, 4))
        }));
    }
    all.extend(in_rows("two bid levels out of order", "level_order", &[BookSnapshot5], |line, _| {
        let (first, second) = (cell(line, 6), cell(line, 10));
        set(line, 6, &second);
        set(line, 10, &first);
    }));
    for (data_type, place) in [(Trades, 7), (IncrementalBookL2, 7), (Quotes, 4), (BookSnapshot25, 7)] {
        all.extend(in_rows("an amount below zero", "negative_amount", &[data_type], move |line, _| {
            set(line, place, "-0.01")
        }));
    }
    all.extend(below("an amount of zero", "negative_amount", &[Trades], |line, _| set(line, 7, "0")));
    for (data_type, name, place) in
        [(BookSnapshot5, "book_snapshot_5_recomputed", 23), (Quotes, "quotes_recomputed", 4)]
    {
        let types = [IncrementalBookL2, data_type];
        all.extend(in_rows("an amount that the changes do not give", name, &types, move |line, _| {
            set(line, place, "77.7")
        }));
        let mut market = only(&types);
        market.lines(data_type).remove(700);
        all.push(check("a row is lost", "1 row", name, Some(data_type), &market, 1));
    }
    let mut market = only(&[IncrementalBookL2]);
    market.lines(IncrementalBookL2)[1..].iter_mut().for_each(|line| set(line, 4, "false"));
    all.push(check("no snapshot", "a day", "no_snapshot", Some(IncrementalBookL2), &market, 1));
    for (words, snapshot, planted) in
        [("no snapshot after a silence", "false", 1), ("a snapshot after a silence", "true", 0)]
    {
        let mut market = only(&[IncrementalBookL2]);
        let after = hole(&mut market, &[IncrementalBookL2], 6 * HOUR);
        let arrival = cell(&market.lines(IncrementalBookL2)[after], ARRIVAL);
        let rows = market.lines(IncrementalBookL2).iter_mut();
        rows.filter(|line| cell(line, ARRIVAL) == arrival).for_each(|line| set(line, 4, snapshot));
        all.push(check(words, "6 h", "no_snapshot", Some(IncrementalBookL2), &market, planted));
    }
    all
}

/// Takes out what arrived in a time from 10:00 on; gives the place of the first row after it.
fn hole(market: &mut Market, types: &[DataType], length: i64) -> usize {
    let from = market.day.start_us() + 10 * HOUR;
    let mut after = 0;
    for data_type in types {
        let lines = market.lines(*data_type);
        let header = lines.remove(0);
        lines.retain(|line| !(from..from + length).contains(&us(line, ARRIVAL)));
        after = lines.partition_point(|line| us(line, ARRIVAL) < from) + 1;
        lines.insert(0, header);
    }
    after
}

fn gap(
    fault: &str,
    words: &str,
    market: &Market,
    data_type: DataType,
    incident: Option<Incident>,
    planted: u64,
    cause: &'static str,
) -> Planted {
    let mut plan = plan(&Group::ALL);
    plan.incidents = [("BINANCE".to_owned(), incident.into_iter().collect())].into();
    let findings = market.findings(&plan);
    let of = findings.iter().filter(|f| f.check == "gap" && f.data_type == Some(data_type));
    let of = of.filter(|f| f.found.explanation.as_ref().is_some_and(|e| e.class == cause));
    let found = of.map(|f| f.found.count).sum();
    let fault = format!("{fault} ({data_type})");
    Planted { fault, size: words.to_owned(), check: "gap", planted, found, cause: Some(cause) }
}

fn silences() -> Vec<Planted> {
    let mut all = Vec::new();
    // The threshold of a day follows from its own pauses.
    let threshold = threshold_us(Quotes);
    let near =
        [(threshold * 9 / 10, 0, "0.9 of the threshold"), (threshold * 11 / 10, 1, "1.1 of the threshold")];
    let far = [(HOUR, 1, "1 h"), (6 * HOUR, 1, "6 h"), (13 * HOUR + 30 * MINUTE, 1, "13.5 h")];
    for (length, planted, words) in near.into_iter().chain(far) {
        let mut market = only(&[Trades, Quotes]);
        cut(&mut market, Quotes, length);
        all.push(gap("no rows", words, &market, Quotes, None, planted, "unknown"));
    }
    let mut market = only(&[Trades, Quotes]);
    hole(&mut market, &[Trades, Quotes], 2 * HOUR);
    all.push(gap("no rows, nor trades", "2 h", &market, Quotes, None, 1, "no_trading"));
    let from = market.day.start_us() + 10 * HOUR;
    let incident = Incident { from_us: from, to_us: from + 2 * HOUR, details: "connection lost".to_owned() };
    all.push(gap("no rows, an incident is reported", "2 h", &market, Quotes, Some(incident), 1, "incident"));
    let mut plan = plan(&[Group::Timestamp]);
    plan.now_us = market.day.end_us();
    let mut market = only(&[Quotes]);
    let end = market.day.end_us();
    market
        .lines(Quotes)
        .retain(|line| !line.starts_with("binance,") || us(line, ARRIVAL) < end - 61 * MINUTE);
    let found = market.findings(&plan).iter().filter(|f| f.check == "freshness").count() as u64;
    let (fault, size) = ("the newest row is old (quotes)".to_owned(), "61 min".to_owned());
    all.push(Planted { fault, size, check: "freshness", planted: 1, found, cause: None });
    all
}

/// The rule as `docs/reference/checks.md` has it, of the hour in which `cut` makes its pause. What the pause takes away does not count,
/// and it is the longest itself.
fn threshold_us(data_type: DataType) -> i64 {
    let mut market = only(&[data_type]);
    let from = pause_from(&mut market, data_type);
    let mut arrivals: Vec<i64> = market.lines(data_type)[1..].iter().map(|line| us(line, ARRIVAL)).collect();
    arrivals.dedup();
    let rule = |cut: i64| {
        let mut minutes = std::collections::BTreeMap::from([(from / MINUTE, i64::MAX)]);
        for pause in arrivals.windows(2).filter(|pause| !(from..from + cut).contains(&pause[0])) {
            let longest: &mut i64 = minutes.entry(pause[0] / MINUTE).or_default();
            *longest = (*longest).max(pause[1] - pause[0]);
        }
        let hour = from / HOUR;
        let sides = [hour - 1..hour + 1, hour..hour + 2].map(|hours| {
            let of = |(minute, _): &(&i64, &i64)| hours.contains(&(**minute * MINUTE / HOUR));
            let mut pauses: Vec<i64> = minutes.iter().filter(of).map(|(_, pause)| *pause).collect();
            pauses.sort_unstable();
            assert!(pauses.len() >= 20);
            pauses[((pauses.len() - 1) * 99 / 100).min(pauses.len() - 2)]
        });
        (10 * SECOND).max(5 * sides.into_iter().max().unwrap())
    };
    rule(rule(1))
}

/// The arrival after which `cut` makes a pause: the first one of an hour, so that a short pause touches no other.
fn pause_from(market: &mut Market, data_type: DataType) -> i64 {
    let hour = market.day.start_us() + 8 * HOUR;
    market.lines(data_type)[1..].iter().map(|line| us(line, ARRIVAL)).find(|us| *us >= hour).unwrap()
}

/// Makes a pause of exactly this length: what lies in it is taken out, and the row that ends it is set there.
fn cut(market: &mut Market, data_type: DataType, length: i64) {
    let from = pause_from(market, data_type);
    let lines = market.lines(data_type);
    let header = lines.remove(0);
    lines.retain(|line| !(from + 1..from + length).contains(&us(line, ARRIVAL)));
    let after = lines.partition_point(|line| us(line, ARRIVAL) <= from);
    let mut line = lines[after - 1].clone();
    [EXCHANGE_TIME, ARRIVAL]
        .into_iter()
        .for_each(|place| set(&mut line, place, &(from + length).to_string()));
    lines.insert(after, line);
    lines.insert(0, header);
}

fn rejected() -> Vec<Planted> {
    let plant = |count: usize, words| {
        let mut market = only(&[Trades]);
        let lines = market.lines(Trades);
        for place in Size::Rows(count).places(lines) {
            set(&mut lines[place], 5, "x");
        }
        check("a row that cannot be stored", words, "rejected_rows", None, &market, count as u64)
    };
    vec![plant(1, "1 row")]
}

#[test]
fn all_planted_faults_are_found_and_nothing_below_their_thresholds() {
    let mut all = Vec::new();
    for part in [clocks, repetitions, silences, books, rejected] {
        all.extend(part());
    }
    let wrong: Vec<String> = all.iter().filter(|p| p.planted != p.found).map(line).collect();
    assert!(wrong.is_empty(), "planted and found differ:\n{}", wrong.join("\n"));
    let same = |a: &Planted, b: &Planted| (&a.fault, a.check, a.cause) == (&b.fault, b.check, b.cause);
    let table: Vec<String> = all.chunk_by(same).map(row).collect();
    let header = "| fault | size | check | planted | found |\n|---|---|---|---:|---:|\n";
    pin("corpus", &format!("{header}{}\n", table.join("\n")));
}

/// The sizes of one fault in one row of the table.
pub fn row(sizes: &[Planted]) -> String {
    let join = |text: &dyn Fn(&Planted) -> String| sizes.iter().map(text).collect::<Vec<_>>().join(", ");
    let first = &sizes[0];
    let cause = first.cause.map(|cause| format!(", `{cause}`")).unwrap_or_default();
    let (planted, found) = (join(&|p| p.planted.to_string()), join(&|p| p.found.to_string()));
    format!(
        "| {} | {} | {}{cause} | {planted} | {found} |",
        first.fault,
        join(&|p| p.size.clone()),
        first.check
    )
}

pub fn line(p: &Planted) -> String {
    format!("{} ({}), {}: planted {}, found {}", p.fault, p.size, p.check, p.planted, p.found)
}

#[test]
fn nothing_is_found_on_the_clean_day() {
    let rows: Vec<String> =
        CLEAN.files.iter().map(|(t, lines)| format!("{} of {t}", lines.len() - 1)).collect();
    let mut plan = plan(&Group::ALL);
    plan.incidents = [("BINANCE".to_owned(), Vec::new())].into();
    let report = CLEAN.check(&plan);
    assert_eq!(report.findings, []);
    let total: usize = CLEAN.files.iter().map(|(_, lines)| lines.len() - 1).sum();
    assert_eq!(report.rows, total as u64);
    // As the stand-in has the day, its exchange's clock goes back now and then, which is told and no fault.
    let told = DAY.findings(&plan);
    assert!(
        !told.is_empty() && told.iter().all(|f| f.check == "exchange_clock" && f.severity == Severity::Info)
    );
    let looked_at: u64 = report.looked_at.values().sum();
    pin(
        "clean day",
        &format!("0 findings in {total} rows ({}), by {looked_at} runs of checks.\n", rows.join(", ")),
    );
}

/// A part of `docs/reference/detection.md`, between two comments of this name, is what a test made.
pub fn pin(name: &str, text: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/detection.md");
    let page = std::fs::read_to_string(&path).unwrap_or_default();
    let (start, end) = (format!("<!-- made by a test: {name} -->\n"), "<!-- end -->\n");
    let (before, rest) =
        page.split_once(&start).unwrap_or_else(|| panic!("docs/reference/detection.md has no part `{name}`"));
    let (found, after) = rest.split_once(end).unwrap();
    if std::env::var_os("MTDH_WRITE_DOCS").is_some() {
        std::fs::write(&path, format!("{before}{start}{text}{end}{after}")).unwrap();
        return;
    }
    assert_eq!(
        found, text,
        "write it anew: MTDH_WRITE_DOCS=1 cargo test -p mtdh-engine --test engine -- --test-threads 1"
    );
}
