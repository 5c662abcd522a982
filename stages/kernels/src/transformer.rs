//! A transformer's block as one operation: [`Layer`], x + attention(norm(x)), and of that x + mlp(norm(x)), photograph by
//! photograph, so that it stays in the cache.

use crate::flow::{groups, scratch, split};
use crate::lines;
use crate::pool::{self, Buffer};
use crate::product::{Onto, View, product};
use crate::tokens::{add_scaled, gelu, gelu_back, normalise, normalise_back, softmax, softmax_back, spread};
use rayon::prelude::*;
use std::ops::Range;

/// What a block computes.
#[derive(Debug, Clone, Copy)]
pub struct Layer {
    /// Of a photograph.
    pub tokens: usize,
    pub width: usize,
    pub heads: usize,
    /// Width within the MLP.
    pub hidden: usize,
    pub eps: f64,
}

/// Weights `[out, in]` and biases `[out]`.
#[derive(Debug, Clone, Copy)]
pub struct Affine<'a> {
    pub weight: &'a [f32],
    pub bias: &'a [f32],
}

/// The parameters of a block.
#[derive(Debug, Clone, Copy)]
pub struct LayerWeights<'a> {
    pub norm1: Affine<'a>,
    /// Queries, keys and values, each of all heads.
    pub qkv: Affine<'a>,
    pub proj: Affine<'a>,
    /// A factor a channel of the attention's branch.
    pub scale1: Option<&'a [f32]>,
    pub norm2: Affine<'a>,
    pub fc1: Affine<'a>,
    pub fc2: Affine<'a>,
    pub scale2: Option<&'a [f32]>,
}

/// Gradients of weight and bias.
#[derive(Debug)]
pub struct AffineGradients {
    pub weight: Vec<f32>,
    pub bias: Vec<f32>,
}

/// Their gradients.
#[derive(Debug)]
pub struct LayerGradients {
    pub norm1: AffineGradients,
    pub qkv: AffineGradients,
    pub proj: AffineGradients,
    pub scale1: Option<Vec<f32>>,
    pub norm2: AffineGradients,
    pub fc1: AffineGradients,
    pub fc2: AffineGradients,
    pub scale2: Option<Vec<f32>>,
}

/// What the way back needs of a pass.
#[derive(Debug)]
pub struct LayerTrace {
    qkv: Buffer,
    /// The heads' outputs.
    mixed: Buffer,
    /// After the first branch.
    middle: Buffer,
    /// Before the GELU.
    hidden: Buffer,
}

/// A group's part of a trace.
struct Part<'a> {
    qkv: &'a mut [f32],
    mixed: &'a mut [f32],
    middle: &'a mut [f32],
    hidden: &'a mut [f32],
}

impl Layer {
    fn numbers(&self) -> usize {
        self.tokens * self.width
    }

    /// The same as [`Layer::forward`], with nothing kept: what lies between stays in the cache.
    pub fn evaluate(&self, x: &[f32], weights: &LayerWeights, out: &mut [f32]) {
        let photos = out.par_chunks_mut(self.numbers()).zip(x.par_chunks(self.numbers()));
        photos.for_each(|(out, x)| drop(self.forward(x, weights, out)));
    }

    /// Tokens `[n, tokens, width]` to tokens; no photograph's bits depend on the others.
    pub fn forward(&self, x: &[f32], weights: &LayerWeights, out: &mut [f32]) -> LayerTrace {
        let (count, tokens) = (x.len() / self.numbers(), self.tokens);
        let mut trace = LayerTrace {
            qkv: pool::take(3 * x.len()),
            mixed: pool::take(x.len()),
            middle: pool::take(x.len()),
            hidden: pool::take(count * tokens * self.hidden),
        };
        let groups = groups(count, tokens);
        let LayerTrace { qkv, mixed, middle, hidden } = &mut trace;
        let parts = split(out, &groups, self.numbers())
            .into_iter()
            .zip(split(qkv, &groups, 3 * self.numbers()))
            .zip(split(mixed, &groups, self.numbers()))
            .zip(split(middle, &groups, self.numbers()))
            .zip(split(hidden, &groups, tokens * self.hidden))
            .map(|((((out, qkv), mixed), middle), hidden)| (out, Part { qkv, mixed, middle, hidden }));
        let work = |(group, (out, part)): (&Range<usize>, (&mut [f32], Part))| {
            let mut normed = scratch(self.numbers());
            let mut wide = scratch(tokens * self.hidden);
            let mut scores = scratch(tokens * tokens);
            let each = out
                .chunks_exact_mut(self.numbers())
                .zip(part.qkv.chunks_exact_mut(3 * self.numbers()))
                .zip(part.mixed.chunks_exact_mut(self.numbers()))
                .zip(part.middle.chunks_exact_mut(self.numbers()))
                .zip(part.hidden.chunks_exact_mut(tokens * self.hidden));
            for (photo, ((((out, qkv), mixed), middle), hidden)) in group.clone().zip(each) {
                let x = &x[photo * self.numbers()..(photo + 1) * self.numbers()];
                self.norm(&mut normed, x, &weights.norm1);
                self.affine(qkv, &normed, self.width, &weights.qkv);
                for head in 0..self.heads {
                    self.attend(&mut scores, qkv, head);
                    let (at, depth) = (head * self.depth(), self.depth());
                    let values = View::new(&qkv[2 * self.width + at..], tokens, depth, 3 * self.width);
                    let scores = View::new(&scores, tokens, tokens, tokens);
                    product(&mut mixed[at..], self.width, Onto::Nothing, scores, values);
                }
                self.affine(&mut normed, mixed, self.width, &weights.proj);
                self.add(middle, x, &normed, weights.scale1);
                self.norm(&mut normed, middle, &weights.norm2);
                self.affine(hidden, &normed, self.width, &weights.fc1);
                gelu(&mut wide, hidden);
                self.affine(&mut normed, &wide, self.hidden, &weights.fc2);
                self.add(out, middle, &normed, weights.scale2);
            }
        };
        groups.par_iter().zip(parts.collect::<Vec<_>>()).for_each(work);
        trace
    }

    fn depth(&self) -> usize {
        self.width / self.heads
    }

    fn norm(&self, to: &mut [f32], x: &[f32], norm: &Affine) {
        for (to, x) in to.chunks_exact_mut(self.width).zip(x.chunks_exact(self.width)) {
            normalise(to, x, spread(x, self.eps), norm.weight, norm.bias);
        }
    }

    /// `to` becomes x times the weights, plus the biases.
    fn affine(&self, to: &mut [f32], x: &[f32], inputs: usize, of: &Affine) {
        let outputs = of.bias.len();
        for to in to.chunks_exact_mut(outputs) {
            to.copy_from_slice(of.bias);
        }
        let weight = View::new(of.weight, outputs, inputs, inputs).transposed();
        product(to, outputs, Onto::Sum, View::new(x, self.tokens, inputs, inputs), weight);
    }

    /// How much each token of a head looks at each.
    fn attend(&self, scores: &mut [f32], qkv: &[f32], head: usize) {
        let (tokens, depth, stride) = (self.tokens, self.depth(), 3 * self.width);
        let queries = View::new(&qkv[head * depth..], tokens, depth, stride);
        let keys = View::new(&qkv[self.width + head * depth..], tokens, depth, stride);
        product(scores, tokens, Onto::Nothing, queries, keys.transposed());
        for row in scores.chunks_exact_mut(tokens) {
            softmax(row, self.scale());
        }
    }

    fn scale(&self) -> f32 {
        (self.depth() as f32).powf(-0.5)
    }

    fn add(&self, to: &mut [f32], x: &[f32], branch: &[f32], scale: Option<&[f32]>) {
        match scale {
            None => {
                to.copy_from_slice(x);
                lines::grow(to, branch);
            }
            Some(scale) => {
                let each = to.chunks_exact_mut(self.width).zip(x.chunks_exact(self.width));
                for ((to, x), branch) in each.zip(branch.chunks_exact(self.width)) {
                    add_scaled(to, x, branch, scale);
                }
            }
        }
    }

    /// The gradients of all parameters, and of the input into `dx`, from that of the output.
    #[must_use]
    #[allow(clippy::needless_pass_by_value, reason = "its memory is free when this is done")]
    pub fn back(
        &self,
        trace: LayerTrace,
        x: &[f32],
        weights: &LayerWeights,
        gradient: &[f32],
        dx: &mut [f32],
    ) -> LayerGradients {
        let groups = groups(x.len() / self.numbers(), self.tokens);
        let proj = scaled(&weights.proj, weights.scale1);
        let fc2 = scaled(&weights.fc2, weights.scale2);
        let (proj, fc2) =
            (proj.as_deref().unwrap_or(weights.proj.weight), fc2.as_deref().unwrap_or(weights.fc2.weight));
        let work = |(group, dx): (&Range<usize>, &mut [f32])| {
            let mut back = Back::new(self);
            for (photo, dx) in group.clone().zip(dx.chunks_exact_mut(self.numbers())) {
                back.photo(self, &trace, x, weights, [proj, fc2], gradient, photo, dx);
            }
            back.sums
        };
        let parts = split(dx, &groups, self.numbers());
        let mut found: Vec<[Buffer; 12]> = groups.par_iter().zip(parts).map(work).collect();
        let rest = found.split_off(1);
        let mut all = found.pop().expect("there is a group");
        for (number, sums) in all.iter_mut().enumerate() {
            sums.par_chunks_mut(1 << 14).enumerate().for_each(|(at, to)| {
                for one in &rest {
                    lines::grow(to, &one[number][at << 14..(at << 14) + to.len()]);
                }
            });
        }
        drop(rest);
        let [n1w, n1b, qw, qb, mut pw, mut pb, n2w, n2b, f1w, f1b, mut f2w, mut f2b] = all;
        let scale1 = weights.scale1.map(|scale| scale_gradient(&mut pw, &mut pb, &weights.proj, scale));
        let scale2 = weights.scale2.map(|scale| scale_gradient(&mut f2w, &mut f2b, &weights.fc2, scale));
        let affine =
            |weight: Buffer, bias: Buffer| AffineGradients { weight: weight.into_vec(), bias: bias.into_vec() };
        LayerGradients {
            norm1: affine(n1w, n1b),
            qkv: affine(qw, qb),
            proj: affine(pw, pb),
            scale1,
            norm2: affine(n2w, n2b),
            fc1: affine(f1w, f1b),
            fc2: affine(f2w, f2b),
            scale2,
        }
    }
}

/// Weights whose outputs are scaled, a row each.
fn scaled(of: &Affine, scale: Option<&[f32]>) -> Option<Vec<f32>> {
    let inputs = of.weight.len() / of.bias.len();
    let row = |(row, scale): (&[f32], &f32)| row.iter().map(|weight| weight * scale).collect::<Vec<_>>();
    scale.map(|scale| of.weight.chunks_exact(inputs).zip(scale).flat_map(row).collect())
}

/// The gradient of the factors that an affine map's outputs are scaled by, from those that its weights and biases would
/// have without; these become what they are with.
fn scale_gradient(weight: &mut [f32], bias: &mut [f32], of: &Affine, scale: &[f32]) -> Vec<f32> {
    let inputs = of.weight.len() / of.bias.len();
    let mut gradients = Vec::with_capacity(scale.len());
    for (row, scale) in scale.iter().enumerate() {
        let there = row * inputs..(row + 1) * inputs;
        let (found, weight) = (&mut weight[there.clone()], &of.weight[there]);
        // The factor's gradient is that of the output times the output: what weights and biases make it of.
        let products = found.iter().zip(weight).map(|(found, weight)| f64::from(*found) * f64::from(*weight));
        let gradient = products.sum::<f64>() + f64::from(bias[row]) * f64::from(of.bias[row]);
        gradients.push(gradient as f32);
        for found in found {
            *found *= scale;
        }
        bias[row] *= scale;
    }
    gradients
}

/// Scratch and sums of a group on the way back.
struct Back {
    normed: Buffer,
    wide: Buffer,
    dwide: Buffer,
    scores: Buffer,
    dscores: Buffer,
    dqkv: Buffer,
    dnormed: Buffer,
    /// Gradients of weights and biases, norms among them, in the order of [`LayerWeights`].
    sums: [Buffer; 12],
}

impl Back {
    fn new(layer: &Layer) -> Self {
        let Layer { tokens, width, hidden, .. } = *layer;
        let sums = [
            width,
            width,
            3 * width * width,
            3 * width,
            width * width,
            width,
            width,
            width,
            hidden * width,
            hidden,
            width * hidden,
            width,
        ];
        Self {
            normed: scratch(layer.numbers()),
            wide: scratch(tokens * hidden),
            dwide: scratch(tokens * hidden),
            scores: scratch(tokens * tokens),
            dscores: scratch(tokens * tokens),
            dqkv: scratch(3 * layer.numbers()),
            dnormed: scratch(layer.numbers()),
            sums: sums.map(pool::zeros),
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn photo(
        &mut self,
        layer: &Layer,
        trace: &LayerTrace,
        x: &[f32],
        weights: &LayerWeights,
        [proj, fc2]: [&[f32]; 2],
        gradient: &[f32],
        photo: usize,
        dx: &mut [f32],
    ) {
        let Layer { tokens, width, hidden, .. } = *layer;
        let own = |each: usize| photo * each..(photo + 1) * each;
        let numbers = layer.numbers();
        let x = &x[own(numbers)];
        let gradient = &gradient[own(numbers)];
        let middle = &trace.middle[own(numbers)];
        let mixed = &trace.mixed[own(numbers)];
        let qkv = &trace.qkv[own(3 * numbers)];
        let Self { normed, wide, dwide, scores, dscores, dqkv, dnormed, sums } = self;
        let [n1w, n1b, qw, qb, pw, pb, n2w, n2b, f1w, f1b, f2w, f2b] = sums.each_mut();

        // The MLP's branch.
        wide.copy_from_slice(&trace.hidden[own(tokens * hidden)]);
        let dy = rows(gradient, width);
        product(dwide, hidden, Onto::Nothing, dy, View::new(fc2, width, hidden, hidden));
        gelu_back(dwide, wide);
        product(f2w, hidden, Onto::Sum, dy.transposed(), rows(wide, hidden));
        columns(f2b, gradient);
        columns(f1b, dwide);
        let dhidden = rows(dwide, hidden);
        layer.norm(normed, middle, &weights.norm2);
        product(f1w, width, Onto::Sum, dhidden.transposed(), rows(normed, width));
        product(dnormed, width, Onto::Nothing, dhidden, View::new(weights.fc1.weight, hidden, width, width));
        dx.copy_from_slice(gradient);
        norm_back(layer, dx, dnormed, middle, weights.norm2.weight, n2w, n2b);

        // The attention's branch; until the end `dx` is the gradient of what lies between the two.
        let dy = rows(dx, width);
        product(dnormed, width, Onto::Nothing, dy, View::new(proj, width, width, width));
        product(pw, width, Onto::Sum, dy.transposed(), rows(mixed, width));
        columns(pb, dx);
        let depth = layer.depth();
        for head in 0..layer.heads {
            layer.attend(scores, qkv, head);
            let at = [0, 1, 2].map(|part| part * width + head * depth);
            let [queries, keys, values] = at.map(|at| View::new(&qkv[at..], tokens, depth, 3 * width));
            let dmixed = View::new(&dnormed[head * depth..], tokens, depth, width);
            product(dscores, tokens, Onto::Nothing, dmixed, values.transposed());
            for (gradient, share) in dscores.chunks_exact_mut(tokens).zip(scores.chunks_exact(tokens)) {
                softmax_back(gradient, share, layer.scale());
            }
            let (shares, dscores) = (rows(scores, tokens), rows(dscores, tokens));
            product(&mut dqkv[at[0]..], 3 * width, Onto::Nothing, dscores, keys);
            product(&mut dqkv[at[1]..], 3 * width, Onto::Nothing, dscores.transposed(), queries);
            product(&mut dqkv[at[2]..], 3 * width, Onto::Nothing, shares.transposed(), dmixed);
        }
        layer.norm(normed, x, &weights.norm1);
        product(qw, width, Onto::Sum, rows(dqkv, 3 * width).transposed(), rows(normed, width));
        columns(qb, dqkv);
        let weight = View::new(weights.qkv.weight, 3 * width, width, width);
        product(dnormed, width, Onto::Nothing, rows(dqkv, 3 * width), weight);
        norm_back(layer, dx, dnormed, x, weights.norm1.weight, n1w, n1b);
    }
}

/// All rows of a matrix.
fn rows(data: &[f32], columns: usize) -> View<'_> {
    View::new(data, data.len() / columns, columns, columns)
}

/// The sums of a matrix's columns are added to `to`.
fn columns(to: &mut [f32], matrix: &[f32]) {
    for row in matrix.chunks_exact(to.len()) {
        lines::grow(to, row);
    }
}

fn norm_back(
    layer: &Layer,
    dx: &mut [f32],
    gradient: &[f32],
    x: &[f32],
    weight: &[f32],
    to_weight: &mut [f32],
    to_bias: &mut [f32],
) {
    let width = layer.width;
    let each = dx.chunks_exact_mut(width).zip(gradient.chunks_exact(width)).zip(x.chunks_exact(width));
    for ((dx, gradient), x) in each {
        normalise_back(dx, gradient, x, spread(x, layer.eps), weight, to_weight, to_bias);
    }
}
