//! `mtdh venues`: what the program knows, what the vendor lists, and what the lake has.

use anyhow::Result;
use mtdh_engine::venues::VenueLine;

use crate::args::VenuesArgs;
use crate::exit::Outcome;
use crate::output::{Rows, many, note, print, size};
use crate::render::ls::{shown, with_sizes};
use crate::session::Session;

pub async fn run(session: &Session<'_>, args: &VenuesArgs) -> Result<Outcome> {
    let context = session.context()?;
    if args.in_lake {
        context.check_readable().await?;
    }
    let (mut venues, cause) = context.venues(!args.in_lake).await?;
    if args.in_lake {
        venues.retain(|venue| venue.days > 0 || venue.instruments.is_some());
    }
    let mut rows = Rows::new(&[
        "venue",
        "exchange",
        "name",
        "since",
        "until",
        "instruments",
        "days",
        "first_day",
        "last_day",
        "bytes",
        "data_types",
    ]);
    rows.rows = venues.iter().map(line).collect();
    let (rows, left) = shown(rows, &args.shown)?;
    // The document has the lines that are shown, in their order, with all fields.
    let of = |row: &Vec<String>| venues.iter().find(|venue| venue.venue == row[0]);
    let document: Vec<&VenueLine> = rows.rows.iter().filter_map(of).collect();
    print(session.format, &with_sizes(session.format, &rows), &document)?;
    if left > 0 {
        note(&format!("and {} more", many(left as u64, "line")));
    }
    if let Some(cause) = cause {
        note(&format!("names and first days are the vendor's, whose list cannot be had: {cause}"));
    }
    let in_lake: Vec<&VenueLine> = venues.iter().filter(|venue| venue.days > 0).collect();
    let bytes = size(in_lake.iter().map(|venue| venue.bytes).sum());
    note(&format!("{}; the lake has data of {}, {bytes}", many(venues.len() as u64, "venue"), in_lake.len()));
    Ok(Outcome::Clean)
}

fn line(venue: &VenueLine) -> Vec<String> {
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let types = if venue.data_types.is_empty() { &venue.offered } else { &venue.data_types };
    vec![
        venue.venue.clone(),
        venue.exchange.clone(),
        or_dash(&venue.name),
        or_dash(&venue.since),
        or_dash(&venue.until),
        or_dash(&venue.instruments.map(|count| count.to_string())),
        venue.days.to_string(),
        or_dash(&venue.first_day),
        or_dash(&venue.last_day),
        venue.bytes.to_string(),
        if types.is_empty() { "-".to_owned() } else { types.join(" ") },
    ]
}
