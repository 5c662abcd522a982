//! The epochs of a training: [`Training`] runs them one after the other, and the [`Journey`] keeps the best.

use super::resume::Keeper;
use super::settings::Params;
use super::step::{Learner, Taken};
use crate::batches::{Batches, Photos};
use crate::loss::Criterion;
use crate::models::{Arch, Network};
use crate::scores::beats;
use crate::words::{counted, speed};
use burn::tensor::Device;
use plantpipe_stage::format::{Epoch, Preprocessing};
use plantpipe_stage::{Context, Pace, Result};
use std::time::{Duration, Instant};

/// What stays the same over a training.
pub(super) struct Training<'a> {
    pub(super) ctx: &'a Context<'a>,
    pub(super) params: &'a Params,
    pub(super) preprocessing: &'a Preprocessing,
    pub(super) train: &'a Photos,
    pub(super) val: &'a Photos,
    pub(super) arch: Arch,
    pub(super) criterion: Criterion,
    pub(super) device: Device,
}

/// The epoch kept, with its weights.
pub(super) struct Best {
    pub(super) epoch: Epoch,
    pub(super) network: Network,
}

/// A training on its way: all that changes.
pub(super) struct Journey<'a> {
    pub(super) learner: Learner<'a>,
    pub(super) history: Vec<Epoch>,
    pub(super) best: Option<Best>,
    /// Of the steps that this run has made.
    pub(super) pace: Pace,
}

impl Training<'_> {
    /// The best epoch, and the history of all.
    pub(super) fn run(&self, network: Network) -> Result<(Best, Vec<Epoch>)> {
        let start = Instant::now();
        let mut keeper = Keeper::open(self, &network)?;
        let mut journey =
            Journey { learner: Learner::new(self, network), history: Vec::new(), best: None, pace: Pace::default() };
        keeper.go_on(&mut journey)?;
        while !self.is_over(&journey) {
            let speed = journey.epoch(&mut keeper)?;
            // Saved before it is told: what was seen to be done is never done again.
            keeper.save(&journey)?;
            self.tell(&journey, &speed);
            keeper.after_epoch(&journey)?;
        }
        if journey.pace.whole > Duration::ZERO {
            let waited = 100.0 * journey.pace.share();
            self.ctx.note(format!("its steps spent {waited:.1} % of their time waiting for photographs"));
        }
        keeper.tell(start.elapsed());
        let done = journey.history.len();
        if done < self.params.epochs as usize {
            let epochs = self.params.epochs;
            let since = counted(journey.since_best(), "epoch");
            self.ctx.note(format!("stopped after epoch {done} of {epochs}: no better one in {since}"));
        }
        Ok((journey.best.expect("there is at least one epoch"), journey.history))
    }

    /// Whether nothing is left to do: every epoch is done, or patience has run out.
    pub(super) fn is_over(&self, journey: &Journey) -> bool {
        let Params { epochs, patience, .. } = *self.params;
        let is_impatient = patience > 0 && journey.since_best() >= patience as usize;
        journey.history.len() >= epochs as usize || is_impatient
    }

    /// The last epoch in one line; `speed` is of its training alone.
    fn tell(&self, journey: &Journey, speed: &str) {
        let last = journey.history.last().expect("an epoch is done");
        let (epochs, Epoch { epoch, train_loss, val_loss, val_exact_match, .. }) = (self.params.epochs, last);
        let better = journey.since_best() == 0;
        let width = epochs.to_string().len();
        let best = if better { ", best so far" } else { "" };
        self.ctx.note(format!(
            "epoch {epoch:>width$}/{epochs}: train loss {train_loss:.3}, val loss {val_loss:.3}, \
             val exact match {val_exact_match:.3}, {speed}{best}"
        ));
    }

    /// Photographs seen, `done` of them in this epoch, of all that will be: each epoch trains and then validates.
    pub(super) fn progress(&self, epoch: u64, done: usize) {
        let each = self.train.len() + self.val.len();
        let (before, total) = ((epoch as usize - 1) * each, self.params.epochs as usize * each);
        self.ctx.progress(before + done, total, "images");
    }

    /// How photographs become batches here.
    pub(super) fn batches<'a>(&'a self, photos: &'a Photos) -> Batches<'a> {
        Batches { images: &photos.images, preprocessing: self.preprocessing, batch: self.params.batch }
    }
}

impl Journey<'_> {
    /// One epoch, or what is left of it: the speed of its training.
    fn epoch(&mut self, keeper: &mut Keeper) -> Result<String> {
        let training = self.learner.training;
        let batches = training.batches(training.train);
        let (number, first) = (self.learner.epoch, self.learner.batches);
        let start = Instant::now();
        self.learner.thaw();
        let pace = batches.varied(&training.params.augment(number), training.ctx.seed(), number, first, |batch| {
            let taken = self.learner.take(batch)?;
            training.progress(number, batches.photographs(self.learner.batches));
            if taken == Taken::Step {
                keeper.after_step(self)?;
            }
            Ok(())
        })?;
        self.pace += pace;
        let speed = speed(training.train.len() - batches.photographs(first), start.elapsed());
        let train_loss = self.learner.loss / training.train.len() as f64;
        let mut kept = self.learner.kept();
        let epoch = training.validate(&mut kept, number, self.learner.last_lr(), train_loss)?;
        if self.best.as_ref().is_none_or(|best| beats(&epoch, &best.epoch)) {
            self.best = Some(Best { epoch: epoch.clone(), network: kept });
        }
        self.history.push(epoch);
        self.learner.turn_over();
        Ok(speed)
    }

    /// How many epochs have gone by since the best.
    fn since_best(&self) -> usize {
        self.history.len() - self.best.as_ref().map_or(0, |best| best.epoch.epoch as usize)
    }
}
