//! The log on stderr: lines for people, or JSON lines as Google Cloud's log collector reads them.
//!
//! A JSON line has `severity`, `time` and `message`; `run` and `shard` where the process works on one; `unit`, the vendor's
//! path of the file that it is about; and further fields under their names.

use std::backtrace::Backtrace;
use std::fmt;
use std::io::{self, IsTerminal};
use std::sync::{OnceLock, PoisonError, RwLock};

use mtdh_core::text::printable;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, layer};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::{LookupSpan, Registry};
use tracing_subscriber::util::SubscriberInitExt;

/// Whether lines are JSON; not set: for people.
static IS_JSON: OnceLock<bool> = OnceLock::new();
/// Fields of every line.
static ABOUT: RwLock<Vec<(&'static str, String)>> = RwLock::new(Vec::new());

/// Starts the log: this program's at the level asked for, of the libraries only what is wrong.
pub fn start(level: LevelFilter, is_json: bool) {
    // A target is the path of a module: all of ours begin so.
    let filter = Targets::new().with_default(LevelFilter::WARN).with_target("mtdh", level);
    let _once = IS_JSON.set(is_json);
    // What stderr refuses nobody can be told; the library would panic in trying to.
    let log = layer().with_writer(io::stderr).log_internal_errors(false);
    let log: Box<dyn Layer<Registry> + Send + Sync> = if is_json {
        log.event_format(JsonLines).with_filter(filter).boxed()
    } else {
        let fields = debug_fn(printable_field).delimited(" ");
        let is_terminal = io::stderr().is_terminal();
        log.with_ansi(is_terminal).with_target(false).fmt_fields(fields).with_filter(filter).boxed()
    };
    tracing_subscriber::registry().with(log).init();
    std::panic::set_hook(Box::new(|panic| tracing::error!(backtrace = %Backtrace::capture(), "{panic}")));
}

/// A field of a line for people. What came from outside stands in fields, so that their border is here.
fn printable_field(writer: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    let text = format!("{value:?}");
    match field.name() {
        "message" => write!(writer, "{}", printable(&text)),
        // What the log crate's events say of themselves.
        name if name.starts_with("log.") => Ok(()),
        name => write!(writer, "{name}={}", printable(&text)),
    }
}

/// Whether lines are JSON.
pub fn is_json() -> bool {
    IS_JSON.get().copied().unwrap_or(false)
}

/// Fields that every line has from now on.
pub fn about(fields: Vec<(&'static str, String)>) {
    *ABOUT.write().unwrap_or_else(PoisonError::into_inner) = fields;
}

/// A line of talk, in the form of the log.
pub fn line(severity: &str, message: &str) -> String {
    let fields = Map::from_iter([("message".to_owned(), Value::from(message))]);
    json(severity, fields)
}

fn json(severity: &str, fields: Map<String, Value>) -> String {
    let time = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
    let mut line = Map::from_iter([
        ("severity".to_owned(), Value::from(severity)),
        ("time".to_owned(), Value::from(time)),
    ]);
    let about = ABOUT.read().unwrap_or_else(PoisonError::into_inner);
    line.extend(about.iter().map(|(name, value)| ((*name).to_owned(), Value::from(value.clone()))));
    line.extend(fields);
    Value::Object(line).to_string()
}

struct JsonLines;

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let severity = match *event.metadata().level() {
            Level::ERROR => "ERROR",
            Level::WARN => "WARNING",
            Level::INFO => "INFO",
            _ => "DEBUG",
        };
        let mut fields = Fields::default();
        event.record(&mut fields);
        writeln!(writer, "{}", json(severity, fields.0))
    }
}

#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        let name = if field.name() == "file" { "unit" } else { field.name() };
        self.0.insert(name.to_owned(), value);
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, printable(&format!("{value:?}")).into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, printable(value).into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }
}
