//! Winograd's minimal filtering F(4x4, 3x3): the formulas. A tile of 4 x 4 outputs of a 3 x 3 filter is made of 6 x 6 inputs
//! by 36 multiplications in place of 144: tile and filter are turned into 6 x 6 numbers each, these multiplied one by one, and
//! what comes out turned into the outputs.
//!
//! Along one axis it is Toom and Cook's way of multiplying polynomials: their values at the points 0, a, -a, b, -b and
//! infinity are multiplied, and the product read from its values. Of the choices that are exact in binary, 3/4 and 3/2 lose
//! least to rounding: about 6 times what adding up the 9 taps loses, where the usual 1 and 2 lose 13 times as much.
//!
//! All turnings are linear, so that the way back is the same with the turnings transposed ([`InputsBack`],
//! [`OutputsBack`], [`FilterBack`]).

use crate::lanes::Lanes;
use pulp::Simd;

/// Along one axis: of inputs and products, of outputs, and of the filter.
pub(crate) const SIDE: usize = 6;
pub(crate) const STEP: usize = 4;
pub(crate) const TAPS: usize = 3;

/// All products of a tile.
pub(crate) const POINTS: usize = SIDE * SIDE;

const A: f32 = 0.75;
const B: f32 = 1.5;
const A2: f32 = A * A;
const B2: f32 = B * B;

/// The filter's share of 1 / (the product of a point's distances from the others), at 0, a and b.
const AT_ZERO: f32 = 1.0 / (A2 * B2);
const AT_A: f32 = 1.0 / (2.0 * A2 * (A2 - B2));
const AT_B: f32 = 1.0 / (2.0 * B2 * (B2 - A2));

/// What is done along an axis.
pub(crate) trait Turn<const N: usize, const M: usize> {
    fn turn<S: Simd>(from: [Lanes<S>; N]) -> [Lanes<S>; M];
}

/// Along both axes of a square, one after the other.
#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "closures are not inlined")]
pub(crate) fn both<T: Turn<N, M>, S: Simd, const N: usize, const M: usize>(
    _: T,
    simd: S,
    square: [[Lanes<S>; N]; N],
) -> [[Lanes<S>; M]; M] {
    let mut columns = [[Lanes::zero(simd); N]; M];
    for y in 0..N {
        let turned = T::turn(square[y]);
        for x in 0..M {
            columns[x][y] = turned[x];
        }
    }
    let mut all = [[Lanes::zero(simd); M]; M];
    for x in 0..M {
        let turned = T::turn(columns[x]);
        for y in 0..M {
            all[y][x] = turned[y];
        }
    }
    all
}

/// Six inputs at the points.
pub(crate) struct Inputs;

impl Turn<SIDE, SIDE> for Inputs {
    #[inline(always)]
    fn turn<S: Simd>(d: [Lanes<S>; SIDE]) -> [Lanes<S>; SIDE] {
        let (even_a, odd_a) = (d[4].plus(d[2], -B2), d[3].plus(d[1], -B2));
        let (even_b, odd_b) = (d[4].plus(d[2], -A2), d[3].plus(d[1], -A2));
        [
            d[4].plus(d[2], -(A2 + B2)).plus(d[0], A2 * B2),
            even_a.plus(odd_a, A),
            even_a.plus(odd_a, -A),
            even_b.plus(odd_b, B),
            even_b.plus(odd_b, -B),
            d[5].plus(d[3], -(A2 + B2)).plus(d[1], A2 * B2),
        ]
    }
}

/// [`Inputs`] transposed.
pub(crate) struct InputsBack;

impl Turn<SIDE, SIDE> for InputsBack {
    #[inline(always)]
    fn turn<S: Simd>(p: [Lanes<S>; SIDE]) -> [Lanes<S>; SIDE] {
        let (even_a, odd_a) = (p[1] + p[2], (p[1] - p[2]) * A);
        let (even_b, odd_b) = (p[3] + p[4], (p[3] - p[4]) * B);
        [
            p[0] * (A2 * B2),
            (p[5] * (A2 * B2)).plus(odd_a, -B2).plus(odd_b, -A2),
            (p[0] * -(A2 + B2)).plus(even_a, -B2).plus(even_b, -A2),
            (odd_a + odd_b).plus(p[5], -(A2 + B2)),
            p[0] + (even_a + even_b),
            p[5],
        ]
    }
}

/// Four outputs of the products.
pub(crate) struct Outputs;

impl Turn<SIDE, STEP> for Outputs {
    #[inline(always)]
    fn turn<S: Simd>(p: [Lanes<S>; SIDE]) -> [Lanes<S>; STEP] {
        let (even_a, odd_a) = (p[1] + p[2], (p[1] - p[2]) * A);
        let (even_b, odd_b) = (p[3] + p[4], (p[3] - p[4]) * B);
        [p[0] + (even_a + even_b), odd_a + odd_b, (even_a * A2).plus(even_b, B2), p[5].plus(odd_a, A2).plus(odd_b, B2)]
    }
}

/// [`Outputs`] transposed.
pub(crate) struct OutputsBack;

impl Turn<STEP, SIDE> for OutputsBack {
    #[inline(always)]
    fn turn<S: Simd>(y: [Lanes<S>; STEP]) -> [Lanes<S>; SIDE] {
        let (even_a, odd_a) = (y[0].plus(y[2], A2), y[1].plus(y[3], A2));
        let (even_b, odd_b) = (y[0].plus(y[2], B2), y[1].plus(y[3], B2));
        [y[0], even_a.plus(odd_a, A), even_a.plus(odd_a, -A), even_b.plus(odd_b, B), even_b.plus(odd_b, -B), y[3]]
    }
}

/// A filter's three taps at the points.
pub(crate) struct Filter;

impl Turn<TAPS, SIDE> for Filter {
    #[inline(always)]
    fn turn<S: Simd>(g: [Lanes<S>; TAPS]) -> [Lanes<S>; SIDE] {
        let (even_a, odd_a) = (g[0].plus(g[2], A2) * AT_A, g[1] * (A * AT_A));
        let (even_b, odd_b) = (g[0].plus(g[2], B2) * AT_B, g[1] * (B * AT_B));
        [g[0] * AT_ZERO, even_a + odd_a, even_a - odd_a, even_b + odd_b, even_b - odd_b, g[2]]
    }
}

/// [`Filter`] transposed.
pub(crate) struct FilterBack;

impl Turn<SIDE, TAPS> for FilterBack {
    #[inline(always)]
    fn turn<S: Simd>(p: [Lanes<S>; SIDE]) -> [Lanes<S>; TAPS] {
        let (even_a, odd_a) = ((p[1] + p[2]) * AT_A, (p[1] - p[2]) * (A * AT_A));
        let (even_b, odd_b) = ((p[3] + p[4]) * AT_B, (p[3] - p[4]) * (B * AT_B));
        [(even_a + even_b).plus(p[0], AT_ZERO), odd_a + odd_b, p[5].plus(even_a, A2).plus(even_b, B2)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pulp::Scalar;

    /// One axis, of numbers.
    fn axis<T: Turn<N, M>, const N: usize, const M: usize>(_: &T, numbers: [f32; N]) -> [f32; M] {
        T::turn(numbers.map(|number| Lanes::load(Scalar::new(), &[number]))).map(|lanes| {
            let mut number = [0.0];
            lanes.store(&mut number);
            number[0]
        })
    }

    #[test]
    fn four_outputs_of_three_taps_are_those_of_the_taps_added_up() {
        let (d, g) = ([3.0, -1.0, 4.0, 1.0, -5.0, 9.0], [2.0, -7.0, 1.5]);
        let (at_d, at_g) = (axis(&Inputs, d), axis(&Filter, g));
        let products: [f32; SIDE] = std::array::from_fn(|at| at_d[at] * at_g[at]);
        for (at, found) in axis(&Outputs, products).iter().enumerate() {
            let plain: f32 = (0..TAPS).map(|tap| d[at + tap] * g[tap]).sum();
            assert!((found - plain).abs() < 1e-4, "{at}: {found} is not {plain}");
        }
    }

    /// Of each pair of unit vectors: what one turning makes of the first along the second is what the other makes of the
    /// second along the first.
    fn transposed<const N: usize, const M: usize>(turning: &impl Turn<N, M>, back: &impl Turn<M, N>) {
        for n in 0..N {
            for m in 0..M {
                let there = axis(turning, std::array::from_fn(|at| f32::from(u8::from(at == n))))[m];
                let here = axis(back, std::array::from_fn(|at| f32::from(u8::from(at == m))))[n];
                assert!((there - here).abs() < 1e-6, "{n}, {m}: {there} is not {here}");
            }
        }
    }

    #[test]
    fn each_way_back_is_its_turning_transposed() {
        transposed(&Inputs, &InputsBack);
        transposed(&Outputs, &OutputsBack);
        transposed(&Filter, &FilterBack);
    }
}
