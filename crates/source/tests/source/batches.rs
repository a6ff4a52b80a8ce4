//! Batches: as many rows in each as promised, wherever the bytes are cut.

use mtdh_core::DataType;
use mtdh_source::tardis::csv::{BATCH_ROWS, Expectation};

use crate::decode;

/// A file of trades with `rows` good rows; before every row whose number `bad` holds stands one that cannot be read.
fn file(rows: usize, bad: impl Fn(usize) -> bool) -> String {
    let mut text = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n".to_owned();
    for row in 0..rows {
        if bad(row) {
            text += "deribit,BTC-PERPETUAL,1,2,x,both,1,1\n";
        }
        let us = 1_709_251_200_000_000 + row;
        text += &format!("deribit,BTC-PERPETUAL,{us},{us},id{row},buy,{row},0.5\n");
    }
    text
}

#[test]
fn every_batch_but_the_last_is_full_wherever_the_bytes_are_cut() {
    let table = DataType::Trades.table();
    for rows in [0, 1, BATCH_ROWS - 1, BATCH_ROWS, BATCH_ROWS + 1, 2 * BATCH_ROWS + 7] {
        let text = file(rows, |row| row % BATCH_ROWS == 0 || row % BATCH_ROWS == 5);
        let bad = (0..rows).filter(|row| matches!(row % BATCH_ROWS, 0 | 5)).count();
        for piece_bytes in [97, 4096, 1 << 18, 1 << 30] {
            let decoded =
                decode(table, &Expectation::default(), text.as_bytes().chunks(piece_bytes)).unwrap();
            let sizes: Vec<usize> = decoded.batches.iter().map(|batch| batch.names.len()).collect();
            let full = rows / BATCH_ROWS;
            let mut expected = vec![BATCH_ROWS; full];
            expected.extend((rows > full * BATCH_ROWS).then_some(rows - full * BATCH_ROWS));
            assert_eq!(
                (sizes, decoded.rejects.len()),
                (expected, bad),
                "{rows} rows, pieces of {piece_bytes}"
            );
            let cells = decoded.rows(table);
            assert!(cells.iter().enumerate().all(|(row, cells)| cells[2] == Some(format!("id{row}"))));
        }
    }
}
