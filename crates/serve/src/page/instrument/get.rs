//! The same data by curl, on the command line, in Python and in SQL, for exactly what a part of the page shows.

use std::ops::Range;

use maud::{Markup, html};
use mtdh_core::DataType;
use mtdh_core::candle::Timeframe;
use mtdh_engine::query::TickTable;

use super::{View, types_of};
use crate::page::asked::encoded;
use crate::page::range::moment_text;
use crate::page::shell::{Paged, choices};
use crate::problem::Problem;

/// Objects that the SQL names; the API's address has all.
const MOST_OBJECTS: usize = 400;

/// How else a view is had.
pub struct Ways {
    /// What these give, in words.
    told: String,
    /// The address of the API, with the form of the rows as the command wants it.
    curl: String,
    command: Option<String>,
    python: String,
    sql: String,
    /// Where the SQL is not whole: the address of all of it.
    all_paths: Option<String>,
}

/// Rows of some instruments, as [`Ways`] and the page's address of the same as JSON need them.
pub struct Wanted {
    /// The data type.
    pub data_type: DataType,
    /// A key, or a pattern of keys.
    pub keys: String,
    /// The range by arrival, microseconds since the Unix epoch, UTC; the end is excluded.
    pub within_us: Range<i64>,
}

impl Wanted {
    /// The range as an address has it. Whole days are named by their days.
    fn ends(&self) -> (String, String) {
        let days = mtdh_engine::Day::containing_us(self.within_us.start)
            .zip(mtdh_engine::Day::containing_us(self.within_us.end - 1))
            .filter(|(first, last)| {
                (first.start_us(), last.end_us()) == (self.within_us.start, self.within_us.end)
            });
        match days {
            Some((first, last)) => (first.to_string(), last.to_string()),
            None => (moment_text(self.within_us.start), moment_text(self.within_us.end)),
        }
    }

    /// The path in the API, behind `/v1/slices` or `/v1/paths`.
    fn rest(&self) -> String {
        let (start, end) = self.ends();
        format!("{}/{}?start={}&end={}", self.data_type, encoded(&self.keys), encoded(&start), encoded(&end))
    }

    /// The address of its first rows as JSON.
    pub fn json(&self, limit: usize) -> String {
        format!("/v1/slices/{}&limit={limit}&format=json", self.rest())
    }

    /// How else it is had. `told` says what it gives.
    ///
    /// # Errors
    /// When the lake cannot be read.
    pub async fn ways(&self, view: &View<'_>, told: &str) -> Result<Ways, Problem> {
        let mut request = view.request(TickTable::Ticks(self.data_type), self.within_us.clone(), None);
        request.instruments = vec![self.keys.clone()];
        let chosen = view.pages.state.context.choose(&request).await?;
        let (start, end) = self.ends();
        let (keys, data_type, origin) = (&self.keys, self.data_type, &view.asked.origin);
        let objects = chosen.objects.iter().take(MOST_OBJECTS);
        let files: Vec<String> =
            objects.map(|object| format!("  '{origin}/v1/files/{}'", object.entry.path)).collect();
        let days = if start.contains('T') {
            format!("\nwhere local_timestamp >= '{start}' and local_timestamp < '{end}'")
        } else {
            String::new()
        };
        Ok(Ways {
            told: told.to_owned(),
            curl: format!("/v1/slices/{}&format=csv", self.rest()),
            command: (!keys.contains('*')).then(|| {
                format!(
                    "mtdh get '{keys}' --data-type {data_type} --start {start} --end {end} --output rows.csv"
                )
            }),
            python: format!("rows = lake.get(\"{data_type}\", \"{keys}\", \"{start}\", \"{end}\")"),
            sql: if files.is_empty() {
                "-- The lake has no file of it.".to_owned()
            } else {
                format!("select *\nfrom read_parquet([\n{}\n]){days};", files.join(",\n"))
            },
            all_paths: (chosen.objects.len() > MOST_OBJECTS)
                .then(|| format!("/v1/paths/{}&form=sql", self.rest())),
        })
    }
}

/// The length of candles of a range: as asked, else the shortest usual one that makes no more than 1,500.
///
/// # Errors
/// When what is asked is no length.
pub fn timeframe(view: &View<'_>) -> Result<Timeframe, Problem> {
    let length = view.span.us.end - view.span.us.start;
    let usual = Timeframe::USUAL.into_iter().find(|one| length / one.us() <= 1500);
    let asked = view.asked.get("timeframe").map(str::parse::<Timeframe>).transpose();
    let asked = asked.map_err(|error| Problem::parameter("timeframe", error.to_string()))?;
    Ok(asked.or(usual).unwrap_or(Timeframe::USUAL[6]))
}

/// The candles of a view in the API.
fn candles_address(view: &View<'_>, timeframe: Timeframe) -> String {
    let (start, end) = view.span.texts();
    let (key, start, end) = (encoded(view.key.as_str()), encoded(&start), encoded(&end));
    format!("/v1/candles/{key}?timeframe={timeframe}&start={start}&end={end}")
}

/// The candles of a view, and their address as JSON.
pub fn of_candles(view: &View<'_>) -> Option<(Ways, String)> {
    let timeframe = timeframe(view).ok()?;
    let address = candles_address(view, timeframe);
    let (key, days, (start, end)) = (&view.key, view.span.days, view.span.texts());
    let (first, last) = (days.first(), days.last());
    let ways = Ways {
        told: format!(
            "The candles of {timeframe} from {start} to {end}. curl and SQL get them as they are here; the command line builds them into the lake, where Python reads them."
        ),
        curl: format!("{address}&format=csv"),
        command: Some(format!(
            "mtdh candles --start-date {first} --end-date {last} --instruments '{key}' --timeframes {timeframe} --data-types trades"
        )),
        python: format!("rows = lake.candles(\"{key}\", \"{timeframe}\", \"{start}\", \"{end}\")"),
        sql: format!("select *\nfrom read_csv('{}{address}&format=csv');", view.asked.origin),
        all_paths: None,
    };
    Some((ways, format!("{address}&format=json&limit=10000")))
}

/// The blocks.
pub fn blocks(view: &View<'_>, ways: &Ways) -> Markup {
    let token = if view.asked.has_token { " -H \"Authorization: Bearer $MTDH_TOKEN\"" } else { "" };
    let curl = format!("curl --fail --globoff{token} '{}{}'", view.asked.origin, ways.curl);
    let secret = if view.asked.has_token { "create secret (type http, bearer_token 'TOKEN');\n" } else { "" };
    let python = format!(
        "import mtdh\n\nlake = mtdh.Lake()  # or the lake's address\n{}\nframe = rows.pandas()  # or .polars(), .arrow()",
        ways.python
    );
    html! {
        p { (ways.told) }
        (block("curl", &curl))
        p.quiet { "As CSV; also " code { "format=arrow" } ", " code { "parquet" } ", " code { "ndjson" } " and " code { "json" } "." }
        @match &ways.command {
            Some(command) => (block("Command line", command)),
            None => { h2.minor { "Command line" } p.quiet { code { "mtdh get" } " reads one instrument at a time." } },
        }
        (block("Python", &python))
        p.quiet { "Both take the lake of " code { "MTDH_LAKE" } ", or " code { "--lake" } "." }
        (block("SQL, in DuckDB", &format!("{secret}{}", ways.sql)))
        @if let Some(all) = &ways.all_paths { p.quiet { "The SQL names the first " (MOST_OBJECTS) " files; " a href=(all) { "a view of all" } "." } }
    }
}

/// The part of the page.
pub async fn page(view: View<'_>) -> Paged {
    let name = view.asked.get("data_type").unwrap_or("trades");
    let data_type: DataType = name.parse().map_err(|error: mtdh_core::table::UnknownDataType| {
        Problem::parameter("data_type", error.to_string())
    })?;
    let types: Vec<(&str, &str)> =
        types_of(&view.key).into_iter().map(|one| (one.name(), one.name())).collect();
    let (start, end) = view.span.texts();
    let wanted = Wanted { data_type, keys: view.key.to_string(), within_us: view.span.us.clone() };
    let told =
        format!("Rows of {data_type} from {start} to {end}: change either above, and these change with it.");
    let ways = wanted.ways(&view, &told).await?;
    let body = html! { section { (choices(view.asked, "Data", "data_type", data_type.name(), &types)) (blocks(&view, &ways)) } };
    let mut page = view.page("get", &[], body);
    page.json = Some(wanted.json(1000));
    Ok(page)
}

fn block(name: &str, text: &str) -> Markup {
    html! { h2.minor { (name) } div.get data-name=(name) { pre tabindex="0" { (text) } } }
}
