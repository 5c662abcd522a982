//! A decoded photograph whose pixels are held, or lie elsewhere in memory: [`Photo`].

use crate::ppm::view_ppm;
use crate::{RgbImage, decode};
use image::{ImageBuffer, Rgb};
use plantpipe_stage::Result;
use plantpipe_stage::format::Mapped;
use std::ops::Deref;
use std::path::Path;

/// 8-bit RGB.
pub type Photo = ImageBuffer<Rgb<u8>, Pixels>;

/// The bytes of a photograph, three a pixel.
#[derive(Clone)]
pub enum Pixels {
    Held(Vec<u8>),
    /// In a shard.
    Mapped(Mapped),
}

impl Deref for Pixels {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Held(pixels) => pixels,
            Self::Mapped(pixels) => pixels,
        }
    }
}

/// The photograph of a packed file: a PPM is looked at where it lies, others are decoded.
///
/// # Errors
/// As [`decode()`].
pub fn photo(file: Mapped, path_for_errors: &Path) -> Result<Photo> {
    match view_ppm(&file) {
        Some(((width, height), start)) => {
            let pixels = Pixels::Mapped(file.from(start));
            Ok(Photo::from_raw(width, height, pixels).expect("three bytes a pixel"))
        }
        None => decode(&file, path_for_errors).map(held),
    }
}

/// The same photograph as one that holds its pixels.
#[must_use]
pub fn held(image: RgbImage) -> Photo {
    let (width, height) = image.dimensions();
    Photo::from_raw(width, height, Pixels::Held(image.into_raw())).expect("three bytes a pixel")
}
