//! Candles with volume, days that lack data shaded, findings of checks as marks.

use maud::html;
use mtdh_core::DataType;
use mtdh_core::candle::Timeframe;
use mtdh_core::check::bars::Field;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::View;
use crate::findings::{Kept, days};
use crate::page::form::{grouped, number, plural, shown};
use crate::page::quality::{Shown, findings};
use crate::page::range::moment_text;
use crate::page::shell::{Paged, choices, data, nothing, wide};
use crate::problem::Problem;

/// The most candles of one picture.
const MOST: i64 = 6000;

/// Candles in the table.
const LISTED: usize = 200;

/// The most findings of one picture.
const MOST_MARKS: usize = 500;

/// The most days of one picture: their trades may have to be read.
const MOST_DAYS: i64 = 366;

/// The part of the page.
pub async fn page(view: View<'_>) -> Paged {
    let length = view.span.us.end - view.span.us.start;
    let timeframe = super::get::timeframe(&view)?;
    if length / timeframe.us() > MOST || view.span.length() > MOST_DAYS {
        let detail = format!(
            "{} candles of {timeframe} are too many for a picture",
            grouped((length / timeframe.us()) as u64)
        );
        return Err(Problem::parameter("timeframe", detail)
            .hint("choose a longer timeframe or a shorter range")
            .into());
    }
    let context = &view.pages.state.context;
    let found = context
        .candles_between(&view.key, timeframe, view.span.us.clone(), &CancellationToken::new())
        .await?;
    let bars = &found.series.bars;
    let all = |field: Field| -> Vec<Option<f64>> { bars.iter().map(|bar| bar.get(field)).collect() };
    let mut shade: Vec<_> = found
        .missing
        .iter()
        .map(|(day, reason)| {
            json!([
                day.start_us() / 1000,
                day.end_us() / 1000,
                reason.as_deref().unwrap_or("the lake has no trades")
            ])
        })
        .collect();
    let silent = silences(bars.iter().map(|bar| bar.start), timeframe.us());
    shade.extend(silent.iter().take(500).map(|(from, to)| json!([from / 1000, to / 1000, "no trades"])));
    let marks = marks(&view).await?;
    let described = json!({
        "marks": marks.iter().map(|(range, words, shown)| json!([range.0 / 1000, range.1 / 1000, words, shown.severity()])).collect::<Vec<_>>(),
        "x": "time", "step": timeframe.us() / 1000, "xs": bars.iter().map(|bar| bar.start / 1000).collect::<Vec<i64>>(), "shade": shade,
        "panels": [
            {"label": "price", "high": 3, "series": [{"kind": "candle", "name": "price", "o": all(Field::Open), "h": all(Field::High), "l": all(Field::Low), "c": all(Field::Close)}]},
            {"label": "volume", "high": 1, "zero": true, "series": [{"kind": "bar", "name": "volume", "y": all(Field::Volume)}]},
        ],
    });
    let names: Vec<String> = Timeframe::USUAL.iter().map(ToString::to_string).collect();
    let options: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), name.as_str())).collect();
    let columns = [Field::Open, Field::High, Field::Low, Field::Close, Field::Volume, Field::TradeCount];
    let volume: f64 = bars.iter().filter_map(|bar| bar.get(Field::Volume)).sum();
    let body = html! { section {
        (choices(view.asked, "Length", "timeframe", &timeframe.to_string(), &options))
        @if bars.is_empty() { (nothing("There are no candles and no trades in this range.", &html! { p { "Choose another range above; the calendar of this instrument shows where it has trades." } })) }
        @else {
            figure.chart data-chart="candles" {
                figcaption { span { (grouped(bars.len() as u64)) " candles of " (timeframe.to_string()) ", UTC" } span { "drag to zoom, Escape goes back, arrow keys move" } }
                canvas tabindex="0" role="img" aria-label={ "Candles of " (view.key) ". The arrow keys move from candle to candle." } aria-describedby="candle-words" {}
                p.readout aria-live="polite" {}
            }
            (data("candles", &described))
            p #candle-words { "From " (moment_text(bars[0].start)) " to " (moment_text(bars[bars.len() - 1].start)) ": first " (cell(bars[0].get(Field::Open))) ", last " (cell(bars[bars.len() - 1].get(Field::Close)))
                ", lowest " (cell(bars.iter().filter_map(|bar| bar.get(Field::Low)).reduce(f64::min))) ", highest " (cell(bars.iter().filter_map(|bar| bar.get(Field::High)).reduce(f64::max)))
                ", volume " span data-number="volume" data-value=(number(volume)) { (number((volume * 1e6).round() / 1e6)) } ". "
                @if silent.is_empty() { "No interval is without trades." } @else { (silent.len()) " stretches without trades are shaded." } }
            @if !marks.is_empty() {
                h2 { (plural(marks.len() as u64, "finding", "findings")) " of checks" }
                p.quiet { "Marked above the candles; the crosshair names them." }
                (findings(view.asked, marks.into_iter().map(|(_, _, shown)| shown)))
            }
            @if !found.missing.is_empty() { p { "Missing: " @for (day, reason) in &found.missing { (day) @if let Some(reason) = reason { " (" (shown(reason)) ")" } " " } } }
            details { summary { "The last candles as a table" }
                (wide("Candles", &html! { table { thead { tr { th scope="col" { "Start" } @for field in columns { th.number scope="col" { (field.name().replace('_', " ")) } } } }
                    tbody { @for bar in bars.iter().rev().take(LISTED) { tr { th scope="row" { (moment_text(bar.start)) } @for field in columns { td.number { (cell(bar.get(field))) } } } } } } }))
            }
        }
    } };
    match super::get::of_candles(&view) {
        Some(ways) => Ok(view.page_of("candles", &["chart.js"], body, ways)),
        None => Ok(view.page("candles", &["chart.js"], body)),
    }
}

/// The findings of this instrument in the range, with their times, microseconds since the Unix epoch, UTC, and their words.
/// Those of the day as a whole have no place on a chart, and those of an object that was replaced say so.
async fn marks(view: &View<'_>) -> Result<Vec<((i64, i64), String, Shown)>, Problem> {
    let seen = days(&view.pages.state, view.span.days).await?;
    let mut marks = Vec::new();
    for one in seen.iter().flat_map(|of| of.lines.iter()).filter_map(Kept::of) {
        let (Some(range), true) = (one.found.range_us, one.key() == Some(view.key.as_str())) else {
            continue;
        };
        if range.1 < view.span.us.start || range.0 >= view.span.us.end {
            continue;
        }
        let data_type = one.kept.line.subject.data_type.map_or("candles", DataType::name);
        let older = if one.kept.is_current { "" } else { ", of an older object" };
        marks.push((range, format!("{} of {data_type}{older}", one.found.check), Shown::of(&one)));
        if marks.len() == MOST_MARKS {
            break;
        }
    }
    Ok(marks)
}

fn cell(value: Option<f64>) -> String {
    value.map_or("–".to_owned(), number)
}

/// Stretches without candles between the first and the last one.
fn silences(starts: impl Iterator<Item = i64>, step: i64) -> Vec<(i64, i64)> {
    let starts: Vec<i64> = starts.collect();
    starts.windows(2).filter(|pair| pair[1] - pair[0] > step).map(|pair| (pair[0] + step, pair[1])).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn silences_lie_between_candles() {
        assert_eq!(super::silences([0, 10, 40, 50].into_iter(), 10), [(20, 40)]);
        assert!(super::silences([5].into_iter(), 10).is_empty());
    }
}
