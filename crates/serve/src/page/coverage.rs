//! The first page: what the lake has, as a calendar and in words.

mod heat;

use std::collections::BTreeMap;

use maud::{Markup, html};
use mtdh_engine::{Day, DayRange};

use super::Pages;
use super::asked::Asked;
use super::form::{badge, grouped, plural, shown, size};
use super::lines::{Counts, Covered, Line};
use super::range::Span;
use super::shell::{Page, Paged, choices, nothing, wide};

pub use heat::{Show, heat};

/// A row of a calendar.
pub fn heat_row(label: &str, href: &str, days: BTreeMap<Day, Counts>) -> heat::Row {
    heat::Row { label: label.to_owned(), href: href.to_owned(), days }
}

/// Rows of the calendar on one page.
const MOST_ROWS: usize = 50;

/// Days that are told in words.
const WORST: usize = 8;

/// The range of a page that names none: all days of the lake, at most the last year of them.
pub fn usual(days: &[Day]) -> Option<(DayRange, DayRange)> {
    let (first, last) = days.first().copied().zip(days.last().copied())?;
    let whole = DayRange::new(first, last).ok()?;
    let usual = DayRange::new(first.max(last.plus(-364)), last).ok()?;
    Some((usual, whole))
}

/// What makes the rows of the calendar.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Venue,
    DataType,
    Key,
}

impl By {
    const ALL: [(&'static str, &'static str); 3] =
        [("venue", "venue and type"), ("data_type", "data type"), ("key", "instrument")];

    fn of(asked: &Asked) -> (By, &'static str) {
        match asked.get("by") {
            Some("data_type") => (By::DataType, "data_type"),
            Some("key") => (By::Key, "key"),
            _ => (By::Venue, "venue"),
        }
    }

    /// The row of a line: what it is called, and the name of its venue if it has one.
    fn row(self, line: &Line) -> (&str, &str) {
        match self {
            By::Venue => (line.venue(), line.instrument_type()),
            By::DataType => (line.venue(), line.data_type.name()),
            By::Key => (&line.key, ""),
        }
    }
}

/// The page.
pub async fn page(pages: &Pages, asked: &Asked) -> Paged {
    let days = pages.state.context.days().await?;
    let Some((usual, whole)) = usual(&days) else { return Ok(empty_lake()) };
    let span = Span::of(asked, usual)?;
    let covered = Covered::of(&pages.state, &days, span.days).await?;
    let (by, by_name) = By::of(asked);
    let (show, show_name) = Show::of(asked.get("show"));
    let wanted = |line: &(Day, &Line)| {
        asked.get("venue").is_none_or(|venue| line.1.venue() == venue)
            && asked.get("type").is_none_or(|kind| line.1.instrument_type() == kind)
            && asked.get("data_type").is_none_or(|name| line.1.data_type.name() == name)
    };
    let lines: Vec<(Day, &Line)> = covered.lines().filter(wanted).collect();
    let total = Counts::of(lines.iter().map(|(_, line)| *line));
    let mut rows: BTreeMap<(&str, &str), BTreeMap<Day, Counts>> = BTreeMap::new();
    for (day, line) in &lines {
        rows.entry(by.row(line)).or_default().entry(*day).or_default().add(line);
    }
    let row_count = rows.len();
    let parts = row_count.div_ceil(MOST_ROWS);
    let part = asked.page().min(parts.max(1));
    let listed: Vec<heat::Row> = rows
        .into_iter()
        .skip((part - 1) * MOST_ROWS)
        .take(MOST_ROWS)
        .map(|((name, more), days)| heat::Row {
            label: label(name, more),
            href: row_href(asked, by, name, more),
            days,
        })
        .collect();
    let body = html! {
        (filters(asked))
        div.split {
            section.calendar-part {
                h2 { "Calendar" }
                (choices(asked, "Rows", "by", by_name, &By::ALL))
                (choices(asked, "Show", "show", show_name, &Show::ALL))
                @if listed.is_empty() {
                    (nothing("Nothing is expected and nothing is there in this range.", &html! {
                        p { "Choose another range above, or " a href=(asked.to("/", &[("start", ""), ("end", "")])) { "see all that the lake has" } "." }
                    }))
                } @else {
                    (heat(&span, &listed, show, "worst"))
                    @if parts > 1 { p.quiet { "Rows " (grouped(((part - 1) * MOST_ROWS + 1) as u64)) " to " (grouped(((part - 1) * MOST_ROWS + listed.len()) as u64)) " of " (grouped(row_count as u64))
                        ", by name; the words and numbers beside count all of them. " @if by == By::Key { "Choose a venue and a data type to see fewer." } } }
                    (super::shell::pages(asked, part, parts))
                }
            }
            section.words {
                (tiles(&total, &span, &covered))
                (worst(asked, &lines, &span, &covered))
            }
        }
        (by_month(&listed, &span))
    };
    let mut page = Page::new("Coverage", body);
    page.json = Some(json(asked, by, &span));
    (page.span, page.whole, page.scripts, page.as_of_us) =
        (Some(span), Some(whole), &["heat.js"], covered.as_of_us);
    Ok(page)
}

/// The address of the same in the API: the cells of the calendar, but of instruments, of which there are too many, their sums.
fn json(asked: &Asked, by: By, span: &Span) -> String {
    let (start, end) = (span.days.first().to_string(), span.days.last().to_string());
    let by = match by {
        By::Venue => "day,venue,instrument_type",
        By::DataType => "day,venue,type",
        By::Key => "key",
    };
    let filter = |name| asked.get(name).unwrap_or_default();
    let (venue, kind, data_type) = (filter("venue"), filter("type"), filter("data_type"));
    asked.to(
        "/v1/coverage",
        &[
            ("start", &start),
            ("end", &end),
            ("venue", venue),
            ("instrument_type", kind),
            ("type", data_type),
            ("by", by),
        ],
    )
}

fn label(name: &str, more: &str) -> String {
    if more.is_empty() { name.to_owned() } else { format!("{name} {more}") }
}

/// Where a row leads: a venue to its instruments, an instrument to its own page.
fn row_href(asked: &Asked, by: By, name: &str, more: &str) -> String {
    match by {
        By::Venue => asked.with(&[("venue", name), ("type", more), ("by", "data_type"), ("page", "")]),
        By::DataType => asked.with(&[("venue", name), ("data_type", more), ("by", "key"), ("page", "")]),
        By::Key => asked.to(&super::shell::key_path(name), &[]),
    }
}

/// The filters that are set, each with a way to take it off.
fn filters(asked: &Asked) -> Markup {
    let set: Vec<(&str, &str)> = ["venue", "type", "data_type"]
        .into_iter()
        .filter_map(|name| Some((name, asked.get(name)?)))
        .collect();
    html! {
        @if !set.is_empty() {
            p.filters { "Only "
                @for (name, value) in set {
                    a.chip href=(asked.with(&[(name, ""), ("page", "")])) { (shown(value)) span aria-hidden="true" { " ×" } span.unseen { ", take this filter off" } } " "
                }
            }
        }
    }
}

fn tiles(total: &Counts, span: &Span, covered: &Covered) -> Markup {
    let without = span.length() as u64 - (covered.days.len() as u64).min(span.length() as u64);
    html! {
        h2.unseen { "In this range" }
        dl.tiles {
            div.headline { dt { "of what is due is answered" }
                dd { @match total.percent() { Some(percent) => (format!("{percent} %")), None => "–" } } }
            (tile("stored", "stored", total.stored)) (tile("empty", "empty", total.empty)) (tile("absent", "absent", total.absent))
            (tile("missing", "missing", total.missing))
            @if total.not_exported > 0 { (tile("not_exported", "not exported yet", total.not_exported)) }
            (tile("rows", "rows", total.rows))
            div { dt { "in objects" } dd data-number="bytes" data-value=(total.bytes) { (size(total.bytes)) } }
            div { dt { "days with data" } dd { span data-number="days" { (grouped(covered.days.len() as u64)) }
                @if without > 0 { " of " (grouped(span.length() as u64)) } } }
        }
    }
}

fn tile(name: &str, what: &str, number: u64) -> Markup {
    html! { div { dt { (what) } dd data-number=(name) { (grouped(number)) } } }
}

/// The worst days in words.
fn worst(asked: &Asked, lines: &[(Day, &Line)], span: &Span, covered: &Covered) -> Markup {
    let mut days: BTreeMap<Day, (Counts, BTreeMap<&str, Counts>)> = BTreeMap::new();
    for (day, line) in lines {
        let (all, venues) = days.entry(*day).or_default();
        all.add(line);
        venues.entry(line.venue()).or_default().add(line);
    }
    let there: Vec<Day> = covered.days.iter().map(|of| of.day).collect();
    let gaps = holes(span, &there);
    let faulty = |counts: &Counts| counts.missing > 0 || counts.bad > 0 || counts.degraded > 0;
    let mut bad: Vec<_> = days.iter().filter(|(_, (all, _))| faulty(all)).collect();
    bad.sort_by_key(|(day, (all, _))| (std::cmp::Reverse((all.missing, all.bad, all.degraded)), **day));
    let with_missing = days.values().filter(|(all, _)| all.missing > 0).count() as u64;
    let unchecked = days
        .values()
        .map(|(all, _)| all.stored.saturating_sub(all.good + all.degraded + all.bad))
        .sum::<u64>();
    html! {
        h2 #worst-head { "Worst days" }
        div #worst {
            p {
                @match (with_missing, gaps.is_empty()) {
                    (0, true) => { "Nothing that is expected is missing." }
                    (0, false) => { "No day that the lake has misses anything that is expected." }
                    (count, _) => { (grouped(count)) " of " (plural(there.len() as u64, "day", "days")) @if count == 1 { " misses" } @else { " miss" } " something." }
                }
            }
            @if !gaps.is_empty() {
                p { "The lake has nothing at all of "
                    @for (place, (first, last)) in gaps.iter().take(WORST).enumerate() {
                        @if place > 0 { ", " } (first) @if first != last { " to " (last) }
                    }
                    @if gaps.len() > WORST { " and " (gaps.len() - WORST) " more ranges" } "." }
            }
            @if !bad.is_empty() {
                ol.worst {
                    @for (day, (all, venues)) in bad.iter().take(WORST) {
                        li {
                            a href=(asked.to(&format!("/days/{day}"), &[])) { (day) } ": " (fault(all))
                            span.quiet { " (" @for (place, (venue, counts)) in venues.iter().filter(|(_, c)| faulty(c)).take(4).enumerate() {
                                @if place > 0 { "; " } a href=(asked.to(&format!("/days/{day}/{}", super::asked::encoded(venue)), &[])) { (shown(venue)) } " " (fault(counts)) } ")" }
                        }
                    }
                }
                @if bad.len() > WORST { p.quiet { "and " (plural((bad.len() - WORST) as u64, "more day", "more days")) } }
            }
            @if unchecked > 0 {
                p.quiet { (plural(unchecked, "stored partition was", "stored partitions were")) " never graded: " code { "mtdh check all" } " grades them." }
            }
        }
    }
}

/// What is wrong, in words.
fn fault(counts: &Counts) -> Markup {
    html! {
        @if counts.missing > 0 { (badge("missing")) " " (grouped(counts.missing)) " of " (grouped(counts.due())) }
        @if counts.bad > 0 { @if counts.missing > 0 { " " } (badge("bad")) " " (grouped(counts.bad)) }
        @if counts.degraded > 0 { @if counts.missing + counts.bad > 0 { " " } (badge("degraded")) " " (grouped(counts.degraded)) }
    }
}

/// Ranges of days that the lake has nothing of, between its first and last day in the range.
fn holes(span: &Span, there: &[Day]) -> Vec<(Day, Day)> {
    let mut holes = Vec::new();
    let ends = if span.is_given {
        (span.days.first(), Some(span.days.last().next()))
    } else {
        (span.days.first(), None)
    };
    let mut expected = ends.0;
    for day in there.iter().copied().chain(ends.1) {
        if day > expected {
            holes.push((expected, day.previous()));
        }
        expected = day.next();
    }
    holes
}

/// The calendar as tables, a month each: the same for those who cannot see it.
fn by_month(rows: &[heat::Row], span: &Span) -> Markup {
    let mut days: BTreeMap<(i32, u32), BTreeMap<Day, Counts>> = BTreeMap::new();
    for row in rows {
        for (day, counts) in &row.days {
            days.entry((day.year(), day.month())).or_default().entry(*day).or_default().merge(counts);
        }
    }
    html! {
        details.as-table {
            summary { "The calendar as a table" @if span.length() > 31 { ", month by month" } }
            @for ((year, month), days) in &days {
                @let title = format!("{year:04}-{month:02}");
                (wide(&format!("Coverage of {title}"), &html! {
                    table {
                        caption { (title) }
                        thead { tr { th scope="col" { "Day" } @for name in ["Stored", "Empty", "Absent", "Missing", "Bad", "Rows", "Bytes"] { th.number scope="col" { (name) } } } }
                        tbody { @for (day, counts) in days {
                            tr { th scope="row" { a href=(format!("/days/{day}")) { (day) } }
                                @for number in [counts.stored, counts.empty, counts.absent, counts.missing, counts.bad, counts.rows, counts.bytes] { td.number { (grouped(number)) } } }
                        } }
                    }
                }))
            }
        }
    }
}

/// A lake without days.
fn empty_lake() -> Page {
    Page::new(
        "Coverage",
        nothing(
            "The lake is empty.",
            &html! {
                p { "Fill it, then load this page again: no restart is needed. The first day of each month needs no key:" }
                pre { "mtdh full-pipeline --start-date 2024-03-01 --venues DERIBIT --instrument-types PERP" }
                p { "Or try everything on simulated data, and serve that:" }
                pre { "mtdh demo\nmtdh serve --lake ./mtdh-demo" }
            },
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_found() {
        let day = |text: &str| text.parse::<Day>().unwrap();
        let days = DayRange::new(day("2024-03-01"), day("2024-03-06")).unwrap();
        let (given, usual) = (Span { is_given: true, ..Span::of_days(days) }, Span::of_days(days));
        for (there, expected) in [
            (
                &["2024-03-01", "2024-03-02", "2024-03-05", "2024-03-06"][..],
                vec![("2024-03-03", "2024-03-04")],
            ),
            (
                &["2024-03-02", "2024-03-05"],
                vec![
                    ("2024-03-01", "2024-03-01"),
                    ("2024-03-03", "2024-03-04"),
                    ("2024-03-06", "2024-03-06"),
                ],
            ),
            (&[], vec![("2024-03-01", "2024-03-06")]),
        ] {
            let there: Vec<Day> = there.iter().map(|text| day(text)).collect();
            let expected: Vec<(Day, Day)> = expected.into_iter().map(|(a, b)| (day(a), day(b))).collect();
            assert_eq!(holes(&given, &there), expected);
        }
        assert_eq!(
            holes(&usual, &[day("2024-03-01"), day("2024-03-03")]),
            [(day("2024-03-02"), day("2024-03-02"))]
        );
    }
}
