//! `mtdh get`: a slice of time from the lake.

mod notes;
pub mod outputs;
mod write;

use anyhow::{Result, bail};
use mtdh_core::DataType;
use mtdh_core::moment;
use mtdh_core::partition::Origins;
use mtdh_engine::query::TickTable;
use mtdh_engine::slice::{Slice, SliceRequest, SliceTable};

use crate::args::{GetArgs, GetType};
use crate::exit::Outcome;
use crate::output::{error, many, note};
use crate::session::Session;
use crate::stdout;

use outputs::Output;

pub async fn run(session: &Session<'_>, args: GetArgs) -> Result<Outcome> {
    let requests = requests(&args)?;
    let outputs = outputs::of(&args.output, session.format, &requests)?;
    let context = session.context()?;
    for output in &outputs {
        outputs::check_place(&context, &output.place)?;
    }
    notes::of_end(args.end);
    let mut slices: Vec<Slice> = Vec::new();
    for request in requests {
        slices.push(context.slice(request).await.map_err(write::of_lake)?);
    }
    let is_lacking = slices.iter().any(|slice| !slice.chosen.missing.is_empty());
    // Looked at only where a day is missing: it costs one more request.
    if is_lacking {
        context.check_readable().await.map_err(write::of_lake)?;
    }
    let unmatched = notes::unmatched(&slices);
    if args.strict && (is_lacking || !unmatched.is_empty()) {
        notes::of_unmatched(&context, &unmatched).await?;
        notes::of_lacking(&context, &slices, &session.program).await?;
        let lacking: usize = slices.iter().map(|slice| slice.chosen.missing.len()).sum();
        let lacking = many((lacking + unmatched.len()) as u64, "part");
        error(&anyhow::anyhow!("the lake lacks {lacking} of what is asked for, and nothing was written"));
        return Ok(Outcome::NotClean);
    }
    let (mut written, mut waiting) = (Vec::new(), Vec::new());
    for Output { place, form, slices: which } in &outputs {
        let parts: Vec<&Slice> = which.iter().map(|at| &slices[*at]).collect();
        let (one, file) = write::output(&context, place, *form, &parts).await?;
        waiting.extend(file.map(|file| (place, file)));
        written.push(one);
    }
    // Only now, so that one that fails leaves none of the others.
    for (place, file) in waiting {
        outputs::publish(place, file)?;
    }
    if outputs.iter().any(|output| output.is_stdout()) && !stdout::is_read() {
        return Ok(if is_lacking { Outcome::NotClean } else { Outcome::Clean });
    }
    let mut has_none = false;
    for (output, one) in outputs.iter().zip(&written) {
        let parts: Vec<&Slice> = output.slices.iter().map(|at| &slices[*at]).collect();
        notes::of_written((outputs.len() > 1).then_some(&output.place), one, &parts);
        // A table is there, and nothing in it is meant: a wrong name.
        if one.rows == 0 && parts.iter().any(|slice| !slice.tables.is_empty()) {
            has_none = true;
            note("no instrument of these tables fits what was asked for");
        }
    }
    if args.origin == Origins::Both {
        notes::of_origins(&slices);
    }
    notes::of_worth(&slices);
    notes::of_unmatched(&context, &unmatched).await?;
    notes::of_lacking(&context, &slices, &session.program).await?;
    Ok(if is_lacking || has_none || !unmatched.is_empty() { Outcome::NotClean } else { Outcome::Clean })
}

/// What the flags ask for, a request for each table.
fn requests(args: &GetArgs) -> Result<Vec<SliceRequest>> {
    let mut tables: Vec<SliceTable> = Vec::new();
    for data_type in &args.data_types {
        let table = table(*data_type, args)?;
        if !tables.contains(&table) {
            tables.push(table);
        }
    }
    match (&tables[..], args.every) {
        ([], Some(timeframe)) => tables.push(SliceTable::Made(timeframe)),
        ([], None) => bail!(
            "--data-types is needed: {}, candles (with --every), instruments",
            DataType::ALL.map(DataType::name).join(", ")
        ),
        (_, Some(timeframe)) if tables.iter().all(|table| *table == SliceTable::Instruments) => {
            bail!("--every {timeframe} is of candles, and --data-types names none")
        }
        _ => {}
    }
    let is_made = tables.iter().any(|table| matches!(table, SliceTable::Made(_)));
    if is_made && args.origin != Origins::default() {
        bail!(
            "--every makes candles of the vendor's trades; those of recordings are read with --data-types candles"
        );
    }
    let mut instruments: Vec<String> = Vec::new();
    for text in
        args.keys.iter().flat_map(|text| text.split(',')).chain(args.instruments.iter().map(String::as_str))
    {
        if !text.is_empty() && !instruments.iter().any(|known| known == text) {
            instruments.push(text.to_owned());
        }
    }
    if instruments.is_empty() && tables.iter().any(|table| *table != SliceTable::Instruments) {
        bail!(
            "no instrument is named; give keys or patterns, such as DERIBIT:PERP:BTC-USD or 'DERIBIT:PERP:*'"
        );
    }
    let within_us = moment::range(args.start, args.end)?;
    let request = |table| SliceRequest {
        table,
        instruments: instruments.clone(),
        within_us: within_us.clone(),
        clock: args.clock,
        columns: (!args.columns.is_empty()).then(|| args.columns.clone()),
        limit: args.limit,
        has_worth: args.notional,
        origins: args.origin,
    };
    let requests: Vec<SliceRequest> = tables.into_iter().map(request).collect();
    for request in &requests {
        request.schema()?;
    }
    Ok(requests)
}

fn table(data_type: GetType, args: &GetArgs) -> Result<SliceTable> {
    Ok(match (data_type, args.every) {
        (GetType::Instruments, _) => SliceTable::Instruments,
        (GetType::Candles, Some(timeframe)) => SliceTable::Stored(TickTable::Candles(timeframe)),
        (GetType::Candles, None) => bail!("of candles the timeframe is needed, for example --every 1m"),
        (GetType::Ticks(data_type), None) => SliceTable::Stored(TickTable::Ticks(data_type)),
        (GetType::Ticks(DataType::Trades), Some(timeframe)) => SliceTable::Made(timeframe),
        (GetType::Ticks(other), Some(timeframe)) => {
            bail!("--every {timeframe} makes candles of trades; {other} has none: leave one of them out")
        }
    })
}
