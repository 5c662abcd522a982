//! Memory that is used again: [`take`] gives a [`Buffer`], which goes back when it is dropped. A page that the system
//! hands out for the first time costs ten times what its numbers do.

use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Numbers of a pool; what they are at first is anything.
#[derive(Debug)]
pub struct Buffer {
    memory: Vec<f32>,
    length: usize,
}

impl Buffer {
    /// The numbers, which don't go back.
    #[must_use]
    pub fn into_vec(mut self) -> Vec<f32> {
        let mut memory = std::mem::take(&mut self.memory);
        pool().used -= memory.len();
        memory.truncate(self.length);
        self.length = 0;
        memory
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.memory[..self.length]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.memory[..self.length]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let memory = std::mem::take(&mut self.memory);
        if memory.is_empty() {
            return;
        }
        let mut pool = pool();
        pool.used -= memory.len();
        pool.idle += memory.len();
        pool.waiting.push_back(memory);
    }
}

/// All idle buffers, the longest idle first. In use and idle together they are never more than were once in use.
#[derive(Debug)]
struct Pool {
    waiting: VecDeque<Vec<f32>>,
    idle: usize,
    used: usize,
    most: usize,
}

static POOL: Mutex<Pool> = Mutex::new(Pool { waiting: VecDeque::new(), idle: 0, used: 0, most: 0 });

fn pool() -> MutexGuard<'static, Pool> {
    // A panic elsewhere leaves no half-done state here.
    POOL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A buffer of a length, its numbers whatever they were.
#[must_use]
pub fn take(length: usize) -> Buffer {
    let mut pool = pool();
    let fits = |memory: &Vec<f32>| memory.len() >= length && memory.len() <= length + length / 4 + 1024;
    let best = (0..pool.waiting.len()).filter(|at| fits(&pool.waiting[*at])).min_by_key(|at| pool.waiting[*at].len());
    if let Some(memory) = best.and_then(|at| pool.waiting.remove(at)) {
        pool.idle -= memory.len();
        pool.used += memory.len();
        return Buffer { memory, length };
    }
    pool.used += length;
    pool.most = pool.most.max(pool.used);
    let mut gone = Vec::new();
    while pool.used + pool.idle > pool.most {
        let Some(memory) = pool.waiting.pop_front() else { break };
        pool.idle -= memory.len();
        gone.push(memory);
    }
    drop(pool);
    drop(gone);
    Buffer { memory: vec![0.0; length], length }
}

/// A buffer of zeros.
#[must_use]
pub fn zeros(length: usize) -> Buffer {
    let mut buffer = take(length);
    buffer.fill(0.0);
    buffer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_has_the_length_asked_for_whatever_was_idle() {
        drop(take(5000));
        for length in [1, 4999, 5000, 5001] {
            assert_eq!(take(length).len(), length);
        }
        assert!(zeros(4990).iter().all(|value| *value == 0.0));
    }
}
