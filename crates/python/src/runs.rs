//! Runs for Python: each returns its report as a JSON document, with the verdict that the program would give.

use std::path::PathBuf;
use std::sync::Arc;

use mtdh_core::candle::Timeframe;
use mtdh_core::check::grade::Grade;
use mtdh_core::check::{Group, Settings, Severity};
use mtdh_core::key::InstrumentKey;
use mtdh_core::{DataType, Day};
use mtdh_engine::candles::{Fill, Remake};
use mtdh_engine::check::CheckPlan;
use mtdh_engine::check::kept::Keep;
use mtdh_engine::check::lake::RowsOf;
use mtdh_engine::check::reference::{Reference, Source};
use mtdh_engine::download::plan::{Plan, Refetch};
use mtdh_engine::export::OutputForm;
use mtdh_engine::files::convert::{Output, convert_file};
use mtdh_engine::files::unfinished::write_whole;
use mtdh_engine::instruments::Removed;
use mtdh_engine::judgement::{Judgement, Waits};
use mtdh_engine::report::formats::Form;
use mtdh_engine::report::{Document, FindingLine, Head, findings_table};
use mtdh_engine::runs::phase::{Phases, seen_by};
use mtdh_engine::runs::progress::Progress;
use mtdh_engine::validate::Depth;
use mtdh_engine::validate::verdict::ExportGrace;
use mtdh_engine::{
    CandlePlanOptions, CandleRunOptions, CheckOptions, DownloadOptions, EngineError, PlanOptions, Planned,
    ValidateOptions,
};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::error::raised;
use crate::lake::{Lake, SelectionArgs, batches, data_type, wrong};
use crate::rows::Batches;
use crate::runtime::{wait, wait_briefly};

/// What a run is told on the way: its stop, its counters, and who hears of them.
pub struct Run {
    stop: CancellationToken,
    progress: Arc<Progress>,
    phases: Arc<Phases>,
    on_progress: Option<Py<PyAny>>,
}

impl Run {
    pub fn new(on_progress: Option<Py<PyAny>>) -> Run {
        Run { stop: CancellationToken::new(), progress: Arc::default(), phases: Arc::default(), on_progress }
    }

    /// Cancelled when Python interrupts.
    pub fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// The counters that the work raises.
    pub fn progress(&self) -> Arc<Progress> {
        self.progress.clone()
    }

    /// Waits for work, and tells its counters ten times a second and once at its end.
    pub fn wait_for<T: Send>(
        &self,
        py: Python<'_>,
        work: impl Future<Output = Result<T, EngineError>> + Send,
    ) -> PyResult<T> {
        let work = seen_by(self.phases.clone(), work);
        let done = wait(py, work, &self.stop, |py| self.tell(py))?;
        self.tell(py)?;
        done.map_err(|error| raised(py, error))
    }

    fn tell(&self, py: Python<'_>) -> PyResult<()> {
        let Some(callback) = &self.on_progress else { return Ok(()) };
        let (run, phase) = (self.progress.read(), self.phases.read_or_last());
        // Work without files or instrument-days of its own is counted by its phases.
        let (tasks, tasks_done, bytes, failures) = match phase {
            Some(of) if run.tasks == 0 => {
                (of.items, of.items_done, of.bytes_done.max(of.bytes_read), of.failed)
            }
            _ => (run.tasks, run.tasks_done, run.bytes, run.failures),
        };
        let counters = PyDict::new(py);
        for (name, count) in [
            ("tasks", tasks),
            ("tasks_done", tasks_done),
            ("bytes", bytes),
            ("rows", run.rows),
            ("failures", failures),
        ] {
            counters.set_item(name, count)?;
        }
        counters.set_item("phase", phase.map(|of| of.name))?;
        callback.call1(py, (counters,)).map(drop)
    }
}

/// Makes the missing instrument tables, plans, and downloads what the lake does not have.
#[expect(clippy::too_many_arguments, reason = "Python names them")]
#[pyfunction]
pub fn download(
    py: Python<'_>,
    lake: PyRef<'_, Lake>,
    selection: SelectionArgs,
    force: bool,
    accept_removed: bool,
    allow_not_exported: bool,
    max_workers: Option<usize>,
    checks: Vec<String>,
    on_progress: Option<Py<PyAny>>,
) -> PyResult<String> {
    let selection = selection.of_vendor(py)?;
    let checks = (!checks.is_empty()).then(|| check_plan(py, &checks, &[])).transpose()?;
    let (context, run) = (lake.shared.context()?, Run::new(on_progress));
    let refetch = if force { Refetch::All } else { Refetch::Missing };
    let options = PlanOptions { refetch, removed: removed(accept_removed), ..PlanOptions::default() };
    let days: Vec<Day> = selection.days.days().collect();
    let Planned { plan, tables_made } = run.wait_for(py, async {
        context.check_usable().await?;
        context.check_venues(&selection.venues, &days).await?;
        context.plan(&selection, options).await
    })?;
    let planned = plan_document(&plan, &tables_made);
    let of_plan = Judgement::of_plan(&plan, &lake.waits(allow_not_exported));
    let options = DownloadOptions {
        checks,
        progress: run.progress.clone(),
        stop: run.stop.clone(),
        slots: max_workers.unwrap_or(DownloadOptions::default().slots),
        ..DownloadOptions::default()
    };
    let summary = run.wait_for(py, context.download(plan, options))?;
    let outcome = Judgement::of_download(&summary, of_plan).name();
    document(outcome, json!({ "plan": planned, "summary": summary }))
}

/// Makes the missing instrument tables, and plans a download without doing it.
#[pyfunction]
pub fn plan(
    py: Python<'_>,
    lake: PyRef<'_, Lake>,
    selection: SelectionArgs,
    force: bool,
    accept_removed: bool,
    allow_not_exported: bool,
) -> PyResult<String> {
    let selection = selection.of_vendor(py)?;
    let (context, run) = (lake.shared.context()?, Run::new(None));
    let refetch = if force { Refetch::All } else { Refetch::Missing };
    let options = PlanOptions { refetch, removed: removed(accept_removed), ..PlanOptions::default() };
    let days: Vec<Day> = selection.days.days().collect();
    let (Planned { plan, tables_made }, size) = run.wait_for(py, async {
        context.check_usable().await?;
        context.check_venues(&selection.venues, &days).await?;
        let planned = context.plan(&selection, options).await?;
        let size = context.plan_size(&planned.plan).await?;
        Ok((planned, size))
    })?;
    let outcome = Judgement::of_plan(&plan, &lake.waits(allow_not_exported)).name();
    document(outcome, json!({ "plan": plan_document(&plan, &tables_made), "size": size }))
}

/// Validates: what is expected beside what the lake has. Writes the days' reports.
#[expect(clippy::too_many_arguments, reason = "Python names them")]
#[pyfunction]
pub fn validate(
    py: Python<'_>,
    lake: PyRef<'_, Lake>,
    selection: SelectionArgs,
    depth: &str,
    recheck: bool,
    accept_removed: bool,
    allow_not_exported: bool,
    on_progress: Option<Py<PyAny>>,
) -> PyResult<String> {
    let selection = selection.of_lake(py)?;
    let today = crate::times::today(py)?;
    let depth = match depth {
        "listing" => Depth::Listing,
        "rows" => Depth::Deep { sample: 1.0, today },
        "bytes" => Depth::Bytes { today },
        other => {
            return Err(wrong(py, format!("there is no depth `{other}`; there are listing, rows and bytes")));
        }
    };
    let (context, run) = (lake.shared.context()?, Run::new(on_progress));
    let days: Vec<Day> = selection.days.days().collect();
    let options = ValidateOptions {
        depth,
        recheck,
        removed: removed(accept_removed),
        progress: run.progress.clone(),
        stop: run.stop.clone(),
    };
    let validation = run.wait_for(py, async {
        context.check_readable().await?;
        context.check_venues(&selection.venues, &days).await?;
        context.validate(&selection, options).await
    })?;
    let waits = lake.waits(allow_not_exported);
    let outcome = Judgement::of_validation(&validation.report, &waits).name();
    document(outcome, json!({ "report": validation.report, "notes": validation.notes }))
}

/// Checks the quality of what the lake has.
#[expect(clippy::too_many_arguments, reason = "Python names them")]
#[pyfunction]
pub fn check(
    py: Python<'_>,
    lake: PyRef<'_, Lake>,
    selection: SelectionArgs,
    groups: Vec<String>,
    settings: Vec<String>,
    fail_on: &str,
    timeframe: Option<&str>,
    min_grade: Option<&str>,
    reports: Vec<PathBuf>,
    on_progress: Option<Py<PyAny>>,
) -> PyResult<String> {
    let plan = check_plan(py, &groups, &settings)?;
    let least = min_grade.map(|text| least_grade(py, text)).transpose()?;
    if least.is_some() && !plan.gives_grades() {
        return Err(wrong(py, "min_grade needs the grades that all groups of checks give: groups=\"all\""));
    }
    let form = |file: &PathBuf| {
        let none =
            || format!("{}: the ending says the form: .json, .csv, .xml, .md or .html", file.display());
        Form::of_file(file).ok_or_else(|| wrong(py, none()))
    };
    let forms = reports.iter().map(form).collect::<PyResult<Vec<Form>>>()?;
    let fail_on = match fail_on {
        "error" => Severity::Error,
        "warning" => Severity::Warning,
        other => return Err(wrong(py, format!("fail_on is `{other}`; it is error or warning"))),
    };
    let timeframe =
        timeframe.map(|text| text.parse::<Timeframe>().map_err(|error| wrong(py, error))).transpose()?;
    let rows_of = if selection.data_types.is_empty() { RowsOf::All } else { RowsOf::Selection };
    let named = match &selection.instruments[..] {
        [key] => key.parse().ok(),
        _ => None,
    };
    let selection = selection.of_lake(py)?;
    let (context, run) = (lake.shared.context()?, Run::new(on_progress));
    let config = &lake.shared.config;
    let source = Source::Service { address: config.binance.clone(), retry: config.retry };
    let timeframe = timeframe.unwrap_or(Reference::default().timeframe);
    let reference = Reference { source, timeframe };
    let options = CheckOptions { rows_of, named, reference, keep: Keep::InLake, stop: run.stop.clone() };
    let checked = run.wait_for(py, context.check(plan, &selection, options))?;
    let head = Head {
        subject: context.lake_url().to_owned(),
        days: Some(selection.days),
        fail_on,
        command: None,
        filter: None,
    };
    let mut report = Document::new(&head, &checked.plan, &checked.report);
    if let Some(least) = least {
        report.hold_to(&checked.report, least);
    }
    for (file, form) in reports.iter().zip(forms) {
        write_whole(file, form.of(&report).as_bytes())?;
    }
    let outcome = if report.is_clean { "clean" } else { "not_clean" };
    let (github, junit) = (Form::Github.of(&report), Form::Junit.of(&report));
    document(outcome, json!({ "report": report, "github": github, "junit": junit }))
}

/// Builds candles of the lake's trades.
#[expect(clippy::too_many_arguments, reason = "Python names them")]
#[pyfunction]
pub fn make_candles(
    py: Python<'_>,
    lake: PyRef<'_, Lake>,
    selection: SelectionArgs,
    timeframes: Vec<String>,
    fill: Option<&str>,
    force: bool,
    max_workers: Option<usize>,
    on_progress: Option<Py<PyAny>>,
) -> PyResult<String> {
    let has_types = !selection.data_types.is_empty();
    let mut selection = selection.of_lake(py)?;
    if !has_types {
        selection.data_types = DataType::ALL.to_vec();
    }
    let timeframe = |text: &String| text.parse::<Timeframe>().map_err(|error| wrong(py, error));
    let mut timeframes = timeframes.iter().map(timeframe).collect::<PyResult<Vec<Timeframe>>>()?;
    timeframes.sort_unstable();
    timeframes.dedup();
    let fill = match fill {
        None => Fill::None,
        Some("flat") => Fill::Flat,
        Some(other) => return Err(wrong(py, format!("fill is `{other}`; it is None or flat"))),
    };
    let (context, run) = (lake.shared.context()?, Run::new(on_progress));
    let remake = if force { Remake::All } else { Remake::Outdated };
    let options = CandlePlanOptions { timeframes, fill, remake, ..CandlePlanOptions::default() };
    let plan = run.wait_for(py, context.plan_candles(&selection, &options))?;
    let unknown: Vec<String> = plan.unknown.iter().map(|(day, key)| format!("{day} {key}")).collect();
    let is_about_nothing = plan.is_about_nothing();
    let options = CandleRunOptions {
        workers: max_workers,
        progress: run.progress.clone(),
        stop: run.stop.clone(),
        ..CandleRunOptions::default()
    };
    let summary = run.wait_for(py, context.make_candles(plan, options))?;
    let outcome = if summary.is_clean() && !is_about_nothing { "clean" } else { "not_clean" };
    document(outcome, json!({ "summary": summary, "unknown": unknown }))
}

/// Writes the instrument tables of days.
#[pyfunction]
pub fn write_instruments(
    py: Python<'_>,
    lake: PyRef<'_, Lake>,
    selection: SelectionArgs,
    accept_removed: bool,
) -> PyResult<String> {
    let selection = selection.of_vendor(py)?;
    let context = lake.shared.context()?;
    let written = wait_briefly(py, context.write_instruments(&selection, removed(accept_removed)))?;
    let report = written.map_err(|error| raised(py, error))?;
    let is_empty = report.days.iter().any(|day| day.counts.values().all(|types| types.is_empty()));
    let outcome = match () {
        () if !report.withdrawn.is_empty() => "needs_decision",
        () if is_empty || !report.is_whole() => "not_clean",
        () => "clean",
    };
    document(outcome, json!({ "report": report }))
}

impl Lake {
    /// For which days that the vendor has not exported yet nobody complains.
    fn waits(&self, is_allowed: bool) -> Waits {
        Waits { grace: ExportGrace::of(self.shared.export_grace), is_allowed }
    }
}

/// The findings of a check's document as a table.
#[pyfunction]
pub fn findings(py: Python<'_>, document: &str) -> PyResult<Batches> {
    let parsed: Value = serde_json::from_str(document).map_err(|error| wrong(py, error))?;
    let lines: Vec<FindingLine> =
        serde_json::from_value(parsed["report"]["findings"].clone()).map_err(|error| wrong(py, error))?;
    Ok(batches(findings_table(&lines)))
}

/// Converts a vendor's CSV file, without a lake. The output's ending says the form.
#[pyfunction]
pub fn convert(
    py: Python<'_>,
    file: PathBuf,
    output: PathBuf,
    instrument: Option<&str>,
    data_type: Option<&str>,
    force: bool,
) -> PyResult<String> {
    let key =
        instrument.map(|text| text.parse::<InstrumentKey>().map_err(|error| wrong(py, error))).transpose()?;
    let data_type = data_type.map(|text| self::data_type(py, text)).transpose()?;
    let form = form_of(py, &output)?;
    if output.exists() && !force {
        return Err(wrong(py, format!("{} exists; force=True replaces it", output.display())));
    }
    let stop = CancellationToken::new();
    let hears = stop.clone();
    let work = tokio::task::spawn_blocking;
    let converted = wait(
        py,
        async move {
            let convert =
                move || convert_file(&file, Output::File(&output), form, key.as_ref(), data_type, &hears);
            work(convert).await
        },
        &stop,
        |_| Ok(()),
    )?;
    let converted = converted.map_err(|error| wrong(py, error))?;
    let report = converted.map_err(|error| raised(py, error))?;
    document("clean", json!(report))
}

/// The form of an output, by its ending.
pub fn form_of(py: Python<'_>, output: &std::path::Path) -> PyResult<OutputForm> {
    OutputForm::of_name(output).map_err(|error| wrong(py, error))
}

fn removed(accept: bool) -> Removed {
    if accept { Removed::Accept } else { Removed::default() }
}

/// The worst grade that passes a gate.
fn least_grade(py: Python<'_>, text: &str) -> PyResult<Grade> {
    let passing = [Grade::Good, Grade::Degraded, Grade::Bad];
    let found = passing.into_iter().find(|grade| grade.name().eq_ignore_ascii_case(text));
    found.ok_or_else(|| wrong(py, format!("min_grade is `{text}`; it is good, degraded or bad")))
}

fn check_plan(py: Python<'_>, groups: &[String], set: &[String]) -> PyResult<CheckPlan> {
    let mut settings = Settings::default();
    for text in set {
        settings.set(text).map_err(|error| wrong(py, error))?;
    }
    let mut all = Vec::new();
    for text in groups {
        match text.as_str() {
            "all" => all.extend(Group::USUAL),
            text => all.push(text.parse::<Group>().map_err(|error| wrong(py, error))?),
        }
    }
    Ok(CheckPlan::new(all, settings))
}

pub fn plan_document(plan: &Plan, tables_made: &[Day]) -> Value {
    let days = |days: &[Day]| days.iter().map(ToString::to_string).collect::<Vec<_>>();
    let venues = |venues: &[(Day, String)]| {
        venues.iter().map(|(day, venue)| format!("{day} {venue}")).collect::<Vec<_>>()
    };
    json!({
        "tables_made": days(tables_made),
        "files": plan.units.len(),
        "partitions": plan.partitions(),
        "days_not_exported": plan.days_not_exported().iter().map(ToString::to_string).collect::<Vec<_>>(),
        "days_without_instruments": days(&plan.days_without_instruments),
        "venues_without_instruments": venues(&plan.venues_without_instruments),
        "venues_without_expectation": venues(&plan.venues_without_expectation),
        "names": plan.names,
        "not_expected": plan.not_expected,
        "withdrawn": plan.withdrawn,
        "needs_acceptance": plan.needs_acceptance,
        "native_keys": plan.native_keys,
        "former_key_objects": plan.former_key_objects,
    })
}

pub fn document(outcome: &str, mut value: Value) -> PyResult<String> {
    value["outcome"] = json!(outcome);
    serde_json::to_string(&value)
        .map_err(|error| pyo3::exceptions::PyRuntimeError::new_err(error.to_string()))
}
