//! The only source of randomness: salts, nonces, keys.

/// Where random bits come from.
pub trait Entropy: Send {
    /// 64 random bits.
    fn next(&mut self) -> u64;

    /// `N` random bytes.
    fn bytes<const N: usize>(&mut self) -> [u8; N]
    where
        Self: Sized,
    {
        let mut bytes = [0; N];
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
        bytes
    }
}

/// How many random bytes are fetched from the system at once.
const POOL_BYTES: usize = 4096;

/// The operating system's generator, read in blocks: a nonce for each receive must not cost a
/// system call.
pub struct SystemEntropy {
    pool: Vec<u8>,
}

impl SystemEntropy {
    /// A source with nothing fetched yet.
    pub fn new() -> Self {
        Self { pool: Vec::new() }
    }
}

impl Default for SystemEntropy {
    fn default() -> Self {
        Self::new()
    }
}

impl Entropy for SystemEntropy {
    /// # Panics
    ///
    /// If the operating system has no randomness to give: a broker cannot go on without.
    fn next(&mut self) -> u64 {
        if self.pool.len() < 8 {
            self.pool.resize(POOL_BYTES, 0);
            getrandom::fill(&mut self.pool).expect("the operating system gives random bytes");
        }
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.pool[self.pool.len() - 8..]);
        self.pool.truncate(self.pool.len() - 8);
        u64::from_le_bytes(bytes)
    }
}

/// A generator whose whole future is its seed, for simulations: `SplitMix64` (Steele, Lea, Flood
/// 2014).
#[derive(Clone, Debug)]
pub struct SeededEntropy {
    state: u64,
}

impl SeededEntropy {
    /// The generator of this seed.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }
}

impl Entropy for SeededEntropy {
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers() {
        let (mut one, mut other) = (SeededEntropy::new(5), SeededEntropy::new(5));
        assert_eq!(one.bytes::<100>(), other.bytes::<100>());
    }

    #[test]
    fn the_system_does_not_repeat_itself() {
        let mut entropy = SystemEntropy::new();
        let drawn: std::collections::BTreeSet<u64> = (0..2000).map(|_| entropy.next()).collect();
        assert_eq!(drawn.len(), 2000);
    }
}
