//! The one table of endpoints. Router, validation of parameters, `openapi.json` and `docs/reference/api.md` are made of it.

mod lake;

use super::coverage::GROUPS;
use super::forms::FORM_WORDS;
use super::parameters::{Kind, Parameter};
use super::{
    Handler, SocketHandler, book, candles, coverage, documents, files, findings, handed, instruments, lists,
    runs, slices, status,
};
use crate::{live, replay};

/// A method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// GET, and HEAD with it.
    Get,
    /// POST. It changes nothing: the request is too long for an address.
    Post,
}

impl Method {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
        }
    }
}

/// What an endpoint answers with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answers {
    /// A JSON document, with its members and their meanings.
    Document(&'static [(&'static str, &'static str)]),
    /// Rows in one of the forms.
    Rows,
    /// Stored bytes.
    File,
    /// Text of this media type.
    Text(&'static str),
    /// A JSON document, or text.
    Either(&'static [(&'static str, &'static str)], &'static str),
    /// The messages of a WebSocket.
    Messages,
}

/// What a client meets an endpoint for. OpenAPI has it as a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Documents and rows.
    Rest,
    /// Messages in the form of tardis-machine.
    Replay,
    /// What is recorded now.
    Live,
    /// The page, for people.
    Page,
}

impl Group {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Group::Rest => "rest",
            Group::Replay => "replay",
            Group::Live => "live",
            Group::Page => "page",
        }
    }
}

/// What answers an endpoint.
#[derive(Clone, Copy)]
pub enum Served {
    /// A function of the request, whose parameters are those of the table.
    By(Handler),
    /// A function of a WebSocket. What is wrong with the parameters is told by the frame that closes it.
    BySocket(SocketHandler),
    /// The page's route of the same path. It reads its own query, and names on the page what is wrong with it.
    ByPage,
}

/// An endpoint.
pub struct Endpoint {
    /// Its path, with the parameters in braces.
    pub path: &'static str,
    /// Its method.
    pub method: Method,
    /// What a client meets it for.
    pub group: Group,
    /// What it is for, in a line.
    pub summary: &'static str,
    /// What the line leaves out; empty: nothing.
    pub more: &'static str,
    /// Its parameters.
    pub parameters: &'static [&'static [Parameter]],
    /// What it answers.
    pub answers: Answers,
    /// Statuses beside 200, 401, 403, 429, 503 and 504, which every endpoint but `/health` can have.
    pub statuses: &'static [u16],
    /// Path and query of an example that a demo lake answers; of a POST, its body behind a space.
    pub example: &'static str,
    /// What answers it.
    pub served: Served,
}

impl Endpoint {
    /// What a client does there: the method, or speak WebSocket.
    pub fn verb(&self) -> &'static str {
        if matches!(self.served, Served::BySocket(_)) { "WebSocket" } else { self.method.name() }
    }
}

const fn required(
    name: &'static str,
    kind: Kind,
    meaning: &'static str,
    examples: &'static [&'static str],
) -> Parameter {
    Parameter { name, kind, is_required: true, default: "", meaning, examples }
}

const fn optional(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    meaning: &'static str,
    examples: &'static [&'static str],
) -> Parameter {
    Parameter { name, kind, is_required: false, default, meaning, examples }
}

/// A key that a demo lake has.
const KEY: &[&str] = &["DERIBIT:PERP:BTC-USD"];
/// A day that a demo lake has.
const DAY: &[&str] = &["2024-03-01"];

const TYPE: Parameter = required("type", Kind::DataType, "the data type", &["trades", "book_snapshot_5"]);
const ONE_KEY: Parameter = required("key", Kind::Key, "the instrument key", KEY);
const SOME_KEYS: Parameter = required(
    "key",
    Kind::Keys,
    "instrument keys, separated by commas, or patterns of them with `*` and `?`",
    &["DERIBIT:PERP:BTC-USD", "DERIBIT:PERP:*"],
);
const START: Parameter = required(
    "start",
    Kind::Time,
    "first moment: a day, a month, `yesterday`, `today`, or a moment such as `2024-03-01T12:30` with `Z` or an offset (`%2B01:00`)",
    &["2024-03-01T12:00", "2024-03-01"],
);
const END: Parameter = optional(
    "end",
    Kind::Time,
    "the end of the start's day or month",
    "last moment, excluded; a day or a month is included",
    &["2024-03-01T12:05"],
);
const COLUMNS: Parameter = optional(
    "columns",
    Kind::Names,
    "all",
    "columns, in this order, separated by commas",
    &["timestamp,price,amount"],
);
const CANDLE_COLUMNS: Parameter = optional(
    "columns",
    Kind::Names,
    "all",
    "columns, in this order, separated by commas",
    &["timestamp,open,close,volume"],
);
const CLOCK: Parameter = optional(
    "clock",
    Kind::Word(&["arrival", "exchange"]),
    "arrival",
    "whose time chooses and sorts rows: `arrival` at the recorder (`local_timestamp`), or the `exchange`'s (`timestamp`)",
    &["arrival", "exchange"],
);
const ORIGIN: Parameter = optional(
    "origin",
    Kind::Word(&["vendor", "live", "both"]),
    "vendor",
    "whose rows: the `vendor`'s, those of `live` recordings, or `both`: for a day that the vendor has, the vendor's",
    &["vendor", "both"],
);
const FORMAT: Parameter = optional(
    "format",
    Kind::Word(&FORM_WORDS),
    "by the header Accept, else json",
    "form of the rows",
    &["json", "arrow", "csv"],
);
const LIMIT: Parameter = optional(
    "limit",
    Kind::Whole(1, super::slices::MOST_LIMIT),
    "json: 10000; other forms: all",
    "most rows; of a JSON page 100000 at most, fewer of wide tables",
    &["100", "1"],
);
const CURSOR: Parameter =
    optional("cursor", Kind::Text(400), "", "where the next page begins; taken from `next`", &[]);
const PAGE: &[Parameter] =
    &[optional("limit", Kind::Whole(1, 100_000), "1000", "most lines of a page", &["100", "1"]), CURSOR];
const THE_DAY: Parameter = required("day", Kind::Day, "the day", DAY);
const VENUE: Parameter = required("venue", Kind::Text(100), "the venue", &["DERIBIT"]);
const PART: Parameter = required("part", Kind::Text(100), "the part of the page", &["candles"]);
const TABLE_DAY: Parameter =
    optional("day", Kind::Day, "the newest day that has a table", "day of the instrument table", DAY);
const DAYS: &[Parameter] = &[
    optional("start", Kind::Days, "the lake's first day", "first day or month", &["2024-03-01", "2024-03"]),
    optional(
        "end",
        Kind::Days,
        "that of the start; without a start the lake's last day",
        "last day or month, included",
        &["2024-03-02"],
    ),
];
const OF_VENUES: Parameter =
    optional("venue", Kind::Venues, "all", "venues, separated by commas", &["DERIBIT"]);
const OF_TYPES: Parameter = optional(
    "instrument_type",
    Kind::InstrumentTypes,
    "all",
    "instrument types, separated by commas",
    &["PERP", "OPTION"],
);
const OF_KEYS: Parameter =
    optional("key", Kind::Keys, "all", "instrument keys or patterns, separated by commas", KEY);
const FILTERS: &[Parameter] = &[
    OF_VENUES,
    OF_TYPES,
    optional(
        "type",
        Kind::DataTypes,
        "all that is there; missing only of the usual ones",
        "data types, separated by commas",
        &["trades"],
    ),
    OF_KEYS,
];
const FINDINGS: &[Parameter] = &[
    OF_VENUES,
    OF_TYPES,
    optional("type", Kind::DataTypes, "all", "data types, separated by commas", &["trades"]),
    OF_KEYS,
    optional(
        "group",
        Kind::Words(&GROUPS_OF_CHECKS),
        "all",
        "groups of checks, separated by commas",
        &["completeness", "timestamp,book"],
    ),
    optional("check", Kind::Check, "all", "a check", &["missing_partition"]),
    optional(
        "severity",
        Kind::Words(&["error", "warning", "info"]),
        "all",
        "severities, separated by commas",
        &["error", "error,warning"],
    ),
    optional(
        "objects",
        Kind::Word(&["current", "older"]),
        "both",
        "`current`: findings of the objects that the lake has; `older`: those of objects that were replaced since",
        &["current"],
    ),
];
const GROUPS_OF_CHECKS: [&str; 7] =
    ["completeness", "timestamp", "gaps", "book", "values", "aggregation", "cross-source"];
const FOUND: &str = "per finding `day`, `venue`, `instrument_type`, `key`, `type` (null: candles, or the day as a whole), `group`, `check`, `severity`, `from`, `to`, `count`, `cause`, `explanation`, `examples`, `checked_at`, `made_by` (the verb), `range` and `selection` (what it was asked for), `settings`, and `objects`: `current`, or `older` if what was checked was replaced since";
const TAKEN: &[Parameter] = &[TYPE, SOME_KEYS];
const WITHIN: &[Parameter] = &[START, END];
const AS_OF: (&str, &str) =
    ("as_of", "when the lake was looked at, RFC 3339, UTC; an answer is less than 60 seconds old");
const AS_OF_NOW: (&str, &str) = ("as_of", "when it was so, RFC 3339, UTC");
const NEXT: (&str, &str) = ("next", "address of the next page; null: this is the last");
const COUNTS: &[(&str, &str)] = &[
    AS_OF,
    ("start", "first day"),
    ("end", "last day"),
    ("by", "what it is grouped by"),
    ("total", "as a group, of all"),
    (
        "groups",
        "per group its names, `stored`, `empty`, `absent`, `missing`, `not_exported_yet` (partitions), `rows`, `bytes`, `grades` (partitions per grade) and `grade`, the worst",
    ),
];
const LINES: &str = "per partition `day`, `venue`, `instrument_type`, `key`, `type`, `status`, `reason`, `rows`, `bytes`, `grade`";

const fn get(
    path: &'static str,
    summary: &'static str,
    parameters: &'static [&'static [Parameter]],
    answers: Answers,
    statuses: &'static [u16],
    example: &'static str,
    handler: Handler,
) -> Endpoint {
    Endpoint {
        path,
        method: Method::Get,
        group: Group::Rest,
        summary,
        more: "",
        parameters,
        answers,
        statuses,
        example,
        served: Served::By(handler),
    }
}

/// A page, or what belongs to it.
const fn page(
    path: &'static str,
    summary: &'static str,
    parameters: &'static [&'static [Parameter]],
    example: &'static str,
) -> Endpoint {
    Endpoint {
        path,
        method: Method::Get,
        group: Group::Page,
        summary,
        more: "",
        parameters,
        answers: Answers::Text("text/html"),
        statuses: &[400, 404, 500],
        example,
        served: Served::ByPage,
    }
}

/// A form of the page.
const fn post(path: &'static str, summary: &'static str, statuses: &'static [u16]) -> Endpoint {
    Endpoint { method: Method::Post, statuses, ..page(path, summary, &[], "") }
}

const OPTIONS: Parameter = required(
    "options",
    Kind::Text(60_000),
    "JSON: an object with `exchange`, `symbols`, `from`, `to`, `dataTypes`, or an array of such objects",
    &[
        r#"{"exchange":"deribit","symbols":["BTC-PERPETUAL"],"from":"2024-03-01","to":"2024-03-02","dataTypes":["trade"]}"#,
    ],
);
const STREAM_OPTIONS: Parameter = required(
    "options",
    Kind::Text(60_000),
    "JSON: an object with `exchange`, `symbols`, `dataTypes`, `withDisconnectMessages`, `withErrorMessages`, or an array of such objects",
    &[r#"{"exchange":"deribit","symbols":["BTC-PERPETUAL"],"dataTypes":["trade","book_snapshot_5_100ms"]}"#],
);
const LIVE: &[Parameter] = &[
    optional(
        "exchange",
        Kind::Names,
        "all",
        "the vendor's ids of exchanges, separated by commas",
        &["deribit"],
    ),
    optional(
        "symbol",
        Kind::Names,
        "all",
        "symbols as the vendor's rows write them, or instrument keys, separated by commas",
        &["BTC-PERPETUAL", "DERIBIT:PERP:BTC-USD"],
    ),
    optional(
        "type",
        Kind::Names,
        "all",
        "data types, `candles`, and `notes` (gaps, findings and health), separated by commas",
        &["trades", "trades,candles,notes"],
    ),
    optional("timeframe", Kind::Names, "all", "timeframes of candles, separated by commas", &["1m"]),
    optional(
        "channels",
        Kind::Names,
        "",
        "in place of `symbol` and `type`: `candles:SYMBOL:TIMEFRAME` and `ticks:SYMBOL:TYPE`, separated by commas; `*` is all",
        &["ticks:BTC-PERPETUAL:trades"],
    ),
    optional(
        "conflate",
        Kind::Word(&["false", "true"]),
        "false",
        "`true`: of book_ticker, quotes and derivative_ticker that wait for a slow client, only the latest of each instrument is kept",
        &["true"],
    ),
    optional(
        "after",
        Kind::Text(8_000),
        "from now on",
        "goes on behind this event: the `id` of a server-sent event",
        &[],
    ),
];
const REPLAY: &str = "/replay-normalized?options=%7B%22exchange%22%3A%22deribit%22%2C%22symbols%22%3A%5B%22BTC-PERPETUAL%22%5D%2C%22from%22%3A%222024-03-01T12%3A00Z%22%2C%22to%22%3A%222024-03-01T13%3A00Z%22%2C%22dataTypes%22%3A%5B%22trade%22%5D%7D";

/// Every endpoint.
#[rustfmt::skip]
pub static ENDPOINTS: &[Endpoint] = &[
    get("/health", "Whether the server lives; needs no token and does not look at the lake.", &[],
        Answers::Document(&[("status", "`alive`")]), &[400], "/health", status::health),
    get("/openapi.json", "This interface in OpenAPI 3.1.", &[],
        Answers::Document(&[("openapi", "`3.1.0`"), ("info", "name and version"), ("paths", "the endpoints")]), &[400], "/openapi.json", documents::openapi),
    get("/metrics", "Counters of this server for Prometheus.", &[],
        Answers::Text("text/plain"), &[400], "/metrics", status::metrics),
    get("/v1/status", "The program's version and the days that it serves.", &[],
        Answers::Document(&[AS_OF, ("version", "of mtdh"), ("uptime_seconds", "since the start"), ("days", "number of days with partitions"), ("first_day", "null: none"), ("last_day", "null: none"), ("newest_table", "newest day that has an instrument table; null: none"), ("days_looked_at", "days that the server has looked at since its start"), ("days_to_look_at", "days that it looks at after its start; an ask for another day waits until it was looked at")]),
        &[400, 500], "/v1/status", status::status),
    get("/v1/data-types", "The data types with their columns, units and meanings.", &[],
        Answers::Document(&[("data_types", "per data type `name`, `only_grouped` and `columns`")]), &[400], "/v1/data-types", instruments::data_types),
    get("/v1/data-types/{type}", "One data type with its columns.", &[&[TYPE]],
        Answers::Document(&[("name", "the data type"), ("only_grouped", "whether the vendor has it only per venue"), ("columns", "per column `name`, `type`, `words`, `nullable`, `unit`, `meaning`")]),
        &[400], "/v1/data-types/trades", instruments::data_type),
    get("/v1/schema", "The tables of a lake with their columns: also those that are no data types.", &[], lake::SCHEMA, &[400], "/v1/schema", lists::schema),
    get("/v1/schema/{table}", "One table with its columns.", &[lake::OF_TABLE], lake::TABLE, &[400, 404], "/v1/schema/candles", lists::schema_of),
    get("/v1/ls", "What the lake has, a line for each group, as `mtdh ls` prints it.", &[lake::LISTED, DAYS, lake::CHOSEN, PAGE], lake::LIST,
        &[400, 500], "/v1/ls?by=venue,type&sort=bytes", lists::ls),
    get("/v1/days", "The days that the lake has partitions of, in order.", &[],
        Answers::Document(&[AS_OF, ("days", "`YYYY-MM-DD`")]), &[400, 500], "/v1/days", status::days),
    get("/v1/venues", "The venues of a day's instrument table.", &[&[TABLE_DAY]],
        Answers::Document(&[AS_OF, ("day", "of the table"), ("venues", "per venue `venue`, `exchange` (the vendor's id) and `instruments`")]), &[400, 404, 500], "/v1/venues", instruments::venues),
    get("/v1/instruments", "Instruments of a day's table.",
        &[&[TABLE_DAY,
            OF_VENUES,
            optional("instrument_type", Kind::InstrumentTypes, "all", "instrument types, separated by commas", &["PERP"]),
            optional("type", Kind::DataTypes, "all", "data types that the vendor lists for it, separated by commas", &["trades"]),
            optional("base", Kind::Text(40), "all", "base asset", &["BTC"]),
            optional("quote", Kind::Text(40), "all", "quote asset", &["USD"]),
            optional("underlying", Kind::Text(80), "all", "base and quote", &["BTC-USD"]),
            optional("q", Kind::Text(100), "all", "a part of the key, the vendor's or the exchange's symbol", &["perp"])], PAGE],
        Answers::Document(&[AS_OF, ("day", "of the table"), ("total", "instruments that match"), ("instruments", "their rows"), NEXT]),
        &[400, 404, 500], "/v1/instruments?venue=DERIBIT&instrument_type=PERP", instruments::list),
    get("/v1/instruments/{key}", "One instrument with all its fields and names.", &[&[ONE_KEY, TABLE_DAY]],
        Answers::Document(&[AS_OF, ("day", "of the table"), ("key", "the key"), ("vendor_symbol", "null: the vendor exports no files of it"), ("exchange_symbol", "the exchange's own")]),
        &[400, 404, 500], "/v1/instruments/DERIBIT:PERP:BTC-USD", instruments::one),
    get("/v1/symbols", "Symbols to keys and keys to symbols.",
        &[&[required("symbols", Kind::Names, "symbols, separated by commas", &["BTC-PERPETUAL"]),
            optional("from", Kind::Word(&["vendor", "exchange", "key"]), "vendor", "whose names the symbols are: the vendor's in its file names, the exchange's own, or instrument keys", &["vendor", "exchange", "key"]),
            OF_VENUES, TABLE_DAY]],
        Answers::Document(&[AS_OF, ("day", "of the table"), ("from", "as asked"), ("resolved", "per match `symbol`, `key`, `venue`, `exchange`, `exchange_symbol`, `vendor_symbol`"), ("unknown", "symbols without a match")]),
        &[400, 404, 500], "/v1/symbols?symbols=BTC-PERPETUAL", instruments::resolve),
    get("/v1/coverage", "What the lake has and lacks, counted by day, venue, type or key.",
        &[DAYS, FILTERS, &[optional("by", Kind::Words(&GROUPS), "day", "what to group by: one, or several separated by commas", &["day", "venue,type"])]],
        Answers::Document(COUNTS), &[400, 500], "/v1/coverage?start=2024-03-01&by=venue", coverage::coverage),
    get("/v1/partitions", "Partitions that are there or expected, one by one.",
        &[DAYS, FILTERS,
          &[optional("status", Kind::Word(&["stored", "empty", "absent", "missing", "not_exported_yet"]), "all", "status", &["stored", "missing"]),
            optional("grade", Kind::Word(&["good", "degraded", "bad", "missing", "unknown", "unchecked"]), "all", "grade by the last check", &["unchecked", "good"])], PAGE],
        Answers::Document(&[AS_OF, ("total", "partitions that match"), ("partitions", LINES), NEXT]),
        &[400, 500], "/v1/partitions?start=2024-03-01&venue=DERIBIT&limit=5", coverage::partitions),
    get("/v1/partitions/{day}/{type}/{key}", "One partition with its evidence: its source and when it was fetched, rows in and out, ranges, digest, grades, checks, gaps, candles, re-issues. Of a partition without an object, the problem (404) has in `why` what is known of it.",
        &[&[THE_DAY, TYPE, ONE_KEY]],
        Answers::Document(&[AS_OF, ("path", "inside the lake"), ("url", "of its bytes"), ("status", "`stored`, `empty`, `absent`; `missing`: it cannot be trusted"), ("source", "the vendor's file with its ETag and SHA-256, or the recording with its gaps"), ("rows", "`in` = `out` + `rejected`"), ("fetched_at", "when the vendor's answer had been received, by the clock of the machine that fetched it; null: not known, as an older version, a run that was killed, a folder of files or a recording brought the object"), ("checks", "what the newest checks looked at and found; empty: not checked"), ("listing", "what the vendor listed, by the lake's tables; null: no table has the instrument"), ("gaps", "times in which rows lack, each with what explains it"), ("candles", "of the instrument's day, made of this data type; `is_current`: of this object"), ("reissues", "objects that were replaced because the vendor issued their files anew")]),
        &[400, 404, 500], "/v1/partitions/2024-03-01/trades/DERIBIT:PERP:BTC-USD", coverage::evidence),
    get("/v1/missing", "Partitions that are expected and missing, each with the reason.", &[DAYS, FILTERS, PAGE],
        Answers::Document(&[AS_OF, ("total", "partitions that match"), ("missing", LINES), NEXT]), &[400, 500], "/v1/missing?start=2024-03-01", coverage::missing),
    get("/v1/findings", "What checks found, as the lake keeps it: of each thing the newest check of each group. Days and groups that are not in it were not checked.",
        &[DAYS, FINDINGS, PAGE],
        Answers::Document(&[AS_OF, ("total", "findings that match"), ("findings", FOUND), NEXT,
            ("checked", "per `group` of checks: `things` that it looked at (partitions, candles, days), `older` ones among them whose objects were replaced since, and when, `first_checked_at` to `last_checked_at`. Nothing found and a thing counted here is clean; a thing that is not counted was not checked"),
            ("unchecked_days", "days of the range that have partitions and no check")]),
        &[400, 500], "/v1/findings?start=2024-03-01", findings::list),
    get("/v1/reports/{day}", "What the last validation of a day found missing.", &[&[THE_DAY]],
        Answers::Document(&[AS_OF, ("day", "the day"), ("missing", "per partition `key`, `type`, `reason`"), ("files", "addresses of the day's two reports as Parquet")]),
        &[400, 404, 500], "/v1/reports/2024-03-01", coverage::report),
    get("/v1/slices/{type}/{key}", "Rows of a data type, in a range of time.", &[TAKEN, WITHIN, &[COLUMNS, LIMIT, CLOCK, ORIGIN, FORMAT, CURSOR]],
        Answers::Rows, &[304, 400, 404, 406, 409, 413, 500], "/v1/slices/trades/DERIBIT:PERP:BTC-USD?start=2024-03-01T12:00&end=2024-03-01T13:00&limit=5", slices::get),
    Endpoint { path: "/v1/slices", method: Method::Post, group: Group::Rest, summary: "Rows of many instruments, by a JSON body.",
        more: "One data type a request: rows of another have other columns, and neither a CSV nor an Arrow stream nor a Parquet file has two kinds of rows. Ask once for each data type, or for messages of several data types, merged by arrival, by /replay-normalized.",
        parameters: &[&[FORMAT, CURSOR]], answers: Answers::Rows, statuses: &[304, 400, 404, 406, 408, 409, 413, 500],
        example: "/v1/slices?format=ndjson {\"type\": \"trades\", \"instruments\": [\"DERIBIT:PERP:BTC-USD\", \"DERIBIT:PERP:ETH-USD\"], \"start\": \"2024-03-01T12:00\", \"end\": \"2024-03-01T13:00\", \"columns\": [\"instrument_key\", \"timestamp\", \"price\"], \"limit\": 5}",
        served: Served::By(slices::post) },
    get("/v1/slices/{type}/{key}/count", "How many rows a slice has and what it reads, before it is asked for.", &[TAKEN, WITHIN, &[CLOCK, ORIGIN]],
        Answers::Document(&[AS_OF, ("rows", "in the range"), ("objects", "that have them"), ("stored_bytes", "of these objects"), ("missing_days", "that the lake lacks")]),
        &[400, 404, 500], "/v1/slices/trades/DERIBIT:PERP:BTC-USD/count?start=2024-03-01", slices::count),
    get("/v1/candles/{key}", "Candles that the lake has, or made of its trades for this answer.",
        &[&[ONE_KEY, optional("timeframe", Kind::Timeframe, "1m", "length of the intervals", &["1m", "1h", "1d"])], WITHIN,
          &[optional("fill", Kind::Word(&["none", "flat"]), "none", "intervals without trades: no candle, or one with the last price", &["none", "flat"]),
            optional("source", Kind::Word(&["auto", "stored", "trades"]), "auto", "`stored`: only the lake's; `trades`: made now; `auto`: stored where they are, else made", &["auto", "trades"]),
            CANDLE_COLUMNS, LIMIT, FORMAT, CURSOR]],
        Answers::Rows, &[304, 400, 404, 406, 409, 413, 500], "/v1/candles/DERIBIT:PERP:BTC-USD?timeframe=1h&start=2024-03-01", candles::get),
    get("/v1/book/{key}", "The order book at a moment: the last snapshot at or before it, or the day's changes replayed up to it.",
        &[&[ONE_KEY, required("at", Kind::Time, "the moment, by the arrival of rows", &["2024-03-01T12:00"]),
            optional("depth", Kind::Whole(1, 10_000), "25", "levels of a side", &["5", "25"]),
            optional("source", Kind::Word(&["auto", "snapshot", "changes"]), "auto", "what it is made of; `auto`: snapshots that are deep enough, else changes", &["auto"])]],
        Answers::Document(&[AS_OF, ("key", "the key"), ("at", "as asked"), ("local_timestamp", "arrival of the last row of it"), ("timestamp", "its exchange time"), ("source", "the data type"), ("made_by", "`snapshot` or `replay`"), ("bids", "price and amount, best first"), ("asks", "price and amount, best first")]),
        &[400, 404, 500], "/v1/book/DERIBIT:PERP:BTC-USD?at=2024-03-01T12:00&depth=5", book::at),
    get("/v1/files/{*path}", "An object of the lake as it is stored, with ranges. Its digest is in the header `x-mtdh-data-blake3`; a Parquet reader verifies it.",
        &[&[required("path", Kind::Path, "path inside the lake, as /v1/paths gives it", &["instrument_availability/by_date/day-2024-03-01/instruments.parquet"])]],
        Answers::File, &[206, 304, 400, 404, 412, 416, 500], "/v1/files/instrument_availability/by_date/day-2024-03-01/instruments.parquet", files::get),
    get("/v1/paths/{type}/{key}", "The exact addresses of the objects of a slice, for programs that read Parquet over HTTP.",
        &[TAKEN, WITHIN, &[CLOCK, ORIGIN, optional("form", Kind::Word(&["json", "lines", "sql"]), "json", "`lines`: an address per line; `sql`: a view for DuckDB", &["json", "lines", "sql"])]],
        Answers::Either(&[AS_OF, ("paths", "per object `day`, `key`, `path`, `url`, `bytes`"), ("missing_days", "that the lake lacks")], "text/plain"),
        &[400, 404, 500], "/v1/paths/trades/DERIBIT:PERP:*?start=2024-03-01&form=lines", coverage::paths),
    get("/v1/ddl", "Statements that let another engine read the lake where it lies.", &[lake::STATEMENTS], Answers::Text("text/plain"),
        &[400, 500], "/v1/ddl?dialect=duckdb&table=trades", handed::ddl),
    get("/v1/bigquery", "The statements that load days of data types and candles into BigQuery, a block for each table and day. Nothing is sent. The lake must be a bucket.",
        &[WITHIN, lake::LOADED], Answers::Text("text/plain"), &[400, 500], "", handed::bigquery),
    get("/v1/iceberg", "The Iceberg tables that were published, and whether they know what the lake has now.", &[], lake::ICEBERG, &[400, 500], "/v1/iceberg", handed::iceberg),
    get("/v1/certificates", "The certificates that were made of the lake and that it keeps, the newest first. They are untrusted: `problem` says why one cannot be used.",
        &[], lake::CERTIFICATES, &[400, 500], "/v1/certificates", handed::certificates),
    get("/v1/certificates/{digest}", "A certificate that the lake keeps, as it was written: for `mtdh verify` of any copy of the lake.",
        &[lake::OF_CERTIFICATE], Answers::Document(&[]), &[400, 404, 500], "", handed::certificate),
    Endpoint { path: "/v1/verify", method: Method::Post, group: Group::Rest, summary: "Whether the lake holds the data of a certificate, which is the body: one of 1 MiB at most.",
        more: "Only footers are read, so that data that rotted is not found: `mtdh verify --bytes` reads every byte. Larger certificates: `mtdh verify`.",
        parameters: &[], answers: lake::VERIFIED, statuses: &[400, 408, 413, 500], example: "", served: Served::By(handed::verify) },
    get("/v1/wanted", "What the lake is for, by its `lake.toml`, and what came of the last sync.", &[],
        Answers::Document(&[AS_OF, ("is_stated", "whether the lake has a `lake.toml`"), ("sets", "what it wants; without one, empty"), ("asked", "without a `lake.toml`: what was ever asked of the lake, a line each"), ("last_sync", "`verdict` and `ended_at` of the last sync, `succeeded_at` of the last one that left the lake as is wanted; null: there was none")]),
        &[400, 500], "/v1/wanted", runs::wanted),
    get("/v1/runs", "The lake's runs.", &[], Answers::Document(&[AS_OF, ("runs", "their names"), ("details", "per run, the newest first, `run`, `kind` (`download`, `candles`, `sync`, `plan`), `state`, `verdict` (null: it has not ended), `started_at`, `updated_at`, `seconds`, `files`, `files_done`, `files_failed`, `rows`, `bytes` and `what` it was about")]), &[400, 500], "/v1/runs", runs::list),
    get("/v1/runs/{run}", "The state of a run.", &[&[required("run", Kind::Text(100), "its name", &[])]],
        Answers::Document(&[AS_OF, ("run", "its name"), ("details", "its line of `/v1/runs`"), ("plan", "state of its saved plan with shards and failures; null: it has none"), ("summaries", "what its shards wrote")]),
        &[400, 404, 500], "", runs::one),
    get("/v1/runs/{run}/events", "The state of a run whenever it changes, as server-sent events: `state` with the document of the run, `end` when nobody works on it.",
        &[&[required("run", Kind::Text(100), "its name", &[])]],
        Answers::Text("text/event-stream"), &[400, 404, 500], "", runs::events),
    Endpoint { path: replay::PATH, method: Method::Get, group: Group::Replay,
        summary: "tardis-machine's replay over the lake: a message a line, in order of arrival.",
        more: "Ends with a line `{\"type\": \"error\", \"message\": …}` and a broken connection where a day is missing or damaged or the server stops, never as if it were whole. [How the messages are made](replay.md).",
        parameters: &[&[OPTIONS]], answers: Answers::Text("application/x-json-stream"), statuses: &[400, 404, 413, 414, 431, 500],
        example: REPLAY, served: Served::By(replay::over_http) },
    Endpoint { path: replay::WS_PATH, method: Method::Get, group: Group::Replay,
        summary: "The same replay over a WebSocket, here and on the port beside: a message a text frame.",
        more: "The server's frames are the lines of /replay-normalized; what a client sends is read and ignored. It is closed with 1000 when all was sent, 1011 when the options are wrong or a day is missing or damaged (the reason names it), 1001 when the server stops. A page of another origin is refused with 403, a request that is no WebSocket with 426.",
        parameters: &[&[OPTIONS]], answers: Answers::Messages, statuses: &[426],
        example: "", served: Served::BySocket(replay::over_socket) },
    Endpoint { path: replay::STREAM_PATH, method: Method::Get, group: Group::Live,
        summary: "tardis-machine's live stream of what is recorded here, over a WebSocket, also on the port beside: a message a text frame.",
        more: "What is recorded is recorded once for all clients, and begins with the current books. It is closed with 1011 when the options are wrong or nothing is recorded (the reason says it), 1008 `Too much backpressure` when the client does not keep up, 1009 when it says more than 512 KiB, 1001 when the server stops. A page of another origin is refused with 403, a request that is no WebSocket with 426. [Events and codes](live-stream.md).",
        parameters: &[&[STREAM_OPTIONS]], answers: Answers::Messages, statuses: &[426],
        example: "", served: Served::BySocket(replay::live_over_socket) },
    Endpoint { path: "/live/stream", method: Method::Get, group: Group::Live,
        summary: "What is recorded now as JSON lines over a WebSocket, also on the port beside: a message of the exchange a text frame, a row a line.",
        more: "A line's member `event` says what it is; rows have the names of the lake's columns. Codes are those of /ws-stream-normalized; before 1008 comes a line `lagged`. [Events, fields and codes](live-stream.md).",
        parameters: &[LIVE], answers: Answers::Messages, statuses: &[426],
        example: "", served: Served::BySocket(live::stream) },
    Endpoint { path: "/live/events", method: Method::Get, group: Group::Live,
        summary: "The same as server-sent events, which a client takes up where it left off.",
        more: "`id` is a position; a client that comes back with the header `Last-Event-ID`, or `after`, goes on right behind it. What is no more remembered is told by an event `lagged`. The answer ends when the server stops or the client does not keep up. [Events and fields](live-stream.md).",
        parameters: &[LIVE], answers: Answers::Text("text/event-stream"), statuses: &[400, 404],
        example: "", served: Served::By(live::events) },
    Endpoint { path: "/live/status", method: Method::Get, group: Group::Live,
        summary: "How the recording goes: by exchange its state, by stream its last message, gaps, and what its messages prove of losses.",
        more: "", parameters: &[],
        answers: Answers::Document(&[AS_OF_NOW, ("is_recording", "whether this server has a recorder"), ("detail", "why not"), ("since", "when the recorder was started; null: there is none"), ("events", "since then"), ("listeners", "clients that listen"), ("venues", "per exchange `exchange`, `state` (`not connected`, `connecting`, `recording`, `partly connected`, `capture only`, `ended`), `detail`, `since`, `errors`, `is_experimental` and `streams`: per instrument and data type `symbol`, `data_type`, `instrument_key`, `state` (that of the exchange, `waiting` or `gap`), `last_arrival`, `age_seconds` (since then; while `waiting`, since it was asked for), `messages`, `rows`, `gaps`, `missing`, `proof` (`whole`, `part`, `none`)")]),
        statuses: &[400], example: "/live/status", served: Served::By(live::status) },
    page("/", "Coverage: what the lake has, as a heat map.", &[], "/"),
    page("/lake", "What is stored, Iceberg tables, certificates, and statements for other engines.", &[], "/lake"),
    page("/instruments", "Instruments of a day, searched.", &[], "/instruments"),
    page("/instruments/{key}", "An instrument.", &[&[ONE_KEY]], "/instruments/DERIBIT:PERP:BTC-USD"),
    page("/instruments/{key}/{part}", "A part of it.", &[&[ONE_KEY, PART]], "/instruments/DERIBIT:PERP:BTC-USD/candles"),
    page("/days/{day}", "A day.", &[&[THE_DAY]], "/days/2024-03-01"),
    page("/days/{day}/{venue}", "A venue's day.", &[&[THE_DAY, VENUE]], "/days/2024-03-01/DERIBIT"),
    page("/days/{day}/{venue}/{type}/{key}", "A partition with its evidence.", &[&[THE_DAY, VENUE, TYPE, ONE_KEY]], "/days/2024-03-01/DERIBIT/trades/DERIBIT:PERP:BTC-USD"),
    page("/quality", "Findings and grades.", &[], "/quality"),
    page("/quality/now", "Findings of one instrument's day, checked now.", &[], ""),
    page("/runs", "Runs.", &[], "/runs"),
    page("/runs/{run}", "A run, followed as it goes on.", &[&[required("run", Kind::Text(100), "its name", &[])]], ""),
    page("/live", "What is recorded now: tape, book, candles and the feeds' health.", &[], "/live"),
    page("/docs", "The requests of this table, for people.", &[], "/docs"),
    page("/login", "The form to sign in with.", &[], "/login"),
    post("/login", "Signs in: a form with `token` and `next`, the address to go to.", &[303, 400, 500]),
    post("/logout", "Signs out.", &[303, 400, 500]),
    page("/assets/{name}", "Style, scripts and icon of the page.", &[&[required("name", Kind::Text(100), "its name", &["app.css"])]], "/assets/app.css"),
];
