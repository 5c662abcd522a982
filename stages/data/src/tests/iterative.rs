//! Iterative stratification of multi-label data (Sechidis, Tsoumakas and Vlahavas, 2011), which `split` is compared with.

use plantpipe_stage::format::Split;
use std::collections::BTreeMap;

/// The split of every photograph (id -> labels), `shares` of [`Split::ALL`]; ties go by a hash of the id.
pub(super) fn stratify(rows: &BTreeMap<String, Vec<String>>, shares: [f64; 3]) -> BTreeMap<String, Split> {
    let count = |label: &String| rows.values().filter(|labels| labels.contains(label)).count() as f64;
    let labels: Vec<String> =
        rows.values().flatten().cloned().collect::<std::collections::BTreeSet<_>>().into_iter().collect();
    let mut wanted: BTreeMap<&String, [f64; 3]> =
        labels.iter().map(|label| (label, shares.map(|share| share * count(label)))).collect();
    let mut room = shares.map(|share| share * rows.len() as f64);
    let mut left: Vec<(&String, &Vec<String>)> = rows.iter().collect();
    left.sort_by_cached_key(|(id, _)| *blake3::hash(id.as_bytes()).as_bytes());
    let mut splits = BTreeMap::new();
    while !left.is_empty() {
        let carriers = |label: &&String| left.iter().filter(|(_, labels)| labels.contains(label)).count();
        let rarest = labels.iter().filter(|label| carriers(label) > 0).min_by_key(carriers).expect("some are left");
        let (now, later): (Vec<_>, Vec<_>) = left.into_iter().partition(|(_, labels)| labels.contains(rarest));
        for (id, carried) in now {
            let best = Split::ALL
                .into_iter()
                .max_by(|a, b| {
                    let rank = |split: Split| (wanted[rarest][split as usize], room[split as usize]);
                    rank(*a).partial_cmp(&rank(*b)).expect("numbers")
                })
                .expect("three splits");
            for label in carried {
                wanted.get_mut(label).expect("a label")[best as usize] -= 1.0;
            }
            room[best as usize] -= 1.0;
            splits.insert(id.clone(), best);
        }
        left = later;
    }
    splits
}
