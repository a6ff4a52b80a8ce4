//! Any bytes as messages of an exchange: its feed never panics, and keeps no more than its bounds.
//!
//! The first byte chooses the exchange, the second whether the messages are a recording's and where the connection is lost; a byte 0
//! ends a message.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mtdh_core::DataType;
use mtdh_source::live::feed::{Closed, ConnectionId, Frame};
use mtdh_source::live::out::Out;
use mtdh_source::live::venue::Want;
use mtdh_source::live::venues;

fuzz_target!(|input: &[u8]| {
    let [exchange, mode, messages @ ..] = input else { return };
    let venue = venues::all()[usize::from(*exchange) % venues::all().len()];
    let data_types = venue.offers().iter().map(|offer| offer.data_type).collect();
    let want = Want { symbols: Vec::new(), data_types, is_recorded: mode & 1 > 0 };
    let mut feed = venue.feed(&want, &venue.plan(&want));
    let (mut out, connection) = (Out::default(), ConnectionId(0));
    feed.opened(connection, 0, &mut out);
    for (place, message) in messages.split(|byte| *byte == 0).enumerate() {
        let now = place as i64 * 1_000_000;
        if place == usize::from(mode >> 1) {
            feed.closed(connection, Closed::Remote, now, &mut out);
            feed.opened(connection, now, &mut out);
        }
        feed.message(connection, Frame::Data(message), now, &mut out);
        feed.answer("btcusdt@depthSnapshot", 200, message, now, &mut out);
        feed.tick(now, &mut out);
        feed.midnight(now, &mut out);
        let taken = out.rows.take();
        for (_, batch) in &taken.batches {
            assert!(batch.num_rows() > 0);
        }
        assert!(out.unread_texts.len() <= 10);
        let _types: Vec<DataType> = out.gaps.drain(..).filter_map(|gap| gap.data_type).collect();
        out.sends.clear();
        out.requests.clear();
    }
});
