//! A cursor over bytes that come from a disk: every step is checked.

use bytes::Bytes;

use super::put::{BINARY, TEXT};
use crate::types::{Attribute, AttributeValue};

/// Why bytes are not what they should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes end in the middle of something.
    #[error("the bytes end at {offset} in the middle of {what}")]
    TooShort {
        /// Where they end.
        offset: usize,
        /// What was being read.
        what: &'static str,
    },
    /// A value that this version does not know.
    #[error("{what} at {offset} is {value}, which this version does not know")]
    Unknown {
        /// Where it stands.
        offset: usize,
        /// What was being read.
        what: &'static str,
        /// The value.
        value: u64,
    },
    /// A value that cannot be.
    #[error("{what} at {offset} is not valid")]
    Invalid {
        /// Where it stands.
        offset: usize,
        /// What was being read.
        what: &'static str,
    },
    /// Bytes left over.
    #[error("{count} bytes are left over at {offset}")]
    LeftOver {
        /// Where they begin.
        offset: usize,
        /// How many there are.
        count: usize,
    },
}

/// Reads from the front of a slice and knows how far it came.
pub struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    /// A reader at the begin of these bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0 }
    }

    /// Whether nothing is left.
    pub fn is_at_end(&self) -> bool {
        self.offset == self.bytes.len()
    }

    /// How far it came, in bytes.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// The next `count` bytes; `what` they are is told if there are not so many.
    pub fn take(&mut self, count: usize, what: &'static str) -> Result<&'a [u8], DecodeError> {
        let rest = &self.bytes[self.offset..];
        let Some(taken) = rest.get(..count) else {
            return Err(DecodeError::TooShort { offset: self.bytes.len(), what });
        };
        self.offset += count;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], DecodeError> {
        let offset = self.offset;
        self.take(N, what)?.try_into().map_err(|_| DecodeError::Invalid { offset, what })
    }

    /// The next byte.
    pub fn u8(&mut self, what: &'static str) -> Result<u8, DecodeError> {
        Ok(self.array::<1>(what)?[0])
    }

    /// The next two bytes as a number.
    pub fn u16(&mut self, what: &'static str) -> Result<u16, DecodeError> {
        Ok(u16::from_le_bytes(self.array(what)?))
    }

    /// The next four bytes as a number.
    pub fn u32(&mut self, what: &'static str) -> Result<u32, DecodeError> {
        Ok(u32::from_le_bytes(self.array(what)?))
    }

    /// The next eight bytes as a number.
    pub fn u64(&mut self, what: &'static str) -> Result<u64, DecodeError> {
        Ok(u64::from_le_bytes(self.array(what)?))
    }

    /// The next sixteen bytes as a number.
    pub fn u128(&mut self, what: &'static str) -> Result<u128, DecodeError> {
        Ok(u128::from_le_bytes(self.array(what)?))
    }

    /// A number in groups of 7 bits.
    pub(super) fn varint(&mut self, what: &'static str) -> Result<u64, DecodeError> {
        let offset = self.offset;
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.u8(what)?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                break;
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(DecodeError::Invalid { offset, what })
    }

    /// A number in groups of 7 bits that has a place in 32.
    pub(super) fn varint_u32(&mut self, what: &'static str) -> Result<u32, DecodeError> {
        let offset = self.offset;
        u32::try_from(self.varint(what)?).map_err(|_| DecodeError::Invalid { offset, what })
    }

    /// A byte that is 0 or 1.
    pub(super) fn flag(&mut self, what: &'static str) -> Result<bool, DecodeError> {
        let offset = self.offset;
        match self.u8(what)? {
            0 => Ok(false),
            1 => Ok(true),
            value => Err(DecodeError::Unknown { offset, what, value: u64::from(value) }),
        }
    }

    /// The version of what follows, which is this.
    pub(super) fn version(&mut self, known: u8, what: &'static str) -> Result<(), DecodeError> {
        let offset = self.offset;
        match self.u8(what)? {
            version if version == known => Ok(()),
            value => Err(DecodeError::Unknown { offset, what, value: u64::from(value) }),
        }
    }

    /// What may be missing.
    pub(super) fn optional<T>(
        &mut self,
        what: &'static str,
        take: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Option<T>, DecodeError> {
        if self.flag(what)? { take(self).map(Some) } else { Ok(None) }
    }

    /// A list behind its count.
    pub(super) fn list<T>(
        &mut self,
        what: &'static str,
        mut take: impl FnMut(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        let count = self.u16(what)?;
        (0..count).map(|_| take(self)).collect()
    }

    /// Name, data type, kind of the value, value of an attribute.
    pub(super) fn attribute(&mut self) -> Result<Attribute, DecodeError> {
        let name = self.text("an attribute's name")?.to_owned();
        let data_type = self.text("an attribute's type")?.to_owned();
        let kind_at = self.offset;
        let kind = self.u8("an attribute's kind")?;
        let length = self.u32("an attribute's value")? as usize;
        let (offset, what) = (self.offset, "an attribute's value");
        let bytes = self.take(length, what)?;
        let value = match kind {
            TEXT => std::str::from_utf8(bytes)
                .map(|text| AttributeValue::Text(text.to_owned()))
                .map_err(|_| DecodeError::Invalid { offset, what })?,
            BINARY => AttributeValue::Binary(Bytes::copy_from_slice(bytes)),
            _ => {
                let (what, value) = ("an attribute's kind", u64::from(kind));
                return Err(DecodeError::Unknown { offset: kind_at, what, value });
            }
        };
        Ok(Attribute { name, data_type, value })
    }

    /// Text behind a `u16` length.
    pub(super) fn text(&mut self, what: &'static str) -> Result<&'a str, DecodeError> {
        let offset = self.offset;
        let length = usize::from(self.u16(what)?);
        let bytes = self.take(length, what)?;
        std::str::from_utf8(bytes).map_err(|_| DecodeError::Invalid { offset, what })
    }

    /// That nothing is left.
    pub fn finish(&self) -> Result<(), DecodeError> {
        match self.bytes.len() - self.offset {
            0 => Ok(()),
            count => Err(DecodeError::LeftOver { offset: self.offset, count }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_version_than_the_known_one_is_refused_with_its_place() {
        let mut reader = Reader::new(&[0, 2, 3]);
        reader.u8("a byte").expect("it is there");
        reader.version(2, "a version").expect("it is known");
        let refused = reader.version(2, "a version");
        assert!(matches!(refused, Err(DecodeError::Unknown { offset: 2, value: 3, .. })));
    }
}
