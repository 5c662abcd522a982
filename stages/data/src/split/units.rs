//! What is divided: [`Unit`]s, photographs that have to stay together, in [`Stratum`]s of the same labels.

use crate::dataset::LabelledPhotograph;
use plantpipe_stage::format::Split;
use plantpipe_stage::random::keyed;
use rand::Rng;
use std::collections::BTreeMap;

/// One photograph, or the near-duplicates of a group.
#[derive(Debug)]
pub(super) struct Unit {
    /// Sorted ids.
    pub(super) ids: Vec<String>,
    /// How many of its photographs carry each label, by the label's place; labels that one carries only.
    pub(super) labels: Vec<(usize, u64)>,
    /// Its place in the order of its stratum: a random number of the seed and its first id, and that id.
    order: (u64, String),
}

/// Every unit that carries the same labels.
#[derive(Debug, Default)]
pub(super) struct Stratum {
    /// In an order that depends on the seed and their own ids alone, so that a new unit changes it for no other.
    pub(super) units: Vec<Unit>,
    /// Photographs of these labels whose split is given, for each of [`Split::ALL`].
    pub(super) given: [u64; 3],
}

/// What is given, and what is to be divided.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) given: BTreeMap<String, Split>,
    /// By their labels, as places.
    pub(super) strata: BTreeMap<Vec<usize>, Stratum>,
    /// Groups that the list puts in more than one split.
    pub(super) torn: usize,
}

/// Joins the photographs of a group, and strata by label. The new photographs of a group go where the list has put most
/// of it; train, if that is open.
pub(super) fn parts(
    labels: &[String],
    rows: &[LabelledPhotograph],
    groups: &[Vec<String>],
    list: &BTreeMap<String, Split>,
    seed: u64,
) -> Parts {
    let place: BTreeMap<&str, usize> =
        labels.iter().enumerate().map(|(place, label)| (label.as_str(), place)).collect();
    let group_of: BTreeMap<&str, usize> = groups
        .iter()
        .enumerate()
        .flat_map(|(number, group)| group.iter().map(move |id| (id.as_str(), number)))
        .collect();
    let mut together: BTreeMap<(Option<usize>, &str), Vec<&LabelledPhotograph>> = BTreeMap::new();
    for row in rows {
        let group = group_of.get(row.id.as_str()).copied();
        together.entry((group, if group.is_some() { "" } else { &row.id })).or_default().push(row);
    }
    let mut parts = Parts { given: BTreeMap::new(), strata: BTreeMap::new(), torn: 0 };
    for members in together.values() {
        let listed: Vec<Split> = members.iter().filter_map(|row| list.get(&row.id)).copied().collect();
        let most =
            Split::ALL.into_iter().rev().max_by_key(|split| listed.iter().filter(|other| *other == split).count());
        parts.torn += usize::from(listed.iter().any(|split| *split != listed[0]));
        if listed.is_empty() {
            let unit = unit(members, &place, seed);
            let key = unit.labels.iter().map(|(label, _)| *label).collect();
            parts.strata.entry(key).or_default().units.push(unit);
            continue;
        }
        for row in members {
            let split = list.get(&row.id).copied().or(most).expect("some are listed");
            let key = row.labels.iter().map(|label| place[label.as_str()]).collect();
            parts.strata.entry(key).or_default().given[split as usize] += 1;
            parts.given.insert(row.id.clone(), split);
        }
    }
    for stratum in parts.strata.values_mut() {
        stratum.units.sort_by(|a, b| a.order.cmp(&b.order));
    }
    parts
}

fn unit(members: &[&LabelledPhotograph], place: &BTreeMap<&str, usize>, seed: u64) -> Unit {
    let mut labels: BTreeMap<usize, u64> = BTreeMap::new();
    for label in members.iter().flat_map(|row| &row.labels) {
        *labels.entry(place[label.as_str()]).or_default() += 1;
    }
    let ids: Vec<String> = members.iter().map(|row| row.id.clone()).collect();
    let order = (number(seed, "split order", &ids[0]), ids[0].clone());
    Unit { ids, labels: labels.into_iter().collect(), order }
}

/// A random number of the seed, a purpose and a name.
pub(super) fn number(seed: u64, purpose: &str, name: &str) -> u64 {
    let hash = blake3::hash(name.as_bytes());
    let (words, _) = hash.as_bytes().as_chunks::<8>();
    let words: Vec<u64> = words.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect();
    keyed(seed, purpose, &words).next_u64()
}
