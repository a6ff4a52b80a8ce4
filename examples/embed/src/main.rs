//! Fills a lake with two instruments, proves that it is complete, and reads a minute of it. Arguments: a folder for the lake, and the
//! addresses of the vendor's metadata and files, which `mtdh sim` prints.

use futures::TryStreamExt;
use mtdh_engine::query::{Form, ReadRequest, TickTable};
use mtdh_engine::{
    Config, Context, DataType, DayRange, DownloadOptions, Filter, PlanOptions, ValidateOptions,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let [lake, api, datasets] =
        std::env::args().skip(1).collect::<Vec<_>>().try_into().map_err(|_| "LAKE API DATASETS")?;
    let context = Context::open(&Config { lake, api, datasets, ..Config::default() })?;

    let filter = Filter {
        instruments: vec!["DERIBIT:PERP:BTC-USD".to_owned(), "DERIBIT:PERP:BTC-USDC".to_owned()],
        data_types: vec![DataType::Trades],
        ..Filter::default()
    };
    let selection = filter.of_vendor(DayRange::of("2024-03-01".parse()?))?;
    let planned = context.plan(&selection, PlanOptions::default()).await?;
    let summary = context.download(planned.plan, DownloadOptions::default()).await?;
    let done = summary.done;
    println!("{} files, {} rows, {} failures", done.files_done, done.rows, done.failures.len());

    let validation = context.validate(&selection, ValidateOptions::default()).await?;
    println!("{}", validation.report.verdict.name());

    let noon = selection.days.first().start_us() + 12 * 3_600_000_000;
    let (trades, keys) = (TickTable::Ticks(DataType::Trades), vec!["DERIBIT:PERP:BTC-USD".to_owned()]);
    let minute = ReadRequest::new(trades, keys, noon..noon + 60_000_000);
    let chosen = context.choose(&minute).await?;
    let batches: Vec<_> = context.rows(&minute, chosen.objects, Form::STREAM)?.try_collect().await?;
    let (rows, first) = (batches.iter().map(|batch| batch.num_rows()).sum::<usize>(), batches.first());
    println!("{rows} rows in {} columns", first.map_or(0, |batch| batch.num_columns()));
    Ok(())
}
