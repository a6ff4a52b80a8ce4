//! Parameters and members of the endpoints that list a lake, and of those whose answers are for other programs.

use super::super::{handed, lists};
use super::{
    AS_OF, AS_OF_NOW, Answers, Kind, NEXT, OF_KEYS, OF_TYPES, OF_VENUES, Parameter, optional, required,
};

pub(super) const LISTED: &[Parameter] = &[
    optional("what", Kind::Word(&lists::LISTS), "partitions", "what is listed", &["partitions", "candles"]),
    optional(
        "by",
        Kind::Words(&lists::GROUPINGS),
        "day, venue, type; of reports type",
        "what to group by: one, or several separated by commas; `type` is the data type, the timeframe, or which report",
        &["venue", "venue,type"],
    ),
    optional(
        "long",
        Kind::Word(&["false", "true"]),
        "false",
        "`true`: a line for each object in place of groups",
        &["true"],
    ),
    optional(
        "sort",
        Kind::Text(40),
        "by name",
        "column: numbers from the largest, names from the first; `-COLUMN` the other way round",
        &["bytes", "-day"],
    ),
    optional("origin", Kind::Word(&["vendor", "live"]), "vendor", "whose data", &["vendor"]),
    optional(
        "everything",
        Kind::Word(&["false", "true"]),
        "false",
        "`true`: all that the lake has, whatever its `lake.toml` wants",
        &["true"],
    ),
];

const TYPES: Parameter =
    optional("type", Kind::DataTypes, "all", "data types, separated by commas", &["trades"]);

pub(super) const CHOSEN: &[Parameter] = &[OF_VENUES, OF_TYPES, TYPES, OF_KEYS];

pub(super) const LIST: Answers = Answers::Document(&[
    AS_OF,
    ("what", "as asked"),
    ("by", "what it is grouped by; null: it is not"),
    ("sets", "the sets of `lake.toml` that it is about; null: about all that is asked for"),
    ("total", "lines of all pages"),
    ("columns", "their names"),
    ("lines", "per group or object a member for each column; null: nothing to say"),
    ("unknown", "per name that nothing in the lake has `name` and `suggestions`"),
    ("notes", "sentences for people"),
    NEXT,
]);

pub(super) const SCHEMA: Answers = Answers::Document(&[(
    "tables",
    "per table `name`, `path` inside the lake, `format`, `row` (what one is) and `columns`",
)]);

pub(super) const OF_TABLE: &[Parameter] = &[required("table", Kind::Text(100), "its name", &["candles"])];

pub(super) const TABLE: Answers = Answers::Document(&[
    ("name", "of the table"),
    ("path", "of its objects inside the lake"),
    ("format", "of its objects"),
    ("row", "what one is"),
    (
        "columns",
        "per column `name`, `type`, `unit`, `null` (what it means; null: never), `values`, `meaning`, `by_venue`",
    ),
]);

pub(super) const STATEMENTS: &[Parameter] = &[
    required("dialect", Kind::Word(&handed::DIALECTS), "the engine", &["duckdb", "spark"]),
    optional(
        "table",
        Kind::Names,
        "all that the lake has objects of",
        "tables, separated by commas",
        &["trades,candles"],
    ),
    optional("schema", Kind::Text(100), "mtdh", "schema, database or data set of the tables", &["mtdh"]),
    optional(
        "place",
        Kind::Text(500),
        "the bucket; of a lake in a folder of the server a word in its place",
        "where that engine finds the lake: a folder of its machine, or a bucket's address",
        &["s3://lake"],
    ),
    optional("connection", Kind::Text(200), "", "BigQuery: the connection by which it reads the bucket", &[]),
    optional("hive", Kind::Text(500), "", "BigQuery: the address of an export in Hive's layout", &[]),
];

pub(super) const LOADED: &[Parameter] = &[
    optional("dataset", Kind::Text(100), "mtdh", "the data set, SET or PROJECT.SET", &["mtdh"]),
    optional(
        "table",
        Kind::Names,
        "all data types and candles",
        "tables, separated by commas",
        &["trades,candles_1m"],
    ),
    optional("type", Kind::DataTypes, "", "data types, besides the tables", &["trades"]),
    OF_VENUES,
    OF_KEYS,
];

pub(super) const ICEBERG: Answers = Answers::Document(&[
    AS_OF_NOW,
    (
        "tables",
        "per table `table`, `version`, `snapshot`, `published_at`, `path` of its metadata inside the lake, `covers` (`lake` or `selection`), `first_day`, `last_day`, `files`, `rows`, `bytes`, `is_stale`, `reason`, and how many files of the lake are `added`, `replaced` and `removed` since",
    ),
]);

pub(super) const CERTIFICATES: Answers = Answers::Document(&[
    AS_OF_NOW,
    (
        "certificates",
        "per certificate `root`, `bytes`, `problem`, and if that is null `digest`, `certified_at`, `verdict`, `first_day`, `last_day`, `venues`, `instrument_types`, `data_types`, `instruments`, `partitions`, `objects`, `missing` and `are_bytes_proved`",
    ),
]);

pub(super) const OF_CERTIFICATE: &[Parameter] =
    &[required("digest", Kind::Text(80), "its digest or root, or the first eight signs and more", &[])];

pub(super) const VERIFIED: Answers = Answers::Document(&[
    AS_OF_NOW,
    ("is_same", "whether the data is the same, and some"),
    ("digest", "of the certificate"),
    ("root", "of its tree"),
    ("certified_at", "when it was made"),
    ("certified_verdict", "its verdict"),
    ("partitions", "that it names"),
    ("objects", "those that have one"),
    ("same", "objects that are the same"),
    ("bytes_read", "whether every byte was read"),
    (
        "differences",
        "the first 1000: `what` (`data`, `footer`, `damaged`, `gone` or `new`), day, data type, key and what is known",
    ),
    ("differences_total", "all of them"),
    ("untrusted", "objects that cannot be trusted, of partitions that have none by the certificate"),
]);
