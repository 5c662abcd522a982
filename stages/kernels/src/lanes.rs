//! Some channels beside one another: [`Lanes`], a number of each, worked on at once; planes are woven into places of [`LANES`]
//! numbers ([`weave`]) and unwoven ([`unweave`]).

use crate::lines::{LANES, by_processor};
use pulp::Simd;
use std::ops::{Add, Mul, Sub};

/// As many numbers as the processor works on at once: they divide [`LANES`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lanes<S: Simd> {
    simd: S,
    numbers: S::f32s,
}

impl<S: Simd> Lanes<S> {
    pub(crate) const COUNT: usize = S::F32_LANES;

    #[inline(always)]
    pub(crate) fn zero(simd: S) -> Self {
        Self { simd, numbers: simd.splat_f32s(0.0) }
    }

    /// The first of some numbers.
    #[inline(always)]
    pub(crate) fn load(simd: S, from: &[f32]) -> Self {
        Self { simd, numbers: S::as_simd_f32s(&from[..Self::COUNT]).0[0] }
    }

    #[inline(always)]
    pub(crate) fn store(self, to: &mut [f32]) {
        S::as_mut_simd_f32s(&mut to[..Self::COUNT]).0[0] = self.numbers;
    }

    /// self + x factor, rounded once.
    #[inline(always)]
    pub(crate) fn plus(self, x: Self, factor: f32) -> Self {
        let simd = self.simd;
        Self { simd, numbers: simd.mul_add_f32s(x.numbers, simd.splat_f32s(factor), self.numbers) }
    }
}

impl<S: Simd> Add for Lanes<S> {
    type Output = Self;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self { numbers: self.simd.add_f32s(self.numbers, other.numbers), ..self }
    }
}

impl<S: Simd> Sub for Lanes<S> {
    type Output = Self;

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self { numbers: self.simd.sub_f32s(self.numbers, other.numbers), ..self }
    }
}

impl<S: Simd> Mul<f32> for Lanes<S> {
    type Output = Self;

    #[inline(always)]
    fn mul(self, factor: f32) -> Self {
        Self { numbers: self.simd.mul_f32s(self.numbers, self.simd.splat_f32s(factor)), ..self }
    }
}

/// A function of [`Lanes`] that is compiled for each kind of vectors, the widest chosen at run time. Everything that it calls
/// is inlined; closures would not be.
macro_rules! by_lanes {
    ($(#[$doc:meta])* $vis:vis fn $name:ident<$($life:lifetime),*>($simd:ident: $kind:ident, $($arg:ident: $ty:ty),* $(,)?) $body:block) => {
        $(#[$doc])*
        $vis fn $name<$($life),*>($($arg: $ty),*) {
            struct Work<$($life),*> {
                $($arg: $ty),*
            }
            impl<$($life),*> pulp::WithSimd for Work<$($life),*> {
                type Output = ();

                #[inline(always)]
                #[allow(clippy::needless_range_loop, reason = "closures are not inlined")]
                fn with_simd<$kind: pulp::Simd>(self, $simd: $kind) {
                    let Self { $($arg),* } = self;
                    $body
                }
            }
            pulp::Arch::new().dispatch(Work { $($arg),* });
        }
    };
}
pub(crate) use by_lanes;

/// Whether the processor has vectors that [`Lanes`] knows.
pub(crate) fn are_wide() -> bool {
    struct Width;
    impl pulp::WithSimd for Width {
        type Output = usize;

        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) -> usize {
            S::F32_LANES
        }
    }
    pulp::Arch::new().dispatch(Width) > 1
}

by_processor! {
    /// `to`, places of [`LANES`] numbers, becomes the first of as many numbers of each channel, `stride` apart.
    pub(crate) fn weave(to: &mut [f32], from: &[f32], stride: usize) {
        for (at, to) in to.chunks_exact_mut(LANES).enumerate() {
            for (lane, to) in to.iter_mut().enumerate() {
                *to = from[lane * stride + at];
            }
        }
    }
}

by_processor! {
    /// The way back: each channel's numbers, `stride` apart, from places of [`LANES`] numbers.
    pub(crate) fn unweave(to: &mut [f32], from: &[f32], stride: usize) {
        for (at, from) in from.chunks_exact(LANES).enumerate() {
            for (lane, from) in from.iter().enumerate() {
                to[lane * stride + at] = *from;
            }
        }
    }
}
