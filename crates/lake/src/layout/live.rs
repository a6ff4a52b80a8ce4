//! Paths of live recordings: captures, parts and gaps.

use mtdh_core::Day;
use mtdh_core::partition::{Origin, Partition};
use object_store::path::Path;

use super::{Layout, below, path};
use crate::live::name::{PartName, SegmentName, is_venue};

/// Folder of the captures of live feeds.
const CAPTURES: &str = "live_capture";
/// Folder of the tables of gaps.
const GAPS: &str = "live_gaps/by_date";
/// Folder of the comparisons of live rows with the vendor's.
const COMPARISONS: &str = "live_comparisons/by_date";
/// Folder of the lists of recorders that run.
const RECORDERS: &str = "live_recorders";

impl Layout {
    /// The list of an exchange's recorders that run.
    pub fn recorders(self, venue: &str) -> Path {
        path(format!("{RECORDERS}/{venue}.json"))
    }

    /// A segment of a capture.
    pub fn segment(self, name: &SegmentName) -> Path {
        path(format!("{CAPTURES}/{}", self.segment_below(name)))
    }

    /// The same below the folder of all captures.
    pub fn segment_below(self, name: &SegmentName) -> String {
        let SegmentName { venue, session, number, day, start_us } = name;
        format!("{venue}/day-{day}/{start_us}-{session}-{number}.mtr")
    }

    /// Parses a text of [`Layout::segment_below`]. Only the canonical spelling is accepted.
    pub fn parse_segment_below(self, below: &str) -> Option<SegmentName> {
        let (venue, rest) = below.split_once("/day-")?;
        let (day, name) = rest.split_once('/')?;
        let mut words = name.strip_suffix(".mtr")?.split('-');
        let (start_us, session, number) = (words.next()?, words.next()?, words.next()?);
        let name = SegmentName {
            venue: venue.to_owned(),
            session: session.parse().ok()?,
            number: number.parse().ok()?,
            day: day.parse().ok()?,
            start_us: start_us.parse().ok()?,
        };
        (is_venue(venue) && self.segment_below(&name) == below).then_some(name)
    }

    /// Parses a path of [`Layout::segment`].
    pub fn parse_segment(self, path: &Path) -> Option<SegmentName> {
        self.parse_segment_below(path.as_ref().strip_prefix(CAPTURES)?.strip_prefix('/')?)
    }

    /// All captures.
    pub fn captures(self) -> Path {
        path(CAPTURES.to_owned())
    }

    /// All captures of a venue.
    pub fn captures_of(self, venue: &str) -> Path {
        path(format!("{CAPTURES}/{venue}"))
    }

    /// All captures of a venue and day.
    pub fn captures_of_day(self, venue: &str, day: Day) -> Path {
        path(format!("{CAPTURES}/{venue}/day-{day}"))
    }

    /// A part of a partition.
    pub fn part(&self, part: &PartName) -> Path {
        let PartName { partition, session, first, last } = part;
        let folder = self.parts(partition);
        path(format!("{folder}/{session}-{first:012}-{last:012}.parquet"))
    }

    /// All parts of a partition.
    pub fn parts(&self, partition: &Partition) -> Path {
        path(format!("{}/{}", self.folders().partitions, below(partition)))
    }

    /// Parses a path of [`Layout::part`].
    pub fn parse_part(&self, path: &Path) -> Option<PartName> {
        if self.origin != Origin::Live {
            return None;
        }
        let (folder, name) = path.as_ref().rsplit_once('/')?;
        let partition = self.parse_partition(&Path::parse(format!("{folder}.parquet")).ok()?)?;
        let mut words = name.strip_suffix(".parquet")?.split('-');
        let (session, first, last) = (words.next()?, words.next()?, words.next()?);
        let (first, last) = (first.parse().ok()?, last.parse().ok()?);
        let part = PartName { partition, session: session.parse().ok()?, first, last };
        (self.part(&part) == *path).then_some(part)
    }

    /// The gaps of a venue and day.
    pub fn gaps(self, day: Day, venue: &str) -> Path {
        path(format!("{GAPS}/day-{day}/{venue}.parquet"))
    }

    /// The gaps of all venues of a day.
    pub fn gaps_of_day(self, day: Day) -> Path {
        path(format!("{GAPS}/day-{day}"))
    }

    /// The gaps of all days.
    pub fn all_gaps(self) -> Path {
        path(GAPS.to_owned())
    }

    /// The comparisons of all days.
    pub fn all_comparisons(self) -> Path {
        path(COMPARISONS.to_owned())
    }

    /// The comparisons of a day's live rows with the vendor's.
    pub fn comparisons(self, day: Day) -> Path {
        path(format!("{COMPARISONS}/day-{day}/comparisons.parquet"))
    }

    /// Parses a path of [`Layout::gaps`].
    pub fn parse_gaps(self, path: &Path) -> Option<(Day, String)> {
        let (day, name) = path.as_ref().strip_prefix(GAPS)?.strip_prefix("/day-")?.split_once('/')?;
        let (day, venue) = (day.parse().ok()?, name.strip_suffix(".parquet")?);
        (is_venue(venue) && self.gaps(day, venue) == *path).then(|| (day, venue.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use mtdh_core::DataType;

    use super::*;
    use crate::live::name::SessionId;

    #[test]
    fn segments_parts_and_gaps_have_one_path() {
        let day: Day = "2024-03-01".parse().unwrap();
        let session: SessionId = "20240301t000000x00000001".parse().unwrap();
        let (venue, start_us) = ("binance-futures".to_owned(), 1_709_251_200_000_000);
        let segment = SegmentName { venue, session: session.clone(), number: 12, day, start_us };
        let path = Layout::VENDOR.segment(&segment);
        assert_eq!(
            path.as_ref(),
            "live_capture/binance-futures/day-2024-03-01/1709251200000000-20240301t000000x00000001-12.mtr"
        );
        assert_eq!(Layout::VENDOR.parse_segment(&path), Some(segment));
        for (from, to) in
            [("-12.mtr", "-012.mtr"), (".mtr", ".open"), ("binance-futures", "BINANCE"), ("170", "+170")]
        {
            let other = path.as_ref().replace(from, to);
            assert_eq!(Layout::VENDOR.parse_segment(&Path::parse(&other).unwrap()), None, "{other}");
        }
        let live = Layout::of(Origin::Live);
        let key = "BINANCE:SPOT_PAIR:BTC-USDT".parse().unwrap();
        let partition = Partition { day, data_type: DataType::Trades, key };
        let part = PartName { partition, session, first: 7, last: 1_000_000_000_000 };
        let path = live.part(&part);
        assert_eq!(
            path.as_ref(),
            "live_tick_data/by_date/day-2024-03-01/data_type-trades/BINANCE:SPOT_PAIR:BTC-USDT/\
             20240301t000000x00000001-000000000007-1000000000000.parquet"
        );
        assert_eq!((live.parse_part(&path), live.parse_partition(&path)), (Some(part), None));
        assert_eq!(Layout::VENDOR.parse_part(&path), None, "the vendor's have no parts");
        let gaps = Layout::VENDOR.gaps(day, "deribit");
        assert_eq!(gaps.as_ref(), "live_gaps/by_date/day-2024-03-01/deribit.parquet");
        assert_eq!(Layout::VENDOR.parse_gaps(&gaps), Some((day, "deribit".to_owned())));
        assert_eq!(
            Layout::VENDOR.parse_gaps(&Path::from("live_gaps/by_date/day-2024-3-01/deribit.parquet")),
            None
        );
    }
}
