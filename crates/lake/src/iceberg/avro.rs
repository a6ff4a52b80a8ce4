//! Avro object container files, as manifests need them: written uncompressed, and their headers read back.
//!
//! Form: <https://avro.apache.org/docs/1.11.1/specification/> (read 2026-11-30). Records are never read back: what this program
//! has to know again is in the header, where other readers pass over it.

use std::collections::BTreeMap;

/// Bytes of a block, about.
const BLOCK_BYTES: usize = 256 << 10;

const MAGIC: &[u8; 4] = b"Obj\x01";

/// The encoding of values, one after the other.
#[derive(Debug, Default)]
pub(super) struct Encoder {
    bytes: Vec<u8>,
}

impl Encoder {
    pub fn long(&mut self, value: i64) {
        // Zigzag: small numbers of both signs are short.
        let mut rest = ((value << 1) ^ (value >> 63)) as u64;
        while rest > 0x7f {
            self.bytes.push((rest as u8 & 0x7f) | 0x80);
            rest >>= 7;
        }
        self.bytes.push(rest as u8);
    }

    pub fn flag(&mut self, value: bool) {
        self.bytes.push(u8::from(value));
    }

    pub fn bytes(&mut self, value: &[u8]) {
        self.long(value.len() as i64);
        self.bytes.extend_from_slice(value);
    }

    pub fn text(&mut self, value: &str) {
        self.bytes(value.as_bytes());
    }

    /// A union of null and a type, in this order: null.
    pub fn null(&mut self) {
        self.long(0);
    }

    /// A union of null and a type, in this order: the value follows.
    pub fn some(&mut self) {
        self.long(1);
    }

    /// A list, in one block.
    pub fn list<T>(&mut self, values: &[T], mut each: impl FnMut(&mut Encoder, &T)) {
        if !values.is_empty() {
            self.long(values.len() as i64);
            values.iter().for_each(|value| each(self, value));
        }
        self.long(0);
    }
}

/// A container file of records.
#[derive(Debug)]
pub(super) struct Container {
    file: Encoder,
    sync: [u8; 16],
    block: Encoder,
    records: i64,
}

impl Container {
    /// Starts a file. `schema` is that of its records, as JSON; `facts` are further pairs of its header.
    pub fn new(schema: &str, facts: &[(&str, String)]) -> Container {
        let mut file = Encoder { bytes: MAGIC.to_vec() };
        let mut pairs = vec![("avro.schema", schema), ("avro.codec", "null")];
        pairs.extend(facts.iter().map(|(name, value)| (*name, value.as_str())));
        file.list(&pairs, |file, (name, value)| {
            file.text(name);
            file.text(value);
        });
        // Any sixteen bytes; a hash of the header gives the same ones again.
        let mut sync = [0; 16];
        sync.copy_from_slice(&blake3::hash(&file.bytes).as_bytes()[..16]);
        file.bytes.extend_from_slice(&sync);
        Container { file, sync, block: Encoder::default(), records: 0 }
    }

    /// Appends a record, which `write` encodes.
    pub fn record(&mut self, write: impl FnOnce(&mut Encoder)) {
        write(&mut self.block);
        self.records += 1;
        if self.block.bytes.len() >= BLOCK_BYTES {
            self.end_block();
        }
    }

    fn end_block(&mut self) {
        if self.records > 0 {
            self.file.long(self.records);
            self.file.bytes(&std::mem::take(&mut self.block.bytes));
            self.file.bytes.extend_from_slice(&self.sync);
            self.records = 0;
        }
    }

    /// The whole file.
    pub fn finish(mut self) -> Vec<u8> {
        self.end_block();
        self.file.bytes
    }
}

/// The pairs of a file's header; `None`: it is no container file. Anybody may have written it.
pub(super) fn header(file: &[u8]) -> Option<BTreeMap<String, Vec<u8>>> {
    let mut rest = file.strip_prefix(MAGIC.as_slice())?;
    let mut pairs = BTreeMap::new();
    loop {
        let count = take_long(&mut rest)?;
        if count == 0 {
            return Some(pairs);
        }
        if count < 0 {
            take_long(&mut rest)?;
        }
        for _ in 0..count.unsigned_abs() {
            let name = String::from_utf8(take_bytes(&mut rest)?.to_vec()).ok()?;
            pairs.insert(name, take_bytes(&mut rest)?.to_vec());
        }
    }
}

fn take_long(rest: &mut &[u8]) -> Option<i64> {
    let mut read = 0_u64;
    for shift in (0..64).step_by(7) {
        let (first, others) = rest.split_first()?;
        *rest = others;
        read |= u64::from(first & 0x7f).checked_shl(shift)?;
        if first & 0x80 == 0 {
            return Some((read >> 1) as i64 ^ -((read & 1) as i64));
        }
    }
    None
}

fn take_bytes<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(take_long(rest)?).ok()?;
    let (taken, others) = rest.split_at_checked(length)?;
    *rest = others;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Encodings that the specification prints, and the longest ones.
    #[test]
    fn numbers_and_texts_are_encoded_as_the_specification_says() {
        for (value, bytes) in [
            (0, &[0x00][..]),
            (-1, &[0x01]),
            (1, &[0x02]),
            (-2, &[0x03]),
            (-64, &[0x7f]),
            (64, &[0x80, 0x01]),
            (8_191, &[0xfe, 0x7f]),
            (i64::MAX, &[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
            (i64::MIN, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
        ] {
            let mut encoder = Encoder::default();
            encoder.long(value);
            assert_eq!(encoder.bytes, bytes, "{value}");
            assert_eq!(take_long(&mut &bytes[..]), Some(value));
        }
        let mut encoder = Encoder::default();
        encoder.text("foo");
        assert_eq!(encoder.bytes, [0x06, 0x66, 0x6f, 0x6f]);
        let mut encoder = Encoder::default();
        encoder.list(&[3, 27], |encoder, value| encoder.long(*value));
        assert_eq!(encoder.bytes, [0x04, 0x06, 0x36, 0x00]);
    }

    #[test]
    fn what_is_no_header_is_refused() {
        let whole = Container::new("\"long\"", &[("a", "b".to_owned())]).finish();
        let end = whole.len() - 16;
        assert_eq!(header(&whole).unwrap()["a"], b"b");
        for length in 0..end {
            assert_eq!(header(&whole[..length]), None, "the first {length} bytes");
        }
        let long = [MAGIC.as_slice(), &[0x02], &[0xff; 12]].concat();
        assert_eq!(header(&long), None, "a number without an end");
    }

    proptest! {
        #[test]
        fn headers_read_back(pairs in prop::collection::btree_map("[a-z.]{0,9}", ".{0,300}", 0..9)) {
            let facts: Vec<(&str, String)> = pairs.iter().map(|(a, b)| (a.as_str(), b.clone())).collect();
            let mut file = Container::new("\"long\"", &facts);
            file.record(|record| record.long(7));
            let read = header(&file.finish()).unwrap();
            for (name, value) in &pairs {
                prop_assert_eq!(read[name].as_slice(), value.as_bytes());
            }
            prop_assert_eq!(read.len(), pairs.len() + 2);
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let file = [MAGIC.as_slice(), &bytes].concat();
            let _ = header(&file);
        }
    }
}
