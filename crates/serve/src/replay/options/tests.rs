//! What `options` may be.

use super::*;

const NOW: i64 = 1_709_296_245_123_456;

fn object(more: &str) -> String {
    let comma = if more.is_empty() { "" } else { "," };
    format!(
        r#"{{"exchange":"bitmex","from":"2024-03-01","to":"2024-03-02","dataTypes":["trade"]{comma}{more}}}"#
    )
}

#[test]
fn one_object_and_an_array_are_read() {
    let one = parse(&object(""), NOW).unwrap();
    assert_eq!(one.len(), 1);
    assert_eq!((one[0].exchange.as_str(), &one[0].symbols), ("bitmex", &None));
    assert_eq!(one[0].within_us.end - one[0].within_us.start, mtdh_core::day::DAY_US);
    let both = format!("[{},{}]", object(r#""symbols":["XBTUSD","ethusd"]"#), object(r#""symbols":[]"#));
    let both = parse(&both, NOW).unwrap();
    assert_eq!(both[0].symbols.as_ref().map(Vec::len), Some(2));
    assert_eq!(both[1].symbols, None);
}

#[test]
fn members_of_tardis_machine_that_change_nothing_are_taken() {
    for more in [
        r#""apiKey":"TD.x","autoCleanup":true"#,
        r#""waitWhenDataNotYetAvailable":30"#,
        r#""withDisconnectMessages":false"#,
        r#""withDisconnectMessages":null,"symbols":null"#,
        r#""timeoutIntervalMS":10000,"withErrorMessages":false"#,
    ] {
        assert_eq!(parse(&object(more), NOW).map(|all| all.len()).map_err(|error| error.to_string()), Ok(1));
    }
}

#[test]
fn a_data_type_that_is_asked_for_twice_is_sent_once() {
    let text = object("").replace(r#"["trade"]"#, r#"["trade","trade_bar_1m","trade"]"#);
    assert_eq!(parse(&text, NOW).unwrap()[0].wanted.len(), 2);
}

#[test]
fn what_is_wrong_is_named() {
    let many = |count: usize| vec!["\"x\""; count].join(",");
    for (text, words) in [
        (String::new(), "options is no JSON"),
        ("{".to_owned(), "options is no JSON"),
        ("[]".to_owned(), "empty array"),
        ("7".to_owned(), "options holds 7, not an object"),
        ("[[]]".to_owned(), "options holds [], not an object"),
        ("{}".to_owned(), "options lacks \"exchange\""),
        (object("").replace("\"from\"", "\"form\""), "no member \"form\"; there are exchange,"),
        (object("").replace("\"bitmex\"", "7"), "\"exchange\" is 7"),
        (object("").replace("2024-03-02", "2024-02-01"), "lies before"),
        (object("").replace("2024-03-01", "1"), "\"from\": `1` is not a time"),
        (object("").replace("2024-03-01", "0001-01-01"), "one request replays at most"),
        (object("").replace("[\"trade\"]", "[]"), "lacks \"dataTypes\""),
        (object("").replace("[\"trade\"]", "\"trade\""), "\"dataTypes\" is \"trade\", not an array"),
        (object("").replace("[\"trade\"]", "[7]"), "\"dataTypes\" holds 7"),
        (object("").replace("\"trade\"", "\"trades\""), "do you mean \"trade\"?"),
        (object(r#""symbols":"XBTUSD""#), "\"symbols\" is \"XBTUSD\", not an array"),
        (object(r#""symbols":[""]"#), "\"symbols\" holds \"\""),
        (
            object(r#""withDisconnectMessages":true"#),
            "\"withDisconnectMessages\": the vendor's files do not say",
        ),
        (object(r#""filters":[]"#), "no member \"filters\""),
        (format!("[{}]", vec![object(""); 65].join(",")), "65 options; one request has at most 64"),
        (object(&format!("\"symbols\":[{}]", many(2_001))), "2001 symbols"),
        (object("").replace("\"trade\"", &vec!["\"trade\""; 65].join(",")), "65 data types"),
        ("x".repeat(MOST_BYTES + 1), "bytes; at most"),
        (format!("{}1{}", "[".repeat(400), "]".repeat(400)), "options is no JSON: recursion limit"),
    ] {
        let error = parse(&text, NOW).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}
