//! Small inline SVG pictures: silences on a day, two series and their difference.

use maud::{Markup, html};
use mtdh_core::Day;
use mtdh_core::day::DAY_US;

use super::FindingLine;
use crate::check::comparison::{Comparison, ComparisonPoint};

/// A day from midnight to midnight, with its silences.
pub(super) fn timeline(day: &str, silences: &[&FindingLine]) -> Markup {
    let start = day.parse::<Day>().map_or(0, Day::start_us);
    let x = |us: i64| ((us - start).clamp(0, DAY_US) as f64) / DAY_US as f64 * 960.0;
    let hours = [0, 6, 12, 18, 24];
    let bars: Vec<(f64, f64, &FindingLine)> = silences
        .iter()
        .filter_map(|f| f.range_us.map(|(from, to)| (x(from), (x(to) - x(from)).max(2.0), *f)))
        .collect();
    // The bar is stretched to the page's width; the hours are text and must not be.
    html! {
        svg.day viewBox="0 0 960 14" preserveAspectRatio="none" role="img" aria-label={ "Silences on " (day) } {
            rect.track x="0" y="0" width="960" height="14" {}
            @for (from, width, finding) in bars {
                rect.(finding.cause.as_deref().unwrap_or("unknown")) x=(format!("{from:.1}")) y="0" width=(format!("{width:.1}")) height="14" {
                    title { (finding.examples.first().map_or("", String::as_str)) ": "
                        (finding.explanation.as_deref().unwrap_or("unknown")) }
                }
            }
        }
        div.hours { @for hour in hours { span { (format!("{hour:02}")) } } }
    }
}

/// Width of the plots, in units of their view box.
const PLOT_WIDTH: f64 = 960.0;

/// Our series and the other, and below them the difference.
pub(super) fn comparison(series: &Comparison) -> Markup {
    let (first, last) = match (series.points.first(), series.points.last()) {
        (Some(first), Some(last)) => (first.at_us, last.at_us.max(first.at_us + 1)),
        _ => return html! {},
    };
    let x = |us: i64| (us - first) as f64 / (last - first) as f64 * PLOT_WIDTH;
    let difference = |p: &ComparisonPoint| Some(p.ours? - p.theirs?);
    let drawn = |name: &str,
                 values: &dyn Fn(&ComparisonPoint) -> Option<f64>,
                 range: (f64, f64),
                 (top, height): (f64, f64)| {
        let y = |value: f64| top + height - (value - range.0) / (range.1 - range.0) * height;
        let points = series.points.iter().map(|p| Some((x(p.at_us), y(values(p)?))));
        let (lines, dots) = lines_and_dots(points);
        html! {
            path.(name) d=(lines) {}
            path.(name).dots d=(dots) {}
        }
    };
    let both = range(series.points.iter().flat_map(|p| [p.ours, p.theirs]).flatten());
    let off = range(series.points.iter().filter_map(difference).chain([0.0]));
    let count =
        |is_meant: &dyn Fn(&ComparisonPoint) -> bool| series.points.iter().filter(|p| is_meant(p)).count();
    let compared = count(&|p| p.ours.is_some() && p.theirs.is_some());
    let differing = count(&|p| difference(p).is_some_and(|off| off != 0.0));
    let (only_ours, only_theirs) = (count(&|p| p.theirs.is_none()), count(&|p| p.ours.is_none()));
    let zero = 75.0 + off.0 / (off.1 - off.0) * 70.0;
    html! {
        div.comparison {
            h3 { (series.title) }
            p { (compared) " moments of both, " (differing) " of them not equal; " (only_ours) " of ours alone, "
                (only_theirs) " of theirs alone, as where nothing was traded." }
            ul.legend { li { span.swatch.ours {} "ours" } li { span.swatch.theirs {} "theirs" } li { span.swatch.off {} "ours minus theirs" } }
            p.quiet { "From " (digits(both.0)) " to " (digits(both.1)) ":" }
            svg.series viewBox="0 0 960 160" preserveAspectRatio="none" role="img" aria-label="ours and theirs" {
                (drawn("theirs", &|p| p.theirs, both, (5.0, 150.0)))
                (drawn("ours", &|p| p.ours, both, (5.0, 150.0)))
            }
            p.quiet { "Ours minus theirs, from " (digits(off.0)) " to " (digits(off.1)) ":" }
            svg.series.low viewBox="0 0 960 80" preserveAspectRatio="none" role="img" aria-label="ours minus theirs" {
                path.axis d={ "M0 " (format!("{zero:.1}")) "H960" } {}
                (drawn("off", &difference, off, (5.0, 70.0)))
            }
        }
    }
}

/// Minimum and maximum; never equal, so that their difference can be a divisor.
fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) =
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    match (low.is_finite(), low < high) {
        (false, _) => (0.0, 1.0),
        (true, true) => (low, high),
        (true, false) => (low - 0.5, high + 0.5),
    }
}

/// A line through points, interrupted where one is missing, and dots for points without a neighbour, which no line shows.
fn lines_and_dots(points: impl Iterator<Item = Option<(f64, f64)>>) -> (String, String) {
    let (mut lines, mut dots) = (String::new(), String::new());
    let points: Vec<_> = points.collect();
    for run in points.split(Option::is_none) {
        let mut places = run.iter().flatten().map(|(x, y)| format!("{x:.1} {y:.1}"));
        match (places.next(), run.len()) {
            (None, _) => {}
            (Some(place), 1) => dots += &format!("M{place}h0"),
            (Some(first), _) => {
                lines += &format!("M{first}");
                places.for_each(|place| lines += &format!("L{place}"));
            }
        }
    }
    (lines, dots)
}

/// A number with eight digits, without the rounding noise of a difference of prices.
fn digits(value: f64) -> f64 {
    format!("{value:.7e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_broken_where_a_point_is_lacking_and_a_lone_point_is_a_dot() {
        let points = [None, Some((0.0, 1.0)), Some((1.0, 2.0)), None, Some((3.0, 4.0)), None, None];
        let (lines, dots) = lines_and_dots(points.into_iter());
        assert_eq!((lines.as_str(), dots.as_str()), ("M0.0 1.0L1.0 2.0", "M3.0 4.0h0"));
        assert_eq!(range([2.0, 2.0].into_iter()), (1.5, 2.5));
        assert_eq!(range([].into_iter()), (0.0, 1.0));
        assert_eq!(digits(-314.82949999999255), -314.8295);
    }
}
