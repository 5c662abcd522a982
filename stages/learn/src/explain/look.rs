//! What a network sees on photographs: [`Look`] gives its answers, and for some labels of each a [`Sight`].

use super::gradcam::{Map, grad_cam};
use crate::batches::Batches;
use crate::infer::{Trained, logits, sigmoid};
use burn::module::Module;
use burn::tensor::Device;
use plantpipe_pixels::RgbImage;
use plantpipe_stage::Result;
use serde::Deserialize;

/// How maps are made: the one method there is so far.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Method {
    GradCam,
}

impl Method {
    /// As people write it.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::GradCam => "Grad-CAM",
        }
    }
}

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
    pub(crate) method: Method,
}

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
        let network = &self.model.network;
        let mut plain = network.valid();
        let mut ready = 0;
        let maps = batches.plain(|batch| {
            ready += batch.items.len();
            let of_row = |(row, item): (usize, &usize)| shown[*item].iter().map(move |label| (row, *label)).collect();
            let pairs = batch.items.iter().enumerate().map(of_row).collect::<Vec<Vec<_>>>().concat();
            let activation = plain.activation(batch.tensor(self.device));
            let maps = match self.method {
                Method::GradCam => grad_cam(|activation| network.tail(activation), activation, &pairs),
            };
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
