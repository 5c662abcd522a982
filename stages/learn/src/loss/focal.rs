//! Focal loss: [`sigmoid_focal_loss`], less of what is answered rightly already.

use super::bce::unreduced;
use super::focus;
use burn::tensor::Tensor;
use burn::tensor::activation::sigmoid;

/// `(1 - p_t)^gamma` times cross-entropy, `p_t = p t + (1 - p)(1 - t)` also for t between 0 and 1, as torchvision has it;
/// with alpha times alpha t + (1 - alpha)(1 - t). Logits and targets `[n, labels]`; the mean, `[1]`.
pub(super) fn sigmoid_focal_loss(logits: Tensor<2>, targets: Tensor<2>, gamma: f64, alpha: Option<f64>) -> Tensor<1> {
    let mut loss = unreduced(logits.clone(), targets.clone());
    if gamma > 0.0 {
        // 1 - p_t = t s(-x) + (1 - t) s(x): no difference of nearly equal numbers.
        let wrong =
            targets.clone() * sigmoid(logits.clone().neg()) + targets.clone().neg().add_scalar(1.0) * sigmoid(logits);
        loss = loss * focus(wrong, gamma);
    }
    if let Some(alpha) = alpha {
        // alpha t + (1 - alpha)(1 - t) = (2 alpha - 1) t + 1 - alpha.
        loss = loss * (targets * (2.0 * alpha - 1.0) + (1.0 - alpha));
    }
    loss.mean()
}
