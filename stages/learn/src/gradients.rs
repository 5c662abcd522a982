//! The gradients of a network between backward pass and step: [`GradientMean`] gathers those of several batches and
//! limits their norm.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Gradients, Tensor};

/// The mean gradient over some samples, a vector a parameter in the order in which the network visits them; none where
/// nothing is learnt.
pub(crate) struct GradientMean {
    vectors: Vec<Option<Tensor<1>>>,
    samples: usize,
}

/// Values summed at once: the order within must not depend on the number of threads, and does for millions.
const BLOCK: usize = 1 << 16;

impl GradientMean {
    /// What a backward pass of the mean loss of `samples` samples left for the network's parameters.
    pub(crate) fn of<M: Module>(network: &M, gradients: Gradients, samples: usize) -> Self {
        let mut collector = Collector { gradients, vectors: Vec::new() };
        network.visit(&mut collector);
        Self { vectors: collector.vectors, samples }
    }

    /// The mean over the samples of both.
    pub(crate) fn with(self, other: Self) -> Self {
        let samples = self.samples + other.samples;
        let [mine, theirs] = [self.samples, other.samples].map(|count| count as f64 / samples as f64);
        let vectors = self.vectors.into_iter().zip(other.vectors);
        let vectors = vectors.map(|pair| match pair {
            (Some(a), Some(b)) => Some(a * mine + b * theirs),
            _ => None,
        });
        Self { vectors: vectors.collect(), samples }
    }

    /// The Euclidean norm of all gradients together.
    pub(crate) fn norm(&self) -> f64 {
        let mut sums = Vec::new();
        for vector in self.vectors.iter().flatten() {
            let length = vector.dims()[0];
            for start in (0..length).step_by(BLOCK) {
                sums.push(vector.clone().narrow(0, start, BLOCK.min(length - start)).square().sum());
            }
        }
        if sums.is_empty() {
            return 0.0;
        }
        // One transfer from the device; what is added up here is added up in one order.
        let sums: Vec<f32> = Tensor::cat(sums, 0).into_data().try_to_vec().expect("gradients are f32");
        sums.into_iter().map(f64::from).sum::<f64>().sqrt()
    }

    /// As `PyTorch`'s `clip_grad_norm_`: where the norm is above `limit`, all gradients times limit / (norm + 1e-6).
    pub(crate) fn clip(mut self, limit: f64) -> Self {
        let factor = limit / (self.norm() + 1e-6);
        if factor < 1.0 {
            for vector in self.vectors.iter_mut().flatten() {
                *vector = vector.clone() * factor;
            }
        }
        self
    }

    /// The gradient of the parameter at a place in the order of the visit.
    pub(crate) fn take(&mut self, at: usize) -> Option<Tensor<1>> {
        self.vectors[at].take()
    }
}

/// A tensor's values in their order.
pub(crate) fn flat<const D: usize>(tensor: Tensor<D>) -> Tensor<1> {
    let length = tensor.dims().iter().product::<usize>();
    tensor.reshape([length])
}

struct Collector {
    gradients: Gradients,
    vectors: Vec<Option<Tensor<1>>>,
}

impl ModuleVisitor for Collector {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let gradient = param.val().grad_remove(&mut self.gradients);
        self.vectors.push(gradient.map(flat));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    fn mean(vectors: &[&[f32]], samples: usize) -> GradientMean {
        let device = Device::flex();
        let vectors = vectors.iter().map(|values| Some(Tensor::from_floats(*values, &device))).collect();
        GradientMean { vectors, samples }
    }

    fn values(mean: GradientMean) -> Vec<Vec<f32>> {
        let vectors = mean.vectors.into_iter().flatten();
        vectors.map(|vector| vector.into_data().try_to_vec().expect("floats")).collect()
    }

    #[test]
    fn the_mean_weighs_each_batch_by_its_samples() {
        let both = mean(&[&[1.0, 2.0], &[3.0]], 3).with(mean(&[&[5.0, -2.0], &[-1.0]], 1));
        assert_eq!(values(both), [vec![2.0, 1.0], vec![2.0]]);
    }

    #[test]
    fn clipping_scales_all_gradients_by_their_common_norm() {
        // Norm sqrt(1 + 4 + 4 + 16) = 5.
        let gradients = || mean(&[&[1.0, 2.0], &[2.0, 4.0]], 1);
        assert!((gradients().norm() - 5.0).abs() < 1e-12);
        let clipped = values(gradients().clip(2.5));
        let far = clipped.concat().iter().zip([0.5, 1.0, 1.0, 2.0]).any(|(a, b)| (a - b).abs() > 1e-6);
        assert!(!far, "{clipped:?}");
        assert_eq!(values(gradients().clip(5.1)), values(gradients()));
    }

    #[test]
    fn the_norm_of_many_values_is_the_same_for_any_number_of_threads() {
        let device = Device::flex();
        let values: Vec<f32> = (0..5_000_000).map(|at| ((at * 7919) % 10_007) as f32 / 10_007.0 - 0.3).collect();
        let exact = values.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
        let vector: Tensor<1> = Tensor::from_floats(values.as_slice(), &device);
        let norm = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
            pool.install(|| GradientMean { vectors: vec![None, Some(vector.clone())], samples: 1 }.norm())
        };
        let one = norm(1);
        assert!((one / exact - 1.0).abs() < 1e-5, "{one} is not {exact}");
        for threads in [2, 4, 4, 4] {
            assert_eq!(norm(threads).to_bits(), one.to_bits());
        }
    }
}
