//! 1x1 convolutions: matrix products of tiles that stay in the cache between reading, product and writing. Those of stride 2 are
//! the same of every second place of every second row.

use crate::flow::{Found, Gradient, Part, Sink, Source, Want, gather, groups, scratch, split};
use crate::lines;
use crate::norm::Moments;
use crate::pool::{self, Buffer};
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

/// The tiles of a group of photographs; small planes make one together.
fn tiles(conv: &Conv, group: &Range<usize>) -> Vec<Tile> {
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
    let each = (most / plane).max(1);
    let tile = |start: usize| Tile { photos: start..(start + each).min(group.end), from: 0, columns: plane };
    group.clone().step_by(each).map(tile).collect()
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

pub(crate) fn forward(conv: &Conv, source: &Source, weight: &[f32], out: &mut [f32], want: Want) -> Vec<Vec<Moments>> {
    if conv.stride == 1 {
        return whole_forward(conv, source, weight, out, want);
    }
    let sample = sample(conv, source.values);
    let source = Source { values: &sample, ..*source };
    whole_forward(&sampled(conv), &source, weight, out, want)
}

/// Gradients of weights, and of the input into `sink`.
pub(crate) fn backward(conv: &Conv, source: &Source, gradient: &Gradient, weight: &[f32], sink: Sink) -> Found {
    if conv.stride == 1 {
        return whole_backward(conv, source, gradient, weight, sink);
    }
    let sample = sample(conv, source.values);
    let source = Source { values: &sample, ..*source };
    let mut da = scratch(if matches!(sink, Sink::Nowhere) { 0 } else { sample.len() });
    let own = match sink {
        Sink::Nowhere => Sink::Nowhere,
        Sink::Plain(..) => Sink::Plain(&mut da, Onto::Nothing),
        Sink::Passed(_) => Sink::Passed(&mut da),
    };
    let found = whole_backward(&sampled(conv), &source, gradient, weight, own);
    match sink {
        Sink::Nowhere => {}
        Sink::Plain(to, onto) => spread(conv, to, onto, &da),
        Sink::Passed(to) => spread(conv, to, Onto::Nothing, &da),
    }
    found
}

/// The convolution of the places that one of stride 2 looks at.
fn sampled(conv: &Conv) -> Conv {
    Conv { stride: 1, height: conv.out_height(), width: conv.out_width(), ..*conv }
}

/// Those places of all planes.
fn sample(conv: &Conv, values: &[f32]) -> Buffer {
    let planes = values.len() / conv.in_plane();
    let mut sample = scratch(planes * conv.out_plane());
    sample.par_chunks_mut(conv.out_plane()).zip(values.par_chunks(conv.in_plane())).for_each(|(to, from)| {
        for (to, from) in to.chunks_exact_mut(conv.out_width()).zip(from.chunks_exact(conv.width).step_by(conv.stride))
        {
            for (to, from) in to.iter_mut().zip(from.iter().step_by(conv.stride)) {
                *to = *from;
            }
        }
    });
    sample
}

/// The way back: no other place has a gradient.
fn spread(conv: &Conv, to: &mut [f32], onto: Onto, sample: &[f32]) {
    to.par_chunks_mut(conv.in_plane()).zip(sample.par_chunks(conv.out_plane())).for_each(|(to, from)| {
        if onto == Onto::Nothing {
            to.fill(0.0);
        }
        let rows = to.chunks_exact_mut(conv.width).step_by(conv.stride).zip(from.chunks_exact(conv.out_width()));
        for (to, from) in rows {
            for (to, from) in to.iter_mut().step_by(conv.stride).zip(from) {
                *to += from;
            }
        }
    });
}

fn whole_forward(conv: &Conv, source: &Source, weight: &[f32], out: &mut [f32], want: Want) -> Vec<Vec<Moments>> {
    let plane = conv.in_plane();
    let groups = groups(out.len() / conv.outputs(), plane);
    let parts = split(out, &groups, conv.outputs());
    let weight = View::new(weight, conv.out, conv.channels, conv.channels);
    let work = |(group, out): (&Range<usize>, &mut [f32])| {
        let tiles = tiles(conv, group);
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

fn whole_backward(conv: &Conv, source: &Source, gradient: &Gradient, weight: &[f32], sink: Sink) -> Found {
    let plane = conv.in_plane();
    let groups = groups(gradient.y.len() / conv.outputs(), plane);
    let parts = sink.parts(&groups, conv.inputs(), conv.channels);
    let weight = View::new(weight, conv.out, conv.channels, conv.channels);
    let work = |(group, mut part): (&Range<usize>, Part)| {
        let tiles = tiles(conv, group);
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
