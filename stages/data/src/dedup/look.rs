//! What a photograph looks like, small enough to be compared with every other: [`Look`].

use plantpipe_pixels::{RgbImage, resize};

/// Side of the grey thumbnail, pixels.
const SIDE: usize = 32;
/// Frequencies a direction that the hash keeps, the mean among them.
const KEPT: usize = 8;
/// Bits of a hash that is not 0 by definition: every kept frequency but the mean.
pub(super) const BITS: u32 = (KEPT * KEPT - 1) as u32;
/// The bits of odd frequencies along x, and along y: a mirror turns the sign of these and no other.
const ODD_X: u64 = 0xaaaa_aaaa_aaaa_aaaa;
const ODD_Y: u64 = 0xff00_ff00_ff00_ff00;

/// A grey thumbnail of the whole photograph, squashed to a square, and its perceptual hash.
#[derive(Debug)]
pub(super) struct Look {
    /// `SIDE` x `SIDE`, row by row.
    grey: Vec<u8>,
    sum: i64,
    /// Variance of the grey values times the square of their number.
    spread: i64,
    /// Bit `KEPT * y + x`: the sign of frequency (x, y) of the cosine transform.
    hash: u64,
    /// The same of the thumbnail with x and y swapped.
    swapped: u64,
}

/// One of the eight ways to lay a square on itself: x and y swapped or not, then mirrored along x, along y, or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Turn {
    swapped: bool,
    mirrored_x: bool,
    mirrored_y: bool,
}

impl Turn {
    /// As it stands.
    pub(super) const NONE: Self = Self { swapped: false, mirrored_x: false, mirrored_y: false };

    /// Every turn, [`Turn::NONE`] first.
    pub(super) fn all() -> [Self; 8] {
        std::array::from_fn(|n| Self { swapped: n & 4 > 0, mirrored_x: n & 2 > 0, mirrored_y: n & 1 > 0 })
    }

    /// Where the turned thumbnail takes its pixel (`x`, `y`) from.
    fn place(self, x: usize, y: usize) -> usize {
        let x = if self.mirrored_x { SIDE - 1 - x } else { x };
        let y = if self.mirrored_y { SIDE - 1 - y } else { y };
        if self.swapped { x * SIDE + y } else { y * SIDE + x }
    }
}

impl Look {
    pub(super) fn new(photograph: &RgbImage) -> Self {
        let small = resize(photograph, SIDE as u32, SIDE as u32);
        // Luma of ITU-R BT.601.
        let luma = |[r, g, b]: [u8; 3]| (u32::from(r) * 299 + u32::from(g) * 587 + u32::from(b) * 114 + 500) / 1000;
        let grey: Vec<u8> = small.pixels().map(|pixel| luma(pixel.0) as u8).collect();
        let sum = grey.iter().map(|value| i64::from(*value)).sum();
        let squares: i64 = grey.iter().map(|value| i64::from(*value) * i64::from(*value)).sum();
        let hash = hash(&grey);
        Self { spread: grey.len() as i64 * squares - sum * sum, sum, swapped: swap(hash), hash, grey }
    }

    /// How many of the [`BITS`] differ from those of `other` after a turn of `other`.
    pub(super) fn differing_bits(&self, other: &Self, turn: Turn) -> u32 {
        let mut hash = if turn.swapped { other.swapped } else { other.hash };
        if turn.mirrored_x {
            hash ^= ODD_X;
        }
        if turn.mirrored_y {
            hash ^= ODD_Y;
        }
        (self.hash ^ hash).count_ones()
    }

    /// 100 (1 - r), rounded up, r the correlation of the grey values of the two thumbnails, `other` turned; 0 only when
    /// they are equal. Brightness and contrast do not matter. 100 when one of them is flat and they are not equal.
    pub(super) fn distance(&self, other: &Self, turn: Turn) -> u32 {
        let (mut products, mut equal) = (0, true);
        for (place, a) in self.grey.iter().enumerate() {
            let b = other.grey[turn.place(place % SIDE, place / SIDE)];
            products += i64::from(*a) * i64::from(b);
            equal &= *a == b;
        }
        if equal {
            return 0;
        }
        let scale = (self.spread as f64 * other.spread as f64).sqrt();
        if scale == 0.0 {
            return 100;
        }
        let shared = (self.grey.len() as i64 * products - self.sum * other.sum) as f64 / scale;
        ((1.0 - shared) * 100.0).ceil().max(1.0) as u32
    }
}

/// The signs of the lowest frequencies of the cosine transform (DCT-II); the mean has none.
///
/// pHash compares with the median instead. Signs are as good, and those of a mirrored or turned photograph are known
/// without a transform of their own.
fn hash(grey: &[u8]) -> u64 {
    let wave = |frequency: usize, place: usize| {
        (std::f64::consts::PI * frequency as f64 * (place as f64 + 0.5) / SIDE as f64).cos()
    };
    let waves: Vec<[f64; SIDE]> =
        (0..KEPT).map(|frequency| std::array::from_fn(|place| wave(frequency, place))).collect();
    // Rows first: SIDE x KEPT, then KEPT x KEPT.
    let along_x: Vec<[f64; KEPT]> = grey
        .chunks_exact(SIDE)
        .map(|row| {
            std::array::from_fn(|x| waves[x].iter().zip(row).map(|(wave, value)| wave * f64::from(*value)).sum())
        })
        .collect();
    let mut hash = 0;
    for (y, wave) in waves.iter().enumerate() {
        for x in 0..KEPT {
            let frequency: f64 = wave.iter().zip(&along_x).map(|(wave, row)| wave * row[x]).sum();
            if frequency > 0.0 && (x, y) != (0, 0) {
                hash |= 1 << (KEPT * y + x);
            }
        }
    }
    hash
}

/// The hash of the thumbnail with x and y swapped.
fn swap(hash: u64) -> u64 {
    let bit = |x: usize, y: usize| hash >> (KEPT * y + x) & 1;
    (0..KEPT * KEPT).map(|place| bit(place / KEPT, place % KEPT) << place).sum()
}
