//! 1x1 convolutions: matrix products of tiles that stay in the cache between reading, product and writing.

use crate::flow::{Found, Gradient, Part, Sink, Source, Want, gather, groups, scratch, split};
use crate::lines;
use crate::norm::Moments;
use crate::pool;
use crate::product::{Onto, View, product};
use crate::shape::Conv;
use rayon::prelude::*;
use std::ops::Range;

/// Columns of a tile: those of one photograph from `from` on, or those of several whole ones.
#[derive(Debug, Clone)]
struct Tile {
    photos: Range<usize>,
    from: usize,
    /// Of each photograph.
    columns: usize,
}

/// Numbers of a tile, input and output together, that the cache of a core holds.
const CACHED: usize = 96 * 1024;

/// The tiles of a group of photographs; together, small planes make one.
fn tiles(conv: &Conv, group: &Range<usize>, together: Together) -> Vec<Tile> {
    let plane = conv.in_plane();
    let most = (CACHED / (conv.channels + conv.out)).next_multiple_of(64).max(192);
    if plane > most {
        let cuts = plane.div_ceil(most);
        let columns = plane.div_ceil(cuts).next_multiple_of(16);
        let tile = |photo, from| Tile { photos: photo..photo + 1, from, columns: columns.min(plane - from) };
        return group
            .clone()
            .flat_map(|photo| (0..plane).step_by(columns).map(move |from| tile(photo, from)))
            .collect();
    }
    let each = match together {
        Together::Many => (most / plane).max(1),
        Together::Alone => 1,
    };
    let tile = |start: usize| Tile { photos: start..(start + each).min(group.end), from: 0, columns: plane };
    group.clone().step_by(each).map(tile).collect()
}

/// Whether a product may be of several photographs: then the bits of one depend on how many others there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Together {
    Many,
    Alone,
}

impl Tile {
    fn width(&self) -> usize {
        self.photos.len() * self.columns
    }

    /// The stretches of a channel: where they begin among the numbers of all photographs, and in the tile.
    fn stretches(&self, channel: usize, channels: usize, plane: usize) -> impl Iterator<Item = (usize, usize)> + use<> {
        let (from, columns) = (self.from, self.columns);
        self.photos
            .clone()
            .enumerate()
            .map(move |(at, photo)| ((photo * channels + channel) * plane + from, at * columns))
    }

    /// Fills a matrix of the tile, a channel a row.
    fn fill(&self, matrix: &mut [f32], channels: usize, plane: usize, mut read: impl FnMut(&mut [f32], usize, usize)) {
        for (channel, row) in matrix.chunks_exact_mut(self.width()).take(channels).enumerate() {
            for (at, place) in self.stretches(channel, channels, plane) {
                read(&mut row[place..place + self.columns], at, channel);
            }
        }
    }
}

pub(crate) fn forward(
    conv: &Conv,
    source: &Source,
    weight: &[f32],
    out: &mut [f32],
    want: Want,
    together: Together,
) -> Vec<Vec<Moments>> {
    let plane = conv.in_plane();
    let groups = groups(out.len() / conv.outputs(), plane);
    let parts = split(out, &groups, conv.outputs());
    let weight = View::new(weight, conv.out, conv.channels, conv.channels);
    let work = |(group, out): (&Range<usize>, &mut [f32])| {
        let tiles = tiles(conv, group, together);
        let widest = tiles.iter().map(Tile::width).max().unwrap_or(0);
        let mut input = scratch(widest * conv.channels);
        let mut output = scratch(widest * conv.out);
        let mut moments = vec![Moments::default(); conv.out];
        let start = group.start * conv.outputs();
        for tile in tiles {
            let width = tile.width();
            let one = tile.photos.len() == 1;
            let input = if let (Some(values), true) = (source.plain(), one) {
                let at = tile.photos.start * conv.inputs() + tile.from;
                View::new(&values[at..], conv.channels, width, plane)
            } else {
                tile.fill(&mut input, conv.channels, plane, |to, at, channel| source.read(to, at, channel));
                View::new(&input, conv.channels, width, width)
            };
            if one {
                let at = tile.photos.start * conv.outputs() + tile.from - start;
                product(&mut out[at..], plane, Onto::Nothing, weight, input);
            } else {
                product(&mut output, width, Onto::Nothing, weight, input);
            }
            for (channel, moments) in moments.iter_mut().enumerate() {
                for (at, place) in tile.stretches(channel, conv.out, plane) {
                    let there = &mut out[at - start..at - start + tile.columns];
                    if !one {
                        there.copy_from_slice(&output[channel * width + place..][..tile.columns]);
                    }
                    if want == Want::Moments {
                        moments.with(tile.columns, lines::moments(there));
                    }
                }
            }
        }
        moments
    };
    groups.par_iter().zip(parts).map(work).collect()
}

/// Gradients of weights, and of the input into `sink`.
pub(crate) fn backward(conv: &Conv, source: &Source, gradient: &Gradient, weight: &[f32], sink: Sink) -> Found {
    let plane = conv.in_plane();
    let groups = groups(gradient.y.len() / conv.outputs(), plane);
    let parts = sink.parts(&groups, conv.inputs(), conv.channels);
    let weight = View::new(weight, conv.out, conv.channels, conv.channels);
    let work = |(group, mut part): (&Range<usize>, Part)| {
        let tiles = tiles(conv, group, Together::Many);
        let widest = tiles.iter().map(Tile::width).max().unwrap_or(0);
        let mut input = scratch(widest * conv.channels);
        let mut output = scratch(widest * conv.out);
        let mut weights = pool::take(conv.weights());
        let start = group.start * conv.inputs();
        for (number, tile) in tiles.iter().enumerate() {
            let width = tile.width();
            tile.fill(&mut output, conv.out, plane, |to, at, channel| gradient.read(to, at, channel));
            let dy = View::new(&output, conv.out, width, width);
            let x = if let (Some(values), 1) = (source.plain(), tile.photos.len()) {
                let at = tile.photos.start * conv.inputs() + tile.from;
                View::new(&values[at..], conv.channels, width, plane)
            } else {
                tile.fill(&mut input, conv.channels, plane, |to, at, channel| source.read(to, at, channel));
                View::new(&input, conv.channels, width, width)
            };
            let onto = if number == 0 { Onto::Nothing } else { Onto::Sum };
            product(&mut weights, conv.channels, onto, dy, x.transposed());
            if part.is_nowhere() {
                continue;
            }
            product(&mut input, width, Onto::Nothing, weight.transposed(), dy);
            for channel in 0..conv.channels {
                for (at, place) in tile.stretches(channel, conv.channels, plane) {
                    let da = &input[channel * width + place..][..tile.columns];
                    part.put(source, at, start, channel, da);
                }
            }
        }
        Found { weights, sums: part.sums }
    };
    gather(groups.par_iter().zip(parts).map(work).collect())
}
