//! The instrument key `VENUE:TYPE:SYMBOL`: the canonical name of an instrument.
//!
//! Keys are derived from a venue's symbols in [`crate::symbol`]. Start with [`InstrumentKey`].

mod kind;
mod spelling;

use std::fmt;
use std::str::FromStr;

use crate::day::Day;
pub use kind::{InstrumentType, OptionSide, UnknownInstrumentType};
pub use spelling::asset_name;
pub(crate) use spelling::spell_typed;
use spelling::{Misspelt, respell, spell_asset, spell_native, spell_twin};

/// The largest length of a key, bytes. With the lake's additions it stays below the 255 bytes of a file name.
pub const LONGEST_KEY_BYTES: usize = 224;

/// The largest length of a key before its `~`, bytes, so that there is always room for a suffix.
const LONGEST_PLAIN_BYTES: usize = 144;

/// The version of the naming of instruments: which key a symbol has. It changes when a symbol gets another key. Keys of version
/// 1 are those of 0.1.0; all of them are still valid keys.
pub const KEY_VERSION: u32 = 2;

/// The name of an instrument: `VENUE:TYPE:SYMBOL`, upper case. The whole specification is `docs/reference/instrument-key.md`.
///
/// | type | canonical symbol |
/// |---|---|
/// | SPOT_PAIR, PERP | `BASE-QUOTE` |
/// | FUTURE | `BASE-QUOTE-YYMMDD`, or `ROOT-YYYYMM` off crypto |
/// | OPTION | `BASE-QUOTE-YYMMDD-STRIKE-CALL` or `-PUT`, or `ROOT-YYYYMM-STRIKE-CALL` off crypto |
/// | COMBO, PREDICTION | the venue's own name |
/// | UNKNOWN | none |
/// | the others | `ASSET` |
///
/// Any other symbol of a type up to UNKNOWN is native: the venue's own name, of an instrument whose terms its symbol does not
/// tell for certain. [`InstrumentKey::is_canonical`] tells them apart.
///
/// Any of them may have a suffix `~MARK`, which distinguishes it from another instrument of the venue with the same terms:
/// `OKX-FUTURES:FUTURE:BTC-USD-260626~UM` has another margin than the one without a suffix.
///
/// A key is safe as an object name, a file name and part of a URL. Besides the two colons, a venue consists of
/// `A-Z 0-9 . _ -`, a symbol of those and `@ ~`. Other characters are escaped, see [`asset_name`] and
/// [`InstrumentKey::spot_pair`].
///
/// ```
/// use mtdh_core::key::InstrumentKey;
///
/// let key: InstrumentKey = "deribit:option:btc-usd-241227-50000-c".parse()?;
/// assert_eq!(key.to_string(), "DERIBIT:OPTION:BTC-USD-241227-50000-CALL");
/// assert_eq!((key.base(), key.quote(), key.strike()), (Some("BTC"), Some("USD"), Some("50000")));
/// # Ok::<(), mtdh_core::key::KeyError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstrumentKey {
    /// The whole key. Keys sort like their texts.
    text: String,
    venue_bytes: usize,
    instrument_type: InstrumentType,
    is_canonical: bool,
}

/// A text that is not an instrument key.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{text}` is not an instrument key: {fault}; a right one is {example}")]
pub struct KeyError {
    text: String,
    fault: KeyFault,
    example: &'static str,
}

impl KeyError {
    /// What is wrong with the text.
    pub fn fault(&self) -> &KeyFault {
        &self.fault
    }
}

/// What can be wrong with a key.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum KeyFault {
    /// The text does not have three parts separated by colons.
    #[error("it is not VENUE:TYPE:SYMBOL")]
    Parts,
    /// The venue is empty or has characters other than `A-Z 0-9 . _ -`.
    #[error("`{0}` is not a venue")]
    Venue(String),
    /// The second part is not an instrument type.
    #[error(transparent)]
    Type(#[from] UnknownInstrumentType),
    /// The symbol does not have the form of its type.
    #[error("the symbol of {instrument_type} is {}", instrument_type.form())]
    Form {
        /// The type.
        instrument_type: InstrumentType,
    },
    /// A name is empty.
    #[error("a name in it is empty")]
    Empty,
    /// A character that is not allowed in keys.
    #[error("{0:?} is not allowed in it")]
    Character(char),
    /// The day is not written `YYMMDD`, does not exist, or is not between 2000 and 2099.
    #[error("`{0}` is not a day YYMMDD between 2000 and 2099")]
    Expiry(String),
    /// The month of a non-crypto contract is not written `YYYYMM`.
    #[error("`{0}` is not a month YYYYMM")]
    Month(String),
    /// The strike is not a plain decimal number.
    #[error("`{0}` is not a strike; it is a number such as 50000 or 1.14")]
    Strike(String),
    /// The side is neither CALL nor PUT.
    #[error("`{0}` is neither CALL nor PUT")]
    Side(String),
    /// The key is too long for a file name.
    #[error("it is longer than {LONGEST_PLAIN_BYTES} bytes, or than {LONGEST_KEY_BYTES} with its ending")]
    TooLong,
}

impl From<Misspelt> for KeyFault {
    fn from(misspelt: Misspelt) -> KeyFault {
        match misspelt {
            Misspelt::Empty => KeyFault::Empty,
            Misspelt::Character(c) => KeyFault::Character(c),
        }
    }
}

impl InstrumentKey {
    /// A spot pair.
    ///
    /// `base` and `quote` are the venue's asset names, in any case. `-` becomes `_`. Characters other than letters, digits and
    /// `.` become `@` and four hexadecimal digits per UTF-16 unit.
    ///
    /// # Errors
    /// If the venue or a name is empty, or the venue has a character that is not allowed.
    pub fn spot_pair(venue: &str, base: &str, quote: &str) -> Result<InstrumentKey, KeyError> {
        Self::assemble(venue, InstrumentType::SpotPair, &[&spell_asset(base), &spell_asset(quote)])
    }

    /// A perpetual. Names are escaped as in [`InstrumentKey::spot_pair`].
    ///
    /// # Errors
    /// As [`InstrumentKey::spot_pair`].
    pub fn perp(venue: &str, base: &str, quote: &str) -> Result<InstrumentKey, KeyError> {
        Self::assemble(venue, InstrumentType::Perp, &[&spell_asset(base), &spell_asset(quote)])
    }

    /// A future that expires on the UTC day `expiry`. Names are escaped as in [`InstrumentKey::spot_pair`].
    ///
    /// # Errors
    /// As [`InstrumentKey::spot_pair`], or if the day is not between 2000 and 2099.
    pub fn future(venue: &str, base: &str, quote: &str, expiry: Day) -> Result<InstrumentKey, KeyError> {
        let parts = [&spell_asset(base), &spell_asset(quote), &spell_day(expiry)];
        Self::assemble(venue, InstrumentType::Future, &parts.map(String::as_str))
    }

    /// An option that expires on the UTC day `expiry`. Names are escaped as in [`InstrumentKey::spot_pair`]. `strike` is a
    /// decimal number in the quote asset; `50000.0` equals `50000`.
    ///
    /// # Errors
    /// As [`InstrumentKey::future`], or if the strike is not a plain decimal number.
    pub fn option(
        venue: &str,
        base: &str,
        quote: &str,
        expiry: Day,
        strike: &str,
        side: OptionSide,
    ) -> Result<InstrumentKey, KeyError> {
        let (base, quote, day) = (spell_asset(base), spell_asset(quote), spell_day(expiry));
        Self::assemble(venue, InstrumentType::Option, &[&base, &quote, &day, strike, side.name()])
    }

    /// The key of an instrument by the venue's own symbol, in the form that it has in the vendor's files.
    ///
    /// Letters, digits, `.`, `_` and `-` are kept, other characters are escaped as in [`InstrumentKey::spot_pair`]. A symbol that
    /// would read as a canonical one of the type has its first `-` escaped, as often as needed. One that is too long is cut and
    /// ends in a hash of the whole. Except for combos and predictions, the key is never canonical.
    ///
    /// # Errors
    /// If the type is one of a single asset, or the venue is empty or has a character that is not allowed.
    pub fn native(venue: &str, kind: InstrumentType, name: &str) -> Result<InstrumentKey, KeyError> {
        let failed =
            |fault| KeyError { text: format!("{venue}:{kind}:{name}"), fault, example: kind.example() };
        if !kind.has_native_keys() {
            return Err(failed(KeyFault::Form { instrument_type: kind }));
        }
        let venue = checked_venue(venue).map_err(failed)?;
        Ok(Self::of_own_name(&venue, kind, name))
    }

    /// As [`InstrumentKey::native`], which cannot fail: a type without native keys becomes UNKNOWN, and what is no venue is made
    /// one.
    pub(crate) fn of_own_name(venue: &str, kind: InstrumentType, name: &str) -> InstrumentKey {
        const LONGEST_VENUE_BYTES: usize = 64;
        let kind = if kind.has_native_keys() { kind } else { InstrumentType::Unknown };
        let mut venue: String =
            venue.to_ascii_uppercase().chars().map(|c| if is_of_venue(c) { c } else { '_' }).collect();
        venue.truncate(LONGEST_VENUE_BYTES);
        let venue = if checked_venue(&venue).is_ok() { venue } else { "_".to_owned() };
        let room = LONGEST_PLAIN_BYTES - (venue.len() + kind.name().len() + 2);
        let text = format!("{venue}:{kind}:{}", native_symbol(kind, name, room));
        let is_canonical = kind.is_named_by_venue();
        InstrumentKey { text, venue_bytes: venue.len(), instrument_type: kind, is_canonical }
    }

    /// The key with the suffix `~` and the vendor's symbol, for an instrument that would share its key with another one of the
    /// venue. Replaces an existing suffix. Characters that are not allowed become `-`; the key is cut at
    /// [`LONGEST_KEY_BYTES`].
    #[must_use]
    pub fn with_twin(&self, raw_symbol: &str) -> InstrumentKey {
        let plain = self.text.split('~').next().unwrap_or(&self.text);
        let mut text = format!("{plain}~{}", spell_twin(raw_symbol));
        text.truncate(LONGEST_KEY_BYTES);
        InstrumentKey { text, ..*self }
    }

    /// As [`InstrumentKey::with_twin`], followed by a hash of the symbol in eight hexadecimal digits. For twins whose symbols
    /// have the same suffix there.
    #[must_use]
    pub fn with_exact_twin(&self, raw_symbol: &str) -> InstrumentKey {
        let mut key = self.with_twin(raw_symbol);
        let hash = crate::stable::stable_index(raw_symbol, u32::MAX);
        key.text.truncate(LONGEST_KEY_BYTES - 9);
        key.text.push_str(&format!("-{hash:08X}"));
        key
    }

    fn assemble(venue: &str, kind: InstrumentType, parts: &[&str]) -> Result<InstrumentKey, KeyError> {
        // A native symbol is no failed canonical one.
        canonical_symbol(kind, &parts.join("-").to_uppercase())
            .and_then(|symbol| Self::checked(venue, kind, &symbol))
            .map_err(|fault| KeyError {
                text: format!("{venue}:{kind}:{}", parts.join("-")),
                fault,
                example: kind.example(),
            })
    }

    fn checked(venue: &str, kind: InstrumentType, symbol: &str) -> Result<InstrumentKey, KeyFault> {
        let venue = checked_venue(venue)?;
        let (symbol, is_canonical) = checked_symbol(kind, &symbol.to_uppercase())?;
        let text = format!("{venue}:{kind}:{symbol}");
        let plain_bytes = text.find('~').unwrap_or(text.len());
        if plain_bytes > LONGEST_PLAIN_BYTES || text.len() > LONGEST_KEY_BYTES {
            return Err(KeyFault::TooLong);
        }
        Ok(InstrumentKey { text, venue_bytes: venue.len(), instrument_type: kind, is_canonical })
    }

    /// The whole key.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The venue, upper case.
    pub fn venue(&self) -> &str {
        &self.text[..self.venue_bytes]
    }

    /// The instrument type.
    pub fn instrument_type(&self) -> InstrumentType {
        self.instrument_type
    }

    /// Whether the symbol is made of the instrument's terms, or is the venue's own name of a combo or a prediction. If not, it is
    /// the venue's own name of an instrument whose terms the symbol does not tell for certain.
    pub fn is_canonical(&self) -> bool {
        self.is_canonical
    }

    /// The symbol: the part after the second colon, including a suffix.
    pub fn symbol(&self) -> &str {
        &self.text[self.venue_bytes + self.instrument_type.name().len() + 2..]
    }

    /// The suffix after `~`; `None` if there is none.
    pub fn twin(&self) -> Option<&str> {
        self.symbol().split_once('~').map(|(_, twin)| twin)
    }

    /// The symbol's parts between dashes, without the suffix. None for venues' own names.
    fn parts(&self) -> Vec<&str> {
        match self.instrument_type {
            kind if kind.is_named_by_venue() || !self.is_canonical => Vec::new(),
            _ => self.symbol().split('~').next().unwrap_or_default().split('-').collect(),
        }
    }

    /// The base asset as escaped in the key, or the single asset or root; `None` for venues' own names.
    pub fn base(&self) -> Option<&str> {
        self.parts().first().copied()
    }

    /// The quote asset as escaped in the key; `None` if the symbol has none.
    pub fn quote(&self) -> Option<&str> {
        match (self.instrument_type, self.parts().as_slice()) {
            (InstrumentType::SpotPair | InstrumentType::Perp, [_, quote])
            | (InstrumentType::Future, [_, quote, _])
            | (InstrumentType::Option, [_, quote, _, _, _]) => Some(quote),
            _ => None,
        }
    }

    /// The UTC day of expiry; `None` if the symbol has no day.
    pub fn expiry(&self) -> Option<Day> {
        match self.parts().as_slice() {
            [_, _, day] | [_, _, day, _, _] => Day::from_short(day),
            _ => None,
        }
    }

    /// The last UTC day of a dated contract: its expiry, or the last day of its month; `None` if it has none.
    pub(crate) fn last_day(&self) -> Option<Day> {
        let of_month = || {
            let [_, month] = self.parts().try_into().ok()?;
            let (year, month) = (month.get(..4)?.parse().ok()?, month.get(4..)?.parse::<u32>().ok()?);
            let next = if month == 12 { Day::new(year + 1, 1, 1) } else { Day::new(year, month + 1, 1) };
            next.map(Day::previous)
        };
        let is_future = self.instrument_type == InstrumentType::Future;
        self.expiry().or_else(|| of_month().filter(|_| is_future))
    }

    /// The strike, a decimal number in the quote asset; `None` unless it is an option.
    pub fn strike(&self) -> Option<&str> {
        match self.parts().as_slice() {
            [.., _, _, strike, _] => Some(strike),
            _ => None,
        }
    }

    /// Call or put; `None` unless it is an option.
    pub fn option_side(&self) -> Option<OptionSide> {
        match self.parts().as_slice() {
            [.., _, _, _, side] => OptionSide::of_text(side),
            _ => None,
        }
    }
}

impl fmt::Display for InstrumentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for InstrumentKey {
    type Err = KeyError;

    /// Parses a key in any case. `PERPETUAL`, `C` and `P` are read as PERP, CALL and PUT. Non-ASCII letters are escaped.
    fn from_str(text: &str) -> Result<InstrumentKey, KeyError> {
        let error = |fault, example| KeyError { text: text.to_owned(), fault, example };
        let mut parts = text.splitn(3, ':');
        let (Some(venue), Some(kind), Some(symbol)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(error(KeyFault::Parts, InstrumentType::SpotPair.example()));
        };
        let kind: InstrumentType = kind
            .parse()
            .map_err(|unknown| error(KeyFault::Type(unknown), InstrumentType::SpotPair.example()))?;
        Self::checked(venue, kind, symbol).map_err(|fault| error(fault, kind.example()))
    }
}

fn is_of_venue(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

/// A venue in upper case.
fn checked_venue(venue: &str) -> Result<String, KeyFault> {
    let venue = venue.to_ascii_uppercase();
    let is_venue = venue.chars().all(is_of_venue) && !venue.chars().all(|c| c == '.');
    if is_venue { Ok(venue) } else { Err(KeyFault::Venue(venue)) }
}

/// The one spelling of a symbol, and whether it is canonical. `symbol` is in upper case.
fn checked_symbol(kind: InstrumentType, symbol: &str) -> Result<(String, bool), KeyFault> {
    if let Some((plain, twin)) = symbol.split_once('~') {
        let ((plain, is_canonical), twin) = (checked_symbol(kind, plain)?, respell(twin, &['-'])?);
        return Ok((format!("{plain}~{twin}"), is_canonical));
    }
    match canonical_symbol(kind, symbol) {
        Ok(symbol) => Ok((symbol, true)),
        Err(_) if kind.has_native_keys() => Ok((respell(symbol, &['-'])?, false)),
        Err(fault) => Err(fault),
    }
}

/// A venue's symbol as a native symbol of at most `room` bytes, which does not read as a canonical one.
fn native_symbol(kind: InstrumentType, name: &str, room: usize) -> String {
    const HASH_BYTES: usize = 17;
    let whole = spell_native(name);
    let looks_canonical = |symbol: &str| !kind.is_named_by_venue() && canonical_symbol(kind, symbol).is_ok();
    let mut symbol = whole.clone();
    let fitted = |symbol: &str| {
        if !symbol.is_empty() && symbol.len() <= room {
            return symbol.to_owned();
        }
        // An escape that is cut would be no escape.
        let cut = &symbol[..symbol.len().min(room.saturating_sub(HASH_BYTES))];
        let cut = cut.rfind('@').filter(|at| at + 5 > cut.len()).map_or(cut, |at| &cut[..at]);
        format!("{cut}_{:016X}", crate::stable::stable_hash_of(&whole))
    };
    while looks_canonical(&fitted(&symbol)) {
        symbol = symbol.replacen('-', "@002D", 1);
    }
    fitted(&symbol)
}

/// The canonical form of a symbol. `symbol` is in upper case.
fn canonical_symbol(kind: InstrumentType, symbol: &str) -> Result<String, KeyFault> {
    let asset = |text: &str| respell(text, &[]);
    let parts: Vec<&str> = symbol.split('-').collect();
    let (names, rest) = match (kind, parts.as_slice()) {
        (InstrumentType::Combo | InstrumentType::Prediction, _) => return Ok(respell(symbol, &['-'])?),
        (InstrumentType::Unknown, _) => return Err(KeyFault::Form { instrument_type: kind }),
        (InstrumentType::SpotPair | InstrumentType::Perp, [base, quote]) => {
            (vec![asset(base)?, asset(quote)?], vec![])
        }
        (InstrumentType::Future, [base, quote, day]) => {
            (vec![asset(base)?, asset(quote)?], vec![checked_day(day)?])
        }
        (InstrumentType::Future, [root, month]) => (vec![asset(root)?], vec![checked_month(month)?]),
        (InstrumentType::Option, [base, quote, day, strike, side]) => (
            vec![asset(base)?, asset(quote)?],
            vec![checked_day(day)?, checked_strike(strike)?, checked_side(side)?],
        ),
        (InstrumentType::Option, [root, month, strike, side]) => {
            (vec![asset(root)?], vec![checked_month(month)?, checked_strike(strike)?, checked_side(side)?])
        }
        (
            InstrumentType::SpotPair | InstrumentType::Perp | InstrumentType::Future | InstrumentType::Option,
            _,
        ) => {
            return Err(KeyFault::Form { instrument_type: kind });
        }
        (_, [only]) => (vec![asset(only)?], vec![]),
        _ => return Err(KeyFault::Form { instrument_type: kind }),
    };
    Ok([names, rest].concat().join("-"))
}

/// `YYMMDD`, or the whole date if it is not between 2000 and 2099.
fn spell_day(day: Day) -> String {
    if (2000..2100).contains(&day.year()) { day.short() } else { day.compact() }
}

fn checked_day(text: &str) -> Result<String, KeyFault> {
    Day::from_short(text).map(Day::short).ok_or_else(|| KeyFault::Expiry(text.to_owned()))
}

fn checked_month(text: &str) -> Result<String, KeyFault> {
    let is_month =
        text.len() == 6 && Day::from_short(&format!("{}01", &text[2..])).is_some() && text.starts_with("20");
    if is_month { Ok(text.to_owned()) } else { Err(KeyFault::Month(text.to_owned())) }
}

/// The canonical form of a strike: no sign, no exponent, no redundant zeros.
fn checked_strike(text: &str) -> Result<String, KeyFault> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || !digits(whole) || !digits(fraction) {
        return Err(KeyFault::Strike(text.to_owned()));
    }
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        digits => digits,
    };
    Ok(match fraction.trim_end_matches('0') {
        "" => whole.to_owned(),
        fraction => format!("{whole}.{fraction}"),
    })
}

fn checked_side(text: &str) -> Result<String, KeyFault> {
    OptionSide::of_text(text)
        .map(|side| side.name().to_owned())
        .ok_or_else(|| KeyFault::Side(text.to_owned()))
}
