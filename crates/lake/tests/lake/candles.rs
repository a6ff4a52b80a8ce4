//! Candles: written, described by themselves, told from other files.

use mtdh_core::candle::{
    CANDLE_VERSION, Candle, CandleBuilder, CandleFooter, Fill, Formula, Side, Timeframe, Trade, Units,
    Valuation,
};
use mtdh_lake::candles::{CandleWriter, schema};
use mtdh_lake::{LakeError, Layout, WriteMode};

use crate::stores::{on_each_store, publish, words};
use crate::trades;

fn facts(rows: u64) -> CandleFooter {
    CandleFooter {
        key: trades::partition().key,
        day: Some(trades::partition().day),
        timeframe: Timeframe::USUAL[1],
        fill: Fill::None,
        inputs: vec!["trades 2024-03-01 stored".to_owned()],
        units: Units { amount_unit: Some("quote".to_owned()), ..Units::default() },
        rows,
        version: CANDLE_VERSION,
    }
}

/// So many minutes of a trade each.
fn candles(minutes: i64) -> Vec<Candle> {
    let mut builder = CandleBuilder::new(&[Timeframe::USUAL[1]], Fill::None);
    builder.value(Valuation::new(Formula::Inverse, 1.0).unwrap());
    for minute in 0..minutes {
        let timestamp = trades::arrival_us(0) + minute * 60_000_000;
        let side = if minute % 2 == 0 { Side::Buy } else { Side::Sell };
        builder
            .trade(Trade { timestamp, local_timestamp: timestamp + 5000, side, price: 0.5, amount: 0.1 })
            .unwrap();
    }
    let mut candles = Vec::new();
    builder.finish(i64::MIN..i64::MAX, |_, candle| candles.push(candle));
    candles
}

pub fn object(minutes: i64) -> Vec<u8> {
    let facts = facts(minutes as u64);
    let mut writer = CandleWriter::new(&facts.key, facts.timeframe, Vec::new()).unwrap();
    candles(minutes).into_iter().for_each(|candle| writer.push(candle).unwrap());
    assert_eq!(writer.rows(), minutes as u64);
    writer.finish(&facts).unwrap().out
}

#[tokio::test]
async fn candles_tell_what_they_were_made_of() {
    let path = Layout::VENDOR.candles(trades::partition().day, Timeframe::USUAL[1], &trades::partition().key);
    on_each_store(async |lake| {
        for minutes in [0, 1, 5000] {
            publish(lake, path.as_ref(), &object(minutes), WriteMode::Overwrite).await.unwrap();
            let entry = lake.entry(&path).await.unwrap().unwrap();
            assert_eq!(lake.candle_facts(&entry).await.unwrap(), facts(minutes as u64), "{}", lake.url());
        }
        // Of candles nothing can be told as of a partition, nor the other way round.
        let entry = lake.entry(&path).await.unwrap().unwrap();
        assert!(matches!(lake.footer(&entry).await, Err(LakeError::PartitionFooter { .. })));
        publish(lake, path.as_ref(), &trades::object(3), WriteMode::Overwrite).await.unwrap();
        let entry = lake.entry(&path).await.unwrap().unwrap();
        let refused = lake.candle_facts(&entry).await.unwrap_err();
        assert!(words(&refused).contains("mtdh.candle_version"), "{}", words(&refused));
    })
    .await;
}

#[test]
fn the_same_candles_give_the_same_bytes() {
    assert!(object(5000) == object(5000));
}

#[test]
fn columns_are_named_once() {
    let mut names: Vec<&str> = schema().fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(names[..2], ["instrument_key", "timeframe"]);
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}
