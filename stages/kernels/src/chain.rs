//! A residual block as one operation: [`Chain`], convolutions each with its batch norm and bounds, then the sum with a
//! shortcut. What lies between two convolutions is never written: the second reads the first's output through the norm.

use crate::flow::{Found, Gradient, Sink, Source, Want};
use crate::lines::{self, Line};
use crate::norm::{Act, Reading, Statistics};
use crate::pool::{self, Buffer};
use crate::product::Onto;
use crate::shape::{Conv, Reach};
use crate::winograd::{Points, Rows};
use crate::{dense, depthwise, pointwise, winograd};
use rayon::prelude::*;

/// A convolution, its norm and its bounds.
#[derive(Debug, Clone, Copy)]
pub struct Unit {
    pub conv: Conv,
    pub eps: f64,
    pub act: Act,
}

/// What is added to the output of the last norm.
#[derive(Debug, Clone, Copy)]
pub enum Shortcut {
    None,
    /// The chain's input.
    Input,
    /// Another convolution of it and that one's norm.
    Unit(Unit),
}

/// What a chain computes.
#[derive(Debug, Clone)]
pub struct Chain {
    /// At least one; the last one's bounds hold before the shortcut is added.
    pub units: Vec<Unit>,
    pub shortcut: Shortcut,
    /// The bounds after it.
    pub act: Act,
}

/// The parameters of a unit.
#[derive(Debug, Clone, Copy)]
pub struct Weights<'a> {
    /// `[out, channels or 1, kernel, kernel]`.
    pub conv: &'a [f32],
    /// The norm's.
    pub weight: &'a [f32],
    pub bias: &'a [f32],
}

/// Their gradients.
#[derive(Debug)]
pub struct Gradients {
    pub conv: Buffer,
    pub weight: Vec<f32>,
    pub bias: Vec<f32>,
}

/// A unit's output before its norm, and how it is read.
#[derive(Debug)]
struct Done {
    y: Buffer,
    reading: Reading,
}

/// What the way back needs of a pass in training: the units' in their order, the shortcut's last.
#[derive(Debug)]
pub struct Trace {
    done: Vec<Done>,
}

/// Which gradients are asked for beside those of the parameters.
#[derive(Debug)]
pub enum Input<'a> {
    /// Of the input.
    Learns(&'a mut [f32]),
    /// None.
    Is,
}

impl Chain {
    /// All units, the shortcut's last: the order of weights, statistics and gradients.
    pub fn all(&self) -> impl Iterator<Item = &Unit> {
        let shortcut = match &self.shortcut {
            Shortcut::Unit(unit) => Some(unit),
            Shortcut::None | Shortcut::Input => None,
        };
        self.units.iter().chain(shortcut)
    }

    fn last(&self) -> &Unit {
        self.units.last().expect("a chain has units")
    }

    /// Numbers of one photograph's output.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.last().conv.outputs()
    }

    /// Numbers of one photograph's input.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.units[0].conv.inputs()
    }

    /// By the statistics of the batch: those of each unit, and what the way back needs.
    pub fn train(&self, x: &[f32], weights: &[Weights], out: &mut [f32]) -> (Vec<Statistics>, Trace) {
        let count = x.len() / self.inputs();
        let mut done: Vec<Done> = Vec::new();
        let mut statistics = Vec::new();
        for (number, (unit, weights)) in self.all().zip(weights).enumerate() {
            let source = self.source(number, x, &done);
            let mut y = pool::take(count * unit.conv.outputs());
            let weight = Ready::new(&unit.conv, weights.conv);
            let moments = forward(&unit.conv, &source, &weight, &mut y, Want::Moments);
            let of = Statistics::of(&moments);
            let reading = Reading::new(&of, weights.weight, weights.bias, unit.eps, unit.act);
            statistics.push(of);
            done.push(Done { y, reading });
        }
        self.join(x, &done, out);
        (statistics, Trace { done })
    }

    /// By given statistics, photograph by photograph: so none depends on the others, and what lies between the units stays in
    /// the cache.
    pub fn evaluate(&self, x: &[f32], weights: &[Weights], statistics: &[Statistics], out: &mut [f32]) {
        let units: Vec<(&Unit, Ready, Reading)> = self
            .all()
            .zip(weights)
            .zip(statistics)
            .map(|((unit, weights), of)| {
                let reading = Reading::new(of, weights.weight, weights.bias, unit.eps, unit.act);
                (unit, Ready::new(&unit.conv, weights.conv), reading)
            })
            .collect();
        out.par_chunks_mut(self.outputs()).zip(x.par_chunks(self.inputs())).for_each(|(out, x)| {
            let mut done: Vec<Done> = Vec::new();
            for (number, (unit, weight, reading)) in units.iter().enumerate() {
                let source = self.source(number, x, &done);
                let mut y = pool::take(unit.conv.outputs());
                forward(&unit.conv, &source, weight, &mut y, Want::Nothing);
                if number > 0 && number < self.units.len() {
                    // Its only reader is through.
                    done[number - 1].y = pool::take(0);
                }
                done.push(Done { y, reading: reading.clone() });
            }
            self.join(x, &done, out);
        });
    }

    /// What a unit reads: the chain's input, or what the unit before it wrote.
    fn source<'a>(&self, number: usize, x: &'a [f32], done: &'a [Done]) -> Source<'a> {
        if number == 0 || number == self.units.len() {
            return Source { values: x, reading: None };
        }
        let before = &done[number - 1];
        Source { values: &before.y, reading: Some(&before.reading) }
    }

    /// The last norm, the shortcut, and the bounds after it.
    fn join(&self, x: &[f32], done: &[Done], out: &mut [f32]) {
        let conv = self.last().conv;
        let (plane, each) = (conv.out_plane(), conv.outputs());
        let last = &done[self.units.len() - 1];
        let (low, high) = self.act.bounds();
        out.par_chunks_mut(each).enumerate().for_each(|(photo, out)| {
            for (channel, out) in out.chunks_exact_mut(plane).enumerate() {
                let at = photo * each + channel * plane;
                let there = at..at + plane;
                let line = last.reading.lines[channel];
                match &self.shortcut {
                    Shortcut::None => {
                        let line = Line { low: line.low.max(low), high: line.high.min(high), ..line };
                        lines::read(out, &last.y[there], line);
                    }
                    Shortcut::Input => {
                        out.copy_from_slice(&x[there.clone()]);
                        lines::join(out, &last.y[there], line, low, high);
                    }
                    Shortcut::Unit(_) => {
                        let beside = &done[self.units.len()];
                        lines::read(out, &beside.y[there.clone()], beside.reading.lines[channel]);
                        lines::join(out, &last.y[there], line, low, high);
                    }
                }
            }
        });
    }

    /// The gradients of all parameters, and of the input where it learns, from that of the output.
    #[must_use]
    pub fn back(
        &self,
        trace: Trace,
        x: &[f32],
        weights: &[Weights],
        out: &[f32],
        gradient: &[f32],
        input: Input,
    ) -> Vec<Gradients> {
        let mut done = trace.done;
        let count = x.len() / self.inputs();
        let last = self.units.len() - 1;
        let mut dx = match input {
            Input::Learns(dx) => Some(dx),
            Input::Is => None,
        };
        // What passes the last bounds is where the input's gradient begins, if the input is the shortcut.
        let begins = matches!(self.shortcut, Shortcut::Input) && last > 0 && dx.is_some();
        let mut own = (!begins && self.bounds() != Act::None).then(|| pool::take(gradient.len()));
        let to = if begins { dx.as_deref_mut() } else { own.as_deref_mut() };
        let (mut known, beside) = self.top(to, out, gradient, &done);
        let mut onto = if begins { Onto::Sum } else { Onto::Nothing };
        if let (Shortcut::Input, Some(dx), false) = (&self.shortcut, dx.as_deref_mut(), begins) {
            dx.copy_from_slice(own.as_deref().unwrap_or(gradient));
            onto = Onto::Sum;
        }
        let shortcut = matches!(self.shortcut, Shortcut::Unit(_)).then(|| done.pop().expect("it was computed"));
        let mut dz: Option<Buffer> = None;
        let mut gradients: Vec<Gradients> = Vec::new();
        for number in (0..=last).rev() {
            let (unit, weights) = (&self.units[number], &weights[number]);
            let computed = done.pop().expect("the unit was computed");
            let source = self.source(number, x, &done);
            let (found, below) = if number > 0 {
                let mut below = pool::take(count * unit.conv.inputs());
                let top = if begins { dx.as_deref() } else { own.as_deref() };
                let from = dz.as_deref().unwrap_or(top.unwrap_or(gradient));
                let found = turn(unit, &source, from, &computed, weights, &known, Sink::Passed(&mut below));
                (found, Some(below))
            } else {
                let from = dz.as_deref().or(own.as_deref()).unwrap_or(gradient);
                let sink = dx.as_deref_mut().map_or(Sink::Nowhere, |dx| Sink::Plain(dx, onto));
                (turn(unit, &source, from, &computed, weights, &known, sink), None)
            };
            gradients.push(found.0);
            known = found.1;
            dz = below;
        }
        gradients.reverse();
        if let (Shortcut::Unit(unit), Some(computed)) = (&self.shortcut, shortcut) {
            let top = own.as_deref().unwrap_or(gradient);
            let sink = dx.map_or(Sink::Nowhere, |dx| Sink::Plain(dx, Onto::Sum));
            let source = Source { values: x, reading: None };
            gradients.push(turn(unit, &source, top, &computed, &weights[last + 1], &beside, sink).0);
        }
        gradients
    }

    /// The bounds that hold at the end: without a shortcut the last unit's are the chain's.
    fn bounds(&self) -> Act {
        match (self.act, &self.shortcut) {
            (Act::None, Shortcut::None) => self.last().act,
            (act, _) => act,
        }
    }

    /// What of the output's gradient passes the last bounds, into `to` if it is wanted there, and the sums of the norms
    /// that it comes to, the last unit's and the shortcut's: over each channel of the gradient dz, and of dz (y - mean). All
    /// while a plane is in the nearest cache.
    fn top(&self, to: Option<&mut [f32]>, out: &[f32], gradient: &[f32], done: &[Done]) -> (Sums, Sums) {
        let conv = self.last().conv;
        let (plane, each) = (conv.out_plane(), conv.outputs());
        let bounds = self.bounds();
        let (low, high) = bounds.bounds();
        let norms = [done.get(self.units.len() - 1), done.get(self.units.len())];
        let photo = |photo: usize, mut to: Option<&mut [f32]>| -> [Sums; 2] {
            let mut all = [Vec::with_capacity(conv.out), Vec::with_capacity(conv.out)];
            for channel in 0..conv.out {
                let at = photo * each + channel * plane;
                let there = at..at + plane;
                let own = channel * plane..(channel + 1) * plane;
                let dz = match &mut to {
                    None => &gradient[there.clone()],
                    Some(to) if bounds == Act::None => {
                        to[own.clone()].copy_from_slice(&gradient[there.clone()]);
                        &to[own]
                    }
                    Some(to) => {
                        lines::within(&mut to[own.clone()], &gradient[there.clone()], &out[there.clone()], low, high);
                        &to[own]
                    }
                };
                for (all, norm) in all.iter_mut().zip(norms) {
                    let Some(norm) = norm else { continue };
                    all.push(lines::sums(dz, &norm.y[there.clone()], norm.reading.lines[channel].mean));
                }
            }
            all
        };
        let photos: Vec<[Sums; 2]> = match to {
            Some(to) => to.par_chunks_mut(each).enumerate().map(|(at, to)| photo(at, Some(to))).collect(),
            None => (0..gradient.len() / each).into_par_iter().map(|at| photo(at, None)).collect(),
        };
        // Photographs in their order.
        let all = |norm: usize| {
            let mut all = vec![[0.0; 2]; photos[0][norm].len()];
            for photo in &photos {
                for (all, one) in all.iter_mut().zip(&photo[norm]) {
                    *all = [all[0] + one[0], all[1] + one[1]];
                }
            }
            all
        };
        (all(0), all(1))
    }
}

/// Of each channel.
type Sums = Vec<[f64; 2]>;

/// One unit's way back: its gradients, and the sums of the norm before it.
fn turn(
    unit: &Unit,
    source: &Source,
    dz: &[f32],
    done: &Done,
    weights: &Weights,
    sums: &[[f64; 2]],
    sink: Sink,
) -> (Gradients, Sums) {
    let conv = &unit.conv;
    let count = dz.len() / conv.out;
    let (weight, bias, backs) = done.reading.back(sums, count);
    let gradient = Gradient { dz, y: &done.y, backs: &backs };
    let Found { weights: found, sums } = backward(conv, source, &gradient, weights.conv, sink);
    (Gradients { conv: found, weight, bias }, sums)
}

/// A convolution's weights as they are multiplied by, made once for all photographs.
enum Ready<'a> {
    Plain(&'a [f32]),
    ByTap(Vec<f32>),
    AtPoints(Points),
}

impl<'a> Ready<'a> {
    fn new(conv: &Conv, weight: &'a [f32]) -> Self {
        match conv.reach {
            Reach::Depthwise => Self::Plain(weight),
            Reach::Dense if conv.kernel == 1 => Self::Plain(weight),
            Reach::Dense if winograd::fits(conv) => Self::AtPoints(winograd::filters(conv, weight, Rows::Channels)),
            Reach::Dense if dense::is_thin(conv) => Self::Plain(weight),
            Reach::Dense => Self::ByTap(dense::by_tap(conv, weight)),
        }
    }
}

fn forward(
    conv: &Conv,
    source: &Source,
    weight: &Ready,
    out: &mut [f32],
    want: Want,
) -> Vec<Vec<crate::norm::Moments>> {
    match weight {
        Ready::AtPoints(filters) => winograd::forward(conv, source, filters, out, want),
        Ready::ByTap(weight) => dense::forward(conv, source, weight, out, want),
        Ready::Plain(weight) if conv.reach == Reach::Depthwise => depthwise::forward(conv, source, weight, out, want),
        Ready::Plain(weight) if conv.kernel == 1 => pointwise::forward(conv, source, weight, out, want),
        Ready::Plain(weight) => dense::forward(conv, source, weight, out, want),
    }
}

fn backward(conv: &Conv, source: &Source, gradient: &Gradient, weight: &[f32], sink: Sink) -> Found {
    match conv.reach {
        Reach::Depthwise => depthwise::backward(conv, source, gradient, weight, sink),
        Reach::Dense if conv.kernel == 1 => pointwise::backward(conv, source, gradient, weight, sink),
        Reach::Dense if winograd::fits(conv) => winograd::backward(conv, source, gradient, weight, sink),
        Reach::Dense => dense::backward(conv, source, gradient, weight, sink),
    }
}
