//! What goes into a convolution and comes out of it, forwards and backwards, and the photographs that are worked on
//! together: [`Source`], [`Gradient`], [`Sink`], [`groups`].

use crate::lines::{self, Back, LANES};
use crate::norm::{Moments, Reading};
use crate::pool::{self, Buffer};
use crate::product::Onto;
use rayon::prelude::*;
use std::ops::Range;

/// A convolution's input, read through the norm before it where there is one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) reading: Option<&'a Reading>,
}

impl<'a> Source<'a> {
    /// Values from a place on, of one channel.
    pub(crate) fn read(&self, to: &mut [f32], at: usize, channel: usize) {
        let from = &self.values[at..at + to.len()];
        match self.reading {
            Some(reading) => lines::read(to, from, reading.lines[channel]),
            None => to.copy_from_slice(from),
        }
    }

    /// The values as they lie, where they are read as they are.
    pub(crate) fn plain(&self) -> Option<&'a [f32]> {
        self.reading.is_none().then_some(self.values)
    }
}

/// The gradient of a convolution's output `y`, made of that of the output of the norm after it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gradient<'a> {
    pub(crate) dz: &'a [f32],
    pub(crate) y: &'a [f32],
    pub(crate) backs: &'a [Back],
}

impl Gradient<'_> {
    /// Values from a place on, of one channel.
    pub(crate) fn read(&self, to: &mut [f32], at: usize, channel: usize) {
        let there = at..at + to.len();
        lines::back(to, &self.dz[there.clone()], &self.y[there], self.backs[channel]);
    }
}

/// Where the gradient of a convolution's input goes.
#[derive(Debug)]
pub(crate) enum Sink<'a> {
    Nowhere,
    /// The input itself has the gradient.
    Plain(&'a mut [f32], Onto),
    /// What passes the bounds of the norm that the input was read through; that norm's sums are kept.
    Passed(&'a mut [f32]),
}

/// The part of a [`Sink`] that belongs to a group of photographs.
#[derive(Debug)]
pub(crate) struct Part<'a> {
    to: Option<&'a mut [f32]>,
    onto: Onto,
    /// The first of its channels.
    first: usize,
    /// Of each channel: the sum of the gradient, and of it times the distance from the mean.
    pub(crate) sums: Vec<[f64; 2]>,
}

impl Part<'_> {
    pub(crate) fn is_nowhere(&self) -> bool {
        self.to.is_none()
    }

    /// Takes the gradient of `source`'s values from `at` on, of a channel; `start` is where the group begins.
    pub(crate) fn put(&mut self, source: &Source, at: usize, start: usize, channel: usize, da: &[f32]) {
        let Some(to) = &mut self.to else { return };
        let to = &mut to[at - start..at - start + da.len()];
        match (source.reading, self.onto) {
            (Some(reading), _) => {
                let found = lines::passed(to, da, &source.values[at..at + da.len()], reading.lines[channel]);
                let sums = &mut self.sums[channel - self.first];
                *sums = [sums[0] + found[0], sums[1] + found[1]];
            }
            (None, Onto::Nothing) => to.copy_from_slice(da),
            (None, Onto::Sum) => lines::grow(to, da),
        }
    }
}

impl<'a> Sink<'a> {
    /// A part for each group of photographs of `each` numbers and `channels` channels.
    pub(crate) fn parts(self, groups: &[Range<usize>], each: usize, channels: usize) -> Vec<Part<'a>> {
        self.of(groups, each, |_| 0..channels)
    }

    /// A part for each [`LANES`] channels of each photograph.
    pub(crate) fn strips(self, count: usize, channels: usize, plane: usize) -> Vec<Part<'a>> {
        let blocks = channels / LANES;
        let strips: Vec<Range<usize>> = (0..count * blocks).map(|at| at..at + 1).collect();
        self.of(&strips, LANES * plane, |at| {
            let first = at % blocks * LANES;
            first..first + LANES
        })
    }

    fn of(self, groups: &[Range<usize>], each: usize, channels: impl Fn(usize) -> Range<usize>) -> Vec<Part<'a>> {
        let (to, onto) = match self {
            Self::Nowhere => (None, Onto::Nothing),
            Self::Plain(to, onto) => (Some(to), onto),
            Self::Passed(to) => (Some(to), Onto::Nothing),
        };
        let parts: Vec<Option<&mut [f32]>> = match to {
            None => groups.iter().map(|_| None).collect(),
            Some(to) => split(to, groups, each).into_iter().map(Some).collect(),
        };
        let part = |(at, to)| {
            let channels = channels(at);
            Part { to, onto, first: channels.start, sums: vec![[0.0; 2]; channels.len()] }
        };
        parts.into_iter().enumerate().map(part).collect()
    }
}

/// A slice's parts, `each` numbers a photograph, a group each.
pub(crate) fn split<'a>(mut rest: &'a mut [f32], groups: &[Range<usize>], each: usize) -> Vec<&'a mut [f32]> {
    let mut parts = Vec::with_capacity(groups.len());
    for group in groups {
        let (part, after) = std::mem::take(&mut rest).split_at_mut(group.len() * each);
        parts.push(part);
        rest = after;
    }
    parts
}

/// Photographs worked on one after the other, groups side by side. They depend on the shapes alone and never on the
/// number of threads, for each group adds up by itself, and then the groups in their order: some eight, and enough
/// photographs in each that their planes are wide enough a matrix together.
pub(crate) fn groups(count: usize, plane: usize) -> Vec<Range<usize>> {
    let wide = 192_usize.div_ceil(plane).min(count.div_ceil(4));
    let each = count.div_ceil(8).max(wide).max(1);
    (0..count).step_by(each).map(|start| start..(start + each).min(count)).collect()
}

/// What a group found on the way back: gradients of weights, and the sums of the norm before.
pub(crate) struct Found {
    pub(crate) weights: Buffer,
    pub(crate) sums: Vec<[f64; 2]>,
}

/// All groups' together.
pub(crate) fn gather(mut found: Vec<Found>) -> Found {
    let rest = found.split_off(1);
    let mut all = found.pop().expect("there is a group");
    // In the order of the groups, number by number.
    all.weights.par_chunks_mut(1 << 14).enumerate().for_each(|(at, to)| {
        for one in &rest {
            let start = at << 14;
            lines::grow(to, &one.weights[start..start + to.len()]);
        }
    });
    for one in &rest {
        for (sums, more) in all.sums.iter_mut().zip(&one.sums) {
            *sums = [sums[0] + more[0], sums[1] + more[1]];
        }
    }
    all
}

/// Whether a forward pass is asked for the moments of its outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Want {
    Moments,
    Nothing,
}

impl Want {
    /// The moments of whole planes, a channel each, one photograph after the other.
    pub(crate) fn of_planes(self, out: &[f32], channels: usize, plane: usize) -> Vec<Moments> {
        let mut moments = vec![Moments::default(); channels];
        if self == Self::Moments {
            for (at, values) in out.chunks_exact(plane).enumerate() {
                moments[at % channels].with(plane, lines::moments(values));
            }
        }
        moments
    }
}

/// Scratch of a group: it comes from the pool, so that it is warm.
pub(crate) fn scratch(length: usize) -> Buffer {
    pool::take(length)
}
