//! Digests of ids that clients choose: the first half of SHA-256 (FIPS 180-4), computed on the
//! connection's thread.

use sha2::{Digest as _, Sha256};

use crate::types::{Deduplication, Digest, GroupId};

/// By what a message with this deduplication id and group is known.
pub fn deduplication(id: &str, group: Option<&GroupId>, from_content: bool) -> Deduplication {
    let group = group.map_or("", GroupId::as_str);
    Deduplication {
        in_queue: digest(&[id.as_bytes()]),
        in_group: digest(&[group.as_bytes(), id.as_bytes()]),
        from_content,
    }
}

/// The deduplication id of a message whose sender gave none: SHA-256 of the body alone, in hex.
pub fn content_id(body: &[u8]) -> String {
    use std::fmt::Write;
    let mut id = String::with_capacity(64);
    for byte in Sha256::digest(body) {
        write!(id, "{byte:02x}").expect("a string takes what is written");
    }
    id
}

/// What a receive's attempt is known by.
pub fn attempt(id: &str) -> Digest {
    digest(&[id.as_bytes()])
}

/// Each part with its length in front, so that no two lists of parts run together.
fn digest(parts: &[&[u8]]) -> Digest {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let full: [u8; 32] = hasher.finalize().into();
    let mut half = [0; 16];
    half.copy_from_slice(&full[..16]);
    Digest(u128::from_le_bytes(half))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_id_is_the_sha_256_of_the_body() {
        let id = content_id(b"abc");
        assert_eq!(id, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn group_and_id_do_not_run_together() {
        let group = |id| GroupId::parse("group", id).expect("a good id");
        let one = deduplication("bc", Some(&group("a")), false);
        let other = deduplication("c", Some(&group("ab")), false);
        assert_ne!(one.in_group, other.in_group);
        assert_eq!(one.in_queue, deduplication("bc", Some(&group("x")), true).in_queue);
    }
}
