//! Which labels the leaves get: [`quotas`], the same mix in every split, in shuffled order.

use plantpipe_stage::random::ChaCha8Rng;
use rand::seq::SliceRandom;

/// Label sets and how many of 100 leaves carry them: the order of frequency of orchard surveys (scab and healthy
/// leaves first, mixtures rare), flattened so that a few hundred leaves hold enough of each label.
pub const MIX: &[(&[&str], u32)] = &[
    (&["scab"], 21),
    (&["healthy"], 17),
    (&["frog_eye_leaf_spot"], 15),
    (&["rust"], 11),
    (&["powdery_mildew"], 9),
    (&["complex"], 9),
    (&["frog_eye_leaf_spot", "scab"], 6),
    (&["complex", "frog_eye_leaf_spot"], 3),
    (&["frog_eye_leaf_spot", "rust"], 3),
    (&["complex", "rust"], 2),
    (&["complex", "powdery_mildew"], 2),
    (&["complex", "frog_eye_leaf_spot", "scab"], 2),
];

/// The label sets of `count` leaves: shares of [`MIX`] by largest remainder (ties: the first in the list), shuffled.
pub fn quotas(count: usize, rng: &mut ChaCha8Rng) -> Vec<&'static [&'static str]> {
    let share = |index: usize| count * MIX[index].1 as usize;
    let mut counts: Vec<usize> = (0..MIX.len()).map(|index| share(index) / 100).collect();
    let mut order: Vec<usize> = (0..MIX.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(share(*index) % 100));
    let left = count - counts.iter().sum::<usize>();
    for index in &order[..left] {
        counts[*index] += 1;
    }
    let mut sets: Vec<_> = MIX.iter().zip(counts).flat_map(|((set, _), count)| vec![*set; count]).collect();
    sets.shuffle(rng);
    sets
}
