//! The rules that every request passes: the host's name, the origin, the token, the number of requests at once.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State as Extracted};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tokio::sync::OwnedSemaphorePermit;

use crate::options::{Options, Token};
use crate::page::Reader;
use crate::problem::Problem;
use crate::slow::Connection;
use crate::state::Shared;

/// What is answered without a token: whether the server lives, and what a browser needs to sign in and out.
pub const OPEN_PATHS: [&str; 5] = ["/health", "/login", "/logout", "/assets/app.css", "/assets/icon.svg"];

/// The name of the cookie of a browser that has signed in; its value is [`crate::Token::cookie`].
pub const COOKIE: &str = "mtdh_session";

/// How often a request that waits for its turn looks for an answer whose client takes nothing.
const LOOK: Duration = Duration::from_millis(100);

/// Routes behind the rules.
pub fn guarded(routes: Router, state: &Shared) -> Router {
    let routes = routes.fallback(unknown_path).method_not_allowed_fallback(wrong_method);
    routes.layer(from_fn_with_state(state.clone(), guard))
}

async fn unknown_path() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "unknown-path", "there is nothing at this address")
        .hint("/docs and openapi.json list the endpoints")
}

async fn wrong_method(method: Method) -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "wrong-method", format!("the path does not take {method}"))
        .hint("the header Allow lists what it takes; nothing can be written through this server")
}

async fn guard(Extracted(state): Extracted<Shared>, request: Request, next: Next) -> Response {
    state.counters.requests.fetch_add(1, Ordering::Relaxed);
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let origin = request.headers().get(header::ORIGIN).cloned();
    let reader = Reader::of(&state, &request);
    let answered = match checked(&state.options, &request) {
        Err(problem) => problem.into_response(),
        Ok(()) if is_preflight(&state.options, &request) => preflight(),
        Ok(()) => answer(&state, request, next).await,
    };
    let status = answered.status();
    let counter = match status.as_u16() {
        400..500 => Some(&state.counters.refused),
        500.. => Some(&state.counters.failed),
        _ => None,
    };
    if let Some(counter) = counter {
        counter.fetch_add(1, Ordering::Relaxed);
    }
    tracing::info!(%method, path, status = status.as_u16(), "request");
    with_headers(reader.shown(answered), &state.options, origin.as_ref())
}

/// Lets the request through if a permit is free, and for no longer than the limit allows.
async fn answer(state: &Shared, request: Request, next: Next) -> Response {
    if request.uri().path() == "/health" {
        return next.run(request).await;
    }
    // A body that comes slowly keeps nobody waiting: the request takes its turn with all of it.
    let request = match crate::api::body::whole(request).await {
        Ok(request) => request,
        Err(problem) => return problem.into_response(),
    };
    let Some(turn) = turn(state).await else {
        let detail = format!("{} requests are worked on already", state.options.limits.requests);
        return Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many-requests", detail)
            .hint("wait as long as the header Retry-After says, then ask again")
            .into_response();
    };
    let (connection, version) =
        (request.extensions().get::<Connection>().cloned().unwrap_or_default(), request.version());
    match tokio::time::timeout(state.options.limits.first_byte, next.run(request)).await {
        Ok(response) => crate::api::body::sending(response, version, turn, &state.slow, connection),
        Err(_) => Problem::new(StatusCode::GATEWAY_TIMEOUT, "too-slow", "the answer took too long to begin")
            .hint("ask for a shorter range")
            .into_response(),
    }
}

/// A permit, or `None` where none came in time. Clients that take nothing of their answers make room.
async fn turn(state: &Shared) -> Option<OwnedSemaphorePermit> {
    let mut turn = std::pin::pin!(state.turns.clone().acquire_owned());
    let mut late = std::pin::pin!(tokio::time::sleep(state.options.limits.turn));
    loop {
        tokio::select! {
            biased;
            turn = &mut turn => return turn.ok(),
            () = &mut late => return None,
            () = tokio::time::sleep(LOOK) => state.slow.make_room(),
        }
    }
}

/// Whether a browser asks if a page of a named origin may send its token.
fn is_preflight(options: &Options, request: &Request) -> bool {
    let headers = request.headers();
    let origin = headers.get(header::ORIGIN);
    *request.method() == Method::OPTIONS
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
        && origin
            .is_some_and(|origin| options.origins.iter().any(|known| known.as_bytes() == origin.as_bytes()))
}

fn preflight() -> Response {
    let headers = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type, if-none-match, range"),
        (header::ACCESS_CONTROL_MAX_AGE, "600"),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

fn checked(options: &Options, request: &Request) -> Result<(), Problem> {
    check_host(options, request)?;
    // A browser asks without the token.
    if is_preflight(options, request) {
        return Ok(());
    }
    let is_upgrade = request.headers().contains_key(header::UPGRADE);
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD);
    if is_upgrade || changes {
        check_origin(options, request.headers())?;
    }
    if OPEN_PATHS.contains(&request.uri().path()) {
        return Ok(());
    }
    check_token(options, request.headers())
}

/// A page of another site could address this server by a name of its own (DNS rebinding): only known names are answered.
fn check_host(options: &Options, request: &Request) -> Result<(), Problem> {
    let unusable = || {
        let detail = "the request has not one header Host that can be read";
        Problem::new(StatusCode::BAD_REQUEST, "no-host", detail)
    };
    let mut named = request.headers().get_all(header::HOST).iter();
    let named = (named.next().map(HeaderValue::to_str).transpose().map_err(|_| unusable())?, named.next());
    // An absolute address names the host, too.
    let hosts = match (named, request.uri().host()) {
        ((_, Some(_)), _) | ((None, _), None) => return Err(unusable()),
        ((host, None), absolute) => [host, absolute],
    };
    if hosts.into_iter().flatten().all(|host| is_known_host(options, host)) {
        return Ok(());
    }
    Err(Problem::new(StatusCode::FORBIDDEN, "unknown-host", "this server is not known by that name")
        .hint("name the hosts of a proxy in the setting serve_hosts (MTDH_SERVE_HOSTS)"))
}

/// Whether a host of a header is an address, `localhost` or a named one. An address cannot be that of a page of another site.
fn is_known_host(options: &Options, host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => return rest.split_once(']').is_some_and(|(ip, _)| ip.parse::<Ipv6Addr>().is_ok()),
        None => host.split_once(':').map_or(host, |(name, _)| name),
    };
    let name = name.to_ascii_lowercase();
    let name = name.strip_suffix('.').unwrap_or(&name);
    name == "localhost" || name.parse::<Ipv4Addr>().is_ok() || options.hosts.iter().any(|known| known == name)
}

/// A browser says by `Origin` which page asks. WebSockets are not guarded by CORS: one from another page is refused.
pub(crate) fn check_origin(options: &Options, headers: &HeaderMap) -> Result<(), Problem> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let text = origin.to_str().unwrap_or_default();
    let own = text.split_once("://").map(|(_, host)| host);
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let is_own = own.is_some_and(|own| host.is_some_and(|host| own.eq_ignore_ascii_case(host)));
    if is_own || options.origins.iter().any(|known| known == text) {
        return Ok(());
    }
    Err(Problem::new(StatusCode::FORBIDDEN, "other-origin", "a page of another origin may not do this"))
}

fn check_token(options: &Options, headers: &HeaderMap) -> Result<(), Problem> {
    let Some(token) = &options.token else { return Ok(()) };
    let refused = |detail| {
        Problem::new(StatusCode::UNAUTHORIZED, "no-token", detail)
            .hint("send the header Authorization: Bearer TOKEN, or sign in at /login")
    };
    if let Some(given) = headers.get(header::AUTHORIZATION) {
        let given = given.to_str().ok().and_then(|text| text.split_once(' '));
        let given =
            given.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, text)| text.trim());
        return match given {
            Some(given) if token.is(given) => Ok(()),
            Some(_) => Err(refused("the token is not that of this server")),
            None => Err(refused("the header Authorization has no bearer token")),
        };
    }
    if has_signed_in(token, headers) { Ok(()) } else { Err(refused("this server wants a token")) }
}

/// Whether a browser shows the cookie of one that has signed in.
pub(crate) fn has_signed_in(token: &Token, headers: &HeaderMap) -> bool {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut values = cookies.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
    values.any(|(name, value)| name == COOKIE && token.is_cookie(value))
}

fn with_headers(mut response: Response, options: &Options, origin: Option<&HeaderValue>) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::REFERRER_POLICY).or_insert(HeaderValue::from_static("no-referrer"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    let named =
        origin.filter(|origin| options.origins.iter().any(|known| known.as_bytes() == origin.as_bytes()));
    if let Some(origin) = named {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert("cross-origin-resource-policy", HeaderValue::from_static("cross-origin"));
        headers.append(header::VARY, HeaderValue::from_static("origin"));
        let exposed = HeaderValue::from_static("etag, link, x-mtdh-missing-days, x-mtdh-digest, x-mtdh-rows");
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_localhost_and_named_hosts_are_known() {
        let options = Options { hosts: vec!["lake.example.com".to_owned()], ..Options::default() };
        for (host, is_known) in [
            ("127.0.0.1:8087", true),
            ("127.0.0.1", true),
            ("[::1]:8087", true),
            ("localhost:1", true),
            ("LocalHost", true),
            ("localhost.", true),
            ("lake.example.com", true),
            ("lake.example.com:443", true),
            ("evil.example.com", false),
            ("localhost.evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("[::1.evil", false),
            ("", false),
        ] {
            assert_eq!(is_known_host(&options, host), is_known, "{host}");
        }
    }

    #[test]
    fn a_page_of_another_origin_is_refused() {
        let options = Options { origins: vec!["https://charts.example".to_owned()], ..Options::default() };
        for (origin, is_fine) in [
            (None, true),
            (Some("http://127.0.0.1:8087"), true),
            (Some("https://charts.example"), true),
            (Some("http://127.0.0.1:8088"), false),
            (Some("https://evil.example"), false),
            (Some("null"), false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static("127.0.0.1:8087"));
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
            }
            assert_eq!(check_origin(&options, &headers).is_ok(), is_fine, "{origin:?}");
        }
    }
}
