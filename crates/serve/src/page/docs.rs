//! The API for people: every endpoint of the one table, with parameters and an example.

use axum::http::StatusCode;
use maud::{Markup, html};

use super::Pages;
use super::asked::Asked;
use super::form::worded;
use super::shell::{Page, Paged, wide};
use crate::api::documents::{curl, kind_words};
use crate::api::endpoints::{Answers, ENDPOINTS, Endpoint, Group, Method};
use crate::api::parameters::Parameter;

/// The page.
pub async fn page(_pages: &Pages, asked: &Asked) -> Paged {
    let body = html! {
        section {
            p { "A day or a month means the whole of it, as start and as end; a moment as end is excluded; UTC unless it has an offset. "
                "Rows come as " code { "json" } " in pages, " code { "ndjson" } ", " code { "csv" } ", " code { "arrow" } " or " code { "parquet" } "." }
            p { "An answer that ends well is whole: what fails half way is broken off. Missing days are named in the header "
                code { "x-mtdh-missing-days" } " and in JSON in " code { "missing_days" } "." }
            @if asked.has_token { p { "Programs send the header " code { "Authorization: Bearer TOKEN" } "." } }
            p { a href="/openapi.json" { "The same in OpenAPI 3.1" } }
            ul.endpoints { @for endpoint in for_programs() { li { a href={ "#" (id(endpoint)) } { code { (endpoint.verb()) " " (endpoint.path) } } " " span.quiet { (worded(endpoint.summary)) } } } }
        }
        @for endpoint in for_programs() { (of_endpoint(asked, endpoint)) }
    };
    let mut page = Page::new("API", body);
    page.json = Some("/openapi.json".to_owned());
    Ok(page)
}

/// Those that programs ask.
fn for_programs() -> impl Iterator<Item = &'static Endpoint> {
    ENDPOINTS.iter().filter(|endpoint| endpoint.group != Group::Page)
}

fn id(endpoint: &Endpoint) -> String {
    let text = format!("{}{}", endpoint.verb(), endpoint.path).to_ascii_lowercase();
    text.split(|sign: char| !sign.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join("-")
}

fn of_endpoint(asked: &Asked, endpoint: &Endpoint) -> Markup {
    let parameters: Vec<&Parameter> = endpoint.parameters.iter().copied().flatten().collect();
    html! {
        section id=(id(endpoint)) {
            h2 { code { (endpoint.verb()) " " (endpoint.path) } }
            p { (worded(endpoint.summary)) }
            @if !parameters.is_empty() {
                (wide(&format!("Parameters of {} {}", endpoint.verb(), endpoint.path), &html! { table {
                    thead { tr { th scope="col" { "Parameter" } th scope="col" { "Is" } th scope="col" { "Default" } th scope="col" { "Meaning" } } }
                    tbody { @for parameter in parameters { tr {
                        th scope="row" { code { (parameter.name) } } td.text { (worded(&kind_words(parameter.kind))) }
                        td.text { @if parameter.is_required { b { "required" } } @else if parameter.default.is_empty() { "–" } @else { (worded(parameter.default)) } }
                        td.text { (worded(parameter.meaning)) }
                    } } }
                } }))
            }
            (answers(endpoint))
            p.quiet { "Other statuses: " @for status in endpoint.statuses.iter().filter(|status| **status >= 300) { (status) " " (StatusCode::from_u16(*status).ok().and_then(|status| status.canonical_reason()).unwrap_or_default().to_lowercase()) "; " }
                "401, 403, 429, 503 and 504 as everywhere." }
            @if let Some(line) = curl(endpoint) {
                div.get data-name=(endpoint.path) { pre { (line.replace("http://127.0.0.1:8087", &asked.origin)) } }
                @if endpoint.method == Method::Get { p { a href=(endpoint.example) { "Open this" } } }
            }
        }
    }
}

fn answers(endpoint: &Endpoint) -> Markup {
    let members = match endpoint.answers {
        Answers::Document(members) | Answers::Either(members, _) => members,
        _ => &[],
    };
    html! {
        @match endpoint.answers {
            Answers::Rows => p { "Answers rows in a form." },
            Answers::File => p { "Answers stored bytes, with " code { "ETag" } ", " code { "Range" } " and " code { "If-None-Match" } "." },
            Answers::Text(media) => p { "Answers " code { (media) } "." },
            _ => {},
        }
        @if !members.is_empty() { details { summary { "What the answer has" } dl.facts { @for (name, meaning) in members { dt { code { (name) } } dd { (worded(meaning)) } } } } }
    }
}
