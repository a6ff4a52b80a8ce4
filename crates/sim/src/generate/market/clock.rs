//! Recording sessions and timestamps of messages.

use mtdh_core::Day;

use super::gaps::gaps;
use super::message::{Source, Stamp};
use crate::generate::rng::Rng;
use crate::generate::times::SECOND_US;
use crate::generate::universe::profile::Profile;

/// An uninterrupted recording, half-open, microseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug)]
pub(super) struct Session {
    pub(super) from_us: i64,
    pub(super) to_us: i64,
    /// Whether the recording of the day before lasted until shortly before this session.
    pub(super) follows_midnight: bool,
}

/// Returns the sessions of an instrument's day. The recorder subscribes again after midnight and after each gap.
pub(super) fn sessions(source: Source<'_>, day: Day, rng: &mut Rng) -> Vec<Session> {
    let listing = source.listing;
    let end_us = listing.until_us.map_or(day.end_us(), |until| until.min(day.end_us()));
    let resubscribed_us = day.start_us() + rng.between(300_000, 3 * SECOND_US);
    let mut from_us = resubscribed_us.max(listing.since_us);
    let mut sessions = Vec::new();
    let gaps = gaps(source.seed, source.profile.id, day);
    let pauses = gaps.iter().map(|gap| (gap.from_us, gap.to_us)).chain([(end_us, i64::MAX)]);
    for (pause_us, resume_us) in pauses {
        let to_us = pause_us.min(end_us);
        if to_us > from_us {
            sessions.push(Session { from_us, to_us, follows_midnight: from_us == resubscribed_us });
        }
        from_us = from_us.max(resume_us);
    }
    sessions
}

/// Returns the timestamps of a message that arrives at `local_us`. Latency varies, so exchange timestamps can decrease.
pub(super) fn stamp(profile: &Profile, local_us: i64, rng: &mut Rng) -> Stamp {
    let usual = profile.latency_us + rng.below(profile.latency_us as u64) as i64;
    let late = if rng.chance(150) { rng.below(profile.latency_us as u64 * 40) as i64 } else { 0 };
    let sent_us = local_us - usual - late;
    Stamp { exchange_us: sent_us - sent_us.rem_euclid(profile.clock_us), local_us }
}

/// Returns the microseconds to the next message. Many messages come in bursts.
pub(super) fn pause(mean_us: f64, rng: &mut Rng) -> i64 {
    let pause = if rng.chance(3_500) {
        mean_us.min(40_000.0) * rng.unit()
    } else {
        mean_us * 2.0 / 0.65 * rng.unit()
    };
    (pause as i64).max(1)
}
