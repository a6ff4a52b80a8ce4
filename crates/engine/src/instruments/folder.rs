//! The instruments that a folder of vendor files has files of, and the files that no use is made of.

use std::collections::{BTreeMap, BTreeSet};

use mtdh_core::Day;
use mtdh_core::instrument::{Instrument, resolve_twins};
use mtdh_core::key::InstrumentType;
use mtdh_core::symbol::{Listed, Named, Names};
use mtdh_source::tardis::csv::{Expectation, dataset_symbol};
use mtdh_source::tardis::datasets::Folder;
use mtdh_source::tardis::vendor_file::VendorFile;
use tokio_util::sync::CancellationToken;

use super::merge::{SourceAnswer, SourceScope};
use super::native_line;
use crate::download::partition::{Input, decode_file};
use crate::error::EngineError;
use crate::selection::Selection;

/// The instruments that a folder has files of on a day. Only their names are known. A grouped file is read, because only its
/// rows name its instruments; it tells their type, which other files do not.
pub(super) fn of_folder(
    folder: &Folder,
    selection: &Selection,
    day: Day,
    native: &mut BTreeSet<String>,
) -> Result<SourceAnswer, EngineError> {
    let exchanges = selection.exchanges();
    let mut found: BTreeMap<(&str, String), Found> = BTreeMap::new();
    for file in folder.files().filter(|f| f.day == day && exchanges.contains(&f.exchange)) {
        let group = InstrumentType::of_group(&file.symbol);
        let symbols = if group.is_some() { symbols_inside(folder, file)? } else { vec![file.symbol.clone()] };
        for symbol in symbols {
            let of_symbol = found.entry((file.exchange.as_str(), symbol)).or_default();
            of_symbol.kind = of_symbol.kind.or(group);
            of_symbol.files.push((file, group.is_some()));
        }
    }
    let instruments =
        found.iter().map(|((exchange, symbol), of_symbol)| of_symbol.named(exchange, symbol, day));
    let mut instruments: Vec<Instrument> =
        instruments.filter(|i| selection.tabulates(i.key.instrument_type())).collect();
    resolve_twins(&mut instruments, day);
    native.extend(instruments.iter().filter_map(native_line));
    Ok(SourceAnswer { instruments, scope: SourceScope::WhatItNames })
}

/// The files of a symbol.
#[derive(Default)]
struct Found<'a> {
    /// The type, if a grouped file tells it.
    kind: Option<InstrumentType>,
    /// The files, and whether they are grouped ones.
    files: Vec<(&'a VendorFile, bool)>,
}

impl Found<'_> {
    fn named(&self, exchange: &str, symbol: &str, day: Day) -> Instrument {
        // A folder is no list of the venue: what a file is called must not depend on which others lie beside it.
        let names = Names::new(exchange);
        let Named { key, settle, inverse, native, .. } = named(&names, symbol, self.kind, day);
        let listed = Listed { since: Some(day), ..Listed::new(symbol, key.instrument_type()) };
        let earlier = names.first_version(&listed).into_iter().filter(|earlier| *earlier != key);
        let types = |only_grouped: bool| {
            let files = self.files.iter().filter(|(_, is_grouped)| *is_grouped || !only_grouped);
            let types: BTreeSet<_> = files.map(|(file, _)| file.data_type).collect();
            types.into_iter().collect()
        };
        Instrument {
            settle,
            inverse,
            canonical: native.is_none(),
            native_reason: native.map(|reason| reason.to_string()),
            aliases: earlier.map(|earlier| earlier.to_string()).collect(),
            data_types: types(false),
            group_data_types: types(true),
            ..Instrument::of_name(key, exchange, symbol, day)
        }
    }
}

fn named(names: &Names, symbol: &str, kind: Option<InstrumentType>, day: Day) -> Named {
    match kind {
        Some(kind) => names.name(&Listed { day: Some(day), ..Listed::new(symbol, kind) }),
        None => names.name_by_form(symbol, Some(day)),
    }
}

fn symbols_inside(folder: &Folder, file: &VendorFile) -> Result<Vec<String>, EngineError> {
    let failed = |source| EngineError::Convert { file: file.path(), source };
    let unreadable = |source| EngineError::Folder { folder: folder.root().display().to_string(), source };
    let (reader, bytes) = folder.open_file(file).map_err(unreadable)?;
    let input = Input { reader, bytes };
    let stop = CancellationToken::new();
    let decoded = decode_file(input, file.data_type.table(), Expectation::default(), &stop, |_| Ok(()))
        .map_err(failed)?;
    Ok(decoded.names.iter().map(|name| dataset_symbol(&name.symbol)).collect())
}

/// The files of a folder that a selection makes no use of, with the reason: files with another name than the vendor's one by one,
/// the others by what was not asked for.
pub(crate) fn left_in_folder(folder: &Folder, selection: &Selection) -> Vec<String> {
    let exchanges = selection.exchanges();
    let mut counts: BTreeMap<String, (u64, String)> = BTreeMap::new();
    for file in folder.files() {
        let reason = match () {
            () if !exchanges.contains(&file.exchange) => format!("of exchange {}", file.exchange),
            () if !selection.days.days().any(|day| day == file.day) => "of other days".to_owned(),
            () if !selection.data_types.is_empty() && !selection.data_types.contains(&file.data_type) => {
                format!("of type {}", file.data_type)
            }
            () => match kind_of(file) {
                Some(kind) if !selection.takes_type(kind) => format!("of type {kind}"),
                _ => continue,
            },
        };
        let (count, _) = counts.entry(reason).or_insert_with(|| (0, file.path()));
        *count += 1;
    }
    let unused = folder.unused().map(|(path, reason)| format!("{}: {reason}", path.display()));
    let not_asked_for = counts.into_iter().map(|(reason, (count, first))| {
        let files = if count == 1 { "1 file".to_owned() } else { format!("{count} files") };
        format!("{files} {reason}, not asked for: {first}")
    });
    unused.chain(not_asked_for).collect()
}

/// The instrument type of a file.
fn kind_of(file: &VendorFile) -> Option<InstrumentType> {
    let of_form =
        || Names::new(&file.exchange).name_by_form(&file.symbol, Some(file.day)).key.instrument_type();
    Some(InstrumentType::of_group(&file.symbol).unwrap_or_else(of_form))
}
