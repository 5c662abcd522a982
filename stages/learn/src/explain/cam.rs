//! Class activation maps: [`cams`] weighs a layer's activation by a logit's gradient on it, by a [`Weighing`] ([`grad_cam`],
//! [`grad_cam_plus_plus`], [`layer_cam`], [`hires_cam`]); all as pytorch-grad-cam defines them.

use super::map::Map;
use crate::models::Activation;
use burn::tensor::activation::relu;
use burn::tensor::{Device, Int, Tensor, TensorData};

/// From a layer's activation and the gradient on it, both `[n, width, h, w]`, to `[n, 1, h, w]`.
pub(super) type Weighing = fn(Tensor<4>, Tensor<4>) -> Tensor<4>;

/// For each (row of the activation, label) the positive part of what the weighing gives, at the activation's size.
///
/// `activation`, `[n, width, h, w]`, is on a plain device: only `tail`, from there to logits `[n, labels]`, is
/// differentiated, once for all pairs.
pub(super) fn cams(
    weighing: Weighing,
    tail: impl Fn(Activation) -> Tensor<2>,
    activation: Activation,
    pairs: &[(usize, usize)],
) -> Vec<Map> {
    let [_, _, height, width] = activation.spatial.dims();
    let rows = rows(pairs, &activation.spatial.device());
    let activation = activation.select(rows); // [pairs, width, h, w]
    let leaf = activation.clone().leaf();
    let gradients = wanted(&tail(leaf.clone()), pairs).backward();
    let gradient = leaf.spatial.grad(&gradients).expect("the logits depend on the activation");
    let maps = relu(weighing(activation.spatial, gradient)); // [pairs, 1, h, w]
    let values: Vec<f32> = maps.into_data().try_to_vec().expect("tensors are f32");
    values.chunks(height * width).map(|values| Map::scaled(width, height, values.to_vec())).collect()
}

/// The row of each pair, to select by.
pub(super) fn rows(pairs: &[(usize, usize)], device: &Device) -> Tensor<1, Int> {
    let rows: Vec<i32> = pairs.iter().map(|(row, _)| *row as i32).collect();
    Tensor::from_data(TensorData::new(rows, [pairs.len()]), device)
}

/// The sum of each pair's logit: rows do not mix, so its gradient is each pair's own. `logits` are `[pairs, labels]`.
pub(super) fn wanted(logits: &Tensor<2>, pairs: &[(usize, usize)]) -> Tensor<1> {
    let [_, labels] = logits.dims();
    let one_hot = |(_, wanted): &(usize, usize)| {
        let wanted = *wanted;
        (0..labels).map(move |label| f32::from(u8::from(label == wanted)))
    };
    let one_hot: Vec<f32> = pairs.iter().flat_map(one_hot).collect();
    (logits.clone() * Tensor::from_data(TensorData::new(one_hot, logits.dims()), &logits.device())).sum()
}

/// Grad-CAM (Selvaraju et al. 2017): each channel weighted by the spatial mean of its gradient.
pub(super) fn grad_cam(activation: Tensor<4>, gradient: Tensor<4>) -> Tensor<4> {
    (spatial_mean(gradient) * activation).sum_dim(1)
}

/// Grad-CAM++ (Chattopadhyay et al. 2018, equation 19): each channel weighted by the sum of its positive gradients, each
/// of these by g^2 / (2 g^2 + g^3 times the channel's sum).
pub(super) fn grad_cam_plus_plus(activation: Tensor<4>, gradient: Tensor<4>) -> Tensor<4> {
    const EPS: f32 = 1e-6; // pytorch-grad-cam's
    let square = gradient.clone() * gradient.clone();
    let cube = square.clone() * gradient.clone();
    let sum = activation.clone().sum_dim(3).sum_dim(2); // [n, width, 1, 1]
    let alpha = square.clone() / (square * 2.0 + sum * cube + EPS);
    let weights = (relu(gradient) * alpha).sum_dim(3).sum_dim(2);
    (weights * activation).sum_dim(1)
}

/// `LayerCAM` (Jiang et al. 2021): each place weighted by its own positive gradient.
pub(super) fn layer_cam(activation: Tensor<4>, gradient: Tensor<4>) -> Tensor<4> {
    (relu(gradient) * activation).sum_dim(1)
}

/// `HiResCAM` (Draelos and Carin 2020): each place weighted by its own gradient.
pub(super) fn hires_cam(activation: Tensor<4>, gradient: Tensor<4>) -> Tensor<4> {
    (gradient * activation).sum_dim(1)
}

fn spatial_mean(gradient: Tensor<4>) -> Tensor<4> {
    gradient.mean_dim(3).mean_dim(2)
}

#[cfg(test)]
mod tests {
    use super::super::tests::close;
    use super::*;

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

    fn maps(weighing: Weighing, pairs: &[(usize, usize)]) -> Vec<Map> {
        cams(weighing, tail, activation(), pairs)
    }

    #[test]
    fn grad_cam_is_the_weighted_sum_of_the_channels_without_its_negative_part() {
        // logit 0 = 2 mean(A0) - mean(A1): the gradient is 1 on each of A0's two places and -1/2 on A1's.
        // Photograph 0: 1 (1, 3) - 1/2 (0, 2) = (1, 2): scaled (0, 1).
        // Photograph 1: 1 (5, 0) - 1/2 (4, 1) = (3, -1/2), ReLU (3, 0): (1, 0).
        // logit 1 = -mean(A0): -1/2 (1, 3), all negative: a zero map stays zero.
        let maps = maps(grad_cam, &[(0, 0), (1, 0), (0, 1)]);
        close(&maps[0].values, &[0.0, 1.0], 1e-6);
        close(&maps[1].values, &[1.0, 0.0], 1e-6);
        close(&maps[2].values, &[0.0, 0.0], 1e-6);
        assert_eq!((maps[0].width, maps[0].height), (2, 1));
    }

    #[test]
    fn where_the_gradient_is_even_hires_cam_is_grad_cam_and_layer_cam_leaves_negative_channels_out() {
        let pairs = [(0, 0), (1, 0), (0, 1)];
        assert_eq!(maps(hires_cam, &pairs), maps(grad_cam, &pairs));
        // Only A0 has a positive gradient: (1, 3) and (5, 0), scaled.
        let maps = maps(layer_cam, &pairs);
        close(&maps[0].values, &[0.0, 1.0], 1e-6);
        close(&maps[1].values, &[1.0, 0.0], 1e-6);
        close(&maps[2].values, &[0.0, 0.0], 1e-6);
    }

    #[test]
    fn grad_cam_plus_plus_weighs_positive_gradients_by_their_powers() {
        // One photograph, two channels of two places: sums 4 and 1; gradients (1, 0) and (-1, 2).
        let device = Device::flex();
        let activation = Tensor::<4>::from_floats([[[[1.0, 3.0]], [[0.0, 1.0]]]], &device);
        let gradient = Tensor::<4>::from_floats([[[[1.0, 0.0]], [[-1.0, 2.0]]]], &device);
        // alpha = 1 / (2 + 4) on channel 0; on channel 1: 4 / (8 + 8) where the gradient is positive.
        // Weights 1/6 and 2 / 4: 1/6 (1, 3) + 1/2 (0, 1) = (1/6, 1).
        let map: Vec<f32> = grad_cam_plus_plus(activation, gradient).into_data().try_to_vec().expect("floats");
        close(&map, &[1.0 / 6.0, 1.0], 1e-5);
    }

    #[test]
    fn one_pass_over_all_pairs_gives_what_each_alone_gives() {
        let pairs = [(1, 1), (0, 0), (1, 0), (1, 0)];
        for weighing in [grad_cam, grad_cam_plus_plus, layer_cam, hires_cam] as [Weighing; 4] {
            let alone: Vec<Map> = pairs.iter().flat_map(|pair| maps(weighing, &[*pair])).collect();
            assert_eq!(maps(weighing, &pairs), alone);
        }
    }
}
