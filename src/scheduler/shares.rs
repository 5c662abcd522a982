//! Who may start and with how many threads: [`Shares`]; pure.
//!
//! The number of threads of a stage is fixed when it starts, and all that runs never holds more than there are. So two
//! stages are started beside one another where that is no loss: those that took about as long as one another the last
//! time share the threads in proportion to that, those that never ran share them evenly where they are of one kind.
//! Another waits for its turn and has more threads then; but threads that nobody else would use it always gets.

/// What there is.
#[derive(Debug, Clone)]
pub struct Shares {
    pub threads: usize,
    pub jobs: Jobs,
}

/// How many stages run at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Jobs {
    /// As many as there are threads, where it is no loss.
    Auto,
    /// As many as were asked for, whether it is a loss or not.
    AtMost(usize),
}

/// A stage that is ready.
#[derive(Debug, Clone)]
pub struct Wish {
    pub kind: &'static str,
    /// What it took the last time.
    pub seconds: Option<f64>,
}

/// The least part of a thread for which it's worth to be started beside others.
const LEAST: f64 = 2.0 / 3.0;

impl Shares {
    /// Which of the stages that are ready start now, and with how many threads each; `running`: the threads of each that
    /// runs.
    pub fn start(&self, running: &[usize], ready: &[Wish]) -> Vec<(usize, usize)> {
        let free = self.threads.saturating_sub(running.iter().sum());
        let most = match self.jobs {
            Jobs::Auto => self.threads,
            Jobs::AtMost(most) => most,
        };
        let room = most.saturating_sub(running.len()).min(free);
        let mut chosen: Vec<usize> = Vec::new();
        for (at, wish) in ready.iter().enumerate() {
            if chosen.len() < room && self.goes_with(wish, &chosen, ready, free) {
                chosen.push(at);
            }
        }
        let weights = weights(&chosen, ready);
        chosen.into_iter().zip(divide(free, &weights)).collect()
    }

    /// Whether a stage is started beside those that are chosen.
    fn goes_with(&self, wish: &Wish, chosen: &[usize], ready: &[Wish], free: usize) -> bool {
        if matches!(self.jobs, Jobs::AtMost(_)) || chosen.is_empty() {
            return true;
        }
        let all: Option<Vec<f64>> = chosen.iter().map(|at| ready[*at].seconds).chain([wish.seconds]).collect();
        match all {
            Some(all) => {
                let least = all.iter().copied().fold(f64::INFINITY, f64::min);
                least / all.iter().sum::<f64>() * free as f64 >= LEAST
            }
            None => ready[chosen[0]].kind == wish.kind,
        }
    }
}

/// What each took the last time; where that isn't known of all, they count the same.
fn weights(chosen: &[usize], ready: &[Wish]) -> Vec<f64> {
    let known: Option<Vec<f64>> = chosen.iter().map(|at| ready[*at].seconds).collect();
    // What took no time has a weight too.
    known.map_or_else(|| vec![1.0; chosen.len()], |known| known.into_iter().map(|seconds| seconds.max(1e-3)).collect())
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
        Wish { kind, seconds }
    }

    fn shares(threads: usize) -> Shares {
        Shares { threads, jobs: Jobs::Auto }
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
        let asked = Shares { threads: 4, jobs: Jobs::AtMost(2) };
        assert_eq!(asked.start(&[], &ready), [(0, 2), (1, 2)]);
    }

    #[test]
    fn threads_that_are_free_are_given_and_no_more() {
        let ready = [wish("encode", None), wish("encode", None)];
        assert_eq!(shares(4).start(&[3], &ready), [(0, 1)]);
        assert_eq!(shares(4).start(&[4], &ready), []);
        assert_eq!(Shares { threads: 4, jobs: Jobs::AtMost(1) }.start(&[1], &ready), []);
    }
}
