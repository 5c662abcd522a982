//! What is done to one line of numbers at a time: reading it through a norm, its moments, and their gradients, each
//! compiled for AVX-512, for AVX2 and plainly, the best chosen at run time.

/// Numbers added side by side, so that a sum has one order on every processor.
pub(crate) const LANES: usize = 16;

/// One channel as it is read: min(max((x - mean) scale + shift, low), high).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line {
    pub(crate) mean: f32,
    pub(crate) scale: f32,
    pub(crate) shift: f32,
    pub(crate) low: f32,
    pub(crate) high: f32,
}

impl Line {
    /// Before the bounds.
    #[inline(always)]
    fn normed(self, x: f32) -> f32 {
        (x - self.mean) * self.scale + self.shift
    }

    /// A number that is none stays none: a diverged network must show.
    #[inline(always)]
    fn read(self, x: f32) -> f32 {
        let y = self.normed(x);
        let y = if y < self.low { self.low } else { y };
        if y > self.high { self.high } else { y }
    }

    /// The gradient that passes the bounds: `PyTorch`'s is 0 on them.
    #[inline(always)]
    fn passed(self, gradient: f32, x: f32) -> f32 {
        let y = self.normed(x);
        if y <= self.low || y >= self.high { 0.0 } else { gradient }
    }
}

/// One channel's way back through a norm of batch statistics: dx = gain (dz - mean of dz) - pull (x - mean).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Back {
    pub(crate) mean: f32,
    pub(crate) gain: f32,
    pub(crate) mean_gradient: f32,
    pub(crate) pull: f32,
}

/// What the processor can do.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub(crate) enum Level {
    Plain,
    Avx2,
    Avx512,
}

#[cfg(target_arch = "x86_64")]
pub(crate) fn level() -> Level {
    if std::arch::is_x86_feature_detected!("avx512f")
        && std::arch::is_x86_feature_detected!("avx512vl")
        && std::arch::is_x86_feature_detected!("avx512bw")
        && std::arch::is_x86_feature_detected!("avx512dq")
    {
        Level::Avx512
    } else if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
        Level::Avx2
    } else {
        Level::Plain
    }
}

/// A function that is compiled for each level of the processor and called for the one at hand.
macro_rules! by_processor {
    ($(#[$doc:meta])* $vis:vis fn $name:ident $(<const $k:ident: usize>)? ($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? $body:block) => {
        $(#[$doc])*
        #[allow(unsafe_code, clippy::too_many_arguments)]
        $vis fn $name $(<const $k: usize>)? ($($arg: $ty),*) $(-> $ret)? {
            #[inline(always)]
            fn body $(<const $k: usize>)? ($($arg: $ty),*) $(-> $ret)? $body
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
                fn avx512 $(<const $k: usize>)? ($($arg: $ty),*) $(-> $ret)? {
                    body $(::<$k>)? ($($arg),*)
                }
                #[target_feature(enable = "avx2,fma")]
                fn avx2 $(<const $k: usize>)? ($($arg: $ty),*) $(-> $ret)? {
                    body $(::<$k>)? ($($arg),*)
                }
                match $crate::lines::level() {
                    // SAFETY: the processor was just asked for every feature that the function is compiled with.
                    $crate::lines::Level::Avx512 => return unsafe { avx512 $(::<$k>)? ($($arg),*) },
                    // SAFETY: as above.
                    $crate::lines::Level::Avx2 => return unsafe { avx2 $(::<$k>)? ($($arg),*) },
                    $crate::lines::Level::Plain => {}
                }
            }
            body $(::<$k>)? ($($arg),*)
        }
    };
}
pub(crate) use by_processor;

by_processor! {
    /// `to` becomes `from` read through its norm and bounds.
    pub(crate) fn read(to: &mut [f32], from: &[f32], line: Line) {
        for (to, x) in to.iter_mut().zip(from) {
            *to = line.read(*x);
        }
    }
}

by_processor! {
    /// `to` becomes the gradient of a norm's input, `x`, from that of its output, `dz`.
    pub(crate) fn back(to: &mut [f32], dz: &[f32], x: &[f32], back: Back) {
        for ((to, dz), x) in to.iter_mut().zip(dz).zip(x) {
            *to = back.gain * (dz - back.mean_gradient) - back.pull * (x - back.mean);
        }
    }
}

by_processor! {
    /// `to` becomes what of the gradient `da` passes the bounds of a line read from `x`; the sums of it, and of it times
    /// x - mean.
    pub(crate) fn passed(to: &mut [f32], da: &[f32], x: &[f32], line: Line) -> [f64; 2] {
        let (mut sums, mut moments) = ([0.0f32; LANES], [0.0f32; LANES]);
        let split = to.len() / LANES * LANES;
        let (to_lanes, to_rest) = to.split_at_mut(split);
        let (da_lanes, da_rest) = da[..split + to_rest.len()].split_at(split);
        let (x_lanes, x_rest) = x[..split + to_rest.len()].split_at(split);
        let lanes = to_lanes.chunks_exact_mut(LANES).zip(da_lanes.chunks_exact(LANES)).zip(x_lanes.chunks_exact(LANES));
        for ((to, da), x) in lanes {
            for at in 0..LANES {
                let dz = line.passed(da[at], x[at]);
                to[at] = dz;
                sums[at] += dz;
                moments[at] += dz * (x[at] - line.mean);
            }
        }
        for (at, ((to, da), x)) in to_rest.iter_mut().zip(da_rest).zip(x_rest).enumerate() {
            let dz = line.passed(*da, *x);
            *to = dz;
            sums[at] += dz;
            moments[at] += dz * (x - line.mean);
        }
        [total(sums), total(moments)]
    }
}

by_processor! {
    /// The sum of `dz`, and of it times x - mean.
    pub(crate) fn sums(dz: &[f32], x: &[f32], mean: f32) -> [f64; 2] {
        let (mut sums, mut moments) = ([0.0f32; LANES], [0.0f32; LANES]);
        let (dz_lanes, x_lanes) = (dz.chunks_exact(LANES), x.chunks_exact(LANES));
        let rest = dz_lanes.remainder().iter().zip(x_lanes.remainder());
        for (at, (dz, x)) in rest.enumerate() {
            sums[at] += dz;
            moments[at] += dz * (x - mean);
        }
        for (dz, x) in dz_lanes.zip(x_lanes) {
            for at in 0..LANES {
                sums[at] += dz[at];
                moments[at] += dz[at] * (x[at] - mean);
            }
        }
        [total(sums), total(moments)]
    }
}

by_processor! {
    /// The mean of some values and the sum of the squares of their distances from it.
    pub(crate) fn moments(x: &[f32]) -> [f64; 2] {
        let lanes = x.chunks_exact(LANES);
        let mut sums = [0.0f32; LANES];
        for (sum, x) in sums.iter_mut().zip(lanes.remainder()) {
            *sum = *x;
        }
        for x in lanes.clone() {
            for at in 0..LANES {
                sums[at] += x[at];
            }
        }
        let mean = total(sums) / x.len() as f64;
        let near = mean as f32;
        let mut squares = [0.0f32; LANES];
        for (square, x) in squares.iter_mut().zip(lanes.remainder()) {
            *square = (x - near) * (x - near);
        }
        for x in lanes {
            for at in 0..LANES {
                squares[at] += (x[at] - near) * (x[at] - near);
            }
        }
        [mean, total(squares)]
    }
}

by_processor! {
    /// `to` grows by `from`.
    pub(crate) fn grow(to: &mut [f32], from: &[f32]) {
        for (to, x) in to.iter_mut().zip(from) {
            *to += x;
        }
    }
}

by_processor! {
    /// `to` becomes a norm's output, read from `x` without bounds, plus what stands in it, within `low` and `high`.
    pub(crate) fn join(to: &mut [f32], x: &[f32], line: Line, low: f32, high: f32) {
        for (to, x) in to.iter_mut().zip(x) {
            let y = *to + line.normed(*x);
            let y = if y < low { low } else { y };
            *to = if y > high { high } else { y };
        }
    }
}

by_processor! {
    /// `to` becomes what of `gradient` passes the bounds that `out` was held in.
    pub(crate) fn within(to: &mut [f32], gradient: &[f32], out: &[f32], low: f32, high: f32) {
        for ((to, gradient), out) in to.iter_mut().zip(gradient).zip(out) {
            *to = if *out <= low || *out >= high { 0.0 } else { *gradient };
        }
    }
}

/// In double precision, in their order.
#[inline(always)]
pub(crate) fn total(lanes: [f32; LANES]) -> f64 {
    lanes.iter().map(|lane| f64::from(*lane)).sum()
}
