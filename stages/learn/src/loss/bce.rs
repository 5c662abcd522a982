//! Binary cross-entropy: [`bce_with_logits`] on tensors, [`bce`] on one number.

use burn::tensor::Tensor;
use burn::tensor::activation::log_sigmoid;

/// Binary cross-entropy of logits against targets from 0 to 1, both `[n, labels]`: the mean over n x labels, `[1]`.
pub(crate) fn bce_with_logits(logits: Tensor<2>, targets: Tensor<2>) -> Tensor<1> {
    unreduced(logits, targets).mean()
}

/// The same before the mean, `[n, labels]`.
///
/// -(y log s(x) + (1 - y) log(1 - s(x))) = (1 - y) x - log s(x): finite for every finite x, with the gradient
/// s(x) - y everywhere, 0 included.
pub(super) fn unreduced(logits: Tensor<2>, targets: Tensor<2>) -> Tensor<2> {
    let linear = targets.neg().add_scalar(1.0) * logits.clone();
    linear - log_sigmoid(logits)
}

/// -(w y log s(x) + (1 - y) log(1 - s(x))), a weight w a label, as `PyTorch`'s `pos_weight`: the mean, `[1]`.
pub(super) fn weighted(logits: Tensor<2>, targets: Tensor<2>, weights: &[f32]) -> Tensor<1> {
    let weights = Tensor::<1>::from_floats(weights, &logits.device()).reshape([1, weights.len()]);
    // (1 - y) x - (1 - y + w y) log s(x).
    let negative = targets.clone().neg().add_scalar(1.0);
    let share = negative.clone() + targets * weights;
    (negative * logits.clone() - share * log_sigmoid(logits)).mean()
}

/// The same of one logit and target.
pub(crate) fn bce(logit: f32, target: u8) -> f64 {
    let x = f64::from(logit);
    let softplus = (-x.abs()).exp().ln_1p() + (-x).max(0.0);
    (1.0 - f64::from(target)) * x + softplus
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    fn loss_and_gradient(logits: [[f32; 2]; 2], targets: [[f32; 2]; 2]) -> (f32, Vec<f32>) {
        let device = Device::flex().autodiff();
        let logits = Tensor::<2>::from_floats(logits, &device).require_grad();
        let loss = bce_with_logits(logits.clone(), Tensor::from_floats(targets, &device));
        let gradient = logits.grad(&loss.backward()).expect("gradient");
        (loss.into_scalar(), gradient.into_data().try_to_vec().expect("floats"))
    }

    #[test]
    fn the_loss_is_the_mean_over_images_and_labels() {
        // x = 0 costs ln 2 = 0.693147 either way; x = ln 3 (s = 3/4) costs ln(4/3) = 0.287682 for y = 1 and
        // ln 4 = 1.386294 for y = 0; the mean of 0.693147, 0.693147, 0.287682, 1.386294 is 0.765068.
        let ln3 = 3f32.ln();
        let (loss, gradient) = loss_and_gradient([[0.0, 0.0], [ln3, ln3]], [[0.0, 1.0], [1.0, 0.0]]);
        assert!((loss - 0.765_068).abs() < 1e-6, "{loss}");
        // (s - y) / 4: 0.5, -0.5, -0.25, 0.75, each over 4.
        let expected = [0.125, -0.125, -0.0625, 0.1875];
        assert!(gradient.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{gradient:?}");
    }

    #[test]
    fn large_logits_stay_finite() {
        // 200 wrong, 200 right: (200 + 0 + 200 + 0) / 4.
        let (loss, gradient) = loss_and_gradient([[200.0, 200.0], [-200.0, -200.0]], [[0.0, 1.0], [1.0, 0.0]]);
        assert!((loss - 100.0).abs() < 1e-4, "{loss}");
        assert!(gradient.iter().zip([0.25, 0.0, -0.25, 0.0]).all(|(a, b)| (a - b).abs() < 1e-6), "{gradient:?}");
    }

    #[test]
    fn one_number_costs_what_a_tensor_of_it_costs() {
        for (logit, target) in [(0.0, 0), (3f32.ln(), 1), (3f32.ln(), 0), (-200.0, 1), (200.0, 1)] {
            let (loss, _) = loss_and_gradient([[logit; 2]; 2], [[f32::from(target); 2]; 2]);
            assert!((bce(logit, target) - f64::from(loss)).abs() < 1e-5, "{logit} {target}: {loss}");
        }
    }
}
