//! Little-endian fields of fixed width, and the checksum, as every file of the log has them.

/// The unsigned 32-bit number at `at`. The caller has checked that it lies within `bytes`.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(*bytes[at..].first_chunk().expect("the field lies within the bytes"))
}

/// The unsigned 64-bit number at `at`. The caller has checked that it lies within `bytes`.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(*bytes[at..].first_chunk().expect("the field lies within the bytes"))
}

/// Writes `value` at `at`.
pub(super) fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}

/// CRC-32 (IEEE) over the parts, begun from the segment's salt: equal bytes of another segment
/// never have the same one.
pub(super) fn salted_crc(salt: u32, parts: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(salt);
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize()
}

/// Whether every byte is zero; stops at the first that is not.
pub(super) fn all_zero(bytes: &[u8]) -> bool {
    const BLOCK: usize = 64;
    let (blocks, rest) = bytes.as_chunks::<BLOCK>();
    blocks.iter().all(|block| *block == [0; BLOCK]) && rest.iter().all(|byte| *byte == 0)
}

/// A position in a file as an index into its bytes; beyond every slice if it does not fit.
pub(super) fn index(position: u64) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}

/// A length that the limits of the log keep below 4 GiB.
pub(super) fn short(length: usize) -> u32 {
    u32::try_from(length).expect("frames and footers are far below 4 GiB")
}

/// The 32 bits of a salt, from 64 random ones.
pub(super) fn folded(salt: u64) -> u32 {
    let folded = (salt ^ (salt >> 32)) & u64::from(u32::MAX);
    u32::try_from(folded).expect("the upper half was cut off")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_halves_of_a_salt_count_and_none_alone_decides() {
        let salts = [0x0000_0001_0000_0000, 0x0000_0000_0000_0001, 0x0000_0003_0000_0001];
        assert_eq!(salts.map(folded), [1, 1, 2]);
    }
}
