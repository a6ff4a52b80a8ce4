//! The key is in nothing that a run leaves behind: no log at any level, no report, no object, no request to a store.

use mtdh_sim::{Config, FULL_KEY, Options, Redirect, Size, authorization_hash};

use crate::stage::{DAY, Stage, run};

#[test]
fn the_key_is_in_nothing_that_a_run_leaves_behind() {
    let options = Options { redirect: Redirect::Keyed, further_redirects: 1, ..Options::default() };
    let stage = Stage::of(Config { size: Size::Small, options, ..Config::default() });
    for (words, key) in [
        (format!("full-pipeline --start-date {DAY} --venues DERIBIT -vv"), FULL_KEY),
        (format!("download --start-date {DAY} --venues BINANCE -vv"), "TD.marker-of-a-wrong-key"),
        ("config show".to_owned(), FULL_KEY),
    ] {
        let mut command = stage.command(&words);
        command.env("TARDIS_API_KEY", key).env("RUST_BACKTRACE", "1");
        let run = run(command);
        for text in [&run.stdout, &run.stderr] {
            assert!(!text.contains(key), "mtdh {words}");
        }
        let files = stage.all_files();
        assert!(files.len() > 10 || words.starts_with("config"));
        for (name, bytes) in files {
            let found = bytes.windows(key.len()).any(|part| part == key.as_bytes());
            assert!(!found, "mtdh {words}: {name}");
        }
    }
    let requests = stage.sim.requests();
    let with_key = authorization_hash(&format!("Bearer {FULL_KEY}"));
    assert!(requests.iter().any(|r| r.authorization.as_ref() == Some(&with_key)));
    let stored: Vec<_> = requests.iter().filter(|r| r.host == mtdh_sim::Host::Store).collect();
    assert!(stored.len() > 10 && stored.iter().all(|r| r.authorization.is_none()));
}
