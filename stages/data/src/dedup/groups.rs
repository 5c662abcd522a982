//! From looks to groups: [`pairs`] compares every photograph with every other, [`groups`] joins what is alike.

use super::look::{Look, Turn};
use crate::dataset::{LabelledPhotograph, Photograph};
use plantpipe_stage::format::{DuplicateGroup, DuplicateImage, Split};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// What makes two photographs alike.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Hash bits that may differ.
    pub(super) bits: u32,
    /// The greatest distance, percent.
    pub(super) distance: u32,
    /// Whether to look at mirrored and turned photographs too.
    pub(super) turned: bool,
}

/// Two photographs that are alike, by their places.
#[derive(Debug)]
pub(super) struct Pair {
    first: usize,
    second: usize,
    distance: u32,
}

/// Every two that are alike, sorted. The hashes say cheaply which pairs are worth a look at their pixels.
pub(super) fn pairs(looks: &[Look], limits: Limits) -> Vec<Pair> {
    let turns: &[Turn] = if limits.turned { &Turn::all() } else { &[Turn::NONE] };
    let compare = |first: usize, second: usize| {
        let (a, b) = (&looks[first], &looks[second]);
        let distance = turns
            .iter()
            .filter(|turn| a.differing_bits(b, **turn) <= limits.bits)
            .map(|turn| a.distance(b, *turn))
            .min()?;
        (distance <= limits.distance).then_some(Pair { first, second, distance })
    };
    (0..looks.len())
        .into_par_iter()
        .flat_map_iter(|first| (first + 1..looks.len()).filter_map(move |second| compare(first, second)))
        .collect()
}

/// The connected components of the pairs: alike are also two that a third is like.
pub(super) fn groups(
    photographs: &BTreeMap<String, Photograph>,
    rows: &[LabelledPhotograph],
    pairs: &[Pair],
) -> Vec<DuplicateGroup> {
    let rows: BTreeMap<&str, &LabelledPhotograph> = rows.iter().map(|row| (row.id.as_str(), row)).collect();
    let image = |(id, photograph): (&String, &Photograph)| {
        let row = rows.get(id.as_str());
        DuplicateImage {
            image: id.clone(),
            split: row.map_or(photograph.split, |row| row.split),
            labels: row.map(|row| row.labels.clone()).unwrap_or_default(),
        }
    };
    let mut leader: Vec<usize> = (0..photographs.len()).collect();
    for pair in pairs {
        let (a, b) = (lead(&leader, pair.first), lead(&leader, pair.second));
        leader[a.max(b)] = a.min(b);
    }
    let mut groups: BTreeMap<usize, DuplicateGroup> = BTreeMap::new();
    for (place, photograph) in photographs.iter().enumerate() {
        let empty = DuplicateGroup { images: Vec::new(), distance: 0, conflict: false, crosses_splits: false };
        groups.entry(lead(&leader, place)).or_insert(empty).images.push(image(photograph));
    }
    groups.retain(|_, group| group.images.len() > 1);
    for pair in pairs {
        let group = groups.get_mut(&lead(&leader, pair.first)).expect("a pair is in a group");
        group.distance = group.distance.max(pair.distance);
    }
    // The leader of a group is its first image, so that the groups are sorted by it.
    groups.into_values().map(judged).collect()
}

/// The first photograph of the group that `place` is in.
fn lead(leader: &[usize], mut place: usize) -> usize {
    while leader[place] != place {
        place = leader[place];
    }
    place
}

/// With what contradicts within the group. A photograph without labels contradicts none.
fn judged(mut group: DuplicateGroup) -> DuplicateGroup {
    let labels: BTreeSet<&[String]> =
        group.images.iter().map(|image| image.labels.as_slice()).filter(|labels| !labels.is_empty()).collect();
    let splits: BTreeSet<Split> = group.images.iter().filter_map(|image| image.split).collect();
    (group.conflict, group.crosses_splits) = (labels.len() > 1, splits.len() > 1);
    group
}
