//! How a network learns: [`Learner`] takes it batch by batch through an epoch, a step every few batches.

use super::depths::{paces, set_frozen};
use super::fit::Training;
use crate::batches::Batch;
use crate::ema::Ema;
use crate::gradients::GradientMean;
use crate::models::{Network, Phase};
use crate::optim::{Optimizer, Schedule};
use burn::module::Module;
use burn::tensor::{Tensor, TensorData};
use plantpipe_stage::random::keyed;
use plantpipe_stage::{Error, Result};
use rand::RngExt;

/// A network and all that changes with it.
pub(super) struct Learner<'a> {
    training: &'a Training<'a>,
    network: Network,
    optimizer: Optimizer,
    schedule: Schedule,
    ema: Option<Ema<Network>>,
    /// Batches seen.
    batches: usize,
    /// Steps done.
    steps: usize,
    /// The gradients since the last step.
    gathered: Option<GradientMean>,
}

impl<'a> Learner<'a> {
    pub(super) fn new(training: &'a Training<'a>, network: Network) -> Self {
        let params = training.params;
        let network = set_frozen(network, training.arch, params.freeze);
        let steps = training.batches(training.train).count().div_ceil(params.accumulate);
        Self {
            optimizer: Optimizer::new(
                params.rule(),
                params.weight_decay,
                paces(&network, training.arch, params.layer_decay),
            ),
            schedule: Schedule {
                peak: params.lr,
                warmup: (params.warmup * steps as f64).round() as usize,
                total: steps * params.epochs as usize,
            },
            ema: (params.ema > 0.0).then(|| Ema::new(&network, params.ema)),
            training,
            network,
            batches: 0,
            steps: 0,
            gathered: None,
        }
    }

    /// One pass over the train split: the mean loss.
    ///
    /// # Errors
    /// A loss that is no finite number.
    pub(super) fn epoch(&mut self, number: u64) -> Result<f64> {
        let (training, params) = (self.training, self.training.params);
        if params.freeze_epochs > 0 && number == params.freeze_epochs + 1 {
            self.network = set_frozen(self.network.clone(), training.arch, 0);
        }
        let batches = training.batches(training.train);
        let (last, mut at, mut seen) = (batches.count(), 0, 0);
        let losses = batches.varied(&params.augment(), training.ctx.seed(), number, |batch| {
            let n = batch.items.len();
            let loss = self.backward(batch)?;
            at += 1;
            if at % params.accumulate == 0 || at == last {
                self.step();
            }
            seen += n;
            training.progress(number, seen);
            Ok(loss * n as f64)
        })?;
        Ok(losses.iter().sum::<f64>() / training.train.len() as f64)
    }

    /// The mean loss of a batch; its gradients join those gathered.
    fn backward(&mut self, batch: Batch) -> Result<f64> {
        let (training, params) = (self.training, self.training.params);
        let n = batch.items.len();
        let mask = self.mask(n);
        let mut targets = training.train.targets(&batch.items, &training.device);
        let mut images = batch.tensor(&training.device);
        if let Some(mixed) = params.mix().draw(training.ctx.seed(), self.batches as u64, params.size as usize) {
            images = mixed.images(images);
            targets = mixed.targets(targets);
        }
        if params.smoothing > 0.0 {
            targets = targets * (1.0 - params.smoothing) + 0.5 * params.smoothing;
        }
        self.batches += 1;
        let pooled = self.network.pooled(images, Phase::Train);
        let loss = training.criterion.forward(self.network.head(pooled, mask), targets);
        let value: f64 = f64::from(loss.clone().into_scalar::<f32>());
        if !value.is_finite() {
            return Err(Error::new(format!("the loss is {value} at step {}", self.steps + 1))
                .hint(format!("lower `lr` (it is {}), or lengthen `warmup`", params.lr)));
        }
        let gradients = GradientMean::of(&self.network, loss.backward(), n);
        self.gathered = Some(match self.gathered.take() {
            Some(gathered) => gathered.with(gradients),
            None => gradients,
        });
        Ok(value)
    }

    /// One step down the gradients gathered.
    fn step(&mut self) {
        let Some(mut gradients) = self.gathered.take() else {
            return;
        };
        let clip = self.training.params.clip;
        if clip > 0.0 {
            gradients = gradients.clip(clip);
        }
        let lr = self.schedule.at(self.steps);
        self.network = self.optimizer.step(self.network.clone(), gradients, lr);
        self.steps += 1;
        if let Some(ema) = &mut self.ema {
            ema.follow(&self.network);
        }
    }

    /// The dropout mask of the next batch, `[n, width]`: 0, or 1 / (1 - drop).
    fn mask(&self, n: usize) -> Option<Tensor<2>> {
        let (training, drop) = (self.training, self.training.params.drop);
        (drop > 0.0).then(|| {
            let width = self.network.width();
            let mut rng = keyed(training.ctx.seed(), "dropout", &[self.batches as u64]);
            let keep = (1.0 / (1.0 - drop)) as f32;
            let values: Vec<f32> =
                (0..n * width).map(|_| if rng.random::<f64>() < drop { 0.0 } else { keep }).collect();
            Tensor::from_data(TensorData::new(values, [n, width]), &training.device)
        })
    }

    /// The network that is validated and perhaps kept, without autodiff: the moving average where there is one.
    pub(super) fn kept(&self) -> Network {
        match &self.ema {
            Some(ema) => ema.network().clone(),
            None => self.network.valid(),
        }
    }

    /// The learning rate of the last step.
    pub(super) fn last_lr(&self) -> f64 {
        self.schedule.at(self.steps.saturating_sub(1))
    }
}
