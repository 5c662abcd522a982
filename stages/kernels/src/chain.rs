//! A residual block as one operation: [`Chain`], convolutions each with its batch norm and bounds, then the sum with a
//! shortcut. What lies between two convolutions is never written: the second reads the first's output through the norm.

use crate::flow::{Found, Gradient, Sink, Source, Want};
use crate::lines::{self, Line};
use crate::norm::{Act, Reading, Statistics};
use crate::pointwise::Together;
use crate::pool::{self, Buffer};
use crate::product::Onto;
use crate::shape::{Conv, Reach};
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
            let moments = forward(&unit.conv, &source, weights.conv, &mut y, Want::Moments, Together::Many);
            let of = Statistics::of(&moments);
            let reading = Reading::new(&of, weights.weight, weights.bias, unit.eps, unit.act);
            statistics.push(of);
            done.push(Done { y, reading });
        }
        self.join(x, &done, out);
        (statistics, Trace { done })
    }

    /// By given statistics; no photograph's bits depend on the others.
    pub fn evaluate(&self, x: &[f32], weights: &[Weights], statistics: &[Statistics], out: &mut [f32]) {
        let count = x.len() / self.inputs();
        let mut done: Vec<Done> = Vec::new();
        for (number, ((unit, weights), of)) in self.all().zip(weights).zip(statistics).enumerate() {
            let source = self.source(number, x, &done);
            let mut y = pool::take(count * unit.conv.outputs());
            forward(&unit.conv, &source, weights.conv, &mut y, Want::Nothing, Together::Alone);
            let reading = Reading::new(of, weights.weight, weights.bias, unit.eps, unit.act);
            if number > 0 && number < self.units.len() {
                // Its only reader is through.
                done[number - 1].y = pool::take(0);
            }
            done.push(Done { y, reading });
        }
        self.join(x, &done, out);
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
        let bounded = self.within(out, gradient);
        let mut dz: Option<Buffer> = None;
        let mut dx = match input {
            Input::Learns(dx) => Some(dx),
            Input::Is => None,
        };
        let top = bounded.as_deref().unwrap_or(gradient);
        let mut gradients: Vec<Gradients> = Vec::new();
        // The shortcut first: what the chain gives is added to what it gave.
        let mut onto = Onto::Nothing;
        if let Shortcut::Unit(unit) = &self.shortcut {
            let beside = done.pop().expect("the shortcut was computed");
            let sums = sums(&unit.conv, top, &beside);
            let sink = dx.as_deref_mut().map_or(Sink::Nowhere, |dx| Sink::Plain(dx, onto));
            let source = Source { values: x, reading: None };
            let (found, _) = turn(unit, &source, top, &beside, &weights[last + 1], &sums, sink);
            gradients.push(found);
            onto = Onto::Sum;
        } else if let (Shortcut::Input, Some(dx)) = (&self.shortcut, dx.as_deref_mut()) {
            dx.par_chunks_mut(1 << 14).zip(top.par_chunks(1 << 14)).for_each(|(to, from)| to.copy_from_slice(from));
            onto = Onto::Sum;
        }
        let mut known = sums(&self.units[last].conv, top, &done[last]);
        for number in (0..=last).rev() {
            let unit = &self.units[number];
            let own = done.pop().expect("the unit was computed");
            let source = self.source(number, x, &done);
            let mut below = (number > 0).then(|| pool::take(count * unit.conv.inputs()));
            let sink = match (&mut below, &mut dx) {
                (Some(below), _) => Sink::Passed(below),
                (None, Some(dx)) => Sink::Plain(dx, onto),
                (None, None) => Sink::Nowhere,
            };
            let from = dz.as_deref().unwrap_or(top);
            let (found, next) = turn(unit, &source, from, &own, &weights[number], &known, sink);
            gradients.push(found);
            known = next;
            dz = below;
        }
        if matches!(self.shortcut, Shortcut::Unit(_)) {
            // Pushed first, told last.
            gradients.rotate_left(1);
            gradients[..=last].reverse();
        } else {
            gradients.reverse();
        }
        gradients
    }

    /// What of the output's gradient passes the last bounds; none where all does.
    fn within(&self, out: &[f32], gradient: &[f32]) -> Option<Buffer> {
        let act = match (self.act, &self.shortcut) {
            // Without a shortcut the last unit's bounds are the chain's.
            (Act::None, Shortcut::None) => self.last().act,
            (act, _) => act,
        };
        let (low, high) = act.bounds();
        (act != Act::None).then(|| {
            let mut bounded = pool::take(gradient.len());
            let each = 1 << 14;
            let parts = bounded.par_chunks_mut(each).zip(gradient.par_chunks(each)).zip(out.par_chunks(each));
            parts.for_each(|((to, gradient), out)| lines::within(to, gradient, out, low, high));
            bounded
        })
    }
}

/// The sums over each channel of the gradient dz and of dz (y - mean), photographs in fixed groups.
fn sums(conv: &Conv, dz: &[f32], done: &Done) -> Vec<[f64; 2]> {
    let (plane, each) = (conv.out_plane(), conv.outputs());
    let one = |photo: usize| -> Vec<[f64; 2]> {
        let there = |channel: usize| photo * each + channel * plane..photo * each + (channel + 1) * plane;
        let sums = |channel: usize| {
            lines::sums(&dz[there(channel)], &done.y[there(channel)], done.reading.lines[channel].mean)
        };
        (0..conv.out).map(sums).collect()
    };
    let photos: Vec<Vec<[f64; 2]>> = (0..dz.len() / each).into_par_iter().map(one).collect();
    let all = |channel: usize| {
        photos.iter().fold([0.0; 2], |all: [f64; 2], one| [all[0] + one[channel][0], all[1] + one[channel][1]])
    };
    (0..conv.out).map(all).collect()
}

/// One unit's way back: its gradients, and the sums of the norm before it.
fn turn(
    unit: &Unit,
    source: &Source,
    dz: &[f32],
    done: &Done,
    weights: &Weights,
    sums: &[[f64; 2]],
    sink: Sink,
) -> (Gradients, Vec<[f64; 2]>) {
    let conv = &unit.conv;
    let count = dz.len() / conv.out;
    let (weight, bias, backs) = done.reading.back(sums, count);
    let gradient = Gradient { dz, y: &done.y, backs: &backs };
    let Found { weights: found, sums } = backward(conv, source, &gradient, weights.conv, sink);
    (Gradients { conv: found, weight, bias }, sums)
}

fn forward(
    conv: &Conv,
    source: &Source,
    weight: &[f32],
    out: &mut [f32],
    want: Want,
    together: Together,
) -> Vec<Vec<crate::norm::Moments>> {
    match conv.reach {
        Reach::Depthwise => depthwise::forward(conv, source, weight, out, want),
        Reach::Dense if conv.is_pointwise() => pointwise::forward(conv, source, weight, out, want, together),
        Reach::Dense if winograd::fits(conv) => winograd::forward(conv, source, weight, out, want, together),
        Reach::Dense => dense::forward(conv, source, weight, out, want, together),
    }
}

fn backward(conv: &Conv, source: &Source, gradient: &Gradient, weight: &[f32], sink: Sink) -> Found {
    match conv.reach {
        Reach::Depthwise => depthwise::backward(conv, source, gradient, weight, sink),
        Reach::Dense if conv.is_pointwise() => pointwise::backward(conv, source, gradient, weight, sink),
        Reach::Dense if winograd::fits(conv) => winograd::backward(conv, source, gradient, weight, sink),
        Reach::Dense => dense::backward(conv, source, gradient, weight, sink),
    }
}
