//! A pinned reference to one payload: read after its reply was released, checked as it is read.

use std::{io, sync::Arc};

use bytes::{Bytes, BytesMut};

use crate::{
    codec::{self, DecodeError},
    disk::{self, File},
    types::{Attribute, Payload},
};

/// Where a payload lies. Holds the file open, so that the bytes stay while anybody reads them.
#[derive(Clone)]
pub struct Place {
    /// The segment.
    pub file: Arc<dyn File>,
    /// Where the payload begins, in bytes.
    pub offset: u64,
    /// How long it is, in bytes.
    pub length: u32,
    /// CRC-32 (IEEE) of the payload, from the log's records.
    pub crc: u32,
}

/// One payload: in memory if it was written a moment ago, else in the log.
#[derive(Clone)]
pub enum BodyRef {
    /// The very bytes that went to the log.
    Cached(Payload),
    /// Bytes to be read.
    Stored(Place),
}

/// Why one payload cannot be served. The rest of the broker goes on.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The device would not give the bytes.
    #[error("cannot read {length} bytes at {offset} of the log")]
    Io {
        /// Where they are.
        offset: u64,
        /// How many.
        length: u32,
        /// What the system said.
        source: io::Error,
    },
    /// The bytes are not those that were accepted.
    #[error("{length} bytes at {offset} of the log are damaged: their checksum does not match")]
    Damaged {
        /// Where they are.
        offset: u64,
        /// How many.
        length: u32,
    },
    /// The thread that read was ended before it was done.
    #[error("the read was abandoned: {0}")]
    Abandoned(String),
    /// The bytes are those that were accepted and yet do not decode.
    #[error("a payload does not decode")]
    Decode(#[from] DecodeError),
}

impl BodyRef {
    /// Attributes and body, without waiting for the device: `None` if it would have to wait.
    pub fn read_cached(&self) -> Option<Result<(Vec<Attribute>, Bytes), BodyError>> {
        match self {
            Self::Cached(payload) => Some(cached(payload)),
            Self::Stored(place) => {
                let mut buffer = BytesMut::zeroed(place.length as usize);
                match place.file.read_cached_at(place.offset, &mut buffer) {
                    Ok(read) if read == buffer.len() => Some(check(place, &buffer.freeze())),
                    Ok(_) | Err(_) => None,
                }
            }
        }
    }

    /// Attributes and body; may wait for the device.
    pub fn read(&self) -> Result<(Vec<Attribute>, Bytes), BodyError> {
        match self {
            Self::Cached(payload) => cached(payload),
            Self::Stored(place) => {
                let Place { offset, length, .. } = *place;
                let mut buffer = BytesMut::zeroed(length as usize);
                disk::read_exact_at(&*place.file, offset, &mut buffer)
                    .map_err(|source| BodyError::Io { offset, length, source })?;
                check(place, &buffer.freeze())
            }
        }
    }
}

fn cached(payload: &Payload) -> Result<(Vec<Attribute>, Bytes), BodyError> {
    let (attributes, _) = codec::decode_payload(&payload.head)?;
    Ok((attributes, payload.body.clone()))
}

fn check(place: &Place, bytes: &Bytes) -> Result<(Vec<Attribute>, Bytes), BodyError> {
    if crc32fast::hash(bytes) != place.crc {
        return Err(BodyError::Damaged { offset: place.offset, length: place.length });
    }
    Ok(codec::decode_payload(bytes)?)
}
