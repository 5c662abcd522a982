//! Compiled twice, for any processor and for one with wide vectors, and chosen when it runs: [`widely`].

use pulp::{Simd, WithSimd};

/// Does work as the processor does it fastest; what is inlined into the work is compiled for that processor. The work is in
/// whole numbers, so that its result is the same everywhere.
pub(super) fn widely<W: WithSimd>(work: W) -> W::Output {
    #[cfg(target_arch = "x86_64")]
    if let Some(simd) = pulp::x86::V3::try_new() {
        return Simd::vectorize(simd, work);
    }
    Simd::vectorize(pulp::Scalar::new(), work)
}
