//! A pinned reference to one payload: read after its reply was released, checked as it is read.

use std::{io, sync::Arc};

use bytes::{Bytes, BytesMut};

use crate::{
    codec::{self, DecodeError},
    disk::{self, File},
    types::{Attribute, Envelope, Payload},
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
    /// Bytes that were read and not yet checked.
    Read(Place, Bytes),
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

impl BodyError {
    /// Whether a later read may succeed.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Io { .. } | Self::Abandoned(_) => true,
            Self::Damaged { .. } | Self::Decode(_) => false,
        }
    }
}

impl BodyRef {
    /// How long the payload is, in bytes.
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Cached(payload) => payload.stored_bytes(),
            Self::Stored(place) | Self::Read(place, _) => place.length.into(),
        }
    }

    /// What goes with the message, and its body, without waiting for the device: `None` if it would
    /// have to wait.
    pub fn read_cached(&self) -> Option<Result<(Envelope, Bytes), BodyError>> {
        match self {
            Self::Cached(payload) => Some(cached(payload)),
            Self::Read(place, bytes) => Some(check(place, bytes)),
            Self::Stored(place) => {
                let mut buffer = BytesMut::zeroed(place.length as usize);
                match place.file.read_cached_at(place.offset, &mut buffer) {
                    Ok(read) if read == buffer.len() => Some(check(place, &buffer.freeze())),
                    Ok(_) | Err(_) => None,
                }
            }
        }
    }

    /// The payload as it was accepted; may wait for the device.
    pub fn payload(&self) -> Result<Payload, BodyError> {
        match self {
            Self::Cached(payload) => Ok(payload.clone()),
            Self::Stored(place) | Self::Read(place, _) => {
                let bytes = match self {
                    Self::Read(_, bytes) => bytes.clone(),
                    _ => read_stored(place)?,
                };
                let (envelope, body) = check(place, &bytes)?;
                let head = bytes.slice(..bytes.len() - body.len());
                let attributes = envelope.attributes.iter().map(Attribute::bytes);
                let size = body.len() as u64 + attributes.sum::<u64>();
                Ok(Payload { head, body, crc: place.crc, size })
            }
        }
    }

    /// What goes with the message, and its body; may wait for the device.
    pub fn read(&self) -> Result<(Envelope, Bytes), BodyError> {
        match self {
            Self::Cached(payload) => cached(payload),
            Self::Read(place, bytes) => check(place, bytes),
            Self::Stored(place) => check(place, &read_stored(place)?),
        }
    }

    /// Reads payloads that lie one behind the other by one call for all of them, as far as that
    /// needs no wait for the device: those of one receive were often sent by one request.
    pub fn read_together(bodies: &mut [Self]) {
        let mut from = 0;
        while from < bodies.len() {
            let count = adjacent(&bodies[from..]);
            if count > 1 {
                read_run(&mut bodies[from..from + count]);
            }
            from += count;
        }
    }
}

/// How many of these payloads, the first at least, lie one behind the other.
fn adjacent(bodies: &[BodyRef]) -> usize {
    let follows = |pair: &[BodyRef]| match pair {
        [BodyRef::Stored(one), BodyRef::Stored(next)] => {
            Arc::ptr_eq(&one.file, &next.file) && one.offset + u64::from(one.length) == next.offset
        }
        _ => false,
    };
    1 + bodies.windows(2).take_while(|pair| follows(pair)).count()
}

fn read_run(bodies: &mut [BodyRef]) {
    let length = |body: &BodyRef| match body {
        BodyRef::Stored(place) => place.length as usize,
        BodyRef::Cached(_) | BodyRef::Read(..) => 0,
    };
    let BodyRef::Stored(first) = &bodies[0] else { return };
    let mut buffer = BytesMut::zeroed(bodies.iter().map(length).sum());
    match first.file.read_cached_at(first.offset, &mut buffer) {
        Ok(read) if read == buffer.len() => {}
        Ok(_) | Err(_) => return,
    }
    let mut bytes = buffer.freeze();
    for body in bodies {
        let part = bytes.split_to(length(body));
        if let BodyRef::Stored(place) = body {
            *body = BodyRef::Read(place.clone(), part);
        }
    }
}

fn read_stored(place: &Place) -> Result<Bytes, BodyError> {
    let Place { offset, length, .. } = *place;
    let mut buffer = BytesMut::zeroed(length as usize);
    disk::read_exact_at(&*place.file, offset, &mut buffer).map_err(|source| BodyError::Io {
        offset,
        length,
        source,
    })?;
    Ok(buffer.freeze())
}

fn cached(payload: &Payload) -> Result<(Envelope, Bytes), BodyError> {
    let (envelope, _) = codec::decode_payload(&payload.head)?;
    Ok((envelope, payload.body.clone()))
}

fn check(place: &Place, bytes: &Bytes) -> Result<(Envelope, Bytes), BodyError> {
    if crc32fast::hash(bytes) != place.crc {
        return Err(BodyError::Damaged { offset: place.offset, length: place.length });
    }
    Ok(codec::decode_payload(bytes)?)
}
