//! What a network is worth after an epoch: [`Training::validate`] answers for every val photograph.

use super::fit::Training;
use crate::infer;
use crate::models::Network;
use crate::scores::scored;
use plantpipe_stage::Result;
use plantpipe_stage::format::Epoch;

impl Training<'_> {
    /// The network's answers for every val photograph, as an epoch's row.
    pub(super) fn validate(&self, network: &mut Network, epoch: u64, lr: f64, train_loss: f64) -> Result<Epoch> {
        let device = self.device.clone().without_autodiff();
        let done = |done| self.progress(epoch, self.train.len() + done);
        let logits = infer::logits(network, &self.batches(self.val), &device, |at| self.val.name(at), done)?;
        let targets: Vec<&[u8]> = self.val.samples.iter().map(|sample| sample.targets.as_slice()).collect();
        Ok(scored(&logits, &targets, epoch, lr, train_loss))
    }
}
