//! Tests of two models on the same images: exact [`mcnemar`], and [`holm`] for several at once; pure.

/// The exact McNemar test: how likely the images on which one model alone is right would be divided at least as unevenly
/// as `first` to `second`, if either model were as likely to be the one (two-sided, binomial with p = 1/2).
///
/// (McNemar 1947; 1 where the models are never right apart.)
pub(crate) fn mcnemar(first: u64, second: u64) -> f64 {
    let (all, fewer) = (first + second, first.min(second));
    // The logarithms of binomial(all, k) / 2^all, k from 0 to `fewer`.
    let mut term = -(all as f64) * std::f64::consts::LN_2;
    let mut tail = 0.0;
    for k in 0..=fewer {
        tail += term.exp();
        term += ((all - k) as f64).ln() - ((k + 1) as f64).ln();
    }
    (2.0 * tail).min(1.0)
}

/// The p values adjusted for there being several, in their order (Holm 1979): the smallest times their number, the next
/// times one less, and so on; none above 1, none below one that was smaller.
pub(crate) fn holm(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let (mut adjusted, mut before) = (vec![0.0; values.len()], 0.0f64);
    for (rank, place) in order.into_iter().enumerate() {
        before = before.max(values[place] * (values.len() - rank) as f64).min(1.0);
        adjusted[place] = before;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::{holm, mcnemar};

    fn close(value: f64, wanted: f64) {
        assert!((value - wanted).abs() < 1e-12, "{value} is not {wanted}");
    }

    #[test]
    fn the_test_counts_both_tails() {
        // 1 against 5: 2 x (1 + 6) / 64.
        close(mcnemar(1, 5), 14.0 / 64.0);
        close(mcnemar(5, 1), 14.0 / 64.0);
        close(mcnemar(3, 3), 1.0);
        close(mcnemar(0, 0), 1.0);
        close(mcnemar(0, 10), 2.0 / 1024.0);
    }

    #[test]
    fn several_tests_are_adjusted_step_by_step() {
        // .01 x 3, .03 x 2, .04 x 1 but not below .06.
        let adjusted = holm(&[0.04, 0.01, 0.03]);
        close(adjusted[0], 0.06);
        close(adjusted[1], 0.03);
        close(adjusted[2], 0.06);
        assert_eq!(holm(&[0.9, 0.8]), [1.0, 1.0]);
    }

    #[derive(serde::Deserialize)]
    struct Fixture {
        /// (first, second, p)
        mcnemar: Vec<(u64, u64, f64)>,
        holm: Vec<(Vec<f64>, Vec<f64>)>,
    }

    #[test]
    fn random_inputs_test_as_in_scipy_and_statsmodels() {
        let fixture: Fixture =
            serde_json::from_str(include_str!("../tests/fixtures/paired.json")).expect("the fixture is JSON");
        assert!(fixture.mcnemar.len() >= 20 && fixture.holm.len() >= 3);
        for (first, second, p) in fixture.mcnemar {
            assert!(
                (mcnemar(first, second) - p).abs() < 1e-9,
                "{first} against {second}: {}, {p}",
                mcnemar(first, second)
            );
        }
        for (values, adjusted) in fixture.holm {
            for (ours, theirs) in holm(&values).into_iter().zip(adjusted) {
                close(ours, theirs);
            }
        }
    }
}
