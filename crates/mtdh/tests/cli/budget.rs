//! What may be taken of the vendor's account: never more, said plainly, and the rest listed.

use mtdh_sim::{Fault, FaultKind, Host, RetryAfter};

use crate::support::{DAY, Run, Stage, run};

fn words() -> String {
    format!("download --start-date {DAY} --instruments DERIBIT:PERP:* --data-types trades --max-workers 1")
}

fn left(run: &Run) -> Vec<&str> {
    run.stderr.lines().filter(|line| line.starts_with("left: deribit/trades/")).collect()
}

#[test]
fn the_days_bytes_end_the_run_with_30_and_a_list_of_what_is_left() {
    let stage = Stage::new();
    // The metadata is known then; what follows asks for files only, of which the first fits and the second does not.
    stage.expect(0, &words().replace("download", "plan").replace(" --max-workers 1", ""));
    let known = stage.sim.requests().len();
    let mut command = stage.command(&words());
    command.env("MTDH_BYTES_PER_DAY", "6000");
    let short = run(command);
    assert_eq!(short.status, 30, "{}", short.stderr);
    assert!(
        short.stderr.contains("the 6000 bytes that may be fetched in a day are used up"),
        "{}",
        short.stderr
    );
    assert!(!left(&short).is_empty() && short.stderr.contains("left to do: "), "{}", short.stderr);
    let requests = stage.sim.requests().split_off(known);
    let (refused, taken) = requests.split_last().unwrap();
    assert_eq!(refused.host, Host::Datasets, "after the file that does not fit, nothing is asked for");
    let taken: u64 = taken.iter().filter_map(|r| r.bytes).sum();
    assert!((1..=6_000).contains(&taken), "{taken} bytes were taken");
    let summaries = stage.all_files();
    let summary = summaries.iter().find(|(name, _)| name.contains("/runs/")).unwrap().1;
    let summary: serde_json::Value = serde_json::from_slice(summary).unwrap();
    assert_eq!(
        (summary["state"].as_str(), summary["left"].as_array().unwrap().len()),
        (Some("used_up"), left(&short).len())
    );
    let whole = stage.expect(0, &words());
    assert!(left(&whole).is_empty());
    stage.expect(0, &words().replace("download", "validate").replace(" --max-workers 1", ""));
}

#[test]
fn a_quota_that_the_vendor_calls_used_up_ends_the_run_with_30() {
    let exhausted = FaultKind::TooManyRequests { retry_after: RetryAfter::Seconds(3600) };
    let stage = Stage::with(vec![Fault::always(Host::Datasets, "BTC_USDC-PERPETUAL", exhausted.clone())]);
    let short = stage.expect(30, &words());
    assert!(short.stderr.contains("the account's quota is used up"), "{}", short.stderr);
    assert!(left(&short).iter().any(|line| line.contains("BTC_USDC-PERPETUAL")), "{}", short.stderr);
    stage.sim.set_faults(vec![Fault::always(Host::Api, "", exhausted)]);
    let other_day = "instruments --start-date 2024-04-01 --venues DERIBIT";
    std::fs::remove_dir_all(stage.path("cache")).unwrap();
    let none = stage.expect(30, other_day);
    assert!(none.stderr.contains("run the same command later"), "{}", none.stderr);
}

#[test]
fn a_setting_that_is_no_number_is_named() {
    let stage = Stage::new();
    let mut command = stage.command("config show");
    command.env("MTDH_BYTES_PER_DAY", "many");
    let run = run(command);
    assert_eq!(run.status, 2);
    assert!(run.stderr.contains("bytes_per_day"), "{}", run.stderr);
}
