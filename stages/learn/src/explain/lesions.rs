//! How well a map meets the lesions: [`overlap`] of one map, [`summary`] over many.

use super::map::Map;
use plantpipe_pixels::{RgbImage, decode, square};
use plantpipe_stage::format::{CamMap, Fit, LesionSummary, mask_file};
use plantpipe_stage::{IoContext, Result};
use std::path::Path;

/// Shares, 0 to 1.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Overlap {
    /// Of the map's sum that falls on the lesions; none without a mask, or where the map is zero.
    pub(super) share: Option<f64>,
    /// Of the photograph that the lesions cover; none without a mask.
    pub(super) area: Option<f64>,
}

/// Measures a map, at the photograph's size, against the mask of its photograph and label, if there is one; a mask is as
/// large as the photograph was before it was made ready, and goes the same way.
///
/// # Errors
/// A mask that cannot be read or decoded.
pub(super) fn overlap(map: &Map, masks: &Path, id: &str, label: &str, fit: Fit) -> Result<Overlap> {
    let path = masks.join(mask_file(id, label));
    if !path.is_file() {
        return Ok(Overlap::default());
    }
    let mask = decode(&std::fs::read(&path).io("read", &path)?, &path)?;
    Ok(match fit {
        // The mask's own pixels are looked up: nothing is resampled.
        Fit::Squash => measure(map, &mask),
        Fit::Crop | Fit::Pad => measure(map, &square(&mask, map.width as u32, fit)),
    })
}

fn measure(map: &Map, mask: &RgbImage) -> Overlap {
    let (mut all, mut inside, mut covered) = (0.0, 0.0, 0u64);
    for (at, value) in map.values.iter().enumerate() {
        let value = f64::from(*value);
        all += value;
        if is_lesion(mask, at % map.width, at / map.width, map) {
            inside += value;
            covered += 1;
        }
    }
    Overlap { share: (all > 0.0).then(|| inside / all), area: Some(covered as f64 / map.values.len() as f64) }
}

/// Whether the mask's pixel nearest to the map's (x, y) is white.
fn is_lesion(mask: &RgbImage, x: usize, y: usize, map: &Map) -> bool {
    let nearest = |at: usize, from: usize, to: u32| ((2 * at + 1) * to as usize / (2 * from)) as u32;
    mask.get_pixel(nearest(x, map.width, mask.width()), nearest(y, map.height, mask.height()))[0] >= 128
}

/// Means over the maps that have a share; none where none has.
pub(super) fn summary<'a>(maps: impl Iterator<Item = &'a CamMap>) -> Option<LesionSummary> {
    let pairs: Vec<(f64, f64)> = maps.filter_map(|map| map.lesion_share.zip(map.lesion_area)).collect();
    let mean = |of: fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>() / pairs.len() as f64;
    (!pairs.is_empty()).then(|| LesionSummary {
        maps: pairs.len() as u64,
        mean_share: mean(|pair| pair.0),
        mean_area: mean(|pair| pair.1),
    })
}

#[cfg(test)]
mod tests {
    use super::super::map::Lie;
    use super::*;
    use plantpipe_pixels::Rgb;

    const MAP: [f32; 4] = [0.5, 1.0, 0.0, 0.5];

    fn map(values: [f32; 4]) -> Map {
        Map { width: 4, height: 1, values: values.to_vec(), lie: Lie::Evenly }
    }

    /// White in the right half.
    fn mask(width: u32) -> RgbImage {
        RgbImage::from_fn(width, 1, |x, _| Rgb([if x >= width / 2 { 255 } else { 0 }; 3]))
    }

    #[test]
    fn the_share_is_the_maps_sum_on_the_lesions_whatever_the_masks_size() {
        // Of a sum of 2, the right half holds 0.5.
        for width in [2, 4, 8] {
            assert_eq!(measure(&map(MAP), &mask(width)), Overlap { share: Some(0.25), area: Some(0.5) });
        }
    }

    #[test]
    fn a_mask_is_fitted_as_its_photograph_was() {
        // A wide photograph, 8 x 4, with a lesion in its right quarter; the map sees squares of 4 x 4.
        let folder = tempfile::tempdir().expect("a folder");
        let mask = RgbImage::from_fn(8, 4, |x, _| Rgb([if x >= 6 { 255 } else { 0 }; 3]));
        let bytes = plantpipe_pixels::encode_png(&mask).expect("encodes");
        std::fs::write(folder.path().join(mask_file("a", "rust")), bytes).expect("writes");
        let even = Map { width: 4, height: 4, values: vec![1.0; 16], lie: Lie::Evenly };
        for (fit, area) in [(Fit::Squash, 0.25), (Fit::Crop, 0.0), (Fit::Pad, 0.125)] {
            let found = overlap(&even, folder.path(), "a", "rust", fit).expect("reads");
            assert_eq!(found, Overlap { share: Some(area), area: Some(area) }, "{fit:?}");
        }
    }

    #[test]
    fn a_zero_map_has_no_share() {
        assert_eq!(measure(&map([0.0; 4]), &mask(4)), Overlap { share: None, area: Some(0.5) });
    }

    #[test]
    fn the_summary_is_over_maps_with_a_share() {
        let cam = |share, area| CamMap {
            label: "rust".into(),
            probability: 1.0,
            file: String::new(),
            lesion_share: share,
            lesion_area: area,
            faithfulness: None,
        };
        let maps = [cam(Some(0.25), Some(0.1)), cam(Some(0.75), Some(0.3)), cam(None, Some(0.9)), cam(None, None)];
        let summary = summary(maps.iter()).expect("two maps");
        assert_eq!(summary.maps, 2);
        assert!((summary.mean_share - 0.5).abs() < 1e-12 && (summary.mean_area - 0.2).abs() < 1e-12, "{summary:?}");
        assert_eq!(super::summary(maps[2..].iter()), None);
    }
}
