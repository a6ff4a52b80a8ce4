//! Checks of a client that the metadata API and the dataset server share.

use crate::config::Config;
use crate::server::front::request::HttpRequest;
use crate::server::front::response::{ErrorResponse, HttpResponse};
use crate::tardis::key_use::{KeyUse, Wait};

/// Whether the CDN blocks a client because of its `User-Agent`.
pub(super) fn is_blocked(user_agent: Option<&str>) -> bool {
    user_agent.is_none_or(|name| name.is_empty() || name.starts_with("Python-urllib"))
}

/// Counts the request against the limits of its key.
///
/// # Errors
/// The response to send when the key is in use from another address, or a limit is used up.
pub(super) fn count_key_use(
    key_use: &KeyUse,
    config: &Config,
    request: &HttpRequest,
) -> Result<(), ErrorResponse> {
    let now_us = config.now.timestamp_micros();
    let counted = key_use.count_request(request.bearer(), request.peer, &config.options.budget, now_us);
    counted.map_err(|wait| match wait {
        Wait::OtherAddress { seconds } => HttpResponse::key_locked(seconds).into(),
        Wait::Budget { seconds } => HttpResponse::too_many_requests(Some(&seconds.to_string())).into(),
    })
}
