//! The page: what the lake has and can prove, for people. Rendered here, readable without script but for its pictures.
//!
//! Its style and scripts are in the program; it asks nothing of other machines. All charts are our own: a canvas, some two hundred
//! lines. Every picture's numbers are also in a table or in words. Texts of the lake are not trusted: `maud` escapes them.

mod asked;
mod assets;
mod coverage;
mod days;
mod docs;
mod form;
mod instrument;
mod instruments;
mod lake;
mod lines;
mod live;
mod quality;
mod range;
mod runs;
mod shell;
pub(crate) mod sign_in;
mod trouble;

use std::sync::Arc;

use axum::extract::Path;
use axum::http::{HeaderMap, Uri};
use axum::routing::{MethodRouter, get};

use crate::state::Shared;
use asked::Asked;
pub(crate) use trouble::Reader;

/// What the pages share.
pub(crate) struct Pages {
    /// The server's state.
    pub state: Shared,
}

/// Routes with their paths. The table of endpoints takes those that it has.
#[derive(Default)]
pub struct Routes(Vec<(&'static str, MethodRouter)>);

impl Routes {
    /// With a further route.
    #[must_use]
    fn route(mut self, path: &'static str, route: MethodRouter) -> Routes {
        self.0.push((path, route));
        self
    }

    /// Takes the route of a path out; `None`: there is none, or it was taken.
    pub fn take(&mut self, path: &str) -> Option<MethodRouter> {
        let place = self.0.iter().position(|(own, _)| *own == path)?;
        Some(self.0.swap_remove(place).1)
    }

    /// The paths of those that were not taken.
    pub fn paths(&self) -> Vec<&'static str> {
        self.0.iter().map(|(path, _)| *path).collect()
    }
}

/// Its routes. Each has an entry in the table of endpoints, without which it is not served.
pub fn routes(state: &Shared) -> Routes {
    let pages = Arc::new(Pages { state: state.clone() });
    // The parts of a path come decoded.
    macro_rules! page {
        ($make:path $(, $part:ident)*) => {{
            let pages = pages.clone();
            get(move |Path(($($part,)*)): Path<($(page!(@text $part),)*)>, uri: Uri, headers: HeaderMap| async move {
                let asked = Asked::by(&pages.state, &uri, &headers);
                let paged = $make(&pages, &asked $(, &$part)*).await;
                shell::answer(&asked, paged)
            })
        }};
        (@text $part:ident) => { String };
    }
    macro_rules! plain {
        ($make:path) => {{
            let pages = pages.clone();
            get(move |uri: Uri, headers: HeaderMap| async move {
                let asked = Asked::by(&pages.state, &uri, &headers);
                let paged = $make(&pages, &asked).await;
                shell::answer(&asked, paged)
            })
        }};
    }
    Routes::default()
        .route("/", plain!(coverage::page))
        .route("/lake", plain!(lake::page))
        .route("/instruments", plain!(instruments::page))
        .route("/instruments/{key}", page!(overview, key))
        .route("/instruments/{key}/{part}", page!(instrument::page, key, part))
        .route("/days/{day}", page!(days::day, day))
        .route("/days/{day}/{venue}", page!(days::venue, day, venue))
        .route("/days/{day}/{venue}/{type}/{key}", page!(evidence, day, venue, data_type, key))
        .route("/quality", plain!(quality::page))
        .route("/quality/now", plain!(quality::now))
        .route("/live", plain!(live::page))
        .route("/docs", plain!(docs::page))
        .route("/runs", plain!(runs::list))
        .route("/runs/{run}", page!(runs::one, run))
        .route("/assets/{name}", get(assets::get))
        .route("/login", sign_in::login(state))
        .route("/logout", sign_in::logout())
}

async fn overview(pages: &Pages, asked: &Asked, key: &str) -> shell::Paged {
    instrument::page(pages, asked, key, "").await
}

async fn evidence(
    pages: &Pages,
    asked: &Asked,
    day: &str,
    _venue: &str,
    data_type: &str,
    key: &str,
) -> shell::Paged {
    days::evidence(pages, asked, day, data_type, key).await
}

/// A text of a record without paths of this machine and addresses of others.
fn scrub(text: &str) -> String {
    crate::api::scrub::scrubbed(text)
}
