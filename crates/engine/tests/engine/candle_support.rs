//! One instrument's day of the stand-in vendor as files, to be changed and checked.

use std::path::PathBuf;
use std::sync::OnceLock;

use mtdh_core::check::{Finding, Group, Settings};
use mtdh_core::{DataType, Day};
use mtdh_engine::check::files::{FileHints, check_files};
use mtdh_engine::check::{CheckPlan, CheckReport};
use mtdh_sim::{Config, csv};

/// The data types of an instrument's day as text: a header row and rows.
#[derive(Clone)]
pub struct Market {
    pub exchange: &'static str,
    pub symbol: String,
    pub day: Day,
    pub files: Vec<(DataType, Vec<String>)>,
}

/// A plan of groups, made long after the day.
pub fn plan(groups: &[Group]) -> CheckPlan {
    CheckPlan {
        groups: groups.to_vec(),
        settings: Settings::default(),
        now_us: i64::MAX / 2,
        incidents: Default::default(),
    }
}

impl Market {
    pub fn new(exchange: &'static str, symbol: &str, day: &str, types: &[DataType]) -> Market {
        let (config, day) = (Config::default(), day.parse().unwrap());
        let lines = |data_type: &DataType| {
            let text = String::from_utf8(csv(&config, exchange, *data_type, day, symbol)?).unwrap();
            // A file without rows is empty.
            (!text.is_empty()).then_some(())?;
            Some((*data_type, text.lines().map(str::to_owned).collect()))
        };
        let symbol_of = symbol.to_owned();
        Market { exchange, symbol: symbol_of, day, files: types.iter().filter_map(lines).collect() }
    }

    /// The rows of a data type, the header row first.
    pub fn lines(&mut self, data_type: DataType) -> &mut Vec<String> {
        &mut self.files.iter_mut().find(|(t, _)| *t == data_type).unwrap().1
    }

    /// Checks the files as `mtdh check --data-file` does.
    pub fn check(&self, plan: &CheckPlan) -> CheckReport {
        let folder = tempfile::tempdir().unwrap();
        let mut paths: Vec<PathBuf> = Vec::new();
        for (data_type, lines) in &self.files {
            let name = format!("{}_{data_type}_{}_{}.csv", self.exchange, self.day, self.symbol);
            paths.push(folder.path().join(name));
            std::fs::write(paths.last().unwrap(), lines.join("\n") + "\n").unwrap();
        }
        static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
        let runtime = RUNTIME.get_or_init(|| tokio::runtime::Runtime::new().unwrap());
        runtime.block_on(async {
            check_files(&paths, &FileHints::default(), plan, &Default::default()).await.unwrap()
        })
    }

    pub fn findings(&self, plan: &CheckPlan) -> Vec<Finding> {
        self.check(plan).findings
    }
}
