//! The epochs of a probe: [`Fit`] runs them and keeps the best.

use super::head::{Answering, Learning, Standard};
use super::params::Params;
use super::split::SplitFeatures;
use crate::gradients::GradientMean;
use crate::loss::Loss;
use crate::optim::{Optimizer, Pace, Schedule, Shape};
use crate::scores::{beats, scored};
use crate::words::counted;
use burn::tensor::{Device, Tensor, TensorData};
use plantpipe_stage::format::Epoch;
use plantpipe_stage::random::keyed;
use plantpipe_stage::{Context, Error, Result};
use rand::RngExt;
use rand::seq::SliceRandom;

/// What stays the same over a probe's training.
pub(super) struct Fit<'a> {
    ctx: &'a Context<'a>,
    params: &'a Params,
    train: &'a SplitFeatures,
    val: &'a SplitFeatures,
    labels: usize,
    loss: Loss,
    standard: Standard,
    /// Views that are learnt from.
    views: usize,
    device: Device,
}

/// The epoch kept, with its head.
pub(super) struct Best {
    pub(super) epoch: Epoch,
    pub(super) head: Answering,
}

impl<'a> Fit<'a> {
    pub(super) fn new(
        ctx: &'a Context<'a>,
        params: &'a Params,
        train: &'a SplitFeatures,
        val: &'a SplitFeatures,
        labels: &[String],
        device: Device,
    ) -> Self {
        let views = if params.views == 0 { train.views } else { params.views.min(train.views) };
        let standard = if params.standardize { Standard::of(train, views) } else { Standard::none(train.width) };
        let loss = params.choice().loss(&train.presences(), train.len());
        Self { ctx, params, train, val, labels: labels.len(), loss, standard, views, device }
    }

    /// The best epoch, and the history of all.
    pub(super) fn run(&self) -> Result<(Best, Vec<Epoch>)> {
        let steps = self.train.len().div_ceil(self.params.batch);
        let schedule = Schedule {
            shape: Shape::Cosine,
            peak: self.params.lr,
            warmup: (self.params.warmup * steps as f64).round() as usize,
            total: steps * self.params.epochs as usize,
        };
        let mut head = Learning::new(self.labels, self.train.width, &self.device);
        // The weight and the bias.
        let paces = vec![Pace { lr_scale: 1.0, decays: true }; 2];
        let mut optimizer = Optimizer::new(self.params.rule(), self.params.weight_decay, paces);
        let mut history: Vec<Epoch> = Vec::new();
        let mut best: Option<Best> = None;
        for number in 1..=self.params.epochs {
            let train_loss;
            (head, train_loss) = self.epoch(head, &mut optimizer, &schedule, number)?;
            let answering = head.answering(&self.standard);
            let logits: Vec<Vec<f32>> =
                (0..self.val.len()).map(|item| answering.logits(self.val.view(item, 0))).collect();
            let targets: Vec<&[u8]> = self.val.samples.iter().map(|sample| sample.targets.as_slice()).collect();
            let lr = schedule.at(number as usize * steps - 1);
            let epoch = scored(&logits, &targets, number, lr, train_loss);
            if best.as_ref().is_none_or(|best| beats(&epoch, &best.epoch)) {
                best = Some(Best { epoch: epoch.clone(), head: answering });
            }
            history.push(epoch);
            self.ctx.progress(number as usize, self.params.epochs as usize, "epochs");
            let since = number - best.as_ref().map_or(0, |best| best.epoch.epoch);
            if self.params.patience > 0 && since >= self.params.patience && number < self.params.epochs {
                self.ctx.note(format!(
                    "stopped after epoch {number} of {}: no better one in {}",
                    self.params.epochs,
                    counted(since as usize, "epoch")
                ));
                break;
            }
        }
        Ok((best.expect("there is at least one epoch"), history))
    }

    /// One pass over the train split, each photograph in one of its views: the head after it, and the mean loss.
    fn epoch(
        &self,
        mut head: Learning,
        optimizer: &mut Optimizer,
        schedule: &Schedule,
        number: u64,
    ) -> Result<(Learning, f64)> {
        let mut order: Vec<usize> = (0..self.train.len()).collect();
        order.shuffle(&mut keyed(self.ctx.seed(), "shuffle", &[number]));
        let mut draw = keyed(self.ctx.seed(), "view", &[number]);
        let views: Vec<usize> =
            (0..self.train.len()).map(|_| if self.views == 1 { 0 } else { draw.random_range(0..self.views) }).collect();
        let mut sum = 0.0;
        let steps = self.train.len().div_ceil(self.params.batch);
        for (at, items) in order.chunks(self.params.batch).enumerate() {
            let step = (number as usize - 1) * steps + at;
            let (inputs, targets) = self.batch(items, &views);
            let loss = self.loss.forward(head.forward(inputs), targets);
            let value = f64::from(loss.clone().into_scalar::<f32>());
            if !value.is_finite() {
                return Err(Error::new(format!("the loss is {value} at step {}", step + 1))
                    .hint(format!("lower `lr` (it is {}), or lengthen `warmup`", self.params.lr)));
            }
            sum += value * items.len() as f64;
            let gradients = GradientMean::of(&head, loss.backward(), items.len());
            head = optimizer.step(head, gradients, schedule.at(step));
        }
        Ok((head, sum / self.train.len() as f64))
    }

    /// Standardised features `[n, width]` and targets `[n, labels]` of some photographs.
    fn batch(&self, items: &[usize], views: &[usize]) -> (Tensor<2>, Tensor<2>) {
        let mut inputs = Vec::with_capacity(items.len() * self.train.width);
        let mut targets = Vec::with_capacity(items.len() * self.labels);
        for item in items {
            inputs.extend(self.standard.apply(self.train.view(*item, views[*item])));
            targets.extend(self.train.samples[*item].targets.iter().map(|on| f32::from(*on)));
        }
        let tensor = |values, columns| Tensor::from_data(TensorData::new(values, [items.len(), columns]), &self.device);
        (tensor(inputs, self.train.width), tensor(targets, self.labels))
    }
}
