//! Any bytes as a vendor file: the decoder never panics, conserves rows, and says the same under any cutting.
//!
//! The first byte chooses the table, the second the cutting, the third what is expected and whether the table's own
//! header row is put in front.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mtdh_core::{DataType, Table};
use mtdh_source::tardis::csv::{DecodeError, Decoder, Expectation, Reject, RowName, Rows};

type Decoded = (Vec<Rows>, Vec<RowName>, Vec<Reject>);

fn decode(
    table: &'static Table,
    expectation: &Expectation,
    file: &[u8],
    piece_bytes: usize,
) -> Result<Decoded, DecodeError> {
    let mut decoder = Decoder::new(table, expectation.clone());
    for piece in file.chunks(piece_bytes) {
        decoder.push(piece)?;
    }
    decoder.finish()?;
    let batches = std::iter::from_fn(|| decoder.take_rows()).collect();
    let rejects = decoder.take_rejects();
    Ok((batches, decoder.names().to_vec(), rejects))
}

fn check_conservation((batches, names, rejects): &Decoded) {
    let total = |count: fn(&RowName) -> u64| names.iter().map(count).sum::<u64>();
    let rows: u64 = batches.iter().map(|batch| batch.names.len() as u64).sum();
    let named_rejects = rejects.iter().filter(|reject| reject.name.is_some()).count() as u64;
    assert_eq!(total(|n| n.tally.rows_out), rows);
    assert_eq!(total(|n| n.tally.rows_rejected), named_rejects);
    assert_eq!(total(|n| n.tally.rows_in), rows + named_rejects);
}

fn check_batches(table: &Table, batches: &[Rows]) {
    for batch in batches {
        for (field, array) in table.schema().fields()[1..].iter().zip(&batch.columns) {
            assert_eq!(array.data_type(), field.data_type());
            assert_eq!(array.len(), batch.names.len());
            assert!(field.is_nullable() || array.null_count() == 0);
            array.to_data().validate_full().expect("arrays are valid");
        }
    }
}

fuzz_target!(|input: &[u8]| {
    let [table, piece, mode, file @ ..] = input else { return };
    let table = DataType::ALL[usize::from(*table) % DataType::ALL.len()].table();
    let expectation = Expectation {
        exchange: (mode & 1 > 0).then(|| "deribit".to_owned()),
        symbol: (mode & 2 > 0).then(|| "BTC-PERPETUAL".to_owned()),
        day: (mode & 4 > 0).then(|| "2024-03-01".parse().expect("a day")),
    };
    let header = if mode & 8 > 0 { format!("{}\n", table.csv_header()) } else { String::new() };
    let file = [header.as_bytes(), file].concat();
    let whole = decode(table, &expectation, &file, usize::MAX);
    let cut = decode(table, &expectation, &file, usize::from(*piece).max(1));
    match (whole, cut) {
        (Ok(whole), Ok(cut)) => {
            check_conservation(&whole);
            check_batches(table, &whole.0);
            assert_eq!((&whole.1, &whole.2), (&cut.1, &cut.2));
            assert_eq!(whole.0.len(), cut.0.len());
            for (whole, cut) in whole.0.iter().zip(&cut.0) {
                assert_eq!(whole.names, cut.names);
                // Compared as data: NaN never comes in, and equal arrays are equal bit by bit.
                assert!(whole.columns.iter().zip(&cut.columns).all(|(a, b)| a.to_data() == b.to_data()));
            }
        }
        (whole, cut) => assert_eq!(whole.err(), cut.err()),
    }
});
