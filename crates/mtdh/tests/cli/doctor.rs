//! `mtdh doctor`: what is in the way of a run is told, with a remedy, and no secret; what is not in the way is not called a fault.

use mtdh_sim::{Config, EXPIRED_KEY, FULL_KEY, Fault, FaultKind, Host, LIMITED_KEY, Size};

use crate::support::{Run, Stage, run};

/// The state and the text of a subject.
fn line<'a>(run: &'a Run, subject: &str) -> (&'a str, &'a str) {
    let line = run.stdout.lines().find(|line| line.starts_with(subject)).unwrap_or_default();
    let mut words = line.split_once(char::is_whitespace).map_or("", |(_, rest)| rest).trim().splitn(2, "  ");
    (words.next().unwrap_or_default(), words.next().unwrap_or_default().trim())
}

#[test]
fn each_key_is_told_as_what_it_is_and_never_shown() {
    for (key, status, state, found) in [
        (Some(FULL_KEY), 0, "ok", "valid; it covers"),
        (Some(LIMITED_KEY), 0, "ok", "binance, binance-futures"),
        (Some(EXPIRED_KEY), 2, "fault", "it has expired"),
        (Some("TD.no-such-key"), 2, "fault", "there is no such API key"),
        (None, 0, "note", "first days of months only"),
    ] {
        let stage = Stage::new();
        let mut command = stage.command("doctor");
        match key {
            Some(key) => command.env("TARDIS_API_KEY", key),
            None => command.env_remove("TARDIS_API_KEY"),
        };
        let told = run(command);
        assert_eq!(told.status, status, "{key:?}\n{}{}", told.stdout, told.stderr);
        let (is, text) = line(&told, "key");
        assert!(is == state && text.contains(found), "{key:?}: {is} {text}");
        assert!(key.is_none_or(|key| !told.stdout.contains(key) && !told.stderr.contains(key)), "{key:?}");
        assert_eq!(line(&told, "vendor").0, "ok");
        assert_eq!(line(&told, "lake").0, "ok");
        assert!(line(&told, "version").1.contains(", inflates by "), "{}", told.stdout);
    }
}

#[test]
fn a_vendor_that_does_not_answer_and_a_lake_that_cannot_be_are_faults() {
    let down =
        Fault::always(Host::Api, "exchanges", FaultKind::Status { status: 503, body: Default::default() });
    let stage = Stage::of(Config { size: Size::Small, faults: vec![down], ..Config::default() });
    let told = stage.expect(2, "doctor");
    assert_eq!(line(&told, "vendor").0, "fault", "{}", told.stdout);
    assert!(told.stderr.contains("in the way of a run"), "{}", told.stderr);
    let stage = Stage::new();
    for (lake, word) in
        [("gs://no-such-bucket", "bucket"), ("ftp://host", "not a lake"), ("/dev/null/lake", "")]
    {
        let told = stage.expect(2, &format!("config check --lake {lake}"));
        assert!(told.stdout.contains("fault") && told.stdout.contains(word), "{lake}: {}", told.stdout);
    }
}

#[test]
fn a_lake_that_can_only_be_read_is_a_stated_result() {
    let stage = Stage::new();
    stage.sim.create_bucket("lake");
    let refused = FaultKind::Status { status: 403, body: Default::default() };
    let writes = ["PUT", "POST"].map(|method| Fault {
        method: Some(method.to_owned()),
        ..Fault::always(Host::Gcs, "", refused.clone())
    });
    stage.sim.set_faults(writes.to_vec());
    let told = stage.expect(0, "doctor --lake gs://lake");
    let (state, text) = line(&told, "lake");
    assert!(state == "note" && text.contains("can be read and not written"), "{}", told.stdout);
}

#[test]
fn a_missing_key_file_is_not_a_missing_bucket() {
    let stage = Stage::new();
    let mut command = stage.command("ls --lake gs://market-data-tick");
    command.env_remove("STORAGE_EMULATOR_HOST").env("GCP_CREDENTIALS_PATH", "no/such/key.json");
    let told = run(command);
    assert_eq!(told.status, 2);
    assert!(told.stderr.contains("the key file no/such/key.json"), "{}", told.stderr);
    assert!(!told.stderr.contains("not a lake"), "{}", told.stderr);
}

#[test]
fn what_goes_to_stderr_also_goes_to_the_file() {
    let stage = Stage::new();
    let first = stage.expect(0, "doctor --log-file mtdh.log");
    let second = stage.expect(2, "ls --lake nowhere --log-file mtdh.log");
    let file = std::fs::read_to_string(stage.path("mtdh.log")).unwrap();
    assert_eq!(file, format!("{}{}", first.stderr, second.stderr));
    let refused = stage.expect(2, "doctor --log-file no/such/folder/mtdh.log");
    assert!(refused.stderr.contains("cannot write the log to no/such/folder/mtdh.log"), "{}", refused.stderr);
}
