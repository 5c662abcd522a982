//! Grad-CAM (Selvaraju et al. 2017), batched over images and labels: [`maps`].

use crate::models::Network;
use burn::tensor::activation::relu;
use burn::tensor::{Int, Tensor, TensorData};

/// A map asked for: an image of the batch, and a label.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request {
    pub(super) image: usize,
    pub(super) label: usize,
}

/// A map at the activation's size, values 0 to 1, row-major.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Map {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) values: Vec<f32>,
}

/// One map a request, from the last activation `[n, c, h, w]` (without autodiff) and a network whose tail lives on the
/// autodiff device: relu(sum over channels of the spatial mean of d logit / d activation times the activation), then
/// min to 0 and max to 1.
pub(super) fn maps(tail: &Network, activation: Tensor<4>, requests: &[Request]) -> Vec<Map> {
    if requests.is_empty() {
        return Vec::new();
    }
    let images: Vec<i64> = requests.iter().map(|request| request.image as i64).collect();
    let device = activation.device();
    let rows = Tensor::<1, Int>::from_data(TensorData::new(images, [requests.len()]), &device);
    let activation = activation.select(0, rows); // [requests, c, h, w]
    let leaf = Tensor::from_inner(activation.clone()).require_grad();
    let logits = tail.tail(leaf.clone(), None); // [requests, labels]
    let [n, labels] = logits.dims();
    let mut asked = vec![0f32; n * labels];
    for (row, request) in requests.iter().enumerate() {
        asked[row * labels + request.label] = 1.0;
    }
    let asked = Tensor::from_data(TensorData::new(asked, [n, labels]), &logits.device());
    // Each row's logit depends on its own activation alone, so one backward pass of the sum gives them all.
    let gradients = (logits * asked).sum().backward();
    let gradient = leaf.grad(&gradients).expect("the activation is a leaf of the logits");
    weighted(activation, gradient)
}

/// `[n, c, h, w]` activations and gradients -> n maps.
fn weighted(activation: Tensor<4>, gradient: Tensor<4>) -> Vec<Map> {
    let [_, _, height, width] = activation.dims();
    let weights = gradient.mean_dim(3).mean_dim(2); // [n, c, 1, 1]
    let sums = relu((activation * weights).sum_dim(1)); // [n, 1, h, w]
    let values: Vec<f32> = sums.into_data().try_to_vec().expect("tensors are f32");
    values.chunks(height * width).map(|values| Map { width, height, values: stretched(values) }).collect()
}

/// Least to 0 and greatest to 1; a constant map is 0 everywhere.
fn stretched(values: &[f32]) -> Vec<f32> {
    let least = values.iter().copied().fold(f32::INFINITY, f32::min);
    let range = values.iter().copied().fold(f32::NEG_INFINITY, f32::max) - least;
    values.iter().map(|value| if range > 0.0 { (value - least) / range } else { 0.0 }).collect()
}

impl Map {
    /// Bilinear, pixel centres at halves (`align_corners = false`), row-major.
    pub(super) fn resized(&self, width: u32, height: u32) -> Vec<f32> {
        let columns = places(self.width, width as usize);
        let rows = places(self.height, height as usize);
        let mut values = Vec::with_capacity(columns.len() * rows.len());
        for (top, bottom, down) in rows {
            for (left, right, along) in &columns {
                let at = |row: usize, column: usize| self.values[row * self.width + column];
                let mix = |row: usize| at(row, *left) * (1.0 - along) + at(row, *right) * along;
                values.push(mix(top) * (1.0 - down) + mix(bottom) * down);
            }
        }
        values
    }
}

/// For each place of the larger side: the two places of the smaller one between which it lies, and how far along.
fn places(from: usize, to: usize) -> Vec<(usize, usize, f32)> {
    (0..to)
        .map(|place| {
            let exact = ((place as f32 + 0.5) * from as f32 / to as f32 - 0.5).max(0.0);
            let first = (exact as usize).min(from - 1);
            (first, (first + 1).min(from - 1), exact - first as f32)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::Arch;
    use burn::tensor::Device;

    #[test]
    fn a_map_is_the_weighted_sum_of_channels_worked_by_hand() {
        let device = Device::flex();
        // Channel 0: 1 2 / 3 4, gradient mean 1; channel 1: 4 0 / 0 4, gradient mean -0.5 (of -2, 0, 0, 0).
        let activation = Tensor::<4>::from_floats([[[[1.0, 2.0], [3.0, 4.0]], [[4.0, 0.0], [0.0, 4.0]]]], &device);
        let gradient = Tensor::<4>::from_floats([[[[1.0, 1.0], [1.0, 1.0]], [[-2.0, 0.0], [0.0, 0.0]]]], &device);
        // Sum: 1 - 2 = -1 -> 0, 2, 3, 4 - 2 = 2; then divided by 3.
        let maps = weighted(activation, gradient);
        assert_eq!(maps[0].values, [0.0, 2.0 / 3.0, 1.0, 2.0 / 3.0]);
    }

    #[test]
    fn a_linear_tail_gives_the_classical_cam_of_each_label() {
        let device = Device::flex();
        let network = Arch::ResNet18.init(3, 1e-5, 1, &device.clone().autodiff());
        let values: Vec<f32> = (0..2 * 512 * 4).map(|n| ((n * 37 % 101) as f32) / 101.0).collect();
        let activation = Tensor::<4>::from_data(TensorData::new(values.clone(), [2, 512, 2, 2]), &device);
        let requests = [Request { image: 1, label: 2 }, Request { image: 0, label: 0 }];
        let maps = maps(&network, activation, &requests);
        // Through a mean and a linear head, the gradient of logit l for channel c is head[l, c] / 4 everywhere.
        let head = network.head_weight();
        for (request, map) in requests.iter().zip(&maps) {
            let sums: Vec<f32> = (0..4)
                .map(|place| {
                    let channel = |c: usize| values[(request.image * 512 + c) * 4 + place];
                    (0..512).map(|c| channel(c) * head[request.label * 512 + c] / 4.0).sum::<f32>().max(0.0)
                })
                .collect();
            for (a, b) in map.values.iter().zip(stretched(&sums)) {
                assert!((a - b).abs() < 1e-4, "{:?} {sums:?}", map.values);
            }
        }
    }

    #[test]
    fn bilinear_places_lie_at_halves() {
        let map = Map { width: 2, height: 1, values: vec![0.0, 1.0] };
        // Centres 0.125, 0.375, 0.625, 0.875 of the width, at -0.25 (cut to 0), 0.25, 0.75, 1.25 of the map.
        assert_eq!(map.resized(4, 1), [0.0, 0.25, 0.75, 1.0]);
    }

    #[test]
    fn a_constant_map_is_zero() {
        assert_eq!(stretched(&[0.7, 0.7]), [0.0, 0.0]);
    }
}
