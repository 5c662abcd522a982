//! One thing made while another is at work: [`ahead`], and how long the work had to wait for it, [`Pace`].

use crate::Result;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

/// How the time of a loop was spent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pace {
    /// On waiting for the next thing.
    pub waited: Duration,
    /// On all.
    pub whole: Duration,
}

impl Pace {
    /// The part of the time that was waited, 0 to 1.
    #[must_use]
    pub fn share(&self) -> f64 {
        self.waited.as_secs_f64() / self.whole.as_secs_f64().max(1e-9)
    }
}

impl std::ops::AddAssign for Pace {
    fn add_assign(&mut self, other: Self) {
        self.waited += other.waited;
        self.whole += other.whole;
    }
}

/// Hands `count` things to `work`, one after the other in their order, while a second thread makes the next one.
///
/// # Errors
/// The first of either; nothing more is made then.
///
/// # Panics
/// When `make` does.
pub fn ahead<M: Send, T>(
    count: usize,
    make: impl Fn(usize) -> Result<M> + Send,
    mut work: impl FnMut(M) -> Result<T>,
) -> Result<(Vec<T>, Pace)> {
    let (mut pace, began) = (Pace::default(), Instant::now());
    let done = std::thread::scope(|scope| {
        let (sender, receiver) = sync_channel(1);
        scope.spawn(move || {
            for at in 0..count {
                let made = make(at);
                let is_last = made.is_err();
                // The receiver is gone when `work` has failed: nothing is left to make.
                if sender.send(made).is_err() || is_last {
                    return;
                }
            }
        });
        let mut done = Vec::with_capacity(count);
        loop {
            let waits = Instant::now();
            let next = receiver.recv();
            pace.waited += waits.elapsed();
            match next {
                Ok(made) => done.push(work(made?)?),
                Err(_) => return Ok(done),
            }
        }
    })?;
    pace.whole = began.elapsed();
    Ok((done, pace))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn things_come_in_their_order_and_the_next_is_made_while_one_is_at_work() {
        let (made, pause) = (AtomicUsize::new(0), Duration::from_millis(5));
        let make = |at: usize| {
            made.fetch_add(1, Ordering::SeqCst);
            Ok(at * 10)
        };
        let work = |thing: usize| {
            // Whoever looks away finds the next one ready.
            std::thread::sleep(pause);
            Ok((thing, made.load(Ordering::SeqCst)))
        };
        let (done, pace) = ahead(5, make, work).expect("nothing fails");
        assert_eq!(done.iter().map(|(thing, _)| *thing).collect::<Vec<_>>(), [0, 10, 20, 30, 40]);
        assert!(done[0].1 > 1, "{done:?}");
        assert!(pace.whole >= 5 * pause && pace.waited < pace.whole, "{pace:?}");
    }

    #[test]
    fn who_is_faster_than_what_he_needs_waits_for_it() {
        let pause = Duration::from_millis(5);
        let make = |at| {
            std::thread::sleep(pause);
            Ok(at)
        };
        let (_, pace) = ahead(4, make, Ok).expect("nothing fails");
        assert!(pace.waited >= 4 * pause && pace.share() > 0.5, "{pace:?}");
    }

    #[test]
    fn the_first_failure_of_either_ends_it() {
        let fails_at = |wrong: usize| move |at: usize| if at == wrong { Err(Error::new("no")) } else { Ok(at) };
        let made = AtomicUsize::new(0);
        let make = |at| {
            made.fetch_add(1, Ordering::SeqCst);
            fails_at(3)(at)
        };
        let mut seen = Vec::new();
        let failed = ahead(100, make, |at| {
            seen.push(at);
            Ok(())
        });
        assert_eq!(failed.expect_err("it fails").message, "no");
        assert_eq!((seen, made.load(Ordering::SeqCst)), (vec![0, 1, 2], 4));
        let made = AtomicUsize::new(0);
        let failed = ahead(
            100,
            |at| {
                made.fetch_add(1, Ordering::SeqCst);
                Ok(at)
            },
            fails_at(1),
        );
        assert_eq!(failed.expect_err("it fails").message, "no");
        assert!(made.load(Ordering::SeqCst) < 100, "all were made for nobody");
    }
}
