//! Klines from files of Binance's public archive (<https://data.binance.vision>), in all of its formats: with or without a
//! header row, times in milliseconds or microseconds, plain or zipped.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use mtdh_core::check::bars::Bar;

use crate::exchange::binance::klines::{KlineError, Market, RowError, bar};
use crate::tardis::csv::text_cells;

/// The largest unpacked size of a file. A zipped month of minutes has about 5 MB.
const MOST_BYTES: u64 = 512 << 20;

/// Why a file is not a list of klines.
#[derive(Debug, thiserror::Error)]
enum FormatError {
    /// A damaged ZIP file.
    #[error(transparent)]
    Zip(#[from] zip::result::ZipError),
    /// The ZIP file does not have exactly one member.
    #[error("the ZIP file has {0} members instead of one")]
    Members(usize),
    /// A line that cannot be read.
    #[error("line {number}: {source}")]
    Line { number: u64, source: std::io::Error },
    /// A line that is not a kline.
    #[error("line {number}: {source}")]
    Row { number: u64, source: RowError },
    /// A file without klines.
    #[error("it has no klines")]
    Empty,
}

/// Reads the klines of a `.csv` file, or of a `.zip` file with one member.
///
/// # Errors
/// If the file cannot be read, has no klines, or has a line that is not a kline.
pub fn read(path: &Path, market: Market) -> Result<Vec<Bar>, KlineError> {
    let place = path.display().to_string();
    let failed = |source| KlineError::File { file: place.clone(), source };
    let unreadable =
        |error: FormatError| KlineError::Unreadable { place: place.clone(), reason: error.to_string() };
    let mut file = BufReader::new(File::open(path).map_err(failed)?);
    let bars = if file.fill_buf().map_err(failed)?.starts_with(b"PK") {
        zipped(file, market)
    } else {
        lines(file, market)
    };
    bars.map_err(unreadable)
}

fn zipped(file: BufReader<File>, market: Market) -> Result<Vec<Bar>, FormatError> {
    let mut zip = zip::ZipArchive::new(file)?;
    if zip.len() != 1 {
        return Err(FormatError::Members(zip.len()));
    }
    let member = zip.by_index(0)?;
    lines(BufReader::new(member.take(MOST_BYTES)), market)
}

fn lines(mut text: impl BufRead, market: Market) -> Result<Vec<Bar>, FormatError> {
    let mut bars = Vec::new();
    let mut line = String::new();
    for number in 1.. {
        line.clear();
        if text.read_line(&mut line).map_err(|source| FormatError::Line { number, source })? == 0 {
            break;
        }
        let cells = text_cells(line.trim());
        let cells: Vec<String> = cells.iter().map(|cell| cell.trim().to_owned()).collect();
        if cells == [""] || number == 1 && is_header(&cells) {
            continue;
        }
        bars.push(bar(&cells, market).map_err(|source| FormatError::Row { number, source })?);
    }
    if bars.is_empty() { Err(FormatError::Empty) } else { Ok(bars) }
}

/// Whether a row names columns: the archive writes `open_time` first, people write it as they like.
fn is_header(cells: &[String]) -> bool {
    let letters = |cell: &String| cell.to_lowercase().replace(['_', ' '], "");
    cells.first().map(letters).is_some_and(|name| name == "opentime")
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use mtdh_core::check::bars::Field;

    use super::*;

    const HEADER: &str = "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore\n";

    fn row(time: &str) -> String {
        format!("{time},10.5,12,9,11,3.25,0,34.1,7,1.25,13.0,0\n")
    }

    fn read_text(name: &str, bytes: &[u8]) -> Result<Vec<Bar>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        read(&path, Market::Spot).map_err(|error| error.to_string())
    }

    fn zipped(names: &[&str], text: &str) -> Vec<u8> {
        let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for name in names {
            zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(text.as_bytes()).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    #[test]
    fn every_era_is_read_alike() {
        let (ms, us) = (row("1735689600000"), row("1735689600000000"));
        let headed = format!("{HEADER}{us}");
        for (name, bytes) in [
            ("old.csv", ms.clone().into_bytes()),
            ("with-header.csv", format!("{HEADER}{ms}").into_bytes()),
            ("microseconds.csv", us.clone().into_bytes()),
            ("windows.csv", headed.replace('\n', "\r\n").into_bytes()),
            ("marked.csv", format!("\u{feff}{headed}").into_bytes()),
            ("marked-windows.csv", format!("\u{feff}{headed}").replace('\n', "\r\n").into_bytes()),
            ("marked-without-header.csv", format!("\u{feff}{ms}").into_bytes()),
            ("marked-zipped.zip", zipped(&["BTCUSDT-1m-2025-01.csv"], &format!("\u{feff}{headed}"))),
            ("other-header.csv", format!("{}{ms}", HEADER.replace("open_time", "Open time")).into_bytes()),
            ("quoted.csv", format!("\"{}\"\n", ms.trim().replace(',', "\",\"")).into_bytes()),
            ("zipped.zip", zipped(&["BTCUSDT-1m-2025-01.csv"], &headed)),
        ] {
            let bars = read_text(name, &bytes).unwrap();
            assert_eq!((bars.len(), bars[0].start), (1, 1_735_689_600_000_000), "{name}");
            let values = [Field::Open, Field::Volume, Field::TradeCount, Field::BuyQuoteVolume]
                .map(|f| bars[0].get(f));
            assert_eq!(values, [Some(10.5), Some(3.25), Some(7.0), Some(13.0)], "{name}");
        }
    }

    #[test]
    fn what_is_no_list_of_klines_is_refused_with_the_line() {
        for (name, bytes, said) in [
            ("empty.csv", Vec::new(), "it has no kline"),
            ("header.csv", HEADER.into(), "it has no kline"),
            ("seconds.csv", row("1735689600").into(), "neither in milliseconds nor in microseconds"),
            ("text.csv", format!("{}x,y\n", row("1735689600000")).into(), "line 2: a row has 2 cells"),
            ("nan.csv", row("1735689600000").replace("10.5", "NaN").into(), "`NaN` is not a number"),
            ("two.zip", zipped(&["a.csv", "b.csv"], HEADER), "the ZIP file has 2 members"),
            ("cut.zip", b"PK\x03\x04abc".to_vec(), "is not a list of klines"),
        ] {
            let error = read_text(name, &bytes).unwrap_err();
            assert!(error.contains(said), "{name}: {error}");
        }
    }
}
