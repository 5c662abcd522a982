//! The epochs of a training: [`Training`] runs them one after the other and keeps the best.

use super::settings::Params;
use super::step::Learner;
use crate::batches::{Batches, Photos};
use crate::loss::Criterion;
use crate::models::{Arch, Network};
use crate::scores::beats;
use crate::words::{counted, speed};
use burn::tensor::Device;
use plantpipe_stage::format::{Epoch, Preprocessing};
use plantpipe_stage::{Context, Result};
use std::time::Instant;

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

impl Training<'_> {
    /// The best epoch, and the history of all.
    pub(super) fn run(&self, network: Network) -> Result<(Best, Vec<Epoch>)> {
        let mut learner = Learner::new(self, network);
        let mut history: Vec<Epoch> = Vec::new();
        let mut best: Option<Best> = None;
        for number in 1..=self.params.epochs {
            let start = Instant::now();
            let train_loss = learner.epoch(number)?;
            let speed = speed(self.train.len(), start.elapsed());
            let mut kept = learner.kept();
            let epoch = self.validate(&mut kept, number, learner.last_lr(), train_loss)?;
            let better = best.as_ref().is_none_or(|best| beats(&epoch, &best.epoch));
            self.tell(&epoch, &speed, better);
            if better {
                best = Some(Best { epoch: epoch.clone(), network: kept });
            }
            history.push(epoch);
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

    /// An epoch in one line; `speed` is of its training alone.
    fn tell(&self, epoch: &Epoch, speed: &str, better: bool) {
        let (epochs, Epoch { epoch, train_loss, val_loss, val_exact_match, .. }) = (self.params.epochs, epoch);
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

    pub(super) fn batches<'a>(&'a self, photos: &'a Photos) -> Batches<'a> {
        Batches { images: &photos.images, preprocessing: self.preprocessing, batch: self.params.batch }
    }
}
