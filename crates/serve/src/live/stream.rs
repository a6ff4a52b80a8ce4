//! `/live/stream`: what is recorded now as JSON lines over a WebSocket, a message of the exchange a frame.

use axum::response::Response;
use bytes::Bytes;
use mtdh_engine::live::hub::{Begin, Lost, Taken, line};

use super::socket::{self, Telling};
use super::{NOTHING, asked, begun, conflated, lagged};
use crate::api::Opening;

/// Lines of a listening.
struct Lines {
    begin: Option<Begin>,
}

impl Telling for Lines {
    fn tell(&mut self, taken: &Taken, frames: &mut Vec<Bytes>) -> Result<(), (u16, String)> {
        if let Some(begin) = self.begin.take() {
            frames.push(begun(begin));
            if let Begin::Later(lost) = begin {
                frames.push(lagged(lost));
            }
        }
        frames.extend((taken.conflated > 0).then(|| conflated(taken.conflated)));
        frames.extend(taken.entries.iter().map(|entry| line(entry)));
        frames.extend(taken.lost.map(lagged));
        Ok(())
    }

    fn slow(&self, lost: Lost) -> Option<Bytes> {
        Some(lagged(lost))
    }
}

/// Opens a WebSocket and sends what is recorded.
pub(crate) fn stream(opening: Opening) -> Response {
    let Opening { state, given, upgrade } = opening;
    let live = state.options.live.clone();
    socket::converse(state, upgrade, move || {
        let hub = live.ok_or(NOTHING)?;
        let given = given.map_err(|problem| problem.detail)?;
        let ask = asked::read(&hub, &given, None).map_err(|problem| problem.detail)?;
        let listener = hub.listen(ask);
        let begin = Some(listener.begin());
        Ok((listener, Lines { begin }))
    })
}
