//! Signing in and out. The browser gets a cookie that no script reads and that no other site's page makes it send.

use axum::body::Bytes;
use axum::extract::State as Extracted;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use maud::html;

use super::asked::{Asked, encoded, is_secure, pairs};
use super::shell::{Page, response};
use crate::rules::{COOKIE, has_signed_in};
use crate::state::Shared;

/// The longest address that is gone back to.
const LONGEST: usize = 4000;

/// The route of signing in, which is outside of the token's guard.
pub fn login(state: &Shared) -> MethodRouter {
    get(form).post(enter).with_state(state.clone())
}

/// The route of signing out, which is outside of it, too.
pub fn logout() -> MethodRouter {
    post(leave)
}

/// Where to go after signing in: a path of this server, else the first page. What a browser could take for another host is none.
fn own_path(text: &str) -> &str {
    let is_own = text.len() <= LONGEST
        && text.starts_with('/')
        && !text.starts_with("//")
        && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let path = text.split(['?', '#']).next().unwrap_or_default();
    if is_own && !matches!(path, "/login" | "/logout") { text } else { "/" }
}

/// The page of one who has to sign in before another page.
pub fn wanted(next: &str) -> Page {
    of_form(next, false)
}

fn of_form(next: &str, was_wrong: bool) -> Page {
    let body = html! {
        section {
            @if was_wrong { p.lead role="alert" #wrong { "That is not the token of this server." } }
            @else { p { "This server shows its lake to those who have its token." } }
            form.sign-in method="post" action="/login" {
                input type="hidden" name="next" value=(own_path(next));
                // A keeper of passwords looks for a name.
                input type="text" name="name" value="mtdh" autocomplete="username" hidden;
                label for="token" { "Token" }
                input #token type="password" name="token" required autofocus autocomplete="current-password" spellcheck="false"
                    aria-describedby=[was_wrong.then_some("wrong")] aria-invalid=[was_wrong.then_some("true")];
                button { "Sign in" }
            }
            p.quiet { "It is in the file or the variable " code { "MTDH_TOKEN" } " that the server was started with. Programs send the header "
                code { "Authorization: Bearer TOKEN" } " instead." }
        }
    };
    Page { is_bare: true, ..Page::new("Sign in", body) }
}

async fn form(Extracted(state): Extracted<Shared>, uri: Uri, headers: HeaderMap) -> Response {
    let asked = Asked::by(&state, &uri, &headers);
    let next = own_path(asked.get("next").unwrap_or("/"));
    let page = match &state.options.token {
        None => Page::new(
            "Sign in",
            html! { section { p.lead { "No sign-in is needed: this server has no token, and only this machine reaches it." } p { a href=(next) { "To the lake" } } } },
        ),
        Some(token) if has_signed_in(token, &headers) => Page::new(
            "Sign in",
            html! { section { p.lead { "You are signed in." } p { a href=(next) { "To the lake" } } } },
        ),
        Some(_) => wanted(next),
    };
    response(StatusCode::OK, &asked, &page)
}

async fn enter(Extracted(state): Extracted<Shared>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let fields = pairs(&String::from_utf8_lossy(&body));
    let field = |name: &str| fields.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
    let next = own_path(field("next").unwrap_or("/"));
    let Some(token) = &state.options.token else { return going(next, None) };
    if !token.is(field("token").unwrap_or_default().trim()) {
        let asked = Asked::by(&state, &uri, &headers);
        return response(StatusCode::UNAUTHORIZED, &asked, &of_form(next, true));
    }
    going(next, Some((&token.cookie(), "", is_secure(&headers))))
}

async fn leave(headers: HeaderMap) -> Response {
    going("/login", Some(("", "; Max-Age=0", is_secure(&headers))))
}

/// Sends the browser to a path; with a cookie's value, its age, and whether it goes over TLS only.
fn going(path: &str, cookie: Option<(&str, &str, bool)>) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let mut set = |name, text: &str| {
        if let Ok(value) = HeaderValue::from_str(text) {
            response.headers_mut().insert(name, value);
        }
    };
    set(header::LOCATION, path);
    set(header::CACHE_CONTROL, "no-store");
    if let Some((value, age, is_secure)) = cookie {
        let secure = if is_secure { "; Secure" } else { "" };
        set(
            header::SET_COOKIE,
            &format!("{COOKIE}={}; Path=/; HttpOnly; SameSite=Strict{secure}{age}", encoded(value)),
        );
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_paths_are_gone_to() {
        for (text, expected) in [
            ("/", "/"),
            ("/days/2024-03-01?page=2&q=a%20b", "/days/2024-03-01?page=2&q=a%20b"),
            ("/?next=//evil.example", "/?next=//evil.example"),
            ("", "/"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("/\t/evil.example", "/"),
            ("/\r\nSet-Cookie: a=b", "/"),
            ("https://evil.example", "/"),
            ("javascript:alert(1)", "/"),
            (" /", "/"),
            ("/é", "/"),
            ("/login?next=/login", "/"),
            ("/logout", "/"),
        ] {
            assert_eq!(own_path(text), expected, "{text:?}");
        }
        assert_eq!(own_path(&format!("/{}", "x".repeat(LONGEST))), "/");
    }
}
