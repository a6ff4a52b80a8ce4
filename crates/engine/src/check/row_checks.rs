//! Row checks: those that need the rows of one partition and nothing else. The rows come from the lake, from a download, or
//! live.

use arrow_array::RecordBatch;
use mtdh_core::check::{Check, CheckFn, CheckInput, Context, Finding, RowCheck, Rows};
use mtdh_core::key::InstrumentKey;
use mtdh_core::{DataType, Day};

use super::CheckPlan;

/// The row checks of one partition, fed in the order of the file.
pub struct RowChecks {
    key: Option<InstrumentKey>,
    data_type: DataType,
    day: Option<Day>,
    checks: Vec<(&'static Check, Box<dyn RowCheck>)>,
    /// Rows before the next batch.
    place: u64,
}

impl RowChecks {
    /// Starts the plan's checks that read rows of a single data type; instrument, day and context as far as they are known.
    pub fn start(
        plan: &CheckPlan,
        key: Option<&InstrumentKey>,
        data_type: DataType,
        day: Option<Day>,
        context: &Context,
    ) -> RowChecks {
        let checks = plan.checks().filter_map(|check| {
            let CheckFn::Rows(of, start) = check.run else { return None };
            let scope = CheckInput { key, data_type, day, context, values: plan.settings.values(check) };
            of.contains(&data_type).then(|| (check, start(&scope)))
        });
        RowChecks { key: key.cloned(), data_type, day, checks: checks.collect(), place: 0 }
    }

    /// Passes the next rows to the checks, and returns them in the form that checks read.
    ///
    /// # Errors
    /// When a column of the data type is missing or of another type; the text names it.
    pub fn rows<'a>(&mut self, batch: &'a RecordBatch) -> Result<Rows<'a>, String> {
        let rows = Rows::new(self.data_type, batch, self.place)?;
        self.checks.iter_mut().for_each(|(_, check)| check.rows(&rows));
        self.place += rows.len() as u64;
        Ok(rows)
    }

    /// Rows passed so far.
    pub fn count(&self) -> u64 {
        self.place
    }

    /// The names of the checks.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.checks.iter().map(|(check, _)| check.name)
    }

    /// The findings since the last call that further rows cannot undo.
    pub fn found(&mut self) -> Vec<Finding> {
        let RowChecks { key, data_type, day, checks, .. } = self;
        let found = |(check, rows): &mut (&'static Check, Box<dyn RowCheck>)| {
            let of = |found| Finding::of(check, key.clone(), Some(*data_type), *day, found);
            rows.found().into_iter().map(of).collect::<Vec<_>>()
        };
        checks.iter_mut().flat_map(found).collect()
    }

    /// The remaining findings, after the last row.
    pub fn finish(self) -> Vec<Finding> {
        let RowChecks { key, data_type, day, checks, .. } = self;
        let found = |(check, rows): (&'static Check, Box<dyn RowCheck>)| {
            let of = |found| Finding::of(check, key.clone(), Some(data_type), day, found);
            rows.finish().into_iter().map(of).collect::<Vec<_>>()
        };
        checks.into_iter().flat_map(found).collect()
    }
}
