//! The page of the checks is what the checks say.

use std::fmt::Write;

use mtdh_core::DataType;
use mtdh_core::check::{Check, CheckFn, Group, Sides, all};

#[test]
fn the_page_of_checks_is_made_from_them() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/checks.md");
    let page = page();
    if std::env::var_os("MTDH_WRITE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(path).unwrap_or_default(),
        page,
        "write it anew: MTDH_WRITE_DOCS=1 cargo test --workspace --test core page_of_checks"
    );
}

/// `docs/reference/checks.md`, from its first line to its last.
fn page() -> String {
    let mut page = String::from(
        "# Checks\n\nEvery check of `mtdh check`, made from the descriptions in `crates/core/src/check`. A finding of severity \
         `error` means that the data is wrong, `warning` that somebody should look, `info` that it is counted and no fault. \
         Parameters are set with `--set CHECK.PARAMETER=NUMBER`. How to use them: [check data quality](../how-to/check.md).\n",
    );
    for group in Group::ALL {
        // Writing into a text cannot fail.
        let _infallible = write!(page, "\n## {group}\n");
        all().filter(|check| check.group == group).for_each(|check| page.push_str(&section(check)));
    }
    page
}

fn section(check: &Check) -> String {
    let over = match check.run {
        CheckFn::Rows(of, _) if of.len() == DataType::ALL.len() => "rows of every data type".to_owned(),
        CheckFn::Rows(of, _) => {
            format!("rows of {}", of.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
        }
        CheckFn::Together(of, _) => {
            format!(
                "rows of {} together",
                of.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
            )
        }
        CheckFn::Beside(of, by, _) => {
            let words =
                |types: &[DataType]| types.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            format!("rows of {} beside those of the first that is there of {}", words(of), words(by))
        }
        CheckFn::Day(..) => "an instrument's day".to_owned(),
        CheckFn::Lake(_) => "a day of the lake".to_owned(),
        CheckFn::Candles(Sides::Alone, _) => "candles".to_owned(),
        CheckFn::Candles(Sides::Finer, _) => "candles of two timeframes".to_owned(),
        CheckFn::Candles(Sides::Ticks, _) => "candles and their trades".to_owned(),
        CheckFn::Candles(Sides::Reference, _) => "candles and the reference's".to_owned(),
    };
    let mut text = format!("\n### {}\n\n{}, over {over}\n\n{}\n", check.name, check.severity, check.text);
    if !check.parameters.is_empty() {
        text.push_str("\n| parameter | default | unit | meaning |\n|---|---|---|---|\n");
        for p in check.parameters {
            let _infallible = writeln!(text, "| {} | {} | {} | {} |", p.name, p.default, p.unit, p.meaning);
        }
    }
    text
}
