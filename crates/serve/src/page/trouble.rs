//! What cannot be answered, for people: each problem as a page where a browser asks, with what to do about it.

use axum::http::request::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use super::asked::Asked;
use super::form::{sentence, shown};
use super::shell::{Page, key_path, response};
use super::sign_in;
use crate::problem::Problem;
use crate::state::Shared;

/// The headers that say who reads, and how the server was addressed.
const TOLD: [&str; 3] = ["accept", "host", "x-forwarded-proto"];

/// Headers of a problem that its page has too.
const KEPT: [&str; 4] = ["allow", "retry-after", "vary", "www-authenticate"];

/// Marks a problem of a page: it is shown as one unless the reader prefers JSON.
#[derive(Clone, Copy)]
struct OfPage;

/// The answer to a page that cannot be shown.
pub fn of_page(problem: Problem) -> Response {
    let mut response = problem.into_response();
    response.extensions_mut().insert(OfPage);
    response
}

/// Who reads an answer: a program, or a person with a browser.
pub(crate) struct Reader {
    state: Shared,
    uri: Uri,
    headers: HeaderMap,
}

impl Reader {
    /// The reader of a request's answer.
    pub fn of<Body>(state: &Shared, request: &Request<Body>) -> Reader {
        let told = TOLD.iter().filter_map(|name| {
            Some((header::HeaderName::from_static(name), request.headers().get(*name)?.clone()))
        });
        Reader { state: state.clone(), uri: request.uri().clone(), headers: told.collect() }
    }

    /// The answer as this reader can read it: a problem becomes a page for a browser, all else stays.
    pub fn shown(&self, answered: Response) -> Response {
        let Some(problem) = answered.extensions().get::<Problem>() else { return answered };
        let is_for_people = prefers_page(self.headers.get(header::ACCEPT))
            .unwrap_or_else(|| answered.extensions().get::<OfPage>().is_some());
        if !is_for_people {
            return answered;
        }
        let asked = Asked::by(&self.state, &self.uri, &self.headers);
        let page = match problem.status {
            StatusCode::UNAUTHORIZED => {
                sign_in::wanted(self.uri.path_and_query().map_or("/", |all| all.as_str()))
            }
            _ => page(&asked, problem),
        };
        let mut shown = response(problem.status, &asked, &page);
        for name in KEPT {
            for value in answered.headers().get_all(name) {
                shown.headers_mut().append(name, value.clone());
            }
        }
        shown
    }
}

/// Whether the header Accept prefers a page to JSON; `None`: it prefers neither.
fn prefers_page(accept: Option<&HeaderValue>) -> Option<bool> {
    let accept = accept?.to_str().ok()?;
    let worth = |types: &[&str]| {
        let mut best = (0, 0.0);
        for range in accept.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default().to_ascii_lowercase();
            let q =
                parts.find_map(|part| part.strip_prefix("q=")).map_or(Some(1.0), |q| q.parse::<f64>().ok());
            let exactness = match name.strip_suffix("/*") {
                Some("*") => 1,
                Some(group) => 2 * usize::from(types.iter().any(|one| one.split('/').next() == Some(group))),
                None => 3 * usize::from(types.contains(&&*name)),
            };
            // The most exact range counts.
            if exactness > best.0 {
                best = (exactness, q.unwrap_or(0.0));
            }
        }
        best.1
    };
    let (page, json) = (worth(&["text/html"]), worth(&["application/problem+json", "application/json"]));
    (page != json).then_some(page > json)
}

/// A page that says what is wrong, and what to do.
fn page(asked: &Asked, problem: &Problem) -> Page {
    let text = |name: &str| problem.more.get(name).and_then(|value| value.as_str());
    let texts = |name: &str| -> Vec<&str> {
        let all = problem.more.get(name).and_then(|value| value.as_array());
        all.map(|all| all.iter().filter_map(|one| one.as_str()).collect()).unwrap_or_default()
    };
    let (suggestions, allowed) = (texts("suggestions"), texts("allowed"));
    let body = html! {
        section.trouble {
            p.lead { (sentence(&problem.detail)) }
            @if let Some(name) = text("parameter") { p { "The parameter is " code { (shown(name)) } "." } }
            @if let Some(hint) = text("hint") { p { (sentence(hint)) } }
            @if !allowed.is_empty() { p { "It can be: " @for one in allowed.iter().take(40) { code { (shown(one)) } " " } } }
            @if !suggestions.is_empty() {
                p { "Perhaps one of these:" }
                ul { @for key in suggestions { li { a.key href=(asked.to(&key_path(key), &[])) { (shown(key)) } } } }
            }
            (advice(asked, problem.status))
            p.quiet { "Status " (problem.status.as_u16()) ", " code { (problem.kind) } }
        }
    };
    Page::new(title(problem), body)
}

fn title(problem: &Problem) -> &'static str {
    match (problem.status, problem.kind) {
        (StatusCode::NOT_FOUND, "unknown-path") => "There is no such page",
        (StatusCode::NOT_FOUND, "unknown-instrument") => "There is no such instrument",
        (StatusCode::NOT_FOUND, "unknown-run") => "There is no such run",
        (StatusCode::NOT_FOUND, _) => "The lake does not have this",
        (StatusCode::FORBIDDEN, _) => "This is refused",
        (StatusCode::METHOD_NOT_ALLOWED, _) => "This address is only read",
        (StatusCode::TOO_MANY_REQUESTS, _) => "The server is busy",
        (StatusCode::PAYLOAD_TOO_LARGE, _) => "This is too much for one answer",
        (StatusCode::GATEWAY_TIMEOUT, _) => "This takes too long",
        (StatusCode::SERVICE_UNAVAILABLE, _) => "The lake cannot be read now",
        (status, _) if status.is_client_error() => "This cannot be shown",
        (_, "damaged") => "Stored data is damaged",
        _ => "Something failed",
    }
}

/// Where to go from here.
fn advice(asked: &Asked, status: StatusCode) -> Markup {
    let again = matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE | StatusCode::INTERNAL_SERVER_ERROR
    );
    html! {
        ul.ways {
            @if again { li { a href=(asked.with(&[])) { "Try again" } @if status == StatusCode::TOO_MANY_REQUESTS { " in a second or two" } } }
            @if status == StatusCode::GATEWAY_TIMEOUT { li { "A range of a day or less is read faster: " a href=(asked.with(&[("start", ""), ("end", ""), ("page", "")])) { "the same page without a range" } } }
            li { a href=(asked.to("/", &[("start", ""), ("end", "")])) { "See what the lake has" } }
            li { a href="/instruments" { "Look for an instrument" } }
            li { a href="/docs" { "Every address that is answered" } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_told_from_a_program() {
        let chrome = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";
        for (accept, expected) in [
            (None, None),
            (Some("*/*"), None),
            (Some(""), None),
            (Some("text/html"), Some(true)),
            (Some("TEXT/HTML"), Some(true)),
            (Some("text/*"), Some(true)),
            (Some(chrome), Some(true)),
            (Some("application/json"), Some(false)),
            (Some("application/problem+json, text/html;q=0.5"), Some(false)),
            (Some("application/json;q=0.1, text/html;q=0.5"), Some(true)),
            (Some("text/html;q=0, */*"), Some(false)),
            (Some("text/html, application/json"), None),
            (Some("text/html;q=x"), None),
            (Some("text/event-stream"), None),
        ] {
            let value = accept.map(HeaderValue::from_static);
            assert_eq!(prefers_page(value.as_ref()), expected, "{accept:?}");
        }
    }
}
