//! The object store behind redirects: another origin, reached by signed links that expire, and never with a key.

use std::sync::Arc;

use axum::http::header::LOCATION;
use axum::http::{Method, StatusCode};
use mtdh_core::{DataType, Day};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::serve;
use crate::generate::files;
use crate::generate::files::FileName;
use crate::generate::rng::hash;
use crate::generate::times::{SECOND_US, compact, read_compact};
use crate::server::front::answer::{Answer, status_of};
use crate::server::front::ask::Ask;
use crate::server::world::World;

/// Seconds for which a link is good.
const GOOD_FOR_SECONDS: i64 = 300;

/// A link to a file that is good for five minutes of the world's clock. It leads over `hops` further redirects.
pub(super) fn signed_url(world: &World, name: &FileName, hops: u8) -> String {
    let address = world.addresses.get().map_or_else(String::new, |addresses| addresses.store.to_string());
    let FileName { exchange, data_type, day, symbol } = name;
    let symbol = utf8_percent_encode(symbol, NON_ALPHANUMERIC);
    let path = format!("/datasets/{exchange}/{data_type}/{day}/{symbol}.csv.gz");
    let date = compact(world.now_us());
    let signature = signature(world, name, &date, hops);
    format!(
        "http://{address}{path}?X-Amz-Date={date}&X-Amz-Expires={GOOD_FOR_SECONDS}&hops={hops}&X-Amz-Signature={signature}"
    )
}

/// Answers a request to the object store.
pub(crate) async fn answer(world: &Arc<World>, ask: &Ask) -> Answer {
    let Some((name, hops)) = checked(world, ask) else {
        return refused("AccessDenied", "the link is not signed by this store, or its time is over");
    };
    if ask.headers.contains_key("authorization") {
        return Answer {
            status: status_of(400),
            ..refused("InvalidArgument", "only one way of signing is allowed")
        };
    }
    if ask.method != Method::GET {
        return refused("AccessDenied", "the link is signed for GET");
    }
    if hops > 0 {
        return Answer::empty(StatusCode::FOUND).with(LOCATION, &signed_url(world, &name, hops - 1));
    }
    let config = world.config();
    match files::find(&config, name.clone()) {
        Ok(file) => serve::file(&*world.stored_file(name, file).await, ask, &config.options),
        Err(_) => Answer { status: status_of(404), ..refused("NoSuchKey", "there is no such file") },
    }
}

/// The file of a link, if the link is signed and still good, and the redirects that follow.
fn checked(world: &World, ask: &Ask) -> Option<(FileName, u8)> {
    let segments = ask.segments();
    let [_, exchange, data_type, day, file] = segments.as_slice() else { return None };
    let data_type: DataType = data_type.parse().ok()?;
    let day: Day = day.parse().ok()?;
    let symbol = file.strip_suffix(".csv.gz")?.to_owned();
    let name = FileName { exchange: exchange.clone(), data_type, day, symbol };
    let date = ask.parameter("X-Amz-Date")?;
    let hops: u8 = ask.parameter("hops")?.parse().ok()?;
    let is_signed = ask.parameter("X-Amz-Signature")? == signature(world, &name, &date, hops);
    let expires_us = read_compact(&date)? + GOOD_FOR_SECONDS * SECOND_US;
    (is_signed && world.now_us() < expires_us).then_some((name, hops))
}

fn signature(world: &World, name: &FileName, date: &str, hops: u8) -> String {
    let FileName { exchange, data_type, day, symbol } = name;
    let words = [exchange, data_type.name(), &day.to_string(), symbol, date, &hops.to_string()];
    format!("{:016x}{:016x}", hash(world.config().seed, &words), hash(!0, &words))
}

fn refused(code: &str, message: &str) -> Answer {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    );
    Answer::new(StatusCode::FORBIDDEN, "application/xml", body)
}
