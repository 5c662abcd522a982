//! A [`Map`]: a value a place, from a method's grid to the photograph's size.

use plantpipe_pixels::GrayImage;

/// Values row by row, the greatest where it matters most.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Map {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) values: Vec<f32>,
    pub(super) lie: Lie,
}

/// Where the cells of a map lie on the photograph.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Lie {
    /// They divide it evenly.
    Evenly,
    /// On the middles of what they see, which are a stride apart and begin at its first pixel: its width and height in
    /// strides, and a pixel.
    Seen { width: f32, height: f32, pixel: f32 },
}

impl Map {
    /// Scaled to 0..1: (x - min) / (max - min); a map without contrast points nowhere and becomes zero.
    pub(super) fn scaled(width: usize, height: usize, mut values: Vec<f32>) -> Self {
        let min = values.iter().copied().fold(f32::INFINITY, f32::min);
        let max = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        for value in &mut values {
            *value = if max > min { (*value - min) / (max - min) } else { 0.0 };
        }
        Self { width, height, values, lie: Lie::Evenly }
    }

    /// At another size: bilinear with `align_corners = false`, as `PyTorch` and `OpenCV` do it, each cell on the middle of
    /// what it sees; then scaled again.
    pub(super) fn resized(&self, width: usize, height: usize) -> Self {
        let (across, down) = match self.lie {
            Lie::Evenly => ((self.width as f32, 0.5), (self.height as f32, 0.5)),
            Lie::Seen { width, height, pixel } => ((width, pixel / 2.0), (height, pixel / 2.0)),
        };
        let columns = taps(self.width, width, across);
        let mut values = Vec::with_capacity(width * height);
        for (above, below, down) in taps(self.height, height, down) {
            let [above, below] = [above, below].map(|row| &self.values[row * self.width..][..self.width]);
            let across = |row: &[f32], (left, right, share): (usize, usize, f32)| lerp(row[left], row[right], share);
            values.extend(columns.iter().map(|tap| lerp(across(above, *tap), across(below, *tap), down)));
        }
        Self::scaled(width, height, values)
    }

    /// 0 to 1 as 0 to 255.
    pub(super) fn grey(&self) -> GrayImage {
        let bytes = self.values.iter().map(|value| (value * 255.0).round() as u8).collect();
        GrayImage::from_raw(self.width as u32, self.height as u32, bytes).expect("a byte a pixel")
    }
}

/// For each of `to` pixel centres: the two of `from` around it, and the share of the second. All of them are `span` cells
/// wide, and the first cell's centre is `first` from their edge.
fn taps(from: usize, to: usize, (span, first): (f32, f32)) -> Vec<(usize, usize, f32)> {
    let scale = span / to as f32;
    let tap = |at: usize| {
        let place = ((at as f32 + 0.5) * scale - first).clamp(0.0, (from - 1) as f32);
        let first = (place as usize).min(from - 1);
        (first, (first + 1).min(from - 1), place - first as f32)
    };
    (0..to).map(tap).collect()
}

fn lerp(a: f32, b: f32, share: f32) -> f32 {
    a + (b - a) * share
}

#[cfg(test)]
mod tests {
    use super::super::tests::close;
    use super::*;

    #[test]
    fn a_map_is_scaled_to_its_own_least_and_greatest_value() {
        close(&Map::scaled(3, 1, vec![2.0, 3.0, 6.0]).values, &[0.0, 0.25, 1.0], 1e-6);
        close(&Map::scaled(2, 1, vec![3.0, 3.0]).values, &[0.0, 0.0], 1e-6);
    }

    #[test]
    fn enlarging_interpolates_between_pixel_centres() {
        // Centres of 4 in units of 2: -0.25 (cut to 0), 0.25, 0.75, 1.25 (beyond the last: held).
        let map = Map::scaled(2, 1, vec![0.0, 1.0]);
        let large = map.resized(4, 2);
        close(&large.values, &[0.0, 0.25, 0.75, 1.0, 0.0, 0.25, 0.75, 1.0], 1e-6);
        close(&map.resized(2, 1).values, &map.values, 1e-6);
        assert_eq!(map.resized(4, 1).grey().into_raw(), [0, 64, 191, 255]);
    }

    #[test]
    fn a_cell_that_sees_what_lies_before_it_is_laid_there() {
        // A stride of 2 pixels: cells see around pixels 0, 2 and 4 of 5; divided evenly, their middles were 0.3, 2 and 3.7.
        let lie = Lie::Seen { width: 2.5, height: 0.5, pixel: 0.5 };
        let map = Map { lie, ..Map::scaled(3, 1, vec![0.0, 1.0, 0.0]) };
        close(&map.resized(5, 1).values, &[0.0, 0.5, 1.0, 0.5, 0.0], 1e-6);
    }

    #[test]
    fn an_enlarged_map_reaches_from_zero_to_one() {
        // A peak of 1 between two zeros: 6 centres at -0.25, 0.25, 0.75, 1.25, ... give 0, 1/4, 3/4, 3/4, 1/4, 0.
        let large = Map::scaled(3, 1, vec![0.0, 1.0, 0.0]).resized(6, 1);
        close(&large.values, &[0.0, 1.0 / 3.0, 1.0, 1.0, 1.0 / 3.0, 0.0], 1e-6);
    }
}
