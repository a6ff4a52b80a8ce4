//! `lake.toml`: what is read, what is refused and where, what a change leaves alone.

use mtdh_core::check::Group;
use mtdh_core::key::InstrumentType;
use mtdh_core::want::{EditError, MOST_BYTES, Until, Wanted, WantedSet, with_set, without_set};
use mtdh_core::{DataType, Day};

const HEAD: &str = "[sets.a]\nvenues = [\"DERIBIT\"]\nfrom = 2024-03-01\n";

#[test]
fn a_wrong_file_says_where_and_what_to_write() {
    let many = format!("[sets.a]\ninstruments = [{}]\n", "\"DERIBIT:*\", ".repeat(5_001));
    let long = format!("[sets.a]\ninstruments = [\"{}\"]\n", "A".repeat(201));
    let sets: String =
        (0..101).map(|i| format!("[sets.a{i}]\nvenues=[\"DERIBIT\"]\nfrom=2024-03-01\n")).collect();
    let deep = format!("x = {}", "[".repeat(3_000));
    // The text, its place, and words of the reason.
    for (text, place, reason) in [
        ("[sets.a\n", "line 1", "no TOML"),
        ("a = 1\n\nb =\n", "line 3", "no TOML"),
        (&*deep, "line 1", "no TOML"),
        ("host = \"evil.example\"\n", "line 1, host", "there is no such field; there are: sets"),
        ("\n[set.a]\n", "line 2, set", "perhaps sets"),
        ("lake = \"gs://x\"\n", "line 1, lake", "there is no such field"),
        ("sets = 3\n", "line 1, sets", "not a number"),
        ("[sets]\na = 3\n", "line 2, sets.a", "write a table, not a number"),
        ("[sets.\"a b\"]\n", "line 1, sets.a b", "the name of a set has letters"),
        ("[sets.\"../x\"]\n", "line 1, sets.../x", "the name of a set has letters"),
        ("[sets.\"\\u0007\"]\n", "line 1, sets.\\u{7}", "the name of a set has letters"),
        ("[sets.a]\nvenue = [\"X\"]\n", "line 2, sets.a.venue", "perhaps venues"),
        (
            "[sets.a]\nkeep_days = 3\n",
            "line 2, sets.a.keep_days",
            "there is no such field; there are: venues",
        ),
        ("[sets.a]\napi_key = \"x\"\n", "line 2, sets.a.api_key", "there is no such field"),
        ("[sets.a]\ncommand = \"rm\"\n", "line 2, sets.a.command", "there is no such field"),
        ("[sets.a]\nvenues = \"DERIBIT\"\n", "line 2, sets.a.venues", "write a list of texts, not a text"),
        (
            "[sets.a]\nvenues = [\n  \"DERIBIT\",\n  3,\n]\n",
            "line 4, sets.a.venues",
            "write a text in quotes",
        ),
        ("[sets.a]\nvenues = [\"../etc\"]\n", "line 2, sets.a.venues", "../etc"),
        ("[sets.a]\nvenues = [\"http://x\"]\n", "line 2, sets.a.venues", "http://x"),
        ("[sets.a]\ninstrument_types = [\"PERPS\"]\n", "line 2, sets.a.instrument_types", "perhaps PERP"),
        ("[sets.a]\ndata_types = [\"trade\"]\n", "line 2, sets.a.data_types", "perhaps trades"),
        ("[sets.a]\ninstruments = [\"BTC\"]\n", "line 2, sets.a.instruments", "BTC"),
        ("[sets.a]\ninstruments = [\"DERIBIT:*/..\"]\n", "line 2, sets.a.instruments", "no key has '/'"),
        (&*many, "line 2, sets.a.instruments", "5001 items, and may have 5000"),
        (&*long, "line 2, sets.a.instruments", "201 bytes, and may have 200"),
        (&*sets, "line 1, sets", "there are 101 sets, and may be 100"),
        ("[sets.a]\nuniverse = \"core\"\n", "line 2, sets.a.universe", "there are: core60"),
        ("[sets.a]\nuniverse = \"/etc/passwd\"\n", "line 2, sets.a.universe", "no built-in list"),
        ("[sets.a]\nmax_instruments = 0\n", "line 2, sets.a.max_instruments", "from 1 to"),
        ("[sets.a]\nmax_instruments = -1\n", "line 2, sets.a.max_instruments", "from 1 to"),
        ("[sets.a]\nmax_instruments = \"5\"\n", "line 2, sets.a.max_instruments", "not a text"),
        ("[sets.a]\nfrom = \"today\"\n", "line 2, sets.a.from", "another day tomorrow"),
        ("[sets.a]\nfrom = \"2024-02-30\"\n", "line 2, sets.a.from", "2024-02 has the days"),
        ("[sets.a]\nfrom = 2024-03-01T12:00:00Z\n", "line 2, sets.a.from", "has a time of day"),
        ("[sets.a]\nfrom = \"0001-01-01\"\n", "line 2, sets.a.from", "lies outside of"),
        ("[sets.a]\nfrom = 20240301\n", "line 2, sets.a.from", "write a text in quotes, not a number"),
        ("[sets.a]\nuntil = \"yesterday\"\n", "line 2, sets.a.until", "another day tomorrow"),
        ("[sets.a]\nuntil = \"9999-12-31\"\n", "line 2, sets.a.until", "lies outside of"),
        ("[sets.a]\ncandles = [\"7m\"]\n", "line 2, sets.a.candles", "not a timeframe"),
        ("[sets.a]\nchecks = [\"bok\"]\n", "line 2, sets.a.checks", "perhaps book"),
        (
            "[sets.a]\nparameters = [\"silence.fact=1\"]\n",
            "line 2, sets.a.parameters",
            "no check has the parameter",
        ),
        ("[sets.a]\nparameters = [\"silence.factor=nan\"]\n", "line 2, sets.a.parameters", "CHECK.PARAMETER"),
        ("[sets.a]\nkeep = 30\n", "line 2, sets.a.keep", "write a text in quotes"),
        ("[sets.a]\nkeep = \"30\"\n", "line 2, sets.a.keep", "as 36h or 14d"),
        ("[sets.a]\nkeep = \"12h\"\n", "line 2, sets.a.keep", "at least 1d"),
        ("[sets.a]\nkeep = \"99999999d\"\n", "line 2, sets.a.keep", "at most 36600d"),
        ("[sets.a]\nexport_grace = \"-1h\"\n", "line 2, sets.a.export_grace", "as 36h or 14d"),
        ("\n[sets.a]\nvenues = [\"DERIBIT\"]\n", "line 2, sets.a", "it has no `from`"),
        ("[sets.a]\nfrom = 2024-03-01\n", "line 1, sets.a", "neither `venues` nor `instruments`"),
        ("[sets.a]\nfrom = 2024-03-01\ninstruments = [\"*BTC*\"]\n", "line 1, sets.a", "names no venue"),
        (
            "[sets.a]\nvenues = [\"DERIBIT\"]\nfrom = 2024-03-02\nuntil = 2024-03-01\n",
            "line 1, sets.a",
            "lies before `from`",
        ),
        ("[sets.a]\nfrom = 2024-03-01\nfrom = 2024-03-01\n", "line 3", "no TOML"),
    ] {
        let error = Wanted::parse(text).expect_err(text).to_string();
        assert!(error.starts_with(&format!("lake.toml, {place}")), "{text}\n{error}");
        assert!(error.contains(reason), "{text}\n{error}");
        assert!(!error.chars().any(char::is_control), "{error:?}");
    }
    for (bytes, reason) in [(&b"\xff"[..], "no UTF-8"), (&vec![b'#'; MOST_BYTES + 1][..], "at most")] {
        let error = Wanted::parse_bytes(bytes).unwrap_err().to_string();
        assert!(error.starts_with("lake.toml: ") && error.contains(reason), "{error}");
    }
}

#[test]
fn every_field_is_read() {
    assert_eq!(Wanted::parse(""), Ok(Wanted::default()));
    let text = r#"
# Ours.
[sets.majors]                         # for the desk
venues = ["deribit", "okex-swap"]
instrument_types = ["perpetual", "OPTION"]
instruments = ["DERIBIT:PERPETUAL:BTC-USD", "deribit:option:btc-*"]
universe = "CORE60"
data_types = ["TRADES", "quotes"]
max_instruments = 0x10
from = "2024-03"
until = 2024-04-02
candles = ["1h", "60s", "1m"]
checks = ["book", "completeness", "book"]
parameters = ["silence.factor = 7"]
keep = "36d"
export_grace = "2d"

[sets.rest]
instruments = ["BINANCE:SPOT_PAIR:BTC-USDT"]
from = 2024-03-01
until = "Today"
"#;
    let wanted = Wanted::parse(text).unwrap();
    let majors = &wanted.sets["majors"];
    let day = |text: &str| text.parse::<Day>().unwrap();
    assert_eq!(majors.venues, ["DERIBIT", "OKX-SWAP"]);
    assert_eq!(majors.instrument_types, [InstrumentType::Perp, InstrumentType::Option]);
    assert_eq!(majors.instruments, ["DERIBIT:PERP:BTC-USD", "DERIBIT:OPTION:BTC-*"]);
    assert_eq!(majors.universe.as_deref(), Some("core60"));
    assert_eq!(majors.data_types, [DataType::Trades, DataType::Quotes]);
    assert_eq!(majors.max_instruments, Some(16));
    assert_eq!((majors.from, majors.until), (day("2024-03-01"), Until::Day(day("2024-04-02"))));
    assert_eq!(majors.candles.iter().map(ToString::to_string).collect::<Vec<_>>(), ["1m", "1h"]);
    assert_eq!(majors.checks, [Group::Completeness, Group::Book]);
    assert_eq!(majors.parameters, ["silence.factor=7"]);
    assert_eq!((majors.keep_days, majors.export_grace_hours), (Some(36), 48));
    let rest = &wanted.sets["rest"];
    assert_eq!(rest.until, Until::Today);
    assert_eq!((&rest.checks[..], rest.export_grace_hours), (&Group::USUAL[..], 36));
    assert!(rest.candles.is_empty() && rest.keep_days.is_none());
}

fn deribit() -> WantedSet {
    WantedSet { venues: vec!["DERIBIT".to_owned()], ..WantedSet::from("2024-03-01".parse().unwrap()) }
}

#[test]
fn what_is_added_is_read_back_and_nothing_else_changes() {
    let full = WantedSet {
        instrument_types: vec![InstrumentType::Perp],
        instruments: vec!["DERIBIT:PERP:*".to_owned()],
        universe: Some("core60".to_owned()),
        data_types: vec![DataType::Trades],
        max_instruments: Some(3),
        until: Until::Day("2024-03-05".parse().unwrap()),
        candles: vec!["1m".parse().unwrap()],
        checks: Vec::new(),
        parameters: vec!["silence.factor=7".to_owned()],
        keep_days: Some(30),
        export_grace_hours: 1,
        ..deribit()
    };
    for text in
        ["", "# mine", "# mine\n\n\n", HEAD, "[sets.z]\nvenues = [\n \"DERIBIT\" ]\nfrom = 2024-03-01"]
    {
        for set in [deribit(), full.clone()] {
            let new = with_set(text, "b", &set).unwrap();
            assert!(new.starts_with(text), "{new}");
            assert_eq!(Wanted::parse(&new).unwrap().sets["b"], set, "{new}");
            assert_eq!(with_set(&new, "b", &set).unwrap(), new, "the same again changes nothing");
            let again = without_set(&new, "b").unwrap();
            assert!(again.trim_end().ends_with(text.trim_end()), "{again}");
            assert_eq!(Wanted::parse(&again), Wanted::parse(text), "{again}");
        }
    }
}

#[test]
fn what_cannot_be_changed_is_left_alone() {
    let inline = "sets = { a = { venues = [\"DERIBIT\"], from = 2024-03-01 } }\n";
    let dotted = "sets.a.venues = [\"DERIBIT\"]\nsets.a.from = 2024-03-01\n";
    let other = WantedSet { max_instruments: Some(1), ..deribit() };
    let empty = WantedSet { venues: Vec::new(), ..deribit() };
    type Is = fn(&EditError) -> bool;
    let adds: [(&str, &str, &WantedSet, Is); 5] = [
        (HEAD, "a", &other, |e| matches!(e, EditError::Exists(_))),
        (HEAD, "a b", &other, |e| matches!(e, EditError::BadName { .. })),
        ("[sets.a]\n", "b", &other, |e| matches!(e, EditError::Unread(_))),
        (HEAD, "b", &empty, |e| matches!(e, EditError::Unwritable { .. })),
        (inline, "b", &other, |e| matches!(e, EditError::Form(_))),
    ];
    for (text, name, set, is) in adds {
        let error = with_set(text, name, set).unwrap_err();
        assert!(is(&error), "{text} {error:?}");
    }
    let removals: [(&str, &str, Is); 4] = [
        (HEAD, "b", |e| e.to_string().ends_with("it has: a")),
        ("", "b", |e| e.to_string().ends_with("it has: none")),
        (inline, "a", |e| matches!(e, EditError::Form(_))),
        (dotted, "a", |e| matches!(e, EditError::Form(_))),
    ];
    for (text, name, is) in removals {
        let error = without_set(text, name).unwrap_err();
        assert!(is(&error), "{text} {error:?}");
    }
}

#[test]
fn comments_stay_when_a_set_goes() {
    let text = "# top\n\n# of a\n[sets.a] # header\nvenues = [\"DERIBIT\"] # why\n# between\nfrom = 2024-03-01 # since\n\n# of b\n\
                [sets.b]\nvenues = [\n  \"DERIBIT\", # [sets.c]\n]\nfrom = 2024-03-01\n# end\n";
    let without = without_set(text, "a").unwrap();
    assert_eq!(
        without,
        "# top\n\n# of a\n\n# of b\n[sets.b]\nvenues = [\n  \"DERIBIT\", # [sets.c]\n]\nfrom = 2024-03-01\n# end\n"
    );
    let neither = without_set(&without, "b").unwrap();
    assert_eq!(neither, "# top\n\n# of a\n\n# of b\n# end\n");
}
