//! What others are given of the lake: statements for their engines, Iceberg tables, certificates.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::future::BoxFuture;
use mtdh_core::moment;
use mtdh_engine::certify::kept::{KeptCertificate, Said};
use mtdh_engine::iceberg::state::TableState;
use mtdh_engine::query::tables::{TableName, TablesRequest};
use mtdh_engine::sql::ddl::{DdlOptions, Dialect};
use mtdh_engine::{CertifyBy, Context, EngineError, Filter, chain};
use serde_json::{Value, json};

use super::scrub::{scrubbed, scrubbed_document};
use super::status::{document, rfc3339};
use super::{Answered, Ask};
use crate::problem::Problem;
use crate::state::now_us;

/// The engines that there are statements for.
pub const DIALECTS: [&str; 6] = ["athena", "trino", "bigquery", "spark", "clickhouse", "duckdb"];

/// What stands for the lake's place where that is a folder of the server, which is nobody else's business.
pub(crate) const PLACE: &str = "/path/to/lake";

/// Differences of one answer.
const MOST_DIFFERENCES: usize = 1_000;

fn text(text: String) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}

/// An error of statements by the parameter that is to blame.
fn wrong(error: EngineError) -> Problem {
    let name = match &error {
        EngineError::NoTable { .. } => "table",
        EngineError::NoDialect { .. } => "dialect",
        EngineError::BadSqlName { .. } => "schema",
        EngineError::NeedsBucket { .. } => "place",
        _ => return error.into(),
    };
    Problem::parameter(name, error.to_string())
}

fn tables(ask: &Ask) -> Result<Vec<TableName>, Problem> {
    ask.given.list("table").iter().map(|text| text.parse().map_err(wrong)).collect()
}

/// The statements of a dialect, for readers elsewhere. A folder of the server is not named.
pub(crate) async fn statements(
    context: &Context,
    dialect: Dialect,
    tables: &[TableName],
    mut options: DdlOptions,
) -> Result<String, Problem> {
    let is_hidden = options.place.is_none() && context.lake_folder().is_some();
    if is_hidden {
        options.place = Some(PLACE.to_owned());
    }
    let sql = context.ddl(dialect, tables, &options).await.map_err(|error| match error {
        EngineError::NeedsBucket { .. } if is_hidden => Problem::parameter(
            "place",
            format!("{dialect} reads buckets, and the lake is a folder of the server"),
        )
        .hint("name by `place` the bucket that has a copy of it: gs://BUCKET or s3://BUCKET"),
        error => wrong(error),
    })?;
    let told = format!("-- {PLACE} stands for the folder in which you have the lake, or a copy of it.\n");
    Ok(if is_hidden { told + &sql } else { sql })
}

pub(super) fn ddl(ask: Ask) -> BoxFuture<'static, Answered> {
    Box::pin(async move {
        let given = |name| ask.given.text(name).map(str::to_owned);
        let dialect: Dialect = ask.given.text("dialect").unwrap_or_default().parse().map_err(wrong)?;
        let options = DdlOptions {
            schema: given("schema"),
            connection: given("connection"),
            hive: given("hive"),
            place: given("place"),
        };
        Ok(text(statements(&ask.state.context, dialect, &tables(&ask)?, options).await?))
    })
}

pub(super) fn bigquery(ask: Ask) -> BoxFuture<'static, Answered> {
    Box::pin(async move {
        let (start, end) = (ask.given.time("start")?, ask.given.time("end")?);
        let within_us = start.map(|start| moment::range(start, end)).transpose();
        let within_us = within_us.map_err(|error| Problem::parameter("end", error.to_string()))?;
        let mut named = tables(&ask)?;
        named
            .extend(ask.given.list("type").iter().filter_map(|text| text.parse().ok()).map(TableName::Ticks));
        let venue = |text: &String| {
            let found = mtdh_core::venue::parse_any_venue(text);
            found.map_err(|error| Problem::parameter("venue", error.to_string()))
        };
        let filter = Filter {
            venues: ask.given.list("venue").iter().map(venue).collect::<Result<_, _>>()?,
            instruments: ask.given.list("key"),
            ..Filter::default()
        };
        let request = TablesRequest { tables: named, filter, within_us, ..TablesRequest::default() };
        let options =
            DdlOptions { schema: ask.given.text("dataset").map(str::to_owned), ..DdlOptions::default() };
        let made = ask.state.context.bigquery(&request, &options).await.map_err(|error| match error {
            EngineError::BadSqlName { .. } => Problem::parameter("dataset", error.to_string()),
            other => other.into(),
        })?;
        let missing: Vec<_> = made.missing.iter().map(|(_, missing)| missing.clone()).collect();
        let days: Vec<String> = super::rows::days_of(&missing).iter().map(ToString::to_string).collect();
        let mut answer = text(made.sql);
        if let Ok(value) = days.join(",").parse()
            && !days.is_empty()
        {
            answer.headers_mut().insert("x-mtdh-missing-days", value);
        }
        Ok(answer)
    })
}

pub(super) fn iceberg(ask: Ask) -> BoxFuture<'static, Answered> {
    Box::pin(async move {
        let states = ask.state.context.iceberg_states().await?;
        let table = |state: &TableState| {
            json!({
                "table": state.table, "version": state.version, "snapshot": state.snapshot,
                "published_at": state.published_us.map(rfc3339), "path": state.path, "covers": state.covers,
                "first_day": state.first_day, "last_day": state.last_day, "files": state.files, "rows": state.rows,
                "bytes": state.bytes, "is_stale": state.is_stale, "added": state.added, "replaced": state.replaced,
                "removed": state.removed, "reason": state.reason.as_deref().map(scrubbed),
            })
        };
        let tables: Vec<Value> = states.iter().map(table).collect();
        Ok(document(&json!({"as_of": rfc3339(now_us()), "tables": tables})))
    })
}

fn certificate_document(one: &KeptCertificate) -> Value {
    let mut line = json!({"root": one.root, "bytes": one.bytes, "problem": one.problem().map(scrubbed)});
    if let Said::Content(content) = &one.said {
        line["certified_at"] = rfc3339(content.certified_us).into();
        let content = serde_json::to_value(content).unwrap_or_default();
        for (name, value) in
            content.as_object().into_iter().flatten().filter(|(name, _)| *name != "certified_us")
        {
            line[name.as_str()] = value.clone();
        }
    }
    line
}

pub(super) fn certificates(ask: Ask) -> BoxFuture<'static, Answered> {
    Box::pin(async move {
        let all = ask.state.context.certificates().await?;
        let all: Vec<Value> = all.iter().map(certificate_document).collect();
        Ok(document(&json!({"as_of": rfc3339(now_us()), "certificates": all})))
    })
}

pub(super) fn certificate(ask: Ask) -> BoxFuture<'static, Answered> {
    Box::pin(async move {
        let name = ask.given.text("digest").unwrap_or_default();
        let Some(bytes) = ask.state.context.certificate(name).await? else {
            let detail = format!("the lake keeps no certificate `{name}`, or several");
            return Err(Problem::new(StatusCode::NOT_FOUND, "unknown-certificate", detail)
                .hint("/v1/certificates lists them with their digests"));
        };
        Ok(([(header::CONTENT_TYPE, "application/json")], bytes).into_response())
    })
}

pub(super) fn verify(ask: Ask) -> BoxFuture<'static, Answered> {
    Box::pin(async move {
        let found = ask.state.context.verify_document(&ask.body, CertifyBy::Footers).await;
        let mut found = found.map_err(|error| match error {
            EngineError::NotCertificate(_) => {
                Problem::new(StatusCode::BAD_REQUEST, "no-certificate", chain(&error))
            }
            other => other.into(),
        })?;
        let (is_same, total) = (found.is_same(), found.differences.len());
        found.differences.truncate(MOST_DIFFERENCES);
        let mut answer = scrubbed_document(serde_json::to_value(&found).unwrap_or_default());
        answer["as_of"] = rfc3339(now_us()).into();
        answer["is_same"] = is_same.into();
        answer["differences_total"] = total.into();
        answer["certified_at"] = rfc3339(found.certified_us).into();
        if let Some(members) = answer.as_object_mut() {
            members.remove("certified_us");
        }
        Ok(document(&answer))
    })
}
