//! The contact sheet: a row of photographs a label, so that people see what a label means; [`contact_sheet`].

use crate::dataset::{Assigned, AssignedPhotograph};
use plantpipe_pixels::{Rgb, RgbImage, crop_resize, decode, text};
use plantpipe_stage::{IoContext, Result};
use rayon::prelude::*;

/// Side of a photograph on the sheet, pixels.
const SIDE: u32 = 176;
const GAP: u32 = 10;
const MARGIN: u32 = 20;
/// Height of the line over a row of photographs, and of the two captions under each.
const HEADING: u32 = 34;
const CAPTION: u32 = 54;
const INK: [u8; 3] = [0x1f, 0x23, 0x28];
const FAINT: [u8; 3] = [0x57, 0x60, 0x6a];

/// `each` photographs of every label, row by row. Which ones, a hash of their ids says: always the same, and nobody's
/// choice.
///
/// # Errors
/// A photograph that cannot be read or decoded.
pub(super) fn contact_sheet(data: &Assigned, each: usize) -> Result<RgbImage> {
    let rows: Vec<(&String, usize, Vec<&AssignedPhotograph>)> =
        data.labels.iter().map(|label| chosen(data, label, each)).collect();
    // A sheet narrower than four photographs would have no room for its headings.
    let columns = rows.iter().map(|(_, _, photographs)| photographs.len()).max().unwrap_or(0).max(4) as u32;
    let height = HEADING + SIDE + CAPTION;
    let mut sheet = RgbImage::from_pixel(
        2 * MARGIN + columns * (SIDE + GAP) - GAP,
        (2 * MARGIN + rows.len() as u32 * height).saturating_sub(CAPTION / 2),
        Rgb([255; 3]),
    );
    for (number, (label, carriers, photographs)) in rows.iter().enumerate() {
        let top = MARGIN + number as u32 * height;
        heading(&mut sheet, top, label, *carriers);
        let thumbnails = photographs.par_iter().map(|photograph| thumbnail(photograph)).collect::<Result<Vec<_>>>()?;
        for (column, (photograph, thumbnail)) in photographs.iter().zip(&thumbnails).enumerate() {
            let (left, top) = (MARGIN + column as u32 * (SIDE + GAP), top + HEADING);
            image_copy(&mut sheet, thumbnail, left, top);
            caption(&mut sheet, left, top + SIDE, photograph, label);
        }
    }
    Ok(sheet)
}

/// A label, how many photographs carry it, and those for the sheet.
fn chosen<'a>(data: &'a Assigned, label: &'a String, each: usize) -> (&'a String, usize, Vec<&'a AssignedPhotograph>) {
    let mut carriers: Vec<&AssignedPhotograph> = data.rows.iter().filter(|row| row.labels.contains(label)).collect();
    let count = carriers.len();
    carriers.sort_by_cached_key(|row| *blake3::hash(format!("{label} {}", row.id).as_bytes()).as_bytes());
    carriers.truncate(each);
    (label, count, carriers)
}

/// The middle square of a photograph.
fn thumbnail(photograph: &AssignedPhotograph) -> Result<RgbImage> {
    let bytes = std::fs::read(&photograph.path).io("read", &photograph.path)?;
    let image = decode(&bytes, &photograph.path)?;
    let (width, height) = (image.width() as f32, image.height() as f32);
    let side = width.min(height);
    Ok(crop_resize(&image, (width - side) / 2.0, (height - side) / 2.0, side, side, SIDE, SIDE))
}

fn heading(sheet: &mut RgbImage, top: u32, label: &str, carriers: usize) {
    let name = label.replace('_', " ");
    let (left, top) = (MARGIN as i32, top as i32);
    text::draw(sheet, left, top, 24.0, INK, &name);
    let count = if carriers == 1 { "1 photograph".to_owned() } else { format!("{carriers} photographs") };
    let after = left + text::width(24.0, &name).ceil() as i32 + 12;
    text::draw(sheet, after, top + 6, 17.0, FAINT, &count);
}

/// Split and id, and below them the other labels that the photograph carries.
fn caption(sheet: &mut RgbImage, left: u32, top: u32, photograph: &AssignedPhotograph, label: &str) {
    let (left, top) = (left as i32, top as i32);
    let line = |sheet: &mut RgbImage, down: i32, color: [u8; 3], words: &str| {
        text::draw(sheet, left, top + down, 15.0, color, &text::fit(15.0, words, SIDE as f32));
    };
    line(sheet, 4, FAINT, &format!("{} · {}", photograph.split, photograph.id));
    let others: Vec<String> =
        photograph.labels.iter().filter(|other| *other != label).map(|other| other.replace('_', " ")).collect();
    if !others.is_empty() {
        line(sheet, 21, INK, &format!("+ {}", others.join(", ")));
    }
}

fn image_copy(sheet: &mut RgbImage, thumbnail: &RgbImage, left: u32, top: u32) {
    for (x, y, pixel) in thumbnail.enumerate_pixels() {
        sheet.put_pixel(left + x, top + y, *pixel);
    }
}
