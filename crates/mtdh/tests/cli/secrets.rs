//! The key is in nothing that a run leaves behind: no log at any level, no report, no object, no request to a store.

use mtdh_sim::{Config, FULL_KEY, Fault, FaultKind, Host, Options, Redirect, Size, authorization_hash};

use crate::support::{DAY, Stage, run};

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

/// `user:key` and the key itself in base64 of both alphabets, the text that a reader would decode.
const KEY: &str = "TD.marker-of-a-secret?key>";
const BASE64: [&str; 4] = [
    // The key, `key:`, `:key` and `user:key`, as any tool writes them.
    "VEQubWFya2VyLW9mLWEtc2VjcmV0P2tleT4=",
    "VEQubWFya2VyLW9mLWEtc2VjcmV0P2tleT46",
    "OlRELm1hcmtlci1vZi1hLXNlY3JldD9rZXk+",
    "dXNlcjpURC5tYXJrZXItb2YtYS1zZWNyZXQ/a2V5Pg==",
];

/// What servers make of a key when they repeat it.
fn forms() -> Vec<String> {
    let each = |form: fn(u8) -> String| KEY.bytes().map(form).collect::<String>();
    let mut forms = vec![
        KEY.to_owned(),
        KEY.to_lowercase(),
        KEY.replace('s', "\\u0073"),
        each(|b| format!("\\u{b:04X}")),
        each(|b| format!("%{b:02X}")),
        each(|b| format!("%{b:02x}")),
        KEY.replace('?', "%3F").replace('>', "%3e"),
        KEY.replace('>', "&gt;").replace('T', "&#84;"),
        each(|b| format!("{b:02x}")),
    ];
    forms.extend(BASE64.map(str::to_owned));
    forms.extend(BASE64.map(|text| text.replace('+', "-").replace('/', "_").replace('=', "")));
    forms.extend(BASE64.map(|text| text.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")));
    forms
}

/// What of each form would give the key away: its middle, in the text as it is and after JSON's escapes.
fn tells(text: &str, form: &str) -> bool {
    let decoded = |text: &str| serde_json::from_str::<String>(&format!("\"{text}\"")).unwrap_or_default();
    let part = |form: &str| form.get(form.len() / 4..form.len() * 3 / 4).map(str::to_owned);
    [Some(form.to_owned()), part(form), part(&decoded(form))]
        .into_iter()
        .flatten()
        .any(|part| part.len() > 5 && text.contains(&part))
}

#[test]
fn a_server_that_repeats_the_key_in_any_form_brings_it_nowhere() {
    let stage = Stage::new();
    let words =
        |status: u16, body: String| FaultKind::Words { status, body, etag: Some(format!("\"{KEY}\"")) };
    for form in forms() {
        // As JSON, beside JSON, as an absence that is kept for good.
        for (host, place, status, body) in [
            (Host::Api, "exchanges", 400, format!(r#"{{"code": 1, "message": "bad key {form} of yours"}}"#)),
            (Host::Api, "exchanges", 200, format!(r#"["bad key {form} of yours"]"#)),
            (Host::Api, "exchanges", 403, format!("bad key {form} of yours")),
            (Host::Datasets, "", 400, format!(r#"{{"code": 300, "message": "bad key {form} of yours"}}"#)),
            (Host::Datasets, "", 200, format!("bad key {form} of yours")),
        ] {
            stage.sim.set_faults(vec![Fault::always(host, place, words(status, body))]);
            let _fresh = std::fs::remove_dir_all(stage.path("data"));
            let _fresh = std::fs::remove_dir_all(stage.path("cache"));
            let types = "--instrument-types PERP --data-types trades";
            let mut command =
                stage.command(&format!("download --start-date {DAY} --venues BINANCE-FUTURES {types} -vv"));
            command.env("TARDIS_API_KEY", KEY).env("MTDH_MAX_ATTEMPTS", "1");
            let run = run(command);
            let files = stage.all_files();
            let texts =
                files.into_iter().map(|(name, bytes)| (name, String::from_utf8_lossy(&bytes).into_owned()));
            for (name, text) in [("stdout".to_owned(), run.stdout), ("stderr".to_owned(), run.stderr)]
                .into_iter()
                .chain(texts)
            {
                assert!(!tells(&text, &form), "{host:?} {status}: {form} in {name}: {text}");
                assert!(!tells(&text, KEY), "{host:?} {status}: the key of {form} in {name}: {text}");
            }
        }
    }
}

#[test]
fn from_the_internet_nobody_is_led_into_a_network() {
    let stage = Stage::new();
    for to in [
        "http://169.254.169.254/latest/meta-data",
        "http://127.0.0.1:1/",
        "http://[::1]:1/",
        "http://localhost:1/",
        "http://10.0.0.1/",
    ] {
        stage.sim.set_faults(vec![Fault::always(Host::Api, "", FaultKind::RedirectTo { to: to.into() })]);
        let mut command = stage.command(&format!("instruments --start-date {DAY} --venues DERIBIT"));
        // The stand-in is the proxy behind which an address of the internet lies.
        let proxy = stage.sim.api_url().trim_end_matches("/v1").to_owned();
        command.env("http_proxy", proxy).env("TARDIS_API_URL", "http://8.8.8.8/v1");
        let run = run(command);
        assert_eq!(run.status, 2, "{to}: {}", run.stderr);
        assert!(run.stderr.contains("which lies inside a network"), "{to}: {}", run.stderr);
    }
    let asked = stage.sim.requests();
    assert!(!asked.is_empty() && asked.iter().all(|r| r.url.contains("/v1/exchanges/deribit")), "{asked:?}");
}
