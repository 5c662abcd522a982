//! Percentile bootstrap over images: [`resample`] draws, [`interval`] turns the draws' values into an [`Interval`].
//!
//! (Efron and Tibshirani, *An Introduction to the Bootstrap*, 1993, chapter 13.)

use plantpipe_stage::format::{Interval, Split};
use plantpipe_stage::random;
use rand::RngExt;

/// How often each of n images is drawn in resample `number`: n draws with replacement.
///
/// The draws depend on the seed, the split and n alone, so every metric, and every model on the same photographs,
/// sees the same resamples.
pub(crate) fn resample(seed: u64, split: Split, number: u64, images: usize) -> Vec<u32> {
    let mut random = random::keyed(seed, "bootstrap", &[split as u64, number]);
    let mut weights = vec![0; images];
    for _ in 0..images {
        weights[random.random_range(0..images as u64) as usize] += 1;
    }
    weights
}

/// `value` with the 2.5th and 97.5th percentile of the resamples' values.
pub(crate) fn interval(value: f64, mut values: Vec<f64>) -> Interval {
    values.sort_by(f64::total_cmp);
    Interval { value, low: percentile(&values, 0.025), high: percentile(&values, 0.975) }
}

/// A percentile of sorted values, linear between neighbours (numpy's default).
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    below + (above - below) * place.fract()
}

#[cfg(test)]
mod tests {
    use super::{interval, percentile, resample};
    use plantpipe_stage::format::Split;

    #[test]
    fn a_resample_draws_as_many_as_there_are_and_the_same_again() {
        let first = resample(7, Split::Test, 3, 50);
        assert_eq!(first.iter().sum::<u32>(), 50);
        assert_eq!(first, resample(7, Split::Test, 3, 50));
        assert_ne!(first, resample(7, Split::Test, 4, 50));
        assert_ne!(first, resample(7, Split::Val, 3, 50));
        assert_ne!(first, resample(8, Split::Test, 3, 50));
    }

    #[test]
    fn a_percentile_lies_between_its_neighbours() {
        // 5 values: place 0.025 x 4 = 0.1 -> 10 + 0.1 x 10 = 11.
        assert!((percentile(&[10.0, 20.0, 30.0, 40.0, 50.0], 0.025) - 11.0).abs() < 1e-12);
    }

    #[test]
    fn the_interval_of_a_proportion_is_near_the_normal_one() {
        // p = 0.8, n = 600: 1.96 sqrt(.8 x .2 / 600) = 0.032.
        let values = (0..2000)
            .map(|number| {
                let hits: u32 = resample(1, Split::Val, number, 600).iter().take(480).sum();
                f64::from(hits) / 600.0
            })
            .collect();
        let interval = interval(0.8, values);
        assert!((interval.low - 0.768).abs() < 0.004, "{interval:?}");
        assert!((interval.high - 0.832).abs() < 0.004, "{interval:?}");
    }
}
