//! Why a difference is there.

use std::ops::Range;

use mtdh_core::check::finding::{duration, moment};

use super::known::{KNOWN, Known};
use super::{BEYOND_US, Counts, Difference, Kind, Subject};
use crate::live::candles::gaps::Gap;

/// Why a difference is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// The table of gaps has a row for it.
    Gap = 0,
    /// The vendor records another channel of the exchange than the feed reads.
    OtherChannel = 1,
    /// The vendor's known treatment of what the exchange sends.
    Vendor = 2,
    /// It is at the edge of what both recorded, nearer than the difference of the two clocks.
    Clock = 3,
    /// One side was sent a row again that both have.
    Repeated = 4,
    /// Nothing explains it.
    Unexplained = 5,
}

impl Cause {
    /// All, as counts have them.
    pub const ALL: [Cause; 6] =
        [Cause::Gap, Cause::OtherChannel, Cause::Vendor, Cause::Clock, Cause::Repeated, Cause::Unexplained];

    /// The word in reports.
    pub fn name(self) -> &'static str {
        match self {
            Cause::Gap => "gap",
            Cause::OtherChannel => "other_channel",
            Cause::Vendor => "vendor",
            Cause::Clock => "clock",
            Cause::Repeated => "repeated",
            Cause::Unexplained => "unexplained",
        }
    }
}

/// The arrivals that are compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// The ranges that both sides recorded.
    pub ranges: Vec<Range<i64>>,
}

impl Window {
    /// Whether a time is within a range.
    pub fn has(&self, at: i64) -> bool {
        self.ranges.iter().any(|range| range.contains(&at))
    }

    /// The distance of a time from the nearest edge of a range.
    fn distance_of_edge(&self, at: i64) -> i64 {
        let edges = self.ranges.iter().flat_map(|range| [range.start, range.end]);
        edges.map(|edge| edge.abs_diff(at).min(i64::MAX as u64) as i64).min().unwrap_or(i64::MAX)
    }
}

/// The least difference of two clocks that is always allowed at an edge.
const LEAST_US: i64 = 1_000_000;

/// What is known of a difference before its cause.
pub(super) struct Facts<'a> {
    pub kind: Kind,
    pub field: &'a str,
    /// Arrivals of its first and last row.
    pub arrived: Range<i64>,
    /// The exchange's times of it.
    pub happened: Range<i64>,
    pub count: u64,
    /// When the live book was last made anew before it, or the live row came that states it, by arrival.
    pub was_reset: Option<i64>,
}

/// Finds causes.
pub(super) struct Causes {
    venue: String,
    data_type: mtdh_core::DataType,
    gaps: Vec<Gap>,
    pub window: Window,
    /// Whether rows have no time of the exchange.
    pub is_stamped: bool,
    /// The largest difference of arrivals of the same row.
    apart_us: i64,
}

impl Causes {
    pub fn new(subject: &Subject) -> Causes {
        let is_of = |gap: &&Gap| {
            use mtdh_core::DataType::{BookSnapshot5, BookSnapshot25, IncrementalBookL2, Quotes};
            let books = [BookSnapshot5, BookSnapshot25, IncrementalBookL2, Quotes];
            let is_book = |of| books.contains(&subject.data_type) && books.contains(&of);
            gap.data_type.is_none_or(|of| of == subject.data_type || is_book(of))
        };
        Causes {
            venue: subject.key.venue().to_owned(),
            data_type: subject.data_type,
            gaps: subject.gaps.iter().filter(is_of).cloned().collect(),
            window: Window { ranges: subject.ranges.clone() },
            is_stamped: false,
            apart_us: 0,
        }
    }

    /// Measures the clocks by the arrivals of one row.
    pub fn measure(&mut self, live: i64, vendor: i64) {
        // Rows that were joined across a longer time are not one message.
        let apart = live.abs_diff(vendor).min(BEYOND_US as u64) as i64;
        self.apart_us = self.apart_us.max(apart);
    }

    fn tolerance(&self) -> i64 {
        self.apart_us.saturating_add(LEAST_US).min(BEYOND_US)
    }

    /// The difference with its cause, counted.
    pub fn difference(
        &self,
        facts: Facts<'_>,
        live: Option<String>,
        vendor: Option<String>,
        counts: &mut Counts,
    ) -> Difference {
        let difference = self.explain(facts, live, vendor);
        counts.by_cause[difference.cause as usize] += 1;
        difference
    }

    /// The difference with its cause.
    pub fn explain(&self, facts: Facts<'_>, live: Option<String>, vendor: Option<String>) -> Difference {
        let (cause, because) = self.cause(&facts);
        Difference {
            kind: facts.kind,
            from_us: facts.happened.start,
            to_us: facts.happened.end,
            count: facts.count,
            field: facts.field.to_owned(),
            live,
            vendor,
            cause,
            because,
        }
    }

    fn cause(&self, facts: &Facts<'_>) -> (Cause, String) {
        if let Some(gap) = self.gap(facts) {
            let until = gap.to_us.map_or_else(|| "its end".to_owned(), moment);
            return (Cause::Gap, format!("{} from {} to {until}", gap.kind, moment(gap.from_us)));
        }
        let tolerance = self.tolerance();
        // A state differs until its next row; a row stands for itself.
        let is_row = matches!(facts.kind, Kind::OnlyLive | Kind::OnlyVendor);
        if is_row && self.window.distance_of_edge(facts.arrived.start) <= tolerance {
            let text = format!(
                "at the edge of the recording; the clocks are up to {} apart",
                duration(self.apart_us)
            );
            return (Cause::Clock, text);
        }
        if let Some(known) = self.known(facts) {
            return (known.cause, format!("{} ({})", known.text, known.source));
        }
        (Cause::Unexplained, String::new())
    }

    /// Why one side has rows, between these arrivals, and the other none at all.
    pub fn of_none(&self, kind: Kind, (first, last): (i64, i64)) -> (Cause, String) {
        let tolerance = self.tolerance();
        let takes = |gap: &&Gap| {
            let to = gap.to_us.unwrap_or(i64::MAX).saturating_add(tolerance);
            gap.from_us.saturating_sub(tolerance) <= first && last <= to
        };
        if let Some(gap) = self.gaps.iter().find(takes).filter(|_| kind == Kind::OnlyVendor) {
            return (Cause::Gap, format!("{} from {}", gap.kind, moment(gap.from_us)));
        }
        let is_edge = |at| self.window.distance_of_edge(at) <= tolerance;
        if is_edge(first) && is_edge(last) && last - first <= tolerance {
            return (Cause::Clock, "at the edge of the recording".to_owned());
        }
        (Cause::Unexplained, String::new())
    }

    /// A gap that took what the difference shows. A row that only the live side has is not explained by it, nor is a value.
    fn gap(&self, facts: &Facts<'_>) -> Option<&Gap> {
        if matches!(facts.kind, Kind::OnlyLive | Kind::Value) {
            return None;
        }
        let tolerance = self.tolerance();
        let is_state = !matches!(facts.kind, Kind::OnlyVendor);
        self.gaps.iter().find(|gap| {
            let ends = gap.to_us.unwrap_or(i64::MAX).saturating_add(tolerance);
            let is_begun = gap.from_us.saturating_sub(tolerance) <= facts.arrived.start;
            let is_within = is_begun && facts.arrived.start <= ends;
            // What was lost stays lost until the book is made anew, or a row states it.
            let stays = is_state && is_begun && facts.was_reset.is_some_and(|reset| reset <= ends);
            is_within || stays
        })
    }

    fn known(&self, facts: &Facts<'_>) -> Option<&'static Known> {
        let lasts = facts.happened.end.saturating_sub(facts.happened.start);
        KNOWN.iter().find(|known| {
            known.venues.iter().any(|venue| match venue.strip_suffix('*') {
                Some(start) => self.venue.starts_with(start),
                None => self.venue == *venue,
            }) && known.data_types.contains(&self.data_type)
                && known.kinds.contains(&facts.kind)
                && known.field.is_none_or(|field| field == facts.field)
                && known.at_most_us.is_none_or(|most| lasts <= most)
        })
    }
}
