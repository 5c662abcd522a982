//! What a network sees on photographs: [`Look`] gives its answers, and for some labels of each a [`Sight`].

use super::cam::{cams, rows, wanted};
use super::eigen::eigen_cams;
use super::map::Map;
use super::method::{Matter, Method, Way};
use super::rollout::{Layer, chefer, gradient_rollout, rollout};
use crate::batches::Batches;
use crate::infer::{Trained, logits, sigmoid};
use crate::models::Network;
use burn::module::Module;
use burn::tensor::{Device, Tensor};
use plantpipe_pixels::RgbImage;
use plantpipe_stage::Result;

/// What the network sees on one photograph for one label.
#[derive(Clone)]
pub(crate) struct Sight {
    pub(crate) label: usize,
    pub(crate) probability: f32,
    pub(crate) map: Map,
}

/// A model that is looked through.
pub(crate) struct Look<'a> {
    /// On an autodiff device.
    pub(crate) model: &'a Trained,
    /// The same device, plain.
    pub(crate) device: &'a Device,
    pub(crate) way: Way,
}

/// Photographs and labels at a time where the attention of every layer is differentiated: each takes some hundred
/// megabytes.
const ATTENDED: usize = 8;

impl Look<'_> {
    /// Photographs as the model wants them, `batch` at a time.
    pub(crate) fn batches<'b>(&'b self, images: &'b [RgbImage], batch: usize) -> Batches<'b> {
        Batches { images, preprocessing: &self.model.card.preprocessing, batch }
    }

    /// Probabilities `[labels]` a photograph, by the very path of `predict`; `name` is how to call one, `done` hears how
    /// many are done.
    ///
    /// # Errors
    /// An answer that is no finite number.
    pub(crate) fn answers<'b>(
        &self,
        batches: &Batches,
        name: impl Fn(usize) -> &'b str,
        done: impl FnMut(usize),
    ) -> Result<Vec<Vec<f32>>> {
        let logits = logits(&mut self.model.network.valid(), batches, self.device, name, done)?;
        Ok(logits.into_iter().map(|row| row.into_iter().map(sigmoid).collect()).collect())
    }

    /// For each photograph a sight of each of its `shown` labels, in that order; `done` hears how many photographs are
    /// done.
    pub(crate) fn sights(
        &self,
        batches: &Batches,
        answers: &[Vec<f32>],
        shown: &[Vec<usize>],
        mut done: impl FnMut(usize),
    ) -> Result<Vec<Vec<Sight>>> {
        let mut eyes = Eyes::new(self.way, &self.model.network);
        let mut ready = 0;
        let maps = batches.plain(|batch| {
            ready += batch.items.len();
            let of_row = |(row, item): (usize, &usize)| shown[*item].iter().map(move |label| (row, *label)).collect();
            let pairs = batch.items.iter().enumerate().map(of_row).collect::<Vec<Vec<_>>>().concat();
            let maps = eyes.maps(batch.tensor(self.device), &pairs);
            done(ready);
            Ok(maps)
        })?;
        let mut maps = maps.into_iter().flatten();
        let sights = |(labels, answer): (&Vec<usize>, &Vec<f32>)| {
            let sight = |(label, map): (&usize, Map)| Sight { label: *label, probability: answer[*label], map };
            labels.iter().zip(maps.by_ref()).map(sight).collect()
        };
        Ok(shown.iter().zip(answers).map(sights).collect())
    }
}

/// A network twice over: as it answers, and to be differentiated (but for its weights).
pub(crate) struct Eyes {
    pub(super) way: Way,
    pub(super) plain: Network,
    pub(super) frozen: Network,
}

impl Eyes {
    /// Of a network on an autodiff device.
    pub(crate) fn new(way: Way, network: &Network) -> Self {
        Self { way, plain: network.valid(), frozen: network.clone().no_grad() }
    }

    /// The map of each (photograph, label), at the method's own grid; `x` is `[n, 3, h, w]` on a plain device.
    pub(crate) fn maps(&mut self, x: Tensor<4>, pairs: &[(usize, usize)]) -> Vec<Map> {
        let shared = |maps: Vec<Map>| pairs.iter().map(|(row, _)| maps[*row].clone()).collect();
        let lie = self.way.align.lie(&self.plain, &x);
        let laid = |maps: Vec<Map>| maps.into_iter().map(|map| Map { lie, ..map }).collect();
        match self.way.method.matter() {
            Matter::Weighed(weighing) => {
                laid(cams(weighing, |activation| self.frozen.tail(activation), self.plain.activation(x), pairs))
            }
            Matter::Activation => laid(shared(eigen_cams(self.plain.activation(x).spatial))),
            Matter::Attention => {
                let layers = attention(&self.plain, x);
                shared(grids(rollout(layers, self.way.fusion, self.way.discard)))
            }
            Matter::AttentionGradient => pairs.chunks(ATTENDED).flat_map(|pairs| self.relevance(&x, pairs)).collect(),
        }
    }

    fn relevance(&self, x: &Tensor<4>, pairs: &[(usize, usize)]) -> Vec<Map> {
        let layers = differentiated(&self.frozen, x.clone().select(0, rows(pairs, &x.device())), pairs);
        grids(match self.way.method {
            Method::GradientRollout => gradient_rollout(layers, self.way.discard),
            _ => chefer(layers),
        })
    }
}

/// The attention of every layer, `[n, heads, tokens, tokens]` each.
pub(super) fn attention(network: &Network, x: Tensor<4>) -> Vec<Tensor<4>> {
    let mut layers = Vec::new();
    let see = &mut |_, attention: Tensor<4>| {
        layers.push(attention.clone());
        attention
    };
    network.attended(x, see).expect("methods that follow attention are refused where there is none");
    layers
}

/// The attention of every layer and the gradient of each pair's logit on it; `x` holds the photograph of each pair, on a
/// plain device, the network is on an autodiff one.
pub(super) fn differentiated(network: &Network, x: Tensor<4>, pairs: &[(usize, usize)]) -> Vec<Layer> {
    let mut layers = Vec::new();
    let see = &mut |_, attention: Tensor<4>| {
        // An attention that comes of others is no leaf; a zero added to it is, and has its gradient.
        let leaf = attention.zeros_like().require_grad();
        layers.push((attention.clone().inner(), leaf.clone()));
        attention + leaf
    };
    let logits = network.attended(Tensor::from_inner(x), see);
    let logits = logits.expect("methods that follow attention are refused where there is none");
    let gradients = wanted(&logits, pairs).backward();
    let layer = |(attention, leaf): (Tensor<4>, Tensor<4>)| Layer {
        attention,
        gradient: leaf.grad(&gradients).expect("the logits depend on every layer's attention"),
    };
    layers.into_iter().map(layer).collect()
}

/// The patches of square photographs as maps.
fn grids(rows: Vec<Vec<f32>>) -> Vec<Map> {
    let map = |values: Vec<f32>| {
        let side = values.len().isqrt();
        Map::scaled(side, side, values)
    };
    rows.into_iter().map(map).collect()
}
