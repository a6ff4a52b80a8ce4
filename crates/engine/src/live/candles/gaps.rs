//! What was lost, as candles see it: gaps are told by arrival, intervals are of the exchange's clock.

use mtdh_core::DataType;
use mtdh_core::candle::Gaps;
use mtdh_core::key::InstrumentKey;
use mtdh_lake::tables::gaps::GapRow;

/// How far a row's exchange time may be from its arrival, for the question whether a gap may have had a row of an interval.
pub(crate) const EDGE_US: i64 = 2_000_000;

/// Something that was lost, or may have been.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gap {
    /// Arrival of the last good message before it, microseconds since the Unix epoch, UTC.
    pub from_us: i64,
    /// Arrival of the first good message after it; `None`: it goes on.
    pub to_us: Option<i64>,
    /// Of what; `None`: of every data type.
    pub data_type: Option<DataType>,
    /// What happened, one word of the table of gaps.
    pub kind: String,
}

/// Kinds that go on until they are told to have ended. All others are moments if they have no length.
const LASTING: [&str; 5] = ["disconnect", "silence", "refused", "overload", "crash"];

impl From<&GapRow> for Gap {
    fn from(row: &GapRow) -> Gap {
        let goes_on = row.to_us <= row.from_us && LASTING.contains(&row.kind.as_str());
        Gap {
            from_us: row.from_us,
            to_us: (!goes_on).then_some(row.to_us.max(row.from_us)),
            data_type: row.data_type,
            kind: row.kind.clone(),
        }
    }
}

impl From<&mtdh_source::live::out::Gap> for Gap {
    fn from(gap: &mtdh_source::live::out::Gap) -> Gap {
        let goes_on = gap.to <= gap.from && LASTING.contains(&gap.kind);
        Gap {
            from_us: gap.from,
            to_us: (!goes_on).then_some(gap.to.max(gap.from)),
            data_type: gap.data_type,
            kind: gap.kind.to_owned(),
        }
    }
}

/// Whether a row of the table of gaps is about an instrument: by its key or symbol, or because it is about a whole connection.
pub fn is_about(row: &GapRow, key: &InstrumentKey, symbol: &str) -> bool {
    match (&row.key, &row.symbol) {
        (Some(of), _) => of == key,
        (None, Some(of)) => of.eq_ignore_ascii_case(symbol),
        (None, None) => true,
    }
}

/// The time ranges that these gaps may have taken from each source of candles.
pub fn of_sources<'a>(gaps: impl IntoIterator<Item = &'a Gap>) -> Gaps {
    use DataType::{
        BookSnapshot5, BookSnapshot25, DerivativeTicker, IncrementalBookL2, Liquidations, OptionsChain,
        Trades,
    };
    let mut all = Gaps::default();
    for gap in gaps {
        let to = gap.to_us.map_or(i64::MAX, |to| to.saturating_add(EDGE_US));
        let range = gap.from_us.saturating_sub(EDGE_US)..to;
        let is_of = |types: &[DataType]| gap.data_type.is_none_or(|of| types.contains(&of));
        for (types, list) in [
            (&[Trades][..], &mut all.trades),
            (&[Liquidations], &mut all.liquidations),
            (&[DerivativeTicker, OptionsChain], &mut all.ticker),
            // Snapshots are made of changes.
            (&[BookSnapshot5, BookSnapshot25, IncrementalBookL2], &mut all.book),
        ] {
            if is_of(types) {
                list.push(range.clone());
            }
        }
    }
    all
}
