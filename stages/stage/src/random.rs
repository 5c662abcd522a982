//! Random numbers by key, never by process-wide state: [`keyed`] gives a generator for a (seed, purpose, place).

use rand::SeedableRng;
pub use rand_chacha::ChaCha8Rng;

/// A `ChaCha8` generator for `purpose` at `place` (epoch, step, item, ... as the caller counts), keyed with `blake3`:
/// the same arguments give the same stream, on any thread, in any order.
#[must_use]
pub fn keyed(seed: u64, purpose: &str, place: &[u64]) -> ChaCha8Rng {
    let mut hasher = blake3::Hasher::new_derive_key("plantpipe 2026 random stream");
    hasher.update(&seed.to_le_bytes());
    hasher.update(&(purpose.len() as u64).to_le_bytes());
    hasher.update(purpose.as_bytes());
    for number in place {
        hasher.update(&number.to_le_bytes());
    }
    ChaCha8Rng::from_seed(*hasher.finalize().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::keyed;
    use rand::Rng;

    #[test]
    fn a_stream_depends_on_every_part_of_its_key() {
        let first = |seed, purpose, place: &[u64]| keyed(seed, purpose, place).next_u64();
        let base = first(1, "augment", &[2, 3]);
        assert_eq!(base, first(1, "augment", &[2, 3]));
        for other in [
            first(2, "augment", &[2, 3]),
            first(1, "shuffle", &[2, 3]),
            first(1, "augment", &[3, 2]),
            first(1, "augment", &[2]),
        ] {
            assert_ne!(base, other);
        }
    }
}
