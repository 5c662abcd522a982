//! Where the strata are cut: [`Division`], photographs and labels of each split as near to their shares as whole units
//! can be.

use super::units::{Parts, Stratum, Unit, number};
use plantpipe_stage::format::Split;
use std::collections::{BTreeMap, BTreeSet};

/// The units of a stratum in their order: up to the first cut they are test, up to the second val, then train.
#[derive(Debug, Clone, Copy)]
struct Cuts {
    test: usize,
    val: usize,
}

impl Cuts {
    fn split(self, place: usize) -> Split {
        match place {
            place if place < self.test => Split::Test,
            place if place < self.val => Split::Val,
            _ => Split::Train,
        }
    }

    /// Every way to move one cut, or both, by one unit.
    fn moves(self, units: usize) -> impl Iterator<Item = Self> {
        [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, -1)].into_iter().filter_map(move |(test, val)| {
            let moved = Self { test: self.test.checked_add_signed(test)?, val: self.val.checked_add_signed(val)? };
            (moved.test <= moved.val && moved.val <= units).then_some(moved)
        })
    }
}

/// How many photographs each split has, of [`Split::ALL`]: all of them, and those that carry each label.
struct Division<'a> {
    /// The share each split should have.
    shares: [f64; 3],
    images: [u64; 3],
    labels: Vec<[u64; 3]>,
    strata: Vec<(&'a Stratum, Cuts)>,
}

/// The split of every photograph.
pub(super) fn divide(parts: &Parts, labels: &[String], shares: [f64; 3], seed: u64) -> BTreeMap<String, Split> {
    let mut division = Division { shares, images: [0; 3], labels: vec![[0; 3]; labels.len()], strata: Vec::new() };
    for (key, stratum) in &parts.strata {
        division.start(labels, key, stratum, seed);
    }
    division.improve();
    let mut splits = parts.given.clone();
    for (stratum, cuts) in division.strata {
        for (place, unit) in stratum.units.iter().enumerate() {
            splits.extend(unit.ids.iter().map(|id| (id.clone(), cuts.split(place))));
        }
    }
    splits
}

impl<'a> Division<'a> {
    /// Cuts a stratum by the shares, less what is given; a fraction of a unit is rounded by a random number of the
    /// labels, so that rare label sets do not all fall to train.
    fn start(&mut self, labels: &[String], key: &[usize], stratum: &'a Stratum, seed: u64) {
        let weight = |units: &[Unit]| units.iter().map(|unit| unit.ids.len() as u64).sum::<u64>();
        let new = weight(&stratum.units) as f64;
        let all = new + stratum.given.iter().sum::<u64>() as f64;
        let wanted = |split: Split| (self.shares[split as usize] * all - stratum.given[split as usize] as f64).max(0.0);
        let scale = new / Split::ALL.into_iter().map(wanted).sum::<f64>();
        let (test, val) = (wanted(Split::Test) * scale, wanted(Split::Val) * scale);
        let name: Vec<&str> = key.iter().map(|label| labels[*label].as_str()).collect();
        let phase = number(seed, "split phase", &name.join(" ")) as f64 / 2f64.powi(64);
        let mut before = 0.0;
        let mut cuts = Cuts { test: 0, val: 0 };
        for unit in &stratum.units {
            let at = before + phase * unit.ids.len() as f64;
            cuts.test += usize::from(at < test);
            cuts.val += usize::from(at < test + val);
            before += unit.ids.len() as f64;
        }
        for (split, given) in stratum.given.iter().enumerate() {
            self.images[split] += given;
            for label in key {
                self.labels[*label][split] += given;
            }
        }
        for (place, unit) in stratum.units.iter().enumerate() {
            self.images[cuts.split(place) as usize] += unit.ids.len() as u64;
            for (label, count) in &unit.labels {
                self.labels[*label][cuts.split(place) as usize] += count;
            }
        }
        self.strata.push((stratum, cuts));
    }

    /// Moves cuts, the most useful one first, for as long as one brings the splits nearer to their shares.
    fn improve(&mut self) {
        loop {
            let mut best = (-1e-9, None);
            for (number, (stratum, cuts)) in self.strata.iter().enumerate() {
                for moved in cuts.moves(stratum.units.len()) {
                    let change = self.change(stratum, *cuts, moved);
                    if change < best.0 {
                        best = (change, Some((number, moved)));
                    }
                }
            }
            let Some((number, moved)) = best.1 else { return };
            let (stratum, cuts) = self.strata[number];
            for (label, count) in changes(stratum, cuts, moved) {
                let counts = label.map_or(&mut self.images, |label| &mut self.labels[label]);
                for (have, more) in counts.iter_mut().zip(count) {
                    *have = have.strict_add_signed(more);
                }
            }
            self.strata[number].1 = moved;
        }
    }

    /// How much a move of cuts changes the misfit: the sum over all splits, of all photographs and of each label, of the
    /// squared difference to the count wanted over the count wanted (Pearson's chi-squared). Infinite for a move that
    /// gives photographs to a split without a share.
    fn change(&self, stratum: &Stratum, cuts: Cuts, moved: Cuts) -> f64 {
        let mut change = 0.0;
        for (label, count) in changes(stratum, cuts, moved) {
            let have = label.map_or(&self.images, |label| &self.labels[label]);
            let all = have.iter().sum::<u64>() as f64;
            for split in 0..3 {
                let wanted = self.shares[split] * all;
                let misfit = |more: i64| (have[split] as f64 + more as f64 - wanted).powi(2) / wanted;
                if count[split] > 0 && wanted == 0.0 {
                    return f64::INFINITY;
                }
                if count[split] != 0 && wanted > 0.0 {
                    change += misfit(count[split]) - misfit(0);
                }
            }
        }
        change
    }
}

/// What a move of cuts does to the counts of each split: of all photographs (`None`) and of each label.
fn changes(stratum: &Stratum, cuts: Cuts, moved: Cuts) -> BTreeMap<Option<usize>, [i64; 3]> {
    let mut changes: BTreeMap<Option<usize>, [i64; 3]> = BTreeMap::new();
    let crossed = [(cuts.test, moved.test), (cuts.val, moved.val)].into_iter().filter(|(from, to)| from != to);
    let touched: BTreeSet<usize> = crossed.map(|(from, to)| from.min(to)).collect();
    for place in touched {
        let (from, to) = (cuts.split(place) as usize, moved.split(place) as usize);
        let unit = &stratum.units[place];
        let images = std::iter::once((None, unit.ids.len() as u64));
        for (label, count) in images.chain(unit.labels.iter().map(|(label, count)| (Some(*label), *count))) {
            let change = changes.entry(label).or_default();
            change[from] -= count as i64;
            change[to] += count as i64;
        }
    }
    changes
}
