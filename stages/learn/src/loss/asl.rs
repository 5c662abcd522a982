//! Asymmetric loss: [`asymmetric_loss`], which forgets easy negatives sooner than easy positives.

use super::focus;
use burn::tensor::Tensor;
use burn::tensor::activation::{log_sigmoid, relu, sigmoid};

/// `t (1 - p)^gamma_pos (-log p) + (1 - t) p_m^gamma_neg (-log(1 - p_m))`, where `p_m = max(p - margin, 0)`. Logits and
/// targets `[n, labels]`; the mean, `[1]`.
///
/// For t of 0 and 1 that is the authors' code (which sums, where this is the mean); for t between, theirs mixes the two
/// exponents into one, and this the two losses.
pub(super) fn asymmetric_loss(
    logits: Tensor<2>,
    targets: Tensor<2>,
    gamma_neg: f64,
    gamma_pos: f64,
    margin: f64,
) -> Tensor<1> {
    let (p, not_p) = (sigmoid(logits.clone()), sigmoid(logits.clone().neg()));
    let mut positive = log_sigmoid(logits.clone()).neg();
    if gamma_pos > 0.0 {
        positive = positive * focus(not_p.clone(), gamma_pos);
    }
    let mut negative = if margin > 0.0 {
        // 1 - p_m = s(-x) + margin where p is above the margin, and 1 (whose logarithm is 0) elsewhere.
        let above = p.clone().greater_elem(margin).float();
        (not_p + margin).log().neg() * above
    } else {
        log_sigmoid(logits.neg()).neg()
    };
    if gamma_neg > 0.0 {
        negative = negative * focus(relu(p - margin), gamma_neg);
    }
    (targets.clone() * positive + targets.neg().add_scalar(1.0) * negative).mean()
}
