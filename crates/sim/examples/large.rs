//! Writes a large CSV file in Tardis' format to stdout: `large DATA_TYPE ROWS EXCHANGE SYMBOL`.

use std::io::{self, BufWriter, Write};

use mtdh_core::{DataType, Day};
use mtdh_sim::write_large;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [data_type, rows, exchange, symbol] = &words[..] else {
        return Err("usage: large DATA_TYPE ROWS EXCHANGE SYMBOL".into());
    };
    let (data_type, rows): (DataType, u64) = (data_type.parse()?, rows.parse()?);
    let day: Day = "2024-03-01".parse()?;
    let mut out = BufWriter::with_capacity(1 << 20, io::stdout());
    write_large(data_type, rows, 1, exchange, symbol, day, &mut out)?;
    out.flush()?;
    Ok(())
}
