//! The log on stderr: lines for people, or JSON lines for Google Cloud's log collector.
//!
//! A JSON line has `severity`, `time` and `message`; `run` and `shard` if the process works on one; `unit`, the vendor's path
//! of the file concerned; and further fields under their names.

use std::backtrace::Backtrace;
use std::fmt;
use std::fs::File;
use std::io::{self, IsTerminal, Write as _};
use std::path::Path;
use std::sync::OnceLock;

use anyhow::{Context as _, Result};
use mtdh_core::partition::Shard;
use mtdh_core::text::printable;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Span, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, layer};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Registry, SpanRef};
use tracing_subscriber::util::SubscriberInitExt;

/// Whether lines are JSON; not set: lines for people.
static IS_JSON: OnceLock<bool> = OnceLock::new();

/// The file that gets what goes to stderr; not set: none.
static FILE: OnceLock<File> = OnceLock::new();

/// Starts the log: this program's lines at the given level, warnings and errors of libraries; on stderr and, if it is given, at
/// the end of a file, which is made where it does not exist.
///
/// # Errors
/// When the file cannot be opened.
pub fn start(level: LevelFilter, is_json: bool, file: Option<&Path>) -> Result<()> {
    if let Some(path) = file {
        let opened = File::options().create(true).append(true).open(path);
        let _once = FILE.set(opened.with_context(|| format!("cannot write the log to {}", path.display()))?);
    }
    // A target is the path of a module: all of ours start with this.
    let filter = Targets::new().with_default(LevelFilter::WARN).with_target("mtdh", level);
    let _once = IS_JSON.set(is_json);
    // A failure of stderr cannot be reported; the library would panic when it tried.
    let log =
        lines(|| crate::screen::Stderr, is_json, io::stderr().is_terminal()).with_filter(filter.clone());
    let copy = FILE.get().map(|file| lines(move || file, is_json, false).with_filter(filter));
    // Without the filter, it would get every event of every library.
    let spans = SpanFields.with_filter(Targets::new().with_target("mtdh", LevelFilter::ERROR));
    tracing_subscriber::registry().with(vec![Some(log), copy]).with(spans).init();
    std::panic::set_hook(Box::new(|panic| tracing::error!(backtrace = %Backtrace::capture(), "{panic}")));
    Ok(())
}

/// A layer that writes lines, in colour for a terminal.
fn lines<W>(writer: W, is_json: bool, is_terminal: bool) -> Box<dyn Layer<Registry> + Send + Sync>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let log = layer().with_writer(writer).log_internal_errors(false);
    if is_json {
        log.event_format(JsonLines).boxed()
    } else {
        let fields = debug_fn(printable_field).delimited(" ");
        log.with_ansi(is_terminal).with_target(false).fmt_fields(fields).boxed()
    }
}

/// Adds a line to the log's file, if there is one.
pub fn copy(line: &str) {
    if let Some(mut file) = FILE.get() {
        // A full disk is reported by what fails for it.
        let _full = file.write_all(format!("{line}\n").as_bytes());
    }
}

/// A field of a line for people. Texts from outside are in fields, and are made printable here.
fn printable_field(writer: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    let text = format!("{value:?}");
    match field.name() {
        "message" => write!(writer, "{}", printable(&text)),
        // Metadata of the log crate's events.
        name if name.starts_with("log.") => Ok(()),
        name => write!(writer, "{name}={}", printable(&text)),
    }
}

/// Whether lines are JSON.
pub fn is_json() -> bool {
    IS_JSON.get().copied().unwrap_or(false)
}

/// The span of one verb. Its lines have the fields set by [`set_run`]; lines for people have none.
pub fn verb_span() -> Span {
    if is_json() {
        tracing::error_span!("verb", run = tracing::field::Empty, shard = tracing::field::Empty)
    } else {
        Span::none()
    }
}

/// Adds the run and the shard to the lines of the current verb.
pub fn set_run(run_id: &str, shard: Shard) {
    let shard = format!("{}-of-{}", shard.index(), shard.total());
    Span::current().record("run", run_id).record("shard", shard);
}

/// A note as a line of the log, with the fields of the current spans.
pub fn line(severity: &str, message: &str) -> String {
    let mut fields = Map::new();
    Span::current().with_subscriber(|(id, dispatch)| {
        if let Some(span) = dispatch.downcast_ref::<Registry>().and_then(|registry| registry.span(id)) {
            add_fields(&span, &mut fields);
        }
    });
    fields.insert("message".to_owned(), Value::from(message));
    json(severity, fields)
}

/// Adds the fields of a span and of those around it, the outermost first.
fn add_fields<'a, R: LookupSpan<'a>>(span: &SpanRef<'a, R>, fields: &mut Map<String, Value>) {
    for span in span.scope().from_root() {
        if let Some(Fields(known)) = span.extensions().get::<Fields>() {
            fields.extend(known.clone());
        }
    }
}

/// Keeps the fields of spans as JSON values.
struct SpanFields;

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for SpanFields {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }
}

fn json(severity: &str, fields: Map<String, Value>) -> String {
    let time = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
    let mut line = Map::from_iter([
        ("severity".to_owned(), Value::from(severity)),
        ("time".to_owned(), Value::from(time)),
    ]);
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
        context: &FmtContext<'_, S, N>,
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
        if let Some(span) = context.lookup_current() {
            add_fields(&span, &mut fields.0);
        }
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
