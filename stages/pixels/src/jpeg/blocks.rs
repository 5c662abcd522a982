//! Blocks beside one another that become pixels together, a lane each: [`Blocks`], with libjpeg's accurate inverse cosine
//! transform (`islow`) bit for bit.

#![expect(clippy::inline_always, reason = "all of it is compiled for the vectors of the function that calls it")]

use super::transform::{BETWEEN, BITS, F_0_541, F_0_765, F_1_847, LIMIT, descale, eighth, held, level};
use super::vectors::widely;

/// Cosines, as in [`super::transform`].
const F_0_298: i32 = 2446;
const F_0_390: i32 = 3196;
const F_0_899: i32 = 7373;
const F_1_175: i32 = 9633;
const F_1_501: i32 = 12299;
const F_1_961: i32 = 16069;
const F_2_053: i32 = 16819;
const F_2_562: i32 = 20995;
const F_3_072: i32 = 25172;

/// Where a coefficient stands, line by line, by its place in the order in which they are sent.
const PLACES: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63,
];

/// Blocks that become pixels together.
pub(super) const LANES: usize = 8;

/// A number of each block.
type Lanes = [i32; LANES];

/// Up to [`LANES`] blocks, side by side.
pub(super) struct Blocks {
    /// Line by line; [`LANES`] beside one another.
    coefficients: [[i16; LANES]; 64],
    /// How many there are.
    count: usize,
    /// The farthest place, in the order in which they are sent, of a coefficient that is not 0.
    last: usize,
}

impl Blocks {
    pub(super) fn new() -> Self {
        Self { coefficients: [[0; LANES]; 64], count: 0, last: 0 }
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn are_full(&self) -> bool {
        self.count == LANES
    }

    /// Sets coefficient `k`, in the order in which they are sent, of the block that is next.
    #[inline(always)]
    pub(super) fn set(&mut self, k: usize, value: i32) {
        self.coefficients[usize::from(PLACES[k & 63])][self.count % LANES] = value.clamp(-LIMIT, LIMIT) as i16;
    }

    /// Says that no coefficient past `last` was set in the block that was next, and goes on to the one after it.
    #[inline(always)]
    pub(super) fn advance(&mut self, last: usize) {
        self.last = self.last.max(last);
        self.count += 1;
    }

    /// Puts eight pixels of each block into each of the first eight lines, which lie `stride` apart, and begins anew.
    pub(super) fn take(&mut self, pixels: &mut [u8], stride: usize) {
        let width = 8 * self.count.min(LANES);
        if self.last == 0 {
            let mut line = [0; 8 * LANES];
            for (pixels, mean) in line.as_chunks_mut::<8>().0.iter_mut().zip(self.coefficients[0]) {
                *pixels = [eighth(i32::from(mean)); 8];
            }
            for pixels in pixels.chunks_mut(stride).take(8) {
                pixels[..width].copy_from_slice(&line[..width]);
            }
            self.coefficients[0] = [0; LANES];
        } else {
            widely(Work { coefficients: &self.coefficients, pixels, stride, width });
            self.coefficients = [[0; LANES]; 64];
        }
        (self.count, self.last) = (0, 0);
    }
}

struct Work<'a> {
    coefficients: &'a [[i16; LANES]; 64],
    pixels: &'a mut [u8],
    stride: usize,
    /// Pixels of a line that belong to blocks.
    width: usize,
}

impl pulp::WithSimd for Work<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        let between = down(self.coefficients);
        for (pixels, line) in self.pixels.chunks_mut(self.stride).zip(&between) {
            let mut made = [0; 8 * LANES];
            across(line, &mut made);
            pixels[..self.width].copy_from_slice(&made[..self.width]);
        }
    }
}

/// The first pass, down every column: lines of eight numbers.
#[inline(always)]
fn down(coefficients: &[[i16; LANES]; 64]) -> [[Lanes; 8]; 8] {
    let mut made = [[[0; LANES]; 8]; 8];
    for x in 0..8 {
        for lane in 0..LANES {
            let at = |y: usize| i32::from(coefficients[8 * y + x][lane]);
            let column = pass([at(0), at(1), at(2), at(3), at(4), at(5), at(6), at(7)], BITS - BETWEEN);
            for y in 0..8 {
                made[y][x][lane] = held(column[y]);
            }
        }
    }
    made
}

/// The second, across a line: eight pixels of each block.
#[inline(always)]
fn across(line: &[Lanes; 8], pixels: &mut [u8; 8 * LANES]) {
    let mut words = [[0_u32; 2]; LANES];
    for lane in 0..LANES {
        let at = |x: usize| line[x][lane];
        let line = pass([at(0), at(1), at(2), at(3), at(4), at(5), at(6), at(7)], BITS + BETWEEN + 3);
        let byte = |x: usize| u32::from(level(line[x])) << (8 * (x % 4));
        words[lane] = [byte(0) | byte(1) | byte(2) | byte(3), byte(4) | byte(5) | byte(6) | byte(7)];
    }
    for (pixels, word) in pixels.chunks_exact_mut(4).zip(words.as_flattened()) {
        pixels.copy_from_slice(&word.to_le_bytes());
    }
}

/// Eight numbers of a frequency each become eight of a place each (Loeffler, Ligtenberg and Moschytz).
#[inline(always)]
fn pass([a, b, c, d, e, f, g, h]: [i32; 8], bits: u32) -> [i32; 8] {
    let z = (c + g) * F_0_541;
    let (low, high) = (z - g * F_1_847, z + c * F_0_765);
    let (sum, rest) = ((a + e) << BITS, (a - e) << BITS);
    let even = [sum + high, rest + low, rest - low, sum - high];
    let (z1, z2, z3, z4) = (h + b, f + d, h + d, f + b);
    let z5 = (z3 + z4) * F_1_175;
    let (z1, z2) = (z1 * -F_0_899, z2 * -F_2_562);
    let (z3, z4) = (z3 * -F_1_961 + z5, z4 * -F_0_390 + z5);
    let odd = [b * F_1_501 + z1 + z4, d * F_3_072 + z2 + z3, f * F_2_053 + z2 + z4, h * F_0_298 + z1 + z3];
    [
        descale(even[0] + odd[0], bits),
        descale(even[1] + odd[1], bits),
        descale(even[2] + odd[2], bits),
        descale(even[3] + odd[3], bits),
        descale(even[3] - odd[3], bits),
        descale(even[2] - odd[2], bits),
        descale(even[1] - odd[1], bits),
        descale(even[0] - odd[0], bits),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks of a mean each, with one coefficient more where `more` says so.
    fn blocks(means: &[i32], more: Option<(usize, i32)>) -> Blocks {
        let mut blocks = Blocks::new();
        for mean in means {
            blocks.set(0, *mean);
            if let Some((k, value)) = more {
                blocks.set(k, value);
            }
            blocks.advance(more.map_or(0, |(k, _)| k));
        }
        blocks
    }

    #[test]
    fn blocks_stand_beside_one_another_and_nothing_past_them_is_touched() {
        for more in [None, Some((63, 0))] {
            let mut blocks = blocks(&[0, 80, -2000], more);
            let mut pixels = vec![7; 30 * 9];
            blocks.take(&mut pixels, 30);
            for line in pixels.chunks(30).take(8) {
                assert_eq!(
                    line,
                    [[128; 8], [138; 8], [0; 8]].as_flattened().iter().chain(&[7; 6]).copied().collect::<Vec<u8>>()
                );
            }
            assert_eq!(pixels[30 * 8..], [7; 30]);
            assert!(blocks.count() == 0 && blocks.coefficients.as_flattened().iter().all(|value| *value == 0));
        }
    }

    #[test]
    fn no_sum_runs_over_whatever_a_damaged_file_says() {
        let mut state = 7_u32;
        for _ in 0..1000 {
            let mut blocks = Blocks::new();
            for _ in 0..LANES {
                for k in 0..64 {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    blocks.set(k, if state >> 31 == 0 { i32::MAX } else { i32::MIN });
                }
                blocks.advance(63);
            }
            blocks.take(&mut [0; 512], 64);
        }
    }
}
