//! Removes the API key from text of a server, in every encoding that the server may have used.
//!
//! The text is searched as it is, and after repeated decoding of JSON escapes, percent encoding and HTML entities. Each form is
//! searched for the plain key, its hexadecimal form, and its base64 form at any offset.

use secrecy::{ExposeSecret, SecretString};

/// Replacement of the key.
const STARS: &str = "***";

/// The number of decoding rounds: no known server encodes more than three times.
const MOST_DECODINGS: usize = 4;

/// The shortest key, bytes, that is searched for in other encodings too.
const SHORTEST_CODED: usize = 6;

/// Finds the key in text.
#[derive(Clone, Debug, Default)]
pub struct Secret {
    /// The encodings of the key in lower case, with `+` and `/` instead of `-` and `_`.
    forms: Vec<SecretString>,
}

/// A byte of decoded text, and the start and end of its source in the original text.
type Placed = (u8, usize, usize);

impl Secret {
    /// For a key; without one nothing is found.
    pub fn new(key: Option<&SecretString>) -> Secret {
        let key = key.map(|key| key.expose_secret().trim().as_bytes()).unwrap_or_default();
        if key.is_empty() {
            return Secret::default();
        }
        let mut forms = vec![key.to_vec()];
        // The encoded forms of a very short key would be found everywhere.
        if key.len() >= SHORTEST_CODED {
            forms.push(key.iter().flat_map(|b| format!("{b:02x}").into_bytes()).collect());
            forms.extend((0..3).map(|before| base64_inside(key, before)));
        }
        let lower =
            |form: Vec<u8>| String::from_utf8_lossy(&form).to_lowercase().replace('-', "+").replace('_', "/");
        Secret { forms: forms.into_iter().map(lower).map(SecretString::from).collect() }
    }

    /// Whether there is a key.
    pub fn is_set(&self) -> bool {
        !self.forms.is_empty()
    }

    /// Whether a text contains the key.
    pub fn is_in(&self, text: &str) -> bool {
        !self.places(text).is_empty()
    }

    /// The text with the key replaced by `***`.
    pub fn redact(&self, text: &str) -> String {
        let mut safe = String::with_capacity(text.len());
        let mut done = 0;
        for (from, to) in self.places(text) {
            if from >= done {
                safe.push_str(&text[done..from]);
                safe.push_str(STARS);
            }
            done = done.max(to);
        }
        safe.push_str(&text[done..]);
        safe
    }

    /// The byte ranges of the key in the original text, in order.
    fn places(&self, text: &str) -> Vec<(usize, usize)> {
        let mut places = Vec::new();
        if self.forms.is_empty() {
            return places;
        }
        let mut view: Vec<Placed> = text.bytes().enumerate().map(|(at, byte)| (byte, at, at + 1)).collect();
        for _ in 0..MOST_DECODINGS {
            let found = places.len();
            self.find(&view, &mut places);
            // Base64 may be wrapped into lines.
            if places.len() == found {
                let is_sign = |(byte, ..): &Placed| !byte.is_ascii_whitespace();
                let unbroken: Vec<Placed> = view.iter().copied().filter(is_sign).collect();
                self.find(&unbroken, &mut places);
            }
            let decoded = decoded(&view);
            if decoded.len() == view.len() {
                break;
            }
            view = decoded;
        }
        for (from, to) in &mut places {
            *from = (0..=*from).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            *to = (*to..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
        }
        places.sort_unstable();
        places
    }

    fn find(&self, view: &[Placed], places: &mut Vec<(usize, usize)>) {
        let plain = |byte: u8| match byte {
            b'-' => b'+',
            b'_' => b'/',
            byte => byte.to_ascii_lowercase(),
        };
        let bytes: Vec<u8> = view.iter().map(|(byte, ..)| plain(*byte)).collect();
        for (number, form) in self.forms.iter().enumerate() {
            let form = form.expose_secret().as_bytes();
            for at in memchr::memmem::find_iter(&bytes, form) {
                let (mut from, mut to) = (at, at + form.len());
                // The base64 characters at the border contain bits of the key too.
                if number >= FIRST_OF_BASE64 {
                    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
                    from -= bytes[..from].iter().rev().take_while(|b| is_base64(b)).count();
                    to += bytes[to..].iter().take_while(|b| is_base64(b)).count();
                }
                places.push((view[from].1, view[to - 1].2));
            }
        }
    }
}

/// Index of the first base64 form: after the plain key and its hexadecimal form.
const FIRST_OF_BASE64: usize = 2;

/// The base64 characters that depend on the key only, if it follows `before` bytes (modulo three).
fn base64_inside(key: &[u8], before: usize) -> Vec<u8> {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bit = |at: usize| usize::from(key[at / 8] >> (7 - at % 8) & 1);
    // Bits of the key before the first whole base64 character.
    let skipped = (6 - before * 8 % 6) % 6;
    let signs = (key.len() * 8 - skipped) / 6;
    let sign = |number: usize| (0..6).fold(0, |bits, at| bits << 1 | bit(skipped + number * 6 + at));
    (0..signs).map(|number| SIGNS[sign(number)]).collect()
}

/// Removes one layer of escapes.
fn decoded(view: &[Placed]) -> Vec<Placed> {
    let mut out = Vec::with_capacity(view.len());
    let mut at = 0;
    while at < view.len() {
        let (byte, from, to) = view[at];
        match escape(&view[at..]) {
            Some((character, length)) => {
                let to = view[at + length - 1].2;
                let mut bytes = [0; 4];
                out.extend(character.encode_utf8(&mut bytes).bytes().map(|byte| (byte, from, to)));
                at += length;
            }
            None => {
                out.push((byte, from, to));
                at += 1;
            }
        }
    }
    out
}

/// The named entities of HTML and XML, after their `&`.
const NAMED: [(&str, char); 5] = [("amp;", '&'), ("lt;", '<'), ("gt;", '>'), ("quot;", '"'), ("apos;", '\'')];

/// The character of an escape at the start of the text, and the escape's length in bytes.
fn escape(view: &[Placed]) -> Option<(char, usize)> {
    let byte = |at: usize| view.get(at).map(|(byte, ..)| *byte);
    let number = |from: usize, digits: usize, radix: u32| {
        let text = view.get(from..from + digits)?.iter();
        let number = text
            .map(|(b, ..)| char::from(*b).to_digit(radix))
            .try_fold(0_u32, |n, d| n.checked_mul(radix)?.checked_add(d?))?;
        char::from_u32(number)
    };
    match (byte(0)?, byte(1)?) {
        (b'%', _) => Some((number(1, 2, 16)?, 3)),
        (b'\\', b'u') if byte(2) == Some(b'{') => {
            let digits = view[3..].iter().take(8).position(|(b, ..)| *b == b'}')?;
            Some((number(3, digits, 16)?, digits + 4))
        }
        (b'\\', b'u') => Some((number(2, 4, 16)?, 6)),
        (b'\\', b'x') => Some((number(2, 2, 16)?, 4)),
        (b'\\', b'n' | b'r' | b't') => Some((' ', 2)),
        (b'\\', sign) if sign.is_ascii_punctuation() => Some((char::from(sign), 2)),
        (b'&', b'#') => {
            let (first, radix) = if matches!(byte(2), Some(b'x' | b'X')) { (3, 16) } else { (2, 10) };
            let digits = view[first.min(view.len())..].iter().take(8).position(|(b, ..)| *b == b';')?;
            Some((number(first, digits, radix)?, first + digits + 1))
        }
        (b'&', _) => NAMED.iter().find_map(|(name, character)| {
            let is_it = name.bytes().enumerate().all(|(at, sign)| byte(at + 1) == Some(sign));
            is_it.then_some((*character, name.len() + 1))
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "TD.secret-key_0123~<x";

    /// Base64 as servers write it.
    fn base64(text: &str) -> String {
        let padded = [text.as_bytes(), &[0, 0]].concat();
        String::from_utf8(base64_inside(&padded, 0)).unwrap()
    }

    #[test]
    fn the_key_is_cut_out_in_every_form() {
        let secret = Secret::new(Some(&SecretString::from(KEY)));
        let hex: String = KEY.bytes().map(|b| format!("{b:02x}")).collect();
        let percent: String = KEY.bytes().map(|b| format!("%{b:02X}")).collect();
        let json: String = KEY.bytes().map(|b| format!("\\u{b:04x}")).collect();
        let entities: String = KEY.bytes().map(|b| format!("&#{b};")).collect();
        let mixed = KEY.replace('s', "\\u0073").replace('e', "\\u0065");
        let mut forms = vec![
            KEY.to_owned(),
            KEY.to_lowercase(),
            KEY.to_uppercase(),
            mixed.clone(),
            mixed.replace('\\', "\\\\"),
            KEY.replace('.', "%2e"),
            KEY.replace('.', "%2E").replace('s', "%73"),
            KEY.replace('.', "%252e"),
            KEY.replace('.', "\\x2e"),
            KEY.replace('.', "\\u{2e}"),
            KEY.replace('-', "&#45;").replace('s', "&#x73;"),
            hex.to_uppercase(),
            hex,
            percent.to_lowercase(),
            percent,
            json,
            entities,
            KEY.replace('<', "&lt;"),
            KEY.replace('<', "&amp;lt;"),
        ];
        for text in [
            KEY.to_owned(),
            format!("{KEY}:"),
            format!(":{KEY}"),
            format!("me:{KEY}"),
            format!("user:{KEY}x"),
        ] {
            let text = base64(&text);
            forms.push(text.replace('+', "-").replace('/', "_"));
            forms.push(text.replace('+', "%2B").replace('/', "%2F"));
            forms.push(format!("{}\r\n{}", &text[..9], &text[9..]));
            forms.push(text);
        }
        for form in forms {
            let found = secret.redact(&format!("bad key \"{form}\", ünd më"));
            assert_eq!(found, "bad key \"***\", ünd më", "{form}");
            assert!(secret.is_in(&form), "{form}");
        }
        for (text, expected) in [
            ("nothing of it: 100 % \\", "nothing of it: 100 % \\"),
            ("ü\\u00fc %", "ü\\u00fc %"),
            (&format!("{KEY}{KEY} {KEY}"), "****** ***"),
        ] {
            assert_eq!(secret.redact(text), *expected);
        }
    }

    #[test]
    fn without_a_key_nothing_is_found() {
        for key in [None, Some(SecretString::from("")), Some(SecretString::from(" "))] {
            assert_eq!(Secret::new(key.as_ref()).redact("as it is"), "as it is");
        }
        assert!(!format!("{:?}", Secret::new(Some(&SecretString::from(KEY)))).contains("secret-key"));
    }
}
