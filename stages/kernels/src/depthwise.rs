//! Depthwise convolutions: a plane at a time, in the nearest cache, taps as shifts along one line of numbers.

use crate::flow::{Found, Gradient, Part, Sink, Source, Want, gather, groups, scratch, split};
use crate::lines::{LANES, by_processor, total};
use crate::norm::Moments;
use crate::pool;
use crate::shape::{Conv, Grid};
use rayon::prelude::*;
use std::ops::Range;

/// Numbers of `to` that are worked on at once.
const BLOCK: usize = 4 * LANES;

by_processor! {
    /// `to[p]` becomes the sum over taps (start, weight) of weight x `lines[start + p]`; `to` is whole blocks.
    fn weigh(to: &mut [f32], lines: &[f32], taps: &[(usize, f32)]) {
        for (at, to) in to.chunks_exact_mut(BLOCK).enumerate() {
            let mut sums = [0.0f32; BLOCK];
            for (start, weight) in taps {
                let from = &lines[start + at * BLOCK..][..BLOCK];
                for (sum, x) in sums.iter_mut().zip(from) {
                    *sum = x.mul_add(*weight, *sum);
                }
            }
            to.copy_from_slice(&sums);
        }
    }
}

by_processor! {
    /// The sum over p of `dy[p]` x `x[p]`; both are whole blocks.
    fn dot(dy: &[f32], x: &[f32]) -> f32 {
        let mut sums = [0.0f32; BLOCK];
        for (dy, x) in dy.chunks_exact(BLOCK).zip(x.chunks_exact(BLOCK)) {
            for at in 0..BLOCK {
                sums[at] = dy[at].mul_add(x[at], sums[at]);
            }
        }
        let mut lanes = [0.0f32; LANES];
        for part in sums.chunks_exact(LANES) {
            for at in 0..LANES {
                lanes[at] += part[at];
            }
        }
        total(lanes) as f32
    }
}

by_processor! {
    /// [`dot`] of `dy` with the lines from each of `K` starts on.
    fn dots<const K: usize>(dy: &[f32], lines: &[f32], starts: &[usize], to: &mut [f32]) {
        let mut sums = [[0.0f32; LANES]; K];
        let starts: &[usize; K] = starts.try_into().expect("as many starts as sums");
        for (at, dy) in dy.chunks_exact(LANES).enumerate() {
            for k in 0..K {
                let x = &lines[starts[k] + at * LANES..][..LANES];
                for lane in 0..LANES {
                    sums[k][lane] = dy[lane].mul_add(x[lane], sums[k][lane]);
                }
            }
        }
        for (to, sums) in to.iter_mut().zip(sums) {
            *to += total(sums) as f32;
        }
    }
}

/// One plane of `source` into its lines.
fn put(grid: &Grid, conv: &Conv, source: &Source, photo: usize, channel: usize, lines: &mut [f32], row: &mut [f32]) {
    let start = (photo * conv.channels + channel) * conv.in_plane();
    for y in 0..conv.height {
        let at = start + y * conv.width;
        if let Some(place) = grid.whole_row(0, y) {
            source.read(&mut lines[place..place + conv.width], at, channel);
        } else {
            source.read(row, at, channel);
            grid.put(lines, 0, y, row);
        }
    }
}

pub(crate) fn forward(conv: &Conv, source: &Source, weight: &[f32], out: &mut [f32], want: Want) -> Vec<Vec<Moments>> {
    let groups = groups(out.len() / conv.outputs(), conv.out_plane());
    let parts = split(out, &groups, conv.outputs());
    let grid = Grid::new(*conv, 1);
    let work = |(group, out): (&Range<usize>, &mut [f32])| {
        let mut lines = pool::zeros(grid.length());
        let mut row = scratch(conv.width);
        let mut line = scratch(grid.outputs().next_multiple_of(BLOCK));
        let mut planes = out.chunks_exact_mut(conv.out_plane());
        for photo in group.clone() {
            for channel in 0..conv.channels {
                put(&grid, conv, source, photo, channel, &mut lines, &mut row);
                let weights = &weight[channel * conv.taps()..(channel + 1) * conv.taps()];
                let taps: Vec<(usize, f32)> = grid.taps.iter().copied().zip(weights.iter().copied()).collect();
                weigh(&mut line, &lines, &taps);
                let plane = planes.next().expect("a plane a channel");
                for (y, to) in plane.chunks_exact_mut(conv.out_width()).enumerate() {
                    let at = grid.output_at(0, y);
                    to.copy_from_slice(&line[at..at + conv.out_width()]);
                }
            }
        }
        want.of_planes(out, conv.channels, conv.out_plane())
    };
    groups.par_iter().zip(parts).map(work).collect()
}

/// Gradients of weights, and of the input into `sink`.
pub(crate) fn backward(conv: &Conv, source: &Source, gradient: &Gradient, weight: &[f32], sink: Sink) -> Found {
    let groups = groups(gradient.y.len() / conv.outputs(), conv.out_plane());
    let parts = sink.parts(&groups, conv.inputs(), conv.channels);
    let grid = Grid::new(*conv, 1);
    let line = grid.line();
    // What the earliest output of a tap reaches back to lies before the outputs' gradients: zeros.
    let reach = grid.taps.iter().map(|tap| tap % line).max().expect("a kernel has taps").next_multiple_of(LANES);
    let places = grid.outputs().next_multiple_of(BLOCK);
    let phase_length = line / BLOCK * BLOCK;
    let work = |(group, mut part): (&Range<usize>, Part)| {
        let mut lines = pool::zeros(grid.length());
        let mut row = scratch(conv.width);
        let mut dy = pool::zeros(reach + line + BLOCK);
        let mut back = pool::zeros(grid.length());
        let mut weights = pool::zeros(conv.weights());
        let start = group.start * conv.inputs();
        for photo in group.clone() {
            for channel in 0..conv.channels {
                put(&grid, conv, source, photo, channel, &mut lines, &mut row);
                for y in 0..conv.out_height() {
                    let at = ((photo * conv.out + channel) * conv.out_height() + y) * conv.out_width();
                    let place = reach + grid.output_at(0, y);
                    gradient.read(&mut dy[place..place + conv.out_width()], at, channel);
                }
                let own = channel * conv.taps()..(channel + 1) * conv.taps();
                let found = &mut weights[own.clone()];
                let places = &dy[reach..reach + places];
                match found.len() {
                    9 => dots::<9>(places, &lines, &grid.taps, found),
                    25 => dots::<25>(places, &lines, &grid.taps, found),
                    _ => {
                        for (found, tap) in found.iter_mut().zip(&grid.taps) {
                            *found += dot(places, &lines[*tap..*tap + places.len()]);
                        }
                    }
                }
                if part.is_nowhere() {
                    continue;
                }
                for (phase, back) in back.chunks_exact_mut(line).enumerate() {
                    let own = grid.taps.iter().zip(&weight[own.clone()]).filter(|(tap, _)| **tap / line == phase);
                    let taps: Vec<(usize, f32)> = own.map(|(tap, weight)| (reach - tap % line, *weight)).collect();
                    weigh(&mut back[..phase_length], &dy, &taps);
                }
                for y in 0..conv.height {
                    let at = ((photo * conv.channels + channel) * conv.height + y) * conv.width;
                    if let Some(place) = grid.whole_row(0, y) {
                        part.put(source, at, start, channel, &back[place..place + conv.width]);
                    } else {
                        grid.get(&back, 0, y, &mut row);
                        part.put(source, at, start, channel, &row);
                    }
                }
            }
        }
        Found { weights, sums: part.sums }
    };
    gather(groups.par_iter().zip(parts).map(work).collect())
}
