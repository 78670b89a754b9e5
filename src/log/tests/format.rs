//! The bytes of each version, for ever: these tests are changed by no later version.

use expect_test::{Expect, expect};

use crate::{
    log::{
        Draft, Footer, FooterEntry, SegmentId,
        encode::encode,
        footer::{encode_footer, read_evidence, read_footer},
        header::{HeaderPage, SegmentHeader, read_header_page},
        le::{salted_crc, short},
        position::Chain,
    },
    types::{Lineage, Lsn, Timestamp},
};

use super::{harness::body, marks::frame_of_version_1};

const SALT: u32 = 0x0102_0304;

/// 16 bytes a line; lines of zeros are left out.
#[track_caller]
fn check(bytes: &[u8], expected: &Expect) {
    let lines = bytes.chunks(16).enumerate().filter(|(_, line)| line.iter().any(|byte| *byte != 0));
    let lines: Vec<String> = lines
        .map(|(number, line)| {
            let hex: Vec<String> = line.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{:04}: {}\n", number * 16, hex.join(" "))
        })
        .collect();
    expected.assert_eq(&lines.concat());
}

#[test]
fn the_header_of_a_segment() {
    let header = SegmentHeader {
        salt: SALT,
        id: SegmentId::new(5),
        lineage: Lineage(*b"0123456789abcdef"),
        segment_bytes: 128 << 20,
        opening: Some(Chain { next_lsn: Lsn::new(1000), crc: 0xa1a2_a3a4 }),
    };
    let page = header.encode();
    check(
        &page,
        &expect![[r"
        0000: 4c 51 53 45 47 4d 4e 54 01 00 00 00 04 03 02 01
        0016: 05 00 00 00 00 00 00 00 30 31 32 33 34 35 36 37
        0032: 38 39 61 62 63 64 65 66 00 00 00 08 00 00 00 00
        0048: e8 03 00 00 00 00 00 00 a4 a3 a2 a1 cf 3c 56 51
        2048: 4c 51 53 45 47 4d 4e 54 01 00 00 00 04 03 02 01
        2064: 05 00 00 00 00 00 00 00 30 31 32 33 34 35 36 37
        2080: 38 39 61 62 63 64 65 66 00 00 00 08 00 00 00 00
        2096: e8 03 00 00 00 00 00 00 a4 a3 a2 a1 cf 3c 56 51
    "]],
    );
    let blank = SegmentHeader { opening: None, ..header.clone() };
    for header in [header, blank] {
        let read = read_header_page(&header.encode());
        assert_eq!(read, HeaderPage::Read { header, blemished: false });
    }
}

#[test]
fn a_header_that_was_torn_between_its_copies_is_completed() {
    let blank = SegmentHeader {
        salt: SALT,
        id: SegmentId::new(5),
        lineage: Lineage([1; 16]),
        segment_bytes: 1 << 20,
        opening: None,
    };
    let used = SegmentHeader { opening: Some(Chain::default()), ..blank.clone() };
    let mut page = blank.encode();
    page[2048..].copy_from_slice(&used.encode()[2048..]);
    assert_eq!(
        read_header_page(&page),
        HeaderPage::Read { header: used.clone(), blemished: false }
    );
    page[..2048].copy_from_slice(&SegmentHeader { salt: 1, ..used.clone() }.encode()[..2048]);
    assert!(matches!(read_header_page(&page), HeaderPage::Damaged { .. }));
    page[20] ^= 1;
    assert_eq!(read_header_page(&page), HeaderPage::Read { header: used, blemished: true });
}

/// A frame with a body, and with zeros that it lists; where it lies, and what it continues.
fn frame() -> (Draft, u64, Chain) {
    let draft = Draft {
        now: Timestamp::from_millis(1_700_000_000_000),
        records: b"two records".to_vec(),
        record_count: 2,
        bodies: vec![body(b"a body"), body(&[0; 1100])],
        summary: b"not in the frame".to_vec(),
        tick: false,
    };
    let chain = Chain { next_lsn: Lsn::new(1000), crc: 0xa1a2_a3a4 };
    (draft, 4096 + 64, chain)
}

/// As the program wrote it once; the tests of later versions make such frames to be read.
#[test]
fn a_frame_of_version_1() {
    let (draft, offset, chain) = frame();
    check(
        &frame_of_version_1(&draft, offset, SALT, chain),
        &expect![[r"
        0000: 4c 51 46 52 01 00 00 00 c0 04 00 00 01 00 00 00
        0016: 02 00 00 00 02 00 00 00 0b 00 00 00 a4 a3 a2 a1
        0032: e8 03 00 00 00 00 00 00 00 68 e5 cf 8b 01 00 00
        0048: a0 8b 8b c6 1b de b4 f8 52 04 00 00 b0 82 de 30
        0064: 06 00 00 00 f6 86 47 49 4c 04 00 00 2b a0 77 ab
        0080: 74 77 6f 20 72 65 63 6f 72 64 73 61 20 62 6f 64
        0096: 79 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
        1200: 01 00 00 00 02 00 00 00 00 00 00 00 00 00 00 00
    "]],
    );
}

#[test]
fn a_frame_of_version_2() {
    let (draft, offset, chain) = frame();
    check(
        &encode(draft, offset, SALT, chain).chunks.concat(),
        &expect![[r"
        0000: 4c 51 46 52 02 00 00 00 c0 04 00 00 01 00 00 00
        0016: 02 00 00 00 02 00 00 00 0b 00 00 00 a4 a3 a2 a1
        0032: e8 03 00 00 00 00 00 00 00 68 e5 cf 8b 01 00 00
        0048: a0 8b 8b c6 1b de b4 f8 52 04 00 00 c9 b6 61 16
        0064: 06 00 00 00 f6 86 47 49 4c 04 00 00 2b a0 77 ab
        0080: 74 77 6f 20 72 65 63 6f 72 64 73 61 20 62 6f 64
        0096: 79 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
        1200: 01 00 00 00 02 00 00 00 00 00 00 00 00 00 00 a5
    "]],
    );
}

#[test]
fn a_footer() {
    let entry = |first_lsn, offset, summary_bytes| FooterEntry {
        first_lsn: Lsn::new(first_lsn),
        offset,
        frame_bytes: 128,
        crc: 0xa1a2_a3a4,
        bodies_at: 100,
        body_count: 3,
        summary_bytes,
    };
    let footer = Footer {
        entries: vec![entry(1000, 4096, 5), entry(1002, 4224, 2)],
        summaries: b"firstno"[..].into(),
        next_lsn: Lsn::new(1003),
    };
    let bytes = encode_footer(&footer, SALT);
    check(
        &bytes,
        &expect![[r#"
        0000: e8 03 00 00 00 00 00 00 00 10 00 00 80 00 00 00
        0016: a4 a3 a2 a1 64 00 00 00 03 00 00 00 05 00 00 00
        0032: ea 03 00 00 00 00 00 00 80 10 00 00 80 00 00 00
        0048: a4 a3 a2 a1 64 00 00 00 03 00 00 00 02 00 00 00
        0064: 66 69 72 73 74 6e 6f 4c 51 46 4f 4f 54 45 52 02
        0080: 00 00 00 02 00 00 00 eb 03 00 00 00 00 00 00 07
        0128: 00 00 00 a3 64 a7 09
    "#]],
    );
    let file = [vec![0; 4352], bytes].concat();
    assert_eq!(read_footer(&file, SALT), Some(footer));
    assert_eq!(read_footer(&file, SALT + 1), None);
}

/// As the program wrote it once: evidence of the frames, and no more.
#[test]
fn a_footer_of_version_1() {
    let bytes = footer_of_version_1(&[(1000, 4096), (1002, 4224)], 1003, SALT);
    check(
        &bytes,
        &expect![[r"
        0000: e8 03 00 00 00 00 00 00 00 10 00 00 00 00 00 00
        0016: 80 00 00 00 a4 a3 a2 a1 ea 03 00 00 00 00 00 00
        0032: 80 10 00 00 00 00 00 00 80 00 00 00 a4 a3 a2 a1
        0048: 4c 51 46 4f 4f 54 45 52 01 00 00 00 02 00 00 00
        0064: eb 03 00 00 00 00 00 00 00 00 00 00 00 00 00 00
        0096: 00 00 00 00 00 00 00 00 00 00 00 00 41 aa 41 52
    "]],
    );
    assert_eq!(read_footer(&bytes, SALT), None);
    let evidence = read_evidence(&bytes, SALT).expect("a whole footer");
    assert_eq!((evidence.next_lsn, evidence.at), (Lsn::new(1003), 0));
    let frames = [(1000, 4096), (1002, 4224)];
    let frames = frames.map(|(lsn, offset)| (Lsn::new(lsn), offset, 128, 0xa1a2_a3a4));
    assert_eq!(evidence.frames, frames);
    assert_eq!(read_evidence(&bytes, SALT + 1), None);
}

/// Frames of 128 bytes and one CRC, each with its LSN and offset.
fn footer_of_version_1(frames: &[(u64, u64)], next_lsn: u64, salt: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (lsn, offset) in frames {
        bytes.extend_from_slice(&lsn.to_le_bytes());
        bytes.extend_from_slice(&offset.to_le_bytes());
        bytes.extend_from_slice(&128_u32.to_le_bytes());
        bytes.extend_from_slice(&0xa1a2_a3a4_u32.to_le_bytes());
    }
    bytes.extend_from_slice(b"LQFOOTER\x01\0\0\0");
    bytes.extend_from_slice(&short(frames.len()).to_le_bytes());
    bytes.extend_from_slice(&next_lsn.to_le_bytes());
    bytes.resize(bytes.len() + 36, 0);
    let crc = salted_crc(salt, &[&bytes]);
    bytes.extend_from_slice(&crc.to_le_bytes());
    bytes
}
