//! Fills a lake with two instruments, proves that it is complete, and reads a minute of it. Arguments: a folder for the lake, and the
//! addresses of the vendor's metadata and files, which `mtdh sim` prints.

use mtdh_engine::{
    Config, Context, DataType, DayRange, DownloadOptions, Filter, PlanOptions, SliceRequest, ValidateOptions,
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
    let minute = SliceRequest {
        key: "DERIBIT:PERP:BTC-USD".parse()?,
        data_type: DataType::Trades,
        arrived_us: noon..noon + 60_000_000,
    };
    let (batches, slice) = context.read_all(&minute).await?;
    println!("{} rows in {} columns", slice.rows, batches.first().map_or(0, |batch| batch.num_columns()));
    Ok(())
}
