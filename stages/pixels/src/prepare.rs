//! From a photograph's file to the file that is packed and learnt from: [`prepare`], one path for `resize` and for
//! photographs asked about later.

use crate::{decode, encode_jpeg, is_plain_jpeg, resize};
use plantpipe_stage::Result;
use plantpipe_stage::format::ImagesCard;
use std::path::Path;

/// The photograph as a JPEG of `card.size` pixels square; one that is already a plain JPEG of that size passes through
/// byte for byte.
///
/// # Errors
/// Bytes that are no photograph, or a damaged one; `path_for_errors` is named.
pub fn prepare(bytes: Vec<u8>, card: &ImagesCard, path_for_errors: &Path) -> Result<Vec<u8>> {
    // Decoded even when it passes through: a damaged photograph is refused here, by its own path.
    let image = decode(&bytes, path_for_errors)?;
    let fits = is_plain_jpeg(&bytes) == Some((card.size, card.size));
    if fits { Ok(bytes) } else { encode_jpeg(&resize(&image, card.size, card.size), card.quality) }
}
