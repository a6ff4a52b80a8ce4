//! Signed links to the object store. They expire after five minutes of simulated time.

use std::net::SocketAddr;
use std::sync::Arc;

use mtdh_core::{DataType, Day};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::generate::files::FileName;
use crate::generate::rng::hash;
use crate::generate::times::{SECOND_US, compact, parse_compact};
use crate::server::front::request::HttpRequest;
use crate::server::world::World;

const VALID_SECONDS: i64 = 300;

/// Signs links and verifies them.
#[derive(Clone, Debug)]
pub(crate) struct Links {
    world: Arc<World>,
    store: SocketAddr,
}

impl Links {
    /// Creates links to an object store at an address.
    pub(crate) fn new(world: Arc<World>, store: SocketAddr) -> Links {
        Links { world, store }
    }

    /// Builds the URL of a file. The store redirects `hops` more times before it sends the file.
    pub(super) fn signed_url(&self, name: &FileName, hops: u8) -> String {
        let FileName { exchange, data_type, day, symbol } = name;
        let symbol = utf8_percent_encode(symbol, NON_ALPHANUMERIC);
        let path = format!("/datasets/{exchange}/{data_type}/{day}/{symbol}.csv.gz");
        let date = compact(self.world.now_us());
        let signature = self.signature(name, &date, hops);
        format!(
            "http://{}{path}?X-Amz-Date={date}&X-Amz-Expires={VALID_SECONDS}&hops={hops}&X-Amz-Signature={signature}",
            self.store
        )
    }

    /// Returns the file of a link and its remaining redirects. `None`: the signature is wrong, or the link has expired.
    pub(super) fn verify(&self, request: &HttpRequest) -> Option<(FileName, u8)> {
        let segments = request.segments();
        let [_, exchange, data_type, day, file] = segments.as_slice() else { return None };
        let data_type: DataType = data_type.parse().ok()?;
        let day: Day = day.parse().ok()?;
        let symbol = file.strip_suffix(".csv.gz")?.to_owned();
        let name = FileName { exchange: exchange.clone(), data_type, day, symbol };
        let date = request.parameter("X-Amz-Date")?;
        let hops: u8 = request.parameter("hops")?.parse().ok()?;
        let is_signed = request.parameter("X-Amz-Signature")? == self.signature(&name, &date, hops);
        let expires_us = parse_compact(&date)? + VALID_SECONDS * SECOND_US;
        (is_signed && self.world.now_us() < expires_us).then_some((name, hops))
    }

    fn signature(&self, name: &FileName, date: &str, hops: u8) -> String {
        let FileName { exchange, data_type, day, symbol } = name;
        let words = [exchange, data_type.name(), &day.to_string(), symbol, date, &hops.to_string()];
        format!("{:016x}{:016x}", hash(self.world.config().seed, &words), hash(!0, &words))
    }
}
