//! Examines what a run would need: the vendor, the key, the clock and the lake.

use chrono::{DateTime, Utc};
use mtdh_lake::{Lake, LakeError};
use mtdh_source::tardis::metadata::{Metadata, MetadataError};

/// What was found.
#[derive(Debug)]
pub struct Examination {
    /// The vendor's answer; `None`: vendor files come from a folder.
    pub vendor: Option<Result<Reached, MetadataError>>,
    /// What the API key covers; `None`: there is no key.
    pub key: Option<Result<Vec<Access>, MetadataError>>,
    /// The lake.
    pub lake: LakeState,
}

/// The vendor answered.
#[derive(Clone, Copy, Debug)]
pub struct Reached {
    /// Exchanges that it lists.
    pub exchanges: usize,
    /// How far this machine's clock is ahead of the vendor's, seconds; `None`: its answer has no time.
    pub clock_ahead: Option<i64>,
}

/// An exchange that the key covers.
#[derive(Clone, Debug)]
pub struct Access {
    /// The vendor's id of the exchange.
    pub exchange: String,
    /// Start; `None` if unlimited.
    pub from: Option<DateTime<Utc>>,
    /// Exclusive end; `None` if unlimited.
    pub to: Option<DateTime<Utc>>,
    /// The plan's name.
    pub plan: String,
}

/// Whether the lake can be used.
#[derive(Debug)]
pub enum LakeState {
    /// It can be read and written. `days` is the number of days that it has partitions of.
    Usable {
        /// Days with partitions.
        days: usize,
    },
    /// It can be read, and writing is refused.
    ReadOnly {
        /// Days with partitions.
        days: usize,
        /// The store's reason.
        reason: LakeError,
    },
    /// It cannot be used.
    Unusable(LakeError),
}

/// Examines the vendor and the lake. Makes the folder of a local lake that does not exist yet.
pub(crate) async fn examine(lake: &Lake, vendor: Option<&Metadata>, has_key: bool) -> Examination {
    let (mut reached, mut key) = (None, None);
    if let Some(metadata) = vendor {
        let asked = Utc::now();
        reached = Some(metadata.reach().await.map(|(exchanges, clock)| {
            // The answer was made between the two readings of our clock, and its time has whole seconds.
            let ours = asked + (Utc::now() - asked) / 2;
            Reached { exchanges, clock_ahead: clock.map(|clock| (ours - clock).num_seconds()) }
        }));
        if has_key {
            key = Some(metadata.key_access().await.map(|covered| {
                let access = covered.into_iter().map(|of| Access {
                    exchange: of.exchange,
                    from: of.from,
                    to: of.to,
                    plan: of.data_plan,
                });
                access.collect()
            }));
        }
    }
    Examination { vendor: reached, key, lake: examine_lake(lake).await }
}

async fn examine_lake(lake: &Lake) -> LakeState {
    let written = lake.check_writable().await;
    let days = match lake.days_with_partitions().await {
        Ok(days) => days.len(),
        Err(error) => return LakeState::Unusable(error),
    };
    match written {
        Ok(()) => LakeState::Usable { days },
        Err(reason) if reason.forbids_writing() && lake.check_readable().await.is_ok() => {
            LakeState::ReadOnly { days, reason }
        }
        Err(reason) => LakeState::Unusable(reason),
    }
}
