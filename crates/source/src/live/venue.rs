//! What is known of an exchange's live feed before anything is connected.

use mtdh_core::DataType;

use super::feed::Feed;
use super::limits::Limits;
use super::symbols::{AS_LISTED, Spelling};

/// An exchange whose messages can be read, named by the vendor's exchange id. The registry `venues` lists all.
pub trait Venue: Sync {
    /// The vendor's exchange id, such as `binance-futures`.
    fn exchange(&self) -> &'static str;

    /// What can be made of its public channels, and what is known of losses in it.
    fn offers(&self) -> &'static [Offer];

    /// Its addresses without anything asked of it: a WebSocket's per endpoint, in the order of [`Connection::endpoint`], and REST's.
    fn addresses(&self) -> Addresses;

    /// What it allows.
    fn limits(&self) -> &'static Limits;

    /// Whether no continuous recording of it was ever read by this program.
    fn is_experimental(&self) -> bool;

    /// How its symbols are written in the vendor's list, on its socket and in rows.
    fn spelling(&self) -> &'static Spelling {
        &AS_LISTED
    }

    /// What a symbol of the exchange looks like, where that is certain and this symbol does not look like it: the venue would refuse it.
    /// `None`: it may be one.
    fn not_its_form(&self, _symbol: &str) -> Option<&'static str> {
        None
    }

    /// The connections that together bring what is wanted, split by the exchange's limits. Streams that are not offered are left
    /// out; the caller has asked [`Venue::offers`].
    fn plan(&self, want: &Want) -> Vec<Connection>;

    /// A feed for these connections, in the state before the first one opens.
    fn feed(&'static self, want: &Want, connections: &[Connection]) -> Box<dyn Feed>;
}

/// A data type of a venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Which.
    pub data_type: DataType,
    /// What the messages themselves prove of losses.
    pub proof: Proof,
}

/// What the messages of a data type prove of losses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Each loss shows, in an id, a chain or a checksum.
    Whole,
    /// Some losses show.
    Part,
    /// No loss shows: "no gap found" is not "no gap".
    None,
}

/// Where a venue is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// One base address per endpoint, with the scheme `wss`.
    pub websockets: &'static [&'static str],
    /// The base address of REST, if the feed asks it anything.
    pub rest: Option<&'static str>,
}

/// What is wanted of one exchange.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Want {
    /// Symbols as the exchange writes them in its messages, such as `BTCUSDT`. None, of a recording: whatever the messages name.
    pub symbols: Vec<String>,
    /// The data types of each. Those made from the book bring the book's channel.
    pub data_types: Vec<DataType>,
    /// Whether the messages come from the vendor's recording, which can be asked for nothing: a loss is told, and what follows is
    /// given out all the same, as the vendor's own mappers do. Else a book starts again with a new snapshot.
    pub is_recorded: bool,
}

/// One WebSocket of a venue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Which base address of [`Addresses::websockets`].
    pub endpoint: usize,
    /// What follows the base address, such as `/stream?timeUnit=microsecond`; may be empty.
    pub path: String,
    /// The channels, by the venue's own names, which are subscribed to once it is open.
    pub streams: Vec<String>,
}
