//! The greatest of each 3 x 3 window, two apart, padded by one: [`MaxPool`], as `ResNet`'s stem has it.

use rayon::prelude::*;

/// Over planes of `height` x `width`.
#[derive(Debug, Clone, Copy)]
pub struct MaxPool {
    pub height: usize,
    pub width: usize,
}

impl MaxPool {
    #[must_use]
    pub fn out_height(&self) -> usize {
        self.height.div_ceil(2)
    }

    #[must_use]
    pub fn out_width(&self) -> usize {
        self.width.div_ceil(2)
    }

    /// The greatest of each window into `out`, and which of the nine it was.
    #[must_use]
    pub fn forward(&self, x: &[f32], out: &mut [f32]) -> Vec<u8> {
        let mut taps = vec![0; out.len()];
        let plane = self.out_height() * self.out_width();
        let planes =
            x.par_chunks(self.height * self.width).zip(out.par_chunks_mut(plane)).zip(taps.par_chunks_mut(plane));
        planes.for_each(|((x, out), taps)| {
            for (at, (out, tap)) in out.iter_mut().zip(taps).enumerate() {
                (*out, *tap) = self.greatest(x, at / self.out_width(), at % self.out_width());
            }
        });
        taps
    }

    /// The first of the greatest, as in `PyTorch`; a number that is none is greater than any.
    fn greatest(&self, x: &[f32], row: usize, column: usize) -> (f32, u8) {
        let mut best = (f32::NEG_INFINITY, 0);
        let mut found = false;
        for y in (2 * row).saturating_sub(1)..(2 * row + 2).min(self.height) {
            for x_at in (2 * column).saturating_sub(1)..(2 * column + 2).min(self.width) {
                let value = x[y * self.width + x_at];
                if !found || value > best.0 || value.is_nan() {
                    best = (value, ((y + 1 - 2 * row) * 3 + x_at + 1 - 2 * column) as u8);
                    found = true;
                }
            }
        }
        best
    }

    /// The gradient of the input into `dx`.
    pub fn back(&self, taps: &[u8], gradient: &[f32], dx: &mut [f32]) {
        let plane = self.out_height() * self.out_width();
        let planes =
            dx.par_chunks_mut(self.height * self.width).zip(taps.par_chunks(plane)).zip(gradient.par_chunks(plane));
        planes.for_each(|((dx, taps), gradient)| {
            dx.fill(0.0);
            for (at, (tap, gradient)) in taps.iter().zip(gradient).enumerate() {
                let (row, column) = (at / self.out_width(), at % self.out_width());
                let (y, x) = (2 * row + usize::from(*tap) / 3 - 1, 2 * column + usize::from(*tap) % 3 - 1);
                dx[y * self.width + x] += gradient;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_of_each_window_gets_its_gradient() {
        // 1 2 3
        // 4 9 6 : windows about (0, 0), (0, 2), (2, 0) and (2, 2) of two planes, the second negative.
        // 7 8 5
        let values = [1.0, 2.0, 3.0, 4.0, 9.0, 6.0, 7.0, 8.0, 5.0];
        let x: Vec<f32> = values.into_iter().chain(values.map(|x: f32| -x)).collect();
        let pool = MaxPool { height: 3, width: 3 };
        let mut out = vec![0.0; 8];
        let taps = pool.forward(&x, &mut out);
        assert_eq!(out, [9.0, 9.0, 9.0, 9.0, -1.0, -2.0, -4.0, -5.0]);
        let mut dx = vec![1.0; 18];
        pool.back(&taps, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], &mut dx);
        assert_eq!(dx[..9], [0.0, 0.0, 0.0, 0.0, 10.0, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(dx[9..], [5.0, 6.0, 0.0, 7.0, 0.0, 0.0, 0.0, 0.0, 8.0]);
    }

    #[test]
    fn of_equals_the_first_counts_and_of_numbers_one_that_is_none() {
        let pool = MaxPool { height: 2, width: 2 };
        let mut out = vec![0.0; 1];
        assert_eq!(pool.forward(&[3.0, 3.0, 1.0, 3.0], &mut out), [4]);
        let _ = pool.forward(&[3.0, f32::NAN, 1.0, 4.0], &mut out);
        assert!(out[0].is_nan());
    }
}
