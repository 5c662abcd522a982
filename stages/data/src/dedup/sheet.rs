//! Contact sheets of [`DuplicateGroup`]s, a row a group, so that people can judge whether they are duplicates: [`pages`].

use crate::dataset::Photograph;
use plantpipe_pixels::{Rgb, RgbImage, decode, resize, text};
use plantpipe_stage::format::{DuplicateGroup, DuplicateImage};
use plantpipe_stage::{IoContext, Result};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Groups a page.
pub(super) const ROWS: usize = 10;
/// Photographs of a group that are shown.
const COLUMNS: usize = 6;
/// The longer side of a photograph on the sheet, pixels.
const SIDE: u32 = 200;
const GAP: u32 = 12;
const MARGIN: u32 = 20;
/// Height of the line over a row, and of the three captions under each photograph.
const HEADING: u32 = 32;
const CAPTION: u32 = 76;
const INK: [u8; 3] = [0x1f, 0x23, 0x28];
const FAINT: [u8; 3] = [0x57, 0x60, 0x6a];
/// Vermilion of the palette of Okabe and Ito (2008).
const ALERT: [u8; 3] = [0xd5, 0x5e, 0x00];

/// One picture for every [`ROWS`] groups, in their order.
///
/// # Errors
/// A photograph that cannot be read or decoded.
pub(super) fn pages(groups: &[&DuplicateGroup], photographs: &BTreeMap<String, Photograph>) -> Result<Vec<RgbImage>> {
    groups.chunks(ROWS).map(|groups| page(groups, photographs)).collect()
}

fn page(groups: &[&DuplicateGroup], photographs: &BTreeMap<String, Photograph>) -> Result<RgbImage> {
    // A sheet narrower than three photographs would have no room for its headings.
    let columns = groups.iter().map(|group| group.images.len()).max().unwrap_or(0).clamp(3, COLUMNS) as u32;
    let height = HEADING + SIDE + CAPTION;
    let mut sheet = RgbImage::from_pixel(
        2 * MARGIN + columns * (SIDE + GAP) - GAP,
        2 * MARGIN + groups.len() as u32 * height,
        Rgb([255; 3]),
    );
    for (row, group) in groups.iter().enumerate() {
        let top = MARGIN + row as u32 * height;
        heading(&mut sheet, top, group);
        let shown = &group.images[..group.images.len().min(COLUMNS)];
        let small = shown.par_iter().map(|image| thumbnail(&photographs[&image.image])).collect::<Result<Vec<_>>>()?;
        for (column, (image, small)) in shown.iter().zip(&small).enumerate() {
            let (left, top) = (MARGIN + column as u32 * (SIDE + GAP), top + HEADING);
            for (x, y, pixel) in small.enumerate_pixels() {
                sheet.put_pixel(left + x, top + y, *pixel);
            }
            caption(&mut sheet, left, top + SIDE, image);
        }
    }
    Ok(sheet)
}

/// The whole photograph, its sides in proportion.
fn thumbnail(photograph: &Photograph) -> Result<RgbImage> {
    let bytes = std::fs::read(&photograph.path).io("read", &photograph.path)?;
    let image = decode(&bytes, &photograph.path)?;
    let longer = image.width().max(image.height());
    let side = |length: u32| (length * SIDE / longer).max(1);
    Ok(resize(&image, side(image.width()), side(image.height())))
}

/// How far apart the photographs are, and in words what contradicts.
fn heading(sheet: &mut RgbImage, top: u32, group: &DuplicateGroup) {
    let mut said = vec![match group.distance {
        0 => "no difference".to_owned(),
        distance => format!("distance up to {distance}%"),
    }];
    if group.images.len() > COLUMNS {
        said.push(format!("{COLUMNS} of {} photographs", group.images.len()));
    }
    let said = said.join(" · ");
    text::draw(sheet, MARGIN as i32, top as i32 + 4, 18.0, INK, &said);
    let contradictions: Vec<&str> = [(group.conflict, "LABELS DIFFER"), (group.crosses_splits, "CROSSES SPLITS")]
        .into_iter()
        .filter_map(|(holds, words)| holds.then_some(words))
        .collect();
    let after = MARGIN as i32 + text::width(18.0, &said).ceil() as i32 + 16;
    text::draw(sheet, after, top as i32 + 4, 18.0, ALERT, &contradictions.join(" · "));
}

/// Id, split and labels.
fn caption(sheet: &mut RgbImage, left: u32, top: u32, image: &DuplicateImage) {
    let labels = match image.labels.as_slice() {
        [] => "no labels".to_owned(),
        labels => labels.join(", ").replace('_', " "),
    };
    let split = image.split.map_or("in no split", plantpipe_stage::format::Split::name);
    for (down, color, words) in [(4, FAINT, image.image.as_str()), (22, FAINT, split), (40, INK, &labels)] {
        let words = text::fit(15.0, words, SIDE as f32);
        text::draw(sheet, left as i32, top as i32 + down, 15.0, color, &words);
    }
}
