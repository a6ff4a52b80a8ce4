//! What a lake is for, for Python: its sets, the run that brings it there, and removing.

use mtdh_core::DataType;
use mtdh_core::candle::Timeframe;
use mtdh_core::check::{Group, Settings};
use mtdh_core::key::InstrumentType;
use mtdh_core::want::{Until, WantedSet};
use mtdh_core::{Day, DayRange};
use mtdh_engine::download::size::PlanSize;
use mtdh_engine::removal::{Removal, RemovalRequest};
use mtdh_engine::sync::{Patience, Retention, SyncOptions};
use mtdh_engine::want::{Chosen, Narrowing, document as wanted_document};
use mtdh_engine::{EngineError, PlanOptions, Planned};
use pyo3::prelude::*;
use serde_json::json;

use crate::error::{raise, raised};
use crate::lake::{Lake, SelectionArgs, wrong};
use crate::runs::{Run, document, plan_document};
use crate::runtime::wait_briefly;

/// How long another sync may be silent before it counts as dead.
const LEASE: std::time::Duration = std::time::Duration::from_secs(600);

/// The sets of `lake.toml`, a JSON list; `None`: the lake has none.
#[pyfunction]
pub fn wanted(py: Python<'_>, lake: PyRef<'_, Lake>) -> PyResult<Option<String>> {
    let context = lake.shared.context()?;
    let found = wait_briefly(py, async {
        context.check_readable().await?;
        context.wanted().await
    })?;
    let found = found.map_err(|error| raised(py, error))?;
    Ok(found.map(|wanted| wanted_document(&wanted).to_string()))
}

/// Adds a set.
#[expect(clippy::too_many_arguments, reason = "Python names them")]
#[pyfunction]
pub fn want(
    py: Python<'_>,
    lake: PyRef<'_, Lake>,
    name: &str,
    selection: SelectionArgs,
    candles: Vec<String>,
    checks: Option<Vec<String>>,
    settings: Vec<String>,
    keep_days: Option<u32>,
    export_grace_hours: Option<u32>,
) -> PyResult<()> {
    let days = crate::times::days_from(py, &selection.start, selection.end.as_ref())?;
    let until = if selection.end.is_some() { Until::Day(days.last()) } else { Until::Today };
    let mut set = WantedSet { until, keep_days, ..WantedSet::from(days.first()) };
    if let Some(hours) = export_grace_hours {
        set.export_grace_hours = hours;
    }
    for text in &candles {
        set.candles.push(text.parse::<Timeframe>().map_err(|error| wrong(py, error))?);
    }
    set.candles.sort_unstable();
    set.candles.dedup();
    if let Some(groups) = &checks {
        let groups = groups.iter().map(|text| text.parse::<Group>().map_err(|error| wrong(py, error)));
        set.checks = groups.collect::<PyResult<_>>()?;
        set.checks.sort_unstable();
        set.checks.dedup();
    }
    let mut given = Settings::default();
    for text in &settings {
        given.set(text).map_err(|error| wrong(py, error))?;
    }
    set.parameters = given.given().collect();
    // Until today: what it selects does not depend on the last day.
    let of = DayRange::of(days.first());
    let set = selection.filter(py)?.wanted(set, of).map_err(|error| raised(py, error))?;
    let context = lake.shared.context()?;
    let done = wait_briefly(py, async {
        context.check_usable().await?;
        context.check_venues(&set.venues, &[] as &[Day]).await?;
        context.want(name, &set).await
    })?;
    done.map_err(|error| raised(py, error))
}

/// Takes out a set, or forgets what was asked under this name.
#[pyfunction]
pub fn unwant(py: Python<'_>, lake: PyRef<'_, Lake>, name: &str) -> PyResult<()> {
    let context = lake.shared.context()?;
    wait_briefly(py, context.unwant(name))?.map_err(|error| raised(py, error))
}

/// Brings the lake to what is wanted.
#[pyfunction]
pub fn sync(
    py: Python<'_>,
    lake: PyRef<'_, Lake>,
    is_patient: bool,
    removes_all: bool,
    break_certificates: bool,
    max_workers: Option<usize>,
    on_progress: Option<Py<PyAny>>,
) -> PyResult<String> {
    let (context, run) = (lake.shared.context()?, Run::new(on_progress));
    let (progress, stop) = (run.progress(), run.stop());
    let report = run.wait_for(py, async {
        context.check_readable().await?;
        let Some(sets) = context.chosen(&Narrowing::default()).await? else {
            return Err(EngineError::NothingWanted);
        };
        let options = SyncOptions {
            holder: format!("Python, process {}", std::process::id()),
            lease: LEASE,
            patience: if is_patient { Patience::Endless } else { Patience::None },
            retention: if removes_all { Retention::Whole } else { Retention::Careful },
            break_certificates,
            slots: max_workers.unwrap_or(16),
            progress,
            stop,
            on_step: &|_, _| {},
        };
        context.sync(&sets, options).await
    })?;
    document(report.judgement().name(), json!({ "report": report }))
}

/// Shows what a sync would fetch. Nothing is fetched; missing instrument tables are made.
#[pyfunction]
pub fn plan_sync(py: Python<'_>, lake: PyRef<'_, Lake>) -> PyResult<String> {
    let (context, run) = (lake.shared.context()?, Run::new(None));
    let planned = run.wait_for(py, async {
        context.check_readable().await?;
        let Some(sets) = context.chosen(&Narrowing::default()).await? else {
            return Err(EngineError::NothingWanted);
        };
        let mut planned = Vec::new();
        for chosen in sets {
            let made = context.plan(&chosen.selection, PlanOptions::default()).await?;
            let size = context.plan_size(&made.plan).await?;
            planned.push((chosen, made, size));
        }
        Ok(planned)
    })?;
    // Days that are not exported yet are no failure of a plan.
    let outcome = match () {
        () if planned.iter().any(|(_, made, _)| made.plan.needs_decision()) => "needs_decision",
        () if planned.iter().any(|(_, made, _)| made.plan.is_lacking()) => "not_clean",
        () => "clean",
    };
    let set = |(chosen, made, size): &(Chosen, Planned, PlanSize)| {
        let days = chosen.selection.days;
        json!({
            "name": chosen.name, "verdict": "planned", "first_day": days.first().to_string(), "last_day": days.last().to_string(),
            "plan": plan_document(&made.plan, &made.tables_made), "size": size,
        })
    };
    let sets: Vec<_> = planned.iter().map(set).collect();
    document(outcome, json!({ "report": { "run_id": null, "sets": sets } }))
}

/// Looks up what would go, and removes it with `yes`.
#[expect(clippy::too_many_arguments, reason = "Python names them")]
#[pyfunction]
pub fn rm(
    py: Python<'_>,
    lake: PyRef<'_, Lake>,
    selection: Option<SelectionArgs>,
    runs: Vec<String>,
    has_tables: bool,
    break_certificates: bool,
    and_unwant: bool,
    yes: bool,
) -> PyResult<String> {
    let has_candles = selection.as_ref().is_some_and(|selection| selection.data_types.is_empty());
    let selection = match selection {
        None => None,
        Some(args) => {
            // A filter that is not set filters nothing.
            let mut selection = args.of_lake(py)?;
            if args.data_types.is_empty() {
                selection.data_types = DataType::ALL.to_vec();
            }
            if args.types.is_empty() {
                selection.instrument_types = InstrumentType::ALL.to_vec();
            }
            Some(selection)
        }
    };
    let request = RemovalRequest { selection, has_candles, has_tables, runs };
    let (context, run) = (lake.shared.context()?, Run::new(None));
    let (removal, wanting, certified) = run.wait_for(py, async {
        context.check_readable().await?;
        let removal: Removal = context.find_removal(&request).await?;
        let sets = context.chosen(&Narrowing::default()).await?.unwrap_or_default();
        let wants =
            |selection: &mtdh_engine::Selection| removal.objects.iter().any(|object| object.is_of(selection));
        let wanting: Vec<String> =
            sets.into_iter().filter(|chosen| wants(&chosen.selection)).map(|chosen| chosen.name).collect();
        let certified = if break_certificates { Vec::new() } else { context.certified_of(&removal).await? };
        Ok((removal, wanting, certified))
    })?;
    let refuse = |text: String, hint: &str| Err(raise(py, "BadRequest", &text, Some(hint)));
    if !wanting.is_empty() && !and_unwant {
        let text = format!("{} of lake.toml still wants some of it", wanting.join(", "));
        return refuse(text, "and_unwant=True takes that out of the file first");
    }
    if let [first, ..] = &certified[..] {
        let text = format!("a certificate of the lake names {} of it, such as {first}", certified.len());
        return refuse(text, "break_certificates=True removes them too");
    }
    if yes {
        run.wait_for(py, async {
            for name in &wanting {
                context.unwant(name).await?;
            }
            context.remove(&removal).await
        })?;
    }
    let objects: Vec<_> = removal
        .objects
        .iter()
        .map(|object| json!({ "kind": object.kind, "path": object.path.to_string(), "bytes": object.bytes }))
        .collect();
    let outcome = if objects.is_empty() { "not_clean" } else { "clean" };
    document(
        outcome,
        json!({ "objects": objects, "bytes": removal.bytes(), "removed": yes, "unwanted": wanting }),
    )
}
