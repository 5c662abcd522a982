//! Photographs mixed with others of their batch, and their targets likewise: [`Mix`] draws [`Mixed`], mixup or cutmix,
//! as timm's `Mixup` does by batch.
//!
//! The first photograph of a batch is mixed with the last, the second with the last but one: a batch is a random order
//! already. In a batch of odd length the middle one stays.

use burn::tensor::{Slice, Tensor};
use plantpipe_stage::random::{ChaCha8Rng, keyed};
use rand::RngExt;
use rand_distr::{Beta, Distribution};

/// The alphas of Beta(alpha, alpha), from which the share of the first photograph is drawn; 0: not mixed so.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mix {
    pub(crate) mixup: f64,
    pub(crate) cutmix: f64,
}

/// What is done to a batch.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Mixed {
    /// Zhang et al. 2018: share x + (1 - share) other.
    Mixup { share: f64 },
    /// Yun et al. 2019: a box of the other; `share` of the area is left.
    Cutmix { x: [usize; 2], y: [usize; 2], share: f64 },
}

impl Mix {
    /// What batch `batch` (of all epochs) of photographs of `size` x `size` pixels is done to; where both alphas are
    /// set, one or the other at equal odds.
    pub(crate) fn draw(&self, seed: u64, batch: u64, size: usize) -> Option<Mixed> {
        let mut rng = keyed(seed, "mix", &[batch]);
        let cutmix = match (self.mixup > 0.0, self.cutmix > 0.0) {
            (false, false) => return None,
            (true, true) => rng.random::<bool>(),
            (_, cutmix) => cutmix,
        };
        let alpha = if cutmix { self.cutmix } else { self.mixup };
        let share = Beta::new(alpha, alpha).expect("alpha is positive").sample(&mut rng);
        Some(if cutmix { cut(&mut rng, share, size) } else { Mixed::Mixup { share } })
    }
}

/// A box of 1 - share of the area, its centre anywhere: what sticks out is lost, and the share is what is left in fact.
fn cut(rng: &mut ChaCha8Rng, share: f64, size: usize) -> Mixed {
    let side = (size as f64 * (1.0 - share).sqrt()) as usize;
    let mut span = || {
        let centre = rng.random_range(0..size);
        [centre.saturating_sub(side / 2), (centre + side.div_ceil(2)).min(size)]
    };
    let (y, x) = (span(), span());
    let area = (x[1] - x[0]) * (y[1] - y[0]);
    Mixed::Cutmix { x, y, share: 1.0 - area as f64 / (size * size) as f64 }
}

impl Mixed {
    /// `[n, 3, size, size]`, same shape out.
    pub(crate) fn images(&self, images: Tensor<4>) -> Tensor<4> {
        let others = images.clone().flip([0]);
        match *self {
            Self::Mixup { share } => images * share + others * (1.0 - share),
            Self::Cutmix { x, y, .. } if x[0] == x[1] || y[0] == y[1] => images,
            Self::Cutmix { x, y, .. } => {
                let span = |[start, end]: [usize; 2]| Slice::from(start..end);
                let part = [Slice::from(..), Slice::from(..), span(y), span(x)];
                images.slice_assign(part, others.slice(part))
            }
        }
    }

    /// `[n, labels]`, same shape out.
    pub(crate) fn targets(&self, targets: Tensor<2>) -> Tensor<2> {
        let (Self::Mixup { share } | Self::Cutmix { share, .. }) = self;
        let others = targets.clone().flip([0]);
        targets * *share + others * (1.0 - share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
        tensor.into_data().try_to_vec().expect("floats")
    }

    /// Two photographs of 2 x 2, one channel: 0 1 2 3 and 4 5 6 7.
    fn images() -> Tensor<4> {
        Tensor::<1>::from_floats([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], &Device::flex()).reshape([2, 1, 2, 2])
    }

    #[test]
    fn mixup_blends_the_first_with_the_last_pixels_and_targets_alike() {
        let mixed = Mixed::Mixup { share: 0.75 };
        assert_eq!(values(mixed.images(images())), [1.0, 2.0, 3.0, 4.0, 3.0, 4.0, 5.0, 6.0]);
        let targets = Tensor::from_floats([[1.0, 0.0], [1.0, 1.0]], &Device::flex());
        assert_eq!(values(mixed.targets(targets)), [1.0, 0.25, 1.0, 0.75]);
    }

    #[test]
    fn cutmix_takes_a_box_of_the_other_and_leaves_targets_the_share_that_is_left() {
        let mixed = Mixed::Cutmix { x: [1, 2], y: [0, 2], share: 0.5 };
        assert_eq!(values(mixed.images(images())), [0.0, 5.0, 2.0, 7.0, 4.0, 1.0, 6.0, 3.0]);
        let targets = Tensor::from_floats([[1.0, 0.0], [0.0, 0.0]], &Device::flex());
        assert_eq!(values(mixed.targets(targets)), [0.5, 0.0, 0.5, 0.0]);
        let nothing = Mixed::Cutmix { x: [1, 1], y: [0, 2], share: 1.0 };
        assert_eq!(values(nothing.images(images())), values(images()));
    }

    #[test]
    fn a_box_lies_inside_and_its_share_is_what_it_leaves() {
        let mut cut_out = 0.0;
        for batch in 0..2000 {
            let Some(Mixed::Cutmix { x, y, share }) = (Mix { mixup: 0.0, cutmix: 1.0 }).draw(3, batch, 10) else {
                panic!("only cutmix is asked for");
            };
            assert!(x[0] <= x[1] && x[1] <= 10 && y[0] <= y[1] && y[1] <= 10, "{x:?} {y:?}");
            let area = ((x[1] - x[0]) * (y[1] - y[0])) as f64;
            assert!((share - (1.0 - area / 100.0)).abs() < 1e-12);
            cut_out += 1.0 - share;
        }
        // Half the area would be cut out, were none of it outside; it is less.
        assert!((0.25..0.5).contains(&(cut_out / 2000.0)), "{}", cut_out / 2000.0);
    }

    #[test]
    fn shares_are_drawn_from_beta_and_both_ways_take_turns() {
        let shares = |mix: Mix| (0..4000).map(move |batch| mix.draw(1, batch, 32).expect("mixed"));
        let mut squares = 0.0;
        for mixed in shares(Mix { mixup: 0.2, cutmix: 0.0 }) {
            let Mixed::Mixup { share } = mixed else { panic!("only mixup is asked for") };
            squares += (share - 0.5).powi(2);
        }
        // The variance of Beta(a, a) is 1 / (4 (2 a + 1)): 0.1786 for 0.2.
        assert!((squares / 4000.0 - 0.1786).abs() < 0.01, "{}", squares / 4000.0);
        let cut = shares(Mix { mixup: 0.2, cutmix: 1.0 }).filter(|mixed| matches!(mixed, Mixed::Cutmix { .. }));
        let cut = cut.count();
        assert!((1850..2150).contains(&cut), "{cut} of 4000");
    }

    #[test]
    fn a_batch_is_mixed_the_same_way_every_time_and_not_at_all_when_off() {
        let mix = Mix { mixup: 0.4, cutmix: 1.0 };
        assert_eq!(mix.draw(1, 2, 32), mix.draw(1, 2, 32));
        assert_ne!(mix.draw(1, 2, 32), mix.draw(1, 3, 32));
        assert_ne!(mix.draw(1, 2, 32), mix.draw(2, 2, 32));
        assert_eq!(Mix { mixup: 0.0, cutmix: 0.0 }.draw(1, 2, 32), None);
    }
}
