//! A day, a venue's day, and the evidence of one partition.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use maud::{Markup, html};
use mtdh_core::DayRange;
use mtdh_engine::{Day, EngineError, Partition};

use super::Pages;
use super::asked::{Asked, encoded};
use super::form::{badge, grouped, plural, shown, size};
use super::lines::{Counts, Covered, Line};
use super::range::{Span, moment_text};
use super::shell::{Page, Paged, choices, key_path, nothing, pages as parts_of, wide};
use crate::api::scrub::scrubbed;
use crate::problem::Problem;

/// Lines of a table on one page.
const LINES: usize = 200;

/// Rejected rows that are shown.
const REJECTED: usize = 20;

/// The day of a path.
fn day_of(text: &str) -> Result<Day, Problem> {
    text.parse().map_err(|_| {
        Problem::new(StatusCode::NOT_FOUND, "unknown-path", format!("`{text}` is not a day, as 2024-03-01"))
    })
}

/// Links to the days beside.
fn beside(asked: &Asked, day: Day, rest: &str) -> Markup {
    let link = |day: Day| asked.to(&format!("/days/{day}{rest}"), &[]);
    html! { p.beside { a href=(link(day.previous())) { "‹ " (day.previous()) } "  " a href=(link(day.next())) { (day.next()) " ›" } } }
}

/// A day: its venues.
pub async fn day(pages: &Pages, asked: &Asked, day: &str) -> Paged {
    let day = day_of(day)?;
    let days = pages.state.context.days().await?;
    let covered = Covered::of(&pages.state, &days, DayRange::of(day)).await?;
    let mut venues: BTreeMap<&str, BTreeMap<(&str, &str), Counts>> = BTreeMap::new();
    for (_, line) in covered.lines() {
        let row = venues.entry(line.venue()).or_default();
        row.entry((line.instrument_type(), line.data_type.name())).or_default().add(line);
    }
    let body = html! {
        (beside(asked, day, ""))
        @if venues.is_empty() {
            (nothing(&format!("The lake has nothing of {day}."), &html! {
                p { "Download it, then load this page again:" } pre { "mtdh full-pipeline --start-date " (day) }
                @if let Some(last) = days.last() { p { "The last day that it has is " a href=(asked.to(&format!("/days/{last}"), &[])) { (last) } "." } }
            }))
        }
        @for (venue, rows) in &venues {
            @let path = format!("/days/{day}/{}", encoded(venue));
            section {
                h2 { a href=(asked.to(&path, &[])) { (shown(venue)) } }
                (wide(&format!("{venue} on {day}"), &html! { table {
                    thead { tr { th scope="col" { "Type" } th scope="col" { "Data type" }
                        @for name in ["Stored", "Empty", "Absent", "Missing", "Not exported"] { th.number scope="col" { (name) } }
                        th.number scope="col" { "Rows" } th.number scope="col" { "Size" } th.number scope="col" { "Answered" } th scope="col" { "Worst" } } }
                    tbody { @for ((kind, data_type), counts) in rows {
                        tr { th scope="row" { (kind) } td { a href=(asked.to(&path, &[("type", kind), ("data_type", data_type)])) { (data_type) } }
                            @for number in [counts.stored, counts.empty, counts.absent, counts.missing, counts.not_exported] { td.number { (grouped(number)) } }
                            td.number { (grouped(counts.rows)) } td.number { (size(counts.bytes)) }
                            td.number { @match counts.percent() { Some(percent) => (format!("{percent:.2} %")), None => "–" } }
                            td { (badge(worst(counts))) } }
                    } }
                } }))
            }
        }
    };
    let mut page = Page::new(format!("{day}"), body);
    page.above = vec![("Coverage".to_owned(), asked.to("/", &[]))];
    page.json = Some(format!("/v1/coverage?start={day}&end={day}&by=venue,instrument_type,type"));
    page.as_of_us = covered.as_of_us;
    Ok(page)
}

/// The word for the worst that some partitions have.
fn worst(counts: &Counts) -> &'static str {
    match counts.grade_letter() {
        'm' => "missing",
        'b' => "bad",
        'd' => "degraded",
        'g' => "good",
        'e' => "empty",
        'n' => "not_exported_yet",
        _ => "not_checked",
    }
}

/// A venue's day: its partitions.
pub async fn venue(pages: &Pages, asked: &Asked, day: &str, venue: &str) -> Paged {
    let day = day_of(day)?;
    let days = pages.state.context.days().await?;
    let covered = Covered::of(&pages.state, &days, DayRange::of(day)).await?;
    let of_venue: Vec<&Line> =
        covered.lines().map(|(_, line)| line).filter(|line| line.venue() == venue).collect();
    if of_venue.is_empty() {
        let detail = format!("the lake has nothing of {venue} on {day}");
        return Err(Problem::new(StatusCode::NOT_FOUND, "unknown-venue", detail)
            .hint(format!("the page of {day} lists its venues"))
            .into());
    }
    let query = asked.get("q").map(str::to_lowercase);
    let wanted = |line: &&&Line| {
        asked.get("status").is_none_or(|status| line.status.name() == status)
            && asked
                .get("grade")
                .is_none_or(|grade| line.shown_grade().map_or("unknown", |grade| grade.name()) == grade)
            && asked.get("type").is_none_or(|kind| line.instrument_type() == kind)
            && asked.get("data_type").is_none_or(|name| line.data_type.name() == name)
            && query.as_ref().is_none_or(|query| line.key.to_lowercase().contains(query))
    };
    let mut lines: Vec<&Line> = of_venue.iter().filter(wanted).copied().collect();
    lines.sort_by_key(|line| {
        (line.status.is_answered(), std::cmp::Reverse(line.shown_grade()), line.key.clone(), line.data_type)
    });
    let parts = lines.len().div_ceil(LINES).max(1);
    let part = asked.page().min(parts);
    let mut types: Vec<(&str, &str)> = vec![("", "all")];
    let names: std::collections::BTreeSet<&str> = of_venue.iter().map(|line| line.data_type.name()).collect();
    types.extend(names.iter().map(|name| (*name, *name)));
    let statuses =
        [("", "all"), ("stored", "stored"), ("empty", "empty"), ("absent", "absent"), ("missing", "missing")];
    let grades =
        [("", "all"), ("good", "good"), ("degraded", "degraded"), ("bad", "bad"), ("unknown", "not checked")];
    let body = html! {
        (beside(asked, day, &format!("/{}", encoded(venue))))
        section {
            form.search method="get" action=(asked.path) role="search" aria-label="Instruments of this venue" {
                @for (name, value) in asked.others(&["q", "page"]) { input type="hidden" name=(name) value=(value); }
                input type="search" name="q" value=(asked.get("q").unwrap_or_default()) aria-label="Part of an instrument key" placeholder="part of a key, as BTC";
                button { "Find" }
            }
            (choices(asked, "Status", "status", asked.get("status").unwrap_or_default(), &statuses))
            (choices(asked, "Grade", "grade", asked.get("grade").unwrap_or_default(), &grades))
            (choices(asked, "Data", "data_type", asked.get("data_type").unwrap_or_default(), &types))
            p.quiet { span data-number="partitions" { (grouped(lines.len() as u64)) } " of " (plural(of_venue.len() as u64, "partition", "partitions")) ", what is missing or worst first" }
            @if lines.is_empty() { (nothing("No partition fits these choices.", &html! { p { a href=(asked.to(&asked.path, &[])) { "Show all of them" } } })) }
            @else { (partitions(asked, day, venue, &lines[(part - 1) * LINES..(part * LINES).min(lines.len())])) }
            (parts_of(asked, part, parts))
        }
    };
    let mut page = Page::new(format!("{venue} on {day}"), body);
    page.above = vec![
        ("Coverage".to_owned(), asked.to("/", &[])),
        (day.to_string(), asked.to(&format!("/days/{day}"), &[])),
    ];
    page.json = Some(json(asked, day, venue));
    page.as_of_us = covered.as_of_us;
    Ok(page)
}

/// The address of the same in the API.
fn json(asked: &Asked, day: Day, venue: &str) -> String {
    let of = |name| asked.get(name).unwrap_or_default();
    let grade = if of("grade") == "unknown" { "unchecked" } else { of("grade") };
    let part = of("q").to_uppercase();
    let key = if part.is_empty() { part } else { format!("*{part}*") };
    let day = day.to_string();
    asked.to(
        "/v1/partitions",
        &[
            ("start", &day),
            ("end", &day),
            ("venue", venue),
            ("status", of("status")),
            ("grade", grade),
            ("instrument_type", of("type")),
            ("type", of("data_type")),
            ("key", &key),
        ],
    )
}

fn partitions(asked: &Asked, day: Day, venue: &str, lines: &[&Line]) -> Markup {
    wide(
        "Partitions",
        &html! { table {
            thead { tr { th scope="col" { "Instrument" } th scope="col" { "Data type" } th scope="col" { "Status" } th.number scope="col" { "Rows" }
                th.number scope="col" { "Bytes" } th scope="col" { "Grade" } th scope="col" { "Evidence" } th scope="col" { "Reason" } } }
            tbody { @for line in lines {
                @let evidence = format!("/days/{day}/{}/{}/{}", encoded(venue), line.data_type, encoded(&line.key));
                tr {
                    th scope="row" { a.key.long href=(asked.to(&key_path(&line.key), &[])) { (shown(&line.key)) } }
                    td { (line.data_type) } td { (badge(line.status.name())) }
                    td.number { @if let Some(rows) = line.rows { (grouped(rows)) } @else { "–" } }
                    td.number { @if let Some(bytes) = line.bytes { (grouped(bytes)) } @else { "–" } }
                    td { @match line.grade { Some(grade) => (badge(grade.name())), None => span.quiet { "not checked" } } }
                    td { a href=(evidence) aria-label={ "Evidence of " (line.key) " " (line.data_type) } { "evidence" } }
                    td.text { @if let Some(reason) = &line.reason { (shown(reason)) } }
                }
            } }
        } },
    )
}

/// The evidence of a partition.
pub async fn evidence(pages: &Pages, asked: &Asked, day: &str, data_type: &str, key: &str) -> Paged {
    let day = day_of(day)?;
    let context = &pages.state.context;
    let key = context.instrument_key(key).await?;
    let unknown = |error: mtdh_core::table::UnknownDataType| {
        Problem::new(StatusCode::NOT_FOUND, "unknown-type", error.to_string())
    };
    let partition = Partition { day, data_type: data_type.parse().map_err(unknown)?, key };
    let found = context.evidence(&partition).await?;
    let rejected = context.quarantine(&partition, REJECTED).await?;
    let why = match context.why(partition.key.as_str(), day, Some(partition.data_type)).await {
        Ok(why) => why.into_iter().next(),
        Err(EngineError::UnknownInstrument { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let checks = super::quality::of_evidence(pages, asked, &partition).await?;
    let span = Span::of_days(DayRange::of(day));
    let (start, end) = span.texts();
    let rows = asked.to(
        &format!("{}/rows", key_path(partition.key.as_str())),
        &[("start", &start), ("end", &end), ("data_type", data_type)],
    );
    let body = html! {
        section { h2 { "What is there" }
            @match &found {
                None => { p { (badge("missing")) " There is no object." } p { "Fetch it:" }
                    pre { "mtdh download --start-date " (day) " --instruments '" (partition.key) "' --data-types " (data_type) } },
                Some(found) => {
                    @match &found.footer {
                        Err(reason) => { p { (badge("damaged")) " The object cannot be trusted: " (shown(reason)) } p { "It counts as missing; a download brings it anew." } },
                        Ok(footer) => { (facts(found, footer)) },
                    }
                    p { a href=(format!("/v1/files/{}", found.path)) { "the file" } " · " a href=(rows) { "its rows" } " · "
                        a href=(asked.to("/quality/now", &[("day", &day.to_string()), ("key", partition.key.as_str())])) { "check this day now" } }
                }
            }
        }
        @if let Some(why) = &why {
            section { h2 { "Why" }
                dl.facts { @for (name, text) in why.lines() { dt { (name) } dd data-why=(name) { (shown(&scrubbed(&text))) } } }
            }
        }
        (checks)
        section { h2 { "Rejected rows" }
            @match &rejected {
                None => { p.quiet { "None is kept for this partition." } },
                Some((lines, has_more)) => {
                    ol.rejected { @for line in lines { li { code { (shown(line)) } } } }
                    @if *has_more { p.quiet { "and more in the quarantine of the lake" } }
                }
            }
        }
    };
    let mut page = Page::new(format!("{} {} on {day}", partition.key, data_type), body);
    if found.is_some() {
        page.json = Some(format!("/v1/partitions/{day}/{data_type}/{}", encoded(partition.key.as_str())));
    }
    let venue = partition.key.venue();
    page.above = vec![
        ("Coverage".to_owned(), asked.to("/", &[])),
        (day.to_string(), asked.to(&format!("/days/{day}"), &[])),
        (venue.to_owned(), asked.to(&format!("/days/{day}/{}", encoded(venue)), &[])),
    ];
    Ok(page)
}

fn facts(found: &mtdh_engine::context::Evidence, footer: &mtdh_core::footer::PartitionFooter) -> Markup {
    let tally = &footer.tally;
    let range = |range: Option<(i64, i64)>| {
        range.map_or("no rows".to_owned(), |(from, to)| {
            format!("{} to {}", moment_text(from), moment_text(to))
        })
    };
    let reported = found.reported.as_ref();
    html! {
        dl.facts {
            dt { "Status" } dd { (badge(footer.status.name())) @if let Some(reason) = &footer.reason { " " (shown(reason)) } }
            dt { "Rows in the vendor's file" } dd data-number="rows_in" { (grouped(tally.rows_in)) }
            dt { "Rows stored" } dd data-number="rows_out" { (grouped(tally.rows_out)) }
            dt { "Rows rejected" } dd data-number="rows_rejected" { (grouped(tally.rows_rejected)) }
            dt { "Account" } dd { @if tally.rows_in == tally.rows_out + tally.rows_rejected { "rows in = rows stored + rows rejected" } @else { (badge("error")) " rows in ≠ rows stored + rows rejected" } }
            dt { "Arrival" } dd { (range(tally.local_timestamp)) }
            dt { "Exchange time" } dd { (range(tally.timestamp)) }
            dt { "Rows before their predecessor" } dd { (grouped(tally.arrival_regressions)) }
            @for (name, value) in footer.to_pairs() {
                @if let Some(name) = name.strip_prefix("mtdh.source").filter(|_| !value.is_empty()) { dt { "Source" (name.replace('_', " ")) } dd { code { (shown(&value)) } } }
            }
            dt { "Fetched" } dd data-fact="fetched_at" { @match found.fetched_us { Some(us) => (moment_text(us)), None => { "not known: an older version, a run that was killed, a folder of files or a recording brought it" } } }
            dt { "BLAKE3 of its data" } dd { @match &found.digest { Some(digest) => code { (digest) }, None => "none: version 0.1.0 wrote it" } }
            dt { "Size" } dd { (grouped(found.bytes)) " bytes" }
            dt { "Every byte verified" } dd { @match reported.and_then(|line| line.proved_on) { Some(day) => { "on " (day) }, None => { "not yet; " code { "mtdh validate --bytes" } " does" } } }
            dt { "Grade" } dd { @match reported.and_then(|line| line.grade) { Some(grade) => (badge(grade.name())), None => { "not checked; " code { "mtdh check all" } " grades it" } } }
        }
    }
}
