//! Checks of rows that go by, from the lake, on their way into it, or as they arrive: those that need the rows of one
//! partition and nothing else.

use arrow_array::RecordBatch;
use mtdh_core::check::{Check, CheckFn, CheckInput, Context, Finding, RowCheck, Rows};
use mtdh_core::key::InstrumentKey;
use mtdh_core::{DataType, Day};

use super::CheckPlan;

/// The checks that one partition's rows go past, in the order of the file.
pub struct RowChecks {
    key: Option<InstrumentKey>,
    data_type: DataType,
    day: Option<Day>,
    checks: Vec<(&'static Check, Box<dyn RowCheck>)>,
    /// Rows that came before.
    place: u64,
}

impl RowChecks {
    /// Those of a plan that look at rows of a data type by itself; instrument, day and context as far as they are
    /// known.
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

    /// Takes the next rows, and gives them as checks see them.
    ///
    /// # Errors
    /// When a column of the data type is lacking or of another type; the text names it.
    pub fn rows<'a>(&mut self, batch: &'a RecordBatch) -> Result<Rows<'a>, String> {
        let rows = Rows::new(self.data_type, batch, self.place)?;
        self.checks.iter_mut().for_each(|(_, check)| check.rows(&rows));
        self.place += rows.len() as u64;
        Ok(rows)
    }

    /// How many rows there were so far.
    pub fn count(&self) -> u64 {
        self.place
    }

    /// The names of the checks.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.checks.iter().map(|(check, _)| check.name)
    }

    /// What was found since this was last asked, as far as further rows cannot make it undone.
    pub fn found(&mut self) -> Vec<Finding> {
        let RowChecks { key, data_type, day, checks, .. } = self;
        let found = |(check, rows): &mut (&'static Check, Box<dyn RowCheck>)| {
            let of = |found| Finding::of(check, key.clone(), Some(*data_type), *day, found);
            rows.found().into_iter().map(of).collect::<Vec<_>>()
        };
        checks.iter_mut().flat_map(found).collect()
    }

    /// What was found since this was last asked, after the last row.
    pub fn finish(self) -> Vec<Finding> {
        let RowChecks { key, data_type, day, checks, .. } = self;
        let found = |(check, rows): (&'static Check, Box<dyn RowCheck>)| {
            let of = |found| Finding::of(check, key.clone(), Some(data_type), day, found);
            rows.finish().into_iter().map(of).collect::<Vec<_>>()
        };
        checks.into_iter().flat_map(found).collect()
    }
}
