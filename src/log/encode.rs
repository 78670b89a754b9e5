//! A draft becomes the bytes of a frame. Bodies are not copied here; the disk does it if it has to.

use bytes::Bytes;

use super::{
    Draft,
    frame::{
        FRAME_HEADER_BYTES, FRAME_VERSION, FrameHeader, MARK, TABLE_ENTRY_BYTES, ZERO_RANGE_BYTES,
    },
    le::{index, salted_crc, short},
    position::Chain,
    zeros::{list_zero_sectors, range_count},
};

/// A frame, ready to be written.
pub(super) struct EncodedFrame {
    pub(super) header: FrameHeader,
    /// Its bytes, one piece behind the other; none is empty.
    pub(super) chunks: Vec<Bytes>,
}

/// Encodes a frame that will lie at `offset` of a segment with the given salt.
pub(super) fn encode(draft: Draft, offset: u64, salt: u32, chain: Chain) -> EncodedFrame {
    assert!(draft.record_count > 0, "every frame takes at least one LSN");
    let mut head = vec![0; FRAME_HEADER_BYTES];
    head.reserve(draft.bodies.len() * TABLE_ENTRY_BYTES);
    let mut bodies_bytes = 0;
    for body in &draft.bodies {
        let length: usize = body.chunks.iter().map(Bytes::len).sum();
        bodies_bytes += length;
        head.extend_from_slice(&short(length).to_le_bytes());
        head.extend_from_slice(&body.crc.to_le_bytes());
    }
    let mut header = FrameHeader {
        version: FRAME_VERSION,
        frame_bytes: 0,
        zero_range_count: 0,
        body_count: short(draft.bodies.len()),
        record_count: draft.record_count,
        records_bytes: short(draft.records.len()),
        bodies_bytes: short(bodies_bytes),
        previous_crc: chain.crc,
        first_lsn: chain.next_lsn,
        now: draft.now,
        zeros_crc: 0,
        records_crc: salted_crc(salt, &[&head[FRAME_HEADER_BYTES..], &draft.records]),
        crc: 0,
    };
    // The first piece is put in its place once the header is known.
    let mut chunks = vec![Bytes::from(head)];
    if !draft.records.is_empty() {
        chunks.push(Bytes::from(draft.records));
    }
    let bodies = draft.bodies.into_iter().flat_map(|body| body.chunks);
    chunks.extend(bodies.filter(|chunk| !chunk.is_empty()));
    let tail = close(&mut header, offset, salt, &chunks);
    let mut head = Vec::from(std::mem::take(&mut chunks[0]));
    head[..FRAME_HEADER_BYTES].copy_from_slice(&header.seal(salt));
    chunks[0] = Bytes::from(head);
    chunks.push(tail);
    EncodedFrame { header, chunks }
}

/// Makes what lies behind the bodies, and completes the header but for its CRC.
fn close(header: &mut FrameHeader, offset: u64, salt: u32, chunks: &[Bytes]) -> Bytes {
    let content_bytes: usize = chunks.iter().map(Bytes::len).sum();
    let list = list_zero_sectors(offset, chunks);
    header.zero_range_count = range_count(&list);
    header.zeros_crc = salted_crc(salt, &[&list]);
    let mut tail = vec![0; content_bytes.next_multiple_of(ZERO_RANGE_BYTES) - content_bytes];
    tail.extend_from_slice(&list);
    let frame_bytes = index(header.length());
    header.frame_bytes = short(frame_bytes);
    tail.resize(frame_bytes - content_bytes - 1, 0);
    tail.push(MARK);
    Bytes::from(tail)
}
