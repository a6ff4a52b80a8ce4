//! The calendar of grades: a strip for each venue and data type, a column for each day, coloured by the grades of its partitions.
//! A year at most is side by side; a strip is a few paths, so that 20,000 days of partitions open at once.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use maud::{Markup, html};
use mtdh_core::Day;
use mtdh_core::check::grade::Grade;
use mtdh_core::day::DAY_US;
use serde_json::{Value, json};

use super::InstrumentDayLine;

/// Days that are side by side.
const MOST_DAYS: usize = 366;

/// Height of a strip, in units of its view box.
const HEIGHT: f64 = 20.0;

/// Least height of a grade that occurs.
const LEAST: f64 = 4.0;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Partitions by grade, worst first.
type Counts = [usize; 5];

/// The grades of a report, by venue, data type and day.
pub(super) struct Calendar<'a> {
    strips: BTreeMap<(&'a str, &'a str), BTreeMap<Day, Counts>>,
    days: BTreeSet<Day>,
}

impl<'a> Calendar<'a> {
    pub fn of(lines: &'a [InstrumentDayLine]) -> Calendar<'a> {
        let mut calendar = Calendar { strips: BTreeMap::new(), days: BTreeSet::new() };
        let mut parsed: BTreeMap<&str, Day> = BTreeMap::new();
        for line in lines {
            let day = match parsed.get(line.day.as_str()) {
                Some(day) => *day,
                None => {
                    let Ok(day) = line.day.parse::<Day>() else { continue };
                    parsed.insert(&line.day, day);
                    day
                }
            };
            calendar.days.insert(day);
            for part in &line.partitions {
                let place = Grade::WORST_FIRST.iter().position(|grade| Some(grade.name()) == part.grade);
                let place = place.unwrap_or(Grade::WORST_FIRST.len() - 1);
                let strip = calendar.strips.entry((&line.venue, part.data_type)).or_default();
                strip.entry(day).or_default()[place] += 1;
            }
        }
        calendar
    }

    /// The counts of every day, for the script.
    pub fn document(&self) -> Value {
        let Some(first) = self.days.first().copied() else { return Value::Null };
        let of = |(place, days): (&(&str, &str), &BTreeMap<Day, Counts>)| {
            let days: Vec<Value> =
                days.iter().map(|(day, counts)| json!([distance(first, *day), counts])).collect();
            json!([place.0, place.1, days])
        };
        let grades = Grade::WORST_FIRST.map(Grade::name);
        json!({"first": first.to_string(), "grades": grades, "strips": self.strips.iter().map(of).collect::<Vec<_>>()})
    }

    pub fn markup(&self) -> Markup {
        let (Some(first), Some(last)) = (self.days.first().copied(), self.days.last().copied()) else {
            return html! {};
        };
        let blocks = blocks(first, last);
        let venues: BTreeSet<&str> = self.strips.keys().map(|(venue, _)| *venue).collect();
        html! {
            div.calendar {
                @for block in &blocks {
                    @if blocks.len() > 1 { h3 { (block.title) } }
                    @for venue in &venues {
                        div.venue { span.name { b { (venue) } } (block.ruler()) }
                        @for (number, ((of, data_type), days)) in self.strips.iter().enumerate() {
                            @if of == venue {
                                div.row { span.name { (data_type) } (block.strip(number, first, (venue, data_type), days)) }
                            }
                        }
                    }
                }
                p.told role="status" { "Each strip is a data type of a venue, each column a day." }
            }
        }
    }
}

/// Days from one to another.
fn distance(from: Day, to: Day) -> usize {
    usize::try_from((to.start_us() - from.start_us()) / DAY_US).unwrap_or_default()
}

/// Days that are side by side.
struct Block {
    title: String,
    first: Day,
    days: usize,
}

/// A block if a year is enough, else one for each year, as wide as a year.
fn blocks(first: Day, last: Day) -> Vec<Block> {
    let days = distance(first, last) + 1;
    if days <= MOST_DAYS {
        return vec![Block { title: String::new(), first, days }];
    }
    let block =
        |year: i32| Some(Block { title: year.to_string(), first: Day::new(year, 1, 1)?, days: MOST_DAYS });
    (first.year()..=last.year()).filter_map(block).collect()
}

impl Block {
    /// Few days are not stretched: how wide a strip of them is, in pixels.
    fn width(&self) -> Option<usize> {
        match self.days {
            days @ ..=7 => Some(days * 44),
            days @ ..=31 => Some(days * 26),
            _ => None,
        }
    }

    /// Names of the months, or numbers of the days, above the strips.
    fn ruler(&self) -> Markup {
        let place = |day: usize| format!("{:.2}%", day as f64 * 100.0 / self.days as f64);
        let width = self.width().map_or_else(|| "100%".to_owned(), |width| width.to_string());
        html! {
            svg.ruler width=(width) height="15" role="presentation" {
                @for (day, text) in self.labels() { text x=(place(day)) y="11" { (text) } }
            }
        }
    }

    /// Labels with their days from the first; none lies over another, at the width of a phone too.
    fn labels(&self) -> Vec<(usize, String)> {
        let mut labels: Vec<(usize, String)> = Vec::new();
        let mut free = 0.0;
        let days = std::iter::successors(Some(self.first), |day| Some(day.next())).take(self.days);
        let step = self.days.div_ceil(11);
        for (number, day) in days.enumerate() {
            let (year, month) = (day.year(), MONTHS[(day.month() as usize - 1).min(11)]);
            let of_month = day.day_of_month();
            let (label, room) = match self.width() {
                Some(width) if number.is_multiple_of(step) => {
                    let has_room = width / self.days * step >= 44;
                    let is_first = number == 0 || of_month == 1;
                    (
                        if is_first && has_room {
                            format!("{of_month} {month}")
                        } else {
                            of_month.to_string()
                        },
                        0.0,
                    )
                }
                None if number == 0 && self.title.is_empty() => (format!("{month} {year}"), 0.16),
                None if of_month == 1 && month == "Jan" && self.title.is_empty() => {
                    (format!("{month} {year}"), 0.16)
                }
                None if of_month == 1 => (month.to_owned(), 0.075),
                _ => continue,
            };
            let at = number as f64 / self.days as f64;
            if at >= free && at + room <= 1.01 {
                free = at + room;
                labels.push((number, label));
            }
        }
        labels
    }

    /// The days of a venue's data type: for each grade a path with a bar a day, worst on top.
    fn strip(&self, number: usize, first: Day, names: (&str, &str), days: &BTreeMap<Day, Counts>) -> Markup {
        let mut paths: [String; 5] = Default::default();
        let mut sums: Counts = [0; 5];
        let gap = if self.days <= 92 { 0.06 } else { 0.0 };
        let end = self.first.start_us() + self.days as i64 * DAY_US;
        for (day, counts) in days.range(self.first..).take_while(|(day, _)| day.start_us() < end) {
            let total: usize = counts.iter().sum();
            let occurring = counts.iter().filter(|count| **count > 0).count();
            let free = HEIGHT - LEAST * occurring as f64;
            let (x, mut y) = (distance(self.first, *day) as f64 + gap, 0.0);
            for ((count, path), sum) in counts.iter().zip(&mut paths).zip(&mut sums) {
                if *count == 0 {
                    continue;
                }
                *sum += count;
                let height = LEAST + free * *count as f64 / total as f64;
                // Writing to a text cannot fail.
                let _infallible =
                    write!(path, "M{x} {y:.1}h{}v{height:.1}h-{}z", 1.0 - 2.0 * gap, 1.0 - 2.0 * gap);
                y += height;
            }
        }
        let words = Grade::WORST_FIRST.map(Grade::name).into_iter().zip(sums).filter(|(_, sum)| *sum > 0);
        let words: Vec<String> = words.map(|(grade, sum)| format!("{sum} {grade}")).collect();
        let words = if words.is_empty() { "nothing".to_owned() } else { words.join(", ") };
        let width = self.width().map_or_else(|| "100%".to_owned(), |width| width.to_string());
        let offset = (self.first.start_us() - first.start_us()) / DAY_US;
        html! {
            svg.strip width=(width) height="18" viewBox={ "0 0 " (self.days) " " (HEIGHT) } preserveAspectRatio="none" role="img"
                aria-label={ (names.0) " " (names.1) ": " (words) } data-strip=(number) data-offset=(offset) data-days=(self.days) {
                @for (grade, path) in Grade::WORST_FIRST.map(Grade::name).into_iter().zip(&paths) {
                    @if !path.is_empty() { path.(grade) d=(path) {} }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_for_one_day_and_for_800() {
        let cases: [(&str, usize, &[&str]); 6] = [
            ("2024-03-01", 1, &["1 Mar"]),
            ("2024-02-28", 3, &["28 Feb", "29", "1 Mar"]),
            ("2024-03-01", 31, &["1 Mar", "4", "7", "10", "13", "16", "19", "22", "25", "28", "31"]),
            ("2024-03-20", 100, &["Mar 2024", "May", "Jun"]),
            ("2023-11-15", 366, &["Nov 2023", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct"]),
            ("2023-05-01", 800, &MONTHS),
        ];
        for (first, count, expected) in cases {
            let first: Day = first.parse().unwrap();
            let last = std::iter::successors(Some(first), |day| Some(day.next())).nth(count - 1).unwrap();
            let blocks = blocks(first, last);
            let labels: Vec<String> = blocks[0].labels().into_iter().map(|(_, text)| text).collect();
            assert_eq!(labels, expected, "{first}, {count} days");
            let of_years = if count > MOST_DAYS { vec!["2023", "2024", "2025"] } else { vec![""] };
            assert_eq!(blocks.iter().map(|block| block.title.as_str()).collect::<Vec<_>>(), of_years);
        }
    }
}
