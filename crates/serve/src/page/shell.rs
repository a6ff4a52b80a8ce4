//! What all pages have: head, ways to the other pages, the range, errors.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use mtdh_engine::{DayRange, EngineError};

use super::asked::Asked;
use super::assets::address;
use super::form::{embedded, shown};
use super::range::{Span, moment_text, picker};
use crate::problem::Problem;

/// Nothing from elsewhere, nothing inline; a page cannot be framed, and its forms go to this server only.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
     form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// The parts of the program, in the order of the bar.
const PLACES: [(&str, &str); 7] = [
    ("/", "Coverage"),
    ("/lake", "Lake"),
    ("/instruments", "Instruments"),
    ("/quality", "Quality"),
    ("/runs", "Runs"),
    ("/live", "Live"),
    ("/docs", "API"),
];

/// A page, before it is put into the frame.
pub struct Page {
    /// Its title.
    pub title: String,
    /// Where it is: the pages above it, with their addresses.
    pub above: Vec<(String, String)>,
    /// The range; `None`: the page has none.
    pub span: Option<Span>,
    /// The days that the lake has.
    pub whole: Option<DayRange>,
    /// The scripts that it needs.
    pub scripts: &'static [&'static str],
    /// When what it tells was read, microseconds since the Unix epoch, UTC; `None`: as it was sent.
    pub as_of_us: Option<i64>,
    /// The address of the same as JSON; `None`: there is none.
    pub json: Option<String>,
    /// Whether it leads nowhere and has no scripts: one that is shown before signing in.
    pub is_bare: bool,
    /// What it shows.
    pub body: Markup,
}

impl Page {
    /// A page without a range.
    pub fn new(title: impl Into<String>, body: Markup) -> Page {
        let (above, scripts) = (Vec::new(), &[] as &[&str]);
        Page {
            title: title.into(),
            above,
            span: None,
            whole: None,
            scripts,
            as_of_us: None,
            json: None,
            is_bare: false,
            body,
        }
    }
}

/// What a page's handler gives.
pub type Paged = Result<Page, Trouble>;

/// Why a page cannot be shown.
#[derive(Debug)]
pub struct Trouble(pub Problem);

impl From<Problem> for Trouble {
    fn from(problem: Problem) -> Trouble {
        Trouble(problem)
    }
}

impl From<EngineError> for Trouble {
    fn from(error: EngineError) -> Trouble {
        Trouble(error.into())
    }
}

/// The answer to a page's request.
pub fn answer(asked: &Asked, paged: Paged) -> Response {
    match paged {
        Ok(page) => response(StatusCode::OK, asked, &page),
        Err(Trouble(problem)) => super::trouble::of_page(problem),
    }
}

/// A page as an answer.
pub fn response(status: StatusCode, asked: &Asked, page: &Page) -> Response {
    let text = frame(asked, page).into_string();
    let mut response = (status, text).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    // Without a referrer a browser names no origin when it sends a form, which is then refused.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}

fn frame(asked: &Asked, page: &Page) -> Markup {
    let place = PLACES
        .iter()
        .map(|(path, _)| *path)
        .filter(|path| is_below(&asked.path, path))
        .max_by_key(|path| path.len());
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (page.title) " · mtdh" }
                link rel="icon" href=(address("icon.svg")) type="image/svg+xml";
                link rel="stylesheet" href=(address("app.css"));
                @if !page.is_bare {
                    link rel="stylesheet" href=(address("plot.css"));
                    script src=(address("page.js")) defer {}
                    @for name in page.scripts { script src=(address(name)) defer {} }
                }
            }
            body {
                a.skip href="#main" { "To the content" }
                header.bar {
                    a.brand href=(asked.to("/", &[])) { "mtdh" }
                    @if !page.is_bare {
                        nav aria-label="Pages" {
                            @for (path, name) in PLACES {
                                a href=(asked.to(path, &[])) aria-current=[(place == Some(path)).then_some("page")] { (name) }
                            }
                        }
                        @if asked.has_token { form.sign-out method="post" action="/logout" { button { "Sign out" } } }
                    }
                }
                @if let Some(span) = &page.span { (picker(asked, span, page.whole)) }
                main id="main" tabindex="-1" {
                    @if !page.above.is_empty() {
                        nav.trail aria-label="Above" { ol { @for (name, path) in &page.above { li { a href=(path) { (shown(name)) } } } } }
                    }
                    h1 { (shown(&page.title)) }
                    (page.body)
                }
                footer {
                    @if let Some(us) = page.as_of_us { span { "As of " time { (moment_text(us - us.rem_euclid(1_000_000))) } } }
                    @if let Some(json) = &page.json { span { "This as " a href=(json) { "JSON" } } }
                    span { "mtdh " (env!("CARGO_PKG_VERSION")) ", reads only" }
                }
            }
        }
    }
}

fn is_below(path: &str, place: &str) -> bool {
    match place {
        "/" => path == "/" || path.starts_with("/days"),
        _ => path == place || path.strip_prefix(place).is_some_and(|rest| rest.starts_with('/')),
    }
}

/// The path of an instrument's page.
pub fn key_path(key: &str) -> String {
    format!("/instruments/{}", super::asked::encoded(key))
}

/// Data of a picture, for a script.
pub fn data(id: &str, value: &serde_json::Value) -> Markup {
    html! { script type="application/json" id=(id) { (PreEscaped(embedded(value))) } }
}

/// A table that scrolls by itself where the screen is narrow, and that a keyboard reaches.
pub fn wide(label: &str, table: &Markup) -> Markup {
    html! { div.wide tabindex="0" role="region" aria-label=(label) { (table) } }
}

/// Ways to the other parts of a long table.
pub fn pages(asked: &Asked, page: usize, of: usize) -> Markup {
    html! {
        @if of > 1 {
            nav.pages aria-label="Parts of the table" {
                @if page > 1 { a rel="prev" href=(asked.with(&[("page", &(page - 1).to_string())])) { "‹ before" } }
                span { "part " (page) " of " (of) }
                @if page < of { a rel="next" href=(asked.with(&[("page", &(page + 1).to_string())])) { "next ›" } }
            }
        }
    }
}

/// Nothing to show, and what to do.
pub fn nothing(what: &str, advice: &Markup) -> Markup {
    html! { div.nothing { p.lead { (what) } (advice) } }
}

/// A line of choices of one parameter.
pub fn choices(asked: &Asked, label: &str, name: &str, current: &str, all: &[(&str, &str)]) -> Markup {
    html! {
        div.choices role="group" aria-label=(label) {
            span.quiet { (label) }
            @for (value, text) in all {
                a href=(asked.with(&[(name, value), ("page", "")])) aria-current=[(*value == current).then_some("true")] { (text) }
            }
        }
    }
}
