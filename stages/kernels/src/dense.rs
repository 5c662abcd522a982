//! Dense convolutions of larger kernels or strides: each tap is a matrix product with a shifted view of the padded planes,
//! so that no matrix of patches is ever written; where there are few channels, small tiles of it are.

use crate::flow::{Found, Gradient, Part, Sink, Source, Want, gather, groups, scratch, split};
use crate::norm::Moments;
use crate::pool;
use crate::product::{Onto, View, product};
use crate::shape::{Conv, Grid};
use rayon::prelude::*;
use std::ops::Range;

/// Below so many channels the products of single taps are too thin.
const THIN: usize = 16;

/// Whether tiles of the matrix of patches are written, to be multiplied by the weights as they are.
pub(crate) fn is_thin(conv: &Conv) -> bool {
    conv.channels < THIN
}

/// Places of outputs worked on at once, at least.
const PLACES: usize = 768;

/// How the photographs of a group are worked on: so many at once, rows of places by rows.
struct Plan {
    grid: Grid,
    photos: usize,
    rows: usize,
}

impl Plan {
    fn new(conv: &Conv, group: &Range<usize>) -> Self {
        let photos = PLACES.div_ceil(conv.out_plane()).min(group.len());
        let grid = Grid::new(*conv, photos);
        let rows = PLACES.div_ceil(grid.columns).min(grid.output_rows());
        Self { grid, photos, rows }
    }

    /// The photographs of each turn.
    fn turns(&self, group: &Range<usize>) -> impl Iterator<Item = Range<usize>> + use<> {
        let (end, photos) = (group.end, self.photos);
        group.clone().step_by(photos).map(move |start| start..(start + photos).min(end))
    }

    /// The rows of places of each tile.
    fn tiles(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let (all, rows) = (self.grid.output_rows(), self.rows);
        (0..all).step_by(rows).map(move |start| start..(start + rows).min(all))
    }

    fn places(&self, tile: &Range<usize>) -> usize {
        tile.len() * self.grid.columns
    }
}

/// The planes of some photographs, a channel's lines a row.
fn put(plan: &Plan, conv: &Conv, source: &Source, photos: &Range<usize>, lines: &mut [f32], row: &mut [f32]) {
    for (channel, lines) in lines.chunks_exact_mut(plan.grid.length()).enumerate() {
        for (at, photo) in photos.clone().enumerate() {
            for y in 0..conv.height {
                let from = ((photo * conv.channels + channel) * conv.height + y) * conv.width;
                if let Some(place) = plan.grid.whole_row(at, y) {
                    source.read(&mut lines[place..place + conv.width], from, channel);
                } else {
                    source.read(row, from, channel);
                    plan.grid.put(lines, at, y, row);
                }
            }
        }
    }
}

/// The shifted lines of all taps for the places of a tile, a channel's tap a row: the matrix of patches.
fn patches(plan: &Plan, lines: &[f32], tile: &Range<usize>, to: &mut [f32]) {
    let (start, places) = (tile.start * plan.grid.columns, plan.places(tile));
    let mut rows = to.chunks_exact_mut(places);
    for lines in lines.chunks_exact(plan.grid.length()) {
        for tap in &plan.grid.taps {
            let row = rows.next().expect("a row a tap");
            row.copy_from_slice(&lines[tap + start..tap + start + places]);
        }
    }
}

/// `[out, channels, taps]` -> `[taps, out, channels]`.
pub(crate) fn by_tap(conv: &Conv, weight: &[f32]) -> Vec<f32> {
    let (taps, pairs) = (conv.taps(), conv.out * conv.channels);
    let mut turned = vec![0.0; weight.len()];
    turned.par_chunks_mut(pairs).enumerate().for_each(|(tap, to)| {
        for (pair, to) in to.iter_mut().enumerate() {
            *to = weight[pair * taps + tap];
        }
    });
    turned
}

/// Pairs of channels turned at once.
const BLOCK: usize = 1 << 10;

/// The way back.
fn by_pair(conv: &Conv, turned: &[f32], weight: &mut [f32]) {
    let (taps, pairs) = (conv.taps(), conv.out * conv.channels);
    weight.par_chunks_mut(taps * BLOCK).enumerate().for_each(|(block, to)| {
        for (at, to) in to.chunks_exact_mut(taps).enumerate() {
            for (tap, to) in to.iter_mut().enumerate() {
                *to = turned[tap * pairs + block * BLOCK + at];
            }
        }
    });
}

/// The weights are those [`by_tap`], but where the convolution [`is_thin`].
pub(crate) fn forward(conv: &Conv, source: &Source, weight: &[f32], out: &mut [f32], want: Want) -> Vec<Vec<Moments>> {
    let groups = groups(out.len() / conv.outputs(), conv.out_plane());
    let parts = split(out, &groups, conv.outputs());
    let thin = is_thin(conv);
    let pairs = conv.out * conv.channels;
    let work = |(group, out): (&Range<usize>, &mut [f32])| {
        let plan = Plan::new(conv, group);
        let (grid, columns) = (&plan.grid, plan.grid.columns);
        let most = plan.rows * columns;
        let mut lines = pool::zeros(conv.channels * grid.length());
        let mut row = scratch(conv.width);
        let mut result = scratch(conv.out * most);
        let mut patch = scratch(if thin { conv.channels * conv.taps() * most } else { 0 });
        for photos in plan.turns(group) {
            put(&plan, conv, source, &photos, &mut lines, &mut row);
            for tile in plan.tiles() {
                let places = plan.places(&tile);
                if thin {
                    patches(&plan, &lines, &tile, &mut patch);
                    let each = conv.channels * conv.taps();
                    let weight = View::new(weight, conv.out, each, each);
                    product(&mut result, places, Onto::Nothing, weight, View::new(&patch, each, places, places));
                } else {
                    for (number, tap) in grid.taps.iter().enumerate() {
                        let weight = View::new(&weight[number * pairs..], conv.out, conv.channels, conv.channels);
                        let x = &lines[tap + tile.start * columns..];
                        let onto = if number == 0 { Onto::Nothing } else { Onto::Sum };
                        let x = View::new(x, conv.channels, places, grid.length());
                        product(&mut result, places, onto, weight, x);
                    }
                }
                for (at, row) in tile.enumerate() {
                    let Some((photo, y)) = grid.output_row(row).filter(|(photo, _)| *photo < photos.len()) else {
                        continue;
                    };
                    for channel in 0..conv.out {
                        let place = channel * places + at * columns;
                        let photo = photos.start - group.start + photo;
                        let to = ((photo * conv.out + channel) * conv.out_height() + y) * conv.out_width();
                        out[to..to + conv.out_width()].copy_from_slice(&result[place..place + conv.out_width()]);
                    }
                }
            }
        }
        want.of_planes(out, conv.out, conv.out_plane())
    };
    groups.par_iter().zip(parts).map(work).collect()
}

/// Gradients of weights, and of the input into `sink`.
pub(crate) fn backward(conv: &Conv, source: &Source, gradient: &Gradient, weight: &[f32], sink: Sink) -> Found {
    let groups = groups(gradient.y.len() / conv.outputs(), conv.out_plane());
    let parts = sink.parts(&groups, conv.inputs(), conv.channels);
    let thin = is_thin(conv) && parts.iter().all(Part::is_nowhere);
    let turned = by_tap(conv, weight);
    let pairs = conv.out * conv.channels;
    let work = |(group, mut part): (&Range<usize>, Part)| {
        let plan = Plan::new(conv, group);
        let (grid, columns) = (&plan.grid, plan.grid.columns);
        let most = plan.rows * columns;
        let length = grid.length();
        let mut lines = pool::zeros(conv.channels * length);
        let mut row = scratch(conv.width);
        let mut back = scratch(if part.is_nowhere() { 0 } else { conv.channels * length });
        let mut dy = scratch(conv.out * most);
        let mut patch = scratch(if thin { conv.channels * conv.taps() * most } else { 0 });
        let mut weights = pool::zeros(conv.weights());
        let start = group.start * conv.inputs();
        for photos in plan.turns(group) {
            put(&plan, conv, source, &photos, &mut lines, &mut row);
            back.fill(0.0);
            for tile in plan.tiles() {
                let places = plan.places(&tile);
                dy[..conv.out * places].fill(0.0);
                for (at, row) in tile.clone().enumerate() {
                    let Some((photo, y)) = grid.output_row(row).filter(|(photo, _)| *photo < photos.len()) else {
                        continue;
                    };
                    for channel in 0..conv.out {
                        let place = channel * places + at * columns;
                        let photo = photos.start + photo;
                        let from = ((photo * conv.out + channel) * conv.out_height() + y) * conv.out_width();
                        gradient.read(&mut dy[place..place + conv.out_width()], from, channel);
                    }
                }
                let dy = View::new(&dy, conv.out, places, places);
                if thin {
                    patches(&plan, &lines, &tile, &mut patch);
                    let each = conv.channels * conv.taps();
                    let x = View::new(&patch, each, places, places);
                    product(&mut weights, each, Onto::Sum, dy, x.transposed());
                    continue;
                }
                for (number, tap) in grid.taps.iter().enumerate() {
                    let at = tap + tile.start * columns;
                    let x = View::new(&lines[at..], conv.channels, places, length);
                    product(&mut weights[number * pairs..], conv.channels, Onto::Sum, dy, x.transposed());
                    if !part.is_nowhere() {
                        let weight = View::new(&turned[number * pairs..], conv.out, conv.channels, conv.channels);
                        product(&mut back[at..], length, Onto::Sum, weight.transposed(), dy);
                    }
                }
            }
            if part.is_nowhere() {
                continue;
            }
            for (channel, lines) in back.chunks_exact(length).enumerate() {
                for (at, photo) in photos.clone().enumerate() {
                    for y in 0..conv.height {
                        let to = ((photo * conv.channels + channel) * conv.height + y) * conv.width;
                        if let Some(place) = grid.whole_row(at, y) {
                            part.put(source, to, start, channel, &lines[place..place + conv.width]);
                        } else {
                            grid.get(lines, at, y, &mut row);
                            part.put(source, to, start, channel, &row);
                        }
                    }
                }
            }
        }
        Found { weights, sums: part.sums }
    };
    let mut found = gather(groups.par_iter().zip(parts).map(work).collect());
    if !thin {
        let mut weights = pool::take(conv.weights());
        by_pair(conv, &found.weights, &mut weights);
        found.weights = weights;
    }
    found
}
