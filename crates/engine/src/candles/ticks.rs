//! Candles that checks compare others with: made from ticks, kept in memory, without filling.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use mtdh_core::DataType;
use mtdh_core::candle::{Candle, CandleBuilder, Fill, Formula, Repeats, Timeframe, Valuation};
use mtdh_core::check::bars::{Bar, Field, Series};
use mtdh_core::key::InstrumentKey;
use mtdh_core::partition::Status;
use mtdh_core::time_unit::TimeUnit;
use mtdh_lake::Lake;
use mtdh_lake::parquet_file::ParquetFile;
use mtdh_source::exchange::binance::klines::Market;
use tokio_util::sync::CancellationToken;

use super::CandleError;
use super::feed::columns;
use super::files::same;
use super::resent::TradeRows;
use super::task::CandleTask;
use crate::download::error::ConvertError;
use crate::error::EngineError;
use crate::files::convert::read_vendor_file;
use crate::runs::phase::{self, Phase};

/// The candles of one instrument's trades, twice: of all trades, and of the buyers' trades alone.
struct Ticks {
    all: CandleBuilder,
    buys: CandleBuilder,
    repeats: Repeats,
}

impl Ticks {
    fn new(timeframes: &[Timeframe]) -> Ticks {
        let builder = || CandleBuilder::new(timeframes, Fill::None);
        Ticks { all: builder(), buys: builder(), repeats: Repeats::default() }
    }

    fn value(&mut self, valuation: Option<Valuation>) {
        if let Some(valuation) = valuation {
            self.all.value(valuation.clone());
            self.buys.value(valuation);
        }
    }

    fn take(&mut self, batch: &RecordBatch) -> Result<(), CandleError> {
        let trades = TradeRows::of(batch, &mut self.repeats)?;
        trades.feed(&mut self.all)?;
        trades.feed_buys(&mut self.buys)
    }

    /// The candles up to a time.
    fn series(
        self,
        until: i64,
        complete: Range<i64>,
        timeframes: &[Timeframe],
    ) -> BTreeMap<Timeframe, Series> {
        let Ticks { mut all, mut buys, .. } = self;
        let mut bought: BTreeMap<(Timeframe, i64), Candle> = BTreeMap::new();
        let whole = i64::MIN..i64::MAX;
        buys.advance(until, whole.clone(), |timeframe, candle| {
            bought.insert((timeframe, candle.start), candle);
        });
        buys.finish(whole, |timeframe, candle| {
            bought.insert((timeframe, candle.start), candle);
        });
        let empty = |timeframe: &Timeframe| {
            (*timeframe, Series { timeframe: *timeframe, fill: Some(Fill::None), bars: Vec::new() })
        };
        let mut series: BTreeMap<Timeframe, Series> = timeframes.iter().map(empty).collect();
        all.advance(until, complete.clone(), |timeframe, candle| {
            let mut bar = Bar::of(&candle, bought.get(&(timeframe, candle.start)));
            // Without a buyer nothing was bought, if it is known what it would be worth.
            let bought = bar.get(Field::BuyQuoteVolume).or(candle.quote_volume.map(|_| 0.0));
            bar.set(Field::BuyQuoteVolume, bought);
            if let Some(series) = series.get_mut(&timeframe) {
                series.bars.push(bar);
            }
        });
        series
    }
}

/// The candles of an instrument's day, from the lake's trades.
pub(crate) async fn of_unit(
    lake: &Lake,
    unit: &CandleTask,
    timeframes: &[Timeframe],
    stop: &CancellationToken,
) -> Result<BTreeMap<Timeframe, Series>, CandleError> {
    if let Some((data_type, reason)) = &unit.untrusted {
        let (data_type, day, reason) = (*data_type, unit.day, reason.clone());
        return Err(CandleError::Untrusted { data_type, day, reason });
    }
    let mut ticks = Ticks::new(timeframes);
    ticks.value(unit.valuation.clone());
    let columns = columns(DataType::Trades);
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let of_trades = |o: &&crate::query::Available| {
        o.status == Status::Stored && o.partition.data_type == DataType::Trades
    };
    for object in unit.objects.iter().filter(of_trades) {
        let entry = lake.available_entry(object);
        let day = unit.day.start_us()..unit.day.end_us();
        let take =
            |batch| if stop.is_cancelled() { Err(CandleError::Interrupted) } else { ticks.take(&batch) };
        lake.read_between(&entry, "timestamp", day, Some(&columns), &Default::default(), take).await?;
    }
    Ok(ticks.series(unit.day.end_us(), unit.complete.trades.clone(), timeframes))
}

/// The candles of trades in files, Parquet or CSV as the vendor writes it, in the order of the files. The first and the last
/// of each timeframe are not final. Also returns the instrument, if the files name it.
pub(crate) fn of_files(
    files: &[PathBuf],
    timeframes: &[Timeframe],
    time_unit: Option<TimeUnit>,
    stop: &CancellationToken,
) -> Result<(Option<String>, BTreeMap<Timeframe, Series>), EngineError> {
    let mut ticks = Ticks::new(timeframes);
    let mut key = None;
    let phase = phase::begin("reading files", "file", files.len());
    for file in files {
        let _file_done = phase.item();
        let failed = |source| EngineError::Candles { of: file.display().to_string(), source };
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.ends_with(".csv") || name.ends_with(".gz") {
            for name in read_csv(file, &mut ticks, stop, &phase)? {
                same(&mut key, Some(name)).map_err(failed)?;
            }
        } else {
            read(file, time_unit, &mut ticks, &mut key, stop).map_err(failed)?;
        }
    }
    // What amounts of a spot pair are worth is known without a table, and on USD-M Binance's amounts are in the base asset.
    let named = key.as_deref().and_then(|key| key.parse::<InstrumentKey>().ok());
    let value = |key: InstrumentKey| {
        let is_linear = Market::of_venue(key.venue()) == Some(Market::UsdM);
        let linear = || Valuation::new(Formula::Linear, 1.0).filter(|_| is_linear);
        Valuation::of(&key, None).ok().or_else(linear)
    };
    ticks.value(named.and_then(value));
    let rows = ticks.all.pending().unwrap_or(0..0);
    Ok((key, ticks.series(next_day(rows.end), rows.start + 1..rows.end - 1, timeframes)))
}

/// The first midnight at or after a time: every candle has ended there.
fn next_day(us: i64) -> i64 {
    let day = mtdh_core::day::DAY_US;
    us.saturating_add(day - 1) / day * day
}

/// Reads trades as the vendor writes them. Returns the instruments of the rows.
fn read_csv(
    file: &Path,
    ticks: &mut Ticks,
    stop: &CancellationToken,
    phase: &Phase,
) -> Result<Vec<String>, EngineError> {
    let mut refused = None;
    let read = read_vendor_file(file, DataType::Trades, stop, phase, |batch| {
        ticks.take(&batch).map_err(|error| {
            refused = Some(error);
            ConvertError::Interrupted
        })
    });
    let of = || file.display().to_string();
    match (refused, read) {
        (Some(source), _) => Err(EngineError::Candles { of: of(), source }),
        (None, Err(source)) => Err(EngineError::Convert { file: of(), source }),
        (None, Ok(read)) => Ok(read.instrument_keys),
    }
}

fn read(
    file: &Path,
    time_unit: Option<TimeUnit>,
    ticks: &mut Ticks,
    key: &mut Option<String>,
    stop: &CancellationToken,
) -> Result<(), CandleError> {
    let file = ParquetFile::open(file)?;
    for group in 0..file.row_groups() {
        super::files::read_rows((&file, group), time_unit, key, stop, |batch| ticks.take(batch))?;
    }
    Ok(())
}
