//! How a network learns: [`Learner`] takes batch after batch, and makes a step every few of them.

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
    pub(super) training: &'a Training<'a>,
    pub(super) network: Network,
    pub(super) optimizer: Optimizer,
    schedule: Schedule,
    pub(super) ema: Option<Ema<Network>>,
    /// The epoch at work, from 1.
    pub(super) epoch: u64,
    /// Its batches seen.
    pub(super) batches: usize,
    /// The sum of their photographs' losses.
    pub(super) loss: f64,
    /// Batches seen in all.
    pub(super) seen: usize,
    /// Steps done in all.
    pub(super) steps: usize,
    /// The gradients since the last step.
    gathered: Option<GradientMean>,
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// Its gradients are gathered.
    Gathered,
    /// They and those gathered before have moved the network.
    Step,
}

impl Training<'_> {
    /// The learning rate over so many epochs.
    pub(super) fn schedule(&self, epochs: u64) -> Schedule {
        let params = self.params;
        let steps = self.batches(self.train).count().div_ceil(params.accumulate);
        Schedule {
            shape: params.schedule,
            peak: params.lr,
            warmup: (params.warmup * steps as f64).round() as usize,
            total: steps * epochs as usize,
        }
    }
}

impl<'a> Learner<'a> {
    pub(super) fn new(training: &'a Training<'a>, network: Network) -> Self {
        let params = training.params;
        let network = set_frozen(network, training.arch, params.freeze);
        Self {
            optimizer: Optimizer::new(
                params.rule(),
                params.weight_decay,
                paces(&network, training.arch, params.layer_decay),
            ),
            schedule: training.schedule(params.epochs),
            ema: (params.ema > 0.0).then(|| Ema::new(&network, params.ema)),
            training,
            network,
            epoch: 1,
            batches: 0,
            loss: 0.0,
            seen: 0,
            steps: 0,
            gathered: None,
        }
    }

    /// Lets the frozen depths learn too, once their epochs are over.
    pub(super) fn thaw(&mut self) {
        let params = self.training.params;
        if params.freeze_epochs > 0 && self.epoch == params.freeze_epochs + 1 {
            self.set_network(self.network.clone());
        }
    }

    /// The network is this one, frozen as deep as the epoch wants it.
    pub(super) fn set_network(&mut self, network: Network) {
        let (training, params) = (self.training, self.training.params);
        let thawed = params.freeze_epochs > 0 && self.epoch > params.freeze_epochs;
        self.network = set_frozen(network, training.arch, if thawed { 0 } else { params.freeze });
    }

    /// The next batch of the epoch; the last one of an epoch makes a step, whatever is gathered.
    ///
    /// # Errors
    /// A loss that is no finite number.
    pub(super) fn take(&mut self, batch: Batch) -> Result<Taken> {
        let (training, n) = (self.training, batch.items.len());
        self.loss += self.backward(batch)? * n as f64;
        self.batches += 1;
        let is_last = self.batches == training.batches(training.train).count();
        if !self.batches.is_multiple_of(training.params.accumulate) && !is_last {
            return Ok(Taken::Gathered);
        }
        self.step();
        Ok(Taken::Step)
    }

    /// The next epoch begins.
    pub(super) fn turn_over(&mut self) {
        (self.epoch, self.batches, self.loss) = (self.epoch + 1, 0, 0.0);
    }

    /// The mean loss of a batch; its gradients join those gathered.
    fn backward(&mut self, batch: Batch) -> Result<f64> {
        let (training, params) = (self.training, self.training.params);
        let n = batch.items.len();
        let mask = self.mask(n);
        let mut targets = training.train.targets(&batch.items, &training.device);
        let size = batch.size;
        let mut images = batch.tensor(&training.device);
        if let Some(mixed) = params.mix().draw(training.ctx.seed(), self.seen as u64, size) {
            images = mixed.images(images);
            targets = mixed.targets(targets);
        }
        if params.smoothing > 0.0 {
            targets = targets * (1.0 - params.smoothing) + 0.5 * params.smoothing;
        }
        self.seen += 1;
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
            let mut rng = keyed(training.ctx.seed(), "dropout", &[self.seen as u64]);
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
