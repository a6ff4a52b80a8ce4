//! Recorded traffic through the feeds.

use std::io::Read;
use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, TimestampMicrosecondType};
use mtdh_core::DataType;
use mtdh_core::candle::{CandleBuilder, Fill, Formula, Side, Trades, Valuation};
use mtdh_source::live::feed::Frame;
use mtdh_source::live::out::Gap;
use mtdh_source::live::recording::Line;
use mtdh_source::live::rows::Taken;
use mtdh_source::live::venue::{Venue, Want};
use mtdh_source::live::venues;

use super::{Fed, ONE};
use crate::cells;
use crate::recorded::recorded;

/// The messages of a recording, and when they arrived.
pub fn received(path: &Path) -> Vec<(i64, Vec<u8>)> {
    let mut text = Vec::new();
    flate2::read::MultiGzDecoder::new(std::fs::File::open(path).unwrap()).read_to_end(&mut text).unwrap();
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let mut messages = Vec::new();
    for line in lines {
        if let Line::Received(at, message) = Line::read(line).unwrap() {
            messages.push((at, message.into_owned()));
        }
    }
    messages
}

/// Everything that a venue offers, of whatever the messages name.
pub fn everything(venue: &dyn Venue) -> Want {
    Want { data_types: venue.offers().iter().map(|offer| offer.data_type).collect(), ..Want::default() }
}

/// Feeds messages to a new feed and gives what came out.
pub fn feed(venue: &'static dyn Venue, messages: &[(i64, Vec<u8>)]) -> (Fed, Taken) {
    let mut fed = Fed::new(venue, &everything(venue));
    for (at, message) in messages {
        fed.feed.message(ONE, Frame::Data(message), *at, &mut fed.out);
    }
    let taken = fed.out.rows.take();
    (fed, taken)
}

fn count(fed: &Fed, taken: &Taken, data_type: DataType) -> usize {
    let of_type =
        taken.batches.iter().filter(|(stream, _)| fed.out.rows.name(*stream).data_type == data_type);
    of_type.map(|(_, batch)| batch.num_rows()).sum()
}

fn groups(fed: &Fed, taken: &Taken, data_type: DataType) -> usize {
    taken.groups.iter().filter(|group| fed.out.rows.name(group.stream).data_type == data_type).count()
}

/// Recordings: the exchange, the file, and how many trades, groups of book changes and book tickers are in it.
const RECORDINGS: [(&str, &str, usize, usize, usize); 5] = [
    // Of 3,451 updates three wait for the snapshot, and go into it.
    ("binance", "live/spot_btcusdt_20240808.gz", 9_757, 3_449, 28_040),
    ("binance", "live/cryptofeed_BINANCE.ws.1.0.gz", 0, 0, 84),
    // Six of 6,551.
    ("binance-futures", "live/usdm_btcusdt_20240808.gz", 21_313, 6_546, 66_089),
    ("binance-futures", "live/cryptofeed_BINANCE_FUTURES.ws.1.0.gz", 0, 0, 613),
    // Of 46 book messages one is a whole book without a level.
    ("deribit", "live/cryptofeed_DERIBIT.ws.1.0.gz", 0, 45, 89),
];

#[test]
fn whole_recordings_show_no_loss() {
    for (exchange, file, trades, book, tickers) in RECORDINGS {
        let Some(path) = recorded(file) else { return };
        let Some(venue) = venues::find(exchange) else { continue };
        let (fed, taken) = feed(venue, &received(&path));
        assert_eq!(fed.out.unread, 0, "{file}: {:?}", fed.out.unread_texts);
        let (late, lost): (Vec<_>, Vec<_>) = fed.out.gaps.iter().partition(|gap| gap.kind == "late_snapshot");
        assert_eq!(lost, Vec::<&Gap>::new(), "{file}");
        // The whole books came by REST, whose answers two of the recordings do not have.
        assert_eq!(!late.is_empty(), book == 0, "{file}: {late:?}");
        let found = (
            count(&fed, &taken, DataType::Trades),
            groups(&fed, &taken, DataType::IncrementalBookL2),
            count(&fed, &taken, DataType::BookTicker),
        );
        assert_eq!(found, (trades, book, tickers), "{file}");
    }
}

#[test]
fn trades_of_a_recording_become_the_exchanges_own_candles() {
    let Some(path) = recorded("live/usdm_btcusdt_20240808.gz") else { return };
    let Some(klines) = recorded("klines/binance-um_BTCUSDT_1m_2024-08-08T2354_2024-08-09T0006.csv") else {
        return;
    };
    let (fed, taken) = feed(venues::find("binance-futures").unwrap(), &received(&path));
    let is_trades = |stream| fed.out.rows.name(stream).data_type == DataType::Trades;
    let batch = &taken.batches.iter().find(|(stream, _)| is_trades(*stream)).unwrap().1;
    let times = |column: usize| batch.column(column).as_primitive::<TimestampMicrosecondType>().values();
    let numbers = |column: usize| batch.column(column).as_primitive::<Float64Type>().values();
    let sides = cells(DataType::Trades.table().columns[3].kind, batch.column(3));
    let sides: Vec<Side> =
        sides.iter().map(|side| Side::from_name(side.as_ref().unwrap()).unwrap()).collect();
    let mut builder = CandleBuilder::new(&["1m".parse().unwrap()], Fill::None);
    builder.value(Valuation::new(Formula::Linear, 1.0).unwrap());
    let trades = Trades {
        timestamp: times(0),
        local_timestamp: times(1),
        side: &sides,
        price: numbers(4),
        amount: numbers(5),
    };
    builder.trades(&trades).unwrap();
    let mut candles = Vec::new();
    builder.finish(i64::MIN..i64::MAX, |_, candle| candles.push(candle));
    let klines: Vec<Vec<f64>> = std::fs::read_to_string(klines)
        .unwrap()
        .lines()
        .map(|line| line.split(',').map(|cell| cell.parse().unwrap()).collect())
        .collect();
    let mut equal = Vec::new();
    for candle in &candles {
        let kline = klines.iter().find(|kline| kline[0] as i64 * 1_000 == candle.start).unwrap();
        let ours =
            [candle.open, candle.high, candle.low, candle.close, candle.volume, candle.quote_volume.unwrap()];
        let is_equal = ours == kline[1..=5].iter().copied().chain([kline[7]]).collect::<Vec<_>>()[..]
            && candle.trade_count as f64 == kline[8]
            && candle.buy_volume == kline[9];
        equal.push(is_equal);
    }
    // The recording begins within the first minute.
    assert_eq!(equal, [false, true, true, true, true, true]);
}
