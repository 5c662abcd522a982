//! Position embeddings of one grid made fit for another: [`fit`], as timm's `resample_abs_pos_embed` does it, which is
//! `PyTorch`'s bicubic interpolation with antialiasing.

use super::file::Stored;

/// Resizes `[1, 1 + n n, width]` to `[1, 1 + m m, width]` where the wanted shape is such; else leaves it alone. The class
/// token's comes first and stays.
pub(super) fn fit(found: &mut Stored, wanted: &[usize]) {
    let (&[1, rows, width], &[1, new_rows, new_width]) = (found.shape.as_slice(), wanted) else { return };
    let side = |rows: usize| Some((rows.checked_sub(1)?).isqrt()).filter(|side| *side > 0 && side * side + 1 == rows);
    let (Some(from), Some(to)) = (side(rows), side(new_rows)) else { return };
    if from == to || width != new_width {
        return;
    }
    let (class, grid) = found.values.split_at(width);
    found.values = class.iter().copied().chain(resized(grid, from, to, width)).collect();
    found.shape = wanted.to_vec();
}

/// `[from, from, width]` -> `[to, to, width]`.
fn resized(grid: &[f32], from: usize, to: usize, width: usize) -> Vec<f32> {
    let taps = taps(from, to);
    // Across each row, then down.
    let mut across = vec![0.0; from * to * width];
    for row in 0..from {
        for (at, (start, weights)) in taps.iter().enumerate() {
            for (offset, weight) in weights.iter().enumerate() {
                for channel in 0..width {
                    let value = f64::from(grid[(row * from + start + offset) * width + channel]);
                    across[(row * to + at) * width + channel] += weight * value;
                }
            }
        }
    }
    let mut values = Vec::with_capacity(to * to * width);
    for (start, weights) in &taps {
        for place in 0..to * width {
            let down = weights
                .iter()
                .enumerate()
                .map(|(offset, weight)| weight * across[(start + offset) * to * width + place]);
            values.push(down.sum::<f64>() as f32);
        }
    }
    values
}

/// For each of `to` places: the first of `from` that counts, and the weights from there on, which sum to 1. Where the
/// grid shrinks, the kernel is as much wider (antialiasing).
fn taps(from: usize, to: usize) -> Vec<(usize, Vec<f64>)> {
    let scale = from as f64 / to as f64;
    let stretch = scale.max(1.0);
    let tap = |at: usize| {
        let centre = scale * (at as f64 + 0.5);
        let start = (centre - 2.0 * stretch + 0.5).max(0.0) as usize;
        let end = ((centre + 2.0 * stretch + 0.5) as usize).min(from);
        let weights: Vec<f64> = (start..end).map(|place| cubic((place as f64 - centre + 0.5) / stretch)).collect();
        let sum: f64 = weights.iter().sum();
        (start, weights.into_iter().map(|weight| weight / sum).collect())
    };
    (0..to).map(tap).collect()
}

/// Keys' cubic kernel with a = -1/2, which `PyTorch` takes where it antialiases (and -3/4 where it does not).
fn cubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    match x.abs() {
        x if x < 1.0 => ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0,
        x if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * A,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::timm::formula;
    use serde::Deserialize;
    use std::path::Path;

    #[derive(Deserialize)]
    struct Case {
        from: usize,
        to: usize,
        width: usize,
        values: Vec<f32>,
    }

    #[test]
    fn positions_are_resized_as_timm_resizes_them() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pos_embed.json");
        let cases: Vec<Case> = serde_json::from_str(&std::fs::read_to_string(path).expect("reads")).expect("JSON");
        assert_eq!(cases.len(), 7);
        for Case { from, to, width, values } in cases {
            let shape = vec![1, 1 + from * from, width];
            let mut stored = Stored { values: formula("pos_embed", shape.iter().product(), -1.0, 1.0), shape };
            fit(&mut stored, &[1, 1 + to * to, width]);
            assert_eq!(stored.shape, [1, 1 + to * to, width]);
            let far = stored.values.iter().zip(&values).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            // timm computes in f32.
            assert!(far < 5e-6 && stored.values.len() == values.len(), "{from} to {to}: {far}");
        }
    }

    #[test]
    fn what_is_no_square_grid_of_the_same_width_is_left_alone() {
        for (shape, wanted) in [([1, 6, 2], [1, 5, 2]), ([1, 5, 2], [1, 10, 3]), ([1, 5, 2], [1, 9, 2])] {
            let mut stored = Stored { values: vec![0.0; shape.iter().product()], shape: shape.to_vec() };
            fit(&mut stored, &wanted);
            assert_eq!(stored.shape, shape);
        }
    }
}
