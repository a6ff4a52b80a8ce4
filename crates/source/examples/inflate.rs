//! Inflates a file as a conversion does, checks it, and throws its bytes away: `inflate FILE.csv.gz`. What conversion
//! is held against in `scripts/bench.py`.

use std::fs::File;
use std::io::{BufReader, Read};

use mtdh_source::gunzip::Gunzip;

fn main() -> std::io::Result<()> {
    let path = std::env::args().nth(1).ok_or(std::io::ErrorKind::InvalidInput)?;
    let mut plain = Gunzip::new(BufReader::with_capacity(1 << 16, File::open(path)?));
    let mut chunk = vec![0; 256 << 10];
    while plain.read(&mut chunk)? > 0 {}
    Ok(())
}
