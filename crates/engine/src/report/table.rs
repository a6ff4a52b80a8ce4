//! Findings as an Arrow table.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray, UInt64Array};

use super::FindingLine;

/// Findings as a table, a row each, with the columns of `mtdh schema findings`. Null where the line has nothing.
pub fn findings_table(lines: &[FindingLine]) -> RecordBatch {
    let texts = |text: fn(&FindingLine) -> Option<&str>| -> ArrayRef {
        Arc::new(StringArray::from_iter(lines.iter().map(text)))
    };
    let examples = lines.iter().map(|line| line.examples.join(" | "));
    let examples: ArrayRef = Arc::new(StringArray::from_iter_values(examples));
    let columns: [(&str, ArrayRef, bool); 12] = [
        ("severity", texts(|line| Some(&line.severity)), false),
        ("check", texts(|line| Some(&line.check)), false),
        ("group", texts(|line| Some(&line.group)), false),
        ("day", texts(|line| line.day.as_deref()), true),
        ("instrument_key", texts(|line| line.instrument_key.as_deref()), true),
        ("data_type", texts(|line| line.data_type.as_deref()), true),
        ("from", texts(|line| line.from.as_deref()), true),
        ("to", texts(|line| line.to.as_deref()), true),
        ("count", Arc::new(UInt64Array::from_iter_values(lines.iter().map(|line| line.count))), false),
        ("cause", texts(|line| line.cause.as_deref()), true),
        ("explanation", texts(|line| line.explanation.as_deref()), true),
        ("examples", examples, false),
    ];
    RecordBatch::try_from_iter_with_nullable(columns).expect("the columns are of one length")
}
