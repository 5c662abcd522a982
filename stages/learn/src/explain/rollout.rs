//! Maps from attention: [`rollout`] (Abnar and Zuidema 2020), [`gradient_rollout`] (after it, Gildenblat's vit-explain) and
//! [`chefer`] (Chefer et al. 2021); each follows what the class token draws from the patches through the layers.

use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use rayon::prelude::*;
use serde::Deserialize;

/// How one matrix becomes of those of a layer's heads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Fusion {
    Mean,
    Max,
    Min,
}

/// Attention of one layer, `[n, heads, tokens, tokens]`, rows summing to 1, and the logit's gradient on it.
pub(super) struct Layer {
    pub(super) attention: Tensor<4>,
    pub(super) gradient: Tensor<4>,
}

/// Attention rollout: the heads fused, the smallest `discard` (0 to 1) of each matrix's entries set to zero, the identity
/// added for the shortcut, rows divided by their sums, and the product over the layers.
///
/// `layers` are `[n, heads, tokens, tokens]` each, the first layer first, the class token the first of the tokens. A row
/// of the patches' values for each of the `n`. vit-explain, whose discarding this is, never discards the class token's
/// attention to itself.
pub(super) fn rollout(layers: Vec<Tensor<4>>, fusion: Fusion, discard: f64) -> Vec<Vec<f32>> {
    let fuse = |attention: Tensor<4>| match fusion {
        Fusion::Mean => attention.mean_dim(1),
        Fusion::Max => attention.max_dim(1),
        Fusion::Min => attention.min_dim(1),
    };
    drawn(layers.into_iter().map(fuse), |matrix, tokens| {
        let itself = matrix[0];
        drop_smallest(matrix, discard);
        matrix[0] = itself;
        average_with_identity(matrix, tokens);
    })
}

/// Gradient rollout: as [`rollout`], of the positive part of the heads' mean of attention times its gradient; nothing
/// is spared from discarding.
pub(super) fn gradient_rollout(layers: Vec<Layer>, discard: f64) -> Vec<Vec<f32>> {
    let fuse = |layer: Layer| relu((layer.attention * layer.gradient).mean_dim(1));
    drawn(layers.into_iter().map(fuse), |matrix, tokens| {
        drop_smallest(matrix, discard);
        average_with_identity(matrix, tokens);
    })
}

/// Chefer's relevance: the heads' mean of the positive part of attention times its gradient, the identity added, and the
/// product over the layers (R <- R + A R).
pub(super) fn chefer(layers: Vec<Layer>) -> Vec<Vec<f32>> {
    let fuse = |layer: Layer| relu(layer.attention * layer.gradient).mean_dim(1);
    drawn(layers.into_iter().map(fuse), |matrix, tokens| {
        matrix.iter_mut().step_by(tokens + 1).for_each(|diagonal| *diagonal += 1.0);
    })
}

/// The patches in the class token's row of the product of all layers, the last layer leftmost; `fused` are
/// `[n, 1, tokens, tokens]`, `change` makes of one such matrix (and its side) a factor.
fn drawn(fused: impl Iterator<Item = Tensor<4>>, change: impl Fn(&mut [f32], usize) + Sync) -> Vec<Vec<f32>> {
    let mut shape = [0; 4];
    let mut values = |matrices: Tensor<4>| -> Vec<f32> {
        shape = matrices.dims();
        matrices.into_data().try_to_vec().expect("tensors are f32")
    };
    let layers: Vec<Vec<f32>> = fused.map(&mut values).collect();
    let [n, _, _, tokens] = shape;
    let of_one = |at: usize| {
        // Only this row is wanted, so it goes through the layers from the last to the first, a vector all the way.
        let mut row = vec![0.0; tokens];
        row[0] = 1.0;
        for layer in layers.iter().rev() {
            let mut factor = layer[at * tokens * tokens..][..tokens * tokens].to_vec();
            change(&mut factor, tokens);
            row = times(&row, &factor);
        }
        row[1..].iter().map(|value| *value as f32).collect()
    };
    (0..n).into_par_iter().map(of_one).collect()
}

/// A row times a square matrix.
fn times(row: &[f64], matrix: &[f32]) -> Vec<f64> {
    let mut product = vec![0.0; row.len()];
    for (share, from) in row.iter().zip(matrix.chunks(row.len())) {
        for (sum, value) in product.iter_mut().zip(from) {
            *sum += share * f64::from(*value);
        }
    }
    product
}

/// Sets the smallest `share` (0 to 1, rounded down to whole entries) to zero; of equal ones the first go first.
fn drop_smallest(matrix: &mut [f32], share: f64) {
    let count = (matrix.len() as f64 * share) as usize;
    if count == 0 {
        return;
    }
    let mut order: Vec<usize> = (0..matrix.len()).collect();
    let by_value = |a: &usize, b: &usize| matrix[*a].total_cmp(&matrix[*b]).then(a.cmp(b));
    order.select_nth_unstable_by(count - 1, by_value);
    for at in &order[..count] {
        matrix[*at] = 0.0;
    }
}

/// (A + I) / 2, each row divided by its own sum.
fn average_with_identity(matrix: &mut [f32], tokens: usize) {
    for (at, row) in matrix.chunks_mut(tokens).enumerate() {
        row[at] += 1.0;
        // The halves cancel.
        let sum: f64 = row.iter().map(|value| f64::from(*value)).sum();
        for value in row {
            *value = (f64::from(*value) / sum) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::close;
    use super::*;
    use burn::tensor::Device;

    /// A class token and two patches.
    fn heads<const HEADS: usize>(heads: [[[f32; 3]; 3]; HEADS]) -> Tensor<4> {
        Tensor::<3>::from_floats(heads, &Device::flex()).reshape([1, HEADS, 3, 3])
    }

    fn class_row(row: [f32; 3]) -> [[f32; 3]; 3] {
        [row, [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    }

    #[test]
    fn rollout_follows_the_class_token_from_the_last_layer_to_the_first() {
        let first = heads([[[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 1.0]]]);
        let last = heads([class_row([0.5, 0.5, 0.0])]);
        // With the identity, halved: (3/4, 1/4, 0) at the last layer; there patch 1 is half itself, half patch 2.
        close(&rollout(vec![first.clone(), last.clone()], Fusion::Mean, 0.0)[0], &[0.125, 0.125], 1e-6);
        // The other way about, nobody draws from patch 2.
        close(&rollout(vec![last, first], Fusion::Mean, 0.0)[0], &[0.25, 0.0], 1e-6);
    }

    #[test]
    fn heads_are_fused_by_mean_greatest_or_least_and_rows_divided_by_their_own_sums() {
        let layer = heads([class_row([0.1, 0.9, 0.0]), class_row([0.3, 0.2, 0.5])]);
        // Class rows with the identity: (1.2, .55, .25) of 2, (1.3, .9, .5) of 2.7, (1.1, .2, 0) of 1.3.
        for (fusion, patches) in
            [(Fusion::Mean, [0.275, 0.125]), (Fusion::Max, [0.9 / 2.7, 0.5 / 2.7]), (Fusion::Min, [0.2 / 1.3, 0.0])]
        {
            close(&rollout(vec![layer.clone()], fusion, 0.0)[0], &patches, 1e-6);
        }
    }

    #[test]
    fn the_smallest_entries_of_the_whole_matrix_are_discarded_but_the_class_tokens_attention_to_itself() {
        let layer = heads([[[0.05, 0.55, 0.4], [0.1, 0.6, 0.3], [0.2, 0.25, 0.55]]]);
        // 3 of 9: .05 (spared), .1 and .2. 6 of 9 (6.03, rounded down): .25, .3 and .4 besides.
        close(&rollout(vec![layer.clone()], Fusion::Mean, 0.34)[0], &[0.275, 0.2], 1e-6);
        close(&rollout(vec![layer.clone()], Fusion::Mean, 0.67)[0], &[0.55 / 1.6, 0.0], 1e-6);
        // Gradient rollout spares nothing.
        let layer = Layer { gradient: layer.ones_like(), attention: layer };
        close(&gradient_rollout(vec![layer], 0.67)[0], &[0.55 / 1.55, 0.0], 1e-6);
    }

    #[test]
    fn gradient_rollout_cuts_the_mean_of_the_heads_and_chefer_each_head() {
        let layer = || Layer {
            attention: heads([class_row([0.5, 0.5, 0.0]), class_row([0.2, 0.4, 0.4])]),
            gradient: heads([class_row([1.0, 2.0, -1.0]), class_row([-1.0, -1.0, 1.0])]),
        };
        // Products (.5, 1, 0) and (-.2, -.4, .4): their mean (.15, .3, .2), their positive parts' mean (.25, .5, .2).
        close(&gradient_rollout(vec![layer()], 0.0)[0], &[0.3 / 1.65, 0.2 / 1.65], 1e-6);
        close(&chefer(vec![layer()])[0], &[0.5, 0.2], 1e-6);
        // Twice: (1.25, .5, .2) times I + A, whose patches have 2 on their diagonal.
        close(&chefer(vec![layer(), layer()])[0], &[1.25 * 0.5 + 0.5 * 2.0, 1.25 * 0.2 + 0.2 * 2.0], 1e-6);
    }

    #[test]
    fn photographs_do_not_mix() {
        let (one, two) = (heads([class_row([0.1, 0.9, 0.0])]), heads([class_row([0.3, 0.2, 0.5])]));
        let both = rollout(vec![Tensor::cat(vec![one.clone(), two.clone()], 0)], Fusion::Mean, 0.5);
        assert_eq!(both[0], rollout(vec![one], Fusion::Mean, 0.5)[0]);
        assert_eq!(both[1], rollout(vec![two], Fusion::Mean, 0.5)[0]);
    }
}
