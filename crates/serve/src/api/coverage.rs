//! What the lake has and lacks: coverage, partitions with their evidence, missing, reports, paths.

use std::collections::{BTreeMap, HashMap};

use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use futures::future::BoxFuture;
use mtdh_core::check::grade::Grade;
use mtdh_core::footer::Provenance;
use mtdh_core::universe::KeyPattern;
use mtdh_core::{DataType, Day, DayRange};
use mtdh_engine::why::Why;
use mtdh_engine::{Evidence, Partition, Status};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::scrub::{scrubbed, scrubbed_document};
use super::slices;
use super::status::{document, rfc3339};
use super::{Answered, Ask};
use crate::coverage::{DayLines, Line, days};
use crate::problem::Problem;
use crate::state::now_us;

/// Days of one answer.
const MOST_DAYS: i64 = 3_700;

/// What coverage can be grouped by.
pub const GROUPS: [&str; 5] = ["day", "venue", "instrument_type", "type", "key"];

/// The filters of a request.
struct Filters {
    venues: Vec<String>,
    kinds: Vec<String>,
    types: Vec<DataType>,
    patterns: Vec<KeyPattern>,
}

impl Filters {
    fn of(ask: &Ask) -> Filters {
        let types = ask.given.list("type");
        let kind = |text: &String| {
            text.parse().ok().map(|kind: mtdh_core::key::InstrumentType| kind.name().to_owned())
        };
        Filters {
            venues: ask.given.list("venue").iter().map(|venue| venue.to_ascii_uppercase()).collect(),
            kinds: ask.given.list("instrument_type").iter().filter_map(kind).collect(),
            types: types.iter().filter_map(|text| text.parse().ok()).collect(),
            patterns: ask.given.list("key").iter().map(|text| KeyPattern::new(text)).collect(),
        }
    }

    /// Whether a line is meant. What is not there counts only of the data types that were asked for, else of the usual ones: a lake
    /// need not have every type.
    fn take(&self, line: &Line) -> bool {
        let is_there = line.status.is_answered();
        let is_type = match self.types.is_empty() {
            true => is_there || DataType::DEFAULT.contains(&line.data_type),
            false => self.types.contains(&line.data_type),
        };
        is_type
            && (self.venues.is_empty() || self.venues.iter().any(|venue| venue == line.venue()))
            && (self.kinds.is_empty() || self.kinds.iter().any(|kind| kind == line.instrument_type()))
            && (self.patterns.is_empty()
                || self.patterns.iter().any(|pattern| pattern.matches_text(&line.key)))
    }
}

/// The days of a request; without a start, all that the lake has something of.
pub(super) async fn range(ask: &Ask) -> Result<Option<DayRange>, Problem> {
    let (start, end) = (ask.given.days("start")?, ask.given.days("end")?);
    let range = match (start, end) {
        (Some(start), end) => {
            let last = end.unwrap_or(start).last();
            let range = DayRange::new(start.first(), last);
            range.map_err(|_| {
                Problem::parameter("end", format!("the end {last} lies before the start {}", start.first()))
            })?
        }
        (None, _) => {
            let days = ask.state.context.days().await?;
            let (Some(first), Some(last)) = (days.first(), days.last()) else { return Ok(None) };
            let last = end.map_or(*last, |end| end.last());
            match DayRange::new(*first, last) {
                Ok(range) => range,
                Err(_) => return Ok(None),
            }
        }
    };
    let count = range.days().count() as i64;
    if count > MOST_DAYS {
        return Err(Problem::parameter(
            "start",
            format!("{count} days are too many; ask for {MOST_DAYS} at most"),
        ));
    }
    Ok(Some(range))
}

async fn looked(ask: &Ask) -> Result<Vec<DayLines>, Problem> {
    match range(ask).await? {
        Some(range) => days(&ask.state, range).await,
        None => Ok(Vec::new()),
    }
}

/// When the oldest part of an answer was seen.
fn as_of(days: &[DayLines]) -> String {
    rfc3339(days.iter().map(|day| day.as_of_us).min().unwrap_or_else(now_us))
}

/// The statuses that are counted, by name.
const STATUSES: [Status; 5] =
    [Status::Stored, Status::Empty, Status::Absent, Status::Missing, Status::NotExportedYet];

/// What is counted of a group.
#[derive(Default)]
struct Group {
    statuses: [u64; STATUSES.len()],
    /// By grade; there are few.
    grades: Vec<(Grade, u64)>,
    rows: u64,
    bytes: u64,
}

impl Group {
    fn add(&mut self, line: &Line) {
        let place = STATUSES.iter().position(|status| *status == line.status);
        self.statuses[place.unwrap_or_default()] += 1;
        if let Some(grade) = line.shown_grade() {
            match self.grades.iter_mut().find(|(other, _)| *other == grade) {
                Some((_, count)) => *count += 1,
                None => self.grades.push((grade, 1)),
            }
        }
        self.rows += line.rows.unwrap_or_default();
        self.bytes += line.bytes.unwrap_or_default();
    }

    fn members<M: SerializeMap>(&self, members: &mut M) -> Result<(), M::Error> {
        for (status, count) in STATUSES.iter().zip(&self.statuses) {
            members.serialize_entry(status.name(), count)?;
        }
        members.serialize_entry("rows", &self.rows)?;
        members.serialize_entry("bytes", &self.bytes)?;
        let grades: BTreeMap<&str, u64> =
            self.grades.iter().map(|(grade, count)| (grade.name(), *count)).collect();
        members.serialize_entry("grades", &grades)?;
        let worst = self.grades.iter().map(|(grade, _)| *grade).max();
        members.serialize_entry("grade", &worst.map(Grade::name))
    }
}

impl Serialize for Group {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(None)?;
        self.members(&mut members)?;
        members.end()
    }
}

/// The values of what groups are by; `""` beyond.
type Name<'a> = [&'a str; GROUPS.len()];

/// A group with its values, for a document: a wide lake has a hundred thousand.
struct Named<'a> {
    by: &'a [String],
    name: Name<'a>,
    group: Group,
}

impl Serialize for Named<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(None)?;
        for (by, value) in self.by.iter().zip(self.name) {
            members.serialize_entry(by, value)?;
        }
        self.group.members(&mut members)?;
        members.end()
    }
}

/// The answer of coverage.
#[derive(Serialize)]
struct Covered<'a> {
    as_of: String,
    start: Option<&'a str>,
    end: Option<&'a str>,
    by: &'a [String],
    total: Group,
    groups: Vec<Named<'a>>,
}

pub(super) fn coverage(ask: Ask) -> BoxFuture<'static, Answered> {
    Box::pin(async move {
        let mut by: Vec<String> = Vec::new();
        for word in ask.given.list("by") {
            // A word that comes twice says nothing more.
            if !by.contains(&word) {
                by.push(word);
            }
        }
        if by.is_empty() {
            by.push("day".to_owned());
        }
        let filters = Filters::of(&ask);
        let seen = looked(&ask).await?;
        let dates: Vec<String> = seen.iter().map(|day| day.day.to_string()).collect();
        let mut groups: Vec<Named<'_>> = Vec::new();
        let mut places: HashMap<Name<'_>, usize> = HashMap::new();
        let mut total = Group::default();
        for (day, date) in seen.iter().zip(&dates) {
            for line in day.lines.iter().filter(|line| filters.take(line)) {
                let mut name = Name::default();
                for (value, by) in name.iter_mut().zip(&by) {
                    *value = match by.as_str() {
                        "venue" => line.venue(),
                        "instrument_type" => line.instrument_type(),
                        "type" => line.data_type.name(),
                        "key" => &line.key,
                        _ => date,
                    };
                }
                total.add(line);
                // Lines of a group mostly follow each other.
                let last = groups.last().filter(|last| last.name == name).map(|_| groups.len() - 1);
                let place = last.unwrap_or_else(|| *places.entry(name).or_insert(groups.len()));
                if place == groups.len() {
                    groups.push(Named { by: &by, name, group: Group::default() });
                }
                groups[place].group.add(line);
            }
        }
        groups.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        let (start, end) = (dates.first().map(String::as_str), dates.last().map(String::as_str));
        Ok(document(&Covered { as_of: as_of(&seen), start, end, by: &by, total, groups }))
    })
}

fn line_document(day: Day, line: &Line) -> Value {
    json!({
        "day": day.to_string(),
        "venue": line.venue(),
        "instrument_type": line.instrument_type(),
        "key": &*line.key,
        "type": line.data_type.name(),
        "status": line.status.name(),
        "reason": line.reason.as_deref(),
        "rows": line.rows,
        "bytes": line.bytes,
        "grade": line.shown_grade().map(Grade::name),
    })
}

/// Where the page of a request begins, and how long it is.
pub(super) fn page_of(ask: &Ask) -> Result<(usize, usize), Problem> {
    let skip = match ask.given.text("cursor") {
        None => 0,
        Some(cursor) => {
            cursor.parse::<usize>().map_err(|_| Problem::parameter("cursor", "take it from `next`"))?
        }
    };
    Ok((skip, ask.given.value::<usize>("limit")?.unwrap_or(1_000)))
}

/// A page of lines that are meant.
async fn lines(ask: &Ask, member: &str, is_meant: impl Fn(&Line) -> bool) -> Answered {
    let filters = Filters::of(ask);
    let seen = looked(ask).await?;
    let (skip, limit) = page_of(ask)?;
    let all = seen.iter().flat_map(|day| day.lines.iter().map(|line| (day.day, line)));
    let mut meant = all.filter(|(_, line)| filters.take(line) && is_meant(line)).skip(skip);
    let page: Vec<Value> = meant.by_ref().take(limit).map(|(day, line)| line_document(day, line)).collect();
    let next = meant.next().map(|_| ask.next(&(skip + page.len()).to_string()));
    let total = skip + page.len() + usize::from(next.is_some()) + meant.count();
    Ok(document(&json!({"as_of": as_of(&seen), "total": total, member: page, "next": next})))
}

pub(super) fn partitions(ask: Ask) -> BoxFuture<'static, Answered> {
    Box::pin(async move {
        let (status, grade) = (ask.given.text("status"), ask.given.text("grade"));
        let is_meant = |line: &Line| {
            status.is_none_or(|status| status == line.status.name())
                && grade.is_none_or(|grade| line.shown_grade().map_or("unchecked", Grade::name) == grade)
        };
        lines(&ask, "partitions", is_meant).await
    })
}

pub(super) fn missing(ask: Ask) -> BoxFuture<'static, Answered> {
    Box::pin(async move {
        lines(&ask, "missing", |line| matches!(line.status, Status::Missing | Status::NotExportedYet)).await
    })
}

pub(super) fn evidence(ask: Ask) -> BoxFuture<'static, Answered> {
    Box::pin(async move {
        let needed = |name: &'static str| move || Problem::parameter(name, format!("`{name}` is needed"));
        let day = ask.given.day("day")?.ok_or_else(needed("day"))?;
        let data_type: DataType = ask.given.value("type")?.ok_or_else(needed("type"))?;
        let key = ask.state.context.instrument_key(ask.given.text("key").unwrap_or_default()).await?;
        let partition = Partition { day, data_type, key };
        if let Some(found) = ask.state.context.evidence(&partition).await? {
            let mut answer = evidence_document(&partition, found);
            let why = ask.state.context.why(partition.key.as_str(), day, Some(data_type)).await?;
            for (name, value) in why.first().map(more_of).into_iter().flatten() {
                answer[name] = value;
            }
            let kept = crate::findings::of_partition(&ask.state, &partition).await?;
            answer["checks"] = kept.iter().map(super::findings::line_document).collect();
            return Ok(document(&answer));
        }
        let suggestions =
            ask.state.context.suggest(&[partition.key.as_str()], None).await?.pop().unwrap_or_default();
        let kind = if suggestions.iter().any(|key| key == partition.key.as_str()) {
            "missing"
        } else {
            "unknown-instrument"
        };
        let detail = format!("the lake has no object of {partition}");
        let problem =
            Problem::new(StatusCode::NOT_FOUND, kind, detail).with("missing_days", vec![day.to_string()]);
        if kind != "missing" {
            return Err(problem.with("suggestions", suggestions));
        }
        let why = ask.state.context.why(partition.key.as_str(), day, Some(data_type)).await?;
        Err(match why.first() {
            Some(why) => {
                problem.with("why", scrubbed_document(serde_json::to_value(why).unwrap_or_default()))
            }
            None => problem,
        })
    })
}

/// What the evidence has beyond the object's own.
fn more_of(why: &Why) -> [(&'static str, Value); 4] {
    [
        ("listing", scrubbed_document(json!(why.listing))),
        ("gaps", scrubbed_document(json!(why.gaps))),
        ("candles", json!(why.candles)),
        ("reissues", scrubbed_document(json!(why.reissues))),
    ]
}

fn evidence_document(partition: &Partition, found: Evidence) -> Value {
    let reported = found.reported.as_ref();
    let mut answer = json!({
        "day": partition.day.to_string(),
        "key": partition.key.as_str(),
        "type": partition.data_type.name(),
        "path": found.path,
        "url": format!("/v1/files/{}", found.path),
        "bytes": found.bytes,
        "data_blake3": found.digest,
        "grade": reported.and_then(|line| line.grade).map(Grade::name),
        "day_grade": reported.and_then(|line| line.day_grade).map(Grade::name),
        "fetched_at": found.fetched_us.map(rfc3339),
        "proved_on": reported.and_then(|line| line.proved_on).map(|day| day.to_string()),
        "as_of": rfc3339(now_us()),
    });
    let Value::Object(members) = &mut answer else { return answer };
    match found.footer {
        Err(reason) => {
            members.insert("status".to_owned(), Status::Missing.name().into());
            members.insert("reason".to_owned(), scrubbed(&reason).into());
        }
        Ok(facts) => {
            let span =
                |range: Option<(i64, i64)>| range.map(|(first, last)| json!([rfc3339(first), rfc3339(last)]));
            let tally = facts.tally;
            members.insert("status".to_owned(), facts.status.name().into());
            members.insert("reason".to_owned(), facts.reason.into());
            members.insert("schema_version".to_owned(), facts.schema_version.into());
            members.insert("rows".to_owned(), json!({
                "in": tally.rows_in, "out": tally.rows_out, "rejected": tally.rows_rejected,
                "inexact_numbers": tally.inexact_numbers, "arrival_regressions": tally.arrival_regressions,
            }));
            members.insert("timestamp".to_owned(), span(tally.timestamp).into());
            members.insert("local_timestamp".to_owned(), span(tally.local_timestamp).into());
            let source = match facts.provenance {
                Provenance::VendorFile(file) => json!({
                    "kind": "vendor_file", "file": file.path, "exchange": file.exchange, "symbol": file.symbol,
                    "etag": file.etag, "bytes": file.bytes, "sha256": file.sha256,
                }),
                Provenance::Recording(recording) => json!({
                    "kind": "recording", "feed": recording.feed, "exchange": recording.exchange, "symbol": recording.symbol,
                    "session": recording.session,
                    "ranges": recording.ranges.iter().map(|r| [rfc3339(r.0), rfc3339(r.1)]).collect::<Vec<_>>(),
                    "gaps": recording.gaps.iter().map(|gap| json!({
                        "start": rfc3339(gap.range.0), "end": rfc3339(gap.range.1), "reason": gap.reason,
                    })).collect::<Vec<_>>(),
                }),
            };
            members.insert("source".to_owned(), source);
        }
    }
    answer
}

pub(super) fn report(ask: Ask) -> BoxFuture<'static, Answered> {
    Box::pin(async move {
        let day = ask.given.day("day")?.ok_or_else(|| Problem::parameter("day", "`day` is needed"))?;
        let Some(missing) = ask.state.context.missing(day).await? else {
            let detail = format!("{day} was not validated: there is no report of it");
            return Err(Problem::new(StatusCode::NOT_FOUND, "no-report", detail)
                .hint(format!("on the server: mtdh validate --start-date {day}")));
        };
        let lines: Vec<Value> = missing
            .iter()
            .map(|(partition, reason)| {
                json!({"key": partition.key.as_str(), "type": partition.data_type.name(), "reason": scrubbed(reason)})
            })
            .collect();
        let files = [
            format!("/v1/files/missing_data_reports/by_date/day-{day}/missing_data.parquet"),
            format!("/v1/files/available_tick_data/by_date/day-{day}/available_data.parquet"),
        ];
        Ok(document(
            &json!({"day": day.to_string(), "as_of": rfc3339(now_us()), "missing": lines, "files": files}),
        ))
    })
}

pub(super) fn paths(ask: Ask) -> BoxFuture<'static, Answered> {
    Box::pin(async move {
        let request = slices::request_of(&ask)?;
        let chosen = ask.state.context.choose(&request).await?;
        slices::check(&ask, &mtdh_engine::query::ReadRequest { limit: Some(1), ..request.clone() }, &chosen)?;
        let host =
            ask.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("127.0.0.1:8087");
        let url = |path: &str| format!("http://{host}/v1/files/{path}");
        let text =
            |text: String| ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response();
        let paths = chosen.objects.iter().map(|object| object.entry.path.to_string());
        match ask.given.text("form") {
            Some("lines") => return Ok(text(paths.map(|path| url(&path) + "\n").collect())),
            Some("sql") => {
                let urls = paths.map(|path| url(&path)).collect();
                return Ok(text(ask.state.context.view_of(request.table, urls)));
            }
            _ => {}
        }
        let lines: Vec<Value> = chosen
            .objects
            .iter()
            .map(|object| {
                let path = object.entry.path.to_string();
                json!({"day": object.day.to_string(), "key": object.key.as_str(), "path": path, "url": url(&path), "bytes": object.entry.bytes})
            })
            .collect();
        let days: Vec<String> =
            super::rows::days_of(&chosen.missing).iter().map(ToString::to_string).collect();
        Ok(document(&json!({"as_of": rfc3339(now_us()), "paths": lines, "missing_days": days})))
    })
}
