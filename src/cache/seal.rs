//! Files of the cache that are believed: [`seal`] writes a value with the digest of its own text, and [`open`] reads it
//! only if the text is the one that was written.
//!
//! A record that a disk has changed by one bit may still be JSON, and would tell of something that never was.

use crate::cache::digest::Digest;
use serde::{Serialize, de::DeserializeOwned};

const BEFORE: &[u8] = b"{\"blake3\":\"";
const BETWEEN: &[u8] = b"\",\"content\":";
const AFTER: &[u8] = b"}\n";

/// A value as JSON: `{"blake3": DIGEST, "content": VALUE}`, the digest being that of the value's text.
pub fn seal(value: &impl Serialize) -> Vec<u8> {
    let content = serde_json::to_vec_pretty(value).expect("what the cache keeps becomes JSON");
    let digest = Digest::from(blake3::hash(&content)).to_string();
    [BEFORE, digest.as_bytes(), BETWEEN, &content, AFTER].concat()
}

/// The value of such a text; none where it is another, cut or damaged.
pub fn open<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let (digest, rest) = bytes.strip_prefix(BEFORE)?.split_at_checked(2 * blake3::OUT_LEN)?;
    let content = rest.strip_prefix(BETWEEN)?.strip_suffix(AFTER)?;
    let is_whole = Digest::from(blake3::hash(content)).to_string().as_bytes() == digest;
    is_whole.then(|| serde_json::from_slice(content).ok())?
}

#[cfg(test)]
mod tests {
    use super::{open, seal};
    use std::collections::BTreeMap;

    #[test]
    fn a_value_comes_back_and_none_does_when_any_bit_is_flipped_or_the_end_is_cut() {
        let value = BTreeMap::from([("seconds".to_owned(), 0.1), ("lr".to_owned(), 1e-3)]);
        let bytes = seal(&value);
        assert_eq!(open(&bytes), Some(value));
        assert!(serde_json::from_slice::<serde_json::Value>(&bytes).is_ok());
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << bit;
                assert_eq!(open::<BTreeMap<String, f64>>(&damaged), None, "bit {bit} of byte {at}");
            }
            assert_eq!(open::<BTreeMap<String, f64>>(&bytes[..at]), None, "cut at {at}");
        }
    }
}
