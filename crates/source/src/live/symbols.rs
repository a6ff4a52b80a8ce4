//! How a venue writes a symbol in the three places where it stands: in the vendor's list, which the lake's instrument tables keep; on
//! the venue's socket; and in rows, as the vendor's files have it. Rows of one instrument have one key, however it is written.

use mtdh_core::DataType;

/// How a venue's symbols are written.
#[derive(Clone, Copy, Debug)]
pub struct Spelling {
    /// The socket's symbol, of one as the vendor lists it. One that is the socket's already stays as it is.
    pub socket: fn(&str) -> String,
    /// The symbol in rows of a data type, of the socket's.
    pub row: fn(&str, DataType) -> String,
}

/// The same symbol everywhere.
pub static AS_LISTED: Spelling = Spelling { socket: str::to_owned, row: |symbol, _| symbol.to_owned() };

impl Spelling {
    /// The forms in which a symbol of the socket stands in rows, each once.
    pub fn rows(&self, socket: &str) -> Vec<String> {
        let mut rows: Vec<String> = DataType::ALL.iter().map(|of| (self.row)(socket, *of)).collect();
        rows.sort_unstable();
        rows.dedup();
        rows
    }
}
