//! An Arrow IPC stream in pieces that share the memory of their batches: columns are not copied.

use std::io;

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{IpcWriteOptions, StreamEncoder};
use arrow_schema::{ArrowError, SchemaRef};
use bytes::Bytes;

/// Buffers that are shorter are joined: each piece that is sent has a cost of its own.
const SHORT_BYTES: usize = 16 << 10;

/// Makes the pieces.
pub struct ArrowStream(StreamEncoder);

impl ArrowStream {
    /// For batches of a schema.
    ///
    /// # Errors
    /// When the format does not have its types.
    pub fn new(schema: &SchemaRef) -> io::Result<ArrowStream> {
        StreamEncoder::try_new(schema).map(ArrowStream).map_err(of_arrow)
    }

    /// As [`ArrowStream::new`], with the buffers of each batch compressed by zstd.
    ///
    /// # Errors
    /// As [`ArrowStream::new`].
    pub fn compressed(schema: &SchemaRef) -> io::Result<ArrowStream> {
        let options = IpcWriteOptions::default().try_with_compression(Some(CompressionType::ZSTD));
        let stream = options.and_then(|options| StreamEncoder::try_new_with_options(schema, options));
        stream.map(ArrowStream).map_err(of_arrow)
    }

    /// The pieces of a batch; the first batch's begin with the schema.
    ///
    /// # Errors
    /// When the batch is not of the schema.
    pub fn push(&mut self, batch: &RecordBatch) -> io::Result<Vec<Bytes>> {
        self.0.encode(batch).map(joined).map_err(of_arrow)
    }

    /// The end; without a batch, the schema and the end.
    ///
    /// # Errors
    /// When encoding fails.
    pub fn finish(self) -> io::Result<Vec<Bytes>> {
        self.0.finish().map(joined).map_err(of_arrow)
    }
}

fn of_arrow(error: ArrowError) -> io::Error {
    io::Error::other(error)
}

/// A buffer as bytes that own it.
struct Owned(Buffer);

impl AsRef<[u8]> for Owned {
    fn as_ref(&self) -> &[u8] {
        self.0.as_slice()
    }
}

fn joined(buffers: Vec<Buffer>) -> Vec<Bytes> {
    let (mut pieces, mut short) = (Vec::new(), Vec::new());
    for buffer in buffers {
        if short.len() + buffer.len() <= SHORT_BYTES {
            short.extend_from_slice(buffer.as_slice());
            continue;
        }
        if !short.is_empty() {
            pieces.push(Bytes::from(std::mem::take(&mut short)));
        }
        match buffer.len() {
            ..SHORT_BYTES => short.extend_from_slice(buffer.as_slice()),
            _ => pieces.push(Bytes::from_owner(Owned(buffer))),
        }
    }
    if !short.is_empty() {
        pieces.push(Bytes::from(short));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, StringArray, TimestampMicrosecondArray};
    use arrow_ipc::reader::StreamReader;

    use super::*;

    #[test]
    fn the_pieces_are_the_stream() {
        for rows in [0, 1, 100, 5_000, 100_000] {
            let times: ArrayRef = Arc::new(TimestampMicrosecondArray::from_iter_values(0..rows));
            let texts: ArrayRef =
                Arc::new(StringArray::from_iter((0..rows).map(|n| (n % 7 > 0).then(|| n.to_string()))));
            let batch = RecordBatch::try_from_iter([("time", times), ("text", texts)]).unwrap();
            // Cut batches have offsets of their own.
            let batches = [batch.clone(), batch.slice((rows / 3) as usize, (rows / 2) as usize)];
            let mut stream = ArrowStream::new(&batch.schema()).unwrap();
            let mut bytes = Vec::new();
            for batch in &batches {
                stream.push(batch).unwrap().iter().for_each(|piece| bytes.extend_from_slice(piece));
            }
            stream.finish().unwrap().iter().for_each(|piece| bytes.extend_from_slice(piece));
            let read: Vec<RecordBatch> =
                StreamReader::try_new(&bytes[..], None).unwrap().map(Result::unwrap).collect();
            assert_eq!(read, batches);
        }
        let empty =
            ArrowStream::new(&RecordBatch::new_empty(Arc::new(arrow_schema::Schema::empty())).schema())
                .unwrap();
        let bytes = empty.finish().unwrap().concat();
        assert_eq!(StreamReader::try_new(&bytes[..], None).unwrap().count(), 0);
    }
}
