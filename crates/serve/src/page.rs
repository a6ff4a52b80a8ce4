//! The page: what the lake has and can prove, for people. Rendered here, readable without script but for its pictures.
//!
//! Its style and scripts are in the program; it asks nothing of other machines. All charts are our own: a canvas, some two hundred
//! lines. Every picture's numbers are also in a table or in words. Texts of the lake are not trusted: `maud` escapes them.

mod asked;
mod assets;
mod coverage;
mod form;
mod lines;
mod range;
mod shell;

use std::sync::Arc;

use axum::Router;
use axum::http::Uri;
use axum::routing::get;

use crate::state::Shared;
use asked::Asked;

/// What the pages share.
pub(crate) struct Pages {
    /// The server's state.
    pub state: Shared,
}

/// Its routes.
pub fn router(state: &Shared) -> Router {
    let pages = Arc::new(Pages { state: state.clone() });
    macro_rules! page {
        ($make:path) => {{
            let pages = pages.clone();
            get(move |uri: Uri| async move {
                let asked = Asked::of(&uri);
                let paged = $make(&pages, &asked).await;
                shell::answer(&asked, paged)
            })
        }};
    }
    Router::new().route("/", page!(coverage::page)).route("/assets/{name}", get(assets::get))
}
