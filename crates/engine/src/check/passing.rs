//! Checks of rows that go by, on their way into the lake or as they arrive: those that need the rows of one partition
//! and nothing else.

use arrow_array::RecordBatch;
use mtdh_core::check::{Check, Finding, Found, RowCheck, Rows, Run, Scope};
use mtdh_core::partition::Partition;

use super::CheckPlan;

/// The checks that one partition's rows go past, in the order of the file.
pub struct Passing {
    partition: Partition,
    checks: Vec<(&'static Check, Box<dyn RowCheck>)>,
    /// Rows that came before.
    place: u64,
}

impl Passing {
    /// Those of a plan that look at rows of the partition's data type.
    pub fn start(plan: &CheckPlan, partition: &Partition) -> Passing {
        let checks = plan.checks().filter_map(|check| {
            let Run::Rows(of, start) = check.run else { return None };
            let scope = Scope {
                key: Some(&partition.key),
                data_type: partition.data_type,
                day: Some(partition.day),
                values: plan.settings.values(check),
            };
            of.contains(&partition.data_type).then(|| (check, start(&scope)))
        });
        Passing { partition: partition.clone(), checks: checks.collect(), place: 0 }
    }

    /// Takes the next rows.
    ///
    /// # Errors
    /// When a column of the data type is lacking or of another type; the text names it.
    pub fn rows(&mut self, batch: &RecordBatch) -> Result<(), String> {
        let rows = Rows::new(self.partition.data_type, batch, self.place)?;
        self.checks.iter_mut().for_each(|(_, check)| check.rows(&rows));
        self.place += rows.len() as u64;
        Ok(())
    }

    /// What was found since this was last asked, as far as further rows cannot make it undone.
    pub fn found(&mut self) -> Vec<Finding> {
        let Passing { partition, checks, .. } = self;
        checks.iter_mut().flat_map(|(check, rows)| said_of(partition, check, rows.found())).collect()
    }

    /// What was found since this was last asked, after the last row.
    pub fn finish(self) -> Vec<Finding> {
        let Passing { partition, checks, .. } = self;
        checks.into_iter().flat_map(|(check, rows)| said_of(&partition, check, rows.finish())).collect()
    }
}

fn said_of(partition: &Partition, check: &'static Check, found: Vec<Found>) -> Vec<Finding> {
    let finding = |found: Found| Finding {
        check: check.name,
        severity: found.severity.unwrap_or(check.severity),
        key: Some(partition.key.clone()),
        data_type: Some(partition.data_type),
        day: Some(partition.day),
        found,
    };
    found.into_iter().map(finding).collect()
}
