//! The numbers of an [`Analysis`]; pure.

use super::Data;
use crate::dataset::Divided;
use plantpipe_stage::format::{Analysis, Combination, DatasetCard, JsonFormat, Split, SplitAnalysis, fingerprint};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Everything but the pictures.
pub(super) fn count(data: &Data, card: Option<DatasetCard>, dimensions: BTreeMap<String, u64>) -> Analysis {
    Analysis {
        schema: Analysis::SCHEMA,
        synthetic: card.as_ref().is_some_and(|card| card.synthetic),
        name: card.as_ref().map(|card| card.name.clone()),
        description: card.map(|card| card.description),
        labels: data.labels.clone(),
        splits: splits(data).into_iter().map(|split| count_split(data, split)).collect(),
        cooccurrence: cooccurrence(data),
        combinations: combinations(data),
        dimensions,
        pictures: Vec::new(),
    }
}

/// Those that have photographs, labelled or not.
fn splits(data: &Data) -> BTreeSet<Split> {
    data.rows.iter().map(|row| row.split).chain(data.unlabelled.values().copied().flatten()).collect()
}

fn count_split(data: &Data, split: Split) -> SplitAnalysis {
    let rows: Vec<&Divided> = data.rows.iter().filter(|row| row.split == split).collect();
    let mut labels_per_image = BTreeMap::new();
    for row in &rows {
        *labels_per_image.entry(row.labels.len() as u64).or_default() += 1;
    }
    let labels: usize = rows.iter().map(|row| row.labels.len()).sum();
    let carry = |label: &String| rows.iter().filter(|row| row.labels.contains(label)).count() as u64;
    SplitAnalysis {
        split,
        images: rows.len() as u64,
        unlabelled: data.unlabelled.values().filter(|place| **place == Some(split)).count() as u64,
        label_counts: data.labels.iter().map(carry).collect(),
        labels_per_image,
        cardinality: if rows.is_empty() { 0.0 } else { labels as f64 / rows.len() as f64 },
        fingerprint: fingerprint(rows.iter().map(|row| (row.id.as_str(), row.labels.iter().map(String::as_str)))),
    }
}

fn cooccurrence(data: &Data) -> Vec<Vec<u64>> {
    let place: BTreeMap<&String, usize> = data.labels.iter().enumerate().map(|(place, label)| (label, place)).collect();
    let mut counts = vec![vec![0; data.labels.len()]; data.labels.len()];
    for row in &data.rows {
        for first in &row.labels {
            for second in &row.labels {
                counts[place[first]][place[second]] += 1;
            }
        }
    }
    counts
}

/// Commonest over all splits first; equally common ones by name.
fn combinations(data: &Data) -> Vec<Combination> {
    let mut sets: BTreeMap<&[String], BTreeMap<Split, u64>> = BTreeMap::new();
    for row in &data.rows {
        *sets.entry(&row.labels).or_default().entry(row.split).or_default() += 1;
    }
    let mut sets: Vec<Combination> =
        sets.into_iter().map(|(labels, counts)| Combination { labels: labels.to_vec(), counts }).collect();
    sets.sort_by_key(|set| Reverse(set.counts.values().sum::<u64>()));
    sets
}
