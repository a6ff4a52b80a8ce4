//! Where the rows go, and in which form.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use mtdh_engine::Context;
use mtdh_engine::export::{ExportFormat, OutputForm};
use mtdh_engine::files::unfinished::Unfinished;
use mtdh_engine::slice::{SliceRequest, SliceTable};

use crate::args::Format;

/// What stands in an output's name for the data type.
const DATA_TYPE: &str = "{data_type}";

/// A place for rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    Stdout,
    File(PathBuf),
}

/// An output, and which of the requests it has.
#[derive(Debug)]
pub struct Output {
    pub place: Place,
    pub form: OutputForm,
    pub slices: Vec<usize>,
}

impl Output {
    pub fn is_stdout(&self) -> bool {
        self.place == Place::Stdout
    }
}

/// The outputs of requests. Tables have different columns, so that only JSON lines hold several.
pub fn of(output: &Path, format: Format, requests: &[SliceRequest]) -> Result<Vec<Output>> {
    let form = form(output, format)?;
    let all = (0..requests.len()).collect();
    let names: Vec<&str> = requests.iter().map(|request| request.table.name()).collect();
    if output == Path::new("-") {
        check_several(form, requests)?;
        if !form.format.is_text() && std::io::stdout().is_terminal() {
            bail!("{} is not for a terminal; give it a file with -o", form.format.name());
        }
        return Ok(vec![Output { place: Place::Stdout, form, slices: all }]);
    }
    let name = output.to_string_lossy();
    if name.contains(DATA_TYPE) {
        if let Some(twice) = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name)) {
            bail!(
                "two outputs would have the name {}; read candles of one kind",
                name.replace(DATA_TYPE, twice.1)
            );
        }
        let of_table = |(at, table): (usize, &&str)| Output {
            place: Place::File(name.replace(DATA_TYPE, table).into()),
            form,
            slices: vec![at],
        };
        return Ok(names.iter().enumerate().map(of_table).collect());
    }
    check_several(form, requests)?;
    Ok(vec![Output { place: Place::File(output.to_owned()), form, slices: all }])
}

fn check_several(form: OutputForm, requests: &[SliceRequest]) -> Result<()> {
    let [first, second, ..] = requests else { return Ok(()) };
    let (first, second) = (first.table.name(), second.table.name());
    if form.format != ExportFormat::Jsonl {
        bail!(
            "{first} and {second} have different columns, and {} has one kind of row: write a file of each with {DATA_TYPE} in \
             the output's name, or both as JSON lines",
            form.format.name()
        );
    }
    if requests.iter().any(|request| request.table == SliceTable::Instruments) {
        bail!(
            "instruments have no time by which they could stand among {first} and {second}: write a file of each with {DATA_TYPE} in the output's name"
        );
    }
    Ok(())
}

/// The form for an output's ending; that of `-` is by `--format`, usually CSV. A format that contradicts the ending is an error.
pub fn form(output: &Path, format: Format) -> Result<OutputForm> {
    let named = match format {
        Format::Csv => Some(ExportFormat::Csv),
        Format::Json | Format::Jsonl => Some(ExportFormat::Jsonl),
        Format::Parquet => Some(ExportFormat::Parquet),
        Format::Arrow => Some(ExportFormat::Arrow),
        _ => None,
    };
    if output == Path::new("-") {
        return Ok(named.unwrap_or(ExportFormat::Csv).into());
    }
    let form = OutputForm::of_name(output)?;
    match named {
        Some(named) if named != form.format => bail!(
            "{} ends as {}, and --format says {}; leave one of them out",
            output.display(),
            form.format.name(),
            named.name()
        ),
        _ => Ok(form),
    }
}

/// Refuses an output in the place of an object of the lake.
pub fn check_place(context: &Context, place: &Place) -> Result<()> {
    let (Place::File(output), Some(lake)) = (place, context.lake_folder()) else { return Ok(()) };
    let Ok(lake) = lake.canonicalize() else { return Ok(()) };
    let target = output.canonicalize().ok().or_else(|| {
        let folder = output.parent().filter(|folder| !folder.as_os_str().is_empty());
        Some(folder.unwrap_or(Path::new(".")).canonicalize().ok()?.join(output.file_name()?))
    });
    let inside = target.as_deref().and_then(|target| target.strip_prefix(&lake).ok()?.to_str());
    if inside.is_some_and(|inside| context.is_place_of_data(inside)) {
        bail!("{} is a place of the lake's own objects; write elsewhere", output.display());
    }
    Ok(())
}

/// Moves a finished file to its place.
pub fn publish(place: &Place, file: Unfinished) -> Result<()> {
    file.publish().with_context(|| not_written(place))
}

pub fn not_written(place: &Place) -> String {
    match place {
        Place::Stdout => "cannot write to stdout".to_owned(),
        Place::File(output) => format!("cannot write {}", output.display()),
    }
}
