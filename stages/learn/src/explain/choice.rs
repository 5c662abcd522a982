//! What is shown: [`choose`] picks photographs so that every label has its turn, [`labels`] the labels of one.

use plantpipe_stage::format::{Sample, ShardIndex, Split};
use plantpipe_stage::random::keyed;
use rand::Rng;
use std::collections::{BTreeMap, BTreeSet};

/// Labels shown of one photograph at most.
const MOST: usize = 4;

/// Up to `count` photographs of a split, sorted by id: the labels take turns in their order, and each turn takes a
/// photograph not yet taken that carries the label, preferring label sets taken least so far, then by a hash of the id.
/// Neither the seed nor the model has a say, so that two models are shown on the same photographs.
pub(super) fn choose(index: &ShardIndex, split: Split, count: usize) -> Vec<Sample> {
    let mut left: BTreeMap<u64, &Sample> = index.split(split).map(|sample| (hash(&sample.id), sample)).collect();
    let mut sets: BTreeMap<&[u8], usize> = BTreeMap::new();
    let mut taken: Vec<Sample> = Vec::new();
    let mut spent = BTreeSet::new();
    for label in (0..index.labels.len()).cycle() {
        if taken.len() == count || spent.len() == index.labels.len() {
            break;
        }
        let carrying = left.iter().filter(|(_, sample)| sample.targets[label] == 1);
        let first = carrying.min_by_key(|(hash, sample)| (sets.get(sample.targets.as_slice()).copied(), **hash));
        let Some(hash) = first.map(|(hash, _)| *hash) else {
            spent.insert(label);
            continue;
        };
        let sample = left.remove(&hash).expect("found above");
        *sets.entry(&sample.targets).or_default() += 1;
        taken.push(sample.clone());
    }
    taken.sort_by(|a, b| a.id.cmp(&b.id));
    taken
}

/// A number that orders ids as if at random.
fn hash(id: &str) -> u64 {
    keyed(0, id, &[]).next_u64()
}

/// The labels to show of a photograph: those that are true (where that is known) or answered and the most probable
/// one, at most [`MOST`] (the true ones first), by falling probability.
pub(crate) fn labels(answer: &[f32], targets: Option<&[u8]>, threshold: f64) -> Vec<usize> {
    let mut falling: Vec<usize> = (0..answer.len()).collect();
    falling.sort_by(|a, b| answer[*b].total_cmp(&answer[*a]));
    let is_true = |label: usize| targets.is_some_and(|targets| targets[label] == 1);
    let answered = |label: usize| f64::from(answer[label]) >= threshold;
    let top = falling[0];
    let mut shown = falling.clone();
    shown.retain(|label| is_true(*label) || answered(*label) || *label == top);
    shown.sort_by_key(|label| !is_true(*label));
    shown.truncate(MOST);
    falling.retain(|label| shown.contains(label));
    falling
}

#[cfg(test)]
mod tests {
    use super::*;
    use plantpipe_stage::format::{Fit, Form, ImagesCard, JsonFormat};

    fn index(samples: &[(&str, Split, [u8; 3])]) -> ShardIndex {
        let sample = |(id, split, targets): &(&str, Split, [u8; 3])| Sample {
            id: (*id).to_owned(),
            split: *split,
            shard: "test-000.tar".to_owned(),
            offset: 0,
            length: 0,
            digest: String::new(),
            targets: targets.to_vec(),
        };
        ShardIndex {
            schema: ShardIndex::SCHEMA,
            images: ImagesCard { schema: 1, size: 256, fit: Fit::Squash, quality: 92 },
            photographs: Form::Jpeg,
            labels: ["healthy", "rust", "scab"].map(str::to_owned).to_vec(),
            samples: samples.iter().map(sample).collect(),
        }
    }

    fn sets(chosen: &[Sample]) -> BTreeSet<Vec<u8>> {
        chosen.iter().map(|sample| sample.targets.clone()).collect()
    }

    #[test]
    fn every_label_has_its_turn_before_any_has_a_second() {
        let names: Vec<String> = (0..30).map(|number| format!("h{number}")).collect();
        let mut samples: Vec<(&str, Split, [u8; 3])> =
            names.iter().map(|name| (name.as_str(), Split::Test, [1, 0, 0])).collect();
        samples.extend([("r", Split::Test, [0, 1, 0]), ("s", Split::Test, [0, 0, 1]), ("v", Split::Val, [0, 1, 0])]);
        let three = choose(&index(&samples), Split::Test, 3);
        assert_eq!(sets(&three), BTreeSet::from([vec![1, 0, 0], vec![0, 1, 0], vec![0, 0, 1]]));
        // Rust and scab have no second photograph in test: healthy ones fill up.
        assert_eq!(choose(&index(&samples), Split::Test, 5).len(), 5);
        assert!(choose(&index(&samples), Split::Test, 5).iter().all(|sample| sample.split == Split::Test));
    }

    #[test]
    fn a_label_set_not_yet_shown_goes_first() {
        let samples = [
            ("a", Split::Test, [0, 1, 0]),
            ("b", Split::Test, [0, 1, 0]),
            ("c", Split::Test, [0, 1, 0]),
            ("d", Split::Test, [0, 1, 1]),
        ];
        // Turns: rust takes some set, scab the only one it has (or none is left), then rust the other set.
        assert_eq!(sets(&choose(&index(&samples), Split::Test, 2)).len(), 2);
    }

    #[test]
    fn fewer_photographs_than_asked_for_are_all_there_is() {
        let samples = [("a", Split::Test, [0, 1, 0]), ("b", Split::Test, [0, 0, 1])];
        assert_eq!(choose(&index(&samples), Split::Test, 12).len(), 2);
        assert!(choose(&index(&samples), Split::Train, 12).is_empty());
    }

    #[test]
    fn true_and_answered_labels_are_shown_most_probable_first() {
        assert_eq!(labels(&[0.1, 0.7, 0.9], Some(&[0, 1, 0]), 0.5), [2, 1]);
        // Missed, and nothing answered: the most probable one stands beside it.
        assert_eq!(labels(&[0.1, 0.2, 0.4], Some(&[1, 0, 0]), 0.5), [2, 0]);
        assert_eq!(labels(&[0.5, 0.2, 0.4], Some(&[1, 0, 0]), 0.5), [0]);
    }

    #[test]
    fn of_too_many_labels_the_true_ones_stay() {
        assert_eq!(labels(&[0.9, 0.8, 0.7, 0.6, 0.1], Some(&[0, 0, 0, 0, 1]), 0.5), [0, 1, 2, 4]);
    }

    #[test]
    fn without_a_truth_the_answered_labels_are_shown_or_else_the_most_probable_one() {
        assert_eq!(labels(&[0.6, 0.2, 0.9], None, 0.5), [2, 0]);
        assert_eq!(labels(&[0.1, 0.4, 0.2], None, 0.5), [1]);
    }
}
