//! Decimal numbers compared as texts, without floats.

/// A number's sign, its digits without zeros at either end, and the power of ten of its last digit. Equal for equal
/// numbers.
pub fn canonical(text: &str) -> (bool, String, i128) {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (is_negative, digits) = mantissa.strip_prefix('-').map_or((false, mantissa), |rest| (true, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = format!("{whole}{fraction}");
    let significant = all.trim_start_matches('0').trim_end_matches('0');
    if significant.is_empty() {
        return (false, String::new(), 0);
    }
    let zeros = all.len() - all.trim_end_matches('0').len();
    let exponent: i128 = exponent.parse().unwrap();
    (is_negative, significant.to_owned(), exponent - fraction.len() as i128 + zeros as i128)
}

/// Whether printing a float gives the number of a text again.
pub fn is_exact(text: &str, value: f64) -> bool {
    canonical(text) == canonical(&value.to_string())
}

#[test]
fn equal_numbers_have_one_form() {
    for (a, b, expected) in [
        ("1.50", "15e-1", true),
        ("0.0", "-0", true),
        ("6.37e-8", "0.0000000637", true),
        ("100", "1E+2", true),
        ("1", "-1", false),
        ("0.1", "0.10000000000000001", false),
    ] {
        assert_eq!(canonical(a) == canonical(b), expected, "{a} {b}");
    }
}
