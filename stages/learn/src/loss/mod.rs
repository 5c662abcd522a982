//! What training minimises: [`Criterion`], a [`Loss`] of every label, plus [`Confusion`] between photographs where asked.
//!
//! Every loss is the mean over photographs and labels, of logits `[n, labels]` against targets `[n, labels]` from 0 to 1.
//! Targets between 0 and 1 (mixed photographs, smoothed labels) mean the same everywhere: that share of the positive
//! case and the rest of the negative one, but for focal loss, which follows torchvision.

mod asl;
mod bce;
pub(crate) mod choice;
mod confusion;
mod focal;

pub(crate) use bce::{bce, bce_with_logits};
pub(crate) use confusion::{Confusion, Form};

use burn::tensor::Tensor;

/// The loss of a label of a photograph.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Loss {
    /// Binary cross-entropy; a weight a label on its positive case, if any.
    Bce { pos_weight: Option<Vec<f32>> },
    /// Lin et al. 2017, as torchvision's `sigmoid_focal_loss`: cross-entropy times `(1 - p_t)^gamma`, and times alpha for
    /// positives, 1 - alpha for negatives, if there is an alpha.
    Focal { gamma: f64, alpha: Option<f64> },
    /// Asymmetric loss, Ben-Baruch et al. 2021.
    Asl { gamma_neg: f64, gamma_pos: f64, margin: f64 },
}

impl Loss {
    /// The mean over n x labels, `[1]`.
    pub(crate) fn forward(&self, logits: Tensor<2>, targets: Tensor<2>) -> Tensor<1> {
        match self {
            Self::Bce { pos_weight: None } => bce_with_logits(logits, targets),
            Self::Bce { pos_weight: Some(weights) } => bce::weighted(logits, targets, weights),
            Self::Focal { gamma, alpha } => focal::sigmoid_focal_loss(logits, targets, *gamma, *alpha),
            Self::Asl { gamma_neg, gamma_pos, margin } => {
                asl::asymmetric_loss(logits, targets, *gamma_neg, *gamma_pos, *margin)
            }
        }
    }
}

/// All that a batch is judged by.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Criterion {
    pub(crate) loss: Loss,
    pub(crate) confusion: Option<Confusion>,
}

impl Criterion {
    /// Of logits and targets, both `[n, labels]`: the loss, plus the weighted confusion, `[1]`.
    pub(crate) fn forward(&self, logits: Tensor<2>, targets: Tensor<2>) -> Tensor<1> {
        let Some(confusion) = &self.confusion else {
            return self.loss.forward(logits, targets);
        };
        let pairs = confusion.forward(logits.clone(), &targets);
        let loss = self.loss.forward(logits, targets);
        match pairs {
            Some(pairs) => loss + pairs,
            None => loss,
        }
    }
}

/// x^gamma of x from 0 to 1, whose gradient stays finite at 0 for any gamma.
fn focus(x: Tensor<2>, gamma: f64) -> Tensor<2> {
    const TINY: f64 = 1e-12;
    (x + TINY).powf_scalar(gamma)
}
