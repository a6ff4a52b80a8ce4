//! What recorders before left: their captures are sealed and brought into the lake, and their rows are made.

use std::collections::BTreeMap;
use std::sync::Arc;

use mtdh_lake::Lake;
use mtdh_lake::live::{Recovered, recover};
use mtdh_source::live::clock;

use super::{Prepared, Progress};
use crate::EngineError;
use crate::live::LiveError;
use crate::live::rebuild::remake_session;
use crate::live::session::Told;
use crate::live::status::of_venue;

/// Seals what dead sessions left, brings it into the lake and makes its rows. When each venue's last session that died received last.
pub(super) async fn remake(
    lake: &Lake,
    prepared: &[Prepared],
    tell: &Arc<dyn Fn(Progress) + Send + Sync>,
) -> Result<BTreeMap<String, i64>, EngineError> {
    let mut crashed = BTreeMap::new();
    let Some(folder) = prepared.first().map(|of| of.settings.folder.clone()) else { return Ok(crashed) };
    let failed = |source| LiveError::Capture { exchange: "dead sessions".to_owned(), source };
    let recovered = tokio::task::spawn_blocking(move || recover(&folder)).await;
    let recovered: Vec<Recovered> =
        recovered.map_err(|_| LiveError::NoFolder { lake: String::new() })?.map_err(failed)?;
    for one in &recovered {
        let name = &one.segment.name;
        lake.upload_segment(&one.segment).await?;
        if let Some(last) = one.last {
            let of = crashed.entry(name.venue.clone()).or_insert(last);
            *of = (*of).max(last);
        }
        let made = remake_session(lake, &name.venue, &name.session).await;
        let text = match made {
            Ok(published) => format!(
                "session {} did not end in good order: {} bytes were cut off, {} parts with {} rows were made of its captures",
                name.session, one.cut_bytes, published.made, published.rows
            ),
            Err(error) => {
                let error = mtdh_core::error::chain(&error);
                format!(
                    "session {} did not end in good order, and its rows cannot be made: {error}",
                    name.session
                )
            }
        };
        if let Some(of) = prepared.iter().find(|of| of.venue.exchange() == name.venue) {
            tell(Progress { exchange: of.venue.exchange(), told: Told::Note(text) });
        }
    }
    for of in prepared {
        let exchange = of.venue.exchange();
        let Some(last) = of_venue(lake, exchange, clock::now()).await? else { continue };
        let is_known = recovered.iter().any(|one| one.segment.name.session.as_str() == last.session);
        // Killed just after it had sealed a segment, and before it began the next one.
        if last.is_ended || is_known || is_open(&of.settings.folder.join(exchange), &last.session) {
            continue;
        }
        if let (Ok(session), Some(at)) = (last.session.parse(), last.last_us) {
            remake_session(lake, exchange, &session).await?;
            crashed.insert(exchange.to_owned(), at);
        }
    }
    Ok(crashed)
}

/// Whether a session has a segment that is not sealed.
fn is_open(folder: &std::path::Path, session: &str) -> bool {
    let folders = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let files = folders.flat_map(|day| std::fs::read_dir(day.path()).into_iter().flatten().flatten());
    let names = files.map(|file| file.file_name().to_string_lossy().into_owned());
    names.into_iter().any(|name| name.contains(session) && name.ends_with(".open"))
}
