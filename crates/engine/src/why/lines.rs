//! The evidence as ten lines for people.

use super::{Checked, Listing, Source, Why};

/// Items of a list that a line names; the document has all.
const NAMED: usize = 3;

/// A text for what is not there, not known or not done.
fn or(text: Option<String>, none: &str) -> String {
    text.unwrap_or_else(|| none.to_owned())
}

/// The first items, and how many more there are.
fn few(items: Vec<String>, none: &str) -> String {
    let more = items.len().saturating_sub(NAMED);
    match (items.is_empty(), more) {
        (true, _) => none.to_owned(),
        (_, 0) => items.join("; "),
        _ => format!("{}; and {more} more", items[..NAMED].join("; ")),
    }
}

fn many(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

pub(super) fn of(why: &Why) -> [(&'static str, String); 10] {
    let has_object = why.object.is_some();
    let none = if has_object { "not known" } else { "nothing is stored" };
    [
        ("status", status(why)),
        ("vendor", vendor(why)),
        ("fetched", or(why.fetched_at.clone(), none)),
        ("file", or(why.source.as_ref().map(file), none)),
        ("rows", rows(why, none)),
        ("checks", few(why.checks.iter().map(check).collect(), "none looked at it")),
        ("grade", grade(why)),
        ("gaps", gaps(why)),
        ("candles", candles(why)),
        ("re-issues", reissues(why)),
    ]
}

fn status(why: &Why) -> String {
    let mut text = why.status.to_owned();
    if let Some(reason) = &why.reason {
        text += &format!(": {reason}");
    }
    if let Some(object) = &why.object {
        text += &format!("; {}, {}", object.path, many(object.bytes, "byte"));
        text += &match (&object.data_blake3, &object.proved_on) {
            (Some(digest), Some(day)) => format!(", BLAKE3 {digest}, each byte verified on {day}"),
            (Some(digest), None) => format!(", BLAKE3 {digest}"),
            (None, _) => ", without a digest".to_owned(),
        };
    }
    text
}

fn vendor(why: &Why) -> String {
    let text = match &why.listing {
        None => "no instrument table of the lake has the instrument".to_owned(),
        Some(listing) => listed(listing, why.data_type),
    };
    let failures =
        why.failures.iter().map(|seen| format!("{} failed in {}: {}", seen.file, seen.run_id, seen.cause));
    match why.failures.is_empty() {
        true => text,
        false => format!("{text}; {}", few(failures.collect(), "")),
    }
}

fn listed(listing: &Listing, data_type: &str) -> String {
    let Listing { exchange, symbol, available_from, available_to, table_day, .. } = listing;
    let symbol = or(
        symbol.as_ref().map(|symbol| format!("{exchange} {symbol}")),
        &format!("{exchange}, without files"),
    );
    let life = match available_to {
        Some(end) => format!("data from {available_from} to {end}"),
        None => format!("data from {available_from}"),
    };
    let word = match listing {
        Listing { is_withdrawn: true, .. } => "listed once, no longer",
        Listing { is_alive: false, .. } => "no data of that day",
        Listing { has_type: false, .. } => "not listed",
        Listing { is_exported: false, .. } => "listed, the day not exported yet",
        Listing { .. } => "listed",
    };
    format!("{symbol}, {life}; {data_type}: {word}, by the table of {table_day}")
}

fn file(source: &Source) -> String {
    match source {
        Source::Recording { feed, session } => format!("recorded from {feed}, session {session}"),
        Source::VendorFile { file, etag, bytes, sha256 } => {
            let etag = or(etag.as_ref().map(|etag| format!("ETag {etag}")), "no ETag");
            match (bytes, sha256) {
                (Some(bytes), Some(sha256)) => {
                    format!("{file}, {}, {etag}, SHA-256 {sha256}", many(*bytes, "byte"))
                }
                _ => format!("{file}: there is no such file, {etag}"),
            }
        }
    }
}

fn rows(why: &Why, none: &str) -> String {
    let Some(rows) = &why.rows else { return none.to_owned() };
    let sum = format!("{} in = {} stored + {} rejected", rows.rows_in, rows.out, rows.rejected);
    match &rows.arrival {
        Some([first, last]) => format!("{sum}; arrived {first} to {last}"),
        None => sum,
    }
}

fn check(checked: &Checked) -> String {
    let older = if checked.is_current { "" } else { ", of an older object" };
    format!("{} {} ({}{older})", checked.made_by, checked.checked_at, checked.groups.join(" "))
}

fn grade(why: &Why) -> String {
    let found = why.findings.iter().map(|found| {
        let older = if found.is_current { "" } else { ", of an older object" };
        let cause = found.explanation.as_ref().or(found.examples.first());
        let cause = cause.map(|cause| format!(", {cause}")).unwrap_or_default();
        format!("{} {} × {}{cause}{older}", found.severity, found.check, found.count)
    });
    let found: Vec<String> = found.collect();
    let grade = match (why.grade, why.checks.is_empty(), found.is_empty()) {
        (Some(grade), ..) => grade.to_owned(),
        (None, true, true) => return "not checked".to_owned(),
        (None, ..) => "not graded".to_owned(),
    };
    let of_day = why.day_grade.map(|grade| format!(" (the instrument's day: {grade})")).unwrap_or_default();
    format!("{grade}{of_day}; {}", few(found, "nothing was found"))
}

fn gaps(why: &Why) -> String {
    let gaps = why.gaps.iter().map(|gap| format!("{} to {}: {}", gap.from, gap.to, gap.explanation));
    let is_looked_for = why.checks.iter().any(|check| check.groups.iter().any(|group| group == "gaps"));
    let none = match (&why.source, is_looked_for) {
        (Some(Source::Recording { .. }), _) => "the recording tells of none",
        (_, true) => "none was found",
        (_, false) => "not looked for",
    };
    few(gaps.collect(), none)
}

fn candles(why: &Why) -> String {
    let made = why.candles.iter().map(|made| {
        let older = if made.is_current { "" } else { " of an older object" };
        match made.rows {
            Some(rows) => format!("{} ({rows}{older})", made.timeframe),
            None => format!("{} (cannot be trusted)", made.timeframe),
        }
    });
    match why.candles.is_empty() {
        true => "none was made of it".to_owned(),
        false => made.collect::<Vec<_>>().join(", "),
    }
}

fn reissues(why: &Why) -> String {
    let file = |sha256: &Option<String>, etag: &Option<String>| match sha256 {
        Some(sha256) => {
            format!("SHA-256 {sha256}, {}", or(etag.as_ref().map(|e| format!("ETag {e}")), "no ETag"))
        }
        None => "no file".to_owned(),
    };
    let seen = why.reissues.iter().map(|seen| {
        format!(
            "until {}: {}, {} ({})",
            seen.superseded_at,
            seen.status,
            many(seen.rows, "row"),
            file(&seen.sha256, &seen.etag)
        )
    });
    few(seen.collect(), "none was seen")
}
