//! Pairwise Confusion (Dubey et al., ECCV 2018): [`Confusion`] draws the answers for different photographs together, so
//! that a network is less sure of what it learnt by heart.
//!
//! The halves of a batch are paired: the first photograph of one with the first of the other, and so on; of an odd batch
//! the last has no partner. The outputs compared are the probabilities of the labels.

use burn::tensor::Tensor;
use burn::tensor::activation::sigmoid;

/// A form and its weight (lambda).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Confusion {
    pub(crate) form: Form,
    pub(crate) weight: f64,
}

/// The paper and its authors' code disagree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// The squared Euclidean distance, the mean over pairs whose targets differ.
    Paper,
    /// The Euclidean distance of every pair, summed, over the number of photographs in pairs.
    Code,
}

/// Within this distance, squared, of each other a pair counts as equal: the root has no gradient at 0.
const EQUAL: f64 = 1e-12;

impl Confusion {
    /// The weighted confusion of a batch's logits and targets, `[n, labels]` each: `[1]`, or none without a pair.
    pub(crate) fn forward(&self, logits: Tensor<2>, targets: &Tensor<2>) -> Option<Tensor<1>> {
        let half = logits.dims()[0] / 2;
        if half == 0 {
            return None;
        }
        let apart = |outputs: Tensor<2>| outputs.clone().narrow(0, 0, half) - outputs.narrow(0, half, half);
        let squared: Tensor<1> = apart(sigmoid(logits)).square().sum_dim(1).reshape([half]);
        let confusion = match self.form {
            Form::Paper => {
                let differ = apart(targets.clone()).abs().sum_dim(1).reshape([half]).greater_elem(0.0).float();
                let pairs: f32 = differ.clone().sum().into_scalar();
                if pairs == 0.0 {
                    return None;
                }
                (squared * differ).sum() / f64::from(pairs)
            }
            Form::Code => {
                let differ = squared.clone().greater_elem(EQUAL).float();
                // 1 is added where the pair is equal, so that every root has a finite gradient, and taken out again.
                let distance = (squared + differ.clone().neg().add_scalar(1.0)).sqrt() * differ;
                distance.sum() / (2 * half) as f64
            }
        };
        Some(confusion * self.weight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    /// Probabilities 1/2 and 3/4 (logits 0 and ln 3): the pairs are (rows 0 and 2) and (rows 1 and 3).
    fn confusion(form: Form, rows: &[[f32; 2]], targets: &[[f32; 2]]) -> (Option<f32>, Vec<f32>) {
        let device = Device::flex().autodiff();
        let n = rows.len();
        let tensor =
            |values: &[[f32; 2]]| Tensor::<1>::from_floats(values.concat().as_slice(), &device).reshape([n, 2]);
        let logits = tensor(rows).detach().require_grad();
        let Some(value) = Confusion { form, weight: 2.0 }.forward(logits.clone(), &tensor(targets)) else {
            return (None, Vec::new());
        };
        let gradient = logits.grad(&value.backward()).expect("gradient").into_data().try_to_vec().expect("floats");
        (Some(value.into_scalar()), gradient)
    }

    fn close(actual: &[f32], expected: &[f32]) {
        let near = actual.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(near && actual.len() == expected.len(), "{actual:?} is not {expected:?}");
    }

    const A: [f32; 2] = [1.0, 0.0];
    const B: [f32; 2] = [0.0, 1.0];

    fn rows() -> [[f32; 2]; 4] {
        let ln3 = 3f32.ln();
        [[0.0, 0.0], [0.0, 0.0], [ln3, 0.0], [ln3, ln3]]
    }

    #[test]
    fn the_papers_form_is_the_mean_square_over_pairs_of_different_labels() {
        // Squares 1/16 and 2/16. Both pairs differ: mean 3/32, twice that is 0.1875; only the first: 1/16, twice 0.125.
        let (both, _) = confusion(Form::Paper, &rows(), &[A, A, B, B]);
        close(&[both.expect("pairs")], &[0.1875]);
        let (first, gradient) = confusion(Form::Paper, &rows(), &[A, A, B, A]);
        close(&[first.expect("a pair")], &[0.125]);
        // d/dx of 2 (p - q)^2: 4 (p - q) p (1 - p) = 4 * -1/4 * 1/4 for p = 1/2, and 4 * 1/4 * 3/16 for q = 3/4.
        close(&gradient, &[-0.25, 0.0, 0.0, 0.0, 0.1875, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn the_codes_form_sums_distances_whatever_the_labels_over_the_photographs() {
        // Distances 1/4 and sqrt(2)/4 over 4 photographs, twice.
        let (value, gradient) = confusion(Form::Code, &rows(), &[A, A, A, A]);
        close(&[value.expect("pairs")], &[0.125 + 0.125f32.sqrt() / 2.0]);
        // d/dx of |p - q| / 2 = +-p (1 - p) / 2 in the first pair; sqrt(1/2) of it in each label of the second.
        let root = 0.5f32.sqrt();
        let (near, far) = (0.125, 0.09375);
        close(&gradient, &[-near, 0.0, -near * root, -near * root, far, 0.0, far * root, far * root]);
    }

    #[test]
    fn equal_answers_have_no_confusion_and_a_finite_gradient() {
        for form in [Form::Paper, Form::Code] {
            let (value, gradient) = confusion(form, &[[0.3, -0.2]; 2], &[A, B]);
            close(&[value.expect("a pair")], &[0.0]);
            close(&gradient, &[0.0; 4]);
        }
    }

    #[test]
    fn without_a_pair_there_is_nothing_to_add() {
        assert_eq!(confusion(Form::Code, &[[0.0, 1.0]], &[A]).0, None);
        assert_eq!(confusion(Form::Paper, &[[0.0, 1.0], [1.0, 0.0]], &[A, A]).0, None);
        // Of three the last is left out.
        let three = confusion(Form::Code, &[[0.0, 0.0], [3f32.ln(), 0.0], [9.0, 9.0]], &[A, A, A]);
        close(&[three.0.expect("a pair")], &[0.25]);
        close(&three.1[4..], &[0.0, 0.0]);
    }
}
