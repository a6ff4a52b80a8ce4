//! The output of `plan --save`, `download --run` and `monitor`.

use mtdh_engine::fleet::monitor::RunReport;
use mtdh_engine::fleet::saved_plan::Saved;
use mtdh_engine::fleet::worker::Event;

use crate::output::{Rows, many, note, size, verdict};

pub fn note_saved(saved: &Saved) {
    let files = many(saved.files as u64, "file");
    note(&format!("saved as run {}: {files}, SHA-256 {}", saved.run_id, saved.hash));
    note(&format!("each worker: mtdh download --run {} --shard-index I --total-shards N", saved.run_id));
}

pub fn print_event(event: Event) {
    match event {
        Event::Begun { part, files } => note(&format!("{part}: {}", many(files as u64, "file"))),
        Event::TakenOver { part, from, token, files } => {
            let files = many(files as u64, "file");
            note(&format!("{part} is taken over from {from}, as holder {token}: {files} left"));
        }
        Event::Waiting { shards } => {
            let shards: Vec<String> = shards.iter().map(u32::to_string).collect();
            note(&format!(
                "others work on shards {}: waiting, to take over what should be left lying",
                shards.join(", ")
            ));
        }
        Event::Lost { part } => note(&format!(
            "{part} was taken over by another worker while this one kept silent: publishing nothing more of it, and taking no other"
        )),
    }
}

pub fn report_rows(report: &RunReport) -> Rows {
    let mut rows = Rows::new(&[
        "shard",
        "state",
        "workers",
        "takeovers",
        "files",
        "done",
        "failed",
        "share",
        "rows",
        "bytes",
        "silent_s",
    ]);
    rows.rows.extend(report.shards.iter().map(|shard| {
        vec![
            shard.index.to_string(),
            shard.state.to_owned(),
            shard.holders.len().to_string(),
            shard.takeovers.to_string(),
            shard.files.to_string(),
            shard.files_done.to_string(),
            shard.files_failed.to_string(),
            percent(shard.share_done),
            shard.rows.to_string(),
            shard.bytes.to_string(),
            shard.silent_seconds.map_or_else(|| "-".to_owned(), |s| format!("{s:.0}")),
        ]
    }));
    rows
}

/// Rounds down: only a complete share is 100 %.
fn percent(share: f64) -> String {
    format!("{:.1}%", (share * 1000.0).floor() / 10.0)
}

pub fn note_report(report: &RunReport) {
    for (cause, files) in &report.failures {
        note(&format!("failed ({}): {cause}", many(*files as u64, "file")));
    }
    let mut line = format!(
        "run {}: {}; {} of {} ({}), {} failed",
        report.run_id,
        report.state,
        report.files_done,
        many(report.files as u64, "file"),
        percent(report.share_done),
        report.files_failed
    );
    if let (Some(files), Some(bytes)) = (report.files_per_second, report.bytes_per_second) {
        line.push_str(&format!("; {files:.1} files/s, {}/s", size(bytes as u64)));
    }
    if let Some(seconds) = report.seconds_left {
        line.push_str(&format!("; {} left at this pace", duration(seconds)));
    }
    if report.dead_shards > 0 {
        note(&format!("{} kept silent for longer than the lease", many(report.dead_shards as u64, "shard")));
    }
    if report.taken_over_shards > 0 {
        note(&format!("of {} a part was taken over", many(report.taken_over_shards as u64, "shard")));
    }
    verdict(&line, None);
}

fn duration(seconds: f64) -> String {
    let seconds = seconds.ceil() as u64;
    format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}
