//! Joins the vendor's lists: which symbols of the API, files and contract terms are about one instrument.
//!
//! A file belongs to one instrument. The vendor's `datasetId` says which file an instrument has; only where it is not stated,
//! the spelling does.

use std::collections::{BTreeMap, HashMap, HashSet};

use mtdh_core::DataType;

use super::lives::{Life, in_order, joined, wider};
use crate::tardis::csv::dataset_symbol;
use crate::tardis::metadata::model::{
    ApiSymbol, DatasetSymbol, ExchangeDetails, InstrumentInfo, SymbolStats, is_group,
};

/// Everything that the lists say of one instrument, over all its lives.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// The exchange's symbol, as the API writes it.
    pub id: String,
    /// Other symbols of the API with the same file.
    pub aliases: Vec<String>,
    /// The symbol in the list of files; `None` if it is not there.
    pub dataset: Option<String>,
    /// Its types in the lists of symbols and of files.
    pub kinds: Vec<String>,
    /// Its lines in the list of files.
    pub files: Vec<FileLine>,
    /// Contract terms that may be about it, those of `id` first.
    pub contracts: Vec<InstrumentInfo>,
    /// When it lived, in order, without overlaps.
    pub lives: Vec<Life>,
}

/// A line of the list of files.
#[derive(Clone, Debug)]
pub(super) struct FileLine {
    /// When the vendor has files of it.
    pub life: Life,
    /// The known data types.
    pub data_types: Vec<DataType>,
    /// The unknown ones.
    pub unknown_types: Vec<String>,
    /// Totals over its life.
    pub stats: Option<SymbolStats>,
}

impl FileLine {
    /// A line. In the list of files, the end of an active symbol is the end of the export or later.
    fn of(symbol: &DatasetSymbol, exported_until_us: Option<i64>) -> FileLine {
        let still_exported = |to: &i64| exported_until_us.is_some_and(|until| *to >= until);
        let to = symbol.available_to.map(|to| to.timestamp_micros()).filter(|to| !still_exported(to));
        let (known, unknown): (Vec<&String>, Vec<&String>) =
            symbol.data_types.iter().partition(|name| name.parse::<DataType>().is_ok());
        FileLine {
            life: in_order((symbol.available_since.timestamp_micros(), to)),
            data_types: known.into_iter().filter_map(|name| name.parse().ok()).collect(),
            unknown_types: unknown.into_iter().cloned().collect(),
            stats: symbol.stats,
        }
    }
}

/// The grouped symbols of the list of files, by id.
pub(super) fn groups(
    details: &ExchangeDetails,
    exported_until_us: Option<i64>,
) -> BTreeMap<String, Vec<FileLine>> {
    let mut groups: BTreeMap<String, Vec<FileLine>> = BTreeMap::new();
    let listed = details.datasets.iter().flat_map(|index| &index.symbols);
    for symbol in listed.filter(|symbol| is_group(&symbol.id, &symbol.kind)) {
        groups.entry(symbol.id.clone()).or_default().push(FileLine::of(symbol, exported_until_us));
    }
    groups
}

/// The lines of one instrument, by the lists.
#[derive(Default)]
struct Lines<'a> {
    /// Symbols of the API, in the order of the list.
    names: Vec<&'a str>,
    api: Vec<&'a ApiSymbol>,
    files: Vec<&'a DatasetSymbol>,
}

/// Every instrument that the lists name, in their order.
pub(super) fn entries(
    details: &ExchangeDetails,
    terms: &[InstrumentInfo],
    exported_until_us: Option<i64>,
) -> Vec<Entry> {
    let files = details.datasets.iter().flat_map(|index| &index.symbols);
    let files: Vec<&DatasetSymbol> = files.filter(|s| !is_group(&s.id, &s.kind)).collect();
    let names = Spellings::of(details, &files, terms);
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut all: Vec<Lines<'_>> = Vec::new();
    let mut line_of = |form: String, all: &mut Vec<Lines<'_>>| {
        *places.entry(form).or_insert_with(|| {
            all.push(Lines::default());
            all.len() - 1
        })
    };
    for symbol in &details.available_symbols {
        if is_group(&dataset_symbol(&symbol.id), &symbol.kind) {
            continue;
        }
        let place = line_of(names.form(&symbol.id), &mut all);
        let lines = &mut all[place];
        if !lines.names.contains(&symbol.id.as_str()) {
            lines.names.push(&symbol.id);
        }
        lines.api.push(symbol);
    }
    for symbol in files {
        let place = line_of(dataset_symbol(&symbol.id), &mut all);
        all[place].files.push(symbol);
    }
    all.into_iter().map(|lines| names.entry(lines, exported_until_us)).collect()
}

/// Which symbols are spellings of which file.
struct Spellings<'a> {
    /// Contract terms by the symbol of the API.
    by_id: HashMap<&'a str, Vec<&'a InstrumentInfo>>,
    /// By the file that they name.
    by_file: HashMap<String, Vec<&'a InstrumentInfo>>,
    /// By spelling, those whose symbol is not in the API's list.
    by_form: HashMap<String, Vec<&'a InstrumentInfo>>,
    /// The files of the list.
    files: HashSet<String>,
}

impl<'a> Spellings<'a> {
    fn of(
        details: &'a ExchangeDetails,
        files: &[&DatasetSymbol],
        terms: &'a [InstrumentInfo],
    ) -> Spellings<'a> {
        let in_api: HashSet<&str> = details.available_symbols.iter().map(|s| s.id.as_str()).collect();
        let mut spellings = Spellings {
            by_id: HashMap::new(),
            by_file: HashMap::new(),
            by_form: HashMap::new(),
            files: files.iter().map(|symbol| dataset_symbol(&symbol.id)).collect(),
        };
        for contract in terms {
            spellings.by_id.entry(&contract.id).or_default().push(contract);
            if let Some(file) = &contract.dataset_id {
                spellings.by_file.entry(dataset_symbol(file)).or_default().push(contract);
            }
            if !in_api.contains(contract.id.as_str()) {
                spellings.by_form.entry(dataset_symbol(&contract.id)).or_default().push(contract);
            }
        }
        spellings
    }

    /// The file of a symbol of the API; for a symbol without one, what is its own.
    fn form(&self, id: &str) -> String {
        let own = self.by_id.get(id).into_iter().flatten();
        let stated = own.filter_map(|contract| contract.dataset_id.as_deref()).map(dataset_symbol).next();
        if let Some(file) = stated.as_ref().filter(|file| self.files.contains(*file)) {
            return file.clone();
        }
        let spelt = dataset_symbol(id);
        // The vendor says that it is the file of another instrument.
        let is_of_other =
            self.by_file.get(&spelt).is_some_and(|contracts| contracts.iter().all(|c| c.id != id));
        match stated {
            _ if !is_of_other => spelt,
            Some(file) => file,
            // No symbol has a space at its end.
            None => format!("{id} "),
        }
    }

    fn entry(&self, lines: Lines<'a>, exported_until_us: Option<i64>) -> Entry {
        let Lines { mut names, api, files } = lines;
        names.sort_by_key(|name| self.rank(name, &api, &files));
        let mut names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        let mut contracts: Vec<InstrumentInfo> = Vec::new();
        for name in &names {
            let exact = self.by_id.get(name.as_str());
            contracts.extend(exact.or_else(|| self.unique(name)).into_iter().flatten().map(|c| (*c).clone()));
        }
        if let (true, Some(file)) = (names.is_empty(), files.first()) {
            let stated = self.by_file.get(&dataset_symbol(&file.id));
            let one_id = |found: &&Vec<&InstrumentInfo>| found.iter().all(|c| c.id == found[0].id);
            let found = stated.filter(one_id);
            // By its file the instrument is known, and with it the exchange's own symbol.
            let id = found.map_or_else(|| file.id.clone(), |found| found[0].id.clone());
            let found = found.or_else(|| self.unique(&file.id));
            contracts.extend(found.into_iter().flatten().map(|c| (*c).clone()));
            names.push(id);
        }
        let of_api = api.iter().map(|symbol| {
            let to = symbol.available_to.map(|to| to.timestamp_micros());
            in_order((symbol.available_since.timestamp_micros(), to))
        });
        let kinds = api.iter().map(|s| s.kind.clone()).chain(files.iter().map(|s| s.kind.clone())).collect();
        let lines: Vec<FileLine> = files.iter().map(|s| FileLine::of(s, exported_until_us)).collect();
        let lives = joined(of_api.collect(), lines.iter().map(|line| line.life).collect());
        let id = names.remove(0);
        let dataset = files.first().map(|symbol| symbol.id.clone());
        Entry { id, aliases: names, dataset, kinds, files: lines, contracts, lives }
    }

    /// Contract terms found by spelling, if they are of one symbol.
    fn unique(&self, id: &str) -> Option<&Vec<&'a InstrumentInfo>> {
        let found = self.by_form.get(&dataset_symbol(id))?;
        found.iter().all(|contract| contract.id == found[0].id).then_some(found)
    }

    /// The order of an instrument's names: the one of the file's type, which is no alias, is spelt as the file, lives longest.
    fn rank(
        &self,
        name: &str,
        api: &[&ApiSymbol],
        files: &[&DatasetSymbol],
    ) -> (bool, bool, bool, std::cmp::Reverse<i64>, i64, String) {
        let own = || api.iter().filter(|symbol| symbol.id == name);
        let is_of_type = files.is_empty() || own().any(|s| files.iter().any(|file| file.kind == s.kind));
        let is_alias = self.by_id.get(name).into_iter().flatten().any(|c| c.alias_for.is_some());
        let is_spelt_so = files.iter().any(|file| dataset_symbol(&file.id) == dataset_symbol(name));
        let lives = own().map(|symbol| {
            let to = symbol.available_to.map(|to| to.timestamp_micros());
            in_order((symbol.available_since.timestamp_micros(), to))
        });
        let (from, to) = lives.reduce(wider).unwrap_or((i64::MAX, None));
        let to = std::cmp::Reverse(to.unwrap_or(i64::MAX));
        (!is_of_type, is_alias, !is_spelt_so, to, from, name.to_owned())
    }
}
