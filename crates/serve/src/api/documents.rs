//! The documents that are made of the table: `openapi.json` and `docs/reference/api.md`.

use std::fmt::Write;

use futures::future::BoxFuture;
use mtdh_core::DataType;
use serde_json::{Map, Value, json};

use super::endpoints::{Answers, ENDPOINTS, Endpoint, Group, Method};
use super::forms::FORMS;
use super::parameters::{Kind, LONGEST_LIST, Parameter};
use super::{Answered, Ask};

/// Statuses of every endpoint behind the rules.
const COMMON: [u16; 6] = [401, 403, 404, 429, 503, 504];

pub(super) fn openapi(_ask: Ask) -> BoxFuture<'static, Answered> {
    Box::pin(async { Ok(super::status::document(&openapi_document())) })
}

fn schema(kind: Kind) -> Value {
    let data_types = || DataType::ALL.map(DataType::name);
    let text = |most: usize| json!({"type": "string", "minLength": 1, "maxLength": most});
    match kind {
        Kind::Text(most) => text(most),
        Kind::Key => json!({"type": "string", "minLength": 1, "maxLength": 300}),
        Kind::Keys | Kind::Venues | Kind::InstrumentTypes | Kind::DataTypes | Kind::Names => {
            text(LONGEST_LIST)
        }
        Kind::DataType => json!({"type": "string", "enum": data_types()}),
        Kind::Day => json!({"type": "string", "format": "date"}),
        Kind::Days => {
            json!({"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}(-[0-9]{2})?$|^today$|^yesterday$"})
        }
        Kind::Time | Kind::Timeframe => text(40),
        Kind::Clock => json!({"type": "string", "enum": ["arrival", "exchange"]}),
        Kind::Check => {
            json!({"type": "string", "enum": mtdh_core::check::all().map(|check| check.name).collect::<Vec<_>>()})
        }
        Kind::Word(words) => json!({"type": "string", "enum": words}),
        Kind::Words(words) => {
            let one = words.join("|");
            json!({"type": "string", "pattern": format!("^({one})(,({one}))*$")})
        }
        Kind::Whole(least, most) => json!({"type": "integer", "minimum": least, "maximum": most}),
        Kind::Path => text(500),
    }
}

/// An example as a value of its schema.
fn example(parameter: &Parameter, text: &str) -> Value {
    match parameter.kind {
        Kind::Whole(_, _) => text.parse::<u64>().map(Value::from).unwrap_or_default(),
        _ => text.into(),
    }
}

fn parameter_document(endpoint: &Endpoint, parameter: &Parameter) -> Value {
    let is_of_path = endpoint.path.contains(&format!("{{{}}}", parameter.name))
        || endpoint.path.contains(&format!("{{*{}}}", parameter.name));
    let default = if parameter.default.is_empty() {
        String::new()
    } else {
        format!(" Default: {}.", parameter.default)
    };
    let mut document = json!({
        "name": parameter.name,
        "in": if is_of_path { "path" } else { "query" },
        "required": parameter.is_required,
        "description": format!("{}.{default}", parameter.meaning),
        "schema": schema(parameter.kind),
    });
    if !parameter.examples.is_empty() {
        let examples = parameter.examples.iter().enumerate();
        let examples =
            examples.map(|(place, text)| (format!("e{place}"), json!({"value": example(parameter, text)})));
        document["examples"] = Value::Object(examples.collect::<Map<String, Value>>());
    }
    document
}

fn content(answers: Answers) -> Value {
    let object = |members: &[(&str, &str)]| {
        let properties =
            members.iter().map(|(name, meaning)| ((*name).to_owned(), json!({"description": meaning})));
        let required: Vec<&str> = members.iter().map(|(name, _)| *name).collect();
        json!({"schema": {"type": "object", "properties": properties.collect::<Map<String, Value>>(), "required": required}})
    };
    match answers {
        Answers::Document(members) => json!({"application/json": object(members)}),
        Answers::Either(members, media) => {
            json!({"application/json": object(members), media: {"schema": {"type": "string"}}})
        }
        Answers::Rows => {
            let page = object(&[
                ("columns", "per column `name` and `type`"),
                ("rows", "an array per row, in the order of the columns"),
                ("missing_days", "days that the lake lacks"),
                ("missing", "per missing part `day` and `instrument`"),
                ("next", "address of the next page; null: this is the last"),
            ]);
            let forms = FORMS.iter().map(|(form, _, media)| {
                let is_page = *form == super::forms::Form::Json;
                ((*media).to_owned(), if is_page { page.clone() } else { json!({"schema": {}}) })
            });
            Value::Object(forms.collect())
        }
        Answers::File => {
            json!({"application/vnd.apache.parquet": {"schema": {}}, "application/x-ndjson": {"schema": {}}})
        }
        Answers::Text(media) => json!({media: {"schema": {"type": "string"}}}),
        Answers::Messages => json!({}),
    }
}

fn operation(endpoint: &Endpoint) -> Value {
    let mut responses = Map::new();
    let answer = match endpoint.answers {
        Answers::Messages => {
            ("101", json!({"description": "the WebSocket is open; the description tells its messages"}))
        }
        answers => ("200", json!({"description": "the answer", "content": content(answers)})),
    };
    responses.insert(answer.0.to_owned(), answer.1);
    let common = if endpoint.path == "/health" { &[][..] } else { &COMMON[..] };
    for status in endpoint.statuses.iter().chain(common) {
        let document = match status {
            206 => json!({"description": "a part of the object", "content": content(endpoint.answers)}),
            303 => json!({"description": "another page of this server"}),
            304 => json!({"description": "the client has it"}),
            414 | 431 => json!({"description": "the line or the headers are too long; without a body"}),
            _ => json!({"$ref": "#/components/responses/Problem"}),
        };
        responses.insert(status.to_string(), document);
    }
    let parameters: Vec<Value> = endpoint
        .parameters
        .iter()
        .copied()
        .flatten()
        .map(|parameter| parameter_document(endpoint, parameter))
        .collect();
    let mut document = json!({
        "summary": endpoint.summary,
        "tags": [endpoint.group.name()],
        "operationId": operation_id(endpoint),
        "parameters": parameters,
        "responses": responses,
    });
    if !endpoint.more.is_empty() {
        document["description"] = endpoint.more.into();
    }
    if endpoint.path == "/health" {
        document["security"] = json!([]);
    }
    if endpoint.method == Method::Post && endpoint.group == Group::Page {
        document["requestBody"] = json!({"content": {"application/x-www-form-urlencoded": {"schema": {
            "type": "object",
            "properties": {"token": {"type": "string"}, "next": {"type": "string"}},
        }}}});
    } else if endpoint.method == Method::Post {
        let example: Value = endpoint
            .example
            .split_once(' ')
            .and_then(|(_, body)| serde_json::from_str(body).ok())
            .unwrap_or_default();
        document["requestBody"] = json!({
            "required": true,
            "content": {"application/json": {"example": example, "schema": {
                "type": "object",
                "additionalProperties": false,
                "required": ["type", "instruments", "start"],
                "properties": {
                    "type": {"type": "string", "enum": DataType::ALL.map(DataType::name)},
                    "instruments": {"type": "array", "minItems": 1, "maxItems": 10_000, "items": {"type": "string", "minLength": 1, "maxLength": 300}},
                    "start": {"type": "string"},
                    "end": {"type": "string"},
                    "columns": {"type": "array", "minItems": 1, "items": {"type": "string"}},
                    "limit": {"type": "integer", "minimum": 1, "maximum": super::slices::MOST_LIMIT},
                    "clock": {"type": "string", "enum": ["arrival", "exchange"]},
                    "origin": {"type": "string", "enum": ["vendor", "live", "both"]},
                },
            }}},
        });
    }
    document
}

fn operation_id(endpoint: &Endpoint) -> String {
    let words =
        endpoint.path.split(['/', '-', '{', '}', '*', '.']).filter(|word| !word.is_empty() && *word != "v1");
    let words: Vec<&str> = words.collect();
    format!("{}_{}", endpoint.method.name().to_lowercase(), words.join("_"))
}

/// The interface in OpenAPI 3.1.
pub fn openapi_document() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for endpoint in ENDPOINTS {
        let path = paths.entry(endpoint.path.replace("{*", "{")).or_insert_with(|| json!({}));
        path[endpoint.method.name().to_lowercase()] = operation(endpoint);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "mtdh",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "A lake of crypto tick data over HTTP. Reads only.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "tags": [
            {"name": "rest", "description": "Documents and rows."},
            {"name": "replay", "description": "Messages in the form of tardis-machine."},
            {"name": "live", "description": "What is recorded now, where the server has a recorder."},
            {"name": "page", "description": "The page, for people. It reads further parameters and names on the page what is wrong with them."},
        ],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": "Only where the server was started with a token."}},
            "responses": {"Problem": {
                "description": "why there is no answer (RFC 9457)",
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
            }},
            "schemas": {"Problem": {
                "type": "object",
                "required": ["type", "title", "status", "detail"],
                "properties": {
                    "type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"},
                    "detail": {"type": "string"}, "hint": {"type": "string"}, "parameter": {"type": "string"},
                },
            }},
        },
    })
}

/// What a person reads of a kind.
pub(crate) fn kind_words(kind: Kind) -> String {
    match kind {
        Kind::Text(most) => format!("text, {most} characters at most"),
        Kind::Key => "instrument key".to_owned(),
        Kind::Keys => "keys or patterns".to_owned(),
        Kind::DataType => "data type".to_owned(),
        Kind::DataTypes => "data types".to_owned(),
        Kind::Venues => "venues".to_owned(),
        Kind::InstrumentTypes => "instrument types".to_owned(),
        Kind::Day => "day".to_owned(),
        Kind::Days => "day or month".to_owned(),
        Kind::Time => "time".to_owned(),
        Kind::Timeframe => "timeframe".to_owned(),
        Kind::Clock => "clock".to_owned(),
        Kind::Check => "[check](checks.md)".to_owned(),
        Kind::Word(words) => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
        Kind::Words(words) => {
            format!("of {}", words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "))
        }
        Kind::Whole(least, most) => format!("{least} to {most}"),
        Kind::Names => "names".to_owned(),
        Kind::Path => "path".to_owned(),
    }
}

/// `docs/reference/api.md`.
pub fn page() -> String {
    let mut page = String::from(
        "# REST API\n\n`mtdh serve` answers these requests. Made from `crates/serve/src/api/endpoints.rs`, as `/openapi.json` \
         (OpenAPI 3.1) is. It only reads.\n\n\
         - **Time** is as everywhere in mtdh: a day or a month means the whole of it, as start and as end; a moment as end is \
         excluded; UTC unless it has an offset.\n\
         - **Forms of rows**: `format=` or the header Accept: `json` (a page: `columns`, `rows`, `missing_days`, `next`), `ndjson`, \
         `csv`, `arrow` (IPC stream) and `parquet`, each of all columns or those of `columns`. Text is packed with zstd or gzip where \
         the client accepts it, whichever it prefers.\n\
         - **Streams** are made batch by batch as they are taken. What fails in mid-stream breaks the connection off: an answer that \
         ends well is whole.\n\
         - **One table an answer**: several instruments may come in one answer, several data types are several requests.\n\
         - **Ends**: when the server stops, answers that are being sent get a second. Server-sent events end as they do between two \
         requests (`retry`), so that a browser asks again; WebSockets are closed with 1001.\n\
         - **Missing days** are in the header `x-mtdh-missing-days` and in JSON in `missing_days`. 404 is for an answer without any \
         row's object: `unknown-instrument`, `missing`, or `nothing-expected`.\n\
         - **Errors** are `application/problem+json` with `type`, `title`, `status`, `detail` and often `hint`, `parameter`, \
         `allowed`. The last part of `type` is the kind. An unknown parameter is 400.\n\
         - **Token**: `Authorization: Bearer TOKEN`, where the server has one. Every path but `/health` needs it.\n\
         - **Limits**: 64 requests at once (429 with Retry-After), 60 seconds to the first byte (504), 64 KiB of headers (431), \
         a body of 1 MiB (413) within 20 seconds (408); a client that takes nothing for 30 seconds is dropped, for one second while \
         others wait for their turn. A range has 3660 days at most.\n\
         - **Verified**: rows are verified as they are read. `/v1/files` hands out stored bytes; the header `x-mtdh-data-blake3` \
         has the BLAKE3 of the object's data part, and every page has a CRC that Parquet readers can verify.\n\n",
    );
    for endpoint in ENDPOINTS.iter().filter(|endpoint| endpoint.group != Group::Page) {
        let method = endpoint.verb();
        // Writing to memory does not fail.
        let _infallible = write!(page, "## {method} {}\n\n{}\n\n", endpoint.path, endpoint.summary);
        if !endpoint.more.is_empty() {
            let _infallible = write!(page, "{}\n\n", endpoint.more);
        }
        let parameters: Vec<&Parameter> = endpoint.parameters.iter().copied().flatten().collect();
        if !parameters.is_empty() {
            page.push_str("| parameter | is | default | meaning |\n|---|---|---|---|\n");
            for parameter in parameters {
                let default = if parameter.is_required { "**required**" } else { parameter.default };
                let kind = kind_words(parameter.kind);
                let _infallible =
                    writeln!(page, "| `{}` | {kind} | {default} | {} |", parameter.name, parameter.meaning);
            }
            page.push('\n');
        }
        match endpoint.answers {
            Answers::Document(members) | Answers::Either(members, _) => {
                for (name, meaning) in members {
                    let _infallible = writeln!(page, "- `{name}`: {meaning}");
                }
                page.push('\n');
            }
            Answers::Rows => page.push_str("Answers rows in a form.\n\n"),
            Answers::File => page
                .push_str("Answers stored bytes, with `ETag`, `Range`, `If-None-Match` and `If-Range`.\n\n"),
            Answers::Text(media) => {
                let _infallible = writeln!(page, "Answers `{media}`.\n");
            }
            Answers::Messages => {}
        }
        if let Some(line) = curl(endpoint) {
            let _infallible = writeln!(page, "Example: `{line}`\n");
        }
    }
    page.push_str("## The page\n\nFor people. The range and what is looked at are in the address.\n\n| address | shows |\n|---|---|\n");
    for endpoint in ENDPOINTS.iter().filter(|endpoint| endpoint.group == Group::Page) {
        let _infallible =
            writeln!(page, "| {} `{}` | {} |", endpoint.method.name(), endpoint.path, endpoint.summary);
    }
    page
}

/// The example of an endpoint as a command line; `None`: it has none.
pub fn curl(endpoint: &Endpoint) -> Option<String> {
    if endpoint.example.is_empty() {
        return None;
    }
    let (path, body) = endpoint.example.split_once(' ').unwrap_or((endpoint.example, ""));
    let body = if body.is_empty() { String::new() } else { format!(" --data '{body}'") };
    Some(format!("curl --fail --globoff 'http://127.0.0.1:8087{path}'{body}"))
}
