//! Style, scripts and the icon. They are in the program, and named by their content: a browser keeps them as long as it likes.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use crate::options::hexadecimal;
use crate::problem::Problem;

/// One of them.
struct Asset {
    name: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
}

#[rustfmt::skip]
static ASSETS: [Asset; 9] = [
    Asset { name: "app.css", kind: "text/css; charset=utf-8", bytes: include_bytes!("assets/app.css") },
    Asset { name: "plot.css", kind: "text/css; charset=utf-8", bytes: include_bytes!("assets/plot.css") },
    Asset { name: "heat.js", kind: "text/javascript; charset=utf-8", bytes: include_bytes!("assets/heat.js") },
    Asset { name: "chart.js", kind: "text/javascript; charset=utf-8", bytes: include_bytes!("assets/chart.js") },
    Asset { name: "book.js", kind: "text/javascript; charset=utf-8", bytes: include_bytes!("assets/book.js") },
    Asset { name: "live.js", kind: "text/javascript; charset=utf-8", bytes: include_bytes!("assets/live.js") },
    Asset { name: "stream.js", kind: "text/javascript; charset=utf-8", bytes: include_bytes!("assets/stream.js") },
    Asset { name: "page.js", kind: "text/javascript; charset=utf-8", bytes: include_bytes!("assets/page.js") },
    Asset { name: "icon.svg", kind: "image/svg+xml", bytes: include_bytes!("assets/icon.svg") },
];

static DIGESTS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let digest = |asset: &Asset| hexadecimal(&Sha256::digest(asset.bytes)[..8]);
    ASSETS.iter().map(digest).collect()
});

/// Its address, with the digest of its content.
pub fn address(name: &str) -> String {
    let place = ASSETS.iter().position(|asset| asset.name == name);
    place.map_or_else(String::new, |place| format!("/assets/{name}?{}", DIGESTS[place]))
}

/// Hands one out.
pub async fn get(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let Some(place) = ASSETS.iter().position(|asset| asset.name == name) else {
        return Problem::new(StatusCode::NOT_FOUND, "unknown-path", "the page has no such part")
            .into_response();
    };
    let (asset, tag) = (&ASSETS[place], format!("\"{}\"", DIGESTS[place]));
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let is_known =
        known.is_some_and(|known| known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag));
    let mut response =
        if is_known { StatusCode::NOT_MODIFIED.into_response() } else { asset.bytes.into_response() };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=31536000, immutable"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}
