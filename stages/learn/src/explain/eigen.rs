//! `EigenCAM` (Muhammad and Yeasin 2020): [`eigen_cams`] shows the first principal component of an activation, whatever
//! the label.

use super::map::Map;
use burn::tensor::Tensor;
use plantpipe_stage::random::keyed;
use rand::RngExt;
use rayon::prelude::*;

/// A map a row of the activation `[n, width, h, w]`, at its size: the places' scores on the first principal component of
/// the channels, its sign such that the score farthest from zero is positive, and of that the positive part.
pub(super) fn eigen_cams(activation: Tensor<4>) -> Vec<Map> {
    let [_, channels, height, width] = activation.dims();
    let values: Vec<f32> = activation.into_data().try_to_vec().expect("tensors are f32");
    let map = |values: &[f32]| {
        let scores = first_component(values, height * width);
        Map::scaled(width, height, scores.iter().map(|score| score.max(0.0) as f32).collect())
    };
    values.par_chunks(channels * height * width).map(map).collect()
}

/// Turns of the power iteration at most: two components whose variances are closer than it can tell apart leave the
/// direction open anyway.
const TURNS: usize = 2000;
/// The squared length of the step from one turn to the next that ends it.
const STILL: f64 = 1e-22;

/// The scores of `places` on the first principal component of their channels; `values` are channel by channel.
fn first_component(values: &[f32], places: usize) -> Vec<f64> {
    let gram = gram(values, places);
    // The scores are the greatest eigenvector of the places' products with each other. A start at random is
    // orthogonal to it only by a miracle.
    let mut random = keyed(0, "eigen-cam", &[]);
    let mut scores = unit((0..places).map(|_| random.random_range(-1.0..1.0)).collect());
    for _ in 0..TURNS {
        let next = unit(gram.chunks(places).map(|row| dot(row, &scores)).collect());
        let step: f64 = next.iter().zip(&scores).map(|(a, b)| (a - b) * (a - b)).sum();
        scores = next;
        if step < STILL {
            break;
        }
    }
    let farthest =
        scores.iter().copied().fold(0.0, |far: f64, score| if score.abs() > far.abs() { score } else { far });
    scores.iter().map(|score| score * farthest.signum()).collect()
}

/// The products of every two places over the channels, each channel less its mean: `[places, places]`.
fn gram(values: &[f32], places: usize) -> Vec<f64> {
    let mut gram = vec![0.0; places * places];
    for channel in values.chunks(places) {
        let mean = channel.iter().map(|value| f64::from(*value)).sum::<f64>() / places as f64;
        let centred: Vec<f64> = channel.iter().map(|value| f64::from(*value) - mean).collect();
        for (row, here) in gram.chunks_mut(places).zip(&centred) {
            for (sum, there) in row.iter_mut().zip(&centred) {
                *sum += here * there;
            }
        }
    }
    gram
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The same direction at length 1; zero stays zero.
fn unit(vector: Vec<f64>) -> Vec<f64> {
    let length = dot(&vector, &vector).sqrt();
    if length > 0.0 { vector.iter().map(|value| value / length).collect() } else { vector }
}

#[cfg(test)]
mod tests {
    use super::super::tests::close;
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn the_larger_side_of_the_first_component_is_positive() {
        // Two channels over four places, less their means (2 and 1): (-1, -1, -1, 3) and half of it negated, so the
        // component is (-1, -1, -1, 3) with the fourth place farthest: that side is up, the rest is cut to zero.
        let activation = [[[[1.0, 1.0], [1.0, 5.0]], [[1.5, 1.5], [1.5, -0.5]]]];
        close(&eigen_cams(Tensor::from_floats(activation, &Device::flex()))[0].values, &[0.0, 0.0, 0.0, 1.0], 1e-6);
        // Mirrored: the same map, although the fourth place is now the least of each channel's.
        let activation = [[[[5.0, 5.0], [5.0, 1.0]], [[-1.5, -1.5], [-1.5, 0.5]]]];
        close(&eigen_cams(Tensor::from_floats(activation, &Device::flex()))[0].values, &[0.0, 0.0, 0.0, 1.0], 1e-6);
    }

    #[test]
    fn the_component_of_greater_variance_wins() {
        // Channels at right angles: (1, -1, 0, 0) x 2 and (0, 0, 1, -1).
        let activation = [[[[2.0, -2.0], [0.0, 0.0]], [[0.0, 0.0], [1.0, -1.0]]]];
        let map = &eigen_cams(Tensor::from_floats(activation, &Device::flex()))[0];
        // Either side is as large, so the sign is open: one place has all, the other channel's have nothing.
        let [first, second, rest @ ..] = map.values.as_slice() else { panic!("no places") };
        close(&[first + second], &[1.0], 1e-6);
        close(&[first * second], &[0.0], 1e-6);
        close(rest, &[0.0, 0.0], 1e-6);
    }

    #[test]
    fn an_even_activation_has_a_zero_map() {
        assert_eq!(eigen_cams(Tensor::ones([1, 3, 2, 2], &Device::flex()))[0].values, [0.0; 4]);
    }
}
