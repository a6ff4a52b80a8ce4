//! Stores that are not what they seem: refused before anything is spent, read where they may only be read.

use mtdh_engine::{Lake, LakeOptions};
use mtdh_sim::{ErrorBody, Fault, FaultKind, Host};

use crate::support::{DAY, Run, Stage, run};

const WHAT: &str = "--venues DERIBIT --instrument-types PERP --data-types trades";
const BUCKET: &str = "lake";

fn of_bucket(method: &str, kind: FaultKind) -> Fault {
    Fault { method: Some(method.to_owned()), ..Fault::always(Host::Gcs, "", kind) }
}

fn refusals() -> Vec<Fault> {
    let refused = FaultKind::Status { status: 403, body: ErrorBody::Own };
    vec![of_bucket("PUT", refused.clone()), of_bucket("DELETE", refused)]
}

fn stage() -> Stage {
    let stage = Stage::new();
    stage.sim.create_bucket(BUCKET);
    stage
}

/// Runs the program on a lake in the stand-in's bucket, which it asks by GCS's or by S3's form.
fn on(stage: &Stage, scheme: &str, words: &str) -> Run {
    let mut command = stage.command(&format!("{words} --lake {scheme}://{BUCKET}/p"));
    command
        .env("AWS_ENDPOINT", stage.sim.gcs_url())
        .env("AWS_ALLOW_HTTP", "true")
        .env("AWS_ACCESS_KEY_ID", "x")
        .env("AWS_SECRET_ACCESS_KEY", "y")
        .env("AWS_REGION", "us-east-1");
    run(command)
}

#[test]
fn a_bucket_that_ignores_conditions_is_refused_before_the_vendor_is_asked() {
    for scheme in ["gs", "s3"] {
        let stage = stage();
        stage.sim.set_faults(vec![of_bucket("PUT", FaultKind::IgnoreConditions)]);
        for verb in ["instruments", "download", "full-pipeline", "plan --save r", "plan"] {
            let what = if verb == "instruments" { "--venues DERIBIT" } else { WHAT };
            let run = on(&stage, scheme, &format!("{verb} --start-date {DAY} {what}"));
            assert_eq!(run.status, 2, "{scheme}, {verb}: {}", run.stderr);
            for word in ["cannot hold a lake", "created only where there is none", "If-None-Match"] {
                assert!(run.stderr.contains(word), "{scheme}, {verb}: {}", run.stderr);
            }
        }
        let asked = stage.sim.requests().iter().filter(|r| r.host != Host::Gcs).count();
        assert_eq!(asked, 0, "{scheme}: the vendor was asked for something");
        assert!(stage.sim.bucket_objects(BUCKET).is_empty(), "{scheme}");
    }
}

#[test]
fn a_lake_that_may_only_be_read_is_judged_and_planned_for() {
    for scheme in ["gs", "s3"] {
        let stage = stage();
        let run = on(&stage, scheme, &format!("full-pipeline --start-date {DAY} {WHAT}"));
        assert_eq!(run.status, 0, "{scheme}: {}", run.stderr);
        let before = stage.sim.bucket_objects(BUCKET);
        stage.sim.set_faults(refusals());
        for (verb, said) in [
            ("validate --deep", "the reports were not stored: "),
            ("plan", "nothing to fetch"),
            ("download --dry-run", "nothing to fetch"),
        ] {
            let run = on(&stage, scheme, &format!("{verb} --start-date {DAY} {WHAT}"));
            assert_eq!(run.status, 0, "{scheme}, {verb}: {}", run.stderr);
            assert!(run.stderr.contains(said), "{scheme}, {verb}: {}", run.stderr);
        }
        // The verdict is the lake's, whatever may be written.
        let more = format!("validate --start-date {DAY} --venues DERIBIT --data-types trades --format json");
        let run = on(&stage, scheme, &more);
        assert_eq!(run.status, 1, "{scheme}: {}", run.stderr);
        let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        assert!(report["not_stored"].as_str().is_some_and(|reason| !reason.is_empty()), "{report}");
        assert!(run.stderr.contains("not complete"), "{scheme}: {}", run.stderr);
        assert!(stage.sim.bucket_objects(BUCKET) == before, "{scheme}");
    }
}

#[test]
fn a_plan_with_nothing_to_fetch_is_a_plan() {
    let stage = Stage::new();
    stage.expect(0, &format!("full-pipeline --start-date {DAY} {WHAT} --lake lake"));
    let saved = stage.expect(0, &format!("plan --save again --start-date {DAY} {WHAT} --lake lake"));
    assert!(saved.stderr.contains("saved as run again: 0 files"), "{}", saved.stderr);
    stage.sim.clear_requests();
    let done = stage.expect(0, "download --run again --shard-index 1 --total-shards 2 --lake lake");
    assert!(done.stderr.contains("nothing is left of shard 1 of 2"), "{}", done.stderr);
    assert!(stage.sim.requests().is_empty(), "nothing is asked for");
    let report = stage.expect(0, "monitor again --format json --lake lake");
    assert!(report.stdout.contains("\"done\""), "{}", report.stdout);
    stage.expect(0, "resume again --save third --lake lake");
    stage.expect(0, "download --run third --lake lake");
    // What nobody knows of is no plan.
    stage.expect(
        1,
        &format!("plan --save none --start-date {DAY} --instruments DERIBIT:PERP:NONE-USD --lake lake"),
    );
    stage.expect(2, "download --run none --exit-codes usual --lake lake");
}

#[test]
fn a_task_of_an_array_that_is_started_alone_is_no_whole() {
    let stage = Stage::new();
    for (variables, named) in [
        (
            &[("SLURM_ARRAY_TASK_ID", "2"), ("SLURM_ARRAY_TASK_COUNT", "1"), ("SLURM_ARRAY_TASK_MIN", "2")][..],
            "Slurm",
        ),
        (
            &[
                ("SGE_TASK_ID", "3"),
                ("SGE_TASK_FIRST", "3"),
                ("SGE_TASK_LAST", "3"),
                ("SGE_TASK_STEPSIZE", "1"),
            ],
            "SGE",
        ),
    ] {
        let mut command = stage.command(&format!("download --start-date {DAY} {WHAT} --lake lake"));
        command.envs(variables.iter().copied());
        let run = run(command);
        assert_eq!(run.status, 20, "{}", run.stderr);
        assert!(
            run.stderr.contains("one task of a larger array") && run.stderr.contains(named),
            "{}",
            run.stderr
        );
    }
    assert!(stage.sim.requests().is_empty(), "nothing was asked for");
}

#[test]
fn a_lake_is_named_as_a_shell_names_it() {
    let stage = Stage::new();
    let home = stage.path("home");
    let words = |lake: &str| format!("instruments --start-date {DAY} --venues DERIBIT --lake {lake}");
    let at = |name: &str| stage.path("home").join(name).display().to_string();
    for (lake, folder) in [
        ("~/a".to_owned(), "a"),
        (format!("file:{}", at("b")), "b"),
        (format!("file://localhost{}", at("c")), "c"),
        (format!("file://{}", at("d%20e")), "d e"),
        (at("f%20g"), "f%20g"),
    ] {
        let mut command = stage.command(&words(&lake));
        command.env("HOME", &home);
        let run = run(command);
        assert_eq!(run.status, 0, "{lake}: {}", run.stderr);
        assert!(home.join(folder).join("instrument_availability").is_dir(), "{lake}");
    }
    for lake in ["s3://b/a//b", "gs://b/../c", "~nobody/x", "file://elsewhere/x", "file:x"] {
        let run = stage.expect(2, &words(lake));
        assert!(run.stderr.contains(&format!("`{lake}` is not a lake")), "{}", run.stderr);
    }
}

/// The listing and the reports answer for objects that nobody changed; one that the report does not know is asked once.
#[test]
fn footers_are_read_once() {
    let stage = stage();
    let what = format!("--start-date {DAY} {WHAT}");
    let footers = |words: &str| {
        stage.sim.clear_requests();
        let run = on(&stage, "gs", &format!("{words} {what}"));
        assert_eq!(run.status, 0, "{words}: {}", run.stderr);
        let of_objects =
            |r: &&mtdh_sim::Request| r.method == "GET" && r.url.contains("data%5Ftype%2Dtrades%2F");
        stage.sim.requests().iter().filter(of_objects).count()
    };
    assert_eq!(footers("full-pipeline"), 0, "what was published is known");
    for verb in ["plan", "download", "validate"] {
        assert_eq!(footers(verb), 0, "{verb}");
    }
    let objects = stage.sim.bucket_objects(BUCKET);
    let count = objects.iter().filter(|(name, _)| name.contains("data_type-trades/")).count();
    let options = LakeOptions { gcs_emulator: Some(stage.sim.gcs_url()), ..LakeOptions::default() };
    let lake = Lake::open(&format!("gs://{BUCKET}/p"), &options).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for verb in ["plan", "download", "validate"] {
        runtime.block_on(lake.delete(&format!("runs/_identities/day-{DAY}.parquet").into())).unwrap();
        assert_eq!((footers(verb), footers(verb)), (count, 0), "{verb}");
    }
}
