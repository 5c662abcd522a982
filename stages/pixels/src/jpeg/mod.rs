//! A strict decoder of baseline JPEGs: [`full`], and [`reduced`], which makes the picture smaller while it decodes.
//!
//! One pass over the coded data checks and decodes them: what is missing or too much is an error, as in [`crate::scan`].
//! Where the picture is made smaller, only the lowest frequencies of each block become pixels; over the others, several at
//! a look, it only passes. In full, every byte is that of libjpeg-turbo.

mod bits;
mod blocks;
mod codes;
mod colour;
mod header;
mod scan;
#[cfg(test)]
mod tests;
mod transform;
mod vectors;

pub(crate) use colour::pixel;
use header::{Frame, SHORT, Tables, number};
use image::RgbImage;
use image::metadata::Orientation;
use scan::{ENDS_EARLY, Plane, Scan};

/// How many pixels a side of eight becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scale {
    Eighth = 1,
    Quarter = 2,
    Half = 4,
    Full = 8,
}

/// A photograph as it is coded, not turned upright yet: grey, or brightness and two differences of colour.
pub(crate) struct Reduced {
    /// Of the whole photograph, in its own pixels.
    pub width: usize,
    pub height: usize,
    pub channels: Vec<Channel>,
    pub orientation: Orientation,
}

/// Pixels of one channel, line by line; the last of a line and the last line may be in part past the photograph.
pub(crate) struct Channel {
    pub width: usize,
    pub height: usize,
    pub pixels: Vec<u8>,
    /// How wide and high a pixel is, in pixels of the whole photograph.
    pub pixel: (f64, f64),
}

/// Decodes a JPEG in full: its pixels as they are coded, and how to turn them upright. `None` where it is left to another
/// decoder: progressive, arithmetic, of other than 8 bits, of other colours than grey and YCbCr.
///
/// # Errors
/// What is missing, too much or damaged, in words.
pub(crate) fn full(jpeg: &[u8]) -> Result<Option<(RgbImage, Orientation)>, String> {
    let decoded = decoded(jpeg, |_, _| Some(Scale::Full))?;
    Ok(decoded.map(|(begun, orientation)| (colour::rgb(&begun.frame, &begun.planes), orientation)))
}

/// Decodes a JPEG at the scale that `choose` says for its width and height as coded. `None` where it says none, and where a
/// JPEG is left to another decoder, as in [`full`].
///
/// # Errors
/// What is missing, too much or damaged, in words.
pub(crate) fn reduced(jpeg: &[u8], choose: impl Fn(usize, usize) -> Option<Scale>) -> Result<Option<Reduced>, String> {
    Ok(decoded(jpeg, choose)?.map(|(begun, orientation)| begun.reduced(orientation)))
}

fn decoded(
    jpeg: &[u8],
    choose: impl Fn(usize, usize) -> Option<Scale>,
) -> Result<Option<(Begun, Orientation)>, String> {
    let mut tables = Tables::default();
    let mut colours = Colours::default();
    let mut orientation = Orientation::NoTransforms;
    let mut begun: Option<Begun> = None;
    let short = || format!("its {} bytes stop before the end-of-image marker", jpeg.len());
    let mut at = 2;
    loop {
        // Fill bytes may stand before a marker.
        while jpeg.get(at..at + 2).ok_or_else(short)? == [0xFF, 0xFF] {
            at += 1;
        }
        if jpeg[at] != 0xFF {
            return Err(format!("no marker at byte {at}"));
        }
        let marker = jpeg[at + 1];
        at += 2;
        match marker {
            0xD9 => break,
            0x01 | 0xD0..=0xD8 => continue,
            _ => {}
        }
        let length = number(jpeg.get(at..at + 2).ok_or_else(short)?);
        if length < 2 {
            return Err(format!("a segment of impossible length at byte {at}"));
        }
        let segment = jpeg.get(at + 2..at + length).ok_or_else(short)?;
        at += length;
        match marker {
            0xC4 => tables.codes(segment)?,
            0xDB => tables.steps(segment)?,
            0xDD => tables.restart = number(segment.get(..2).ok_or(SHORT)?),
            0xC0 | 0xC1 => {
                let frame = Frame::read(segment)?.filter(|frame| begun.is_none() && colours.are_ours(frame));
                let Some(frame) = frame else { return Ok(None) };
                let Some(scale) = choose(frame.width, frame.height) else { return Ok(None) };
                // A block takes two codes. Of a damaged size, no pixels are made room for.
                if 2 * frame.blocks() > 8 * jpeg.len() {
                    return Err(ENDS_EARLY.to_owned());
                }
                begun = Some(Begun::new(frame, scale));
            }
            0xC2 | 0xC3 | 0xC5..=0xCF => return Ok(None),
            0xDA => {
                let begun = begun.as_mut().ok_or("a scan before its frame header")?;
                at = Scan::read(segment, &begun.frame, &tables)?.decode(jpeg, at, &mut begun.planes)?;
            }
            0xE0 if segment.starts_with(b"JFIF\0") => colours.jfif = true,
            0xE1 if segment.starts_with(b"Exif\0\0") => {
                orientation = Orientation::from_exif_chunk(&segment[6..]).unwrap_or(Orientation::NoTransforms);
            }
            0xEE if segment.starts_with(b"Adobe") => colours.adobe = segment.get(11).copied(),
            _ => {}
        }
    }
    let begun = begun.ok_or("no frame header")?;
    if begun.planes.iter().any(|plane| !plane.sent) {
        return Err("scans are missing".to_owned());
    }
    Ok(Some((begun, orientation)))
}

/// A frame, and what its scans have given.
struct Begun {
    frame: Frame,
    points: usize,
    planes: Vec<Plane>,
}

impl Begun {
    fn new(frame: Frame, scale: Scale) -> Self {
        let points = scale as usize;
        let blocks = |(across, down): (usize, usize)| (frame.mcus.0 * across, frame.mcus.1 * down);
        let planes = frame.components.iter().map(|component| Plane::new(blocks(component.sampling), points)).collect();
        Self { frame, points, planes }
    }

    fn reduced(self, orientation: Orientation) -> Reduced {
        let Self { frame, points, planes } = self;
        let channel = |(plane, component): (Plane, &header::Component)| {
            let times = |most: usize, own: usize| 8 * most / own;
            let pixel = (times(frame.sampling.0, component.sampling.0), times(frame.sampling.1, component.sampling.1));
            let (width, height) = ((frame.width * points).div_ceil(pixel.0), (frame.height * points).div_ceil(pixel.1));
            let pixel = (pixel.0 as f64 / points as f64, pixel.1 as f64 / points as f64);
            Channel { width, height, pixels: plane.cut(width, height), pixel }
        };
        let channels = planes.into_iter().zip(&frame.components).map(channel).collect();
        Reduced { width: frame.width, height: frame.height, channels, orientation }
    }
}

/// What is said about the meaning of three components.
#[derive(Default)]
struct Colours {
    jfif: bool,
    /// Adobe's word: 1 is YCbCr.
    adobe: Option<u8>,
}

impl Colours {
    /// Whether they are grey, or YCbCr.
    fn are_ours(&self, frame: &Frame) -> bool {
        let ids: Vec<u8> = frame.components.iter().map(|component| component.id).collect();
        ids.len() == 1 || (self.adobe.is_none_or(|word| word == 1) && (self.jfif || ids != *b"RGB"))
    }
}
