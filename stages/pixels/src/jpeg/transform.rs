//! From the lowest coefficients of a block to its pixels, made smaller, in whole numbers: [`four`], [`two`] and [`one`].
//!
//! The inverse cosine transform of fewer points: what a block's frequencies below the smaller picture's limit look like.

/// Bits behind the point of the factors, and of what stands between the two passes.
pub(super) const BITS: u32 = 13;
pub(super) const BETWEEN: u32 = 2;

/// Cosines, as the fast transforms of Loeffler, Ligtenberg and Moschytz have them, times 2 to the [`BITS`].
pub(super) const F_0_541: i32 = 4433;
pub(super) const F_0_765: i32 = 6270;
pub(super) const F_1_847: i32 = 15137;

/// No photograph's coefficient reaches it; a damaged file's stops there, so that no sum here runs over.
pub(super) const LIMIT: i32 = 1 << 13;

/// 4 x 4 pixels, of the coefficients 0 to 3 across and down.
#[inline]
pub(super) fn four(block: &[i32; 16]) -> [[u8; 4]; 4] {
    let mut between = [[0; 4]; 4];
    for x in 0..4 {
        let column = pass_of_four([block[x], block[4 + x], block[8 + x], block[12 + x]], BITS - BETWEEN);
        for y in 0..4 {
            between[y][x] = column[y];
        }
    }
    let mut made = [[0; 4]; 4];
    for (made, line) in made.iter_mut().zip(between) {
        let line = pass_of_four([held(line[0]), held(line[1]), held(line[2]), held(line[3])], BITS + BETWEEN + 3);
        *made = [level(line[0]), level(line[1]), level(line[2]), level(line[3])];
    }
    made
}

#[inline]
fn pass_of_four([a, b, c, d]: [i32; 4], bits: u32) -> [i32; 4] {
    let (sum, rest) = ((a + c) << BITS, (a - c) << BITS);
    let z = (b + d) * F_0_541;
    let (wide, narrow) = (z + b * F_0_765, z - d * F_1_847);
    [descale(sum + wide, bits), descale(rest + narrow, bits), descale(rest - narrow, bits), descale(sum - wide, bits)]
}

/// 2 x 2 pixels, of the coefficients 0 and 1 across and down.
#[inline]
pub(super) fn two([mean, across, down, both]: [i32; 4]) -> [[u8; 2]; 2] {
    let (top, bottom) = (mean + down, mean - down);
    let (more, less) = (across + both, across - both);
    [[eighth(top + more), eighth(top - more)], [eighth(bottom + less), eighth(bottom - less)]]
}

/// The mean of a block, of its first coefficient.
#[inline]
pub(super) fn one(mean: i32) -> [[u8; 1]; 1] {
    [[eighth(mean)]]
}

#[inline]
pub(super) fn eighth(value: i32) -> u8 {
    level(descale(value, 3))
}

/// Rounds bits behind the point off.
#[inline]
pub(super) fn descale(value: i32, bits: u32) -> i32 {
    (value + (1 << (bits - 1))) >> bits
}

/// What stands between the passes, held to 16 bits: a damaged file's sums stop there.
#[inline]
pub(super) fn held(value: i32) -> i32 {
    value.clamp(i32::from(i16::MIN), i32::from(i16::MAX))
}

#[inline]
pub(super) fn level(value: i32) -> u8 {
    (value + 128).clamp(0, 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::{PI, SQRT_2};

    /// Numbers without order, the same every time.
    fn numbers() -> impl Iterator<Item = i32> {
        let mut state = 7_u32;
        std::iter::repeat_with(move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) as i32 % 120 - 60
        })
    }

    /// The inverse cosine transform of `points` x `points` coefficients, by its definition.
    fn plain(block: &[i32], points: usize) -> Vec<f64> {
        let wave = |at: usize, k: usize| {
            let height = if k == 0 { 1.0 } else { SQRT_2 };
            height * ((2 * at + 1) as f64 * k as f64 * PI / (2 * points) as f64).cos()
        };
        let pixel = |place: usize| {
            let (x, y) = (place % points, place / points);
            let part = |(k, value): (usize, &i32)| f64::from(*value) * wave(x, k % points) * wave(y, k / points);
            block.iter().enumerate().map(part).sum::<f64>() / 8.0 + 128.0
        };
        (0..points * points).map(pixel).collect()
    }

    #[test]
    fn pixels_are_those_of_the_cosine_transform_by_its_definition() {
        let mut numbers = numbers();
        for _ in 0..500 {
            let block: [i32; 16] = std::array::from_fn(|_| numbers.next().expect("endless"));
            for (made, exact) in four(&block).as_flattened().iter().zip(plain(&block, 4)) {
                assert!((f64::from(*made) - exact.clamp(0.0, 255.0)).abs() < 0.7, "{made}, not {exact}");
            }
            let [mean, across, down, both, ..] = block;
            for (made, exact) in two([mean, across, down, both]).as_flattened().iter().zip(plain(&block[..4], 2)) {
                assert!((f64::from(*made) - exact.clamp(0.0, 255.0)).abs() < 0.51, "{made}, not {exact}");
            }
            assert!((f64::from(one(mean)[0][0]) - plain(&[mean], 1)[0]).abs() < 0.51);
        }
    }

    #[test]
    fn no_sum_runs_over_whatever_a_damaged_file_says() {
        for signs in 0..1_u32 << 16 {
            let block = std::array::from_fn(|k| if signs >> k & 1 == 0 { LIMIT } else { -LIMIT });
            four(&block);
            two([block[0], block[1], block[2], block[3]]);
        }
    }
}
