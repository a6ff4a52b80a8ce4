//! Walks over Parquet's compact Thrift, byte by byte: finds the end of a structure, and checks its lengths.
//!
//! Does not interpret structures; the parquet crate's reader does. That reader allocates as many elements as a length claims,
//! so a damaged length would end the whole process: everything passed to it is walked over here first.

use parquet::errors::ParquetError;

/// Maximum nesting of structures. Parquet's own are nested five deep.
const MAX_DEPTH: usize = 16;

/// The value of a field of interest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    /// A number.
    Number(i64),
    /// Text, or other bytes.
    Bytes(&'a [u8]),
    /// The number of elements.
    List(usize),
}

/// Walks over the structure at the start of `bytes`. Passes each number, byte string and list to `on`, with its field ids
/// from the outside in (elements of a list have those of the list). Returns the length of the structure.
///
/// # Errors
/// When it exceeds the bytes, or cannot be a structure of Parquet.
pub(crate) fn walk<'a>(
    bytes: &'a [u8],
    mut on: impl FnMut(&[i16], Value<'a>),
) -> Result<usize, ParquetError> {
    let mut walk = Walk { bytes, at: 0, path: Vec::new(), on: &mut on };
    walk.structure()?;
    Ok(walk.at)
}

struct Walk<'a, 'o> {
    bytes: &'a [u8],
    at: usize,
    path: Vec<i16>,
    on: &'o mut dyn FnMut(&[i16], Value<'a>),
}

impl<'a> Walk<'a, '_> {
    fn byte(&mut self) -> Result<u8, ParquetError> {
        let byte = self.bytes.get(self.at).copied();
        self.at += 1;
        byte.ok_or_else(|| damaged("ends too early"))
    }

    fn varint(&mut self) -> Result<u64, ParquetError> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(damaged("has a number of more than 64 bits"))
    }

    fn number(&mut self) -> Result<i64, ParquetError> {
        let raw = self.varint()?;
        Ok(((raw >> 1) as i64) ^ -((raw & 1) as i64))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], ParquetError> {
        let end = self.at.checked_add(length).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or_else(|| damaged("has something longer than itself"))?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn structure(&mut self) -> Result<(), ParquetError> {
        if self.path.len() >= MAX_DEPTH {
            return Err(damaged("lies deeper than Parquet's structures do"));
        }
        let mut id = 0_i16;
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Ok(());
            }
            id = match head >> 4 {
                0 => self.number()? as i16,
                delta => id.wrapping_add(i16::from(delta)),
            };
            self.path.push(id);
            match head & 0x0f {
                // Their value is in their type.
                1 | 2 => {}
                kind => self.value(kind)?,
            }
            self.path.pop();
        }
    }

    fn value(&mut self, kind: u8) -> Result<(), ParquetError> {
        match kind {
            // A boolean or a byte.
            1..=3 => drop(self.byte()?),
            4..=6 => {
                let number = self.number()?;
                (self.on)(&self.path, Value::Number(number));
            }
            7 => drop(self.take(8)?),
            8 => {
                let length = self.varint()?;
                let bytes = self.take(usize::try_from(length).unwrap_or(usize::MAX))?;
                (self.on)(&self.path, Value::Bytes(bytes));
            }
            9 => {
                let head = self.byte()?;
                // Nothing else limits the nesting of lists.
                if head & 0x0f == 9 {
                    return Err(damaged("has a list of lists, which Parquet has not"));
                }
                let count = if head >> 4 == 15 { self.varint()? } else { u64::from(head >> 4) };
                // Each element takes at least one byte.
                let left = self.bytes.len().saturating_sub(self.at) as u64;
                if count > left {
                    return Err(damaged("has a list longer than itself"));
                }
                (self.on)(&self.path, Value::List(count as usize));
                for _ in 0..count {
                    self.value(head & 0x0f)?;
                }
            }
            12 => self.structure()?,
            _ => return Err(damaged("has a field of a kind that Parquet has not")),
        }
        Ok(())
    }
}

fn damaged(what: &str) -> ParquetError {
    ParquetError::General(format!("a structure {what}"))
}

/// Appends a number as the field `delta` after the one before.
pub(crate) fn push_number(buffer: &mut Vec<u8>, delta: u8, number: i32) {
    buffer.push((delta << 4) | 5);
    let mut left = ((number << 1) ^ (number >> 31)) as u32;
    while left >= 0x80 {
        buffer.push(left as u8 | 0x80);
        left >>= 7;
    }
    buffer.push(left as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_texts_and_lists_are_given_and_what_cannot_be_is_refused() {
        // {1: -3, 2: "ab", 4: [{1: 7}], 5: true}
        let mut bytes = Vec::new();
        push_number(&mut bytes, 1, -3);
        bytes.extend([0x18, 2, b'a', b'b', 0x29, 0x1c, 0x15, 14, 0, 0x11, 0, 0xff]);
        let mut seen = Vec::new();
        let length = walk(&bytes, |path, value| seen.push((path.to_vec(), value))).unwrap();
        assert_eq!(length, bytes.len() - 1);
        let expected = [
            (vec![1], Value::Number(-3)),
            (vec![2], Value::Bytes(b"ab")),
            (vec![4], Value::List(1)),
            (vec![4, 1], Value::Number(7)),
        ];
        assert_eq!(seen, expected);
        for wrong in [
            &bytes[..length - 1],
            &[0x18, 0xff, 0xff, 0x7f, 0][..],
            &[0x19, 0xfc, 0xff, 0xff, 0x7f][..],
            &[0x1c; 40][..],
            &[0x15, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0][..],
            &[0x1b, 0][..],
            &[0x19; 100_000][..],
        ] {
            walk(wrong, |_, _| ()).unwrap_err();
        }
    }
}
