//! Who may start and with how many threads: [`Shares`]; pure.
//!
//! The number of threads of a stage is fixed when it starts, and all that runs never holds more than there are. So two
//! stages are started beside one another where that is no loss: those that took about as long as one another the last
//! time share the threads in proportion to that, those that never ran share them evenly where they are of one kind.
//! Another waits for its turn and has more threads then; but threads that nobody else would use it always gets.

//! A stage that says its number of threads has just that many, beside whatever else runs.

use std::collections::BTreeMap;

/// What there is.
#[derive(Debug, Clone)]
pub struct Shares {
    pub threads: usize,
    pub jobs: Jobs,
    /// Of what else there is another number than one.
    pub resources: BTreeMap<String, usize>,
}

/// How many stages run at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Jobs {
    /// As many as there are threads, where it is no loss.
    Auto,
    /// As many as were asked for, whether it is a loss or not.
    AtMost(usize),
}

/// What a stage takes of each resource but the threads.
pub type Takes = BTreeMap<String, usize>;

/// A stage that is ready.
#[derive(Debug, Clone)]
pub struct Wish {
    pub kind: &'static str,
    /// What it took the last time.
    pub seconds: Option<f64>,
    /// Just so many threads.
    pub threads: Option<usize>,
    pub takes: Takes,
}

/// What a stage that runs holds.
#[derive(Debug, Clone)]
pub struct Held {
    pub threads: usize,
    pub takes: Takes,
}

/// The least part of a thread for which it's worth to be started beside others.
const LEAST: f64 = 2.0 / 3.0;

impl Shares {
    /// Which of the stages that are ready start now, and with how many threads each.
    pub fn start(&self, running: &[Held], ready: &[Wish]) -> Vec<(usize, usize)> {
        let mut free = self.threads.saturating_sub(running.iter().map(|held| held.threads).sum());
        let most = match self.jobs {
            Jobs::Auto => self.threads,
            Jobs::AtMost(most) => most,
        };
        let room = most.saturating_sub(running.len());
        let mut held: Vec<&Takes> = running.iter().map(|held| &held.takes).collect();
        let (mut fixed, mut sharing) = (Vec::new(), Vec::new());
        for (at, wish) in ready.iter().enumerate() {
            let is_room = fixed.len() + sharing.len() < room && self.is_left(&wish.takes, &held);
            // One thread at least stays for each that shares; who wants more than there are has them all.
            let left = free.saturating_sub(sharing.len());
            match wish.threads.map(|threads| threads.min(self.threads)) {
                Some(threads) if is_room && threads <= left => {
                    fixed.push((at, threads));
                    free -= threads;
                }
                None if is_room && left > 0 && self.goes_with(wish, &sharing, ready, free) => sharing.push(at),
                _ => continue,
            }
            held.push(&wish.takes);
        }
        let weights = weights(&sharing, ready);
        let mut started: Vec<(usize, usize)> = sharing.into_iter().zip(divide(free, &weights)).chain(fixed).collect();
        started.sort_unstable();
        started
    }

    /// Whether there is as much left of each resource as a stage takes.
    fn is_left(&self, takes: &Takes, held: &[&Takes]) -> bool {
        takes.iter().all(|(name, number)| {
            let there_is = self.resources.get(name).copied().unwrap_or(1);
            let used: usize = held.iter().filter_map(|takes| takes.get(name)).sum();
            used + number <= there_is
        })
    }

    /// Whether a stage is started beside those that are chosen.
    fn goes_with(&self, wish: &Wish, chosen: &[usize], ready: &[Wish], free: usize) -> bool {
        if matches!(self.jobs, Jobs::AtMost(_)) || chosen.is_empty() {
            return true;
        }
        let all: Option<Vec<f64>> =
            chosen.iter().map(|at| &ready[*at]).chain([wish]).map(|wish| wish.seconds.map(some_time)).collect();
        match all {
            Some(all) => {
                let least = all.iter().copied().fold(f64::INFINITY, f64::min);
                least / all.iter().sum::<f64>() * free as f64 >= LEAST
            }
            None => ready[chosen[0]].kind == wish.kind,
        }
    }
}

/// What took no time has a weight too.
fn some_time(seconds: f64) -> f64 {
    seconds.max(1e-3)
}

/// What each took the last time; where that isn't known of all, they count the same.
fn weights(chosen: &[usize], ready: &[Wish]) -> Vec<f64> {
    let known: Option<Vec<f64>> = chosen.iter().map(|at| ready[*at].seconds).collect();
    known.map_or_else(|| vec![1.0; chosen.len()], |known| known.into_iter().map(some_time).collect())
}

/// Divides threads by weight: at least one each, and what rounding leaves to the largest rest, the first of those equal.
fn divide(threads: usize, weights: &[f64]) -> Vec<usize> {
    let mut given = vec![1; weights.len()];
    let total: f64 = weights.iter().sum();
    for _ in weights.len()..threads {
        let lacks = |at: &usize| threads as f64 * weights[*at] / total - given[*at] as f64;
        let next = (0..weights.len()).rev().max_by(|a, b| lacks(a).total_cmp(&lacks(b)));
        match next {
            Some(next) => given[next] += 1,
            None => break,
        }
    }
    given
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(kind: &'static str, seconds: Option<f64>) -> Wish {
        Wish { kind, seconds, threads: None, takes: Takes::new() }
    }

    fn shares(threads: usize) -> Shares {
        Shares { threads, jobs: Jobs::Auto, resources: BTreeMap::new() }
    }

    fn at_most(jobs: usize, threads: usize) -> Shares {
        Shares { jobs: Jobs::AtMost(jobs), ..shares(threads) }
    }

    fn held(threads: usize) -> Held {
        Held { threads, takes: Takes::new() }
    }

    #[test]
    fn new_ones_of_a_kind_share_evenly_and_the_first_have_the_rest() {
        let new = vec![wish("train", None); 3];
        assert_eq!(shares(8).start(&[], &new), [(0, 3), (1, 3), (2, 2)]);
        assert_eq!(shares(2).start(&[], &new), [(0, 1), (1, 1)]);
    }

    #[test]
    fn those_that_ran_before_share_by_what_they_took() {
        let known = [wish("predict", Some(5.0)), wish("explain", Some(15.0))];
        assert_eq!(shares(16).start(&[], &known), [(0, 4), (1, 12)]);
        // A quarter of two threads is not worth a start beside the other.
        assert_eq!(shares(2).start(&[], &known), [(0, 2)]);
    }

    #[test]
    fn those_of_different_kinds_that_never_ran_wait_for_one_another() {
        let ready = [wish("resize", None), wish("encode", None), wish("resize", None)];
        assert_eq!(shares(4).start(&[], &ready), [(0, 2), (2, 2)]);
        assert_eq!(at_most(2, 4).start(&[], &ready), [(0, 2), (1, 2)]);
    }

    #[test]
    fn threads_that_are_free_are_given_and_no_more() {
        let ready = [wish("encode", None), wish("encode", None)];
        assert_eq!(shares(4).start(&[held(3)], &ready), [(0, 1)]);
        assert_eq!(shares(4).start(&[held(4)], &ready), []);
        assert_eq!(at_most(1, 4).start(&[held(1)], &ready), []);
    }

    #[test]
    fn one_that_says_its_threads_has_just_those_beside_anything() {
        let two = Wish { threads: Some(2), ..wish("command", None) };
        let ready = [wish("train", None), two.clone(), wish("resize", None), wish("train", None)];
        assert_eq!(shares(8).start(&[], &ready), [(0, 3), (1, 2), (3, 3)]);
        assert_eq!(shares(8).start(&[held(7)], std::slice::from_ref(&two)), []);
        assert_eq!(shares(1).start(&[], &[two]), [(0, 1)]);
    }

    #[test]
    fn a_resource_is_held_by_as_many_as_there_are_of_it() {
        let takes = |name: &str, number| Takes::from([(name.to_owned(), number)]);
        let ready = vec![Wish { takes: takes("gpu", 1), ..wish("train", None) }; 3];
        assert_eq!(shares(6).start(&[], &ready), [(0, 6)]);
        let two = Shares { resources: takes("gpu", 2), ..shares(6) };
        assert_eq!(two.start(&[], &ready), [(0, 3), (1, 3)]);
        assert_eq!(two.start(&[Held { threads: 1, takes: takes("gpu", 2) }], &ready), []);
        let other = Wish { takes: takes("license", 1), ..wish("train", None) };
        assert_eq!(
            shares(6).start(&[Held { threads: 1, takes: takes("gpu", 1) }], &[ready[0].clone(), other]),
            [(1, 5)]
        );
    }
}
