//! Bodies of answers.

use axum::body::Body;
use futures::StreamExt;
use tokio::sync::OwnedSemaphorePermit;

/// A body that holds a permit until it is sent or given up.
pub(crate) fn holding(body: Body, permit: OwnedSemaphorePermit) -> Body {
    use axum::body::HttpBody;
    // A body that is in memory needs no permit: it keeps its length.
    if body.size_hint().exact().is_some() {
        return body;
    }
    let mut held = Some(permit);
    let stream = body.into_data_stream().map(move |piece| {
        if piece.is_err() {
            held.take();
        }
        piece
    });
    Body::from_stream(stream)
}
