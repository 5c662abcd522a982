//! Grad-CAM (Selvaraju et al. 2017): [`grad_cam`] gives a [`Map`] an image and label from one backward pass.

use crate::models::Activation;
use burn::tensor::activation::relu;
use burn::tensor::{Int, Tensor, TensorData};
use plantpipe_pixels::GrayImage;

/// For each (row of the activation, label): `ReLU` of the channels' sum, each weighted by the spatial mean of the
/// logit's gradient on it, then min-max to 0..1, at the activation's size.
///
/// `activation`, `[n, width, h, w]`, is on a plain device: only `tail`, from there to logits `[n, labels]`, is
/// differentiated, once for all pairs.
pub(super) fn grad_cam(
    tail: impl Fn(Activation) -> Tensor<2>,
    activation: Activation,
    pairs: &[(usize, usize)],
) -> Vec<Map> {
    let [_, _, height, width] = activation.spatial.dims();
    let rows: Vec<i32> = pairs.iter().map(|(row, _)| *row as i32).collect();
    let rows = Tensor::<1, Int>::from_data(TensorData::new(rows, [pairs.len()]), &activation.spatial.device());
    let activation = activation.select(rows); // [pairs, width, h, w]

    let leaf = activation.clone().leaf();
    let logits = tail(leaf.clone()); // [pairs, labels]
    let wanted = one_hot(pairs, logits.dims()[1]);
    let wanted = Tensor::<2>::from_data(TensorData::new(wanted, logits.dims()), &logits.device());
    // Rows do not mix, so the gradient of the sum is each pair's own.
    let gradients = (logits * wanted).sum().backward();
    let gradient = leaf.spatial.grad(&gradients).expect("the logits depend on the activation");

    let weights = gradient.mean_dim(3).mean_dim(2); // [pairs, width, 1, 1]
    let maps = relu((weights * activation.spatial).sum_dim(1)); // [pairs, 1, h, w]
    let values: Vec<f32> = maps.into_data().try_to_vec().expect("tensors are f32");
    values.chunks(height * width).map(|values| Map { width, height, values: min_max(values) }).collect()
}

/// A 1 where the pair's label is, `pairs x labels`.
fn one_hot(pairs: &[(usize, usize)], labels: usize) -> Vec<f32> {
    pairs.iter().flat_map(|(_, wanted)| (0..labels).map(move |label| f32::from(u8::from(label == *wanted)))).collect()
}

/// (x - min) / (max - min); a map without contrast points nowhere and becomes zero.
fn min_max(values: &[f32]) -> Vec<f32> {
    let min = values.iter().copied().fold(f32::INFINITY, f32::min);
    let max = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    values.iter().map(|value| if max > min { (value - min) / (max - min) } else { 0.0 }).collect()
}

/// A map, values 0 to 1, row by row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Map {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) values: Vec<f32>,
}

impl Map {
    /// Bilinear with `align_corners = false`, as `PyTorch` does it.
    pub(super) fn resized(&self, width: usize, height: usize) -> Self {
        let columns = taps(self.width, width);
        let mut values = Vec::with_capacity(width * height);
        for (above, below, down) in taps(self.height, height) {
            let [above, below] = [above, below].map(|row| &self.values[row * self.width..][..self.width]);
            let across = |row: &[f32], (left, right, share): (usize, usize, f32)| lerp(row[left], row[right], share);
            values.extend(columns.iter().map(|tap| lerp(across(above, *tap), across(below, *tap), down)));
        }
        Self { width, height, values }
    }

    /// 0 to 1 as 0 to 255.
    pub(super) fn grey(&self) -> GrayImage {
        let bytes = self.values.iter().map(|value| (value * 255.0).round() as u8).collect();
        GrayImage::from_raw(self.width as u32, self.height as u32, bytes).expect("a byte a pixel")
    }
}

/// For each of `to` pixel centres: the two of `from` around it, and the share of the second.
fn taps(from: usize, to: usize) -> Vec<(usize, usize, f32)> {
    let scale = from as f32 / to as f32;
    let tap = |at: usize| {
        let place = ((at as f32 + 0.5) * scale - 0.5).max(0.0);
        let first = (place as usize).min(from - 1);
        (first, (first + 1).min(from - 1), place - first as f32)
    };
    (0..to).map(tap).collect()
}

fn lerp(a: f32, b: f32, share: f32) -> f32 {
    a + (b - a) * share
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    fn close(left: &[f32], right: &[f32]) {
        let far = left.iter().zip(right).any(|(a, b)| (a - b).abs() > 1e-6);
        assert!(!far && left.len() == right.len(), "{left:?} is not {right:?}");
    }

    /// The spatial mean, then two labels from two channels: 2 A0 - A1, and -A0 (a head without bias).
    fn tail(activation: Activation) -> Tensor<2> {
        let activation = activation.spatial;
        let [n, width, h, w] = activation.dims();
        let head = Tensor::<2>::from_floats([[2.0, -1.0], [-1.0, 0.0]], &activation.device());
        activation.reshape([n, width, h * w]).mean_dim(2).reshape([n, width]).matmul(head)
    }

    /// Two photographs, two channels, 1 x 2.
    fn activation() -> Activation {
        let values = [[[[1.0, 3.0]], [[0.0, 2.0]]], [[[5.0, 0.0]], [[4.0, 1.0]]]];
        Activation::of(Tensor::from_floats(values, &Device::flex()))
    }

    #[test]
    fn a_map_is_the_weighted_sum_of_the_channels_without_its_negative_part() {
        // logit 0 = 2 mean(A0) - mean(A1): the gradient is 1 on each of A0's two places and -1/2 on A1's.
        // Photograph 0: 1 (1, 3) - 1/2 (0, 2) = (1, 2): min-max (0, 1).
        // Photograph 1: 1 (5, 0) - 1/2 (4, 1) = (3, -1/2), ReLU (3, 0): (1, 0).
        // logit 1 = -mean(A0): -1/2 (1, 3), all negative: a zero map stays zero.
        let maps = grad_cam(tail, activation(), &[(0, 0), (1, 0), (0, 1)]);
        close(&maps[0].values, &[0.0, 1.0]);
        close(&maps[1].values, &[1.0, 0.0]);
        close(&maps[2].values, &[0.0, 0.0]);
        assert_eq!((maps[0].width, maps[0].height), (2, 1));
    }

    #[test]
    fn one_pass_over_all_pairs_gives_what_each_alone_gives() {
        let pairs = [(1, 1), (0, 0), (1, 0), (1, 0)];
        let alone: Vec<Map> = pairs.iter().flat_map(|pair| grad_cam(tail, activation(), &[*pair])).collect();
        assert_eq!(grad_cam(tail, activation(), &pairs), alone);
    }

    #[test]
    fn enlarging_interpolates_between_pixel_centres() {
        // Centres of 4 in units of 2: -0.25 (cut to 0), 0.25, 0.75, 1.25 (beyond the last: held).
        let map = Map { width: 2, height: 1, values: vec![0.0, 1.0] };
        let large = map.resized(4, 2);
        close(&large.values, &[0.0, 0.25, 0.75, 1.0, 0.0, 0.25, 0.75, 1.0]);
        close(&map.resized(2, 1).values, &map.values);
        assert_eq!(map.resized(4, 1).grey().into_raw(), [0, 64, 191, 255]);
    }
}
