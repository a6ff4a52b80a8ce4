//! What a comparison finds: differences, and counts.

use super::cause::Cause;

/// One of the two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The lake's own recording.
    Live = 0,
    /// The vendor's file.
    Vendor = 1,
}

impl Side {
    /// Both.
    pub const BOTH: [Side; 2] = [Side::Live, Side::Vendor];

    pub(super) fn other(self) -> Side {
        match self {
            Side::Live => Side::Vendor,
            Side::Vendor => Side::Live,
        }
    }
}

/// What kind of difference it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A row that only the live side has.
    OnlyLive,
    /// A row that only the vendor has.
    OnlyVendor,
    /// Both have the row, by its id, and a value differs.
    Value,
    /// The best levels of the book differ, from a moment until they are equal again.
    BookTop,
    /// Levels of the book below the best ones differ, as `BookTop`.
    BookDepth,
    /// The last value of seconds differs, from a second until it is equal again.
    State,
    /// Both sides have rows, and there was no moment at which they could be compared.
    Incomparable,
}

impl Kind {
    /// The word in reports.
    pub fn name(self) -> &'static str {
        match self {
            Kind::OnlyLive => "only_live",
            Kind::OnlyVendor => "only_vendor",
            Kind::Value => "value",
            Kind::BookTop => "book_top",
            Kind::BookDepth => "book_depth",
            Kind::State => "state",
            Kind::Incomparable => "incomparable",
        }
    }
}

/// A difference.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// What kind.
    pub kind: Kind,
    /// The first moment by the exchange's clock, microseconds since the Unix epoch, UTC.
    pub from_us: i64,
    /// The moment from which on the sides are equal again; that of the row, for one row.
    pub to_us: i64,
    /// Rows, instants or seconds.
    pub count: u64,
    /// The column; empty: the whole row, or the book.
    pub field: String,
    /// What the live side has; `None`: nothing.
    pub live: Option<String>,
    /// What the vendor has; `None`: nothing.
    pub vendor: Option<String>,
    /// Why.
    pub cause: Cause,
    /// The same in words; empty: nobody knows.
    pub because: String,
}

/// Counts of a comparison.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rows that arrived in the compared ranges, live and the vendor's.
    pub rows: [u64; 2],
    /// What was compared: rows, instants of a book, or seconds.
    pub compared: u64,
    /// What is equal of it.
    pub equal: u64,
    /// Of a book: instants of one side only, which say nothing; live and the vendor's.
    pub alone: [u64; 2],
    /// Differences by cause, in the order of [`Cause::ALL`]; those beyond the listed ones too.
    pub by_cause: [u64; Cause::ALL.len()],
}

impl Counts {
    /// Differences that nothing explains.
    pub fn unexplained(&self) -> u64 {
        self.by_cause[Cause::Unexplained as usize]
    }
}
