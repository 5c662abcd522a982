//! Dense 3x3 convolutions of stride 1 with a quarter of the multiplications, by the formulas of [`crate::points`].
//!
//! Of some photographs at a time all tiles are turned to their 36 points; each point's numbers are a matrix, a tile a row and a
//! channel a column, and its product with the filters' at that point is the whole work; then the products are turned back:
//!
//! ```text
//! forwards     y  = outputs(inputs(x) * filter(w))
//! backwards    dw = filter_back(outputs_back(dy)^T * inputs(x))
//!              dx = inputs_back(outputs_back(dy) * filter(w)^T)
//! ```

use crate::flow::{Found, Gradient, Part, Sink, Source, Want, scratch};
use crate::lanes::{self, Lanes, by_lanes, unweave, weave};
use crate::lines::LANES;
use crate::norm::Moments;
use crate::points::{Filter, FilterBack, Inputs, InputsBack, Outputs, OutputsBack, POINTS, SIDE, STEP, TAPS, both};
use crate::pool::{self, Buffer};
use crate::product::{Onto, View, product};
use crate::shape::{Conv, Reach};
use pulp::Simd;
use rayon::prelude::*;
use std::ops::Range;

/// Numbers at the points that a cache shared by all cores holds: so many photographs at a time.
const CACHED: usize = 5 << 20;

/// Weights of a filter.
const NINE: usize = TAPS * TAPS;

/// Rows of tiles turned together.
const BAND: usize = 4;

/// Whether a convolution is one of these, and large enough: where the filters' points are more than those of the tiles of
/// some photographs, reading and writing them costs what is saved; so does turning number by number.
pub(crate) fn fits(conv: &Conv) -> bool {
    let Conv { channels, out, .. } = *conv;
    let whole = channels % LANES == 0 && out % LANES == 0;
    let large = channels * out <= 16 * (channels + out) * Tiles::new(conv).count();
    (conv.kernel, conv.stride, conv.reach) == (TAPS, 1, Reach::Dense) && whole && large && lanes::are_wide()
}

/// The tiles of a photograph's outputs.
#[derive(Debug, Clone, Copy)]
struct Tiles {
    height: usize,
    width: usize,
    down: usize,
    across: usize,
}

impl Tiles {
    fn new(conv: &Conv) -> Self {
        let Conv { height, width, .. } = *conv;
        Self { height, width, down: height.div_ceil(STEP), across: width.div_ceil(STEP) }
    }

    fn count(&self) -> usize {
        self.down * self.across
    }

    fn plane(&self) -> usize {
        self.height * self.width
    }

    /// Photographs at a time, of so many channels in and out together.
    fn photos(&self, count: usize, channels: usize) -> usize {
        let most = (CACHED / (POINTS * channels * self.count())).max(1);
        count.div_ceil(count.div_ceil(most))
    }

    fn bands(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let down = self.down;
        (0..down).step_by(BAND).map(move |start| start..(start + BAND).min(down))
    }
}

/// A matrix a point, a tile a row.
#[derive(Debug)]
pub(crate) struct Points {
    numbers: Buffer,
    rows: usize,
    columns: usize,
}

impl Points {
    fn new(rows: usize, columns: usize) -> Self {
        Self { numbers: scratch(POINTS * Self::stride(rows, columns)), rows, columns }
    }

    /// From a point to the next; never a power of two, or all points of a tile would contend for one set of the cache.
    fn stride(rows: usize, columns: usize) -> usize {
        (rows * columns).next_multiple_of(2 * LANES) + LANES
    }

    fn at(&self, point: usize) -> &[f32] {
        let start = point * Self::stride(self.rows, self.columns);
        &self.numbers[start..start + self.rows * self.columns]
    }

    fn view(&self, point: usize) -> View<'_> {
        View::new(self.at(point), self.rows, self.columns, self.columns)
    }

    fn all_mut(&mut self) -> impl Iterator<Item = &mut [f32]> {
        let (stride, length) = (Self::stride(self.rows, self.columns), self.rows * self.columns);
        self.numbers.chunks_mut(stride).map(move |point| &mut point[..length])
    }

    /// The rows of each of some bands, point by point.
    fn split(&mut self, rows: &[usize]) -> Vec<Vec<&mut [f32]>> {
        let columns = self.columns;
        let mut bands: Vec<Vec<&mut [f32]>> = rows.iter().map(|_| Vec::with_capacity(POINTS)).collect();
        for mut rest in self.all_mut() {
            for (band, rows) in bands.iter_mut().zip(rows) {
                let (own, after) = rest.split_at_mut(rows * columns);
                band.push(own);
                rest = after;
            }
        }
        bands
    }

    /// The numbers of some columns of a row from `at` on.
    #[inline(always)]
    fn load<S: Simd>(&self, simd: S, at: usize) -> [[Lanes<S>; SIDE]; SIDE] {
        let stride = Self::stride(self.rows, self.columns);
        let mut tile = [[Lanes::zero(simd); SIDE]; SIDE];
        for point in 0..POINTS {
            tile[point / SIDE][point % SIDE] = Lanes::load(simd, &self.numbers[point * stride + at..]);
        }
        tile
    }
}

/// What a tile is turned from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Patch {
    /// Six by six inputs, beginning one before the tile.
    Inputs,
    /// Four by four gradients of outputs.
    Gradients,
}

impl Patch {
    /// Of a side, and before the tile.
    fn side(self) -> (usize, usize) {
        match self {
            Self::Inputs => (SIDE, (SIDE - STEP) / 2),
            Self::Gradients => (STEP, 0),
        }
    }
}

/// Turns the tiles of some photographs; `read` gives numbers from a place on, of a channel.
fn turn(
    to: &mut Points,
    tiles: &Tiles,
    photos: &Range<usize>,
    patch: Patch,
    read: impl Fn(&mut [f32], usize, usize) + Sync,
) {
    let channels = to.columns;
    let bands: Vec<(usize, Range<usize>)> =
        photos.clone().flat_map(|photo| tiles.bands().map(move |band| (photo, band))).collect();
    let rows: Vec<usize> = bands.iter().map(|(_, band)| band.len() * tiles.across).collect();
    let (side, before) = patch.side();
    let work = |((photo, band), mut points): (&(usize, Range<usize>), Vec<&mut [f32]>)| {
        // The rows and columns of the patches, and those of them that the plane has.
        let (rows, columns) = (STEP * (band.len() - 1) + side, STEP * (tiles.across - 1) + side);
        let first = (STEP * band.start).saturating_sub(before);
        let last = (STEP * band.start + rows - before).min(tiles.height);
        let skipped = first + before - STEP * band.start;
        let numbers = (last - first) * tiles.width;
        let mut lines = scratch(LANES * numbers);
        // Zeros around the plane.
        let mut woven = pool::zeros(rows * columns * LANES);
        for channel in (0..channels).step_by(LANES) {
            for (lane, line) in lines.chunks_exact_mut(numbers).enumerate() {
                let at = (photo * channels + channel + lane) * tiles.plane() + first * tiles.width;
                read(line, at, channel + lane);
            }
            for row in 0..last - first {
                let at = ((skipped + row) * columns + before) * LANES;
                let width = tiles.width.min(columns - before);
                weave(&mut woven[at..at + width * LANES], &lines[row * tiles.width..], numbers);
            }
            match patch {
                Patch::Inputs => turn_inputs(&mut points, &woven, tiles.across, columns, channels, channel),
                Patch::Gradients => turn_gradients(&mut points, &woven, tiles.across, columns, channels, channel),
            }
        }
    };
    bands.par_iter().zip(to.split(&rows)).for_each(work);
}

/// A square of woven places `columns` a row.
#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "closures are not inlined")]
fn square<S: Simd, const N: usize>(simd: S, woven: &[f32], columns: usize) -> [[Lanes<S>; N]; N] {
    let mut square = [[Lanes::zero(simd); N]; N];
    for y in 0..N {
        let line = &woven[y * columns * LANES..];
        for x in 0..N {
            square[y][x] = Lanes::load(simd, &line[x * LANES..]);
        }
    }
    square
}

/// Puts a tile's points where they belong.
#[inline(always)]
fn store<S: Simd>(to: &mut [&mut [f32]], at: usize, tile: &[[Lanes<S>; SIDE]; SIDE]) {
    for (point, to) in to.iter_mut().enumerate() {
        tile[point / SIDE][point % SIDE].store(&mut to[at..]);
    }
}

/// Where the patch of a tile begins in woven places `columns` a row.
fn corner(tile: usize, across: usize, columns: usize) -> usize {
    (tile / across * STEP * columns + tile % across * STEP) * LANES
}

by_lanes! {
    fn turn_inputs<'a, 'b>(
        simd: S,
        to: &'a mut [&'b mut [f32]],
        woven: &'a [f32],
        across: usize,
        columns: usize,
        channels: usize,
        channel: usize,
    ) {
        for tile in 0..to[0].len() / channels {
            for lane in (0..LANES).step_by(Lanes::<S>::COUNT) {
                let patch = square::<S, SIDE>(simd, &woven[corner(tile, across, columns) + lane..], columns);
                store(to, tile * channels + channel + lane, &both(Inputs, simd, patch));
            }
        }
    }
}

by_lanes! {
    fn turn_gradients<'a, 'b>(
        simd: S,
        to: &'a mut [&'b mut [f32]],
        woven: &'a [f32],
        across: usize,
        columns: usize,
        channels: usize,
        channel: usize,
    ) {
        for tile in 0..to[0].len() / channels {
            for lane in (0..LANES).step_by(Lanes::<S>::COUNT) {
                let patch = square::<S, STEP>(simd, &woven[corner(tile, across, columns) + lane..], columns);
                store(to, tile * channels + channel + lane, &both(OutputsBack, simd, patch));
            }
        }
    }
}

/// Which side of a filter is a row of its points' matrices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rows {
    Channels,
    Outputs,
}

/// The filters at the points.
pub(crate) fn filters(conv: &Conv, weight: &[f32], rows: Rows) -> Points {
    let all = conv.channels * NINE;
    // Where a row begins among the weights, `[out, channels, taps]`, and how far apart its columns are.
    let (count, columns, row, column) = match rows {
        Rows::Channels => (conv.channels, conv.out, NINE, all),
        Rows::Outputs => (conv.out, conv.channels, all, NINE),
    };
    let mut points = Points::new(count, columns);
    let each = vec![1; count];
    points.split(&each).into_par_iter().enumerate().for_each(|(number, mut points)| {
        let mut woven = [0.0; NINE * LANES];
        for at in (0..columns).step_by(LANES) {
            weave(&mut woven, &weight[number * row + at * column..], column);
            turn_filters(&mut points, &woven, at);
        }
    });
    points
}

by_lanes! {
    fn turn_filters<'a, 'b>(simd: S, to: &'a mut [&'b mut [f32]], woven: &'a [f32], at: usize) {
        for lane in (0..LANES).step_by(Lanes::<S>::COUNT) {
            let taps = square::<S, TAPS>(simd, &woven[lane..], TAPS);
            store(to, at + lane, &both(Filter, simd, taps));
        }
    }
}

/// The products of tiles and filters, point by point.
fn products(tiles: &Points, filters: &Points, to: &mut Points) {
    let columns = to.columns;
    let points: Vec<&mut [f32]> = to.all_mut().collect();
    points.into_par_iter().enumerate().for_each(|(point, to)| {
        product(to, columns, Onto::Nothing, tiles.view(point), filters.view(point));
    });
}

pub(crate) fn forward(
    conv: &Conv,
    source: &Source,
    filters: &Points,
    out: &mut [f32],
    want: Want,
) -> Vec<Vec<Moments>> {
    let tiles = Tiles::new(conv);
    let count = out.len() / conv.outputs();
    let photos = tiles.photos(count, conv.channels + conv.out);
    let rows = photos * tiles.count();
    let (mut from, mut to) = (Points::new(rows, conv.channels), Points::new(rows, conv.out));
    let plane = tiles.plane();
    let mut moments: Vec<Vec<Moments>> = Vec::with_capacity(count);
    for (number, out) in out.chunks_mut(photos * conv.outputs()).enumerate() {
        let start = number * photos;
        let own = start..start + out.len() / conv.outputs();
        turn(&mut from, &tiles, &own, Patch::Inputs, |to, at, channel| source.read(to, at, channel));
        products(&from, filters, &mut to);
        let blocks = conv.out / LANES;
        let work = |(block, out): (usize, &mut [f32])| {
            let (photo, channel) = (block / blocks, block % blocks * LANES);
            let mut woven = scratch(STEP * STEP * tiles.across * LANES);
            for down in 0..tiles.down {
                let at = (photo * tiles.count() + down * tiles.across) * conv.out + channel;
                turn_outputs(&mut woven, &to, at, tiles.across);
                for row in 0..STEP.min(tiles.height - down * STEP) {
                    let woven = &woven[row * STEP * tiles.across * LANES..][..tiles.width * LANES];
                    unweave(&mut out[(down * STEP + row) * tiles.width..], woven, plane);
                }
            }
            want.of_planes(out, LANES, plane)
        };
        let found: Vec<Vec<Moments>> = out.par_chunks_mut(LANES * plane).enumerate().map(work).collect();
        moments.extend(found.chunks(blocks).map(<[Vec<Moments>]>::concat));
    }
    moments
}

by_lanes! {
    /// A row of tiles becomes rows of woven outputs.
    fn turn_outputs<'a>(simd: S, woven: &'a mut [f32], points: &'a Points, at: usize, across: usize) {
        for tile in 0..across {
            for lane in (0..LANES).step_by(Lanes::<S>::COUNT) {
                let outputs = both(Outputs, simd, points.load(simd, at + tile * points.columns + lane));
                for y in 0..STEP {
                    for x in 0..STEP {
                        outputs[y][x].store(&mut woven[((y * across + tile) * STEP + x) * LANES + lane..]);
                    }
                }
            }
        }
    }
}

/// Gradients of weights, and of the input into `sink`.
pub(crate) fn backward(conv: &Conv, source: &Source, gradient: &Gradient, weight: &[f32], sink: Sink) -> Found {
    let tiles = Tiles::new(conv);
    let count = gradient.y.len() / conv.outputs();
    let photos = tiles.photos(count, conv.channels + conv.out);
    let mut strips = sink.strips(count, conv.channels, tiles.plane());
    let nowhere = strips.iter().all(Part::is_nowhere);
    let filters = (!nowhere).then(|| filters(conv, weight, Rows::Outputs));
    let mut sums = Points::new(conv.out, conv.channels);
    let blocks = conv.channels / LANES;
    for (number, strips) in strips.chunks_mut(photos * blocks).enumerate() {
        let start = number * photos;
        let own = start..start + strips.len() / blocks;
        let rows = own.len() * tiles.count();
        let (mut x, mut dy) = (Points::new(rows, conv.channels), Points::new(rows, conv.out));
        turn(&mut x, &tiles, &own, Patch::Inputs, |to, at, channel| source.read(to, at, channel));
        turn(&mut dy, &tiles, &own, Patch::Gradients, |to, at, channel| gradient.read(to, at, channel));
        let onto = if number == 0 { Onto::Nothing } else { Onto::Sum };
        let points: Vec<&mut [f32]> = sums.all_mut().collect();
        points.into_par_iter().enumerate().for_each(|(point, sums)| {
            product(sums, conv.channels, onto, dy.view(point).transposed(), x.view(point));
        });
        let Some(filters) = &filters else { continue };
        // The inputs are read: their place is free.
        let mut dx = x;
        products(&dy, filters, &mut dx);
        strips.par_iter_mut().enumerate().for_each(|(block, strip)| {
            let (photo, channel) = (block / blocks, block % blocks * LANES);
            put_back(&dx, &tiles, source, photo, start + photo, channel, strip);
        });
    }
    let mut weights = pool::take(conv.weights());
    weights.par_chunks_mut(conv.channels * NINE).enumerate().for_each(|(out, weights)| {
        let mut woven = [0.0; NINE * LANES];
        for (block, weights) in weights.chunks_exact_mut(LANES * NINE).enumerate() {
            turn_filters_back(&mut woven, &sums, out * conv.channels + block * LANES);
            unweave(weights, &woven, NINE);
        }
    });
    let mut passed = vec![[0.0; 2]; conv.channels];
    for (at, [sum, moment]) in strips.iter().flat_map(|strip| &strip.sums).enumerate() {
        let all = &mut passed[at % conv.channels];
        *all = [all[0] + sum, all[1] + moment];
    }
    Found { weights, sums: passed }
}

by_lanes! {
    fn turn_filters_back<'a>(simd: S, woven: &'a mut [f32], points: &'a Points, at: usize) {
        for lane in (0..LANES).step_by(Lanes::<S>::COUNT) {
            let taps = both(FilterBack, simd, points.load(simd, at + lane));
            for tap in 0..NINE {
                taps[tap / TAPS][tap % TAPS].store(&mut woven[tap * LANES + lane..]);
            }
        }
    }
}

/// The gradients of [`LANES`] channels of a photograph's input, the tiles' added up where they overlap.
fn put_back(
    points: &Points,
    tiles: &Tiles,
    source: &Source,
    row: usize,
    photo: usize,
    channel: usize,
    strip: &mut Part,
) {
    let (rows, columns) = (STEP * tiles.down + SIDE - STEP, STEP * tiles.across + SIDE - STEP);
    let before = (SIDE - STEP) / 2;
    let mut woven = pool::zeros(rows * columns * LANES);
    add_inputs(&mut woven, points, row * tiles.count() * points.columns + channel, tiles.down, tiles.across);
    let mut planes = scratch(LANES * tiles.plane());
    for row in 0..tiles.height {
        let at = ((row + before) * columns + before) * LANES;
        unweave(&mut planes[row * tiles.width..], &woven[at..at + tiles.width * LANES], tiles.plane());
    }
    let start = (photo * points.columns + channel) * tiles.plane();
    for (lane, plane) in planes.chunks_exact(tiles.plane()).enumerate() {
        strip.put(source, start + lane * tiles.plane(), start, channel + lane, plane);
    }
}

by_lanes! {
    fn add_inputs<'a>(simd: S, woven: &'a mut [f32], points: &'a Points, at: usize, down: usize, across: usize) {
        let columns = STEP * across + SIDE - STEP;
        for tile in 0..down * across {
            for lane in (0..LANES).step_by(Lanes::<S>::COUNT) {
                let patch = both(InputsBack, simd, points.load(simd, at + tile * points.columns + lane));
                let to = &mut woven[corner(tile, across, columns) + lane..];
                for y in 0..SIDE {
                    for x in 0..SIDE {
                        let to = &mut to[(y * columns + x) * LANES..];
                        (Lanes::load(simd, to) + patch[y][x]).store(to);
                    }
                }
            }
        }
    }
}
